package feature

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// chunk is the number of texts that are passed to the encoder at a time. It makes several batches, but it is small enough that
// processes which encode the same texts soon see each other's rows.
const chunk = 512

// A request is a list of texts, with each distinct text counted once.
type request struct {
	texts  []string
	unique []int    // index of the distinct text that each text equals
	ids    []textID // of the distinct texts
	first  []int    // index of the first text that equals each distinct text
	matrix *Matrix  // receives the vector of distinct text u in row first[u]; nil: vectors are not kept
}

func newRequest(texts []string) *request {
	r := &request{texts: texts, unique: make([]int, len(texts))}
	seen := make(map[textID]int, len(texts))
	for i, t := range texts {
		id := idOf(t)
		u, ok := seen[id]
		if !ok {
			u = len(r.ids)
			seen[id] = u
			r.ids, r.first = append(r.ids, id), append(r.first, i)
		}
		r.unique[i] = u
	}
	return r
}

func (r *request) text(u int) string { return r.texts[r.first[u]] }

// forMatrix returns the request with a matrix for vectors of length dims.
func (r *request) forMatrix(dims int, mapped *mappings) *request {
	with := *r
	with.matrix = &Matrix{Rows: len(r.texts), Dims: dims, mapped: mapped}
	if mapped != nil {
		with.matrix.at = make([]*float32, len(r.texts))
	} else {
		with.matrix.Data = make([]float32, len(r.texts)*dims)
	}
	return &with
}

// keep puts a vector into the matrix.
func (r *request) keep(u int, values []float32) {
	if r.matrix.at != nil {
		r.matrix.at[r.first[u]] = &slices.Clone(values)[0]
		return
	}
	copy(r.matrix.Row(r.first[u]), values)
}

// keepRow puts a stored vector into the matrix. row stays where it is if it is mapped.
func (r *request) keepRow(u int, l layout, row []byte, mapped bool) {
	if r.matrix.at == nil {
		l.values(row, r.matrix.Row(r.first[u]))
		return
	}
	if mapped {
		r.matrix.at[r.first[u]] = numbers(row)
		return
	}
	values := make([]float32, l.dims)
	l.values(row, values)
	r.matrix.at[r.first[u]] = &values[0]
}

// features returns the matrix when all distinct texts have their vectors.
func (r *request) features() *Matrix {
	for i, u := range r.unique {
		switch first := r.first[u]; {
		case first == i:
		case r.matrix.at != nil:
			r.matrix.at[i] = r.matrix.at[first]
		default:
			copy(r.matrix.Row(i), r.matrix.Row(first))
		}
	}
	return r.matrix
}

// A run carries out one request.
type run struct {
	*request
	ctx       context.Context
	cache     *Cache
	enc       Encoder
	report    Report
	space     *space  // nil without a cache
	writer    *writer // nil if nothing is stored
	truncated []bool  // by distinct text
	before    int     // number of texts that were stored at first
	total     int     // number of distinct texts that were missing at first
	done      int     // number of those that are done
	sum       Summary
}

func (r *run) do() error {
	defer r.end()
	missing, err := r.begin()
	if err != nil {
		return err
	}
	if len(missing) == 0 {
		return r.ctx.Err()
	}
	return r.encodeAll(missing)
}

// begin takes the stored vectors, and returns the distinct texts that are missing.
func (r *run) begin() (missing []int, err error) {
	missing = make([]int, len(r.ids))
	for u := range missing {
		missing[u] = u
	}
	if r.cache == nil {
		return missing, nil
	}
	if r.space, err = r.cache.space(r.enc); err != nil {
		return nil, err
	}
	if missing, err = r.takeStored(nil); err != nil {
		return nil, err
	}
	if len(missing) > 0 {
		r.before = r.space.texts()
	}
	return missing, nil
}

