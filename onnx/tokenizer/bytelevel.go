package tokenizer

import (
	"encoding/json"
	"strings"
	"sync"
	"unicode/utf8"
)

// A byteAlphabet maps every byte to a printable rune as GPT-2 does: printable Latin-1 to itself, and the other 68 bytes to
// U+0100, U+0101, ... in order.
type byteAlphabet struct {
	text  [256]string
	bytes map[rune]byte
}

var byteLevelAlphabet = sync.OnceValue(func() *byteAlphabet {
	a := &byteAlphabet{bytes: make(map[rune]byte, 256)}
	next := rune(0x100)
	for b := range 256 {
		r := rune(b)
		if !(b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE) {
			r = next
			next++
		}
		a.text[b] = string(r)
		a.bytes[r] = byte(b)
	}
	return a
})

// bytesToText returns the bytes of s in the byte alphabet.
func bytesToText(s string) string {
	a := byteLevelAlphabet()
	var b strings.Builder
	b.Grow(len(s) + len(s)/4)
	for i := range len(s) {
		b.WriteString(a.text[s[i]])
	}
	return b.String()
}

// byteLevel is a pre-tokenizer that splits a text as GPT-2 does and writes the parts in the byte alphabet.
type byteLevel struct {
	prefixSpace bool
	pattern     pattern // nil if the text is not split
}

// byteLevelConfig is the common JSON of the pre-tokenizer, the post-processor and the decoder.
type byteLevelConfig struct {
	Type           string
	AddPrefixSpace bool  `json:"add_prefix_space"`
	TrimOffsets    bool  `json:"trim_offsets"` // changes offsets only
	UseRegex       *bool `json:"use_regex"`    // old files lack it, which means true
}

func (l *loader) byteLevel(raw json.RawMessage) (byteLevel, error) {
	c := byteLevelConfig{AddPrefixSpace: true}
	err := l.decode("ByteLevel", raw, &c)
	b := byteLevel{prefixSpace: c.AddPrefixSpace}
	if c.UseRegex == nil || *c.UseRegex {
		b.pattern = gpt2Pattern()
	}
	return b, err
}

func (b byteLevel) split(c *call, dst []piece, p piece) ([]piece, error) {
	if b.prefixSpace && !strings.HasPrefix(p.text, " ") {
		p.text = " " + p.text
		if p.leading > 0 {
			p.leading++
		}
	}
	base := len(dst)
	if b.pattern == nil {
		dst = append(dst, p)
	} else {
		last := 0
		err := b.pattern.find(c, p.text, func(start, end int) {
			if last < start {
				dst = append(dst, p.part(last, start))
			}
			dst = append(dst, p.part(start, end))
			last = end
		})
		if err != nil {
			return nil, err
		}
		if last < len(p.text) {
			dst = append(dst, p.part(last, len(p.text)))
		}
	}
	// All parts share one string, because they are many and short.
	a := byteLevelAlphabet()
	size := 0
	for i := base; i < len(dst); i++ {
		for j := range len(dst[i].text) {
			size += len(a.text[dst[i].text[j]])
		}
	}
	var text strings.Builder
	text.Grow(size)
	for i := base; i < len(dst); i++ {
		part := &dst[i]
		from, leading := text.Len(), part.leading
		for j := range len(part.text) {
			if j == leading {
				part.leading = text.Len() - from
			}
			text.WriteString(a.text[part.text[j]])
		}
		if leading == len(part.text) {
			part.leading = text.Len() - from
		}
		part.text = text.String()[from:] // the buffer is large enough, so its memory stays the same
	}
	return dst, nil
}

// textToBytes appends the bytes of s, which is written in the byte alphabet, to dst. It reports false if s has a rune outside the
// alphabet.
func textToBytes(dst []byte, s string) ([]byte, bool) {
	a := byteLevelAlphabet()
	for _, r := range s {
		b, ok := a.bytes[r]
		if !ok {
			return dst, false
		}
		dst = append(dst, b)
	}
	return dst, true
}

// cutRune returns the first rune of s and its size. s must not be empty.
func cutRune(s string) (rune, int) {
	if s[0] < utf8.RuneSelf {
		return rune(s[0]), 1
	}
	return utf8.DecodeRuneInString(s)
}
