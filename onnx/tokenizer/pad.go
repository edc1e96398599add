package tokenizer

// A Padding tells how encodings of different lengths are padded to one width.
type Padding struct {
	ID       int64 // id of the padding token
	TypeID   int64 // token type id of padding
	Side     Side  // the side that is padded; FromFile means Right
	Multiple int   // the width is rounded up to a multiple of this, unless it is 0
	Width    int   // smallest width; 0 means the width of the longest encoding
}

// A Batch holds encodings as row-major matrices of Rows x Cols, as they are fed to a model.
type Batch struct {
	Rows, Cols int
	IDs        []int64 // input_ids
	Mask       []int64 // attention_mask: 1 for a token, 0 for padding
	TypeIDs    []int64 // token_type_ids
}

// Batch pads encodings to one width. It reuses the buffers of into if they are large enough; into may be the zero value.
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
