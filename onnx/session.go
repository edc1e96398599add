package onnx

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	ort "github.com/yalue/onnxruntime_go"

	"w2s/internal/kernels"
	"w2s/internal/onnxproto"
	"w2s/onnx/families"
)

// A sessionOptions says how a model is loaded.
type sessionOptions struct {
	threads  int // of one run
	provider string
	settings map[string]string
	unit     layerUnit // computes layers and attention; nil leaves them to the runtime's own kernels
	card     *card     // the device that the model runs on, if it has memory of its own
}

// A session runs a model. Its run may be called from several goroutines.
//
// A fault of a unit never fails a run: the model is loaded again for the runtime's own kernels, which repeat the batch
// that failed and run all others from then on.
type session struct {
	source  source
	plan    *plan
	options sessionOptions

	turn    sync.Mutex // held by a run on a card, which has memory for one at a time
	weights int64      // bytes of the weights on a card

	mu      sync.Mutex // guards the fields below
	model   *instance
	warning string // about the unit; "" if it did not fail
}

// An instance is a model that the runtime has loaded or is loading.
type instance struct {
	loaded chan struct{} // closed when run, ops and err are set
	run    runner
	ops    *kernels.Ops // the unit's operators in the model; nil if it has none
	err    error

	users sync.WaitGroup // runs in progress
}

// A runner is a model that is loaded. [ort.DynamicAdvancedSession] is one. Tests add faults.
type runner interface {
	RunWithOptions(inputs, outputs []ort.Value, o *ort.RunOptions) error
	Destroy() error
}

func newInstance() *instance { return &instance{loaded: make(chan struct{})} }

// newSession loads a model. It takes seconds for large models and cannot be interrupted.
func newSession(from source, p *plan, o sessionOptions) (*session, error) {
	if p.bitSensitive {
		o.unit = nil
	}
	m := newInstance()
	defer close(m.loaded)
	s := &session{source: from, plan: p, options: o, model: m}
	m.run, m.ops, m.err = s.load(o.unit)
	if fault := m.err; fault != nil && o.unit != nil {
		m.run, m.ops, m.err = s.load(nil)
		s.warn("the processor's %s was not used, and ONNX Runtime's own kernels computed the vectors "+
			"(--runtime-only chooses them from the start): %v", o.unit, fault)
	}
	if m.err != nil {
		return nil, m.err
	}
	return s, nil
}

// load loads the model. ops are the operators of the unit that it uses, nil if there are none.
func (s *session) load(unit layerUnit) (run runner, ops *kernels.Ops, err error) {
	defer func() {
		if err != nil && ops != nil {
			ops.Free()
			ops = nil
		}
	}()
	options, err := ort.NewSessionOptions()
	if err != nil {
		return nil, nil, err
	}
	defer options.Destroy() // before the operators are freed, which it refers to
	if err := s.options.apply(options); err != nil {
		return nil, nil, err
	}
	f, err := s.source.open(families.Want{Outputs: s.plan.states(), Cache: s.plan.has(pastState), LastLogits: s.plan.has(logitsToKeep), Tokens: s.plan.tokens, Scores: s.plan.scores})
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	s.weights = s.source.weightBytes(f)
	if err := s.options.card.check(s.weights); err != nil {
		return nil, nil, err
	}
	edit := s.plan.edit()
	if unit != nil {
		if ops, err = addLayers(unit, f, &edit, s.plan.values(), options); err != nil {
			return nil, nil, err
		}
	}
	var inputs []string
	for _, in := range s.plan.feeds() {
		inputs = append(inputs, in.Name)
	}
	loaded, err := s.source.session(f, edit, inputs, s.plan.outputs(), options)
	if err != nil {
		return nil, ops, err
	}
	if c := s.options.card; c != nil && c.wrap != nil {
		return c.wrap(loaded), ops, nil
	}
	return loaded, ops, nil
}

func (o sessionOptions) apply(options *ort.SessionOptions) error {
	if err := options.SetIntraOpNumThreads(o.threads); err != nil {
		return err
	}
	// Batches have many shapes, and the runtime would keep a pattern for each of them.
	if err := options.SetMemPattern(false); err != nil {
		return err
	}
	var d *Device
	if o.card != nil {
		d = o.card.device
	}
	if o.provider == "" || o.provider == CPU {
		// The fused operator computes the same bits as Add and Gelu, but takes memory for another value of the size of its output.
		if err := options.AddSessionConfigEntry("optimization.disable_specified_optimizers", "BiasGeluFusion"); err != nil {
			return err
		}
	}
	return appendProvider(options, o.provider, o.settings, d)
}

