//go:build cgo

// Attention: softmax(scale·q·kᵀ + masks)·v, one head at a time, in blocks of 32 x 32 numbers.
#include "kernels.h"
#include "bfloat16.h"

#ifdef W2S_TILES

static int64_t blocks(int64_t n) { return (n + side - 1) / side; }

// transpose transposes 16 x 16 numbers of 32 bits.
INLINE void transpose(__m512i r[16]) {
	__m512i t[16];
	for (int i = 0; i < 8; i++) {
		t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
		t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
	}
	for (int i = 0; i < 4; i++) {
		r[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
		r[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
		r[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
		r[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
	}
	for (int i = 0; i < 4; i++) {
		t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
		t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
		t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
		t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
	}
	for (int i = 0; i < 8; i++) {
		r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
		r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
	}
}

// transposed_block lays out at most side rows and columns of x as right_block lays out their transpose. The two consecutive
// numbers of a column of the transpose are adjacent in x already.
TILES static void transposed_block(uint16_t *to, const float *x, int64_t stride, int64_t rows, int64_t columns) {
	const __mmask16 a = first(columns), b = first(columns - 16);
	for (int t = 0; t < 2; t++) {
		__m512i p[parts][16];
		for (int r = 0; r < 16; r++) {
			const float *row = x + (16 * t + r) * stride;
			__m512i s[parts] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
			if (16 * t + r < rows) split(_mm512_maskz_loadu_ps(a, row), _mm512_maskz_loadu_ps(b, row + 16), s);
			for (int i = 0; i < parts; i++) p[i][r] = s[i];
		}
		for (int i = 0; i < parts; i++) {
			transpose(p[i]);
			for (int r = 0; r < 16; r++) _mm512_store_si512(to + i * part + t * tile + r * side, p[i][r]);
		}
	}
}

// A memory is the working memory of one head: k and v laid out, [tokens][width] and [out_width][tokens] blocks; one row of
// blocks of q and of the probabilities; and the probabilities themselves, [side][blocks of tokens * side].
typedef struct {
	uint16_t *k, *v, *q, *p;
	float *scores;
} memory;

// The sizes of the parts of a memory in bytes, in their order.
typedef struct {
	size_t k, v, q, p, scores;
} sizes;

static sizes sizes_of(const w2s_attention *a) {
	const size_t t = blocks(a->tokens), w = blocks(a->width), o = blocks(a->out_width), bytes = block * sizeof(uint16_t);
	return (sizes){t * w * bytes, o * t * bytes, w * bytes, t * bytes, side * t * side * sizeof(float)};
}

static size_t scratch(const w2s_attention *a) {
	const sizes s = sizes_of(a);
	return s.k + s.v + s.q + s.p + s.scores;
}

static memory lay_out(const w2s_attention *a, char *at) {
	const sizes s = sizes_of(a);
	char *v = at + s.k, *q = v + s.v, *p = q + s.q, *scores = p + s.p;
	return (memory){(uint16_t *)at, (uint16_t *)v, (uint16_t *)q, (uint16_t *)p, (float *)scores};
}

// softmax replaces a row of scores by e^(score - highest) and returns the sum. mask holds the masks' rows. Numbers after the
// last token become 0.
INLINE float softmax(const w2s_attention *a, float *row, const float *mask[w2s_max_masks]) {
	const __m512 scale = _mm512_set1_ps(a->scale);
	__m512 highest = _mm512_set1_ps(-__builtin_inff());
	for (int64_t c = 0; c < a->tokens; c += 16) {
		const __mmask16 m = first(a->tokens - c);
		__m512 s = _mm512_mul_ps(_mm512_load_ps(row + c), scale);
		for (int i = 0; i < w2s_max_masks; i++)
			if (mask[i]) s = _mm512_add_ps(s, a->mask_stride[i][3] ? _mm512_maskz_loadu_ps(m, mask[i] + c) : _mm512_set1_ps(*mask[i]));
		_mm512_store_ps(row + c, s);
		highest = _mm512_mask_max_ps(highest, m, highest, s);
	}
	const __m512 top = _mm512_set1_ps(_mm512_reduce_max_ps(highest)), log2e = _mm512_set1_ps(1.44269504f);
	// Below 2^-125 numbers become subnormal, which is slow, and are too small to matter beside the highest, which is 1. NaN is
	// kept.
	const __m512 least = _mm512_set1_ps(-125);
	__m512 sum = _mm512_setzero_ps();
	for (int64_t c = 0; c < blocks(a->tokens) * side; c += 16) {
		const __m512 y = _mm512_mul_ps(_mm512_sub_ps(_mm512_load_ps(row + c), top), log2e);
		const __mmask16 m = first(a->tokens - c) & _mm512_cmp_ps_mask(y, least, _CMP_NLT_UQ);
		const __m512 e = _mm512_maskz_mov_ps(m, power(_mm512_maskz_mov_ps(m, y)));
		_mm512_store_ps(row + c, e);
		sum = _mm512_add_ps(sum, e);
	}
	return _mm512_reduce_add_ps(sum);
}

// head computes one head.
TILES static void head(const w2s_attention *a, int64_t b, int64_t h, const memory *m) {
	const float *q = a->q + b * a->q_batch + h * a->q_head, *k = a->k + b * a->k_batch + h * a->k_head;
	const float *v = a->v + b * a->v_batch + h * a->v_head;
	const int64_t t = blocks(a->tokens), w = blocks(a->width), o = blocks(a->out_width);
	for (int64_t i = 0; i < t; i++) {
		const int64_t tokens = a->tokens - i * side;
		for (int64_t j = 0; j < w; j++) {
			uint16_t *to = m->k + (i * w + j) * block;
			const float *from = k + i * side * a->k_token + j * side * a->k_number;
			if (a->k_token == 1)
				right_block(to, from, a->k_number, a->width - j * side, tokens);
			else
				transposed_block(to, from, a->k_token, tokens, a->width - j * side);
		}
		for (int64_t j = 0; j < o; j++) right_block(m->v + (j * t + i) * block, v + i * side * a->v_token + j * side, a->v_token, tokens, a->out_width - j * side);
	}
	for (int64_t r0 = 0; r0 < a->rows; r0 += side) {
		const int64_t rows = a->rows - r0 < side ? a->rows - r0 : side;
		for (int64_t j = 0; j < w; j++) left_block(m->q + j * block, q + r0 * a->q_row + j * side, a->q_row, rows, a->width - j * side);
		for (int64_t i = 0; i < t; i++) {
			zero_sum();
			for (int64_t j = 0; j < w; j++) {
				ADD_PRODUCT(m->q + j * block, m->k + (i * w + j) * block);
			}
			store_sum(m->scores + i * side, t * side);
		}
		float sums[side];
		for (int64_t r = 0; r < rows; r++) {
			const float *mask[w2s_max_masks];
			for (int i = 0; i < w2s_max_masks; i++)
				mask[i] = a->mask[i] ? a->mask[i] + b * a->mask_stride[i][0] + h * a->mask_stride[i][1] + (r0 + r) * a->mask_stride[i][2] : 0;
			sums[r] = softmax(a, m->scores + r * t * side, mask);
		}
		for (int64_t i = 0; i < t; i++) left_block(m->p + i * block, m->scores + i * side, t * side, rows, side);
		for (int64_t j = 0; j < o; j++) {
			square sum;
			zero_sum();
			for (int64_t i = 0; i < t; i++) {
				ADD_PRODUCT(m->p + i * block, m->v + (j * t + i) * block);
			}
			store_sum(sum[0], side);
			const __mmask16 low = first(a->out_width - j * side), high = first(a->out_width - j * side - 16);
			for (int64_t r = 0; r < rows; r++) {
				float *out = a->out + b * a->out_batch + h * a->out_head + (r0 + r) * a->out_row + j * side;
				const __m512 s = _mm512_set1_ps(sums[r]);
				_mm512_mask_storeu_ps(out, low, _mm512_div_ps(_mm512_load_ps(sum[r]), s));
				_mm512_mask_storeu_ps(out + 16, high, _mm512_div_ps(_mm512_load_ps(sum[r] + 16), s));
			}
		}
	}
}

TILES static void compute(const w2s_attention *a, void *at) {
	const memory m = lay_out(a, at);
	configure();
	for (int64_t b = 0; b < a->batch; b++)
		for (int64_t h = 0; h < a->heads; h++) head(a, b, h, &m);
	_tile_release();
}

const w2s_attention_kernels KERNELS(tile_attention) = {scratch, compute};

#else

const w2s_attention_kernels KERNELS(tile_attention) = {NULL, NULL};

#endif
