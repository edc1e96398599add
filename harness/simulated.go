package harness

import (
	"fmt"
	"strconv"
	"strings"

	"w2s/harness/label"
	"w2s/tasks"
)

// A Simulated is a supervisor that is no model: its labels are made from gold with errors of a known number and kind, or
// from nothing. It stands in a table beside real supervisors.
type Simulated struct {
	Kind     string  // "flip": random errors; "systematic": errors a student can learn; "random": guesses; "majority": one answer for all
	Accuracy float64 // of flip and systematic
}

// String is the supervisor as ParseSimulated reads it.
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
			return s, fmt.Errorf("harness: simulated supervisor %q: want %s:ACCURACY, such as %s:0.75", text, kind, kind)
		}
		s.Accuracy = accuracy
		return s, nil
	case "random", "majority":
		if given {
			return s, fmt.Errorf("harness: simulated supervisor %q: %s takes no setting", text, kind)
		}
		return s, nil
	}
	return s, fmt.Errorf("harness: unknown simulated supervisor %q (have: flip:ACCURACY, systematic:ACCURACY, random, majority)", text)
}

// simulatedLessons makes the labels of all simulated supervisors for one student's model. Systematic errors follow a
// direction of that model's features, so that the model could learn them.
func (b *workbench) simulatedLessons(model string) ([]lesson, error) {
	var lessons []lesson
	for _, s := range b.cfg.Simulated {
		for _, p := range b.parts {
			labels, err := b.simulate(s, p, model, p.strong, p.strongGold)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s, err)
			}
			held, err := b.simulate(s, p, model, p.weak, p.weakGold)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s, err)
			}
			test, err := b.simulate(s, p, model, b.test, b.record.TestGold)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s, err)
			}
			record := HeadRecord{Task: b.info.Name, Role: Baseline, Model: model, Loss: s.String(), Seed: p.seed, Variant: p.variant,
				Status: "simulated", Test: test.Soft}
			record.ID = strings.Join([]string{b.info.Name, string(Baseline), s.String(), "for " + model}, "/")
			if p.variant != "" {
				record.ID += "/" + p.variant
			}
			record.ID += fmt.Sprintf("/seed=%d", p.seed)
			lessons = append(lessons, lesson{supervisor: record, labels: labels,
				held: &label.Held{Soft: held.Soft, Gold: p.weakGold}})
		}
	}
	return lessons, nil
}

// simulate makes one supervisor's labels of some examples.
func (b *workbench) simulate(s Simulated, p part, model string, examples []int, gold [][]float64) (label.Labels, error) {
	l := b.labels(examples, gold)
	g := label.Gold{Classes: l.Classes, IDs: l.IDs, Gold: gold}
	switch s.Kind {
	case "flip":
		return label.Flip(g, s.Accuracy, p.seed)
	case "systematic":
		return label.Systematic(g, s.Accuracy, b.data[model], examples, p.seed)
	case "majority":
		if b.info.Form == tasks.Rank {
			return label.Labels{}, fmt.Errorf("harness: candidates have no most frequent answer")
		}
		return label.Majority(g.IDs, p.weakGold)
	}
	return label.Random(g.Classes, g.IDs, func(i int) int { return len(gold[i]) }, p.seed)
}