// acquire waits until the model is loaded, and returns it for one run. The caller calls users.Done after the run.
func (s *session) acquire(ctx context.Context) (*instance, error) {
	s.mu.Lock()
	m := s.model
	m.users.Add(1)
	s.mu.Unlock()
	select {
	case <-m.loaded:
	case <-ctx.Done():
		m.users.Done()
		return nil, context.Cause(ctx)
	}
	if m.err != nil {
		m.users.Done()
		return nil, m.err
	}
	return m, nil
}

// leaveUnit replaces a model whose run on a unit failed by one that uses the runtime's own kernels. It returns at
// once; acquire waits for the new model. The first of several goroutines whose runs failed starts it.
func (s *session) leaveUnit(failed *instance, fault error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.model != failed {
		return
	}
	next := newInstance()
	s.model = next
	go func() {
		defer close(next.loaded)
		failed.users.Wait()
		failed.close() // first, because two copies of a large model may not fit into memory
		if next.run, next.ops, next.err = s.load(nil); next.err != nil {
			next.err = fmt.Errorf("the model cannot be loaded again without the %s, which failed (%v): %w", s.options.unit, fault, next.err)
		}
	}()
}

// warn sets the warning, unless there is one.
func (s *session) warn(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.warning == "" {
		s.warning = fmt.Sprintf(format, args...)
	}
}

func (s *session) warnings() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.warning == "" {
		return nil
	}
	return []string{s.warning}
}

// onUnit reports whether the model has operators of a unit.
func (s *session) onUnit() bool {
	s.mu.Lock()
	m := s.model
	s.mu.Unlock()
	<-m.loaded
	return m.ops != nil
}

// kernels returns the name of what computes layers and attention.
func (s *session) kernels() string {
	if s.onUnit() {
		return s.options.unit.String()
	}
	return RuntimeKernels
}

// close frees the model, and waits for one that is being loaded. No run may be in progress.
func (s *session) close() error {
	s.mu.Lock()
	m := s.model
	s.mu.Unlock()
	<-m.loaded
	if m.err != nil {
		return nil
	}
	return m.close()
}

func (m *instance) close() error {
	err := m.run.Destroy()
	if m.ops != nil {
		m.ops.Free()
	}
	return err
}

// errNoShape reports an output whose width the model's file leaves open where it must be known.
var errNoShape = errors.New("the model does not say how wide its output is")

// A buffer holds the memory that one goroutine's runs reuse.
type buffer struct {
	in  [][]int64
	i32 [][]int32
	out []float32
	f64 []float64
	raw []byte

	layers []buffer // for the results of the plan after the first
}

// vectors returns the buffer of result i of the plan.
func (b *buffer) vectors(i int) *buffer {
	if i == 0 {
		return b
	}
	return &b.layers[i-1]
}

// A grid is a batch in the layout of the model's input: rows texts, each cols tokens wide, row-major.
type grid struct {
	rows, cols     int
	ids, mask, typ []int64
	// past is the key-value cache of the tokens before these, or nil. The mask covers those tokens too.
	past *cache
	// logits is the number of tokens at the end of each text that need logits. A model without an input for it computes them
	// for all tokens.
	logits int
}

// own returns the part of the mask that covers the tokens of a row, without those in the cache.
func (g grid) own(row int) []int64 {
	end := (row + 1) * (g.past.length() + g.cols)
	return g.mask[end-g.cols : end]
}

