package experiment

import (
	"context"
	"reflect"
	"testing"

	"w2s/harness/result"
)

// studentsAndCeilings trains the heads of one task as Run does, with the baselines among the students, after change has changed the gold labels of strong-train and of
// the test.
func studentsAndCeilings(t *testing.T, cfg Config, env Env, change func(gold [][]float64)) (students, ceilings []result.Head) {
	t.Helper()
	ctx := context.Background()
	bench, err := open(ctx, cfg.withDefaults(), env.withDefaults(), cfg.Tasks[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := bench.encode(ctx); err != nil {
		t.Fatal(err)
	}
	for i := range bench.halves {
		change(bench.halves[i].strongGold)
	}
	change(bench.record.TestGold)
	heads, err := bench.allHeads(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range records(heads) {
		switch h.Role {
		case result.Student, result.Comparison: // no baseline sees gold of strong-train either
			students = append(students, h)
		case result.Ceiling, result.Control:
			ceilings = append(ceilings, h)
		}
	}
	return students, ceilings
}

// CheckStudentNeverSeesGold fails if a change of the gold labels of strong-train and test changes a bit of a student or of
// its settings. It also fails if the ceilings do not change, because the check would then prove nothing.
func CheckStudentNeverSeesGold(t *testing.T, cfg Config, env Env) {
	t.Helper()
	students, ceilings := studentsAndCeilings(t, cfg, env, func([][]float64) {})
	sameStudents, otherCeilings := studentsAndCeilings(t, cfg, env, func(gold [][]float64) {
		for i, g := range gold {
			gold[i] = append(g[1:len(g):len(g)], g[0])
		}
	})
	for i, s := range students {
		s.Labels, sameStudents[i].Labels = nil, nil // the analysis does use gold, and compares with the ceiling
		s.Cosines, sameStudents[i].Cosines = nil, nil
		if !reflect.DeepEqual(s, sameStudents[i]) {
			t.Errorf("%s changed with the gold labels of strong-train", s.ID)
		}
	}
	for i, c := range ceilings {
		if reflect.DeepEqual(c.Test, otherCeilings[i].Test) {
			t.Errorf("%s did not change with its gold labels", c.ID)
		}
	}
	if len(students) == 0 || len(ceilings) == 0 {
		t.Error("nothing was trained")
	}
}

// CheckWritingStudentNeverSeesGold is CheckStudentNeverSeesGold for free answers. A change of the gold answers of
// strong-train and test must not change a word that a student writes or its penalty.
func CheckWritingStudentNeverSeesGold(t *testing.T, cfg Config, env Env) {
	t.Helper()
	heads := func(change func([][]string)) []result.Head {
		bench, err := open(t.Context(), cfg.withDefaults(), env.withDefaults(), cfg.Tasks[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range bench.examples {
			if e.Answer != "" || e.Also != nil || e.Gold != nil {
				t.Fatalf("example %s has its answer", e.ID)
			}
		}
		for i := range bench.halves {
			change(bench.halves[i].strongAnswers)
		}
		change(bench.record.TestAnswers)
		heads, err := bench.freeAnswers(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return heads
	}
	want := heads(func([][]string) {})
	changed := 0
	for i, h := range heads(func(gold [][]string) {
		for i := range gold {
			gold[i] = []string{"up"}
		}
	}) {
		same := h.L2 == want[i].L2 && reflect.DeepEqual(h.Answers, want[i].Answers)
		if h.Role == result.Student && !same {
			t.Errorf("%s changed with the gold answers of strong-train", h.ID)
		}
		if h.Role == result.Ceiling && !same {
			changed++
		}
	}
	if changed == 0 {
		t.Error("no ceiling changed with its gold answers, so the test shows nothing")
	}
}

// WithStateBytes returns an Env that bounds the memory for the hidden states of answers.
func WithStateBytes(e Env, bytes int) Env {
	e.stateBytes = bytes
	return e
}

// A LadderCase is a hardness by heads that are trained on growing numbers of gold labels, and all that it is made of. Examples are rows
// of X.
type LadderCase struct {
	X        [][]float32 `json:"x"`
	Gold     []int       `json:"gold"`
	Pool     []int       `json:"pool"`
	Rungs    [][]int     `json:"rungs"`
	Scored   []int       `json:"scored"`
	L2       float64     `json:"l2"`
	Hardness []float64   `json:"-"` // of the scored ones
}

// LadderOf returns the hardness of the first task's examples of strong-train and test under the first strong model and the first seed.
func LadderOf(t *testing.T, cfg Config, env Env) (c LadderCase) {
	t.Helper()
	cfg = cfg.withDefaults()
	w, err := open(t.Context(), cfg, env.withDefaults(), cfg.Tasks[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := w.encode(t.Context()); err != nil {
		t.Fatal(err)
	}
	model, h := cfg.strongs()[0], w.halves[0]
	hardness, err := w.descriptionLength(t.Context(), model, h)
	if err != nil {
		t.Fatal(err)
	}
	c.L2, c.Gold = cfg.L2[len(cfg.L2)/2], make([]int, len(w.examples))
	for e := range w.examples {
		c.X = append(c.X, w.data[model].raw.X.Row(e))
	}
	for _, part := range []struct {
		examples []int
		gold     [][]float64
	}{{h.weak, h.weakGold}, {h.strong, h.strongGold}, {w.test, w.record.TestGold}} {
		for i, e := range part.examples {
			c.Gold[e] = int(part.gold[i][1])
		}
	}
	c.Pool = append(append(c.Pool, h.weak...), h.strong...)
	for n := 8; n < len(h.weak); n *= 2 {
		var rung []int
		for _, i := range w.goldSample(h, n) {
			rung = append(rung, h.weak[i])
		}
		c.Rungs = append(c.Rungs, rung)
	}
	c.Rungs = append(c.Rungs, h.weak)
	for _, e := range append(append([]int(nil), h.strong...), w.test...) {
		c.Scored, c.Hardness = append(c.Scored, e), append(c.Hardness, hardness[e])
	}
	return c
}

// Reliability returns how probable a supervisor with the given labels is right at each of some values of its confidence, if the gold of
// the first drawn examples is seen.
func Reliability(soft, gold [][]float64, drawn int, at []float64) []float64 {
	o := offer{halves: halves{strongGold: gold}}
	o.labels.Soft = soft
	of := reliability(o, goldBudget{drawn: goldUpTo(drawn)})
	out := make([]float64, len(at))
	for i, v := range at {
		out[i] = of(v)
	}
	return out
}

func goldUpTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// CheckGoldBudget fails if the students that see some gold see any other: if another gold label of strong-train outside the budget, or of the
// test, changes one of them, but for the oracle, which may choose by all. It also fails if gold inside the budget changes none of them, or
// changes a student or a baseline.
func CheckGoldBudget(t *testing.T, cfg Config, env Env) {
	t.Helper()
	heads := func(change func(w *workbench)) map[string]result.Head {
		w, err := open(t.Context(), cfg.withDefaults(), env.withDefaults(), cfg.Tasks[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := w.encode(t.Context()); err != nil {
			t.Fatal(err)
		}
		change(w)
		trained, err := w.allHeads(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]result.Head{}
		for _, h := range records(trained) {
			h.Labels, h.Cosines, h.HardTest = nil, nil, nil
			out[h.ID] = h
		}
		return out
	}
	turn := func(g []float64) []float64 { return append(g[1:len(g):len(g)], g[0]) }
	largest := 0.0
	for _, share := range cfg.Gold {
		largest = max(largest, share)
	}
	turned := func(inside bool) func(w *workbench) {
		return func(w *workbench) {
			for k, h := range w.halves {
				soft := make([][]float64, len(h.strong))
				for i := range soft {
					soft[i] = []float64{1, 0}
				}
				o := offer{halves: h}
				o.labels.Soft = soft
				b, err := w.budget(o, largest)
				if err != nil {
					t.Fatal(err)
				}
				seen := map[int]bool{}
				for _, i := range b.drawn {
					seen[i] = true
				}
				for i, g := range h.strongGold {
					if seen[i] == inside {
						w.halves[k].strongGold[i] = turn(g)
					}
				}
			}
			if !inside {
				for i, g := range w.record.TestGold {
					w.record.TestGold[i] = turn(g)
				}
			}
		}
	}
	want, outside, inside := heads(func(*workbench) {}), heads(turned(false)), heads(turned(true))
	seeing := 0
	for id, h := range want {
		method, _, _ := result.CutSomeGold(h.Baseline)
		switch {
		case h.Role == result.Student || h.Role == result.Comparison:
			if !reflect.DeepEqual(h, outside[id]) || !reflect.DeepEqual(h, inside[id]) {
				t.Errorf("%s changed with gold", id)
			}
		case h.Role != result.SomeGold:
		case method != result.GoldOracle && !reflect.DeepEqual(h, outside[id]):
			t.Errorf("%s changed with gold that it must not see", id)
		case reflect.DeepEqual(h.Test, inside[id].Test) && method != result.GoldChoice: // another penalty may be no better
			t.Errorf("%s did not change with the gold that it sees", id)
		default:
			seeing++
		}
	}
	if seeing == 0 {
		t.Error("no head sees some gold, so the check shows nothing")
	}
}
