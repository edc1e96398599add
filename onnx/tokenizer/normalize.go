package tokenizer

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A normalizer rewrites a text before it is split. leading is the number of leading bytes of s that stand for the first rune of
// the input (see piece), and normalize also returns that number for the new text. A negative number means that it is not
// needed. An error means that the call was cancelled, or that the normalizer exceeds the bounds of the call.
type normalizer interface {
	normalize(c *call, s string, leading int) (string, int, error)
}

type normalizerFunc func(s string, leading int) (string, int)

func (f normalizerFunc) normalize(c *call, s string, leading int) (string, int, error) {
	s, leading = f(s, leading)
	return s, leading, c.ctx.Err()
}

// A runeNormalizer rewrites every rune independently of the others.
type runeNormalizer func(s string) string

func (f runeNormalizer) normalize(c *call, s string, leading int) (string, int, error) {
	if leading > 0 {
		leading = len(f(s[:leading]))
	}
	return f(s), leading, c.ctx.Err()
}

type normalizers []normalizer

func (list normalizers) normalize(c *call, s string, leading int) (string, int, error) {
	var err error
	for _, n := range list {
		if s, leading, err = n.normalize(c, s, leading); err != nil {
			return "", 0, err
		}
	}
	return s, leading, nil
}

// A boundedNormalizer keeps a normalizer within the bounds of the call. Its errors name the normalizer.
type boundedNormalizer struct {
	normalizer
	name string
}

func (n boundedNormalizer) normalize(c *call, s string, leading int) (string, int, error) {
	err := c.spend(len(s))
	if err == nil {
		s, leading, err = n.normalizer.normalize(c, s, leading)
	}
	if err == nil && len(s) > c.most() {
		err = errGrown
	}
	if err != nil {
		return "", 0, c.fault(n.name, err)
	}
	return s, leading, nil
}

// simpleNormalizers are the normalizers without options.
var simpleNormalizers = map[string]normalizer{
	"NFC": normalizerFunc(nfc.normalize), "NFD": normalizerFunc(nfd.normalize), "NFKC": normalizerFunc(nfkc.normalize),
	"NFKD": normalizerFunc(nfkd.normalize), "Lowercase": runeNormalizer(lowercase),
	"StripAccents": runeNormalizer(stripAccents), "Nmt": runeNormalizer(nmt), "ByteLevel": runeNormalizer(bytesToText),
}

func (l *loader) normalizer(raw json.RawMessage, depth int) (normalizer, error) {
	kind, err := l.kind("normalizer", raw, depth)
	if kind == "" || err != nil {
		return nil, err
	}
	name, err := l.name("normalizer", kind)
	if err != nil {
		return nil, err
	}
	n, err := l.plainNormalizer(kind, raw, depth)
	if _, several := n.(normalizers); several || err != nil {
		return n, err
	}
	return boundedNormalizer{n, name}, nil
}

func (l *loader) plainNormalizer(kind string, raw json.RawMessage, depth int) (normalizer, error) {
	if n, ok := simpleNormalizers[kind]; ok {
		return n, l.decode(kind, raw, &struct{ Type string }{})
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
		list, err := sequence(c.Normalizers, depth, l.normalizer)
		return normalizers(list), err
	case "BertNormalizer":
		n := bertNormalizer{CleanText: true, HandleChineseChars: true, Lowercase: true}
		if err := l.decode(kind, raw, &n); err != nil {
			return nil, err
		}
		n.strip = n.Lowercase
		if n.StripAccents != nil {
			n.strip = *n.StripAccents
		}
		return &n, nil
	case "Prepend":
		return l.prependNormalizer(raw)
	case "Strip":
		return l.stripNormalizer(raw)
	case "Replace":
		return l.replaceNormalizer(raw)
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
		return m, nil
	}
	return nil, unsupported("normalizer %q", kind)
}

