// Layers and attention as operators of ONNX Runtime.
#ifndef W2S_AMX_OP_H
#define W2S_AMX_OP_H

#include "amx.h"

// ops are the operators of one session, in the domain w2s. Linear multiplies by the matrix that its attribute "index" names.
// Attention takes q, k, v and up to two masks; where its attributes "q_tokens", "k_tokens", "v_tokens" are 1, they are
// [batch, tokens, heads, width], otherwise q and v are [batch, heads, tokens, width] and k is [batch, heads, width, tokens].
// Its output is [batch, tokens, heads, width], its attribute "scale" a number by which q·k is multiplied.
typedef struct w2s_ops w2s_ops;

// w2s_ops_new makes the operators, with the given matrices, which they then own, and adds them to options, an OrtSessionOptions.
// library is the path of the ONNX Runtime library that made options. Sessions made of them must be gone before
// w2s_ops_free. On a fault it returns NULL, writes what is wrong to fault and frees nothing.
w2s_ops *w2s_ops_new(const char *library, void *options, w2s_matrix **matrices, size_t count, char *fault, size_t room);
void w2s_ops_free(w2s_ops *ops);

#endif
