package experiment_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"w2s/harness/experiment"
	"w2s/harness/feature"
	"w2s/harness/loss"
	"w2s/harness/result"
	"w2s/internal/progress"
	"w2s/tasks"
)

// numbers is an encoder of texts that are lists of numbers. It returns the first dims of them, so fewer dimensions make a weaker
// model.
type numbers struct {
	dims  int
	calls *int // counts encoded texts; nil: nothing is counted
}

func (n numbers) Key() string { return fmt.Sprintf("numbers-%d", n.dims) }
func (n numbers) Dims() int   { return n.dims }

func (n numbers) Encode(ctx context.Context, texts []string, emit func(index int, vector []float32, tokens int, truncated bool) error) error {
	for i, text := range texts {
		if err := ctx.Err(); err != nil {
			return err
		}
		values := make([]float32, n.dims)
		for d, field := range strings.Fields(text)[:n.dims] {
			v, err := strconv.ParseFloat(field, 32)
			if err != nil {
				return err
			}
			values[d] = float32(v)
		}
		if n.calls != nil {
			*n.calls++
		}
		if err := emit(i, values, n.dims, false); err != nil {
			return err
		}
	}
	return nil
}

const fullDims = 12

// planted is a task whose gold labels follow a random direction in fullDims dimensions, with noise.
type planted struct {
	name  string
	n     int // number of examples
	noise float64
	rank  bool   // each example ranks three candidates
	order uint64 // seed of a shuffle of the examples; 0: none
}

func (p planted) Info() tasks.Info {
	info := tasks.Info{Name: p.name, Category: tasks.NLP, Form: tasks.Classify, Classes: []string{"no", "yes"}, Version: 1}
	if p.rank {
		info.Form, info.Category, info.Classes = tasks.Rank, tasks.Reward, nil
	}
	return info
}

func (p planted) Load(context.Context, tasks.Source) (*tasks.Data, error) {
	rng := rand.New(rand.NewPCG(7, 11))
	direction := make([]float64, fullDims)
	for d := range direction {
		direction[d] = rng.NormFloat64()
	}
	var pool []tasks.Example
	for range p.n {
		candidates := 1
		if p.rank {
			candidates = 3
		}
		texts, scores := make([]string, candidates), make([]float64, candidates)
		for c := range texts {
			fields := make([]string, fullDims)
			for d := range fields {
				x := rng.NormFloat64()
				fields[d] = fmt.Sprintf("%.4f", x)
				scores[c] += x * direction[d]
			}
			texts[c] = strings.Join(fields, " ")
			scores[c] += p.noise * rng.NormFloat64()
		}
		e := tasks.Example{Texts: texts, Gold: []float64{0, 0}}
		if p.rank {
			e.Gold = make([]float64, candidates)
			best := 0
			for c, s := range scores {
				if s > scores[best] {
					best = c
				}
			}
			e.Gold[best] = 1
		} else if scores[0] > 0 {
			e.Gold[1] = 1
		} else {
			e.Gold[0] = 1
		}
		e.ID = tasks.ContentID(p.Info().Form, e.Texts)
		pool = append(pool, e)
	}
	if p.order != 0 {
		rand.New(rand.NewPCG(p.order, 0)).Shuffle(len(pool), func(i, j int) { pool[i], pool[j] = pool[j], pool[i] })
	}
	return &tasks.Data{Pool: pool, Digest: "planted"}, nil
}

// smallConfig returns a configuration of a weak model and a strong one, which sees all dimensions.
func smallConfig(t ...tasks.Task) experiment.Config {
	return experiment.Config{
		Models: []experiment.Model{{Name: "weak", Encoder: numbers{dims: 5}}, {Name: "strong", Encoder: numbers{dims: fullDims}}},
		Pairs:  []result.Pair{{Weak: "weak", Strong: "strong"}},
		Tasks:  t,
		Losses: []loss.Loss{loss.XEnt{}, loss.LogConf{Alpha: 0.5, Warmup: 0.1}},
		Seeds:  []uint64{0, 1},
		Train:  400, Test: 200,
		L2: []float64{0.01, 0.1}, Folds: 1, // fewer trainings
	}
}

// env returns an Env with an empty feature cache.
func env(tb testing.TB) experiment.Env {
	tb.Helper()
	cache, err := feature.Open(tb.TempDir())
	if err != nil {
		tb.Fatal(err)
	}
	return experiment.Env{Features: cache, Progress: progress.Silent()}
}

func run(tb testing.TB, cfg experiment.Config) *result.Result {
	tb.Helper()
	r, err := experiment.Run(context.Background(), cfg, env(tb))
	if err != nil {
		tb.Fatal(err)
	}
	return r
}
