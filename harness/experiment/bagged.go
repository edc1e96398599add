package experiment

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"w2s/harness/head"
	"w2s/harness/loss"
	"w2s/harness/result"
	"w2s/internal/list"
	"w2s/internal/visible"
	"w2s/tasks"
)

// A Bag is a supervisor of several heads of one model, each trained on another bootstrap sample of weak-train (Breiman 1996). Its
// labels are the means of theirs. It takes the place of the weak model of a pair.
type Bag struct {
	Name  string
	Key   string // digest of the model's key and Heads
	Model string // one of Config.Models
	Heads int
}

// MaxHeads is the largest number of heads of a Bag.
const MaxHeads = 1000

// isBag reports whether a name is that of a bag of heads.
func (c Config) isBag(name string) bool {
	return slices.ContainsFunc(c.Bags, func(b Bag) bool { return b.Name == name })
}

// checkBags reports what is wrong with bags of heads, and adds their names to the known ones.
func (c Config) checkBags(known map[string]bool, faults *faultList) {
	for _, b := range c.Bags {
		if !slices.ContainsFunc(c.Models, func(m Model) bool { return m.Name == b.Model }) {
			faults.add("%s: no model is named %q", b.Name, b.Model)
		}
		if b.Heads < 2 || b.Heads > MaxHeads {
			faults.add("%s: %d heads are not in 2..%d", b.Name, b.Heads, MaxHeads)
		}
		if known[b.Name] {
			faults.add("supervisor %q is given twice", b.Name)
		}
		known[b.Name] = true
		for _, t := range c.Tasks {
			if info := t.Info(); info.Form == tasks.Generate {
				faults.add("task %s: %s writes no answers", info.Name, b.Name)
			}
		}
	}
	if len(c.Bags) > 0 && c.needsHeldOut() {
		faults.add("%s: bags of heads have no held-out labels for the treatments temperature and platt (leave them out)", c.Bags[0].Name)
	}
}

// bagged trains the heads of every bag for every seed and size, and returns a supervisor for each. The heads have the penalty that the
// one head of the model on all of weak-train has, which must be among supervisors. A sample draws as many units as weak-train has, so that examples
// that stay together are drawn together. How often one is drawn is its weight.
func (w *workbench) bagged(ctx context.Context, supervisors []trained) ([]trained, error) {
	var out []trained
	for _, b := range w.cfg.Bags {
		for _, h := range w.halves {
			whole := h.supervisor(supervisors, b.Model)
			wanted := slices.Concat(h.strong, w.test)
			soft, err := w.bootstrap(ctx, whole, h, b.Heads, wanted)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", b.Name, err)
			}
			labels := make([][]float64, len(w.examples))
			for i, e := range wanted {
				p := make([]float64, len(soft[0][i]))
				for _, of := range soft {
					for c, v := range of[i] {
						p[c] += v / float64(len(soft))
					}
				}
				labels[e] = p
			}
			r := result.Head{Task: w.info.Name, Role: result.Supervisor, Model: b.Name, Seed: h.seed, Size: h.size, Status: "bagged", L2: whole.L2,
				Train: len(h.weak), Test: ofExamples(labels, w.test),
				Warnings: []string{fmt.Sprintf("%s: the mean of %s of %s, each trained on a bootstrap sample of weak-train", b.Name, visible.Count(b.Heads, "head"), b.Model)}}
			r.ID = result.HeadID(r)
			out = append(out, trained{Head: r, labels: labels})
		}
	}
	return out, nil
}

// bootstrap trains heads of a supervisor's model on bootstrap samples of weak-train, with the supervisor's penalty, and returns their labels
// of examples, by head.
func (w *workbench) bootstrap(ctx context.Context, whole trained, h halves, heads int, wanted []int) ([][][]float64, error) {
	own := w.part(w.data[whole.Model], h.seed, h.weak)
	rng := rand.New(rand.NewPCG(h.seed, 0xba9))
	jobs := make([]head.Job, heads)
	for k := range jobs {
		jobs[k] = head.Job{Name: fmt.Sprintf("%s, head %d", whole.Model, k+1), Loss: loss.XEnt{}, L2: whole.L2, Seed: h.seed,
			Examples: own.numbers(h.weak), Labels: h.weakGold, Weights: bootstrapWeights(own.groups, rng)}
	}
	fitted, err := head.Fit(ctx, own.data, jobs, head.Options{})
	if err != nil {
		return nil, err
	}
	return w.predictWith(ctx, w.data[whole.Model].raw, list.Map(fitted, func(f head.Fitted) *head.Head { return f.Head }), wanted)
}

// bootstrapWeights draws as many groups as there are, with replacement, and returns how often each example is drawn.
func bootstrapWeights(groups []string, rng *rand.Rand) []float64 {
	distinct := list.AppendNew(nil, groups...)
	drawn := make(map[string]float64, len(distinct))
	for range distinct {
		drawn[distinct[rng.IntN(len(distinct))]]++
	}
	return list.Map(groups, func(g string) float64 { return drawn[g] })
}
