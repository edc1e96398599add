package families

import (
	"slices"

	"w2s/internal/onnxproto"
)

// A transformer describes a model as a list of layers. Each has attention and a feed-forward network, and adds what they
// compute to what they read.
type transformer struct {
	Facts
	embedding embedding
	layers    []layer
	conv      *convolution // after the first layer; nil is none
	final     norm         // after the last layer
	rawLast   bool         // the last of hidden_states is what final reads, unlike last_hidden_state
	project   *linear      // after final: to a vector of the size of the embedding, as in OPT-350m
	head      *head        // nil if the checkpoint has none
}

func (t *transformer) facts() Facts {
	f := t.Facts
	f.Logits = t.head != nil
	f.ByLength = slices.ContainsFunc(t.layers, func(l layer) bool { return l.attention.rope.byLength() })
	return f
}

// untie removes a head that is tied to the table of tokens if an adapter changes one of both, because they differ then.
func (t *transformer) untie(w *Weights) {
	if t.head == nil || !t.head.tied {
		return
	}
	head := t.head.name + ".weight"
	_, saved := w.adapter.saved[head]
	if w.adapter.changes(w.prefix+t.embedding.tokens) || saved || w.adapter.modules[t.head.name] != nil {
		t.head, w.adapter.untied = nil, true
	}
}

// An embedding is what the first layer reads.
type embedding struct {
	tokens    string // the table with a row for each token
	width     int    // of a row; 0 is that of the model
	project   linear // from the width of a row to that of the model, if they differ
	scale     float64
	positions string // the table of positions, or ""
	offset    int    // the row of the first position
	counted   bool   // offset is a padding token; positions count the other tokens, and a padding token has the row offset
	rows      int    // of the table of positions
	types     string // the table of segments, or ""
	segments  int    // rows of the table of segments
	norm      norm

	oneSegment bool // all tokens are of the first segment
	late       bool // the tables of positions and segments have the width of a row, and project reads the sum
	normFirst  bool // norm comes before project
}

// narrow sets the width of the tables. If it is not that of the model, project leads to the model's width, which is 0 if there is
// a projection in any case.
func (e *embedding) narrow(width, model int, project linear) {
	e.late, e.normFirst = true, true
	if e.width = width; width != model {
		e.project = project
	}
}

// A layer is one layer of a transformer.
type layer struct {
	attention attention
	network   network
	// around are the normalisations around attention and around the network.
	aroundAttention, aroundNetwork around
	// parallel means that the network reads what attention reads, and not its sum with what attention computes. The network has
	// a normalisation of its own, or else reads attention's.
	parallel bool
	// fromNorm means that a sum's first term is the normalised state, as in BLOOM's apply_residual_connection_post_layernorm.
	fromNorm bool
	factor   float64 // by which what attention and the network compute is multiplied; 0 is 1
}

// An around lists the normalisations of a block. Most models have only one.
type around struct {
	input  norm // of what the block reads
	output norm // of what the block computes
	sum    norm // of the sum of both
}

// A network is a feed-forward network: down(act(up(x))), or down(act(gate(x)) · up(x)) if it has a gate.
type network struct {
	gate, up, down linear
	fused          bool // gate and up are one layer, up, whose outputs are the gate's first
	act            string
	width          int
}

// A convolution over neighbouring tokens reads the embedding, and adds to what the first layer computes, as in DeBERTa v2.
type convolution struct {
	name         string
	size, groups int
	act          string
	sum          norm // of the sum
}

// A head computes logits.
type head struct {
	linear
	tied    bool    // to the table of tokens
	factor  float64 // by which logits are multiplied; 0 is 1
	softcap float64
}

