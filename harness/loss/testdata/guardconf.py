"""Write guardconf.json: values and gradients of guardconf, computed with NumPy and SciPy from the definition.

python guardconf.py > guardconf.json
"""
import json

import numpy as np
from scipy.optimize import brentq
from scipy.special import log_softmax, softmax

rng = np.random.default_rng(19)


def variation(rows, classes):
    mean = np.mean(rows, axis=0) if classes else None
    return np.mean([np.abs(p - (mean if classes else 1 / len(p))).sum() / 2 for p in rows])


def sharpen(rows, classes, spread):
    hard = [np.eye(len(p))[np.argmax(p)] for p in rows]
    power = lambda f: [softmax(f * np.log(p)) for p in rows]
    short = lambda f: variation(power(f), classes) - spread * variation(hard, classes)
    return rows if short(1) >= 0 else power(np.exp(brentq(lambda x: short(np.exp(x)), 0, np.log(1e6), xtol=1e-14, rtol=1e-15)))


def case(sizes, classes, flat, alpha, warmup, spread, progress):
    logits = [rng.normal(size=n) * 2 for n in sizes]
    labels = [softmax(flat * rng.normal(size=n)) for n in sizes]
    c = alpha * min(1, progress / warmup) if warmup else alpha
    targets = sharpen(labels, classes, spread)
    own = [np.eye(len(z))[np.argmax(z)] for z in logits]
    if classes == 2:
        first = np.array([softmax(z)[0] for z in logits])
        threshold = np.quantile(first, np.mean([t[1] for t in targets]))
        own = [np.array([1.0, 0.0]) if p >= threshold else np.array([0.0, 1.0]) for p in first]
    mixed = [(1 - c) * t + c * h for t, h in zip(targets, own)]
    n = len(sizes)
    return {
        "loss": f"guardconf:alpha={alpha}:warmup={warmup}:spread={spread}",
        "classes": classes, "progress": progress,
        "logits": [z.tolist() for z in logits], "labels": [p.tolist() for p in labels],
        "value": -sum(m @ log_softmax(z) for m, z in zip(mixed, logits)) / n,
        "gradient": [((softmax(z) - m) / n).tolist() for m, z in zip(mixed, logits)],
    }


cases = []
for flat in (0.05, 0.5, 4):
    for spread in (0, 0.6):
        for alpha, warmup, progress in ((0.75, 0.5, 0.25),):
            cases.append(case([2] * 9, 2, flat, alpha, warmup, spread, progress))
            cases.append(case([4] * 7, 4, flat, alpha, warmup, spread, progress))
            cases.append(case([2, 5, 3, 2, 6], 0, flat, alpha, warmup, spread, progress))
print(json.dumps(cases))
