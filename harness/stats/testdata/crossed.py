"""Reference values for crossed_test.go, by other formulas: sums of squares of a two-way analysis of variance instead of a
bootstrap, and a root finder instead of the roots of a quadratic equation. Run it here; it writes crossed.json."""
import json
import numpy as np
from scipy import optimize, stats

rng = np.random.default_rng(7)


def draw(seeds, n, accuracy, spread):
    """Correctness by kind, seed and example. Examples differ in difficulty, seeds in skill."""
    difficulty = rng.normal(size=n)
    out = []
    for a in accuracy:
        level = stats.norm.ppf(a) * np.sqrt(2 + spread**2) + spread * rng.normal(size=(seeds, 1))
        out.append((level + difficulty + rng.normal(size=(seeds, n)) > 0).astype(int))
    return np.array(out)


def parts(x):
    """Variance of the mean of x (seeds, examples): the part between seeds, the part that seeds share, degrees of freedom."""
    s, n = x.shape
    mean, by_seed, by_example = x.mean(), x.mean(1, keepdims=True), x.mean(0, keepdims=True)
    ms_seed = n * ((by_seed - mean) ** 2).sum() / (s - 1)
    ms_example = s * ((by_example - mean) ** 2).sum() / (n - 1)
    ms_rest = ((x - by_seed - by_example + mean) ** 2).sum() / ((s - 1) * (n - 1))
    seeds, shared = ms_seed / (s * n), max(0, (ms_example - ms_rest) / (s * n))
    return seeds, shared, (seeds + shared) ** 2 / (seeds**2 / (s - 1) + shared**2 / (n - 1))


def interval(x):
    seeds, shared, df = parts(x)
    half = stats.t.ppf(0.975, df) * np.sqrt(seeds + shared)
    return [x.mean() - half, x.mean() + half]


def fieller(gain, gap):
    rho = gain.mean() / gap.mean()
    t = stats.t.ppf(0.975, parts(gain - rho * gap)[2])

    def beyond(r):
        rest = gain - r * gap
        seeds, shared, _ = parts(rest)
        return abs(rest.mean()) / np.sqrt(seeds + shared) - t

    return [optimize.brentq(beyond, rho - 3, rho), optimize.brentq(beyond, rho, rho + 3)]


cases = []
for seeds, n, accuracy, spread in [(3, 400, (0.6, 0.75, 0.85), 0.1), (5, 300, (0.55, 0.7, 0.9), 0.3), (10, 500, (0.7, 0.72, 0.85), 0.2)]:
    x = draw(seeds, n, accuracy, spread)
    weak, student, ceiling = x.astype(float)
    cases.append({
        "correct": [["".join(map(str, s)) for s in k] for k in x],
        "ceiling": interval(ceiling), "gap": interval(ceiling - weak), "pgr": fieller(student - weak, ceiling - weak),
        "p": 2 * stats.t.sf(abs((student - weak).mean()) / np.sqrt(sum(parts(student - weak)[:2])), parts(student - weak)[2]),
    })
json.dump(cases, open("crossed.json", "w"), indent=1)
