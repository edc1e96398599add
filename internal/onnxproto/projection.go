package onnxproto

import (
	"fmt"
	"math"
	"slices"
)

// Projection is the last matrix product of a language model: logits = Scale · (hidden · weight + bias), or with a soft
// cap, as Gemma 2 has, logits = SoftCap · tanh(Scale · (hidden · weight + bias)). See [Projection.Logit].
type Projection struct {
	Hidden  string  // the value that is multiplied: the last hidden state, after the last normalisation
	Weight  string  // the constant
	Rows    bool    // the weight is [Vocab, Dims], one row a token; otherwise [Dims, Vocab]
	Bias    string  // the constant of shape [Vocab], or ""
	Scale   float32 // usually 1
	SoftCap float32 // 0 where there is none
	Vocab   int
	Dims    int
}

// Logit makes a logit of hidden · weight + bias.
func (p Projection) Logit(product float64) float64 {
	if p.SoftCap != 0 {
		return float64(p.SoftCap) * math.Tanh(float64(p.Scale)*product)
	}
	return float64(p.Scale) * product
}

// maxSteps bounds the walk from logits back to its matrix product: a cast, a bias, a reshape, a scale.
const maxSteps = 16

// Projection finds the matrix product that makes the output of that name, usually logits. It looks through operators
// that only move or scale numbers and through a soft cap, and refuses all others (quantised weights, another layer).
func (f *File) Projection(output string) (Projection, error) {
	p, err := f.projection(output)
	if err != nil {
		return Projection{}, fmt.Errorf("onnxproto: %s: output %q: %w", f.path, output, err)
	}
	return p, nil
}

func (f *File) projection(output string) (Projection, error) {
	w := newWalker(f)
	p := Projection{Scale: 1}
	name, reshaped := output, false
	for range maxSteps {
		n, ok := w.producer(name)
		if !ok {
			return p, fmt.Errorf("no operator makes %q", name)
		}
		switch {
		case n.foreign():
			return p, fmt.Errorf("it comes from %s, whose weights cannot be read", n.kind())
		case n.Op == "Cast" || n.Op == "Identity":
			name = n.input(0)
		case n.Op == "Reshape" || n.Op == "Squeeze" || n.Op == "Unsqueeze":
			name, reshaped = n.input(0), true
		case n.Op == "Add":
			bias, rest := n.input(0), n.input(1)
			if _, ok := w.constant(bias); !ok {
				bias, rest = rest, bias
			}
			t, ok := w.constant(bias)
			if !ok || len(t.Dims) != 1 || p.Bias != "" {
				return p, fmt.Errorf("it comes from an Add %q that is not one bias", n.Name)
			}
			p.Bias, name = t.Name, rest
		case (n.Op == "Mul" || n.Op == "Div") && p.Bias == "":
			c, rest, err := w.scale(n)
			if err != nil {
				return p, err
			}
			p.Scale, name = p.Scale*c, rest
		case n.Op == "Tanh" && p.Bias == "" && p.SoftCap == 0:
			p.SoftCap, p.Scale, name = p.Scale, 1, n.input(0)
		case n.Op == "MatMul" || n.Op == "Gemm":
			if err := w.product(n, &p); err != nil {
				return p, err
			}
			if h, ok := w.producer(p.Hidden); reshaped && ok && h.Op == "Reshape" {
				p.Hidden = h.input(0) // [batch, tokens, Dims] again
			}
			return p, nil
		default:
			return p, fmt.Errorf("it comes from %s %q, not from a matrix product", n.Op, n.Name)
		}
	}
	return p, fmt.Errorf("no matrix product within %d operators", maxSteps)
}

// Read returns the rows of the weight for the given tokens, [len(tokens)][Dims], and their biases, [len(tokens)].
// Scale and soft cap are not applied.
func (p Projection) Read(f *File, tokens []int) (rows [][]float32, bias []float32, err error) {
	for _, t := range tokens {
		if t < 0 || t >= p.Vocab {
			return nil, nil, fmt.Errorf("onnxproto: %s: token %d is not among the %d that have logits", f.path, t, p.Vocab)
		}
	}
	d, err := f.data(p.Weight)
	if err != nil {
		return nil, nil, err
	}
	defer d.close()
	bias = make([]float32, len(tokens))
	for _, t := range tokens {
		row := make([]float32, p.Dims)
		if p.Rows {
			err = d.floats(row, int64(t)*int64(p.Dims))
		}
		for j := 0; j < p.Dims && !p.Rows && err == nil; j++ {
			err = d.floats(row[j:j+1], int64(j)*int64(p.Vocab)+int64(t))
		}
		if err != nil {
			return nil, nil, fmt.Errorf("onnxproto: %s: constant %q: %w", f.path, p.Weight, err)
		}
		rows = append(rows, row)
	}
	if p.Bias == "" {
		return rows, bias, nil
	}
	all, _, err := f.Floats(p.Bias)
	if err != nil {
		return nil, nil, err
	}
	for i, t := range tokens {
		bias[i] = all[t]
	}
	return rows, bias, nil
}

