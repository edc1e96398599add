package onnx

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"w2s/internal/onnxproto"
	"w2s/internal/shareddata"
)

// A reference is what Python computed for a checkpoint (docs/scripts/reference.py).
type reference struct {
	Texts     []string
	Prefix    string
	MaxTokens int       `json:"max_tokens"`
	TokenIDs  [][]int64 `json:"token_ids"`
	Truncated []bool
	Default   struct {
		Output  string
		Pooling Pooling
	}
	Tolerance float64                            // the error that the type of the weights explains; 0 means 1e-5
	Features  map[string]map[Pooling][][]float32 // by output and pooling
}

func readReference(tb testing.TB, dir string) reference {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "reference.json"))
	if err != nil {
		tb.Fatal(err)
	}
	var r reference
	if err := json.Unmarshal(data, &r); err != nil {
		tb.Fatal(err)
	}
	if len(r.Texts) == 0 || len(r.Features) == 0 || len(r.TokenIDs) != len(r.Texts) || len(r.Truncated) != len(r.Texts) {
		tb.Fatalf("%s: the reference is not whole", dir)
	}
	return r
}

// TestExports compares every checkpoint that docs/scripts/families.py or export_known.py made with PyTorch. Folders without an ONNX
// file are compared as checkLayers does.
func TestExports(t *testing.T) {
	var found []string
	for _, root := range checkpointFolders(t) {
		dirs, err := filepath.Glob(filepath.Join(root, "*", "reference.json"))
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, dirs...)
	}
	if len(found) == 0 {
		t.Skip("optional: needs a folder of W2S_CHECKPOINTS with checkpoints that have a reference.json (docs/scripts/families.py)")
	}
	for _, path := range found {
		dir := filepath.Dir(path)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			if len(modelFiles(dir)) == 0 {
				checkLayers(t, testRuntime(t), dir)
			} else {
				checkReference(t, testRuntime(t), dir)
			}
		})
	}
}

// TestFamilies compares tiny models of every family, as usual exporters write them, with PyTorch.
func TestFamilies(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join(shareddata.Root(), "fixtures", "models", "*", "model.onnx"))
	if err != nil || len(dirs) < 15 {
		t.Fatalf("%d models in fixtures/models: %v", len(dirs), err)
	}
	rt := testRuntime(t)
	for _, model := range dirs {
		dir := filepath.Dir(model)
		t.Run(filepath.Base(dir), func(t *testing.T) { checkReference(t, rt, dir) })
	}
}

// checkReference compares the vectors of an encoder with every output and pooling of the reference.
func checkReference(t *testing.T, rt *Runtime, dir string) {
	ref := readReference(t, dir)
	c := mustRead(t, dir, Options{})
	if ref.Default.Output == "logits" {
		ref.Default.Output = lastHidden // from which the logits are computed
	}
	if c.Output != ref.Default.Output || c.Pooling != ref.Default.Pooling {
		t.Errorf("description has output %s, pooling %s; want %s, %s", c.Output, c.Pooling, ref.Default.Output, ref.Default.Pooling)
	}
	if c.MaxTokens != ref.MaxTokens || c.Prefix != ref.Prefix {
		t.Errorf("description has %d tokens, prefix %q; want %d, %q", c.MaxTokens, c.Prefix, ref.MaxTokens, ref.Prefix)
	}
	saturated := 0 // vectors that are wrong because 8-bit products saturate
	for output, byPooling := range ref.Features {
		for pooling, want := range byPooling {
			e := openTest(t, rt, dir, Options{Output: output, Pooling: pooling})
			var texts []string
			var index []int
			for i, text := range ref.Texts {
				if want[i] != nil {
					texts, index = append(texts, text), append(index, i)
				} else if err := e.Encode(t.Context(), []string{text}, nil); !errors.Is(err, errNoTokens) {
					t.Errorf("%s: a text without tokens gives error %v", output, err)
				}
			}
			for j, v := range encodeAll(t, e, texts) {
				i := index[j]
				if v.Truncated != ref.Truncated[i] || v.Tokens != len(ref.TokenIDs[i]) {
					t.Errorf("%s: text %d: %d tokens, truncated %v; want %d, %v", output, i, v.Tokens, v.Truncated, len(ref.TokenIDs[i]), ref.Truncated[i])
				}
				if d := distance(v.Values, want[i]); d > max(1e-5, ref.Tolerance) && c.Quantised && saturates(t, rt) {
					saturated++
				} else if d > max(1e-5, ref.Tolerance) {
					t.Errorf("%s %s: text %d %q is off by %g", output, pooling, i, ref.Texts[i], d)
				}
			}
		}
	}
	if saturated > 0 {
		t.Skipf("optional: needs a processor whose 8-bit products are exact (VNNI): %d vectors of this quantised model are off", saturated)
	}
}

// saturates reports whether the runtime cuts sums of 8-bit products to 16 bits, as on x86 processors without VNNI. Vectors of
// quantised models are then far from the reference.
func saturates(t *testing.T, rt *Runtime) bool {
	t.Helper()
	const width = 16
	dir := copyFixture(t, "bert-tiny")
	model(t, dir, func(m *onnxproto.Model) {
		m.Outputs[0].Dims[2].Size = width
		number := func(name string, v float32) onnxproto.Tensor { return onnxproto.Float32Tensor(name, nil, []float32{v}) }
		node := func(op, out string, in ...string) onnxproto.Node {
			return onnxproto.Node{Op: op, Inputs: in, Outputs: []string{out}}
		}
		cast := func(out, in string, to onnxproto.DataType) onnxproto.Node {
			n := node("Cast", out, in)
			n.Attrs = []onnxproto.Attr{onnxproto.Int("to", int64(to))}
			return n
		}
		m.Initializers = append(m.Initializers, number("nothing", 0), number("most", 255), onnxproto.Float32Tensor("ones", []int64{1, width}, slices.Repeat([]float32{1}, width)),
			onnxproto.Tensor{Name: "weights", Type: onnxproto.Int8, Dims: []int64{width, width}, Data: bytes.Repeat([]byte{127}, width*width)})
		m.Nodes = append(m.Nodes[:1:1], node("Mul", "zero", "floats", "nothing"), node("Add", "full", "zero", "most"), node("Unsqueeze", "column", "full", "axis"),
			node("MatMul", "row", "column", "ones"), cast("bytes", "row", onnxproto.Uint8), node("MatMulInteger", "sums", "bytes", "weights"),
			cast("last_hidden_state", "sums", onnxproto.Float32))
	})
	return encodeAll(t, openTest(t, rt, dir, Options{Pooling: PoolMean}), []string{"one"})[0].Values[0] != width*255*127
}

// distance returns the largest difference between two vectors, divided by the larger of 1 and the largest absolute value of b.
// It returns +Inf if the lengths differ or a number is NaN.
func distance(a, b []float32) float64 {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	var worst, size float64
	for i := range a {
		worst = max(worst, math.Abs(float64(a[i])-float64(b[i])))
		size = max(size, math.Abs(float64(b[i])))
	}
	if d := worst / max(1, size); !math.IsNaN(d) {
		return d
	}
	return math.Inf(1)
}
