package report

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	devpage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// chromium returns the path of a browser, or skips the test if there is none. A browser that W2S_CHROMIUM names must be there.
func chromium(t *testing.T) string {
	t.Helper()
	names := []string{"chromium", "chromium-browser", "google-chrome"}
	if named := os.Getenv("W2S_CHROMIUM"); named != "" {
		names = []string{named}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		} else if len(names) == 1 {
			t.Fatalf("W2S_CHROMIUM: %v", err)
		}
	}
	t.Skip("optional: needs Chromium on the PATH, or named in W2S_CHROMIUM")
	return ""
}

// A tab is a page in a headless browser. It collects complaints: output to the console, exceptions, dialogs and requests to
// the network.
type tab struct {
	ctx context.Context
	mu  sync.Mutex
	bad []string
}

func openTab(t *testing.T) *tab {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a browser")
	}
	path := chromium(t)
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.UserDataDir(t.TempDir()))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &tab{ctx: ctx}
	err := chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventConsoleAPICalled:
			b.complain(fmt.Sprintf("console.%s", e.Type))
		case *runtime.EventExceptionThrown:
			b.complain(e.ExceptionDetails.Text)
		case *log.EventEntryAdded:
			b.complain(e.Entry.Text)
		case *devpage.EventJavascriptDialogOpening:
			b.complain("dialog: " + e.Message)
		case *network.EventRequestWillBeSent:
			if u := e.Request.URL; !strings.HasPrefix(u, "file:") && !strings.HasPrefix(u, "data:") {
				b.complain("requests " + u)
			}
		}
	})
	if err != nil {
		t.Fatalf("%s does not start: %v", path, err)
	}
	return b
}

func (b *tab) complain(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bad = append(b.bad, text)
}

// complaints returns the complaints since the last call.
func (b *tab) complaints() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	bad := b.bad
	b.bad = nil
	return bad
}

