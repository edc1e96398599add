//go:build cgo

#define W2S_EMULATED
#include "attention_linux_amd64.c"
