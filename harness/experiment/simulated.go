package experiment

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"w2s/harness/label"
	"w2s/harness/result"
	"w2s/internal/list"
	"w2s/internal/suggest"
	"w2s/tasks"
)

// A Simulated is a supervisor that is not a model. Its labels are made from gold with errors of a known number and kind, or
// without regard to the text. In tables it appears beside real supervisors.
type Simulated struct {
	// Kind is "flip" (random errors), "systematic" (errors that a student can learn), "random" (guesses) or "majority"
	// (the same answer for all examples).
	Kind     string
	Accuracy float64 // of flip and systematic
}

// String returns the supervisor as ParseSimulated reads it.
func (s Simulated) String() string {
	if s.Accuracy == 0 {
		return s.Kind
	}
	return s.Kind + ":" + strconv.FormatFloat(s.Accuracy, 'g', -1, 64)
}

// SimulatedForms returns how simulated supervisors are written: flip:ACCURACY, systematic:ACCURACY, random, majority.
func SimulatedForms() []string {
	return list.Map(simulators, func(s simulator) string {
		if s.accurate {
			return s.kind + ":ACCURACY"
		}
		return s.kind
	})
}

// A simulator makes the labels of one kind of simulated supervisor.
type simulator struct {
	kind     string
	accurate bool // it has an accuracy
	labels   func(w *workbench, g label.Gold, a simulation) (label.Labels, error)
}

// A simulation is what labels are simulated for.
type simulation struct {
	accuracy float64
	halves   halves
	model    string // of the student
	examples []int  // examples[i] is the example of g.IDs[i]
}

// simulators is the table of simulated supervisors.
var simulators = []simulator{
	{"flip", true, func(_ *workbench, g label.Gold, a simulation) (label.Labels, error) {
		return label.Flip(g, a.accuracy, a.halves.seed)
	}},
	{"systematic", true, func(w *workbench, g label.Gold, a simulation) (label.Labels, error) {
		return label.Systematic(g, a.accuracy, w.data[a.model].of(a.halves.seed), a.examples, a.halves.seed)
	}},
	{"random", false, func(_ *workbench, g label.Gold, a simulation) (label.Labels, error) {
		return label.Random(g.Classes, g.IDs, func(i int) int { return len(g.Gold[i]) }, a.halves.seed)
	}},
	{"majority", false, func(w *workbench, g label.Gold, a simulation) (label.Labels, error) {
		if w.info.Form == tasks.Rank {
			return label.Labels{}, errors.New("candidates have no most frequent answer")
		}
		return label.Majority(g.IDs, a.halves.weakGold)
	}},
}

// ParseSimulated reads a simulated supervisor in one of SimulatedForms, with "sim:" before it or not.
func ParseSimulated(text string) (Simulated, error) {
	kind, rest, given := strings.Cut(strings.TrimPrefix(text, result.SimulatedPrefix), ":")
	s := Simulated{Kind: kind}
	at := slices.IndexFunc(simulators, func(known simulator) bool { return known.kind == kind })
	switch {
	case at < 0:
		hint := ""
		if near := suggest.Nearest(kind, list.Map(simulators, func(s simulator) string { return s.kind })); near != "" {
			hint = fmt.Sprintf("did you mean %q? ", near)
		}
		return s, fmt.Errorf("unknown simulated supervisor %q (%shave: %s)", text, hint, strings.Join(SimulatedForms(), ", "))
	case !simulators[at].accurate && given:
		return s, fmt.Errorf("simulated supervisor %q: %s takes no setting", text, kind)
	case !simulators[at].accurate:
		return s, nil
	}
	accuracy, err := strconv.ParseFloat(rest, 64)
	if err != nil || !(accuracy > 0 && accuracy <= 1) {
		return s, fmt.Errorf("simulated supervisor %q: want %s:ACCURACY, such as %s:0.75", text, kind, kind)
	}
	s.Accuracy = accuracy
	return s, nil
}

// isSimulated reports whether a name is that of a simulated supervisor.
func (c Config) isSimulated(name string) bool {
	return slices.ContainsFunc(c.Simulated, func(s Simulated) bool { return s.String() == name })
}

// simulatedFor returns the simulated supervisors of a strong model.
func (c Config) simulatedFor(strong string) []Simulated {
	var out []Simulated
	for _, s := range c.Simulated {
		paired := func(p result.Pair) bool { return p.Weak == s.String() }
		if !slices.ContainsFunc(c.Pairs, paired) || slices.Contains(c.Pairs, result.Pair{Weak: s.String(), Strong: strong}) {
			out = append(out, s)
		}
	}
	return out
}

// simulate makes the offers of the simulated supervisors of one student's model. Systematic errors follow a direction of
// that model's features, so the model can learn them.
func (w *workbench) simulate(model string) ([]offer, error) {
	var offers []offer
	for _, s := range w.cfg.simulatedFor(model) {
		for _, h := range w.halves {
			labels := func(examples []int, gold [][]float64) (label.Labels, error) {
				l, err := w.simulatedLabels(s, h, model, examples, gold)
				if err != nil {
					return l, fmt.Errorf("%s%s: %w", result.SimulatedPrefix, s, err)
				}
				return l, nil
			}
			if atMost := guessing(h.strongGold); s.Accuracy > 0 && s.Accuracy <= atMost {
				return nil, ConfigError{fmt.Errorf("%s%s: accuracy %v is not above guessing among the candidates, %v", result.SimulatedPrefix, s, s.Accuracy, atMost)}
			}
			strong, errStrong := labels(h.strong, h.strongGold)
			held, errHeld := labels(h.weak, h.weakGold)
			test, errTest := labels(w.test, w.record.TestGold)
			if err := cmp.Or(errStrong, errHeld, errTest); err != nil {
				return nil, err
			}
			baseline := result.Head{Task: w.info.Name, Role: result.Baseline, Model: model, Simulated: s.String(), Seed: h.seed, Size: h.size,
				Status: "simulated", Test: test.Soft}
			baseline.ID = result.HeadID(baseline)
			offers = append(offers, offer{supervisor: baseline, halves: h, labels: strong, held: &label.Held{Soft: held.Soft, Gold: h.weakGold}})
		}
	}
	return offers, nil
}

// guessing returns the largest share of right guesses of any example.
func guessing(gold [][]float64) float64 {
	most := 0.0
	for _, g := range gold {
		most = max(most, 1/float64(len(g)))
	}
	return most
}

// simulatedLabels makes one supervisor's labels of some examples.
func (w *workbench) simulatedLabels(s Simulated, h halves, model string, examples []int, gold [][]float64) (label.Labels, error) {
	l := w.labels(examples, gold)
	kind := simulators[slices.IndexFunc(simulators, func(known simulator) bool { return known.kind == s.Kind })]
	return kind.labels(w, label.Gold{Classes: l.Classes, IDs: l.IDs, Gold: gold}, simulation{s.Accuracy, h, model, examples})
}
