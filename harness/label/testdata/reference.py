"""Reference values for harness/label, computed by SciPy and scikit-learn.

    python3 harness/label/testdata/reference.py

writes reference.json beside this file. It needs numpy, scipy and scikit-learn.
"""

import json
from pathlib import Path

import numpy as np
from scipy import optimize, special
from sklearn import calibration, linear_model, neighbors

rng = np.random.default_rng(20260202)


def softmax(z):
    return special.softmax(z, axis=-1)


def supervisor(n, k, sharpness, bias=0.0):
    """A supervisor that is overconfident if sharpness > 1 and favours class 0 by bias."""
    y = rng.integers(0, k, n)
    z = rng.normal(size=(n, k))
    z[np.arange(n), y] += 1.2
    z *= sharpness
    z[:, 0] += bias
    return softmax(z), y


def temperature(p, gold):
    z = np.log(p)
    loss = lambda t: -(gold * special.log_softmax(z / np.exp(t), axis=1)).sum(1).mean()
    r = optimize.minimize_scalar(loss, bounds=(np.log(0.01), np.log(100)), method="bounded", options={"xatol": 1e-12})
    return float(np.exp(r.x)), float(r.fun)


def platt(p, y, k):
    z = np.log(p)
    count = np.bincount(y, minlength=k)
    target = np.repeat((1 / (count[y] + k))[:, None], k, 1)
    target[np.arange(len(y)), y] = (count[y] + 1) / (count[y] + k)
    full = lambda th: th[0] * z + np.r_[0, th[1:]]
    loss = lambda th: -(target * special.log_softmax(full(th), axis=1)).sum(1).mean()
    r = optimize.minimize(loss, np.r_[1, np.zeros(k - 1)], method="BFGS", options={"gtol": 1e-9})
    r = optimize.minimize(loss, r.x, method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-15, "maxiter": 20000, "maxfev": 20000})
    return r.x.tolist()


def calibrated(name, k, sharpness, bias):
    held, y = supervisor(150, k, sharpness, bias)
    labels, _ = supervisor(40, k, sharpness, bias)
    gold = np.eye(k)[y]
    t, loss = temperature(held, gold)
    theta = platt(held, y, k)
    z = np.log(labels)
    out = {"name": name, "held": held.tolist(), "gold": gold.tolist(), "labels": labels.tolist(),
           "temperature": t, "held_log_loss": loss, "by_temperature": softmax(z / t).tolist(),
           "platt": theta, "by_platt": softmax(theta[0] * z + np.r_[0, theta[1:]]).tolist()}
    if k == 2:  # scikit-learn has Platt's own case, where the probability of class 1 is expit(-(a·f + b))
        f = np.log(held[:, 1] / held[:, 0])
        cal = calibration._SigmoidCalibration().fit(f, y)
        assert np.allclose([-cal.a_, -cal.b_], theta, atol=2e-4), (cal.a_, cal.b_, theta)
        out["sklearn_platt"] = [-cal.a_, -cal.b_]
    return out


def ranking():
    held, gold = [], []
    for _ in range(80):
        k = int(rng.integers(2, 5))
        p, y = supervisor(1, k, 3.0)
        held.append(p[0])
        gold.append(np.eye(k)[y[0]])
    loss = lambda t: -np.mean([g @ special.log_softmax(np.log(p) / np.exp(t)) for p, g in zip(held, gold)])
    r = optimize.minimize_scalar(loss, bounds=(np.log(0.01), np.log(100)), method="bounded", options={"xatol": 1e-12})
    return {"held": [p.tolist() for p in held], "gold": [g.tolist() for g in gold], "temperature": float(np.exp(r.x))}


def probes():
    n, d, k, l2 = 120, 6, 7, 0.004
    y = rng.integers(0, 2, n)
    x = (rng.normal(size=(n, d)) + 0.8 * y[:, None]).astype(np.float32)
    p1 = special.expit(2 * (y - 0.5) + rng.normal(size=n))
    x64 = x.astype(float)
    near = neighbors.NearestNeighbors(n_neighbors=k + 1, algorithm="brute").fit(x64).kneighbors(x64, return_distance=False)
    assert (near[:, 0] == np.arange(n)).all()
    knn = p1[near[:, 1:]].mean(1)  # without the example itself
    # Soft labels become two weighted copies. The penalty 1/(2C)·|w|² on the sum of losses is L2/4·|w|² on their mean, so C = 2/(n·L2).
    fit = linear_model.LogisticRegression(C=2 / (n * l2), tol=1e-12, max_iter=10000)
    fit.fit(np.r_[x64, x64], np.r_[np.ones(n), np.zeros(n)], sample_weight=np.r_[p1, 1 - p1])
    return {"x": x.tolist(), "soft": np.c_[1 - p1, p1].tolist(), "k": k, "knn": knn.tolist(), "l2": l2,
            "logreg": fit.predict_proba(x64)[:, 1].tolist()}


reference = {
    "calibrated": [calibrated("two classes", 2, 3.0, 0.0), calibrated("two classes, biased", 2, 1.5, 1.0),
                   calibrated("two classes, underconfident", 2, 0.3, 0.0), calibrated("four classes", 4, 2.5, 0.7)],
    "ranking": ranking(),
    "probes": probes(),
}
Path(__file__).with_name("reference.json").write_text(json.dumps(reference) + "\n")