func (b *tab) do(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// eval returns the value of an expression in the page.
func eval[T any](t *testing.T, b *tab, expression string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// screen sets the size of the window and the colour scheme.
func (b *tab) screen(t *testing.T, width int64, scheme string) {
	t.Helper()
	var opts []chromedp.EmulateViewportOption
	if width < 600 {
		opts = append(opts, chromedp.EmulateMobile)
	}
	b.do(t, chromedp.EmulateViewport(width, 900, opts...))
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	if err != nil {
		t.Fatal(err)
	}
}

// A browser shows the page, whose names and texts try to be scripts, without complaints and without loading anything. The
// page fits a desktop and a phone in light and dark mode. Filters and search, also from the keyboard, find what a count over
// the data finds.
func TestInBrowser(t *testing.T) {
	b := openTab(t)
	write := func(html string) (url string) {
		file := filepath.Join(t.TempDir(), "report.html")
		if err := os.WriteFile(file, []byte(html), 0o666); err != nil {
			t.Fatal(err)
		}
		return "file://" + file
	}
	// Complaints of a bad page are noticed, so that no complaint about the report means something.
	b.do(t, chromedp.Navigate("data:text/html,<script>console.error(1); nothing()</script><img src='http://127.0.0.1:9/'>"), chromedp.Sleep(200*time.Millisecond))
	if n := len(b.complaints()); n < 3 {
		t.Fatalf("%d complaints about a page with an error, an exception and a request, want 3", n)
	}
	whole := write(pageOf(t, Options{}, chained(sample(120, 2))))
	for _, screen := range []struct {
		name  string
		width int64
	}{{"desktop", 1280}, {"phone", 390}} {
		for mode, paper := range map[string]string{"light": "rgb(255, 255, 255)", "dark": "rgb(22, 25, 29)"} {
			b.screen(t, screen.width, mode)
			b.do(t, chromedp.Navigate(whole))
			if w := eval[int64](t, b, "document.documentElement.scrollWidth"); w > screen.width {
				t.Errorf("%s, %s: the page is %d wide on %d", screen.name, mode, w, screen.width)
			}
			if n := eval[int](t, b, `[...document.querySelectorAll(".scroll")].filter(e => e.scrollHeight > e.clientHeight + 1 ||
				innerWidth >= 1280 && e.querySelector("table").offsetWidth > e.clientWidth).length`); n > 0 {
				t.Errorf("%s, %s: %d tables scroll", screen.name, mode, n)
			}
			if c := eval[string](t, b, "getComputedStyle(document.body).backgroundColor"); c != paper {
				t.Errorf("%s, %s: the page is %s, want %s", screen.name, mode, c, paper)
			}
			// A mark without a colour is black, and nobody sees it on a dark page.
			if n := eval[int](t, b, `[...document.querySelectorAll("svg.plot path, svg.plot text")].filter(e => {
				const s = getComputedStyle(e); return s.fill === "rgb(0, 0, 0)" && s.stroke === "none"}).length`); n > 0 {
				t.Errorf("%s, %s: %d black marks", screen.name, mode, n)
			}
		}
	}

	// A saved chart is an SVG file with colours of its own.
	saved := eval[string](t, b, `(() => { const link = document.querySelector("#chart-forest .save"), own = Blob; let got = "";
		window.Blob = function (parts, type) { got = parts[0]; return new own(parts, type) };
		link.addEventListener("click", e => e.preventDefault()); link.click(); window.Blob = own;
		return link.download + " " + link.href.split(":")[0] + " " + got })()`)
	if !strings.HasPrefix(saved, "forest.svg blob <svg ") || !strings.Contains(saved, `xmlns="http://www.w3.org/2000/svg"`) || strings.Contains(saved, "var(") || !strings.Contains(saved, "#0072B2") {
		t.Errorf("the link to save a chart gives %.200q", saved)
	}

	html := pageOf(t, Options{}, sample(120, 2))
	data := browserData(t, html)
	b.do(t, chromedp.Navigate(write(html)))
	count := func() (found, shown int) {
		t.Helper()
		text := eval[string](t, b, `document.getElementById("example-count").textContent`)
		var all int
		if _, err := fmt.Sscanf(text, "%d of %d disagreements match, %d are shown", &found, &all, &shown); err != nil || all != len(data.Items) {
			t.Fatalf("%q (%v)", text, err)
		}
		if n := eval[int](t, b, `document.querySelectorAll("#example-list > li").length`); n != shown {
			t.Fatalf("%d examples in the list, but the page says %d", n, shown)
		}
		return found, shown
	}
	where := func(keep func(cell, example, disagreement) bool) (n int) {
		for _, d := range data.Items {
			if keep(data.Cells[d.Cell], data.Examples[d.Example], d) {
				n++
			}
		}
		return n
	}
	choose := func(field, value string) {
		t.Helper()
		eval[bool](t, b, fmt.Sprintf(`(() => { const s = document.getElementById("example-filters").elements[%q]; s.value = %q;
			s.dispatchEvent(new Event("input", {bubbles: true})); return s.value !== "" })()`, field, value))
	}
	if found, shown := count(); found != len(data.Items) || shown != 20 {
		t.Errorf("%d found and %d shown at first, want %d and 20", found, shown, len(data.Items))
	}
	// All examples have the same pair and treatment, so there is nothing to choose.
	for name, want := range map[string]bool{"task": true, "pair": false, "setting": false, "seed": true, "loss": true} {
		if got := eval[bool](t, b, fmt.Sprintf(`document.getElementById("example-filters").elements[%q].checkVisibility()`, name)); got != want {
			t.Errorf("the filter by %s is shown: %v", name, got)
		}
	}
	choose("loss", "=logconf")
	if found, _ := count(); found != where(func(c cell, _ example, _ disagreement) bool { return c.Loss == "logconf" }) || found == 0 {
		t.Errorf("%d examples of logconf", found)
	}
	choose("kind", "1")
	choose("seed", "=1")
	want := where(func(c cell, _ example, d disagreement) bool { return c.Loss == "logconf" && c.Seed == 1 && d.Kind == 1 })
	if found, _ := count(); found != want || want == 0 {
		t.Errorf("%d imitated errors of logconf with seed 1, want %d", found, want)
	}
	choose("task", "="+data.Cells[0].Task)
	b.do(t, chromedp.Click("#example-filters button[type=reset]"), chromedp.Poll[chromedp.Void](
		fmt.Sprintf(`document.getElementById("example-count").textContent.startsWith("%d of")`, len(data.Items))))

	// Search by typing.
	b.do(t, chromedp.SendKeys("#example-filters input[name=text]", "NEEDLE3 digest-1"))
	want = where(func(_ cell, e example, _ disagreement) bool {
		return strings.Contains(e.Text, "needle3") && strings.Contains(e.Text, "digest-1")
	})
	if found, _ := count(); found != want || want == 0 {
		t.Errorf("%d found by search, want %d", found, want)
	}
	// Enter in the form does not leave the page.
	b.do(t, chromedp.SendKeys("#example-filters input[name=text]", kb.Enter), chromedp.Click("#example-filters button[type=reset]"), chromedp.Sleep(100*time.Millisecond))

	// The button shows more examples, and the focus moves to the first new one.
	b.do(t, chromedp.Focus("#example-more"), chromedp.KeyEvent(kb.Enter))
	if _, shown := count(); shown != 40 {
		t.Errorf("%d shown after the button, want 40", shown)
	}
	if n := eval[int](t, b, `[...document.querySelectorAll("#example-list > li")].indexOf(document.activeElement)`); n != 20 {
		t.Errorf("the focus is on example %d, want 20", n)
	}
	// Texts are shown as text.
	if n := eval[int](t, b, `document.querySelectorAll("#example-list img, #example-list script").length`); n != 0 {
		t.Errorf("%d elements are made from texts", n)
	}
	if !eval[bool](t, b, `document.getElementById("example-list").textContent.includes("<script>window.hacked=1</script>")`) {
		t.Error("no example shows the hostile text")
	}
	if eval[bool](t, b, `"hacked" in window`) {
		t.Error("a script in a text was run")
	}

	// The PGR table.
	b.do(t, chromedp.SendKeys("form[data-filters] input", "logconf REVIEWS"))
	if n := eval[int](t, b, `[...document.querySelectorAll("#pgr-table tbody tr:not(.group)")].filter(r => r.offsetParent !== null).length`); n != 1 {
		t.Errorf("%d rows of reviews and logconf, want 1", n)
	}

	// Details are open when the page is printed.
	if n := eval[int](t, b, `(() => { window.dispatchEvent(new Event("beforeprint")); return document.querySelectorAll("details:not([open])").length })()`); n != 0 {
		t.Errorf("%d closed details on paper", n)
	}

	for _, complaint := range b.complaints() {
		t.Errorf("complaint of the browser: %s", complaint)
	}
}
