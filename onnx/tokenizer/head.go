package tokenizer

import "unicode/utf8"

// A headCount follows the library's account of which rune of the new text stands for which of the old one, for as long
// as it is the first runes of the input; see piece. In that account every new rune brings a change: how many runes there
// are more by it (1: it has none of its own and shares that of the rune before) or less (-1: it stands for two).
type headCount struct {
	left  int // runes of the old text's head
	used  int // runes of the old text that are accounted for
	bytes int // of the new text's head
	done  bool

	last, change int // size and change of the last rune, which may still change; size 0: none
}

func newHeadCount(s string, head int) headCount {
	if head <= 0 {
		return headCount{done: true}
	}
	return headCount{left: utf8.RuneCountInString(s[:head])}
}

func (h *headCount) add(r rune, change int) {
	if h.done {
		return
	}
	h.settle()
	h.last, h.change = utf8.RuneLen(r), change
}

// replaced accounts for runes that others were written for, as the library does: runes that vanish are told of the last
// rune written, and of none where there is none yet.
func (h *headCount) replaced(old, by string) {
	if h.done {
		return
	}
	before, more := utf8.RuneCountInString(old), 0
	for _, r := range by {
		if before == 0 {
			more = 1
		} else {
			before--
		}
		h.add(r, more)
	}
	if h.last > 0 {
		h.change -= before
	}
}

func (h *headCount) settle() {
	if h.last == 0 {
		return
	}
	at := h.used
	if h.change > 0 {
		at = max(0, at-1)
	} else {
		h.used += 1 - h.change
	}
	if at < h.left {
		h.bytes += h.last
	} else {
		h.done = true
	}
	h.last = 0
}

// total gives the bytes of the new head.
func (h *headCount) total() int {
	if !h.done {
		h.settle()
	}
	return h.bytes
}
