"""Contrast-consistent search, principal components and a consensus of directions, written with NumPy alone.

Reads a problem as JSON from standard input and prints what the Go code should find. The search is Burns et al. 2022 (arXiv 2212.03827):
two statements an example, steps of AdamW (Loshchilov and Hutter 2019) over all examples.
"""
import json
import sys

import numpy as np


def search(x, start, epochs, rate=0.01, decay=0.01):
    """x is (examples, 2, dims). Returns the weights and the objective at them."""
    theta = np.append(np.array(start), 0.0)
    m, v = np.zeros_like(theta), np.zeros_like(theta)

    def objective(theta):
        z = x @ theta[:-1] + theta[-1]
        p = 1 / (1 + np.exp(-z))
        off, least = p[:, 1] - (1 - p[:, 0]), p.min(1)
        d = np.stack([2 * off, 2 * off], 1)
        first = p[:, 0] < p[:, 1]
        d[first, 0] += 2 * least[first]
        d[~first, 1] += 2 * least[~first]
        dz = d * p * (1 - p) / len(x)
        return (off**2).mean() + (least**2).mean(), np.append(np.einsum("ij,ijk->k", dz, x), dz.sum())

    for t in range(1, epochs + 1):
        _, g = objective(theta)
        theta = theta * (1 - rate * decay)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        theta = theta - rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return theta[:-1], objective(theta)[0]


def centred(x, rows, ranks):
    z = (x - x.mean(0)) / x.std(0)
    if ranks:
        return np.concatenate([z[a:b] - z[a:b].mean(0) for a, b in rows])
    z = np.concatenate([z[a:b] for a, b in rows])
    return z - z.mean(0)


def consensus(z, directions):
    scores = [(z @ d) / np.linalg.norm(z @ d) for d in directions]
    total, out = scores[0], directions[0] / np.linalg.norm(z @ directions[0])
    for d, s in zip(directions[1:], scores[1:]):
        sign = -1 if (np.sign(total) * np.sign(s) < 0).mean() > 0.5 else 1
        total, out = total + sign * s, out + sign * d / np.linalg.norm(z @ d)
    return out / np.linalg.norm(out)


problem = json.load(sys.stdin)
x = np.array(problem["x"], np.float32).astype(float).reshape(-1, problem["dims"])
out = []
for case in problem["cases"]:
    z = centred(x, case["rows"], case["ranks"])
    _, s, axes = np.linalg.svd(z, full_matrices=False)
    out.append({"axes": axes[:5].tolist(), "consensus": consensus(z, np.array(case["directions"])).tolist()})
pairs = x[: len(x) // 2 * 2].reshape(-1, 2, problem["dims"])
pairs = (pairs - pairs.mean(0)) / pairs.std(0)
pairs = pairs.astype(np.float32).astype(float)
found = [search(pairs, s, problem["epochs"]) for s in problem["starts"]]
weights, value = min(found, key=lambda f: f[1])
print(json.dumps({"cases": out, "weights": weights.tolist(), "value": value}))
