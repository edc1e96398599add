package tokenizer

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A normalizer rewrites a text before it is split. It also says how many of the new text's first bytes stand for the
// first rune of the input, of which head bytes stood for it in s; see piece. A negative head is not asked for. An error
// means that the call was cancelled or that a regular expression of the file ran too long.
type normalizer interface {
	normalize(c *call, s string, head int) (string, int, error)
}

type normalizerFunc func(s string, head int) (string, int)

func (f normalizerFunc) normalize(c *call, s string, head int) (string, int, error) {
	s, head = f(s, head)
	return s, head, c.ctx.Err()
}

// runeNormalizer rewrites every rune by itself.
type runeNormalizer func(s string) string

func (f runeNormalizer) normalize(c *call, s string, head int) (string, int, error) {
	if head > 0 {
		head = len(f(s[:head]))
	}
	return f(s), head, c.ctx.Err()
}

type normalizers []normalizer

func (n normalizers) normalize(c *call, s string, head int) (string, int, error) {
	var err error
	for _, one := range n {
		if s, head, err = one.normalize(c, s, head); err != nil {
			return "", 0, err
		}
	}
	return s, head, nil
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
		return &c, nil
	case "Prepend":
		var c struct{ Type, Prepend string }
		if err := l.decode(kind, raw, &c); err != nil {
			return nil, err
		}
		if c.Prepend == "" {
			return nil, unsupported("%s: an empty text (the library doubles the first character)", kind)
		}
		return normalizerFunc(func(s string, head int) (string, int) {
			if s == "" {
				return s, head
			}
			if head > 0 {
				head += len(c.Prepend)
			}
			return c.Prepend + s, head
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
		return normalizerFunc(func(s string, head int) (string, int) {
			if c.StripLeft {
				stripped := strings.TrimLeftFunc(s, isSpace)
				s, head = stripped, max(0, head-(len(s)-len(stripped)))
			}
			if c.StripRight {
				s = strings.TrimRightFunc(s, isSpace)
			}
			return s, min(head, len(s))
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
	simple := map[string]normalizer{
		"NFC": normalizerFunc(nfc.normalize), "NFD": normalizerFunc(nfd.normalize), "NFKC": normalizerFunc(nfkc.normalize),
		"NFKD": normalizerFunc(nfkd.normalize), "Lowercase": runeNormalizer(lowercase),
		"StripAccents": runeNormalizer(stripAccents), "Nmt": runeNormalizer(nmt), "ByteLevel": runeNormalizer(bytesToText),
	}
	one, ok := simple[kind]
	if !ok {
		return nil, unsupported("normalizer %q", kind)
	}
	if err := l.decode(kind, raw, &struct{ Type string }{}); err != nil {
		return nil, err
	}
	return one, nil
}

// replacer is the Replace normalizer and decoder.
type replacer struct {
	pattern pattern
	content string
}

func (r replacer) normalize(c *call, s string, head int) (string, int, error) {
	var b strings.Builder
	last, newHead := 0, 0
	keep := func(end int) {
		b.WriteString(s[last:end])
		newHead += max(0, min(head, end)-last)
	}
	lost := false
	err := r.pattern.find(c, s, func(start, end int) {
		keep(start)
		b.WriteString(r.content)
		lost = lost || end == 0 && r.content != ""
		if end <= head { // the library counts it to what it stands behind
			newHead += len(r.content)
		}
		last = end
	})
	if err != nil || b.Len() == 0 && last == 0 {
		return s, head, err
	}
	if lost { // it has nothing to count it to: what follows panics there, or doubles the text
		return "", 0, fmt.Errorf("Replace puts %q before the text, where the library's own offsets break (use Prepend)", r.content)
	}
	keep(len(s))
	return b.String(), newHead, nil
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

func (n *bertNormalizer) normalize(c *call, s string, head int) (string, int, error) {
	s, head, err := runeNormalizer(n.clean).normalize(c, s, head)
	if err != nil || !n.strip {
		return s, head, err
	}
	s, head = nfd.normalize(s, head)
	return runeNormalizer(n.unaccent).normalize(c, s, head)
}

func (n *bertNormalizer) clean(s string) string {
	t := tables()
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range s {
		if n.CleanText {
			switch {
			case r == utf8.RuneError || t.control.has(r):
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
	return b.String()
}

func (n *bertNormalizer) unaccent(s string) string {
	t := tables()
	var b strings.Builder
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
