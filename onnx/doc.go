// Package onnx turns texts into feature vectors with language models that were exported to ONNX.
//
// A checkpoint is a folder that holds model.onnx and tokenizer.json, and perhaps the other files that Hugging Face
// and sentence-transformers write, from which pooling, longest input and prefix are taken. [Open] reads such a folder
// and gives an [Encoder]; [OpenRuntime] opens the ONNX Runtime library that runs it.
//
// A vector depends on its text alone: texts are run together only with texts of the same number of tokens, so nothing
// is padded, and a model whose 8-bit scales depend on the whole batch is run one text at a time.
package onnx
