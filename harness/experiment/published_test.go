package experiment_test

import (
	"reflect"
	"strings"
	"testing"

	"w2s/harness/experiment"
	"w2s/harness/label"
	"w2s/harness/loss"
	"w2s/harness/result"
	"w2s/internal/race"
)

// publishedConfig trains students with the losses and treatments that were published after Burns et al. 2023.
func publishedConfig(t *testing.T, rank bool) experiment.Config {
	t.Helper()
	cfg := smallConfig(planted{name: "planted", n: 400, rank: rank})
	cfg.Train, cfg.Test, cfg.L2, cfg.Losses = 240, 100, []float64{0.1}, nil
	losses, treatments := []string{"rkl", "rxent:eps=0.1", "cace:c=decile5", "symmetric", "augconf", "adaptconf"}, []string{"soft", "confident:0.6", "weight:cwpo", "weight:entropy", "weight:excess:l2=0.1",
		"weight:reliability:heads=3", "reliable:heads=3"}
	if !rank {
		losses = append(losses, "evidential")
		treatments = append(treatments, "overlap", "topofilter:k=20", "channel:l2=0.1", "weight:reliability:heads=2+top:0.5")
	}
	for _, text := range losses {
		l, err := loss.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Losses = append(cfg.Losses, l)
	}
	for _, text := range treatments {
		tr, err := label.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Treatments = append(cfg.Treatments, tr)
	}
	return cfg
}

func TestPublishedMethodsNeverSeeGold(t *testing.T) {
	race.SkipLong(t)
	for _, rank := range []bool{false, true} {
		experiment.CheckStudentNeverSeesGold(t, publishedConfig(t, rank), env(t))
	}
}

// A student is the same bit for bit whatever else is in the grid.
func TestPublishedMethodsAreTheSameAlone(t *testing.T) {
	cfg := publishedConfig(t, false)
	byID := map[string]result.Head{}
	for _, h := range run(t, cfg).Heads {
		byID[h.ID] = h
	}
	for i, tr := range cfg.Treatments {
		one := cfg
		one.Seeds, one.Losses, one.Treatments = []uint64{1}, []loss.Loss{cfg.Losses[i%len(cfg.Losses)]}, []label.Treatment{tr}
		for _, h := range run(t, one).Heads {
			if !reflect.DeepEqual(h, byID[h.ID]) {
				t.Errorf("%s depends on what else is in the grid", h.ID)
			}
		}
	}
}

func TestEvidenceIsRefusedForRankings(t *testing.T) {
	cfg := publishedConfig(t, true)
	cfg.Losses = append(cfg.Losses, loss.Evidential{Gamma: 0.5})
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "task planted: loss evidential:gamma=0.5: evidence needs classes") {
		t.Errorf("error %v", err)
	}
}

// Weights must reach the training: without them the student of a treatment that only weighs would be the one of soft labels.
func TestWeightsChangeTheStudent(t *testing.T) {
	cfg := publishedConfig(t, false)
	cfg.Losses, cfg.Seeds, cfg.Baselines = []loss.Loss{loss.XEnt{}}, []uint64{0}, true
	test := map[string]result.Distributions{}
	for _, h := range run(t, cfg).Heads {
		if h.Role == result.Student {
			test[h.Treatment] = h.Test
		}
	}
	for _, tr := range cfg.Treatments[2:6] {
		if !strings.HasPrefix(tr.String(), "weight:") || reflect.DeepEqual(test[tr.String()], test["soft"]) {
			t.Errorf("%s gives the student of soft labels", tr)
		}
	}
}

func TestRepeatsNeedATrainedSupervisor(t *testing.T) {
	cfg := publishedConfig(t, false)
	flip, err := experiment.ParseSimulated("flip:0.7")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Simulated = append(cfg.Simulated, flip)
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "simulated supervisors have none") {
		t.Errorf("error %v", err)
	}
	cfg.Pairs = append(cfg.Pairs, result.Pair{Weak: "flip:0.7", Strong: "strong"})
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "flip:0.7 is not a model that is trained here") {
		t.Errorf("error %v", err)
	}
}
