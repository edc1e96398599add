package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	sugarme "github.com/sugarme/tokenizer/decoder"
)

// A decoder rewrites the tokens of a text. The text is their concatenation in the end. A decoder that makes more than most bytes
// may stop with errGrown.
type decoder interface {
	decode(tokens []string, most int) ([]string, error)
}

// A chain is one of sugarme's decoders, which are used where they are correct.
type chain struct {
	sugarme interface {
		DecodeChain(tokens []string) []string
	}
}

func (d chain) decode(tokens []string, _ int) ([]string, error) {
	return d.sugarme.DecodeChain(tokens), nil
}

type decoderFunc func(tokens []string) []string

func (f decoderFunc) decode(tokens []string, _ int) ([]string, error) { return f(tokens), nil }

// tokenDecoder rewrites every token separately.
type tokenDecoder func(token string) string

func (f tokenDecoder) decode(tokens []string, most int) ([]string, error) {
	out, size := make([]string, len(tokens)), 0
	for i, token := range tokens {
		out[i] = f(token)
		if size += len(out[i]); size > most {
			return nil, errGrown
		}
	}
	return out, nil
}

type decoders []decoder

func (list decoders) decode(tokens []string, most int) ([]string, error) {
	var err error
	for _, d := range list {
		if tokens, err = d.decode(tokens, most); err != nil {
			return nil, err
		}
	}
	return tokens, nil
}

// A boundedDecoder keeps a decoder within the bounds. Its errors name the decoder.
type boundedDecoder struct {
	decoder
	name string
}

func (d boundedDecoder) decode(tokens []string, most int) ([]string, error) {
	tokens, err := d.decoder.decode(tokens, most)
	if err == nil && sizeOf(tokens) > most {
		err = errGrown
	}
	if err != nil {
		return nil, partError{d.name, err}
	}
	return tokens, nil
}

// A partError is the error of a part of the file.
type partError struct {
	name string
	err  error
}

func (e partError) Error() string { return e.name + ": " + e.err.Error() }
func (e partError) Unwrap() error { return e.err }

func sizeOf(tokens []string) (size int) {
	for _, t := range tokens {
		size += len(t)
	}
	return size
}

// Decode returns the text of ids. skipSpecials leaves out special tokens. Like the library it leaves out ids outside the
// vocabulary.
func (t *Tokenizer) Decode(ids []int64, skipSpecials bool) (string, error) {
	tokens := make([]string, 0, len(ids))
	for _, id := range ids {
		token, ok := t.Token(id)
		if !ok || skipSpecials && t.added.special[token] {
			continue
		}
		tokens = append(tokens, token)
	}
	if t.decoder == nil {
		return strings.Join(tokens, " "), nil
	}
	size := sizeOf(tokens)
	decoded, err := t.decoder.decode(tokens, growthLimit(size))
	if part, grown := (partError{}), grownError(""); errors.As(err, &part) && errors.As(err, &grown) {
		err = grown.of(part.name, "the tokens that begin with", strings.Join(tokens[:min(3, len(tokens))], " "), size)
	}
	if err != nil {
		return "", fmt.Errorf("tokenizer: %w", err)
	}
	return strings.Join(decoded, ""), nil
}

func (l *loader) decoder(raw json.RawMessage, depth int) (decoder, error) {
	kind, err := l.kind("decoder", raw, depth)
	if kind == "" || err != nil {
		return nil, err
	}
	name, err := l.name("decoder", kind)
	if err != nil {
		return nil, err
	}
	d, err := l.plainDecoder(kind, raw, depth)
	if _, several := d.(decoders); several || err != nil {
		return d, err
	}
	return boundedDecoder{d, name}, nil
}

