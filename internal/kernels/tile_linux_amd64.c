//go:build cgo

// Layers: the product with a constant matrix W, the bias, and the GELU.
//
// x and W become whole numbers, which the tile unit multiplies without rounding. The k dimension is cut into chunks of at most
// 768. In each chunk, every row of x and every column of W is multiplied by a power of two that brings its largest number to
// 30 bits, and is rounded: numbers down to 1/64 of the largest keep all their bits. A whole number is split into four digits of
// 8 bits, from -128 to 127: x = x0·2^24 + x1·2^16 + x2·2^8 + x3, and W likewise. Products xi·wj with the same i + j have the
// same order of magnitude and are added up exactly. The ten with i + j < 4 are computed, the others are left out. (Ootomo,
// Ozaki, Yokota: DGEMM on Integer Matrix Multiplication Unit, 2024.)
//
// For 64 numbers along k this takes ten tile products, where bfloat16 parts take twelve, and W takes 4 bytes a number rather
// than 6. The result is more accurate than a loop of fused multiply-adds, unless the numbers that matter in a row or column
// are over a hundred times smaller than its largest.
#include "kernels.h"
#include "tiles.h"

#ifdef W2S_TILES

#include <string.h>
#include <sys/mman.h>

enum {
	side = 16,        // rows of a tile of x, columns of a tile of W
	depth = 64,       // numbers along k in a tile
	tile = 1024,      // bytes
	orders = 4,       // digits of a number, and sums of products of one order of magnitude
	right_tiles = orders * tile,
	deep = 12, // tiles along k in a chunk, at most: a chunk of 16 columns of W fits into the first-level cache
	high = 16, // tiles of rows of x that are laid out at a time, at most: less than half of a core's second-level cache
	tall = 5,  // with more tiles of rows than this there is time to prefetch the next part of W
	line = 64, // bytes in a cache line
};

// chunk returns where chunk c begins, in tiles along k.
static int64_t chunk(const w2s_matrix *m, int64_t c) { return m->kblocks * c / m->chunks; }

// digits turns the bytes of each whole number in x into digits from -128 to 127, by carrying into the byte above.
INLINE __m512i digits(__m512i x) {
	const __m512i half = _mm512_set1_epi32(0x808080);
	return _mm512_xor_si512(_mm512_add_epi32(x, half), half);
}

// largest returns the larger of most and |x|, as bits, of which NaN has more than infinity.
INLINE __m512i largest(__m512i most, __m512 x) {
	return _mm512_max_epi32(most, _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(0x7fffffff)));
}

// A row or column whose largest number has the biased exponent e (127 for numbers from 1 to 2) is multiplied by 2^(156-e). e is
// taken as 30 if it is less, so that the factor stays finite. A 1 in the highest digit then stands for 2^(e-132). The unit of a
// row is 2^5 times that and the unit of a column 2^-5 times that, so that neither the units nor what they multiply overflow.
enum { least = 30, infinite = 255, scale_bits = 283, column_bits = 10 };

// right_column lays out a chunk of at most side columns of W and sets their units. A column that holds a number that is not
// finite gets the unit NaN.
INLINE void right_column(int8_t *to, float *unit, const float *w, int64_t stride, int64_t rows, int64_t columns) {
	const __mmask16 c = first(columns);
	__m512i most = _mm512_setzero_si512();
	for (int64_t i = 0; i < rows; i++) most = largest(most, _mm512_maskz_loadu_ps(c, w + i * stride));
	const __m512i e = _mm512_max_epi32(_mm512_srli_epi32(most, 23), _mm512_set1_epi32(least));
	const __m512 scale = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_sub_epi32(_mm512_set1_epi32(scale_bits), e), 23));
	const __mmask16 finite = _mm512_cmpneq_epi32_mask(e, _mm512_set1_epi32(infinite));
	const __m512 u = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_sub_epi32(e, _mm512_set1_epi32(column_bits)), 23));
	_mm512_storeu_ps(unit, _mm512_mask_mov_ps(_mm512_set1_ps(__builtin_nanf("")), finite, u));
	for (int64_t i = 0; i < (rows + depth - 1) / depth * depth; i += 4) { // zeros fill the last tile
		__m512i q[4];
		for (int r = 0; r < 4; r++) {
			const __m512 v = i + r < rows ? _mm512_maskz_loadu_ps(c & finite, w + (i + r) * stride) : _mm512_setzero_ps();
			q[r] = digits(_mm512_cvtps_epi32(_mm512_mul_ps(v, scale)));
		}
		int8_t *at = to + i / depth * right_tiles + i % depth * side;
		for (int d = 0; d < orders; d++) {
			__m512i v = _mm512_setzero_si512(); // the unit wants four consecutive numbers of a column side by side
			for (int r = 0; r < 4; r++) {
				const __m512i digit = _mm512_and_si512(_mm512_srli_epi32(q[r], 8 * (orders - 1 - d)), _mm512_set1_epi32(0xff));
				v = _mm512_or_si512(v, _mm512_slli_epi32(digit, 8 * r));
			}
			_mm512_store_si512(at + d * tile, v);
		}
	}
}

