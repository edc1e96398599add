#include "simd.h"

#define INLINE static inline __attribute__((always_inline))
#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

typedef double FOUR __attribute__((vector_size(32), aligned(8), may_alias));
typedef int64_t FOUR_BITS __attribute__((vector_size(32)));

enum { PAIRS = 64 }; // examples of two logits that are computed together

enum { BLOCK = 96 }; // rows that are read again and again, and fit into the first-level or second-level cache

// Windows does not align the stack for wide vectors, and gcc does not know (its bug 54412).
#if defined(__x86_64__) && !defined(_WIN32)

#define TARGET __attribute__((target("avx512f,avx512dq")))
#define MULADD(a, b, c) __builtin_fma(a, b, c)
#define ROWS 4
#define COLS 4
#define WIDE 4
#define NAME(f) f##32_avx512
#define REAL float
#define INDEX int32_t
#define LANES 16
#include "products.h"
#define NAME(f) f##64_avx512
#define REAL double
#define INDEX int64_t
#define LANES 8
#include "products.h"
#define NAME(f) f##_avx512
#include "softmax.h"
#undef TARGET
#undef MULADD
#undef ROWS
#undef COLS
#undef WIDE

#define TARGET __attribute__((target("avx2,fma")))
#define MULADD(a, b, c) __builtin_fma(a, b, c)
#define ROWS 3
#define COLS 4
#define WIDE 3
#define NAME(f) f##32_avx2
#define REAL float
#define INDEX int32_t
#define LANES 8
#include "products.h"
#define NAME(f) f##64_avx2
#define REAL double
#define INDEX int64_t
#define LANES 4
#include "products.h"
#define NAME(f) f##_avx2
#include "softmax.h"
#undef TARGET
#undef MULADD
#undef ROWS
#undef COLS
#undef WIDE

#define WIDER(f, ...) \
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) { \
		return f##_avx512(__VA_ARGS__); \
	} \
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) { \
		return f##_avx2(__VA_ARGS__); \
	}

#else
#define WIDER(f, ...)
#endif

#define TARGET
#define MULADD(a, b, c) ((a) * (b) + (c))
#define ROWS 4
#define COLS 4
#define WIDE 4
#define NAME(f) f##32_any
#define REAL float
#define INDEX int32_t
#define LANES 4
#include "products.h"
#define NAME(f) f##64_any
#define REAL double
#define INDEX int64_t
#define LANES 2
#include "products.h"
#define NAME(f) f##_any
#include "softmax.h"
#undef TARGET
#undef MULADD
#undef ROWS
#undef COLS
#undef WIDE

#define DISPATCH(f, ...) \
	WIDER(f, __VA_ARGS__) \
	return f##_any(__VA_ARGS__);

void w2s_simd_forward32(const float *x, const int32_t *index, int64_t rows, int64_t dims, const float *w, int64_t columns, float *z, int64_t zstride) {
	DISPATCH(forward32, x, index, rows, dims, w, columns, z, zstride)
}

void w2s_simd_backward32(const float *x, const int32_t *index, int64_t rows, int64_t dims, const float *g, int64_t columns, int64_t gstride, float *d) {
	DISPATCH(backward32, x, index, rows, dims, g, columns, gstride, d)
}

void w2s_simd_forward64(const double *x, const int32_t *index, int64_t rows, int64_t dims, const double *w, int64_t columns, double *z, int64_t zstride) {
	DISPATCH(forward64, x, index, rows, dims, w, columns, z, zstride)
}

void w2s_simd_backward64(const double *x, const int32_t *index, int64_t rows, int64_t dims, const double *g, int64_t columns, int64_t gstride, double *d) {
	DISPATCH(backward64, x, index, rows, dims, g, columns, gstride, d)
}

void w2s_simd_softmax(const double *logits, const int64_t *start, int64_t n, double *probs) {
	if (start[n] - start[0] == 2 * n) {
		DISPATCH(softmax2, logits + start[0], n, probs + start[0])
	}
	DISPATCH(softmax, logits, start, n, probs)
}

void w2s_simd_gradient(const double *probs, const double *targets, const int64_t *start, int64_t n, const double *weights, double total, double *grad) {
	DISPATCH(gradient, probs, targets, start, n, weights, total, grad)
}

void w2s_simd_hardened(const double *probs, const double *labels, const int64_t *start, int64_t n, const double *weights, double total, double c, double *grad) {
	DISPATCH(hardened, probs, labels, start, n, weights, total, c, grad)
}

double w2s_simd_cross_entropy(const double *logits, const double *probs, const double *targets, const int64_t *start, int64_t n, const double *weights) {
	DISPATCH(cross_entropy, logits, probs, targets, start, n, weights)
}

double w2s_simd_entropy(const double *logits, const double *probs, const int64_t *start, int64_t n, const double *weights, double total, double alpha, double *grad) {
	DISPATCH(entropy, logits, probs, start, n, weights, total, alpha, grad)
}

void w2s_simd_adam(const double *grad, int64_t n, double rate, double c2, double eps, double *m, double *v, double *theta) {
	DISPATCH(adam, grad, n, rate, c2, eps, m, v, theta)
}

void w2s_simd_standardise32(const float *row, const double *mean, const double *factor, int64_t n, float *out) {
	DISPATCH(standardise32, row, mean, factor, n, out)
}

void w2s_simd_standardise64(const float *row, const double *mean, const double *factor, int64_t n, double *out) {
	DISPATCH(standardise64, row, mean, factor, n, out)
}
