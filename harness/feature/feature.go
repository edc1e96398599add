// Package feature encodes texts as feature vectors and keeps the vectors in a crash-safe cache.
//
// An [Encoder] is a model that turns texts into vectors. [Cache.Features] returns the vectors of texts as a [Matrix]. It takes
// stored vectors from the cache, lets the encoder make the missing ones and stores these, so every text is encoded once for
// every encoder. [Cache.Fill] only fills the cache, and [Shard] divides texts among machines, whose caches [Cache.Merge]
// brings together. The other methods of [Cache] list, verify, repair and remove what it holds.
package feature

import "context"

// An Encoder turns texts into feature vectors.
type Encoder interface {
	// Key is a digest of all that changes a vector (model and tokenizer files, output, pooling, longest input, prefix,
	// runtime version) and of nothing else: batch size and thread count are not in it.
	Key() string
	// Dims is the length of a vector.
	Dims() int
	// Encode calls emit once for every text, in any order, from one goroutine: index is the text's index in texts, vector
	// its feature vector of length Dims, tokens the number of tokens that were fed to the model, and truncated tells
	// whether the text had more tokens than the encoder takes. vector is valid only during the call. Encode stops at
	// emit's first error and when ctx is done, and returns that error.
	Encode(ctx context.Context, texts []string, emit func(index int, vector []float32, tokens int, truncated bool) error) error
}

// A Warner is an Encoder that may have warnings about its vectors, for the reader of a result. Warnings returns all of them so far.
// The Summary of every call repeats them. For vectors that an earlier process cached, the Summary has only the warnings that
// Warnings returns before anything is encoded.
type Warner interface {
	Warnings() []string
}

// A Lookup is an Encoder that has the vectors already. A cache does not store them again, and passes all texts at once.
type Lookup interface {
	Encoder
	Lookup()
}

// A vector is the feature vector of one text, with what the cache keeps about it.
type vector struct {
	values    []float32 // length Dims
	tokens    int       // tokens that were fed to the model
	truncated bool      // the text had more tokens than the encoder takes
}

// A Matrix holds one feature vector in each row. It is row-major: row i is Data[i*Dims : (i+1)*Dims].
type Matrix struct {
	Rows, Dims int
	Data       []float32
}

// Row returns row i. It shares memory with the matrix.
func (m *Matrix) Row(i int) []float32 { return m.Data[i*m.Dims : (i+1)*m.Dims : (i+1)*m.Dims] }
