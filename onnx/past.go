package onnx

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	ort "github.com/yalue/onnxruntime_go"

	"w2s/internal/onnxproto"
)

// layOut determines which dimensions of a key or value of the cache are the batch and the tokens. Names that tell come first:
// exporters write batch_size and past_sequence_length. Others (s0, s7, unk__12, or no name) count by their place, which is the
// same in all exports of a rank:
//
//	[batch, heads, tokens, width]
//	[2, batch, heads, tokens, width]   key and value in one
//	[batch, tokens, width] and [batch, width, tokens]   heads joined
//
// All other dimensions must have a fixed size. A fixed batch, or none, is returned as rows.
func (in *input) layOut() (rows int, err error) {
	in.batch, in.tokens = -1, -1
	if !in.Ranked {
		return 0, fmt.Errorf("the model's file does not give its shape (export it with the shapes of its inputs)")
	}
	first := 0 // place of the batch
	if len(in.Dims) == 5 {
		first = 1
	}
	var unnamed []int
	for i, d := range in.Dims {
		name := strings.ToLower(d.Name)
		switch {
		case d.Name == "" && d.Size > 0:
		case strings.Contains(name, "past"), strings.Contains(name, "seq"):
			in.tokens = i
		case strings.Contains(name, "batch") && !strings.ContainsAny(name, "*x+"):
			in.batch = i
		default:
			unnamed = append(unnamed, i)
		}
	}
	for _, i := range unnamed {
		switch {
		case in.batch < 0 && i == first:
			in.batch = i
		case in.tokens < 0 && (i == first+2 || len(in.Dims) == 3):
			in.tokens = i
		default:
			return 0, fmt.Errorf("its shape %v has a dimension %v of unknown size (export with a fixed number and width of heads)", in.Dims, in.Dims[i])
		}
	}
	switch {
	case in.tokens < 0:
		return 0, fmt.Errorf("its shape %v has no dimension for the number of tokens (export the model with a cache of any length, or without one)", in.Dims)
	case in.batch >= 0:
		return 0, nil
	case len(in.Dims) > 3:
		return in.fixed(first), nil
	}
	return 1, nil // heads only
}

// layOutPasts lays out all inputs of the cache. A batch that they fix holds for the whole model.
func (p *plan) layOutPasts() error {
	for i := range p.inputs {
		in := &p.inputs[i]
		if in.role != pastState {
			continue
		}
		rows, err := in.layOut()
		if err == nil && rows > 0 && p.rows > 0 && rows != p.rows {
			err = fmt.Errorf("its shape %v is made for a batch of %d, another input for one of %d", in.Dims, rows, p.rows)
		}
		if err != nil {
			return fmt.Errorf("input %q: %w", in.Name, err)
		}
		p.rows = max(p.rows, rows)
	}
	return nil
}

// pastShape returns the shape of a key or value of the cache for that many texts (rows) and tokens.
func pastShape(in input, rows, tokens int) ort.Shape {
	shape := make(ort.Shape, len(in.Dims))
	for i, d := range in.Dims {
		shape[i] = d.Size
	}
	if in.batch >= 0 {
		shape[in.batch] = int64(rows)
	}
	shape[in.tokens] = int64(tokens)
	return shape
}

// newPast makes a key or value of the cache, filled with zeros.
func newPast(in input, rows, tokens int) (ort.Value, error) {
	shape := pastShape(in, rows, tokens)
	n := shape.FlattenedSize()
	if n > maxPast {
		return nil, fmt.Errorf("its shape %v is larger than any cache of a real model", shape)
	}
	if in.Type == onnxproto.Float32 {
		return ort.NewTensor(shape, make([]float32, n))
	}
	return ort.NewCustomDataTensor(shape, make([]byte, max(2, 2*n)), elementType(in.Type))
}

// maxPast bounds the number of elements of one key or value.
const maxPast = 1 << 30

// pasts returns the inputs that take the cache.
func (p *plan) pasts() []input {
	return slices.DeleteFunc(slices.Clone(p.inputs), func(in input) bool { return in.role != pastState })
}

// takeCache plans to take the outputs that feed the cache, in the order of the inputs.
func (p *plan) takeCache(f *onnxproto.File) error {
	for _, in := range p.pasts() {
		v, err := p.present(f, in)
		if err != nil {
			return fmt.Errorf("input %q: %w", in.Name, err)
		}
		p.take(v)
	}
	return nil
}

// present finds the output that feeds an input of the cache in the next step. Exporters name it present.0.key for
// past_key_values.0.key. Otherwise it is the only output of the same layer, of the same kind (key or value) and of a shape that
// fits.
func (p *plan) present(f *onnxproto.File, in input) (onnxproto.Value, error) {
	usual := strings.Replace(strings.Replace(in.Name, "past_key_values", "present", 1), "past", "present", 1)
	if v, ok := f.Output(usual); ok {
		return v, nil
	}
	var found []string
	var last onnxproto.Value
	for _, v := range f.Outputs {
		if v.Name != p.output.Name && !strings.HasSuffix(v.Name, "logits") && cachePart(v.Name) == cachePart(in.Name) && in.fits(v) {
			found, last = append(found, v.Name), v
		}
	}
	switch len(found) {
	case 1:
		return last, nil
	case 0:
		return last, fmt.Errorf("no output feeds it: neither %q nor one whose name has the same layer and says key or value likewise", usual)
	}
	return last, fmt.Errorf("it is unclear which output feeds it: %s", strings.Join(found, ", "))
}

var (
	cacheWords = regexp.MustCompile(`[A-Za-z]+|\d+`)
	cacheKinds = map[string]string{"key": "key", "keys": "key", "k": "key", "value": "value", "values": "value", "v": "value"}
)

// cachePart returns what a name says about a part of the cache: its numbers, and whether it is a key or a value.
func cachePart(name string) string {
	var part []string
	name = strings.ToLower(strings.NewReplacer("key_values", "", "key_value", "both", "keyvalue", "both").Replace(name))
	for _, word := range cacheWords.FindAllString(name, -1) {
		if kind, ok := cacheKinds[word]; ok {
			part = append(part, kind)
		} else if word[0] <= '9' { // a number
			part = append(part, word)
		}
	}
	slices.Sort(part)
	return strings.Join(part, " ")
}

// fits reports whether an output can be a key or value of the cache that is fed to in.
func (in input) fits(v onnxproto.Value) bool {
	if v.Type != in.Type || v.Ranked && len(v.Dims) != len(in.Dims) {
		return false
	}
	for i, d := range v.Dims {
		if fixed := in.fixed(i); fixed > 0 && d.Size > 0 && int64(fixed) != d.Size {
			return false
		}
	}
	return true
}

// take plans to take one more output.
func (p *plan) take(v onnxproto.Value) {
	p.more = append(p.more, v)
	p.unused = slices.DeleteFunc(p.unused, func(name string) bool { return name == v.Name })
}
