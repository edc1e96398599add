// The instructions that the kernels use, in plain C. Each function has the name of the intrinsic that it replaces and does what
// Intel's manual says about the instruction.
#ifndef W2S_EMULATED_H
#define W2S_EMULATED_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
	float f[16];
} __m512;
typedef struct {
	uint32_t u[16];
} __m512i;
typedef struct {
	uint16_t u[16];
} __m256i;
typedef uint16_t __mmask16;

enum { _MM_FROUND_TO_NEAREST_INT = 0, _MM_FROUND_NO_EXC = 8, _CMP_NLT_UQ = 21 };
#define _MM_HINT_T1 0
#define _mm_prefetch(at, hint) ((void)(at))

// LANES defines a function whose result has the given value in each of its 16 lanes.
#define LANES(type, field, name, arguments, value)                      \
	static inline type name arguments {                             \
		type r;                                                 \
		for (int i = 0; i < 16; i++) r.field[i] = (value);      \
		return r;                                               \
	}
#define FLOATS(name, arguments, value) LANES(__m512, f, name, arguments, value)
#define WORDS(name, arguments, value) LANES(__m512i, u, name, arguments, value)

static inline int chosen(__mmask16 m, int i) { return m >> i & 1; }

// Of two numbers of which one is NaN, minimum and maximum return the second.
static inline float smaller(float a, float b) { return a < b ? a : b; }
static inline float larger(float a, float b) { return a > b ? a : b; }
static inline uint32_t larger_signed(uint32_t a, uint32_t b) { return (int32_t)a > (int32_t)b ? a : b; }
static inline uint32_t rounded(float x) { return fabsf(x) < 0x1p31f ? (uint32_t)(int32_t)rintf(x) : 0x80000000u; } // NaN too
static inline float scaled(float x, float n) { return isnan(n) ? n : ldexpf(x, (int)floorf(larger(-1000, smaller(1000, n)))); }

FLOATS(_mm512_setzero_ps, (void), 0)
FLOATS(_mm512_set1_ps, (float x), x)
FLOATS(_mm512_abs_ps, (__m512 a), fabsf(a.f[i]))
FLOATS(_mm512_add_ps, (__m512 a, __m512 b), a.f[i] + b.f[i])
FLOATS(_mm512_sub_ps, (__m512 a, __m512 b), a.f[i] - b.f[i])
FLOATS(_mm512_mul_ps, (__m512 a, __m512 b), a.f[i] * b.f[i])
FLOATS(_mm512_div_ps, (__m512 a, __m512 b), a.f[i] / b.f[i])
FLOATS(_mm512_min_ps, (__m512 a, __m512 b), smaller(a.f[i], b.f[i]))
FLOATS(_mm512_max_ps, (__m512 a, __m512 b), larger(a.f[i], b.f[i]))
FLOATS(_mm512_mask_max_ps, (__m512 from, __mmask16 m, __m512 a, __m512 b), chosen(m, i) ? larger(a.f[i], b.f[i]) : from.f[i])
FLOATS(_mm512_fmadd_ps, (__m512 a, __m512 b, __m512 c), fmaf(a.f[i], b.f[i], c.f[i]))
FLOATS(_mm512_fnmadd_ps, (__m512 a, __m512 b, __m512 c), fmaf(-a.f[i], b.f[i], c.f[i]))
FLOATS(_mm512_roundscale_ps, (__m512 a, int mode), rintf(a.f[i]))
FLOATS(_mm512_scalef_ps, (__m512 a, __m512 b), scaled(a.f[i], b.f[i]))
FLOATS(_mm512_mask_mov_ps, (__m512 from, __mmask16 m, __m512 a), chosen(m, i) ? a.f[i] : from.f[i])
FLOATS(_mm512_maskz_mov_ps, (__mmask16 m, __m512 a), chosen(m, i) ? a.f[i] : 0)
FLOATS(_mm512_load_ps, (const float *p), p[i])
FLOATS(_mm512_loadu_ps, (const float *p), p[i])
FLOATS(_mm512_maskz_loadu_ps, (__mmask16 m, const float *p), chosen(m, i) ? p[i] : 0)
FLOATS(_mm512_cvtepi32_ps, (__m512i a), (float)(int32_t)a.u[i])

