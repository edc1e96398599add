package onnx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"w2s/onnx/families"
	"w2s/onnx/tokenizer"
)

// An Encoder turns texts into feature vectors with one checkpoint. It is safe for concurrent use.
type Encoder struct {
	checkpoint *Checkpoint
	options    Options
	key        string
	dims       int
	layers     []int // lengths of the vectors of plan.layers

	use     sync.RWMutex // read-locked while the model is in use
	mu      sync.Mutex   // guards loading and closed
	loading *loading
	closed  bool
}

// A loading is a model that is loaded or being loaded.
type loading struct {
	done      chan struct{}
	session   *session   // on the processor, or on the first card
	others    []*session // on further cards
	tokenizer *tokenizer.Tokenizer
	until     int64   // id of the token SharedUntil, or -1
	budget    *budget // of a batch on a card
	err       error
}

var (
	errNoTokens = errors.New("the text has no tokens (leave out empty texts, or set a prefix)")
	errClosed   = errors.New("onnx: the encoder is closed")
)

// Open opens the checkpoint in dir. The first call of Encode loads the model, so an encoder whose vectors are all cached only
// has to read the files for its Key. If no file tells the length of the vectors, Open loads the model at once. rt must stay
// open until the encoder is closed.
func Open(ctx context.Context, rt *Runtime, dir string, o Options) (*Encoder, error) {
	c, err := ReadCheckpoint(dir, o)
	if err != nil {
		return nil, err
	}
	e := &Encoder{checkpoint: c, options: o, dims: c.Width}
	e.options.Provider, _ = checkProvider(o.Provider) // ReadCheckpoint has checked it
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

// measure runs the model once to determine the length of its vectors.
func (e *Encoder) measure(ctx context.Context) error {
	m, err := e.load(ctx)
	if err != nil {
		return err
	}
	if e.dims, err = m.session.probe(ctx); err == nil && e.checkpoint.Head != nil {
		err = e.checkpoint.Head.fit(m.session.plan)
	}
	if err == nil && e.checkpoint.Head != nil && e.dims != len(e.checkpoint.Head.Labels) {
		err = e.checkpoint.Head.mismatch(e.dims)
	}
	if err != nil {
		return e.fault(err)
	}
	return nil
}

// Checkpoint returns the checkpoint that the encoder runs.
func (e *Encoder) Checkpoint() *Checkpoint { return e.checkpoint }

// Key returns a digest of everything that changes a vector: model and tokenizer files, output, pooling, longest input, prefix,
// runtime version and so on. It does not depend on the processor, which can change the last bits (see docs/cache.md).
func (e *Encoder) Key() string { return e.key }

// Variant returns "runtime-only" for an encoder with [Options.RuntimeOnly], and else "".
func (e *Encoder) Variant() string {
	if e.options.RuntimeOnly {
		return "runtime-only"
	}
	return ""
}

// Dims returns the length of a vector.
func (e *Encoder) Dims() int { return e.dims }

// Close waits for running calls of Encode and frees the model.
func (e *Encoder) Close() error {
	e.use.Lock()
	defer e.use.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	e.checkpoint.assembled.take()
	if e.loading == nil {
		return nil
	}
	<-e.loading.done
	l := e.loading
	e.loading = nil
	return l.close()
}

func (e *Encoder) fault(err error) error {
	return fmt.Errorf("onnx: %s: %w", e.checkpoint.Model, err)
}

// load loads the model when it is first called, and waits for it. Loading cannot be interrupted: if ctx ends, load returns and
// the loading goes on.
func (e *Encoder) load(ctx context.Context) (*loading, error) {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil, errClosed
	}
	if e.loading == nil {
		e.loading = &loading{done: make(chan struct{})}
		go e.loading.run(e.checkpoint, e.options, e.layers)
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

func (l *loading) run(c *Checkpoint, o Options, layers []int) {
	defer close(l.done)
	if l.tokenizer, l.err = c.loadTokenizer(); l.err != nil {
		return
	}
	if l.until, l.err = c.sharedUntil(l.tokenizer); l.err != nil {
		return
	}
	// A tokenizer.json of 33 MB leaves some 100 MB of garbage, which would add to the peak of the weights.
	debug.FreeOSMemory()
	_, threads := o.workers()
	for i, options := range o.sessions(threads) {
		options.unit = o.layerUnit()
		one, err := newSession(c.source, c.plan, options)
		switch {
		case err != nil:
			l.err = errors.Join(err, l.close())
			l.session, l.others = nil, nil
			return
		case i == 0:
			l.session = one
		default:
			l.others = append(l.others, one)
		}
	}
	if o.onCard() {
		l.budget = newBudget(l.cardTokens(c, o))
		if c.source.made == nil && c.plan.pads {
			c.plan.pads, l.err = l.session.masksPadding(append([]int{c.Width}, layers...))
		}
	}
}

// sessions returns the sessions of all cards, or the only one.
func (l *loading) sessions() []*session { return append([]*session{l.session}, l.others...) }

// cardTokens returns the number of tokens that the first batches on a card have.
func (l *loading) cardTokens(c *Checkpoint, o Options) int {
	tokens := cmp.Or(o.BatchTokens, mostCardTokens)
	for _, s := range l.sessions() {
		if o.BatchTokens == 0 {
			free := s.options.card.free
			if free > 0 {
				free = max(1, free-s.weights)
			}
			tokens = min(tokens, cardTokens(free, c.Params, c.Width, len(c.plan.layers)))
		}
	}
	return tokens
}

// close frees the models.
func (l *loading) close() error {
	if l.session == nil {
		return nil
	}
	var errs []error
	for _, s := range l.sessions() {
		errs = append(errs, s.close())
	}
	return errors.Join(errs...)
}

// Encode calls emit once for every text, from the calling goroutine and in any order, with the index of the text, its vector,
// the number of its tokens, and whether it had more than Checkpoint().MaxTokens tokens and was cut. vector is valid only
// during the call. tokens also counts those at the beginning that the text shares with others (Description.SharedUntil).
// Equal texts are encoded once. Encode stops at the first error of emit and returns it, and within some milliseconds after ctx
// is done.
func (e *Encoder) Encode(ctx context.Context, texts []string, emit func(index int, vector []float32, tokens int, truncated bool) error) error {
	return e.encode(ctx, texts, []Pooling{e.checkpoint.Pooling}, emit)
}

// encode is Encode with several poolings, whose vectors follow each other in what emit gets. A model that outputs one vector for
// each text has one pooling only.
func (e *Encoder) encode(ctx context.Context, texts []string, poolings []Pooling, emit func(index int, vector []float32, tokens int, truncated bool) error) error {
	if len(texts) == 0 {
		return ctx.Err()
	}
	e.use.RLock()
	defer e.use.RUnlock()
	if inGraph := e.checkpoint.poolingsInGraph(); inGraph != nil && !slices.Equal(inGraph, poolings) {
		return fmt.Errorf("onnx: %s: the graph pools %v, not %v", e.checkpoint.Model, inGraph, poolings)
	}
	m, err := e.load(ctx)
	if err != nil {
		return err
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &encoding{e: e, m: m, texts: texts, poolings: poolings, same: findDuplicates(texts), jobs: make(chan job), results: make(chan result)}
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

// An encoding is one call of Encode.
type encoding struct {
	e        *Encoder
	m        *loading
	texts    []string
	poolings []Pooling
	same     duplicates
	jobs     chan job
	results  chan result
}

// widths returns the lengths of the vectors of all outputs.
func (e *Encoder) widths() []int { return append([]int{e.dims}, e.layers...) }

// width is the number of numbers that emit gets for a text.
func (r *encoding) width() int {
	n := 0
	for _, w := range r.e.widths() {
		n += w * len(r.poolings)
	}
	return n
}

// A result is a batch with its vectors.
type result struct {
	items   []item
	vectors []float32 // [len(items), width]
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
	sessions := r.m.sessions()
	for i := range workers {
		group.Go(func() error { return r.runJobs(ctx, sessions[i%len(sessions)]) })
	}
	return group.Wait()
}

// tokenize sends the jobs of one window after the other. It tokenizes the next window while the workers run the jobs of this
// one.
func (r *encoding) tokenize(ctx context.Context) error {
	first := true
	for unique := r.same.unique; len(unique) > 0; first = false {
		part := unique[:r.cut(unique, first)]
		unique = unique[len(part):]
		items, err := r.items(ctx, part)
		if err != nil {
			return err
		}
		for _, j := range r.batches(items) {
			select {
			case r.jobs <- j:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

// batches divides the items of a window into jobs.
func (r *encoding) batches(items []item) []job {
	p := r.e.checkpoint.plan
	if r.m.budget == nil {
		return p.jobs(items, r.e.options.batchTokens())
	}
	var all []job
	for _, b := range p.cardBatches(items, r.m.budget.get()) {
		all = append(all, job{items: b})
	}
	return all
}

// items tokenizes the texts with the given indices on all cores.
func (r *encoding) items(ctx context.Context, texts []int) ([]item, error) {
	items := make([]item, len(texts))
	workers := r.e.options.tokenizers()
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
	if err == nil {
		err = c.checkVocab(r.m.tokenizer, enc.IDs)
	}
	if err != nil {
		return item{}, fmt.Errorf("onnx: text %d of %d: %w", index+1, len(r.texts), err)
	}
	return item{text: index, Encoding: enc, shared: sharedLength(enc.IDs, r.m.until)}, nil
}

// checkVocab refuses tokens that the embedding has no row for. A tokenizer can have more tokens than the model. In many
// checkpoints no text ever gives these.
func (c *Checkpoint) checkVocab(t *tokenizer.Tokenizer, ids []int64) error {
	if c.rows == 0 || len(ids) == 0 {
		return nil
	}
	if id := slices.Max(ids); id >= c.rows {
		token, _ := t.Token(id)
		hint := fmt.Sprintf("does %s belong to it?", filepath.Base(c.Tokenizer))
		if _, err := os.Stat(filepath.Join(c.Dir, "tokenizer_config.json")); err != nil {
			hint = "tokenizer_config.json is missing, and without it AutoTokenizer adds tokens as the model type has them: get it from where the checkpoint is from"
		}
		return fmt.Errorf("token %d (%q) is not one of the %d of the model's embedding (%s)", id, token, c.rows, hint)
	}
	return nil
}

func (c *Checkpoint) tokenizerOptions() tokenizer.Options {
	o := tokenizer.Options{MaxTokens: c.MaxTokens, WithoutSpecials: c.Chat != nil}
	switch c.Cut {
	case "left":
		o.Side = tokenizer.Left
	case "right":
		o.Side = tokenizer.Right
	}
	return o
}

// zeroVector reports whether a text without tokens gets the zero vector, as is defined for the mean of static vectors.
func (c *Checkpoint) zeroVector() bool { return c.Family == "static" && c.plan.pooled() }

// runJobs runs jobs until there are no more.
func (r *encoding) runJobs(ctx context.Context, s *session) error {
	w := worker{session: s, sums: make([]float64, slices.Max(r.e.widths()))}
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
	if r.m.budget != nil {
		return r.runOnCard(ctx, j.items, w)
	}
	return r.runWhole(ctx, j.items, w)
}

// runWhole runs a batch of whole texts.
func (r *encoding) runWhole(ctx context.Context, items []item, w *worker) error {
	var g grid
	g, w.encodings = r.e.checkpoint.grid(items, &w.batch, w.encodings)
	return r.run(ctx, items, g, w)
}

// runOnCard runs a batch of whole texts on a card. If the card has too little memory for it, it halves the budget of all batches from
// then on and runs the batch in parts.
func (r *encoding) runOnCard(ctx context.Context, items []item, w *worker) error {
	width := len(slices.MaxFunc(items, func(a, b item) int { return longestFirst(b, a) }).IDs)
	if most := max(1, r.m.budget.get()/max(1, width)); len(items) > most && r.e.checkpoint.plan.rows == 0 {
		for _, part := range evenly(items, most) { // the budget was halved after the batch was made
			if err := r.runOnCard(ctx, part, w); err != nil {
				return err
			}
		}
		return nil
	}
	err := r.runWhole(ctx, items, w)
	if !outOfMemory(err) {
		return err
	}
	if len(items) == 1 {
		return r.noRoom(items[0], w.session, err)
	}
	r.m.budget.halve(len(items) * width)
	return r.runOnCard(ctx, items, w)
}

// noRoom is the error for a text that does not fit into the card's memory by itself.
func (r *encoding) noRoom(it item, s *session, fault error) error {
	room := "the card's memory"
	if c := s.options.card; c.free > 0 {
		room = fmt.Sprintf("the %s that the weights leave of the card's %s", gigabytes(max(0, c.free-s.weights)), gigabytes(c.total))
	}
	return fmt.Errorf("text %d of %d, with %d tokens, does not fit into %s (set a shorter longest input, or "+
		"take a smaller model, --precision float16 or another card): %w", it.text+1, len(r.texts), len(it.IDs), room, fault)
}

// A worker holds the memory that one goroutine reuses.
type worker struct {
	session   *session
	buffer    buffer
	batch     tokenizer.Batch
	encodings []tokenizer.Encoding
	sums      []float64
	shared    sharedMemory
}

// run encodes one batch and sends the result. g holds the tokens that are not in the cache yet.
func (r *encoding) run(ctx context.Context, items []item, g grid, w *worker) error {
	out, err := w.session.run(ctx, g, r.e.widths(), &w.buffer, &w.shared.after)
	if err != nil {
		if r.m.budget == nil || !outOfMemory(err) {
			err = r.blameLongest(ctx, items, err)
		}
		return r.e.fault(err)
	}
	vectors, err := r.vectors(ctx, items, g, out, w)
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

// blameLongest adds the longest text of the batch to the error of a run. The runtime does not tell which text failed, and the
// most likely reason is that no file tells the longest input of the model.
func (r *encoding) blameLongest(ctx context.Context, items []item, fault error) error {
	if ctx.Err() != nil {
		return fault
	}
	it := slices.MaxFunc(items, func(a, b item) int { return cmp.Compare(len(a.IDs), len(b.IDs)) })
	return fmt.Errorf("text %d of %d, with %d tokens: %w (if this is more than the model takes, set max_tokens in w2s.json)",
		it.text+1, len(r.texts), len(it.IDs), fault)
}

// vectors returns the vectors of a batch, [len(items), width], from the outputs of the model.
func (r *encoding) vectors(ctx context.Context, items []item, g grid, outputs [][]float32, w *worker) ([]float32, error) {
	width, widths := r.width(), r.e.widths()
	vectors := make([]float32, len(items)*width)
	for i, it := range items {
		rest := vectors[i*width:]
		for k, dims := range widths {
			for n, p := range r.poolings {
				v, out := rest[:dims], outputs[k]
				if r.e.checkpoint.plan.pools != nil {
					out = outputs[k*len(r.poolings)+n]
				}
				if err := r.vector(v, out, i, p, g, w); err != nil {
					return nil, r.e.fault(err)
				}
				if !finite(v) {
					return nil, r.e.fault(r.e.checkpoint.notFinite(ctx, fmt.Sprintf("the vector of text %d of %d", it.text+1, len(r.texts))))
				}
				if r.e.checkpoint.Normalize {
					normalize(v)
				}
				rest = rest[dims:]
			}
		}
	}
	return vectors, nil
}

// vector pools the vector v of row i of a batch from an output of the model.
func (r *encoding) vector(v, out []float32, i int, p Pooling, g grid, w *worker) error {
	dims := len(v)
	if p := r.e.checkpoint.plan; p.pooled() || p.pools != nil || p.tokens != families.AllTokens {
		copy(v, out[i*dims:])
		return nil
	}
	return p.pool(v, out[i*g.cols*dims:(i+1)*g.cols*dims], g.own(i), w.sums[:dims])
}

// emit calls emit for every text of a batch, and for the texts that are equal to one of them.
func (r *encoding) emit(res result, emit func(index int, vector []float32, tokens int, truncated bool) error) error {
	width := r.width()
	for i, it := range res.items {
		vector := res.vectors[i*width : (i+1)*width : (i+1)*width]
		for at := int32(it.text); at >= 0; at = r.same.next[at] {
			if err := emit(int(at), vector, len(it.IDs), it.Truncated()); err != nil {
				return err
			}
		}
	}
	return nil
}
