package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"w2s/harness/head"
)

// writeProblem writes a problem in the form of bench.py.
func writeProblem(t *testing.T, rows, dims, heads int) string {
	t.Helper()
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(1, 2))
	var features, labels []byte
	x := make([]float64, rows*dims)
	for i := range x {
		x[i] = rng.NormFloat64()
		features = binary.LittleEndian.AppendUint32(features, math.Float32bits(float32(x[i])))
	}
	l2 := make([]float64, heads)
	for h := range heads {
		l2[h] = 0.01 * float64(1+h%4)
		for i := range rows {
			z := rng.NormFloat64()
			for j := range 5 {
				z += x[i*dims+(j+h)%dims]
			}
			labels = append(labels, map[bool]byte{true: 1}[z > 0])
		}
	}
	shape, err := json.Marshal(map[string]any{"rows": rows, "dims": dims, "heads": heads, "l2": l2})
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"shape.json": shape, "features.f32": features, "labels.u8": labels} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func train(t *testing.T, dir string, args ...string) (lines []line, weights []float64) {
	t.Helper()
	var out bytes.Buffer
	if err := run(&out, append([]string{"-dir", dir}, args...)); err != nil {
		t.Fatal(err)
	}
	for text := range strings.Lines(out.String()) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	data, err := os.ReadFile(filepath.Join(dir, "weights.f64"))
	if err != nil {
		t.Fatal(err)
	}
	for ; len(data) > 0; data = data[8:] {
		weights = append(weights, math.Float64frombits(binary.LittleEndian.Uint64(data)))
	}
	return lines, weights
}

// A head is bit for bit the same alone and together with others, and close to the head that is trained in float64.
func TestHeads(t *testing.T) {
	const rows, dims, heads = 3000, 50, 70
	dir := writeProblem(t, rows, dims, heads)
	for _, optimiser := range []string{"lbfgs", "adam"} {
		args := []string{"-optimiser", optimiser, "-steps", "20", "-heads"}
		_, exact := train(t, dir, append(append([]string{"-float64"}, args...), strconv.Itoa(heads))...)
		lines, together := train(t, dir, append(args, strconv.Itoa(heads), "-repeats", "2")...)
		if len(lines) != 2 || optimiser == "lbfgs" && lines[1].Status[head.Converged] != heads {
			t.Errorf("%s: %+v", optimiser, lines)
		}
		worst := 0.0
		for i, w := range together {
			worst = max(worst, math.Abs(w-exact[i]))
		}
		if !(worst > 0 && worst <= 1e-3) || len(together) != len(exact) || len(exact) != heads*(dims+1) {
			t.Errorf("%s: %d weights differ from the %d float64 weights by up to %v, want %d that differ by more than 0 and at most 1e-3",
				optimiser, len(together), len(exact), worst, heads*(dims+1))
		}
		for _, n := range []int{1, 33} {
			_, fewer := train(t, dir, append(args, strconv.Itoa(n))...)
			for i, w := range fewer {
				if w != together[i] {
					t.Fatalf("%s: weight %d of head %d is %v with %d heads and %v with %d", optimiser, i%(dims+1), i/(dims+1), w, n, together[i], heads)
				}
			}
		}
	}
}

func TestRunRefuses(t *testing.T) {
	dir := writeProblem(t, 3, 2, 2)
	for want, args := range map[string][]string{
		"fewer than 3 heads":        {"-dir", dir, "-heads", "3"},
		"is not lbfgs or adam":      {"-dir", dir, "-optimiser", "sgd"},
		"shape.json":                {"-dir", filepath.Join(dir, "none")},
		"flag provided but not def": {"-speed"},
	} {
		if err := run(&bytes.Buffer{}, args); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: error %v, want one with %q", args, err, want)
		}
	}
}
