package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"w2s/harness/result"
	"w2s/tasks"
)

// made writes a result of two seeds on 10 test examples. right lists how many of them supervisor, ceiling and student get right.
func made(t *testing.T, folds int, right map[result.Role][2]int, l2 [2]float64) string {
	t.Helper()
	pair := result.Pair{Weak: "a", Strong: "b"}
	r := result.New(result.Settings{Kind: result.Pairs, Pairs: []result.Pair{pair}, Losses: []string{"xent"}, Seeds: []uint64{0, 1},
		L2: []float64{0.1, 1, 10}, Folds: folds, Held: 0.2}, []result.Model{{Name: "a"}, {Name: "b"}})
	task := result.Task{Name: "t", Category: tasks.NLP, Form: tasks.Classify}
	for i := range 10 {
		task.TestIDs, task.TestGold = append(task.TestIDs, string(rune('a'+i))), append(task.TestGold, []float64{0, 1})
	}
	r.Tasks = []result.Task{task}
	for seed := range 2 {
		supervisor := ""
		for _, role := range []result.Role{result.Supervisor, result.Student, result.Ceiling, result.Comparison} {
			h := result.Head{Task: "t", Role: role, Model: pair.Strong, Loss: "xent", Seed: uint64(seed), L2: l2[seed]}
			switch role {
			case result.Supervisor:
				h.Model = pair.Weak
			case result.Student:
				h.Supervisor = supervisor
			case result.Comparison: // a direction, which has no penalty and is in no table
				h.Supervisor, h.Baseline, h.Loss, h.L2 = supervisor, result.OfAxis, "", 0
			}
			h.ID = result.HeadID(h)
			if role == result.Supervisor {
				supervisor = h.ID
			}
			for i := range 10 {
				p := []float64{1, 0}
				if i < right[role][seed] {
					p = []float64{0, 1}
				}
				h.Test = append(h.Test, p)
			}
			r.Heads = append(r.Heads, h)
		}
	}
	path := filepath.Join(t.TempDir(), "r.json")
	if err := r.Save(path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTablesOfTwoWays(t *testing.T) {
	one := made(t, 1, map[result.Role][2]int{result.Supervisor: {5, 5}, result.Student: {6, 8}, result.Ceiling: {9, 9}}, [2]float64{0.1, 10})
	five := made(t, 5, map[result.Role][2]int{result.Supervisor: {5, 5}, result.Student: {7, 8}, result.Ceiling: {9, 9}}, [2]float64{1, 1})
	var out bytes.Buffer
	if err := run(&out, []string{one, five}); err != nil {
		t.Fatal(err)
	}
	// The student is right on 70 % and 75 %. The standard deviation of 60 and 80 is 14.14, that of -1 and 1 is 1.41.
	for _, want := range []string{
		"| student, xent | one cut | 70.00 |  |  | 14.14 | 1.41 | 0.500 |",
		"| student, xent | 5 folds | 75.00 | +5.00 | ±7.1 (+0.0 to +10.0) | 7.07 | 0.00 | 0.625 |",
		"| all | 5 folds | 71.67 | +1.67 | ±4.1 (+0.0 to +10.0) | 4.08 | 0.00 |  |",
		"| task | supervisor | ceiling | student, xent |",
		"| t | 50.0 / 50.0 | 90.0 / 90.0 | 70.0 / 75.0 |",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the tables lack %q:\n%s", want, out.String())
		}
	}
	if strings.Index(out.String(), "| supervisor |") > strings.Index(out.String(), "| ceiling |") {
		t.Errorf("ceilings before supervisors:\n%s", out.String())
	}
}
