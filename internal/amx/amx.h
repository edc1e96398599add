// Matrix products in float32 on the tile unit (AMX) of Intel processors since Sapphire Rapids.
#ifndef W2S_AMX_H
#define W2S_AMX_H

#include <stddef.h>
#include <stdint.h>

// A matrix is the constant side of products y = f(x·W + b), laid out for the tile unit.
typedef struct w2s_matrix w2s_matrix;

// w2s_amx_enable asks the system for the tile unit and returns 1 where this process may use it.
int w2s_amx_enable(void);

// w2s_matrix_new lays out W of shape [k, n], whose element (i, j) is w[i*row + j*column]. bias holds n numbers or is NULL;
// f is the GELU x·Phi(x), or nothing where gelu is 0. It returns NULL where there is no memory.
w2s_matrix *w2s_matrix_new(int64_t k, int64_t n, const float *w, int64_t row, int64_t column, const float *bias, int gelu);
void w2s_matrix_free(w2s_matrix *m);
int64_t w2s_matrix_k(const w2s_matrix *m);
int64_t w2s_matrix_n(const w2s_matrix *m);

// w2s_matrix_scratch is how many bytes of memory, aligned to 64, a product needs besides.
size_t w2s_matrix_scratch(void);

// w2s_matrix_multiply computes y = f(x·W + b) for x of shape [rows, k] and y of shape [rows, n], both row-major. A row of y
// depends on its row of x alone, to the last bit.
void w2s_matrix_multiply(const w2s_matrix *m, const float *x, int64_t rows, float *y, void *scratch);

#endif
