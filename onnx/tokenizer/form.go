package tokenizer

import (
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// A form is one of the Unicode normal forms in the older Unicode version of the library.
//
// It takes decompositions and combining classes from golang.org/x/text, but does not use its Form.String, which breaks up runs
// of more than 30 combining marks with U+034F. The library does not.
type form struct {
	norm    norm.Form
	compose bool
}

var (
	nfc  = form{norm.NFC, true}
	nfd  = form{norm.NFD, false}
	nfkc = form{norm.NFKC, true}
	nfkd = form{norm.NFKD, false}
)

func (f form) normalize(s string, leading int) (string, int) {
	if f.norm.IsNormalString(s) {
		return s, leading
	}
	decomposing := norm.NFD
	if f.norm == norm.NFKC || f.norm == norm.NFKD {
		decomposing = norm.NFKD
	}
	runes := decompose(s, decomposing)
	if f.compose {
		runes = compose(runes)
	}
	var b strings.Builder
	b.Grow(len(s))
	count := newLeadingCount(s, leading)
	for _, m := range runes {
		b.WriteRune(m.r)
		count.add(m.r, int(m.change))
	}
	return b.String(), count.total()
}

// A normRune is a rune of a text that is being normalized.
type normRune struct {
	r      rune
	class  uint8 // canonical combining class
	change int32 // see leadingCount
}

// Constants of the arithmetic composition of Hangul syllables (Unicode, section 3.12).
const (
	hangulS, hangulL, hangulV, hangulT = 0xAC00, 0x1100, 0x1161, 0x11A7
	hangulVs, hangulTs                 = 21, 28
	hangulLs, hangulSs                 = 19, 19 * hangulVs * hangulTs
)

// decompose returns the canonically ordered decomposition of s.
func decompose(s string, f norm.Form) []normRune {
	t := tables()
	out := make([]normRune, 0, len(s))
	classOf := func(r rune, p norm.Properties) uint8 {
		if t.unordered.has(r) {
			return 0
		}
		return p.CCC()
	}
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r < utf8.RuneSelf {
			out = append(out, normRune{r: r})
			i++
			continue
		}
		if r >= hangulS && r < hangulS+hangulSs {
			n := r - hangulS
			out = append(out, normRune{r: hangulL + n/(hangulVs*hangulTs)},
				normRune{r: hangulV + n%(hangulVs*hangulTs)/hangulTs, change: 1})
			if n%hangulTs != 0 {
				out = append(out, normRune{r: hangulT + n%hangulTs, change: 1})
			}
			i += size
			continue
		}
		p := f.PropertiesString(s[i:])
		if parts := p.Decomposition(); parts != nil && !t.undecomposed.has(r) {
			for change := int32(0); len(parts) > 0; change = 1 {
				c, n := utf8.DecodeRune(parts)
				out = append(out, normRune{c, classOf(c, f.Properties(parts)), change})
				parts = parts[n:]
			}
		} else {
			out = append(out, normRune{r, classOf(r, p), 0})
		}
		i += size
	}
	for i := 0; i < len(out); i++ {
		start := i
		for i < len(out) && out[i].class != 0 {
			i++
		}
		if i-start > 1 {
			slices.SortStableFunc(out[start:i], func(a, b normRune) int { return int(a.class) - int(b.class) })
		}
	}
	return out
}

// compose joins starters with the marks that follow them, in place (Unicode, section 3.11, D117).
func compose(in []normRune) []normRune {
	out := in[:0]
	starter := -1 // index in out
	for _, m := range in {
		if starter >= 0 {
			last := out[len(out)-1]
			adjacent := len(out)-1 == starter
			if adjacent || (last.class != 0 && last.class < m.class) {
				if c, ok := composePair(out[starter].r, m.r); ok {
					out[starter].r = c
					out[starter].change += m.change - 1
					continue
				}
			}
		}
		if m.class == 0 {
			starter = len(out)
		}
		out = append(out, m)
	}
	return out
}

// composePair returns the primary composite of two runes, if there is one.
func composePair(a, b rune) (rune, bool) {
	if a >= hangulL && a < hangulL+hangulLs && b >= hangulV && b < hangulV+hangulVs {
		return hangulS + ((a-hangulL)*hangulVs+b-hangulV)*hangulTs, true
	}
	if a >= hangulS && a < hangulS+hangulSs && (a-hangulS)%hangulTs == 0 && b > hangulT && b < hangulT+hangulTs {
		return a + b - hangulT, true
	}
	c, ok := compositions()[[2]rune{a, b}]
	return c, ok
}

// compositions maps pairs of runes to their primary composites. It finds them in golang.org/x/text: a composite does not change
// under NFC, and its decomposition without the last rune composes to the first rune of the pair.
var compositions = sync.OnceValue(func() map[[2]rune]rune {
	t := tables()
	pairs := make(map[[2]rune]rune, 1000)
	for r := rune(0x80); r < 0x30000; r++ {
		if r >= hangulS && r < hangulS+hangulSs || r >= 0xD800 && r < 0xE000 {
			continue
		}
		s := string(r)
		d := norm.NFD.PropertiesString(s).Decomposition()
		if d == nil || !norm.NFC.IsNormalString(s) || t.undecomposed.has(r) {
			continue
		}
		last, size := utf8.DecodeLastRune(d)
		first := []rune(norm.NFC.String(string(d[:len(d)-size])))
		if len(first) == 1 {
			pairs[[2]rune{first[0], last}] = r
		}
	}
	return pairs
})
