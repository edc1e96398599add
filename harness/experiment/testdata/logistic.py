"""Logistic regressions by Newton's method, with NumPy alone, for two tests.

ladder: hardness by ladders of heads, the mean cross-entropy of gold under regressions on growing training sets.
reliability: P(supervisor right | confidence), without penalty.
"""
import json
import sys

import numpy as np


def fit(x, y, penalty):
    """Minimises the mean cross-entropy + penalty/2 of the squares of all weights but the last one, the bias."""
    x = np.hstack([x, np.ones((len(x), 1))])
    ridge = np.full(x.shape[1], float(penalty))
    ridge[-1] = 0
    w = np.zeros(x.shape[1])

    def value(w):
        z = x @ w
        return (np.logaddexp(0, z) - y * z).mean() + (ridge * w * w).sum() / 2

    for _ in range(100):
        p = 1 / (1 + np.exp(-(x @ w)))
        gradient = x.T @ (p - y) / len(x) + ridge * w
        step = np.linalg.solve(x.T @ (x * (p * (1 - p))[:, None]) / len(x) + np.diag(ridge) + 1e-14 * np.eye(len(w)), gradient)
        rate = 1.0
        while value(w - rate * step) > value(w) and rate > 1e-8:
            rate /= 2
        w = w - rate * step
        if np.abs(gradient).max() < 1e-12:
            break
    return lambda q: 1 / (1 + np.exp(-(np.hstack([q, np.ones((len(q), 1))]) @ w)))


def ladder(case):
    x = np.array(case["x"], np.float32).astype(float)
    pool = x[case["pool"]]
    x = (x - pool.mean(0)) / pool.std(0)
    gold = np.array(case["gold"])
    losses = []
    for rung in case["rungs"]:
        # Two opposite columns with the penalty l2 are one column of their difference with half of it.
        p = fit(x[rung], gold[rung], case["l2"] / 2)(x[case["scored"]])
        losses.append(-np.log(np.where(gold[case["scored"]] == 1, p, 1 - p)))
    return np.mean(losses, 0)


def reliability(case):
    x = np.array(case["confidence"])[:, None]
    p = fit((x - x.mean()) / x.std(), np.array(case["right"]), 0)
    return p((np.array(case["at"])[:, None] - x.mean()) / x.std())


print(json.dumps({"ladder": ladder, "reliability": reliability}[sys.argv[1]](json.load(sys.stdin)).tolist()))
