package onnxgraph

import (
	"bytes"
	"slices"
	"testing"

	"w2s/internal/onnxproto"
)

// FuzzGraph matches every pattern in whatever model can be read, and checks what callers rely on: no node belongs to two
// patterns, and replacing the patterns removes exactly their nodes.
func FuzzGraph(f *testing.F) {
	models := map[string]onnxproto.Model{"attention": attentionModel()}
	for _, test := range linearTests() {
		models["linear, "+test.name] = test.model
	}
	for _, test := range projectionTests() {
		models["projection, "+test.name] = test.model
	}
	for name, m := range models {
		data, err := m.Marshal()
		if err != nil {
			f.Fatalf("%s: %v", name, err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := onnxproto.Read(bytes.NewReader(data), int64(len(data)), "model.onnx")
		if err != nil {
			return
		}
		g := New(file)
		if n := g.Positions(); n < 0 || n >= 1<<20 {
			t.Errorf("the longest input is %d", n)
		}
		var outputs []string
		for _, o := range file.Outputs {
			outputs = append(outputs, o.Name)
			checkProjection(t, g, o.Name)
			for _, causal := range []bool{false, true} {
				if h, err := g.Hidden(o.Name, causal); err == nil && (h.Name == "" || h.Dims < 0) {
					t.Errorf("the hidden state of %q is %+v", o.Name, h)
				}
			}
		}
		checkReplacement(t, g, outputs)
	})
}

func checkProjection(t *testing.T, g *Graph, output string) {
	p, err := g.Projection(output)
	if err != nil {
		return
	}
	shape := []int64{int64(p.Dims), int64(p.Vocab)}
	if p.Rows {
		slices.Reverse(shape)
	}
	if w := g.constants[p.Weight]; w == nil || !slices.Equal(w.Dims, shape) {
		t.Errorf("%+v has the weight %+v, want one of shape %v", p, w, shape)
	}
	if _, _, err := g.Weights(p, []int{p.Vocab}); err == nil {
		t.Errorf("%+v has weights for token %d", p, p.Vocab)
	}
	if p.Vocab < 1 {
		return
	}
	rows, bias, err := g.Weights(p, []int{0, p.Vocab - 1})
	if err == nil && (len(rows) != 2 || len(rows[0]) != p.Dims || len(rows[1]) != p.Dims || len(bias) != 2) {
		t.Errorf("%+v has the weights %v and biases %v for two tokens", p, rows, bias)
	}
}

func checkReplacement(t *testing.T, g *Graph, outputs []string) {
	layers, attentions := g.Linears(outputs), g.Attentions(outputs)
	e := onnxproto.Edit{Replace: map[int64]onnxproto.Node{}, DropConstants: g.Unused(layers)}
	replace := func(pos int64) {
		if _, twice := e.Replace[pos]; twice {
			t.Errorf("the node at byte %d belongs to two patterns", pos)
		}
		e.Replace[pos] = onnxproto.Node{}
	}
	for _, l := range layers {
		for _, pos := range append(l.Before, l.At) {
			replace(pos)
		}
	}
	for _, a := range attentions {
		for _, pos := range append(a.Before, a.At) {
			replace(pos)
		}
	}
	data, err := g.file.Edited(e)
	if err != nil {
		return
	}
	after, err := onnxproto.Read(bytes.NewReader(data), int64(len(data)), "edited.onnx")
	if err != nil {
		t.Fatalf("the edited model cannot be read: %v", err)
	}
	if removed := len(g.file.Nodes) - len(after.Nodes); removed != len(e.Replace) {
		t.Errorf("%d nodes were removed, want %d", removed, len(e.Replace))
	}
}
