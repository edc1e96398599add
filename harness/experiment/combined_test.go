package experiment_test

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"w2s/harness/experiment"
	"w2s/harness/label"
	"w2s/harness/result"
	"w2s/harness/summary"
	"w2s/internal/race"
	"w2s/tasks"
)

// combinedConfig is smallConfig with a trained supervisor, labels that were made before, and a combination of both.
func combinedConfig(t *testing.T, method string) experiment.Config {
	t.Helper()
	cfg := smallConfig(planted{name: "planted", n: 700})
	cfg.Losses = convexLosses()[:1]
	cfg.Supervisors = givenConfig(t, func(string) bool { return false }).Supervisors
	combiner, err := label.ParseCombiner(method)
	if err != nil {
		t.Fatal(err)
	}
	strong := cfg.Pairs[0].Strong
	cfg.Combined = &experiment.Combination{Name: method + " of 2", Key: method, Members: []string{cfg.Pairs[0].Weak, "labels:x"}, Combiner: combiner}
	cfg.Pairs = append(cfg.Pairs, result.Pair{Weak: "labels:x", Strong: strong}, result.Pair{Weak: cfg.Combined.Name, Strong: strong})
	return cfg
}

// A combination has rows of its own beside those of its members, whose heads it leaves as they are, and no student sees gold.
func TestCombinedSupervisors(t *testing.T) {
	race.SkipLong(t)
	alone := combinedConfig(t, "mean")
	alone.Combined, alone.Pairs = nil, alone.Pairs[:2]
	r, err := experiment.Run(t.Context(), alone, env(t))
	r = stored(t, r, err)
	want := map[string]result.Head{}
	for _, h := range r.Heads {
		want[h.ID] = h
	}
	for _, c := range label.Combiners() {
		for _, method := range []string{c.Name, c.Name + "+agree"} {
			if method == "raven+agree" || method == "logit+agree" || method == "csl+agree" {
				continue // the same path as the others
			}
			cfg := combinedConfig(t, method)
			r, err := experiment.Run(t.Context(), cfg, env(t))
			r = stored(t, r, err)
			floors := map[string]result.Distributions{}
			for _, h := range r.Heads {
				if h.Role == result.Supervisor && h.Seed == cfg.Seeds[0] {
					floors[h.Model] = h.Test
				}
				if w, ok := want[h.ID]; ok && !reflect.DeepEqual(w, h) {
					t.Errorf("%s: %s is another head beside a combination", method, h.ID)
				}
			}
			if c.Name == "mean" {
				for i, p := range floors[cfg.Combined.Name] {
					if m := (floors["weak"][i][1] + floors["labels:x"][i][1]) / 2; math.Abs(p[1]-m) > 1e-12 {
						t.Fatalf("the mean is %v, want %v", p[1], m)
					}
				}
			}
			rows, err := summary.Rows(r, summary.Options{Resamples: 100})
			if err != nil {
				t.Fatal(err)
			}
			if len(rows) != 3 || rows[2].Weak != cfg.Combined.Name || !rows[2].Combined || rows[0].Combined {
				t.Fatalf("%s: %d rows", method, len(rows))
			}
			learned := rows[2].Train
			if c.Apart {
				learned /= 2
			}
			if kept := learned < rows[0].Train; kept != (strings.HasSuffix(method, "+agree") || method == "csl") {
				t.Errorf("%s: the student learns %d examples, alone %d", method, rows[2].Train, rows[0].Train)
			}
			compared, err := summary.Combinations(rows, summary.Options{Resamples: 100})
			if err != nil || len(compared) != 2 {
				t.Fatalf("%v, %d comparisons", err, len(compared))
			}
			for i, c := range compared {
				d := rows[2].Transfer.Value - rows[i].Transfer.Value
				f := rows[2].Floor.Value - rows[i].Floor.Value
				if c.Alone != rows[i].Weak || math.Abs(c.Student.Diff-d) > 1e-12 || math.Abs(c.Weak.Diff-f) > 1e-12 ||
					c.Best != (rows[i].Floor.Value > rows[1-i].Floor.Value) {
					t.Errorf("%s against %s: %+v, want differences of %v and %v", method, rows[i].Weak, c, f, d)
				}
			}
			if method == "dawid-skene" || method == "raven" || method == "csl" || method == "evidential" || method == "mean+agree" {
				experiment.CheckStudentNeverSeesGold(t, cfg, env(t))
			}
			plan, err := experiment.MakePlan(t.Context(), cfg, env(t))
			if err != nil || plan.Tasks[0].Heads <= 0 {
				t.Error(err, plan)
			}
		}
	}
	other := combinedConfig(t, "mean")
	r, err = experiment.Run(t.Context(), other, env(t))
	r = stored(t, r, err)
	other.Combined.Key = "another"
	if d := other.Differences(r); !reflect.DeepEqual(d, []string{"model mean of 2: key: in the file mean; now another"}) {
		t.Errorf("differences %q", d)
	}
}