func (l *loader) prependNormalizer(raw json.RawMessage) (normalizer, error) {
	var c struct{ Type, Prepend string }
	if err := l.decode("Prepend", raw, &c); err != nil {
		return nil, err
	}
	if c.Prepend == "" {
		return nil, unsupported("Prepend with an empty text (for which the library doubles the first character)")
	}
	return normalizerFunc(func(s string, leading int) (string, int) {
		if s == "" {
			return s, leading
		}
		if leading > 0 {
			leading += len(c.Prepend)
		}
		return c.Prepend + s, leading
	}), nil
}

func (l *loader) stripNormalizer(raw json.RawMessage) (normalizer, error) {
	var c struct {
		Type       string
		StripLeft  bool `json:"strip_left"`
		StripRight bool `json:"strip_right"`
	}
	if err := l.decode("Strip", raw, &c); err != nil {
		return nil, err
	}
	return normalizerFunc(func(s string, leading int) (string, int) {
		if c.StripLeft {
			stripped := strings.TrimLeftFunc(s, isSpace)
			s, leading = stripped, max(0, leading-(len(s)-len(stripped)))
		}
		if c.StripRight {
			s = strings.TrimRightFunc(s, isSpace)
		}
		return s, min(leading, len(s))
	}), nil
}

func (l *loader) replaceNormalizer(raw json.RawMessage) (normalizer, error) {
	var c struct {
		Type    string
		Pattern json.RawMessage
		Content string
	}
	if err := l.decode("Replace", raw, &c); err != nil {
		return nil, err
	}
	p, err := l.pattern("Replace", c.Pattern)
	if err != nil {
		return nil, err
	}
	return replacer{p, c.Content}, nil
}

// A replacer is the normalizer Replace.
type replacer struct {
	pattern pattern
	content string
}

func (r replacer) normalize(c *call, s string, leading int) (string, int, error) {
	var b strings.Builder
	last, newLeading := 0, 0
	keep := func(end int) {
		b.WriteString(s[last:end])
		newLeading += max(0, min(leading, end)-last)
	}
	lost := false // whether content was inserted before the text
	grown := false
	err := r.pattern.find(c, s, func(start, end int) {
		if grown = grown || b.Len()+len(r.content) > c.most(); grown {
			return
		}
		keep(start)
		b.WriteString(r.content)
		lost = lost || end == 0 && r.content != ""
		if end <= leading { // the library attributes the new text to what precedes it
			newLeading += len(r.content)
		}
		last = end
	})
	if grown && err == nil {
		err = errGrown
	}
	if err != nil || b.Len() == 0 && last == 0 {
		return s, leading, err
	}
	if lost { // the library has nothing to attribute it to, and later panics or doubles the text
		return "", 0, fmt.Errorf("%.40q is inserted before the text, where the library fails (use Prepend)", r.content)
	}
	keep(len(s))
	return b.String(), newLeading, nil
}

// A bertNormalizer cleans the text, puts spaces around Chinese characters, strips accents, and converts to lower case, in this
// order.
type bertNormalizer struct {
	Type               string
	CleanText          bool  `json:"clean_text"`
	HandleChineseChars bool  `json:"handle_chinese_chars"`
	StripAccents       *bool `json:"strip_accents"` // null means the value of lowercase
	Lowercase          bool  `json:"lowercase"`
	strip              bool  // whether accents are stripped
}

func (n *bertNormalizer) normalize(c *call, s string, leading int) (string, int, error) {
	s, leading, err := runeNormalizer(n.clean).normalize(c, s, leading)
	if err != nil || !n.strip {
		return s, leading, err
	}
	s, leading = nfd.normalize(s, leading)
	return runeNormalizer(n.unaccent).normalize(c, s, leading)
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
		case n.Lowercase && !n.strip: // without stripping, this is the only pass
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

// isSpace reports whether r has the Unicode property White_Space, which no version of Unicode changes any more.
func isSpace(r rune) bool { return unicode.Is(unicode.White_Space, r) }

// writeLower writes r in lower case.
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

// nmt cleans characters as SentencePiece does for models of neural machine translation.
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

// unsupported returns the error about something in a valid file that is not implemented. format must be a noun phrase.
func unsupported(format string, args ...any) error {
	return fmt.Errorf(format+" is %w (use a tokenizer.json without it)", append(args, ErrUnsupported)...)
}
