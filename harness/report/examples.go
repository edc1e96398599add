package report

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strings"

	"w2s/harness/loss"
	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/harness/summary"
	"w2s/internal/prob"
	"w2s/tasks"
)

// kinds describes each kind of disagreement.
func kinds() []string {
	return []string{
		"the student is right where its supervisor is wrong",
		"the student repeats its supervisor's error; the ceiling gives another answer",
		"the student is wrong where its supervisor is right",
		"supervisor and student are right, the ceiling is wrong",
		"supervisor and student give different answers, both wrong or both right",
	}
}

// kindOf returns the kind of disagreement between the answers of weak, student and ceiling to an example, as an index of
// kinds, or -1 if all three answers are the same.
func kindOf(weak, student, ceiling int, gold []float64) int {
	weakRight, studentRight := stats.Right(weak, gold), stats.Right(student, gold)
	switch {
	case weak == student && student == ceiling:
		return -1
	case !weakRight && studentRight:
		return 0
	case !weakRight && weak == student:
		return 1
	case weakRight && !studentRight:
		return 2
	case weakRight && !stats.Right(ceiling, gold) && weak == student:
		return 3
	}
	return 4
}

// browser is the data of the example browser, as the page's script reads it.
type browser struct {
	Kinds    []string       `json:"kinds"`
	Cells    []cell         `json:"cells"`
	Examples []example      `json:"examples"`
	Items    []disagreement `json:"items"`
	Found    int            `json:"found"` // disagreements in the results; Items may hold fewer
	Note     string         `json:"note"`
}

// A cell is one student with its supervisor and ceiling.
type cell struct {
	Task    string `json:"task"`
	Pair    string `json:"pair"`
	Loss    string `json:"loss"`
	Setting string `json:"setting"` // treatment and variant
	Seed    uint64 `json:"seed"`

	order int // position of its seed among the seeds of its row
	items []disagreement
}

// An example is a test example that one or more disagreements refer to.
type example struct {
	Text    string   `json:"text"`
	Answers []string `json:"answers"` // names of the possible answers
	Gold    string   `json:"gold"`
	Right   []bool   `json:"right"` // for each answer
}

// A disagreement is one example with the answers of a cell's heads and the probability that each head gave to its answer,
// in per cent.
type disagreement struct {
	Cell    int    `json:"c"`
	Example int    `json:"e"`
	Kind    int    `json:"k"`
	Answers [3]int `json:"a"` // weak, student, ceiling
	Percent [3]int `json:"p"`

	task *result.Task
	test int // which test example of the task
}

// longest is the number of runes of a text that are shown.
const longest = 700

// fewest is the number of examples per student below which only the first seeds are shown.
const fewest = 10

// browse collects at most most disagreements. If there are more, every cell contributes the same number, chosen by a hash of
// the example, so cells show the same examples and the choice favours none of them. If that number is less than fewest,
// only first seeds are shown.
func browse(inputs []Input, most int) browser {
	b := browser{Kinds: kinds()}
	cells, bare := disagreements(inputs)
	for _, c := range cells {
		b.Found += len(c.items)
	}
	kept := cells
	if b.Found > most {
		if quotaOf(cells, most) < fewest {
			kept = slices.DeleteFunc(slices.Clone(cells), func(c cell) bool { return c.order > 0 })
		}
		if len(kept) < len(cells) {
			b.Note = " of the first seed of each row"
		}
		quota := quotaOf(kept, most)
		for i := range kept {
			items := slices.Clone(kept[i].items)
			slices.SortStableFunc(items, func(x, y disagreement) int {
				return cmp.Or(cmp.Compare(dealt(x), dealt(y)), cmp.Compare(x.test, y.test))
			})
			kept[i].items = items[:min(len(items), quota)]
		}
	}
	ids := map[*result.Task]map[int]int{}
	for _, c := range kept {
		if len(c.items) == 0 || len(b.Items) >= most {
			continue
		}
		for _, d := range c.items[:min(len(c.items), most-len(b.Items))] {
			if ids[d.task] == nil {
				ids[d.task] = map[int]int{}
			}
			at, ok := ids[d.task][d.test]
			if !ok {
				at = len(b.Examples)
				ids[d.task][d.test] = at
				b.Examples = append(b.Examples, describe(d.task, d.test))
			}
			d.Cell, d.Example = len(b.Cells), at
			b.Items = append(b.Items, d)
		}
		b.Cells = append(b.Cells, c)
	}
	switch {
	case len(b.Items) < b.Found:
		b.Note = fmt.Sprintf("This page holds %d of the %d disagreements%s: the same number for every student, chosen by a hash of the example.",
			len(b.Items), b.Found, b.Note)
	case b.Found > 0:
		b.Note = fmt.Sprintf("This page holds all %d of them.", b.Found)
	}
	if bare {
		b.Note += " Some results were made without --texts: their examples are shown by id."
	}
	return b
}

