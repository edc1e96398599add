package experiment_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"w2s/harness/experiment"
	"w2s/internal/list"
	"w2s/internal/progress"
	"w2s/internal/race"
	"w2s/tasks"
)

// A listening encoder counts the texts that it encodes.
type listening struct {
	numbers
	heard map[string]int
}

func (l listening) Encode(ctx context.Context, texts []string, emit func(index int, vector []float32, tokens int, truncated bool) error) error {
	for _, t := range texts {
		l.heard[t]++
	}
	return l.numbers.Encode(ctx, texts, emit)
}

// A controlled task has a control for every example, its numbers with the first one set to zero.
type controlled struct{ planted }

func (s controlled) Load(ctx context.Context, src tasks.Source) (*tasks.Data, error) {
	data, err := s.planted.Load(ctx, src)
	if err != nil {
		return nil, err
	}
	for i := range data.Pool {
		for _, text := range data.Pool[i].Texts {
			_, rest, _ := strings.Cut(text, " ")
			data.Pool[i].Control = append(data.Pool[i].Control, "0 "+rest)
		}
	}
	return data, nil
}

func TestTaskTextsListsWhatRunEncodes(t *testing.T) {
	race.SkipLong(t)
	for name, task := range map[string]tasks.Task{
		"classify":      planted{name: "planted", n: 700},
		"rank":          planted{name: "planted", n: 700, rank: true},
		"with controls": controlled{planted{name: "planted", n: 700}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := smallConfig(task)
			cfg.Sizes, cfg.Losses = []int{100}, convexLosses()
			heard := map[string]int{}
			cfg.Models[0].Encoder = listening{numbers{dims: 5}, heard}
			if _, err := experiment.Run(context.Background(), cfg, experiment.Env{Progress: progress.Silent()}); err != nil {
				t.Fatal(err)
			}
			texts, err := taskTexts(cfg, task)
			if err != nil {
				t.Fatal(err)
			}
			checkChat(t, cfg, task, texts)
			if got, want := slices.Sorted(slices.Values(texts)), slices.Sorted(maps.Keys(heard)); !slices.Equal(got, want) {
				t.Errorf("TaskTexts lists %d texts, Run encodes %d", len(got), len(want))
			}
			all, err := allTexts(task)
			if err != nil {
				t.Fatal(err)
			}
			have := map[string]bool{}
			for _, text := range all {
				have[text] = true
			}
			for _, text := range texts {
				if !have[text] {
					t.Fatalf("AllTexts lacks %q", text)
				}
			}
			if len(all) <= len(texts) || len(have) != len(all) {
				t.Errorf("AllTexts lists %d texts, %d of them distinct, and TaskTexts %d", len(all), len(have), len(texts))
			}
		})
	}
}

// TaskExamples returns the examples of the result in its order, with the gold that Load gives them.
func TestTaskExamplesListsWhatRunUses(t *testing.T) {
	for name, task := range map[string]planted{
		"classify": {name: "planted", n: 700},
		"rank":     {name: "planted", n: 700, rank: true},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := smallConfig(task)
			cfg.Sizes, cfg.Seeds, cfg.Train = []int{100}, []uint64{0, 1}, 200
			used := run(t, cfg).Tasks[0]
			examples, err := experiment.TaskExamples(t.Context(), cfg, nil, task)
			if err != nil {
				t.Fatal(err)
			}
			ids := list.Map(examples, func(e tasks.Example) string { return e.ID })
			if want := slices.Concat(used.PoolIDs, used.TestIDs); !slices.Equal(ids, want) {
				t.Errorf("%d ids, want the %d of the result in its order", len(ids), len(want))
			}
			all, err := experiment.AllExamples(t.Context(), nil, task)
			if err != nil || len(all) != task.n {
				t.Fatalf("%d of %d examples, %v", len(all), task.n, err)
			}
			gold := map[string][]float64{}
			for _, e := range all {
				gold[e.ID] = e.Gold
			}
			for _, e := range examples {
				if e.Gold == nil || !slices.Equal(e.Gold, gold[e.ID]) {
					t.Fatalf("example %s: gold %v, want %v", e.ID, e.Gold, gold[e.ID])
				}
			}
		})
	}
}

