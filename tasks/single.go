package tasks

import (
	"cmp"
	"context"
	"fmt"

	"w2s/internal/prob"
)

// SingleCandidate turns a ranking into a classification that shows one candidate and asks whether it is the right one.
// This is the form of reward modeling in Burns et al. 2023 (is this reply the chosen one), and the way in which earlier
// harnesses ask multiple-choice questions. A hash of the example decides whether the right candidate is shown or one of
// the others, so both classes have about the same size.
func SingleCandidate(ranking Task) Task { return single{ranking: ranking} }

type single struct {
	ranking Task
	name    string // default: the name of the ranking and "-single"
}

func (s single) Info() Info {
	info := s.ranking.Info()
	info.Corpus = cmp.Or(info.Corpus, info.Name)
	info.Form, info.Classes = Classify, []string{"no", "yes"}
	if info.Category == Reward {
		info.Classes = []string{"rejected", "chosen"}
	}
	if info.Name += "-single"; s.name != "" {
		info.Name = s.name
	}
	info.Title += " (one candidate: is it right)"
	return info
}

func (s single) Load(ctx context.Context, src Source) (*Data, error) {
	if ranking := s.ranking.Info(); ranking.Form != Rank {
		return nil, fmt.Errorf("tasks: %s: a %s task has no candidates to show one at a time", ranking.Name, ranking.Form)
	}
	data, err := s.ranking.Load(ctx, src)
	if err != nil {
		return nil, err
	}
	return derive(s.Info(), data, func(e Example) Example { return singleExample(e, true) })
}

// singleExample picks the candidate to ask about. If mayBeRight is false, it picks a wrong one. Its group keeps questions
// with the same candidates together.
func singleExample(e Example, mayBeRight bool) Example {
	shown := prob.Argmax(e.Gold)
	if !mayBeRight || !coin("single", e.ID) {
		wrong := pick(len(e.Texts)-1, "single", e.ID)
		if wrong >= shown {
			wrong++
		}
		shown = wrong
	}
	one := Example{Texts: []string{e.Texts[shown]}, Gold: []float64{1 - e.Gold[shown], e.Gold[shown]}}
	one.Group = cmp.Or(e.Group, nameOf(&e))
	if e.Replies != nil {
		one.Replies = []string{e.Replies[shown]}
	}
	if e.Control != nil {
		one.Control = []string{e.Control[shown]}
	}
	return one
}
