// What the kernels have in common: the instructions, 2^x, and the GELU. A file that defines W2S_VECTOR before it includes this one gets
// those of AVX-512 alone, which more processors have than the tile unit. The tile unit multiplies small numbers only, so the kernels
// split float32 numbers into parts. The products of parts are exact, and those too small to matter are left out. Layers are
// split into whole numbers (tile_linux_amd64.c). Attention is split into bfloat16 numbers (bfloat16.h), because its products
// are often only 32 numbers deep.
#ifndef W2S_TILES_H
#define W2S_TILES_H

#include <stdint.h>

#if defined(W2S_EMULATED)

#define W2S_TILES 1
#define TILES
#define INLINE static inline
#define KERNELS(kind) w2s_emulated_##kind
#include "emulated.h"

#else

#define KERNELS(kind) w2s_##kind
#if (defined(__clang__) && __clang_major__ >= 12) || (!defined(__clang__) && defined(__GNUC__) && __GNUC__ >= 11)
#define W2S_TILES 1 // the compiler knows the tile unit

#include <immintrin.h>

#ifdef W2S_VECTOR
#define TILES __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#else
#define TILES __attribute__((target("amx-tile,amx-bf16,amx-int8,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512bf16")))
#endif
#define INLINE TILES static inline __attribute__((always_inline))

#ifndef W2S_VECTOR
// configure gives each of the eight tile registers 16 rows of 64 bytes.
INLINE void configure(void) {
	struct {
		uint8_t palette, start, reserved[14];
		uint16_t bytes[16];
		uint8_t rows[16];
	} c = {.palette = 1};
	for (int i = 0; i < 8; i++) c.bytes[i] = 64, c.rows[i] = 16;
	__asm__ volatile("ldtilecfg %0" : : "m"(c));
}
#endif

#endif
#endif

#ifdef W2S_TILES

// first returns the mask of the first n of 16 numbers.
INLINE __mmask16 first(int64_t n) { return n >= 16 ? 0xffff : n <= 0 ? 0 : (__mmask16)((1u << n) - 1); }

#ifndef W2S_VECTOR

// BARRIER keeps the compiler from moving stores across the load of a tile, because it does not know that the load reads memory.
#define BARRIER __asm__ volatile("" : : : "memory")

// zero_sum clears registers 0 to 3, which hold sums.
INLINE void zero_sum(void) {
	_tile_zero(0);
	_tile_zero(1);
	_tile_zero(2);
	_tile_zero(3);
}

#endif

// power returns 2^y. The polynomial on [-1/2, 1/2] is from gelu.py and off by at most 2e-9, besides its rounding.
INLINE __m512 power(__m512 y) {
	static const float c[] = {1, 0.693147182f, 0.240226507f, 0.055503279f, 0.00961800478f, 0.00134002732f, 0.000154761816f};
	const __m512 n = _mm512_roundscale_ps(y, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC), r = _mm512_sub_ps(y, n);
	__m512 v = _mm512_set1_ps(c[6]);
#pragma GCC unroll 6
	for (int i = 5; i >= 0; i--) v = _mm512_fmadd_ps(v, r, _mm512_set1_ps(c[i]));
	return _mm512_scalef_ps(v, n);
}

// gelu returns x - x·e/2 for x > 0 and x·e/2 for x < 0, where e = erfc(|x|/√2) = 2^-p(|x|). The polynomial p is from gelu.py,
// which prints the error: at most 8.3e-8 |x|.
INLINE __m512 gelu(__m512 x) {
	static const float p[] = {1.15110552f, 0.45920977f, 0.0524740107f, -0.00699697994f, 4.67593054e-05f, 0.0002506733f,
		-6.44124084e-05f, 7.80145547e-06f, -3.92869168e-07f};
	const __m512 t = _mm512_min_ps(_mm512_set1_ps(6), _mm512_abs_ps(x)); // the order of the arguments keeps NaN
	__m512 y = _mm512_set1_ps(p[8]);
#pragma GCC unroll 8
	for (int i = 7; i >= 0; i--) y = _mm512_fmadd_ps(y, t, _mm512_set1_ps(p[i]));
	const __m512 e = power(_mm512_sub_ps(_mm512_setzero_ps(), _mm512_mul_ps(y, t)));
	return _mm512_fnmadd_ps(_mm512_mul_ps(_mm512_set1_ps(0.5f), _mm512_abs_ps(x)), e, _mm512_max_ps(_mm512_setzero_ps(), x));
}

#endif
#endif
