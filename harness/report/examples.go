package report

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strings"

	"w2s/harness"
	"w2s/harness/stats"
	"w2s/harness/table"
	"w2s/internal/prob"
	"w2s/tasks"
)

// kinds says what each kind of disagreement is.
func kinds() []string {
	return []string{
		"the student is right where its supervisor is wrong",
		"the student repeats its supervisor's error; the ceiling answers otherwise",
		"the student is wrong where its supervisor is right",
		"supervisor and student are right, the ceiling is wrong",
		"supervisor and student are wrong in different ways, or right in different ways",
	}
}

// kindOf is the kind of the answers of weak, student and ceiling to an example, as an index of kinds; -1 where all three are the same.
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
	Found    int            `json:"found"` // disagreements in the results; Items may be fewer
	Note     string         `json:"note"`
}

// A cell is one student with its supervisor and ceiling.
type cell struct {
	Task    string `json:"task"`
	Pair    string `json:"pair"`
	Loss    string `json:"loss"`
	Setting string `json:"setting"` // treatment and variant
	Seed    uint64 `json:"seed"`

	order int // of its seed among those of its row
	items []disagreement
}

// An example is shown by any number of disagreements.
type example struct {
	Text    string   `json:"text"`
	Answers []string `json:"answers"` // names of what can be answered
	Gold    string   `json:"gold"`
	Right   []bool   `json:"right"` // for each answer
}

// A disagreement is one example and the answers of a cell's heads, with the probability each gave its own, in per cent.
type disagreement struct {
	Cell    int    `json:"c"`
	Example int    `json:"e"`
	Kind    int    `json:"k"`
	Answers [3]int `json:"a"` // weak, student, ceiling
	Percent [3]int `json:"p"`

	task *harness.TaskRecord
	test int // which test example of the task
}

// longest text shown, in runes.
const longest = 700

// fewest examples of a student that are worth showing all seeds for.
const fewest = 10

// browse collects disagreements, at most `most` of them. Where there are more, every cell gives the same number, chosen by a
// hash of the example, so that cells show the same examples and the choice favours none. Where that is less than fewest,
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
			b.Note = ", of the first seed of each row only"
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
	ids := map[*harness.TaskRecord]map[int]int{}
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
		b.Note = fmt.Sprintf("This page holds %d of the %d disagreements%s: as many of every student, chosen by a hash of the example.",
			len(b.Items), b.Found, b.Note)
	case b.Found > 0:
		b.Note = fmt.Sprintf("This page holds all %d of them.", b.Found)
	}
	if bare {
		b.Note += " Some results were made without --texts: their examples are shown by id."
	}
	return b
}

// quotaOf is how many items each cell may give so that all together are about most.
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

// disagreements finds the examples where the answers of a student, its supervisor and its ceiling are not all the same.
func disagreements(inputs []Input) (cells []cell, bare bool) {
	seen, rows := map[cellKey]bool{}, map[cellKey]int{}
	for _, in := range inputs {
		heads, ceilings, byName := map[string]*harness.HeadRecord{}, map[cellKey]*harness.HeadRecord{}, map[string]*harness.TaskRecord{}
		for i := range in.Result.Tasks {
			byName[in.Result.Tasks[i].Name] = &in.Result.Tasks[i]
			bare = bare || in.Result.Tasks[i].Texts == nil
		}
		for i := range in.Result.Heads {
			h := &in.Result.Heads[i]
			heads[h.ID] = h
			if h.Role == harness.Ceiling {
				ceilings[cellKey{task: h.Task, strong: h.Model, variant: h.Variant, seed: h.Seed}] = h
			}
		}
		for i := range in.Result.Heads {
			h := &in.Result.Heads[i]
			weak, ceiling := heads[h.Supervisor], ceilings[cellKey{task: h.Task, strong: h.Model, variant: h.Variant, seed: h.Seed}]
			if h.Role != harness.Student || weak == nil || ceiling == nil {
				continue // a step inside of a chain has no ceiling of its own
			}
			source := weak.Model
			if weak.Role == harness.Baseline {
				source = weak.Loss
			}
			key := cellKey{h.Task, source, h.Model, h.Loss, h.Treatment, h.Variant, h.Seed}
			if seen[key] {
				continue
			}
			seen[key] = true
			row := key
			row.seed = 0
			c := cell{Task: h.Task, Pair: source + " → " + h.Model, Loss: table.LossName(h.Loss), Seed: h.Seed,
				Setting: strings.TrimSpace(h.Treatment + " " + h.Variant), order: rows[row]}
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
	task, weak, strong, loss, treatment, variant string
	seed                                         uint64
}

// describe says what a test example is and what can be answered.
func describe(t *harness.TaskRecord, test int) example {
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

// visible shows control characters as pictures and cuts long texts.
func visible(s string, most int) string {
	s = pictures(strings.ReplaceAll(s, "\r\n", "\n"))
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return string(runes[:most]) + fmt.Sprintf("… (%d more characters)", len(runes)-most)
}

// pictures replaces control characters, and those that turn the direction of what follows. The page as a whole passes
// through it as well: names stand in many places.
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