WORDS(_mm512_setzero_si512, (void), 0)
WORDS(_mm512_set1_epi32, (uint32_t x), x)
WORDS(_mm512_add_epi32, (__m512i a, __m512i b), a.u[i] + b.u[i])
WORDS(_mm512_sub_epi32, (__m512i a, __m512i b), a.u[i] - b.u[i])
WORDS(_mm512_and_si512, (__m512i a, __m512i b), a.u[i] & b.u[i])
WORDS(_mm512_or_si512, (__m512i a, __m512i b), a.u[i] | b.u[i])
WORDS(_mm512_xor_si512, (__m512i a, __m512i b), a.u[i] ^ b.u[i])
WORDS(_mm512_max_epi32, (__m512i a, __m512i b), larger_signed(a.u[i], b.u[i]))
WORDS(_mm512_slli_epi32, (__m512i a, unsigned n), n < 32 ? a.u[i] << n : 0)
WORDS(_mm512_srli_epi32, (__m512i a, unsigned n), n < 32 ? a.u[i] >> n : 0)
WORDS(_mm512_cvtps_epi32, (__m512 a), rounded(a.f[i]))
WORDS(_mm512_cvtepu16_epi32, (__m256i a), a.u[i])

static inline void _mm512_store_ps(void *p, __m512 a) { memcpy(p, &a, sizeof a); }
static inline void _mm512_storeu_ps(void *p, __m512 a) { memcpy(p, &a, sizeof a); }
static inline void _mm512_store_si512(void *p, __m512i a) { memcpy(p, &a, sizeof a); }
static inline void _mm512_mask_storeu_ps(float *p, __mmask16 m, __m512 a) {
	for (int i = 0; i < 16; i++)
		if (chosen(m, i)) p[i] = a.f[i];
}
static inline __m512i _mm512_load_si512(const void *p) {
	__m512i r;
	memcpy(&r, p, sizeof r);
	return r;
}
static inline __m512i _mm512_castps_si512(__m512 a) {
	__m512i r;
	memcpy(&r, &a, sizeof r);
	return r;
}
static inline __m512 _mm512_castsi512_ps(__m512i a) {
	__m512 r;
	memcpy(&r, &a, sizeof r);
	return r;
}
static inline __m256i _mm512_extracti64x4_epi64(__m512i a, int half) {
	__m256i r;
	memcpy(&r, a.u + 8 * half, sizeof r);
	return r;
}
static inline __m256i _mm512_castsi512_si256(__m512i a) { return _mm512_extracti64x4_epi64(a, 0); }

static inline __mmask16 _mm512_cmpneq_epi32_mask(__m512i a, __m512i b) {
	__mmask16 m = 0;
	for (int i = 0; i < 16; i++) m |= (a.u[i] != b.u[i]) << i;
	return m;
}
// The only comparison in use is "not less than", which NaN passes.
static inline __mmask16 _mm512_cmp_ps_mask(__m512 a, __m512 b, int not_less) {
	__mmask16 m = 0;
	for (int i = 0; i < 16; i++) m |= !(a.f[i] < b.f[i]) << i;
	return m;
}

// Reductions join the halves, then the halves of the result, and so on.
static inline float _mm512_reduce_add_ps(__m512 a) {
	for (int n = 8; n; n /= 2)
		for (int i = 0; i < n; i++) a.f[i] += a.f[i + n];
	return a.f[0];
}
static inline float _mm512_reduce_max_ps(__m512 a) {
	for (int n = 8; n; n /= 2)
		for (int i = 0; i < n; i++) a.f[i] = larger(a.f[i], a.f[i + n]);
	return a.f[0];
}
static inline int32_t _mm512_reduce_max_epi32(__m512i a) {
	for (int i = 1; i < 16; i++) a.u[0] = larger_signed(a.u[0], a.u[i]);
	return (int32_t)a.u[0];
}

