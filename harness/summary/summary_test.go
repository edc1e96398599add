package summary

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/tasks"
)

const n = 40 // test examples of every task

// task returns a task of two classes. The gold label of every example is class 1.
func task(name string, category tasks.Category) result.Task {
	t := result.Task{Name: name, Category: category, Form: tasks.Classify, Digest: "digest of " + name, Train: 200}
	for i := range n {
		t.TestIDs, t.TestGold = append(t.TestIDs, fmt.Sprint(i)), append(t.TestGold, []float64{0, 1})
	}
	return t
}

// right returns predictions that are right on examples from:to and wrong on the others.
func right(from, to int) result.Distributions {
	out := make(result.Distributions, n)
	for i := range out {
		out[i] = []float64{0.75, 0.25}
		if from <= i && i < to {
			out[i] = []float64{0.25, 0.75}
		}
	}
	return out
}

// add adds a head to the result and returns its ID.
func add(r *result.Result, h result.Head) string {
	if h.Loss == "" && h.Role != result.Baseline {
		h.Loss = "xent"
	}
	if h.Role == result.Student && h.Treatment == "" {
		h.Treatment = "soft"
	}
	h.ID = result.HeadID(h)
	r.Heads = append(r.Heads, h)
	return h.ID
}

// newResult returns a result of a weak and a strong model without heads.
func newResult(list ...result.Task) *result.Result {
	return &result.Result{Schema: result.Schema, Config: result.Settings{Seeds: []uint64{0, 1}, L2: []float64{1}, Held: 0.2}, Tasks: list,
		Models: []result.Model{{Name: "small", Key: "small files"}, {Name: "large", Key: "large files"}}}
}

// twoSeeds returns a result with one student for each of two seeds. On seed 0, supervisor, student and ceiling are right on
// 20, 30 and 40 of 40 examples. On seed 1 they are right on 24, 28 and 36.
func twoSeeds() *result.Result { return seedsLike(2) }

// seedsLike returns twoSeeds with as many seeds, which are alternately like seed 0 and seed 1.
func seedsLike(n int) *result.Result {
	r := newResult(task("t", tasks.NLP))
	r.Tasks[0].Warnings = []string{"of the task"}
	for seed := range n {
		c := [][3]int{{20, 30, 40}, {24, 28, 36}}[seed%2]
		head := func(role result.Role, model string, correct int) result.Head {
			return result.Head{Task: "t", Role: role, Model: model, Seed: uint64(seed), Test: right(0, correct), Train: 100}
		}
		supervisor := add(r, head(result.Supervisor, "small", c[0]))
		student := head(result.Student, "large", c[1])
		student.Supervisor, student.Warnings = supervisor, []string{"of the student", "of the task"}
		student.Labels = &result.LabelQuality{Quality: stats.Quality{N: 100, Accuracy: 0.7 + 0.1*float64(seed%2), ECE: 0.1},
			Raw: stats.Quality{N: 110, Accuracy: 0.6, LogLoss: 0.4 * float64(seed%2)}}
		add(r, student)
		add(r, head(result.Ceiling, "large", c[2]))
	}
	return r
}

func rows(t *testing.T, r *result.Result, opt Options) []Row {
	t.Helper()
	opt.Resamples = 300
	out, err := Rows(r, opt)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) <= 1e-12) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