TILES static w2s_matrix *create(int64_t k, int64_t n, const float *w, int64_t row, int64_t column, const float *bias, int gelu) {
	w2s_matrix *m = calloc(1, sizeof *m);
	if (!m) return NULL;
	m->k = k, m->n = n, m->kblocks = (k + depth - 1) / depth, m->nblocks = (n + side - 1) / side, m->gelu = gelu;
	m->chunks = (m->kblocks + deep - 1) / deep;
	// Large pages make reading a large matrix faster.
	const size_t bytes = (size_t)m->kblocks * m->nblocks * right_tiles, large = 2 << 20, align = bytes < large ? line : large;
	m->tiles = aligned_alloc(align, (bytes + align - 1) / align * align);
	if (m->tiles && bytes >= large) madvise(m->tiles, bytes, MADV_HUGEPAGE);
	m->bias = calloc(m->nblocks * side, sizeof *m->bias);
	m->unit = calloc(m->chunks * m->nblocks * side, sizeof *m->unit);
	float(*turned)[side] = calloc(deep * depth, sizeof *turned); // rows of a chunk, for a W stored column by column
	if (!m->tiles || !m->bias || !m->unit || !turned) {
		free(turned);
		w2s_matrix_free(m);
		return NULL;
	}
	if (bias) memcpy(m->bias, bias, n * sizeof *bias);
	for (int64_t j = 0; j < m->nblocks; j++) {
		const int64_t columns = n - j * side < side ? n - j * side : side;
		for (int64_t c = 0; c < m->chunks; c++) {
			const int64_t begin = chunk(m, c) * depth, end = chunk(m, c + 1) * depth, rows = (end < k ? end : k) - begin;
			const float *from = w + begin * row + j * side * column;
			int8_t *to = m->tiles + (j * m->kblocks + chunk(m, c)) * right_tiles;
			float *unit = m->unit + (c * m->nblocks + j) * side;
			if (column == 1) {
				right_column(to, unit, from, row, rows, columns);
				continue;
			}
			for (int64_t s = 0; s < columns; s++)
				for (int64_t r = 0; r < rows; r++) turned[r][s] = from[r * row + s * column];
			right_column(to, unit, turned[0], side, rows, columns);
		}
	}
	free(turned);
	return m;
}

// A left is 16 rows of x: one tile for each digit.
typedef int8_t left[orders][side][depth];

// A work is the working memory of a product.
typedef struct {
	left left[high * deep];
	float scale[high * side]; // the power of two that a row of x is multiplied by
	float unit[high * side];  // the value of 1 in the highest digit of a row, up to a constant factor
} work;

static size_t scratch(void) { return (sizeof(work) + line - 1) / line * line; }

// scale_rows sets the factors and units of at most side rows of a chunk of x.
INLINE void scale_rows(float *scale, float *unit, const float *x, int64_t stride, int64_t rows, int64_t columns) {
	for (int64_t r = 0; r < side && r < rows; r++) {
		__m512i most = _mm512_setzero_si512();
		for (int64_t c = 0; c < columns; c += 16) most = largest(most, _mm512_maskz_loadu_ps(first(columns - c), x + r * stride + c));
		const uint32_t max = (uint32_t)_mm512_reduce_max_epi32(most) >> 23, e = max > least ? max : least;
		const union {
			uint32_t bits;
			float number;
		} by = {(scale_bits - e) << 23}, u = {e << 23};
		scale[r] = by.number;
		unit[r] = e == infinite ? __builtin_nanf("") : u.number;
	}
}