// A student of all supervisors' labels, each an example of its own, has the cross-entropy of a student of their mean up to a constant,
// so it is the same student up to rounding.
func TestLabelsApart(t *testing.T) {
	students := map[string]result.Head{}
	for _, method := range []string{"mean", "evidential"} {
		cfg := combinedConfig(t, method)
		cfg.L2, cfg.Seeds, cfg.Baselines = []float64{0.1}, cfg.Seeds[:1], true
		r, err := experiment.Run(t.Context(), cfg, env(t))
		r = stored(t, r, err)
		for _, h := range r.Heads {
			if h.Role == result.Student && strings.Contains(h.Supervisor, "of 2") {
				students[method] = h
			}
		}
	}
	mean, apart := students["mean"], students["evidential"]
	if apart.Train != 2*mean.Train || len(mean.Test) == 0 {
		t.Fatalf("students of %d and %d examples", apart.Train, mean.Train)
	}
	for i, p := range mean.Test {
		if math.Abs(p[1]-apart.Test[i][1]) > 1e-4 {
			t.Fatalf("test example %d: %v apart, %v of the mean", i, apart.Test[i], p)
		}
	}
	if apart.Labels.Raw.Accuracy == mean.Labels.Raw.Accuracy {
		t.Errorf("both labels are right on %v, want the mean of the supervisors", apart.Labels.Raw.Accuracy)
	}
}

func TestCombinedFaults(t *testing.T) {
	for want, change := range map[string]func(*experiment.Config){
		"combines 1 supervisor, want two":       func(c *experiment.Config) { c.Combined.Members = c.Combined.Members[:1] },
		`no supervisor is named "nobody"`:       func(c *experiment.Config) { c.Combined.Members[0] = "nobody" },
		"model strong supervises no pair":       func(c *experiment.Config) { c.Combined.Members[0] = "strong" },
		"it cannot be the student":              func(c *experiment.Config) { c.Pairs[0] = result.Pair{Weak: "labels:x", Strong: c.Combined.Name} },
		"supervises 0 students, want one":       func(c *experiment.Config) { c.Pairs = c.Pairs[:2] },
		"no held-out labels for the treatments": func(c *experiment.Config) { c.Treatments = []label.Treatment{label.Platt{}} },
		"dawid-skene needs classes":             func(c *experiment.Config) { c.Tasks = []tasks.Task{planted{name: "ranked", n: 700, rank: true}} },
		"the simulated supervisor random cannot be": func(c *experiment.Config) {
			c.Simulated, c.Combined.Members[0] = []experiment.Simulated{{Kind: "random"}}, "random"
		},
	} {
		cfg := combinedConfig(t, "dawid-skene")
		change(&cfg)
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	apart := combinedConfig(t, "evidential")
	apart.Treatments = []label.Treatment{label.Hard{}, label.Platt{}}
	if err := apart.Validate(); err == nil || !strings.Contains(err.Error(), "several labels for each training example, which the treatment platt does not take") {
		t.Error(err)
	}
	chain := experiment.ChainConfig{Config: combinedConfig(t, "mean"), Chain: []string{"weak", "strong", "strong"}}
	transfer := experiment.TransferConfig{Config: combinedConfig(t, "mean")}
	for _, c := range []interface{ Validate() error }{chain, transfer} {
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "no combination of supervisors") {
			t.Error(err)
		}
	}
}

