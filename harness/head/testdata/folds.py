"""Reference for the choice of a penalty by cross-validation, made by scikit-learn.

    python3 folds.py > folds.json

Needs numpy and scikit-learn. Features are multiples of 1/64, which float32 represents exactly. Each group is held out once,
while a LogisticRegression is trained on the others. log_loss is the mean over all examples, for each penalty l2. Package head
minimises mean loss + l2/2 * sum(W^2), where W has a column for each class. For two classes the columns are each other's
negative, so that C is 2/(n*l2), and 1/(n*l2) for more.
"""
import json

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import LeaveOneGroupOut


def model(n, classes, l2):
    return LogisticRegression(C=(2 if classes == 2 else 1) / (n * l2), tol=1e-10, max_iter=10000)


cases = []
penalties = [0.001, 0.01, 0.1, 1, 10]
for seed, (classes, n, dims, sizes) in enumerate([(2, 60, 8, [12] * 5), (2, 45, 20, [20, 15, 10]), (3, 60, 6, [13, 12, 12, 12, 11])]):
    rng = np.random.default_rng(seed)
    x = np.round(rng.normal(size=(n, dims)) * 64) / 64
    labels = np.argmax(x @ rng.normal(size=(dims, classes)) + 2 * rng.normal(size=(n, classes)), axis=1)
    groups = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    losses = []
    for l2 in penalties:
        probs = np.zeros((n, classes))
        for train, held in LeaveOneGroupOut().split(x, labels, groups):
            probs[held] = model(len(train), classes, l2).fit(x[train], labels[train]).predict_proba(x[held])
        losses.append(log_loss(labels, probs))
    best = penalties[int(np.argmin(losses))]
    probs = model(n, classes, best).fit(x, labels).predict_proba(x)
    cases.append({"classes": classes, "features": x.tolist(), "labels": labels.tolist(), "groups": [str(g) for g in groups],
                  "l2": penalties, "log_loss": losses, "best": best, "probabilities": probs.tolist()})
print(json.dumps(cases))
