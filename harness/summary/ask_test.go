package summary

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/tasks"
)

// Every figure of every question equals what testdata/questions.py computes with scikit-learn, SciPy and NumPy.
func TestAnswersEqualReference(t *testing.T) {
	var want struct {
		Rows []struct {
			Task, Weak string
			Figures    map[string]map[string]*float64 // by question and key
		}
		Ranks struct{ All, Within float64 }
		Ties  struct {
			A, B []float64
			Rho  float64
		}
	}
	data, err := os.ReadFile("testdata/questions-reference.json")
	if err == nil {
		err = json.Unmarshal(data, &want)
	}
	if err != nil {
		t.Fatal(err)
	}
	r, err := result.Load("testdata/questions-result.json")
	if err != nil {
		t.Fatal(err)
	}
	all := rows(t, r, Options{})
	if len(all) != len(want.Rows) {
		t.Fatalf("%d rows, want %d", len(all), len(want.Rows))
	}
	for _, q := range Questions() {
		answers, err := Ask(all, q, Options{Resamples: 200})
		if err != nil {
			t.Fatal(err)
		}
		for i, a := range answers.Rows {
			if a.Row.Task != want.Rows[i].Task || a.Row.Weak != want.Rows[i].Weak {
				t.Fatalf("row %d is %s, %s", i, a.Row.Task, a.Row.Weak)
			}
			reference := want.Rows[i].Figures[q.Name]
			if data, err := json.Marshal(a); err != nil || !strings.Contains(string(data), `"`+q.Asked[0].Key+`":{"value":`) {
				t.Errorf("as JSON: %v %.100s", err, data)
			}
			if len(reference) != len(q.Asked) {
				t.Errorf("%s: the reference has %d figures, the question %d", q.Name, len(reference), len(q.Asked))
			}
			for k, f := range q.Asked {
				got, value := a.Figures[k], reference[f.Key]
				switch {
				case got == nil && value == nil:
				case got == nil && strings.Contains(f.Key, "corrected_"): // a resample has no error of a sure supervisor
				case got == nil || value == nil || !(math.Abs(got.Value-*value) <= 1e-9):
					t.Errorf("%s, %s, %s: %s is %v, want %v", q.Name, a.Row.Task, a.Row.Weak, f.Key, got, value)
				case !got.Interval.Contains(got.Value):
					t.Errorf("%s, %s, %s: %s is %v with the interval %v", q.Name, a.Row.Task, a.Row.Weak, f.Key, got.Value, got.Interval)
				}
			}
		}
		if q.Name != "misfit" {
			continue
		}
		if len(answers.Ranks) != 4 || answers.Ranks[0].Within || answers.Ranks[0].N != 9 || !answers.Ranks[1].Within || answers.Ranks[1].Groups != 3 {
			t.Fatalf("rank correlations %+v", answers.Ranks)
		}
		near(t, "rank correlation", answers.Ranks[0].Value, want.Ranks.All)
		near(t, "rank correlation within students", answers.Ranks[1].Value, want.Ranks.Within)
	}
	rho, err := stats.RankCorrelation(want.Ties.A, want.Ties.B)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "rank correlation of ties", rho, want.Ties.Rho)
}

// Figures of heads whose answers and probabilities are simple enough to work out by hand.
func TestQuestionsOfKnownHeads(t *testing.T) {
	r := twoSeeds() // supervisors, students and ceilings are right on 20, 30, 40 and 24, 28, 36 of 40 examples
	for i := range r.Heads {
		if h := &r.Heads[i]; h.Role == result.Student {
			overlap := 0.2 + 0.1*float64(h.Seed)
			h.Geometry = &result.Geometry{Rows: 100, WeakDims: 10, StrongDims: 20, Shared: 5, Beyond: 0.4, Overlap: &overlap}
		}
	}
	for seed := range 2 { // right on 0:25, of 40
		add(r, result.Head{Task: "t", Role: result.Comparison, Baseline: result.FewGold(8), Model: "large", Seed: uint64(seed), Test: right(0, 25), Train: 8})
	}
	all := rows(t, r, Options{})
	figures, n := map[string]*Figure{}, map[string]float64{}
	for _, q := range Questions() {
		answers, err := Ask(all, q, Options{Resamples: 100})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range answers.Rows { // none of the question about impossible examples
			for k, f := range q.Asked {
				figures[f.Key], n[f.Key] = a.Figures[k], a.Among(k)
			}
		}
	}
	// Students are right on examples 0:30 and 0:28, supervisors on 0:20 and 0:24.
	near(t, "corrected", figures["corrected"].Value, (10./20+4./16)/2)
	near(t, "errors that can be corrected", n["corrected"], (20.+16)/2)
	near(t, "new errors", figures["new_errors"].Value, 0)
	// None of 22 right answers of the supervisor is lost, so the bound of Clopper and Pearson: 1 - 0.025^(1/22).
	near(t, "right answers that can be lost", n["new_errors"], (20.+24)/2)
	near(t, "at most this share is lost", figures["new_errors"].Interval.Hi, 1-math.Pow(0.025, 1./22))
	near(t, "at least this share is lost", figures["new_errors"].Interval.Lo, 0)
	near(t, "κ", figures["kappa"].Value, ((30./40-0.5)/(1-0.5)+(36./40-(0.6*0.7+0.4*0.3))/(1-(0.6*0.7+0.4*0.3)))/2)
	// Where the answers differ, each puts 0.75 where the other puts 0.25.
	kl := 0.5 * math.Log(3)
	near(t, "misfit", figures["misfit"].Value, kl*(10./40+4./40)/2)
	near(t, "gain", figures["gain"].Value, kl*((20.-10)/40+(12.-8)/40)/2)
	near(t, "blind spots", figures["blind_spots"].Value, 0) // nobody is less sure than 0.75
	if figures["blind_of_unsure"] != nil {
		t.Error("a share of no examples has a value")
	}
	near(t, "student - 8 gold labels", figures["gold_8"].Value, (5./40+3./40)/2)
	if figures["gold_32"] != nil {
		t.Error("there is no head of 32 gold labels")
	}
	near(t, "overlap density", figures["overlap"].Value, 0.25)
	near(t, "its interval", figures["overlap"].Interval.Hi, 0.25+12.70620473617471*0.05) // Student's t with one degree of freedom
	near(t, "dimensions shared by chance", figures["chance"].Value, 2)
	near(t, "inherited noise", figures["inherited"].Value, (5+0.2*5)/10)
	near(t, "lost, unknown to weak", figures["lost_unknown"].Value, (10./20+8./12)/2)
}

