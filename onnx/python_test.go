package onnx

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"w2s/internal/shareddata"
)

// python runs a script of testdata. It skips the test if Python or one of the modules is missing.
func python(tb testing.TB, modules, script string, stdin any, args ...string) []byte {
	tb.Helper()
	name := shareddata.Python(tb, modules)
	in, err := json.Marshal(stdin)
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(name, append([]string{filepath.Join("testdata", script)}, args...)...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &stderr
	out, err := cmd.Output()
	if err != nil {
		tb.Fatalf("%s: %v\n%s", script, err, stderr.String())
	}
	return out
}

// TestPublishedCheckpoints compares published checkpoints with Python's onnxruntime on texts of many kinds. No number may be off
// by more than 1e-5, although the largest numbers range from 0.6 (mpnet) to 49 (SmolLM2).
func TestPublishedCheckpoints(t *testing.T) {
	data, err := os.ReadFile(shareddata.Path(t, "reference", "texts.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	var texts []string
	for i := 0; i < len(all); i += max(1, len(all)/30) {
		texts = append(texts, all[i])
	}
	for _, name := range []string{"all-minilm-l6-v2", "e5-small-v2", "bge-small-en-v1.5", "all-minilm-l6-v2-q", "e5-small-v2-q", "bge-small-en-v1.5-q",
		"all-mpnet-base-v2", "smollm2-135m-instruct"} {
		t.Run(name, func(t *testing.T) {
			dir := testCheckpoint(t, name)
			const longest = 128
			var want [][]float32
			if err := json.Unmarshal(python(t, "numpy, onnxruntime, tokenizers", "features.py", texts, dir, strconv.Itoa(longest)), &want); err != nil {
				t.Fatal(err)
			}
			none := ""
			e := openTest(t, testRuntime(t), dir, Options{Pooling: PoolMean, MaxTokens: longest, Prefix: &none})
			if strings.HasSuffix(name, "-q") != e.Checkpoint().Quantised {
				t.Errorf("Quantised is %v", e.Checkpoint().Quantised)
			}
			for i, v := range encodeAll(t, e, texts) {
				if len(v.Values) != len(want[i]) {
					t.Fatalf("%d numbers, want %d", len(v.Values), len(want[i]))
				}
				for j, x := range v.Values {
					if d := math.Abs(float64(x) - float64(want[i][j])); !(d <= 1e-5) {
						t.Errorf("%q: number %d is off by %g", texts[i], j, d)
						break
					}
				}
			}
		})
	}
}
