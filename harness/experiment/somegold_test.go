package experiment_test

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"

	"w2s/harness/experiment"
	"w2s/harness/result"
	"w2s/internal/race"
	"w2s/internal/shareddata"
)

// Students that see some gold are apart from the others, say so, and change none of them.
func TestSomeGold(t *testing.T) {
	for _, rank := range []bool{false, true} {
		cfg := smallConfig(planted{name: "p", n: 700, noise: 0.5, rank: rank})
		cfg.Losses, cfg.Train = cfg.Losses[:1], 400
		without := run(t, cfg)
		cfg.Gold = []float64{0.1, 0.5}
		r := run(t, cfg)
		byID := map[string]result.Head{}
		for _, h := range r.Heads {
			byID[h.ID] = h
		}
		for _, h := range without.Heads {
			if !reflect.DeepEqual(byID[h.ID], h) {
				t.Errorf("%s differs beside students that see gold", h.ID)
			}
		}
		score, train := map[string]float64{}, map[string]int{} // mean over the two seeds
		for _, h := range r.Heads {
			_, share, ok := result.CutSomeGold(h.Baseline)
			if ok != (h.Role == result.SomeGold) {
				t.Errorf("%s has the role %s", h.ID, h.Role)
			}
			if !ok {
				continue
			}
			score[h.Baseline] += rightShare(r, h) / 2
			train[h.Baseline] = h.Train
			if want := map[float64]string{0.1: "SEES GOLD of 20 of 200", 0.5: "SEES GOLD of 100 of 200"}[share]; len(h.Warnings) == 0 || !strings.HasPrefix(h.Warnings[0], want) {
				t.Errorf("%s has the warnings %q, want %q first", h.ID, h.Warnings, want)
			}
		}
		if len(score) != 18 {
			t.Errorf("%d kinds, want 18: %v", len(score), score)
		}
		for kind, n := range train {
			want := map[string]int{"only:0.1": 20, "only:0.5": 100, "choice:0.1": 180, "choice:0.5": 100}[kind]
			if want == 0 {
				want = 200
			}
			if n != want {
				t.Errorf("%s is trained on %d examples, want %d", kind, n, want)
			}
		}
		if a, b := score["naive:0.1"], score["naive:0.5"]; a >= b {
			t.Errorf("naive scores %.2f with a tenth of gold and %.2f with half of it", a, b)
		}
		if a, b := score["random:0.1"], score["naive:0.1"]; a >= b-0.05 {
			t.Errorf("guesses score %.2f beside a tenth of gold, weak labels %.2f", a, b)
		}
		checkPlan(t, cfg, r)
		row := summarize(t, r)[0]
		if len(row.SomeGold) != 18 || len(row.Baselines) != 0 {
			t.Errorf("the row has %d students that see gold and %d baselines", len(row.SomeGold), len(row.Baselines))
		}
		if kinds := row.SomeGold[0].Kind + " " + row.SomeGold[17].Kind; kinds != "naive:0.1 choice:0.5" {
			t.Errorf("first and last: %s", kinds)
		}
	}
}

// No gold outside the budget reaches a student that sees some, and none at all the other students and the baselines, also those without
// labels and beside heads of easy and hard examples.
func TestSomeGoldIsAllThatIsSeen(t *testing.T) {
	race.SkipLong(t)
	for _, rank := range []bool{false, true} {
		cfg := smallConfig(planted{name: "p", n: 700, noise: 0.5, rank: rank})
		cfg.Train, cfg.Gold, cfg.Seeds, cfg.Baselines, cfg.Unlabelled = 300, []float64{0.1, 0.3}, cfg.Seeds[:1], true, result.Unlabelled()
		cfg.Contrast, cfg.Orders = plantedStatements, []string{result.ByLength, result.ByConfidence, result.ByMDL}
		experiment.CheckGoldBudget(t, cfg, env(t))
	}
}

// NumPy finds the same reliability.
func TestReliabilityIsThatOfNumPy(t *testing.T) {
	python := shareddata.Python(t, "numpy")
	rng := rand.New(rand.NewPCG(8, 0))
	c := struct {
		Confidence []float64 `json:"confidence"`
		Right      []int     `json:"right"`
		At         []float64 `json:"at"`
	}{At: []float64{0.5, 0.6, 0.7, 0.8, 0.9, 1}}
	var soft, gold [][]float64
	for i := range 90 {
		p := 0.5 + 0.5*rng.Float64()
		right := rng.Float64() < p
		soft, gold = append(soft, []float64{p, 1 - p}), append(gold, []float64{0, 1})
		if right {
			gold[i] = []float64{1, 0}
		}
		if i < 60 { // the gold of the others is not seen
			c.Confidence, c.Right = append(c.Confidence, p), append(c.Right, 0)
			if right {
				c.Right[i] = 1
			}
		}
	}
	input, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(python, "testdata/logistic.py", "reliability")
	command.Stdin = bytes.NewReader(input)
	text, err := command.CombinedOutput()
	var want []float64
	if err != nil || json.Unmarshal(text, &want) != nil {
		t.Fatalf("python: %v %s", err, text)
	}
	for i, got := range experiment.Reliability(soft, gold, 60, c.At) {
		if math.Abs(got-want[i]) > 1e-4 {
			t.Errorf("at %v: %v, want %v", c.At[i], got, want[i])
		}
	}
	// A supervisor that is always right is right everywhere.
	if got := experiment.Reliability(soft, soft, 60, []float64{0.5, 1}); !slices.Equal(got, []float64{1 - 1e-6, 1 - 1e-6}) {
		t.Errorf("always right: %v", got)
	}
}

func TestSomeGoldIsChecked(t *testing.T) {
	cfg := smallConfig(planted{name: "a", n: 300})
	cfg.Gold = []float64{0, 1.5, 0.2, 0.2}
	if err := cfg.Validate(); err == nil || strings.Count(err.Error(), "is not between 0 and 1") != 2 || !strings.Contains(err.Error(), "given twice") {
		t.Errorf("error %v", err)
	}
	cfg.Gold, cfg.Train, cfg.Test = []float64{0.05}, 100, 60
	if _, err := experiment.Run(t.Context(), cfg, env(t)); err == nil || !strings.Contains(err.Error(), "3 gold labels, want 8 or more") {
		t.Errorf("a twentieth of 50 examples: error %v", err)
	}
}
