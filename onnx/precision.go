package onnx

import (
	"fmt"
	"slices"
	"strings"

	"w2s/internal/onnxproto"
)

// A Precision is the precision in which the matrix products of a model are computed. Sums of normalisations, softmax and pooling are of
// float32 in any case.
type Precision string

const (
	Auto    Precision = "auto"    // float16 on a card if the weights are half, else float32; "" is the same
	Float32 Precision = "float32" // half weights are converted
	Float16 Precision = "float16" // other weights are converted
)

var precisions = []Precision{Auto, Float32, Float16}

// Precisions returns the names that Options.Precision accepts.
func Precisions() []string {
	var all []string
	for _, p := range precisions {
		all = append(all, string(p))
	}
	return all
}

func (p Precision) check() error {
	if p == "" || slices.Contains(precisions, p) {
		return nil
	}
	return fmt.Errorf("unknown precision %q (known: %s)", string(p), strings.Join(Precisions(), ", "))
}

// half decides whether a graph that is made computes its products in float16.
func (s source) half(o Options) bool {
	if s.made == nil {
		return false
	}
	automatic := o.Precision == "" || o.Precision == Auto
	return o.Precision == Float16 || automatic && o.onCard() && s.made.Weights.Half()
}

// precisionNote returns what to tell about a precision that an ONNX file does not have, or "". The file is run as it was exported.
func precisionNote(f *onnxproto.File, asked Precision) string {
	stored := Float32
	for _, t := range f.Initializers {
		if (t.Type == onnxproto.Float16 || t.Type == onnxproto.BFloat16) && len(t.Dims) > 1 {
			stored = Float16
		}
	}
	if asked == "" || asked == Auto || asked == stored {
		return ""
	}
	return fmt.Sprintf("the ONNX file has weights of %s and is run as it was exported, not in %s (FOLDER#safetensors or, for a repository of the hub, "+
		"--prefer safetensors takes the weights that have a choice)", stored, asked)
}
