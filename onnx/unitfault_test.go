package onnx

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"unsafe"

	ort "github.com/yalue/onnxruntime_go"

	"w2s/internal/kernels"
)

// A faultyUnit is a tile unit whose methods tests replace, and that remembers the operators it made.
type faultyUnit struct {
	layerUnit
	newMatrix func(kernels.Layer) (*kernels.Matrix, error)
	newOps    func(library string, options unsafe.Pointer, matrices []*kernels.Matrix) (*kernels.Ops, error)
	ops       []*kernels.Ops
}

func (u *faultyUnit) NewMatrix(l kernels.Layer) (*kernels.Matrix, error) {
	if u.newMatrix != nil {
		return u.newMatrix(l)
	}
	return u.layerUnit.NewMatrix(l)
}

func (u *faultyUnit) NewOps(library string, options unsafe.Pointer, matrices []*kernels.Matrix) (*kernels.Ops, error) {
	newOps := u.layerUnit.NewOps
	if u.newOps != nil {
		newOps = u.newOps
	}
	ops, err := newOps(library, options, matrices)
	if err == nil {
		u.ops = append(u.ops, ops)
	}
	return ops, err
}

// fail makes all operators fail from now on.
func (u *faultyUnit) fail() {
	for _, o := range u.ops {
		o.Limit(0)
	}
}

// unitFaults are the faults of a tile unit while a model is loaded, each with a part of the warning.
var unitFaults = []struct {
	name string
	want string
	set  func(t *testing.T, u *faultyUnit)
}{
	{"a matrix is not laid out", "the matrix is out of reach", func(t *testing.T, u *faultyUnit) {
		n := 0
		u.newMatrix = func(l kernels.Layer) (*kernels.Matrix, error) {
			if n++; n == 3 { // the first two must be freed
				return nil, errors.New("the matrix is out of reach")
			}
			return u.layerUnit.NewMatrix(l)
		}
	}},
	{"the library is not there", "none.so", func(t *testing.T, u *faultyUnit) {
		path := filepath.Join(t.TempDir(), "none.so")
		u.newOps = func(_ string, options unsafe.Pointer, matrices []*kernels.Matrix) (*kernels.Ops, error) {
			return u.layerUnit.NewOps(path, options, matrices)
		}
	}},
	{"the library is another one", "libm.so.6", func(t *testing.T, u *faultyUnit) {
		u.newOps = func(_ string, options unsafe.Pointer, matrices []*kernels.Matrix) (*kernels.Ops, error) {
			return u.layerUnit.NewOps("libm.so.6", options, matrices)
		}
	}},
	{"the runtime does not know the operators", "Linear", func(t *testing.T, u *faultyUnit) {
		u.newOps = func(library string, _ unsafe.Pointer, matrices []*kernels.Matrix) (*kernels.Ops, error) {
			others, err := ort.NewSessionOptions()
			if err != nil {
				return nil, err
			}
			defer others.Destroy()
			options, err := nativeOptions(others)
			if err != nil {
				return nil, err
			}
			return u.layerUnit.NewOps(library, options, matrices)
		}
	}},
	{"the runtime refuses an operator", "there is no matrix with its index", func(t *testing.T, u *faultyUnit) {
		u.newOps = func(library string, options unsafe.Pointer, matrices []*kernels.Matrix) (*kernels.Ops, error) {
			for _, m := range matrices {
				m.Free()
			}
			return u.layerUnit.NewOps(library, options, nil)
		}
	}},
	{"the first batch fails", "not enough memory", func(t *testing.T, u *faultyUnit) {
		u.newOps = func(library string, options unsafe.Pointer, matrices []*kernels.Matrix) (*kernels.Ops, error) {
			ops, err := u.layerUnit.NewOps(library, options, matrices)
			if err == nil {
				ops.Limit(0)
			}
			return ops, err
		}
	}},
}

// faultTexts returns texts of many lengths, so that there are many batches.
func faultTexts() (texts []string) {
	words := strings.Fields("one two three bank river said castle the same word again and line")
	for i := range 96 {
		var list []string
		for j := range 1 + i%12 {
			list = append(list, words[(i*7+j*j)%len(words)])
		}
		texts = append(texts, fmt.Sprint(strings.Join(list, " "), " ", i))
	}
	return texts
}

// sameVectors reports the first text whose vector is not among the given ones, to the last bit.
func sameVectors(t *testing.T, got []encoded, allowed ...[]encoded) {
	t.Helper()
	for i, v := range got {
		if !slices.ContainsFunc(allowed, func(a []encoded) bool { return slices.Equal(a[i].Values, v.Values) }) {
			t.Fatalf("text %d has another vector", i)
		}
	}
}

