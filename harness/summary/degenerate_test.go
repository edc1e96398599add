package summary

import (
	"slices"
	"strings"
	"testing"

	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/tasks"
)

// graded returns a result of one seed whose gold labels alternate between two classes. The functions say which answer each
// head gives to an example.
func graded(form tasks.Form, weak, student, ceiling func(i int) int) *result.Result {
	task := result.Task{Name: "t", Category: tasks.NLP, Form: form, Digest: "d", Train: 200}
	for i := range n {
		task.TestIDs = append(task.TestIDs, string(rune('a'+i)))
		gold := []float64{0, 0, 0}
		gold[i%2] = 1
		task.TestGold = append(task.TestGold, gold)
	}
	r := newResult(task)
	answers := func(of func(i int) int) (out result.Distributions) {
		for i := range n {
			p := []float64{0.1, 0.1, 0.1}
			p[of(i)] = 0.8
			out = append(out, p)
		}
		return out
	}
	supervisor := add(r, result.Head{Task: "t", Role: result.Supervisor, Model: "small", Test: answers(weak)})
	add(r, result.Head{Task: "t", Role: result.Student, Model: "large", Supervisor: supervisor, Test: answers(student),
		Labels: &result.LabelQuality{Quality: stats.Quality{N: 100, Accuracy: 0.5}}})
	add(r, result.Head{Task: "t", Role: result.Ceiling, Model: "large", Test: answers(ceiling)})
	return r
}

func TestDegenerateHeadsAreNoted(t *testing.T) {
	gold := func(i int) int { return i % 2 }
	wrong := func(int) int { return 2 }
	swapped := func(i int) int { return 1 - i%2 }
	zero := func(int) int { return 0 }
	nearly := func(i int) int { // right on 30 of 40
		if i < 10 {
			return 1 - i%2
		}
		return i % 2
	}
	half := func(i int) int { // right on 10 of 40
		if i < 30 {
			return 1 - i%2
		}
		return i % 2
	}
	for name, c := range map[string]struct {
		form                  tasks.Form
		weak, student, strong func(int) int
		want                  []string
	}{
		"all is well":              {tasks.Classify, half, nearly, gold, nil},
		"no right answer":          {tasks.Classify, swapped, nearly, gold, []string{"the supervisor gives no right answer to any of the 40 test examples", "the student contradicts its supervisor: their predictions correlate by -0.50"}},
		"neither learns":           {tasks.Classify, swapped, swapped, gold, []string{"the supervisor gives no right answer to any of the 40 test examples", "the student gives no right answer to any of the 40 test examples", "student and supervisor have the same score on every test example, so the interval of PGR has no width"}},
		"a constant supervisor":    {tasks.Classify, zero, nearly, gold, []string{"the supervisor gives the same answer to all 40 test examples", "the supervisor's labels hardly differ: on average by 0.000 from their mean (less than 0.05)"}},
		"a constant student":       {tasks.Classify, half, zero, gold, []string{"the student gives the same answer to all 40 test examples"}},
		"a constant wrong student": {tasks.Classify, half, wrong, gold, []string{"the student gives no right answer to any of the 40 test examples", "the student gives the same answer to all 40 test examples"}},
		"a constant ceiling":       {tasks.Classify, half, nearly, zero, []string{"the ceiling gives the same answer to all 40 test examples"}},
		"a ceiling without a right answer": {tasks.Classify, half, nearly, swapped,
			[]string{stats.ReasonNoGap, "the ceiling gives no right answer to any of the 40 test examples",
				"small scores higher than large trained on gold: weak and strong may be the wrong way round"}},
		"the same place":     {tasks.Rank, zero, nearly, gold, []string{"the supervisor chooses the candidate in the same place for all 40 test examples"}},
		"student as ceiling": {tasks.Classify, half, gold, gold, []string{"the student contradicts its supervisor: their predictions correlate by -0.50", "student and ceiling have the same score on every test example, so the interval of PGR has no width"}},
	} {
		r := rows(t, graded(c.form, c.weak, c.student, c.strong), Options{})[0]
		if c.want = append([]string{oneSeed}, c.want...); !slices.Equal(r.Warnings, c.want) {
			t.Errorf("%s: warnings\n%s\nwant\n%s", name, strings.Join(r.Warnings, "\n"), strings.Join(c.want, "\n"))
		}
	}
	// Where gold itself is the same everywhere, so may be the answers.
	if r := rows(t, twoSeeds(), Options{})[0]; !slices.Equal(r.Doubts, []string{tooWide("ceiling", 2)}) { // 100 and 90 %
		t.Errorf("doubts %q", r.Doubts)
	}
	// The note says on how many seeds.
	two := graded(tasks.Classify, zero, nearly, gold)
	for _, h := range slices.Clone(two.Heads) {
		h.Seed, h.Test = 1, slices.Clone(h.Test)
		if h.Role == result.Supervisor {
			h.Test = graded(tasks.Classify, half, nearly, gold).Heads[0].Test
		}
		if h.Role == result.Student {
			h.Supervisor = strings.Replace(h.Supervisor, "seed=0", "seed=1", 1)
			h.Labels = &result.LabelQuality{Quality: stats.Quality{N: 100}}
		}
		add(two, h)
	}
	want := []string{"the supervisor gives the same answer to all 40 test examples (1 of 2 seeds)", "none of the labels that the student learned from is right (1 of 2 seeds)",
		"the supervisor's labels hardly differ: on average by 0.000 from their mean (less than 0.05) (1 of 2 seeds)",
		tooWide("weak", 2)} // 0 and 50 %
	if r := rows(t, two, Options{})[0]; !slices.Equal(r.Doubts, want) {
		t.Errorf("doubts %q, want %q", r.Doubts, want)
	}
	// A simulated supervisor is made so.
	simulated := graded(tasks.Classify, zero, nearly, gold)
	simulated.Heads[0].Role, simulated.Heads[0].Simulated = result.Baseline, "majority"
	if r := rows(t, simulated, Options{})[0]; len(r.Doubts) > 0 {
		t.Errorf("a simulated supervisor: doubts %q", r.Doubts)
	}
}

