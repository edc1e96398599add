package experiment

import (
	"context"
	"math/rand/v2"
	"slices"

	"w2s/harness/head"
	"w2s/harness/loss"
	"w2s/harness/result"
	"w2s/internal/list"
	"w2s/internal/prob"
	"w2s/tasks"
)

// This file has the baselines of Config.Baselines, with which students are compared:
//
//	gold      the strong model trained on gold labels of weak-train, all of them or a few
//	shuffled  a student of permuted weak labels
//	axis      the main axis of the features of strong-train, signed by the weak labels
//	random    a random direction, signed by the weak labels
//
// unlabelled.go has those of Config.Unlabelled. Those that learn gold depend on no supervisor and are trained once. The others come with every supervisor but the simulated ones,
// which are baselines themselves. Tasks with free answers have no baselines.

// fewGold lists the numbers of gold labels that a baseline learns instead of all.
var fewGold = []int{8, 32, 128}

// hasBaselines reports whether baselines are trained beside the students.
func (w *workbench) hasBaselines() bool { return w.cfg.Baselines && w.info.Form != tasks.Generate }

// goldSpecs returns the specs of the strong model's heads that learn gold labels of weak-train.
func (w *workbench) goldSpecs(model string) (specs []trainSpec) {
	if !w.hasBaselines() {
		return nil
	}
	for _, h := range w.halves {
		add := func(kind string, at []int) {
			specs = append(specs, trainSpec{head: result.Head{Role: result.Comparison, Baseline: kind, Model: model, Seed: h.seed, Size: h.size},
				examples: list.Map(at, func(i int) int { return h.weak[i] }), labels: list.Map(at, func(i int) []float64 { return h.weakGold[i] }), loss: loss.XEnt{}})
		}
		for _, n := range fewGold {
			if at := w.goldSample(h, n); at != nil {
				add(result.FewGold(n), at)
			}
		}
		all := make([]int, len(h.weak))
		for i := range all {
			all[i] = i
		}
		add(result.OfGold, all)
	}
	return specs
}

// goldSample draws n examples of weak-train by the seed, and returns their positions in it. Every class has two or more, and otherwise its
// share. Smaller samples are parts of larger ones if the classes are balanced. It prefers examples of different units. It returns nil
// if weak-train has no more than n examples, or too many classes, or too few units to hold out some.
func (w *workbench) goldSample(h halves, n int) []int {
	if n >= len(h.weak) {
		return nil
	}
	order := rand.New(rand.NewPCG(h.seed, 0x901d)).Perm(len(h.weak))
	seen := map[string]int{}
	turn := make([]int, len(h.weak)) // how many of its unit come before an example
	for _, i := range order {
		unit := w.groups[h.weak[i]]
		turn[i] = seen[unit]
		seen[unit]++
	}
	slices.SortStableFunc(order, func(a, b int) int { return turn[a] - turn[b] })
	sample := order[:n]
	if w.info.Form == tasks.Classify {
		if sample = stratified(order, h.weakGold, n); sample == nil {
			return nil
		}
	}
	trial := head.Job{Labels: list.Map(sample, func(i int) []float64 { return h.weakGold[i] }), Seed: h.seed}
	var units []string
	for k, i := range sample {
		trial.Examples, units = append(trial.Examples, k), append(units, w.groups[h.weak[i]])
	}
	if _, err := w.cfg.grid(units).Cuts(trial); err != nil {
		return nil
	}
	return sample
}

// stratified takes n of the examples in order, of every class its share in gold, but two or more. It returns nil if that is not
// possible.
func stratified(order []int, gold [][]float64, n int) []int {
	const least = 2
	counts := classCounts(gold)
	quota, sum := make([]int, len(counts)), 0
	for k, c := range counts {
		if c > 0 {
			quota[k] = min(c, least)
			sum += quota[k]
		}
	}
	if sum > n {
		return nil
	}
	for ; sum < n; sum++ {
		next := -1 // the class that lacks most of its share
		lack := func(k int) float64 { return float64(n)*float64(counts[k])/float64(len(gold)) - float64(quota[k]) }
		for k := range counts {
			if quota[k] < counts[k] && (next < 0 || lack(k) > lack(next)) {
				next = k
			}
		}
		quota[next]++
	}
	var sample []int
	for _, i := range order {
		if k := prob.Argmax(gold[i]); quota[k] > 0 {
			quota[k]--
			sample = append(sample, i)
		}
	}
	return sample
}

