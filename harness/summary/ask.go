package summary

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	"gonum.org/v1/gonum/floats"

	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/internal/list"
	"w2s/internal/visible"
	"w2s/tasks"
)

// A Trio holds the heads of one seed of a row. All three answer the same test examples.
type Trio struct {
	Weak, Student, Ceiling *result.Head
	// InTask holds supervisor and ceiling of the same models that are trained on the task that is tested. They are others than Weak and
	// Ceiling in rows of a transfer, if the result has them.
	InTask struct{ Weak, Ceiling *result.Head }
	Gold   map[string]*result.Head // the strong model trained on gold labels of weak-train, by kind of baseline
}

// A Question asks for figures of the stored predictions of supervisor, student and ceiling, so that every result file can answer it.
type Question struct {
	Name    string // of its study, table and chart
	Caption string // of its table
	Asked   []Asked
	Notes   []string
	Free    bool // it can be asked of free answers
	// Has reports whether the heads of a seed have what the question asks about, and Lacks names it. nil: all have it.
	Has   func(*result.Task, Trio) bool
	Lacks string
	Chart Axes
	Ranks []Rank
}

// An Asked is one figure of a question.
type Asked struct {
	Key    string // one word, for programs
	Name   string // heading of its column
	Legend string
	Unit   Unit
	Minor  int // columns with a higher number are left out first, where there is no room; 0: the column stays
	// Score returns the figure of one seed, or nil if it has no meaning for the task.
	Score func(*result.Task, Trio) (stats.Score, error)
	// Share, instead of Score, returns for each test example whether it has an event and whether it counts, as 1 or 0. The figure is the
	// share of the examples that count which have the event. The event may also be a difference of two. nil: it has no meaning for the task.
	Share    func(*result.Task, Trio) (event, among []float64, err error)
	Positive bool // the figure cannot be below 0; shares are known by their unit
	// Value, instead of Score, returns a figure of one seed that does not depend on the test examples. Its interval is Student's t over
	// seeds. ok is false if it is undefined.
	Value func(Trio) (v float64, ok bool)
}

// A Unit says how a figure is written.
type Unit int

// The units of figures.
const (
	Percent Unit = iota // a share, in per cent
	Points              // a difference of shares, in points, with its sign
	Plain               // with three decimals
	Signed              // with three decimals and its sign
	Count               // with one decimal
)

// Axes name the figures that a chart draws against each other, by their keys.
type Axes struct {
	X, Y     string
	Diagonal string // what points on the diagonal are; "": none is drawn
	Low      bool   // both axes begin at the least value instead of 0
	// Along, instead of X and Y, draws a line for each row: the figure with each key, at a place on a logarithmic axis.
	Along  []Place
	XTitle string // of Along
}

// A Place is where a figure stands on the x axis.
type Place struct {
	X   float64
	Key string
}

// PGRKey is the key of the PGR in Axes and Ranks, and GainKey that of student - weak.
const (
	PGRKey  = "pgr"
	GainKey = "student_gain"
)

// A Rank asks for the rank correlation of two figures over rows, by their keys.
type Rank struct{ A, B string }

// An Answer is what a question finds out about one row.
type Answer struct {
	Row     Row
	Gain    *Figure   // student - weak; nil unless the question has it in Axes or Ranks
	Figures []*Figure // one for each Asked; nil if it is undefined, for the row or for some resamples of its test examples
	n       []float64 // see Among
	Doubts  []string  // what to know about figures
	keys    []string
	// resampled holds the figures that ranks need on each resample of the test examples and of the seeds.
	resampled map[string][]float64
}

// Figure returns the figure with a key, or nil.
func (q Question) Figure(a Answer, key string) *Figure {
	switch key {
	case PGRKey:
		if !a.Row.PGR.Defined {
			return nil
		}
		return &Figure{Value: a.Row.PGR.Value, Interval: a.Row.PGR.Interval, Examples: a.Row.PGR.Examples}
	case GainKey:
		return a.Gain
	}
	return a.Figures[slices.IndexFunc(q.Asked, func(f Asked) bool { return f.Key == key })]
}