// quotaOf returns how many items each cell may contribute so that there are at most most in total.
func quotaOf(cells []cell, most int) int {
	low, high := 1, max(most, 1)
	for low < high {
		mid := (low + high + 1) / 2
		sum := 0
		for _, c := range cells {
			sum += min(len(c.items), mid)
		}
		if sum <= most {
			low = mid
		} else {
			high = mid - 1
		}
	}
	return low
}

func dealt(d disagreement) uint64 {
	h := fnv.New64a()
	h.Write([]byte(d.task.TestIDs[d.test]))
	return h.Sum64()
}

// disagreements finds the examples for which the answers of a student, its supervisor and its ceiling are not all the same.
func disagreements(inputs []Input) (cells []cell, bare bool) {
	seen, rows := map[cellKey]bool{}, map[cellKey]int{}
	for _, in := range inputs {
		heads, ceilings, byName := map[string]*result.Head{}, map[cellKey]*result.Head{}, map[string]*result.Task{}
		for i := range in.Result.Tasks {
			byName[in.Result.Tasks[i].Name] = &in.Result.Tasks[i]
			bare = bare || in.Result.Tasks[i].Texts == nil
		}
		for i := range in.Result.Heads {
			h := &in.Result.Heads[i]
			heads[h.ID] = h
			if h.Role == result.Ceiling {
				ceilings[cellKey{task: h.Task, strong: h.Model, trained: h.Trained, size: h.Size, seed: h.Seed}] = h
			}
		}
		for i := range in.Result.Heads {
			h := &in.Result.Heads[i]
			weak, ceiling := heads[h.Supervisor], ceilings[cellKey{task: h.Task, strong: h.Model, trained: h.Trained, size: h.Size, seed: h.Seed}]
			if h.Role != result.Student || weak == nil || ceiling == nil {
				continue // a step inside a chain has no ceiling
			}
			source := weak.Source()
			key := cellKey{h.Task, source, h.Model, h.Loss, h.Treatment, h.Trained, h.Size, h.Seed}
			if seen[key] {
				continue
			}
			seen[key] = true
			row := key
			row.seed = 0
			c := cell{Task: h.Task, Pair: source + " → " + h.Model, Loss: loss.Short(h.Loss), Seed: h.Seed,
				Setting: strings.TrimSpace(h.Treatment + " " + variantOf(h)), order: rows[row]}
			rows[row]++
			t := byName[h.Task]
			for k, gold := range t.TestGold {
				d := disagreement{task: t, test: k}
				for j, p := range [][]float64{weak.Test[k], h.Test[k], ceiling.Test[k]} {
					d.Answers[j] = prob.Argmax(p)
					d.Percent[j] = int(math.Round(100 * p[d.Answers[j]]))
				}
				if d.Kind = kindOf(d.Answers[0], d.Answers[1], d.Answers[2], gold); d.Kind >= 0 {
					c.items = append(c.items, d)
				}
			}
			cells = append(cells, c)
		}
	}
	return cells, bare
}

type cellKey struct {
	task, weak, strong, loss, treatment, trained string
	size                                         int
	seed                                         uint64
}

// variantOf returns what tells a head from others of the same task, pair, loss and treatment.
func variantOf(h *result.Head) string {
	return summary.Row{Size: h.Size, Trained: h.Trained}.Variant()
}

// describe returns a test example with its possible answers.
func describe(t *result.Task, test int) example {
	e := example{Text: "example " + t.TestIDs[test]}
	if test < len(t.Texts) {
		e.Text = visible(t.Texts[test], longest)
	}
	gold := t.TestGold[test]
	var best []string
	for k := range gold {
		name := fmt.Sprintf("class %d", k)
		switch {
		case t.Form == tasks.Rank:
			name = fmt.Sprintf("candidate %d", k+1)
		case k < len(t.Classes):
			name = visible(t.Classes[k], 60)
		}
		e.Answers = append(e.Answers, name)
		e.Right = append(e.Right, stats.Right(k, gold))
		if e.Right[k] {
			best = append(best, name)
		}
	}
	e.Gold = strings.Join(best, " or ")
	if top := gold[prob.Argmax(gold)]; top < 0.995 {
		e.Gold += fmt.Sprintf(" (%.0f %%)", 100*top)
	}
	return e
}

// visible replaces control characters by pictures and cuts long texts.
func visible(s string, most int) string {
	s = pictures(strings.ReplaceAll(s, "\r\n", "\n"))
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return string(runes[:most]) + fmt.Sprintf("… (%d more characters)", len(runes)-most)
}

// pictures replaces control characters and characters that change the direction of text. The whole page passes through it
// as well, because names occur in many places.
func pictures(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r < ' ':
			return 0x2400 + r
		case r == 0x7f:
			return 0x2421
		case r >= 0x80 && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069:
			return '\uFFFD'
		}
		return r
	}, s)
}
