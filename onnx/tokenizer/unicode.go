package tokenizer

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

// unicodeData holds the library's Unicode tables, as testdata/unicode.py measured them. Every line has one class, or a mapping,
// whose name starts with a colon.
//
//go:embed unicode.txt
var unicodeData string

// A class is a set of runes. Membership of the first 256 runes is a table lookup.
type class struct {
	low    [256]bool
	ranges [][2]rune // sorted, disjoint
}

func (c *class) has(r rune) bool {
	if uint32(r) < 256 {
		return c.low[r]
	}
	lo, hi := 0, len(c.ranges)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if c.ranges[mid][1] < r {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo < len(c.ranges) && c.ranges[lo][0] <= r
}

// newClass makes a class from ranges, which may overlap and be in any order.
func newClass(ranges [][2]rune) *class {
	c := &class{ranges: normalizeRanges(ranges)}
	for _, r := range c.ranges {
		for x := r[0]; x <= r[1] && x < 256; x++ {
			c.low[x] = true
		}
	}
	return c
}

// unicodeTables holds the classes of Rust's character methods and of Oniguruma's properties.
type unicodeTables struct {
	byName map[string]*class
	lower  map[rune]string
	folding

	control, nonspacing, combining, punctuation, numeric, word *class
	letter, number, mark                                       *class // \p{L}, \p{N} and \p{M}
	undecomposed, unordered                                    *class
}

// tables returns the tables, which it reads on the first call.
var tables = sync.OnceValue(func() *unicodeTables {
	t, err := parseUnicode(unicodeData)
	if err != nil {
		panic(err) // the data is part of the program, and tests read it
	}
	return t
})

func parseUnicode(data string) (*unicodeTables, error) {
	t := &unicodeTables{byName: map[string]*class{}}
	mappings := map[string]map[rune]string{}
	for line := range strings.Lines(data) {
		fields := strings.Fields(line)
		var err error
		if name, ok := strings.CutPrefix(fields[0], ":"); ok {
			mappings[name], err = parseMapping(fields[1:])
		} else {
			t.byName[fields[0]], err = parseClass(fields[1:])
		}
		if err != nil {
			return nil, err
		}
	}
	for name, into := range map[string]**class{"control": &t.control, "nonspacing": &t.nonspacing,
		"combining": &t.combining, "punctuation": &t.punctuation, "numeric": &t.numeric, "word": &t.word,
		"undecomposed": &t.undecomposed, "unordered": &t.unordered} {
		if *into = t.byName[name]; *into == nil {
			return nil, fmt.Errorf("tokenizer: unicode.txt: class %s is missing", name)
		}
	}
	t.lower = mappings["lowercase"]
	t.folding = newFolding(mappings["fold"], mappings["folds"])
	t.letter, t.number, t.mark = newClass(t.category("L")), newClass(t.category("N")), newClass(t.category("M"))
	return t, nil
}

// parseClass reads ranges like 41-5A.
func parseClass(fields []string) (*class, error) {
	var ranges [][2]rune
	for _, field := range fields {
		from, to, isRange := strings.Cut(field, "-")
		if !isRange {
			to = from
		}
		a, err := parseRune(from)
		if err != nil {
			return nil, err
		}
		b, err := parseRune(to)
		if err != nil {
			return nil, err
		}
		ranges = append(ranges, [2]rune{a, b})
	}
	return newClass(ranges), nil
}

// parseMapping reads mappings like DF:73+73.
func parseMapping(fields []string) (map[rune]string, error) {
	out := make(map[rune]string, len(fields))
	for _, field := range fields {
		from, to, _ := strings.Cut(field, ":")
		r, err := parseRune(from)
		if err != nil {
			return nil, err
		}
		var s strings.Builder
		for _, x := range strings.Split(to, "+") {
			c, err := parseRune(x)
			if err != nil {
				return nil, err
			}
			s.WriteRune(c)
		}
		out[r] = s.String()
	}
	return out, nil
}

// category returns the ranges of a general category with a name of one or two letters, or nil if there is none.
func (t *unicodeTables) category(name string) [][2]rune {
	if c, ok := t.byName[name]; ok && len(name) == 2 {
		return c.ranges
	}
	if len(name) != 1 {
		return nil
	}
	if name == "C" { // all runes of no other category; texts have no surrogates
		var assigned [][2]rune
		for _, other := range []string{"L", "M", "N", "P", "S", "Z"} {
			assigned = append(assigned, t.category(other)...)
		}
		return complement(normalizeRanges(assigned))
	}
	var ranges [][2]rune
	for key, c := range t.byName {
		if len(key) == 2 && key[:1] == name {
			ranges = append(ranges, c.ranges...)
		}
	}
	return normalizeRanges(ranges)
}

func parseRune(hex string) (rune, error) {
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil || n > unicode.MaxRune {
		return 0, fmt.Errorf("tokenizer: unicode.txt: %q is not a code point", hex)
	}
	return rune(n), nil
}
