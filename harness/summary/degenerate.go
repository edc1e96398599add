package summary

import (
	"fmt"
	"slices"
	"strings"

	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/internal/list"
	"w2s/internal/prob"
	"w2s/internal/visible"
	"w2s/tasks"
)

// nearlyAll is the share of test examples with the same answer from which on a head counts as one that does not look at them.
const nearlyAll = 0.98

// degenerate returns notes about heads that give no right answer or (nearly) always the same one. A PGR that is computed with
// one of them can look precise without saying anything. who names the heads, which differ in the seed.
func degenerate(who string, t *result.Task, heads []*result.Head) []string {
	var noneRight, constant, unlearned int
	n, most := len(t.TestIDs), 0
	for _, h := range heads {
		if h.Role == result.Baseline { // which is made so
			continue
		}
		right := 0
		for i, p := range h.Test {
			if stats.Right(prob.Argmax(p), t.TestGold[i]) {
				right++
			}
		}
		if n > 0 && right == 0 {
			noneRight++
		}
		if same := mostFrequent(answersOf(t, h)); float64(same) >= nearlyAll*float64(n) && float64(mostFrequent(goldOf(t))) < nearlyAll*float64(n) {
			constant, most = constant+1, max(most, same)
		}
		if h.Labels != nil && h.Labels.N > 0 && h.Labels.Accuracy == 0 {
			unlearned++
		}
	}
	var notes []string
	note := func(seeds int, format string, args ...any) {
		if seeds == 0 {
			return
		}
		notes = append(notes, fmt.Sprintf(format, args...)+ofSeeds(seeds, len(heads)))
	}
	all := fmt.Sprintf("all %d", n)
	if most < n {
		all = fmt.Sprintf("%d of %d", most, n)
	}
	note(noneRight, "%s gives no right answer to any of the %s", who, visible.Count(n, "test example"))
	if t.Form == tasks.Rank {
		note(constant, "%s chooses the candidate in the same place for %s test examples", who, all)
	} else {
		note(constant, "%s gives the same answer to %s test examples", who, all)
	}
	note(unlearned, "none of the labels that %s learned from is right", who)
	return notes
}

// reversed returns a note if weak and strong model seem to be the wrong way round: the gap is negative by more than noise, or
// it is negative and the weak model is the larger one.
func (x *index) reversed(weak, strong string, p stats.PGR) string {
	if weak == strong || p.Gap >= 0 {
		return ""
	}
	parameters := func(name string) int64 {
		for _, m := range x.result.Models {
			if m.Name == name {
				return m.Parameters
			}
		}
		return 0
	}
	if x.kinds[weak] != "" { // it cannot be the student
		if p.GapInterval.Hi < 0 {
			return fmt.Sprintf("%s scores higher than %s trained on gold: there is no gap to recover", weak, strong)
		}
		return ""
	}
	if larger := parameters(strong) > 0 && parameters(weak) > parameters(strong); !larger && !(p.GapInterval.Hi < 0) {
		return ""
	}
	return WrongWayRound(weak, strong)
}

// WrongWayRound returns the note on a pair of models whose gap is negative.
func WrongWayRound(weak, strong string) string {
	return fmt.Sprintf("%s scores higher than %s trained on gold: weak and strong may be the wrong way round", weak, strong)
}

// answersOf returns a head's answers to the test examples: the text that it wrote, or the number of a class or candidate.
func answersOf(t *result.Task, h *result.Head) []string {
	if t.Form == tasks.Generate {
		return list.Map(h.Answers, strings.TrimSpace)
	}
	return list.Map(h.Test, func(p []float64) string { return fmt.Sprint(prob.Argmax(p)) })
}

// goldOf returns the right answers in the form of answersOf.
func goldOf(t *result.Task) []string {
	if t.Form == tasks.Generate {
		return list.Map(t.TestAnswers, func(right []string) string {
			if len(right) == 0 {
				return ""
			}
			return strings.TrimSpace(right[0])
		})
	}
	return list.Map(t.TestGold, func(p []float64) string { return fmt.Sprint(prob.Argmax(p)) })
}

// mostFrequent returns how often the most frequent answer is given.
func mostFrequent(answers []string) int {
	count, most := map[string]int{}, 0
	for _, a := range answers {
		count[a]++
		most = max(most, count[a])
	}
	return most
}

// sameScores returns a note if the interval of a PGR has no width because student and reference are right on the same test
// examples on every seed.
func sameScores(student, weak, ceiling *seedScores) string {
	same := func(a, b *seedScores) bool {
		return a.examples != nil && len(a.examples) == len(b.examples) && slices.EqualFunc(a.examples, b.examples, slices.Equal[[]float64])
	}
	switch {
	case same(student, weak):
		return "student and supervisor have the same score on every test example, so the interval of PGR has no width"
	case same(student, ceiling):
		return "student and ceiling have the same score on every test example, so the interval of PGR has no width"
	}
	return ""
}
