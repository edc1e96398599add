package experiment

import (
	"math/rand/v2"
	"reflect"
	"testing"
)

// A bootstrap sample has as many units as there are, and draws the examples of one together.
func TestBootstrapWeights(t *testing.T) {
	groups := []string{"a", "b", "b", "c", "d", "e", "f", "b"}
	size := map[string]float64{"a": 1, "b": 3, "c": 1, "d": 1, "e": 1, "f": 1}
	rng := rand.New(rand.NewPCG(1, 2))
	var first []float64
	differ := false
	for range 50 {
		w := bootstrapWeights(groups, rng)
		units := 0.0
		for i, g := range groups {
			units += w[i] / size[g]
		}
		if units < 6-1e-9 || units > 6+1e-9 || w[1] != w[2] || w[1] != w[7] {
			t.Errorf("weights %v draw %v units of 6", w, units)
		}
		differ = differ || first != nil && !reflect.DeepEqual(w, first)
		first = w
	}
	if !differ {
		t.Error("all samples are the same")
	}
}
