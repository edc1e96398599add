package experiment

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"w2s/harness/label"
	"w2s/harness/result"
	"w2s/internal/list"
	"w2s/internal/visible"
	"w2s/tasks"
)

// A Combination is a supervisor whose labels are made of those of other supervisors. It takes the place of the weak model of a pair. Its
// members are models that are the weak side of pairs too, or supervisors that are not trained.
type Combination struct {
	Name     string
	Key      string // digest of the members' keys and how they are combined
	Members  []string
	Combiner label.Combiner
}

// about says what the combination is.
func (c Combination) about() string {
	text := fmt.Sprintf("%s: %s", strings.Join(c.Members, ", "), c.Combiner.About)
	if c.Combiner.Agree {
		text += ", of the training examples on which all agree"
	}
	return text
}

// model returns what the result file says of the combination.
func (c Combination) model() result.Model {
	return result.Model{Name: c.Name, Key: c.Key, Description: map[string]string{
		result.SupervisorFact: c.about(), result.CombinesFact: visible.Line(strings.Join(c.Members, ", "))}}
}

// checkCombined reports what is wrong with the combination.
func (c Config) checkCombined(known map[string]bool, faults *faultList) {
	if c.Combined == nil {
		return
	}
	if len(c.Combined.Members) < 2 {
		faults.add("%s combines %s, want two or more", c.Combined.Name, visible.Count(len(c.Combined.Members), "supervisor"))
	}
	for _, m := range c.Combined.Members {
		switch {
		case c.isSimulated(m):
			faults.add("%s: the simulated supervisor %s cannot be combined with others", c.Combined.Name, m)
		case !known[m]:
			faults.add("%s: no supervisor is named %q", c.Combined.Name, m)
		case c.supervisor(m) == nil && !c.isEnsemble(m) && !slices.Contains(c.weaks(), m):
			faults.add("%s: model %s supervises no pair", c.Combined.Name, m)
		}
	}
	if c.Combined.Combiner.Apart {
		for _, t := range c.Treatments {
			if t != label.Treatment(label.Soft{}) && t != label.Treatment(label.Hard{}) {
				faults.add("%s: it has several labels for each training example, which the treatment %s does not take (use soft or hard)", c.Combined.Name, t)
			}
		}
	} else if c.needsHeldOut() {
		faults.add("%s: a combination has no held-out labels for the treatments temperature and platt (leave them out)", c.Combined.Name)
	}
	strong := list.AppendNew(nil, list.Map(c.combinedPairs(), func(p result.Pair) string { return p.Strong })...)
	if len(strong) != 1 {
		faults.add("%s supervises %s, want one", c.Combined.Name, visible.Count(len(strong), "student"))
	}
	for _, t := range c.Tasks {
		info := t.Info()
		if info.Form == tasks.Generate {
			faults.add("task %s: %s writes no answers", info.Name, c.Combined.Name)
		} else if err := c.Combined.Combiner.Fits(info.Form == tasks.Rank); err != nil {
			faults.add("task %s: %w", info.Name, err)
		}
	}
}

// combinedPairs returns the pairs that the combination supervises.
func (c Config) combinedPairs() (pairs []result.Pair) {
	for _, p := range c.Pairs {
		if p.Weak == c.Combined.Name {
			pairs = append(pairs, p)
		}
	}
	return pairs
}

// combined returns the combination of supervisors for every seed and size. It is fitted to their labels of strong-train, and to no
// gold. Examples of strong-train that are not to be trained on have no label.
func (w *workbench) combined(ctx context.Context, supervisors []trained) ([]trained, error) {
	c := w.cfg.Combined
	if c == nil {
		return nil, nil
	}
	strong := w.cfg.combinedPairs()[0].Strong
	var out []trained
	for _, h := range w.halves {
		var onStrong, onTest [][][]float64
		for _, member := range c.Members {
			supervisor := h.supervisor(supervisors, member)
			s, err := w.predict(ctx, supervisor, h.strong)
			if err != nil {
				return nil, err
			}
			test, err := w.predict(ctx, supervisor, w.test)
			if err != nil {
				return nil, err
			}
			onStrong, onTest = append(onStrong, s), append(onTest, test)
		}
		own := w.part(w.data[strong], h.seed, h.strong) // rows of other examples would change the last bits of a head
		fitted, err := c.Combiner.Fit(ctx, onStrong, label.Evidence{Features: own.data, Examples: own.numbers(h.strong)})
		if err != nil {
			return nil, err
		}
		r := result.Head{Task: w.info.Name, Role: result.Supervisor, Model: c.Name, Seed: h.seed, Size: h.size, Status: result.NotTrained,
			Warnings: append([]string{c.Name + " combines " + c.about()}, fitted.Notes(c.Members)...)}
		r.ID = result.HeadID(r)
		labels := make([][]float64, len(w.examples))
		kept := 0
		for i, e := range h.strong {
			if said := across(onStrong, i); fitted.Keeps(i, said) {
				labels[e] = fitted.Label(said)
				kept++
			}
		}
		if kept < minTrain/2 {
			return nil, fmt.Errorf("%s: %d of %s of strong-train are left, want %d or more", r.ID, kept, visible.Count(len(h.strong), "example"), minTrain/2)
		}
		if kept < len(h.strong) && c.Combiner.Agree {
			r.Warnings = append(r.Warnings, fmt.Sprintf("%s: the supervisors agree on %d %% of the training examples, and the student learns these",
				c.Name, (200*kept+len(h.strong))/(2*len(h.strong))))
		}
		for i, e := range w.test {
			labels[e] = fitted.Label(across(onTest, i))
		}
		r.Test = ofExamples(labels, w.test)
		made := trained{Head: r, labels: labels}
		if c.Combiner.Apart {
			made.apart = list.Map(onStrong, func(said [][]float64) map[int][]float64 {
				byExample := make(map[int][]float64, len(said))
				for i, e := range h.strong {
					byExample[e] = said[i]
				}
				return byExample
			})
		}
		out = append(out, made)
	}
	return out, nil
}

// supervisor returns the supervisor of the halves that has a model, which must be among supervisors.
func (h halves) supervisor(supervisors []trained, model string) trained {
	return supervisors[slices.IndexFunc(supervisors, func(t trained) bool { return t.Model == model && t.Seed == h.seed && t.Size == h.size })]
}

// repeated returns the halves with the examples of strong-train once for each supervisor, and the labels of one after another.
func (h halves) repeated(apart []map[int][]float64) (halves, [][]float64) {
	var soft [][]float64
	for _, said := range apart {
		soft = append(soft, list.Map(h.strong, func(e int) []float64 { return said[e] })...)
	}
	h.strong, h.strongGold = slices.Repeat(h.strong, len(apart)), slices.Repeat(h.strongGold, len(apart))
	return h, soft
}

// across returns the labels that each supervisor gives to example i.
func across(said [][][]float64, i int) [][]float64 {
	return list.Map(said, func(s [][]float64) []float64 { return s[i] })
}

// labelled returns the halves with the examples of strong-train that have a label, and these labels.
func (h halves) labelled(soft [][]float64) (halves, [][]float64) {
	if !slices.ContainsFunc(soft, func(p []float64) bool { return p == nil }) {
		return h, soft
	}
	strong, gold := h.strong, h.strongGold
	var kept [][]float64
	h.strong, h.strongGold = nil, nil
	for i, p := range soft {
		if p != nil {
			kept, h.strong, h.strongGold = append(kept, p), append(h.strong, strong[i]), append(h.strongGold, gold[i])
		}
	}
	return h, kept
}
