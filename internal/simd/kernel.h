// The computations for one instruction set. simd.c includes this file once for each, with these macros:
//
//	NAME(f)     name of f for the instruction set
//	TARGET      attribute of functions that use it
//	MULADD      a·b + c
//	LANES       floats in a vector: 4, 8 or 16
//	ROWS, COLS  rows and columns whose dot products are computed together; ROWS·COLS is a multiple of LANES
//	WIDE        vectors of dimensions whose sums over rows are computed together
//
// The blocks order the work only. A number of a result is the same sum in the same order in every block.

typedef float NAME(vec) __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int NAME(index) __attribute__((vector_size(4 * LANES)));
#define VEC NAME(vec)

#ifdef __clang__
#define FOLD(low, high) (__builtin_shufflevector(a, b, low) + __builtin_shufflevector(a, b, high))
#else
#define FOLD(low, high) (__builtin_shuffle(a, b, (NAME(index)){low}) + __builtin_shuffle(a, b, (NAME(index)){high}))
#endif
#define LIST(...) __VA_ARGS__

// fold adds the upper half of every group of 2·half lanes of a and b to its lower half, and packs the sums.
TARGET INLINE VEC NAME(fold)(VEC a, VEC b, int half) {
#if LANES == 16
	if (half == 8) return FOLD(LIST(0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23), LIST(8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31));
	if (half == 4) return FOLD(LIST(0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27), LIST(4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31));
	if (half == 2) return FOLD(LIST(0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25, 28, 29), LIST(2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31));
	return FOLD(LIST(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30), LIST(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31));
#elif LANES == 8
	if (half == 4) return FOLD(LIST(0, 1, 2, 3, 8, 9, 10, 11), LIST(4, 5, 6, 7, 12, 13, 14, 15));
	if (half == 2) return FOLD(LIST(0, 1, 4, 5, 8, 9, 12, 13), LIST(2, 3, 6, 7, 10, 11, 14, 15));
	return FOLD(LIST(0, 2, 4, 6, 8, 10, 12, 14), LIST(1, 3, 5, 7, 9, 11, 13, 15));
#else
	if (half == 2) return FOLD(LIST(0, 1, 4, 5), LIST(2, 3, 6, 7));
	return FOLD(LIST(0, 2, 4, 6), LIST(1, 3, 5, 7));
#endif
}

// dots computes z[k*zstride+r] = x[r]·w[k] for R rows and K columns.
TARGET INLINE void NAME(dots)(const float *x, const float *w, int64_t dims, float *z, int64_t zstride, const int R, const int K) {
	VEC sum[ROWS * COLS];
	UNROLL for (int i = 0; i < R * K; i++) sum[i] = (VEC){0};
	for (int64_t j = 0; j < dims; j += LANES) {
		VEC xs[ROWS];
		UNROLL for (int r = 0; r < R; r++) xs[r] = *(const VEC *)(x + r * dims + j);
		UNROLL for (int k = 0; k < K; k++) {
			const VEC ws = *(const VEC *)(w + k * dims + j);
			UNROLL for (int r = 0; r < R; r++) sum[k * R + r] += xs[r] * ws;
		}
	}
	if (R * K % LANES == 0) {
		UNROLL for (int half = LANES / 2, n = R * K; half > 0; half /= 2) {
			n /= 2;
			UNROLL for (int i = 0; i < n; i++) sum[i] = NAME(fold)(sum[2 * i], sum[2 * i + 1], half);
		}
		UNROLL for (int k = 0; k < K; k++) {
			UNROLL for (int r = 0; r < R; r++) z[k * zstride + r] = sum[(k * R + r) / LANES][(k * R + r) % LANES];
		}
		return;
	}
	for (int k = 0; k < K; k++) {
		for (int r = 0; r < R; r++) {
			VEC s = sum[k * R + r];
			UNROLL for (int half = LANES / 2; half > 0; half /= 2) s = NAME(fold)(s, s, half);
			z[k * zstride + r] = s[0];
		}
	}
}

TARGET static void NAME(forward)(const float *x, int64_t rows, int64_t dims, const float *w, int64_t columns, float *z, int64_t zstride) {
	for (int64_t from = 0; from < rows; from += BLOCK) {
		const int64_t to = from + BLOCK < rows ? from + BLOCK : rows;
		int64_t k = 0;
		for (; k + COLS <= columns; k += COLS) {
			int64_t r = from;
			for (; r + ROWS <= to; r += ROWS) NAME(dots)(x + r * dims, w + k * dims, dims, z + k * zstride + r, zstride, ROWS, COLS);
			for (; r < to; r++) NAME(dots)(x + r * dims, w + k * dims, dims, z + k * zstride + r, zstride, 1, COLS);
		}
		for (; k < columns; k++) {
			int64_t r = from;
			for (; r + ROWS <= to; r += ROWS) NAME(dots)(x + r * dims, w + k * dims, dims, z + k * zstride + r, zstride, ROWS, 1);
			for (; r < to; r++) NAME(dots)(x + r * dims, w + k * dims, dims, z + k * zstride + r, zstride, 1, 1);
		}
	}
}

// add computes d[k][j] += g[k][r]·x[r][j] over rows, for K columns and W vectors of dimensions.
TARGET INLINE void NAME(add)(const float *x, int64_t rows, int64_t dims, const float *g, int64_t gstride, float *d, const int K, const int W) {
	VEC sum[COLS * WIDE];
	UNROLL for (int k = 0; k < K; k++) {
		UNROLL for (int v = 0; v < W; v++) sum[k * W + v] = *(const VEC *)(d + k * dims + v * LANES);
	}
	for (int64_t r = 0; r < rows; r++) {
		VEC xs[WIDE];
		UNROLL for (int v = 0; v < W; v++) xs[v] = *(const VEC *)(x + r * dims + v * LANES);
		UNROLL for (int k = 0; k < K; k++) {
			const float s = g[k * gstride + r];
			UNROLL for (int v = 0; v < W; v++) sum[k * W + v] += xs[v] * s;
		}
	}
	UNROLL for (int k = 0; k < K; k++) {
		UNROLL for (int v = 0; v < W; v++) *(VEC *)(d + k * dims + v * LANES) = sum[k * W + v];
	}
}

TARGET static void NAME(backward)(const float *x, int64_t rows, int64_t dims, const float *g, int64_t columns, int64_t gstride, float *d) {
	for (int64_t from = 0; from < rows; from += BLOCK) {
		const int64_t n = from + BLOCK < rows ? BLOCK : rows - from;
		const float *xs = x + from * dims, *gs = g + from;
		int64_t j = 0;
		for (; j + WIDE * LANES <= dims; j += WIDE * LANES) {
			int64_t k = 0;
			for (; k + COLS <= columns; k += COLS) NAME(add)(xs + j, n, dims, gs + k * gstride, gstride, d + k * dims + j, COLS, WIDE);
			for (; k < columns; k++) NAME(add)(xs + j, n, dims, gs + k * gstride, gstride, d + k * dims + j, 1, WIDE);
		}
		for (; j < dims; j += LANES) {
			int64_t k = 0;
			for (; k + COLS <= columns; k += COLS) NAME(add)(xs + j, n, dims, gs + k * gstride, gstride, d + k * dims + j, COLS, 1);
			for (; k < columns; k++) NAME(add)(xs + j, n, dims, gs + k * gstride, gstride, d + k * dims + j, 1, 1);
		}
	}
}

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

#undef VEC
#undef FOLD
#undef LIST
#undef NAME
#undef TARGET
#undef MULADD
#undef LANES
#undef ROWS
#undef COLS
#undef WIDE
