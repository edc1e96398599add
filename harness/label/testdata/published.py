"""Reference values for weights and selections of weak labels, computed by NumPy, SciPy and scikit-learn.

    python3 harness/label/testdata/published.py

writes published.json beside this file. The formulas are written here from the papers: see docs/methods.md. Change points are found by
trying every cut, components by scipy.sparse.csgraph, probes by scikit-learn.
"""

import json
from pathlib import Path

import numpy as np
from scipy import sparse, special
from scipy.sparse import csgraph
from sklearn import linear_model, neighbors

rng = np.random.default_rng(20261128)


def supervisor(n, classes, d=5):
    y = rng.integers(0, classes, n)
    x = (rng.normal(size=(n, d)) + 0.9 * np.eye(classes, d)[y]).astype(np.float32)
    p = special.softmax(rng.normal(size=(n, classes)) * 1.2 + 1.5 * np.eye(classes)[y], axis=1)
    return x, p


def logreg(x, p, l2):
    """A head of L2-penalty l2 of package head on soft labels, in sample. L2 counts both columns of W, so C is as in reference.py."""
    n = len(x)
    fit = linear_model.LogisticRegression(C=2 / (n * l2), tol=1e-12, max_iter=10000)
    fit.fit(np.r_[x, x], np.r_[np.ones(n), np.zeros(n)], sample_weight=np.r_[p[:, 1], p[:, 0]])
    return fit.predict_proba(x)


def cut(v):
    """The first value above the cut with the least squared distances from the means of both parts."""
    s = np.sort(v)
    cost = [((s[:k] - s[:k].mean()) ** 2).sum() + ((s[k:] - s[k:].mean()) ** 2).sum() for k in range(1, len(s))]
    return s[1 + int(np.argmin(cost))]


def overlap(z, p):
    c = 2 * np.abs(p[:, 1] - 0.5)
    hard = c < cut(c)
    unit = z / np.linalg.norm(z, axis=1, keepdims=True)
    a = np.abs(unit @ unit[hard].T).max(1)
    return np.flatnonzero(~hard & (a >= cut(a[~hard]))), hard


def nearest(x, k):
    near = neighbors.NearestNeighbors(n_neighbors=k + 1, algorithm="brute").fit(x).kneighbors(x, return_distance=False)
    assert (near[:, 0] == np.arange(len(x))).all()
    return near[:, 1:]


def topofilter(x, p, share, k):
    n, answer = len(x), p.argmax(1)
    near = nearest(x, k)
    keep = np.zeros(n, bool)
    for c in range(p.shape[1]):
        edges = sparse.lil_matrix((n, n))
        for i in np.flatnonzero(answer == c):
            edges[i, near[i]] = 1
        _, component = csgraph.connected_components(edges, connection="strong")
        keep |= component == np.bincount(component).argmax()
    at = np.flatnonzero(keep)
    far = np.abs(p[at] - p[at][nearest(x[at], k)].mean(1)).sum(1)
    more = max(round(share * n) - (n - len(at)), 0)
    return {"keep": np.sort(np.delete(at, np.argsort(-far)[:more])).tolist(), "lost": int(n - len(at)), "more": more}


def channel(x, p, l2):
    sure = p.max(1)
    s = np.sort(sure)
    third = (sure > s[len(s) // 3]).astype(int) + (sure > s[2 * len(s) // 3])
    said = 3 * p.argmax(1) + third
    q = p
    for _ in range(5):
        prior = logreg(x, q, l2)
        counts = 0.5 + q.T @ np.eye(6)[said]
        q = prior * (counts / counts.sum(1, keepdims=True))[:, said].T
        q /= q.sum(1, keepdims=True)
    return q


def main():
    x, p = supervisor(150, 2)
    _, four = supervisor(30, 4)
    x3, p3 = supervisor(120, 3)
    c = 2 * np.abs(p[:, 1] - 0.5)
    answers = rng.integers(0, 2, (5, 150))
    repeats = np.eye(2)[answers] * 0.3 + 0.35
    votes = np.eye(2)[answers].mean(0)
    x64, l2 = x.astype(float), 0.02
    q, a = logreg(x64, p, l2), p.argmax(1)
    kept, hard = overlap(x64, p)
    pairs = rng.normal(size=(150, 2, 5)).astype(np.float32)
    kept_pairs, _ = overlap(pairs[:, 0].astype(float) - pairs[:, 1], p)
    out = {
        "x": x.tolist(), "soft": p.tolist(), "l2": l2, "four": four.tolist(), "repeats": repeats.tolist(),
        "cwpo": c.tolist(), "cwpo_four": ((4 * four.max(1) - 1) / 3).tolist(),
        "entropy": (1 / np.maximum(0.05, special.entr(p).sum(1) / np.log(2))).tolist(),
        "entropy_four": (1 / np.maximum(0.05, special.entr(four).sum(1) / np.log(4))).tolist(),
        "reliability": votes[np.arange(150), a].tolist(),
        "votes_entropy": special.entr(votes).sum(1).tolist(),
        "excess": np.minimum(1, q[np.arange(150), a] / p.max(1)).tolist(),
        "confident": np.flatnonzero(p.max(1) > 0.75).tolist(),
        "overlap": kept.tolist(), "hard": int(hard.sum()), "pairs": pairs.reshape(300, 5).tolist(), "overlap_pairs": kept_pairs.tolist(),
        "topo": topofilter(x64, p, 0.4, 20), "x_three": x3.tolist(), "soft_three": p3.tolist(),
        "topo_three": topofilter(x3.astype(float), p3, 0.1, 6),
        "channel": channel(x64, p, l2).tolist(),
    }
    Path(__file__).with_name("published.json").write_text(json.dumps(out) + "\n")
    print({k: out[k] if isinstance(out[k], (int, float, dict)) else len(out[k]) for k in out if k != "x"})


main()
