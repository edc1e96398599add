package head

import (
	"errors"
	"fmt"
	"io"
	"strconv"

	"w2s/internal/atomicfile"
	"w2s/internal/safetensors"
)

// Versions of the format. Programs that know only linear heads must not read another one as such.
const (
	formatVersion  = "1"
	unusualVersion = "2" // a mixture, which has a tensor mix, or evidence
)

// Metadata keys of the format.
const (
	versionKey = "w2s.head"
	classesKey = "w2s.classes"
)

// Save writes the head as a safetensors file, which any safetensors library can read. It has the tensors weight (dims,
// outputs), bias (outputs) and, if features are scaled, mean and sd (dims), all float64, and the given metadata. Save writes
// to a temporary file and renames it. It refuses a head with a weight that is not finite.
func (h *Head) Save(path string, metadata map[string]string) error {
	if err := h.save(path, metadata); err != nil {
		return fmt.Errorf("head: saving %s: %w", path, err)
	}
	return nil
}

func (h *Head) save(path string, metadata map[string]string) error {
	if err := h.usable(); err != nil {
		return err
	}
	return atomicfile.Write(path, func(w io.Writer) error { return h.write(w, metadata) })
}

func (h *Head) write(w io.Writer, metadata map[string]string) error {
	dims, outputs := int64(h.Dims), int64(h.Outputs()*h.heads())
	tensors := []safetensors.Tensor{
		safetensors.Float64Tensor("weight", []int64{dims, outputs}, h.W),
		safetensors.Float64Tensor("bias", []int64{outputs}, h.B),
	}
	if h.Scaling != nil {
		tensors = append(tensors, safetensors.Float64Tensor("mean", []int64{dims}, h.Scaling.Mean),
			safetensors.Float64Tensor("sd", []int64{dims}, h.Scaling.SD))
	}
	if h.Mix != nil {
		tensors = append(tensors, safetensors.Float64Tensor("mix", []int64{int64(len(h.Mix))}, h.Mix))
	}
	version := formatVersion
	if h.Evidence || h.Mix != nil {
		version = unusualVersion
	}
	all := map[string]string{versionKey: version, classesKey: strconv.Itoa(h.Classes)}
	for k, v := range metadata {
		if _, own := all[k]; own {
			return fmt.Errorf("metadata key %q belongs to the format", k)
		}
		all[k] = v
	}
	return safetensors.Write(w, all, tensors...)
}

// Load reads a head that Save wrote, and the metadata that Save was given. Weights may also be float32.
func Load(path string) (*Head, map[string]string, error) {
	f, err := safetensors.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("head: %w", err)
	}
	defer f.Close()
	h, err := read(f)
	if err != nil {
		return nil, nil, fmt.Errorf("head: %s: %w", path, err)
	}
	delete(f.Metadata, versionKey)
	delete(f.Metadata, classesKey)
	return h, f.Metadata, nil
}

func read(f *safetensors.File) (*Head, error) {
	v, ok := f.Metadata[versionKey]
	switch {
	case !ok:
		return nil, fmt.Errorf("this safetensors file does not hold a head (no %s in its metadata)", versionKey)
	case v != formatVersion && v != unusualVersion:
		return nil, fmt.Errorf("format version %q, this program reads %q and %q (train the head again)", v, formatVersion, unusualVersion)
	}
	classes, err := strconv.Atoi(f.Metadata[classesKey])
	if err != nil {
		return nil, fmt.Errorf("number of classes %q: %w", f.Metadata[classesKey], err)
	}
	mixed, isMixture := f.Lookup("mix")
	h := &Head{Classes: classes, Evidence: v == unusualVersion && !isMixture}
	heads := int64(1)
	if isMixture && len(mixed.Shape) == 1 {
		heads = mixed.Shape[0]
	}
	w, _ := f.Lookup("weight")
	b, _ := f.Lookup("bias")
	if len(w.Shape) != 2 || len(b.Shape) != 1 || w.Shape[1] != int64(h.Outputs())*heads || isMixture && v != unusualVersion {
		return nil, fmt.Errorf("weight of shape %v and bias of shape %v do not fit %d outputs", w.Shape, b.Shape, int64(h.Outputs())*heads)
	}
	h.Dims = int(w.Shape[0])
	tensors := map[string]*[]float64{"weight": &h.W, "bias": &h.B}
	_, hasMean := f.Lookup("mean")
	_, hasSD := f.Lookup("sd")
	if hasMean != hasSD {
		return nil, errors.New("it has only one of the tensors mean and sd")
	}
	if hasMean {
		h.Scaling = &Scaling{}
		tensors["mean"], tensors["sd"] = &h.Scaling.Mean, &h.Scaling.SD
	}
	if isMixture {
		tensors["mix"] = &h.Mix
	}
	for name, values := range tensors {
		if *values, err = f.Float64s(name); err != nil {
			return nil, err
		}
	}
	return h, h.usable()
}

// usable reports why the head cannot be saved or exported, or nil. Its shapes may contradict each other, or a weight may not
// be finite.
func (h *Head) usable() error {
	if err := h.check(); err != nil {
		return err
	}
	tensors := [][]float64{h.W, h.B, h.Mix}
	if h.Scaling != nil {
		tensors = append(tensors, h.Scaling.Mean, h.Scaling.SD)
		for j, sd := range h.Scaling.SD {
			if sd == 0 {
				return fmt.Errorf("the standard deviation of dimension %d is 0", j)
			}
		}
	}
	for _, tensor := range tensors {
		for _, v := range tensor {
			if !finite(v) {
				return errors.New("a weight is not finite (did the training diverge?)")
			}
		}
	}
	return nil
}