// end completes the summary.
func (r *run) end() {
	if w, ok := r.enc.(Warner); ok {
		r.sum.Warnings = append(r.sum.Warnings, w.Warnings()...)
	}
	if r.space != nil {
		r.sum.Warnings = append(r.sum.Warnings, r.space.warnings()...)
	}
	for _, u := range r.unique {
		if r.truncated[u] {
			r.sum.Truncated++
		}
	}
}

// takeStored reads the stored vectors of the wanted distinct texts (nil: of all) and returns the texts that are missing.
func (r *run) takeStored(wanted []int) (missing []int, err error) {
	var read func(*index, []wish) error
	if r.matrix != nil {
		read = func(x *index, stored []wish) error {
			return x.read(stored, r.matrix.mapped, func(w wish, row []byte, mapped bool) { r.keepRow(w.unique, r.space.layout, row, mapped) })
		}
	}
	for range 10 { // another process may change the files in the meantime, but not forever
		var stored []wish
		stored, missing, err = r.space.split(r.ids, wanted, read)
		if errors.Is(err, errChanged) {
			r.space.forget()
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, w := range stored {
			r.truncated[w.unique] = w.place.truncated
		}
		r.sum.Cached += len(stored)
		return missing, nil
	}
	return nil, err
}

func (r *run) encodeAll(missing []int) (err error) {
	if err := r.acquire(); err != nil {
		return err
	}
	defer func() {
		if closed := r.release(); err == nil {
			err = closed
		}
	}()
	r.total = len(missing)
	for _, part := range r.chunks(missing) {
		if r.writer != nil {
			// Another process, or the goroutine that encoded before this one, may have stored some by now.
			before := len(part)
			if part, err = r.takeStored(part); err != nil {
				return err
			}
			r.progress(before-len(part), 0)
		}
		if len(part) == 0 {
			continue
		}
		if err := r.encode(part); err != nil {
			return err
		}
	}
	return nil
}

// acquire waits until no other goroutine encodes for the encoder, and opens the writer.
func (r *run) acquire() error {
	if r.space == nil {
		return nil
	}
	select {
	case r.space.encoding <- struct{}{}:
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
	if err := r.openWriter(); err != nil {
		<-r.space.encoding
		return err
	}
	return nil
}

// release closes the writer and lets the next goroutine encode.
func (r *run) release() error {
	if r.space == nil {
		return nil
	}
	defer func() { <-r.space.encoding }()
	return r.closeWriter()
}

// chunks divides missing texts into what is passed to the encoder at a time.
func (r *run) chunks(missing []int) [][]int {
	if isLookup(r.enc) {
		return [][]int{missing}
	}
	// Sorting by length puts texts of similar length into a chunk. Long ones come first, so that estimates of the remaining time
	// are not too optimistic.
	slices.SortStableFunc(missing, func(a, b int) int { return cmp.Compare(len(r.text(b)), len(r.text(a))) })
	chunks := slices.Collect(slices.Chunk(missing, chunk))
	if r.writer != nil && r.writer.slot > 0 {
		// Other processes encode too. Another order keeps this one from encoding the same chunks at the same time.
		rand.New(rand.NewPCG(uint64(r.writer.slot), 0)).Shuffle(len(chunks), func(i, j int) { chunks[i], chunks[j] = chunks[j], chunks[i] })
	}
	return chunks
}

// encode encodes a chunk of distinct texts.
func (r *run) encode(part []int) error {
	texts := make([]string, len(part))
	for k, u := range part {
		texts[k] = r.text(u)
	}
	got, n := make([]bool, len(part)), 0
	err := r.enc.Encode(r.ctx, texts, func(index int, values []float32, tokens int, truncated bool) error {
		if index < 0 || index >= len(part) || got[index] {
			return fmt.Errorf("feature: the encoder gave vector %d of %d texts twice or out of range", index, len(part))
		}
		v := vector{values, tokens, truncated}
		if err := v.check(r.enc.Dims()); err != nil {
			return fmt.Errorf("feature: text %q: %w", excerpt(texts[index]), err)
		}
		got[index] = true
		n++
		return r.take(part[index], v)
	})
	if err != nil {
		return fmt.Errorf("feature: encode: %w", err)
	}
	if n < len(part) {
		return fmt.Errorf("feature: the encoder gave vectors for %d of %d texts", n, len(part))
	}
	return nil
}

// take stores a new vector and copies it to the matrix.
func (r *run) take(u int, v vector) error {
	if r.writer != nil {
		if err := r.writer.append(r.ids[u], v); err != nil {
			if err := r.degrade(err); err != nil {
				return err
			}
			_ = r.writer.close() // the warning has the first error
			r.writer = nil
		}
	}
	if r.matrix != nil {
		r.keep(u, v.values)
	}
	r.truncated[u] = v.truncated
	r.sum.Encoded++
	r.sum.Tokens += v.tokens
	r.progress(1, v.tokens)
	return nil
}

func (r *run) progress(more, tokens int) {
	if more == 0 {
		return
	}
	r.done += more
	if r.report != nil {
		r.report(r.done, r.total, r.sum.Tokens)
	}
}

func (r *run) openWriter() error {
	w, err := openWriter(r.ctx, r.cache.locks(), r.space.dir, r.space.layout)
	if err == nil {
		err = writeHeader(r.space.dir, header{Format: cacheFormat, Key: r.space.key, Dims: r.enc.Dims()})
		if err != nil {
			_ = w.close()
		}
	}
	if err != nil {
		return r.degrade(err)
	}
	r.writer = w
	if w.torn > 0 {
		r.sum.Warnings = append(r.sum.Warnings, fmt.Sprintf(
			"feature: cache: %s: the last row was incomplete, because its writer was stopped; it was cut off, and its text is encoded again", w.file.Name()))
	}
	return nil
}

// degrade handles an error of storing a vector. If there is a matrix to fill, the run continues without storing.
func (r *run) degrade(err error) error {
	lost := errors.Is(err, errLost)
	advice := "make room or give another cache folder"
	if lost {
		advice = "leave the cache folder alone while w2s runs, or give another one"
	}
	switch {
	case !notStorable(err):
		return err
	case r.matrix != nil:
		r.sum.Warnings = append(r.sum.Warnings, fmt.Sprintf("%s: vectors are not stored and will be encoded again next time (%s)", warning(err), advice))
		return nil
	case lost:
		return fmt.Errorf("%w (%s; the same command encodes again what is lost)", err, advice)
	}
	return fmt.Errorf("%w (%s; what was stored so far is kept)", err, advice)
}

// closeWriter closes the writer. If the vectors were only to be stored, it is an error that they were not.
func (r *run) closeWriter() error {
	if r.writer == nil {
		return nil
	}
	w := r.writer
	err := w.close()
	r.writer = nil
	if err == nil {
		r.space.wrote(r.before+r.sum.Encoded, w.written)
		return nil
	}
	if notStorable(err) || r.matrix == nil {
		return r.degrade(err)
	}
	r.sum.Warnings = append(r.sum.Warnings, warning(err))
	return nil
}

// warning returns the text of an error for readers of a result, without the name of the package.
func warning(err error) string { return strings.TrimPrefix(err.Error(), "feature: ") }

func (v vector) check(dims int) error {
	if len(v.values) != dims {
		return fmt.Errorf("the encoder gave %d values, not %d", len(v.values), dims)
	}
	if v.tokens < 0 || int64(v.tokens) > 1<<32-1 {
		return fmt.Errorf("the encoder counted %d tokens", v.tokens)
	}
	for i, x := range v.values {
		if x-x != 0 {
			return fmt.Errorf("the encoder gave %v in dimension %d", x, i)
		}
	}
	return nil
}

// excerpt returns the beginning of a text, for messages.
func excerpt(text string) string {
	const most = 60
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
