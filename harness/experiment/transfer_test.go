package experiment_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"w2s/harness/experiment"
	"w2s/harness/result"
	"w2s/harness/summary"
	"w2s/internal/race"
	"w2s/tasks"
)

// A domain is a variant of a planted task. Its texts have the signs of some dimensions reversed, while its gold labels are the
// same. Heads of one domain thus work on a similar one to some degree.
type domain struct {
	planted
	reversed int // number of reversed dimensions; with fullDims, heads of the planted task are always wrong
	borrowed int // number of examples that are those of the planted task
}

func (d domain) Load(ctx context.Context, src tasks.Source) (*tasks.Data, error) {
	data, err := d.planted.Load(ctx, src)
	if err != nil {
		return nil, err
	}
	for i := range data.Pool {
		if i < d.borrowed || d.reversed == 0 {
			continue
		}
		e := &data.Pool[i]
		for c, text := range e.Texts {
			fields := strings.Fields(text)
			for k := range d.reversed {
				if positive, ok := strings.CutPrefix(fields[k], "-"); ok {
					fields[k] = positive
				} else {
					fields[k] = "-" + fields[k]
				}
			}
			e.Texts[c] = strings.Join(fields, " ")
		}
		e.ID = tasks.ContentID(d.Info().Form, e.Texts)
	}
	return data, nil
}

