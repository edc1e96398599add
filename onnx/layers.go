package onnx

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"w2s/onnx/families"
)

// Layers encodes texts under several encoders that differ in [Options.Layer] alone, with one run of the model for each text. It is
// safe for concurrent use.
type Layers struct {
	encoders []*Encoder

	use    sync.RWMutex // read-locked while whole is in use
	chosen []*Encoder   // the encoders of whole
	whole  *Encoder     // runs the model for all of chosen; nil if nothing is loaded
}

// JoinLayers returns the layers of encoders. It fails if they cannot be computed together.
func JoinLayers(encoders []*Encoder) (*Layers, error) {
	if len(encoders) == 0 {
		return nil, errors.New("onnx: no layers")
	}
	for i, e := range encoders {
		c, first := e.checkpoint, encoders[0].checkpoint
		a, b := e.options, encoders[0].options
		a.Layer, b.Layer = nil, nil
		switch {
		case !c.plan.ends || c.plan.pooled() || len(c.plan.more) > 0 || e.dims < 1:
			return nil, fmt.Errorf("onnx: %s: output %s cannot be computed together with others", c.Model, c.Output)
		case c.Dir != first.Dir || c.Pooling != first.Pooling || !reflect.DeepEqual(a, b):
			return nil, fmt.Errorf("onnx: %s and %s differ in more than a layer", first.Model, c.Model)
		case slices.ContainsFunc(encoders[:i], func(other *Encoder) bool { return other.checkpoint.Output == c.Output }):
			return nil, fmt.Errorf("onnx: %s: output %s is there twice", c.Model, c.Output)
		}
	}
	return &Layers{encoders: encoders}, nil
}

// Encode is [Encoder.Encode] for some of the encoders: vectors holds their vectors one after another, in the order of encoders. Each
// equals the vector that the encoder itself would give. Layers after the last of these encoders' are neither loaded nor run. The model
// stays loaded until a call names other encoders. The states of all layers of a batch are in memory at once.
func (l *Layers) Encode(ctx context.Context, encoders []*Encoder, texts []string,
	emit func(index int, vectors []float32, tokens int, truncated bool) error) error {
	for _, e := range encoders {
		if !slices.Contains(l.encoders, e) {
			return errors.New("onnx: the encoder is not one of these layers")
		}
	}
	if len(encoders) == 0 {
		return errors.New("onnx: no layers")
	}
	whole, done, err := l.acquire(encoders)
	if err != nil {
		return err
	}
	defer done()
	return whole.Encode(ctx, texts, emit)
}

// acquire returns the encoder that runs the model for all of encoders. The caller calls done when it does not need it any more.
func (l *Layers) acquire(encoders []*Encoder) (whole *Encoder, done func(), err error) {
	for {
		l.use.RLock()
		if l.whole != nil && slices.Equal(l.chosen, encoders) {
			return l.whole, l.use.RUnlock, nil
		}
		l.use.RUnlock()
		if err := l.choose(encoders); err != nil {
			return nil, nil, err
		}
	}
}

// choose replaces whole.
func (l *Layers) choose(encoders []*Encoder) error {
	l.use.Lock()
	defer l.use.Unlock()
	if l.whole != nil && slices.Equal(l.chosen, encoders) {
		return nil
	}
	if err := l.close(); err != nil {
		return err
	}
	l.chosen, l.whole = slices.Clone(encoders), joined(encoders)
	return nil
}

// joined returns an encoder whose vectors are those of encoders, one after another. It has no key.
func joined(encoders []*Encoder) *Encoder {
	first := encoders[0]
	c, p := *first.checkpoint, *first.checkpoint.plan
	c.plan = &p
	whole := &Encoder{checkpoint: &c, options: first.options, dims: first.dims}
	if len(encoders) > 1 {
		p.tokens = families.AllTokens
	}
	for _, e := range encoders[1:] {
		p.layers = append(p.layers, e.checkpoint.plan.output)
		whole.layers = append(whole.layers, e.dims)
	}
	p.unused = slices.DeleteFunc(slices.Clone(p.unused), func(name string) bool { return slices.Contains(p.states(), name) })
	return whole
}

// Warnings is [Encoder.Warnings] for the runs of the model for several layers.
func (l *Layers) Warnings() []string {
	l.use.RLock()
	defer l.use.RUnlock()
	if l.whole == nil {
		return nil
	}
	notes := len(l.whole.checkpoint.notes) // which each encoder has, too
	return l.whole.Warnings()[notes:]
}

// Close waits for running calls of Encode and frees the model. It does not close the encoders.
func (l *Layers) Close() error {
	l.use.Lock()
	defer l.use.Unlock()
	return l.close()
}

func (l *Layers) close() error {
	if l.whole == nil {
		return nil
	}
	err := l.whole.Close()
	l.whole, l.chosen = nil, nil
	return err
}
