"""Reference heads for harness/head, trained by SciPy: weighted examples, candidate groups and several classes.

    python3 heads.py > heads.json

Needs numpy and scipy. Features are multiples of 1/64, which float32 represents exactly. A case states classes, or start if
an example is a group of candidates (example e has rows start[e]:start[e+1]), features, labels, weights, alpha (of the
confidence loss, 0 for the cross-entropy) and l2. Its objective and probabilities, one list for each example, belong to the
minimum of sum(weights * loss) / sum(weights) + l2/2 * sum(W^2).
"""
import json

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax


def solve(x, start, classes, labels, weights, alpha, l2):
    columns = classes or 1
    share = weights / weights.sum()

    def logits(theta):
        w, b = theta[: x.shape[1] * columns].reshape(-1, columns), theta[x.shape[1] * columns:]
        z = x @ w + (b if classes else 0)
        return [z[a:b].ravel() for a, b in zip(start, start[1:])], w

    def objective(theta):
        rows, w = logits(theta)
        value, dz = l2 / 2 * (w**2).sum(), np.zeros((len(x), columns))
        for e, z in enumerate(rows):
            lp, p, y = log_softmax(z), softmax(z), labels[e]
            h = -(p * lp).sum()
            value += share[e] * (-(y * lp).sum() + alpha * h)
            dz[start[e]:start[e + 1]] = (share[e] * (p * y.sum() - y - alpha * p * (lp + h))).reshape(-1, columns)
        return value, np.concatenate([(x.T @ dz + l2 * w).ravel(), dz.sum(0) if classes else []])

    size = x.shape[1] * columns + (columns if classes else 0)
    best = minimize(objective, np.zeros(size), jac=True, method="L-BFGS-B", options=dict(maxiter=20000, ftol=1e-18, gtol=1e-12, maxcor=40))
    return best.fun, [softmax(z).tolist() for z in logits(best.x)[0]]


def case(rng, examples, dims, classes, sizes, hard, weighted, alpha, l2):
    counts = np.ones(examples, int) if classes else rng.integers(*sizes, examples)
    start = np.concatenate([[0], np.cumsum(counts)])
    x = np.round(rng.normal(size=(start[-1], dims)) * 64) / 64
    truth = rng.normal(size=(dims, classes or 1))
    labels = []
    for a, b in zip(start, start[1:]):
        z = (x[a:b] @ truth).ravel() + rng.normal(size=(classes or b - a))
        labels.append(np.eye(len(z))[z.argmax()] if hard else softmax(z))
    weights = rng.integers(0, 4, examples).astype(float) if weighted else np.ones(examples)
    objective, probabilities = solve(x, start, classes, labels, weights, alpha, l2)
    return dict(classes=classes, start=None if classes else start.tolist(), features=x.tolist(), labels=[y.tolist() for y in labels],
                weights=weights.tolist() if weighted else None, alpha=alpha, l2=l2, objective=objective, probabilities=probabilities)


def main():
    rng = np.random.default_rng(3)
    out = [
        case(rng, 60, 4, 2, None, False, True, 0.0, 1e-2),
        case(rng, 60, 4, 2, None, False, False, 0.5, 1e-1),
        case(rng, 60, 4, 3, None, True, True, 0.0, 1e-2),
        case(rng, 60, 4, 5, None, False, False, 0.25, 1e-1),
        case(rng, 60, 4, 0, (2, 3), True, False, 0.0, 1e-2),
        case(rng, 60, 4, 0, (2, 7), True, False, 0.0, 1e-3),
        case(rng, 40, 4, 0, (2, 7), False, True, 0.3, 1e-1),
    ]
    print("[\n" + ",\n".join(json.dumps(c) for c in out) + "\n]")


if __name__ == "__main__":
    main()
