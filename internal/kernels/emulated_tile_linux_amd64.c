//go:build cgo

#define W2S_EMULATED
#include "tile_linux_amd64.c"
