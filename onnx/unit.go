package onnx

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unsafe"

	ort "github.com/yalue/onnxruntime_go"

	"w2s/internal/kernels"
	"w2s/internal/onnxgraph"
	"w2s/internal/onnxproto"
)

// A layerUnit makes the operators that compute layers and attention. The processor's is a *kernels.Unit. Tests take an emulated one, and add
// faults.
type layerUnit interface {
	fmt.Stringer
	Attends() bool
	NewMatrix(kernels.Layer) (*kernels.Matrix, error)
	NewOps(library string, options unsafe.Pointer, matrices []*kernels.Matrix) (*kernels.Ops, error)
}

// Warnings returns what a reader of results made with the encoder must know: weights that are not finite, and that the unit
// that computes layers failed and ONNX Runtime's own kernels took its place. There is at most one warning about a unit, however many
// batches and goroutines it failed in.
//
// Key does not change if the unit fails. It does not tell vectors computed on a tile unit or a vector unit from vectors computed without it,
// because hosts with and without one share a cache. These differ in their last bits only, as they do between processors that ONNX Runtime
// has different kernels for. Options.RuntimeOnly has a key of its own and never uses a unit, so it gives vectors of
// the runtime's own kernels only.
func (e *Encoder) Warnings() []string {
	warnings := slices.Clone(e.checkpoint.notes)
	e.mu.Lock()
	l := e.loading
	e.mu.Unlock()
	if l == nil {
		return warnings
	}
	<-l.done
	if l.session == nil {
		return warnings
	}
	return append(warnings, l.session.warnings()...) // cards have none
}

// addLayers plans to replace the model's layers and attention by operators of a unit, adds these to the options, and leaves
// the layers' matrices out of the graph. It returns nil if the model has no layers or attention for the unit.
func addLayers(unit layerUnit, f *onnxproto.File, e *onnxproto.Edit, values []string, options *ort.SessionOptions) (*kernels.Ops, error) {
	graph := onnxgraph.New(f)
	layers := graph.Linears(values)
	var attentions []onnxgraph.Attention
	if unit.Attends() {
		attentions = graph.Attentions(values)
	}
	if len(layers)+len(attentions) == 0 {
		return nil, nil
	}
	native, err := nativeOptions(options)
	if err != nil {
		return nil, err
	}
	e.Replace = map[int64]onnxproto.Node{}
	matrices, err := replaceLayers(unit, f, e, layers)
	if err != nil {
		return nil, err
	}
	e.DropConstants = graph.Unused(layers)
	replaceAttentions(e, attentions)
	return unit.NewOps(environment.path, native, matrices)
}

// nativeOptions returns the OrtSessionOptions inside the binding's session options. The binding keeps it in a private field and
// has no function that adds an operator, so a new version of the binding may well need a change here.
func nativeOptions(options any) (unsafe.Pointer, error) {
	unknown := errors.New("the session options of this version of onnxruntime_go are unknown")
	v := reflect.ValueOf(options)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return nil, unknown
	}
	field, ok := v.Elem().Type().FieldByName("o")
	if !ok || len(field.Index) != 1 || field.Type.Kind() != reflect.Pointer ||
		!strings.HasSuffix(field.Type.Elem().Name(), "OrtSessionOptions") {
		return nil, unknown
	}
	o := v.Elem().FieldByIndex(field.Index)
	if o.IsNil() {
		return nil, errors.New("the session options were destroyed")
	}
	return o.UnsafePointer(), nil
}

// replaceLayers replaces every layer by an operator, and returns their matrices.
func replaceLayers(unit layerUnit, f *onnxproto.File, e *onnxproto.Edit, layers []onnxgraph.Linear) ([]*kernels.Matrix, error) {
	type content struct {
		weight, bias string
		rows, gelu   bool
	}
	var matrices []*kernels.Matrix
	index := map[content]int{} // layers may share their weights
	for _, l := range layers {
		c := content{l.Weight, l.Bias, l.Rows, l.GELU}
		i, ok := index[c]
		if !ok {
			m, err := newMatrix(unit, f, l)
			if err != nil {
				for _, made := range matrices {
					made.Free()
				}
				return nil, err
			}
			i = len(matrices)
			index[c], matrices = i, append(matrices, m)
		}
		replace(e, l.At, l.Before, onnxproto.Node{Op: kernels.Linear, Inputs: []string{l.Input}, Outputs: []string{l.Output},
			Attrs: []onnxproto.Attr{onnxproto.Int(kernels.LinearIndex, int64(i))}})
	}
	return matrices, nil
}

// replaceAttentions replaces every attention by an operator.
func replaceAttentions(e *onnxproto.Edit, attentions []onnxgraph.Attention) {
	flag := func(name string, set bool) onnxproto.Attr {
		if set {
			return onnxproto.Int(name, 1)
		}
		return onnxproto.Int(name, 0)
	}
	for _, a := range attentions {
		replace(e, a.At, a.Before, onnxproto.Node{Op: kernels.Attention, Inputs: append([]string{a.Q, a.K, a.V}, a.Masks...),
			Outputs: []string{a.Output}, Attrs: []onnxproto.Attr{onnxproto.Float(kernels.AttentionScale, a.Scale),
				flag(kernels.AttentionQTokens, a.QTokens), flag(kernels.AttentionKTokens, a.KTokens), flag(kernels.AttentionVTokens, a.VTokens)}})
	}
}

// replace replaces the node at position at by an operator. It removes the nodes in before, which the operator replaces too.
func replace(e *onnxproto.Edit, at int64, before []int64, by onnxproto.Node) {
	for _, i := range before {
		e.Replace[i] = onnxproto.Node{}
	}
	by.Domain, by.Name = kernels.Domain, by.Outputs[0]
	e.Replace[at] = by
}

// newMatrix reads the constants of a layer and lays its matrix out.
func newMatrix(unit layerUnit, f *onnxproto.File, l onnxgraph.Linear) (*kernels.Matrix, error) {
	layer := kernels.Layer{In: l.In, Out: l.Out, Rows: l.Rows, GELU: l.GELU}
	var err error
	if layer.Weight, _, err = f.Floats(l.Weight); err != nil {
		return nil, err
	}
	if l.Bias != "" {
		if layer.Bias, _, err = f.Floats(l.Bias); err != nil {
			return nil, err
		}
	}
	return unit.NewMatrix(layer)
}
