package head

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
)

// A tensor is a float64 array as a safetensors file holds it, row-major.
type tensor struct {
	shape []int
	data  []float64
}

// tensorHeader is a tensor's entry in the JSON header of a safetensors file.
type tensorHeader struct {
	Type    string `json:"dtype"`
	Shape   []int  `json:"shape"`
	Offsets [2]int `json:"data_offsets"` // from the end of the header
}

// maxHeader is the longest header that the format allows.
const maxHeader = 100_000_000

// marshalTensors writes a safetensors file: the header's length in 8 bytes, a JSON header, the data. Equal content
// gives equal bytes: tensors follow one another by name.
func marshalTensors(tensors map[string]tensor, metadata map[string]string) ([]byte, error) {
	header := map[string]any{}
	if len(metadata) > 0 {
		header["__metadata__"] = metadata
	}
	var names []string
	for name := range tensors {
		names = append(names, name)
	}
	slices.Sort(names)
	var data []byte
	for _, name := range names {
		from := len(data)
		for _, v := range tensors[name].data {
			data = binary.LittleEndian.AppendUint64(data, math.Float64bits(v))
		}
		header[name] = tensorHeader{"F64", tensors[name].shape, [2]int{from, len(data)}}
	}
	text, err := json.Marshal(header)
	if err != nil {
		return nil, fmt.Errorf("head: safetensors: %w", err)
	}
	for len(text)%8 != 0 { // data is aligned, as the format recommends
		text = append(text, ' ')
	}
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(text)))
	return append(append(out, text...), data...), nil
}

