package experiment_test

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"w2s/harness/experiment"
	"w2s/harness/result"
	"w2s/harness/summary"
	"w2s/internal/race"
	"w2s/internal/shareddata"
	"w2s/tasks"
)

// A recomputed is a row as docs/recompute.py prints it.
type recomputed struct {
	Task, Weak, Strong, Loss, Treatment, Variant string
	N, Seeds                                     int
	Floor, Student, Ceiling, Gap                 float64
	GapInterval                                  []float64 `json:"gap_interval"`
	Intervals                                    [][]float64
	PGR                                          *float64  // nil if it is undefined
	PGRInterval                                  []float64 `json:"pgr_interval"`
	OverSeeds                                    *float64  `json:"over_seeds"`
	OverSeedsHalf                                *float64  `json:"over_seeds_half"`
	Agreement                                    float64
	OnErrors                                     []float64 `json:"on_errors"`
}

// recompute runs the script on a result file and returns the rows that it prints.
func recompute(t *testing.T, r *result.Result) []recomputed {
	t.Helper()
	python := cmp.Or(os.Getenv("W2S_PYTHON"), "python3")
	if out, err := exec.Command(python, "-c", "import sys; assert sys.version_info >= (3, 10)").CombinedOutput(); err != nil {
		shareddata.Missing(t, "needs Python 3.10 or later: set W2S_PYTHON to the interpreter: %v %s", err, out)
	}
	path := filepath.Join(t.TempDir(), "result.json")
	if err := r.Save(path); err != nil {
		t.Fatal(err)
	}
	var errOut bytes.Buffer
	command := exec.Command(python, filepath.Join(shareddata.Root(), "docs", "recompute.py"), path, "1000")
	command.Stderr = &errOut
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, errOut.Bytes())
	}
	var rows []recomputed
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		var row recomputed
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatalf("%v: %s", err, lines.Bytes())
		}
		rows = append(rows, row)
	}
	return rows
}

// docs/recompute.py is written from the description of the result file alone. Scores, PGR, figures over seeds and agreement must
// be equal. The ends of intervals, which come from other resamples, must lie within a third of half an interval.
func TestPythonScriptComputesTheSameRows(t *testing.T) {
	race.SkipLong(t)
	if testing.Short() {
		t.Skip("resamples in Python")
	}
	many := smallConfig(planted{name: "classified", n: 700, noise: 0.5}, planted{name: "ranked", n: 700, noise: 0.5, rank: true})
	many.Seeds = []uint64{0, 1, 2}
	many.Pairs = append(many.Pairs, result.Pair{Weak: "weak", Strong: "weak"})
	single := smallConfig(planted{name: "one", n: 700, noise: 0.5})
	single.Seeds = []uint64{7}
	single.Sizes, single.Steps = []int{100}, []int{10}
	single.Simulated = []experiment.Simulated{{Kind: "flip", Accuracy: 0.7}}
	single.Losses = single.Losses[:1]
	for _, cfg := range []experiment.Config{many, single} {
		r := run(t, cfg)
		rows, err := summary.Rows(r, summary.Options{})
		if err != nil {
			t.Fatal(err)
		}
		byKey := map[string]recomputed{}
		for _, p := range recompute(t, r) {
			byKey[p.Task+p.Weak+p.Strong+p.Loss+p.Treatment+p.Variant] = p
		}
		if len(byKey) != len(rows) {
			t.Errorf("the script prints %d rows, want %d", len(byKey), len(rows))
		}
		undefined := 0
		for _, row := range rows {
			p, ok := byKey[row.Task+row.Weak+row.Strong+row.Loss+row.Treatment+row.Variant()]
			if !ok {
				t.Errorf("the script prints no row of %s, %s -> %s, %s", row.Task, row.Weak, row.Strong, row.Loss)
				continue
			}
			checkRow(t, row, p)
			if !row.PGR.Defined {
				undefined++
			}
		}
		if undefined == len(rows) {
			t.Error("every PGR is undefined")
		}
	}
}

