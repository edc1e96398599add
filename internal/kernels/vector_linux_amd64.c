//go:build cgo

// Layers on the vector unit (AVX-512): the product with a constant matrix W, the bias, and the GELU.
//
// The sums of 12 rows and 32 columns of y are in registers, until the bias and the GELU are computed in them. W is laid out in panels of 32
// columns. The rows of x are multiplied in parts that stay in the second-level cache while all panels pass. A number of y is the sum of
// its products in their order, each added with one rounding, whatever the rows beside it.
#define W2S_VECTOR
#include "kernels.h"
#include "tiles.h"

#ifdef W2S_TILES

enum {
	lanes = 16,
	wide = 2,       // vectors of columns of y whose sums are in registers
	high = 12,      // rows of y whose sums are in registers
	panel = wide * lanes,
	part = 1 << 16, // numbers of x that are multiplied at a time: they stay in the second-level cache
};

static w2s_matrix *create(int64_t k, int64_t n, const float *w, int64_t row, int64_t column, const float *bias, int gelu) {
	w2s_matrix *m = calloc(1, sizeof *m);
	if (!m) return NULL;
	m->k = k, m->n = n, m->nblocks = (n + panel - 1) / panel, m->gelu = gelu;
	const size_t columns = m->nblocks * panel;
	m->bias = aligned_alloc(64, columns * sizeof(float));
	m->panels = aligned_alloc(64, columns * k * sizeof(float));
	if (!m->bias || !m->panels) {
		w2s_matrix_free(m);
		return NULL;
	}
	for (int64_t j = 0; j < (int64_t)columns; j++) {
		m->bias[j] = bias && j < n ? bias[j] : 0;
		float *to = m->panels + j / panel * panel * k + j % panel;
		for (int64_t i = 0; i < k; i++) to[i * panel] = j < n ? w[i * row + j * column] : 0;
	}
	return m;
}

// block computes the given number of rows of a panel of y.
INLINE void block(const w2s_matrix *m, int64_t j, const float *x, float *y, const int rows) {
	const float *w = m->panels + j * panel * m->k;
	__m512 sum[high][wide];
#pragma GCC unroll 12
	for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
		for (int c = 0; c < wide; c++) sum[r][c] = _mm512_setzero_ps();
	for (int64_t i = 0; i < m->k; i++, w += panel) {
		__m512 ws[wide];
#pragma GCC unroll 2
		for (int c = 0; c < wide; c++) ws[c] = _mm512_load_ps(w + c * lanes);
#pragma GCC unroll 12
		for (int r = 0; r < rows; r++) {
			const __m512 v = _mm512_set1_ps(x[r * m->k + i]);
#pragma GCC unroll 2
			for (int c = 0; c < wide; c++) sum[r][c] = _mm512_fmadd_ps(v, ws[c], sum[r][c]);
		}
	}
#pragma GCC unroll 12
	for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
		for (int c = 0; c < wide; c++) {
			const int64_t at = j * panel + c * lanes;
			__m512 v = _mm512_add_ps(sum[r][c], _mm512_load_ps(m->bias + at));
			if (m->gelu) v = gelu(v);
			_mm512_mask_storeu_ps(y + r * m->n + at, first(m->n - at), v);
		}
}

TILES static void multiply(const w2s_matrix *m, const float *x, int64_t rows, float *y, void *memory) {
	const int64_t most = part / m->k / high > 1 ? part / m->k / high * high : high;
	for (int64_t from = 0; from < rows; from += most) {
		const int64_t to = from + most < rows ? from + most : rows;
		for (int64_t j = 0; j < m->nblocks; j++) {
			int64_t r = from;
			for (; r + high <= to; r += high) block(m, j, x + r * m->k, y + r * m->n, high);
			for (; r + 4 <= to; r += 4) block(m, j, x + r * m->k, y + r * m->n, 4);
			for (; r < to; r++) block(m, j, x + r * m->k, y + r * m->n, 1);
		}
	}
}

static size_t scratch(void) { return 64; }

const w2s_layer_kernels KERNELS(vector_layer) = {create, scratch, multiply};

#else

const w2s_layer_kernels KERNELS(vector_layer) = {NULL, NULL, NULL};

#endif
