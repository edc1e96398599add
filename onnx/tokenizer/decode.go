package tokenizer

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	sugarme "github.com/sugarme/tokenizer/decoder"
)

// A decoder rewrites the tokens of a text. The text is their concatenation in the end. Where sugarme's decoders are correct, they
// are used.
type decoder interface {
	DecodeChain(tokens []string) []string
}

type decoderFunc func(tokens []string) []string

func (f decoderFunc) DecodeChain(tokens []string) []string { return f(tokens) }

// tokenDecoder rewrites every token separately.
type tokenDecoder func(token string) string

func (f tokenDecoder) DecodeChain(tokens []string) []string {
	out := make([]string, len(tokens))
	for i, token := range tokens {
		out[i] = f(token)
	}
	return out
}

type decoders []decoder

func (list decoders) DecodeChain(tokens []string) []string {
	for _, d := range list {
		tokens = d.DecodeChain(tokens)
	}
	return tokens
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
		list, err := sequence(c.Decoders, depth, l.decoder)
		return decoders(list), err
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
	return tokenDecoder(func(token string) string {
		if *p.String == "" {
			return token
		}
		return strings.ReplaceAll(token, *p.String, c.Content)
	}), nil
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