// Wrong answers agree only if their texts are equal, which the predictions do not show.
func TestPythonScriptComparesFreeAnswersAsText(t *testing.T) {
	r := &result.Result{Schema: result.Schema, Models: []result.Model{{Name: "m"}}}
	task := result.Task{Name: "free", Form: tasks.Generate}
	for i := range 60 {
		task.TestIDs = append(task.TestIDs, fmt.Sprint(i))
		task.TestGold, task.TestAnswers = append(task.TestGold, []float64{0, 1}), append(task.TestAnswers, []string{"right"})
	}
	r.Tasks = append(r.Tasks, task)
	for role, answer := range map[result.Role]func(i int) string{
		result.Supervisor: func(i int) string { return []string{"right", "left", "up"}[i%3] },
		result.Student:    func(i int) string { return []string{"right ", "left", "right", "right", "down", "up"}[i%6] },
		result.Ceiling:    func(i int) string { return []string{"right", "right", "right", "up"}[i%4] },
	} {
		h := result.Head{ID: string(role), Task: "free", Role: role, Model: "m", Vocabulary: 4}
		if role == result.Student {
			h.Supervisor = string(result.Supervisor)
		}
		for i := range 60 {
			a, p := answer(i), []float64{1, 0}
			if strings.TrimSpace(a) == "right" {
				p = []float64{0, 1}
			}
			h.Answers, h.TokenAccuracy, h.Test = append(h.Answers, a), append(h.TokenAccuracy, p[1]), append(h.Test, p)
		}
		r.Heads = append(r.Heads, h)
	}
	rows, err := summary.Rows(r, summary.Options{})
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	checkRow(t, rows[0], recompute(t, r)[0])
	// Of the supervisor's 40 errors, the student repeats those with i%6 = 1 or i%6 = 5, 10 each.
	if got := rows[0].Imitation.Student.OnErrors.Value; got != 0.5 {
		t.Errorf("the student repeats %v of the errors, want 0.5", got)
	}
}

// checkRow compares a row with the script's.
func checkRow(t *testing.T, row summary.Row, p recomputed) {
	t.Helper()
	name := row.Task + ", " + row.Weak + " -> " + row.Strong + ", " + row.Loss + " " + row.Variant()
	same := func(what string, got, want float64) {
		t.Helper()
		if !(math.Abs(got-want) <= 1e-9) {
			t.Errorf("%s: %s is %v in Python, %v here", name, what, got, want)
		}
	}
	nearlySame := func(what string, got []float64, lo, hi float64) {
		t.Helper()
		// The score of a resample of n examples and k seeds is a multiple of 1/(nk), in both sets.
		slack := (hi-lo)/2/3 + 2/float64(row.N*row.Seeds)
		if len(got) != 2 || !(math.Abs(got[0]-lo) <= slack && math.Abs(got[1]-hi) <= slack) {
			t.Errorf("%s: interval of %s is %v in Python, [%v, %v] here", name, what, got, lo, hi)
		}
	}
	if p.N != row.N || p.Seeds != row.Seeds {
		t.Errorf("%s: n %d and %d seeds in Python, %d and %d here", name, p.N, p.Seeds, row.N, row.Seeds)
	}
	same("weak", p.Floor, row.Floor.Value)
	same("student", p.Student, row.Transfer.Value)
	same("ceiling", p.Ceiling, row.Ceiling.Value)
	same("gap", p.Gap, row.PGR.Gap)
	same("agreement", p.Agreement, row.Imitation.Student.All.Value)
	if row.Imitation.Student.OnErrors.Defined() {
		same("on errors, student", p.OnErrors[0], row.Imitation.Student.OnErrors.Value)
		same("on errors, ceiling", p.OnErrors[1], row.Imitation.Ceiling.OnErrors.Value)
	}
	if (p.OverSeeds != nil) != row.SeedPGR.Defined || (p.OverSeedsHalf != nil) != (row.SeedPGR.Defined && row.SeedPGR.Interval.Known()) {
		t.Errorf("%s: over seeds %v ±%v in Python, %+v here", name, p.OverSeeds, p.OverSeedsHalf, row.SeedPGR)
	} else if row.SeedPGR.Defined {
		same("over seeds", *p.OverSeeds, row.SeedPGR.Value)
		if half := (row.SeedPGR.Interval.Hi - row.SeedPGR.Interval.Lo) / 2; p.OverSeedsHalf != nil && !(math.Abs(*p.OverSeedsHalf-half) <= 1e-4*half) {
			t.Errorf("%s: ±%v over seeds in Python, ±%v here", name, *p.OverSeedsHalf, half) // the script integrates Student's t roughly
		}
	}
	for k, f := range []summary.Figure{row.Floor, row.Transfer, row.Ceiling} {
		nearlySame([]string{"weak", "student", "ceiling"}[k], p.Intervals[k], f.Interval.Lo, f.Interval.Hi)
	}
	nearlySame("gap", p.GapInterval, row.PGR.GapInterval.Lo, row.PGR.GapInterval.Hi)
	if row.PGR.Defined != (p.PGR != nil) {
		// Two sets of resamples may disagree only on a gap whose interval ends near 0.
		if edge := row.PGR.GapInterval.Lo; !(math.Abs(edge) <= 0.01) {
			t.Errorf("%s: PGR %v in Python, %v here, where the gap's interval is %v", name, p.PGR, row.PGR, row.PGR.GapInterval)
		}
		return
	}
	if row.PGR.Defined {
		same("PGR", *p.PGR, row.PGR.Value)
		// If the gap may be small, the ratio has long tails, and two sets of resamples differ more.
		if row.PGR.GapInterval.Lo > max(0.03, row.PGR.Gap/4) {
			nearlySame("PGR", p.PGRInterval, row.PGR.Interval.Lo, row.PGR.Interval.Hi)
		}
	}
}
