#!/usr/bin/env python3
"""Compute every figure of the table of w2s (accuracy) from a result file alone: recompute.py RESULT.json [RESAMPLES]
Needs only Python 3. Prints one JSON object per row. Intervals are of the same kind as those of w2s, from other random numbers.

recompute.py --train RESULT.json FEATURES.safetensors... trains the heads of xent and soft labels again, on the same halves and with
the same penalties. It needs numpy, and for each model a file of w2s features export. It prints the scores beside those of the file."""
import collections, functools, json, math, random, sys
from statistics import covariance, fmean as mean, quantiles, stdev
again = sys.argv[1] == "--train"
result, resamples = json.load(open(sys.argv[1 + again])), 0 if again else int((sys.argv + [2000])[2])
if again:
    import base64, numpy as np
full = lambda p: p if isinstance(p, list) else [1 - p, p]  # the file has only the second probability of two classes
best = lambda p: p.index(max(p))  # the first of equals
credit = lambda p, g: mean(0 < y == max(g) for x, y in zip(p, g) if x == max(p))  # equals share a point
def ratio(gain, gap): return gain / gap if gap > 0 else 0 if gain == 0 else math.copysign(math.inf, gain)
def ends(xs): return quantiles(xs, n=40, method="inclusive")[::38]  # 2.5 and 97.5 %, linear between order statistics
def student_t(q, df, n=1000, lo=0.0, hi=math.pi / 2):  # quantile; if x = sqrt(df) tan u, the density of u is cos(u)^(df-1)
    area = lambda b: b * sum(math.cos(b * (k + 0.5) / n) ** (df - 1) for k in range(n))
    for whole in [area(hi)] * 50:  # bisection
        lo, hi = ((lo + hi) / 2, hi) if area((lo + hi) / 2) / whole < 2 * q - 1 else (lo, (lo + hi) / 2)
    return math.sqrt(df) * math.tan(lo)

# A figure is (by seed, by seed and resample). docs/method.md has the formulas of the intervals over seeds and examples.
def minus(x, y, k=1): return [a - k * b for a, b in zip(x[0], y[0])], [[a - k * b for a, b in zip(*r)] for r in zip(x[1], y[1])]
def resampled(x): return [mean(r) for r in zip(*x[1])]  # mean over seeds
def parts(x, y):  # covariance of the means: the part between seeds, the part that seeds share
    n, of_mean = len(x[0]), covariance(resampled(x), resampled(y))
    return (covariance(x[0], y[0]) / n, (n * of_mean - mean(map(covariance, x[1], y[1]))) / (n - 1)) if n > 1 else (0, of_mean)
def quantile(x, units):  # Student's t with Satterthwaite's degrees of freedom
    seeds, shared = parts(x, x)
    shared = max(0, shared)
    return student_t(0.975, (seeds + shared) ** 2 / (seeds ** 2 / (len(x[0]) - 1) + shared ** 2 / (units - 1))) if seeds + shared else 0
def hull(a, b): return [min(a[0], b[0]), max(a[1], b[1])]
def interval(x, units):
    seeds, shared = parts(x, x)
    half = quantile(x, units) * math.sqrt(seeds + max(0, shared)) if len(x[0]) > 1 else 0
    return hull(ends(resampled(x)), [mean(x[0]) - half, mean(x[0]) + half]) if half else ends(resampled(x))
def fieller(gain, gap, units):
    g, d = mean(gain[0]), mean(gap[0])
    rest = minus(gain, gap, g / d)
    t, use = quantile(rest, units), parts(rest, rest)[1] > 0
    gg, gd, dd = (t * t * (p[0] + use * p[1]) for p in (parts(gain, gain), parts(gain, gap), parts(gap, gap)))
    root = math.sqrt(max(0, (g * d - gd) ** 2 - (d * d - dd) * (g * g - gg)))
    return [(g * d - gd - root) / (d * d - dd), (g * d - gd + root) / (d * d - dd)] if d * d > dd else [-math.inf, math.inf]

tasks, heads = {t["name"]: t for t in result["tasks"]}, {h["id"]: h for h in result["heads"]}
variant = lambda h, *own: ", ".join(f"{words}{h[field]}" for field, words in (("size", "train="), *own, ("trained_on", "trained on ")) if field in h)
trained = {(h["role"], h["task"], h.get("model"), variant(h), h["seed"]): h for h in heads.values()}
chained = {i for c in result.get("chains", []) for i in c["steps"] + [c["jump"]]}
groups = collections.defaultdict(list)  # students that differ only in the seed, with supervisor and ceiling
for h in heads.values():
    if h["role"] == "student" and h["id"] not in chained:
        s, top = heads[h["supervisor"]], trained["ceiling", h["task"], h["model"], variant(h), h["seed"]]
        weak = "sim:" + s["simulated"] if s["role"] == "baseline" else s["model"]
        groups[h["task"], weak, h["model"], h["loss"], h.get("treatment", ""), variant(h, ("stopped", "stopped at step "))].append((s, h, top))
