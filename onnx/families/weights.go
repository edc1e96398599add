package families

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"w2s/internal/inputfile"
	"w2s/internal/onnxproto"
	"w2s/internal/safetensors"
)

// Weights are the tensors of a checkpoint, in one safetensors file or in several.
type Weights struct {
	name      string   // of the file, or of the index
	files     []string // paths relative to the checkpoint's folder
	tensors   map[string]tensor
	base      string            // a folder that has all files below it, when links are followed
	locations map[string]string // of the files, relative to base
	prefix    string            // what the names of the base model's tensors begin with, such as "model."
	prefixes  []string          // what they begin with in other classes
	adapter   *Adapter          // nil is none
}

// A tensor says where the data of a tensor is.
type tensor struct {
	safetensors.Info
	file string // relative to the checkpoint's folder
}

const (
	singleFile = "model.safetensors"
	indexFile  = "model.safetensors.index.json"
	maxIndex   = 64 << 20 // bytes; the index of a model with 100,000 tensors has some 10 MB
)

// OpenWeights reads the headers of a checkpoint's safetensors files.
func OpenWeights(dir string) (*Weights, error) {
	if _, err := os.Stat(filepath.Join(dir, adapterFile)); err == nil {
		return nil, fmt.Errorf("%s belongs to an adapter (name its base model and the adapter: BASE@adapter=%s)", adapterFile, dir)
	}
	w := &Weights{name: singleFile, tensors: map[string]tensor{}}
	if _, err := os.Stat(filepath.Join(dir, singleFile)); err == nil {
		return w, errors.Join(w.add(dir, singleFile, nil), w.locate(dir))
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	byFile, err := readIndex(filepath.Join(dir, indexFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, noWeights(dir)
	}
	if err != nil {
		return nil, err
	}
	w.name = indexFile
	var faults []error
	for _, file := range slices.Sorted(maps.Keys(byFile)) {
		faults = append(faults, w.add(dir, file, byFile[file]))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return w, w.locate(dir)
}

func (w *Weights) locate(dir string) (err error) {
	w.base, w.locations, err = onnxproto.Locate(dir, w.files)
	return err
}

// addAdapter makes the tensors of an adapter part of the weights of the checkpoint in dir.
func (w *Weights) addAdapter(dir string, a *Adapter) (err error) {
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	file, err := filepath.Abs(filepath.Join(a.Dir, adapterWeights))
	if err != nil {
		return err
	}
	name, err := filepath.Rel(dir, file)
	if err != nil {
		return err
	}
	name = filepath.ToSlash(name)
	if w.base, w.locations, err = onnxproto.Locate(dir, append(slices.Clone(w.files), name)); err != nil {
		return err
	}
	a.file, w.adapter = name, a
	return nil
}

// adapterLocation is the path of the adapter's file, relative to Base.
func (w *Weights) adapterLocation() string { return w.locations[w.adapter.file] }

// Base returns the folder that the external data of a graph is relative to.
func (w *Weights) Base() string { return w.base }

// Extensions of files with weights that are not read, besides GGUF.
var (
	pickleFiles = []string{".bin", ".pt", ".pth", ".ckpt"}
	otherFiles  = []string{".h5", ".msgpack"} // of TensorFlow and Flax
)

// HasWeights reports whether a folder has files of weights, of any format.
func HasWeights(dir string) bool {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	extensions := slices.Concat([]string{".safetensors", ".gguf"}, pickleFiles, otherFiles)
	return slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		return slices.Contains(extensions, filepath.Ext(e.Name())) || strings.HasSuffix(e.Name(), ".safetensors.index.json")
	})
}

// noWeights says what the folder has in place of safetensors files.
func noWeights(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case strings.HasSuffix(name, ".gguf"):
			return fmt.Errorf("%s is a GGUF file, whose quantised weights are not read (use the checkpoint that it was made from)", name)
		case slices.Contains(pickleFiles, filepath.Ext(name)):
			return fmt.Errorf("%s is a pickle, which can run any program when it is read (convert it: "+
				"AutoModelForCausalLM.from_pretrained(FOLDER).save_pretrained(FOLDER, safe_serialization=True))", name)
		case slices.Contains(otherFiles, filepath.Ext(name)):
			return fmt.Errorf("%s has weights of TensorFlow or Flax, which are not read (load them with from_tf or from_flax and save_pretrained)", name)
		case strings.HasSuffix(name, ".safetensors") && strings.Contains(name, "-of-"):
			return fmt.Errorf("there is %s, but no %s, which says what the files hold (download the whole checkpoint)", name, indexFile)
		case strings.HasSuffix(name, ".safetensors"):
			return fmt.Errorf("there is no %s and no %s, but %s (rename it)", singleFile, indexFile, name)
		}
	}
	return fmt.Errorf("there is no %s", singleFile)
}

