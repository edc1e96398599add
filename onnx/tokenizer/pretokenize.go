package tokenizer

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// A piece is a part of the text that is being encoded, or an added token that was found in it.
type piece struct {
	text  string
	token int32 // id of the added token, or -1 for text
	// leading is the number of leading bytes of text that stand for the first rune of the input. It is 0 for later pieces.
	// Metaspace needs it for prepend_scheme first.
	leading int
}

// A preTokenizer splits a piece of text and appends its parts to dst. Parts may be empty; they have no tokens.
type preTokenizer interface {
	split(c *call, dst []piece, p piece) ([]piece, error)
}

type preTokenizerFunc func(dst []piece, p piece) []piece

func (f preTokenizerFunc) split(_ *call, dst []piece, p piece) ([]piece, error) {
	return f(dst, p), nil
}

type preTokenizers []preTokenizer

func (list preTokenizers) split(c *call, dst []piece, p piece) ([]piece, error) {
	if len(list) == 1 {
		return list[0].split(c, dst, p)
	}
	parts := []piece{p}
	for _, preTokenizer := range list {
		var next []piece
		size := 0
		for _, part := range parts {
			if part.text == "" {
				continue
			}
			if err := c.spend(1); err != nil {
				return nil, err
			}
			base := len(next)
			var err error
			if next, err = preTokenizer.split(c, next, part); err != nil {
				return nil, err
			}
			for _, made := range next[base:] {
				size += len(made.text)
			}
			if size > c.most() {
				named, _ := preTokenizer.(namedPreTokenizer)
				return nil, c.fault(cmp.Or(named.name, "pre_tokenizer"), errGrown)
			}
		}
		parts = next
	}
	return append(dst, parts...), nil
}

// A namedPreTokenizer adds its name to errors.
type namedPreTokenizer struct {
	preTokenizer
	name string
}

func (n namedPreTokenizer) split(c *call, dst []piece, p piece) ([]piece, error) {
	err := c.spend(len(p.text))
	if err == nil {
		dst, err = n.preTokenizer.split(c, dst, p)
	}
	if err != nil {
		return nil, c.fault(n.name, err)
	}
	return dst, nil
}

// part returns the piece with the text from start to end.
func (p piece) part(start, end int) piece {
	return piece{text: p.text[start:end], token: -1, leading: min(max(p.leading-start, 0), end-start)}
}

// A behavior tells what happens to the matches of a splitting pattern.
type behavior string

const (
	removed            behavior = "Removed"
	isolated           behavior = "Isolated"
	mergedWithPrevious behavior = "MergedWithPrevious"
	mergedWithNext     behavior = "MergedWithNext"
	contiguous         behavior = "Contiguous"
)

func (b *behavior) UnmarshalJSON(data []byte) error {
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	switch *b = behavior(s); *b {
	case removed, isolated, mergedWithPrevious, mergedWithNext, contiguous:
		return nil
	}
	return unsupported("split behavior %q", s)
}

// A splitter splits at the matches of a pattern, or between them if invert is set.
type splitter struct {
	pattern  pattern
	behavior behavior
	invert   bool
}

func (s splitter) split(c *call, dst []piece, p piece) ([]piece, error) {
	base := len(dst)
	previous := false // whether the part before was a match
	add := func(start, end int, match bool) {
		part := p.part(start, end)
		join := false
		switch s.behavior {
		case removed:
			if match {
				return
			}
		case mergedWithPrevious:
			join = match && !previous
		case mergedWithNext:
			join = previous && !match
		case contiguous:
			join = match == previous
		}
		if join && len(dst) > base {
			last := &dst[len(dst)-1]
			last.text = p.text[start-len(last.text) : end]
			last.leading += part.leading
		} else {
			dst = append(dst, part)
		}
		previous = match
	}
	last := 0
	err := s.pattern.find(c, p.text, func(start, end int) {
		if last < start {
			add(last, start, s.invert)
		}
		if start < end || s.behavior == contiguous { // an empty match ends a run of matches
			add(start, end, !s.invert)
		}
		last = end
	})
	if last < len(p.text) {
		add(last, len(p.text), s.invert)
	}
	return dst, err
}

