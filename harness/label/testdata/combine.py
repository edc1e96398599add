"""Reference values for harness/label/combine.go, computed with numpy alone.

    python3 harness/label/testdata/combine.py

writes combine.json beside this file. The model of Dawid and Skene is fitted with arrays over supervisors, examples and classes, with
another loop and another order of sums than in Go.
"""

import json
from pathlib import Path

import numpy as np

rng = np.random.default_rng(19791979)


def case(n, classes, accuracies):
    truth = rng.integers(0, classes, n)
    soft = []
    for accuracy in accuracies:
        right = rng.random(n) < accuracy
        answer = np.where(right, truth, (truth + rng.integers(1, classes, n)) % classes)
        logits = rng.normal(size=(n, classes)) * 0.3
        logits[np.arange(n), answer] += 2.5
        p = np.exp(logits)
        soft.append(p / p.sum(1, keepdims=True))
    return np.array(soft), truth


def dawid_skene(answers, classes):
    one_hot = np.eye(classes)[answers]  # supervisor, example, answer
    posterior = one_hot.mean(0)
    for _ in range(20000):
        shares = posterior.mean(0)
        counts = np.einsum("ik,mil->mkl", posterior, one_hot) + 0.01
        confusion = counts / counts.sum(2, keepdims=True)
        joint = np.log(shares)[None, :] + np.einsum("mil,mkl->ik", one_hot, np.log(confusion))
        joint = np.exp(joint - joint.max(1, keepdims=True))
        new = joint / joint.sum(1, keepdims=True)
        moved = np.abs(new - posterior).max()
        posterior = new
        if moved < 1e-13:
            break
    return posterior, np.einsum("k,mkk->m", posterior.mean(0), confusion)


out = []
for n, classes, accuracies in [(120, 2, [0.9, 0.7, 0.6]), (90, 3, [0.85, 0.6, 0.7, 0.5])]:
    soft, truth = case(n, classes, accuracies)
    answers = soft.argmax(2)
    posterior, right = dawid_skene(answers, classes)
    logits = np.log(np.maximum(soft, 1e-6)).mean(0)
    logits = np.exp(logits - logits.max(1, keepdims=True))
    accuracy = lambda p: float((p.argmax(1) == truth).mean())
    out.append({
        "said": soft.tolist(), "truth": truth.tolist(),
        "logit": (logits / logits.sum(1, keepdims=True)).tolist(), "dawid-skene": posterior.tolist(), "right": right.tolist(),
        "accuracy": {"dawid-skene": accuracy(posterior), "vote": accuracy(np.eye(classes)[answers].mean(0))},
    })
    print(n, classes, out[-1]["accuracy"], right, [float((a == truth).mean()) for a in answers])

Path(__file__).with_name("combine.json").write_text(json.dumps(out, indent=None))