// readIndex reads which tensors the index says are in which file.
func readIndex(path string) (map[string][]string, error) {
	data, err := inputfile.Read(path, maxIndex)
	if err != nil {
		return nil, err
	}
	var index struct {
		Map weightMap `json:"weight_map"`
	}
	if err := inputfile.JSON(data, &index); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(index.Map) == 0 {
		return nil, fmt.Errorf("%s: weight_map names no tensors", path)
	}
	byFile := map[string][]string{}
	for name, file := range index.Map {
		if !filepath.IsLocal(filepath.FromSlash(file)) || filepath.Base(file) != file {
			return nil, fmt.Errorf("%s: %q is not a file of the folder", path, file)
		}
		byFile[file] = append(byFile[file], name)
	}
	return byFile, nil
}

// A weightMap says which file each tensor is in. Reading one fails if a tensor occurs twice.
type weightMap map[string]string

// UnmarshalJSON reads the JSON object.
func (m *weightMap) UnmarshalJSON(data []byte) error {
	var plain map[string]string
	if err := json.Unmarshal(data, &plain); err != nil {
		return err
	}
	*m = plain
	seen := map[string]bool{}
	d := json.NewDecoder(bytes.NewReader(data))
	for key := true; ; key = !key {
		t, err := d.Token()
		if err != nil {
			return nil // the end, because the object is correct
		}
		name, ok := t.(string)
		if !ok {
			key = false // a brace; a name follows
			continue
		}
		if key && seen[name] {
			return fmt.Errorf("weight_map names tensor %q twice", name)
		}
		seen[name] = seen[name] || key
	}
}

// add reads the header of one file. wanted are the tensors that the index says it has, or nil.
func (w *Weights) add(dir, file string, wanted []string) error {
	f, err := safetensors.Open(filepath.Join(dir, file))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is missing, which %s names (download the whole checkpoint)", file, indexFile)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	w.files = append(w.files, file)
	for _, t := range f.Tensors {
		if other, ok := w.tensors[t.Name]; ok {
			return fmt.Errorf("tensor %q is in %s and in %s", t.Name, other.file, file)
		}
		w.tensors[t.Name] = tensor{t, file}
	}
	slices.Sort(wanted)
	for _, name := range wanted {
		if _, ok := w.tensors[name]; !ok {
			return fmt.Errorf("%s has no tensor %q, which %s says is in it", file, name, indexFile)
		}
	}
	return nil
}

// Name returns the name of the safetensors file, or of the index of several.
func (w *Weights) Name() string { return w.name }

// Files returns the paths of the safetensors files, relative to the checkpoint's folder.
func (w *Weights) Files() []string { return w.files }

// choosePrefix finds what the names of the base model's tensors begin with. probe is a tensor that every checkpoint of the family
// has; candidates are tried in their order.
func (w *Weights) choosePrefix(probe string, candidates ...string) error {
	w.prefixes = candidates
	for _, p := range candidates {
		if _, ok := w.tensors[p+probe]; ok {
			w.prefix = p
			return nil
		}
	}
	return fmt.Errorf("the weights have no tensor %q%s", probe, w.alike(probe))
}

// find returns a tensor of the base model, or one of the whole model if full is set. It can be one that the adapter has whole.
func (w *Weights) find(name string, full bool) (string, tensor, error) {
	if !full {
		name = w.prefix + name
	}
	if w.adapter != nil {
		if t, ok := w.adapter.whole[name]; ok {
			return name, tensor{t, w.adapter.file}, nil
		}
	}
	t, ok := w.tensors[name]
	if !ok {
		// Checkpoints that were converted from TensorFlow have the names gamma and beta.
		old := strings.TrimSuffix(strings.TrimSuffix(name, "weight"), "bias") + map[bool]string{true: "gamma", false: "beta"}[strings.HasSuffix(name, "weight")]
		if t, ok := w.tensors[old]; ok {
			return old, t, nil
		}
		if q := w.quantised(name); q != "" {
			return name, t, fmt.Errorf("the weights have no tensor %q, but %q, which is quantised; %s", name, q, useOriginal)
		}
		return name, t, fmt.Errorf("the weights have no tensor %q%s", name, w.alike(name))
	}
	return name, t, nil
}

