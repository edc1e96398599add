package tasks

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// NormalForm returns a key that texts share if they differ only in ways that hardly change what they say. It is the basis of
// duplicates across the parts of a split; docs/add-a-task.md describes it. In this order:
//
//   - Compatible characters are made equal (Unicode NFKC), upper and lower case too.
//   - Apostrophes and invisible characters are removed, and other punctuation is replaced by a space. Signs that belong to
//     numbers stay: between two digits (3.5, 10:30, 1,000), a minus before a number, and operators and brackets in sums.
//     Symbols such as +, $ and emoji stay too.
//   - More than two equal letters or symbols in a row become two (soooo, ♥♥♥♥). Digits and Roman numerals stay.
//   - White space becomes single spaces.
//
// A text that would become empty, such as "?!", has the key of [fold] instead.
func NormalForm(text string) string {
	folded := foldCase(text)
	form := ""
	if isASCII(folded) {
		form = normalForm([]byte(folded))
	} else {
		form = normalForm([]rune(folded))
	}
	if form == "" {
		return "only punctuation " + fold(text)
	}
	return form
}

// A character is one of a text: a byte if all of its characters are ASCII.
type character interface{ byte | rune }

// normalForm is NormalForm of a text in which cases are equal, or "".
func normalForm[C character](text []C) string {
	var b strings.Builder
	b.Grow(len(text))
	word := make([]C, 0, 32)
	flush := func() {
		if len(word) == 0 {
			return
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		switch word := any(shortenRuns(word)).(type) {
		case []byte:
			b.Write(word)
		case []rune:
			for _, r := range word {
				b.WriteRune(r)
			}
		}
		word = word[:0]
	}
	for i, c := range text {
		switch r := rune(c); {
		case 'a' <= r && r <= 'z': // most are
			word = append(word, c)
		case unicode.IsSpace(r):
			flush()
		case isApostrophe(r) || r >= utf8.RuneSelf && unicode.In(r, unicode.Cf, unicode.Variation_Selector):
		case !unicode.IsPunct(r) && r != '`' && r != '´':
			word = append(word, c)
		case inNumber(text, i):
			word = append(word, c)
		default:
			flush()
		}
	}
	flush()
	return b.String()
}

// foldCase makes compatible characters equal, and upper and lower case.
func foldCase(text string) string {
	if isASCII(text) {
		return strings.ToLower(text)
	}
	return norm.NFKC.String(cases.Fold().String(text))
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// isApostrophe reports whether r joins the parts of a word, as in don't.
func isApostrophe(r rune) bool { return r == '\'' || r == '’' || r == 'ʼ' || r == '‘' }

// operators are the punctuation marks that have a meaning in a sum, and the brackets around its parts.
const operators = "-*/%()[]{}"

// inNumber reports whether the punctuation mark at index i is part of a number or of a sum.
func inNumber[C character](text []C, i int) bool {
	at := func(k int) rune {
		if k < 0 || k >= len(text) {
			return ' '
		}
		return rune(text[k])
	}
	before, after := at(i-1), at(i+1)
	if unicode.IsDigit(before) && unicode.IsDigit(after) {
		return true
	}
	if !strings.ContainsRune(operators, at(i)) {
		return false
	}
	if at(i) == '%' && unicode.IsDigit(before) {
		return true
	}
	if at(i) == '-' && unicode.IsDigit(after) && !unicode.IsLetter(before) {
		return true // the sign of a number
	}
	// In a sum there is a number on one side, and on the other a number, another operator or a bracket.
	left, right := nearest(text, i, -1), nearest(text, i, 1)
	inSum := func(r rune) bool {
		return unicode.IsDigit(r) || unicode.Is(unicode.Sm, r) || r == '^' || strings.ContainsRune(operators, r)
	}
	return (unicode.IsDigit(left) || unicode.IsDigit(right)) && inSum(left) && inSum(right)
}

// nearest returns the next character that is no space in a direction, or a space if there is none within a few characters.
func nearest[C character](text []C, i, step int) rune {
	for k := i + step; k >= 0 && k < len(text) && k != i+4*step; k += step {
		if text[k] != ' ' {
			return rune(text[k])
		}
	}
	return ' '
}

// shortenRuns cuts every run of equal letters or symbols of a word to two. It returns Roman numerals and digits as they are.
func shortenRuns[C character](word []C) []C {
	roman, run := true, false
	for i, c := range word {
		roman = roman && strings.ContainsRune("ivxlcdm", rune(c))
		run = run || i >= 2 && word[i-1] == c && word[i-2] == c
	}
	if roman || !run {
		return word
	}
	out := word[:0]
	for _, c := range word {
		if n := len(out); n >= 2 && out[n-1] == c && out[n-2] == c && !unicode.IsDigit(rune(c)) {
			continue
		}
		out = append(out, c)
	}
	return out
}
