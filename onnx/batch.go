package onnx

import (
	"cmp"
	"slices"

	"w2s/onnx/tokenizer"
)

// window is the number of texts that are tokenized and sorted at a time. It is large enough that most texts find others of
// the same length, and bounded so that memory does not grow with the number of texts.
const window = 4096

// An item is a tokenized text.
type item struct {
	text int // index of the text
	tokenizer.Encoding
	shared int // number of tokens at the beginning that are run separately (see sharing.go), or 0 if the text is run whole
	prefix int // index of that beginning in job.prefixes
}

// A job is a unit of work of one worker: a batch of whole texts of equal length, or texts with beginnings of equal length
// that are run separately.
type job struct {
	items    []item
	prefixes [][]int64 // the different beginnings; none if texts are run whole
}

// jobs divides the items of a window into jobs.
func (p *plan) jobs(items []item, budget int) []job {
	slices.SortFunc(items, func(a, b item) int { return cmp.Compare(a.shared, b.shared) })
	whole := 0
	for whole < len(items) && items[whole].shared == 0 {
		whole++
	}
	all := shareJobs(items[whole:], budget)
	for _, b := range p.batches(items[:whole], budget) {
		all = append(all, job{items: b})
	}
	return all
}

// batches divides whole texts into batches of equal length. The longest come first, so that workers finish at about the same
// time. If the model fixes its width, all texts have the same length.
func (p *plan) batches(items []item, budget int) [][]item {
	slices.SortFunc(items, longestFirst)
	var all [][]item
	for start := 0; start < len(items); {
		end := start + 1
		for end < len(items) && (p.cols > 0 || len(items[end].IDs) == len(items[start].IDs)) {
			end++
		}
		all = append(all, evenly(items[start:end], p.batchRows(max(len(items[start].IDs), p.cols), budget))...)
		start = end
	}
	return all
}

// longestFirst orders items by their number of tokens, and then by their text.
func longestFirst(a, b item) int {
	return cmp.Or(cmp.Compare(len(b.IDs), len(a.IDs)), cmp.Compare(a.text, b.text))
}

// batchRows returns the largest number of texts of one length that are run together.
func (p *plan) batchRows(length, budget int) int {
	switch {
	case p.single:
		return 1
	case p.rows > 0:
		return p.rows
	}
	return max(1, budget/max(1, length))
}

// evenly divides items into as few pieces as possible, each of at most most items and all of nearly the same size.
func evenly(items []item, most int) [][]item {
	n := (len(items) + most - 1) / most
	pieces := make([][]item, n)
	for i := range pieces {
		pieces[i] = items[i*len(items)/n : (i+1)*len(items)/n]
	}
	return pieces
}

// evenWidth is the width from which a batch on a card is padded to a multiple of 8, which kernels of attention ask for. Narrower ones
// would be padded by more than a few percent.
const evenWidth = 64

// grid arranges a batch as the model takes it. If the model fixes the batch size, copies of the last
// text fill the remaining rows.
func (c *Checkpoint) grid(items []item, into *tokenizer.Batch, encodings []tokenizer.Encoding) (grid, []tokenizer.Encoding) {
	encodings = encodings[:0]
	for _, it := range items {
		encodings = append(encodings, it.Encoding)
	}
	for len(encodings) < c.plan.rows {
		encodings = append(encodings, encodings[len(items)-1])
	}
	pad := tokenizer.Padding{ID: c.pad.id, Side: tokenizer.Right, Width: max(1, c.plan.cols)}
	if c.pad.left && c.plan.cols > 0 {
		pad.Side = tokenizer.Left
	}
	if c.source.style.Card && c.plan.pads {
		longest := len(slices.MaxFunc(encodings, func(a, b tokenizer.Encoding) int { return cmp.Compare(len(a.IDs), len(b.IDs)) }).IDs)
		if even := (longest + 7) / 8 * 8; longest >= evenWidth && (c.MaxTokens == 0 || even <= c.MaxTokens) {
			pad.Width = even
		}
	}
	*into = pad.Batch(encodings, *into)
	return grid{rows: into.Rows, cols: into.Cols, ids: into.IDs, mask: into.Mask, typ: into.TypeIDs}, encodings
}

// duplicates tells which texts occur more than once, so that each is encoded once.
type duplicates struct {
	unique []int   // index of the first occurrence of each distinct text
	next   []int32 // index of the next occurrence of the same text, or -1
}

func findDuplicates(texts []string) duplicates {
	d := duplicates{next: make([]int32, len(texts))}
	last := make(map[string]int32, len(texts))
	for i, t := range texts {
		d.next[i] = -1
		if j, ok := last[t]; ok {
			d.next[j] = int32(i)
		} else {
			d.unique = append(d.unique, i)
		}
		last[t] = int32(i)
	}
	return d
}
