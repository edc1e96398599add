#include "attention.h"
#include "bfloat16.h"

#ifdef W2S_TILES

static int64_t blocks(int64_t n) { return (n + side - 1) / side; }

// turn transposes 16 x 16 numbers of 32 bits.
INLINE void turn(__m512i r[16]) {
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

// turned_block lays out the beginning of x, at most side rows and columns, as right_block lays out its transpose. Two numbers
// that follow each other in a row of x are side by side already.
TILES static void turned_block(uint16_t *to, const float *x, int64_t stride, int64_t rows, int64_t columns) {
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
			turn(p[i]);
			for (int r = 0; r < 16; r++) _mm512_store_si512(to + i * part + t * tile + r * side, p[i][r]);
		}
	}
}

// memory is what one head needs: k and v laid out, [tokens][width] and [out_width][tokens] blocks; one row of blocks of q and
// of the probabilities; and the probabilities themselves, [side][blocks of tokens * side].
typedef struct {
	uint16_t *k, *v, *q, *p;
	float *scores;
} memory;

static size_t lay(const w2s_attention *a, char *at, memory *m) {
	const int64_t t = blocks(a->tokens), w = blocks(a->width), o = blocks(a->out_width);
	const size_t bytes = block * sizeof(uint16_t), sizes[] = {t * w * bytes, o * t * bytes, w * bytes, t * bytes, side * t * side * sizeof(float)};
	char *place[5];
	size_t used = 0;
	for (int i = 0; i < 5; i++) {
		place[i] = at + used;
		used += sizes[i];
	}
	*m = (memory){(uint16_t *)place[0], (uint16_t *)place[1], (uint16_t *)place[2], (uint16_t *)place[3], (float *)place[4]};
	return used;
}

size_t w2s_attention_scratch(const w2s_attention *a) {
	memory m;
	return lay(a, 0, &m);
}

// softmax turns a row of scores, whose masks begin at mask, into e^(score - highest), and returns their sum. What is beyond
// the tokens becomes 0.
INLINE float softmax(const w2s_attention *a, float *row, const float *mask[w2s_most_masks]) {
	const __m512 scale = _mm512_set1_ps(a->scale);
	__m512 highest = _mm512_set1_ps(-__builtin_inff());
	for (int64_t c = 0; c < a->tokens; c += 16) {
		const __mmask16 m = first(a->tokens - c);
		__m512 s = _mm512_mul_ps(_mm512_load_ps(row + c), scale);
		for (int i = 0; i < w2s_most_masks; i++)
			if (mask[i]) s = _mm512_add_ps(s, a->mask_stride[i][3] ? _mm512_maskz_loadu_ps(m, mask[i] + c) : _mm512_set1_ps(*mask[i]));
		_mm512_store_ps(row + c, s);
		highest = _mm512_mask_max_ps(highest, m, highest, s);
	}
	const __m512 top = _mm512_set1_ps(_mm512_reduce_max_ps(highest)), log2e = _mm512_set1_ps(1.44269504f);
	// Below 2^-125 come numbers that are slow to compute with, and do not count beside the highest, which is 1. NaN is kept.
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
				turned_block(to, from, a->k_token, tokens, a->width - j * side);
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
			const float *mask[w2s_most_masks];
			for (int i = 0; i < w2s_most_masks; i++)
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

TILES void w2s_attention_compute(const w2s_attention *a, void *scratch) {
	memory m;
	lay(a, scratch, &m);
	configure();
	for (int64_t b = 0; b < a->batch; b++)
		for (int64_t h = 0; h < a->heads; h++) head(a, b, h, &m);
	_tile_release();
}

#else

size_t w2s_attention_scratch(const w2s_attention *a) { return 64; }
void w2s_attention_compute(const w2s_attention *a, void *scratch) {}

#endif
