package tokenizer

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	sugarme "github.com/sugarme/tokenizer/decoder"
)

// A decoder rewrites the tokens that a text is put together from. sugarme's decoders are used where they are right.
type decoder interface {
	DecodeChain(tokens []string) []string
}

type decoderFunc func(tokens []string) []string

func (f decoderFunc) DecodeChain(tokens []string) []string { return f(tokens) }

type decoders []decoder

func (all decoders) DecodeChain(tokens []string) []string {
	for _, one := range all {
		tokens = one.DecodeChain(tokens)
	}
	return tokens
}

// Decode turns ids back into text; skipSpecials leaves special tokens out. Ids outside the vocabulary are left out, as
// the library does.
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
	return strings.Join(t.decoder.DecodeChain(tokens), ""), nil
}

func (l *loader) decoder(raw json.RawMessage, depth int) (decoder, error) {
	kind, err := l.kind("decoder", raw, depth)
	if kind == "" || err != nil {
		return nil, err
	}
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
		all := decoders{}
		for _, raw := range c.Decoders {
			one, err := l.decoder(raw, depth+1)
			if err != nil {
				return nil, err
			}
			if one != nil {
				all = append(all, one)
			}
		}
		return all, nil
	case "WordPiece":
		c := struct {
			Type    string
			Prefix  string
			Cleanup bool
		}{Prefix: "##", Cleanup: true}
		err := l.decode(kind, raw, &c)
		return sugarme.NewWordPieceDecoder(c.Prefix, c.Cleanup), err
	case "BPEDecoder":
		c := struct{ Type, Suffix string }{Suffix: "</w>"}
		err := l.decode(kind, raw, &c)
		return sugarme.NewBpeDecoder(c.Suffix), err
	case "Fuse":
		return sugarme.NewFuse(), noOptions()
	case "ByteLevel":
		return decoderFunc(decodeByteLevel), l.decode(kind, raw, &byteLevelConfig{})
	case "ByteFallback":
		return decoderFunc(decodeByteFallback), noOptions()
	case "Metaspace":
		m, err := l.metaspace(raw)
		return decoderFunc(m.decode), err
	case "Replace":
		var c struct {
			Type    string
			Pattern json.RawMessage
			Content string
		}
		if err := l.decode(kind, raw, &c); err != nil {
			return nil, err
		}
		var p struct{ String *string }
		if err := l.decode("Replace decoder pattern", c.Pattern, &p); err != nil {
			return nil, err
		}
		if p.String == nil {
			return nil, fmt.Errorf("Replace decoder: pattern has no String")
		}
		return decoderFunc(func(tokens []string) []string {
			return mapTokens(tokens, func(_ int, s string) string {
				if *p.String == "" {
					return s
				}
				return strings.ReplaceAll(s, *p.String, c.Content)
			})
		}), nil
	case "Strip":
		var c struct {
			Type, Content string
			Start, Stop   int
		}
		if err := l.decode(kind, raw, &c); err != nil {
			return nil, err
		}
		if _, err := oneRune(kind, "content", c.Content); err != nil {
			return nil, err
		}
		return decoderFunc(func(tokens []string) []string {
			return mapTokens(tokens, func(_ int, s string) string {
				for i := 0; i < c.Start && strings.HasPrefix(s, c.Content); i++ {
					s = s[len(c.Content):]
				}
				for i := 0; i < c.Stop && strings.HasSuffix(s, c.Content); i++ {
					s = s[:len(s)-len(c.Content)]
				}
				return s
			})
		}), nil
	}
	return nil, unsupported("decoder %q", kind)
}

func mapTokens(tokens []string, f func(i int, s string) string) []string {
	out := make([]string, len(tokens))
	for i, token := range tokens {
		out[i] = f(i, token)
	}
	return out
}

// decodeByteLevel reads the byte alphabet; a token with a rune outside it stands for itself.
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

// decodeByteFallback reads runs of tokens <0xNN> as UTF-8; a run that is not UTF-8 becomes one U+FFFD a byte.
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
	return mapTokens(tokens, func(i int, s string) string {
		if i == 0 && m.prepend != "never" {
			return strings.ReplaceAll(s, m.replacement, "")
		}
		return strings.ReplaceAll(s, m.replacement, " ")
	})
}
