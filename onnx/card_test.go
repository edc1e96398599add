package onnx

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	ort "github.com/yalue/onnxruntime_go"

	"w2s/internal/drawn"
	"w2s/internal/onnxproto"
	"w2s/internal/shareddata"
)

// A fakeCard is a card whose memory holds batches of a limited number of tokens. Its models run on the processor.
type fakeCard struct {
	free, total int64
	room        int64 // tokens of the largest batch that fits; 0 is no limit
	fault       string

	mu      sync.Mutex
	batches [][]int64 // shapes of the batches that were run, also of those that did not fit
}

func (f *fakeCard) card() []*card {
	return []*card{{free: f.free, total: f.total, wrap: func(r runner) runner { return &limitedRunner{r, f} }}}
}

type limitedRunner struct {
	runner
	card *fakeCard
}

func (r *limitedRunner) RunWithOptions(inputs, outputs []ort.Value, o *ort.RunOptions) error {
	shape := inputs[0].GetShape()
	r.card.mu.Lock()
	r.card.batches = append(r.card.batches, shape)
	r.card.mu.Unlock()
	if r.card.room > 0 && shape.FlattenedSize() > r.card.room {
		return errors.New(r.card.fault)
	}
	return r.runner.RunWithOptions(inputs, outputs, o)
}

// arenaFault is how the runtime's arena words its lack of memory.
const arenaFault = "Error running network: Non-zero status code returned while running Gemm node. Name:'Gemm_12' Status Message: " +
	"onnxruntime::BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size 268435456"

// cardTexts have many lengths, close ones and distant ones.
func cardTexts() []string {
	words := strings.Fields("the weak model says yes it sees no one goes a strong word")
	var texts []string
	for n := 1; n <= 30; n++ {
		text := ""
		for i := range n {
			text += words[(i*7+n*3)%len(words)] + " "
		}
		texts = append(texts, text)
	}
	return texts
}

// checkNear compares vectors. The largest difference may be the given part of the largest number, and no cosine may be below the given one.
func checkNear(t *testing.T, got, want []encoded, part, cosine float64) {
	t.Helper()
	worst, size, least := 0.0, 0.0, 1.0
	for i := range want {
		if len(got[i].Values) != len(want[i].Values) || got[i].Tokens != want[i].Tokens || got[i].Truncated != want[i].Truncated {
			t.Fatalf("text %d: %d numbers of %d tokens, want %d of %d", i, len(got[i].Values), got[i].Tokens, len(want[i].Values), want[i].Tokens)
		}
		var xy, xx, yy float64
		for j, y := range want[i].Values {
			x := float64(got[i].Values[j])
			worst, size = max(worst, math.Abs(x-float64(y))), max(size, math.Abs(float64(y)))
			xy, xx, yy = xy+x*float64(y), xx+x*x, yy+float64(y)*float64(y)
		}
		least = min(least, xy/math.Sqrt(xx*yy))
	}
	if !(worst <= part*size) || !(least >= cosine) {
		t.Errorf("off by %.2g of the largest number, want %g; least cosine %.7f, want %g", worst/size, part, least, cosine)
	}
	t.Logf("off by %.2g of the largest number; least cosine 1-%.1g", worst/size, 1-least)
}

var poolings = []Pooling{PoolMean, PoolCLS, PoolLast}

// everything reports whether W2S_TEST_CARDS asks for all models, and not only some that differ most.
func everything() bool { return os.Getenv("W2S_TEST_CARDS") == "1" }