// parseTensors reads a safetensors file whose tensors are F64 or F32. Tensors must fill the data exactly, without
// overlap, as the format demands.
func parseTensors(file []byte) (map[string]tensor, map[string]string, error) {
	if len(file) < 8 {
		return nil, nil, fmt.Errorf("%d bytes are not a safetensors file", len(file))
	}
	size := binary.LittleEndian.Uint64(file)
	if size > maxHeader || size > uint64(len(file)-8) {
		return nil, nil, fmt.Errorf("header of %d bytes in a file of %d (not a safetensors file, or cut off)", size, len(file))
	}
	var header map[string]json.RawMessage
	if err := json.Unmarshal(file[8:8+size], &header); err != nil {
		return nil, nil, fmt.Errorf("header: %w", err)
	}
	data := file[8+size:]
	var metadata map[string]string
	tensors := map[string]tensor{}
	var spans [][2]int
	for name, raw := range header {
		if name == "__metadata__" {
			if err := json.Unmarshal(raw, &metadata); err != nil {
				return nil, nil, fmt.Errorf("metadata: %w", err)
			}
			continue
		}
		var h tensorHeader
		if err := json.Unmarshal(raw, &h); err != nil {
			return nil, nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		t, err := h.read(data)
		if err != nil {
			return nil, nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		tensors[name] = t
		spans = append(spans, h.Offsets)
	}
	slices.SortFunc(spans, func(a, b [2]int) int { return slices.Compare(a[:], b[:]) })
	at := 0
	for _, s := range spans {
		if s[0] != at {
			return nil, nil, fmt.Errorf("a tensor starts at byte %d of the data where %d was expected", s[0], at)
		}
		at = s[1]
	}
	if at != len(data) {
		return nil, nil, fmt.Errorf("%d bytes of data, the tensors have %d", len(data), at)
	}
	return tensors, metadata, nil
}

func (h tensorHeader) read(data []byte) (tensor, error) {
	width := map[string]int{"F64": 8, "F32": 4}[h.Type]
	if width == 0 {
		return tensor{}, fmt.Errorf("data type %q, want F64 or F32", h.Type)
	}
	n := 1
	for _, d := range h.Shape {
		if d < 0 || d > 0 && n > math.MaxInt32/d {
			return tensor{}, fmt.Errorf("shape %v", h.Shape)
		}
		n *= d
	}
	from, to := h.Offsets[0], h.Offsets[1]
	if from < 0 || to < from || to > len(data) || to-from != n*width {
		return tensor{}, fmt.Errorf("bytes %d:%d of %d for shape %v of %s", from, to, len(data), h.Shape, h.Type)
	}
	t := tensor{shape: h.Shape, data: make([]float64, n)}
	for i := range t.data {
		at := from + i*width
		if width == 8 {
			t.data[i] = math.Float64frombits(binary.LittleEndian.Uint64(data[at:]))
		} else {
			t.data[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(data[at:])))
		}
	}
	return t, nil
}

// formatVersion is bumped when a saved head means something else than before.
const formatVersion = "1"

// Marshal returns the head as a safetensors file: tensors weight (dims, outputs), bias (outputs) and, where features
// are scaled, mean and sd (dims), all float64, which any safetensors library reads. metadata is kept with it; keys
// that start with "w2s." are the package's own. A head with a weight that is not finite is refused.
func (h *Head) Marshal(metadata map[string]string) ([]byte, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	if err := h.checkFinite(); err != nil {
		return nil, err
	}
	tensors := map[string]tensor{"weight": {[]int{h.Dims, h.Outputs()}, h.W}, "bias": {[]int{h.Outputs()}, h.B}}
	if h.Scaling != nil {
		tensors["mean"] = tensor{[]int{h.Dims}, h.Scaling.Mean}
		tensors["sd"] = tensor{[]int{h.Dims}, h.Scaling.SD}
	}
	all := map[string]string{"w2s.head": formatVersion, "w2s.classes": fmt.Sprint(h.Classes)}
	for k, v := range metadata {
		if _, own := all[k]; own {
			return nil, fmt.Errorf("head: metadata key %q belongs to the format", k)
		}
		all[k] = v
	}
	return marshalTensors(tensors, all)
}

// Unmarshal reads what Marshal wrote, and returns the metadata that was given to it.
func Unmarshal(file []byte) (*Head, map[string]string, error) {
	h, metadata, err := unmarshal(file)
	if err != nil {
		return nil, nil, fmt.Errorf("head: saved head: %w", err)
	}
	return h, metadata, nil
}

func unmarshal(file []byte) (*Head, map[string]string, error) {
	tensors, metadata, err := parseTensors(file)
	if err != nil {
		return nil, nil, err
	}
	switch v, ok := metadata["w2s.head"]; {
	case !ok:
		return nil, nil, errors.New("a safetensors file, but not of a head (no w2s.head in its metadata)")
	case v != formatVersion:
		return nil, nil, fmt.Errorf("format version %q, this program reads %q (train the head again)", v, formatVersion)
	}
	h := &Head{}
	if _, err := fmt.Sscanf(metadata["w2s.classes"], "%d", &h.Classes); err != nil {
		return nil, nil, fmt.Errorf("number of classes %q: %w", metadata["w2s.classes"], err)
	}
	w, b := tensors["weight"], tensors["bias"]
	if len(w.shape) != 2 || len(b.shape) != 1 || w.shape[1] != h.Outputs() {
		return nil, nil, fmt.Errorf("weight of shape %v and bias of shape %v for %d outputs", w.shape, b.shape, h.Outputs())
	}
	h.Dims, h.W, h.B = w.shape[0], w.data, b.data
	mean, scaled := tensors["mean"]
	sd, stretched := tensors["sd"]
	if scaled != stretched {
		return nil, nil, errors.New("only one of mean and sd")
	}
	if scaled {
		h.Scaling = &Scaling{Mean: mean.data, SD: sd.data}
	}
	if err := h.check(); err != nil {
		return nil, nil, err
	}
	if err := h.checkFinite(); err != nil {
		return nil, nil, err
	}
	delete(metadata, "w2s.head")
	delete(metadata, "w2s.classes")
	return h, metadata, nil
}

// checkFinite refuses weights that cannot be used.
func (h *Head) checkFinite() error {
	parts := [][]float64{h.W, h.B}
	if h.Scaling != nil {
		parts = append(parts, h.Scaling.Mean, h.Scaling.SD)
		for j, sd := range h.Scaling.SD {
			if sd == 0 {
				return fmt.Errorf("head: standard deviation of dimension %d is 0", j)
			}
		}
	}
	for _, part := range parts {
		for _, v := range part {
			if !finite(v) {
				return errors.New("head: a weight is not finite (did the training diverge?)")
			}
		}
	}
	return nil
}
