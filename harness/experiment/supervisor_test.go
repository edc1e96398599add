package experiment_test

import (
	"context"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"w2s/harness/experiment"
	"w2s/harness/feature"
	"w2s/harness/label"
	"w2s/harness/loss"
	"w2s/harness/result"
	"w2s/harness/summary"
	"w2s/tasks"
)

// firstNumber labels by the first of the numbers of a text, whose sign says more than nothing about the planted labels.
type firstNumber struct {
	calls *int
	rank  bool
}

func (f firstNumber) Encoder() feature.Encoder                { return numbers{dims: 1, calls: f.calls} }
func (f firstNumber) Texts(e tasks.Example) ([]string, error) { return e.Texts, nil }

func (f firstNumber) Label(e tasks.Example, vectors [][]float32) ([]float64, error) {
	if e.Gold != nil || len(vectors) != len(e.Texts) {
		return nil, errors.New("the labeller sees gold, or not all vectors")
	}
	if !f.rank {
		p := 1 / (1 + math.Exp(-float64(vectors[0][0])))
		return []float64{1 - p, p}, nil
	}
	p, sum := make([]float64, len(vectors)), 0.0
	for i, v := range vectors {
		p[i] = math.Exp(float64(v[0]))
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p, nil
}

// untrainedConfig is smallConfig with a supervisor that is not trained. calls counts the texts that it encodes.
func untrainedConfig(rank bool, calls *int, list ...tasks.Task) experiment.Config {
	cfg := smallConfig(list...)
	cfg.Models, cfg.Losses = cfg.Models[1:], convexLosses()
	cfg.Supervisors = []experiment.Supervisor{{Name: "head:x", Key: "key", About: "the classification head of x", Description: map[string]string{"labels": "no, yes"},
		Open: func(t tasks.Info) (experiment.Labeller, error) {
			if (t.Form == tasks.Rank) != rank {
				return nil, errors.New("it does not fit")
			}
			return firstNumber{calls, rank}, nil
		}}}
	cfg.Pairs = []result.Pair{{Weak: "head:x", Strong: "strong"}}
	return cfg
}

// A supervisor that is not trained is the weak floor, labels strong-train, and is named in the notes. Its texts are encoded once.
func TestSupervisorThatIsNotTrained(t *testing.T) {
	for _, rank := range []bool{false, true} {
		var calls int
		task := planted{name: "planted", n: 700, rank: rank}
		cfg := untrainedConfig(rank, &calls, task)
		cfg.Treatments = []label.Treatment{label.Soft{}, label.Temperature{}}
		e := env(t)
		plan, err := experiment.MakePlan(t.Context(), cfg, e)
		if err != nil {
			t.Fatal(err)
		}
		if models := plan.Tasks[0].Models; len(models) != 2 || models[1].Model != "head:x" || models[1].Missing != models[0].Missing || plan.Tasks[0].Heads != 5*2*3 {
			t.Errorf("plan %+v", plan.Tasks[0]) // one ceiling and four students, for two seeds, and two penalties on one cut
		}
		r, err := experiment.Run(t.Context(), cfg, e)
		r = stored(t, r, err)
		calls = 0
		if _, err := experiment.Run(t.Context(), cfg, e); err != nil || calls != 0 {
			t.Errorf("%v; %d texts were encoded again", err, calls)
		}
		if m := r.Models[1]; m.Name != "head:x" || m.Key != "key" || m.Description["labels"] != "no, yes" {
			t.Errorf("the result has the supervisor %+v", m)
		}
		data, err := task.Load(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		byID := map[string]tasks.Example{}
		for _, x := range data.Pool {
			byID[x.ID] = x
		}
		right := 0.0
		for _, h := range r.Heads {
			if h.Role != result.Supervisor {
				continue
			}
			if h.Model != "head:x" || h.Train != 0 || h.Status != "not trained" {
				t.Errorf("supervisor %+v", h)
			}
			right = 0
			for i, id := range r.Tasks[0].TestIDs {
				x := byID[id]
				best, most := 0, math.Inf(-1)
				for k, text := range x.Texts {
					if v := first(t, text); v > most {
						best, most = k, v
					}
				}
				if !rank && most > 0 {
					best = 1
				} else if !rank {
					best = 0
				}
				right += x.Gold[best]
				sum := 0.0
				for k, p := range h.Test[i] {
					sum += p
					if k != best && p > h.Test[i][best] {
						t.Fatalf("%s: %v, but the first numbers say %d", id, h.Test[i], best)
					}
				}
				if math.Abs(sum-1) > 1e-6 {
					t.Errorf("%v sums to %v", h.Test[i], sum)
				}
			}
			right /= float64(len(r.Tasks[0].TestIDs))
		}
		rows, err := summary.Rows(r, summary.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) != 4 {
			t.Fatalf("%d rows, want one for each loss and treatment", len(rows))
		}
		for _, row := range rows {
			if row.Weak != "head:x" || math.Abs(row.Floor.Value-right) > 1e-12 || row.Transfer.Value <= row.Floor.Value && row.Loss == "xent" && !rank ||
				!strings.Contains(strings.Join(row.Warnings, "\n"), "head:x is the classification head of x, not trained here") {
				t.Errorf("%s, %s: floor %v, want %v; student %v; notes %q", row.Loss, row.Treatment, row.Floor.Value, right, row.Transfer.Value, row.Warnings)
			}
		}
		experiment.CheckStudentNeverSeesGold(t, cfg, env(t))

		other := untrainedConfig(rank, &calls, task)
		other.Treatments = cfg.Treatments
		if d := other.Differences(r); d != nil {
			t.Errorf("the same experiment differs: %q", d)
		}
		other.Supervisors[0].Key = "another"
		if d := other.Differences(r); !reflect.DeepEqual(d, []string{"model head:x: key: in the file key; now another"}) {
			t.Errorf("differences %q", d)
		}
	}
}

// first returns the first number of a text.
func first(t *testing.T, text string) (v float64) {
	t.Helper()
	err := numbers{dims: 1}.Encode(t.Context(), []string{text}, func(_ int, vector []float32, _ int, _ bool) error {
		v = float64(vector[0])
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// A supervisor that is not trained can begin a chain, and labels every task of a transfer matrix itself.
func TestUntrainedSupervisorInChainAndTransfer(t *testing.T) {
	cfg := untrainedConfig(false, nil, planted{name: "planted", n: 700})
	cfg.Models = append([]experiment.Model{{Name: "middle", Encoder: numbers{dims: 7}}}, cfg.Models...)
	cfg.Losses = []loss.Loss{loss.XEnt{}}
	chain := experiment.ChainConfig{Config: cfg, Chain: []string{"head:x", "middle", "strong"}}
	r, err := experiment.RunChain(context.Background(), chain, env(t))
	r = stored(t, r, err)
	rows, err := summary.Chains(r, summary.Options{})
	if err != nil || len(rows) != 1 || rows[0].Models[0] != "head:x" {
		t.Errorf("%v, %+v", err, rows)
	}
	transfer := experiment.TransferConfig{Config: cfg}
	transfer.Tasks = append(transfer.Tasks, planted{name: "noisy", n: 900, noise: 3})
	r, err = experiment.RunTransfer(t.Context(), transfer, env(t))
	if err != nil {
		t.Fatal(err)
	}
	own := map[string]result.Distributions{}
	for _, h := range r.Heads {
		if h.Role == result.Supervisor && h.Trained == "" {
			own[h.Task] = h.Test
		}
	}
	crossed := 0
	for _, h := range r.Heads {
		if h.Role == result.Supervisor && h.Trained != "" {
			crossed++
			if !reflect.DeepEqual(h.Test, own[h.Task]) {
				t.Errorf("%s: other labels than on its own task", h.ID)
			}
		}
	}
	if crossed != 4 {
		t.Errorf("%d supervisors were tested on the other task, want 4", crossed)
	}
}

func TestUntrainedSupervisorFaults(t *testing.T) {
	task := planted{name: "planted", n: 700}
	cfg := untrainedConfig(true, nil, task)
	cfg.Pairs = append(cfg.Pairs, result.Pair{Weak: "strong", Strong: "head:x"})
	cfg.Supervisors = append(cfg.Supervisors, cfg.Supervisors[0])
	err := cfg.Validate()
	for _, want := range []string{"task planted: head:x: it does not fit", `supervisor "head:x" is given twice`, "head:x is a supervisor that is not trained, so it cannot be the student"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	chain := experiment.ChainConfig{Config: untrainedConfig(false, nil, task), Chain: []string{"strong", "head:x", "head:x"}}
	if err := chain.Validate(); err == nil || !strings.Contains(err.Error(), "head:x is not trained, so it can only be the first supervisor") {
		t.Errorf("got %v", err)
	}
}
