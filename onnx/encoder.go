package onnx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"w2s/harness/feature"
	"w2s/onnx/tokenizer"
)

// An Encoder turns texts into feature vectors with one checkpoint. It is a feature.Encoder, safe for concurrent use.
type Encoder struct {
	checkpoint *Checkpoint
	options    Options
	runtime    *Runtime
	key        string
	dims       int

	use     sync.RWMutex // held for reading while the model is in use
	mu      sync.Mutex
	loading *loading
	closed  bool
}

// A loading is a model that is being loaded, or is loaded.
type loading struct {
	done      chan struct{}
	session   *session
	tokenizer *tokenizer.Tokenizer
	until     int64 // the token up to which texts are alike, or -1
	err       error
}

var _ feature.Encoder = (*Encoder)(nil)

var (
	errNoTokens = errors.New("the text has no tokens (leave empty texts out, or give a prefix)")
	errClosed   = errors.New("onnx: the encoder is closed")
)

// Open opens the checkpoint in dir. The model itself is loaded by the first Encode, so that an encoder whose vectors are
// all cached costs no more than its Key: where the model does not say how wide its output is, it is loaded at once.
// rt must stay open until the encoder is closed.
func Open(ctx context.Context, rt *Runtime, dir string, o Options) (*Encoder, error) {
	c, err := ReadCheckpoint(dir, o)
	if err != nil {
		return nil, err
	}
	e := &Encoder{checkpoint: c, options: o, runtime: rt, dims: c.Width}
	e.options.Provider, _ = checkProvider(o.Provider) // checked by ReadCheckpoint
	kernels := e.options.Provider
	if o.RuntimeOnly { // it promises vectors of the runtime's own kernels, and without it a cache may hold others; see Warnings
		kernels += ", runtime only"
	}
	if e.key, err = c.key(ctx, rt.Version(), kernels, o.Settings, o.DigestFile); err != nil {
		return nil, fmt.Errorf("onnx: checkpoint %s: %w", dir, err)
	}
	if e.dims > 0 {
		return e, nil
	}
	if err := e.measure(ctx); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// measure runs the model once to learn the length of its vectors.
func (e *Encoder) measure(ctx context.Context) error {
	m, err := e.load(ctx)
	if err != nil {
		return err
	}
	if e.dims, err = m.session.probe(ctx); err != nil {
		return e.fault(err)
	}
	return nil
}

// Checkpoint says what the encoder runs.
func (e *Encoder) Checkpoint() *Checkpoint { return e.checkpoint }

// Key is the digest of the model and tokenizer files, the output, the pooling and all else that changes a vector.
func (e *Encoder) Key() string { return e.key }

// Dims is the length of a vector.
func (e *Encoder) Dims() int { return e.dims }

// Close frees the model, after the last Encode has returned.
func (e *Encoder) Close() error {
	e.use.Lock()
	defer e.use.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	if e.loading == nil {
		return nil
	}
	<-e.loading.done
	l := e.loading
	e.loading = nil
	if l.session == nil {
		return nil
	}
	return l.session.close()
}

func (e *Encoder) fault(err error) error {
	return fmt.Errorf("onnx: %s: %w", e.checkpoint.Model, err)
}

// load loads the model, once. Loading cannot be interrupted, so a caller whose context ends leaves it behind.
func (e *Encoder) load(ctx context.Context) (*loading, error) {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil, errClosed
	}
	if e.loading == nil {
		e.loading = &loading{done: make(chan struct{})}
		go e.loading.run(e.checkpoint, e.options)
	}
	l := e.loading
	e.mu.Unlock()
	select {
	case <-l.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if l.err != nil {
		return nil, e.fault(l.err)
	}
	return l, nil
}

func (l *loading) run(c *Checkpoint, o Options) {
	defer close(l.done)
	if l.tokenizer, l.err = c.loadTokenizer(); l.err != nil {
		return
	}
	if l.until, l.err = c.sharedUntil(l.tokenizer); l.err != nil {
		return
	}
	_, threads := o.workers()
	l.session, l.err = newSession(c.Model, c.plan, sessionOptions{threads: threads, provider: o.Provider, settings: o.Settings, unit: o.tileUnit()})
}

// Encode calls emit once for every text, from the calling goroutine, in no particular order; equal texts are encoded
// once. Texts beyond Checkpoint().MaxTokens tokens are cut. Vector.Tokens counts the whole text, what it shares with
// others too (Description.SharedUntil). It ends within some milliseconds of ctx.
func (e *Encoder) Encode(ctx context.Context, texts []string, emit func(feature.Vector) error) error {
	if len(texts) == 0 {
		return ctx.Err()
	}
	e.use.RLock()
	defer e.use.RUnlock()
	m, err := e.load(ctx)
	if err != nil {
		return err
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &encoding{e: e, m: m, texts: texts, same: findDuplicates(texts), jobs: make(chan job), results: make(chan result)}
	worked := make(chan error, 1)
	go func() { worked <- r.work(inner) }()
	var emitted error
	for res := range r.results {
		if emitted == nil {
			if emitted = r.emit(res, emit); emitted != nil {
				cancel()
			}
		}
	}
	err = <-worked
	switch {
	case emitted != nil:
		return emitted
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return err
}

// encoding is one call of Encode.
type encoding struct {
	e       *Encoder
	m       *loading
	texts   []string
	same    duplicates
	jobs    chan job
	results chan result
}

// A result is a batch with its vectors, row-major.
type result struct {
	items   []item
	vectors []float32
}

// work tokenizes and runs all texts, and closes results.
func (r *encoding) work(ctx context.Context) error {
	defer close(r.results)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(r.jobs)
		return r.tokenize(ctx)
	})
	workers, _ := r.e.options.workers()
	for range workers {
		group.Go(func() error { return r.runJobs(ctx) })
	}
	return group.Wait()
}

// tokenize sends the jobs of one window after the other. While the workers run one window the next is tokenized.
func (r *encoding) tokenize(ctx context.Context) error {
	for unique := r.same.unique; len(unique) > 0; {
		part := unique[:min(window, len(unique))]
		unique = unique[len(part):]
		items, err := r.items(ctx, part)
		if err != nil {
			return err
		}
		for _, j := range r.e.checkpoint.plan.jobs(items, r.e.options.batchTokens()) {
			select {
			case r.jobs <- j:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

// items tokenizes texts on all cores.
func (r *encoding) items(ctx context.Context, texts []int) ([]item, error) {
	items := make([]item, len(texts))
	workers, _ := r.e.options.workers()
	group, ctx := errgroup.WithContext(ctx)
	for w := range workers {
		group.Go(func() error {
			for i := w; i < len(texts); i += workers {
				if err := ctx.Err(); err != nil {
					return err
				}
				var err error
				if items[i], err = r.item(ctx, texts[i]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return items, group.Wait()
}

// item tokenizes one text.
func (r *encoding) item(ctx context.Context, index int) (item, error) {
	c := r.e.checkpoint
	enc, err := r.m.tokenizer.EncodeContext(ctx, c.Text(r.texts[index]), c.tokenizerOptions())
	if err == nil && len(enc.IDs) == 0 && !c.zeroVector() {
		err = errNoTokens
	}
	if err != nil {
		return item{}, fmt.Errorf("onnx: text %d of %d: %w", index+1, len(r.texts), err)
	}
	return item{text: index, Encoding: enc, shared: sharedLength(enc.IDs, r.m.until)}, nil
}

func (c *Checkpoint) tokenizerOptions() tokenizer.Options {
	o := tokenizer.Options{MaxTokens: c.MaxTokens}
	switch c.Cut {
	case "left":
		o.Side = tokenizer.Left
	case "right":
		o.Side = tokenizer.Right
	}
	return o
}

// zeroVector says that a text without tokens has the zero vector: the mean of static vectors is defined so.
func (c *Checkpoint) zeroVector() bool { return c.Family == "static" && c.plan.pooled() }

// runJobs runs jobs until there are no more.
func (r *encoding) runJobs(ctx context.Context) error {
	w := worker{sums: make([]float64, r.e.dims)}
	for {
		select {
		case j, ok := <-r.jobs:
			if !ok {
				return nil
			}
			if err := r.runJob(ctx, j, &w); err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (r *encoding) runJob(ctx context.Context, j job, w *worker) error {
	if len(j.prefixes) > 0 {
		return r.runShared(ctx, j, w)
	}
	var g grid
	g, w.encodings = r.e.checkpoint.grid(j.items, &w.batch, w.encodings)
	return r.run(ctx, j.items, g, w)
}

// A worker is the memory that one goroutine reuses.
type worker struct {
	buffer    buffer
	batch     tokenizer.Batch
	encodings []tokenizer.Encoding
	sums      []float64
	shared    sharedMemory
}

// run encodes one batch, of which g holds what the model has not seen, and sends the result.
func (r *encoding) run(ctx context.Context, items []item, g grid, w *worker) error {
	out, err := r.m.session.run(ctx, g, r.e.dims, &w.buffer, &w.shared.after)
	if err != nil {
		return r.e.fault(r.longest(ctx, items, err))
	}
	vectors, err := r.vectors(items, g, out, w)
	if err != nil {
		return err
	}
	select {
	case r.results <- result{items, vectors}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// longest adds to the fault of a run which text it was: the runtime does not say, and what no file says is most often how
// long an input may be.
func (r *encoding) longest(ctx context.Context, items []item, fault error) error {
	if ctx.Err() != nil {
		return fault
	}
	it := slices.MaxFunc(items, func(a, b item) int { return cmp.Compare(len(a.IDs), len(b.IDs)) })
	return fmt.Errorf("text %d of %d, with %d tokens: %w (if that is longer than the model takes, set max_tokens in w2s.json)",
		it.text+1, len(r.texts), len(it.IDs), fault)
}

// vectors makes a batch's vectors, [len(items), dims], of the model's output.
func (r *encoding) vectors(items []item, g grid, out []float32, w *worker) ([]float32, error) {
	c, dims := r.e.checkpoint, r.e.dims
	vectors := make([]float32, len(items)*dims)
	for i, it := range items {
		v := vectors[i*dims : (i+1)*dims]
		if c.plan.pooled() {
			copy(v, out[i*dims:])
		} else if err := c.Pooling.pool(v, out[i*g.cols*dims:(i+1)*g.cols*dims], g.own(i), w.sums); err != nil {
			return nil, r.e.fault(err)
		}
		if !finite(v) {
			return nil, r.e.fault(fmt.Errorf("text %d of %d has a vector that is not finite", it.text+1, len(r.texts)))
		}
		if c.Normalize {
			normalize(v)
		}
	}
	return vectors, nil
}

// emit hands out the vectors of a batch, those of equal texts too.
func (r *encoding) emit(res result, emit func(feature.Vector) error) error {
	dims := r.e.dims
	for i, it := range res.items {
		v := feature.Vector{Values: res.vectors[i*dims : (i+1)*dims : (i+1)*dims], Tokens: len(it.IDs), Truncated: it.Truncated()}
		for at := int32(it.text); at >= 0; at = r.same.next[at] {
			v.Index = int(at)
			if err := emit(v); err != nil {
				return err
			}
		}
	}
	return nil
}
