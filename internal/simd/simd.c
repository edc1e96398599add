#include "simd.h"

#define INLINE static inline __attribute__((always_inline))
#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

enum { BLOCK = 64 }; // rows that are read again and again, and fit into the first-level or second-level cache

// Windows does not align the stack for wide vectors, and gcc does not know (its bug 54412).
#if defined(__x86_64__) && !defined(_WIN32)

#define NAME(f) f##_avx512
#define TARGET __attribute__((target("avx512f,avx512dq")))
#define MULADD(a, b, c) __builtin_fma(a, b, c)
#define LANES 16
#define ROWS 4
#define COLS 4
#define WIDE 4
#include "kernel.h"

#define NAME(f) f##_avx2
#define TARGET __attribute__((target("avx2,fma")))
#define MULADD(a, b, c) __builtin_fma(a, b, c)
#define LANES 8
#define ROWS 2
#define COLS 4
#define WIDE 2
#include "kernel.h"

#define WIDER(f, ...) \
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) { \
		f##_avx512(__VA_ARGS__); \
		return; \
	} \
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) { \
		f##_avx2(__VA_ARGS__); \
		return; \
	}

#else
#define WIDER(f, ...)
#endif

#define NAME(f) f##_any
#define TARGET
#define MULADD(a, b, c) ((a) * (b) + (c))
#define LANES 4
#define ROWS 4
#define COLS 4
#define WIDE 4
#include "kernel.h"

#define DISPATCH(f, ...) \
	WIDER(f, __VA_ARGS__) \
	f##_any(__VA_ARGS__);

void w2s_simd_forward(const float *x, int64_t rows, int64_t dims, const float *w, int64_t columns, float *z, int64_t zstride) {
	DISPATCH(forward, x, rows, dims, w, columns, z, zstride)
}

void w2s_simd_backward(const float *x, int64_t rows, int64_t dims, const float *g, int64_t columns, int64_t gstride, float *d) {
	DISPATCH(backward, x, rows, dims, g, columns, gstride, d)
}

void w2s_simd_softmax(const double *logits, const int64_t *start, int64_t n, double *probs) {
	if (start[n] - start[0] == 2 * n) {
		DISPATCH(softmax2, logits + start[0], n, probs + start[0])
		return;
	}
	DISPATCH(softmax, logits, start, n, probs)
}
