package onnx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	ort "github.com/yalue/onnxruntime_go"

	"w2s/internal/onnxproto"
	"w2s/onnx/tokenizer"
)

// Texts with a common prefix are run in two steps if the checkpoint's description asks for it (Description.SharedUntil). The
// first step runs every distinct prefix once and keeps its key-value cache. The second step runs the rest of every text on a
// copy of its prefix's cache. Where a text is split depends on the text alone, and so does its vector, to the last bit: a text
// whose prefix no other text has is run in two steps as well.

// planSharing decides whether texts are run in two steps, and plans to take the cache if they are. Texts are run whole if the
// pooling does not take the last token, or if the model's 8-bit scales depend on everything in the batch.
func (c *Checkpoint) planSharing(f *onnxproto.File, o Options) error {
	if c.SharedUntil == "" {
		return nil
	}
	fail := func(err error) error {
		return fmt.Errorf("shared_until %q: %w (leave it out of w2s.json)", c.SharedUntil, err)
	}
	p := c.plan
	switch {
	case c.source.byLength(), o.onCard(): // a card computes a text again faster than a cache is copied to it
		return nil
	case !p.has(pastState):
		return fail(errors.New("the model has no inputs past_key_values"))
	case p.rows > 0 || p.cols > 0:
		return fail(errors.New("the model fixes the shape of its input"))
	case c.Pooling != PoolLast || p.single:
		return nil
	}
	if err := p.takeCache(f); err != nil {
		return fail(err)
	}
	for _, in := range p.pasts() {
		if in.batch != 0 {
			return fail(fmt.Errorf("input %q has shape %v, whose first dimension is not the batch", in.Name, in.Dims))
		}
	}
	c.shares = true
	return nil
}

// sharedUntil returns the id of the token that ends a shared prefix, or -1 if texts are run whole.
func (c *Checkpoint) sharedUntil(t *tokenizer.Tokenizer) (int64, error) {
	if !c.shares {
		return -1, nil
	}
	id, ok := t.ID(c.SharedUntil)
	if !ok {
		return 0, fmt.Errorf("w2s.json: shared_until %q is not a token of %s", c.SharedUntil, c.Tokenizer)
	}
	return id, nil
}

// sharedLength returns the number of tokens up to the last occurrence of until, or 0 if it does not occur or ends the text.
func sharedLength(ids []int64, until int64) int {
	for i := len(ids) - 1; i >= 0; i-- {
		if ids[i] == until {
			return (i + 1) % len(ids)
		}
	}
	return 0
}

// shareJobs groups texts into jobs with prefixes of equal length. A job holds several short prefixes, but not so many that
// workers are idle at the end. A prefix of very many texts is split among several jobs and run in each.
func shareJobs(items []item, budget int) []job {
	slices.SortFunc(items, func(a, b item) int {
		return cmp.Or(cmp.Compare(b.shared, a.shared), slices.Compare(a.IDs[:a.shared], b.IDs[:b.shared]), cmp.Compare(a.text, b.text))
	})
	var all []job
	start, rest := 0, 0 // first item of the last job, and the number of its tokens after the prefixes
	for i, it := range items {
		length := it.shared
		open := i > 0 && length == items[i-1].shared
		same := open && slices.Equal(it.IDs[:length], items[i-1].IDs[:length])
		if same {
			open = rest < max(budget, 4*length)
		} else if open {
			open = rest < budget && (len(all[len(all)-1].prefixes)+1)*length <= budget
		}
		if !open {
			all, start, rest = append(all, job{}), i, 0
		}
		j := &all[len(all)-1]
		if !open || !same {
			j.prefixes = append(j.prefixes, it.IDs[:length])
		}
		items[i].prefix = len(j.prefixes) - 1
		j.items = items[start : i+1]
		rest += len(it.IDs) - length
	}
	return all
}

// A sharedMemory is a worker's memory for texts with shared prefixes.
type sharedMemory struct {
	first         cacheMemory // the cache of the prefixes, one row each
	copies        cacheMemory // the cache of the texts of a batch, one row each
	after         cacheMemory // the cache that a run writes
	held          []int       // the prefix whose cache a row of copies holds, -1 for none
	ids, typ, all []int64
}

// maxCopies bounds the bytes of cache that the texts of a batch have together, whatever the model and the length of the prefix.
// A single text may have more. Small models are equally fast with 1 and with 64 MB.
const maxCopies = 16 << 20

