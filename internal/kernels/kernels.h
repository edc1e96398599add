// The kernels compute layers and attention in float32 on the tile unit (AMX) of Intel processors since Sapphire Rapids, or layers on the
// vector unit (AVX-512).
//
// They are compiled twice: for the processor, and with an emulation of its instructions in plain C (emulated.h). The emulation
// is slow and runs on every processor, so that tests of the arithmetic and of the operators need no tile unit.
#ifndef W2S_KERNELS_H
#define W2S_KERNELS_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

// A w2s_matrix is the constant matrix W of a layer y = f(x·W + b), laid out for the tile unit, or in panels for the vector unit. f is the GELU x·Phi(x) if gelu
// is set, and the identity otherwise. The layout is described in tile_linux_amd64.c.
typedef struct {
	int64_t k, n;                     // the shape of W
	int64_t kblocks, nblocks, chunks; // tiles along k and n, and groups of tiles along k
	int gelu;
	float *bias;   // [nblocks * 16], or [nblocks * 32] of a vector unit, where a block is a panel
	float *unit;   // [chunks][nblocks * 16]: the value of 1 in the highest digit of a column, up to a constant factor
	int8_t *tiles; // [nblocks][kblocks][digits][16][16][4]
	float *panels; // [nblocks][k][32], of a vector unit
} w2s_matrix;

static inline void w2s_matrix_free(w2s_matrix *m) {
	if (!m) return;
	free(m->bias);
	free(m->unit);
	free(m->tiles);
	free(m->panels);
	free(m);
}

// A w2s_layer_kernels multiplies by constant matrices.
typedef struct {
	// create lays out W of shape [k, n], whose element (i, j) is w[i*row + j*column]; row or column is 1. bias holds n numbers
	// or is NULL. It returns NULL if there is not enough memory.
	w2s_matrix *(*create)(int64_t k, int64_t n, const float *w, int64_t row, int64_t column, const float *bias, int gelu);
	// scratch returns the number of bytes of working memory, aligned to 64, that multiply needs.
	size_t (*scratch)(void);
	// multiply computes y = f(x·W + b) for x of shape [rows, k] and y of shape [rows, n], both row-major. A row of y depends
	// on its row of x alone, to the last bit.
	void (*multiply)(const w2s_matrix *m, const float *x, int64_t rows, float *y, void *memory);
} w2s_layer_kernels;

enum { w2s_max_masks = 2 };

// A w2s_attention describes softmax(scale·q·kᵀ + masks)·v for every batch and head. All sizes are at least 1. Strides are in
// numbers; the numbers of one token are adjacent, except in k, where either k_number or k_token is 1. A stride of 0 repeats
// one element along its axis.
typedef struct {
	int64_t batch, heads, rows, tokens; // rows are the tokens of q, tokens those of k and v
	int64_t width, out_width;           // numbers of a token in q and k, and in v
	float scale;
	const float *q, *k, *v;
	float *out;
	int64_t q_batch, q_head, q_row;
	int64_t k_batch, k_head, k_token, k_number;
	int64_t v_batch, v_head, v_token;
	int64_t out_batch, out_head, out_row;
	const float *mask[w2s_max_masks];      // NULL if there is none
	int64_t mask_stride[w2s_max_masks][4]; // of batch, head, row and token; the last is 0 or 1
} w2s_attention;

// A w2s_attention_kernels computes attention. scratch returns the number of bytes of working memory, aligned to 64, that
// compute needs.
typedef struct {
	size_t (*scratch)(const w2s_attention *a);
	void (*compute)(const w2s_attention *a, void *memory);
} w2s_attention_kernels;

extern const w2s_layer_kernels w2s_tile_layer, w2s_emulated_tile_layer, w2s_vector_layer, w2s_emulated_vector_layer;
extern const w2s_attention_kernels w2s_tile_attention, w2s_emulated_tile_attention;

// A w2s_kernels is everything that an operator needs. attention is NULL if there is no operator for it. w2s_tile_kernels may be used only if w2s_enable_tiles returned 1.
typedef struct {
	const w2s_layer_kernels *layer;
	const w2s_attention_kernels *attention;
} w2s_kernels;

extern const w2s_kernels w2s_tile_kernels, w2s_emulated_tile_kernels, w2s_vector_kernels, w2s_emulated_vector_kernels;

// w2s_enable_tiles asks the system for the tile unit. It returns 1 if this process may use it and the kernels were compiled
// for it, and 0 otherwise.
int w2s_enable_tiles(void);

// w2s_has_vectors returns 1 if the processor has AVX-512, which w2s_vector_kernels need, and they were compiled.
int w2s_has_vectors(void);

#endif
