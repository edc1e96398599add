package harness_test

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"w2s/harness"
	"w2s/harness/label"
	"w2s/harness/stats"
	"w2s/tasks"
)

func summarize(tb testing.TB, r *harness.Result) []harness.Row {
	tb.Helper()
	rows, err := harness.Summarize(r, harness.SummaryOptions{Resamples: 200})
	if err != nil {
		tb.Fatal(err)
	}
	return rows
}

func TestRunRecoversPartOfAPlantedGap(t *testing.T) {
	rows := summarize(t, run(t, experiment(planted{name: "planted", n: 700, noise: 0.5})))
	if len(rows) != 2 {
		t.Fatalf("%d rows, want one a loss", len(rows))
	}
	for _, r := range rows {
		// Soft labels of a well-specified supervisor hold all it knows; hardening them may cost what it gains.
		if r.Loss == "xent" && !(r.Floor.Value < r.Transfer.Value && r.Transfer.Value < r.Top.Value) {
			t.Errorf("%s: weak %.3f, student %.3f, ceiling %.3f are not in order", r.Loss, r.Floor.Value, r.Transfer.Value, r.Top.Value)
		}
		if !r.PGR.Defined || r.N != 200 || r.Seeds != 2 || r.Train != 200 {
			t.Errorf("%s: %+v", r.Loss, r)
		}
		if want := (r.Transfer.Value - r.Floor.Value) / (r.Top.Value - r.Floor.Value); !(math.Abs(r.PGR.Value-want) <= 1e-12) {
			t.Errorf("%s: PGR %v, want %v", r.Loss, r.PGR.Value, want)
		}
	}
}

func TestStudentNeverSeesGold(t *testing.T) {
	for _, rank := range []bool{false, true} {
		cfg := experiment(planted{name: "planted", n: 700, rank: rank})
		for _, text := range []string{"soft", "hard", "temperature", "top:0.5"} {
			treatment, err := label.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			cfg.Treatments = append(cfg.Treatments, treatment)
		}
		harness.CheckStudentNeverSeesGold(t, cfg, env(t))
	}
}

func TestSameSeedSameHeads(t *testing.T) {
	task := planted{name: "planted", n: 700}
	cfg := experiment(task)
	want := run(t, cfg)
	shuffled := task
	shuffled.order = 99
	one := experiment(shuffled)
	one.Seeds = []uint64{1}
	byID := map[string]harness.HeadRecord{}
	for _, h := range want.Heads {
		byID[h.ID] = h
	}
	for _, h := range run(t, one).Heads {
		if !reflect.DeepEqual(h, byID[h.ID]) {
			t.Errorf("%s depends on the order of rows or on the other seeds", h.ID)
		}
	}
}

func TestResultFileRoundTrip(t *testing.T) {
	for _, rank := range []bool{false, true} {
		r := run(t, experiment(planted{name: "planted", n: 700, rank: rank}))
		path := filepath.Join(t.TempDir(), "out", "result.json")
		if err := r.Save(path); err != nil {
			t.Fatal(err)
		}
		back, err := harness.LoadResult(path)
		if err != nil {
			t.Fatal(err)
		}
		a, b := summarize(t, r), summarize(t, back)
		if len(a) != 2 || len(b) != 2 {
			t.Fatalf("rank %v: %d rows, and %d after reading, want one a loss", rank, len(a), len(b))
		}
		for i := range a {
			if a[i].PGR != b[i].PGR || a[i].Transfer != b[i].Transfer {
				t.Errorf("rank %v: %+v after reading, %+v before", rank, b[i].PGR, a[i].PGR)
			}
		}
	}
}

