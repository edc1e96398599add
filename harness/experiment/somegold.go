package experiment

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"golang.org/x/sync/errgroup"

	"w2s/harness/head"
	"w2s/harness/loss"
	"w2s/harness/result"
	"w2s/internal/list"
	"w2s/internal/prob"
	"w2s/internal/visible"
	"w2s/tasks"
)

// This file has the students of Config.Gold, which SEE GOLD LABELS of a share of strong-train. They have a role of their own and change no
// other head. Without Config.Gold there are none. docs/methods.md has their formulas.

const (
	minGold     = 8   // smallest number of gold labels
	softGold    = 0.1 // how unsure soft gold is
	goldWeight  = 4   // of a gold label among weak ones
	fitSteps    = 1500
	fitRate     = 0.3
	leastChance = 1e-6 // of a supervisor that is never, or always, right
)

// checkGold reports what is wrong with the shares of gold.
func (c Config) checkGold(faults *faultList) {
	for _, share := range c.Gold {
		if !(share > 0 && share < 1) {
			faults.add("a share of gold labels of %v is not between 0 and 1", share)
		}
	}
	twice(faults, "share of gold labels", c.Gold)
	for _, train := range append([]int{cmp.Or(c.Train, DefaultTrain)}, c.Sizes...) {
		for _, share := range c.Gold {
			if share > 0 && share < 1 && goldLabels(share, train/2) < minGold {
				faults.add("%w", tooLittleGold(share, train/2))
			}
		}
	}
}

// goldLabels returns the number of gold labels that a share of the examples of strong-train is.
func goldLabels(share float64, examples int) int { return int(math.Round(share * float64(examples))) }

func tooLittleGold(share float64, examples int) error {
	return fmt.Errorf("gold labels: a share of %v of the %s of strong-train is %s, want %d or more (a larger share, or --train)", share,
		visible.Count(examples, "example"), visible.Count(goldLabels(share, examples), "gold label"), minGold)
}

// someGoldKinds returns the kinds of the students that see some gold.
func (w *workbench) someGoldKinds() (kinds []string) {
	if w.info.Form == tasks.Generate {
		return nil
	}
	for _, share := range w.cfg.Gold {
		for _, method := range result.SomeGoldMethods() {
			kinds = append(kinds, result.SomeGoldKind(method, share))
		}
	}
	return kinds
}

// A goldBudget is what students see that see some gold of an offer's examples. Positions are those of the offer.
type goldBudget struct {
	share float64
	drawn []int // positions of the examples whose gold they see, drawn by the seed; those of a smaller share are the first ones
	// oracle are as many positions, first of examples that the supervisor gets wrong. To choose them takes the gold of all.
	oracle []int
}

// budget draws the gold of a share of an offer's examples.
func (w *workbench) budget(o offer, share float64) (goldBudget, error) {
	n := goldLabels(share, len(o.halves.strong))
	if n < minGold {
		return goldBudget{}, ConfigError{tooLittleGold(share, len(o.halves.strong))}
	}
	order := rand.New(rand.NewPCG(o.halves.seed, 0x601d)).Perm(len(o.halves.strong))
	b := goldBudget{share: share, drawn: order[:n]}
	wrong := func(i int) bool { return prob.Argmax(o.labels.Soft[i]) != prob.Argmax(o.halves.strongGold[i]) }
	first := slices.DeleteFunc(slices.Clone(order), func(i int) bool { return !wrong(i) })
	b.oracle = append(first, slices.DeleteFunc(slices.Clone(order), wrong)...)[:n]
	return b, nil
}

