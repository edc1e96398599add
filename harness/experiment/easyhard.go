package experiment

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"w2s/harness/head"
	"w2s/harness/loss"
	"w2s/harness/result"
	"w2s/internal/list"
	"w2s/internal/prob"
	"w2s/internal/suggest"
	"w2s/internal/visible"
	"w2s/tasks"
)

// This file has the heads of Config.Orders, which ask how far training on easy examples carries to hard ones (Hase et al. 2024, arXiv
// 2401.06751). For every order of the examples by difficulty, a head of the strong model learns gold labels of the easiest third of
// strong-train and another one those of the hardest third. Their records say which test examples are the hardest third. They are no
// students: both see gold. docs/methods.md has the formulas.

// parts is how many parts of equal size an order is cut into; the first is easy and the last is hard.
const parts = 3

// minPart is the smallest number of training examples of a part.
const minPart = 10

// hasOrders reports whether the task has heads of easy and hard examples.
func (w *workbench) hasOrders() bool { return len(w.cfg.Orders) > 0 && w.info.Form != tasks.Generate }

// checkOrders reports what is wrong with the orders.
func (c Config) checkOrders(faults *faultList) {
	for _, o := range c.Orders {
		if have := result.Orders(); !slices.Contains(have, o) {
			faults.add("unknown order %q (%s)", o, suggest.Hint(o, "orders", have))
		}
	}
	twice(faults, "order", c.Orders)
	if len(c.Orders) > 0 && !c.Baselines {
		faults.add("orders of the examples (%s) need the baselines, with which they are compared", strings.Join(c.Orders, ", "))
	}
}

// checkOrdersOf reports why a task cannot be ordered.
func (c Config) checkOrdersOf(t tasks.Info, faults *faultList) {
	if t.Form == tasks.Generate && len(c.Orders) > 0 {
		faults.add("task %s: written answers have no order by difficulty", t.Name)
	} else if t.Difficulty == "" && slices.Contains(c.Orders, result.ByDifficulty) {
		faults.add("task %s: no column says how hard an example is (add difficulty=COLUMN to a task on a file, or order by one of %s)", t.Name,
			strings.Join(result.Orders()[1:], ", "))
	}
}

// orderName returns the name of an order in records. That of a column says which one.
func (w *workbench) orderName(order string) string {
	if order == result.ByDifficulty {
		return order + ":" + w.info.Difficulty
	}
	return order
}

// orderKinds returns the kinds of the heads of all orders.
func (w *workbench) orderKinds() (kinds []string) {
	if w.hasOrders() {
		for _, o := range w.cfg.Orders {
			kinds = append(kinds, result.Easy(w.orderName(o)), result.Hard(w.orderName(o)))
		}
	}
	return kinds
}

// easyAndHard trains the heads of all orders.
func (w *workbench) easyAndHard(ctx context.Context, offers []offer) ([]trained, error) {
	if !w.hasOrders() {
		return nil, nil
	}
	specs := map[string][]trainSpec{}
	for _, order := range w.cfg.Orders {
		add := func(model string, h halves, supervisor string, hardness []float64) error {
			more, err := w.orderSpecs(order, model, h, supervisor, hardness)
			if err != nil {
				return fmt.Errorf("order %s: %w", order, err)
			}
			specs[model] = append(specs[model], more...)
			return nil
		}
		if order == result.ByConfidence { // which depends on the supervisor
			err := w.eachOffer(offers, func(strong string, o offer) error {
				return add(strong, o.halves.once(), o.supervisor.ID, w.doubt(o))
			})
			if err != nil {
				return nil, err
			}
			continue
		}
		for _, model := range w.cfg.strongs() {
			for _, h := range w.halves {
				hardness, err := w.hardness(ctx, order, model, h)
				if err != nil {
					return nil, fmt.Errorf("order %s: %w", order, err)
				}
				if err := add(model, h, "", hardness); err != nil {
					return nil, err
				}
			}
		}
	}
	return w.trainAll(ctx, w.data, w.cfg.strongs(), func(model string) []trainSpec { return specs[model] })
}

// hardness returns how hard the examples of strong-train and of the test are, by example. Those of other parts are 0.
func (w *workbench) hardness(ctx context.Context, order, model string, h halves) ([]float64, error) {
	switch order {
	case result.ByDifficulty:
		return list.Map(w.examples, func(e tasks.Example) float64 { return e.Difficulty }), nil
	case result.ByLength:
		return list.Map(w.examples, func(e tasks.Example) float64 { return float64(utf8.RuneCountInString(strings.Join(e.Texts, ""))) }), nil
	default:
		return w.descriptionLength(ctx, model, h)
	}
}

// once returns the halves with each example of strong-train once, of which several supervisors may have labels.
func (h halves) once() halves {
	strong, gold := h.strong, h.strongGold
	h.strong, h.strongGold = nil, nil
	seen := map[int]bool{}
	for i, e := range strong {
		if !seen[e] {
			seen[e], h.strong, h.strongGold = true, append(h.strong, e), append(h.strongGold, gold[i])
		}
	}
	return h
}