// oneWarning checks that the encoder has one warning, with the cause and the flag that avoids it.
func oneWarning(t *testing.T, e *Encoder, cause string) {
	t.Helper()
	w := e.Warnings()
	if len(w) != 1 || !strings.Contains(w[0], cause) || !strings.Contains(w[0], "--runtime-only") || strings.Contains(w[0], "\n") {
		t.Errorf("warnings %q, want one with %q and --runtime-only", w, cause)
	}
	if e.loading.session.onUnit() {
		t.Error("the tile unit is still in use")
	}
}

// TestUnitFaults checks that an encoder whose tile unit fails has the vectors of the runtime's own kernels and one warning, and
// the key of any other.
func TestUnitFaults(t *testing.T) {
	rt, dir, texts := testRuntime(t), fixtureDir("bert-tiny"), faultTexts()
	plain := openTest(t, rt, dir, Options{RuntimeOnly: true})
	want := encodeAll(t, plain, texts)
	for _, fault := range unitFaults {
		t.Run(fault.name, func(t *testing.T) {
			unit := &faultyUnit{layerUnit: emulated(t)}
			fault.set(t, unit)
			e := openTest(t, rt, dir, Options{unit: unit, Threads: 3})
			if w := e.Warnings(); w != nil {
				t.Errorf("warnings %q before the first text", w)
			}
			for range 2 {
				sameVectors(t, encodeAll(t, e, texts), want)
				oneWarning(t, e, fault.want)
			}
			if usual := openTest(t, rt, dir, Options{}); e.Key() != usual.Key() || e.Key() == plain.Key() {
				t.Errorf("key %s, want %s and not %s", e.Key(), usual.Key(), plain.Key())
			}
		})
	}
}

// encodeWith encodes texts and calls f after each.
func encodeWith(ctx context.Context, e *Encoder, texts []string, f func()) ([]encoded, error) {
	got := make([]encoded, len(texts))
	err := e.Encode(ctx, texts, func(index int, vector []float32, tokens int, truncated bool) error {
		got[index] = encoded{slices.Clone(vector), tokens, truncated}
		f()
		return nil
	})
	return got, err
}

// TestUnitFailsLater checks that an encoder whose tile unit fails after some batches, while several goroutines encode, repeats
// these batches and goes on without it.
func TestUnitFailsLater(t *testing.T) {
	rt, dir, texts := testRuntime(t), fixtureDir("bert-tiny"), faultTexts()
	unit := &faultyUnit{layerUnit: emulated(t)}
	plain := encodeAll(t, openTest(t, rt, dir, Options{RuntimeOnly: true}), texts)
	tiles := encodeAll(t, openTest(t, rt, dir, Options{unit: unit.layerUnit}), texts)
	e := openTest(t, rt, dir, Options{unit: unit, Threads: 4})
	sameVectors(t, encodeAll(t, e, texts[:1]), tiles[:1])
	var group sync.WaitGroup
	var once sync.Once
	for range 4 {
		group.Go(func() {
			n := 0
			got, err := encodeWith(context.Background(), e, texts, func() {
				if n++; n == 30 {
					once.Do(unit.fail)
				}
			})
			if err != nil {
				t.Error(err)
				return
			}
			for i, v := range got {
				if !slices.Equal(v.Values, plain[i].Values) && !slices.Equal(v.Values, tiles[i].Values) {
					t.Errorf("text %d has another vector", i)
					return
				}
			}
		})
	}
	group.Wait()
	oneWarning(t, e, "not enough memory")
	sameVectors(t, encodeAll(t, e, texts), plain)
}

// TestUnitIsNotBlamed checks that there is no warning about the tile unit if the runtime's own kernels fail as well.
func TestUnitIsNotBlamed(t *testing.T) {
	rt, dir := testRuntime(t), fixtureDir("bert-tiny")
	e := openTest(t, rt, dir, Options{unit: emulated(t)})
	e.checkpoint.MaxTokens = 1000
	long := strings.Repeat("word ", 500) // the model has 64 positions
	err := e.Encode(t.Context(), []string{long}, ignore)
	if err == nil || !strings.Contains(err.Error(), "max_tokens") || strings.Contains(err.Error(), "tile unit") {
		t.Errorf("error %v, want one about the length of the text", err)
	}
	if w := e.Warnings(); w != nil {
		t.Errorf("warnings %q", w)
	}
	encodeAll(t, e, []string{"short"})
}

// TestModelIsGone checks that an encoder whose tile unit fails says so if the model cannot be loaded again.
func TestModelIsGone(t *testing.T) {
	rt, dir := testRuntime(t), t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(fixtureDir("bert-tiny"))); err != nil {
		t.Fatal(err)
	}
	unit := &faultyUnit{layerUnit: emulated(t)}
	e := openTest(t, rt, dir, Options{unit: unit})
	encodeAll(t, e, []string{"one"})
	if err := os.Remove(filepath.Join(dir, "model.onnx")); err != nil {
		t.Fatal(err)
	}
	unit.fail()
	for range 2 {
		err := e.Encode(t.Context(), []string{"one", "two"}, ignore)
		if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "not enough memory") {
			t.Errorf("error %v, want one with both causes", err)
		}
	}
}

