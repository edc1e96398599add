package onnx

import (
	"context"
	"errors"
	"fmt"

	ort "github.com/yalue/onnxruntime_go"

	"w2s/internal/amx"
	"w2s/internal/onnxproto"
)

// sessionOptions are what a session needs besides its model.
type sessionOptions struct {
	threads  int // of one run
	provider string
	settings map[string]string
	tiles    bool // layers and attention run on the tile unit, where there is one
}

// A session is a model in memory. Its run may be called from several goroutines.
type session struct {
	s    *ort.DynamicAdvancedSession
	plan *plan
	ops  *amx.Ops // that the model uses, or nil
}

// newSession loads the model at path. It takes seconds for large models and cannot be interrupted.
func newSession(path string, p *plan, o sessionOptions) (*session, error) {
	options, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	defer options.Destroy()
	if err := options.SetIntraOpNumThreads(o.threads); err != nil {
		return nil, err
	}
	// The number of shapes is large here, and a pattern would be kept for each of them.
	if err := options.SetMemPattern(false); err != nil {
		return nil, err
	}
	if err := appendProvider(options, o.provider, o.settings); err != nil {
		return nil, err
	}
	inputs := make([]string, len(p.inputs))
	for i, in := range p.inputs {
		inputs[i] = in.Name
	}
	f, err := onnxproto.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	edit, s := p.edit(), &session{plan: p}
	if o.tiles && !p.bitSensitive && amx.Available() {
		if s.ops, err = tiles(f, &edit, p.values(), options); err != nil {
			return nil, err
		}
	}
	if s.s, err = build(f, path, edit, inputs, p.outputs(), options); err != nil {
		s.free()
		return nil, err
	}
	return s, nil
}

func (s *session) close() error {
	err := s.s.Destroy()
	s.free()
	return err
}

func (s *session) free() {
	if s.ops != nil {
		s.ops.Free()
	}
}

// errNoShape is returned for an output whose shape must be known and is not.
var errNoShape = errors.New("the model does not say how wide its output is")

// A buffer holds the memory of one goroutine's runs, which is reused.
type buffer struct {
	in  [][]int64
	i32 [][]int32
	out []float32
	f64 []float64
	raw []byte
}

// A grid is a batch as the model takes it: rows texts, each cols tokens wide, row-major.
type grid struct {
	rows, cols     int
	ids, mask, typ []int64
	// past is the cache of the tokens before these, or nil; then mask covers those tokens too.
	past *cache
}

// own is the part of the mask that covers the tokens of a row themselves.
func (g grid) own(row int) []int64 {
	end := (row + 1) * (g.past.length() + g.cols)
	return g.mask[end-g.cols : end]
}

// run feeds one batch and returns the output as float32, row-major: [rows, cols, width] or [rows, width]. The result
// is valid until the buffer's next run. The cache, where the plan takes one, is written to after. ctx ends a run in some
// milliseconds.
func (s *session) run(ctx context.Context, g grid, width int, b *buffer, after *cacheMemory) ([]float32, error) {
	if g.rows < 1 || g.cols < 1 {
		return nil, fmt.Errorf("a batch of %d texts of %d tokens has nothing in it", g.rows, g.cols)
	}
	if width < 1 {
		return nil, errNoShape
	}
	inputs, err := s.feed(g, b)
	defer destroy(inputs)
	if err != nil {
		return nil, err
	}
	shape := ort.NewShape(int64(g.rows), int64(g.cols), int64(width))
	if s.plan.pooled() {
		shape = ort.NewShape(int64(g.rows), int64(width))
	}
	output, err := b.output(s.plan.output.Type, shape)
	if err != nil {
		return nil, err
	}
	defer output.Destroy()
	outputs := []ort.Value{output}
	if len(s.plan.more) > 0 {
		present, err := after.tensors(s.plan.pasts(), g.rows, g.past.length()+g.cols)
		defer destroy(present)
		if err != nil {
			return nil, err
		}
		outputs = append(outputs, present...)
	}
	if err := s.runOnce(ctx, inputs, outputs); err != nil {
		return nil, err
	}
	return b.result(s.plan.output.Type), nil
}

// runOnce runs the model so that ctx can end it.
func (s *session) runOnce(ctx context.Context, inputs, outputs []ort.Value) error {
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
	err = s.s.RunWithOptions(inputs, outputs, options)
	if !stop() {
		<-ended // options must outlive Terminate
		return context.Cause(ctx)
	}
	return err
}

// probe runs one token to learn how wide the output is.
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
	// The file gave no shape at all, or one without the width: now it is known.
	s.plan.output.Ranked, s.plan.output.Dims = true, make([]onnxproto.Dim, len(shape))
	return int(shape[len(shape)-1]), nil
}

func destroy(values []ort.Value) {
	for _, v := range values {
		v.Destroy()
	}
}
