package experiment_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"w2s/harness/experiment"
	"w2s/harness/loss"
	"w2s/harness/result"
	"w2s/internal/race"
	"w2s/tasks"
)

// ladder returns a grid of three models and all pairs of them, and the number of texts that each model has encoded.
func ladder(t ...tasks.Task) (experiment.Config, map[string]*int) {
	cfg := smallConfig(t...)
	cfg.Models, cfg.Pairs, cfg.Train, cfg.Test = nil, nil, 300, 150
	encoded := map[string]*int{}
	for _, dims := range []int{4, 7, fullDims} {
		name := fmt.Sprintf("dims-%d", dims)
		encoded[name] = new(int)
		for _, m := range cfg.Models {
			cfg.Pairs = append(cfg.Pairs, result.Pair{Weak: m.Name, Strong: name})
		}
		cfg.Pairs = append(cfg.Pairs, result.Pair{Weak: name, Strong: name})
		cfg.Models = append(cfg.Models, experiment.Model{Name: name, Encoder: numbers{dims: dims, calls: encoded[name]}})
	}
	return cfg, encoded
}

// convexLosses are two losses whose heads train in a fraction of the time of those with moving targets, for tests in which any two
// losses do.
func convexLosses() []loss.Loss { return []loss.Loss{loss.XEnt{}, loss.KL{}} }

// asJSON returns heads as a result file has them. If two are equal, every bit of a result file is.
func asJSON(tb testing.TB, v any) string {
	tb.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// A watched encoder counts how often it encodes each text.
type watched struct {
	numbers
	times map[string]int
}

func (w watched) Encode(ctx context.Context, texts []string, emit func(index int, vector []float32, tokens int, truncated bool) error) error {
	for _, t := range texts {
		w.times[t]++
	}
	return w.numbers.Encode(ctx, texts, emit)
}

// The grid has several pairs, losses and seeds, and tasks that share texts.
func TestGridEncodesEachTextOnceAndTrainsEachHeadOnce(t *testing.T) {
	cfg, _ := ladder(planted{name: "a", n: 600}, planted{name: "b", n: 600, rank: true}, planted{name: "a again", n: 600})
	cfg.Losses = convexLosses()
	watch := make([]watched, len(cfg.Models))
	for i, m := range cfg.Models {
		watch[i] = watched{m.Encoder.(numbers), map[string]int{}}
		cfg.Models[i].Encoder = watch[i]
	}
	e := env(t)
	plan, err := experiment.MakePlan(context.Background(), cfg, e)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range watch {
		clear(w.times) // MakePlan encodes samples
	}
	r, err := experiment.Run(context.Background(), cfg, e)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := experiment.Run(context.Background(), cfg, e); err != nil { // takes all texts from the cache
		t.Fatal(err)
	}
	for _, w := range watch {
		if len(w.times) < 3*450 { // the candidates of b's examples
			t.Errorf("%s encoded %d texts", w.Key(), len(w.times))
		}
		for text, n := range w.times {
			if n != 1 {
				t.Fatalf("%s encoded %q %d times", w.Key(), text, n)
			}
		}
	}
	count, ids := map[result.Role]int{}, map[string]bool{}
	for _, h := range r.Heads {
		count[h.Role]++
		if ids[h.ID] {
			t.Errorf("%s was trained twice", h.ID)
		}
		ids[h.ID] = true
	}
	nTasks, seeds, models, pairs, losses := 3, 2, 3, 6, 2
	want := map[result.Role]int{result.Supervisor: nTasks * seeds * models, result.Ceiling: nTasks * seeds * models,
		result.Student: nTasks * seeds * pairs * losses}
	if !reflect.DeepEqual(count, want) {
		t.Errorf("trained %v, want %v", count, want)
	}
	planned := 0
	for _, p := range plan.Tasks {
		planned += p.Heads
	}
	if got := len(r.Heads) * (cfg.Folds*len(cfg.L2) + 1); planned != got {
		t.Errorf("the plan has %d trainings, the run %d", planned, got)
	}
}

// mark is a number of steps that no training takes. A head that has it was taken over from an earlier result.
const mark = -7

// marked returns a copy of a result with all heads marked.
func marked(tb testing.TB, r *result.Result) *result.Result {
	tb.Helper()
	back := stored(tb, r, nil)
	for i := range back.Heads {
		back.Heads[i].Steps = mark
	}
	return back
}

func TestRunTakesOverUnchangedTasks(t *testing.T) {
	race.SkipLong(t)
	a, b := planted{name: "a", n: 300}, planted{name: "b", n: 300, noise: 1}
	ladder := func() experiment.Config {
		cfg, _ := ladder(a, b)
		cfg.Train, cfg.Test, cfg.Losses = 150, 80, convexLosses()
		return cfg
	}
	earlier := marked(t, run(t, ladder()))
	for _, c := range []struct {
		name   string
		change func(*experiment.Config)
		kept   []string // tasks
	}{
		{"nothing", func(*experiment.Config) {}, []string{"a", "b"}},
		{"another task", func(c *experiment.Config) { c.Tasks = append(c.Tasks, planted{name: "c", n: 300}) }, []string{"a", "b"}},
		{"data of one task", func(c *experiment.Config) { c.Tasks[1] = redated{b, "other data"} }, []string{"a"}},
		{"other test examples", func(c *experiment.Config) { c.Tasks[0] = planted{name: "a", n: 301} }, []string{"b"}},
		{"a loss", func(c *experiment.Config) { c.Losses = c.Losses[:1] }, nil},
		{"seeds", func(c *experiment.Config) { c.Seeds = []uint64{0, 2} }, nil},
		{"penalties", func(c *experiment.Config) { c.L2 = []float64{0.01, 0.2} }, nil},
		{"size", func(c *experiment.Config) { c.Train = 140 }, nil},
		{"texts in the file", func(c *experiment.Config) { c.KeepTexts = true }, nil},
		{"a model's files", func(c *experiment.Config) { c.Models[0].Encoder = numbers{dims: 5} }, nil},
		{"a model's description", func(c *experiment.Config) { c.Models[0].Description = map[string]string{"pooling": "cls"} }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := ladder()
			c.change(&cfg)
			e := env(t)
			e.Previous = earlier
			plan, err := experiment.MakePlan(context.Background(), cfg, e)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range plan.Tasks {
				if p.Finished != slices.Contains(c.kept, p.Task) {
					t.Errorf("plan: task %s finished: %v", p.Task, p.Finished)
				}
			}
			r, err := experiment.Run(context.Background(), cfg, e)
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range r.Heads {
				if (h.Steps == mark) != slices.Contains(c.kept, h.Task) {
					t.Errorf("%s: taken over %v", h.ID, h.Steps == mark)
				}
			}
		})
	}
}