// by_digit orders the bytes of 16 numbers: the highest digit of all numbers, then the next digit of all numbers, and so on.
static const uint8_t by_digit[64] __attribute__((aligned(64))) = {3, 7, 11, 15, 19, 23, 27, 31, 35, 39, 43, 47, 51, 55, 59, 63,
	2, 6, 10, 14, 18, 22, 26, 30, 34, 38, 42, 46, 50, 54, 58, 62, 1, 5, 9, 13, 17, 21, 25, 29, 33, 37, 41, 45, 49, 53, 57, 61,
	0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60};

// left_tiles lays out at most side rows and depth columns of x.
INLINE void left_tiles(left to, const float *x, int64_t stride, int64_t rows, int64_t columns, const float *scale) {
	for (int64_t r = 0; r < side; r++) {
		__m512i v[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
		for (int i = 0; i < 4 && r < rows; i++) {
			const __m512 f = _mm512_maskz_loadu_ps(first(columns - 16 * i), x + r * stride + 16 * i);
			const __m512i q = _mm512_cvtps_epi32(_mm512_mul_ps(f, _mm512_set1_ps(scale[r])));
			v[i] = _mm512_permutexvar_epi8(_mm512_load_si512(by_digit), digits(q));
		}
		// Each vector holds a quarter of every digit.
		const __m512i a = _mm512_shuffle_i32x4(v[0], v[1], 0x44), b = _mm512_shuffle_i32x4(v[2], v[3], 0x44);
		const __m512i c = _mm512_shuffle_i32x4(v[0], v[1], 0xee), d = _mm512_shuffle_i32x4(v[2], v[3], 0xee);
		_mm512_store_si512(to[0][r], _mm512_shuffle_i32x4(a, b, 0x88));
		_mm512_store_si512(to[1][r], _mm512_shuffle_i32x4(a, b, 0xdd));
		_mm512_store_si512(to[2][r], _mm512_shuffle_i32x4(c, d, 0x88));
		_mm512_store_si512(to[3][r], _mm512_shuffle_i32x4(c, d, 0xdd));
	}
}

// ADD_PRODUCTS adds the ten products of digits to the sums in registers 0 to 3. Registers 4 to 6 hold digits of W, register 7
// holds one of x.
#define ADD_PRODUCTS(x, w)                        \
	BARRIER;                                  \
	_tile_loadd(7, (x)[0], line);             \
	_tile_loadd(6, (w) + 3 * tile, line);     \
	_tile_dpbssd(3, 7, 6);                    \
	_tile_loadd(4, (w), line);                \
	_tile_dpbssd(0, 7, 4);                    \
	_tile_loadd(5, (w) + tile, line);         \
	_tile_dpbssd(1, 7, 5);                    \
	_tile_loadd(6, (w) + 2 * tile, line);     \
	_tile_dpbssd(2, 7, 6);                    \
	_tile_loadd(7, (x)[1], line);             \
	_tile_dpbssd(1, 7, 4);                    \
	_tile_dpbssd(2, 7, 5);                    \
	_tile_dpbssd(3, 7, 6);                    \
	_tile_loadd(7, (x)[2], line);             \
	_tile_dpbssd(2, 7, 4);                    \
	_tile_dpbssd(3, 7, 5);                    \
	_tile_loadd(7, (x)[3], line);             \
	_tile_dpbssd(3, 7, 4);                    \
	BARRIER

// A result is a tile of x·W that is written to y while the next tile is multiplied, so that the tile unit and the vector units
// work at the same time.
typedef struct {
	int32_t sum[orders][side][side] __attribute__((aligned(64)));
	float *y;
	const float *row_unit;      // one a row
	const float *unit, *bias;   // one a column
	int64_t columns, row, rows; // row is the next one to write
	int first, last;            // whether this is the first chunk, which adds the bias, or the last, which applies the GELU
} result;

// move_rows writes up to n rows.
INLINE void move_rows(const w2s_matrix *m, result *f, int64_t n) {
	if (f->row == f->rows) return;
	const __m512 u = _mm512_loadu_ps(f->unit), b = _mm512_loadu_ps(f->bias);
	const __mmask16 c = first(f->columns);
	for (; n > 0 && f->row < f->rows; n--, f->row++) {
		float *y = f->y + f->row * m->n;
		__m512 v = _mm512_cvtepi32_ps(_mm512_load_si512(f->sum[3][f->row]));
		for (int d = orders - 2; d >= 0; d--)
			v = _mm512_fmadd_ps(v, _mm512_set1_ps(0x1p-8), _mm512_cvtepi32_ps(_mm512_load_si512(f->sum[d][f->row])));
		v = _mm512_fmadd_ps(_mm512_mul_ps(v, u), _mm512_set1_ps(f->row_unit[f->row]), f->first ? b : _mm512_maskz_loadu_ps(c, y));
		if (f->last && m->gelu) v = gelu(v);
		_mm512_mask_storeu_ps(y, c, v);
	}
}

// fetch prefetches part i of n of the tiles of 64 x 16 numbers of W, one tile for each digit.
INLINE void fetch(const int8_t *w, int64_t i, int64_t n) {
	const int64_t lines = right_tiles / line;
	for (int64_t l = lines * i / n; l < lines * (i + 1) / n; l++) _mm_prefetch((const char *)w + l * line, _MM_HINT_T1);
}

// multiply_chunk adds the product of a chunk of x, of at most high·side rows, and a chunk of W to y.
TILES static void multiply_chunk(const w2s_matrix *m, const float *x, int64_t rows, float *y, int64_t c, work *at) {
	result results[2], *now = &results[0], *before = &results[1], *other;
	before->row = before->rows = 0;
	const int64_t k0 = chunk(m, c), blocks = chunk(m, c + 1) - k0, count = (rows + side - 1) / side;
	const int64_t columns = m->k - k0 * depth < blocks * depth ? m->k - k0 * depth : blocks * depth;
	x += k0 * depth;
	scale_rows(at->scale, at->unit, x, m->k, rows, columns);
	for (int64_t l = 0; l < blocks; l++) left_tiles(at->left[l], x + l * depth, m->k, rows, columns - l * depth, at->scale);
	for (int64_t j = 0; j < m->nblocks; j++) {
		for (int64_t i = 0; i < count; i++) {
			const int8_t *w = m->tiles + (j * m->kblocks + k0) * right_tiles;
			const int64_t row = i * side, next = row + side;
			now->y = y + row * m->n + j * side, now->row_unit = at->unit + row;
			now->unit = m->unit + (c * m->nblocks + j) * side, now->bias = m->bias + j * side, now->columns = m->n - j * side;
			now->row = 0, now->rows = rows - row < side ? rows - row : side, now->first = c == 0, now->last = c + 1 == m->chunks;
			if (j == 0 && next < rows) scale_rows(at->scale + next, at->unit + next, x + next * m->k, m->k, rows - next, columns);
			zero_sum();
			for (int64_t l = 0; l < blocks; l++) {
				ADD_PRODUCTS(at->left[i * blocks + l], w + l * right_tiles);
				move_rows(m, before, (side + blocks - 1) / blocks);
				if (count > tall && j + 1 < m->nblocks) fetch(w + (m->kblocks + l) * right_tiles, i, count);
				if (j == 0 && next < rows) // in the meantime, lay out the next rows of x
					left_tiles(at->left[(i + 1) * blocks + l], x + next * m->k + l * depth, m->k, rows - next, columns - l * depth, at->scale + next);
			}
			_tile_stored(0, now->sum[0], line);
			_tile_stored(1, now->sum[1], line);
			_tile_stored(2, now->sum[2], line);
			_tile_stored(3, now->sum[3], line);
			other = before, before = now, now = other;
		}
	}
	move_rows(m, before, side);
}

TILES static void multiply(const w2s_matrix *m, const float *x, int64_t rows, float *y, void *memory) {
	// As few passes over W as possible, of nearly the same height.
	const int64_t count = (rows + side - 1) / side, passes = (count + high - 1) / high;
	configure();
	for (int64_t p = 0; p < passes; p++) {
		const int64_t from = count * p / passes * side, to = count * (p + 1) / passes * side;
		for (int64_t c = 0; c < m->chunks; c++) multiply_chunk(m, x + from * m->k, (to < rows ? to : rows) - from, y + from * m->n, c, memory);
	}
	_tile_release();
}

const w2s_layer_kernels KERNELS(tile_layer) = {create, scratch, multiply};

#else

const w2s_layer_kernels KERNELS(tile_layer) = {NULL, NULL, NULL};

#endif