def points(h, test):  # by example
    task = tasks[h["task"]]
    gold = map(full, task["test_gold"])
    return [credit(full(p), g) if task["form"] == "rank" else 0 < g[best(full(p))] == max(g) for p, g in zip(test, gold)]

# For --train: the features of one task and model. Row start[i] is the first of example i, which has one row, or one for each candidate.
def load(path):
    data = open(path, "rb").read()
    at = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:at])
    meta, types = header.pop("__metadata__"), {"F32": "<f4", "F64": "<f8", "I64": "<i8"}
    part = lambda begin, end: data[at + begin:at + end]
    f = {name: np.frombuffer(part(*t["data_offsets"]), types[t["dtype"]]).reshape(t["shape"]) for name, t in header.items()}
    names = [m["name"] for m in result["models"] if m["key"] == meta["key"]] or sys.exit(f"{path}: the result has no model with this key")
    return {(meta["task"], name): {**f, "number": {x: i for i, x in enumerate(meta["ids"].split("\n"))}} for name in names}
features = {k: f for path in sys.argv[3:] if again for k, f in load(path).items()}
def rows(f, ids):  # of examples, and the place of each example's first probability
    if not all(i in f["number"] for i in ids): sys.exit("the features lack examples: export them with the settings of the run, or with --all-texts")
    spans = [range(*f["start"][f["number"][i]:][:2]) for i in ids]
    return np.concatenate(spans), np.cumsum([0] + [f["gold"][s].size for s in spans])[:-1]
@functools.cache
def half(task, seed, size):  # ids of weak-train and strong-train
    [h] = (h for h in tasks[task]["halves"] if (h["seed"], h.get("size")) == (seed, size))
    bits = lambda text: np.unpackbits(np.frombuffer(base64.b64decode(text), np.uint8), bitorder="little")
    return [[i for i, bit in zip(tasks[task]["pool_ids"], bits(h[name])) if bit] for name in ("weak", "strong")]
@functools.cache
def standardised(task, model, seed):  # over the seed's pool, with a column of ones for the bias
    f = features[task, model]
    pool = f["features"][rows(f, sum(half(task, seed, None), []))[0]].astype(float)
    m, sd = pool.mean(0), pool.std(0)
    return np.c_[(f["features"] - m) / np.where(sd <= 1e-7 * abs(m), 1, sd), np.ones(len(f["features"]))]
def over(kind, z, first): return np.repeat(kind.reduceat(z, first), np.diff(np.append(first, len(z))))  # the outputs of an example
def softmax(z, first):
    e = np.exp(z - over(np.maximum, z, first))
    return e / over(np.add, e, first)
def solve(product, b):  # product(x) = b by conjugate gradients
    x, r, d = 0 * b, b, b
    for _ in range(1000):
        if (r * r).sum() <= 1e-16 * (b * b).sum(): break
        h = product(d)
        a = (r * r).sum() / (d * h).sum()
        x, old, r = x + a * d, r, r - a * h
        d = r + (r * r).sum() / (old * old).sum() * d
    return x
def fit(x, first, y, l2):  # weights, and the bias in the last row, by Newton's method; one column, or one for each class
    columns, n = len(y) // len(x), len(first)
    l2 = l2 * (np.arange(x.shape[1]) < x.shape[1] - 1)[:, None]
    back = lambda z: x.T @ z.reshape(-1, columns) / n
    loss = lambda w: -(y * np.log(softmax((x @ w).ravel(), first).clip(1e-300))).sum() / n + (l2 * w * w).sum() / 2
    w = np.zeros((x.shape[1], columns))
    for _ in range(100):
        p = softmax((x @ w).ravel(), first)
        gradient = back(p - y) + l2 * w
        if abs(gradient).max() < 1e-7: break
        curve = lambda z: p * (z - over(np.add, p * z, first))
        step = solve(lambda v: back(curve((x @ v).ravel())) + l2 * v, gradient)
        while loss(w - step) > loss(w) and abs(step).max() > 1e-12: step = step / 2
        w = w - step
    return w