// A redated task has another digest.
type redated struct {
	planted
	digest string
}

func (r redated) Load(ctx context.Context, src tasks.Source) (*tasks.Data, error) {
	d, err := r.planted.Load(ctx, src)
	if err == nil {
		d.Digest = r.digest
	}
	return d, err
}

// A run that is stopped after its first task must have that task in its file. The next run takes it over and must have the
// result of a run that was not stopped.
func TestStoppedRunContinues(t *testing.T) {
	list := []tasks.Task{planted{name: "a", n: 600}, planted{name: "b", n: 600, rank: true}}
	cfg, _ := ladder(list...)
	cfg.Losses = convexLosses()
	want := run(t, cfg)

	path := filepath.Join(t.TempDir(), "result.json")
	ctx, cancel := context.WithCancel(context.Background())
	e := env(t)
	e.Finished = func(r *result.Result) error {
		cancel()
		return r.Save(path)
	}
	if _, err := experiment.Run(ctx, cfg, e); !errors.Is(err, context.Canceled) {
		t.Fatalf("the stopped run returned %v", err)
	}
	kept, err := result.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(kept.Tasks) != 1 || kept.Tasks[0].Name != "a" {
		t.Fatalf("%d tasks were kept", len(kept.Tasks))
	}
	again, encoded := ladder(list...)
	again.Losses = convexLosses()
	e = env(t) // has an empty cache, so task a would be encoded again
	e.Previous = kept
	r, err := experiment.Run(context.Background(), again, e)
	if err != nil {
		t.Fatal(err)
	}
	if asJSON(t, r.Heads) != asJSON(t, want.Heads) {
		t.Error("the continued run gives other heads than a run that was not stopped")
	}
	for name, n := range encoded {
		if b := r.Tasks[1]; *n != 3*(len(b.PoolIDs)+len(b.TestIDs)) { // the candidates of b's examples
			t.Errorf("%s encoded %d texts", name, *n)
		}
	}
}

// The run has a new task before two that are finished, and is stopped after it. Neither the stored nor the returned result may
// lose the finished ones.
func TestStoppedRunKeepsFinishedTasks(t *testing.T) {
	a, b, c := planted{name: "a", n: 600}, planted{name: "b", n: 600}, planted{name: "c", n: 600}
	before, _ := ladder(b, c)
	before.Losses = convexLosses()
	earlier := marked(t, run(t, before))
	cfg, _ := ladder(a, b, c)
	cfg.Losses = convexLosses()
	ctx, cancel := context.WithCancel(context.Background())
	e := env(t)
	e.Previous = earlier
	var stored *result.Result
	e.Finished = func(r *result.Result) error {
		stored = r
		cancel()
		return nil
	}
	returned, err := experiment.Run(ctx, cfg, e)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("the stopped run returned %v", err)
	}
	for what, r := range map[string]*result.Result{"stored": stored, "returned": returned} {
		var names []string
		for _, task := range r.Tasks {
			names = append(names, task.Name)
		}
		kept := 0
		for _, h := range r.Heads {
			if h.Steps == mark {
				kept++
			}
		}
		if !slices.Equal(names, []string{"a", "b", "c"}) || kept != len(earlier.Heads) {
			t.Errorf("%s: tasks %v, %d of %d earlier heads", what, names, kept, len(earlier.Heads))
		}
		if err := r.Save(filepath.Join(t.TempDir(), "result.json")); err != nil {
			t.Error(err)
		}
	}
}

// A pair must give the same heads bit for bit alone and in a grid, on one processor and on several.
func TestHeadsDoNotDependOnGrid(t *testing.T) {
	a, b := planted{name: "a", n: 600}, planted{name: "b", n: 600, rank: true}
	grid, _ := ladder(a, b)
	grid.Train, grid.Test = 120, 60
	grid.Losses = append(grid.Losses, loss.Confidence{Alpha: 0.5})
	byID := map[string]string{}
	for _, h := range run(t, grid).Heads {
		byID[h.ID] = asJSON(t, []result.Head{h})
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, processors := range []int{1, 3} {
		runtime.GOMAXPROCS(processors)
		for _, pair := range grid.Pairs {
			alone, _ := ladder(b)
			alone.Train, alone.Test = grid.Train, grid.Test
			alone.Pairs, alone.Seeds, alone.Losses = []result.Pair{pair}, []uint64{1}, alone.Losses[1:]
			heads := run(t, alone).Heads
			if len(heads) != 3 {
				t.Fatalf("%d heads", len(heads))
			}
			for _, h := range heads {
				if got := asJSON(t, []result.Head{h}); got != byID[h.ID] {
					t.Errorf("%s on %d processors differs from the grid's", h.ID, processors)
				}
			}
		}
	}
}
