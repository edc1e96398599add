#include <stdint.h>

// The widest instruction set of the processor is used. The matrices are row-major. dims is a multiple of 16, the distance of two rows of x, of w and of d.
void w2s_simd_forward32(const float *x, const int32_t *index, int64_t rows, int64_t dims, const float *w, int64_t columns, float *z, int64_t zstride);
void w2s_simd_backward32(const float *x, const int32_t *index, int64_t rows, int64_t dims, const float *g, int64_t columns, int64_t gstride, float *d);
void w2s_simd_forward64(const double *x, const int32_t *index, int64_t rows, int64_t dims, const double *w, int64_t columns, double *z, int64_t zstride);
void w2s_simd_backward64(const double *x, const int32_t *index, int64_t rows, int64_t dims, const double *g, int64_t columns, int64_t gstride, double *d);

// Example i has the logits start[i] to start[i+1]-1, two or more.
void w2s_simd_softmax(const double *logits, const int64_t *start, int64_t n, double *probs);

// The losses have targets, weights (NULL: all 1) and the total of the weights of the batch that these examples are a part of.
void w2s_simd_gradient(const double *probs, const double *targets, const int64_t *start, int64_t n, const double *weights, double total, double *grad);
void w2s_simd_hardened(const double *probs, const double *labels, const int64_t *start, int64_t n, const double *weights, double total, double c, double *grad);
double w2s_simd_cross_entropy(const double *logits, const double *probs, const double *targets, const int64_t *start, int64_t n, const double *weights);
double w2s_simd_entropy(const double *logits, const double *probs, const int64_t *start, int64_t n, const double *weights, double total, double alpha, double *grad);

void w2s_simd_adam(const double *grad, int64_t n, double rate, double c2, double eps, double *m, double *v, double *theta);

void w2s_simd_standardise32(const float *row, const double *mean, const double *factor, int64_t n, float *out);
void w2s_simd_standardise64(const float *row, const double *mean, const double *factor, int64_t n, double *out);

// Of exact.c: the same to the last bit on every processor. pairs are two numbers for each of n examples.
void w2s_simd_widen(const float *x, int64_t n, double *out);
void w2s_simd_narrow(const double *x, int64_t n, float *out);
void w2s_simd_pairs32(const float *z, int64_t n, double bias, double *logits);
void w2s_simd_pairs64(const double *z, int64_t n, double bias, double *logits);
void w2s_simd_firsts(const double *pairs, int64_t n, double *out);
void w2s_simd_seconds(const double *pairs, int64_t n, double *out);
void w2s_simd_accumulate32(const float *x, int64_t n, double *sums);
void w2s_simd_accumulate64(const double *x, int64_t n, double *sums);
void w2s_simd_threshold(const double *probs, const double *labels, int64_t n, double least, double c, double *targets);
double w2s_simd_max_abs(const double *x, int64_t n);
void w2s_simd_nth(const double *values, int64_t n, int64_t k, double *room, double *out);
double w2s_simd_scaled_dot(double factor, const double *x, const double *y, int64_t n, double *d);
