// Penalty compares ways to choose a head's penalty, by result files of runs that differ in nothing else:
//
//	w2s run ... --folds 1 --out one.json
//	w2s run ... --folds 5 --out five.json
//	go run ./bench/penalty one.json five.json
//
// Several files can have the same way and other tasks or pairs of models. Every way must have the same heads as the first. It prints
// two Markdown tables for docs/method.md: the ways by kind of head, and test accuracies by task.
package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"

	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/internal/list"
	"w2s/tasks"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "penalty: name result files of runs with different --folds or --l2")
		os.Exit(2)
	}
	if err := run(os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "penalty:", err)
		os.Exit(1)
	}
}

// A cell is what heads of all seeds have in common.
type cell struct{ task, kind, weak, strong string }

// A sample holds the heads of one cell, by seed.
type sample struct {
	accuracy []float64 // in points
	penalty  []float64 // log10
}

// A way is a way to choose penalties.
type way struct {
	name  string
	cells map[cell]*sample
	pgr   map[cell][3]float64 // student cells: mean accuracy of supervisor, student and ceiling
}

func run(out io.Writer, files []string) error {
	var ways []*way
	for _, file := range files {
		r, err := result.Load(file)
		if err != nil {
			return err
		}
		name := nameOf(r.Config)
		at := slices.IndexFunc(ways, func(w *way) bool { return w.name == name })
		if at < 0 {
			at = len(ways)
			ways = append(ways, &way{name, map[cell]*sample{}, map[cell][3]float64{}})
		}
		if err := ways[at].add(r); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	for _, w := range ways[1:] {
		for c, s := range ways[0].cells {
			if other := w.cells[c]; other == nil || len(other.accuracy) != len(s.accuracy) {
				return fmt.Errorf("%s: %s of %s has other seeds with %s than with %s, or none", c.kind, c.strong, c.task, w.name, ways[0].name)
			}
		}
		if len(w.cells) != len(ways[0].cells) {
			return fmt.Errorf("%s has heads that %s lacks", w.name, ways[0].name)
		}
	}
	if err := writeKinds(out, ways); err != nil {
		return err
	}
	fmt.Fprintln(out)
	return writeTasks(out, ways)
}

// nameOf names the way of an experiment.
func nameOf(c result.Settings) string {
	switch {
	case len(c.L2) == 1:
		return fmt.Sprintf("always %v", c.L2[0])
	case c.Folds > 1:
		return fmt.Sprintf("%d folds", c.Folds)
	}
	return "one cut"
}

// add adds the heads of a result.
func (w *way) add(r *result.Result) error {
	type place struct {
		task, model string
		seed        uint64
	}
	heads, ceilings, gold := map[string]result.Head{}, map[place]float64{}, map[string]result.Task{}
	accuracy := map[string]float64{}
	for _, t := range r.Tasks {
		gold[t.Name] = t
	}
	for _, h := range r.Heads {
		correct := stats.Correct
		if gold[h.Task].Form == tasks.Rank {
			correct = stats.CorrectOfTied
		}
		right, err := correct(h.Test, gold[h.Task].TestGold)
		if err != nil {
			return err
		}
		heads[h.ID], accuracy[h.ID] = h, 100*stat.Mean(right, nil)
		if h.Role == result.Ceiling {
			ceilings[place{h.Task, h.Model, h.Seed}] = accuracy[h.ID]
		}
	}
	for _, h := range r.Heads {
		if h.Role == result.Comparison { // a baseline, which may have no penalty; what it learns differs from head to head of a cell
			continue
		}
		c := cell{task: h.Task, kind: string(h.Role), strong: h.Model}
		if h.Role == result.Student {
			weak := heads[h.Supervisor]
			loss, _, _ := strings.Cut(h.Loss, ":")
			c.kind, c.weak = "student, "+loss, weak.Source()
			p, n := w.pgr[c], float64(len(r.Config.Seeds))
			for k, v := range []float64{accuracy[weak.ID], accuracy[h.ID], ceilings[place{h.Task, h.Model, h.Seed}]} {
				p[k] += v / n
			}
			w.pgr[c] = p
		}
		if w.cells[c] == nil {
			w.cells[c] = &sample{}
		}
		s := w.cells[c]
		s.accuracy, s.penalty = append(s.accuracy, accuracy[h.ID]), append(s.penalty, math.Log10(h.L2))
	}
	return nil
}

// kinds returns the kinds of heads in the order of an experiment.
func (w *way) kinds() []string {
	last := []string{string(result.Ceiling), string(result.Supervisor)} // the later, the further to the front
	kinds := map[string]bool{}
	for c := range w.cells {
		kinds[c.kind] = true
	}
	return slices.SortedFunc(maps.Keys(kinds), func(a, b string) int {
		return cmp.Or(cmp.Compare(slices.Index(last, b), slices.Index(last, a)), cmp.Compare(a, b))
	})
}

// all is the kind of all heads.
const all = "all"

// of returns the cells of a kind of heads, sorted by task.
func (w *way) of(kind string) []cell {
	return slices.SortedFunc(func(yield func(cell) bool) {
		for c := range w.cells {
			if (c.kind == kind || kind == all) && !yield(c) {
				return
			}
		}
	}, func(a, b cell) int {
		return cmp.Or(cmp.Compare(a.task, b.task), cmp.Compare(a.kind, b.kind), cmp.Compare(a.weak, b.weak), cmp.Compare(a.strong, b.strong))
	})
}

// writeKinds writes, for each kind of heads and each way, means over all cells. The interval is Student's t over tasks.
func writeKinds(out io.Writer, ways []*way) error {
	fmt.Fprintln(out, "| head | penalty | accuracy | difference | of one head | ± over seeds | penalties | PGR |")
	fmt.Fprintln(out, "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
	first := ways[0]
	for _, kind := range append(first.kinds(), all) {
		cells := first.of(kind)
		for _, w := range ways {
			byTask := map[string][]float64{}                     // differences of the cells' means
			var accuracies, spreads, penalties, single []float64 // single: differences of single heads
			var sum [3]float64
			for _, c := range cells {
				s, base := w.cells[c], first.cells[c]
				byTask[c.task] = append(byTask[c.task], stat.Mean(s.accuracy, nil)-stat.Mean(base.accuracy, nil))
				for i, a := range s.accuracy {
					single = append(single, a-base.accuracy[i])
				}
				accuracies, spreads, penalties = append(accuracies, stat.Mean(s.accuracy, nil)), append(spreads, stat.StdDev(s.accuracy, nil)), append(penalties, stat.StdDev(s.penalty, nil))
				if kind != all {
					for k, v := range w.pgr[c] {
						sum[k] += v
					}
				}
			}
			difference, ofOne := "", ""
			if w != first {
				mean, interval, err := stats.TInterval(list.Map(slices.Sorted(maps.Keys(byTask)), func(t string) float64 { return stat.Mean(byTask[t], nil) }), stats.Level)
				if err != nil {
					return err
				}
				difference = fmt.Sprintf("%+.2f", mean)
				ofOne = fmt.Sprintf("±%.1f (%+.1f to %+.1f)", rootMeanSquare(single), slices.Min(single), slices.Max(single))
				if interval.Known() { // of several tasks
					difference += fmt.Sprintf(" [%.2f, %.2f]", interval.Lo, interval.Hi)
				}
			}
			pgr := ""
			if sum[2] > sum[0] {
				pgr = fmt.Sprintf("%.3f", (sum[1]-sum[0])/(sum[2]-sum[0]))
			}
			fmt.Fprintf(out, "| %s | %s | %.2f | %s | %s | %.2f | %.2f | %s |\n", kind, w.name, stat.Mean(accuracies, nil), difference, ofOne,
				rootMeanSquare(spreads), rootMeanSquare(penalties), pgr)
		}
	}
	return nil
}

func rootMeanSquare(values []float64) float64 {
	return math.Sqrt(stat.Mean(list.Map(values, func(v float64) float64 { return v * v }), nil))
}

// writeTasks writes the mean accuracy of each kind of heads by task, for each way.
func writeTasks(out io.Writer, ways []*way) error {
	first := ways[0]
	kinds := first.kinds()
	fmt.Fprintf(out, "| task | %s |\n| --- |%s\n", strings.Join(kinds, " | "), strings.Repeat(" ---: |", len(kinds)))
	names := map[string]bool{}
	for c := range first.cells {
		names[c.task] = true
	}
	for _, task := range slices.Sorted(maps.Keys(names)) {
		row := []string{task}
		for _, kind := range kinds {
			row = append(row, strings.Join(list.Map(ways, func(w *way) string {
				var means []float64
				for _, c := range w.of(kind) {
					if c.task == task {
						means = append(means, stat.Mean(w.cells[c].accuracy, nil))
					}
				}
				return fmt.Sprintf("%.1f", stat.Mean(means, nil))
			}), " / "))
		}
		fmt.Fprintf(out, "| %s |\n", strings.Join(row, " | "))
	}
	return nil
}
