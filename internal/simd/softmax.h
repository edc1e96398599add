// Softmax, losses and steps of Adam for one instruction set. simd.c includes this file once for each, with these macros:
//
//	NAME(f)  name of f for the instruction set
//	TARGET   attribute of functions that use it
//	MULADD   a·b + c

// exp_ is the exponential of x ≤ 0 within two units in the last place. Below -708, where it is under 1e-307, it is 0. It is NaN if x is
// not finite.
TARGET INLINE double NAME(exp_)(double x) {
	const double zero = x - x;
	const int64_t normal = -(int64_t)(x > -708); // all bits or none: a branch would keep the loops from vectors
	x = x > -708 ? x : -708;
	const double shift = 0x1.8p52; // rounds to a whole number; the logarithm of 2 is split so that its product with k is exact
	const double t = MULADD(x, 0x1.71547652b82fep0, shift), k = t - shift;
	double r = MULADD(k, -0x1.62e42feep-1, x);
	r = MULADD(k, -0x1.a39ef35793c76p-33, r);
	double p = 1.0 / 479001600; // Taylor's series: |r| is at most 0.35
	p = MULADD(p, r, 1.0 / 39916800);
	p = MULADD(p, r, 1.0 / 3628800);
	p = MULADD(p, r, 1.0 / 362880);
	p = MULADD(p, r, 1.0 / 40320);
	p = MULADD(p, r, 1.0 / 5040);
	p = MULADD(p, r, 1.0 / 720);
	p = MULADD(p, r, 1.0 / 120);
	p = MULADD(p, r, 1.0 / 24);
	p = MULADD(p, r, 1.0 / 6);
	p = MULADD(p, r, 0.5);
	p = MULADD(p, r, 1);
	p = MULADD(p, r, 1);
	union { double d; int64_t i; } bits = {t}, scale;
	scale.i = (bits.i + 1023) << 52 & normal; // the low bits of t are k
	return MULADD(p, scale.d, zero);
}

// softmax2 is softmax for two logits each.
TARGET static void NAME(softmax2)(const double *restrict logits, int64_t n, double *restrict probs) {
	for (int64_t i = 0; i < n; i++) {
		const double d = logits[2 * i + 1] - logits[2 * i], a = d < 0 ? d : -d;
		const double e = NAME(exp_)(a), large = 1 / (1 + e), small = e * large;
		probs[2 * i] = d > 0 ? small : large;
		probs[2 * i + 1] = d > 0 ? large : small;
	}
}

// log_ is the logarithm of 0 < x ≤ 1, by the series of the inverse hyperbolic tangent. Near 1 its error is the one of x. It is NaN if
// x is.
TARGET INLINE double NAME(log_)(double x) {
	union { double d; uint64_t i; } m = {x}, k;
	const uint64_t above = ((m.i & 0xfffffffffffff) + 0x95f619980c433) >> 52; // 1 if m is above the root of 2, and will be halved
	k.i = ((m.i >> 52) + above) | 0x4330000000000000; // 2^52 + exponent: vector units of AVX2 convert no whole numbers of 64 bits
	m.i = ((m.i & 0xfffffffffffff) | 0x3ff0000000000000) - (above << 52);
	const double f = m.d - 1, s = f / (2 + f), z = s * s;
	double p = 1.0 / 21;
	p = MULADD(p, z, 1.0 / 19);
	p = MULADD(p, z, 1.0 / 17);
	p = MULADD(p, z, 1.0 / 15);
	p = MULADD(p, z, 1.0 / 13);
	p = MULADD(p, z, 1.0 / 11);
	p = MULADD(p, z, 1.0 / 9);
	p = MULADD(p, z, 1.0 / 7);
	p = MULADD(p, z, 1.0 / 5);
	p = MULADD(p, z, 1.0 / 3);
	const double tail = 2 * s * z * p;
	return MULADD(k.d - (0x1p52 + 1023), 0x1.62e42fefa39efp-1, 2 * s + tail) + (x - x);
}

TARGET INLINE double NAME(largest)(const double *v, int64_t n) {
	FOUR most = {v[0], v[0], v[0], v[0]};
	int64_t k = 0;
	for (; k + 4 <= n; k += 4) {
		const FOUR x = *(const FOUR *)(v + k);
		const FOUR_BITS more = x > most;
		most = (FOUR)(((FOUR_BITS)x & more) | ((FOUR_BITS)most & ~more));
	}
	const double a = most[1] > most[0] ? most[1] : most[0], b = most[3] > most[2] ? most[3] : most[2];
	double c = b > a ? b : a;
	for (; k < n; k++) c = v[k] > c ? v[k] : c;
	return c;
}

TARGET INLINE double NAME(total)(FOUR v) { return (v[0] + v[1]) + (v[2] + v[3]); }

