package tokenizer_test

import (
	"testing"

	sugarme "github.com/sugarme/tokenizer/pretrained"

	"w2s/internal/shareddata"
	"w2s/onnx/tokenizer"
)

// benchmarkTexts returns the reference texts, which are long and short and in many scripts.
func benchmarkTexts(b *testing.B) []string {
	b.Helper()
	texts := readJSON[[]string](b, shareddata.Path(b, "reference", "texts.json"))
	size := 0
	for _, text := range texts {
		size += len(text)
	}
	b.SetBytes(int64(size))
	return texts
}

var benchmarkNames = []string{"all-minilm-l6-v2", "all-mpnet-base-v2", "gpt2", "smollm2-135m-instruct", "wordllama-256",
	"llama3-like", "unigram-small"}

func BenchmarkEncode(b *testing.B) {
	for _, name := range benchmarkNames {
		b.Run(name, func(b *testing.B) {
			texts := benchmarkTexts(b)
			tk, err := tokenizer.Load(shareddata.Path(b, "tokenizers", name, "tokenizer.json"))
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				for _, text := range texts {
					if _, err := tk.Encode(text, tokenizer.Options{}); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// BenchmarkSugarme runs the pipeline of the library sugarme on the same texts, for the files that it can read.
func BenchmarkSugarme(b *testing.B) {
	for _, name := range benchmarkNames[:5] {
		b.Run(name, func(b *testing.B) {
			texts := benchmarkTexts(b)
			tk, err := sugarme.FromFile(shareddata.Path(b, "tokenizers", name, "tokenizer.json"))
			if err != nil {
				b.Fatal(err)
			}
			tk.WithTruncation(nil) // it exits the process on some texts
			tk.WithPadding(nil)
			for b.Loop() {
				for _, text := range texts {
					encodeSugarme(func() { _, _ = tk.EncodeSingle(text, true) })
				}
			}
		})
	}
}

// encodeSugarme recovers from panics of sugarme.
func encodeSugarme(encode func()) {
	defer func() { _ = recover() }()
	encode()
}

// BenchmarkLoad loads a file with 50,000 tokens and 50,000 merges.
func BenchmarkLoad(b *testing.B) {
	path := shareddata.Path(b, "tokenizers", "gpt2", "tokenizer.json")
	for b.Loop() {
		if _, err := tokenizer.Load(path); err != nil {
			b.Fatal(err)
		}
	}
}
