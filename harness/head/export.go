package head

import (
	"errors"
	"fmt"
	"math"

	"w2s/internal/onnxproto"
)

// ErrMixture is the fault of a head that is exported though it is a mixture of several.
var ErrMixture = errors.New("a mixture of heads is no single layer")

// ONNX returns the head as an ONNX model. Its input is "features" (batch, dims) float32, unscaled as the encoder makes them,
// and its output is "logits" (batch, outputs) float32. The scaling is folded into the weights in float64.
func (h *Head) ONNX() ([]byte, error) {
	if err := h.usable(); err != nil {
		return nil, fmt.Errorf("head: export: %w", err)
	}
	if h.Mix != nil {
		return nil, fmt.Errorf("head: export: %w", ErrMixture)
	}
	layer := h.unscaled()
	n := h.Outputs()
	weight, bias := make([]float32, h.Dims*n), make([]float32, n)
	for k, column := range layer.columns {
		bias[k] = float32(layer.bias[k])
		for j, w := range column {
			weight[j*n+k] = float32(w)
		}
	}
	for _, v := range append(weight[:len(weight):len(weight)], bias...) {
		if math.IsInf(float64(v), 0) {
			return nil, fmt.Errorf("head: export: a weight is too large for float32, which ONNX export uses")
		}
	}
	matrix := func(name string, cols int) onnxproto.Value {
		return onnxproto.Value{Name: name, Type: onnxproto.Float32, Ranked: true,
			Dims: []onnxproto.Dim{{Name: "batch"}, {Size: int64(cols)}}}
	}
	model := onnxproto.Model{
		Name:    "head",
		Inputs:  []onnxproto.Value{matrix("features", h.Dims)},
		Outputs: []onnxproto.Value{matrix("logits", n)},
		Nodes: []onnxproto.Node{{Op: "Gemm", Name: "outputs",
			Inputs: []string{"features", "weight", "bias"}, Outputs: []string{"logits"}}},
		Initializers: []onnxproto.Tensor{
			onnxproto.Float32Tensor("weight", []int64{int64(h.Dims), int64(n)}, weight),
			onnxproto.Float32Tensor("bias", []int64{int64(n)}, bias),
		},
	}
	if h.Evidence {
		model.Nodes[0].Outputs[0] = "outputs"
		model.Nodes = append(model.Nodes,
			onnxproto.Node{Op: "Relu", Name: "evidence", Inputs: []string{"outputs"}, Outputs: []string{"evidence"}},
			onnxproto.Node{Op: "Add", Name: "parameters", Inputs: []string{"evidence", "one"}, Outputs: []string{"parameters"}},
			onnxproto.Node{Op: "Log", Name: "logits", Inputs: []string{"parameters"}, Outputs: []string{"logits"}})
		model.Initializers = append(model.Initializers, onnxproto.Float32Tensor("one", []int64{1}, []float32{1}))
	}
	data, err := model.Marshal()
	if err != nil {
		return nil, fmt.Errorf("head: export: %w", err)
	}
	return data, nil
}