// sum adds in an order that does not depend on the instruction set.
TARGET INLINE double NAME(sum)(const double *v, int64_t n) {
	FOUR lanes = {0};
	int64_t k = 0;
	for (; k + 4 <= n; k += 4) lanes += *(const FOUR *)(v + k);
	for (; k < n; k++) lanes[0] += v[k];
	return NAME(total)(lanes);
}

TARGET static void NAME(softmax)(const double *restrict logits, const int64_t *start, int64_t n, double *restrict probs) {
	for (int64_t i = 0; i < n; i++) {
		const double most = NAME(largest)(logits + start[i], start[i + 1] - start[i]);
		for (int64_t k = start[i]; k < start[i + 1]; k++) probs[k] = logits[k] - most;
	}
	for (int64_t k = start[0]; k < start[n]; k++) probs[k] = NAME(exp_)(probs[k]); // over examples: groups are too short for vectors
	for (int64_t i = 0; i < n; i++) {
		const double inverse = 1 / NAME(sum)(probs + start[i], start[i + 1] - start[i]);
		for (int64_t k = start[i]; k < start[i + 1]; k++) probs[k] *= inverse;
	}
}

// gradient writes weight/total·(sum of targets·p - target) for each logit.
TARGET static void NAME(gradient)(const double *restrict probs, const double *restrict targets, const int64_t *start, int64_t n, const double *weights, double total, double *restrict grad) {
	const double each = 1 / total;
	if (start[n] - start[0] == 2 * n) {
		const double *p = probs + start[0], *t = targets + start[0];
		double *g = grad + start[0];
		for (int64_t i = 0; i < n; i++) {
			const double share = weights ? weights[i] / total : each, sum = t[2 * i] + t[2 * i + 1];
			g[2 * i] = share * (p[2 * i] * sum - t[2 * i]);
			g[2 * i + 1] = share * (p[2 * i + 1] * sum - t[2 * i + 1]);
		}
		return;
	}
	for (int64_t i = 0; i < n; i++) {
		const double share = weights ? weights[i] / total : each;
		const double sum = NAME(sum)(targets + start[i], start[i + 1] - start[i]);
		for (int64_t k = start[i]; k < start[i + 1]; k++) grad[k] = share * (probs[k] * sum - targets[k]);
	}
}

// hardened is gradient for targets (1-c)·labels + c·(1 for the most probable element, the first of equals).
TARGET static void NAME(hardened)(const double *restrict probs, const double *restrict labels, const int64_t *start, int64_t n, const double *weights, double total, double c, double *restrict grad) {
	if (start[n] - start[0] == 2 * n) {
		const double *p = probs + start[0], *t = labels + start[0];
		double *g = grad + start[0];
		for (int64_t i = 0; i < n; i++) {
			const double share = (weights ? weights[i] : 1) / total, first = p[2 * i] >= p[2 * i + 1];
			const double a = (1 - c) * t[2 * i] + c * first, b = (1 - c) * t[2 * i + 1] + c * (1 - first);
			g[2 * i] = share * (p[2 * i] * (a + b) - a);
			g[2 * i + 1] = share * (p[2 * i + 1] * (a + b) - b);
		}
		return;
	}
	for (int64_t i = 0; i < n; i++) {
		const double share = (weights ? weights[i] : 1) / total;
		const double sum = (1 - c) * NAME(sum)(labels + start[i], start[i + 1] - start[i]) + c, of = share * sum, less = share * (1 - c);
		for (int64_t k = start[i]; k < start[i + 1]; k++) grad[k] = of * probs[k] - less * labels[k];
		const double most = NAME(largest)(probs + start[i], start[i + 1] - start[i]);
		int64_t k = start[i];
		while (k + 1 < start[i + 1] && probs[k] != most) k++;
		grad[k] -= share * c;
	}
}

// cross_entropy returns the sum of weight·target·-log p.
TARGET static double NAME(cross_entropy)(const double *logits, const double *probs, const double *targets, const int64_t *start, int64_t n, const double *weights) {
	double all = 0;
	if (start[n] - start[0] == 2 * n) {
		const double *z = logits + start[0], *p = probs + start[0], *t = targets + start[0];
		for (int64_t at = 0; at < n; at += PAIRS) {
			const int64_t end = at + PAIRS < n ? at + PAIRS : n;
			double values[PAIRS];
			for (int64_t i = at; i < end; i++) {
				const double d = z[2 * i + 1] - z[2 * i], p0 = p[2 * i], p1 = p[2 * i + 1], t0 = t[2 * i], t1 = t[2 * i + 1];
				const double up = d > 0 ? d : 0;
				values[i - at] = t0 * up + t1 * (up - d) - (t0 + t1) * NAME(log_)(p0 > p1 ? p0 : p1);
			}
			for (int64_t i = at; weights && i < end; i++) values[i - at] *= weights[i];
			all += NAME(sum)(values, end - at);
		}
		return all;
	}
	for (int64_t i = 0; i < n; i++) {
		const int64_t from = start[i], to = start[i + 1];
		const double most = NAME(largest)(logits + from, to - from);
		FOUR distances = {0}, sums = {0}; // of targets·(largest logit - logit), and of targets
		int64_t k = from;
		for (; k + 4 <= to; k += 4) {
			const FOUR t = *(const FOUR *)(targets + k);
			distances += t * (most - *(const FOUR *)(logits + k));
			sums += t;
		}
		for (; k < to; k++) {
			distances[0] += targets[k] * (most - logits[k]);
			sums[0] += targets[k];
		}
		const double value = NAME(total)(distances) - NAME(total)(sums) * NAME(log_)(NAME(largest)(probs + from, to - from));
		all += weights ? weights[i] * value : value;
	}
	return all;
}

