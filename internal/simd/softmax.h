// Softmax for one instruction set. simd.c includes this file once for each, with these macros:
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

TARGET static void NAME(softmax)(const double *restrict logits, const int64_t *start, int64_t n, double *restrict probs) {
	for (int64_t i = 0; i < n; i++) {
		const double *z = logits + start[i];
		double *p = probs + start[i];
		const int64_t size = start[i + 1] - start[i];
		double most = z[0];
		for (int64_t k = 1; k < size; k++) most = z[k] > most ? z[k] : most;
		for (int64_t k = 0; k < size; k++) p[k] = NAME(exp_)(z[k] - most);
		double sums[4] = {0}; // the order of the sum does not depend on the instruction set
		int64_t j = 0;
		for (; j + 4 <= size; j += 4) {
			for (int l = 0; l < 4; l++) sums[l] += p[j + l];
		}
		for (; j < size; j++) sums[0] += p[j];
		const double sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
		const double inverse = 1 / sum;
		for (int64_t k = 0; k < size; k++) p[k] *= inverse;
	}
}

#undef NAME
