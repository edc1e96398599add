"""Makes the polynomials of the GELU in tile_linux_amd64.c and of 2^x in tiles.h. Needs numpy and scipy.

    python3 internal/kernels/gelu.py

GELU(x) = x·Phi(x), where Phi is the normal distribution. With t = |x| and e(t) = erfc(t/sqrt 2), it is x - x·e/2 for x > 0 and
x·e/2 for x < 0, so that nothing cancels. e(t) = 2^-p(t), where p is a polynomial of degree 9 on [0, 6]; beyond 6, e is below
2e-9. 2^r on [-1/2, 1/2] is a polynomial of degree 6. Both are fitted by least squares, with weights that are raised where the
error is largest. The fit of p minimises the error of t·e(t).
"""
import numpy as np
from scipy.special import log_ndtr, ndtr

END = 6.0


def fit(basis, goal, scale):
    weight = np.ones_like(goal)
    for _ in range(80):
        s = np.sqrt(weight) * scale
        coefficients, *_ = np.linalg.lstsq(basis * s[:, None], goal * s, rcond=None)
        error = np.abs((basis @ coefficients - goal) * scale)
        weight *= error / error.max() + 0.01
        weight /= weight.mean()
    return coefficients


def chebyshev_points(n):
    return np.cos(np.pi * (np.arange(n) + 0.5) / n)


def exponent(degree):
    u = chebyshev_points(6000)
    t = (u + 1) / 2 * END
    goal = -(log_ndtr(-t) + np.log(2)) / np.log(2)
    basis = np.polynomial.chebyshev.chebvander(u, degree - 1) * (t / END)[:, None]  # p(0) = 0
    c = fit(basis, goal, np.maximum(t * 2**-goal, 1e-9))
    p = np.polynomial.chebyshev.Chebyshev(c, domain=[0, 1]).convert(kind=np.polynomial.Polynomial).coef
    return p / END ** np.arange(1, degree + 1)


def power(degree):
    r = chebyshev_points(2000) / 2
    return fit(np.vander(r, degree + 1, increasing=True)[:, 1:], 2**r - 1, np.ones_like(r))


def horner(coefficients, t):
    """Evaluates a polynomial in float32 with fused multiply-adds, as the C code does."""
    value = np.full_like(t, np.float32(coefficients[-1]))
    for c in coefficients[-2::-1]:
        value = (value.astype(np.float64) * t + np.float64(np.float32(c))).astype(np.float32)
    return value


p, e = np.concatenate([[0], exponent(9)]), np.concatenate([[1], power(6)])
x = np.linspace(-12, 12, 1_200_001).astype(np.float32)
y = -horner(p, np.minimum(np.abs(x), np.float32(END)))
n = np.rint(y)
half = np.abs(np.float32(0.5) * x * np.ldexp(horner(e, y - n), n.astype(int)).astype(np.float32))
gelu = np.where(x > 0, x - half, -half)
exact = x.astype(np.float64) * ndtr(x.astype(np.float64))
print("p:", ", ".join(f"{c:.9g}f" for c in p[1:].astype(np.float32)))
print("2^r:", ", ".join(f"{c:.9g}f" for c in e.astype(np.float32)))
print(f"largest error: {np.max(np.abs(gelu - exact) / np.maximum(np.abs(x), 1e-3)):.2g} |x|")