// TestUnitFailsAtTheEnd checks that a call whose context ends while the tile unit fails ends too, and that the encoder can be
// closed and used.
func TestUnitFailsAtTheEnd(t *testing.T) {
	rt, dir, texts := testRuntime(t), fixtureDir("bert-tiny"), faultTexts()
	plain := encodeAll(t, openTest(t, rt, dir, Options{RuntimeOnly: true}), texts)
	for i := range 8 {
		unit := &faultyUnit{layerUnit: emulated(t)}
		e, err := Open(t.Context(), rt, dir, Options{unit: unit, Threads: 4})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		if _, err := encodeWith(ctx, e, texts, func() {
			switch n++; n {
			case 10:
				unit.fail()
			case 12 + 5*i:
				cancel()
			}
		}); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		cancel()
		if i%2 == 0 {
			got, err := encodeWith(t.Context(), e, texts, func() {})
			if err != nil {
				t.Fatal(err)
			}
			sameVectors(t, got, plain)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestGeneratorHasNoTiles checks that causal models never use the tile unit, neither to write nor to encode.
func TestGeneratorHasNoTiles(t *testing.T) {
	rt, dir := testRuntime(t), fixtureDir("llama-tiny")
	unit := &faultyUnit{newMatrix: func(kernels.Layer) (*kernels.Matrix, error) {
		t.Error("a matrix is made")
		return nil, errors.New("none")
	},
		newOps: func(string, unsafe.Pointer, []*kernels.Matrix) (*kernels.Ops, error) {
			t.Error("operators are made")
			return nil, errors.New("none")
		}}
	g, err := OpenGenerator(t.Context(), rt, dir, Options{unit: unit})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if _, err := g.Greedy(t.Context(), "one two", GreedyOptions{MaxTokens: 3}); err != nil {
		t.Error(err)
	}
	e := openTest(t, rt, dir, Options{unit: unit})
	encodeAll(t, e, []string{"one two"})
	if w := append(runWarnings(e), g.session.warnings()...); len(w) > 0 {
		t.Errorf("warnings %q", w)
	}
}

// TestUnitInSpeed checks that a measurement names the kernels that computed, and repeats the warning.
func TestUnitInSpeed(t *testing.T) {
	rt, dir := testRuntime(t), fixtureDir("bert-tiny")
	unit := &faultyUnit{layerUnit: emulated(t)}
	e := openTest(t, rt, dir, Options{unit: unit})
	for _, on := range []bool{true, false} {
		s, err := MeasureSpeed(t.Context(), e, []string{"one", "two"})
		if err != nil || s.Kernels != map[bool]string{true: "tile unit (AMX)", false: "runtime"}[on] || (len(s.Warnings) == 0) != on {
			t.Errorf("tile unit %v: %+v, error %v", on, s, err)
		}
		unit.fail()
		encodeAll(t, e, []string{"three"})
		unit.ops = nil // freed
	}
}

// TestNativeOptions checks that session options are used only if they have the layout that the binding is known to have.
func TestNativeOptions(t *testing.T) {
	type OrtSessionOptions struct{ _ int }
	type embedded struct{ o *OrtSessionOptions }
	native := new(OrtSessionOptions)
	if p, err := nativeOptions(&struct{ o *OrtSessionOptions }{native}); err != nil || p != unsafe.Pointer(native) {
		t.Errorf("%v, error %v, want %p", p, err, native)
	}
	number := 1
	for name, options := range map[string]any{
		"nothing":                  nil,
		"not a pointer":            struct{ o *OrtSessionOptions }{native},
		"nil":                      (*struct{ o *OrtSessionOptions })(nil),
		"not a struct":             &number,
		"no field":                 &struct{ p *OrtSessionOptions }{native},
		"a number":                 &struct{ o uintptr }{1},
		"a pointer to another one": &struct{ o *int }{&number},
		"a field of another":       &struct{ *embedded }{},
		"destroyed":                &struct{ o *OrtSessionOptions }{},
	} {
		if p, err := nativeOptions(options); err == nil {
			t.Errorf("%s: %v is taken for session options", name, p)
		}
	}
	testRuntime(t)
	options, err := ort.NewSessionOptions()
	if err != nil {
		t.Fatal(err)
	}
	if p, err := nativeOptions(options); err != nil || p == nil {
		t.Errorf("the binding's session options: %v, error %v", p, err)
	}
	if err := options.Destroy(); err != nil {
		t.Fatal(err)
	}
	if _, err := nativeOptions(options); err == nil {
		t.Error("session options that were destroyed are used")
	}
}
