package summary

import (
	"slices"
	"testing"

	"w2s/harness/result"
	"w2s/tasks"
)

// opinions returns a result of one seed on n test examples. The functions give the probability of the second class or candidate,
// which is the right one for odd examples.
func opinions(form tasks.Form, weak, student func(i int) float64) *result.Result {
	task := result.Task{Name: "t", Category: tasks.NLP, Form: form, Digest: "d", Train: 200}
	for i := range n {
		task.TestIDs = append(task.TestIDs, string(rune('a'+i)))
		task.TestGold = append(task.TestGold, []float64{float64(1 - i%2), float64(i % 2)})
	}
	r := newResult(task)
	test := func(p func(i int) float64) (out result.Distributions) {
		for i := range n {
			out = append(out, []float64{1 - p(i), p(i)})
		}
		return out
	}
	supervisor := add(r, result.Head{Task: "t", Role: result.Supervisor, Model: "small", Test: test(weak)})
	add(r, result.Head{Task: "t", Role: result.Student, Model: "large", Supervisor: supervisor, Treatment: "soft", Test: test(student)})
	add(r, result.Head{Task: "t", Role: result.Ceiling, Model: "large", Test: test(func(i int) float64 { return float64(i % 2) })})
	return r
}

func TestContraryStudentsAreNoted(t *testing.T) {
	right := func(of int, sure float64) func(i int) float64 { // on the first of n examples
		return func(i int) float64 {
			if (i%2 == 1) == (i < of) {
				return 0.5 + sure
			}
			return 0.5 - sure
		}
	}
	against := func(p func(int) float64) func(int) float64 { return func(i int) float64 { return 1 - p(i) } }
	const below = "the student scores 30.0 points below chance"
	const contradicts = "the student contradicts its supervisor: their predictions correlate by -1.00"
	for name, c := range map[string]struct {
		weak, student func(i int) float64
		want          []string
	}{
		"a good student":            {right(28, 0.2), right(36, 0.4), nil},
		"the opposite":              {right(32, 0.2), against(right(32, 0.2)), []string{contradicts, below}},
		"a little below chance":     {right(28, 0.2), right(19, 0.4), nil},
		"a supervisor of its like":  {right(8, 0.2), right(8, 0.4), []string{below}},
		"flat labels":               {right(28, 0.04), right(36, 0.4), []string{"the supervisor's labels hardly differ: on average by 0.040 from their mean (less than 0.05)"}},
		"labels that differ enough": {right(28, 0.06), right(36, 0.4), nil},
	} {
		for _, form := range []tasks.Form{tasks.Classify, tasks.Rank} {
			r := opinions(form, c.weak, c.student)
			if got := contrary(&r.Tasks[0], []*result.Head{&r.Heads[0]}, []*result.Head{&r.Heads[1]}, true); !slices.Equal(got, c.want) {
				t.Errorf("%s, %s: notes %q, want %q", name, form, got, c.want)
			}
		}
	}
	// Notes mark the cell, and hard labels cannot be flat.
	r := opinions(tasks.Classify, right(28, 0.04), against(right(32, 0.2)))
	if doubts := rows(t, r, Options{})[0].Doubts; !slices.Contains(doubts, below) {
		t.Errorf("doubts %q without %q", doubts, below)
	}
	r.Heads[1].Treatment = "hard"
	if got := contrary(&r.Tasks[0], []*result.Head{&r.Heads[0]}, []*result.Head{&r.Heads[1]}, true); len(got) != 2 {
		t.Errorf("hard labels: notes %q, want two", got)
	}
}

