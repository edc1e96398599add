// Package drawn writes the checkpoints of fixtures/families, whose weights are drawn by a formula and not stored, for tests.
package drawn

import (
	"encoding/binary"
	"encoding/json"
	"hash/fnv"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"w2s/internal/list"
	"w2s/internal/safetensors"
	"w2s/internal/shareddata"
)

// An Adapter is a file of fixtures/families/adapters; adapters.py describes it.
type Adapter struct {
	Base    string
	Config  json.RawMessage
	Weights []Group
	// Reference is what torch computes with the base and the adapter.
	Reference json.RawMessage
	Scores    [][]float32 // of the labels for each text of the reference, if the adapter has the whole classification head
}

// A Checkpoint is a file of fixtures/families; make.py there describes it.
type Checkpoint struct {
	Config    json.RawMessage
	Weights   []Group
	Reference json.RawMessage
	Generated [][]int64
}

// A Group lists tensors of one file that are drawn alike: numbers between Center-Scale and Center+Scale.
type Group struct {
	File, DType   string
	Scale, Center float64
	Shapes        map[string][]int64
}

func root() string { return filepath.Join(shareddata.Root(), "fixtures", "families") }

// Names returns the names of all checkpoints in alphabetical order.
func Names(tb testing.TB) []string {
	tb.Helper()
	paths, err := filepath.Glob(filepath.Join(root(), "*.json"))
	if err != nil {
		tb.Fatal(err)
	}
	var names []string
	for _, p := range paths {
		if name := filepath.Base(p); name != "tokenizer.json" {
			names = append(names, name[:len(name)-len(".json")])
		}
	}
	if len(names) < 130 {
		tb.Fatalf("fixtures/families has only %d checkpoints", len(names))
	}
	return names
}

// Heads returns the names of the checkpoints with classification heads in alphabetical order.
func Heads(tb testing.TB) []string {
	tb.Helper()
	paths, err := filepath.Glob(filepath.Join(root(), "heads", "*.json"))
	if err != nil {
		tb.Fatal(err)
	}
	var names []string
	for _, p := range paths {
		names = append(names, "heads/"+strings.TrimSuffix(filepath.Base(p), ".json"))
	}
	if len(names) < 30 {
		tb.Fatalf("fixtures/families/heads has only %d checkpoints", len(names))
	}
	return names
}

// Read reads a checkpoint of fixtures/families.
func Read(tb testing.TB, name string) Checkpoint {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join(root(), name+".json"))
	if err != nil {
		tb.Fatal(err)
	}
	var c Checkpoint
	if err := json.Unmarshal(data, &c); err != nil {
		tb.Fatal(err)
	}
	return c
}

// Write writes a checkpoint to a temporary folder: config.json, the tokenizer, reference.json and the weights. It returns the
// folder.
func (c Checkpoint) Write(tb testing.TB) string {
	tb.Helper()
	dir := tb.TempDir()
	tokens, err := os.ReadFile(filepath.Join(root(), "tokenizer.json"))
	if err != nil {
		tb.Fatal(err)
	}
	index := writeWeights(tb, dir, c.Weights)
	write := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
			tb.Fatal(err)
		}
	}
	if files := slices.Compact(slices.Sorted(maps.Values(index))); len(files) > 1 {
		data, err := json.Marshal(map[string]any{"metadata": map[string]any{}, "weight_map": index})
		if err != nil {
			tb.Fatal(err)
		}
		write("model.safetensors.index.json", data)
	}
	write("config.json", c.Config)
	write("tokenizer.json", tokens)
	// Without a class, AutoTokenizer would take that of the model type, which may add tokens of its own.
	write("tokenizer_config.json", []byte(`{"tokenizer_class": "PreTrainedTokenizerFast"}`))
	write("reference.json", c.Reference)
	return dir
}

// writeWeights draws tensors and writes their files. It returns the file of each tensor.
func writeWeights(tb testing.TB, dir string, groups []Group) map[string]string {
	tb.Helper()
	tensors, index := map[string][]safetensors.Tensor{}, map[string]string{}
	for _, g := range groups {
		for _, name := range slices.Sorted(maps.Keys(g.Shapes)) {
			tensors[g.File] = append(tensors[g.File], g.tensor(name, g.Shapes[name]))
			index[name] = g.File
		}
	}
	for name, list := range tensors {
		f, err := os.Create(filepath.Join(dir, name))
		if err == nil {
			err = safetensors.Write(f, map[string]string{"format": "pt"}, list...)
		}
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	return index
}

// Adapters returns the names of all adapters in alphabetical order.
func Adapters(tb testing.TB) []string {
	tb.Helper()
	paths, err := filepath.Glob(filepath.Join(root(), "adapters", "*.json"))
	if err != nil || len(paths) < 21 {
		tb.Fatalf("fixtures/families/adapters has only %d adapters, %v", len(paths), err)
	}
	return list.Map(paths, func(path string) string { return strings.TrimSuffix(filepath.Base(path), ".json") })
}

// ReadAdapter reads an adapter of fixtures/families/adapters.
func ReadAdapter(tb testing.TB, name string) Adapter {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join(root(), "adapters", name+".json"))
	if err != nil {
		tb.Fatal(err)
	}
	var a Adapter
	if err := json.Unmarshal(data, &a); err != nil {
		tb.Fatal(err)
	}
	return a
}

// Write writes the adapter's files and the reference to a temporary folder, which it returns.
func (a Adapter) Write(tb testing.TB) string {
	tb.Helper()
	dir := tb.TempDir()
	writeWeights(tb, dir, a.Weights)
	for name, data := range map[string][]byte{"adapter_config.json": a.Config, "reference.json": a.Reference} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

// tensor draws a tensor as draw in docs/scripts/cases.py does: by SplitMix64 from the FNV-1a hash of the name.
func (g Group) tensor(name string, shape []int64) safetensors.Tensor {
	bits, n := 24, int64(1)
	switch {
	case g.DType == "F32":
	case g.Center != 0:
		bits = 4
	default:
		bits = 8
	}
	for _, d := range shape {
		n *= d
	}
	h := fnv.New64a()
	h.Write([]byte(name))
	state := h.Sum64()
	t := safetensors.Tensor{Name: name, DType: g.DType, Shape: shape}
	for range n {
		state += 0x9e3779b97f4a7c15
		z := (state ^ state>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		z ^= z >> 31
		v := float64(int64(z>>(64-bits))-int64(1)<<(bits-1))*g.Scale/math.Exp2(float64(bits-1)) + g.Center
		switch x := float32(v); g.DType {
		case "F32":
			t.Data = binary.LittleEndian.AppendUint32(t.Data, math.Float32bits(x))
		case "F16":
			t.Data = binary.LittleEndian.AppendUint16(t.Data, float16(x))
		case "BF16":
			t.Data = binary.LittleEndian.AppendUint16(t.Data, uint16(math.Float32bits(x)>>16))
		}
	}
	return t
}

// float16 converts a number that float16 represents exactly, and that is 0 or normal in it.
func float16(x float32) uint16 {
	b := math.Float32bits(x)
	if x == 0 {
		return uint16(b >> 16)
	}
	return uint16(b>>16&0x8000 | (b>>23&0xff-112)<<10 | b>>13&0x3ff)
}
