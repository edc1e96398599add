// Package tokenizer turns texts into token ids, and ids back into text, exactly as the Hugging Face `tokenizers` library does
// for the same tokenizer.json. In this package, "the library" is that library.
//
// [Load] or [Parse] reads a file into a [Tokenizer]. They refuse a file that needs something this package does not implement,
// with an error that names it. [Assemble] combines the file with the settings of tokenizer_config.json and other files, as
// AutoTokenizer of the Python package transformers does. No text and no file makes the package panic. Time is linear in the
// length of a text, and n log n within an unbroken word of a BPE model.
//
// A file can describe parts that lengthen a text without end, or that take endless time. No part may make more than 32 bytes
// of each byte of a text, and 64 KiB in addition, and a text may not take more than 500 steps for each of its bytes. The
// error about a text that exceeds these bounds names the part of the file.
//
// A Go string may hold bytes that are not UTF-8, which a Python string cannot. The package reads every maximal invalid
// sequence as U+FFFD, like Python's bytes.decode("utf-8", "replace").
package tokenizer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"
)

// ErrUnsupported is wrapped by the errors of Load and Parse about valid files that need something that is not implemented.
var ErrUnsupported = errors.New("not supported")

// A Side is one end of a token sequence.
type Side int

const (
	// FromFile is the side that tokenizer.json names, or Right if it names none.
	FromFile Side = iota
	// Right is the end of the text.
	Right
	// Left is the beginning of the text.
	Left
)

// A Strategy tells which text of a pair truncation shortens.
type Strategy int

const (
	// LongestFirst shortens the longer text until both are equally long, and then both. It is the zero value.
	LongestFirst Strategy = iota
	// OnlyFirst shortens only the first text.
	OnlyFirst
	// OnlySecond shortens only the second text.
	OnlySecond
)

// Options are the options of one call of Encode. The zero value encodes the whole text with special tokens. The truncation and
// padding sections of tokenizer.json have no effect by themselves (see [Tokenizer.Truncation] and [Tokenizer.Padding]).
type Options struct {
	MaxTokens       int      // largest number of ids, including special tokens, which are never cut; 0 means no limit
	Side            Side     // the end that is cut off
	Strategy        Strategy // the text of a pair that is cut
	WithoutSpecials bool     // leave out the tokens that the post-processor adds
	SpecialsAsText  bool     // encode special tokens that occur in the text like any other text
}

// An Encoding is an encoded text or pair of texts.
type Encoding struct {
	IDs     []int64 // token ids
	TypeIDs []int64 // token_type_ids, one for each id
	Cut     int     // number of tokens that truncation dropped
}

// Truncated reports whether truncation dropped tokens.
func (e Encoding) Truncated() bool { return e.Cut > 0 }

// A Truncation is the truncation section of a tokenizer.json.
type Truncation struct {
	MaxTokens int
	Side      Side
	Strategy  Strategy
	Stride    int // overlap of the parts that are cut off, which this package does not return
}

// A Tokenizer is a loaded tokenizer.json. It is safe for concurrent use.
type Tokenizer struct {
	added        *addedVocabulary
	normalizer   normalizer   // nil if there is none
	preTokenizer preTokenizer // nil if there is none
	model        model
	template     *template
	decoder      decoder // nil if tokens are joined by spaces
	vocab        map[string]int32
	tokens       map[int32]string
	modelSize    int // number of tokens of the model
	words        wordCache
	trackLeading bool // whether piece.leading is needed
	truncation   *Truncation
	padding      *Padding
	specialText  bool // whether special tokens in a text are always encoded like other text
}

// Encode returns the ids of one text. It fails if the text has a token outside the vocabulary and the model has no unknown
// token, if MaxTokens leaves no room for the special tokens, and if a part of the file exceeds the bounds (see the package
// comment) or its regular expressions take too long.
func (t *Tokenizer) Encode(text string, o Options) (Encoding, error) {
	return t.EncodeContext(context.Background(), text, o)
}

// EncodeContext is like Encode, but stops soon after the context is done, even within a long text.
func (t *Tokenizer) EncodeContext(ctx context.Context, text string, o Options) (Encoding, error) {
	e, err := t.encode(ctx, []string{text}, t.template.single, o)
	if err != nil {
		return Encoding{}, fmt.Errorf("tokenizer: %w", err)
	}
	return e, nil
}

// EncodePair returns the ids of two texts, joined as the post-processor of the file says. It fails like Encode, and if the
// strategy cannot make the pair short enough.
func (t *Tokenizer) EncodePair(first, second string, o Options) (Encoding, error) {
	e, err := t.encode(context.Background(), []string{first, second}, t.template.pair, o)
	if err != nil {
		return Encoding{}, fmt.Errorf("tokenizer: %w", err)
	}
	return e, nil
}

