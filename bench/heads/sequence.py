#!/usr/bin/env python3
"""Does a sequence of convex problems train the students of logconf that Adam trains?

    w2s run --task movies --weak wordllama-64 --strong e5-small-v2 --loss xent --seeds 3 --train 1000 --test 500 --out result.json
    w2s features export --task movies --model wordllama-64 --seeds 3 --train 1000 --test 500 -o weak.safetensors
    w2s features export --task movies --model e5-small-v2 --seeds 3 --train 1000 --test 500 -o strong.safetensors
    python3 bench/heads/sequence.py result.json weak.safetensors strong.safetensors

For tasks of two classes. Of every student of xent and four penalties, one head takes 300 steps of Adam, as w2s trains logconf. The other
one starts from xent, hardens its own predictions, learns (1 - c) · weak label + c · hardened by L-BFGS, and goes on until the hardened
predictions stay. Prints scores, the share of test examples that get the same answer, and evaluations. Needs numpy, scipy and safetensors.
"""
import base64
import json
import sys

import numpy as np
from safetensors import safe_open
from scipy.optimize import minimize

ALPHA, WARM_UP, STEPS, RATE = 0.5, 0.2, 300, 0.01


def probability(u, x):
    return 1 / (1 + np.exp(-2 * (x @ u)))  # a binary head has the weights [-u, u]


def hardened(p, labels):
    """The student's own answers, with the class balance of the labels."""
    return ((1 - p) < np.quantile(1 - p, labels.mean())).astype(float)


def l_bfgs(x, targets, l2, u):
    """Minimises the cross-entropy. The bias, in the last column, has no penalty."""
    penalty = l2 * (np.arange(x.shape[1]) < x.shape[1] - 1)

    def objective(u):
        z = 2 * (x @ u)
        value = (np.logaddexp(0, z) - targets * z).mean() / 2 + (penalty * u * u).sum() / 2
        return value, x.T @ (probability(u, x) - targets) / len(x) + penalty * u

    r = minimize(objective, u, jac=True, method="L-BFGS-B", options={"maxiter": 500, "gtol": 1e-6, "ftol": 1e-13})
    return r.x, r.nfev


def adam(x, labels, l2):
    u = m = v = np.zeros(x.shape[1])
    penalty = l2 * (np.arange(len(u)) < len(u) - 1)
    for k in range(STEPS):
        p, c = probability(u, x), ALPHA * min(1, k / STEPS / WARM_UP)
        g = x.T @ (p - (1 - c) * labels - c * hardened(p, labels)) / len(x) + penalty * u
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        u = u - RATE * m / (1 - 0.9 ** (k + 1)) / (np.sqrt(v / (1 - 0.999 ** (k + 1))) + 1e-8)
    return u


def sequence(x, labels, l2):
    u, evaluations = l_bfgs(x, labels, l2, np.zeros(x.shape[1]))
    last = None
    for _ in range(60):
        own = hardened(probability(u, x), labels)
        if last is not None and (own == last).all():
            break
        last = own
        u, n = l_bfgs(x, (1 - ALPHA) * labels + ALPHA * own, l2, u)
        evaluations += n
    return u, evaluations


def main():
    result = json.load(open(sys.argv[1]))
    features = {}
    for path in sys.argv[2:]:
        with safe_open(path, "numpy") as f:
            meta = f.metadata()
            model = next(m["name"] for m in result["models"] if m["key"] == meta["key"])
            features[meta["task"], model] = dict(zip(meta["ids"].split("\n"), f.get_tensor("features").astype(float)))
            gold = f.get_tensor("gold")
            features[meta["task"]] = dict(zip(meta["ids"].split("\n"), gold.reshape(len(gold), -1)[:, -1] > 0.5))
    heads, lines = {h["id"]: h for h in result["heads"]}, {}
    for task in result["tasks"]:
        bits = {(h["seed"], name): np.unpackbits(np.frombuffer(base64.b64decode(h[name]), np.uint8), bitorder="little")
                for h in task["halves"] for name in ("weak", "strong")}
        for h in (h for h in result["heads"] if h["role"] == "student" and h["task"] == task["name"] and h["loss"] == "xent"):
            weak, strong = ([i for i, b in zip(task["pool_ids"], bits[h["seed"], name]) if b] for name in ("weak", "strong"))

            def rows(model, ids):  # standardised over the pool of the seed, with a column of ones for the bias
                all_rows = features[task["name"], model]
                pool = np.array([all_rows[i] for i in weak + strong])
                return np.c_[(np.array([all_rows[i] for i in ids]) - pool.mean(0)) / pool.std(0), np.ones(len(ids))]

            right = features[task["name"]]
            supervisor = heads[h["supervisor"]]
            u, _ = l_bfgs(rows(supervisor["model"], weak), np.array([right[i] for i in weak], float), supervisor["l2"], np.zeros(1 + len(
                next(iter(features[task["name"], supervisor["model"]].values())))))
            labels = probability(u, rows(supervisor["model"], strong))
            x, test = rows(h["model"], strong), rows(h["model"], task["test_ids"])
            answers = np.array([right[i] for i in task["test_ids"]])
            for l2 in (0.01, 0.1, 1, 10):
                a, (b, evaluations) = test @ adam(x, labels, l2) > 0, sequence(x, labels, l2)
                b = test @ b > 0
                lines.setdefault((task["name"], l2), []).append([(a == answers).mean(), (b == answers).mean(), (a == b).mean(), evaluations])
    print("task, penalty: score with Adam, with the sequence, same answers, evaluations of the sequence (Adam has 301)")
    for (task, l2), values in lines.items():
        a, b, same, evaluations = np.mean(values, 0)
        print(f"{task}, {l2}: {100 * a:.1f} {100 * b:.1f} {100 * same:.1f} {evaluations:.0f}")
    for name, some in (("all", lines.values()), ("penalties of 1 and 10", [v for (_, l2), v in lines.items() if l2 >= 1])):
        a, b, same, evaluations = np.mean([v for values in some for v in values], 0)
        print(f"{name}: {100 * a:.1f} {100 * b:.1f} {100 * same:.1f} {evaluations:.0f}")


main()
