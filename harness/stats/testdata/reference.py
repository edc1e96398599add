"""Reference values for harness/stats, computed by scikit-learn, SciPy and NumPy.

    python3 harness/stats/testdata/reference.py

writes reference.json beside this file. It needs numpy, scipy >= 1.13 and scikit-learn >= 1.7.
"""

import json
from pathlib import Path

import numpy as np
import scipy
import sklearn
from scipy import stats
from sklearn import metrics
from sklearn.calibration import calibration_curve

rng = np.random.default_rng(20260101)


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def ece(pred, correct, bins):
    """The calibration errors of Guo et al. 2017, from scikit-learn's reliability curve, which drops empty bins."""
    conf = pred.max(1)
    acc, mid = calibration_curve(correct, conf, n_bins=bins, strategy="uniform")
    edges = np.linspace(0, 1, bins + 1)
    count = np.bincount(np.searchsorted(edges[1:-1], conf), minlength=bins)
    count = count[count > 0]
    return float((count * abs(acc - mid)).sum() / len(conf)), float(abs(acc - mid).max())


def classification(name, n, k, ties, soft):
    y = rng.integers(0, k, n)
    z = rng.normal(size=(n, k)) * 1.5
    z[np.arange(n), y] += 1
    if ties:  # leaves few distinct scores
        z = np.round(z)
    pred = softmax(z)
    if ties and k == 2:  # adds exact zeros and ones
        pred[:3] = [1, 0]
        pred[3:6] = [0, 1]
    hard = np.eye(k)[y]
    gold = 0.7 * hard + 0.3 * softmax(rng.normal(size=(n, k)) * 0.1) if soft else hard
    assert (gold.argmax(1) == y).all()
    correct = (pred.argmax(1) == y).astype(int)
    auroc = (metrics.roc_auc_score(y, pred[:, 1]) if k == 2
             else metrics.roc_auc_score(y, pred, multi_class="ovr", average="macro"))
    eps = np.finfo(float).eps
    out = {
        "name": name, "pred": pred.tolist(), "gold": gold.tolist(),
        "accuracy": metrics.accuracy_score(y, pred.argmax(1)), "auroc": auroc,
        "log_loss": float(-(gold * np.log(np.clip(pred, eps, 1))).sum(1).mean()) if soft else metrics.log_loss(y, pred),
        "brier": (float(((pred - gold) ** 2).sum(1).mean() / 2) if soft
                  else metrics.brier_score_loss(y if k == 2 else hard, pred[:, 1] if k == 2 else pred, scale_by_half=True)),
        "ece": {},
    }
    for bins in (1, 10, 15):
        e, m = ece(pred, correct, bins)
        out["ece"][str(bins)] = {"ece": e, "mce": m}
    return out


def ranking(n):
    pred, gold, auroc, correct = [], [], [], []
    for i in range(n):
        k = int(rng.integers(2, 6))
        p = softmax(np.round(rng.normal(size=k), 1))
        g = np.zeros(k)
        right = rng.choice(k, size=int(rng.integers(1, k)), replace=False)  # there may be several right answers
        g[right] = 1 / len(right)
        pred.append(p.tolist())
        gold.append(g.tolist())
        auroc.append(metrics.roc_auc_score(g > 0, p))
        correct.append(float(g[p.argmax()] > 0))
    return {"pred": pred, "gold": gold, "auroc": auroc, "correct": correct}