func (t *Tokenizer) encode(ctx context.Context, texts []string, layout []templatePart, o Options) (Encoding, error) {
	ids := make([][]int32, len(texts))
	for i, text := range texts {
		var err error
		if ids[i], err = t.textIDs(newCall(ctx, text), text, o.SpecialsAsText || t.specialText); err != nil {
			return Encoding{}, err
		}
	}
	added := 0
	if !o.WithoutSpecials {
		added = countSpecials(layout)
	}
	var e Encoding
	if o.MaxTokens > 0 {
		if o.MaxTokens < added {
			return Encoding{}, fmt.Errorf("MaxTokens %d leaves no room for the %d special tokens", o.MaxTokens, added)
		}
		side := o.Side
		if side == FromFile && t.truncation != nil {
			side = t.truncation.Side
		}
		var err error
		if e.Cut, err = truncate(ids, o.MaxTokens-added, side, o.Strategy); err != nil {
			return Encoding{}, err
		}
	}
	size := added
	for _, p := range layout {
		if p.text >= 0 {
			size += len(ids[p.text])
		}
	}
	e.IDs, e.TypeIDs = make([]int64, 0, size), make([]int64, 0, size)
	for _, p := range layout {
		switch {
		case p.text >= 0:
			for _, id := range ids[p.text] {
				e.IDs = append(e.IDs, int64(id))
			}
		case !o.WithoutSpecials:
			e.IDs = append(e.IDs, p.ids...)
		}
		for len(e.TypeIDs) < len(e.IDs) {
			e.TypeIDs = append(e.TypeIDs, p.typeID)
		}
	}
	return e, nil
}

// textIDs returns the ids of a text without the tokens that the post-processor adds.
func (t *Tokenizer) textIDs(c *call, text string, specialsAsText bool) ([]int32, error) {
	text = validUTF8(text)
	first := 0
	if t.trackLeading {
		_, first = utf8.DecodeRuneInString(text)
	}
	ids := make([]int32, 0, len(text)/3+1)
	size := 0 // of all normalized pieces
	var normalized, parts []piece
	raw, err := t.added.split(c, nil, &t.added.raw, piece{text: text, token: -1, leading: first}, specialsAsText)
	if err != nil {
		return nil, err
	}
	for _, p := range raw {
		if p.token >= 0 {
			ids = append(ids, p.token)
			continue
		}
		p, err := t.normalize(c, p)
		if err != nil {
			return nil, err
		}
		if size += len(p.text); size > c.most() {
			return nil, c.fault("the normalizer", errGrown)
		}
		if normalized, err = t.added.split(c, normalized[:0], &t.added.normalized, p, specialsAsText); err != nil {
			return nil, err
		}
		for _, p := range normalized {
			if p.token >= 0 {
				ids = append(ids, p.token)
				continue
			}
			if p.text == "" {
				continue
			}
			parts = parts[:0]
			if t.preTokenizer == nil {
				parts = append(parts, p)
			} else if parts, err = t.preTokenizer.split(c, parts, p); err != nil {
				return nil, err
			}
			for _, part := range parts {
				if ids, err = t.wordIDs(c, ids, part.text); err != nil {
					return nil, err
				}
				if len(ids) > c.most() {
					return nil, c.fault("the model", errTokens)
				}
			}
		}
	}
	return ids, nil
}

func (t *Tokenizer) normalize(c *call, p piece) (piece, error) {
	if t.normalizer == nil {
		return p, nil
	}
	leading := p.leading
	if leading == 0 {
		leading = -1
	}
	var err error
	p.text, leading, err = t.normalizer.normalize(c, p.text, leading)
	p.leading = max(0, leading)
	return p, err
}

// wordIDs appends the ids of one word to dst. Words that have been encoded before come from the cache.
func (t *Tokenizer) wordIDs(c *call, dst []int32, word string) ([]int32, error) {
	cutter, cuts := t.model.(cutter)
	for len(word) > 0 {
		if err := c.spend(1); err != nil {
			return nil, err
		}
		part := word
		if cuts {
			part = word[:cutter.cut(word)]
		}
		word = word[len(part):]
		ids, ok := t.words.get(part)
		if ok {
			dst = append(dst, ids...)
			continue
		}
		base := len(dst)
		var err error
		if dst, err = t.model.encode(c, dst, part); err != nil {
			if errors.As(err, new(grownError)) {
				err = c.fault("the model", err)
			}
			return nil, err
		}
		t.words.put(part, dst[base:])
	}
	return dst, nil
}

// VocabSize returns the number of different tokens, including added ones.
func (t *Tokenizer) VocabSize() int {
	size := len(t.vocab)
	for token := range t.added.ids {
		if _, ok := t.vocab[token]; !ok {
			size++
		}
	}
	return size
}

// ID returns the id of a token, and whether there is such a token.
func (t *Tokenizer) ID(token string) (int64, bool) {
	id, ok := t.added.ids[token]
	if !ok {
		id, ok = t.vocab[token]
	}
	return int64(id), ok
}

// Token returns the token of an id in the form of the vocabulary, and whether there is such an id. As in the library, an added
// token that is matched in normalized text is returned in its normalized form.
func (t *Tokenizer) Token(id int64) (string, bool) {
	if id != int64(int32(id)) {
		return "", false
	}
	if text, ok := t.added.texts[int32(id)]; ok {
		return text, true
	}
	token, ok := t.tokens[int32(id)]
	return token, ok
}

// Padding returns the padding section of the file, and whether there is one.
func (t *Tokenizer) Padding() (Padding, bool) {
	if t.padding == nil {
		return Padding{}, false
	}
	return *t.padding, true
}

// Truncation returns the truncation section of the file, and whether there is one.
func (t *Tokenizer) Truncation() (Truncation, bool) {
	if t.truncation == nil {
		return Truncation{}, false
	}
	return *t.truncation, true
}

// validUTF8 replaces bytes that are not UTF-8 as the package comment says.
func validUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	valid, err := unicode.UTF8.NewDecoder().String(s)
	if err != nil {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	return valid
}