func (l *loader) plainDecoder(kind string, raw json.RawMessage, depth int) (decoder, error) {
	noOptions := func() error { return l.decode(kind, raw, &struct{ Type string }{}) }
	switch kind {
	case "Sequence":
		var c struct {
			Type     string
			Decoders []json.RawMessage
		}
		if err := l.decode(kind, raw, &c); err != nil {
			return nil, err
		}
		list, err := sequence(c.Decoders, depth, l.decoder)
		return decoders(list), err
	case "WordPiece":
		c := struct {
			Type    string
			Prefix  string
			Cleanup bool
		}{Prefix: "##", Cleanup: true}
		err := l.decode(kind, raw, &c)
		return chain{sugarme.NewWordPieceDecoder(c.Prefix, c.Cleanup)}, err
	case "BPEDecoder":
		c := struct{ Type, Suffix string }{Suffix: "</w>"}
		err := l.decode(kind, raw, &c)
		return chain{sugarme.NewBpeDecoder(c.Suffix)}, err
	case "Fuse":
		return chain{sugarme.NewFuse()}, noOptions()
	case "ByteLevel":
		return decoderFunc(decodeByteLevel), l.decode(kind, raw, &byteLevelConfig{})
	case "ByteFallback":
		return decoderFunc(decodeByteFallback), noOptions()
	case "Metaspace":
		m, err := l.metaspace(raw)
		return decoderFunc(m.decode), err
	case "Replace":
		return l.replaceDecoder(raw)
	case "Strip":
		return l.stripDecoder(raw)
	}
	return nil, unsupported("decoder %q", kind)
}

func (l *loader) replaceDecoder(raw json.RawMessage) (decoder, error) {
	var c struct {
		Type    string
		Pattern json.RawMessage
		Content string
	}
	if err := l.decode("Replace", raw, &c); err != nil {
		return nil, err
	}
	var p struct{ String *string }
	if err := l.decode("Replace decoder pattern", c.Pattern, &p); err != nil {
		return nil, err
	}
	if p.String == nil {
		return nil, errors.New("Replace decoder: the pattern has no String")
	}
	return replaceDecoder{*p.String, c.Content}, nil
}

// A replaceDecoder replaces a string, which may be empty, in every token.
type replaceDecoder struct{ old, content string }

func (d replaceDecoder) decode(tokens []string, most int) ([]string, error) {
	if d.old == "" {
		return tokens, nil
	}
	out, size := make([]string, len(tokens)), 0
	for i, token := range tokens {
		// Counted first, because one token may become too long.
		if size += len(token) + strings.Count(token, d.old)*(len(d.content)-len(d.old)); size > most {
			return nil, errGrown
		}
		out[i] = strings.ReplaceAll(token, d.old, d.content)
	}
	return out, nil
}

func (l *loader) stripDecoder(raw json.RawMessage) (decoder, error) {
	var c struct {
		Type, Content string
		Start, Stop   int
	}
	if err := l.decode("Strip", raw, &c); err != nil {
		return nil, err
	}
	if _, err := oneRune("Strip", "content", c.Content); err != nil {
		return nil, err
	}
	return tokenDecoder(func(token string) string {
		for i := 0; i < c.Start && strings.HasPrefix(token, c.Content); i++ {
			token = token[len(c.Content):]
		}
		for i := 0; i < c.Stop && strings.HasSuffix(token, c.Content); i++ {
			token = token[:len(token)-len(c.Content)]
		}
		return token
	}), nil
}

// decodeByteLevel decodes tokens in the byte alphabet. It keeps a token with a rune outside the alphabet.
func decodeByteLevel(tokens []string) []string {
	var text []byte
	for _, token := range tokens {
		base := len(text)
		var ok bool
		if text, ok = textToBytes(text, token); !ok {
			text = append(text[:base], token...)
		}
	}
	return []string{validUTF8(string(text))}
}

// decodeByteFallback decodes runs of tokens <0xNN> as UTF-8. A run that is not UTF-8 becomes one U+FFFD for each byte.
func decodeByteFallback(tokens []string) []string {
	var out []string
	var run []byte
	flush := func() {
		switch {
		case len(run) == 0:
		case utf8.Valid(run):
			out = append(out, string(run))
		default:
			out = append(out, strings.Split(strings.Repeat("\uFFFD", len(run)), "")...)
		}
		run = run[:0]
	}
	for _, token := range tokens {
		if len(token) == 6 && strings.HasPrefix(token, "<0x") && token[5] == '>' {
			if b, err := strconv.ParseUint(token[3:5], 16, 8); err == nil {
				run = append(run, byte(b))
				continue
			}
		}
		flush()
		out = append(out, token)
	}
	flush()
	return out
}

func (m metaspace) decode(tokens []string) []string {
	out := make([]string, len(tokens))
	for i, token := range tokens {
		space := " "
		if i == 0 && m.prepend != "never" {
			space = ""
		}
		out[i] = strings.ReplaceAll(token, m.replacement, space)
	}
	return out
}
