package onnxgraph

import (
	"fmt"
	"math"
	"slices"
)

// A Projection is the last matrix product of a language model: logits = Scale·(hidden·weight + bias), or with a soft cap, as
// in Gemma 2, logits = SoftCap·tanh(Scale·(hidden·weight + bias)).
type Projection struct {
	Hidden  string  // the value that is multiplied: the last hidden state, after the last normalisation
	Weight  string  // the constant
	Rows    bool    // whether the weight is stored as [Vocab, Dims], one row for each token; otherwise it is [Dims, Vocab]
	Bias    string  // the constant of shape [Vocab], or ""
	Scale   float32 // 1 for most models
	SoftCap float32 // 0 if there is none
	Vocab   int
	Dims    int
}

// Logit returns the logit that belongs to a value of hidden·weight + bias.
func (p Projection) Logit(product float64) float64 {
	if p.SoftCap != 0 {
		return float64(p.SoftCap) * math.Tanh(float64(p.Scale)*product)
	}
	return float64(p.Scale) * product
}

// Projection finds the matrix product that makes an output of logits. It looks through nodes that only move or scale numbers
// and through a soft cap. It refuses everything else, such as quantised weights and further layers.
func (g *Graph) Projection(output string) (Projection, error) {
	p, err := g.projection(output)
	if err != nil {
		return Projection{}, fmt.Errorf("onnxgraph: %s: output %q: %w", g.file.Path(), output, err)
	}
	return p, nil
}

func (g *Graph) projection(output string) (Projection, error) {
	p := Projection{Scale: 1}
	name, reshaped := output, false
	for range maxSteps {
		n := g.makers[name]
		switch {
		case n == nil:
			return p, fmt.Errorf("no node makes %q", name)
		case n.Foreign():
			return p, fmt.Errorf("it comes from %s, whose weights cannot be read", n.Kind())
		case n.Op == "Cast" || n.Op == "Identity":
			name = n.Input(0)
		case n.Op == "Reshape" || n.Op == "Squeeze" || n.Op == "Unsqueeze":
			name, reshaped = n.Input(0), true
		case n.Op == "Add":
			bias, rest := n.Input(0), n.Input(1)
			if g.constant(bias) == nil {
				bias, rest = rest, bias
			}
			t := g.constant(bias)
			if t == nil || len(t.Dims) != 1 || p.Bias != "" {
				return p, fmt.Errorf("it comes from an Add %q that does not add one constant bias", n.Name)
			}
			p.Bias, name = t.Name, rest
		case (n.Op == "Mul" || n.Op == "Div") && p.Bias == "":
			c, rest, err := g.scaleFactor(n)
			if err != nil {
				return p, err
			}
			p.Scale, name = p.Scale*c, rest
		case n.Op == "Tanh" && p.Bias == "" && p.SoftCap == 0:
			p.SoftCap, p.Scale, name = p.Scale, 1, n.Input(0)
		case n.Op == "MatMul" || n.Op == "Gemm":
			if err := g.readProduct(n, &p); err != nil {
				return p, err
			}
			if h := g.makers[p.Hidden]; reshaped && h != nil && h.Op == "Reshape" {
				p.Hidden = h.Input(0) // [batch, tokens, Dims] again
			}
			return p, nil
		default:
			return p, fmt.Errorf("it comes from %s %q, not from a matrix product", n.Op, n.Name)
		}
	}
	return p, fmt.Errorf("no matrix product within %d nodes", maxSteps)
}

// scaleFactor returns the number by which a Mul or Div scales, and the value that it scales.
func (g *Graph) scaleFactor(n *node) (c float32, scaled string, err error) {
	factor, scaled := n.Input(1), n.Input(0)
	t := g.constant(factor)
	if t == nil && n.Op == "Mul" {
		factor, scaled = scaled, factor
		t = g.constant(factor)
	}
	if t == nil || t.Elements() != 1 {
		return 0, "", fmt.Errorf("it comes from a %s %q that does not scale by one number (quantised weights cannot be read)",
			n.Op, n.Name)
	}
	v, _, err := g.file.Floats(t.Name)
	if err != nil {
		return 0, "", err
	}
	if n.Op == "Div" {
		return 1 / v[0], scaled, nil
	}
	return v[0], scaled, nil
}

// readProduct sets the fields of p that a MatMul or Gemm determines.
func (g *Graph) readProduct(n *node, p *Projection) error {
	weight := n.Input(1)
	p.Hidden, p.Rows = n.Input(0), flag(n, "transB")
	if t := g.makers[weight]; transposes(t) {
		weight, p.Rows = t.Input(0), !p.Rows
	}
	t := g.constant(weight)
	if t == nil || len(t.Dims) != 2 {
		return fmt.Errorf("the weight %q of %s %q is not a constant matrix", weight, n.Op, n.Name)
	}
	if !plainProduct(n) {
		return fmt.Errorf("%s %q has a transposed or scaled operand", n.Op, n.Name)
	}
	p.Weight = t.Name
	vocab, dims := t.Dims[1], t.Dims[0]
	if p.Rows {
		vocab, dims = dims, vocab
	}
	p.Vocab, p.Dims = int(vocab), int(dims)
	if c := n.Input(2); c != "" {
		if p.Bias != "" {
			return fmt.Errorf("%s %q adds a second bias", n.Op, n.Name)
		}
		p.Bias = c
	}
	if p.Bias != "" {
		b := g.constant(p.Bias)
		if b == nil || !slices.Equal(b.Dims, []int64{vocab}) {
			return fmt.Errorf("the bias %q of %s %q is not a constant of %d numbers", p.Bias, n.Op, n.Name, vocab)
		}
		p.Bias = b.Name
	}
	return nil
}

// Weights reads what the logits of the given tokens are made of: their rows of the weight, [len(tokens)][Dims], and their
// biases, [len(tokens)]. Scale and soft cap are not applied.
func (g *Graph) Weights(p Projection, tokens []int) (rows [][]float32, bias []float32, err error) {
	for _, t := range tokens {
		if t < 0 || t >= p.Vocab {
			return nil, nil, fmt.Errorf("onnxgraph: %s: token %d is not one of the %d that have logits", g.file.Path(), t, p.Vocab)
		}
	}
	d, err := g.file.Data(p.Weight)
	if err != nil {
		return nil, nil, err
	}
	defer d.Close()
	for _, t := range tokens {
		row := make([]float32, p.Dims)
		if p.Rows {
			err = d.Floats(row, int64(t)*int64(p.Dims))
		}
		for j := 0; j < p.Dims && !p.Rows && err == nil; j++ {
			err = d.Floats(row[j:j+1], int64(j)*int64(p.Vocab)+int64(t))
		}
		if err != nil {
			return nil, nil, err
		}
		rows = append(rows, row)
	}
	bias = make([]float32, len(tokens))
	if p.Bias == "" {
		return rows, bias, nil
	}
	all, _, err := g.file.Floats(p.Bias)
	if err != nil {
		return nil, nil, err
	}
	for i, t := range tokens {
		bias[i] = all[t]
	}
	return rows, bias, nil
}
