// Package feature encodes texts as feature vectors and keeps the vectors in a crash-safe cache.
//
// An [Encoder] is a model that turns texts into vectors. [Cache.Features] returns the vectors of texts as a [Matrix]. It takes
// stored vectors from the cache, lets the encoder make the missing ones and stores these, so every text is encoded once for
// every encoder. [Cache.Fill] only fills the cache, and [Shard] divides texts among machines, whose caches [Cache.Merge]
// brings together. The other methods of [Cache] list, verify, repair and remove what it holds.
package feature

import (
	"context"
	"unsafe"
)

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

// A Matrix holds one feature vector in each row. It is row-major: row i is Data[i*Dims : (i+1)*Dims]. Data is nil in a matrix that
// Pick made, and in one whose rows are in mapped files of the cache.
type Matrix struct {
	Rows, Dims int
	Data       []float32

	at     []*float32 // the rows; nil: they are in Data
	mapped *mappings  // that rows may be in; or nil
}

// Row returns row i. It shares memory with the matrix.
func (m *Matrix) Row(i int) []float32 {
	if m.at == nil {
		return m.Data[i*m.Dims : (i+1)*m.Dims : (i+1)*m.Dims]
	}
	if m.mapped != nil {
		m.mapped.touch(4 * m.Dims)
	}
	return unsafe.Slice(m.at[i], m.Dims)
}

// ReadRow returns row i like Row, or a copy of it in buffer, which has room for a row, if that is faster. Callers that go through many rows
// use it.
func (m *Matrix) ReadRow(i int, buffer []float32) []float32 {
	if m.mapped != nil && m.at != nil && m.mapped.read(m.at[i], buffer[:m.Dims]) {
		return buffer[:m.Dims]
	}
	return m.Row(i)
}

// Pick returns a matrix of some rows of m. It shares their memory.
func (m *Matrix) Pick(rows []int) *Matrix {
	picked := &Matrix{Rows: len(rows), Dims: m.Dims, at: make([]*float32, len(rows)), mapped: m.mapped}
	for i, r := range rows {
		picked.at[i] = m.first(r)
	}
	return picked
}

// Packed returns the numbers of all rows, one row after the other.
func (m *Matrix) Packed() []float32 {
	if m.at == nil {
		return m.Data
	}
	data := make([]float32, 0, m.Rows*m.Dims)
	for i := range m.Rows {
		data = append(data, m.Row(i)...)
	}
	return data
}

// first returns the address of row i.
func (m *Matrix) first(i int) *float32 {
	if m.at == nil {
		return &m.Data[i*m.Dims]
	}
	return m.at[i]
}
