"""Compares the time to train linear heads with scikit-learn and PyTorch, for the same features, labels and objective.

Run it in the top folder: python3 bench/heads/bench.py   (needs numpy, scikit-learn, torch and Go)

Every head is a binary logistic regression: mean cross-entropy + l2/2 * sum(W^2), two columns, bias without penalty. Each of
--rounds rounds runs all programs, and the least time of each counts, because other load only makes a run slower. Ratios of processor time, user and system, depend on other load least. There are
two comparisons with PyTorch, both with all heads as the columns of one float32 matrix: Adam for a fixed number of steps, and
L-BFGS (strong Wolfe) on the sum of the objectives until no gradient exceeds the tolerance. The script computes the
objectives in float64 from the weights that each program returns.
"""
import argparse
import json
import os
import subprocess
import tempfile
import time

import numpy as np
import sklearn
import torch
from sklearn.linear_model import LogisticRegression


def problem(rows, dims, heads, rng):
    """Standardised features with a spectrum and correlations like those of sentence embeddings, and noisy labels."""
    mixing = rng.normal(size=(dims, dims)) / np.sqrt(dims)
    x = (rng.normal(size=(rows, dims)) * np.linspace(1, 0.1, dims)) @ mixing
    x = ((x - x.mean(0)) / x.std(0)).astype(np.float32)
    truth = rng.normal(size=(dims, heads)) / np.sqrt(dims)
    y = (x @ truth + rng.logistic(size=(rows, heads)) > 0).astype(np.uint8)
    return x, y, np.resize([0.003, 0.01, 0.03, 0.1, 0.3], heads)


def objectives(x, y, l2, w, b):
    """The objective of each head. The heads are logit differences: w (dims, heads), b (heads)."""
    z = x.astype(np.float64) @ w + b
    return (np.logaddexp(0, z) - y * z).mean(0) + l2 / 4 * (w**2).sum(0)


def fit_sklearn(x, y, l2):
    w, b = np.zeros((x.shape[1], y.shape[1])), np.zeros(y.shape[1])
    for k in range(y.shape[1]):
        # scikit-learn minimises the sum of losses + 1/(2C) |w|^2, where w is the weight vector of the logit difference
        m = LogisticRegression(C=2 / (len(x) * l2[k]), max_iter=1000).fit(x, y[:, k])
        w[:, k], b[k] = m.coef_[0], m.intercept_[0]
    return w, b


def batched(x, y, l2):
    x, y, l2 = torch.from_numpy(x), torch.from_numpy(y).float(), torch.from_numpy(l2).float()
    w = torch.zeros(x.shape[1], y.shape[1], requires_grad=True)
    b = torch.zeros(y.shape[1], requires_grad=True)

    def loss():
        z = x @ w + b
        fit = torch.nn.functional.binary_cross_entropy_with_logits(z, y, reduction="sum") / len(x)
        return fit + (l2 / 4 * (w**2).sum(0)).sum()

    return w, b, loss


def fit_adam(x, y, l2, steps):
    w, b, loss = batched(x, y, l2)
    opt = torch.optim.Adam([w, b], lr=0.02)  # for the logit difference; two columns with 0.01 each change it by as much
    for _ in range(steps):
        opt.zero_grad()
        loss().backward()
        opt.step()
    return w.detach().numpy(), b.detach().numpy()