func (t *transformer) build(b *builder, want Want) {
	last := 0 // the number of layers to run
	for i := range t.Layers + 1 {
		if slices.Contains(want.Outputs, stateName(i)) {
			last = i
		}
	}
	if want.Cache || want.Scores > 0 || slices.Contains(want.Outputs, LastHidden) || slices.Contains(want.Outputs, logits) {
		last = t.Layers
	}
	if want.Cache {
		b.addCache(t.layers)
	}
	if want.Style.Card && !t.Causal {
		b.masked = true
		b.inputs = append(b.inputs, onnxproto.Value{Name: attentionMask, Type: onnxproto.Int64, Dims: []onnxproto.Dim{{Name: "batch"}, {Name: "tokens"}}})
	}
	output := func(name, value string, width int) {
		if slices.Contains(want.Outputs, name) {
			b.output(name, value, width)
		}
	}
	embedded := t.embed(b)
	if len(b.faults) > 0 {
		return // if the table of tokens has another width, so has everything
	}
	s := stream{b: b, width: t.Width, x: embedded}
	for i, l := range t.layers[:last] {
		if b.gaveUp() {
			return
		}
		if slices.Contains(want.Outputs, stateName(i)) {
			b.output(stateName(i), s.state(), t.Width)
		}
		here := want
		if i < t.Layers-1 {
			here.Tokens = AllTokens
		}
		l.build(&s, i, here)
		if i == 0 && t.conv != nil {
			s.x = b.convolve(embedded, s.state(), *t.conv, t.Width)
		}
	}
	if last < t.Layers {
		output(stateName(last), s.state(), t.Width)
		return
	}
	if t.rawLast {
		output(stateName(last), s.state(), t.Width)
	}
	x, width := s.normalized(t.final), t.outWidth()
	if t.project != nil {
		x = b.full(b.linear(x, *t.project, t.Width, width))
	}
	if !t.rawLast {
		output(stateName(last), x, width)
	}
	output(LastHidden, x, width)
	if slices.Contains(want.Outputs, logits) {
		if want.LastLogits {
			x = b.lastTokens(x, width)
		}
		b.output(logits, t.logits(b, x, width), t.Vocab)
	}
	if want.Scores > 0 {
		b.classify(x, width, want.Scores, *want.classifier)
	}
}

// outWidth is the width of the last hidden state.
func (t *transformer) outWidth() int {
	if t.project != nil && t.embedding.width > 0 {
		return t.embedding.width
	}
	return t.Width
}

// embed returns what the first layer reads, [batch·tokens, width].
func (t *transformer) embed(b *builder) string {
	e, width := t.embedding, t.Width
	if e.width > 0 {
		width = e.width
	}
	x := b.lookUp(e.tokens, t.Vocab, width, b.flatIDs())
	project := func() {
		if e.project.name != "" {
			x, width = b.full(b.linear(x, e.project, width, t.Width)), t.Width
		}
	}
	if !e.late {
		project()
	}
	if e.scale != 0 {
		x = b.scaled(x, e.scale)
	}
	switch {
	case e.types == "":
	case e.oneSegment:
		x = b.add(x, b.lookUp(e.types, e.segments, width, b.ints(0)))
	default:
		b.inputs = append(b.inputs, onnxproto.Value{Name: "token_type_ids", Type: onnxproto.Int64, Dims: []onnxproto.Dim{{Name: "batch"}, {Name: "tokens"}}})
		x = b.add(x, b.lookUp(e.types, e.segments, width, b.reshape("token_type_ids", -1)))
	}
	if e.positions != "" {
		x = b.add(x, b.lookUp(e.positions, e.rows, width, b.rowsOfPositions(e)))
	}
	if e.normFirst {
		x = b.normalize(x, e.norm, width)
	}
	if e.late {
		project()
	}
	if !e.normFirst {
		x = b.normalize(x, e.norm, t.Width)
	}
	return x
}

// rowsOfPositions returns the row of the table of positions for each token, [batch·tokens].
func (b *builder) rowsOfPositions(e embedding) string {
	if e.counted {
		padding := b.ints(int64(e.offset))
		other := b.cast(b.op("Not", []string{b.op("Equal", []string{"input_ids", padding})}), onnxproto.Int64)
		count := b.mul(b.op("CumSum", []string{other, b.op("Squeeze", []string{b.ints(1), b.ints(0)})}), other)
		return b.reshape(b.add(count, padding), -1)
	}
	at := b.newPositions()
	if e.offset != 0 {
		at = b.add(at, b.ints(int64(e.offset)))
	}
	return b.reshape(b.op("Expand", []string{at, b.batchTokens()}), -1)
}

func (t *transformer) logits(b *builder, x string, width int) string {
	h := *t.head
	l := h.linear
	if h.tied {
		l.weight = t.embedding.tokens
	}
	logits := b.full(b.linear(x, l, width, t.Vocab))
	if h.factor != 0 {
		logits = b.scaled(logits, h.factor)
	}
	return b.capped(logits, h.softcap)
}

