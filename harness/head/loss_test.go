package head

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"w2s/internal/shareddata"
)

// readReference reads a JSON file of reference values, made with PyTorch and SciPy.
func readReference(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile(shareddata.Path(t, "reference", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

// referenceLoss builds the loss of a reference case.
func referenceLoss(t *testing.T, name string, params map[string]float64, warmup float64) Loss {
	t.Helper()
	text := name
	settings := map[string][]string{"confidence": {"alpha"}, "logconf": {"alpha"}, "entropy": {"alpha"},
		"product": {"alpha", "beta"}, "window": {"radius"}}
	for _, key := range settings[name] {
		if v, ok := params[key]; ok {
			text += fmt.Sprintf(":%s=%v", key, v)
		}
	}
	if name == "logconf" || name == "entropy" {
		text += fmt.Sprintf(":warmup=%v", warmup)
	}
	loss, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return loss
}

func TestLossesAgainstPyTorch(t *testing.T) {
	var cases []struct {
		Loss           string
		Params         map[string]float64
		Logits, Labels [][]float64
		Value          float64
		Gradient       [][]float64
	}
	readReference(t, "losses.json", &cases)
	seen := map[string]bool{}
	for i, c := range cases {
		progress, warmup := 1.0, 0.1
		if v, ok := c.Params["progress"]; ok {
			progress = v
		}
		if v, ok := c.Params["warmup"]; ok {
			warmup = v
		}
		loss := referenceLoss(t, c.Loss, c.Params, warmup)
		value, grad, err := Evaluate(loss, len(c.Logits[0]), c.Logits, c.Labels, progress)
		if err != nil {
			t.Fatalf("case %d: %v", i, err)
		}
		if math.Abs(value-c.Value) > 1e-12*max(1, math.Abs(c.Value)) {
			t.Errorf("case %d %s %v: value %v, want %v", i, c.Loss, c.Params, value, c.Value)
		}
		for r := range grad {
			for k := range grad[r] {
				if math.Abs(grad[r][k]-c.Gradient[r][k]) > 1e-12 {
					t.Errorf("case %d %s %v: gradient[%d][%d] %v, want %v", i, c.Loss, c.Params, r, k, grad[r][k], c.Gradient[r][k])
				}
			}
		}
		seen[c.Loss] = true
	}
	if len(seen) != 7 {
		t.Errorf("only %d losses have reference values", len(seen))
	}
}

func random(rng *rand.Rand, rows int, size func() int, scale float64) (logits, labels [][]float64) {
	for range rows {
		n := size()
		z, l := make([]float64, n), make([]float64, n)
		for k := range z {
			z[k], l[k] = scale*rng.NormFloat64(), 2*rng.NormFloat64()
		}
		logSoftmax(l, make([]float64, n), l)
		logits, labels = append(logits, z), append(labels, l)
	}
	return logits, labels
}