func TestDegenerateFreeAnswersAreNoted(t *testing.T) {
	r := newResult(result.Task{Name: "t", Form: tasks.Generate, Category: tasks.Generative})
	for i := range n {
		r.Tasks[0].TestIDs = append(r.Tasks[0].TestIDs, string(rune('a'+i)))
		r.Tasks[0].TestGold = append(r.Tasks[0].TestGold, []float64{0, 1})
		r.Tasks[0].TestAnswers = append(r.Tasks[0].TestAnswers, []string{[]string{"north", "south"}[i%2]})
	}
	head := func(role result.Role, supervisor string, answer func(i int) string) string {
		h := result.Head{Task: "t", Role: role, Model: "m", Supervisor: supervisor}
		if role == result.Student {
			h.Labels = &result.LabelQuality{Quality: stats.Quality{N: 100}}
		}
		for i := range n {
			a, p := answer(i), 0.0
			if a == r.Tasks[0].TestAnswers[i][0] {
				p = 1
			}
			h.Answers, h.Test, h.TokenAccuracy = append(h.Answers, a), append(h.Test, []float64{1 - p, p}), append(h.TokenAccuracy, p)
		}
		return add(r, h)
	}
	supervisor := head(result.Supervisor, "", func(int) string { return "" })
	head(result.Student, supervisor, func(int) string { return " \n" })
	head(result.Ceiling, "", func(i int) string { return []string{"north", "south"}[i%2] })
	want := []string{
		"the supervisor gives no right answer to any of the 40 test examples", "the supervisor gives the same answer to all 40 test examples",
		"the student gives no right answer to any of the 40 test examples", "the student gives the same answer to all 40 test examples",
		"none of the labels that the student learned from is right",
		"student and supervisor have the same score on every test example, so the interval of PGR has no width",
	}
	row := rows(t, r, Options{})[0]
	if row.PGR.String() != "0.00" || !slices.Equal(row.Doubts, want) {
		t.Errorf("PGR %s, doubts\n%s\nwant\n%s", row.PGR, strings.Join(row.Doubts, "\n"), strings.Join(want, "\n"))
	}
}

func TestDegenerateStepsOfChainsAreNoted(t *testing.T) {
	r := chains()
	for i := range r.Tasks[0].TestGold {
		if i%2 == 0 {
			r.Tasks[0].TestGold[i] = []float64{1, 0}
		}
	}
	for i, h := range r.Heads {
		if h.Model == "middle" {
			r.Heads[i].Test = right(0, 40) // always class 1
		}
	}
	got, err := Chains(r, Options{Resamples: 300})
	if err != nil {
		t.Fatal(err)
	}
	if want := "step 2 gives the same answer to all 40 test examples"; !slices.Contains(got[0].Warnings, want) {
		t.Errorf("warnings %q lack %q", got[0].Warnings, want)
	}
}

func TestModelsTheWrongWayRoundAreNoted(t *testing.T) {
	gold := func(i int) int { return i % 2 }
	// rightOn returns answers that are right on the first k of 40 examples.
	rightOn := func(k int) func(int) int {
		return func(i int) int {
			if i < k {
				return i % 2
			}
			return 1 - i%2
		}
	}
	want := "small scores higher than large trained on gold: weak and strong may be the wrong way round"
	for name, c := range map[string]struct {
		weak, strong int
		parameters   [2]int64
		want         bool
	}{
		"clearly":                {36, 20, [2]int64{}, true},
		"clearly, by size too":   {36, 20, [2]int64{200, 100}, true},
		"within noise":           {21, 20, [2]int64{}, false},
		"within noise, larger":   {21, 20, [2]int64{200, 100}, true},
		"within noise, smaller":  {21, 20, [2]int64{100, 200}, false},
		"a positive gap":         {20, 36, [2]int64{}, false},
		"a positive gap, larger": {20, 36, [2]int64{200, 100}, false},
		"the same score":         {20, 20, [2]int64{200, 100}, false},
	} {
		r := graded(tasks.Classify, rightOn(c.weak), gold, rightOn(c.strong))
		r.Models[0].Parameters, r.Models[1].Parameters = c.parameters[0], c.parameters[1]
		row := rows(t, r, Options{})[0]
		if got := slices.Contains(row.Warnings, want); got != c.want || got != slices.Contains(row.Doubts, want) {
			t.Errorf("%s: warnings %q", name, row.Warnings)
		}
	}
	// What cannot be a student cannot be swapped.
	r := graded(tasks.Classify, rightOn(36), gold, rightOn(20))
	r.Models[0].Description = map[string]string{result.SupervisorFact: result.PeopleFact}
	if got := rows(t, r, Options{})[0].Warnings; slices.Contains(got, want) || !slices.Contains(got, "small scores higher than large trained on gold: there is no gap to recover") {
		t.Errorf("people: warnings %q", got)
	}
	c := chains()
	for i, h := range c.Heads {
		if h.Role == result.Ceiling {
			c.Heads[i].Test = right(0, 2)
		}
	}
	got, err := Chains(c, Options{Resamples: 300})
	if err != nil || !slices.Contains(got[0].Warnings, want) {
		t.Errorf("chain: %v, %v", got[0].Warnings, err)
	}
}
