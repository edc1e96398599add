// Attention in float32 on the tile unit.
#ifndef W2S_ATTENTION_H
#define W2S_ATTENTION_H

#include <stddef.h>
#include <stdint.h>

enum { w2s_most_masks = 2 };

// An attention computes, for every batch and head, softmax(scale·q·kᵀ + masks)·v. Numbers of one token are side by side, but
// for those of k, where k_number or k_token is 1. All other strides are in numbers.
typedef struct {
	int64_t batch, heads, rows, tokens; // rows of q, tokens of k and v
	int64_t width, out_width;           // of q and k, and of v
	float scale;
	const float *q, *k, *v;
	float *out;
	int64_t q_batch, q_head, q_row;
	int64_t k_batch, k_head, k_token, k_number;
	int64_t v_batch, v_head, v_token;
	int64_t out_batch, out_head, out_row;
	const float *mask[w2s_most_masks];          // or NULL
	int64_t mask_stride[w2s_most_masks][4]; // of batch, head, row and token; the last is 0 or 1
} w2s_attention;

// w2s_attention_scratch is how many bytes of memory, aligned to 64, it needs besides.
size_t w2s_attention_scratch(const w2s_attention *a);
void w2s_attention_compute(const w2s_attention *a, void *scratch);

#endif