func TestDamagedResults(t *testing.T) {
	says := map[string]string{
		"no JSON": "not a result", "two results": "damaged", "a bit more": "damaged", "other schema": "w2s.result/99", "unknown task": `unknown task "x"`,
		"short": "0 predictions for 1", "no supervisor": `"b" is missing`, "no probability": "1.5", "null": "null", "null in a list": "null",
		"sum of 1.2": "sums to 1.2", "a negative one": "-0.5", "texts missing": "2 test ids and 1 texts", "gold missing": "2 test ids and 1 gold",
		"foreign supervisor": `"b" is of task "y"`, "chain without steps": "0 steps", "chain on no task": `chain on "z": unknown task`,
	}
	for name, text := range map[string]string{
		"no JSON":      "{",
		"two results":  `{"schema":"w2s.result/1"}{"schema":"w2s.result/1"}`,
		"a bit more":   `{"schema":"w2s.result/1"}}`,
		"other schema": `{"schema":"w2s.result/99"}`,
		"unknown task": `{"schema":"w2s.result/1","heads":[{"id":"a","task":"x","test":[]}]}`,
		"short":        `{"schema":"w2s.result/1","tasks":[{"name":"x","test_ids":["1"],"test_gold":[1]}],"heads":[{"id":"a","task":"x","test":[]}]}`,
		"no supervisor": `{"schema":"w2s.result/1","tasks":[{"name":"x","test_ids":["1"],"test_gold":[1]}],
			"heads":[{"id":"a","task":"x","role":"student","supervisor":"b","test":[0.5]}]}`,
		"no probability": `{"schema":"w2s.result/1","tasks":[{"name":"x","test_ids":["1"],"test_gold":[1.5]}]}`,
		"null":           `{"schema":"w2s.result/1","tasks":[{"name":"x","test_ids":["1"],"test_gold":[null]}]}`,
		"null in a list": `{"schema":"w2s.result/1","tasks":[{"name":"x","test_ids":["1"],"test_gold":[[1,null,0]]}]}`,
		"sum of 1.2":     `{"schema":"w2s.result/1","tasks":[{"name":"x","test_ids":["1"],"test_gold":[[0.6,0.6,0]]}]}`,
		"a negative one": `{"schema":"w2s.result/1","tasks":[{"name":"x","test_ids":["1"],"test_gold":[[-0.5,1,0.5]]}]}`,
		"texts missing":  `{"schema":"w2s.result/1","tasks":[{"name":"x","test_ids":["1","2"],"test_gold":[1,0],"test_texts":["a"]}]}`,
		"gold missing":   `{"schema":"w2s.result/1","tasks":[{"name":"x","test_ids":["1","2"],"test_gold":[1]}],"heads":[{"id":"a","task":"x","test":[1,1]}]}`,
		"foreign supervisor": `{"schema":"w2s.result/1","tasks":[{"name":"x","test_ids":["1"],"test_gold":[1]},{"name":"y","test_ids":["1"],"test_gold":[1]}],
			"heads":[{"id":"b","task":"y","role":"supervisor","test":[0.5]},{"id":"a","task":"x","role":"student","supervisor":"b","test":[0.5]}]}`,
		"chain without steps": `{"schema":"w2s.result/1","tasks":[{"name":"x","test_ids":["1"],"test_gold":[1]}],
			"heads":[{"id":"a","task":"x","test":[0.5]}],"chains":[{"task":"x","steps":[],"jump":"a","ceiling":"a"}]}`,
		"chain on no task": `{"schema":"w2s.result/1","tasks":[{"name":"x","test_ids":["1"],"test_gold":[1]}],
			"heads":[{"id":"a","task":"x","test":[0.5]}],"chains":[{"task":"z","steps":["a","a"],"jump":"a","ceiling":"a"}]}`,
	} {
		if _, err := harness.ReadResult(strings.NewReader(text)); err == nil || says[name] == "" || !strings.Contains(err.Error(), says[name]) {
			t.Errorf("%s: error %v, want one with %q", name, err, says[name])
		}
	}
}

