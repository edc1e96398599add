package experiment_test

import (
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"w2s/harness/experiment"
	"w2s/harness/label"
	"w2s/harness/result"
	"w2s/internal/race"
	"w2s/tasks"
)

// stored saves a result and returns it as it is loaded again.
func stored(tb testing.TB, r *result.Result, err error) *result.Result {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
	path := filepath.Join(tb.TempDir(), "stored.json")
	if err := r.Save(path); err != nil {
		tb.Fatal(err)
	}
	back, err := result.Load(path)
	if err != nil {
		tb.Fatal(err)
	}
	return back
}

// Differences must name every setting, model and task of an old result that a new experiment does not share, and nothing else.
func TestDifferencesNamesEachChange(t *testing.T) {
	race.SkipLong(t)
	a, b := planted{name: "a", n: 600}, planted{name: "b", n: 600, noise: 1}
	base := func() experiment.Config {
		cfg, _ := ladder(a, b)
		cfg.Models[0].Description = map[string]string{"pooling": "mean", "onnxruntime": "1.0"}
		return cfg
	}
	old := stored(t, run(t, base()), nil)
	for _, c := range []struct {
		name   string
		change func(*experiment.Config)
		want   []string
	}{
		{"nothing", func(*experiment.Config) {}, nil},
		{"another task", func(c *experiment.Config) { c.Tasks = append(c.Tasks, planted{name: "c", n: 600}) }, nil},
		{"other data", func(c *experiment.Config) { c.Tasks[1] = redated{b, "other data"} }, nil},
		{"one task less", func(c *experiment.Config) { c.Tasks = c.Tasks[1:] }, []string{"task a: only in the file"}},
		{"losses", func(c *experiment.Config) { c.Losses = c.Losses[:1] }, []string{"losses: in the file xent, logconf:alpha=0.5:warmup=0.1; now xent"}},
		{"treatments", func(c *experiment.Config) { c.Treatments = []label.Treatment{label.Hard{}} }, []string{"treatments: in the file soft; now hard"}},
		{"seeds and size", func(c *experiment.Config) {
			c.Seeds, c.Train = []uint64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 280
		}, []string{"seeds: in the file 0, 1; now 0, 1, 2, 3, 4, 5, 6, 7, 2 more", "train: in the file 300; now 280"}},
		{"balance", func(c *experiment.Config) { c.Balance = tasks.NeverBalance }, []string{"balance: in the file none; now false"}},
		{"folds", func(c *experiment.Config) { c.Folds = 4 }, []string{"folds: in the file 1; now 4"}},
		{"sizes", func(c *experiment.Config) { c.Sizes = []int{100} }, []string{"sizes: in the file none; now 100"}},
		{"steps", func(c *experiment.Config) { c.Steps = []int{10} }, []string{"steps: in the file none; now 10"}},
		{"texts", func(c *experiment.Config) { c.KeepTexts = true }, []string{"texts of a kept: in the file false; now true", "texts of b kept: in the file false; now true"}},
		{"pairs", func(c *experiment.Config) { c.Pairs = c.Pairs[:1] },
			[]string{"pairs: in the file dims-4 -> dims-4, dims-4 -> dims-7, dims-7 -> dims-7, dims-4 -> dims-12, dims-7 -> dims-12, dims-12 -> dims-12; now dims-4 -> dims-4"}},
		{"the pools", func(c *experiment.Config) { c.SharedPool = true }, []string{"pools: in the file own; now shared"}},
		{"a model", func(c *experiment.Config) {
			c.Models = append(c.Models, experiment.Model{Name: "x", Encoder: numbers{dims: 3}})
		},
			[]string{"models: in the file dims-4, dims-7, dims-12; now dims-4, dims-7, dims-12, x"}},
		{"files of a model", func(c *experiment.Config) { c.Models[1].Encoder = numbers{dims: 6} }, []string{"model dims-7: key: in the file numbers-7; now numbers-6"}},
		{"the runtime", func(c *experiment.Config) {
			c.Models[0].Description = map[string]string{"pooling": "mean", "onnxruntime": "2.0", "prefix": "query:"}
		}, []string{"model dims-4: onnxruntime: in the file 1.0; now 2.0", "model dims-4: prefix: in the file none; now query:"}},
	} {
		cfg := base()
		c.change(&cfg)
		if got := cfg.Differences(old); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if got := reflect.TypeOf(result.Settings{}).NumField(); got != 17 {
		t.Errorf("%d settings: add a case for the new one to this test", got)
	}
}

// Results of different kinds must differ even if their settings and models are the same.
func TestDifferencesTellsKindsApart(t *testing.T) {
	race.SkipLong(t)
	a, b := planted{name: "a", n: 700}, planted{name: "b", n: 700, noise: 1}
	plain := smallConfig(a, b)
	transfer := experiment.TransferConfig{Config: plain}
	steps := func(disjoint bool, names ...string) experiment.ChainConfig {
		cfg, _ := ladder(a)
		cfg.Pairs = nil
		return experiment.ChainConfig{Config: cfg, Chain: names, Disjoint: disjoint}
	}
	chain := steps(false, "dims-4", "dims-7", "dims-12")
	repeated := steps(false, "dims-4", "dims-7", "dims-12", "dims-12")
	asPlain := chain.Config
	asPlain.Pairs = []result.Pair{{Weak: "dims-4", Strong: "dims-12"}}

	ofPlain := stored(t, run(t, plain), nil)
	r, err := experiment.RunTransfer(t.Context(), transfer, env(t))
	ofTransfer := stored(t, r, err)
	r, err = experiment.RunChain(t.Context(), chain, env(t))
	ofChain := stored(t, r, err)
	for _, c := range []struct {
		name string
		got  []string
		want []string
	}{
		{"plain", plain.Differences(ofPlain), nil},
		{"transfer", transfer.Differences(ofTransfer), nil},
		{"chain", chain.Differences(ofChain), nil},
		{"plain over transfer", plain.Differences(ofTransfer), []string{"kind: in the file transfer; now pairs"}},
		{"transfer over plain", transfer.Differences(ofPlain), []string{"kind: in the file pairs; now transfer"}},
		{"plain over chain", asPlain.Differences(ofChain), []string{"kind: in the file chain; now pairs"}},
		{"chain over plain", chain.Differences(ofPlain), []string{"kind: in the file pairs; now chain"}},
		{"another chain", repeated.Differences(ofChain), []string{"chain: in the file dims-4, dims-7, dims-12; now dims-4, dims-7, dims-12, dims-12"}},
		{"other data", steps(true, chain.Chain...).Differences(ofChain), []string{"disjoint: in the file false; now true"}},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, c.got, c.want)
		}
	}
}
