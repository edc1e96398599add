"""Reference values for spaces.go, computed by NumPy and SciPy.

    python3 harness/stats/testdata/spaces.py

writes spaces.json beside this file.
"""

import json
from pathlib import Path

import numpy as np
from scipy.linalg import subspace_angles

rng = np.random.default_rng(20261129)


def matrix(n, p, shared, own):
    """Features whose first directions are shared, with falling variances."""
    x = np.hstack([shared, rng.normal(size=(n, own))]) @ rng.normal(size=(shared.shape[1] + own, p))
    return np.round(x * 0.7 ** np.arange(p), 4)


def dims(x):
    energy = np.linalg.svd(x, compute_uv=False) ** 2
    return int(np.searchsorted(np.cumsum(energy) / energy.sum(), 0.99) + 1)


def ridge(x):
    k = x @ x.T / len(x)
    return k @ np.linalg.inv(k + 0.1 * np.trace(k) / len(x) * np.eye(len(x)))


cases = []
for n, p, q in [(40, 6, 9), (30, 12, 12), (10, 14, 5)]:
    shared = rng.normal(size=(n, 3))
    weak, strong = matrix(n, p, shared, 2), matrix(n, q, shared, 4)
    u, v = (np.linalg.svd(x, full_matrices=False)[0][:, :dims(x)] for x in (weak, strong))
    P, Q = ridge(strong), ridge(weak)
    cases.append({"weak": weak.tolist(), "strong": strong.tolist(), "weak_dims": dims(weak), "strong_dims": dims(strong),
                  "shared": float((np.cos(subspace_angles(u, v)) ** 2).sum()),
                  "beyond": float(np.linalg.norm(P @ (np.eye(n) - Q)) ** 2 / np.linalg.norm(P) ** 2)})
Path(__file__).with_name("spaces.json").write_text(json.dumps(cases) + "\n")