func TestRowAveragesSeeds(t *testing.T) {
	all := rows(t, twoSeeds(), Options{})
	if len(all) != 1 {
		t.Fatalf("%d rows, want 1", len(all))
	}
	r := all[0]
	near(t, "floor", r.Floor.Value, (0.5+0.6)/2)
	near(t, "transfer score", r.Transfer.Value, (0.75+0.7)/2)
	near(t, "ceiling", r.Ceiling.Value, (1+0.9)/2)
	near(t, "gap", r.PGR.Gap, 0.4)
	// Two seeds whose gaps differ as much say little.
	if r.PGR.Defined || r.PGR.Reason != stats.ReasonNoise || !r.PGR.GapInterval.Contains(0) || r.PGR.GapExamples.Contains(0) {
		t.Errorf("PGR of two seeds: %+v", r.PGR)
	}
	near(t, "PGR of eight seeds", rows(t, seedsLike(8), Options{})[0].PGR.Value, 0.175/0.4)
	near(t, "PGR over seeds", r.SeedPGR.Value, (0.25/0.5+0.1/0.3)/2)
	near(t, "PGR of seed 1", r.SeedPGR.BySeed[1], 1./3)
	// Student's t with 1 degree of freedom is 12.706, and the standard error of two values is half their distance.
	if half := (r.SeedPGR.Interval.Hi - r.SeedPGR.Interval.Lo) / 2; !(math.Abs(half-12.706204736*(0.5-1./3)/2) <= 1e-6) {
		t.Errorf("PGR over seeds ±%v", half)
	}
	for what, v := range map[string]stats.Interval{"floor": r.Floor.Interval, "transfer": r.Transfer.Interval, "ceiling": r.Ceiling.Interval,
		"PGR": rows(t, seedsLike(8), Options{})[0].PGR.Interval} {
		if v.Level != 0.95 || !(v.Lo < v.Hi) {
			t.Errorf("interval of %s: %+v", what, v)
		}
	}
	if !r.Transfer.Interval.Contains(r.Transfer.Value) {
		t.Errorf("transfer score %+v", r.Transfer)
	}
	want := Row{Task: "t", Category: tasks.NLP, Weak: "small", Strong: "large", Loss: "xent", Treatment: "soft", Metric: tasks.Accuracy, N: n, Train: 100, Seeds: 2,
		Warnings: []string{"of the task", "of the student", stats.ReasonNoise, tooWide("ceiling", 2)}}
	got := Row{Task: r.Task, Category: r.Category, Weak: r.Weak, Strong: r.Strong, Loss: r.Loss, Treatment: r.Treatment, Metric: r.Metric, N: r.N, Train: r.Train, Seeds: r.Seeds,
		Warnings: r.Warnings}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("row %+v, want %+v", got, want)
	}
	if r.Pair() != "small → large" || r.Variant() != "" || r.Control != nil {
		t.Errorf("pair %q, variant %q, control %v", r.Pair(), r.Variant(), r.Control)
	}
}

// Seed 0: of the supervisor's 20 errors, the student repeats 10, and it agrees on all 20 right answers. Seed 1: of 16 errors, it
// repeats 12, and it agrees on all 24 right answers. The ceilings repeat none and 4.
func TestImitationOfRow(t *testing.T) {
	r := rows(t, twoSeeds(), Options{})[0]
	near(t, "agreement", r.Imitation.Student.All.Value, (30.+36)/80)
	near(t, "agreement on errors", r.Imitation.Student.OnErrors.Value, 22./36)
	near(t, "agreement on right answers", r.Imitation.Student.OnCorrect.Value, 1)
	near(t, "number of errors", r.Imitation.Student.OnErrors.N, 18)
	near(t, "the ceiling's agreement on errors", r.Imitation.Ceiling.OnErrors.Value, 4./36)
}

func TestLabelQualityIsMeanOverSeeds(t *testing.T) {
	l := rows(t, twoSeeds(), Options{})[0].Labels
	near(t, "accuracy", l.Accuracy, 0.75)
	near(t, "ECE", l.ECE, 0.1)
	near(t, "raw accuracy", l.Raw.Accuracy, 0.6)
	near(t, "raw log loss", l.Raw.LogLoss, 0.2)
	if l.N != 200 || l.Raw.N != 220 {
		t.Errorf("labels %+v", l)
	}
}

