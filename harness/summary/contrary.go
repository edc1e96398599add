package summary

import (
	"fmt"
	"math"

	"w2s/harness/loss"
	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/internal/prob"
	"w2s/tasks"
)

const (
	// noise is how many standard errors a figure must be below 0 or below chance before a note says so.
	noise = 2
	// hardlyDiffer is the [stats.Variation] below which labels are said to hardly differ. A loss that mixes the student's
	// own hardened predictions into labels as flat as these learns from itself.
	hardlyDiffer = 0.05
)

// contrary returns notes about students that learned something else than their supervisors teach: they contradict them, or score
// below chance. students[i] learned from weaks[i]. The notes need test predictions alone, so results of earlier versions have
// them too.
//
// meant says that the supervisor names classes of its own, which may not mean those of the task.
func contrary(t *result.Task, weaks, students []*result.Head, meant bool) []string {
	if t.Form == tasks.Generate {
		return nil
	}
	classes := t.Form == tasks.Classify
	var against, below, flat, wrong int
	lowest, least, narrowest, wrongest := 0.0, 1.0, math.Inf(1), 0.0
	for i, s := range students {
		weak := weaks[i]
		if weak.Role != result.Baseline {
			// One that is trained here knows what the classes mean.
			if right, chance, se := byChance(t, weak); weak.Status == result.NotTrained && right < chance-noise*se {
				wrong, wrongest = wrong+1, max(wrongest, chance-right)
			}
			if c := stats.Correlation(s.Test, weak.Test, classes); c < -noise/math.Sqrt(float64(len(s.Test))) {
				against, lowest = against+1, min(lowest, c)
			}
			// What was done to the labels of strong-train cannot be told from test predictions, so only labels that were left
			// alone are judged by them.
			if spread := stats.Variation(weak.Test, classes); spread < hardlyDiffer && (s.Treatment == "" || s.Treatment == "soft") {
				flat, narrowest = flat+1, min(narrowest, spread)
			}
		}
		if right, chance, se := byChance(t, s); right > 0 && right < chance-noise*se { // without a right answer degenerate says more
			below, least = below+1, min(least, right-chance)
		}
	}
	var notes []string
	note := func(seeds int, format string, args ...any) {
		if seeds > 0 {
			notes = append(notes, fmt.Sprintf(format, args...)+ofSeeds(seeds, len(students)))
		}
	}
	question := ""
	if meant {
		question = ": do its labels mean the classes of the task?"
	}
	note(wrong, "the supervisor scores %.1f points below chance%s", 100*wrongest, question)
	note(against, "the student contradicts its supervisor: their predictions correlate by %.2f", lowest)
	note(below, "the student scores %.1f points below chance", -100*least)
	note(flat, "the supervisor's labels hardly differ: on average by %.3f from their mean (less than %v)", math.Floor(narrowest*1000)/1000, hardlyDiffer)
	return notes
}

// atChance returns a note if the ceilings of all seeds score no better than chance, or "".
func atChance(t *result.Task, ceilings []*result.Head) string {
	if t.Form == tasks.Generate || len(ceilings) == 0 || t.Form == tasks.Classify && float64(mostFrequent(goldOf(t))) >= nearlyAll*float64(len(t.TestIDs)) {
		return ""
	}
	level := 0.0
	for _, c := range ceilings {
		right, chance, se := byChance(t, c)
		if right >= chance+noise*se {
			return ""
		}
		level += chance / float64(len(ceilings))
	}
	return fmt.Sprintf("the ceiling is no better than chance, %.1f %%", 100*level)
}

// guarded says which loss the guard of the students' loss chose, and by which figures, or returns "" if the loss has no guard.
func guarded(students []*result.Head) string {
	kept, all := 0, 0
	r, e := [2]float64{math.Inf(1), math.Inf(-1)}, [2]float64{math.Inf(1), math.Inf(-1)}
	for _, s := range students {
		if g := s.Guard; g != nil {
			if all++; !g.Kept {
				kept++
			}
			r, e = [2]float64{min(r[0], g.Correlation), max(r[1], g.Correlation)}, [2]float64{min(e[0], g.Excess), max(e[1], g.Excess)}
		}
	}
	if all == 0 {
		return ""
	}
	name := loss.Short(students[0].Loss)
	figures := fmt.Sprintf("r %s, e %s", between(r), between(e))
	switch kept {
	case 0:
		return fmt.Sprintf("%s: trained as logconf (%s)%s", name, figures, ofSeeds(all, len(students)))
	case all:
		return fmt.Sprintf("%s: trained as confidence, because the guard rejects the main axis (%s)%s", name, figures, ofSeeds(all, len(students)))
	}
	return fmt.Sprintf("%s: trained as logconf on %d and as confidence on %d of %d seeds, by its guard (%s)", name, all-kept, kept, len(students), figures)
}

// between writes a range of figures, or one figure.
func between(of [2]float64) string {
	lo, hi := fmt.Sprintf("%.2f", of[0]), fmt.Sprintf("%.2f", of[1])
	if lo == hi {
		return lo
	}
	return lo + " to " + hi
}

// byChance returns the share of right answers of a head, the share that the same answers would have if they were given to the
// test examples in random order, and the standard error of their difference. A candidate is right by chance once in as many
// times as there are candidates.
func byChance(t *result.Task, h *result.Head) (right, chance, se float64) {
	n := float64(len(h.Test))
	var answers, gold []float64
	for i, p := range h.Test {
		answer := prob.Argmax(p)
		if stats.Right(answer, t.TestGold[i]) {
			right += 1 / n
		}
		if t.Form == tasks.Rank {
			share := 1 / float64(len(p))
			chance += share / n
			se += share * (1 - share) / (n * n)
			continue
		}
		if answers == nil {
			answers, gold = make([]float64, len(p)), make([]float64, len(p))
		}
		answers[answer] += 1 / n
		gold[prob.Argmax(t.TestGold[i])] += 1 / n
	}
	for k := range answers {
		chance += answers[k] * gold[k]
	}
	if t.Form != tasks.Rank {
		se = chance * (1 - chance) / n
	}
	return right, chance, math.Sqrt(se)
}

// ofSeeds says how many seeds a note is about, or nothing if it is about all.
func ofSeeds(some, all int) string {
	if some == all {
		return ""
	}
	return fmt.Sprintf(" (%d of %d seeds)", some, all)
}
