// Layers: a product with a constant matrix, and what usually follows it.
#include "amx.h"
#include "tiles.h"

#ifdef W2S_TILES

#include <cpuid.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	deep = 16, // blocks along k that are added up in registers
	high = 12, // most blocks of rows of x that are laid out at a time: half of a core's cache
	tall = 5,  // from so many on, the cache fetches the next part of W meanwhile; with fewer, it has no time left
	line = 64, // bytes
};

struct w2s_matrix {
	int64_t k, n, kblocks, nblocks;
	int gelu;
	float *bias;     // [nblocks * side]
	uint16_t *parts; // [nblocks][kblocks][block]
};

int w2s_amx_enable(void) {
	unsigned a, b, c, d;
	const unsigned bf16 = 1u << 22, tiles = 1u << 24, avx512 = 1u << 16, bw = 1u << 30, dq = 1u << 17, vl = 1u << 31, vnni_bf16 = 1u << 5;
	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & (bf16 | tiles)) != (bf16 | tiles) ||
	    (b & (avx512 | bw | dq | vl)) != (avx512 | bw | dq | vl)) return 0;
	if (!__get_cpuid_count(7, 1, &a, &b, &c, &d) || !(a & vnni_bf16)) return 0;
	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & (1u << 27))) return 0;
	unsigned low, top;
	__asm__("xgetbv" : "=a"(low), "=d"(top) : "c"(0));
	const unsigned saved = 0x600e6; // SSE, AVX, the three states of AVX-512, both states of the tile unit
	if ((low & saved) != saved) return 0;
	enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
	return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

TILES w2s_matrix *w2s_matrix_new(int64_t k, int64_t n, const float *w, int64_t row, int64_t column, const float *bias, int gelu) {
	w2s_matrix *m = calloc(1, sizeof *m);
	if (!m) return NULL;
	m->k = k, m->n = n, m->kblocks = (k + side - 1) / side, m->nblocks = (n + side - 1) / side, m->gelu = gelu;
	// A large matrix lies in large pages, as far as it fills them.
	const size_t bytes = (size_t)m->kblocks * m->nblocks * block * sizeof *m->parts, large = 2 << 20;
	m->parts = aligned_alloc(bytes < large ? line : large, bytes);
	if (m->parts && bytes >= large) madvise(m->parts, bytes, MADV_HUGEPAGE);
	m->bias = calloc(m->nblocks * side, sizeof *bias);
	if (!m->parts || !m->bias) {
		w2s_matrix_free(m);
		return NULL;
	}
	if (bias) memcpy(m->bias, bias, n * sizeof *bias);
	uint16_t *to = m->parts;
	for (int64_t j0 = 0; j0 < n; j0 += side) {
		for (int64_t i0 = 0; i0 < k; i0 += side, to += block) {
			if (column == 1) {
				right_block(to, w + i0 * row + j0, row, k - i0, n - j0);
				continue;
			}
			square b;
			for (int64_t i = i0; i < i0 + side && i < k; i++)
				for (int64_t j = j0; j < j0 + side && j < n; j++) b[i - i0][j - j0] = w[i * row + j * column];
			right_block(to, b[0], side, k - i0, n - j0);
		}
	}
	return m;
}

void w2s_matrix_free(w2s_matrix *m) {
	if (!m) return;
	free(m->bias);
	free(m->parts);
	free(m);
}

int64_t w2s_matrix_k(const w2s_matrix *m) { return m->k; }
int64_t w2s_matrix_n(const w2s_matrix *m) { return m->n; }
size_t w2s_matrix_scratch(void) { return (size_t)high * deep * block * sizeof(uint16_t); }

// get reads a block of y, at most side rows and columns.
INLINE void get(square to, const float *y, int64_t stride, int64_t rows, int64_t columns) {
	const __mmask16 a = first(columns), b = first(columns - 16);
	for (int64_t r = 0; r < side && r < rows; r++) {
		_mm512_store_ps(to[r], _mm512_maskz_loadu_ps(a, y + r * stride));
		_mm512_store_ps(to[r] + 16, _mm512_maskz_loadu_ps(b, y + r * stride + 16));
	}
}

// gelu is x - x·e/2 for x > 0 and x·e/2 for x < 0, where e = erfc(|x|/√2) = 2^-p(|x|). The polynomial is from gelu.py, which
// gives the error: 8.3e-8 |x|.
INLINE __m512 gelu(__m512 x) {
	static const float p[] = {1.15110552f, 0.45920977f, 0.0524740107f, -0.00699697994f, 4.67593054e-05f, 0.0002506733f,
		-6.44124084e-05f, 7.80145547e-06f, -3.92869168e-07f};
	const __m512 t = _mm512_min_ps(_mm512_set1_ps(6), _mm512_abs_ps(x)); // in this order, NaN stays NaN
	__m512 y = _mm512_set1_ps(p[8]);
#pragma GCC unroll 8
	for (int i = 7; i >= 0; i--) y = _mm512_fmadd_ps(y, t, _mm512_set1_ps(p[i]));
	const __m512 e = power(_mm512_sub_ps(_mm512_setzero_ps(), _mm512_mul_ps(y, t)));
	const __m512 half = _mm512_mul_ps(_mm512_mul_ps(_mm512_set1_ps(0.5f), _mm512_abs_ps(x)), e);
	return _mm512_sub_ps(_mm512_max_ps(_mm512_setzero_ps(), x), half);
}