// Labels from elsewhere may have the classes swapped.
func TestSupervisorsBelowChanceAreNoted(t *testing.T) {
	wrong := func(i int) float64 { return []float64{0.9, 0.1}[i%2] }
	r := opinions(tasks.Classify, wrong, func(i int) float64 { return []float64{0.1, 0.9}[i%2] })
	const want = "the supervisor scores 50.0 points below chance: do its labels mean the classes of the task?"
	for status, noted := range map[string]bool{"": false, result.NotTrained: true} {
		r.Heads[0].Status = status
		if got := contrary(&r.Tasks[0], []*result.Head{&r.Heads[0]}, []*result.Head{&r.Heads[1]}, true); slices.Contains(got, want) != noted {
			t.Errorf("status %q: notes %q", status, got)
		}
	}
	// People and combinations have no classes of their own.
	r.Heads[0].Status = result.NotTrained
	if got := rows(t, r, Options{})[0].Doubts; !slices.Contains(got, want) {
		t.Errorf("doubts %q", got)
	}
	for _, facts := range []map[string]string{{result.SupervisorFact: result.PeopleFact}, {result.SupervisorFact: "a, b: their mean", result.CombinesFact: "a, b"}} {
		r.Models = []result.Model{{Name: r.Heads[0].Model, Description: facts}, {Name: r.Heads[1].Model}}
		if got := rows(t, r, Options{})[0].Doubts; slices.Contains(got, want) || !slices.Contains(got, "the supervisor scores 50.0 points below chance") {
			t.Errorf("%v: doubts %q", facts, got)
		}
	}
}

// A chain names the step.
func TestContraryStepsOfChainsAreNoted(t *testing.T) {
	r := chains()
	step := &r.Heads[slices.IndexFunc(r.Heads, func(h result.Head) bool { return h.ID == r.Chains[0].Steps[1] })]
	for i := range r.Chains {
		guarded := &r.Heads[slices.IndexFunc(r.Heads, func(h result.Head) bool { return h.ID == r.Chains[i].Jump })]
		guarded.Loss, guarded.Guard = "guardconf:alpha=0.5", &result.Guard{Kept: i == 0}
	}
	var turned result.Distributions
	for _, p := range r.Heads[slices.IndexFunc(r.Heads, func(h result.Head) bool { return h.ID == r.Chains[0].Steps[0] })].Test {
		turned = append(turned, []float64{p[1], p[0]})
	}
	step.Test = turned
	got, err := Chains(r, Options{Resamples: 300})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"step 2: the student contradicts its supervisor: their predictions correlate by -1.00 (1 of 2 seeds)",
		"the jump: guardconf: trained as logconf on 1 and as confidence on 1 of 2 seeds, by its guard (r 0.00, e 0.00)"} {
		if !slices.Contains(got[0].Warnings, want) {
			t.Errorf("no note %q in %q", want, got[0].Warnings)
		}
	}
}

func TestNoteOnAGuard(t *testing.T) {
	student := func(g *result.Guard) *result.Head {
		return &result.Head{Loss: "guardconf:alpha=0.5:warmup=0.2:least=0.65", Guard: g}
	}
	passed, stopped := student(&result.Guard{Correlation: 0.7, Excess: 1, Kept: true}), student(&result.Guard{Correlation: 0.2, Excess: 1})
	for want, students := range map[string][]*result.Head{
		"": {student(nil)},
		"guardconf: trained as logconf (r 0.70, e 1.00) (1 of 2 seeds)":                                               {passed, student(nil)},
		"guardconf: trained as confidence, because the guard rejects the main axis (r 0.20, e 1.00)":                  {stopped, stopped},
		"guardconf: trained as logconf on 1 and as confidence on 2 of 3 seeds, by its guard (r 0.20 to 0.70, e 1.00)": {passed, stopped, stopped},
	} {
		if got := guarded(students); got != want {
			t.Errorf("note %q, want %q", got, want)
		}
	}
}

func TestNoteOnCeilingsAtChance(t *testing.T) {
	for right, want := range map[int]string{20: "the ceiling is no better than chance, 50.0 %", 25: "the ceiling is no better than chance, 50.0 %", 27: "", 40: ""} {
		for _, form := range []tasks.Form{tasks.Classify, tasks.Rank} {
			r := opinions(form, func(int) float64 { return 0.4 }, func(int) float64 { return 0.4 })
			for i := range r.Heads[2].Test { // as many of each class
				if p := float64(i % 2); i/2 < right/2 || i == n-1 && right%2 == 1 {
					r.Heads[2].Test[i] = []float64{1 - p, p}
				} else {
					r.Heads[2].Test[i] = []float64{p, 1 - p}
				}
			}
			if got := atChance(&r.Tasks[0], []*result.Head{&r.Heads[2]}); got != want {
				t.Errorf("%d of %d right, %s: note %q, want %q", right, n, form, got, want)
			}
		}
	}
}
