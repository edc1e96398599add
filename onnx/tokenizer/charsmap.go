package tokenizer

import (
	"encoding/binary"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// A charsmap is a precompiled normalization of SentencePiece: a double-array trie (darts-clone) that maps byte strings to the
// offsets of zero-terminated replacements. Its serialization is the size of the trie in bytes, the trie, and the replacements.
type charsmap struct {
	units        []uint32
	replacements string
}

func newCharsmap(data []byte) (*charsmap, error) {
	if len(data) < 4 {
		return nil, errors.New("precompiled_charsmap is too short")
	}
	size := binary.LittleEndian.Uint32(data)
	data = data[4:]
	if uint64(size) > uint64(len(data)) || size%4 != 0 || size == 0 {
		return nil, errors.New("precompiled_charsmap has an impossible trie size")
	}
	m := &charsmap{units: make([]uint32, size/4), replacements: string(data[size:])}
	for i := range m.units {
		m.units[i] = binary.LittleEndian.Uint32(data[4*i:])
	}
	if !utf8.ValidString(m.replacements) {
		return nil, errors.New("precompiled_charsmap has replacements that are not UTF-8")
	}
	return m, nil
}

// normalize looks up short grapheme clusters as a whole, and other clusters rune by rune, as the library does.
func (m *charsmap) normalize(c *call, s string, leading int) (string, int, error) {
	var b strings.Builder
	b.Grow(len(s))
	count := newLeadingCount(s, leading)
	replace := func(old, by string) error {
		if b.Len()+len(by) > c.most() {
			return errGrown
		}
		b.WriteString(by)
		count.replaced(old, by)
		return c.spend(1 + len(by))
	}
	for state := -1; len(s) > 0; {
		cluster, rest, _, next := uniseg.FirstGraphemeClusterInString(s, state)
		for newMark(rest) && !endsInControl(cluster) {
			_, rest, _, next = uniseg.FirstGraphemeClusterInString(rest, next)
			cluster = s[:len(s)-len(rest)]
		}
		s, state = rest, next
		if len(cluster) < 6 {
			if to, ok := m.lookup(cluster); ok {
				if err := replace(cluster, to); err != nil {
					return "", 0, err
				}
				continue
			}
		}
		for len(cluster) > 0 {
			_, size := utf8.DecodeRuneInString(cluster)
			to, ok := m.lookup(cluster[:size])
			if !ok {
				to = cluster[:size]
			}
			if err := replace(cluster[:size], to); err != nil {
				return "", 0, err
			}
			cluster = cluster[size:]
		}
	}
	return b.String(), count.total(), nil
}

// newMark reports whether s starts with a combining mark that is in the library's Unicode version, but not in the versions of
// Go and uniseg.
func newMark(s string) bool {
	r, size := utf8.DecodeRuneInString(s)
	return size > 1 && !unicode.Is(unicode.M, r) && tables().mark.has(r)
}

func endsInControl(cluster string) bool {
	r, _ := utf8.DecodeLastRuneInString(cluster)
	return unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r)
}

// lookup returns the replacement of the shortest key that s starts with, which is the one that the library takes. It checks all
// indices, because a damaged file may point anywhere.
func (m *charsmap) lookup(s string) (string, bool) {
	unit := m.units[0]
	at := offset(unit)
	for i := 0; i < len(s) && s[i] != 0; i++ {
		at ^= uint32(s[i])
		if at >= uint32(len(m.units)) {
			return "", false
		}
		if unit = m.units[at]; unit&(1<<31|0xFF) != uint32(s[i]) {
			return "", false
		}
		at ^= offset(unit)
		if unit>>8&1 == 1 { // a key ends here
			if at >= uint32(len(m.units)) {
				return "", false
			}
			from := m.units[at] & (1<<31 - 1)
			if from >= uint32(len(m.replacements)) {
				return "", false
			}
			to, _, _ := strings.Cut(m.replacements[from:], "\x00")
			return to, true
		}
	}
	return "", false
}

func offset(unit uint32) uint32 { return unit >> 10 << (unit & (1 << 9) >> 6) }
