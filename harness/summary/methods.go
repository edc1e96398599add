package summary

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"w2s/harness/stats"
	"w2s/internal/list"
)

// A Method is a loss with a treatment of the weak labels.
type Method struct{ Loss, Treatment string }

// plain is the method that all others are compared with.
var plain = Method{"xent", "soft"}

// A MethodRow compares a method with cross-entropy on the supervisor's own labels, over all cells: tasks with a pair of models, in which
// both have the same supervisor, seeds and test examples. Figures are means over the cells of a corpus first and over corpora then, so
// corpora count alike, and intervals and P are about other corpora like these.
type MethodRow struct {
	Method
	Cells   int
	Corpora int
	// Rank is the mean rank of the method's score among those of all methods, 1 for the best. Equal scores share their ranks. In a cell that
	// other methods lack, ranks are stretched to the number of all methods.
	Rank             float64
	RankInterval     stats.Interval
	Wins, Ties, Less int // cells in which it is better, not distinguished, or worse, after Holm's correction for the methods of the cell
	Lowest           float64
	LowestIn         string // task and pair of the cell with the least difference
	Diff             float64
	Interval         stats.Interval // of Diff
	P, Adjusted      float64        // of Diff, alone and after Holm's correction for all methods; 1 for one corpus
	PGR              stats.PGR      // mean difference divided by mean gap: what the method adds to the PGR
}

// A cell is a task with a pair of models and all that two rows must have in common so that their methods can be compared.
type cell struct {
	rows []Row // one for each method
}

