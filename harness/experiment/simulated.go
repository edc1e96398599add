package experiment

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"w2s/harness/label"
	"w2s/harness/result"
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

// ParseSimulated reads flip:ACCURACY, systematic:ACCURACY, random or majority.
func ParseSimulated(text string) (Simulated, error) {
	kind, rest, given := strings.Cut(text, ":")
	s := Simulated{Kind: kind}
	switch kind {
	case "flip", "systematic":
		accuracy, err := strconv.ParseFloat(rest, 64)
		if err != nil || !(accuracy > 0 && accuracy <= 1) {
			return s, fmt.Errorf("simulated supervisor %q: want %s:ACCURACY, such as %s:0.75", text, kind, kind)
		}
		s.Accuracy = accuracy
		return s, nil
	case "random", "majority":
		if given {
			return s, fmt.Errorf("simulated supervisor %q: %s takes no setting", text, kind)
		}
		return s, nil
	}
	return s, fmt.Errorf("unknown simulated supervisor %q (have: flip:ACCURACY, systematic:ACCURACY, random, majority)", text)
}

// simulate makes the offers of all simulated supervisors for one student's model. Systematic errors follow a direction of
// that model's features, so the model can learn them.
func (w *workbench) simulate(model string) ([]offer, error) {
	var offers []offer
	for _, s := range w.cfg.Simulated {
		for _, h := range w.halves {
			labels := func(examples []int, gold [][]float64) (label.Labels, error) {
				l, err := w.simulatedLabels(s, h, model, examples, gold)
				if err != nil {
					return l, fmt.Errorf("%s: %w", s, err)
				}
				return l, nil
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

// simulatedLabels makes one supervisor's labels of some examples.
func (w *workbench) simulatedLabels(s Simulated, h halves, model string, examples []int, gold [][]float64) (label.Labels, error) {
	l := w.labels(examples, gold)
	g := label.Gold{Classes: l.Classes, IDs: l.IDs, Gold: gold}
	switch s.Kind {
	case "flip":
		return label.Flip(g, s.Accuracy, h.seed)
	case "systematic":
		return label.Systematic(g, s.Accuracy, w.data[model], examples, h.seed)
	case "majority":
		if w.info.Form == tasks.Rank {
			return label.Labels{}, errors.New("candidates have no most frequent answer")
		}
		return label.Majority(g.IDs, h.weakGold)
	}
	return label.Random(g.Classes, g.IDs, func(i int) int { return len(gold[i]) }, h.seed)
}
