// Products of bfloat16 parts. A product of float32 matrices is made of six products of bfloat16 matrices.
//
// A float32 number has 24 significant bits, a bfloat16 number 8, so that x = x0 + x1 + x2, where x0 is x rounded to bfloat16, x1
// is the remainder rounded, and x2 is the last remainder. Of the nine products of the parts of x and w, x1·w2, x2·w1 and x2·w2
// are below the last bit of a float32 and are left out. The other six are exact, and the tile unit adds them up in float32.
// (Henry, Tang, Heinecke: Leveraging the bfloat16 Artificial Intelligence Datatype For Higher-Precision Computations, 2019.)
// The unit adds up 32 products before it adds them to the sum, which makes the result more accurate than a loop
// of fused multiply-adds.
#ifndef W2S_BFLOAT16_H
#define W2S_BFLOAT16_H

#include "tiles.h"

#ifdef W2S_TILES

enum {
	parts = 3,
	side = 32,            // a block is side x side numbers, in tiles of 16 x 32 on the left and 32 x 16 on the right
	tile = 512,           // bfloat16 numbers in a tile
	part = 2 * tile,      // in the two tiles of a part of a block
	block = parts * part, // in a block
};

typedef float square[side][side] __attribute__((aligned(64)));

// upper_words lists the places of the upper halves of 32 numbers of 32 bits.
static const uint16_t upper_words[32] __attribute__((aligned(64))) = {1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31,
	33, 35, 37, 39, 41, 43, 45, 47, 49, 51, 53, 55, 57, 59, 61, 63};

// split splits 32 numbers into parts: the lower half of out[p] holds part p of a, the upper half part p of b. It rounds to
// bfloat16 by adding half of the range of the 16 lower bits before they are cut off.
INLINE void split(__m512 a, __m512 b, __m512i out[parts]) {
	const __m512i half = _mm512_set1_epi32(0x8000), upper = _mm512_set1_epi32(0xffff0000);
	const __m512i words = _mm512_load_si512(upper_words);
	for (int p = 0; p < parts; p++) {
		__m512i c = _mm512_castps_si512(a), d = _mm512_castps_si512(b);
		if (p + 1 < parts) { // the last remainder fits into 8 bits
			c = _mm512_and_si512(_mm512_add_epi32(c, half), upper);
			d = _mm512_and_si512(_mm512_add_epi32(d, half), upper);
			a = _mm512_sub_ps(a, _mm512_castsi512_ps(c));
			b = _mm512_sub_ps(b, _mm512_castsi512_ps(d));
		}
		out[p] = _mm512_permutex2var_epi16(c, words, d);
	}
}

// left_block lays out at most side rows and columns of x as tiles of 16 rows.
INLINE void left_block(uint16_t *to, const float *x, int64_t stride, int64_t rows, int64_t columns) {
	const __mmask16 a = first(columns), b = first(columns - 16);
	for (int r = 0; r < side; r++) {
		__m512i p[parts] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
		if (r < rows) split(_mm512_maskz_loadu_ps(a, x + r * stride), _mm512_maskz_loadu_ps(b, x + r * stride + 16), p);
		for (int i = 0; i < parts; i++) _mm512_store_si512(to + i * part + r * side, p[i]);
	}
}

// right_block lays out at most side rows and columns of w as tiles of 16 columns. The unit wants two consecutive numbers of a
// column side by side.
INLINE void right_block(uint16_t *to, const float *w, int64_t stride, int64_t rows, int64_t columns) {
	for (int t = 0; t < 2; t++) {
		const __mmask16 m = first(columns - 16 * t);
		for (int r = 0; r < 16; r++) {
			const float *row = w + 2 * r * stride + 16 * t;
			const __m512 zero = _mm512_setzero_ps();
			__m512i p[parts];
			split(2 * r < rows ? _mm512_maskz_loadu_ps(m, row) : zero, 2 * r + 1 < rows ? _mm512_maskz_loadu_ps(m, row + stride) : zero, p);
			for (int i = 0; i < parts; i++) {
				const __m512i even = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(p[i]));
				const __m512i odd = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(p[i], 1));
				_mm512_store_si512(to + i * part + t * tile + r * side, _mm512_or_si512(even, _mm512_slli_epi32(odd, 16)));
			}
		}
	}
}

// Registers 0 to 3 hold a block of the sum, registers 4 and 5 one part of a block of the left matrix, registers 6 and 7 one part
// of a block of the right matrix.

// store_sum writes the sum to s, whose rows are stride numbers apart.
INLINE void store_sum(float *s, int64_t stride) {
	_tile_stored(0, s, stride * sizeof *s);
	_tile_stored(1, s + 16, stride * sizeof *s);
	_tile_stored(2, s + 16 * stride, stride * sizeof *s);
	_tile_stored(3, s + 16 * stride + 16, stride * sizeof *s);
}

// LEFT_PART and RIGHT_PART load part p of a block and multiply it by the part of the other matrix that is loaded.
#define LEFT_PART(a, p)                           \
	_tile_loadd(4, (a) + (p)*part, 64);           \
	_tile_dpbf16ps(0, 4, 6);                      \
	_tile_dpbf16ps(1, 4, 7);                      \
	_tile_loadd(5, (a) + (p)*part + tile, 64);    \
	_tile_dpbf16ps(2, 5, 6);                      \
	_tile_dpbf16ps(3, 5, 7)
#define RIGHT_PART(b, p)                          \
	_tile_loadd(6, (b) + (p)*part, 64);           \
	_tile_dpbf16ps(0, 4, 6);                      \
	_tile_dpbf16ps(2, 5, 6);                      \
	_tile_loadd(7, (b) + (p)*part + tile, 64);    \
	_tile_dpbf16ps(1, 4, 7);                      \
	_tile_dpbf16ps(3, 5, 7)

// ADD_PRODUCT adds the product of two blocks to the sum. In this order all parts but one are loaded only once.
#define ADD_PRODUCT(a, b)                         \
	BARRIER;                                  \
	_tile_loadd(6, (b) + 2 * part, 64);           \
	_tile_loadd(7, (b) + 2 * part + tile, 64);    \
	LEFT_PART(a, 0);                              \
	RIGHT_PART(b, 1);                             \
	RIGHT_PART(b, 0);                             \
	LEFT_PART(a, 2);                              \
	LEFT_PART(a, 1);                              \
	RIGHT_PART(b, 1);                             \
	BARRIER

#endif
#endif
