#!/usr/bin/env python3
"""Compare student losses over many cells: table.py RESULT.json...

A cell is a task with a pair of models. Result files are those of w2s run, with baselines. For each cell with a gap of 4 points or
more the first table has

  spread     how much the supervisor's labels differ: mean total variation distance of its test predictions from their mean, or of
             candidates from the uniform distribution
  penalties  those of the supervisor, and of the students by seed
  score      accuracy of the student in points, mean over seeds, and its difference from xent on soft labels
  with weak  correlation of the predictions of student and supervisor on the test examples
  axis       cosine of the student's weights with the main axis of the features, without sign
  shuffled   the same for students of shuffled labels, with their accuracy by seed

The second table has the median, mean and lowest PGR of each loss over all cells, and its lowest and mean difference from xent."""
import collections, json, sys
from statistics import fmean as mean, median, stdev

full = lambda p: p if isinstance(p, list) else [1 - p, p]  # a file has only the second probability of two classes


def deviations(rows, classes):
    rows = [[v - mean(row) for v in row] for row in rows]
    if classes:
        centre = [mean(column) for column in zip(*rows)]
        rows = [[v - c for v, c in zip(row, centre)] for row in rows]
    return rows


def correlation(a, b, classes):
    x, y = (sum(deviations(rows, classes), []) for rows in (a, b))
    xx, xy, yy = (sum(u * v for u, v in zip(p, q)) for p, q in ((x, x), (x, y), (y, y)))
    return xy / (xx * yy) ** 0.5 if xx * yy else 0


def accuracy(task, head):
    score = 0
    for p, g in zip(map(full, head["test"]), map(full, task["test_gold"])):
        best = [k for k, v in enumerate(p) if v == max(p)]
        best = best if task["form"] == "rank" else best[:1]
        score += mean(0 < g[k] == max(g) for k in best)
    return 100 * score / len(task["test_gold"])


def short(loss):
    name, *settings = loss.split(":")
    return ":".join([name] + [s for s in settings if s not in ("alpha=0.5", "warmup=0.2", "least=0.65")])


cells = collections.defaultdict(lambda: collections.defaultdict(list))  # by task and pair, then by loss and treatment
for path in sys.argv[1:]:
    result = json.load(open(path))
    tasks, heads = {t["name"]: t for t in result["tasks"]}, {h["id"]: h for h in result["heads"]}
    ceilings = {(h["task"], h["model"], h["seed"]): h for h in heads.values() if h["role"] == "ceiling"}
    for h in heads.values():
        shuffled = h.get("baseline") == "shuffled"
        supervisor = heads.get(h.get("supervisor"))
        if (h["role"] == "student" or shuffled) and supervisor and supervisor["role"] == "supervisor":
            key = short(h["loss"]), h["treatment"], shuffled
            cells[h["task"], supervisor["model"], h["model"]][key].append((tasks[h["task"]], supervisor, h, ceilings[h["task"], h["model"], h["seed"]]))

pgr, gains = collections.defaultdict(list), collections.defaultdict(list)
counted = 0
print("| task | pair | loss | labels | spread | penalties: supervisor | student | weak | ceiling | score | less xent | with weak | axis | shuffled: axis | score |")
print("| --- " * 15 + "|")
for (name, weak, strong), rows in cells.items():
    some = next(iter(rows.values()))
    floor, ceiling = (mean(accuracy(s[0], s[k]) for s in some) for k in (1, 3))
    if ceiling - floor < 4:
        continue
    counted += 1
    score = {k: [accuracy(t, h) for t, _, h, _ in v] for k, v in rows.items()}
    for (loss, treatment, shuffled), seeds in rows.items():
        if shuffled:
            continue
        own, key = score[loss, treatment, False], (loss, treatment)
        gain = mean(own) - mean(score["xent", "soft", False])
        pgr[key].append((mean(own) - floor) / (ceiling - floor))
        gains[key].append((gain, name, weak, strong))
        classes = some[0][0]["form"] != "rank"
        spread = mean(mean(sum(map(abs, d)) / 2 for d in deviations([full(p) for p in w["test"]], classes)) for _, w, _, _ in seeds)
        with_weak = mean(correlation([full(p) for p in h["test"]], [full(p) for p in w["test"]], classes) for _, w, h, _ in seeds)
        axis = lambda seeds: f"{mean(h['cosines']['axis'] for _, _, h, _ in seeds):.2f}" if seeds and all("cosines" in s[2] for s in seeds) else ""
        other = rows.get((loss, treatment, True), [])
        penalties = lambda k: " ".join(f"{s[k]['l2']:g}" for s in seeds)
        print(f"| {name} | {weak} → {strong} | {loss} | {treatment} | {spread:.3f} | {penalties(1)} | {penalties(2)} | {floor:.1f} | {ceiling:.1f} "
              f"| {mean(own):.1f} | {gain:+.1f} | {with_weak:.2f} | {axis(seeds)} | {axis(other)} "
              f"| {' '.join(f'{accuracy(s[0], s[2]):.0f}' for s in other)} |")

print(f"\n{counted} cells\n\n| loss | labels | median PGR | mean | lowest | less xent: mean | lowest | where |\n" + "| --- " * 8 + "|")
for key, values in pgr.items():
    worst = min(gains[key])
    print(f"| {key[0]} | {key[1]} | {median(values):.2f} | {mean(values):.2f} | {min(values):.2f} | {mean(g[0] for g in gains[key]):+.1f} | {worst[0]:+.1f} "
          f"| {worst[1]}, {worst[2]} → {worst[3]} |")