// TestPoolingInGraph compares the pooling nodes with the pooling in Go, on graphs that are the same otherwise, for texts of different
// lengths.
func TestPoolingInGraph(t *testing.T) {
	rt := testRuntime(t)
	paths := []string{fixtureDir("bert-tiny"), fixtureDir("half-tiny"), fixtureDir("gpt2-logits-tiny")}
	if everything() {
		var err error
		if paths, err = filepath.Glob(filepath.Join(shareddata.Root(), "fixtures", "models", "*-tiny")); err != nil || len(paths) < 20 {
			t.Fatalf("%d models, %v", len(paths), err)
		}
	}
	pooled := 0
	for _, dir := range paths {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			for _, pooling := range poolings {
				plain, err := Open(t.Context(), rt, dir, Options{Pooling: pooling, RuntimeOnly: true})
				if err != nil {
					t.Skip(err) // the model pools by itself
				}
				defer plain.Close()
				on := openTest(t, rt, dir, Options{Pooling: pooling, fakes: (&fakeCard{}).card()})
				if on.checkpoint.plan.pools != nil {
					pooled++
				}
				texts := cardTexts()
				checkNear(t, encodeAll(t, on, texts), encodeAll(t, plain, texts), 1e-6, 0.9999999)
			}
		})
	}
	if pooled < 2*len(paths) {
		t.Errorf("%d outputs of %d models were pooled in the graph", pooled, len(paths))
	}
}

// TestGraphsForCards compares graphs that are made for a card with plain ones, in float32 and in float16.
func TestGraphsForCards(t *testing.T) {
	rt := testRuntime(t)
	names := []string{"bert-bf16", "deberta-2", "gemma2-odd", "llama-f16", "modernbert", "mpnet"}
	if everything() {
		names = drawn.Names(t)
	}
	for i, name := range names {
		t.Run(name, func(t *testing.T) {
			checkCard(t, rt, drawn.Read(t, name).Write(t), poolings[i%len(poolings)], cardTexts())
		})
	}
}

