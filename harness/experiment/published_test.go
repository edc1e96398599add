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

// publishedConfig trains students with losses and treatments.
func publishedConfig(t *testing.T, rank bool, losses, treatments []string) experiment.Config {
	t.Helper()
	cfg := smallConfig(planted{name: "planted", n: 300, rank: rank})
	cfg.Train, cfg.Test, cfg.L2, cfg.Losses = 200, 60, []float64{0.1}, nil
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

// published returns configurations with the losses and with the treatments that were published after Burns et al. 2023.
func published(t *testing.T, rank bool) []experiment.Config {
	t.Helper()
	losses := []string{"rkl", "rxent:eps=0.1", "cace:c=decile5", "symmetric", "augconf", "adaptconf", "mixture:k=2"}
	treatments := []string{"soft", "confident:0.6", "weight:cwpo", "weight:entropy", "weight:excess:l2=0.1", "weight:reliability:heads=3", "reliable:heads=3"}
	if !rank {
		losses = append(losses, "evidential")
		treatments = append(treatments, "overlap", "topofilter:k=20", "channel:l2=0.1", "weight:reliability:heads=2+top:0.5")
	}
	return []experiment.Config{publishedConfig(t, rank, losses, []string{"weight:cwpo"}), publishedConfig(t, rank, []string{"xent"}, treatments)}
}

func TestPublishedMethodsNeverSeeGold(t *testing.T) {
	race.SkipLong(t)
	for _, rank := range []bool{false, true} {
		for _, cfg := range published(t, rank) {
			cfg.Seeds = []uint64{0}
			experiment.CheckStudentNeverSeesGold(t, cfg, env(t))
		}
	}
}

// A student is the same bit for bit whatever else is in the grid.
func TestPublishedMethodsAreTheSameAlone(t *testing.T) {
	race.SkipLong(t)
	for _, cfg := range published(t, false) {
		byID := map[string]result.Head{}
		for _, h := range run(t, cfg).Heads {
			byID[h.ID] = h
		}
		for i := range max(len(cfg.Losses), len(cfg.Treatments)) {
			one := cfg
			one.Seeds, one.Losses = []uint64{1}, []loss.Loss{cfg.Losses[i%len(cfg.Losses)]}
			one.Treatments = []label.Treatment{cfg.Treatments[i%len(cfg.Treatments)]}
			for _, h := range run(t, one).Heads {
				if !reflect.DeepEqual(h, byID[h.ID]) {
					t.Errorf("%s depends on what else is in the grid", h.ID)
				}
			}
		}
	}
}

func TestEvidenceIsRefusedForRankings(t *testing.T) {
	cfg := publishedConfig(t, true, []string{"evidential"}, nil)
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "task planted: loss evidential:gamma=0.5: evidence needs classes") {
		t.Errorf("error %v", err)
	}
}

// Weights must reach the training: without them the student of a treatment that only weighs would be the one of soft labels.
func TestWeightsChangeTheStudent(t *testing.T) {
	cfg := publishedConfig(t, false, []string{"xent"}, []string{"soft", "weight:cwpo", "weight:entropy", "weight:excess:l2=0.1", "weight:reliability:heads=3"})
	cfg.Seeds, cfg.Baselines = []uint64{0}, true
	test := map[string]result.Distributions{}
	for _, h := range run(t, cfg).Heads {
		if h.Role == result.Student {
			test[h.Treatment] = h.Test
		}
	}
	for _, tr := range cfg.Treatments[1:] {
		if reflect.DeepEqual(test[tr.String()], test["soft"]) {
			t.Errorf("%s gives the student of soft labels", tr)
		}
	}
}

func TestRepeatsNeedATrainedSupervisor(t *testing.T) {
	cfg := publishedConfig(t, false, []string{"xent"}, []string{"weight:reliability"})
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