// Title returns the heading of the figure with a key, and its unit.
func (q Question) Title(key string) (string, Unit) {
	switch key {
	case PGRKey:
		return "PGR", Plain
	case GainKey:
		return "student - weak", Points
	}
	f := q.Asked[slices.IndexFunc(q.Asked, func(f Asked) bool { return f.Key == key })]
	return f.Name, f.Unit
}

// Among returns the number of test examples of which figure i is a share, mean over seeds. It is 0 if the figure is undefined or no share.
func (a Answer) Among(i int) float64 {
	if a.Figures[i] == nil || i >= len(a.n) {
		return 0
	}
	return a.n[i]
}

// MarshalJSON writes the row and the figures by their keys, the undefined ones as null, and the numbers of examples that shares are of.
func (a Answer) MarshalJSON() ([]byte, error) {
	figures, n := map[string]*Figure{}, map[string]float64{}
	for i, f := range a.Figures {
		if figures[a.keys[i]] = f; a.Among(i) > 0 {
			n[a.keys[i]] = a.Among(i)
		}
	}
	return json.Marshal(struct {
		Row     Row                `json:"row"`
		Figures map[string]*Figure `json:"figures"`
		N       map[string]float64 `json:"n,omitempty"`
		Doubts  []string           `json:"notes,omitempty"`
	}{a.Row, figures, n, a.Doubts})
}

// Answers holds the answers to a question and what it asks of all of them together.
type Answers struct {
	Question Question
	Rows     []Answer
	Ranks    []RankCorrelation
	LeftOut  string // which rows are left out, and why; "" if none is
}

// A RankCorrelation is Spearman's rank correlation of two figures over the rows of one loss and treatment.
type RankCorrelation struct {
	Rank
	Loss, Treatment string
	// Within says that the correlation is the mean over the groups of rows that have task and student's model in common, so that it
	// compares supervisors alone.
	Within   bool
	Value    float64
	Interval stats.Interval // over the seeds and test examples of these rows
	N        int            // rows
	Groups   int            // if Within
}

// trio returns the heads of a seed of a row.
func (x *index) trio(k groupKey, weak, student, ceiling *result.Head) Trio {
	t := Trio{Weak: weak, Student: student, Ceiling: ceiling, Gold: x.gold(k, student.Seed)}
	t.InTask.Weak, t.InTask.Ceiling = weak, ceiling
	if k.trained == "" {
		return t
	}
	if own := x.reference[referenceKey{result.Ceiling, k.task, k.strong, "", k.size, student.Seed}]; own != nil {
		t.InTask.Ceiling = own
	}
	for i := range x.result.Heads {
		h := &x.result.Heads[i]
		if h.Role == result.Supervisor && h.Task == k.task && h.Model == k.weak && h.Trained == "" && h.Size == k.size && h.Seed == student.Seed {
			t.InTask.Weak = h
		}
	}
	return t
}