// Methods returns a row for each method, the best mean rank first, with the plain one among them. It leaves out rows whose metric is
// not a mean over test examples, and cells without the plain method.
func Methods(rows []Row, opt Options) ([]MethodRow, error) {
	byKey, order := map[string]*cell{}, []string(nil)
	for _, r := range rows {
		if r.bySeed == nil || r.Combined || r.Simulated {
			continue
		}
		key := r.grounds + "\x00" + r.Variant()
		if byKey[key] == nil {
			byKey[key], order = &cell{}, append(order, key)
		}
		if c := byKey[key]; !slices.ContainsFunc(c.rows, func(o Row) bool { return o.method() == r.method() }) {
			c.rows = append(c.rows, r)
		}
	}
	byMethod, methods := map[Method][]entryOf{}, []Method(nil)
	for _, key := range order {
		c := byKey[key]
		at := slices.IndexFunc(c.rows, func(r Row) bool { return r.method() == plain })
		if at < 0 || len(c.rows) < 2 {
			continue
		}
		entries, err := c.compare(at, opt)
		if err != nil {
			return nil, err
		}
		for i, r := range c.rows {
			if m := r.method(); byMethod[m] == nil {
				methods = append(methods, m)
			}
			byMethod[r.method()] = append(byMethod[r.method()], entries[i])
		}
	}
	var out []MethodRow
	for _, m := range methods {
		row, err := methodRow(m, byMethod[m], len(methods), cmp.Or(opt.Level, stats.Level))
		if err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	others := list.Map(slices.DeleteFunc(slices.Clone(out), func(r MethodRow) bool { return r.Method == plain }), func(r MethodRow) float64 { return r.P })
	adjusted, err := stats.Holm(others)
	if err != nil {
		return nil, err
	}
	for i := range out {
		if out[i].Adjusted = 1; out[i].Method != plain {
			out[i].Adjusted, adjusted = adjusted[0], adjusted[1:]
		}
	}
	slices.SortStableFunc(out, func(a, b MethodRow) int { return cmp.Compare(a.Rank, b.Rank) })
	return out, nil
}

func (r Row) method() Method { return Method{r.Loss, cmp.Or(r.Treatment, plain.Treatment)} }

// An entryOf is what a cell says of one of its methods.
type entryOf struct {
	corpus, name string
	rank         float64 // 0 to 1: the share of the way from the best to the worst
	diff, gap    float64
	verdict      int // 1: better than the plain method, -1: worse
}

// compare compares the rows of a cell with the plain one.
func (c *cell) compare(at int, opt Options) ([]entryOf, error) {
	out, p := make([]entryOf, len(c.rows)), make([]float64, 0, len(c.rows))
	for i, r := range c.rows {
		e := entryOf{corpus: cmp.Or(r.Corpus, r.Task), name: r.Task + ", " + r.Pair(), gap: r.PGR.Gap}
		for _, o := range c.rows {
			switch {
			case o.Transfer.Value > r.Transfer.Value:
				e.rank++
			case o.Transfer.Value == r.Transfer.Value:
				e.rank += 0.5
			}
		}
		e.rank = (e.rank - 0.5) / float64(len(c.rows)-1)
		if i != at {
			d, err := stats.Compare(r.bySeed, c.rows[at].bySeed, opt.bootstrap(r.task))
			if err != nil {
				return nil, fmt.Errorf("summary: %s, %s on %s labels: %w", e.name, r.Loss, r.Treatment, err)
			}
			e.diff = d.Diff
			p = append(p, d.P)
		}
		out[i] = e
	}
	adjusted, err := stats.Holm(p)
	if err != nil {
		return nil, err
	}
	for i := range out {
		if i == at {
			continue
		}
		if adjusted[0] < 1-cmp.Or(opt.Level, stats.Level) {
			out[i].verdict = cmp.Compare(out[i].diff, 0)
		}
		adjusted = adjusted[1:]
	}
	return out, nil
}

// methodRow pools what the cells say of a method. methods is the number of all methods.
func methodRow(m Method, entries []entryOf, methods int, level float64) (MethodRow, error) {
	row := MethodRow{Method: m, Cells: len(entries), Lowest: math.Inf(1), P: 1}
	var corpora []string
	for _, e := range entries {
		corpora = list.AppendNew(corpora, e.corpus)
		switch e.verdict {
		case 1:
			row.Wins++
		case 0:
			row.Ties++
		default:
			row.Less++
		}
		if e.diff < row.Lowest {
			row.Lowest, row.LowestIn = e.diff, e.name
		}
	}
	row.Corpora = len(corpora)
	mean := func(of func(entryOf) float64) []float64 {
		return list.Map(corpora, func(c string) float64 {
			sum, n := 0.0, 0.0
			for _, e := range entries {
				if e.corpus == c {
					sum += of(e)
					n++
				}
			}
			return sum / n
		})
	}
	ranks := mean(func(e entryOf) float64 { return 1 + e.rank*float64(methods-1) })
	diffs, gaps := mean(func(e entryOf) float64 { return e.diff }), mean(func(e entryOf) float64 { return e.gap })
	var err error
	if row.Rank, row.RankInterval, err = stats.TInterval(ranks, level); err != nil {
		return row, err
	}
	if row.RankInterval.Known() { // no rank is outside the numbers of methods
		row.RankInterval.Lo, row.RankInterval.Hi = max(1, row.RankInterval.Lo), min(float64(methods), row.RankInterval.Hi)
	}
	if row.Diff, row.Interval, err = stats.TInterval(diffs, level); err != nil {
		return row, err
	}
	if n := float64(len(corpora)); n > 1 && m != plain {
		half := (row.Interval.Hi - row.Interval.Lo) / 2
		t := distuv.StudentsT{Sigma: 1, Nu: n - 1}
		switch {
		case half > 0:
			row.P = min(1, 2*t.Survival(math.Abs(row.Diff)/half*t.Quantile(0.5+level/2)))
		case row.Diff != 0:
			row.P = 0
		}
	}
	pooled, err := stats.Pool(list.Map(list.Range(len(corpora)), func(i int) stats.TaskPGR {
		return stats.TaskPGR{Corpus: corpora[i], Gain: diffs[i], PGR: stats.PGR{Gap: gaps[i], Value: diffs[i] / gaps[i], Defined: gaps[i] > 0}}
	}))
	row.PGR = pooled.Ratio
	return row, err
}
