package report

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math"
	"reflect"
	"slices"
	"strings"

	"w2s/harness/loss"
	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/harness/summary"
	"w2s/internal/prob"
	"w2s/internal/visible"
	"w2s/tasks"
)

// The kinds of disagreement between the answers of supervisor, student and ceiling, as indices of kindTexts.
const (
	corrected = iota
	imitated
	misled
	ceilingWrong
	different

	none = -1 // all three answers are the same
)

var kindTexts = []string{
	corrected:    "the student is right where its supervisor is wrong",
	imitated:     "the student repeats its supervisor's error; the ceiling gives another answer",
	misled:       "the student is wrong where its supervisor is right",
	ceilingWrong: "supervisor and student are right, the ceiling is wrong",
	different:    "supervisor and student give different answers, both wrong or both right",
}

// kindOf returns the kind of disagreement between the answers of weak, student and ceiling to an example.
func kindOf(weak, student, ceiling int, gold []float64) int {
	weakRight, studentRight := stats.Right(weak, gold), stats.Right(student, gold)
	switch {
	case weak == student && student == ceiling:
		return none
	case !weakRight && studentRight:
		return corrected
	case !weakRight && weak == student:
		return imitated
	case weakRight && !studentRight:
		return misled
	case weakRight && !stats.Right(ceiling, gold) && weak == student:
		return ceilingWrong
	}
	return different
}

// A browser is the data of the example browser, as the script of the page reads it.
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

	key     cellKey
	file    int    // index of its input
	setup   string // see summary.Row
	order   int    // position of its seed among the seeds of its row
	answers [][][]float64
	items   []disagreement
}

// A cellKey identifies a student.
type cellKey struct {
	trainKey
	weak, loss, treatment string
}

// A trainKey is what a student and its ceiling have in common.
type trainKey struct {
	task, model, trained string
	size                 int
	seed                 uint64
}

// An example is a test example that one or more disagreements refer to.
type example struct {
	Text    string   `json:"text"`
	Answers []string `json:"answers"` // names of the possible answers
	Gold    string   `json:"gold"`
	Right   []bool   `json:"right"` // for each answer
}

// A disagreement is one example with the answers of a cell's heads and the probability that each head gives to its answer,
// in per cent.
type disagreement struct {
	Cell    int    `json:"c"`
	Example int    `json:"e"`
	Kind    int    `json:"k"`
	Answers [3]int `json:"a"` // weak, student, ceiling
	Percent [3]int `json:"p"`

	task *result.Task
	test int // index among the test examples of the task
}

// longest is the number of characters of a text that are shown.
const longest = 700

// fewest is the number of examples per student below which only the first seeds are shown.
const fewest = 10

// browse collects at most most disagreements of the inputs, whose rows are in parts. If there are more, every cell contributes the same number, chosen by a hash of
// the example, so cells show the same examples and the choice favours none of them. If that number is less than fewest,
// only first seeds are shown.
func browse(inputs []Input, parts []summary.Part, most int) browser {
	b := browser{Kinds: kindTexts}
	cells := disagreements(inputs, parts)
	for _, c := range cells {
		b.Found += len(c.items)
	}
	seeds := ""
	if b.Found > most {
		if all := len(cells); quota(cells, most) < fewest {
			cells = slices.DeleteFunc(cells, func(c cell) bool { return c.order > 0 })
			if len(cells) < all {
				seeds = ", all from the first seed of each row"
			}
		}
		n := quota(cells, most)
		for i := range cells {
			cells[i].sample(n)
		}
	}
	type place struct {
		task *result.Task
		test int
	}
	at := map[place]int{} // index in b.Examples
	for _, c := range cells {
		items := c.items[:min(len(c.items), most-len(b.Items))]
		if len(items) == 0 {
			continue
		}
		for _, d := range items {
			p := place{d.task, d.test}
			if _, ok := at[p]; !ok {
				at[p] = len(b.Examples)
				b.Examples = append(b.Examples, describe(d.task, d.test))
			}
			d.Cell, d.Example = len(b.Cells), at[p]
			b.Items = append(b.Items, d)
		}
		b.Cells = append(b.Cells, c)
	}
	switch {
	case len(b.Items) < b.Found:
		b.Note = fmt.Sprintf("This page has %d of the %d disagreements%s. Every student has the same number, chosen by a hash of the example.",
			len(b.Items), b.Found, seeds)
	case b.Found > 0:
		b.Note = fmt.Sprintf("This page has all %d of them.", b.Found)
	}
	if slices.ContainsFunc(inputs, func(in Input) bool {
		return slices.ContainsFunc(in.Result.Tasks, func(t result.Task) bool { return t.Texts == nil })
	}) {
		b.Note += " Some results hold no texts (--texts=false). Their examples are shown by ID."
	}
	return b
}

