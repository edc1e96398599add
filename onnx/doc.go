// Package onnx turns texts into feature vectors, and continues texts, with language models in the ONNX format.
//
// A checkpoint is a folder with model.onnx and tokenizer.json. It may also hold the files that Hugging Face and
// sentence-transformers write; pooling, longest input and prefix are read from them. [OpenRuntime] loads the ONNX Runtime
// library, [Open] opens a checkpoint as an [Encoder], and [OpenGenerator] as a [Generator].
//
// A vector depends on its text alone. All texts of a batch have the same number of tokens, so that nothing is padded unless
// the model fixes the width of its input, and a model whose 8-bit scales depend on the whole batch is run one text at a time.
package onnx
