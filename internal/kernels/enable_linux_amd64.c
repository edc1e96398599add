//go:build cgo

#include "kernels.h"
#include "tiles.h"

const w2s_kernels w2s_tile_kernels = {&w2s_tile_layer, &w2s_tile_attention};
const w2s_kernels w2s_emulated_tile_kernels = {&w2s_emulated_tile_layer, &w2s_emulated_tile_attention};
const w2s_kernels w2s_vector_kernels = {&w2s_vector_layer, NULL};
const w2s_kernels w2s_emulated_vector_kernels = {&w2s_emulated_vector_layer, NULL};

#ifdef W2S_TILES

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

int w2s_enable_tiles(void) {
	unsigned a, b, c, d;
	const unsigned bf16 = 1u << 22, tiles = 1u << 24, int8 = 1u << 25, vbmi = 1u << 1, avx512 = 1u << 16, bw = 1u << 30, dq = 1u << 17, vl = 1u << 31, vnni_bf16 = 1u << 5;
	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & (bf16 | tiles | int8)) != (bf16 | tiles | int8) || !(c & vbmi) ||
	    (b & (avx512 | bw | dq | vl)) != (avx512 | bw | dq | vl)) return 0;
	if (!__get_cpuid_count(7, 1, &a, &b, &c, &d) || !(a & vnni_bf16)) return 0;
	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & (1u << 27))) return 0;
	unsigned low, high;
	__asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	const unsigned saved = 0x600e6; // SSE, AVX, the three states of AVX-512, both states of the tile unit
	if ((low & saved) != saved) return 0;
	enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
	return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

int w2s_has_vectors(void) {
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

#else

int w2s_enable_tiles(void) { return 0; }
int w2s_has_vectors(void) { return 0; }

#endif
