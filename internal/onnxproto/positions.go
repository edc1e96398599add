package onnxproto

import (
	"encoding/binary"
	"strings"
)

// Positions is the longest input that the learned position tables of the graph allow, 0 where it shows none. Tables are
// known by their names. Where the first token does not take the first row (RoBERTa counts from the padding id on, OPT
// from 2), the rows before it do not count.
func (f *File) Positions() int {
	w := newWalker(f)
	first := map[string]int64{} // row of the first token by table
	for i := range f.nodes {
		if n := &f.nodes[i]; n.Op == "Gather" {
			if t, ok := w.constant(n.input(0)); ok && isPositionTable(t) {
				first[t.Name] = max(0, w.smallest(n.input(1), maxSteps))
			}
		}
	}
	longest := 0
	for _, t := range f.Initializers {
		if !isPositionTable(t) {
			continue
		}
		if n := int(t.Dims[0] - first[t.Name]); n > 0 && (longest == 0 || n < longest) {
			longest = n
		}
	}
	return longest
}

func isPositionTable(t Initializer) bool {
	if len(t.Dims) != 2 || t.Dims[0] < 2 || t.Dims[0] >= 1<<20 {
		return false
	}
	name := strings.ToLower(t.Name)
	return strings.Contains(name, "position_embeddings") || strings.Contains(name, "wpe.weight") || strings.Contains(name, "embed_positions")
}

// smallest is the index of the first token: constants count as their first number, running sums of a mask as 1, and what
// else there is (position_ids, ranges, the length of a cache) as 0.
func (w *walker) smallest(name string, steps int) int64 {
	if v, ok := w.integer(name); ok || steps == 0 {
		return v
	}
	n, ok := w.producer(name)
	if !ok {
		return 0
	}
	of := func(i int) int64 { return w.smallest(n.input(i), steps-1) }
	switch n.Op {
	case "Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Expand", "Slice":
		return of(0)
	case "CumSum":
		return 1
	case "Add":
		return of(0) + of(1)
	case "Sub":
		return of(0) - of(1)
	case "Mul":
		return max(of(0), of(1)) // with a mask, which is 0 or 1
	}
	return 0
}

// integer reads the first number of a constant of integers.
func (w *walker) integer(name string) (int64, bool) {
	t, ok := w.constant(name)
	size := int64(t.Type.Size())
	if !ok || t.Type != Int64 && t.Type != Int32 || !t.data.raw || t.External != "" || t.data.size < size {
		return 0, false
	}
	var b [8]byte
	if _, err := w.file.r.ReadAt(b[:size], t.data.start); err != nil {
		return 0, false
	}
	if t.Type == Int32 {
		return int64(int32(binary.LittleEndian.Uint32(b[:]))), true
	}
	return int64(binary.LittleEndian.Uint64(b[:])), true
}