// useOriginal is what to do about quantised weights.
const useOriginal = "use the checkpoint that the weights were made from"

// quantised returns the tensor that GPTQ and AWQ (qweight), compressed-tensors (weight_packed) or HQQ (W_q) store in place of a
// weight, or "" if there is none.
func (w *Weights) quantised(name string) string {
	base, isWeight := strings.CutSuffix(name, ".weight")
	for _, other := range []string{".qweight", ".weight_packed", ".W_q"} {
		if _, ok := w.tensors[base+other]; ok && isWeight {
			return base + other
		}
	}
	return ""
}

// wayToFloat says what to do about a tensor whose type is not read.
func (w *Weights) wayToFloat(name string) string {
	for _, scale := range []string{"_scale", "_scale_inv"} {
		if _, ok := w.tensors[name+scale]; ok {
			return fmt.Sprintf("it is scaled by %q: %s", name+scale, useOriginal)
		}
	}
	if strings.HasPrefix(w.tensors[name].DType, "F8_") {
		return `convert it: AutoModelForCausalLM.from_pretrained(FOLDER).bfloat16().save_pretrained(NEW)`
	}
	return "if it is quantised, " + useOriginal
}

// withoutEffect are parts of the names of tensors that older versions of transformers wrote and that have no effect: masks, frequencies
// of rotations, and numbers of positions. poolers are above the hidden states.
var withoutEffect = []string{".rotary_emb.", ".masked_bias", ".attn.bias", ".attention.bias", ".position_ids", "pooler."}

// unused returns the tensors of the base model that are not in used.
func (w *Weights) unused(used map[string]bool) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(w.tensors)) {
		old := slices.ContainsFunc(withoutEffect, func(part string) bool { return strings.Contains("."+name, part) })
		if base := w.prefix == "" || strings.HasPrefix(name, w.prefix); base && !used[name] && !old {
			names = append(names, name)
		}
	}
	return names
}

// isLayer reports whether there are tensors of a first layer with names that begin as given.
func (w *Weights) isLayer(begin string) bool {
	for name := range w.tensors {
		if strings.HasPrefix(name, begin+"0.") {
			return true
		}
	}
	return false
}

// alike names the tensors whose names have the longest beginning and end in common with a missing one's.
func (w *Weights) alike(name string) string {
	common := func(other string) int {
		n, begin, end := min(len(name), len(other)), 0, 0
		for begin < n && name[begin] == other[begin] {
			begin++
		}
		for end < n-begin && name[len(name)-1-end] == other[len(other)-1-end] {
			end++
		}
		return begin + end
	}
	names := slices.Sorted(maps.Keys(w.tensors))
	slices.SortStableFunc(names, func(a, b string) int { return common(b) - common(a) })
	if len(names) == 0 {
		return " (there are none)"
	}
	return fmt.Sprintf(" (there are %s)", Shortened(names))
}

// Shortened joins names and cuts a long list.
func Shortened(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// dataTypes are the element types that weights can have.
var dataTypes = map[string]onnxproto.DataType{"F32": onnxproto.Float32, "F16": onnxproto.Float16, "BF16": onnxproto.BFloat16, "F64": onnxproto.Float64}

// Half reports whether most weights are stored in 16 bits.
func (w *Weights) Half() bool {
	var half, all int64
	for _, t := range w.tensors {
		all += t.Size()
		if t.DType == "F16" || t.DType == "BF16" {
			half += t.Size()
		}
	}
	return 2*half > all
}

// Params returns the number of weights.
func (w *Weights) Params() int64 {
	var n int64
	for _, t := range w.tensors {
		if size := int64(dataTypes[t.DType].Size()); size > 0 {
			n += t.Size() / size
		}
	}
	return n
}
