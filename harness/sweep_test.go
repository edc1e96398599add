package harness_test

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

	"w2s/harness"
	"w2s/harness/head"
	"w2s/tasks"
)

// ladder is a grid of three models, all pairs of them, and the number of texts that each encoded.
func ladder(t ...tasks.Task) (harness.Config, map[string]*int) {
	cfg := experiment(t...)
	cfg.Models, cfg.Pairs, cfg.Train, cfg.Test = nil, nil, 300, 150
	encoded := map[string]*int{}
	for _, dims := range []int{4, 7, fullDims} {
		name := fmt.Sprintf("dims-%d", dims)
		encoded[name] = new(int)
		for _, m := range cfg.Models {
			cfg.Pairs = append(cfg.Pairs, harness.Pair{Weak: m.Name, Strong: name})
		}
		cfg.Pairs = append(cfg.Pairs, harness.Pair{Weak: name, Strong: name})
		cfg.Models = append(cfg.Models, harness.Model{Name: name, Encoder: numbers{dims: dims, calls: encoded[name]}})
	}
	return cfg, encoded
}

// asJSON is what the result file says of heads: two results that agree in it agree in every bit that is kept.
func asJSON(tb testing.TB, heads []harness.HeadRecord) string {
	tb.Helper()
	text, err := json.Marshal(heads)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// watched counts how often each text is encoded.
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

// Whatever the number of pairs, losses, seeds and tasks that share texts, each text goes through each model once.
func TestGridEncodesEachTextOnceAndTrainsEachHeadOnce(t *testing.T) {
	cfg, _ := ladder(planted{name: "a", n: 600}, planted{name: "b", n: 600, rank: true}, planted{name: "a again", n: 600})
	watch := make([]watched, len(cfg.Models))
	for i, m := range cfg.Models {
		watch[i] = watched{m.Encoder.(numbers), map[string]int{}}
		cfg.Models[i].Encoder = watch[i]
	}
	e := env(t)
	plan, err := harness.MakePlan(context.Background(), cfg, e)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range watch {
		clear(w.times) // the plan's samples
	}
	r, err := harness.Run(context.Background(), cfg, e)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := harness.Run(context.Background(), cfg, e); err != nil { // from the cache
		t.Fatal(err)
	}
	for _, w := range watch {
		if len(w.times) < 3*450 { // the texts of b's parts
			t.Errorf("%s encoded %d texts", w.Key(), len(w.times))
		}
		for text, n := range w.times {
			if n != 1 {
				t.Fatalf("%s encoded %q %d times", w.Key(), text, n)
			}
		}
	}
	count, ids := map[harness.Role]int{}, map[string]bool{}
	for _, h := range r.Heads {
		count[h.Role]++
		if ids[h.ID] {
			t.Errorf("%s was trained twice", h.ID)
		}
		ids[h.ID] = true
	}
	nTasks, seeds, models, pairs, losses := 3, 2, 3, 6, 2
	want := map[harness.Role]int{harness.Supervisor: nTasks * seeds * models, harness.Ceiling: nTasks * seeds * models,
		harness.Student: nTasks * seeds * pairs * losses}
	if !reflect.DeepEqual(count, want) {
		t.Errorf("trained %v, want %v", count, want)
	}
	planned := 0
	for _, p := range plan.Tasks {
		planned += p.Heads
	}
	if got := len(r.Heads) * (len(cfg.L2) + 1); planned != got {
		t.Errorf("the plan says %d trainings, there were %d", planned, got)
	}
}

// mark is a number of steps that no training takes: a head that has it was taken over.
const mark = -7

func marked(tb testing.TB, r *harness.Result) *harness.Result {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "earlier.json") // as the command does: what was stored, read again
	if err := r.Save(path); err != nil {
		tb.Fatal(err)
	}
	back, err := harness.LoadResult(path)
	if err != nil {
		tb.Fatal(err)
	}
	for i := range back.Heads {
		back.Heads[i].Steps = mark
	}
	return back
}

