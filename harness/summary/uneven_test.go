package summary

import (
	"testing"

	"w2s/tasks"
)

// Of 40 test examples, the first 30 are of class 1. Predictions say class 0 wherever they are not right from:to.
func TestUnevenClasses(t *testing.T) {
	r := twoSeeds()
	if u := rows(t, r, Options{})[0].Uneven; u == nil || u.Majority != 1 {
		t.Errorf("one class only: %+v", u)
	}
	for i := 30; i < n; i++ {
		r.Tasks[0].TestGold[i] = []float64{1, 0}
	}
	row := rows(t, r, Options{})[0]
	near(t, "accuracy", row.Floor.Value, (30.+34)/80)
	u := row.Uneven
	if u == nil || len(u.Scores) != 2 || u.Scores[0].Metric != tasks.AUROC || u.Scores[1].Metric != "balanced-accuracy" {
		t.Fatalf("uneven %+v", u)
	}
	near(t, "majority", u.Majority, 0.75)
	// With predictions of two values, the AUROC is the balanced accuracy.
	for _, s := range u.Scores {
		near(t, "weak", *s.Weak, (20./30+1+24./30+1)/4)
		near(t, "student", *s.Student, (1+1+28./30+1)/4)
		near(t, "ceiling", *s.Ceiling, (1+0+1+4./10)/4)
	}
	if u = rows(t, r, Options{Metric: tasks.AUROC})[0].Uneven; u.Scores[0].Metric != tasks.Accuracy {
		t.Errorf("beside AUROC: %+v", u.Scores)
	}
	// 19 and 21 differ by two, 20 and 20 do not.
	for i := range n {
		r.Tasks[0].TestGold[i] = []float64{float64(i % 2), float64(1 - i%2)}
	}
	if u = rows(t, r, Options{})[0].Uneven; u != nil {
		t.Errorf("even classes: %+v", u)
	}
	r.Tasks[0].TestGold[0] = []float64{1, 0}
	if u = rows(t, r, Options{})[0].Uneven; u == nil {
		t.Error("19 and 21 examples: even")
	}
	// Without an example of class 0, there is no AUROC.
	for i := range n {
		r.Tasks[0].TestGold[i] = []float64{0, 1}
	}
	if u = rows(t, r, Options{})[0].Uneven; u.Scores[0].Weak != nil || u.Scores[1].Weak == nil {
		t.Errorf("one class: %+v", u.Scores)
	}
}
