// The product of two float32 matrices as six products of bfloat16 matrices, with what usually follows in a layer.
//
// A float32 number has 24 significant bits, a bfloat16 number 8: x = x0 + x1 + x2 where x0 is x rounded to bfloat16, x1 is
// the rest rounded, and x2 what is left then. Of the nine products of the parts of x and w those of x1·w2, x2·w1 and x2·w2
// are below the last bit of a float32 and are left out; the other six are exact and are added up in float32 by the tile
// unit. (Henry, Tang, Heinecke: Leveraging the bfloat16 Artificial Intelligence Datatype For Higher-Precision Computations,
// 2019.) The unit adds up 32 products by themselves before it adds them to the sum, so that this is nearer to the exact one
// than that of a loop of fused multiply-adds.
#include "amx.h"

#if (defined(__clang__) && __clang_major__ >= 12) || (!defined(__clang__) && defined(__GNUC__) && __GNUC__ >= 11)

#include <cpuid.h>
#include <immintrin.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TILES __attribute__((target("amx-tile,amx-bf16,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))
#define INLINE TILES static inline __attribute__((always_inline))

enum {
	parts = 3,
	side = 32,                  // a block is side x side numbers, in tiles of 16 x 32 on the left and 32 x 16 on the right
	tile = 512,                 // bfloat16 numbers in a tile
	part = 2 * tile,            // in the two tiles of a part of a block
	block = parts * part,       // in a block
	deep = 16,                  // blocks along k that are added up in registers
	high = 8,                   // blocks of rows of x that are kept laid out, so that they fill half of a core's cache
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

// wide turns 16 bfloat16 numbers into float32.
INLINE __m512 wide(__m256i h) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16)); }

// split takes 32 numbers apart: out[p] holds part p of a in its lower half and that of b in its upper half.
INLINE void split(__m512 a, __m512 b, __m512i out[parts]) {
	for (int p = 0; p < parts; p++) {
		out[p] = (__m512i)_mm512_cvtne2ps_pbh(b, a);
		a = _mm512_sub_ps(a, wide(_mm512_castsi512_si256(out[p])));
		b = _mm512_sub_ps(b, wide(_mm512_extracti64x4_epi64(out[p], 1)));
	}
}

// first is a mask of the first n of 16 numbers.
INLINE __mmask16 first(int64_t n) { return n >= 16 ? 0xffff : n <= 0 ? 0 : (__mmask16)((1u << n) - 1); }

// left_block lays out the beginning of x, at most side rows and columns, as tiles of 16 rows.
TILES static void left_block(uint16_t *to, const float *x, int64_t stride, int64_t rows, int64_t columns) {
	const __mmask16 a = first(columns), b = first(columns - 16);
	for (int r = 0; r < side; r++) {
		__m512i p[parts] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
		if (r < rows) split(_mm512_maskz_loadu_ps(a, x + r * stride), _mm512_maskz_loadu_ps(b, x + r * stride + 16), p);
		for (int i = 0; i < parts; i++) _mm512_store_si512(to + i * part + r * side, p[i]);
	}
}

// right_block lays out a block of W, [side][side] with zeros where W has ended, as tiles of 16 columns. The unit wants two
// numbers that follow each other in a column side by side.
TILES static void right_block(uint16_t *to, const float w[side][side]) {
	for (int t = 0; t < 2; t++) {
		for (int r = 0; r < 16; r++) {
			__m512i p[parts];
			split(_mm512_load_ps(w[2 * r] + 16 * t), _mm512_load_ps(w[2 * r + 1] + 16 * t), p);
			for (int i = 0; i < parts; i++) {
				const __m512i even = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(p[i]));
				const __m512i odd = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(p[i], 1));
				_mm512_store_si512(to + i * part + t * tile + r * side, _mm512_or_si512(even, _mm512_slli_epi32(odd, 16)));
			}
		}
	}
}