// walker finds what makes a value.
type walker struct {
	file      *File
	makers    map[string]int
	constants map[string]int
	users     map[string][]*graphNode // of each value; only where the walk goes forward
}

func newWalker(f *File) *walker {
	w := &walker{file: f, makers: map[string]int{}, constants: map[string]int{}}
	for i, n := range f.nodes {
		for _, out := range n.Outputs {
			w.makers[out] = i
		}
	}
	for i, t := range f.Initializers {
		w.constants[t.Name] = i
	}
	return w
}

func (w *walker) producer(name string) (*graphNode, bool) {
	i, ok := w.makers[name]
	if !ok {
		return nil, false
	}
	return &w.file.nodes[i], true
}

// constant follows casts and identities back to a constant.
func (w *walker) constant(name string) (Initializer, bool) {
	for range maxSteps {
		if i, ok := w.constants[name]; ok {
			return w.file.Initializers[i], true
		}
		n, ok := w.producer(name)
		if !ok || n.Op != "Cast" && n.Op != "Identity" {
			break
		}
		name = n.input(0)
	}
	return Initializer{}, false
}

// scale reads the number of a Mul or Div by a constant.
func (w *walker) scale(n *graphNode) (c float32, rest string, err error) {
	factor, rest := n.input(1), n.input(0)
	t, ok := w.constant(factor)
	if !ok && n.Op == "Mul" {
		factor, rest = rest, factor
		t, ok = w.constant(factor)
	}
	if count, _ := elements(t.Dims); !ok || count != 1 {
		return 0, "", fmt.Errorf("it comes from a %s %q that is not a scale by one number (quantised weights cannot be read)", n.Op, n.Name)
	}
	v, _, err := w.file.Floats(t.Name)
	if err != nil {
		return 0, "", err
	}
	if n.Op == "Div" {
		return 1 / v[0], rest, nil
	}
	return v[0], rest, nil
}

// product fills p from a MatMul or Gemm.
func (w *walker) product(n *graphNode, p *Projection) error {
	weight := n.input(1)
	p.Hidden, p.Rows = n.input(0), n.transB
	if t, ok := w.producer(weight); ok && t.swaps() {
		weight, p.Rows = t.input(0), !p.Rows
	}
	t, ok := w.constant(weight)
	if !ok || len(t.Dims) != 2 {
		return fmt.Errorf("the weight %q of %s %q is not a constant matrix", weight, n.Op, n.Name)
	}
	if n.transA || n.alpha != 1 || n.beta != 1 {
		return fmt.Errorf("%s %q has a transposed or scaled operand", n.Op, n.Name)
	}
	p.Weight = t.Name
	vocab, dims := t.Dims[1], t.Dims[0]
	if p.Rows {
		vocab, dims = dims, vocab
	}
	p.Vocab, p.Dims = int(vocab), int(dims)
	if c := n.input(2); c != "" {
		if p.Bias != "" {
			return fmt.Errorf("%s %q adds a second bias", n.Op, n.Name)
		}
		p.Bias = c
	}
	if p.Bias != "" {
		b, ok := w.constant(p.Bias)
		if !ok || !slices.Equal(b.Dims, []int64{vocab}) {
			return fmt.Errorf("the bias %q of %s %q is not a constant of %d numbers", p.Bias, n.Op, n.Name, vocab)
		}
		p.Bias = b.Name
	}
	return nil
}

// foreign says that a node's operator is not one of the default set.
func (n *graphNode) foreign() bool { return n.Domain != "" && n.Domain != "ai.onnx" }

// kind is the operator with its domain.
func (n *graphNode) kind() string {
	if n.foreign() {
		return n.Domain + ":" + n.Op
	}
	return n.Op
}

// swaps says that a node turns rows to columns.
func (n *graphNode) swaps() bool {
	return n.Op == "Transpose" && (n.perm == nil || slices.Equal(n.perm, []int64{1, 0}))
}

// input returns the name of the i-th input, or "" where there is none.
func (n *graphNode) input(i int) string {
	if i < len(n.Inputs) {
		return n.Inputs[i]
	}
	return ""
}