// The difference of two losses is that of their scores, and its interval has the level that was asked for.
func TestLossesCompared(t *testing.T) {
	rows := summarize(t, run(t, experiment(planted{name: "a", n: 700, noise: 0.5}, planted{name: "b", n: 700})))
	var widths []float64
	for _, level := range []float64{0.8, 0.95} {
		compared, err := harness.Losses(rows, harness.SummaryOptions{Resamples: 500, Level: level})
		if err != nil {
			t.Fatal(err)
		}
		if len(compared) != 2 { // logconf against xent, on two tasks
			t.Fatalf("%d comparisons", len(compared))
		}
		for i, c := range compared {
			first, second := rows[2*i], rows[2*i+1]
			if want := second.Transfer.Value - first.Transfer.Value; c.Task != first.Task || c.Against != "xent" || !(math.Abs(c.Diff-want) <= 1e-12) {
				t.Errorf("%s, %s against %s: %v, want %v", c.Task, c.Loss, c.Against, c.Diff, want)
			}
			if c.Interval.Level != level || c.Adjusted < c.P || c.N != first.N {
				t.Errorf("%s: level %v, p %v, adjusted %v, n %d", c.Task, c.Interval.Level, c.P, c.Adjusted, c.N)
			}
			widths = append(widths, c.Interval.Hi-c.Interval.Lo)
		}
	}
	if widths[0] >= widths[2] || widths[1] >= widths[3] {
		t.Errorf("intervals are not wider for a higher level: %v", widths)
	}
}

func TestNoGapNoPGR(t *testing.T) {
	cfg := experiment(planted{name: "planted", n: 700})
	cfg.Models[1].Encoder = numbers{dims: 5}
	cfg.Models[1].Name = "strong"
	rows := summarize(t, run(t, cfg))
	if len(rows) != 2 {
		t.Fatalf("%d rows, want one a loss", len(rows))
	}
	for _, r := range rows {
		if r.PGR.Defined || len(r.Warnings) == 0 {
			t.Errorf("%s: gap %.3f gives PGR %v without a warning", r.Loss, r.PGR.Gap, r.PGR)
		}
	}
}

func TestAllConfigFaultsTogether(t *testing.T) {
	pair := harness.Pair{Weak: "a", Strong: "b"}
	err := harness.Config{
		Models: []harness.Model{{Name: "c"}},
		Pairs:  []harness.Pair{pair, pair},
		Seeds:  []uint64{1, 1}, Held: 2, L2: []float64{-1, math.Inf(1)}, Train: 4, Test: 3,
		Simulated: []harness.Simulated{{Kind: "oracle"}},
	}.Validate()
	for _, want := range []string{`no model is named "a"`, `no model is named "b"`, `model "c" has no encoder`, "no task", "no loss",
		"seed 1 is given twice", "pair a -> b is given twice", "share 2", "penalty -1", "penalty +Inf", "pool of 4", "part of 3", `"oracle"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
	if !errors.As(err, new(harness.ConfigError)) {
		t.Errorf("%T is no ConfigError", err)
	}
}

// What a chain cannot do is said, and not left out in silence.
func TestChainFaults(t *testing.T) {
	cfg := harness.ChainConfig{Config: experiment(planted{name: "planted", n: 700}), Chain: []string{"weak", "middle", "strong"}}
	cfg.Treatments = []label.Treatment{label.Hard{}}
	cfg.Sizes, cfg.Simulated = []int{100}, []harness.Simulated{{Kind: "random"}}
	_, err := harness.RunChain(context.Background(), cfg, harness.Env{})
	for _, want := range []string{`no model is named "middle"`, "treatment hard", "sizes of the training pool", "no supervisor is simulated"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
}

// An environment with nothing in it does for a task that needs no file.
func TestEmptyEnv(t *testing.T) {
	cfg := experiment(planted{name: "planted", n: 700})
	cfg.Seeds, cfg.Losses = cfg.Seeds[:1], cfg.Losses[:1]
	if _, err := harness.Run(context.Background(), cfg, harness.Env{}); err != nil {
		t.Error(err)
	}
	movies, err := tasks.Open("movies")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Tasks = []tasks.Task{movies}
	if _, err := harness.Run(context.Background(), cfg, harness.Env{}); err == nil || !strings.Contains(err.Error(), "Env.Source") {
		t.Errorf("no source: %v", err)
	}
}

func TestWorkedExample(t *testing.T) {
	p, err := stats.PGROf(0.72, 0.88, 0.95)
	if err != nil || p.String() != "0.70" {
		t.Errorf("72 / 95 / 88 gives %v (%v), want 0.70", p, err)
	}
}