// checkChat checks that Run gives the texts of TaskTexts to a model that reads conversations, and that these are the plain texts
// with marks around the turns.
func checkChat(t *testing.T, cfg experiment.Config, task tasks.Task, plain []string) {
	t.Helper()
	heard := map[string]int{}
	cfg.Models = slices.Clone(cfg.Models)
	cfg.Models[0].Encoder = listening{numbers{dims: 5}, heard}
	cfg.Models[0].Chat = func(turns []tasks.Turn) (string, error) {
		var b strings.Builder
		for _, turn := range turns {
			b.WriteString(strings.TrimSpace(turn.Text) + " <" + turn.Role + "> ")
		}
		return b.String(), nil
	}
	if _, err := experiment.Run(context.Background(), cfg, experiment.Env{Progress: progress.Silent()}); err != nil {
		t.Fatal(err)
	}
	byModel, err := experiment.TaskTexts(context.Background(), cfg, nil, task, []experiment.Model{{}, cfg.Models[0], {}})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(byModel[0], plain) || !slices.Equal(byModel[2], plain) {
		t.Error("the texts of models without Chat depend on the other models")
	}
	if got, want := slices.Sorted(slices.Values(byModel[1])), slices.Sorted(maps.Keys(heard)); !slices.Equal(got, want) {
		t.Errorf("with Chat, TaskTexts lists %d texts, Run encodes %d", len(got), len(want))
	}
	for i, text := range byModel[1] {
		if want := plain[i] + " <user> "; text != want {
			t.Fatalf("%q, want %q", text, want)
		}
	}
	cfg.Models[0].Chat = func([]tasks.Turn) (string, error) { return "", errors.New("no such turns") }
	if _, err := experiment.Run(context.Background(), cfg, experiment.Env{Progress: progress.Silent()}); err == nil || !strings.Contains(err.Error(), "no such turns") {
		t.Errorf("a template that refuses: %v", err)
	}
}

// A written task asks for free answers.
type written struct{ planted }

func (w written) Info() tasks.Info {
	info := w.planted.Info()
	info.Form, info.Classes = tasks.Generate, nil
	return info
}

func (w written) Load(ctx context.Context, src tasks.Source) (*tasks.Data, error) {
	data, err := w.planted.Load(ctx, src)
	if err != nil {
		return nil, err
	}
	for i, e := range data.Pool {
		data.Pool[i].Gold, data.Pool[i].Answer = nil, "so be it"
		data.Pool[i].ID = tasks.ContentID(tasks.Generate, e.Texts)
	}
	return data, nil
}

func TestTasksWithFreeAnswersHaveNoTexts(t *testing.T) {
	task := written{planted{name: "written", n: 700}}
	texts, err := taskTexts(smallConfig(task), task)
	if err != nil || len(texts) != 0 {
		t.Errorf("TaskTexts: %d texts, %v", len(texts), err)
	}
	if texts, err = allTexts(task); err != nil || len(texts) != 0 {
		t.Errorf("AllTexts: %d texts, %v", len(texts), err)
	}
}

func TestTaskTextsNamesFaultyTask(t *testing.T) {
	cfg := smallConfig(planted{name: "tiny", n: 10})
	_, err := taskTexts(cfg, cfg.Tasks[0])
	if err == nil || !strings.Contains(err.Error(), "task tiny: ") {
		t.Errorf("error %v, want one with the task", err)
	}
	cfg.Seeds = nil
	if _, err := taskTexts(cfg, cfg.Tasks[0]); err == nil || !strings.Contains(err.Error(), "no seed") {
		t.Errorf("TaskTexts of a configuration without seeds: %v", err)
	}
}

// taskTexts returns the texts of a task under a model that reads them as they are.
func taskTexts(cfg experiment.Config, task tasks.Task) ([]string, error) {
	texts, err := experiment.TaskTexts(context.Background(), cfg, nil, task, []experiment.Model{{}})
	if err != nil {
		return nil, err
	}
	return texts[0], nil
}

func allTexts(task tasks.Task) ([]string, error) {
	texts, err := experiment.AllTexts(context.Background(), nil, task, []experiment.Model{{}})
	if err != nil {
		return nil, err
	}
	return texts[0], nil
}