// The labels of an ensemble differ from those of the one head of its model, which it leaves as it is.
func TestEnsembles(t *testing.T) {
	cfg := smallConfig(planted{name: "planted", n: 700, noise: 1})
	cfg.Losses = convexLosses()[:1]
	strong := cfg.Pairs[0].Strong
	alone, err := experiment.Run(t.Context(), cfg, env(t))
	alone = stored(t, alone, err)
	for _, kind := range experiment.EnsembleKinds() {
		name := kind + ":4:weak"
		cfg.Ensembles = append(cfg.Ensembles, experiment.Ensemble{Name: name, Key: kind, Kind: kind, Model: "weak", Heads: 4})
		cfg.Pairs = append(cfg.Pairs, result.Pair{Weak: name, Strong: strong})
	}
	r, err := experiment.Run(t.Context(), cfg, env(t))
	r = stored(t, r, err)
	heads := map[string]result.Head{}
	for _, h := range r.Heads {
		heads[h.ID] = h
	}
	for _, h := range alone.Heads {
		if !reflect.DeepEqual(h, heads[h.ID]) {
			t.Errorf("%s is another head beside ensembles", h.ID)
		}
	}
	rows, err := summary.Rows(r, summary.Options{Resamples: 100})
	if err != nil || len(rows) != 4 || rows[1].Weak != "bag:4:weak" {
		t.Fatalf("%v, %d rows", err, len(rows))
	}
	compared, err := summary.Combinations(rows, summary.Options{Resamples: 100})
	if err != nil || len(compared) != 3 {
		t.Fatalf("%v, %d comparisons", err, len(compared))
	}
	for i, c := range compared {
		if c.Combined != rows[i+1].Weak || c.Alone != "weak" || c.Best || math.Abs(c.Student.Diff-(rows[i+1].Transfer.Value-rows[0].Transfer.Value)) > 1e-12 {
			t.Errorf("%+v", c)
		}
	}
	for _, row := range rows {
		if row.Floor.Value < 0.6 {
			t.Errorf("the labels of %s are right on %v", row.Weak, row.Floor.Value)
		}
	}
	for _, h := range r.Heads {
		if h.Role != result.Supervisor || h.Model == "weak" {
			continue
		}
		far := 0.0
		for _, o := range r.Heads {
			if o.Model != "weak" || o.Role != result.Supervisor || o.Seed != h.Seed {
				continue
			}
			for i, p := range h.Test {
				far = max(far, math.Abs(p[1]-o.Test[i][1]))
				if math.Abs(p[0]+p[1]-1) > 1e-9 {
					t.Errorf("label %v", p)
				}
			}
		}
		if far < 1e-3 || h.Model == "bag:4:weak" && far > 0.5 {
			t.Errorf("%s: the labels are up to %v from those of one head", h.ID, far)
		}
	}
	experiment.CheckStudentNeverSeesGold(t, cfg, env(t))
	if plan, err := experiment.MakePlan(t.Context(), cfg, env(t)); err != nil || plan.Tasks[0].Heads < 3*4*len(cfg.Seeds) {
		t.Error(err, plan)
	}
	cfg.Pairs = cfg.Pairs[1:] // the ensembles alone
	if _, err := experiment.Run(t.Context(), cfg, env(t)); err != nil {
		t.Error(err)
	}
	cfg.Ensembles[0].Model, cfg.Ensembles[0].Heads, cfg.Ensembles[1].Kind = "nobody", 1, "choir"
	err = cfg.Validate()
	for _, want := range []string{`bag:4:weak: no model is named "nobody"`, "1 heads are not in 2..1000", `unknown kind of ensemble "choir"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// Ensembles also label candidates.
func TestEnsemblesOfRankings(t *testing.T) {
	cfg := smallConfig(planted{name: "ranked", n: 700, rank: true})
	cfg.Losses, cfg.Seeds = convexLosses()[:1], []uint64{0}
	strong := cfg.Pairs[0].Strong
	for _, kind := range experiment.EnsembleKinds() {
		cfg.Ensembles = append(cfg.Ensembles, experiment.Ensemble{Name: kind, Key: kind, Kind: kind, Model: "weak", Heads: 2})
		cfg.Pairs = append(cfg.Pairs, result.Pair{Weak: kind, Strong: strong})
	}
	r, err := experiment.Run(t.Context(), cfg, env(t))
	r = stored(t, r, err)
	rows, err := summary.Rows(r, summary.Options{Resamples: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if row.Floor.Value < 0.55 {
			t.Errorf("the labels of %s are right on %v", row.Weak, row.Floor.Value)
		}
	}
}
