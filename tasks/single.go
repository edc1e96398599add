package tasks

import (
	"context"
	"fmt"
	"slices"
)

// Single turns a ranking into a classification of single candidates: "is this the one?". It is the paper's form of
// reward modeling (is this reply the chosen one) and how the earlier harnesses ask multiple-choice questions. A coin
// tossed by the example's content decides whether the right candidate is shown or one of the others, so that the
// classes are even.
func Single(of Task) Task { return single{of: of} }

type single struct {
	of    Task
	named string // default: the ranking's name and "-single"
}

func (s single) Info() Info {
	info := s.of.Info()
	info.Form, info.Classes = Classify, []string{"no", "yes"}
	if info.Category == Reward {
		info.Classes = []string{"rejected", "chosen"}
	}
	if info.Name += "-single"; s.named != "" {
		info.Name = s.named
	}
	info.Title += " (one candidate: is it right)"
	return info
}

func (s single) Load(ctx context.Context, src Source) (*Data, error) {
	if form := s.of.Info().Form; form != Rank {
		return nil, fmt.Errorf("tasks: %s: a %s task has no candidates to show singly", s.of.Info().Name, form)
	}
	data, err := s.of.Load(ctx, src)
	if err != nil {
		return nil, err
	}
	c := newCollector(s.Info())
	c.own = data.Test != nil
	for test, part := range map[bool][]Example{false: data.Pool, true: data.Test} {
		for _, e := range part {
			c.add(s.Info().Name, 0, test, showOne(e, true))
		}
	}
	return c.derived(data)
}

// derived finishes a load that reads other data's examples instead of files.
func (c *collector) derived(from *Data) (*Data, error) {
	out, err := c.finish()
	if err != nil {
		return nil, err
	}
	out.Digest, out.Warnings = from.Digest, slices.Concat(from.Warnings, out.Warnings)
	return out, nil
}

// showOne picks the candidate to ask about; mayBeRight false makes it a wrong one. The group keeps questions that share a
// candidate list together.
func showOne(e Example, mayBeRight bool) Example {
	at := argmax(e.Gold)
	if !mayBeRight || !coin("single", e.ID) {
		wrong := pick(len(e.Texts)-1, "single", e.ID)
		if wrong >= at {
			wrong++
		}
		at = wrong
	}
	one := Example{Texts: []string{e.Texts[at]}, Gold: []float64{1 - e.Gold[at], e.Gold[at]}, Group: e.Group}
	if e.Control != nil {
		one.Control = []string{e.Control[at]}
	}
	if one.Group == "" {
		one.Group = unitOf(e)
	}
	return one
}