def fit_lbfgs(x, y, l2, tolerance):
    w, b, loss = batched(x, y, l2)
    opt = torch.optim.LBFGS([w, b], max_iter=1000, tolerance_grad=tolerance, tolerance_change=0, line_search_fn="strong_wolfe")

    def closure():
        opt.zero_grad()
        value = loss()
        value.backward()
        return value

    opt.step(closure)
    return w.detach().numpy(), b.detach().numpy()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--rows", type=int, default=8192)
    p.add_argument("--dims", type=int, default=768)
    p.add_argument("--heads", type=int, default=100)
    p.add_argument("--steps", type=int, default=100, help="number of steps of Adam")
    p.add_argument("--tolerance", type=float, default=1e-4, help="largest gradient at the end of L-BFGS (scikit-learn's default)")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    p.add_argument("--only", default="", help="run only the comparisons whose names contain this, such as Adam")
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    x, y, l2 = problem(a.rows, a.dims, a.heads, np.random.default_rng(5))

    with tempfile.TemporaryDirectory() as folder:
        x.tofile(f"{folder}/features.f32")
        np.ascontiguousarray(y.T).tofile(f"{folder}/labels.u8")
        with open(f"{folder}/shape.json", "w") as f:
            json.dump({"rows": a.rows, "dims": a.dims, "heads": a.heads, "l2": l2.tolist()}, f)
        binary = f"{folder}/heads"
        subprocess.run(["go", "build", "-o", binary, "./bench/heads"], check=True)

        def ours(heads, *options):
            """Least time of three repeats. The first has page faults, which the other programs do not have at this point."""
            out = subprocess.run([binary, "-dir", folder, "-heads", str(heads), "-repeats", "3", *options],
                                 check=True, capture_output=True, text=True, env={**os.environ, "GOMAXPROCS": str(a.threads)}).stdout
            lines = [json.loads(line) for line in out.splitlines()]
            found = np.fromfile(f"{folder}/weights.f64").reshape(heads, a.dims + 1)
            return min(line["seconds"] for line in lines), min(line["cpu"] for line in lines), (found[:, :-1].T, found[:, -1]), lines[-1]

        def timed(f, *args):
            start, before = time.perf_counter(), time.process_time()
            found = f(*args)
            return time.perf_counter() - start, time.process_time() - before, found, None

        one = (x, y[:, :1], l2[:1])
        tolerance = ["-tolerance", str(a.tolerance)]
        contests = {
            "scikit-learn, all": lambda: timed(fit_sklearn, x, y, l2),
            "w2s L-BFGS, all": lambda: ours(a.heads, *tolerance),
            "PyTorch L-BFGS, all": lambda: timed(fit_lbfgs, x, y, l2, a.tolerance),
            "w2s Adam, all": lambda: ours(a.heads, "-optimiser", "adam", "-steps", str(a.steps)),
            "PyTorch Adam, all": lambda: timed(fit_adam, x, y, l2, a.steps),
            "scikit-learn, one": lambda: timed(fit_sklearn, *one),
            "w2s L-BFGS, one": lambda: ours(1, *tolerance),
        }
        contests = {name: run for name, run in contests.items() if a.only in name}
        least, cpu, mean = {}, {}, {}
        print(f"{a.rows} x {a.dims}, {a.heads} heads, {a.threads} threads; scikit-learn {sklearn.__version__}, "
              f"torch {torch.__version__}", flush=True)
        for i in range(a.rounds):
            for name, run in contests.items():
                seconds, used, (w, b), note = run()
                least[name], cpu[name] = min(seconds, least.get(name, seconds)), min(used, cpu.get(name, used))
                n = w.shape[1]
                mean[name] = objectives(x, y[:, :n], l2[:n], w, b).mean()
                print(f"round {i}  {name:20} {seconds:8.3f} s  processor time {used:8.3f} s  mean objective {mean[name]:.9f}  {note or ''}", flush=True)

    def ratio(text, theirs, own):
        if theirs in least and own in least:
            print(f"{text}: {least[theirs]:.3f} s / {least[own]:.3f} s = {least[theirs] / least[own]:.2f}, processor time {cpu[theirs] / cpu[own]:.2f}")

    print()
    ratio("scikit-learn / w2s, all heads", "scikit-learn, all", "w2s L-BFGS, all")
    ratio("PyTorch L-BFGS / w2s L-BFGS, all heads", "PyTorch L-BFGS, all", "w2s L-BFGS, all")
    ratio("PyTorch Adam / w2s Adam, all heads", "PyTorch Adam, all", "w2s Adam, all")
    ratio("scikit-learn / w2s, one head", "scikit-learn, one", "w2s L-BFGS, one")
    for theirs, own in (("scikit-learn, all", "w2s L-BFGS, all"), ("PyTorch Adam, all", "w2s Adam, all")):
        if theirs in mean and own in mean:
            print(f"mean objectives of {own} and {theirs} differ by {abs(mean[own] - mean[theirs]):.1e}")


if __name__ == "__main__":
    main()
