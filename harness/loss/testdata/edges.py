"""Reference values for edge cases of the losses in harness/loss, computed by PyTorch autograd in float64.

    python3 edges.py > edges.json

Needs torch. The formulas are written again here from two published programs: openai/weak-to-strong (weak_to_strong/loss.py,
the warm-up with a jump) and EleutherAI/w2s (w2s/loss.py, balanced labels; w2s/sft.py, midweak). A case has the loss as
loss.Parse reads it, progress, logits, labels, value and gradient.
"""
import json

import torch

torch.set_default_dtype(torch.float64)


def ce(logits, target):
    return -(target * torch.log_softmax(logits, -1)).sum(-1).mean()


def one_hot(index, classes=2):
    return torch.nn.functional.one_hot(torch.as_tensor(index), classes).double()


def hardened(p, prior):
    first = p[:, 0] >= torch.quantile(p[:, 0], prior)
    return torch.stack([first, ~first], 1).double()


def xent(z, y, progress):
    return ce(z, y)


def kl(z, y, progress):
    return torch.nn.functional.kl_div(torch.log_softmax(z, -1), y, reduction="batchmean")


def confidence(alpha):
    return lambda z, y, progress: ce(z, y) + alpha * torch.distributions.Categorical(logits=z).entropy().mean()


def jumping(alpha, warmup):
    def f(z, y, progress):
        c = alpha * (1.0 if progress > warmup else progress)
        return ce(z, (1 - c) * y + c * hardened(torch.softmax(z, -1).detach(), y[:, 1].mean()))
    return f


def mixed(alpha, warmup, harden=True, balance=False):
    def f(z, y, progress):
        c = alpha * min(1.0, progress / warmup) if warmup > 0 else alpha
        own, p1, prior = torch.softmax(z, -1).detach(), y[:, 1], y[:, 1].mean()
        if balance:
            odds = torch.log(p1 + 1e-7) - torch.log(1 - p1 + 1e-7)
            p1, prior = torch.sigmoid(odds - odds.mean()), 0.5
        target = hardened(own, prior) if harden else own
        return ce(z, torch.stack([1 - p1, p1], 1) * (1 - c) + target * c)
    return f


def product(alpha, beta):
    def f(z, y, progress):
        t = torch.softmax(z, -1).detach() ** beta * y**alpha
        return ce(z, t / t.sum(-1, keepdim=True))
    return f


def window(radius):
    def f(z, y, progress):
        r = torch.median(torch.abs(y[:, 1] - 0.5)) if radius == "midweak" else radius
        keep = torch.softmax(z, -1).max(-1).values < 0.5 + r
        return torch.nn.functional.cross_entropy(z[keep], y[keep], reduction="sum") / len(z)
    return f