// quota returns how many items each cell may contribute so that there are at most most in total. It is at least 1.
func quota(cells []cell, most int) int {
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

// sample keeps at most n items, chosen by a hash of their examples' IDs.
func (c *cell) sample(n int) {
	hash := func(d disagreement) uint64 {
		h := fnv.New64a()
		h.Write([]byte(d.task.TestIDs[d.test]))
		return h.Sum64()
	}
	slices.SortStableFunc(c.items, func(x, y disagreement) int {
		return cmp.Or(cmp.Compare(hash(x), hash(y)), cmp.Compare(x.test, y.test))
	})
	c.items = c.items[:min(len(c.items), n)]
}

// disagreements returns the students of all inputs with the examples that student, supervisor and ceiling do not all answer
// alike. A student that gives the same answers as one of the same name of an earlier input, with the same confidence, is left
// out. Where the others have the same name, the name says in which settings or files they differ.
func disagreements(inputs []Input, parts []summary.Part) []cell {
	type place struct {
		key  cellKey
		file int
	}
	var out []cell
	seeds := map[place]int{}
	byKey := map[cellKey][]cell{}
	for i, in := range inputs {
		setups := map[cellKey]string{}
		if i < len(parts) {
			for _, r := range parts[i].Rows {
				setups[rowKey(r)] = r.Setup
			}
		}
		for _, c := range cells(in.Result) {
			if slices.ContainsFunc(byKey[c.key], func(o cell) bool { return o.file != i && reflect.DeepEqual(o.answers, c.answers) }) {
				continue
			}
			c.file = i
			byKey[c.key] = append(byKey[c.key], c)
			row := c.key
			row.seed = 0
			c.setup = setups[row]
			c.order = seeds[place{row, i}]
			seeds[place{row, i}]++
			out = append(out, c)
		}
	}
	for i, c := range out {
		text := c.setup
		if text == "" && slices.ContainsFunc(byKey[c.key], func(o cell) bool { return o.file != c.file }) {
			text = "from " + inputs[c.file].Name
		}
		out[i].Setting = strings.TrimSpace(c.Setting + " " + text)
	}
	return out
}

// rowKey returns the key that the cells of a row have, without the seed.
func rowKey(r summary.Row) cellKey {
	return cellKey{trainKey{r.Task, r.Strong, r.Trained, r.Size, 0}, r.Weak, r.Loss, r.Treatment}
}

// cells returns the students of a result that have a supervisor and a ceiling.
func cells(r *result.Result) []cell {
	var out []cell
	for _, of := range summary.Triples(r) {
		h, source := of.Student, of.Weak.Source()
		// As in tables, the variant tells students of the same task, pair, loss and treatment apart.
		variant := summary.Row{Size: h.Size, Trained: h.Trained}.Variant()
		c := cell{Task: h.Task, Pair: source + " → " + h.Model, Loss: loss.Short(h.Loss), Seed: h.Seed,
			Setting: strings.TrimSpace(h.Treatment + " " + variant),
			key:     cellKey{trainKey{h.Task, h.Model, h.Trained, h.Size, h.Seed}, source, h.Loss, h.Treatment}}
		for _, head := range of.Heads() {
			c.answers = append(c.answers, head.Test)
		}
		for k, gold := range of.Task.TestGold {
			d := disagreement{task: of.Task, test: k}
			for j, head := range of.Heads() {
				p := head.Test[k]
				d.Answers[j] = prob.Argmax(p)
				d.Percent[j] = int(math.Round(100 * p[d.Answers[j]]))
			}
			if d.Kind = kindOf(d.Answers[0], d.Answers[1], d.Answers[2], gold); d.Kind != none {
				c.items = append(c.items, d)
			}
		}
		out = append(out, c)
	}
	return out
}

// describe returns a test example with the names of its possible answers.
func describe(t *result.Task, test int) example {
	e := example{Text: "example " + t.TestIDs[test]}
	if test < len(t.Texts) {
		e.Text = shown(t.Texts[test], longest)
	}
	gold := t.TestGold[test]
	var best []string
	for k := range gold {
		name := fmt.Sprintf("class %d", k)
		switch {
		case t.Form == tasks.Rank:
			name = fmt.Sprintf("candidate %d", k+1)
		case k < len(t.Classes):
			name = shown(t.Classes[k], 60)
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

// shown shows hidden characters (see package visible) and cuts texts of more than most characters.
func shown(s string, most int) string {
	runes := []rune(visible.Text(strings.ReplaceAll(s, "\r\n", "\n")))
	if len(runes) <= most {
		return string(runes)
	}
	return string(runes[:most]) + fmt.Sprintf("… (%s)", visible.Count(len(runes)-most, "more character"))
}
