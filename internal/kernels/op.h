// Layers and attention as operators of ONNX Runtime.
#ifndef W2S_OP_H
#define W2S_OP_H

#include "kernels.h"

// A w2s_ops holds the operators of one session, Linear and Attention in the domain w2s. Package kernels documents their inputs,
// outputs and attributes. An operator that cannot compute what it is asked for returns an error to the runtime, and never a
// wrong result.
typedef struct w2s_ops w2s_ops;

// w2s_ops_new makes operators that compute with the given kernels and adds them to options, an OrtSessionOptions of the ONNX
// Runtime library at the given path. The operators own the matrices from then on. If it fails, it returns NULL, writes the
// reason to fault, and the caller keeps the matrices.
w2s_ops *w2s_ops_new(const w2s_kernels *kernels, const char *library, void *options, w2s_matrix **matrices, size_t count,
	char *fault, size_t room);

// w2s_ops_limit sets how many bytes of working memory one run of an operator may take. An operator that needs more fails.
void w2s_ops_limit(w2s_ops *ops, size_t bytes);

// w2s_ops_free frees the operators and their matrices. Sessions that use them must have been destroyed.
void w2s_ops_free(w2s_ops *ops);

#endif
