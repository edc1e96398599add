// Package tokenizer turns texts into the token ids of a Hugging Face tokenizer.json, exactly as the Hugging Face
// `tokenizers` library does, and ids back into text.
//
// A Tokenizer is read once with Load or Parse and is safe for concurrent use afterwards. A file that asks for something
// this package does not implement is refused by Load with an error that names it; no text and no file ends the process.
// Time is linear in the length of a text (n log n within one unbroken word of a BPE model).
//
// Go strings may hold bytes that are not UTF-8, which a Python string cannot: such bytes are read as U+FFFD, one for
// each maximal invalid sequence, as Python's bytes.decode("utf-8", "replace") gives them.
package tokenizer

import (
	"errors"
)

// ErrUnsupported is wrapped by every error of Load and Parse about a valid file that needs what is not implemented.
var ErrUnsupported = errors.New("not supported")

// Side is an end of a token sequence.
type Side int

const (
	// FromFile takes the side that tokenizer.json names, or the right side where it names none.
	FromFile Side = iota
	// Right is the end of the text.
	Right
	// Left is the beginning of the text.
	Left
)

// Strategy says which text of a pair truncation shortens. The zero value shortens the longer one first.
type Strategy int

const (
	// LongestFirst shortens the longer text until both are equally long, then both.
	LongestFirst Strategy = iota
	// OnlyFirst shortens the first text alone.
	OnlyFirst
	// OnlySecond shortens the second text alone.
	OnlySecond
)

// Options are the choices of one Encode call. The zero value gives the whole text with its special tokens: the
// truncation and padding sections of tokenizer.json are never applied on their own, see Truncation and Padding.
type Options struct {
	MaxTokens       int      // ids to return at most, special tokens included (these are never cut); 0 means all
	Side            Side     // which end is cut off
	Strategy        Strategy // which text of a pair is cut
	WithoutSpecials bool     // leave out what the post-processor adds
	SpecialsAsText  bool     // do not look for special tokens inside the text; they are encoded like other text
}

// Encoding is one encoded text or pair of texts.
type Encoding struct {
	IDs     []int64 // token ids
	TypeIDs []int64 // same length as IDs: token_type_ids
	Cut     int     // tokens of the text that truncation dropped; 0 when the text fitted
}

// Truncated reports whether tokens of the text were dropped.
func (e Encoding) Truncated() bool { return e.Cut > 0 }

// Truncation is the truncation section of a tokenizer.json.
type Truncation struct {
	MaxTokens int
	Side      Side
	Strategy  Strategy
	Stride    int // overlap of the overflowing parts, which this package does not return
}