// Of the four lanes of 128 bits, two of a and two of b, chosen by two bits of how each.
WORDS(_mm512_shuffle_i32x4, (__m512i a, __m512i b, unsigned how), (i < 8 ? a : b).u[(how >> i / 4 * 2 & 3) * 4 + i % 4])
// In each lane of 128 bits, the numbers of the lower or the upper half of a and b in turn.
WORDS(_mm512_unpacklo_epi32, (__m512i a, __m512i b), (i % 2 ? b : a).u[i / 4 * 4 + i % 4 / 2])
WORDS(_mm512_unpackhi_epi32, (__m512i a, __m512i b), (i % 2 ? b : a).u[i / 4 * 4 + i % 4 / 2 + 2])
WORDS(_mm512_unpacklo_epi64, (__m512i a, __m512i b), (i % 4 / 2 ? b : a).u[i / 4 * 4 + i % 2])
WORDS(_mm512_unpackhi_epi64, (__m512i a, __m512i b), (i % 4 / 2 ? b : a).u[i / 4 * 4 + i % 2 + 2])

static inline __m512i _mm512_permutexvar_epi8(__m512i places, __m512i a) {
	uint8_t from[64], at[64], to[64];
	memcpy(from, &a, 64);
	memcpy(at, &places, 64);
	for (int i = 0; i < 64; i++) to[i] = from[at[i] & 63];
	return _mm512_load_si512(to);
}
static inline __m512i _mm512_permutex2var_epi16(__m512i a, __m512i places, __m512i b) {
	uint16_t from[64], at[32], to[32];
	memcpy(from, &a, 64);
	memcpy(from + 32, &b, 64);
	memcpy(at, &places, 64);
	for (int i = 0; i < 32; i++) to[i] = from[at[i] & 63];
	return _mm512_load_si512(to);
}

// A tile register has 16 rows of 64 bytes. A thread has eight of them between configure and _tile_release.
static _Thread_local union {
	int8_t bytes[16][64];
	uint16_t halves[16][32];
	int32_t words[16][16];
	float floats[16][16];
} *tile_register;

static inline void configure(void) {
	if (!(tile_register = calloc(8, sizeof *tile_register))) abort();
}
static inline void _tile_release(void) { free(tile_register); }
static inline void _tile_zero(int t) { memset(&tile_register[t], 0, sizeof tile_register[t]); }
static inline void _tile_loadd(int t, const void *from, size_t stride) {
	for (int r = 0; r < 16; r++) memcpy(tile_register[t].bytes[r], (const char *)from + r * stride, 64);
}
static inline void _tile_stored(int t, void *to, size_t stride) {
	for (int r = 0; r < 16; r++) memcpy((char *)to + r * stride, tile_register[t].bytes[r], 64);
}

// _tile_dpbssd adds the product of two tiles of whole numbers of 8 bits. The tile on the right holds four numbers that follow
// each other in a column side by side.
static inline void _tile_dpbssd(int sum, int a, int b) {
	for (int r = 0; r < 16; r++)
		for (int k = 0; k < 64; k++)
			for (int c = 0; c < 16; c++)
				tile_register[sum].words[r][c] += tile_register[a].bytes[r][k] * tile_register[b].bytes[k / 4][4 * c + k % 4];
}

// bfloat returns a bfloat16 number as the tile unit reads it: numbers below 2^-126 are 0 to it. flushed does the same to a sum.
static inline float flushed(float x) { return fabsf(x) < 0x1p-126f ? copysignf(0, x) : x; }
static inline float bfloat(uint16_t half) {
	const uint32_t bits = (uint32_t)half << 16;
	float x;
	memcpy(&x, &bits, sizeof x);
	return flushed(x);
}

// _tile_dpbf16ps adds the product of two tiles of bfloat16 numbers. The tile on the right holds two numbers that follow each
// other in a column side by side. Even and odd products are added up by themselves, before they are added to the sum.
static inline void _tile_dpbf16ps(int sum, int a, int b) {
	float left[16][32], right[32][16];
	for (int r = 0; r < 16; r++)
		for (int k = 0; k < 32; k++) {
			left[r][k] = bfloat(tile_register[a].halves[r][k]);
			right[2 * r + k % 2][k / 2] = bfloat(tile_register[b].halves[r][k]);
		}
	for (int r = 0; r < 16; r++) {
		float part[2][16] = {{0}};
		for (int k = 0; k < 32; k++)
			for (int c = 0; c < 16; c++) // the product of two bfloat16 numbers is exact
				part[k % 2][c] = flushed(left[r][k] * right[k][c] + part[k % 2][c]);
		for (int c = 0; c < 16; c++) tile_register[sum].floats[r][c] = flushed(tile_register[sum].floats[r][c] + flushed(part[0][c] + part[1][c]));
	}
}

#endif