// withSomeGold trains the students that see some gold, of every pair and share.
func (w *workbench) withSomeGold(ctx context.Context, offers []offer) ([]trained, error) {
	if len(w.someGoldKinds()) == 0 {
		return nil, nil
	}
	specs, choices := map[string][]trainSpec{}, []goldChoice(nil)
	err := w.eachOffer(offers, func(strong string, o offer) error {
		if hasCopies(o.halves.strong) {
			w.warn("%s: students that see some gold are left out, since there are several labels for each training example", o.supervisor.Model)
			return nil
		}
		for _, share := range w.cfg.Gold {
			b, err := w.budget(o, share)
			if err != nil {
				return err
			}
			for _, method := range result.SomeGoldMethods() {
				if s := w.someGoldSpec(method, strong, o, b); method == result.GoldChoice {
					choices = append(choices, goldChoice{s, o, b})
				} else {
					specs[strong] = append(specs[strong], s)
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out, err := w.trainAll(ctx, w.data, w.cfg.strongs(), func(model string) []trainSpec { return specs[model] })
	if err != nil {
		return nil, err
	}
	chosen := make([]trained, len(choices))
	g, ctx := errgroup.WithContext(ctx)
	for i, c := range choices {
		g.Go(func() (err error) {
			chosen[i], err = w.chosenByGold(ctx, c)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return append(out, chosen...), w.reportTrained(chosen)
}

// someGoldSpec returns the spec of a student that sees some gold.
func (w *workbench) someGoldSpec(method, model string, o offer, b goldBudget) trainSpec {
	n := len(o.halves.strong)
	s := trainSpec{examples: o.halves.strong, labels: slices.Clone(o.labels.Soft), loss: loss.XEnt{}}
	gold := b.drawn
	if method == result.GoldOracle {
		gold = b.oracle
	}
	isGold := make([]bool, n)
	for _, i := range gold {
		isGold[i] = true
	}
	weights := func(of func(i int) float64) []float64 {
		out := make([]float64, n)
		for i := range out {
			out[i] = of(i)
		}
		return out
	}
	of := func(positions []int) {
		s.examples, s.labels = list.Map(positions, func(i int) int { return s.examples[i] }), list.Map(positions, func(i int) []float64 { return s.labels[i] })
	}
	warning := fmt.Sprintf("%s of %d of %d examples of strong-train", result.SeesGold, len(gold), n)
	if method != result.GoldChoice {
		for _, i := range gold {
			s.labels[i] = o.halves.strongGold[i]
		}
	}
	switch method {
	case result.GoldOracle:
		warning += ", which take the gold of all to choose"
	case result.GoldRandom:
		rng := rand.New(rand.NewPCG(o.halves.seed, 0x601e))
		for i, l := range s.labels {
			guess := make([]float64, len(l))
			guess[rng.IntN(len(l))] = 1
			if !isGold[i] {
				s.labels[i] = guess
			}
		}
	case result.GoldOnly:
		of(slices.Sorted(slices.Values(gold)))
	case result.GoldSoft:
		for _, i := range gold {
			others := float64(len(s.labels[i]) - 1)
			s.labels[i] = list.Map(s.labels[i], func(p float64) float64 { return (1-softGold)*p + softGold*(1-p)/others })
		}
	case result.GoldWeighted:
		s.weights = weights(func(i int) float64 {
			if isGold[i] {
				return goldWeight
			}
			return 1
		})
	case result.GoldAnchored:
		s.loss, s.sure = w.logConf(), isGold
	case result.GoldReliability:
		reliable := reliability(o, b)
		s.weights = weights(func(i int) float64 {
			if isGold[i] {
				return 1
			}
			return reliable(slices.Max(o.labels.Soft[i]))
		})
	case result.GoldChoice:
		warning += ", for the choice of its penalty alone"
		var weak []int
		for i := range n {
			if !isGold[i] {
				weak = append(weak, i)
			}
		}
		of(weak)
	}
	s.head = result.Head{Role: result.SomeGold, Baseline: result.SomeGoldKind(method, b.share), Model: model, Supervisor: o.supervisor.ID, Treatment: "gold",
		Seed: o.halves.seed, Size: o.halves.size, Warnings: []string{warning}}
	return s
}

// logConf returns the first logconf of the losses, or the one with the default settings.
func (w *workbench) logConf() loss.Loss {
	for _, l := range w.cfg.Losses {
		if _, ok := l.(loss.LogConf); ok {
			return l
		}
	}
	l, err := loss.Parse("logconf")
	if err != nil {
		panic(err) // it is in the table of losses
	}
	return l
}

// reliability returns the probability that the supervisor of an offer is right, by how sure it is: a logistic regression on the examples
// whose gold is seen, by gradient descent on the standardised value.
func reliability(o offer, b goldBudget) func(sure float64) float64 {
	var x, right []float64
	for _, i := range b.drawn {
		x = append(x, slices.Max(o.labels.Soft[i]))
		hit := 0.0
		if prob.Argmax(o.labels.Soft[i]) == prob.Argmax(o.halves.strongGold[i]) {
			hit = 1
		}
		right = append(right, hit)
	}
	n, mean, share := float64(len(x)), 0.0, 0.0
	for i := range x {
		mean, share = mean+x[i]/n, share+right[i]/n
	}
	if slices.Min(right) == slices.Max(right) {
		share = min(max(share, leastChance), 1-leastChance)
		return func(float64) float64 { return share }
	}
	spread := 0.0
	for _, v := range x {
		spread += (v - mean) * (v - mean) / n
	}
	if spread = math.Sqrt(spread); spread == 0 {
		spread = 1
	}
	w, c := 0.0, 0.0
	of := func(v float64) float64 { return 1 / (1 + math.Exp(-(w*(v-mean)/spread + c))) }
	for range fitSteps {
		dw, dc := 0.0, 0.0
		for i, v := range x {
			d := of(v) - right[i]
			dw, dc = dw+d*(v-mean)/spread, dc+d
		}
		w, c = w-fitRate*dw/n, c-fitRate*dc/n
	}
	return of
}

// A goldChoice is a student of weak labels whose penalty is chosen by gold.
type goldChoice struct {
	spec   trainSpec
	offer  offer
	budget goldBudget
}

// chosenByGold trains a head of each penalty on the weak labels of the examples whose gold is not seen, and returns the one with the lowest
// cross-entropy of gold on the others.
func (w *workbench) chosenByGold(ctx context.Context, c goldChoice) (trained, error) {
	r := c.spec.head
	r.Task, r.Loss, r.Train = w.info.Name, c.spec.loss.String(), len(c.spec.examples)
	r.ID = result.HeadID(r)
	data, o := w.data[r.Model], c.offer
	own := w.part(data, r.Seed, o.halves.strong)
	jobs := list.Map(w.cfg.L2, func(l2 float64) head.Job {
		return head.Job{Name: r.ID, Examples: own.numbers(c.spec.examples), Labels: c.spec.labels, Loss: c.spec.loss, L2: l2, Seed: r.Seed}
	})
	fitted, err := head.Fit(ctx, own.data, jobs, head.Options{})
	if err != nil {
		return trained{}, err
	}
	heads := list.Map(fitted, func(f head.Fitted) *head.Head { return f.Head })
	seen := list.Map(c.budget.drawn, func(i int) int { return o.halves.strong[i] })
	probs, err := w.predictWith(ctx, data.raw, heads, seen)
	if err != nil {
		return trained{}, err
	}
	best, least := 0, math.Inf(1)
	for k, p := range probs {
		sum := 0.0
		for j, i := range c.budget.drawn {
			for class, g := range o.halves.strongGold[i] {
				if g > 0 {
					sum -= g * math.Log(max(p[j][class], math.SmallestNonzeroFloat64))
				}
			}
		}
		if sum < least || sum == least && w.cfg.L2[k] > w.cfg.L2[best] {
			best, least = k, sum
		}
	}
	test, err := w.predictWith(ctx, data.raw, heads[best:best+1], w.test)
	if err != nil {
		return trained{}, err
	}
	f := fitted[best]
	r.L2, r.Status, r.Steps, r.Test = w.cfg.L2[best], string(f.Status), f.Steps, test[0]
	r.Warnings = append(r.Warnings, f.Warnings()...)
	return trained{Head: r, head: f.Head}, nil
}
