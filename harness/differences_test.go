package harness_test

import (
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"w2s/harness"
	"w2s/harness/label"
)

// stored is a result as it comes back from its file.
func stored(tb testing.TB, r *harness.Result, err error) *harness.Result {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
	path := filepath.Join(tb.TempDir(), "stored.json")
	if err := r.Save(path); err != nil {
		tb.Fatal(err)
	}
	back, err := harness.LoadResult(path)
	if err != nil {
		tb.Fatal(err)
	}
	return back
}

// Every setting, model and task that a new experiment would lose of an old result is named, and nothing else.
func TestDifferences(t *testing.T) {
	a, b := planted{name: "a", n: 600}, planted{name: "b", n: 600, noise: 1}
	base := func() harness.Config {
		cfg, _ := ladder(a, b)
		cfg.Models[0].Description = map[string]string{"pooling": "mean", "onnxruntime": "1.0"}
		return cfg
	}
	old := stored(t, run(t, base()), nil)
	for _, c := range []struct {
		name   string
		change func(*harness.Config)
		want   []string
	}{
		{"nothing", func(*harness.Config) {}, nil},
		{"a task more", func(c *harness.Config) { c.Tasks = append(c.Tasks, planted{name: "c", n: 600}) }, nil},
		{"data", func(c *harness.Config) { c.Tasks[1] = redated{b, "other data"} }, nil},
		{"a task less", func(c *harness.Config) { c.Tasks = c.Tasks[1:] }, []string{"task a: there, not here"}},
		{"losses", func(c *harness.Config) { c.Losses = c.Losses[:1] }, []string{"losses: there xent, logconf:alpha=0.5:warmup=0.1; here xent"}},
		{"treatments", func(c *harness.Config) { c.Treatments = []label.Treatment{label.Hard{}} }, []string{"treatments: there soft; here hard"}},
		{"seeds and size", func(c *harness.Config) {
			c.Seeds, c.Train = []uint64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 280
		}, []string{"seeds: there 0, 1; here 0, 1, 2, 3, 4, 5, 6, 7, 2 more", "train: there 300; here 280"}},
		{"sizes", func(c *harness.Config) { c.Sizes = []int{100} }, []string{"sizes: there none; here 100"}},
		{"texts", func(c *harness.Config) { c.KeepTexts = true }, []string{"texts of a kept: there false; here true", "texts of b kept: there false; here true"}},
		{"pairs", func(c *harness.Config) { c.Pairs = c.Pairs[:1] },
			[]string{"pairs: there dims-4 -> dims-4, dims-4 -> dims-7, dims-7 -> dims-7, dims-4 -> dims-12, dims-7 -> dims-12, dims-12 -> dims-12; here dims-4 -> dims-4"}},
		{"a model", func(c *harness.Config) {
			c.Models = append(c.Models, harness.Model{Name: "x", Encoder: numbers{dims: 3}})
		},
			[]string{"models: there dims-4, dims-7, dims-12; here dims-4, dims-7, dims-12, x"}},
		{"files of a model", func(c *harness.Config) { c.Models[1].Encoder = numbers{dims: 6} }, []string{"model dims-7: key: there numbers-7; here numbers-6"}},
		{"the runtime", func(c *harness.Config) {
			c.Models[0].Description = map[string]string{"pooling": "mean", "onnxruntime": "2.0", "prefix": "query:"}
		}, []string{"model dims-4: onnxruntime: there 1.0; here 2.0", "model dims-4: prefix: there none; here query:"}},
	} {
		cfg := base()
		c.change(&cfg)
		if got := cfg.Differences(old); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if got := reflect.TypeOf(harness.Settings{}).NumField(); got != 10 {
		t.Errorf("%d settings: say here how the new one is told", got)
	}
}

// Results of other commands are told apart even where settings and models are the same.
func TestDifferencesOfKinds(t *testing.T) {
	a, b := planted{name: "a", n: 700}, planted{name: "b", n: 700, noise: 1}
	plain := experiment(a, b)
	transfer := harness.TransferConfig{Config: plain}
	steps := func(disjoint bool, names ...string) harness.ChainConfig {
		cfg, _ := ladder(a)
		cfg.Pairs = nil
		return harness.ChainConfig{Config: cfg, Chain: names, Disjoint: disjoint}
	}
	chain := steps(false, "dims-4", "dims-7", "dims-12")
	repeated := steps(false, "dims-4", "dims-7", "dims-12", "dims-12")
	asPlain := chain.Config
	asPlain.Pairs = []harness.Pair{{Weak: "dims-4", Strong: "dims-12"}}

	ofPlain := stored(t, run(t, plain), nil)
	r, err := harness.RunTransfer(t.Context(), transfer, env(t))
	ofTransfer := stored(t, r, err)
	r, err = harness.RunChain(t.Context(), chain, env(t))
	ofChain := stored(t, r, err)
	for _, c := range []struct {
		name string
		got  []string
		want []string
	}{
		{"plain", plain.Differences(ofPlain), nil},
		{"transfer", transfer.Differences(ofTransfer), nil},
		{"chain", chain.Differences(ofChain), nil},
		{"plain over transfer", plain.Differences(ofTransfer), []string{"a transfer matrix there, not here"}},
		{"transfer over plain", transfer.Differences(ofPlain), []string{"a transfer matrix here, not there"}},
		{"plain over chain", asPlain.Differences(ofChain), []string{"a chain there, not here"}},
		{"chain over plain", chain.Differences(ofPlain), []string{"a chain here, not there"}},
		{"another chain", repeated.Differences(ofChain), []string{"chain: there dims-4 -> dims-7 -> dims-12 on shared data; here dims-4 -> dims-7 -> dims-12 -> dims-12 on shared data"}},
		{"other data", steps(true, chain.Chain...).Differences(ofChain), []string{"chain: there dims-4 -> dims-7 -> dims-12 on shared data; here dims-4 -> dims-7 -> dims-12 on disjoint data"}},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, c.got, c.want)
		}
	}
}
