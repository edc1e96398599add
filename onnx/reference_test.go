package onnx

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// reference is what Python computed for a checkpoint (docs/scripts/reference.py).
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
	Features map[string]map[Pooling][][]float32 // by output and pooling
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
	return r
}

func TestLargeCheckpoints(t *testing.T) {
	for _, name := range []string{"all-mpnet-base-v2", "smollm2-135m-instruct"} {
		t.Run(name, func(t *testing.T) {
			dir := testCheckpoint(t, name)
			checkReference(t, testRuntime(t), dir)
		})
	}
}

// checkReference compares every output and pooling of the reference with our own vectors.
func checkReference(t *testing.T, rt *Runtime, dir string) {
	ref := readReference(t, dir)
	c, err := ReadCheckpoint(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if c.Output != ref.Default.Output || c.Pooling != ref.Default.Pooling {
		t.Errorf("description has output %s, pooling %s; want %s, %s", c.Output, c.Pooling, ref.Default.Output, ref.Default.Pooling)
	}
	for output, byPooling := range ref.Features {
		for pooling, want := range byPooling {
			e := openTest(t, rt, dir, Options{Output: output, Pooling: pooling, MaxTokens: ref.MaxTokens, Prefix: &ref.Prefix})
			for i, v := range encodeAll(t, e, ref.Texts) {
				if v.Truncated != ref.Truncated[i] || v.Tokens != len(ref.TokenIDs[i]) {
					t.Errorf("%s: text %d: %d tokens, truncated %v; want %d, %v", output, i, v.Tokens, v.Truncated, len(ref.TokenIDs[i]), ref.Truncated[i])
				}
				if d := distance(v.Values, want[i]); d > 1e-5 {
					t.Errorf("%s %s: text %d %q is off by %g", output, pooling, i, ref.Texts[i], d)
				}
			}
		}
	}
}

// distance is the largest difference between two vectors, relative to the larger of 1 and the largest value.
func distance(a, b []float32) float64 {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	var worst, size float64
	for i := range a {
		worst = max(worst, math.Abs(float64(a[i])-float64(b[i])))
		size = max(size, math.Abs(float64(b[i])))
	}
	return worst / max(1, size)
}