func TestResumeTakesOverWhatHasNotChanged(t *testing.T) {
	a, b := planted{name: "a", n: 600}, planted{name: "b", n: 600, noise: 1}
	base, _ := ladder(a, b)
	earlier := marked(t, run(t, base))
	for _, c := range []struct {
		name   string
		change func(*harness.Config)
		kept   []string // tasks
	}{
		{"nothing", func(*harness.Config) {}, []string{"a", "b"}},
		{"a task more", func(c *harness.Config) { c.Tasks = append(c.Tasks, planted{name: "c", n: 600}) }, []string{"a", "b"}},
		{"data of one", func(c *harness.Config) { c.Tasks[1] = redated{b, "other data"} }, []string{"a"}},
		{"other test examples", func(c *harness.Config) { c.Tasks[0] = planted{name: "a", n: 601} }, []string{"b"}},
		{"a loss", func(c *harness.Config) { c.Losses = c.Losses[:1] }, nil},
		{"seeds", func(c *harness.Config) { c.Seeds = []uint64{0, 2} }, nil},
		{"penalties", func(c *harness.Config) { c.L2 = []float64{0.01, 0.2} }, nil},
		{"size", func(c *harness.Config) { c.Train = 280 }, nil},
		{"texts in the file", func(c *harness.Config) { c.KeepTexts = true }, nil},
		{"a model's files", func(c *harness.Config) { c.Models[0].Encoder = numbers{dims: 5} }, nil},
		{"a model's description", func(c *harness.Config) { c.Models[0].Description = map[string]string{"pooling": "cls"} }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, _ := ladder(a, b)
			c.change(&cfg)
			e := env(t)
			e.Previous = earlier
			plan, err := harness.MakePlan(context.Background(), cfg, e)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range plan.Tasks {
				if p.Finished != slices.Contains(c.kept, p.Task) {
					t.Errorf("plan: %s finished: %v", p.Task, p.Finished)
				}
			}
			r, err := harness.Run(context.Background(), cfg, e)
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range r.Heads {
				if (h.Steps == mark) != slices.Contains(c.kept, h.Task) {
					t.Errorf("%s taken over: %v", h.ID, h.Steps == mark)
				}
			}
		})
	}
}

// redated is a task whose data has another digest.
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

// A run that is stopped after its first task has that task on disk; the next run takes it over and the two together are
// what a run in one go would have been.
func TestStoppedRunGoesOn(t *testing.T) {
	list := []tasks.Task{planted{name: "a", n: 600}, planted{name: "b", n: 600, rank: true}}
	cfg, _ := ladder(list...)
	want := run(t, cfg)

	path := filepath.Join(t.TempDir(), "result.json")
	ctx, cancel := context.WithCancel(context.Background())
	e := env(t)
	e.Finished = func(r *harness.Result) error {
		cancel()
		return r.Save(path)
	}
	if _, err := harness.Run(ctx, cfg, e); !errors.Is(err, context.Canceled) {
		t.Fatalf("the stopped run returned %v", err)
	}
	kept, err := harness.LoadResult(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(kept.Tasks) != 1 || kept.Tasks[0].Name != "a" {
		t.Fatalf("%d tasks were kept", len(kept.Tasks))
	}
	again, encoded := ladder(list...)
	e = env(t) // its feature cache is empty: task a would have to be encoded again
	e.Previous = kept
	r, err := harness.Run(context.Background(), again, e)
	if err != nil {
		t.Fatal(err)
	}
	if asJSON(t, r.Heads) != asJSON(t, want.Heads) {
		t.Error("the run that went on differs from the one in one go")
	}
	for name, n := range encoded {
		if *n != 3*450 { // the questions of b
			t.Errorf("%s encoded %d texts", name, *n)
		}
	}
}

// A task that is put before finished ones and stopped costs none of them, neither in what is stored on the way nor in
// what is returned.
func TestStoppedRunKeepsWhatWasFinished(t *testing.T) {
	a, b, c := planted{name: "a", n: 600}, planted{name: "b", n: 600}, planted{name: "c", n: 600}
	before, _ := ladder(b, c)
	earlier := marked(t, run(t, before))
	cfg, _ := ladder(a, b, c)
	ctx, cancel := context.WithCancel(context.Background())
	e := env(t)
	e.Previous = earlier
	var stored *harness.Result
	e.Finished = func(r *harness.Result) error {
		stored = r
		cancel()
		return nil
	}
	returned, err := harness.Run(ctx, cfg, e)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("the stopped run returned %v", err)
	}
	for what, r := range map[string]*harness.Result{"stored": stored, "returned": returned} {
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

// One pair alone gives the bits that it gives in a grid, on one processor and on several.
func TestHeadsDoNotDependOnTheGrid(t *testing.T) {
	a, b := planted{name: "a", n: 600}, planted{name: "b", n: 600, rank: true}
	grid, _ := ladder(a, b)
	grid.Losses = append(grid.Losses, head.Confidence{Alpha: 0.5})
	byID := map[string]string{}
	for _, h := range run(t, grid).Heads {
		byID[h.ID] = asJSON(t, []harness.HeadRecord{h})
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, processors := range []int{1, 3} {
		runtime.GOMAXPROCS(processors)
		for _, pair := range grid.Pairs {
			alone, _ := ladder(b)
			alone.Pairs, alone.Seeds, alone.Losses = []harness.Pair{pair}, []uint64{1}, alone.Losses[1:]
			heads := run(t, alone).Heads
			if len(heads) != 3 {
				t.Fatalf("%d heads", len(heads))
			}
			for _, h := range heads {
				if got := asJSON(t, []harness.HeadRecord{h}); got != byID[h.ID] {
					t.Errorf("%s, %d processors: differs from the grid's", h.ID, processors)
				}
			}
		}
	}
}