def paired(n, weak, student, ceiling):
    """Correctness of three models on examples of varying difficulty, with SciPy's percentile intervals of gap and PGR."""
    hard = rng.normal(size=n)

    def draw(accuracy):
        noise = 0.6 * hard + 0.8 * rng.normal(size=n)
        return (noise < np.quantile(noise, accuracy)).astype(float)

    w, s, c = draw(weak), draw(student), draw(ceiling)
    pgr = lambda w, s, c, axis=-1: (s.mean(axis) - w.mean(axis)) / (c.mean(axis) - w.mean(axis))
    gap = lambda w, c, axis=-1: c.mean(axis) - w.mean(axis)
    kw = dict(paired=True, vectorized=True, n_resamples=100_000, batch=1000, method="percentile", rng=7)
    bp = stats.bootstrap((w, s, c), pgr, **kw).confidence_interval
    bg = stats.bootstrap((w, c), gap, **kw).confidence_interval
    return {"weak": w.tolist(), "student": s.tolist(), "ceiling": c.tolist(), "pgr": pgr(w, s, c), "gap": gap(w, c),
            "pgr_interval": [bp.low, bp.high], "gap_interval": [bg.low, bg.high]}


def auroc_interval(n):
    y = rng.integers(0, 2, n)
    score = np.round(rng.normal(size=n) + y, 1)
    p = 1 / (1 + np.exp(-score))
    values = []
    g = np.random.default_rng(11)
    for _ in range(4000):
        i = g.integers(0, n, n)
        values.append(metrics.roc_auc_score(y[i], p[i]))
    return {"pred": np.c_[1 - p, p].tolist(), "gold": np.eye(2)[y].tolist(), "interval": np.percentile(values, [2.5, 97.5]).tolist()}


def flips(n):
    d = rng.choice([-1, -2 / 3, -1 / 3, 0, 1 / 3, 2 / 3, 1], size=n, p=[.04, .05, .08, .6, .1, .08, .05])
    p = stats.permutation_test((d,), lambda x, axis: x.mean(axis), permutation_type="samples", vectorized=True,
                               n_resamples=200_000, batch=2000, rng=3).pvalue
    return {"diff": d.tolist(), "p": p}


def holm(p):
    p = np.array(p)
    order = np.argsort(p, kind="stable")
    adjusted = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1)
    out = np.empty(len(p))
    out[order] = adjusted
    return out.tolist()


def t_interval(x):
    lo, hi = stats.t.interval(0.95, len(x) - 1, loc=np.mean(x), scale=stats.sem(x))
    return {"values": list(x), "mean": float(np.mean(x)), "lo": lo, "hi": hi}


def median_interval(x):
    ci = stats.quantile_test(x, q=0, p=0.5).confidence_interval(confidence_level=0.95)
    return {"values": list(x), "median": float(np.median(x)), "lo": ci.low, "hi": ci.high}


p_values = [0.01, 0.04, 0.03, 0.005, 0.04, 0.9]
reference = {
    "versions": {"numpy": np.__version__, "scipy": scipy.__version__, "sklearn": sklearn.__version__},
    "classification": [
        classification("two classes", 211, 2, False, False),
        classification("two classes, ties", 97, 2, True, False),
        classification("four classes", 160, 4, False, False),
        classification("three classes, ties", 120, 3, True, False),
        classification("three classes, soft gold", 80, 3, False, True),
    ],
    "ranking": ranking(60),
    "paired": [paired(872, 0.70, 0.80, 0.90), paired(1200, 0.68, 0.67, 0.80), paired(300, 0.60, 0.85, 0.80)],
    "auroc_interval": auroc_interval(250),
    "sign_flip": [flips(300), flips(60)],
    "mcnemar": [{"better": b, "worse": w, "p": stats.binomtest(min(b, w), b + w).pvalue}
                for b, w in [(0, 1), (5, 5), (12, 3), (40, 22), (3, 31), (210, 160), (0, 60)]],
    "holm": {"p": p_values, "adjusted": holm(p_values)},
    "t_interval": [t_interval(x) for x in ([0.61, 0.70, 0.66], [0.1, 0.9], [0.5, 0.52, 0.49, 0.55, 0.51, 0.5, 0.53, 0.47])],
    "median_interval": [median_interval(rng.normal(0.5, 0.2, n).round(3).tolist()) for n in (6, 7, 9, 10, 17, 30)],
}
out = Path(__file__).with_name("reference.json")
out.write_text(json.dumps(reference) + "\n")