// run runs one batch and returns the outputs that give vectors as float32, row-major: [rows, cols, width], or [rows, width] if the
// model or its plan pools, in the order of the plan's results. widths are those of the outputs before they are pooled. The result is valid until the buffer's next run. If the plan takes the key-value
// cache, it is written to after. The end of ctx ends a run within milliseconds.
func (s *session) run(ctx context.Context, g grid, widths []int, b *buffer, after *cacheMemory) ([][]float32, error) {
	if g.rows < 1 || g.cols < 1 {
		return nil, fmt.Errorf("a batch of %d texts of %d tokens has nothing in it", g.rows, g.cols)
	}
	if slices.Min(widths) < 1 {
		return nil, errNoShape
	}
	inputs, err := s.feed(g, b)
	defer destroy(inputs)
	if err != nil {
		return nil, err
	}
	var outputs []ort.Value
	defer func() { destroy(outputs) }()
	taken := s.plan.results()
	b.layers = resized(b.layers, len(taken)-1)
	for i, v := range taken {
		width := int64(widths[i/max(1, len(s.plan.pools))])
		shape := ort.NewShape(int64(g.rows), int64(g.cols), width)
		if s.plan.tokens != families.AllTokens {
			shape[1] = 1
		}
		if s.plan.pooled() || s.plan.pools != nil {
			shape = ort.NewShape(int64(g.rows), width)
		}
		output, err := b.vectors(i).output(v.Type, shape)
		if err != nil {
			return nil, err
		}
		outputs = append(outputs, output)
	}
	if len(s.plan.more) > 0 {
		present, err := after.tensors(s.plan.pasts(), g.rows, g.past.length()+g.cols)
		outputs = append(outputs, present...)
		if err != nil {
			return nil, err
		}
	}
	if err := s.runOnce(ctx, inputs, outputs); err != nil {
		return nil, err
	}
	results := make([][]float32, len(taken))
	for i, v := range taken {
		results[i] = b.vectors(i).result(v.Type)
	}
	return results, nil
}

// runOnce runs the model once. If its unit fails, it runs the model again without it. The end of ctx ends it.
func (s *session) runOnce(ctx context.Context, inputs, outputs []ort.Value) error {
	m, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	if s.options.card != nil {
		s.turn.Lock()
		defer s.turn.Unlock()
	}
	fault := m.runOnce(ctx, inputs, outputs)
	m.users.Done()
	if fault == nil || m.ops == nil || ctx.Err() != nil {
		return fault
	}
	s.leaveUnit(m, fault)
	if m, err = s.acquire(ctx); err != nil {
		return err
	}
	defer m.users.Done()
	if err := m.runOnce(ctx, inputs, outputs); err != nil {
		return err // the runtime's own kernels fail as well, so this was no fault of the unit
	}
	s.warn("the processor's %s failed, and ONNX Runtime's own kernels computed the vectors from then on, which may differ in their "+
		"last bits from those before (--runtime-only chooses them from the start): %v", s.options.unit, fault)
	return nil
}

func (m *instance) runOnce(ctx context.Context, inputs, outputs []ort.Value) error {
	options, err := ort.NewRunOptions()
	if err != nil {
		return err
	}
	defer options.Destroy()
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		options.Terminate()
	})
	err = m.run.RunWithOptions(inputs, outputs, options)
	if !stop() {
		<-ended // options must outlive Terminate
		return context.Cause(ctx)
	}
	return err
}

// probe runs one token to find the width of the output.
func (s *session) probe(ctx context.Context) (int, error) {
	g := grid{rows: max(1, s.plan.rows), cols: max(1, s.plan.cols)}
	g.ids, g.typ, g.mask = make([]int64, g.rows*g.cols), make([]int64, g.rows*g.cols), make([]int64, g.rows*g.cols)
	for i := range g.mask {
		g.mask[i] = 1
	}
	inputs, err := s.feed(g, &buffer{})
	defer destroy(inputs)
	if err != nil {
		return 0, err
	}
	outputs := make([]ort.Value, 1+len(s.plan.more))
	if err := s.runOnce(ctx, inputs, outputs); err != nil {
		return 0, err
	}
	defer destroy(outputs)
	shape := outputs[0].GetShape()
	if len(shape) != 2 && len(shape) != 3 || shape[len(shape)-1] < 1 || shape[len(shape)-1] > maxWidth {
		return 0, fmt.Errorf("output %q has shape %v; [batch, tokens, width] or [batch, width] is expected", s.plan.output.Name, shape)
	}
	// The file gives no shape, or one without the width.
	s.plan.output.Ranked, s.plan.output.Dims = true, make([]onnxproto.Dim, len(shape))
	return int(shape[len(shape)-1]), nil
}

func destroy(values []ort.Value) {
	for _, v := range values {
		v.Destroy()
	}
}
