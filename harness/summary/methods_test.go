package summary

import (
	"math"
	"testing"

	"w2s/harness/result"
	"w2s/tasks"
)

// league returns a result of three tasks, two of them of one corpus, with the number of right answers of the students of each method.
func league(counts map[string][3]int) *result.Result {
	r := newResult(task("a", tasks.NLP), task("b", tasks.NLP), task("c", tasks.NLP))
	r.Tasks[0].Corpus, r.Tasks[1].Corpus = "x", "x"
	for i, t := range []string{"a", "b", "c"} {
		floor := []int{10, 10, 20}[i]
		supervisor := add(r, result.Head{Task: t, Role: result.Supervisor, Model: "small", Test: right(0, floor)})
		for _, m := range []Method{{"xent", "soft"}, {"kl", "soft"}, {"xent", "hard"}} {
			if n := counts[m.Loss+"+"+m.Treatment][i]; n > 0 {
				add(r, result.Head{Task: t, Role: result.Student, Model: "large", Supervisor: supervisor, Loss: m.Loss, Treatment: m.Treatment, Test: right(0, n)})
			}
		}
		add(r, result.Head{Task: t, Role: result.Ceiling, Model: "large", Test: right(0, floor+20)})
	}
	return r
}

// The figures are worked out by hand. By corpus, kl is 7/40 better on x and 3/40 worse on c, and hard labels 1/80 worse and equal.
func TestMethodsPoolsCorpora(t *testing.T) {
	r := league(map[string][3]int{"xent+soft": {20, 20, 30}, "kl+soft": {24, 30, 27}, "xent+hard": {20, 19, 30}})
	got, err := Methods(rows(t, r, Options{}), Options{Resamples: 300})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || got[0].Method != plain || got[1].Loss != "kl" || got[2].Treatment != "hard" {
		t.Fatalf("%+v", got)
	}
	xent, kl, hard := got[0], got[1], got[2]
	near(t, "rank of xent", xent.Rank, (2.25+1.5)/2) // 2.5 on a, 2 on b
	near(t, "rank of kl", kl.Rank, (1+3)/2.)
	near(t, "rank of hard", hard.Rank, (2.75+1.5)/2)
	if kl.RankInterval.Lo != 1 || kl.RankInterval.Hi != 3 { // Student's t of ranks 1 and 3 is far wider than the three methods
		t.Errorf("interval of the rank of kl is %v, want 1 to 3", kl.RankInterval)
	}
	near(t, "difference", kl.Diff, 0.05)
	half := 12.706204736 * 0.25 / 2 // Student's t with one degree of freedom times the standard error of -0.075 and 0.175
	if math.Abs(kl.Interval.Hi-(0.05+half)) > 1e-8 || math.Abs(kl.Interval.Lo-(0.05-half)) > 1e-8 {
		t.Errorf("interval %v, want 0.05 ± %v", kl.Interval, half)
	}
	if p := 1 - 2/math.Pi*math.Atan(0.05/0.125); math.Abs(kl.P-p) > 1e-9 || kl.Adjusted != 1 {
		t.Errorf("p %v, adjusted %v, want %v and 1", kl.P, kl.Adjusted, p)
	}
	near(t, "PGR", kl.PGR.Value, 0.05/0.5)
	near(t, "lowest", kl.Lowest, -3./40)
	// Ten examples more and none less have a p-value of 2/1024, twice that after Holm's correction; four have 2/16.
	if kl.Wins != 1 || kl.Ties != 2 || kl.Less != 0 || kl.LowestIn != "c, small → large" || kl.Cells != 3 || kl.Corpora != 2 {
		t.Errorf("%+v", kl)
	}
	if hard.Wins+hard.Less != 0 || xent.Ties != 3 || xent.Adjusted != 1 || xent.Diff != 0 {
		t.Errorf("hard %+v, xent %+v", hard, xent)
	}
}

// In a cell of two methods, the worse one has the rank of the worst of three. Cells without xent on soft labels do not count.
func TestMethodsOfPartOfTheCells(t *testing.T) {
	r := league(map[string][3]int{"xent+soft": {20, 0, 30}, "kl+soft": {24, 30, 27}, "xent+hard": {20, 19, 0}})
	got, err := Methods(rows(t, r, Options{}), Options{Resamples: 300})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range got {
		want := map[Method][2]float64{plain: {1.75, 2}, {"kl", "soft"}: {2, 2}, {"xent", "hard"}: {2.5, 1}}[m.Method]
		near(t, "rank of "+m.Loss+" on "+m.Treatment, m.Rank, want[0])
		near(t, "cells of "+m.Loss+" on "+m.Treatment, float64(m.Cells), want[1])
	}
	if one := got[len(got)-1]; one.Treatment != "hard" || one.Interval.Known() || one.P != 1 || !one.PGR.Defined {
		t.Errorf("of one corpus: %+v", one)
	}
	if none, err := Methods(rows(t, league(map[string][3]int{"kl+soft": {24, 30, 27}}), Options{}), Options{Resamples: 300}); len(none) != 0 || err != nil {
		t.Errorf("without xent: %+v, %v", none, err)
	}
}