// shuffledSpec returns a student's spec with its labels permuted by the seed. A ranking's label fits no other ranking, so the
// probabilities of its candidates are permuted instead.
func (w *workbench) shuffledSpec(s trainSpec) trainSpec {
	rng := rand.New(rand.NewPCG(s.head.Seed, 0x5b0f1e))
	labels := make([][]float64, len(s.labels))
	if w.info.Form == tasks.Rank {
		for i, l := range s.labels {
			labels[i] = list.Map(rng.Perm(len(l)), func(k int) float64 { return l[k] })
		}
	} else {
		order := rng.Perm(len(labels))
		for i, k := range order {
			labels[i] = s.labels[k]
		}
		if s.weights != nil { // a weight is one of a label
			s.weights = list.Map(order, func(k int) float64 { return s.weights[k] })
		}
	}
	s.labels = labels
	s.head.Role, s.head.Baseline, s.head.Labels, s.head.Warnings = result.Comparison, result.OfShuffled, nil, nil
	return s
}

// A space is the space of standardised features of a strong model, a seed and a size.
type space struct {
	model string
	seed  uint64
	size  int
}

func spaceOf(h result.Head) space { return space{h.Model, h.Seed, h.Size} }

// addDirections adds the baselines that are directions to all heads of a task, and the cosines to all heads of the strong models.
func (w *workbench) addDirections(ctx context.Context, heads []trained, offers []offer) ([]trained, error) {
	axes, err := w.mainAxes(ctx)
	if err != nil {
		return nil, err
	}
	var directions []trained
	for _, pair := range w.cfg.Pairs {
		for _, o := range offers {
			if o.supervisor.Model != pair.Weak || w.data[pair.Strong].raw.Classes > 2 { // a direction cannot tell more than two classes apart
				continue
			}
			axis := axes[space{pair.Strong, o.halves.seed, o.halves.size}]
			random := head.RandomDirection(w.data[pair.Strong].raw.X.Dims, o.halves.seed+1) // MainAxis begins with that of 0
			for _, d := range []struct {
				kind      string
				direction []float64
			}{{result.OfAxis, axis}, {result.OfRandom, random}} {
				if d.direction == nil {
					continue
				}
				t, err := w.alongDirection(ctx, d.kind, d.direction, pair.Strong, o)
				if err != nil {
					return nil, err
				}
				directions = append(directions, t)
			}
		}
	}
	if err := w.reportTrained(directions); err != nil {
		return nil, err
	}
	heads = append(heads, directions...)
	ceilings := map[space]*head.Head{}
	for _, t := range heads {
		if t.Role == result.Ceiling {
			ceilings[spaceOf(t.Head)] = t.head
		}
	}
	for i := range heads {
		t := &heads[i]
		axis := axes[spaceOf(t.Head)]
		switch t.Role {
		case result.Student, result.Comparison, result.Ceiling:
		default:
			continue
		}
		if axis == nil {
			continue
		}
		t.Cosines = &result.Cosines{Axis: t.head.AlongDirection(axis)}
		if t.Role != result.Ceiling {
			t.Cosines.Ceiling = t.head.Cosine(ceilings[spaceOf(t.Head)])
		}
	}
	return heads, nil
}

// mainAxes returns the main axis of the features of strong-train in every space. A space whose features do not vary has none.
func (w *workbench) mainAxes(ctx context.Context) (map[space][]float64, error) {
	return spaces(ctx, w, func(s space) ([]float64, error) {
		return head.MainAxis(w.data[s.model].of(s.seed), w.halvesOf(result.Head{Seed: s.seed, Size: s.size}).strong)
	})
}

// alongDirection returns the baseline of a direction that is signed by an offer's labels.
func (w *workbench) alongDirection(ctx context.Context, kind string, direction []float64, model string, o offer) (trained, error) {
	data := w.data[model]
	h, settled, err := head.Along(direction, data.of(o.halves.seed), o.halves.strong, o.labels.Soft)
	if err != nil {
		return trained{}, err
	}
	r := w.directionRecord(kind, model, o, settled)
	test, err := w.predictWith(ctx, data.raw, []*head.Head{h}, w.test)
	if err != nil {
		return trained{}, err
	}
	r.Test = test[0]
	return trained{Head: r, head: h}, nil
}

// directionRecord returns the record of a direction that is signed by an offer's labels. settled says whether these could decide.
func (w *workbench) directionRecord(kind, model string, o offer, settled bool) result.Head {
	r := result.Head{Task: w.info.Name, Role: result.Comparison, Baseline: kind, Model: model, Supervisor: o.supervisor.ID, Seed: o.halves.seed, Size: o.halves.size,
		Status: result.NotTrained, Train: len(o.halves.strong)}
	r.ID = result.HeadID(r)
	if !settled {
		r.Warnings = []string{"the weak labels do not vary along the direction, so its sign is arbitrary"}
	}
	return r
}