func (l *loader) preTokenizer(raw json.RawMessage, depth int) (preTokenizer, error) {
	kind, err := l.kind("pre_tokenizer", raw, depth)
	if kind == "" || err != nil {
		return nil, err
	}
	name, err := l.name("pre_tokenizer", kind)
	if err != nil {
		return nil, err
	}
	p, err := l.plainPreTokenizer(kind, raw, depth)
	if _, several := p.(preTokenizers); several || err != nil {
		return p, err
	}
	return namedPreTokenizer{p, name}, nil
}

func (l *loader) plainPreTokenizer(kind string, raw json.RawMessage, depth int) (preTokenizer, error) {
	noOptions := func() error { return l.decode(kind, raw, &struct{ Type string }{}) }
	t := tables()
	switch kind {
	case "Sequence":
		var c struct {
			Type          string
			PreTokenizers []json.RawMessage `json:"pretokenizers"`
		}
		if err := l.decode(kind, raw, &c); err != nil {
			return nil, err
		}
		list, err := sequence(c.PreTokenizers, depth, l.preTokenizer)
		return preTokenizers(list), err
	case "BertPreTokenizer":
		return bertPreTokenizer(t), noOptions()
	case "ByteLevel":
		return l.byteLevel(raw)
	case "Metaspace":
		return l.metaspace(raw)
	case "Split":
		return l.splitPreTokenizer(raw)
	case "Whitespace":
		return splitter{words(t), removed, true}, noOptions()
	case "WhitespaceSplit":
		return splitter{runePattern(isSpace), removed, false}, noOptions()
	case "Punctuation":
		c := struct {
			Type     string
			Behavior behavior
		}{Behavior: isolated}
		err := l.decode(kind, raw, &c)
		return splitter{runePattern(t.punctuation.has), c.Behavior, false}, err
	case "Digits":
		var c struct {
			Type       string
			Individual bool `json:"individual_digits"`
		}
		err := l.decode(kind, raw, &c)
		b := contiguous
		if c.Individual {
			b = isolated
		}
		return splitter{runePattern(t.numeric.has), b, false}, err
	case "CharDelimiterSplit":
		var c struct{ Type, Delimiter string }
		if err := l.decode(kind, raw, &c); err != nil {
			return nil, err
		}
		delimiter, err := oneRune(kind, "delimiter", c.Delimiter)
		return splitter{runePattern(func(r rune) bool { return r == delimiter }), removed, false}, err
	case "FixedLength":
		var c struct {
			Type   string
			Length int
		}
		if err := l.decode(kind, raw, &c); err != nil {
			return nil, err
		}
		if c.Length < 1 {
			return nil, fmt.Errorf("%s: length %d is not positive", kind, c.Length)
		}
		return fixedLength(c.Length), nil
	}
	return nil, unsupported("pre_tokenizer %q", kind)
}

func (l *loader) splitPreTokenizer(raw json.RawMessage) (preTokenizer, error) {
	var c struct {
		Type     string
		Pattern  json.RawMessage
		Behavior behavior
		Invert   bool
	}
	if err := l.decode("Split", raw, &c); err != nil {
		return nil, err
	}
	if c.Behavior == "" {
		return nil, errors.New("Split: behavior is missing")
	}
	p, err := l.pattern("Split", c.Pattern)
	return splitter{p, c.Behavior, c.Invert}, err
}

// oneRune returns the only rune of s, which is a field of a part of that kind.
func oneRune(kind, field, s string) (rune, error) {
	r, size := utf8.DecodeRuneInString(s)
	if size == 0 || size != len(s) {
		return 0, fmt.Errorf("%s: %s %q is not one character", kind, field, s)
	}
	return r, nil
}

