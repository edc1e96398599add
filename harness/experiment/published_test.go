package experiment_test

import (
	"reflect"
	"strings"
	"testing"

	"w2s/harness/experiment"
	"w2s/harness/label"
	"w2s/harness/loss"
	"w2s/harness/result"
)

// publishedConfig trains students with the losses and treatments that were published after Burns et al. 2023.
func publishedConfig(t *testing.T, rank bool) experiment.Config {
	t.Helper()
	cfg := smallConfig(planted{name: "planted", n: 400, rank: rank})
	cfg.Train, cfg.Test, cfg.L2, cfg.Losses = 240, 100, []float64{0.1}, nil
	losses, treatments := []string{"rkl", "rxent:eps=0.1", "cace:c=decile5", "symmetric", "augconf", "adaptconf"}, []string{"soft"}
	if !rank {
		losses = append(losses, "evidential")
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
	for i, l := range cfg.Losses {
		one := cfg
		one.Seeds, one.Losses = []uint64{1}, []loss.Loss{l}
		one.Treatments = []label.Treatment{cfg.Treatments[i%len(cfg.Treatments)]}
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