def cases():
    g = torch.Generator().manual_seed(7)

    def logits(rows, scale=2.0, classes=2):
        return torch.randn(rows, classes, generator=g) * scale

    def labels(rows, classes=2):
        return torch.softmax(torch.randn(rows, classes, generator=g) * 2, -1)

    for progress in (0.0, 0.05, 0.1, 0.1000001, 0.6, 1.0):
        yield "logconf:alpha=0.5:warmup=0.1:jump", jumping(0.5, 0.1), progress, logits(9), labels(9)
        yield "logconf:alpha=0.5:warmup=0.1", mixed(0.5, 0.1), progress, logits(9), labels(9)
    yield "logconf:alpha=0.75:warmup=0", mixed(0.75, 0), 0.0, logits(9), labels(9)
    yield "logconf:alpha=0.75:warmup=0:jump", jumping(0.75, 0), 0.0, logits(9), labels(9)
    yield "logconf:alpha=0.75:warmup=0:jump", jumping(0.75, 0), 0.3, logits(9), labels(9)
    yield "logconf:alpha=0.5:warmup=0.1:balance", mixed(0.5, 0.1, balance=True), 0.02, logits(10), labels(10)
    yield "logconf:alpha=0.5:warmup=0.1:balance", mixed(0.5, 0.1, balance=True), 1.0, logits(11), one_hot([0, 1, 1, 1, 1, 0, 1, 1, 1, 0, 1])
    yield "entropy:alpha=0.4:warmup=0.2:balance", mixed(0.4, 0.2, harden=False, balance=True), 0.1, logits(8), labels(8)
    yield "entropy:alpha=0.4:warmup=0", mixed(0.4, 0, harden=False), 0.0, logits(8), labels(8)

    # Ties in the student's predictions, at the threshold and elsewhere. Thresholds at both ends. A single example.
    tied = torch.tensor([[0, 0], [0, 0], [1, 0], [1, 0], [1, 0], [0, 1], [0, 2]], dtype=torch.float64)
    for ones in range(8):
        y = one_hot([1] * ones + [0] * (7 - ones))
        yield "logconf:alpha=0.5:warmup=0", mixed(0.5, 0), 1.0, tied, y
        yield "logconf:alpha=0.5:warmup=0", mixed(0.5, 0), 1.0, torch.zeros(7, 2), y
        yield "logconf:alpha=0.5:warmup=0", mixed(0.5, 0), 1.0, logits(7), y
    yield "logconf:alpha=0.5:warmup=0", mixed(0.5, 0), 1.0, logits(1), labels(1)
    yield "logconf:alpha=0.5:warmup=0", mixed(0.5, 0), 1.0, logits(2), labels(2)

    # Extreme logits, with probabilities that round to 0 and 1.
    far = torch.tensor([[800, 0], [0, 800], [-900, 900], [1e5, 1e5 - 1], [-50, 30], [0, 1e-9], [1e300, 0], [3, 5]], dtype=torch.float64)
    hard = one_hot([0, 1, 0, 1, 0, 1, 0, 1])
    soft = labels(8)
    for y in (hard, soft):
        yield "xent", xent, 1.0, far, y
        yield "kl", kl, 1.0, far, y
        yield "logconf:alpha=0.5:warmup=0", mixed(0.5, 0), 1.0, far, y
        yield "entropy:alpha=0.5:warmup=0", mixed(0.5, 0, harden=False), 1.0, far, y
        yield "window:radius=0.3", window(0.3), 1.0, far, y
    far3 = torch.tensor([[800, 0, -800], [0, 0, 0], [-900, 900, 899], [40, 1, 2]], dtype=torch.float64)
    for y in (one_hot([1, 2, 0, 0], 3), labels(4, 3)):
        yield "xent", xent, 1.0, far3, y
        yield "kl", kl, 1.0, far3, y
        yield "entropy:alpha=0.5:warmup=0", mixed3(0.5), 1.0, far3, y
    yield "confidence:alpha=0.7", confidence(0.7), 1.0, logits(6, 12.0), labels(6)
    yield "confidence:alpha=0.7", confidence(0.7), 1.0, logits(6, 12.0, 4), one_hot([0, 1, 2, 3, 0, 1], 4)
    yield "product:alpha=1:beta=1", product(1, 1), 1.0, logits(6), one_hot([0, 1, 0, 1, 0, 1])
    yield "product:alpha=0:beta=1", product(0, 1), 1.0, logits(6), one_hot([0, 1, 0, 1, 0, 1])
    yield "product:alpha=1:beta=0", product(1, 0), 1.0, logits(6, 30.0), labels(6)
    yield "product:alpha=0.5:beta=0.25", product(0.5, 0.25), 1.0, logits(6, 20.0, 5), labels(6, 5)

    yield "window:radius=0", window(0.0), 1.0, logits(6), labels(6)  # the student is sure of every example
    yield "window:radius=0.5", window(0.5), 1.0, torch.tensor([[0, 0], [900.0, 0], [0, 4]]), labels(3)  # only a probability of exactly 1 is left out
    yield "window:radius=0.51", window(0.51), 1.0, logits(6), labels(6)
    yield "window:radius=0.25", window(0.25), 1.0, torch.tensor([[0, 0], [3, 0], [0, 1]]).log1p(), labels(3)
    for rows in (1, 6, 7):
        yield "window:radius=midweak", window("midweak"), 1.0, logits(rows, 1.0), labels(rows)


def mixed3(alpha):
    return lambda z, y, progress: ce(z, (1 - alpha) * y + alpha * torch.softmax(z, -1).detach())


def main():
    out = []
    for name, f, progress, z, y in cases():
        z = z.double().clone().requires_grad_()
        value = f(z, y, progress)
        (grad,) = torch.autograd.grad(value, z)
        assert torch.isfinite(value) and torch.isfinite(grad).all(), name
        out.append(dict(loss=name, progress=progress, logits=z.tolist(), labels=y.tolist(), value=value.item(), gradient=grad.tolist()))
    print("[\n" + ",\n".join(json.dumps(c) for c in out) + "\n]")


if __name__ == "__main__":
    main()
