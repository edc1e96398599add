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
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"errors"
	"golang.org/x/text/encoding/unicode"
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

// Tokenizer is a loaded tokenizer.json. It is safe for concurrent use.
type Tokenizer struct {
	added        *addedVocabulary
	normalizer   normalizer   // nil: none
	preTokenizer preTokenizer // nil: none
	model        model
	template     *template
	decoder      decoder // nil: tokens are joined by spaces
	vocab        map[string]int32
	tokens       map[int32]string
	modelSize    int // tokens of the model
	words        wordCache
	heads        bool // the beginning of a text is followed; see piece.head
	truncation   *Truncation
	padding      *Padding
}

// Encode gives the ids of one text. It fails where the text has a token outside the vocabulary and the model no unknown
// token, where MaxTokens has no room for the special tokens, and where the regular expressions of the file run too long.
func (t *Tokenizer) Encode(text string, o Options) (Encoding, error) {
	return t.EncodeContext(context.Background(), text, o)
}

// EncodeContext is Encode that gives up soon after the context is done, in the middle of a long text too.
func (t *Tokenizer) EncodeContext(ctx context.Context, text string, o Options) (Encoding, error) {
	e, err := t.encode(ctx, []string{text}, t.template.single, o)
	if err != nil {
		return Encoding{}, fmt.Errorf("tokenizer: %w", err)
	}
	return e, nil
}

// EncodePair gives the ids of two texts, joined as the file's post-processor says. It fails as Encode does, and where
// the strategy cannot make the pair short enough.
func (t *Tokenizer) EncodePair(first, second string, o Options) (Encoding, error) {
	e, err := t.encode(context.Background(), []string{first, second}, t.template.pair, o)
	if err != nil {
		return Encoding{}, fmt.Errorf("tokenizer: %w", err)
	}
	return e, nil
}

func (t *Tokenizer) encode(ctx context.Context, texts []string, layout []part, o Options) (Encoding, error) {
	ids := make([][]int32, len(texts))
	for i, text := range texts {
		var err error
		if ids[i], err = t.textIDs(newCall(ctx), text, o.SpecialsAsText); err != nil {
			return Encoding{}, err
		}
	}
	added := 0
	if !o.WithoutSpecials {
		added = specials(layout)
	}
	var e Encoding
	if o.MaxTokens > 0 {
		if o.MaxTokens < added {
			return Encoding{}, fmt.Errorf("MaxTokens %d has no room for the %d special tokens", o.MaxTokens, added)
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
			e.TypeIDs = append(e.TypeIDs, p.kind)
		}
	}
	return e, nil
}

// textIDs gives the ids of a text without what the post-processor adds.
func (t *Tokenizer) textIDs(c *call, text string, specialsAsText bool) ([]int32, error) {
	text = validUTF8(text)
	first := 0
	if t.heads {
		_, first = utf8.DecodeRuneInString(text)
	}
	ids := make([]int32, 0, len(text)/3+1)
	var normalized, parts []piece
	raw, err := t.added.split(c, nil, &t.added.raw, piece{text: text, token: -1, head: first}, specialsAsText)
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
			for i, part := range parts {
				if err := c.cancelled(i); err != nil {
					return nil, err
				}
				if ids, err = t.wordIDs(c, ids, part.text); err != nil {
					return nil, err
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
	head := p.head
	if head == 0 {
		head = -1
	}
	var err error
	p.text, head, err = t.normalizer.normalize(c, p.text, head)
	p.head = max(0, head)
	return p, err
}

// wordIDs appends the ids of one part of the text, from the cache where it was seen before.
func (t *Tokenizer) wordIDs(c *call, dst []int32, word string) ([]int32, error) {
	cutter, cuts := t.model.(cutter)
	for n := 1; len(word) > 0; n++ {
		if err := c.cancelled(n); err != nil {
			return nil, err
		}
		now := word
		if cuts {
			now = word[:cutter.cut(word)]
		}
		word = word[len(now):]
		ids, ok := t.words.get(now)
		if ok {
			dst = append(dst, ids...)
			continue
		}
		base := len(dst)
		var err error
		if dst, err = t.model.encode(c, dst, now); err != nil {
			return nil, err
		}
		t.words.put(now, dst[base:])
	}
	return dst, nil
}

// VocabSize is the number of different tokens, added ones included.
func (t *Tokenizer) VocabSize() int {
	size := len(t.vocab)
	for token := range t.added.ids {
		if _, ok := t.vocab[token]; !ok {
			size++
		}
	}
	return size
}

// ID gives the id of a token, false where there is no such token.
func (t *Tokenizer) ID(token string) (int64, bool) {
	id, ok := t.added.ids[token]
	if !ok {
		id, ok = t.vocab[token]
	}
	return int64(id), ok
}

// Token gives the token of an id as the vocabulary writes it, false where there is no such id. As in the library, an
// added token that is looked for in normalized text is given in its normalized form.
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

// Padding gives the padding section of the file, false where it has none.
func (t *Tokenizer) Padding() (Padding, bool) {
	if t.padding == nil {
		return Padding{}, false
	}
	return *t.padding, true
}

// Truncation gives the truncation section of the file, false where it has none.
func (t *Tokenizer) Truncation() (Truncation, bool) {
	if t.truncation == nil {
		return Truncation{}, false
	}
	return *t.truncation, true
}

// validUTF8 replaces what is not UTF-8; see the package comment.
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
