package onnx

import (
	"context"
	"fmt"

	ort "github.com/yalue/onnxruntime_go"

	"w2s/internal/onnxproto"
)

// A cache holds the keys and values that a causal model has computed for the tokens so far.
type cache struct {
	tokens int
	values map[string]ort.Value // by the name of the input that takes them
}

func (c *cache) length() int {
	if c == nil {
		return 0
	}
	return c.tokens
}

func (c *cache) close() {
	if c == nil {
		return
	}
	for _, v := range c.values {
		v.Destroy()
	}
}

// planCausal plans to take the last hidden state, the logits, and the cache if the model has one.
func planCausal(f *onnxproto.File) (*plan, error) {
	p, err := planModel(f, lastHidden, true)
	if err != nil {
		return nil, err
	}
	if p.head {
		return nil, fmt.Errorf("a layer lies between its last hidden state and its logits, as in fill-mask models, which do not generate text")
	}
	logits, ok := f.Output("logits")
	if !ok || len(logits.Dims) != 3 || logits.Dims[2].Size < 1 || logits.Dims[2].Size > maxWidth {
		return nil, fmt.Errorf("it has no output logits of shape [batch, tokens, vocabulary] (export it for text-generation-with-past)")
	}
	p.take(logits)
	if err := p.takeCache(f); err != nil {
		return nil, err
	}
	if p.width() < 1 {
		return nil, fmt.Errorf("output %q: %w", p.output.Name, errNoShape)
	}
	return p, nil
}

// A step is what a causal model computes for the tokens that it is fed.
type step struct {
	hidden []float32 // [tokens, width]
	logits []float32 // of the last tokens, [n, vocabulary]; n is what the run was asked for
	cache  *cache    // nil if the model has none
}

// A stepper runs a causal model on one text, one or several tokens at a time.
type stepper struct {
	s              *session
	in             buffer
	hidden, logits buffer
}

// run feeds ids after the tokens in past, which it does not change. It computes logits for that many of the last tokens.
// hidden and logits of the step are valid until the next run. The caller closes its cache.
func (st *stepper) run(ctx context.Context, ids []int64, past *cache, logits int) (step, error) {
	p := st.s.plan
	n := len(ids)
	if n == 0 {
		return step{}, errNoTokens
	}
	g := grid{rows: 1, cols: n, ids: ids, typ: make([]int64, n), mask: make([]int64, past.length()+n), past: past, logits: logits}
	for i := range g.mask {
		g.mask[i] = 1
	}
	inputs, err := st.s.feed(g, &st.in)
	defer destroy(inputs)
	if err != nil {
		return step{}, err
	}
	rows := n // of logits
	if p.has(logitsToKeep) {
		rows = max(1, logits)
	}
	outputs, err := st.outputs(n, rows, past.length()+n)
	if err != nil {
		destroy(outputs)
		return step{}, err
	}
	if err := st.s.runOnce(ctx, inputs, outputs); err != nil {
		destroy(outputs)
		return step{}, err
	}
	destroy(outputs[:2]) // their memory belongs to the buffers
	out := step{hidden: st.hidden.result(p.output.Type), logits: st.logits.result(p.more[0].Type)}
	out.logits = out.logits[len(out.logits)-logits*int(p.more[0].Dims[2].Size):]
	if pasts := p.pasts(); len(pasts) > 0 {
		out.cache = &cache{tokens: past.length() + n, values: make(map[string]ort.Value, len(pasts))}
		for i, in := range pasts {
			out.cache.values[in.Name] = outputs[2+i]
		}
	}
	return out, nil
}

// outputs makes the tensors for a step of n tokens with logits for the last of them, after which the text has total tokens.
func (st *stepper) outputs(n, logitRows, total int) ([]ort.Value, error) {
	p := st.s.plan
	var values []ort.Value
	hidden, err := st.hidden.output(p.output.Type, ort.NewShape(1, int64(n), int64(p.width())))
	if err != nil {
		return values, err
	}
	values = append(values, hidden)
	logits, err := st.logits.output(p.more[0].Type, ort.NewShape(1, int64(logitRows), p.more[0].Dims[2].Size))
	if err != nil {
		return values, err
	}
	values = append(values, logits)
	for _, in := range p.pasts() {
		v, err := newPast(in, 1, total)
		if err != nil {
			return values, fmt.Errorf("input %q: %w", in.Name, err)
		}
		values = append(values, v)
	}
	return values, nil
}
