package onnx

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMade(t *testing.T) {
	dirs, _ := filepath.Glob(filepath.Join(os.Getenv("W2S_MADE"), "*", "reference.json"))
	rt := testRuntime(t)
	for _, path := range dirs {
		dir := filepath.Dir(path)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			r, err := ReadReference(path)
			if err != nil {
				t.Fatal(err)
			}
			list, err := r.Compare(t.Context(), rt, dir, r.Options(Options{}))
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range list {
				t.Logf("%+v", c)
				if !(c.Largest < 1e-5) {
					t.Errorf("%+v", c)
				}
			}
		})
	}
}
