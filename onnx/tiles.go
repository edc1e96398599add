package onnx

import (
	"errors"
	"reflect"

	ort "github.com/yalue/onnxruntime_go"

	"w2s/internal/amx"
	"w2s/internal/onnxgraph"
	"w2s/internal/onnxproto"
)

// tiles replaces the model's layers and attention by the operators of package amx, adds these to the options and has the edit
// leave the layers' matrices out of the graph. It returns nil where there are none.
func tiles(f *onnxproto.File, e *onnxproto.Edit, values []string, options *ort.SessionOptions) (*amx.Ops, error) {
	graph := onnxgraph.New(f)
	layers, attentions := graph.Linears(values), graph.Attentions(values)
	if len(layers)+len(attentions) == 0 {
		return nil, nil
	}
	// The binding keeps the runtime's own pointer to itself.
	field := reflect.ValueOf(options).Elem().FieldByName("o")
	if field.Kind() != reflect.Pointer || field.IsNil() {
		return nil, errors.New("the session options of this version of onnxruntime_go are unknown")
	}
	e.Replace = map[int64]onnxproto.Node{}
	matrices, err := replaceLayers(f, e, layers)
	if err != nil {
		return nil, err
	}
	e.DropConstants = graph.Unused(layers)
	replaceAttentions(e, attentions)
	return amx.NewOps(environment.path, field.UnsafePointer(), matrices)
}

func replaceLayers(f *onnxproto.File, e *onnxproto.Edit, layers []onnxgraph.Linear) ([]*amx.Matrix, error) {
	type content struct {
		weight, bias string
		rows, gelu   bool
	}
	var matrices []*amx.Matrix
	index := map[content]int{} // layers may share their weights
	for _, l := range layers {
		c := content{l.Weight, l.Bias, l.Rows, l.GELU}
		i, ok := index[c]
		if !ok {
			m, err := matrix(f, l)
			if err != nil {
				for _, made := range matrices {
					made.Free()
				}
				return nil, err
			}
			i = len(matrices)
			index[c], matrices = i, append(matrices, m)
		}
		replace(e, l.At, l.Before, onnxproto.Node{Op: amx.Linear, Inputs: []string{l.Input}, Outputs: []string{l.Output},
			Attrs: []onnxproto.Attr{onnxproto.Int(amx.LinearIndex, int64(i))}})
	}
	return matrices, nil
}

func replaceAttentions(e *onnxproto.Edit, attentions []onnxgraph.Attention) {
	flag := func(name string, set bool) onnxproto.Attr {
		if set {
			return onnxproto.Int(name, 1)
		}
		return onnxproto.Int(name, 0)
	}
	for _, a := range attentions {
		replace(e, a.At, a.Before, onnxproto.Node{Op: amx.Attention, Inputs: append([]string{a.Q, a.K, a.V}, a.Masks...),
			Outputs: []string{a.Output}, Attrs: []onnxproto.Attr{onnxproto.Float(amx.AttentionScale, a.Scale),
				flag(amx.AttentionQTokens, a.QTokens), flag(amx.AttentionKTokens, a.KTokens), flag(amx.AttentionVTokens, a.VTokens)}})
	}
}

// replace puts one node in the place of several, of which the one at that place comes last.
func replace(e *onnxproto.Edit, at int64, before []int64, by onnxproto.Node) {
	for _, place := range before {
		e.Replace[place] = onnxproto.Node{}
	}
	by.Domain, by.Name = amx.Domain, by.Outputs[0]
	e.Replace[at] = by
}

func matrix(f *onnxproto.File, l onnxgraph.Linear) (*amx.Matrix, error) {
	layer := amx.Layer{In: l.In, Out: l.Out, Rows: l.Rows, GELU: l.GELU}
	var err error
	if layer.Weight, _, err = f.Floats(l.Weight); err != nil {
		return nil, err
	}
	if l.Bias != "" {
		if layer.Bias, _, err = f.Floats(l.Bias); err != nil {
			return nil, err
		}
	}
	return amx.NewMatrix(layer)
}
