// The product as an operator of ONNX Runtime.
#ifndef W2S_AMX_OP_H
#define W2S_AMX_OP_H

#include "amx.h"

// ops are the products of one session: the operator Linear of the domain w2s, whose attribute "index" names a matrix.
typedef struct w2s_ops w2s_ops;

// w2s_ops_new makes the operator for the given matrices, which it then owns, and adds it to options, an OrtSessionOptions.
// library is the path of the ONNX Runtime library that made options. Sessions made of them must be gone before
// w2s_ops_free. On a fault it returns NULL, writes what is wrong to fault and frees nothing.
w2s_ops *w2s_ops_new(const char *library, void *options, w2s_matrix **matrices, size_t count, char *fault, size_t room);
void w2s_ops_free(w2s_ops *ops);

#endif
