package tokenizer

// Padding says how encodings of different lengths become one rectangle.
type Padding struct {
	ID       int64 // id of the padding token
	TypeID   int64 // token type id of a padding position
	Side     Side  // where padding goes; FromFile means right
	Multiple int   // the width is rounded up to a multiple of this; 0 and 1 mean no rounding
	Width    int   // least width; 0 means as wide as the longest encoding
}

// Batch is a set of encodings as row-major Rows x Cols matrices, ready to be fed to a model.
type Batch struct {
	Rows, Cols int
	IDs        []int64 // input_ids
	Mask       []int64 // attention_mask: 1 for a token, 0 for padding
	TypeIDs    []int64 // token_type_ids
}

// Batch lays encodings out as one rectangle. The buffers of into are reused where they are large enough; into may be
// the zero value.
func (p Padding) Batch(encodings []Encoding, into Batch) Batch {
	cols := p.Width
	for _, e := range encodings {
		cols = max(cols, len(e.IDs))
	}
	if p.Multiple > 1 {
		cols = (cols + p.Multiple - 1) / p.Multiple * p.Multiple
	}
	size := len(encodings) * cols
	b := Batch{Rows: len(encodings), Cols: cols, IDs: resize(into.IDs, size), Mask: resize(into.Mask, size),
		TypeIDs: resize(into.TypeIDs, size)}
	for row, e := range encodings {
		at := row * cols
		ids, mask, types := b.IDs[at:at+cols], b.Mask[at:at+cols], b.TypeIDs[at:at+cols]
		start := 0
		if p.Side == Left {
			start = cols - len(e.IDs)
		}
		for i := range ids {
			ids[i], mask[i], types[i] = p.ID, 0, p.TypeID
		}
		for i, id := range e.IDs {
			ids[start+i], mask[start+i], types[start+i] = id, 1, e.TypeIDs[i]
		}
	}
	return b
}

func resize(buffer []int64, size int) []int64 {
	if cap(buffer) < size {
		return make([]int64, size)
	}
	return buffer[:size]
}
