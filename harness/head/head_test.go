package head

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"w2s/harness/feature"
	"w2s/harness/loss"
	"w2s/internal/safetensors"
	"w2s/internal/shareddata"
)

func TestStandardiseUsesGivenRows(t *testing.T) {
	x := matrix([][]float64{{1, 5, 1000}, {3, 5, 1000}, {100, 6, 1001}, {5, 5, 1000}})
	s := Standardise(x, []int{0, 1, 3})
	want := &Scaling{Mean: []float64{3, 5, 1000}, SD: []float64{math.Sqrt(8.0 / 3), 1, 1}}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("got %+v, want %+v", s, want)
	}
	all := Standardise(x, nil)
	if !(math.Abs(all.Mean[0]-27.25) <= 1e-12) || !(math.Abs(all.SD[2]-math.Sqrt(3.0/16)) <= 1e-12) {
		t.Errorf("over all rows: %+v", all)
	}
}

// A head with a scaling must predict from unscaled features what a head without one predicts from scaled features.
func TestScalingIsPartOfHead(t *testing.T) {
	data, labels := problem(30, 90, 6, 3, false)
	for i := range data.X.Data {
		data.X.Data[i] = data.X.Data[i]*float32(1+i%6) + 3
	}
	scaling := Standardise(data.X, upTo(60))
	job := Job{Examples: upTo(60), Labels: labels[:60], Loss: loss.XEnt{}, L2: 0.1}
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
		if d := furthest(want[0][e], got[0][e]); d > 1e-6 { // the scaled features are rounded to float32
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
			if !(math.Abs(head[0][k]-math.Exp(s)/sum) <= 1e-15) {
				t.Errorf("candidate %d: %v, want %v", k, head[0][k], math.Exp(s)/sum)
			}
		}
		if want := 1 / (1 + math.Exp(0.5)); !(math.Abs(head[1][0]-want) <= 1e-15) { // the scores are -1.5 and -1
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

// someHeads returns features and heads for two classes, four classes, candidates and evidence, each without and with a scaling.
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
			if classes == 4 {
				e := *h
				e.Evidence = true
				heads = append(heads, &e)
			}
		}
	}
	return x, heads
}

