#!/usr/bin/env python3
"""Compute every figure of the table of w2s (accuracy) from a result file alone: recompute.py RESULT.json [RESAMPLES]
Needs only Python 3. Prints one JSON object per row. Intervals are of the same kind as those of w2s, from other random numbers."""
import collections, json, math, random, sys
from statistics import fmean as mean, quantiles, stdev
result, resamples = json.load(open(sys.argv[1])), int((sys.argv + [2000])[2])
full = lambda p: p if isinstance(p, list) else [1 - p, p]  # the file has only the second probability of two classes
best = lambda p: p.index(max(p))  # the first of equals
credit = lambda p, g: mean(0 < y == max(g) for x, y in zip(p, g) if x == max(p))  # equals share a point
ratio = lambda w, s, c: (s - w) / (c - w) if c > w else 0 if s == w else math.copysign(math.inf, s - w)
ends = lambda xs: quantiles(xs, n=40, method="inclusive")[::38]  # 2.5 and 97.5 %, linear between order statistics
def student_t(q, df, n=1000, lo=0.0, hi=math.pi / 2):  # quantile; if x = sqrt(df) tan u, the density of u is cos(u)^(df-1)
    area = lambda b: b * sum(math.cos(b * (k + 0.5) / n) ** (df - 1) for k in range(n))
    for whole in [area(hi)] * 50:  # bisection
        lo, hi = ((lo + hi) / 2, hi) if area((lo + hi) / 2) / whole < 2 * q - 1 else (lo, (lo + hi) / 2)
    return math.sqrt(df) * math.tan(lo)

tasks, heads = {t["name"]: t for t in result["tasks"]}, {h["id"]: h for h in result["heads"]}
variant = lambda h: ", ".join(f"{words}{h[field]}" for field, words in (("size", "train="), ("trained_on", "trained on ")) if field in h)
trained = {(h["role"], h["task"], h.get("model"), variant(h), h["seed"]): h for h in heads.values()}
chained = {i for c in result.get("chains", []) for i in c["steps"] + [c["jump"]]}
groups = collections.defaultdict(list)  # students that differ only in the seed, with supervisor and ceiling
for h in heads.values():
    if h["role"] == "student" and h["id"] not in chained:
        s, top = heads[h["supervisor"]], trained["ceiling", h["task"], h["model"], variant(h), h["seed"]]
        weak = s["simulated"] if s["role"] == "baseline" else s["model"]
        groups[h["task"], weak, h["model"], h["loss"], h.get("treatment", ""), variant(h)].append((s, h, top))
for key, seeds in groups.items():
    gold = [full(g) for g in tasks[key[0]]["test_gold"]]
    chosen = [[[best(full(p)) for p in h["test"]] for h in side] for side in zip(*seeds)]  # [weak, student, ceiling][seed][example]
    right = [[[0 < g[a] == max(g) for a, g in zip(seed, gold)] for seed in side] for side in chosen]
    ties = [[[credit(full(p), g) for p, g in zip(h["test"], gold)] for h in side] for side in zip(*seeds)]
    hit = ties if tasks[key[0]]["form"] == "rank" else right
    said = [[[a.strip() for a in h["answers"]] if "answers" in h else c for h, c in zip(*x)] for x in zip(zip(*seeds), chosen)]
    per = [[mean(x) for x in zip(*side)] for side in hit]  # mean over seeds, [weak, student, ceiling][example]
    draws = [random.choices(range(len(gold)), k=len(gold)) for _ in range(resamples)]
    boot = [[mean([side[i] for i in d]) for side in per] for d in draws]
    (w, s, c), own = map(mean, per), [ratio(*map(mean, seed)) for seed in zip(*hit) if mean(seed[2]) > mean(seed[0])]
    same = lambda side: [(a == b, ok) for x, y, z in zip(side, said[0], right[0]) for a, b, ok in zip(x, y, z)]
    gap, pgr = ends([b[2] - b[0] for b in boot]), ends([ratio(*b) for b in boot])
    sure = c > w and gap[0] > 0 and all(map(math.isfinite, pgr))
    half = student_t(0.975, len(own) - 1) * stdev(own) / math.sqrt(len(own)) if len(own) > 1 else None
    print(json.dumps({**dict(zip(("task", "weak", "strong", "loss", "treatment", "variant"), key)),
        "n": len(gold), "seeds": len(seeds), "floor": w, "student": s, "ceiling": c, "gap": c - w, "gap_interval": gap,
        "intervals": [ends([b[k] for b in boot]) for k in range(3)], "pgr": ratio(w, s, c) if sure else None,
        "pgr_interval": pgr if sure else None, "over_seeds": mean(own) if own else None, "over_seeds_half": half,
        "agreement": mean([a for a, _ in same(said[1])]),
        "on_errors": [mean([a for a, ok in same(x) if not ok] or [0]) for x in said[1:]]}))