// runShared runs the prefixes of a job, then the rest of its texts.
func (r *encoding) runShared(ctx context.Context, j job, w *worker) error {
	s, m := r.m.session, &w.shared
	past := len(j.prefixes[0])
	m.ids, m.typ = m.ids[:0], m.typ[:0]
	for i, it := range j.items {
		if i == 0 || it.prefix != j.items[i-1].prefix {
			m.ids, m.typ = append(m.ids, it.IDs[:past]...), append(m.typ, it.TypeIDs[:past]...)
		}
	}
	g := grid{rows: len(j.prefixes), cols: past, ids: m.ids, typ: m.typ, mask: m.ones(len(m.ids))}
	if _, err := s.run(ctx, g, r.e.widths(), &w.buffer, &m.first); err != nil {
		return r.e.fault(err)
	}
	m.held = m.held[:0]
	for _, batch := range s.plan.shareBatches(j.items, r.e.options.batchTokens(), maxCopies/m.first.rowBytes()) {
		m.ids, m.typ = m.ids[:0], m.typ[:0]
		for _, it := range batch {
			m.ids, m.typ = append(m.ids, it.IDs[past:]...), append(m.typ, it.TypeIDs[past:]...)
		}
		c, err := m.copy(s.plan.pasts(), batch, past)
		if err != nil {
			return r.e.fault(err)
		}
		g := grid{rows: len(batch), cols: len(m.ids) / len(batch), ids: m.ids, typ: m.typ, past: c}
		g.mask = m.ones(g.rows * (past + g.cols))
		err = r.run(ctx, batch, g, w)
		c.close()
		if err != nil {
			return err
		}
	}
	return nil
}

// shareBatches cuts the texts of a job into batches of equal length after the prefix, and of at most rows texts. Within a batch
// the texts stay in the order of their prefixes.
func (p *plan) shareBatches(items []item, budget, rows int) [][]item {
	rest := func(it item) int { return len(it.IDs) - it.shared }
	slices.SortStableFunc(items, func(a, b item) int { return cmp.Compare(rest(b), rest(a)) })
	var all [][]item
	for start := 0; start < len(items); {
		end := start + 1
		for end < len(items) && rest(items[end]) == rest(items[start]) {
			end++
		}
		all = append(all, evenly(items[start:end], p.cachedRows(min(rows, budget/rest(items[start])), rest(items[start])))...)
		start = end
	}
	return all
}

// ones returns the mask of n tokens, all of which count.
func (m *sharedMemory) ones(n int) []int64 {
	for len(m.all) < n {
		m.all = append(m.all, 1)
	}
	return m.all[:n]
}

// copy returns the cache of a batch, with a copy of its prefix's cache for every text. Rows that hold the right copy already
// are not written again.
func (m *sharedMemory) copy(pasts []input, batch []item, past int) (*cache, error) {
	// Memory that grows loses its contents.
	values, err := m.copies.tensors(pasts, len(batch), past)
	c := &cache{tokens: past, values: make(map[string]ort.Value, len(values))}
	for i, v := range values {
		c.values[pasts[i].Name] = v
	}
	if err != nil {
		c.close()
		return nil, err
	}
	if m.copies.grown {
		m.held = m.held[:0]
	}
	for row, it := range batch {
		if row == len(m.held) {
			m.held = append(m.held, -1)
		}
		if m.held[row] != it.prefix {
			m.held[row] = it.prefix
			m.copies.copyRow(row, &m.first, it.prefix)
		}
	}
	return c, nil
}

// A cacheMemory is reusable memory for the key-value cache of several texts.
type cacheMemory struct {
	data  [][]byte // one for each input that takes a part of the cache; one row for each text
	bytes []int    // length of a row in each
	grown bool     // the last call of tensors allocated memory
}

// tensors lays the memory out for rows texts of the given number of tokens. The caller destroys the tensors, even after an
// error.
func (m *cacheMemory) tensors(pasts []input, rows, tokens int) ([]ort.Value, error) {
	m.data, m.bytes, m.grown = resized(m.data, len(pasts)), resized(m.bytes, len(pasts)), false
	values := make([]ort.Value, 0, len(pasts))
	for i, in := range pasts {
		shape := pastShape(in, rows, tokens)
		n := shape.FlattenedSize()
		if n > maxPast {
			return values, fmt.Errorf("input %q: its shape %v is larger than any cache of a real model", in.Name, shape)
		}
		size := 2 * int(n)
		if in.Type == onnxproto.Float32 {
			size *= 2
		}
		m.grown = m.grown || cap(m.data[i]) < size
		m.data[i], m.bytes[i] = resized(m.data[i], size), size/rows
		v, err := ort.NewCustomDataTensor(shape, m.data[i], elementType(in.Type))
		if err != nil {
			return values, fmt.Errorf("input %q: %w", in.Name, err)
		}
		values = append(values, v)
	}
	return values, nil
}

// rowBytes returns the number of bytes that one text takes.
func (m *cacheMemory) rowBytes() int {
	n := 0
	for _, b := range m.bytes {
		n += b
	}
	return n
}

// copyRow copies the cache of one text from other memory, which is laid out for the same number of tokens.
func (m *cacheMemory) copyRow(to int, other *cacheMemory, from int) {
	for i, b := range m.bytes {
		copy(m.data[i][to*b:(to+1)*b], other.data[i][from*b:(from+1)*b])
	}
}
