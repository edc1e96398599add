// What is computed here is the same to the last bit on every processor: numbers are rounded after each multiplication and addition.
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif

#include "simd.h"

typedef double FOUR __attribute__((vector_size(32), aligned(8), may_alias));

#if defined(__x86_64__) && !defined(_WIN32)

#define TARGET __attribute__((target("avx512f,avx512dq")))
#define NAME(f) f##_avx512
#include "exact.h"
#undef TARGET
#undef NAME

#define TARGET __attribute__((target("avx2")))
#define NAME(f) f##_avx2
#include "exact.h"
#undef TARGET
#undef NAME

#define WIDER(f, ...) \
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) { \
		return f##_avx512(__VA_ARGS__); \
	} \
	if (__builtin_cpu_supports("avx2")) { \
		return f##_avx2(__VA_ARGS__); \
	}

#else
#define WIDER(f, ...)
#endif

#define TARGET
#define NAME(f) f##_any
#include "exact.h"

#define DISPATCH(f, ...) \
	WIDER(f, __VA_ARGS__) \
	return f##_any(__VA_ARGS__);

void w2s_simd_widen(const float *x, int64_t n, double *out) {
	DISPATCH(widen, x, n, out)
}

void w2s_simd_narrow(const double *x, int64_t n, float *out) {
	DISPATCH(narrow, x, n, out)
}

void w2s_simd_pairs32(const float *z, int64_t n, double bias, double *logits) {
	DISPATCH(pairs32, z, n, bias, logits)
}

void w2s_simd_pairs64(const double *z, int64_t n, double bias, double *logits) {
	DISPATCH(pairs64, z, n, bias, logits)
}

void w2s_simd_seconds(const double *pairs, int64_t n, double *out) {
	DISPATCH(seconds, pairs, n, out)
}

void w2s_simd_firsts(const double *pairs, int64_t n, double *out) {
	DISPATCH(firsts, pairs, n, out)
}

void w2s_simd_accumulate32(const float *x, int64_t n, double *sums) {
	DISPATCH(accumulate32, x, n, sums)
}

void w2s_simd_accumulate64(const double *x, int64_t n, double *sums) {
	DISPATCH(accumulate64, x, n, sums)
}

void w2s_simd_threshold(const double *probs, const double *labels, int64_t n, double least, double c, double *targets) {
	DISPATCH(threshold, probs, labels, n, least, c, targets)
}

double w2s_simd_max_abs(const double *x, int64_t n) {
	DISPATCH(max_abs, x, n)
}

void w2s_simd_nth(const double *values, int64_t n, int64_t k, double *room, double *out) {
	DISPATCH(nth, values, n, k, room, out)
}

double w2s_simd_scaled_dot(double factor, const double *x, const double *y, int64_t n, double *d) {
	DISPATCH(scaled_dot, factor, x, y, n, d)
}
