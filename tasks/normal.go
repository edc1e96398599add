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
	runes := []rune(foldCase(text))
	var b strings.Builder
	b.Grow(len(text))
	word := make([]rune, 0, 32)
	flush := func() {
		if len(word) == 0 {
			return
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		for _, r := range shortenRuns(word) {
			b.WriteRune(r)
		}
		word = word[:0]
	}
	for i, r := range runes {
		switch {
		case unicode.IsSpace(r):
			flush()
		case isApostrophe(r) || r >= utf8.RuneSelf && unicode.In(r, unicode.Cf, unicode.Variation_Selector):
		case !unicode.IsPunct(r) && r != '`' && r != '´':
			word = append(word, r)
		case inNumber(runes, i):
			word = append(word, r)
		default:
			flush()
		}
	}
	flush()
	if b.Len() == 0 {
		return "only punctuation " + fold(text)
	}
	return b.String()
}

// foldCase makes compatible characters equal, and upper and lower case.
func foldCase(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return norm.NFKC.String(cases.Fold().String(text))
	}
	return strings.ToLower(text)
}

// isApostrophe reports whether r joins the parts of a word, as in don't.
func isApostrophe(r rune) bool { return r == '\'' || r == '’' || r == 'ʼ' || r == '‘' }

// operators are the punctuation marks that have a meaning in a sum, and the brackets around its parts.
const operators = "-*/%()[]{}"

// inNumber reports whether the punctuation mark at index i is part of a number or of a sum.
func inNumber(text []rune, i int) bool {
	at := func(k int) rune {
		if k < 0 || k >= len(text) {
			return ' '
		}
		return text[k]
	}
	before, after := at(i-1), at(i+1)
	if unicode.IsDigit(before) && unicode.IsDigit(after) {
		return true
	}
	if !strings.ContainsRune(operators, text[i]) {
		return false
	}
	if text[i] == '%' && unicode.IsDigit(before) {
		return true
	}
	if text[i] == '-' && unicode.IsDigit(after) && !unicode.IsLetter(before) {
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
func nearest(text []rune, i, step int) rune {
	for k := i + step; k >= 0 && k < len(text) && k != i+4*step; k += step {
		if text[k] != ' ' {
			return text[k]
		}
	}
	return ' '
}

// shortenRuns cuts every run of equal letters or symbols of a word to two. It returns Roman numerals and digits as they are.
func shortenRuns(word []rune) []rune {
	roman, run := true, false
	for i, r := range word {
		roman = roman && strings.ContainsRune("ivxlcdm", r)
		run = run || i >= 2 && word[i-1] == r && word[i-2] == r
	}
	if roman || !run {
		return word
	}
	out := word[:0]
	for _, r := range word {
		if n := len(out); n >= 2 && out[n-1] == r && out[n-2] == r && !unicode.IsDigit(r) {
			continue
		}
		out = append(out, r)
	}
	return out
}
