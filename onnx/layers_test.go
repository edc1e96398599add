package onnx

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"w2s/internal/drawn"
)

// layerTexts have several lengths. Two are equal, and some make a batch.
var layerTexts = []string{"the weak model says : yes it sees", "a strong model says : no one goes", "one word", "one word", "the the the", "no"}

// openLayers opens an encoder for each layer, in the given order.
func openLayers(t *testing.T, rt *Runtime, dir string, o Options, layers ...int) []*Encoder {
	t.Helper()
	var all []*Encoder
	for _, n := range layers {
		o.Layer = &n
		all = append(all, openTest(t, rt, dir, o))
	}
	return all
}

// allLayers returns the numbers of all layers, the last one first.
func allLayers(t *testing.T, dir string) []int {
	t.Helper()
	last, err := mustRead(t, dir, Options{}).LastLayer()
	if err != nil {
		t.Fatal(err)
	}
	var layers []int
	for n := last; n >= 0; n-- {
		layers = append(layers, n)
	}
	return layers
}

// checkJoined compares the vectors of layers that come from one run of the model with those of each encoder by itself. They must
// be equal to the last bit, and calls counts the runs.
func checkJoined(t *testing.T, l *Layers, encoders []*Encoder) {
	t.Helper()
	want := make([][]encoded, len(encoders))
	for i, e := range encoders {
		want[i] = encodeAll(t, e, layerTexts)
	}
	n := 0
	err := l.Encode(t.Context(), encoders, layerTexts, func(index int, vectors []float32, tokens int, truncated bool) error {
		n++
		for i, e := range encoders {
			w := want[i][index]
			if !slices.Equal(vectors[:e.Dims()], w.Values) || tokens != w.Tokens || truncated != w.Truncated {
				t.Errorf("%s, text %d: %v (%d tokens), want %v (%d tokens)", e.checkpoint.Output, index, vectors[:e.Dims()], tokens, w.Values, w.Tokens)
			}
			vectors = vectors[e.Dims():]
		}
		if len(vectors) > 0 {
			t.Errorf("%d numbers are left", len(vectors))
		}
		return nil
	})
	if err != nil || n != len(layerTexts) {
		t.Errorf("%d texts, %v", n, err)
	}
}

// TestJoinedLayers computes all layers of models of every family in one run.
func TestJoinedLayers(t *testing.T) {
	rt := testRuntime(t)
	for _, name := range drawn.Names(t) {
		if strings.Contains(name, "-") && !slices.Contains([]string{"bert-bf16", "deberta-2", "deberta-3", "opt-350m", "bloom-uneven"}, name) {
			continue // the states are computed like those of another one
		}
		t.Run(name, func(t *testing.T) {
			dir := drawn.Read(t, name).Write(t)
			checkJoin(t, rt, dir, Options{})
		})
	}
	t.Run("mean, normalised", func(t *testing.T) {
		yes := true
		checkJoin(t, rt, drawn.Read(t, "llama").Write(t), Options{Pooling: PoolMean, Normalize: &yes, MaxTokens: 4})
	})
	t.Run("tile unit", func(t *testing.T) {
		checkJoin(t, rt, drawn.Read(t, "bert").Write(t), Options{unit: emulated(t)})
	})
	t.Run("export", func(t *testing.T) { checkJoin(t, rt, fixtureDir("hidden-tiny"), Options{}) })
}

func checkJoin(t *testing.T, rt *Runtime, dir string, o Options) {
	t.Helper()
	encoders := openLayers(t, rt, dir, o, allLayers(t, dir)...)
	l, err := JoinLayers(encoders)
	if err != nil {
		t.Fatal(err)
	}
	checkJoined(t, l, encoders)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// TestLayersAreChosen checks that a pass loads nothing after the last layer that it computes, and loads again for other layers.
func TestLayersAreChosen(t *testing.T) {
	rt := testRuntime(t)
	dir := drawn.Read(t, "llama").Write(t)
	encoders := openLayers(t, rt, dir, Options{}, 0, 1, -1)
	l, err := JoinLayers(encoders)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	checkJoined(t, l, []*Encoder{encoders[1], encoders[0]})
	if got, want := l.whole.checkpoint.plan.outputs(), []string{"hidden_states.1", "hidden_states.0"}; !slices.Equal(got, want) {
		t.Errorf("the model computes %q, want %q", got, want)
	}
	first := l.whole
	checkJoined(t, l, []*Encoder{encoders[1], encoders[0]})
	if l.whole != first {
		t.Error("the model was loaded again for the same layers")
	}
	checkJoined(t, l, encoders)
	if l.whole == first {
		t.Error("the model was not loaded for other layers")
	}
	if err := first.Encode(t.Context(), layerTexts, ignore); !errors.Is(err, errClosed) {
		t.Errorf("the model for the former layers is still loaded: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Encode(ctx, encoders, layerTexts, ignore); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if w := l.Warnings(); len(w) > 0 {
		t.Errorf("warnings %q, which the encoders have themselves", w)
	}
}

// TestJoinFaults tries encoders that cannot be joined.
func TestJoinFaults(t *testing.T) {
	rt := testRuntime(t)
	dir := drawn.Read(t, "llama").Write(t)
	layers := openLayers(t, rt, dir, Options{}, 0, allLayers(t, dir)[0])
	other := openLayers(t, rt, drawn.Read(t, "bert").Write(t), Options{}, 1)
	again := openLayers(t, rt, dir, Options{}, -1)
	mean := openLayers(t, rt, dir, Options{Pooling: PoolMean}, 1)
	whole := openTest(t, rt, dir, Options{})
	for _, c := range []struct {
		want     string
		encoders []*Encoder
	}{
		{"no layers", nil},
		{"more than a layer", append(other, layers...)},
		{"more than a layer", append(mean, layers...)},
		{"is there twice", append(again, layers...)},
		{"cannot be computed together", append(layers, whole)},
	} {
		if _, err := JoinLayers(c.encoders); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
	l, err := JoinLayers(layers)
	if err != nil {
		t.Fatal(err)
	}
	for _, encoders := range [][]*Encoder{nil, other} {
		if err := l.Encode(t.Context(), encoders, layerTexts, ignore); err == nil {
			t.Errorf("%d foreign encoders", len(encoders))
		}
	}
	if _, err := mustRead(t, fixtureDir("bert-tiny"), Options{}).LastLayer(); err == nil || !strings.Contains(err.Error(), "no outputs hidden_states.0") {
		t.Error(err)
	}
}