// Ask answers a question for every row that has predictions.
func Ask(rows []Row, q Question, opt Options) (Answers, error) {
	out := Answers{Question: q}
	imported, free, lacking := 0, 0, 0
	var asked []Row
	for _, r := range rows {
		switch {
		case len(r.trios) == 0:
			imported++
		case r.task.Form == tasks.Generate && !q.Free:
			free++
		case q.Has != nil && slices.ContainsFunc(r.trios, func(t Trio) bool { return !q.Has(r.task, t) }):
			lacking++
		default:
			asked = append(asked, r)
		}
	}
	var left []string
	if imported > 0 {
		left = append(left, visible.Count(imported, "imported row")+" without predictions")
	}
	if free > 0 {
		left = append(left, visible.Count(free, "row")+" of tasks with free answers, which have no classes or candidates")
	}
	if lacking > 0 {
		left = append(left, visible.Count(lacking, "row")+" without "+q.Lacks)
	}
	out.LeftOut = listed(left)
	out.Rows = make([]Answer, len(asked))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, r := range asked {
		group.Go(func() (err error) {
			if out.Rows[i], err = q.ask(r, opt); err != nil {
				err = fmt.Errorf("summary: %s: %s, %s, %s: %w", q.Name, r.Task, r.Pair(), r.Loss, err)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return Answers{}, err
	}
	for _, k := range q.Ranks {
		out.Ranks = append(out.Ranks, q.rank(out.Rows, k, opt)...)
	}
	return out, nil
}

// listed joins reasons to a sentence.
func listed(reasons []string) string {
	if len(reasons) == 0 {
		return ""
	}
	text := "Left out: " + reasons[0]
	for _, r := range reasons[1:] {
		text += "; " + r
	}
	return text + "."
}

// ask computes the figures of a row.
func (q Question) ask(r Row, opt Options) (Answer, error) {
	opt = opt.of(r.from)
	boot := opt.bootstrap(r.task)
	a := Answer{Row: r, Figures: make([]*Figure, len(q.Asked)), n: make([]float64, len(q.Asked)), resampled: map[string][]float64{},
		keys: list.Map(q.Asked, func(f Asked) string { return f.Key })}
	keep := map[string]bool{q.Chart.X: true, q.Chart.Y: true}
	for _, k := range q.Ranks {
		keep[k.A], keep[k.B] = true, true
	}
	var kinds [][]stats.Score
	var asked []int // the numbers of the figures that kinds are the scores of
	for i, f := range q.Asked {
		if f.Value != nil {
			a.Figures[i], a.resampled[f.Key] = overSeeds(r, f.Value, boot)
			continue
		}
		scores, n, err := f.bySeed(r)
		if err != nil {
			return a, fmt.Errorf("%s: %w", f.Key, err)
		}
		if scores != nil {
			a.n[i], kinds, asked = n, append(kinds, scores), append(asked, i)
		}
	}
	if len(kinds) > 0 {
		each, err := boot.CrossEach(kinds...)
		if err != nil {
			return a, err
		}
		for k, crossed := range each {
			if crossed == nil { // predictions are checked when a file is read, so the score is undefined
				continue
			}
			i := asked[k]
			figure, err := figureOf(crossed, 0)
			if err != nil {
				return a, err
			}
			if f := q.Asked[i]; f.Share != nil {
				least, most := f.Unit.bounds()
				figure.constant(least, most, int(a.n[i])*boot.Units()/boot.N)
			}
			if a.Figures[i] = &figure; keep[q.Asked[i].Key] {
				a.resampled[q.Asked[i].Key] = reseeded(crossed.Resampled(0))
			}
		}
	}
	a.doubt(q)
	if !keep[PGRKey] && !keep[GainKey] {
		return a, nil
	}
	return a, a.gain(opt, boot)
}

// bySeed returns the scores of a figure for a row's seeds, or nil if they have no meaning. If it is a share, n is the number of examples that
// it is a share of, mean over the seeds.
func (f Asked) bySeed(r Row) (scores []stats.Score, n float64, err error) {
	if f.Share == nil {
		scores, err = bySeed(r, f.Score)
		return scores, 0, err
	}
	scores, err = bySeed(r, shareOf(func(t *result.Task, h Trio) (event, among []float64, err error) {
		event, among, err = f.Share(t, h)
		n += floats.Sum(among) / float64(len(r.trios))
		return event, among, err
	}))
	return scores, n, err
}

// bounds returns the least and the greatest value of a share in the unit.
func (u Unit) bounds() (least, most float64) {
	if u == Points {
		return -1, 1
	}
	return 0, 1
}

// doubt notes figures whose intervals hold more than they can be.
func (a *Answer) doubt(q Question) {
	var wide, below []string
	for i, f := range q.Asked {
		v := a.Figures[i]
		if v == nil || !v.Interval.Known() {
			continue
		}
		switch least, most := f.Unit.bounds(); {
		case (f.Unit == Percent || f.Unit == Points) && v.Interval.Hi-v.Interval.Lo > most-least:
			wide = append(wide, f.Name)
		case f.Positive && v.Interval.Lo < 0:
			below = append(below, f.Name)
		}
	}
	if len(wide) > 0 {
		a.Doubts = append(a.Doubts, tooWide(strings.Join(wide, ", "), a.Row.Seeds))
	}
	if len(below) > 0 {
		a.Doubts = append(a.Doubts, fmt.Sprintf("%s: the interval goes below 0, which the figure cannot, because %s", strings.Join(below, ", "), fewSeeds(a.Row.Seeds)))
	}
}

// tooWide says that intervals are wider than the range of their figures. figures is "" if there is one only.
func tooWide(figures string, seeds int) string {
	if figures != "" {
		figures += ": "
	}
	return fmt.Sprintf("%sthe interval is wider than the range of the figure because %s", figures, fewSeeds(seeds))
}

// fewSeeds says why an interval is wide.
func fewSeeds(seeds int) string {
	return fmt.Sprintf("the %s differ and Student's t of so few is wide (more --seeds narrow it)", visible.Count(seeds, "seed"))
}

// gain sets student - weak, and keeps it and the PGR on each resample.
func (a *Answer) gain(opt Options, boot stats.Bootstrap) error {
	m, err := opt.metricOf(a.Row.task)
	if err != nil {
		return err
	}
	kinds := make([][]stats.Score, 3)
	for k, of := range []func(Trio) *result.Head{
		func(t Trio) *result.Head { return t.Weak }, func(t Trio) *result.Head { return t.Student }, func(t Trio) *result.Head { return t.Ceiling },
	} {
		kinds[k], err = bySeed(a.Row, func(task *result.Task, t Trio) (stats.Score, error) {
			score, _, err := m.Score(task, of(t))
			return score, err
		})
		if err != nil {
			return err
		}
	}
	crossed, err := boot.Cross(kinds...)
	if err != nil {
		return err
	}
	gain, spread, err := crossed.Difference(1, 0)
	if err != nil {
		return err
	}
	if skipped, _ := crossed.Skipped(); skipped > 0 { // the other figures have all resamples
		return nil
	}
	a.Gain = &Figure{Value: gain, Interval: spread.Interval, Examples: spread.Examples}
	weak, student, ceiling := reseeded(crossed.Resampled(0)), reseeded(crossed.Resampled(1)), reseeded(crossed.Resampled(2))
	gains, pgrs := make([]float64, len(weak)), make([]float64, len(weak))
	for i := range weak {
		if gains[i] = student[i] - weak[i]; ceiling[i] > weak[i] {
			pgrs[i] = gains[i] / (ceiling[i] - weak[i])
		} else if gains[i] != 0 {
			pgrs[i] = gains[i] * math.Inf(1)
		}
	}
	a.resampled[GainKey], a.resampled[PGRKey] = gains, pgrs
	return nil
}

// overSeeds returns the mean of a figure over a row's seeds, and that of seeds drawn with replacement. Both are nil if it is undefined.
func overSeeds(r Row, of func(Trio) (float64, bool), boot stats.Bootstrap) (*Figure, []float64) {
	var values []float64
	var samples [][]float64
	for _, t := range r.trios {
		v, ok := of(t)
		if !ok {
			return nil, nil
		}
		values = append(values, v)
		samples = append(samples, slices.Repeat([]float64{v}, cmp.Or(boot.Resamples, stats.DefaultResamples)))
	}
	mean, over, err := stats.TInterval(values, boot.Level)
	if err != nil {
		return nil, nil
	}
	return &Figure{Value: mean, Interval: over}, reseeded(samples)
}

// bySeed returns the scores of a row's seeds, or nil if they have no meaning.
func bySeed(r Row, of func(*result.Task, Trio) (stats.Score, error)) (scores []stats.Score, err error) {
	for _, t := range r.trios {
		score, err := of(r.task, t)
		if err != nil || score == nil {
			return nil, err
		}
		scores = append(scores, score)
	}
	return scores, nil
}

// reseeded returns the mean over seeds that are drawn with replacement, of figures by seed and resample of the test examples. Rows with
// the same number of seeds have the same draws.
func reseeded(samples [][]float64) []float64 {
	out := make([]float64, len(samples[0]))
	n := uint64(len(samples))
	rng := rand.NewPCG(0, n)
	for r := range out {
		for range samples {
			out[r] += samples[(rng.Uint64()>>32)*n>>32][r] / float64(n)
		}
	}
	return out
}

// rank returns the rank correlations of two figures for each loss and treatment: over all rows, and within task and student's model. Models
// that teach themselves take no part: nothing is to be found out about how they differ from their supervisor.
func (q Question) rank(answers []Answer, k Rank, opt Options) (out []RankCorrelation) {
	type setting struct{ loss, treatment string }
	type student struct{ task, model, variant string }
	groups, order := map[setting][]Answer{}, []setting(nil)
	for _, a := range answers {
		if a.Row.Simulated || a.Row.Weak == a.Row.Strong || q.Figure(a, k.A) == nil || q.Figure(a, k.B) == nil || a.resampled[k.A] == nil || a.resampled[k.B] == nil {
			continue
		}
		s := setting{a.Row.Loss, a.Row.Treatment}
		order = list.AppendNew(order, s)
		groups[s] = append(groups[s], a)
	}
	for _, s := range order {
		byStudent, students := map[student][]Answer{}, []student(nil)
		for _, a := range groups[s] {
			own := student{a.Row.Task, a.Row.Strong, a.Row.Variant()}
			students = list.AppendNew(students, own)
			byStudent[own] = append(byStudent[own], a)
		}
		var within [][]Answer
		if len(students) > 1 {
			for _, own := range students {
				if len(byStudent[own]) >= minRows-1 {
					within = append(within, byStudent[own])
				}
			}
		}
		for i, parts := range [][][]Answer{{groups[s]}, within} {
			c := RankCorrelation{Rank: k, Loss: s.loss, Treatment: s.treatment, Within: i == 1, Groups: len(parts), N: len(slices.Concat(parts...))}
			if c.N >= minRows && c.correlate(q, parts, cmp.Or(opt.Level, stats.Level)) {
				out = append(out, c)
			}
		}
	}
	return out
}

// minRows is the least number of rows of which a rank correlation is shown. Within a task and student's model one less will do.
const minRows = 4

// correlate sets the value and interval, and reports whether there is a value.
func (c *RankCorrelation) correlate(q Question, parts [][]Answer, level float64) bool {
	of := func(pick func(a Answer, key string) float64) float64 {
		sum := 0.0
		for _, p := range parts {
			v, err := stats.RankCorrelation(list.Map(p, func(a Answer) float64 { return pick(a, c.A) }), list.Map(p, func(a Answer) float64 { return pick(a, c.B) }))
			if err != nil {
				v = math.NaN()
			}
			sum += v / float64(len(parts))
		}
		return sum
	}
	if c.Value = of(func(a Answer, key string) float64 { return q.Figure(a, key).Value }); math.IsNaN(c.Value) {
		return false
	}
	var samples []float64
	for r := range parts[0][0].resampled[c.A] {
		if v := of(func(a Answer, key string) float64 { return a.resampled[key][r] }); !math.IsNaN(v) {
			samples = append(samples, v)
		}
	}
	var err error
	c.Interval, err = stats.Percentiles(samples, level)
	return err == nil
}
