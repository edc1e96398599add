"""A small result file, and what questions.go asks of it, computed by scikit-learn, SciPy and NumPy.

    python3 harness/summary/testdata/questions.py

writes questions-result.json and questions-reference.json beside this file. It needs numpy, scipy >= 1.13 and scikit-learn >= 1.7.
"""

import json
from pathlib import Path

import numpy as np
from scipy import stats
from sklearn import metrics

rng = np.random.default_rng(20261128)
SEEDS, N = [0, 1], 120


def predictions(z):
    e = np.exp(z - z.max())
    return [round(float(v), 4) for v in 0.99 * e / e.sum() + 0.01 / len(e)]


def whole(p):
    p = np.array(p)
    p[-1] = 1 - p[:-1].sum()  # rounding keeps the sum
    return [round(float(v), 4) for v in p]


def as_file(rows):
    return [p[1] if len(p) == 2 else p for p in rows]


def make(name, sizes):
    """A task whose examples have the given numbers of answers, and its heads."""
    gold = [int(rng.integers(k)) for k in sizes]
    task = {"name": name, "category": "nlp", "form": "classify" if len(set(sizes)) == 1 else "rank", "version": 1, "digest": name, "train": 100,
            "test_ids": [f"{i:x}" for i in range(N)], "test_gold": [list(map(float, np.eye(k)[g])) for k, g in zip(sizes, gold)]}
    if task["form"] == "classify":
        task["classes"] = [str(k) for k in range(sizes[0])]
    heads = []
    for seed in SEEDS:
        hard = [rng.normal(size=k) for k in sizes]  # what misleads all
        def answers(signal, noise):
            return [whole(predictions(signal * np.eye(k)[g] + h + noise * rng.normal(size=k))) for k, g, h in zip(sizes, gold, hard)]
        ceiling = answers(1.8, 0.5)
        heads.append(("ceiling", "strong", None, seed, ceiling))
        for weak, signal in [("w1", 0.8), ("w2", 1.2), ("w3", 1.4)]:
            heads.append(("supervisor", weak, None, seed, answers(signal, 1.2)))
            heads.append(("student", "strong", weak, seed, answers(signal + 0.4, 0.9)))
    return task, gold, heads


tasks = [make("two", [2] * N), make("three", [3] * N), make("ranked", [int(k) for k in rng.integers(2, 6, N)])]


def head_id(task, role, model, weak, seed):
    middle = f"{model}/xent/from (supervisor/{weak})/soft" if weak else model
    return f"{task}/{role}/{middle}/seed={seed}"


def record(task, role, model, weak, seed, test):
    h = {"id": head_id(task, role, model, weak, seed), "task": task, "role": role, "model": model, "loss": "xent", "seed": seed, "train": 50,
         "l2": 1, "test": as_file(test)}
    if weak:
        h |= {"supervisor": head_id(task, "supervisor", weak, None, seed), "treatment": "soft"}
    return h


result = {"schema": "w2s.result/2", "program": "questions.py", "created": "2026-11-28T00:00:00Z",
          "config": {"kind": "pairs", "pairs": [{"weak": w, "strong": "strong"} for w in ("w1", "w2", "w3")], "losses": ["xent"], "treatments": ["soft"],
                     "seeds": SEEDS, "train": 100, "test": N, "l2": [1], "folds": 1, "held": 0.2},
          "models": [{"name": m, "key": m, "dims": 4} for m in ("w1", "w2", "w3", "strong")],
          "tasks": [t | {"test_gold": as_file(t["test_gold"])} for t, _, _ in tasks],
          "heads": [record(t["name"], *h) for t, _, heads in tasks for h in heads]}


def kl(a, b):
    return float(np.mean([stats.entropy(p, q) for p, q in zip(a, b)]))


def square(a, b):
    return float(np.mean([((np.array(p) - q) ** 2).sum() / 2 for p, q in zip(a, b)]))


def log_loss(p, gold):
    return -float(np.mean([np.log(q[g]) for q, g in zip(p, gold)]))


def capa(a, b, gold):
    """Goel et al. 2025, written from the paper's formula."""
    observed = np.mean([np.dot(p, q) for p, q in zip(a, b)])
    x, y = np.mean([p[g] for p, g in zip(a, gold)]), np.mean([q[g] for q, g in zip(b, gold)])
    chance = x * y + (1 - x) * (1 - y) * np.mean([1 / (len(p) - 1) for p in a])
    return float((observed - chance) / (1 - chance))