// matrices returns the transfer matrices of a result.
func matrices(tb testing.TB, r *result.Result) []summary.TransferMatrix {
	tb.Helper()
	m, err := summary.Transfers(r, summary.Options{Resamples: 200})
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// fiveSeeds returns a small configuration with as many seeds as a PGR needs, and fast losses.
func fiveSeeds(list ...tasks.Task) experiment.Config {
	cfg := smallConfig(list...)
	cfg.Seeds, cfg.Losses = []uint64{0, 1, 2, 3, 4}, convexLosses()
	return cfg
}

// transfer runs the transfer of a small configuration over tasks.
func transfer(tb testing.TB, list ...tasks.Task) (*result.Result, error) {
	tb.Helper()
	return experiment.RunTransfer(tb.Context(), experiment.TransferConfig{Config: smallConfig(list...)}, env(tb))
}

func TestTransferMatrixHasEveryPairOfTasks(t *testing.T) {
	race.SkipLong(t)
	for _, rank := range []bool{false, true} {
		variant := func(name string, reversed int) domain {
			return domain{planted: planted{name: name, n: 700, rank: rank}, reversed: reversed}
		}
		cfg := fiveSeeds(variant("home", 0), variant("near", 1), variant("opposite", fullDims))
		r, err := experiment.RunTransfer(t.Context(), experiment.TransferConfig{Config: cfg}, env(t))
		if err != nil {
			t.Fatal(err)
		}
		all := matrices(t, r)
		if len(all) != 2 || len(all[0].Tasks) != 3 {
			t.Fatalf("%d matrices, want one of 3 tasks for each loss", len(all))
		}
		for _, m := range all {
			cell := func(i, j int) summary.Row { return m.Cells[i][j] }
			for i := range 3 {
				// A ceiling is best on its own task, slightly worse on a similar one, and almost always wrong on the opposite one.
				if cell(i, i).Ceiling.Value < 0.85 || cell(i, i).Trained != "" {
					t.Errorf("rank %v: ceiling of %s on its own task %.3f", rank, m.Tasks[i], cell(i, i).Ceiling.Value)
				}
			}
			if home, near := cell(0, 0).Ceiling.Value, cell(0, 1).Ceiling.Value; !(near < home && near > 0.6) || cell(0, 1).Trained != "home" {
				t.Errorf("rank %v: ceiling %.3f on its own task, %.3f on near", rank, home, near)
			}
			for _, f := range []summary.Figure{cell(0, 2).Floor, cell(0, 2).Transfer, cell(0, 2).Ceiling, cell(2, 0).Ceiling} {
				if f.Value > 0.3 {
					t.Errorf("rank %v: score %.3f on the opposite task", rank, f.Value)
				}
			}
			// On the opposite task, better heads are worse, so the gap is negative.
			if cell(0, 2).PGR.Defined || !cell(0, 0).PGR.Defined || !cell(0, 1).PGR.Defined {
				t.Errorf("rank %v: PGR %v, %v, %v", rank, cell(0, 0).PGR, cell(0, 1).PGR, cell(0, 2).PGR)
			}
		}
		// The diagonal must be the same as without other tasks.
		plain := summarize(t, run(t, fiveSeeds(variant("near", 1))))
		for i, m := range all {
			got := m.Cells[1][1]
			if got.Transfer != plain[i].Transfer || asJSON(t, got.PGR) != asJSON(t, plain[i].PGR) {
				t.Errorf("rank %v: PGR on the diagonal %+v, of Run %+v", rank, got.PGR, plain[i].PGR)
			}
		}
		path := filepath.Join(t.TempDir(), "transfer.json")
		if err := r.Save(path); err != nil {
			t.Fatal(err)
		}
		back, err := result.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		a, b := summarize(t, r), summarize(t, back)
		if len(a) != 18 || len(b) != 18 {
			t.Fatalf("%d rows, and %d from the file, want 18", len(a), len(b))
		}
		for i := range a {
			if !(math.Abs(a[i].Transfer.Value-b[i].Transfer.Value) <= 1e-12) || a[i].Trained != b[i].Trained {
				t.Errorf("row %+v, from the file %+v", a[i], b[i])
			}
		}
	}
}

// No task may be tested on what another one is trained on, and all heads of a column must be tested on the same examples.
func TestTransferLeavesLeaksOut(t *testing.T) {
	home := domain{planted: planted{name: "home", n: 700}}
	guest := domain{planted: planted{name: "guest", n: 700}, reversed: 2, borrowed: 300}
	r, err := transfer(t, home, guest)
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, d := range []domain{home, guest} {
		data, err := d.Load(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range data.Pool {
			texts[e.ID] = e.Texts[0]
		}
	}
	trains := map[string]map[string]bool{}
	for _, d := range []domain{home, guest} {
		data, err := d.Load(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		split, err := data.Split(tasks.SplitConfig{Train: 400, Test: 200})
		if err != nil {
			t.Fatal(err)
		}
		trains[d.name] = map[string]bool{}
		for _, e := range slices.Concat(split.WeakTrain, split.StrongTrain) {
			trains[d.name][e.ID] = true
		}
	}
	for _, task := range r.Tasks {
		if len(task.TestIDs) >= 200 || len(task.TestIDs) < 20 || len(task.TestGold) != len(task.TestIDs) {
			t.Errorf("%s: %d of 200 test examples", task.Name, len(task.TestIDs))
		}
		other := "home"
		if task.Name == "home" {
			other = "guest"
		}
		for _, id := range task.TestIDs {
			if texts[id] == "" || trains[other][id] {
				t.Errorf("%s is tested on example %s, which %s is trained on", task.Name, id, other)
			}
		}
		want := fmt.Sprintf("%d test examples of %s left out", 200-len(task.TestIDs), task.Name)
		if !slices.ContainsFunc(task.Warnings, func(w string) bool { return strings.Contains(w, want) }) {
			t.Errorf("%s: no warning %q in %q", task.Name, want, task.Warnings)
		}
	}
	for _, h := range r.Heads {
		for _, task := range r.Tasks {
			if task.Name == h.Task && len(h.Test) != len(task.TestIDs) {
				t.Errorf("%s has %d predictions for %d examples", h.ID, len(h.Test), len(task.TestIDs))
			}
		}
	}
}

func TestTransferRejectsUnsuitableTasks(t *testing.T) {
	one := planted{name: "one", n: 700}
	for want, list := range map[string][]tasks.Task{
		"two or more":                           {one},
		"share nothing with the training pools": {one, cribbed{one}},
		"rank is a rank task":                   {one, planted{name: "rank", n: 700, rank: true}},
		"heads for free answers cannot":         {one, compass{n: 340}},
		"others has 3 classes":                  {one, threeClasses{planted{name: "others", n: 700}}},
		"one is given twice":                    {one, one},
		"task small":                            {one, planted{name: "small", n: 30}},
	} {
		if _, err := transfer(t, list...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
}

// A task may fail at any stage. The error must name it, and the other tasks must give what they give without it.
func TestTransferKeepsTasksThatDoNotFail(t *testing.T) {
	race.SkipLong(t)
	a, b := domain{planted: planted{name: "a", n: 700}}, domain{planted: planted{name: "b", n: 700}, reversed: 3}
	want, err := transfer(t, a, b)
	if err != nil {
		t.Fatal(err)
	}
	bad := domain{planted: planted{name: "bad", n: 700}, reversed: 5}
	for _, c := range []struct {
		name, want string
		list       []tasks.Task
		broken     string // a text that the strong model fails to encode
	}{
		{"opening", "task small: ", []tasks.Task{planted{name: "small", n: 30}, a, b}, ""},
		{"classes", "task others: it has 3 classes", []tasks.Task{a, b, threeAnswers{planted{name: "others", n: 700}}}, ""},
		{"overlap", "task cribbed: 0 of its test examples share nothing", []tasks.Task{a, cribbed{a.planted}, b}, ""},
		{"encoding", "task bad: strong: ", []tasks.Task{a, bad, b}, text(t, bad)},
	} {
		cfg := smallConfig(c.list...)
		strong := &cfg.Models[len(cfg.Models)-1]
		strong.Encoder = breaking{strong.Encoder.(numbers), c.broken}
		r, err := experiment.RunTransfer(t.Context(), experiment.TransferConfig{Config: cfg}, env(t))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q in it", c.name, err, c.want)
		}
		if r == nil || asJSON(t, r.Heads) != asJSON(t, want.Heads) {
			t.Errorf("%s: the other tasks have other heads than without it", c.name)
			continue
		}
		if m := matrices(t, r); !slices.Equal(m[0].Tasks, []string{"a", "b"}) {
			t.Errorf("%s: the matrix has the tasks %v", c.name, m[0].Tasks)
		}
	}
	// Of two tasks, the second one fails after the first is finished.
	cfg := smallConfig(a, bad)
	cfg.Models[0].Encoder = breaking{cfg.Models[0].Encoder.(numbers), text(t, bad)}
	r, err := experiment.RunTransfer(t.Context(), experiment.TransferConfig{Config: cfg}, env(t))
	if err == nil || r == nil || len(matrices(t, r)[0].Cells) != 1 {
		t.Errorf("%v, %+v", err, r)
	}
}

func TestStoppedTransferKeepsFinishedTasks(t *testing.T) {
	list := []tasks.Task{domain{planted: planted{name: "a", n: 700}}, domain{planted: planted{name: "b", n: 700}, reversed: 3},
		domain{planted: planted{name: "c", n: 700}, reversed: 5}}
	want, err := transfer(t, list[:2]...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	e := env(t)
	var sizes []int
	e.Finished = func(r *result.Result) error {
		sizes = append(sizes, len(r.Heads))
		if stored(t, r, nil); len(sizes) == 2 {
			cancel()
		}
		return nil
	}
	r, err := experiment.RunTransfer(ctx, experiment.TransferConfig{Config: smallConfig(list...)}, e)
	if !errors.Is(err, context.Canceled) || r == nil || asJSON(t, r.Heads) != asJSON(t, want.Heads) {
		t.Errorf("error %v, or other heads than those of the finished tasks", err)
	}
	if n := len(want.Heads); !slices.Equal(sizes, []int{n / 4, n}) {
		t.Errorf("stored %v heads, want %v", sizes, []int{n / 4, n})
	}
}

// A breaking encoder fails at one text.
type breaking struct {
	numbers
	at string
}

func (b breaking) Encode(ctx context.Context, texts []string, emit func(index int, vector []float32, tokens int, truncated bool) error) error {
	if b.at != "" && slices.Contains(texts, b.at) {
		return errors.New("it broke")
	}
	return b.numbers.Encode(ctx, texts, emit)
}

// text returns a text that the task trains on.
func text(tb testing.TB, task tasks.Task) string {
	tb.Helper()
	data, err := task.Load(tb.Context(), nil)
	if err != nil {
		tb.Fatal(err)
	}
	split, err := data.Split(tasks.SplitConfig{Train: 400, Test: 200})
	if err != nil {
		tb.Fatal(err)
	}
	return split.WeakTrain[0].Texts[0]
}

// A threeAnswers task states two classes, but its labels have three.
type threeAnswers struct{ planted }

func (c threeAnswers) Load(ctx context.Context, src tasks.Source) (*tasks.Data, error) {
	data, err := c.planted.Load(ctx, src)
	if err == nil {
		for i := range data.Pool {
			data.Pool[i].Gold = append(data.Pool[i].Gold, 0)
			if i%3 == 0 {
				data.Pool[i].Gold = []float64{0, 0, 1}
			}
		}
	}
	return data, err
}

// A cribbed task tests on the training examples of another one.
type cribbed struct{ from planted }

func (c cribbed) Info() tasks.Info {
	info := c.from.Info()
	info.Name = "cribbed"
	return info
}

func (c cribbed) Load(ctx context.Context, src tasks.Source) (*tasks.Data, error) {
	from, err := c.from.Load(ctx, src)
	if err != nil {
		return nil, err
	}
	split, err := from.Split(tasks.SplitConfig{Train: 400, Test: 200})
	if err != nil {
		return nil, err
	}
	own, err := domain{planted: c.from, reversed: 2}.Load(ctx, src)
	if err != nil {
		return nil, err
	}
	own.Test = slices.Concat(split.WeakTrain, split.CeilingTrain())
	return own, nil
}

// A threeClasses task states three classes.
type threeClasses struct{ planted }

func (c threeClasses) Info() tasks.Info {
	info := c.planted.Info()
	info.Classes = []string{"no", "yes", "maybe"}
	return info
}

func TestTransferIsDeterministic(t *testing.T) {
	a := domain{planted: planted{name: "a", n: 700}}
	b := domain{planted: planted{name: "b", n: 700}, reversed: 3}
	first, err := transfer(t, a, b)
	if err != nil {
		t.Fatal(err)
	}
	second, err := transfer(t, a, b)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(first.Heads, second.Heads) {
		t.Error("the second run gives other heads")
	}
}
