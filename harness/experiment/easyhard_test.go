package experiment_test

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"

	"w2s/harness/experiment"
	"w2s/harness/result"
	"w2s/internal/shareddata"
	"w2s/tasks"
)

// graded is planted with a difficulty: the number of characters of the text, turned round.
type graded struct{ planted }

func (g graded) Info() tasks.Info {
	info := g.planted.Info()
	info.Difficulty = "grade"
	return info
}

func (g graded) Load(ctx context.Context, src tasks.Source) (*tasks.Data, error) {
	data, err := g.planted.Load(ctx, src)
	for i, e := range data.Pool {
		data.Pool[i].Difficulty = -float64(len(strings.Join(e.Texts, "")))
	}
	return data, err
}

// The heads of an order learn thirds of strong-train, and their records name a third of the test. No other head changes.
func TestOrders(t *testing.T) {
	for _, rank := range []bool{false, true} {
		cfg := smallConfig(graded{planted{name: "p", n: 700, noise: 1, rank: rank}})
		cfg.Losses, cfg.Train, cfg.KeepTexts = cfg.Losses[:1], 400, true
		without, _ := withBaselines(t, cfg)
		cfg.Orders = result.Orders()
		r, byID := withBaselines(t, cfg)
		for _, h := range without.Heads {
			if !reflect.DeepEqual(byID[h.ID], h) {
				t.Errorf("%s differs beside heads of orders", h.ID)
			}
		}
		gold := r.Tasks[0].TestGold
		hard := func(h result.Head, i int) bool { return h.HardTest[i/8]>>(i%8)&1 == 1 }
		heads := map[string]int{}
		for _, h := range r.Heads {
			if h.Role != result.Ordered {
				continue
			}
			heads[h.Baseline]++
			// The thirds of 200 examples of two classes of 100 are of 33 each; those of rankings have 66.
			if h.Train != 66 {
				t.Errorf("%s is trained on %d examples, want 66", h.ID, h.Train)
			}
			byClass := map[int][2]int{} // easy and hard test examples
			for i := range gold {
				class := 0
				if !rank {
					class = int(gold[i][1])
				}
				n := byClass[class]
				if hard(h, i) {
					n[1]++
				} else {
					n[0]++
				}
				byClass[class] = n
			}
			for class, n := range byClass {
				if n[1] != (n[0]+n[1])/3 {
					t.Errorf("%s: %d of %d test examples of class %d are hard", h.ID, n[1], n[0]+n[1], class)
				}
			}
			// No easy or middle example of a class is harder than a hard one.
			length := func(i int) int { return len(strings.ReplaceAll(r.Tasks[0].Texts[i], "\n", "")) }
			for i := range gold {
				for j := range gold {
					if !hard(h, i) || hard(h, j) || !rank && gold[i][1] != gold[j][1] {
						continue
					}
					if strings.HasSuffix(h.Baseline, ":length") && length(i) < length(j) || strings.HasSuffix(h.Baseline, ":difficulty:grade") && length(i) > length(j) {
						t.Fatalf("%s: an example of %d characters is hard and one of %d is not", h.ID, length(i), length(j))
					}
					if p := byID[h.Supervisor].Test; strings.HasSuffix(h.Baseline, ":confidence") && slices.Max(p[i]) > slices.Max(p[j]) {
						t.Fatalf("%s: an example of confidence %v is hard and one of %v is not", h.ID, slices.Max(p[i]), slices.Max(p[j]))
					}
				}
			}
		}
		want := map[string]int{}
		for _, o := range []string{"difficulty:grade", "length", "confidence", "mdl"} {
			want[result.Easy(o)], want[result.Hard(o)] = 2, 2
		}
		if !reflect.DeepEqual(heads, want) {
			t.Errorf("heads %v, want %v", heads, want)
		}
		cfg.Baselines = true
		checkPlan(t, cfg, r)
		if rows := summarize(t, r); len(rows[0].EasyHard) != 4 {
			t.Errorf("the row has %d orders, want 4", len(rows[0].EasyHard))
		}
	}
}

// NumPy finds the same hardness.
func TestLaddersAreThoseOfNumPy(t *testing.T) {
	python := shareddata.Python(t, "numpy")
	cfg := smallConfig(planted{name: "p", n: 300, noise: 1})
	cfg.Train, cfg.Test = 160, 80
	c := experiment.LadderOf(t, cfg, env(t))
	input, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(python, "testdata/logistic.py", "ladder")
	command.Stdin = bytes.NewReader(input)
	text, err := command.CombinedOutput()
	var want []float64
	if err != nil || json.Unmarshal(text, &want) != nil || len(want) != len(c.Hardness) {
		t.Fatalf("python: %v %s", err, text)
	}
	for i, w := range want {
		if math.Abs(c.Hardness[i]-w) > 1e-5 {
			t.Fatalf("example %d has the hardness %v, want %v", i, c.Hardness[i], w)
		}
	}
}

func TestOrdersAreChecked(t *testing.T) {
	for _, c := range []struct {
		change func(*experiment.Config)
		want   string
	}{
		{func(c *experiment.Config) { c.Orders = []string{"lenght"} }, `did you mean "length"`},
		{func(c *experiment.Config) { c.Orders = []string{"difficulty"} }, "difficulty=COLUMN"},
		{func(c *experiment.Config) { c.Orders, c.Baselines = []string{"mdl"}, false }, "need the baselines"},
	} {
		cfg := smallConfig(planted{name: "a", n: 300})
		cfg.Baselines = true
		c.change(&cfg)
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
	cfg := smallConfig(planted{name: "a", n: 300})
	cfg.Baselines, cfg.Orders, cfg.Train, cfg.Test = true, []string{"length"}, 40, 40
	if _, err := experiment.Run(t.Context(), cfg, env(t)); err == nil || !strings.Contains(err.Error(), "in a third of strong-train") {
		t.Errorf("a third of 20 examples: error %v", err)
	}
}