// entropy adds the gradient of alpha·weight/total·entropy to grad. It returns the sum of alpha·weight/total·entropy.
TARGET static double NAME(entropy)(const double *logits, const double *probs, const int64_t *start, int64_t n, const double *weights, double total, double alpha, double *restrict grad) {
	double all = 0;
	if (start[n] - start[0] == 2 * n) {
		const double *z = logits + start[0], *p = probs + start[0];
		double *g = grad + start[0];
		for (int64_t at = 0; at < n; at += PAIRS) {
			const int64_t end = at + PAIRS < n ? at + PAIRS : n;
			double values[PAIRS], scales[PAIRS];
			for (int64_t i = at; i < end; i++) scales[i - at] = alpha * ((weights ? weights[i] : 1) / total);
			for (int64_t i = at; i < end; i++) {
				const double d = z[2 * i + 1] - z[2 * i], p0 = p[2 * i], p1 = p[2 * i + 1], scale = scales[i - at];
				const double up = d > 0 ? d : 0, top = NAME(log_)(p0 > p1 ? p0 : p1), log0 = top - up, log1 = top - (up - d), h = -(p0 * log0 + p1 * log1);
				g[2 * i] -= scale * p0 * (log0 + h);
				g[2 * i + 1] -= scale * p1 * (log1 + h);
				values[i - at] = scale * h;
			}
			all += NAME(sum)(values, end - at);
		}
		return all;
	}
	for (int64_t i = 0; i < n; i++) {
		const int64_t from = start[i], to = start[i + 1];
		const double less = NAME(log_)(NAME(largest)(probs + from, to - from)) - NAME(largest)(logits + from, to - from);
		FOUR lanes = {0};
		int64_t k = from;
		for (; k + 4 <= to; k += 4) lanes -= *(const FOUR *)(probs + k) * (*(const FOUR *)(logits + k) + less);
		for (; k < to; k++) lanes[0] -= probs[k] * (logits[k] + less);
		const double h = NAME(total)(lanes), scale = alpha * ((weights ? weights[i] : 1) / total);
		for (k = from; k < to; k++) grad[k] -= scale * probs[k] * (logits[k] + less + h);
		all += scale * h;
	}
	return all;
}

// sqrt_ is the square root of x ≥ 0, by Newton's method for 1/√x. The library's function sets errno, which keeps gcc from vectors.
TARGET INLINE double NAME(sqrt_)(double x) {
	union { double d; uint64_t i; } y = {x};
	y.i = 0x5fe6eb50c7b537a9 - (y.i >> 1); // within 4 %
	double half = 0.5 * x;
	for (int i = 0; i < 4; i++) y.d = y.d * (1.5 - half * y.d * y.d);
	return x * y.d;
}

// adam takes a step: m and v are means of the gradient and of its squares, with beta 0.9 and 0.999.
TARGET static void NAME(adam)(const double *restrict grad, int64_t n, double rate, double c2, double eps, double *restrict m, double *restrict v, double *restrict theta) {
	for (int64_t i = 0; i < n; i++) {
		const double g = grad[i];
		m[i] = 0.9 * m[i] + (1 - 0.9) * g;
		v[i] = 0.999 * v[i] + (1 - 0.999) * g * g;
		theta[i] -= rate * m[i] / (NAME(sqrt_)(v[i]) / c2 + eps);
	}
}

// standardise32 and standardise64 write (row - mean)·factor, rounded to float.
TARGET static void NAME(standardise32)(const float *restrict row, const double *restrict mean, const double *restrict factor, int64_t n, float *restrict out) {
	for (int64_t i = 0; i < n; i++) out[i] = (float)(((double)row[i] - mean[i]) * factor[i]);
}

TARGET static void NAME(standardise64)(const float *restrict row, const double *restrict mean, const double *restrict factor, int64_t n, double *restrict out) {
	for (int64_t i = 0; i < n; i++) out[i] = (float)(((double)row[i] - mean[i]) * factor[i]);
}

#undef NAME