func TestLevelAndMetricOfRows(t *testing.T) {
	r := twoSeeds()
	wide, narrow := rows(t, r, Options{})[0], rows(t, r, Options{Level: 0.5})[0]
	if narrow.PGR.Interval.Level != 0.5 || narrow.SeedPGR.Interval.Level != 0.5 {
		t.Errorf("levels %v and %v", narrow.PGR.Interval.Level, narrow.SeedPGR.Interval.Level)
	}
	if a, b := narrow.Transfer.Interval, wide.Transfer.Interval; a.Hi-a.Lo >= b.Hi-b.Lo {
		t.Errorf("the interval at 50 %% is %v, at 95 %% %v", a, b)
	}
	if _, err := Rows(r, Options{Metric: tasks.AUROC, Resamples: 300}); !errors.Is(err, stats.ErrOneClass) {
		t.Errorf("AUROC of one class: %v", err)
	}
	for i := range n { // half of the examples become class 0, which the supervisor of seed 0 predicts exactly
		if i >= n/2 {
			r.Tasks[0].TestGold[i] = []float64{1, 0}
		}
	}
	// The AUROC of predictions with two values is the mean accuracy of the classes. The supervisors are right on 20 of 20 of
	// each class, and on 20 of 20 and 16 of 20.
	auroc := rows(t, r, Options{Metric: tasks.AUROC})[0]
	near(t, "AUROC", auroc.Floor.Value, (1+0.9)/2)
	if auroc.Metric != tasks.AUROC || auroc.bySeed != nil {
		t.Errorf("metric %s, %d values", auroc.Metric, len(auroc.bySeed))
	}
}