func TestSaveAndLoad(t *testing.T) {
	_, heads := someHeads(t)
	for _, classes := range []int{2, 3, 0} {
		n := 3 * max(1, classes)
		heads = append(heads, &Head{Dims: 2, Classes: classes, W: make([]float64, 2*n), B: make([]float64, n), Mix: []float64{0.5, 0.25, 0.25}})
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "a.safetensors")
	metadata := map[string]string{"encoder": "ünï", "note": "a \"quoted\" line\n"}
	for i, h := range heads {
		if err := h.Save(path, metadata); err != nil { // overwrites the previous one
			t.Fatal(err)
		}
		got, meta, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, h) || !reflect.DeepEqual(meta, metadata) {
			t.Errorf("head %d is read as %+v with %v", i, got, meta)
		}
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range file {
		if err := os.WriteFile(path, file[:cut], 0o644); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Load(path); err == nil {
			t.Fatalf("Load accepts the first %d of %d bytes", cut, len(file))
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("files left: %v, %v", entries, err)
	}
}

func TestSaveRejectsBadHeads(t *testing.T) {
	dir := t.TempDir()
	change := func(f func(*Head)) *Head {
		_, heads := someHeads(t)
		f(heads[1])
		return heads[1]
	}
	for want, h := range map[string]*Head{
		"not finite":             change(func(h *Head) { h.W[3] = math.Inf(1) }),
		"weight is not finite":   change(func(h *Head) { h.Scaling.Mean[0] = math.NaN() }),
		"of dimension 2 is 0":    change(func(h *Head) { h.Scaling.SD[2] = 0 }),
		"9 weights and 2 biases": change(func(h *Head) { h.W = h.W[:9] }),
		"scaling is for 4":       change(func(h *Head) { h.Scaling.Mean = h.Scaling.Mean[:4] }),
		"1 class":                change(func(h *Head) { h.Classes = 1 }),
	} {
		if err := h.Save(filepath.Join(dir, "x"), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("saving: error %v, want one with %q", err, want)
		}
		if _, err := h.ONNX(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("exporting: error %v, want one with %q", err, want)
		}
	}
	_, heads := someHeads(t)
	if err := heads[0].Save(filepath.Join(dir, "x"), map[string]string{versionKey: "9"}); err == nil || !strings.Contains(err.Error(), versionKey) {
		t.Errorf("Save of metadata that overwrites the keys of the format: %v", err)
	}
	if err := heads[0].Save(filepath.Join(dir, "no", "x"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("saving into a missing folder: %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("files left: %v, %v", entries, err)
	}
	heads[0].W[3] = 1e300
	if _, err := heads[0].ONNX(); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("exporting a weight that is too large for float32: %v", err)
	}
}

func writeTensors(tb testing.TB, path string, metadata map[string]string, tensors ...safetensors.Tensor) {
	tb.Helper()
	var b bytes.Buffer
	if err := safetensors.Write(&b, metadata, tensors...); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		tb.Fatal(err)
	}
}

func TestLoadRejectsBadFiles(t *testing.T) {
	zeros := func(name string, shape ...int64) safetensors.Tensor {
		n := int64(1)
		for _, d := range shape {
			n *= d
		}
		return safetensors.Float64Tensor(name, shape, make([]float64, n))
	}
	w, b := zeros("weight", 5, 2), zeros("bias", 2)
	meta := map[string]string{versionKey: formatVersion, classesKey: "2"}
	path := filepath.Join(t.TempDir(), "x")
	for want, test := range map[string]struct {
		metadata map[string]string
		tensors  []safetensors.Tensor
	}{
		"does not hold a head":    {nil, []safetensors.Tensor{w, b}},
		`format version "7"`:      {map[string]string{versionKey: "7"}, []safetensors.Tensor{w, b}},
		"number of classes":       {map[string]string{versionKey: formatVersion}, []safetensors.Tensor{w, b}},
		"fit 3 outputs":           {map[string]string{versionKey: formatVersion, classesKey: "3"}, []safetensors.Tensor{w, b}},
		"-1 classes":              {map[string]string{versionKey: formatVersion, classesKey: "-1"}, []safetensors.Tensor{zeros("weight", 5, 1), zeros("bias", 1)}},
		"bias of shape []":        {meta, []safetensors.Tensor{w}},
		"and 3 biases":            {meta, []safetensors.Tensor{w, zeros("bias", 3)}},
		"only one of the tensors": {meta, []safetensors.Tensor{w, b, zeros("mean", 5)}},
		"dimension 0 is 0":        {meta, []safetensors.Tensor{w, b, zeros("mean", 5), zeros("sd", 5)}},
		"scaling is for 4":        {meta, []safetensors.Tensor{w, b, zeros("mean", 4), zeros("sd", 4)}},
		"holds \"I64\"":           {meta, []safetensors.Tensor{w, safetensors.Int64Tensor("bias", []int64{2}, []int64{0, 0})}},
	} {
		writeTensors(t, path, test.metadata, test.tensors...)
		if _, _, err := Load(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	if _, _, err := Load(path + "y"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

// FuzzLoad checks that a head that Load accepts can be saved, and that Load then reads the same head.
func FuzzLoad(f *testing.F) {
	dir := f.TempDir()
	path := filepath.Join(dir, "seed")
	for _, h := range []*Head{
		{Dims: 2, Classes: 2, W: []float64{1, 2, 3, 4}, B: []float64{5, 6}, Scaling: &Scaling{[]float64{7, 8}, []float64{9, 10}}},
		{Dims: 1, W: []float64{1}, B: []float64{0}},
	} {
		if err := h.Save(path, map[string]string{"a": "b"}); err != nil {
			f.Fatal(err)
		}
		file, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(file)
	}
	writeTensors(f, path, map[string]string{versionKey: formatVersion, classesKey: "0"},
		safetensors.Float32Tensor("weight", []int64{1, 1}, []float32{1}), safetensors.Float32Tensor("bias", []int64{1}, []float32{2}))
	file, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Fuzz(func(t *testing.T, file []byte) {
		path := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(path, file, 0o644); err != nil {
			t.Fatal(err)
		}
		h, meta, err := Load(path)
		if err != nil {
			return
		}
		var saved bytes.Buffer // Save would wait for the disk
		if err := h.write(&saved, meta); err != nil {
			t.Fatalf("a head that was loaded cannot be saved: %v", err)
		}
		if err := os.WriteFile(path, saved.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		got, gotMeta, err := Load(path)
		if err != nil || !reflect.DeepEqual(got, h) || !reflect.DeepEqual(gotMeta, meta) {
			t.Errorf("%+v with %q is read as %+v with %q, %v", h, meta, got, gotMeta, err)
		}
	})
}

// The safetensors library reads the weights, and ONNX Runtime runs the exported model.
func TestPythonReadsSavedAndExportedHeads(t *testing.T) {
	python := shareddata.Python(t, "numpy, safetensors, onnx, onnxruntime")
	x, heads := someHeads(t)
	dir := t.TempDir()
	for i, h := range heads {
		name := filepath.Join(dir, strconv.Itoa(i))
		if err := h.Save(name+".safetensors", map[string]string{"kind": "test"}); err != nil {
			t.Fatal(err)
		}
		model, err := h.ONNX()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name+".onnx", model, 0o644); err != nil {
			t.Fatal(err)
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
for i in range(8):
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
			want = h.toLogits(want, len(want))
			if d := furthest(want, got[i].ONNX[r]); d > 2e-5 {
				t.Errorf("head %d, row %d: ONNX Runtime differs by %v", i, r, d)
			}
		}
	}
}