def ask(form, gold, weak, student, ceiling):
    eye = [np.eye(len(p))[g] for p, g in zip(weak, gold)]
    right = lambda p: np.array([int(np.argmax(q)) == g for q, g in zip(p, gold)])
    w, s, c = right(weak), right(student), right(ceiling)
    conf = np.array([max(p) for p in weak])
    confident = np.array([max(p) for p in student])
    thirds, halves = (stats.rankdata(conf, "min").astype(int) - 1) * 3 // N, (stats.rankdata(conf, "min").astype(int) - 1) * 2 // N
    accuracy = lambda mask, hit: float(hit[mask].mean()) if mask.any() else float("nan")
    sure, unsure = halves == 1, halves == 0
    squared = lambda p: (float(np.mean([metrics.brier_score_loss([g == 1], [q[1]]) for q, g in zip(p, gold)])) if form == "two" else square(p, eye))
    out = {
        "misfit": {"misfit": kl(student, weak), "gain": kl(ceiling, weak) - kl(ceiling, student),
                   "gain_less_misfit": kl(ceiling, weak) - kl(ceiling, student) - kl(student, weak),
                   "gold_gain": log_loss(weak, gold) - log_loss(student, gold), "squared_misfit": square(student, weak),
                   "squared_gain": squared(weak) - squared(student), "reverse_misfit": kl(weak, student)},
        "errors": {"phi": metrics.matthews_corrcoef(~w, ~s), "ceiling_phi": metrics.matthews_corrcoef(~w, ~c), "kappa": metrics.cohen_kappa_score(~w, ~s),
                   "ceiling_kappa": metrics.cohen_kappa_score(~w, ~c), "new_errors": accuracy(w, ~s), "ceiling_new_errors": accuracy(w, ~c),
                   "corrected": accuracy(~w, s), "ceiling_corrected": accuracy(~w, c)}
        | {f"corrected_{name}": accuracy(~w & (thirds == i), s) for i, name in enumerate(["unsure", "middle", "sure"])},
        "capa": {"capa_ceiling": capa(weak, ceiling, gold), "capa_student": capa(weak, student, gold),
                 "capa_taught": capa(weak, student, gold) - capa(weak, ceiling, gold)},
        "coverage": {"covered_weak": accuracy(sure, w), "correction": accuracy(sure, s) - accuracy(sure, w), "uncovered_weak": accuracy(unsure, w),
                     "uncovered_student": accuracy(unsure, s), "expansion": accuracy(unsure, s) - accuracy(unsure, w),
                     "ceiling_expansion": accuracy(unsure, c) - accuracy(unsure, w), "least_correction": None},
        "blindspots": {"blind_spots": float((~s & (confident >= 0.75) & (conf < 0.75)).mean()), "unsure": float((conf < 0.75).mean()),
                       "blind_of_unsure": accuracy(conf < 0.75, ~s & (confident >= 0.75)), "blind_of_sure": accuracy(conf >= 0.75, ~s & (confident >= 0.75)),
                       "lost_unknown": accuracy(c & ~w, ~s), "lost_known": accuracy(c & w, ~s),
                       "deception": accuracy(c & ~w, ~s) - accuracy(c & w, ~s)},
    }
    if form != "ranked":
        answer = np.array([int(np.argmax(p)) for p in weak])
        classes = [m for k in range(len(weak[0])) if (m := sure & (answer == k)).sum() >= 20]
        if classes:
            out["coverage"]["least_correction"] = min(accuracy(m, s) - accuracy(m, w) for m in classes)
    return {q: {k: None if v is None or np.isnan(v) else float(v) for k, v in figures.items()} for q, figures in out.items()}


reference, points = [], {}
for task, gold, heads in tasks:
    find = lambda role, model, weak, seed: next(h[4] for h in heads if h[:4] == (role, model, weak, seed))
    for weak in ("w1", "w2", "w3"):
        by_seed = [ask(task["name"], gold, find("supervisor", weak, None, s), find("student", "strong", weak, s), find("ceiling", "strong", None, s)) for s in SEEDS]
        mean = {q: {k: None if any(b[q][k] is None for b in by_seed) else float(np.mean([b[q][k] for b in by_seed])) for k in by_seed[0][q]}
                for q in by_seed[0]}
        reference.append({"task": task["name"], "weak": weak, "figures": mean})

ranks = {}
for key, other in [("misfit", "gain")]:
    a, b = [[r["figures"]["misfit"][k] for r in reference] for k in (key, other)]
    ranks["all"] = float(stats.spearmanr(a, b).statistic)
    ranks["within"] = float(np.mean([stats.spearmanr(a[i:i + 3], b[i:i + 3]).statistic for i in (0, 3, 6)]))
ties = [[1, 2, 2, 3, 5], [2, 2, 1, 4, 4]]

here = Path(__file__).parent
here.joinpath("questions-result.json").write_text(json.dumps(result) + "\n")
here.joinpath("questions-reference.json").write_text(json.dumps(
    {"rows": reference, "ranks": ranks, "ties": {"a": ties[0], "b": ties[1], "rho": float(stats.spearmanr(*ties).statistic)}}, indent=1) + "\n")