// bertPreTokenizer drops white space and makes every punctuation mark a part.
func bertPreTokenizer(t *unicodeTables) preTokenizer {
	return preTokenizerFunc(func(dst []piece, p piece) []piece {
		start := 0
		flush := func(end int) {
			if end > start {
				dst = append(dst, p.part(start, end))
			}
		}
		for i, r := range p.text {
			switch size := utf8.RuneLen(r); {
			case isSpace(r):
				flush(i)
				start = i + size
			case t.punctuation.has(r):
				flush(i)
				start = i
				flush(i + size)
				start = i + size
			}
		}
		flush(len(p.text))
		return dst
	})
}

// words returns a pattern for \w+|[^\w\s]+ with the classes of Rust.
func words(t *unicodeTables) pattern {
	const space, word, other = 0, 1, 2
	return patternFunc(func(c *call, s string, emit func(start, end int)) error {
		kind, start := space, 0
		for i, r := range s {
			if err := c.spend(1); err != nil {
				return err
			}
			now := other
			if t.word.has(r) {
				now = word
			} else if isSpace(r) {
				now = space
			}
			if now != kind {
				if kind != space {
					emit(start, i)
				}
				kind, start = now, i
			}
		}
		if kind != space {
			emit(start, len(s))
		}
		return nil
	})
}

// fixedLength splits into parts of that many runes.
func fixedLength(length int) preTokenizer {
	return preTokenizerFunc(func(dst []piece, p piece) []piece {
		start, count := 0, 0
		for i := range p.text {
			if count == length {
				dst = append(dst, p.part(start, i))
				start, count = i, 0
			}
			count++
		}
		return append(dst, p.part(start, len(p.text)))
	})
}

// metaspace is a pre-tokenizer that replaces spaces by a visible character and splits before it.
type metaspace struct {
	replacement string
	prepend     string // always, first or never
	cut         bool   // whether the text is split
}

// metaspaceConfig is the common JSON of the pre-tokenizer and the decoder.
type metaspaceConfig struct {
	Type           string
	Replacement    string
	PrependScheme  *string `json:"prepend_scheme"`
	Split          *bool
	AddPrefixSpace *bool   `json:"add_prefix_space"` // older form of prepend_scheme
	StrRep         *string `json:"str_rep"`          // from still older files, always equal to replacement
}

func (l *loader) metaspace(raw json.RawMessage) (metaspace, error) {
	var c metaspaceConfig
	if err := l.decode("Metaspace", raw, &c); err != nil {
		return metaspace{}, err
	}
	m := metaspace{replacement: c.Replacement, prepend: "always", cut: c.Split == nil || *c.Split}
	if c.PrependScheme != nil {
		m.prepend = strings.ToLower(*c.PrependScheme)
	}
	if c.AddPrefixSpace != nil && !*c.AddPrefixSpace {
		if c.PrependScheme != nil && m.prepend != "never" {
			return m, fmt.Errorf("Metaspace: add_prefix_space is false, but prepend_scheme is %q", m.prepend)
		}
		m.prepend = "never"
	}
	if m.prepend != "always" && m.prepend != "first" && m.prepend != "never" {
		return m, unsupported("Metaspace prepend_scheme %q", m.prepend)
	}
	l.trackLeading = l.trackLeading || m.prepend == "first"
	_, err := oneRune("Metaspace", "replacement", c.Replacement)
	return m, err
}

func (m metaspace) split(_ *call, dst []piece, p piece) ([]piece, error) {
	leading := p.part(0, p.leading)
	p.text = strings.ReplaceAll(p.text, " ", m.replacement)
	p.leading = len(strings.ReplaceAll(leading.text, " ", m.replacement))
	if (m.prepend == "always" || m.prepend == "first" && p.leading > 0) && !strings.HasPrefix(p.text, m.replacement) {
		p.text = m.replacement + p.text
		if p.leading > 0 {
			p.leading += len(m.replacement)
		}
	}
	if !m.cut {
		return append(dst, p), nil
	}
	start := 0
	for {
		next := strings.Index(p.text[min(start+1, len(p.text)):], m.replacement)
		if next < 0 {
			return append(dst, p.part(start, len(p.text))), nil
		}
		next += start + 1
		dst = append(dst, p.part(start, next))
		start = next
	}
}