// Of four test examples with the logits 1, -1, 2 and 4, the last two are impossible.
func TestImpossibleExamples(t *testing.T) {
	r := newResult(task("t", tasks.NLP))
	own := &r.Tasks[0]
	own.TestIDs, own.TestGold = []string{"a", "b", "impossible-c", "impossible-d"}, own.TestGold[:4]
	var test result.Distributions
	for _, z := range []float64{1, -1, 2, 4} {
		p := 1 / (1 + math.Exp(-z))
		test = append(test, []float64{1 - p, p})
	}
	supervisor := add(r, result.Head{Task: "t", Role: result.Supervisor, Model: "small", Test: test})
	add(r, result.Head{Task: "t", Role: result.Student, Model: "large", Supervisor: supervisor, Test: test})
	add(r, result.Head{Task: "t", Role: result.Ceiling, Model: "large", Test: test})
	all, err := Rows(r, Options{Resamples: 50})
	if err != nil {
		t.Fatal(err)
	}
	q := impossible()
	for _, f := range q.Asked {
		scores, _, err := f.bySeed(all[0])
		if err != nil {
			t.Fatal(err)
		}
		// The mean is 1.5. The two have mean 3 and variance 1, so 0.5·1 + 0.5·1.5², and the whole variance is (0.25+6.25+0.25+6.25)/4.
		want := map[string]float64{"impossible": 0.5, "student_variance": (0.5 + 0.5*2.25) / 3.25, "student_possible": 0.5}
		if v, ok := want[f.Key]; ok {
			near(t, f.Key, scores[0](nil), v)
		}
	}
	if !q.Has(own, Trio{}) {
		t.Error("the task has no impossible examples")
	}
}

// Rows without predictions, and free answers where they have no meaning, are left out and named.
func TestAskLeavesOut(t *testing.T) {
	all := append(rows(t, twoSeeds(), Options{}), Row{Task: "imported"})
	free := all[0]
	task := *free.task
	task.Form = tasks.Generate
	free.task = &task
	all = append(all, free)
	for _, q := range Questions() {
		answers, err := Ask(all, q, Options{Resamples: 50})
		if err != nil {
			t.Fatal(err)
		}
		want := map[bool]int{true: 2, false: 1}[q.Free]
		if q.Has != nil { // the heads have no geometry, and there are no baselines
			want = 0
			if !strings.Contains(answers.LeftOut, "1 row without "+q.Lacks) {
				t.Errorf("%s: %q", q.Name, answers.LeftOut)
			}
		}
		if len(answers.Rows) != want || !strings.Contains(answers.LeftOut, "1 imported row") || strings.Contains(answers.LeftOut, "free answers") == q.Free {
			t.Errorf("%s: %d rows, %q", q.Name, len(answers.Rows), answers.LeftOut)
		}
	}
}

// What a student of another task loses is counted among what supervisor and ceiling of the tested task know.
func TestKnownIsOfTheTestedTask(t *testing.T) {
	r := newResult(task("other", tasks.NLP), task("t", tasks.NLP))
	head := func(task string, role result.Role, model string, to int) result.Head {
		return result.Head{Task: task, Role: role, Model: model, Test: right(0, to)}
	}
	for _, own := range []result.Head{head("t", result.Supervisor, "small", 10), head("t", result.Ceiling, "large", 30)} {
		add(r, own)
	}
	supervisor := add(r, head("other", result.Supervisor, "small", 40))
	student := head("other", result.Student, "large", 40)
	student.Supervisor = supervisor
	add(r, student)
	add(r, head("other", result.Ceiling, "large", 40))
	for _, h := range r.Heads[2:] { // tested on t: right on 0:5, 0:20, 0:5
		to := map[result.Role]int{result.Supervisor: 5, result.Student: 20, result.Ceiling: 5}[h.Role]
		r.Heads = append(r.Heads, h.TestedOn("t", right(0, to)))
	}
	for _, row := range rows(t, r, Options{}) {
		if row.Task != "t" {
			continue
		}
		for _, f := range blindSpots().Asked {
			scores, _, err := f.bySeed(row)
			if err != nil {
				t.Fatal(err)
			}
			switch f.Key {
			case "lost_unknown": // of 10:30, the student loses 20:30
				near(t, f.Key, scores[0](nil), 0.5)
			case "lost_known":
				near(t, f.Key, scores[0](nil), 0)
			}
		}
		return
	}
	t.Error("no row of the transfer")
}
