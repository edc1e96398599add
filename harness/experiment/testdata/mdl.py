"""Hardness by ladders of heads, with scikit-learn: the mean cross-entropy of gold under logistic regressions on growing training sets."""
import json
import sys

import numpy as np
from sklearn.linear_model import LogisticRegression

case = json.load(sys.stdin)
x = np.array(case["x"], np.float32).astype(float)
pool = x[case["pool"]]
x = (x - pool.mean(0)) / pool.std(0)
gold = np.array(case["gold"])
losses = []
for rung in case["rungs"]:
    # The objective is the mean loss + l2/2 of the squares of two opposite columns, whose difference has the weights.
    model = LogisticRegression(C=2 / (len(rung) * case["l2"]), tol=1e-10, max_iter=10000)
    model.fit(x[rung], gold[rung])
    p = model.predict_proba(x[case["scored"]])
    losses.append(-np.log(p[np.arange(len(p)), gold[case["scored"]]]))
print(json.dumps(np.mean(losses, 0).tolist()))
