package tokenizer

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A normalizer rewrites a text before it is split. An error means that a regular expression of the file ran too long.
type normalizer interface {
	normalize(s string) (string, error)
}

type normalizerFunc func(s string) string

func (f normalizerFunc) normalize(s string) (string, error) { return f(s), nil }

type normalizers []normalizer

func (n normalizers) normalize(s string) (string, error) {
	var err error
	for _, one := range n {
		if s, err = one.normalize(s); err != nil {
			return "", err
		}
	}
	return s, nil
}

func (l *loader) normalizer(raw json.RawMessage, depth int) (normalizer, error) {
	kind, err := l.kind("normalizer", raw, depth)
	if kind == "" || err != nil {
		return nil, err
	}
	switch kind {
	case "Sequence":
		var c struct {
			Type        string
			Normalizers []json.RawMessage
		}
		if err := l.decode(kind, raw, &c); err != nil {
			return nil, err
		}
		all := normalizers{}
		for _, raw := range c.Normalizers {
			one, err := l.normalizer(raw, depth+1)
			if err != nil {
				return nil, err
			}
			if one != nil {
				all = append(all, one)
			}
		}
		return all, nil
	case "BertNormalizer":
		c := bertNormalizer{CleanText: true, HandleChineseChars: true, Lowercase: true}
		if err := l.decode(kind, raw, &c); err != nil {
			return nil, err
		}
		c.strip = c.Lowercase
		if c.StripAccents != nil {
			c.strip = *c.StripAccents
		}
		return normalizerFunc(c.apply), nil
	case "Prepend":
		var c struct{ Type, Prepend string }
		if err := l.decode(kind, raw, &c); err != nil {
			return nil, err
		}
		return normalizerFunc(func(s string) string {
			if s == "" {
				return s
			}
			return c.Prepend + s
		}), nil
	case "Strip":
		c := struct {
			Type       string
			StripLeft  bool `json:"strip_left"`
			StripRight bool `json:"strip_right"`
		}{}
		if err := l.decode(kind, raw, &c); err != nil {
			return nil, err
		}
		return normalizerFunc(func(s string) string {
			if c.StripLeft {
				s = strings.TrimLeftFunc(s, isSpace)
			}
			if c.StripRight {
				s = strings.TrimRightFunc(s, isSpace)
			}
			return s
		}), nil
	case "Replace":
		var c struct {
			Type    string
			Pattern json.RawMessage
			Content string
		}
		if err := l.decode(kind, raw, &c); err != nil {
			return nil, err
		}
		p, err := l.pattern("Replace", c.Pattern)
		if err != nil {
			return nil, err
		}
		return replacer{p, c.Content}, nil
	case "Precompiled":
		var c struct {
			Type     string
			Charsmap []byte `json:"precompiled_charsmap"`
		}
		if err := l.decode(kind, raw, &c); err != nil {
			return nil, err
		}
		m, err := newCharsmap(c.Charsmap)
		if err != nil {
			return nil, err
		}
		return normalizerFunc(m.normalize), nil
	}
	simple := map[string]func(string) string{
		"NFC": nfc.normalize, "NFD": nfd.normalize, "NFKC": nfkc.normalize, "NFKD": nfkd.normalize,
		"Lowercase": lowercase, "StripAccents": stripAccents, "Nmt": nmt, "ByteLevel": bytesToText,
	}
	apply, ok := simple[kind]
	if !ok {
		return nil, unsupported("normalizer %q", kind)
	}
	if err := l.decode(kind, raw, &struct{ Type string }{}); err != nil {
		return nil, err
	}
	return normalizerFunc(apply), nil
}

// replacer is the Replace normalizer and decoder.
type replacer struct {
	pattern pattern
	content string
}

func (r replacer) normalize(s string) (string, error) {
	var b strings.Builder
	last := 0
	err := r.pattern.find(s, func(start, end int) {
		b.WriteString(s[last:start])
		b.WriteString(r.content)
		last = end
	})
	if err != nil || b.Len() == 0 && last == 0 {
		return s, err
	}
	b.WriteString(s[last:])
	return b.String(), nil
}

// bertNormalizer cleans, spaces out Chinese characters, strips accents and lowers, in this order.
type bertNormalizer struct {
	Type               string
	CleanText          bool  `json:"clean_text"`
	HandleChineseChars bool  `json:"handle_chinese_chars"`
	StripAccents       *bool `json:"strip_accents"` // null means as lowercase
	Lowercase          bool  `json:"lowercase"`
	strip              bool
}

func (n *bertNormalizer) apply(s string) string {
	t := tables()
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range s {
		if n.CleanText {
			switch {
			case r == 0 || r == utf8.RuneError || t.control.has(r):
				continue
			case isSpace(r):
				r = ' '
			}
		}
		switch {
		case n.HandleChineseChars && isChinese(r):
			b.WriteByte(' ')
			b.WriteRune(r)
			b.WriteByte(' ')
		case n.Lowercase && !n.strip: // nothing comes between this and lowering
			writeLower(&b, t, r)
		default:
			b.WriteRune(r)
		}
	}
	s = b.String()
	if !n.strip {
		return s
	}
	s = nfd.normalize(s)
	b.Reset()
	b.Grow(len(s))
	for _, r := range s {
		switch {
		case r >= utf8.RuneSelf && t.nonspacing.has(r):
		case n.Lowercase:
			writeLower(&b, t, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isChinese(r rune) bool {
	return r >= 0x3400 && (r >= 0x4E00 && r <= 0x9FFF || r <= 0x4DBF || r >= 0xF900 && r <= 0xFAFF ||
		r >= 0x20000 && r <= 0x2A6DF || r >= 0x2A700 && r <= 0x2B81F || r >= 0x2B920 && r <= 0x2CEAF ||
		r >= 0x2F800 && r <= 0x2FA1F)
}

// isSpace is the Unicode property White_Space, which is closed.
func isSpace(r rune) bool { return unicode.Is(unicode.White_Space, r) }

func writeLower(b *strings.Builder, t *unicodeTables, r rune) {
	if r < utf8.RuneSelf {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		b.WriteByte(byte(r))
	} else if to, ok := t.lower[r]; ok {
		b.WriteString(to)
	} else {
		b.WriteRune(r)
	}
}

func lowercase(s string) string {
	t := tables()
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range s {
		writeLower(&b, t, r)
	}
	return b.String()
}

func stripAccents(s string) string {
	t := tables()
	return strings.Map(func(r rune) rune {
		if r >= utf8.RuneSelf && t.combining.has(r) {
			return -1
		}
		return r
	}, s)
}

// nmt is the character cleaning of neural machine translation models.
func nmt(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 1 && r <= 8, r == 0xB, r >= 0xE && r <= 0x1F, r == 0x7F, r == 0x8F, r == 0x9F:
			return -1
		case r == '\t', r == '\n', r == '\f', r == '\r', r == 0x1680, r >= 0x200B && r <= 0x200F, r == 0x2028, r == 0x2029,
			r == 0x2581, r == 0xFEFF, r == 0xFFFD:
			return ' '
		}
		return r
	}, s)
}

// unsupported makes the error for a valid file that asks for what is not implemented.
func unsupported(format string, args ...any) error {
	return fmt.Errorf(format+" is %w (use a tokenizer.json without it)", append(args, ErrUnsupported)...)
}
