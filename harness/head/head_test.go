package head

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"w2s/harness/feature"
)

func TestStandardise(t *testing.T) {
	x := matrix([][]float64{{1, 5, 1000}, {3, 5, 1000}, {100, 6, 1001}, {5, 5, 1000}})
	s := Standardise(x, []int{0, 1, 3})
	want := &Scaling{Mean: []float64{3, 5, 1000}, SD: []float64{math.Sqrt(8.0 / 3), 1, 1}}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("got %+v, want %+v", s, want)
	}
	all := Standardise(x, nil)
	if math.Abs(all.Mean[0]-27.25) > 1e-12 || math.Abs(all.SD[2]-math.Sqrt(3.0/16)) > 1e-12 {
		t.Errorf("over all rows: %+v", all)
	}
}

// A head of scaled features predicts from raw ones what a head of features that were scaled before predicts.
func TestScalingIsPartOfTheHead(t *testing.T) {
	data, labels := problem(30, 90, 6, 3, false)
	for i := range data.X.Data {
		data.X.Data[i] = data.X.Data[i]*float32(1+i%6) + 3
	}
	scaling := Standardise(data.X, upTo(60))
	job := Job{Examples: upTo(60), Labels: labels[:60], Loss: XEnt{}, L2: 0.1}
	before := Data{X: scaling.apply(data.X), Classes: 3}
	plainHead := fit(t, before, Options{}, job)[0].Head
	data.Scaling = scaling
	scaled := fit(t, data, Options{}, job)[0].Head
	if d := furthest(plainHead.W, scaled.W); d != 0 {
		t.Errorf("weights differ by %v", d)
	}
	want, err := Predict(context.Background(), before, []*Head{plainHead}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Predict(context.Background(), data, []*Head{scaled}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for e := range want[0] {
		if d := furthest(want[0][e], got[0][e]); d > 1e-6 { // features before are rounded to float32
			t.Errorf("prediction %d differs by %v", e, d)
		}
	}
}

func TestPredict(t *testing.T) {
	x := matrix([][]float64{{1, 2}, {0, 1}, {3, 0}, {1, 1}, {2, 2}})
	rank := &Head{Dims: 2, W: []float64{0.5, -1}, B: []float64{0}}
	got, err := Predict(context.Background(), Data{X: x, Start: []int{0, 2, 5}}, []*Head{rank, rank}, []int{1, 0})
	if err != nil {
		t.Fatal(err)
	}
	scores := []float64{1.5, -0.5, -1}
	sum := 0.0
	for _, s := range scores {
		sum += math.Exp(s)
	}
	for _, head := range got {
		if len(head) != 2 || len(head[0]) != 3 || len(head[1]) != 2 {
			t.Fatalf("shapes of %v", head)
		}
		for k, s := range scores {
			if math.Abs(head[0][k]-math.Exp(s)/sum) > 1e-15 {
				t.Errorf("candidate %d: %v, want %v", k, head[0][k], math.Exp(s)/sum)
			}
		}
		if want := 1 / (1 + math.Exp(0.5)); math.Abs(head[1][0]-want) > 1e-15 { // scores -1.5 and -1
			t.Errorf("pair: %v, want %v", head[1][0], want)
		}
	}
	for want, test := range map[string]struct {
		data     Data
		head     *Head
		examples []int
	}{
		"for 2 dimensions and 0 classes, the data has 2 and 3": {Data{X: x, Classes: 3}, rank, nil},
		"example 2 is not in 0..1":                             {Data{X: x, Start: []int{0, 2, 5}}, rank, []int{0, 2}},
		"3 weights and 1 biases, want 2 and 1":                 {Data{X: x, Start: []int{0, 2, 5}}, &Head{Dims: 2, W: make([]float64, 3), B: make([]float64, 1)}, nil},
		"neither classes":                                      {Data{X: x}, rank, nil},
	} {
		if _, err := Predict(context.Background(), test.data, []*Head{test.head}, test.examples); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// someHeads are heads of every kind.
func someHeads(t *testing.T) (*feature.Matrix, []*Head) {
	rng := rand.New(rand.NewPCG(31, 1))
	x := &feature.Matrix{Rows: 12, Dims: 5, Data: make([]float32, 60)}
	for i := range x.Data {
		x.Data[i] = float32(10*rng.NormFloat64() + float64(i%5)*3)
	}
	var heads []*Head
	for _, classes := range []int{2, 4, 0} {
		for _, scaling := range []*Scaling{nil, Standardise(x, nil)} {
			h := &Head{Dims: 5, Classes: classes, Scaling: scaling, W: make([]float64, 5*max(1, classes)), B: make([]float64, max(1, classes))}
			for i := range h.W {
				h.W[i] = rng.NormFloat64()
			}
			for i := range h.B {
				h.B[i] = rng.NormFloat64()
			}
			heads = append(heads, h)
		}
	}
	return x, heads
}

func TestSaveAndLoad(t *testing.T) {
	_, heads := someHeads(t)
	metadata := map[string]string{"encoder": "ünï", "note": "a \"quoted\" line\n"}
	for i, h := range heads {
		file, err := h.Marshal(metadata)
		if err != nil {
			t.Fatal(err)
		}
		got, meta, err := Unmarshal(file)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, h) || !reflect.DeepEqual(meta, metadata) {
			t.Errorf("head %d comes back as %+v with %v", i, got, meta)
		}
		for cut := range file {
			if _, _, err := Unmarshal(file[:cut]); err == nil {
				t.Fatalf("head %d: the first %d of %d bytes are read as a head", i, cut, len(file))
			}
		}
		if _, _, err := Unmarshal(append(file, 0)); err == nil {
			t.Errorf("head %d: a byte too many is not noticed", i)
		}
	}
	if _, err := heads[0].Marshal(map[string]string{"w2s.head": "9"}); err == nil {
		t.Error("metadata may overwrite the format's own")
	}
	heads[0].W[3] = math.Inf(1)
	if _, err := heads[0].Marshal(nil); err == nil || !strings.Contains(err.Error(), "not finite") {
		t.Errorf("an infinite weight is saved: %v", err)
	}
	if _, err := heads[0].ONNX(); err == nil || !strings.Contains(err.Error(), "not finite") {
		t.Errorf("an infinite weight is exported: %v", err)
	}
	heads[0].W[3] = 1e300
	if _, err := heads[0].ONNX(); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("a weight beyond float32 is exported: %v", err)
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	w, b := tensor{[]int{5, 2}, make([]float64, 10)}, tensor{[]int{2}, make([]float64, 2)}
	meta := map[string]string{"w2s.head": formatVersion, "w2s.classes": "2"}
	for want, test := range map[string]struct {
		tensors  map[string]tensor
		metadata map[string]string
	}{
		"not of a head":           {map[string]tensor{"weight": w, "bias": b}, nil},
		`format version "7"`:      {map[string]tensor{"weight": w, "bias": b}, map[string]string{"w2s.head": "7"}},
		"number of classes":       {map[string]tensor{"weight": w, "bias": b}, map[string]string{"w2s.head": formatVersion}},
		"for 3 outputs":           {map[string]tensor{"weight": w, "bias": b}, map[string]string{"w2s.head": formatVersion, "w2s.classes": "3"}},
		"bias of shape []":        {map[string]tensor{"weight": w}, meta},
		"only one of mean and sd": {map[string]tensor{"weight": w, "bias": b, "mean": {[]int{5}, make([]float64, 5)}}, meta},
		"dimension 0 is 0":        {map[string]tensor{"weight": w, "bias": b, "mean": {[]int{5}, make([]float64, 5)}, "sd": {[]int{5}, make([]float64, 5)}}, meta},
		"scaling is for 4":        {map[string]tensor{"weight": w, "bias": b, "mean": {[]int{4}, make([]float64, 4)}, "sd": {[]int{4}, make([]float64, 4)}}, meta},
	} {
		file, err := marshalTensors(test.tensors, test.metadata)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := Unmarshal(file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

func FuzzUnmarshal(f *testing.F) {
	h := &Head{Dims: 2, Classes: 2, W: []float64{1, 2, 3, 4}, B: []float64{5, 6}, Scaling: &Scaling{[]float64{7, 8}, []float64{9, 10}}}
	file, err := h.Marshal(map[string]string{"a": "b"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Add([]byte("\x02\x00\x00\x00\x00\x00\x00\x00{}"))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff{}"))
	head := `{"__metadata__":{"w2s.head":"1","w2s.classes":"0"},"weight":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]},"bias":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`
	f.Add(append([]byte{byte(len(head)), 0, 0, 0, 0, 0, 0, 0}, head+"12345678"...))
	f.Fuzz(func(t *testing.T, file []byte) {
		h, meta, err := Unmarshal(file)
		if err != nil {
			return
		}
		again, err := h.Marshal(meta)
		if err != nil {
			t.Fatalf("what was read cannot be saved: %v", err)
		}
		got, gotMeta, err := Unmarshal(again)
		if err != nil || !reflect.DeepEqual(got, h) || len(gotMeta) != len(meta) {
			t.Errorf("%+v comes back as %+v, %v", h, got, err)
		}
	})
}

// python finds an interpreter that has the modules, or skips the test.
func python(t *testing.T, modules string) string {
	t.Helper()
	name := os.Getenv("W2S_PYTHON")
	if name == "" {
		name = "python3"
	}
	if out, err := exec.Command(name, "-c", "import "+modules).CombinedOutput(); err != nil {
		t.Skipf("needs Python with %s (set W2S_PYTHON to the interpreter): %v %s", modules, err, out)
	}
	return name
}

// Other programs read the files: safetensors' own library the weights, ONNX Runtime the exported model.
func TestPythonReadsHeads(t *testing.T) {
	python := python(t, "numpy, safetensors, onnx, onnxruntime")
	x, heads := someHeads(t)
	dir := t.TempDir()
	for i, h := range heads {
		file, err := h.Marshal(map[string]string{"kind": "test"})
		if err != nil {
			t.Fatal(err)
		}
		model, err := h.ONNX()
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, string(rune('0'+i)))
		for ext, data := range map[string][]byte{".safetensors": file, ".onnx": model} {
			if err := os.WriteFile(name+ext, data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	features, err := json.Marshal([]any{x.Rows, x.Dims, x.Data})
	if err != nil {
		t.Fatal(err)
	}
	const script = `
import json, sys
import numpy as np, onnx, onnxruntime
from safetensors import safe_open
rows, dims, data = json.loads(sys.argv[2])
x = np.array(data, np.float32).reshape(rows, dims)
out = []
for i in range(6):
    with safe_open(f"{sys.argv[1]}/{i}.safetensors", "np") as f:
        t = {k: f.get_tensor(k) for k in f.keys()}
        kind = f.metadata()["kind"]
    z = (x - t["mean"]) / t["sd"] if "mean" in t else x.astype(np.float64)
    path = f"{sys.argv[1]}/{i}.onnx"
    onnx.checker.check_model(path, full_check=True)
    run = onnxruntime.InferenceSession(path).run(["logits"], {"features": x})[0]
    out.append({"kind": kind, "numpy": (z @ t["weight"] + t["bias"]).tolist(), "onnx": run.tolist()})
print(json.dumps(out))
`
	text, err := exec.Command(python, "-c", script, dir, string(features)).Output()
	if err != nil {
		if exit, ok := err.(*exec.ExitError); ok {
			t.Fatalf("python: %s", exit.Stderr)
		}
		t.Fatal(err)
	}
	var got []struct {
		Kind  string
		Numpy [][]float64
		ONNX  [][]float64
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	for i, h := range heads {
		if got[i].Kind != "test" {
			t.Errorf("head %d: metadata %q", i, got[i].Kind)
		}
		for r := range x.Rows {
			want := make([]float64, h.Outputs())
			for k := range want {
				want[k] = h.B[k]
				for j, v := range x.Row(r) {
					f := float64(v)
					if h.Scaling != nil {
						f = (f - h.Scaling.Mean[j]) / h.Scaling.SD[j]
					}
					want[k] += f * h.W[j*len(want)+k]
				}
			}
			if d := furthest(want, got[i].Numpy[r]); d > 1e-12 {
				t.Errorf("head %d, row %d: numpy differs by %v", i, r, d)
			}
			if d := furthest(want, got[i].ONNX[r]); d > 2e-5 {
				t.Errorf("head %d, row %d: ONNX Runtime differs by %v", i, r, d)
			}
		}
	}
}