// doubt returns how unsure the supervisor of an offer is of the examples of strong-train and of the test: 1 - the largest probability, of
// several labels of an example the sum.
func (w *workbench) doubt(o offer) []float64 {
	out := make([]float64, len(w.examples))
	for i, e := range o.halves.strong {
		out[e] += 1 - slices.Max(o.labels.Soft[i])
	}
	for i, e := range w.test {
		out[e] = 1 - slices.Max(o.supervisor.Test[i])
	}
	return out
}

// ladderStart is the number of examples of the lowest rung of a ladder of heads. Every further rung has twice as many.
const ladderStart = 8

// descriptionLength returns the mean cross-entropy of each example's gold label under heads of the strong model that are trained on
// growing numbers of gold labels of weak-train, the last one on all: the online code length of Voita and Titov 2020 (arXiv 2003.12298)
// by example, as Hase et al. measure hardness. No example is scored by a head that was trained on it. The heads have the median
// penalty of the grid.
func (w *workbench) descriptionLength(ctx context.Context, model string, h halves) ([]float64, error) {
	own := w.part(w.data[model], h.seed, h.weak)
	penalties := slices.Sorted(slices.Values(w.cfg.L2))
	var jobs []head.Job
	rung := func(at []int) {
		jobs = append(jobs, head.Job{Name: fmt.Sprintf("%s, rung of %d", model, len(at)), Loss: loss.XEnt{}, L2: penalties[len(penalties)/2], Seed: h.seed,
			Examples: own.numbers(list.Map(at, func(i int) int { return h.weak[i] })), Labels: list.Map(at, func(i int) []float64 { return h.weakGold[i] })})
	}
	for n := ladderStart; n < len(h.weak); n *= 2 {
		if at := w.goldSample(h, n); at != nil {
			rung(at)
		}
	}
	all := make([]int, len(h.weak))
	for i := range all {
		all[i] = i
	}
	rung(all)
	fitted, err := head.Fit(ctx, own.data, jobs, head.Options{})
	if err != nil {
		return nil, err
	}
	heads := list.Map(fitted, func(f head.Fitted) *head.Head { return f.Head })
	out := make([]float64, len(w.examples))
	for _, part := range []struct {
		examples []int
		gold     [][]float64
	}{{h.strong, h.strongGold}, {w.test, w.record.TestGold}} {
		predicted, err := w.predictWith(ctx, w.data[model].raw, heads, part.examples)
		if err != nil {
			return nil, err
		}
		for i, e := range part.examples {
			for _, p := range predicted {
				for k, g := range part.gold[i] {
					if g > 0 {
						out[e] -= g * math.Log(max(p[i][k], math.SmallestNonzeroFloat64)) / float64(len(predicted))
					}
				}
			}
		}
	}
	return out, nil
}

// orderSpecs returns the specs of a head of easy and a head of hard examples of strong-train. hardness is by example. supervisor is the ID
// of the head that the order comes from, or "".
func (w *workbench) orderSpecs(order, model string, h halves, supervisor string, hardness []float64) ([]trainSpec, error) {
	easy, hard := w.ends(h.strong, h.strongGold, hardness)
	if len(easy) < minPart {
		return nil, fmt.Errorf("%s in a third of strong-train, want %d or more (--train)", visible.Count(len(easy), "example"), minPart)
	}
	if least, most := hardness[h.strong[easy[0]]], hardness[h.strong[hard[len(hard)-1]]]; least == most {
		return nil, fmt.Errorf("all examples of strong-train are equally hard (%v)", least)
	}
	_, hardTest := w.ends(w.test, w.record.TestGold, hardness)
	var specs []trainSpec
	for _, part := range []struct {
		kind string
		at   []int
	}{{result.Easy(w.orderName(order)), easy}, {result.Hard(w.orderName(order)), hard}} {
		r := result.Head{Role: result.Ordered, Baseline: part.kind, Model: model, Seed: h.seed, Size: h.size, HardTest: bits(hardTest, len(w.test))}
		if supervisor != "" {
			r.Supervisor, r.Treatment = supervisor, "gold"
		}
		specs = append(specs, trainSpec{head: r, examples: list.Map(part.at, func(i int) int { return h.strong[i] }),
			labels: list.Map(part.at, func(i int) []float64 { return h.strongGold[i] }), loss: loss.XEnt{}})
	}
	return specs, nil
}

// ends returns the positions of the easiest and of the hardest third of examples, the easiest first. Of classes it takes thirds of each, so
// that difficulty does not unbalance them. Equally hard examples are in the order of their ids.
func (w *workbench) ends(examples []int, gold [][]float64, hardness []float64) (easy, hard []int) {
	byClass := map[int][]int{}
	for i := range examples {
		class := 0
		if w.info.Form == tasks.Classify {
			class = prob.Argmax(gold[i])
		}
		byClass[class] = append(byClass[class], i)
	}
	harder := func(a, b int) int {
		x, y := examples[a], examples[b]
		return cmp.Or(cmp.Compare(hardness[x], hardness[y]), cmp.Compare(w.examples[x].ID, w.examples[y].ID))
	}
	for _, members := range byClass {
		slices.SortFunc(members, harder)
		n := len(members) / parts
		easy, hard = append(easy, members[:n]...), append(hard, members[len(members)-n:]...)
	}
	slices.SortFunc(easy, harder)
	slices.SortFunc(hard, harder)
	return easy, hard
}
