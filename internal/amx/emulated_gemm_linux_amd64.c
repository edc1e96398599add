//go:build cgo

#define W2S_EMULATED
#include "gemm_linux_amd64.c"
