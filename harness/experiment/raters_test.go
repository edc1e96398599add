package experiment_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"w2s/harness/experiment"
	"w2s/harness/result"
	"w2s/harness/supervisor"
	"w2s/tasks"
)

// ratingFiles are files of ratings by artifact.
type ratingFiles map[string]string

func (f ratingFiles) Path(_ context.Context, artifact string) (string, error) {
	return f[artifact], nil
}

// Students of raters, and of several rater groups that are combined, learn nothing from the gold label, which is that of other raters.
func TestStudentsOfRatersNeverSeeGold(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var texts, scores strings.Builder
	for i := range 400 {
		numbers := make([]string, fullDims)
		side := 0.0
		for d := range numbers {
			x := rng.NormFloat64()
			numbers[d], side = fmt.Sprintf("%.4f", x), side+x
		}
		list := make([]string, 12)
		for k := range list {
			list[k] = fmt.Sprint(max(-4, min(4, int(side/2+2*rng.NormFloat64()))))
		}
		fmt.Fprintf(&texts, "%d\t0\t%s\n", i, strings.Join(numbers, " "))
		fmt.Fprintf(&scores, "%d\t0\t0\t[%s]\n", i, strings.Join(list, ", "))
	}
	files := ratingFiles{}
	for artifact, text := range map[string]string{"vader-movies": texts.String(), "vader-movies-ratings": scores.String()} {
		files[artifact] = filepath.Join(t.TempDir(), artifact+".tsv")
		if err := os.WriteFile(files[artifact], []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	movies, err := tasks.Lookup("movies")
	if err == nil {
		movies, err = tasks.WithRaters(movies, tasks.Raters{Numbers: []int{1, 3}})
	}
	if err != nil {
		t.Fatal(err)
	}
	cfg := combinedConfig(t, "mean")
	cfg.Tasks, cfg.Train, cfg.Test = []tasks.Task{movies}, 100, 40
	cfg.Models, cfg.Supervisors, cfg.Pairs = cfg.Models[1:], nil, nil
	cfg.Combined.Members = nil
	for _, n := range []string{"1", "3"} {
		name := "raters:" + n
		cfg.Supervisors = append(cfg.Supervisors, experiment.Supervisor{Name: name, Key: name, About: "people", Open: supervisor.Said(n).Open})
		cfg.Pairs = append(cfg.Pairs, result.Pair{Weak: name, Strong: "strong"})
		cfg.Combined.Members = append(cfg.Combined.Members, name)
	}
	cfg.Pairs = append(cfg.Pairs, result.Pair{Weak: cfg.Combined.Name, Strong: "strong"})
	e := env(t)
	e.Source = files
	experiment.CheckStudentNeverSeesGold(t, cfg, e)
}
