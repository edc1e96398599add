// The products for one instruction set and type. simd.c includes this file once for each, with these macros:
//
//	NAME(f)     name of f for the instruction set and the type
//	TARGET      attribute of functions that use the instruction set
//	REAL        float or double
//	INDEX       whole number of the same size
//	LANES       numbers in a vector: 2, 4, 8 or 16
//	ROWS, COLS  rows and columns whose dot products are computed together
//	WIDE        vectors of dimensions whose sums over rows are computed together
//
// The rows of x that are multiplied are those of index. The blocks order the work only. A number of a result is the same sum in the same order in every block.

typedef REAL NAME(vec) __attribute__((vector_size(sizeof(REAL) * LANES), aligned(sizeof(REAL)), may_alias));
typedef INDEX NAME(index) __attribute__((vector_size(sizeof(REAL) * LANES)));
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
#elif LANES == 4
	if (half == 2) return FOLD(LIST(0, 1, 4, 5), LIST(2, 3, 6, 7));
	return FOLD(LIST(0, 2, 4, 6), LIST(1, 3, 5, 7));
#else
	return FOLD(LIST(0, 2), LIST(1, 3));
#endif
}

// rows_at writes where rows from:from+n of x begin.
TARGET INLINE void NAME(rows_at)(const REAL *x, const int32_t *index, int64_t from, int64_t n, int64_t dims, const REAL **at) {
	for (int64_t r = 0; r < n; r++) at[r] = x + index[from + r] * dims;
}

// dots computes z[k*zstride+r] = x[r]·w[k] for R rows and K columns.
TARGET INLINE void NAME(dots)(const REAL *const *x, const REAL *w, int64_t dims, REAL *z, int64_t zstride, const int R, const int K) {
	enum { FULL = (ROWS * COLS + LANES - 1) / LANES * LANES };
	VEC sum[FULL];
	UNROLL for (int i = 0; i < FULL; i++) sum[i] = (VEC){0};
	for (int64_t j = 0; j < dims; j += LANES) {
		VEC xs[ROWS];
		UNROLL for (int r = 0; r < R; r++) xs[r] = *(const VEC *)(x[r] + j);
		UNROLL for (int k = 0; k < K; k++) {
			const VEC ws = *(const VEC *)(w + k * dims + j);
			UNROLL for (int r = 0; r < R; r++) sum[k * R + r] += xs[r] * ws;
		}
	}
	if (R == ROWS && K > 1) { // sums that are packed are folded together; those of columns that are not there are zeros
		UNROLL for (int half = LANES / 2, n = FULL; half > 0; half /= 2) {
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

// rows_of computes z for n rows and K columns.
TARGET INLINE void NAME(rows_of)(const REAL *const *x, int64_t n, int64_t dims, const REAL *w, REAL *z, int64_t zstride, const int K) {
	int64_t r = 0;
	for (; r + ROWS <= n; r += ROWS) NAME(dots)(x + r, w, dims, z + r, zstride, ROWS, K);
	for (; r < n; r++) NAME(dots)(x + r, w, dims, z + r, zstride, 1, K);
}

TARGET static void NAME(forward)(const REAL *x, const int32_t *index, int64_t rows, int64_t dims, const REAL *w, int64_t columns, REAL *z, int64_t zstride) {
	for (int64_t from = 0; from < rows; from += BLOCK) {
		const int64_t n = from + BLOCK < rows ? BLOCK : rows - from;
		const REAL *xs[BLOCK];
		NAME(rows_at)(x, index, from, n, dims, xs);
		REAL *zs = z + from;
		int64_t k = 0;
		for (; k + COLS <= columns; k += COLS) NAME(rows_of)(xs, n, dims, w + k * dims, zs + k * zstride, zstride, COLS);
		switch (columns - k) {
		case 3: NAME(rows_of)(xs, n, dims, w + k * dims, zs + k * zstride, zstride, 3); break;
		case 2: NAME(rows_of)(xs, n, dims, w + k * dims, zs + k * zstride, zstride, 2); break;
		case 1: NAME(rows_of)(xs, n, dims, w + k * dims, zs + k * zstride, zstride, 1);
		}
	}
}

// add computes d[k][j] += g[k][r]·x[r][first+j] over rows, for K columns and W vectors of dimensions.
TARGET INLINE void NAME(add)(const REAL *const *x, int64_t first, int64_t rows, int64_t dims, const REAL *g, int64_t gstride, REAL *d, const int K, const int W) {
	VEC sum[COLS * WIDE];
	UNROLL for (int k = 0; k < K; k++) {
		UNROLL for (int v = 0; v < W; v++) sum[k * W + v] = *(const VEC *)(d + k * dims + v * LANES);
	}
	for (int64_t r = 0; r < rows; r++) {
		VEC xs[WIDE];
		UNROLL for (int v = 0; v < W; v++) xs[v] = *(const VEC *)(x[r] + first + v * LANES);
		UNROLL for (int k = 0; k < K; k++) {
			const REAL s = g[k * gstride + r];
			UNROLL for (int v = 0; v < W; v++) sum[k * W + v] += xs[v] * s;
		}
	}
	UNROLL for (int k = 0; k < K; k++) {
		UNROLL for (int v = 0; v < W; v++) *(VEC *)(d + k * dims + v * LANES) = sum[k * W + v];
	}
}

// columns_of adds for all columns and W vectors of dimensions.
TARGET INLINE void NAME(columns_of)(const REAL *const *x, int64_t first, int64_t rows, int64_t dims, const REAL *g, int64_t columns, int64_t gstride, REAL *d, const int W) {
	int64_t k = 0;
	for (; k + COLS <= columns; k += COLS) NAME(add)(x, first, rows, dims, g + k * gstride, gstride, d + k * dims, COLS, W);
	switch (columns - k) {
	case 3: NAME(add)(x, first, rows, dims, g + k * gstride, gstride, d + k * dims, 3, W); break;
	case 2: NAME(add)(x, first, rows, dims, g + k * gstride, gstride, d + k * dims, 2, W); break;
	case 1: NAME(add)(x, first, rows, dims, g + k * gstride, gstride, d + k * dims, 1, W);
	}
}

TARGET static void NAME(backward)(const REAL *x, const int32_t *index, int64_t rows, int64_t dims, const REAL *g, int64_t columns, int64_t gstride, REAL *d) {
	for (int64_t from = 0; from < rows; from += BLOCK) {
		const int64_t n = from + BLOCK < rows ? BLOCK : rows - from;
		const REAL *xs[BLOCK], *gs = g + from;
		NAME(rows_at)(x, index, from, n, dims, xs);
		int64_t j = 0;
		for (; j + WIDE * LANES <= dims; j += WIDE * LANES) NAME(columns_of)(xs, j, n, dims, gs, columns, gstride, d + j, WIDE);
		for (; j < dims; j += LANES) NAME(columns_of)(xs, j, n, dims, gs, columns, gstride, d + j, 1);
	}
}

#undef VEC
#undef FOLD
#undef LIST
#undef NAME
#undef REAL
#undef INDEX
#undef LANES
