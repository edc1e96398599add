package onnxproto

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"w2s/internal/shareddata"
)

// TestAgreesWithPython compares what Open reads from exported models with what the Python package onnx read from them
// (fixtures/models/make.py, docs/scripts/reference.py).
func TestAgreesWithPython(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(shareddata.Root(), "fixtures", "models", "*", "model.onnx"))
	if err != nil || len(paths) < 10 {
		t.Fatalf("%d models in fixtures/models, want at least 10: %v", len(paths), err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(filepath.Join(filepath.Dir(path), "reference.json"))
		if err != nil {
			t.Fatal(err)
		}
		type value struct {
			Name, Type string
			Dims       []any
		}
		var ref struct {
			Model struct {
				IRVersion    int64 `json:"ir_version"`
				Opsets       map[string]int64
				Inputs       []value
				Outputs      []value
				Ops          map[string]int
				Params       int64
				Initializers int
			}
		}
		if err := json.Unmarshal(data, &ref); err != nil {
			t.Fatal(err)
		}
		f := open(t, path)
		want, name := ref.Model, filepath.Base(filepath.Dir(path))
		if f.IRVersion != want.IRVersion || !reflect.DeepEqual(f.Opsets, want.Opsets) || f.Params != want.Params {
			t.Errorf("%s: version %d, operator sets %v, %d parameters; want %d, %v, %d", name, f.IRVersion, f.Opsets, f.Params,
				want.IRVersion, want.Opsets, want.Params)
		}
		if !reflect.DeepEqual(f.Ops, want.Ops) {
			t.Errorf("%s: operators %v, want %v", name, f.Ops, want.Ops)
		}
		text := func(v value) string { return fmt.Sprint(v.Name, " ", v.Type, " ", v.Dims) }
		for _, io := range []struct {
			got  []Value
			want []value
		}{{f.Inputs, want.Inputs}, {f.Outputs, want.Outputs}} {
			if len(io.got) != len(io.want) {
				t.Errorf("%s: %v, want %v", name, io.got, io.want)
				continue
			}
			for i, v := range io.got {
				if got := fmt.Sprint(v.Name, " ", v.Type, " ", v.Dims); got != text(io.want[i]) {
					t.Errorf("%s: got %s, want %s", name, got, text(io.want[i]))
				}
			}
		}
		constants := 0
		for _, c := range f.Initializers {
			if c.Name != "" {
				constants++
			}
		}
		if nodes := constants - want.Initializers; nodes < 0 || nodes > want.Ops["Constant"] {
			t.Errorf("%s: %d constants, want %d initializers and at most %d Constant nodes", name, constants, want.Initializers, want.Ops["Constant"])
		}
	}
}