func TestRowsAreGroupedBySettings(t *testing.T) {
	r := newResult(task("b", tasks.Chess), task("a", tasks.NLP))
	for _, name := range []string{"a", "b"} {
		for _, size := range []int{0, 50} {
			supervisor := add(r, result.Head{Task: name, Role: result.Supervisor, Model: "small", Size: size, Test: right(0, 20)})
			for _, loss := range []string{"xent", "kl"} {
				add(r, result.Head{Task: name, Role: result.Student, Model: "large", Loss: loss, Supervisor: supervisor, Size: size, Test: right(0, 30)})
			}
			add(r, result.Head{Task: name, Role: result.Ceiling, Model: "large", Size: size, Test: right(0, 40-size/10)})
		}
		baseline := add(r, result.Head{Task: name, Role: result.Baseline, Model: "large", Simulated: "flip:0.7", Test: right(0, 28)})
		add(r, result.Head{Task: name, Role: result.Student, Model: "large", Supervisor: baseline, Treatment: "hard", Test: right(0, 34)})
		add(r, result.Head{Task: name, Role: result.Control, Model: "large", Test: right(0, 4)})
	}
	var got []string
	for _, row := range rows(t, r, Options{}) {
		got = append(got, fmt.Sprintf("%s %s %s %s %s simulated=%v %g %v", row.Task, row.Weak, row.Loss, row.Treatment, row.Variant(), row.Simulated, row.Ceiling.Value, row.Control != nil))
		if row.Control != nil && row.Control.Value != 0.1 {
			t.Errorf("control %v, want 0.1", row.Control.Value)
		}
	}
	want := []string{ // in the order of the tasks, then of the heads
		"b small xent soft  simulated=false 1 true", "b small kl soft  simulated=false 1 true",
		"b small xent soft train=50 simulated=false 0.875 false", "b small kl soft train=50 simulated=false 0.875 false",
		"b sim:flip:0.7 xent hard  simulated=true 1 true",
		"a small xent soft  simulated=false 1 true", "a small kl soft  simulated=false 1 true",
		"a small xent soft train=50 simulated=false 0.875 false", "a small kl soft train=50 simulated=false 0.875 false",
		"a sim:flip:0.7 xent hard  simulated=true 1 true",
	}
	if !slices.Equal(got, want) {
		t.Errorf("rows\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestRowWithoutGapHasNoPGR(t *testing.T) {
	for reason, ceiling := range map[string]int{stats.ReasonNoGap: 20, stats.ReasonNoise: 21} {
		r := newResult(task("t", tasks.NLP))
		supervisor := add(r, result.Head{Task: "t", Role: result.Supervisor, Model: "small", Test: right(0, 20)})
		add(r, result.Head{Task: "t", Role: result.Student, Model: "large", Supervisor: supervisor, Test: right(0, 20)})
		add(r, result.Head{Task: "t", Role: result.Ceiling, Model: "large", Test: right(0, ceiling)})
		row := rows(t, r, Options{})[0]
		if row.PGR.Defined || row.PGR.Reason != reason || !slices.Equal(row.Warnings, []string{oneSeed, reason}) {
			t.Errorf("%d of %d examples of gap: %+v, warnings %q", ceiling-20, n, row.PGR, row.Warnings)
		}
	}
}

func TestRowsReportMissingHeads(t *testing.T) {
	noSupervisor, noCeiling := twoSeeds(), twoSeeds()
	noSupervisor.Heads = noSupervisor.Heads[1:]
	noCeiling.Heads = noCeiling.Heads[:5]
	for want, r := range map[string]*result.Result{
		`its supervisor "t/supervisor/small/seed=0" is missing`: noSupervisor,
		"small -> large, xent: no ceiling of large for seed 1":  noCeiling,
	} {
		if _, err := Rows(r, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	if _, err := Rows(twoSeeds(), Options{Metric: "f1"}); err == nil || !strings.Contains(err.Error(), `unknown metric "f1"`) {
		t.Errorf("error %v", err)
	}
}

// The supervisor writes a wrong answer to examples 20 to 39. The student repeats it, with other white space, on 20 to 29, and
// writes another wrong answer on the rest. Equal predictions are thus not equal answers.
func TestImitationComparesFreeAnswersAsText(t *testing.T) {
	free := task("t", tasks.Generative)
	free.Form = tasks.Generate
	r := newResult(free)
	head := func(role result.Role, model, supervisor string, answer func(i int) string) string {
		h := result.Head{Task: "t", Role: role, Model: model, Supervisor: supervisor}
		for i := range n {
			h.Answers = append(h.Answers, answer(i))
			p := 0.0
			if strings.TrimSpace(h.Answers[i]) == "yes" {
				p = 1
			}
			h.Test, h.TokenAccuracy = append(h.Test, []float64{1 - p, p}), append(h.TokenAccuracy, p)
		}
		return add(r, h)
	}
	for range n {
		r.Tasks[0].TestAnswers = append(r.Tasks[0].TestAnswers, []string{"yes"})
	}
	supervisor := head(result.Supervisor, "small", "", func(i int) string { return []string{"yes", "no"}[i/20] })
	head(result.Student, "large", supervisor, func(i int) string { return []string{"yes", "yes", " no\n", "maybe"}[i/10] })
	head(result.Ceiling, "large", "", func(int) string { return "yes" })
	row := rows(t, r, Options{})[0]
	near(t, "agreement on errors", row.Imitation.Student.OnErrors.Value, 0.5)
	near(t, "agreement", row.Imitation.Student.All.Value, 0.75)
	near(t, "the ceiling's agreement on errors", row.Imitation.Ceiling.OnErrors.Value, 0)
	if row.Metric != tasks.ExactMatch {
		t.Errorf("metric %s", row.Metric)
	}
}

// withLoss adds students with another loss to twoSeeds, which are right on the given examples for both seeds.
func withLoss(r *result.Result, loss string, from, to int) {
	for _, h := range slices.Clone(r.Heads) {
		if h.Role == result.Student && h.Loss == "xent" {
			h.Loss, h.Test = loss, right(from, to)
			add(r, h)
		}
	}
}

func TestLossesComparesStudentsUnderEqualConditions(t *testing.T) {
	r := newResult(task("t", tasks.NLP))
	supervisor := add(r, result.Head{Task: "t", Role: result.Supervisor, Model: "small", Test: right(0, 20)})
	add(r, result.Head{Task: "t", Role: result.Student, Model: "large", Supervisor: supervisor, Test: right(0, 30)})
	add(r, result.Head{Task: "t", Role: result.Ceiling, Model: "large", Test: right(0, 40)})
	withLoss(r, "kl", 2, 38)
	withLoss(r, "confidence", 0, 31)
	compared, err := Losses(rows(t, r, Options{}), Options{Resamples: 300, Level: 0.8})
	if err != nil {
		t.Fatal(err)
	}
	if len(compared) != 2 {
		t.Fatalf("%d comparisons, want 2", len(compared))
	}
	// kl is right on 8 examples that xent gets wrong and wrong on 2 that xent gets right. The exact McNemar p-value is
	// 2·P(X ≤ 2) = 2·(1+10+45)/1024 for X binomial with 10 draws. confidence is right on one more, with a p-value of 1.
	kl, confidence := compared[0], compared[1]
	near(t, "difference", kl.Diff, 6./n)
	near(t, "p-value", kl.P, 112./1024)
	near(t, "adjusted p-value", kl.Adjusted, 224./1024)
	near(t, "difference of confidence", confidence.Diff, 1./n)
	near(t, "adjusted p-value of confidence", confidence.Adjusted, 1)
	if kl.Loss != "kl" || kl.Against != "xent" || kl.Better != 8 || kl.Worse != 2 || kl.N != n || kl.Interval.Level != 0.8 || !kl.Interval.Contains(kl.Diff) ||
		kl.Test != stats.TestMcNemar || kl.Task != "t" || kl.Weak != "small" || kl.Strong != "large" || kl.Treatment != "soft" || kl.Metric != tasks.Accuracy {
		t.Errorf("%+v", kl)
	}
	wider, err := Losses(rows(t, r, Options{}), Options{Resamples: 300, Level: 0.95})
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range wider {
		if narrow := compared[i].Interval; !(c.Interval.Hi-c.Interval.Lo > narrow.Hi-narrow.Lo) {
			t.Errorf("%s: interval %v, at level 0.8 %v", c.Loss, c.Interval, narrow)
		}
	}
}

func TestLossesComparesNothingUnderOtherConditions(t *testing.T) {
	base := rows(t, twoSeeds(), Options{})
	for name, c := range map[string]struct {
		change func(r *result.Result)
		want   int // comparisons
	}{
		"nothing": {func(*result.Result) {}, 1},
		"a note":  {func(r *result.Result) { r.Command, r.Config.Losses = []string{"w2s"}, []string{"kl"} }, 1},
		"seeds":   {func(r *result.Result) { r.Config.Seeds = []uint64{0, 2} }, 0},
		"l2":      {func(r *result.Result) { r.Config.L2 = []float64{2} }, 0},
		"folds":   {func(r *result.Result) { r.Config.Folds = 5 }, 0},
		"held":    {func(r *result.Result) { r.Config.Held = 0.1 }, 0},
		"model":   {func(r *result.Result) { r.Models[1].Key = "other files" }, 0},
		"data":    {func(r *result.Result) { r.Tasks[0].Digest = "other data" }, 0},
		"tests":   {func(r *result.Result) { r.Tasks[0].TestIDs[3] = "other" }, 0},
		"train":   {func(r *result.Result) { r.Tasks[0].Train = 100 }, 0},
	} {
		r := twoSeeds()
		withLoss(r, "kl", 0, 35)
		r.Heads = slices.DeleteFunc(r.Heads, func(h result.Head) bool { return h.Role == result.Student && h.Loss == "xent" })
		c.change(r)
		compared, err := Losses(append(slices.Clone(base), rows(t, r, Options{})...), Options{Resamples: 300})
		if err != nil {
			t.Fatal(err)
		}
		if len(compared) != c.want {
			t.Errorf("%s: %d comparisons, want %d", name, len(compared), c.want)
		}
	}
	imported := slices.Clone(base)
	imported[0].conditions, imported[0].bySeed, imported[0].Loss = "", nil, "kl"
	if compared, err := Losses(append(imported, base...), Options{}); err != nil || len(compared) != 0 {
		t.Errorf("imported rows: %d comparisons, %v", len(compared), err)
	}
}

// The chain small, middle, large is right on 20, 26 and 32 of 40 examples on seed 0, and on 20, 28 and 34 on seed 1. The jump is
// right on 24 and 26, and the ceiling on 40 and 38.
func chains() *result.Result {
	r := newResult(task("t", tasks.Chess))
	for seed, c := range [][5]int{{20, 26, 32, 24, 40}, {20, 28, 34, 26, 38}} {
		head := func(role result.Role, model, supervisor string, correct int) string {
			h := result.Head{Task: "t", Role: role, Model: model, Supervisor: supervisor, Seed: uint64(seed), Test: right(0, correct)}
			if role == result.Student {
				h.Labels = &result.LabelQuality{Quality: stats.Quality{N: 10, Accuracy: float64(c[0]+seed) / n}}
				h.Warnings = []string{"of " + model}
			}
			return add(r, h)
		}
		small := head(result.Supervisor, "small", "", c[0])
		middle := head(result.Student, "middle", small, c[1])
		r.Chains = append(r.Chains, result.Chain{Task: "t", Loss: "xent", Seed: uint64(seed), Steps: []string{small, middle, head(result.Student, "large", middle, c[2])},
			Jump: head(result.Student, "large", small, c[3]), Ceiling: head(result.Ceiling, "large", "", c[4])})
	}
	return r
}

func TestChainRowComparesStepsWithJump(t *testing.T) {
	r := chains()
	got, err := Chains(r, Options{Resamples: 300})
	if err != nil || len(got) != 1 {
		t.Fatalf("%d rows, %v", len(got), err)
	}
	c := got[0]
	for i, want := range []float64{40. / 80, 54. / 80, 66. / 80} {
		near(t, "step "+c.Models[i], c.Steps[i].Value, want)
	}
	near(t, "jump", c.Jump.Value, 50./80)
	near(t, "ceiling", c.Ceiling.Value, 78./80)
	near(t, "PGR", c.PGR.Value, 26./38)
	near(t, "PGR of the jump", c.JumpPGR.Value, 10./38)
	near(t, "gain", c.Gain.Diff, 16./80)
	near(t, "accuracy of the labels", c.Labels[1], (20.+21)/2/n)
	if !slices.Equal(c.Models, []string{"small", "middle", "large"}) || c.Data != "shared" || c.Loss != "xent" || c.N != n || c.Seeds != 2 || c.Category != tasks.Chess ||
		!slices.Equal(c.Warnings, []string{"of middle", "of large"}) {
		t.Errorf("%+v", c)
	}
	if rows := rows(t, r, Options{}); len(rows) != 0 {
		t.Errorf("Rows makes %d rows of the steps of chains", len(rows))
	}
}

func TestChainsAreGroupedByLossAndData(t *testing.T) {
	r := chains()
	r.Chains[1].Disjoint = true
	got, err := Chains(r, Options{Resamples: 300})
	if err != nil || len(got) != 2 || got[0].Data != "shared" || got[1].Data != "disjoint" || got[0].Seeds != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	r = chains()
	r.Chains[1].Steps = r.Chains[1].Steps[:2]
	if _, err := Chains(r, Options{}); err == nil || !strings.Contains(err.Error(), "2 steps for seed 1, 3 for seed 0") {
		t.Errorf("chains of different lengths: %v", err)
	}
}

// transfers returns heads of two tasks that are tested on both. Ceilings are right on 40 examples of their own task and on 30 of
// the other one.
func transfers() *result.Result {
	r := newResult(task("a", tasks.NLP), task("b", tasks.NLP))
	for _, trained := range []string{"a", "b"} {
		other := map[string]string{"a": "b", "b": "a"}[trained]
		supervisor := result.Head{Task: trained, Role: result.Supervisor, Model: "small", Loss: "xent", Test: right(0, 20)}
		supervisor.ID = result.HeadID(supervisor)
		student := result.Head{Task: trained, Role: result.Student, Model: "large", Loss: "xent", Treatment: "soft", Supervisor: supervisor.ID, Test: right(0, 30)}
		student.ID = result.HeadID(student)
		ceiling := result.Head{Task: trained, Role: result.Ceiling, Model: "large", Loss: "xent", Test: right(0, 40)}
		ceiling.ID = result.HeadID(ceiling)
		r.Heads = append(r.Heads, supervisor, student, ceiling, supervisor.TestedOn(other, right(0, 10)), student.TestedOn(other, right(0, 20)),
			ceiling.TestedOn(other, right(0, 30)))
	}
	return r
}

func TestTransfersFillsMatrix(t *testing.T) {
	got, err := Transfers(transfers(), Options{Resamples: 300})
	if err != nil || len(got) != 1 {
		t.Fatalf("%d matrices, %v", len(got), err)
	}
	m := got[0]
	if m.Weak != "small" || m.Strong != "large" || m.Loss != "xent" || m.Treatment != "soft" || !slices.Equal(m.Tasks, []string{"a", "b"}) {
		t.Errorf("%+v", m)
	}
	for i, trained := range m.Tasks {
		for j, tested := range m.Tasks {
			cell := m.Cells[i][j]
			floor, ceiling, on := 0.5, 1., ""
			if i != j {
				floor, ceiling, on = 0.25, 0.75, trained
			}
			near(t, fmt.Sprintf("floor of %s on %s", trained, tested), cell.Floor.Value, floor)
			near(t, fmt.Sprintf("ceiling of %s on %s", trained, tested), cell.Ceiling.Value, ceiling)
			near(t, "PGR", cell.PGR.Value, 0.5)
			if cell.Task != tested || cell.Trained != on {
				t.Errorf("row %d, column %d: trained on %q, tested on %q", i, j, cell.Trained, cell.Task)
			}
		}
	}
}

func TestTransfersRejectsIncompleteMatrix(t *testing.T) {
	missing := transfers()
	missing.Heads = slices.DeleteFunc(missing.Heads, func(h result.Head) bool { return h.Trained == "b" })
	stranger := transfers()
	stranger.Tasks = stranger.Tasks[1:]
	stranger.Heads = slices.DeleteFunc(stranger.Heads, func(h result.Head) bool { return h.Task == "a" })
	pairs := transfers()
	pairs.Heads = slices.DeleteFunc(pairs.Heads, func(h result.Head) bool { return h.Trained != "" })
	for want, r := range map[string]*result.Result{
		"no heads of b were tested on a: not the result of a transfer": missing,
		"no heads of a were tested on b: not the result of a transfer": pairs,
		"heads trained on a, which is not among the tasks":             stranger,
	} {
		if _, err := Transfers(r, Options{Resamples: 300}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// pgrs returns a row of each task with the PGR. NaN is an undefined one. The gap of row i is (i+1)/10.
func pgrs(category tasks.Category, weak string, values ...float64) []Row {
	var out []Row
	for i, v := range values {
		p := stats.PGR{Value: v, Gap: float64(i+1) / 10, Defined: true}
		if math.IsNaN(v) {
			p.Defined, p.Reason = false, stats.ReasonNoise
		}
		row := Row{Task: fmt.Sprintf("%s-%d", category, i), Category: category, Weak: weak, Strong: "large", Loss: "xent", Treatment: "soft", PGR: p}
		if p.Defined {
			row.Transfer.Value = v * p.Gap
		}
		out = append(out, row)
	}
	return out
}

func TestCategoriesPoolTasksAndCompareWithPublishedRange(t *testing.T) {
	all := slices.Concat(pgrs(tasks.Chess, "small", 0.1, 0.3, math.NaN(), 0.35), pgrs(tasks.NLP, "small", 0.2, 0.6), pgrs(tasks.NLP, "tiny", 0.75),
		pgrs(tasks.Generative, "small", 3), pgrs(tasks.Reward, "small", math.NaN()))
	got, err := Categories(all)
	if err != nil {
		t.Fatal(err)
	}
	var text []string
	for _, c := range got {
		line := fmt.Sprintf("%s %s %s median %.3g n=%d undefined=%d outside=%v", c.Category, c.Weak, c.PGR.Ratio, c.PGR.Median, c.PGR.N, c.PGR.Undefined, c.Outside)
		if c.Published != nil {
			line += fmt.Sprintf(" [%g, %g]", c.Published.Low, c.Published.High)
		}
		text = append(text, line)
	}
	want := []string{
		"chess small 0.21 median 0.3 n=3 undefined=1 outside=false [0.4, 0.6]",
		"nlp small undefined median 0.4 n=2 undefined=0 outside=false [0.2, 0.7]",
		"nlp tiny 0.75 median 0.75 n=1 undefined=0 outside=true [0.2, 0.7]",
		"generative small 3.00 median 3 n=1 undefined=0 outside=false",
		"reward small undefined median NaN n=0 undefined=1 outside=false [0.1, 0.3]",
	}
	if !slices.Equal(text, want) {
		t.Errorf("categories\n%s\nwant\n%s", strings.Join(text, "\n"), strings.Join(want, "\n"))
	}
}

func TestPairsPoolAllTasks(t *testing.T) {
	all := slices.Concat(pgrs(tasks.Chess, "small", 0.1, 0.3, math.NaN()), pgrs(tasks.NLP, "small", 0.2, 0.6), pgrs(tasks.NLP, "tiny", 0.75))
	other := pgrs(tasks.NLP, "small", 0.9)[0]
	other.Size = 50
	for i := range all {
		all[i].N, all[i].Seeds = 100+i, 3+i%2
	}
	got, err := Pairs(append(all, other))
	if err != nil || len(got) != 3 {
		t.Fatalf("%d pairs, %v", len(got), err)
	}
	near(t, "median PGR", got[0].PGR.Median, (0.2+0.3)/2)
	near(t, "median gap", got[0].Gap, 0.2) // of 0.1, 0.2, 0.3, 0.1 and 0.2
	if got[0].N != 100+101+102+103+104 || got[0].Seeds != [2]int{3, 4} || got[1].N != 105 || got[2].N != 0 {
		t.Errorf("pools of %d, %d and %d test examples and %v seeds; want 510, 105, unknown, and 3 to 4 seeds", got[0].N, got[1].N, got[2].N, got[0].Seeds)
	}
	if got[0].PGR.N != 4 || got[0].PGR.Undefined != 1 || got[1].Weak != "tiny" || got[2].Variant != "train=50" || got[2].PGR.Median != 0.9 {
		t.Errorf("%+v", got)
	}
}

func TestPoolsRejectTaskThatAppearsTwice(t *testing.T) {
	all := append(pgrs(tasks.NLP, "small", 0.2, 0.6), pgrs(tasks.NLP, "small", 0.3)...)
	_, errCategories := Categories(all)
	_, errPairs := Pairs(all)
	for _, err := range []error{errCategories, errPairs} {
		if err == nil || !strings.Contains(err.Error(), "task nlp-0, small -> large, xent appears twice") {
			t.Errorf("error %v", err)
		}
	}
}