// capped returns c·tanh(x/c), or x if c is 0.
func (b *builder) capped(x string, c float64) string {
	if c == 0 {
		return x
	}
	return b.mul(b.op("Tanh", []string{b.op("Div", []string{x, b.float(c)})}), b.float(c))
}

// A stream is the state x that the layers add to, [batch·tokens, width].
//
// On a card, a term waits for the normalisation that follows, which adds it in the same pass.
type stream struct {
	b     *builder
	width int
	x     string
	term  string // still to be added to x, or ""
}

func (s *stream) add(y string) {
	if s.b.style.Card {
		s.x, s.term = s.state(), y
		return
	}
	s.x = s.b.add(s.x, y)
}

// state returns the sum of all terms.
func (s *stream) state() string {
	if s.term != "" {
		s.x, s.term = s.b.add(s.x, s.term), ""
	}
	return s.x
}

func (s *stream) normalized(n norm) string {
	if s.term == "" || !n.there() {
		return s.b.normalize(s.state(), n, s.width)
	}
	y, sum := s.b.normalizeSum(s.x, s.term, n, s.width)
	s.x, s.term = sum, ""
	return y
}

func (l layer) build(s *stream, index int, want Want) {
	read := s.normalized(l.aroundAttention.input)
	computed := s.b.attend(read, l.attention, index, s.width, want)
	if want.Tokens != AllTokens {
		s.x = s.b.only(want.Tokens, s.state(), s.width)
		if l.parallel || l.fromNorm {
			read = s.b.only(want.Tokens, read, s.width)
		}
	}
	attended := l.finish(s, computed, l.aroundAttention)
	if l.parallel {
		if n := l.aroundNetwork.input; n.there() {
			read = s.normalized(n)
		}
		s.add(s.b.add(attended, l.finish(s, s.b.network(read, l.network, s.width), l.aroundNetwork)))
		return
	}
	l.join(s, read, attended, l.aroundAttention)
	read = s.normalized(l.aroundNetwork.input)
	l.join(s, read, l.finish(s, s.b.network(read, l.network, s.width), l.aroundNetwork), l.aroundNetwork)
}

// finish normalises and scales what a block computed.
func (l layer) finish(s *stream, y string, a around) string {
	y = s.b.normalize(s.b.full(y), a.output, s.width)
	if l.factor != 0 {
		y = s.b.scaled(y, l.factor)
	}
	return y
}

// join adds what a block computed to the stream.
func (l layer) join(s *stream, read, y string, a around) {
	if l.fromNorm {
		s.x = read
	}
	s.add(y)
	if a.sum.there() {
		s.x = s.normalized(a.sum)
	}
}

// convolve returns the normalised sum of y and of the convolution of x, [batch·tokens, width].
func (b *builder) convolve(x, y string, c convolution, width int) string {
	turned := func(x string) string { return b.op("Transpose", []string{x}, onnxproto.Ints("perm", 0, 2, 1)) }
	side := int64(c.size-1) / 2
	if b.masked { // the neighbours of the last token are zeros, not padding
		x = b.mul(x, b.reshape(b.cast(attentionMask, onnxproto.Float32), -1, 1))
	}
	out := b.op("Conv", []string{turned(b.perText(x, int64(width))), b.weight(c.name+".weight", width, width/c.groups, c.size), b.weight(c.name+".bias", width)},
		onnxproto.Ints("pads", side, side), onnxproto.Int("group", int64(c.groups)))
	out = b.reshape(turned(out), -1, int64(width))
	return b.normalize(b.add(y, b.activate(c.act, out)), c.sum, width)
}

// network computes a feed-forward network of [batch·tokens, width].
func (b *builder) network(x string, n network, width int) string {
	switch {
	case n.fused:
		both := b.split(b.linear(x, n.up, width, 2*n.width), n.width, n.width)
		x = b.mul(b.operand(b.activate(n.act, both[0])), both[1])
	case n.gate.name != "":
		x = b.mul(b.operand(b.activate(n.act, b.linear(x, n.gate, width, n.width))), b.linear(x, n.up, width, n.width))
	default:
		x = b.activate(n.act, b.linear(x, n.up, width, n.width))
	}
	return b.linear(x, n.down, n.width, width)
}
