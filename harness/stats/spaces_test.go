package stats

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// Spaces are those that NumPy and SciPy compute with singular values, principal angles and inverse matrices; see testdata/spaces.py.
func TestSpacesEqualReference(t *testing.T) {
	var cases []struct {
		Weak, Strong   [][]float64
		WeakDims       int `json:"weak_dims"`
		StrongDims     int `json:"strong_dims"`
		Shared, Beyond float64
	}
	data, err := os.ReadFile("testdata/spaces.json")
	if err == nil {
		err = json.Unmarshal(data, &cases)
	}
	if err != nil {
		t.Fatal(err)
	}
	space := func(rows [][]float64) *Space {
		s, err := NewSpace(mat.NewDense(len(rows), len(rows[0]), slices.Concat(rows...)))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for i, c := range cases {
		weak, strong := space(c.Weak), space(c.Strong)
		shared, errShared := weak.Shared(strong)
		beyond, errBeyond := strong.Beyond(weak)
		if errShared != nil || errBeyond != nil {
			t.Fatal(errShared, errBeyond)
		}
		if weak.Dims != c.WeakDims || strong.Dims != c.StrongDims || math.Abs(shared-c.Shared) > 1e-6 || math.Abs(beyond-c.Beyond) > 1e-6 {
			t.Errorf("case %d: %d and %d dimensions, shared %v, beyond %v, want %d, %d, %v, %v", i, weak.Dims, strong.Dims, shared, beyond, c.WeakDims, c.StrongDims, c.Shared, c.Beyond)
		}
		if own, _ := weak.Shared(weak); math.Abs(own-float64(weak.Dims)) > 1e-9 {
			t.Errorf("case %d: a space of %d dimensions shares %v with itself", i, weak.Dims, own)
		}
	}
	if _, err := NewSpace(mat.NewDense(3, 2, nil)); err == nil {
		t.Error("features that are 0 have a space")
	}
	if _, err := space(cases[0].Weak).Shared(space(cases[1].Weak)); err == nil {
		t.Error("spaces of other rows are compared")
	}
}
