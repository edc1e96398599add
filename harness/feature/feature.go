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
	// Encode calls emit once for every text, in any order, from one goroutine. It stops at emit's first error and when
	// ctx is done, and returns that error.
	Encode(ctx context.Context, texts []string, emit func(Vector) error) error
}

// A Vector is what an encoder made of one text.
type Vector struct {
	Index     int       // which of the texts
	Values    []float32 // length Dims; valid only until emit returns
	Tokens    int       // tokens that the model was fed
	Truncated bool      // the text had more tokens than the encoder takes
}

// A Matrix holds one feature vector in each row. It is row-major: row i is Data[i*Dims : (i+1)*Dims].
type Matrix struct {
	Rows, Dims int
	Data       []float32
}

// Row returns row i. It shares memory with the matrix.
func (m *Matrix) Row(i int) []float32 { return m.Data[i*m.Dims : (i+1)*m.Dims : (i+1)*m.Dims] }
