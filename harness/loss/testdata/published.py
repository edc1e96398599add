"""Reference values for losses that were published after Burns et al. 2023, computed by PyTorch autograd in float64.

    python3 published.py > published.json

Needs torch. The formulas are written here from the papers: reverse KL and reverse cross-entropy (Yao et al. 2025), CACE and
the symmetric loss (Wang et al. 2019), AugConf and AdaptConf (Guo et al. 2024) and the evidential loss (Cui et al. 2025). A
case has the loss as loss.Parse reads it, progress, logits, labels, value and gradient.
"""
import json

import torch
from torch.distributions import Dirichlet, kl_divergence
from torch.nn.functional import binary_cross_entropy, kl_div, one_hot

torch.set_default_dtype(torch.float64)


def ce(z, t):
    """Cross-entropy of each example. A target of 0 adds 0."""
    return torch.nn.functional.cross_entropy(z, t, reduction="none")


def hard(p):
    return one_hot(p.argmax(-1), p.shape[-1]).double()


def reverse(z, y, eps):
    """Reverse cross-entropy of each example, with the bound of PyTorch's binary cross-entropy, whose own gradient in the target is infinite
    for hard labels."""
    p, y = torch.softmax(z, -1), (1 - eps) * y + eps / y.shape[-1]
    if y.shape[-1] == 2:
        assert torch.allclose(binary_cross_entropy(y[:, 1], p[:, 1], reduction="none"), -(p * torch.log(y).clamp(min=-100)).sum(-1))
    return -(p * torch.log(y).clamp(min=-100)).sum(-1)


def rxent(eps=0.0):
    return lambda z, y, s: reverse(z, y, eps).mean()


def rkl(eps=0.0):
    def f(z, y, s):
        h = torch.distributions.Categorical(logits=z).entropy()
        return (reverse(z, y, eps) - h).mean()
    return f


def symmetric(alpha=1.0, beta=0.1, eps=0.0):
    return lambda z, y, s: (alpha * ce(z, y) + beta * reverse(z, y, eps)).mean()


def cace(c=0.01, decile=None):
    def f(z, y, s):
        sure = y.max(-1).values - 1 / y.shape[-1]
        least = torch.quantile(sure, decile / 10) if decile else c
        return torch.where(sure >= least, ce(z, y), reverse(z, y, 0)).mean()
    return f


def kd(z, y):
    return kl_div(torch.log_softmax(z, -1), y, reduction="none").sum(-1)


def augconf(alpha=0.5, warmup=0.3):
    def f(z, y, s):
        c = alpha * min(1.0, s / warmup) if warmup else alpha
        return ((1 - c) * kd(z, y) + c * ce(z, hard(z))).mean()
    return f


def adaptconf(tau=0.5):
    def f(z, y, s):
        own, supervisor = ce(z, hard(z)), ce(z, hard(y))
        w = torch.softmax(torch.stack([own, supervisor]) / tau, 0)[0].detach()
        return ((1 - w) * kd(z, y) + w * own).mean()
    return f


def evidential(gamma=0.5):
    def f(z, y, s):
        a = torch.relu(z) + 1

        def loss(t):
            log = (t * (a.sum(-1, keepdim=True).log() - a.log())).sum(-1)
            other = t + (1 - t) * a
            return log + s * kl_divergence(Dirichlet(other, validate_args=False), Dirichlet(torch.ones_like(a)))
        return ((1 - gamma) * loss(y) + gamma * loss(hard(z))).mean()
    return f


ALL = [
    ("rkl", rkl(), True), ("rkl:eps=0.1", rkl(0.1), True), ("rxent", rxent(), True), ("rxent:eps=0.05", rxent(0.05), True),
    ("cace", cace(), True), ("cace:c=0.3", cace(0.3), True), ("cace:c=decile3", cace(decile=3), True),
    ("symmetric", symmetric(), True), ("symmetric:alpha=0.5:beta=2:eps=0.01", symmetric(0.5, 2, 0.01), True),
    ("augconf", augconf(), False), ("augconf:alpha=0.9:warmup=0", augconf(0.9, 0), False),
    ("adaptconf", adaptconf(), True), ("adaptconf:tau=4", adaptconf(4.0), True),
    ("evidential", evidential(), False), ("evidential:gamma=0", evidential(0.0), False), ("evidential:gamma=1", evidential(1.0), False),
]


def cases():
    g = torch.Generator().manual_seed(11)
    for name, f, fixed in ALL:
        for progress in (1.0,) if fixed else (0.0, 0.1, 1.0):
            for classes in (2, 5):
                for scale in (1.0, 12.0):  # a supervisor and a student that are unsure, and sure
                    z = (torch.randn(6, classes, generator=g) * scale).round(decimals=3)
                    y = torch.softmax(torch.randn(6, classes, generator=g) * scale / 2, -1)
                    yield name, f, progress, z, y
                    yield name, f, progress, z, hard(y)
            # Labels of one half, ties in the student's predictions, probabilities that round to 0 and 1, and a single example.
            z = torch.tensor([[0, 0], [1, 1], [3, 0], [0, 5], [40, -40], [-30, 30], [700, 0], [0, 1e-9]])
            y = torch.tensor([[0.5, 0.5], [0.505, 0.495], [0.49, 0.51], [0.2, 0.8], [1, 0], [1, 0], [0, 1], [0.5, 0.5]])
            yield name, f, progress, z, y
            yield name, f, progress, z[3:4], y[3:4]


def main():
    out = []
    for name, f, progress, z, y in cases():
        z = z.double().clone().requires_grad_()
        value = f(z, y, progress)
        (grad,) = torch.autograd.grad(value, z)
        assert torch.isfinite(value) and torch.isfinite(grad).all(), (name, value, grad)
        out.append(dict(loss=name, progress=progress, logits=z.tolist(), labels=y.tolist(), value=value.item(), gradient=grad.tolist()))
    print("[\n" + ",\n".join(json.dumps(c) for c in out) + "\n]")


if __name__ == "__main__":
    main()
