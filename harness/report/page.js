"use strict";
(function () {
  // Nobody can open details on paper, so they are printed open.
  window.addEventListener("beforeprint", function () {
    for (const d of document.querySelectorAll("details")) d.open = true;
  });

  // Save a chart as an SVG file, in the colours of the light mode, which the first rule of the style sheet sets.
  const light = document.styleSheets[0].cssRules[0].style;
  function drawing(figure) {
    const svg = figure.querySelector("svg").cloneNode(true);
    const [, , width, height] = svg.getAttribute("viewBox").split(" ");
    svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    svg.setAttribute("width", width + "pt");
    svg.setAttribute("height", height + "pt");
    svg.setAttribute("font-family", "Liberation Sans, Arial, Helvetica, sans-serif");
    const space = svg.namespaceURI, title = document.createElementNS(space, "title"), paper = document.createElementNS(space, "rect");
    title.textContent = figure.querySelector("strong").textContent;
    paper.setAttribute("width", "100%");
    paper.setAttribute("height", "100%");
    paper.setAttribute("fill", "var(--plot-paper)");
    svg.prepend(title, paper);
    const text = new XMLSerializer().serializeToString(svg);
    return text.replace(/var\((--plot-[a-z0-9]+)\)/g, function (_, name) { return light.getPropertyValue(name).trim(); });
  }
  for (const a of document.querySelectorAll("a.save")) {
    a.hidden = false;
    a.addEventListener("click", function () {
      URL.revokeObjectURL(a.href);
      a.href = URL.createObjectURL(new Blob([drawing(a.closest("figure"))], { type: "image/svg+xml" }));
    });
  }

  // Filter of the PGR table: show the rows that contain every word.
  for (const form of document.querySelectorAll("form[data-filters]")) {
    const groups = document.querySelectorAll("#" + form.dataset.filters + " tbody");
    const input = form.querySelector("input"), output = form.querySelector("output");
    const apply = function () {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0, all = 0;
      for (const group of groups) {
        const head = group.querySelector(".group");
        const heading = head ? head.textContent.toLowerCase() : "";
        let here = 0;
        for (const row of group.querySelectorAll("tr:not(.group)")) {
          const text = heading + " " + row.textContent.toLowerCase();
          row.hidden = !words.every(function (w) { return text.includes(w); });
          all++;
          if (!row.hidden) here++;
        }
        group.hidden = here === 0;
        shown += here;
      }
      output.textContent = shown + " of " + all + " rows";
    };
    form.hidden = false;
    form.addEventListener("submit", function (e) { e.preventDefault(); });
    input.addEventListener("input", apply);
    apply();
  }

  // The example browser.
  const source = document.getElementById("example-data");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const form = document.getElementById("example-filters");
  const list = document.getElementById("example-list");
  const count = document.getElementById("example-count");
  const more = document.getElementById("example-more");
  const page = 20;
  let found = [], shown = 0;

  const lower = data.examples.map(function (e) { return e.text.toLowerCase(); });

  function option(select, value, text) {
    const o = document.createElement("option");
    o.value = value;
    o.textContent = text;
    select.append(o);
  }
  for (const name of ["task", "pair", "loss", "setting", "seed"]) {
    const values = new Set(data.cells.map(function (c) { return String(c[name]); }));
    for (const v of values) option(form.elements[name], "=" + v, v || "none");
    if (values.size < 2) form.elements[name].closest("label").hidden = true;
  }
  const byKind = data.kinds.map(function () { return 0; });
  for (const item of data.items) byKind[item.k]++;
  data.kinds.forEach(function (k, i) {
    if (byKind[i] > 0) option(form.elements.kind, String(i), k + " (" + byKind[i] + ")");
  });

  function element(name, className, text) {
    const e = document.createElement(name);
    if (className) e.className = className;
    if (text !== undefined) e.textContent = text;
    return e;
  }
  function answer(list, who, text, right) {
    const box = element("div");
    box.append(element("dt", "", who));
    const dd = element("dd", right === undefined ? "" : right ? "right" : "wrong", (right === undefined ? "" : right ? "✓ " : "✗ ") + text);
    if (right !== undefined) dd.setAttribute("aria-label", text + (right ? ", right" : ", wrong"));
    box.append(dd);
    list.append(box);
  }
  function show(item) {
    const cell = data.cells[item.c], example = data.examples[item.e];
    const li = element("li");
    const where = element("p", "where");
    where.append(element("span", "kind", data.kinds[item.k]), element("br"));
    where.append([cell.task, cell.pair, cell.loss, cell.setting, "seed " + cell.seed].filter(Boolean).join(" · "));
    const text = element("div", "text", example.text);
    text.dir = "auto";
    const dl = element("dl");
    answer(dl, "gold", example.gold);
    ["weak", "student", "ceiling"].forEach(function (who, i) {
      const a = item.a[i];
      answer(dl, who, example.answers[a] + " " + item.p[i] + " %", example.right[a]);
    });
    li.append(where, text, dl);
    return li;
  }
  function extend(focus) {
    const next = found.slice(shown, shown + page).map(show);
    list.append.apply(list, next);
    shown += next.length;
    more.hidden = shown >= found.length;
    count.textContent = found.length + " of " + data.items.length + " disagreements match, " + shown + " are shown";
    if (focus && next.length > 0) {
      next[0].tabIndex = -1;
      next[0].focus();
    }
  }
  function apply() {
    const want = form.elements;
    const words = want.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const cells = data.cells.map(function (c) {
      return ["task", "pair", "loss", "setting", "seed"].every(function (name) {
        return want[name].value === "" || want[name].value === "=" + c[name];
      });
    });
    const texts = lower.map(function (t) { return words.every(function (w) { return t.includes(w); }); });
    found = data.items.filter(function (item) {
      return cells[item.c] && texts[item.e] && (want.kind.value === "" || Number(want.kind.value) === item.k);
    });
    shown = 0;
    list.replaceChildren();
    extend(false);
  }
  form.hidden = false;
  form.addEventListener("submit", function (e) { e.preventDefault(); });
  form.addEventListener("input", apply);
  form.addEventListener("reset", function () { setTimeout(apply); });
  more.addEventListener("click", function () { extend(true); });
  apply();
})();