// TestRealOnCard is TestGraphsForCards with whole checkpoints.
func TestRealOnCard(t *testing.T) {
	folders := checkpointFolders(t)
	if len(folders) == 0 {
		t.Skip("optional: needs checkpoints of safetensors in folders of W2S_CHECKPOINTS")
	}
	rt := testRuntime(t)
	for _, folder := range folders {
		dirs, err := filepath.Glob(filepath.Join(folder, "*", "config.json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range dirs {
			dir := filepath.Dir(path)
			if c, err := ReadCheckpoint(dir, Options{}); err != nil || c.source.made == nil {
				continue
			}
			t.Run(filepath.Base(dir), func(t *testing.T) { checkCard(t, rt, dir, "", cardTexts()[:12]) })
		}
	}
}

// checkCard compares the four ways to compute a checkpoint, and their keys.
func checkCard(t *testing.T, rt *Runtime, dir string, pooling Pooling, texts []string) {
	t.Helper()
	o := Options{Pooling: pooling, RuntimeOnly: true}
	plain := openTest(t, rt, dir, o)
	want := encodeAll(t, plain, texts)
	keys := map[string]bool{plain.Key(): true}
	near := func(o Options, part, cosine float64) {
		t.Helper()
		e := openTest(t, rt, dir, o)
		checkNear(t, encodeAll(t, e, texts), want, part, cosine)
		keys[e.Key()] = true
	}
	o.Precision = Float16
	near(o, 1e-2, 0.9999)
	o.fakes = (&fakeCard{}).card()
	near(o, 1e-2, 0.9999)
	o.Precision = Float32
	near(o, 1e-5, 0.9999999)
	if len(keys) != 4 {
		t.Errorf("%d keys for 4 ways to compute", len(keys))
	}
}

// TestLayersOnCard computes all layers in one run, each pooled in the graph.
func TestLayersOnCard(t *testing.T) {
	rt := testRuntime(t)
	for _, name := range []string{"llama", "bert"} {
		dir := drawn.Read(t, name).Write(t)
		encoders := openLayers(t, rt, dir, Options{fakes: (&fakeCard{}).card()}, allLayers(t, dir)...)
		plain := openLayers(t, rt, dir, Options{RuntimeOnly: true}, allLayers(t, dir)...)
		l, err := JoinLayers(encoders)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		got := make([][]encoded, len(encoders))
		texts := cardTexts()
		for i := range got {
			got[i] = make([]encoded, len(texts))
		}
		err = l.Encode(t.Context(), encoders, texts, func(index int, vectors []float32, tokens int, truncated bool) error {
			for i, e := range encoders {
				got[i][index] = encoded{slices.Clone(vectors[:e.Dims()]), tokens, truncated}
				vectors = vectors[e.Dims():]
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range plain {
			checkNear(t, got[i], encodeAll(t, e, texts), 1e-5, 0.9999999)
		}
	}
}

// TestCardTokens checks the number of tokens of the first batches.
func TestCardTokens(t *testing.T) {
	const gb = 1e9
	for _, c := range []struct {
		name          string
		free, params  int64
		width, layers int
		want          int
	}{
		{"unknown memory", 0, 22e6, 384, 0, 16 << 10},
		{"small model", 80 * gb, 22e6, 384, 0, 128 << 10},
		{"0.5B", 80 * gb, 494e6, 896, 0, 128 << 10},
		{"1.5B", 80 * gb, 1540e6, 1536, 0, 64 << 10},
		{"7B", 60 * gb, 7.6e9, 3584, 0, 16 << 10},
		{"small model, small card", 10 * gb, 22e6, 384, 0, 64 << 10},
		{"with all layers", 10 * gb, 109e6, 768, 12, 16 << 10},
		{"nothing free", 1, 22e6, 384, 0, 16 << 10},
	} {
		if got := cardTokens(c.free, c.params, c.width, c.layers); got != c.want {
			t.Errorf("%s: %d tokens, want %d", c.name, got, c.want)
		}
	}
}

// TestCardBatches checks that batches keep to the budget and have little padding, and that all texts are in one.
func TestCardBatches(t *testing.T) {
	lengths := []int{3, 100, 98, 97, 96, 95, 90, 50, 50, 50, 3, 3, 2, 1}
	var items []item
	for i, n := range lengths {
		it := item{text: i}
		it.IDs = make([]int64, n)
		items = append(items, it)
	}
	shapes := func(p *plan, budget int) string {
		var all []string
		for _, b := range p.cardBatches(slices.Clone(items), budget) {
			var text []string
			for _, it := range b {
				text = append(text, fmt.Sprint(len(it.IDs)))
			}
			all = append(all, strings.Join(text, " "))
		}
		return strings.Join(all, " | ")
	}
	for _, c := range []struct {
		pads   bool
		budget int
		want   string
	}{
		{true, 1000, "100 98 97 96 95 90 | 50 50 50 | 3 3 3 | 2 | 1"},
		{true, 300, "100 98 97 | 96 95 90 | 50 50 50 | 3 3 3 | 2 | 1"},
		{true, 1, "100 | 98 | 97 | 96 | 95 | 90 | 50 | 50 | 50 | 3 | 3 | 3 | 2 | 1"},
		{false, 1000, "100 | 98 | 97 | 96 | 95 | 90 | 50 50 50 | 3 3 3 | 2 | 1"},
	} {
		if got := shapes(&plan{pads: c.pads}, c.budget); got != c.want {
			t.Errorf("padding %v, budget %d: %s, want %s", c.pads, c.budget, got, c.want)
		}
	}
}

// TestOutOfMemory runs batches that do not fit. The budget is halved until they do, the vectors are those of a card with enough memory,
// and later batches keep to the new budget.
func TestOutOfMemory(t *testing.T) {
	rt, texts := testRuntime(t), cardTexts()
	dir := drawn.Read(t, "llama").Write(t)
	want := encodeAll(t, openTest(t, rt, dir, Options{RuntimeOnly: true}), texts)
	for _, fault := range []string{arenaFault, "CUDA failure 2: out of memory ; GPU=0 ; hostname=h ; file=f ; line=1 ; expr=cudaMalloc((void**)&p, size); ",
		"CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0", "Available memory of 1024 is smaller than requested bytes of 4096"} {
		f := &fakeCard{room: 40, fault: fault}
		e := openTest(t, rt, dir, Options{fakes: f.card(), BatchTokens: 1000})
		checkNear(t, encodeAll(t, e, texts), want, 1e-5, 0.9999999)
		failed := 0
		for _, shape := range f.batches {
			if shape[0]*shape[1] > f.room {
				failed++
			}
		}
		if budget := e.loading.budget.get(); failed < 1 || failed > 6 || budget > 40 || budget < 20 {
			t.Errorf("%s: %d of %d batches failed, and the budget is %d", fault, failed, len(f.batches), budget)
		}
		f.batches = nil
		encodeAll(t, e, texts)
		for _, shape := range f.batches {
			if shape[0]*shape[1] > f.room {
				t.Errorf("a batch of shape %v was run again", shape)
			}
		}
	}
}

// TestCardErrors checks what is said about a text that does not fit alone, about a fault of another kind, and about a model that does not
// fit.
func TestCardErrors(t *testing.T) {
	rt, texts := testRuntime(t), cardTexts()
	dir := drawn.Read(t, "llama").Write(t)
	for _, c := range []struct {
		card *fakeCard
		want []string
		runs int
	}{
		{&fakeCard{room: 5, fault: arenaFault, free: 2e9, total: 8e9}, []string{" tokens, does not fit into", "the 2.0 GB that the weights leave of the card's 8.0 GB", "BFCArena", "shorter longest input"}, 12},
		{&fakeCard{room: 5, fault: "CUDA failure 700: an illegal memory access"}, []string{"illegal memory access"}, 2},
		{&fakeCard{free: 1000, total: 8e9}, []string{"the weights take 0.0 GB, and 0.0 GB of the card's 8.0 GB are free", "--provider cpu"}, 0},
	} {
		e := openTest(t, rt, dir, Options{fakes: c.card.card(), BatchTokens: 1000})
		err := e.Encode(context.Background(), texts, ignore)
		for _, part := range c.want {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%v, want %q", err, part)
			}
		}
		if len(c.card.batches) > c.runs {
			t.Errorf("%d batches were run, want at most %d", len(c.card.batches), c.runs)
		}
	}
}

func TestPrecision(t *testing.T) {
	rt := testRuntime(t)
	for _, c := range []struct {
		model, file string
		o           Options
		want        Precision // "" is an error
		noted       bool      // whether a note tells that the file is run in another precision
	}{
		{"llama", "", Options{}, Float32, false},
		{"llama-f16", "", Options{}, Float32, false},
		{"llama-f16", "", Options{fakes: (&fakeCard{}).card()}, Float16, false},
		{"llama-bf16", "", Options{fakes: (&fakeCard{}).card(), Precision: Auto}, Float16, false},
		{"llama-f16", "", Options{fakes: (&fakeCard{}).card(), Precision: Float32}, Float32, false},
		{"llama", "", Options{fakes: (&fakeCard{}).card()}, Float32, false},
		{"llama", "", Options{Precision: Float16}, Float16, false},
		{"", "bert-tiny", Options{}, Float32, false},
		{"", "bert-tiny", Options{Precision: Float32}, Float32, false},
		{"", "bert-tiny", Options{Precision: Float16}, Float32, true},
		{"", "half-tiny", Options{Precision: Float32}, Float32, true},
		{"", "half-tiny", Options{Precision: Float16}, Float32, false},
		{"", "bert-tiny", Options{Precision: "int8"}, "", false},
	} {
		dir := fixtureDir(c.file)
		if c.model != "" {
			dir = drawn.Read(t, c.model).Write(t)
		}
		e, err := Open(t.Context(), rt, dir, c.o)
		switch {
		case err != nil && (c.want != "" || !strings.Contains(err.Error(), "float32")):
			t.Errorf("%s%s, %q: %v", c.model, c.file, c.o.Precision, err)
		case err == nil && e.checkpoint.Precision != c.want:
			t.Errorf("%s%s, %q: %s, want %s", c.model, c.file, c.o.Precision, e.checkpoint.Precision, c.want)
		}
		if err == nil {
			noted := slices.ContainsFunc(e.Warnings(), func(w string) bool { return strings.Contains(w, "run as it was exported, not in") })
			if noted != c.noted {
				t.Errorf("%s%s, %q: %q", c.model, c.file, c.o.Precision, e.Warnings())
			}
			e.Close()
		}
	}
}

// TestSeveralCards spreads texts over two cards.
func TestSeveralCards(t *testing.T) {
	rt, texts := testRuntime(t), cardTexts()
	dir := drawn.Read(t, "bert").Write(t)
	want := encodeAll(t, openTest(t, rt, dir, Options{RuntimeOnly: true}), texts)
	one, two := &fakeCard{}, &fakeCard{}
	e := openTest(t, rt, dir, Options{fakes: append(one.card(), two.card()...), BatchTokens: 8})
	checkNear(t, encodeAll(t, e, texts), want, 1e-5, 0.9999999)
	if a, b := len(one.batches), len(two.batches); a < 3 || b < 3 || a+b < len(texts)-1 {
		t.Errorf("%d and %d batches of %d texts", a, b, len(texts))
	}
}

// TestMaskWithoutEffect takes the mask out of an export, as in exports that do not use it everywhere. Texts of different lengths must not
// be run together then.
func TestMaskWithoutEffect(t *testing.T) {
	rt, texts := testRuntime(t), cardTexts()
	for _, ignored := range []bool{false, true} {
		dir := copyFixture(t, "bert-tiny")
		path := filepath.Join(dir, "model.onnx")
		if ignored {
			f, err := onnxproto.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			e := onnxproto.Edit{Replace: map[int64]onnxproto.Node{}}
			for _, n := range f.Nodes {
				if n.Op == "Sub" && n.Input(1) == "/Cast_output_0" { // 1 minus the mask becomes 0
					n.Inputs = []string{n.Inputs[1], n.Inputs[1]}
					e.Replace[n.Pos] = n
				}
			}
			data, err := f.Edited(e)
			if err != nil {
				t.Fatal(err)
			}
			f.Close()
			write(t, dir, "model.onnx", string(data))
		}
		e := openTest(t, rt, dir, Options{fakes: (&fakeCard{}).card()})
		encodeAll(t, e, texts[:2])
		if got := e.checkpoint.plan.pads; got == ignored {
			t.Errorf("mask ignored: %v, padding: %v", ignored, got)
		}
	}
}

// TestAnswersOnCard writes answers and computes probabilities with graphs for cards, with and without a key-value cache.
func TestAnswersOnCard(t *testing.T) {
	for _, name := range []string{"llama", "gpt2", "bloom", "gemma2"} {
		dir := drawn.Read(t, name).Write(t)
		var answers []Answer
		var tokens [][]int64
		var logs [][][]float64
		for _, o := range []Options{{}, {fakes: (&fakeCard{}).card()}, {fakes: (&fakeCard{}).card(), Precision: Float16}} {
			g := openGenerator(t, dir, o)
			a, err := g.Answer(t.Context(), "the weak model", "says yes it sees", false)
			if err != nil {
				t.Fatal(err)
			}
			written, err := g.Greedy(t.Context(), "the weak model", GreedyOptions{MaxTokens: 6})
			if err != nil {
				t.Fatal(err)
			}
			answers, tokens = append(answers, a), append(tokens, written.Tokens)
			logs = append(logs, logProbs(t, openLikelihood(t, dir, o), []string{"the weak model", "no one"},
				[][]string{{" says yes", " goes", " sees it"}, {" goes", " says"}}))
		}
		for i, tolerance := range []float64{1e-4, 0.05} {
			if !slices.Equal(tokens[i+1], tokens[0]) {
				t.Errorf("%s wrote %v, want %v", name, tokens[i+1], tokens[0])
			}
			far := func(got, want []float64) bool {
				return slices.ContainsFunc(got, func(x float64) bool { return math.IsNaN(x) }) ||
					!slices.EqualFunc(got, want, func(x, y float64) bool { return math.Abs(x-y) <= tolerance })
			}
			if far(answers[i+1].LogProbs, answers[0].LogProbs) {
				t.Errorf("%s: logarithms %v of an answer, want %v", name, answers[i+1].LogProbs, answers[0].LogProbs)
			}
			for j, want := range logs[0] {
				if far(logs[i+1][j], want) {
					t.Errorf("%s: logarithms %v of endings, want %v", name, logs[i+1][j], want)
				}
			}
		}
	}
}