@functools.cache
def weights(i):  # of a head that is trained again
    h = heads[i]
    f, ids = features[h["task"], h["model"]], half(h["task"], h["seed"], h.get("size"))[h["role"] != "supervisor"]
    at, first = rows(f, ids)
    labels = predict(h["supervisor"], ids) if h["role"] == "student" else f["gold"][at].ravel()
    return fit(standardised(h["task"], h["model"], h["seed"])[at], first, labels, h["l2"])
def predict(i, ids):
    h = heads[i]
    at, first = rows(features[h["task"], h["model"]], ids)
    return softmax((standardised(h["task"], h["model"], h["seed"])[at] @ weights(i)).ravel(), first)
def tested(h):  # predictions of the test examples, rounded so that candidates with the same features share a point
    ids = tasks[h["task"]]["test_ids"]
    return [p.tolist() for p in np.split(predict(h["id"], ids).round(6), rows(features[h["task"], h["model"]], ids)[1][1:])]
def trainable(h):
    made = h["role"] == "baseline" or h.get("status") == "not trained" or "trained_on" in h or "stopped" in h
    return (h["task"], h.get("model")) in features and not made
for key, seeds in groups.items() if again else ():
    if key[3:5] != ("xent", "soft") or not all(trainable(h) for s in seeds for h in s):
        print("left out:", *key, file=sys.stderr)
        continue
    here, file = ([mean(mean(points(h, test(h))) for h in side) for side in zip(*seeds)] for test in (tested, lambda h: h["test"]))
    print(json.dumps({**dict(zip(("task", "weak", "strong", "loss", "treatment", "variant"), key)), "seeds": len(seeds),
        **{name: dict(floor=w, student=s, ceiling=c, pgr=(s - w) / (c - w) if c > w else None) for name, (w, s, c) in (("here", here), ("file", file))},
        "points": dict(zip(("floor", "student", "ceiling"), [100 * (a - b) for a, b in zip(here, file)]))}))

for key, seeds in () if again else groups.items():
    gold = [full(g) for g in tasks[key[0]]["test_gold"]]
    chosen = [[[best(full(p)) for p in h["test"]] for h in side] for side in zip(*seeds)]  # [weak, student, ceiling][seed][example]
    right = [[[0 < g[a] == max(g) for a, g in zip(seed, gold)] for seed in side] for side in chosen]
    hit = [[points(h, h["test"]) for h in side] for side in zip(*seeds)]
    said = [[[a.strip() for a in h["answers"]] if "answers" in h else c for h, c in zip(*x)] for x in zip(zip(*seeds), chosen)]
    members = collections.defaultdict(list)  # test examples by group
    for i, g in enumerate(tasks[key[0]].get("test_groups") or range(len(gold))):
        members[g].append(i)
    units = list(members.values())
    draws = [[i for u in random.choices(units, k=len(units)) for i in u] for _ in range(resamples)]
    figures = [([mean(seed) for seed in side], [[mean([seed[i] for i in d]) for d in draws] for seed in side]) for side in hit]
    (w, s, c), n = (mean(x[0]) for x in figures), len(units)
    own = [(y - x) / (z - x) for x, y, z in zip(*(f[0] for f in figures)) if z > x]
    same = lambda side: [(a == b, ok) for x, y, z in zip(side, said[0], right[0]) for a, b, ok in zip(x, y, z)]
    gain, gap = minus(figures[1], figures[0]), minus(figures[2], figures[0])
    over, pgr = interval(gap, n), [math.inf] * 2
    if c > w and over[0] > 0:
        pgr = ends([ratio(*x) for x in zip(resampled(gain), resampled(gap))])
        pgr = hull(pgr, fieller(gain, gap, n)) if len(seeds) > 1 else pgr
    sure = all(map(math.isfinite, pgr))
    half = student_t(0.975, len(own) - 1) * stdev(own) / math.sqrt(len(own)) if len(own) > 1 else None
    print(json.dumps({**dict(zip(("task", "weak", "strong", "loss", "treatment", "variant"), key)),
        "n": len(gold), "seeds": len(seeds), "floor": w, "student": s, "ceiling": c, "gap": c - w, "gap_interval": over,
        "intervals": [interval(x, n) for x in figures], "pgr": ratio(s - w, c - w) if sure else None,
        "pgr_interval": pgr if sure else None, "over_seeds": mean(own) if own else None, "over_seeds_half": half,
        "agreement": mean([a for a, _ in same(said[1])]),
        "on_errors": [mean([a for a, ok in same(x) if not ok] or [0]) for x in said[1:]]}))
