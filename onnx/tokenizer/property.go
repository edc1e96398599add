package tokenizer

import "strings"

// longNames maps the long names of properties, as propertyKey writes them, to the short ones.
var longNames = map[string]string{
	"letter": "L", "uppercaseletter": "Lu", "lowercaseletter": "Ll", "titlecaseletter": "Lt", "modifierletter": "Lm",
	"otherletter": "Lo", "mark": "M", "nonspacingmark": "Mn", "spacingmark": "Mc", "enclosingmark": "Me", "number": "N",
	"decimalnumber": "Nd", "letternumber": "Nl", "othernumber": "No", "punctuation": "P", "connectorpunctuation": "Pc",
	"dashpunctuation": "Pd", "openpunctuation": "Ps", "closepunctuation": "Pe", "initialpunctuation": "Pi",
	"finalpunctuation": "Pf", "otherpunctuation": "Po", "symbol": "S", "mathsymbol": "Sm", "currencysymbol": "Sc",
	"modifiersymbol": "Sk", "othersymbol": "So", "separator": "Z", "spaceseparator": "Zs", "lineseparator": "Zl",
	"paragraphseparator": "Zp", "other": "C", "control": "Cc", "format": "Cf", "privateuse": "Co", "unassigned": "Cn",
	"alphabetic": "alpha", "uppercase": "upper", "lowercase": "lower", "whitespace": "space",
}

// propertyKey returns a name in the form in which Oniguruma compares it: without case, spaces, hyphens and underscores.
func propertyKey(name string) string {
	return strings.ToLower(strings.NewReplacer(" ", "", "-", "", "_", "").Replace(name))
}

// property returns the runes of a property or POSIX class, or nil if the name is unknown. bracketed tells that it is inside a
// bracketed class, where two of them mean different runes.
func (t *unicodeTables) property(name string, bracketed bool) [][2]rune {
	key := propertyKey(name)
	if long, ok := longNames[key]; ok {
		key = propertyKey(long)
	}
	union := func(names ...string) [][2]rune {
		var ranges [][2]rune
		for _, name := range names {
			ranges = append(ranges, t.property(name, bracketed)...)
		}
		return normalizeRanges(ranges)
	}
	switch key {
	case "any":
		return complement(nil)
	case "ascii":
		return [][2]rune{{0, 0x7F}}
	case "xdigit":
		return hexRanges
	case "word":
		return t.words(bracketed)
	case "space":
		return spaceRanges()
	case "alnum":
		return union("alpha", "nd")
	case "digit":
		return union("nd")
	case "cntrl":
		return union("cc")
	case "punct":
		return union("p")
	case "cn":
		return intersect(t.category("C"), complement(union("cc", "cf", "co")))
	}
	if len(key) <= 2 {
		return t.category(strings.ToUpper(key[:min(1, len(key))]) + key[min(1, len(key)):])
	}
	for known, class := range t.byName {
		if known != strings.ToLower(known) && strings.ToLower(known) == key { // names in lower case are not properties of Oniguruma
			return class.ranges
		}
	}
	return nil
}

// posix returns the runes of [:name:], or nil if the name is unknown.
func (t *unicodeTables) posix(name string) [][2]rune {
	switch name {
	case "punct":
		return t.byName["bracketpunct"].ranges
	case "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "space", "upper", "xdigit", "word":
		return t.property(name, true)
	}
	return nil
}

// words returns the runes of \w. In a bracketed class the superscript digits and fractions of Latin-1 do not belong to them.
func (t *unicodeTables) words(bracketed bool) [][2]rune {
	if bracketed {
		return t.byName["bracketword"].ranges
	}
	return t.byName["regexword"].ranges
}

var hexRanges = [][2]rune{{'0', '9'}, {'A', 'F'}, {'a', 'f'}}

func spaceRanges() [][2]rune {
	var out [][2]rune
	for r := rune(0); r <= 0x3000; r++ {
		if isSpace(r) {
			out = append(out, [2]rune{r, r})
		}
	}
	return normalizeRanges(out)
}
