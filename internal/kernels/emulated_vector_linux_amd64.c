//go:build cgo

#define W2S_EMULATED
#include "vector_linux_amd64.c"
