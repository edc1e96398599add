package tokenizer

import "unicode/utf8"

// A leadingCount determines how many leading bytes of a new text stand for the first rune of the input (see piece). It follows
// the library's account of which rune of the new text stands for which rune of the old one, until it is past these bytes. In
// that account every new rune comes with a change: 0 if it stands for one old rune, -n if it stands for n+1 old runes, and 1
// if it shares the old rune of the new rune before it.
type leadingCount struct {
	left  int // runes of the old text's leading bytes
	used  int // runes of the old text that are accounted for
	bytes int // leading bytes of the new text so far
	done  bool

	last, change int // size and change of the last rune, whose change is not final; size 0 means none
}

// newLeadingCount starts a count for an old text s with that many leading bytes. If leading is not positive, nothing is counted.
func newLeadingCount(s string, leading int) leadingCount {
	if leading <= 0 {
		return leadingCount{done: true}
	}
	return leadingCount{left: utf8.RuneCountInString(s[:leading])}
}

// add accounts for the next rune of the new text.
func (l *leadingCount) add(r rune, change int) {
	if l.done {
		return
	}
	l.settle()
	l.last, l.change = utf8.RuneLen(r), change
}

// replaced accounts for the runes of old, which were replaced. Like the library it attributes runes that vanish to the last rune
// that was written, or to none if there is none yet.
func (l *leadingCount) replaced(old, by string) {
	if l.done {
		return
	}
	before, change := utf8.RuneCountInString(old), 0
	for _, r := range by {
		if before == 0 {
			change = 1
		} else {
			before--
		}
		l.add(r, change)
	}
	if l.last > 0 {
		l.change -= before
	}
}

// settle makes the change of the last rune final.
func (l *leadingCount) settle() {
	if l.last == 0 {
		return
	}
	at := l.used
	if l.change > 0 {
		at = max(0, at-1)
	} else {
		l.used += 1 - l.change
	}
	if at < l.left {
		l.bytes += l.last
	} else {
		l.done = true
	}
	l.last = 0
}

// total returns the number of leading bytes of the new text.
func (l *leadingCount) total() int {
	if !l.done {
		l.settle()
	}
	return l.bytes
}