w2s_matrix *w2s_matrix_new(int64_t k, int64_t n, const float *w, int64_t row, int64_t column, const float *bias, int gelu) {
	w2s_matrix *m = calloc(1, sizeof *m);
	if (!m) return NULL;
	m->k = k, m->n = n, m->kblocks = (k + side - 1) / side, m->nblocks = (n + side - 1) / side, m->gelu = gelu;
	m->parts = aligned_alloc(64, (size_t)m->kblocks * m->nblocks * block * sizeof *m->parts);
	m->bias = calloc(m->nblocks * side, sizeof *bias);
	if (!m->parts || !m->bias) {
		w2s_matrix_free(m);
		return NULL;
	}
	if (bias) memcpy(m->bias, bias, n * sizeof *bias);
	uint16_t *to = m->parts;
	for (int64_t j0 = 0; j0 < n; j0 += side) {
		for (int64_t i0 = 0; i0 < k; i0 += side, to += block) {
			float b[side][side] __attribute__((aligned(64))) = {0};
			for (int64_t i = i0; i < i0 + side && i < k; i++)
				for (int64_t j = j0; j < j0 + side && j < n; j++) b[i - i0][j - j0] = w[i * row + j * column];
			right_block(to, (const float(*)[side])b);
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

// configure gives each of the eight tile registers 16 rows of 64 bytes.
TILES static void configure(void) {
	struct {
		uint8_t palette, start, reserved[14];
		uint16_t bytes[16];
		uint8_t rows[16];
	} c = {.palette = 1};
	for (int i = 0; i < 8; i++) c.bytes[i] = 64, c.rows[i] = 16;
	__asm__ volatile("ldtilecfg %0" : : "m"(c));
}

// Registers 0 to 3 hold a block of the sum; 4 and 5 one part of a block of x, 6 and 7 one of W.
#define LEFT(p)                                   \
	_tile_loadd(4, a + (p)*part, 64);             \
	_tile_dpbf16ps(0, 4, 6);                      \
	_tile_dpbf16ps(1, 4, 7);                      \
	_tile_loadd(5, a + (p)*part + tile, 64);      \
	_tile_dpbf16ps(2, 5, 6);                      \
	_tile_dpbf16ps(3, 5, 7)
#define RIGHT(p)                                  \
	_tile_loadd(6, b + (p)*part, 64);             \
	_tile_dpbf16ps(0, 4, 6);                      \
	_tile_dpbf16ps(2, 5, 6);                      \
	_tile_loadd(7, b + (p)*part + tile, 64);      \
	_tile_dpbf16ps(1, 4, 7);                      \
	_tile_dpbf16ps(3, 5, 7)

// multiply_blocks adds the product of n blocks to the block of the sum: in this order each part is loaded once, but for
// one.
#define MULTIPLY_BLOCKS(a0, b0, n)                                                        \
	for (const uint16_t *a = (a0), *b = (b0), *end = a + (n)*block; a < end; a += block, b += block) { \
		_tile_loadd(6, b + 2 * part, 64);                                                 \
		_tile_loadd(7, b + 2 * part + tile, 64);                                          \
		LEFT(0);                                                                          \
		RIGHT(1);                                                                         \
		RIGHT(0);                                                                         \
		LEFT(2);                                                                          \
		LEFT(1);                                                                          \
		RIGHT(1);                                                                         \
	}

// get and put move a block of y, at most side rows and columns.
INLINE void get(float to[side][side], const float *y, int64_t stride, int64_t rows, int64_t columns) {
	const __mmask16 a = first(columns), b = first(columns - 16);
	for (int64_t r = 0; r < side && r < rows; r++) {
		_mm512_store_ps(to[r], _mm512_maskz_loadu_ps(a, y + r * stride));
		_mm512_store_ps(to[r] + 16, _mm512_maskz_loadu_ps(b, y + r * stride + 16));
	}
}

INLINE void put(float *y, int64_t stride, int64_t rows, int64_t columns, const float from[side][side]) {
	const __mmask16 a = first(columns), b = first(columns - 16);
	for (int64_t r = 0; r < side && r < rows; r++) {
		_mm512_mask_storeu_ps(y + r * stride, a, _mm512_load_ps(from[r]));
		_mm512_mask_storeu_ps(y + r * stride + 16, b, _mm512_load_ps(from[r] + 16));
	}
}

// gelu is x - x·e/2 for x > 0 and x·e/2 for x < 0, where e = erfc(|x|/√2) = 2^-p(|x|). The polynomials are from gelu.py,
// which gives their error: 8.3e-8 |x|.
INLINE __m512 gelu(__m512 x) {
	static const float p[] = {1.15110552f, 0.45920977f, 0.0524740107f, -0.00699697994f, 4.67593054e-05f, 0.0002506733f,
		-6.44124084e-05f, 7.80145547e-06f, -3.92869168e-07f};
	static const float e[] = {1, 0.693147182f, 0.240226507f, 0.055503279f, 0.00961800478f, 0.00134002732f, 0.000154761816f};
	const __m512 t = _mm512_min_ps(_mm512_set1_ps(6), _mm512_abs_ps(x)); // in this order, NaN stays NaN
	__m512 y = _mm512_set1_ps(p[8]);
#pragma GCC unroll 8
	for (int i = 7; i >= 0; i--) y = _mm512_fmadd_ps(y, t, _mm512_set1_ps(p[i]));
	y = _mm512_sub_ps(_mm512_setzero_ps(), _mm512_mul_ps(y, t));
	const __m512 n = _mm512_roundscale_ps(y, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC), r = _mm512_sub_ps(y, n);
	__m512 power = _mm512_set1_ps(e[6]);
#pragma GCC unroll 8
	for (int i = 5; i >= 0; i--) power = _mm512_fmadd_ps(power, r, _mm512_set1_ps(e[i]));
	const __m512 half = _mm512_mul_ps(_mm512_mul_ps(_mm512_set1_ps(0.5f), _mm512_abs_ps(x)), _mm512_scalef_ps(power, n));
	return _mm512_sub_ps(_mm512_max_ps(_mm512_setzero_ps(), x), half);
}

// finish puts a block of x·W with bias and activation.
INLINE void finish(const w2s_matrix *m, int64_t column, float *y, int64_t rows, float sum[side][side]) {
	const __m512 c = _mm512_loadu_ps(m->bias + column), d = _mm512_loadu_ps(m->bias + column + 16);
	for (int64_t r = 0; r < side && r < rows; r++) {
		__m512 a = _mm512_add_ps(_mm512_load_ps(sum[r]), c), b = _mm512_add_ps(_mm512_load_ps(sum[r] + 16), d);
		if (m->gelu) a = gelu(a), b = gelu(b);
		_mm512_store_ps(sum[r], a);
		_mm512_store_ps(sum[r] + 16, b);
	}
	put(y, m->n, rows, m->n - column, (const float(*)[side])sum);
}

TILES void w2s_matrix_multiply(const w2s_matrix *m, const float *x, int64_t rows, float *y, void *scratch) {
	const int64_t k = m->k, n = m->n;
	uint16_t *left = scratch;
	float sum[side][side] __attribute__((aligned(64))) = {0};
	configure();
	for (int64_t i0 = 0; i0 < rows; i0 += high * side) {
		const int64_t tall = rows - i0 < high * side ? rows - i0 : high * side;
		for (int64_t k0 = 0; k0 < m->kblocks; k0 += deep) {
			const int64_t depth = m->kblocks - k0 < deep ? m->kblocks - k0 : deep;
			uint16_t *to = left;
			for (int64_t i = 0; i < tall; i += side)
				for (int64_t l = k0; l < k0 + depth; l++, to += block)
					left_block(to, x + (i0 + i) * k + l * side, k, tall - i, k - l * side);
			for (int64_t j = 0; j < m->nblocks; j++) {
				const uint16_t *right = m->parts + (j * m->kblocks + k0) * block;
				for (int64_t i = 0; i < tall; i += side) {
					float *out = y + (i0 + i) * n + j * side;
					if (k0 == 0) {
						_tile_zero(0);
						_tile_zero(1);
						_tile_zero(2);
						_tile_zero(3);
					} else {
						get(sum, out, n, tall - i, n - j * side);
						_tile_loadd(0, sum[0], sizeof sum[0]);
						_tile_loadd(1, sum[0] + 16, sizeof sum[0]);
						_tile_loadd(2, sum[16], sizeof sum[0]);
						_tile_loadd(3, sum[16] + 16, sizeof sum[0]);
					}
					MULTIPLY_BLOCKS(left + i / side * depth * block, right, depth);
					_tile_stored(0, sum[0], sizeof sum[0]);
					_tile_stored(1, sum[0] + 16, sizeof sum[0]);
					_tile_stored(2, sum[16], sizeof sum[0]);
					_tile_stored(3, sum[16] + 16, sizeof sum[0]);
					if (k0 + depth == m->kblocks)
						finish(m, j * side, out, tall - i, sum);
					else
						put(out, n, tall - i, n - j * side, (const float(*)[side])sum);
				}
			}
		}
	}
	_tile_release();
}

#else // a compiler that does not know the tile unit

int w2s_amx_enable(void) { return 0; }
w2s_matrix *w2s_matrix_new(int64_t k, int64_t n, const float *w, int64_t row, int64_t column, const float *bias, int gelu) { return NULL; }
void w2s_matrix_free(w2s_matrix *m) {}
int64_t w2s_matrix_k(const w2s_matrix *m) { return 0; }
int64_t w2s_matrix_n(const w2s_matrix *m) { return 0; }
size_t w2s_matrix_scratch(void) { return 64; }
void w2s_matrix_multiply(const w2s_matrix *m, const float *x, int64_t rows, float *y, void *scratch) {}

#endif