// A result is a block of x·W on its way to y. Its rows are moved while the next block is multiplied: the tile unit and the
// vector units work side by side then.
typedef struct {
	square sum;
	float *y;
	int64_t column, row, rows;
	int last; // the sum is complete: bias and activation are due
} result;

// move_rows moves up to n rows.
INLINE void move_rows(const w2s_matrix *m, result *f, int64_t n) {
	const __m512 c = _mm512_loadu_ps(m->bias + f->column), d = _mm512_loadu_ps(m->bias + f->column + 16);
	const __mmask16 low = first(m->n - f->column), high = first(m->n - f->column - 16);
	for (; n > 0 && f->row < f->rows; n--, f->row++) {
		__m512 a = _mm512_load_ps(f->sum[f->row]), b = _mm512_load_ps(f->sum[f->row] + 16);
		if (f->last) a = _mm512_add_ps(a, c), b = _mm512_add_ps(b, d);
		if (f->last && m->gelu) a = gelu(a), b = gelu(b);
		_mm512_mask_storeu_ps(f->y + f->row * m->n, low, a);
		_mm512_mask_storeu_ps(f->y + f->row * m->n + 16, high, b);
	}
}

// fetch has the cache fetch a share of a block: part i of n.
INLINE void fetch(const uint16_t *b, int64_t i, int64_t n) {
	const int64_t lines = block * sizeof *b / line;
	for (int64_t l = lines * i / n; l < lines * (i + 1) / n; l++) _mm_prefetch((const char *)b + l * line, _MM_HINT_T1);
}

// multiply_chunk adds the product of at most high·side rows of x with depth blocks along k, from k0 on, to y.
TILES static void multiply_chunk(const w2s_matrix *m, const float *x, int64_t rows, float *y, int64_t k0, int64_t depth, uint16_t *left) {
	result results[2], *now = &results[0], *before = &results[1], *other;
	before->column = before->row = before->rows = 0;
	const int64_t count = (rows + side - 1) / side;
	for (int64_t l = 0; l < depth; l++) left_block(left + l * block, x + (k0 + l) * side, m->k, rows, m->k - (k0 + l) * side);
	for (int64_t j = 0; j < m->nblocks; j++) {
		for (int64_t i = 0; i < rows; i += side) {
			const uint16_t *a = left + i / side * depth * block, *b = m->parts + (j * m->kblocks + k0) * block;
			now->y = y + i * m->n + j * side, now->column = j * side, now->row = 0;
			now->rows = rows - i < side ? rows - i : side, now->last = k0 + depth == m->kblocks;
			zero_sum();
			if (k0 > 0) {
				get(now->sum, now->y, m->n, now->rows, m->n - now->column);
				load_sum((const float(*)[side])now->sum);
			}
			for (int64_t l = 0; l < depth; l++) {
				ADD_PRODUCT(a + l * block, b + l * block);
				move_rows(m, before, (side + depth - 1) / depth);
				if (count > tall && j + 1 < m->nblocks) fetch(b + (m->kblocks + l) * block, i / side, count);
				if (j == 0 && i + side < rows) // meanwhile, the next rows of x are laid out
					left_block(left + ((i / side + 1) * depth + l) * block, x + (i + side) * m->k + (k0 + l) * side, m->k, rows - i - side, m->k - (k0 + l) * side);
			}
			store_sum(now->sum[0], side);
			other = before, before = now, now = other;
		}
	}
	move_rows(m, before, side);
}

TILES void w2s_matrix_multiply(const w2s_matrix *m, const float *x, int64_t rows, float *y, void *scratch) {
	// As few passes over W as there can be, of nearly the same height.
	const int64_t count = (rows + side - 1) / side, passes = (count + high - 1) / high;
	configure();
	for (int64_t p = 0; p < passes; p++) {
		const int64_t from = count * p / passes * side, to = count * (p + 1) / passes * side;
		for (int64_t k0 = 0; k0 < m->kblocks; k0 += deep)
			multiply_chunk(m, x + from * m->k, (to < rows ? to : rows) - from, y + from * m->n, k0,
			               m->kblocks - k0 < deep ? m->kblocks - k0 : deep, scratch);
	}
	_tile_release();
}

#else

int w2s_amx_enable(void) { return 0; }
w2s_matrix *w2s_matrix_new(int64_t k, int64_t n, const float *w, int64_t row, int64_t column, const float *bias, int gelu) { return NULL; }
void w2s_matrix_free(w2s_matrix *m) {}
int64_t w2s_matrix_k(const w2s_matrix *m) { return 0; }
int64_t w2s_matrix_n(const w2s_matrix *m) { return 0; }
size_t w2s_matrix_scratch(void) { return 64; }
void w2s_matrix_multiply(const w2s_matrix *m, const float *x, int64_t rows, float *y, void *scratch) {}

#endif
