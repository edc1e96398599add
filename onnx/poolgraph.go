package onnx

import (
	"slices"

	"w2s/internal/onnxproto"
	"w2s/onnx/families"
)

// On a device with memory of its own, pooling is part of the graph, so that one vector for each text is copied from the device and
// not one for each token. The mean is a sum of float32, whatever the type of the states is.
//
// On a processor, a graph that is made from safetensors computes the last layer's network only for the first or last token of each
// text if the pooling takes only this token. The vectors keep their bits.

// The inputs of the pooling nodes. They are made from the attention mask, so the graph needs none of its own.
const (
	poolCounted = "w2s.counted" // bool [batch, tokens, 1]: whether a token counts
	poolShare   = "w2s.share"   // float32 [batch, 1]: 1 divided by the number of tokens that count
	poolFirst   = "w2s.first"   // int64 [batch]: the row of the first token that counts among those of all texts
	poolLast    = "w2s.last"    // int64 [batch]: the row of the last one
)

// poolOpset is the version of the operator set from which the nodes below have the form that is written here.
const poolOpset = 13

// poolInGraph plans to pool in the graph. It leaves pooling to the caller if the model pools itself, or if its file is too old or
// does not tell the shape of its output.
func (p *plan) poolInGraph(f *onnxproto.File, poolings []Pooling) {
	if !p.output.Ranked || p.pooled() || p.width() < 1 || f.Opsets[""] < poolOpset || slices.Contains(poolings, PoolNone) {
		return
	}
	p.pools = poolings
}

// planTokens leaves what no pooling reads out of a graph that is made.
func (c *Checkpoint) planTokens() {
	p := c.plan
	if c.source.made == nil || c.source.style.Card || c.source.made.Layers < 2 || c.Output != families.LastHidden || p.pools != nil || len(p.more) > 0 || c.Head != nil {
		return
	}
	switch c.Pooling {
	case PoolCLS:
		p.tokens = families.FirstToken
	case PoolLast:
		p.tokens = families.LastToken
	}
}

// poolingsInGraph returns the poolings that the graph computes itself, or nil if it leaves them to the caller.
func (c *Checkpoint) poolingsInGraph() []Pooling {
	if c.plan.tokens != families.AllTokens {
		return []Pooling{c.Pooling}
	}
	return c.plan.pools
}

// feeds returns the inputs of the graph, with those of the pooling.
func (p *plan) feeds() []input {
	all := slices.Clone(p.inputs)
	add := func(r role, name string, t onnxproto.DataType, dims ...onnxproto.Dim) {
		all = append(all, input{Value: onnxproto.Value{Name: name, Type: t, Ranked: true, Dims: dims}, role: r})
	}
	batch, one := onnxproto.Dim{Name: "batch"}, onnxproto.Dim{Size: 1}
	if slices.Contains(p.pools, PoolMean) {
		add(countedTokens, poolCounted, onnxproto.Bool, batch, onnxproto.Dim{Name: "tokens"}, one)
		add(shareOfToken, poolShare, onnxproto.Float32, batch, one)
	}
	if slices.Contains(p.pools, PoolCLS) {
		add(firstRow, poolFirst, onnxproto.Int64, batch)
	}
	if slices.Contains(p.pools, PoolLast) {
		add(lastRow, poolLast, onnxproto.Int64, batch)
	}
	return all
}

// results returns the outputs that a run takes vectors from: those of vectors, or what is pooled from them, in the order of the
// outputs and then of the poolings.
func (p *plan) results() []onnxproto.Value {
	if p.pools == nil {
		return p.vectors()
	}
	var all []onnxproto.Value
	for _, v := range p.vectors() {
		for _, pooling := range p.pools {
			all = append(all, onnxproto.Value{Name: pooledName(v, pooling), Type: onnxproto.Float32, Ranked: true,
				Dims: []onnxproto.Dim{{Name: "batch"}, v.Dims[len(v.Dims)-1]}})
		}
	}
	return all
}

func pooledName(v onnxproto.Value, pooling Pooling) string {
	return "w2s." + string(pooling) + "." + v.Name
}

// addPools adds the nodes that pool, and takes the place of the outputs by theirs.
func (p *plan) addPools(e *onnxproto.Edit) {
	if p.pools == nil {
		return
	}
	node := func(op string, inputs []string, output string, attrs ...onnxproto.Attr) string {
		e.Nodes = append(e.Nodes, onnxproto.Node{Op: op, Name: output, Inputs: inputs, Outputs: []string{output}, Attrs: attrs})
		return output
	}
	for _, in := range p.feeds()[len(p.inputs):] {
		e.Inputs = append(e.Inputs, in.Value)
	}
	e.Outputs = append(e.Outputs, p.results()...)
	zero, tokens := "", ""
	if slices.Contains(p.pools, PoolMean) {
		zero = node("Constant", nil, "w2s.zero", onnxproto.Float("value_float", 0))
		tokens = node("Constant", nil, "w2s.axis", onnxproto.Ints("value_ints", 1))
	}
	for _, v := range p.vectors() {
		e.DropOutputs = append(e.DropOutputs, v.Name)
		states := v.Name
		if v.Type != onnxproto.Float32 {
			states = node("Cast", []string{states}, "w2s.float."+v.Name, onnxproto.Int("to", int64(onnxproto.Float32)))
		}
		rows := ""
		if slices.ContainsFunc(p.pools, func(pooling Pooling) bool { return pooling != PoolMean }) {
			rows = node("Flatten", []string{states}, "w2s.rows."+v.Name, onnxproto.Int("axis", 2))
		}
		for _, pooling := range p.pools {
			name := pooledName(v, pooling)
			switch pooling {
			case PoolMean:
				// Where leaves out padding whatever its states are. A product would keep those that are not finite.
				counted := node("Where", []string{poolCounted, states, zero}, name+".counted")
				sum := node("ReduceSum", []string{counted, tokens}, name+".sum", onnxproto.Int("keepdims", 0))
				node("Mul", []string{sum, poolShare}, name)
			case PoolCLS:
				node("Gather", []string{rows, poolFirst}, name, onnxproto.Int("axis", 0))
			case PoolLast:
				node("Gather", []string{rows, poolLast}, name, onnxproto.Int("axis", 0))
			}
		}
	}
}

// shares returns 1 divided by the number of tokens that count, for each text.
func (g grid) shares() ([]float32, error) {
	all := make([]float32, g.rows)
	for row := range all {
		n := 0
		for _, m := range g.own(row) {
			if m != 0 {
				n++
			}
		}
		if n == 0 {
			return nil, errNoTokens
		}
		all[row] = 1 / float32(n)
	}
	return all, nil
}

// edges returns the row of each text's first or last token that counts, among the rows of all texts.
func (g grid) edges(last bool) ([]int64, error) {
	all := make([]int64, g.rows)
	for row := range all {
		at := -1
		for i, m := range g.own(row) {
			if m != 0 && (at < 0 || last) {
				at = i
			}
		}
		if at < 0 {
			return nil, errNoTokens
		}
		all[row] = int64(row*g.cols + at)
	}
	return all, nil
}
