package plot

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"w2s/harness/result"
	"w2s/harness/summary"
	"w2s/tasks"
)

// A Set holds the charts that answer one question.
type Set struct {
	Name   string // one word, the id of its section in a page
	Title  string
	Charts []*Chart
	Omits  string // what was left out because there are too many charts; "" if nothing was
}

// Material is what charts are drawn from. Every field may be empty.
type Material struct {
	Rows       []summary.Row
	Losses     []summary.LossRow
	Chains     []summary.ChainRow
	Categories []summary.CategoryRow // of Rows
	Results    []*result.Result      // reliability diagrams need predictions, not only scores
}

// simulated returns the rows with simulated supervisors.
func (m Material) simulated() []summary.Row {
	return where(m.Rows, func(r summary.Row) bool { return r.Simulated })
}

// taughtByModels returns the rows whose supervisors are models.
func (m Material) taughtByModels() []summary.Row {
	return where(m.Rows, func(r summary.Row) bool { return !r.Simulated })
}

// whole returns the rows whose supervisors are models and that have the whole training pool and all steps.
func (m Material) whole() []summary.Row {
	return where(m.taughtByModels(), func(r summary.Row) bool { return r.Size == 0 && r.Stopped == 0 })
}

// Sets returns all sets that the material has data for.
func Sets(m Material) ([]Set, error) {
	var sets []Set
	for _, draw := range []func(Material) (Set, error){
		ForestSet, GapSet, TrackSet, LossSet, ImitationSet, SupervisionSet, ChainSet, AlphaSet, CalibrationSet, ReliabilitySet, SizeSet, CurveSet, ImbalanceSet, LayerSet, NoiseSet, RatersSet,
	} {
		s, err := draw(m)
		if errors.Is(err, ErrNothing) {
			continue
		}
		if err != nil {
			return nil, err
		}
		sets = append(sets, s)
	}
	return sets, nil
}

// GapSet draws PGR against the capability gap.
func GapSet(m Material) (Set, error) {
	return newSet("gap", "PGR against the capability gap", together(m.whole()), Gap)
}

// ForestSet draws the PGR of tasks and categories, at most maxLines rows in a chart unless one pair has more.
func ForestSet(m Material) (Set, error) {
	const maxLines = 48
	var parts []group[summary.Row]
	for _, g := range groups(where(m.whole(), func(r summary.Row) bool { return r.Weak != r.Strong }), joined(summary.Row.Pair, setting)) {
		if last := len(parts) - 1; last >= 0 && len(parts[last].items)+len(g.items) <= maxLines {
			parts[last].items = append(parts[last].items, g.items...)
		} else {
			parts = append(parts, group[summary.Row]{items: slices.Clone(g.items)})
		}
	}
	return newSet("forest", "Performance gap recovered by task and loss", parts, func(rows []summary.Row) (*Chart, error) {
		return Forest(rows, m.Categories)
	})
}

// RatersSet draws PGR against the score of people who supervise.
func RatersSet(m Material) (Set, error) {
	people := where(m.whole(), func(r summary.Row) bool { return strings.HasPrefix(r.Weak, ratersPrefix) })
	return newSet("raters", "People as supervisors", together(people), Raters)
}

// ratersPrefix begins the names of supervisors that are people.
const ratersPrefix = "raters:"

// TrackSet draws the way from weak floor over student to strong ceiling. Models that teach themselves come last.
func TrackSet(m Material) (Set, error) {
	return newSet("scores", "Weak floor, student, strong ceiling", byPair(slices.Concat(
		where(m.whole(), func(r summary.Row) bool { return r.Weak != r.Strong }), where(m.whole(), func(r summary.Row) bool { return r.Weak == r.Strong }))), Tracks)
}

// LossSet draws the comparison of losses.
func LossSet(m Material) (Set, error) {
	return newSet("losses", "Losses compared", groups(m.Losses, func(r summary.LossRow) string { return r.Against }), Losses)
}

// ImitationSet draws how far students repeat the errors of their supervisors.
func ImitationSet(m Material) (Set, error) {
	return newSet("imitation", "Imitation of the supervisor's errors", together(m.whole()), Imitation)
}

// SupervisionSet draws students beside what they get without a supervisor.
func SupervisionSet(m Material) (Set, error) {
	return newSet("supervision", "What students get from their supervisor", byPair(m.whole()), Supervision)
}

// ChainSet draws bootstrapping chains.
func ChainSet(m Material) (Set, error) {
	return newSet("chain", "Bootstrapping chains", groups(m.Chains, chainKey), Chain)
}

// AlphaSet draws PGR against the weight of the confidence term: all curves in one chart if they can be told apart there,
// and one chart for each task otherwise.
func AlphaSet(m Material) (Set, error) {
	const name, title = "alpha", "Weight of the confidence term"
	if c, err := Alpha(m.whole()); err == nil && len(c.legend) > MaxSeries {
		return newSet(name, title, groups(m.whole(), taskOf), titledByTask(Alpha))
	}
	return newSet(name, title, together(m.whole()), Alpha)
}

// CalibrationSet draws PGR against the calibration of the weak labels.
func CalibrationSet(m Material) (Set, error) {
	return newSet("calibration", "Calibration of the weak labels", together(m.whole()), Calibration)
}

// ReliabilitySet draws a reliability diagram of floor, students and ceiling for each task, for the pair and treatment with
// the largest gap.
func ReliabilitySet(m Material) (Set, error) {
	var parts []group[summary.Row]
	omits := ""
	for _, task := range groups(m.whole(), taskOf) {
		alike := groups(task.items, joined(summary.Row.Pair, setting, func(r summary.Row) string { return fmt.Sprintf("%p", r.Result()) }))
		part := slices.MaxFunc(alike, func(a, b group[summary.Row]) int { return cmp.Compare(a.items[0].PGR.Gap, b.items[0].PGR.Gap) })
		part.items = part.items[:min(len(part.items), MaxSeries)]
		parts = append(parts, part)
		if len(alike) > 1 {
			omits = "Shown for the pair and treatment with the largest gap of each task."
		}
	}
	s, err := newSet("reliability", "Reliability of predictions", parts, func(rows []summary.Row) (*Chart, error) {
		if own := rows[0].Result(); own != nil {
			return Reliability(own, rows)
		}
		for _, r := range m.Results { // the first one that has the rows' heads
			if c, err := Reliability(r, rows); !errors.Is(err, ErrNothing) {
				return c, err
			}
		}
		return nil, ErrNothing
	})
	s.Omits = strings.TrimSpace(omits + " " + s.Omits)
	return s, err
}

// SizeSet draws scores against the size of the training pool.
func SizeSet(m Material) (Set, error) {
	rows := where(m.taughtByModels(), func(r summary.Row) bool { return r.Stopped == 0 })
	// Only what was tried with smaller training pools as well.
	key := joined(taskOf, summary.Row.Pair, func(r summary.Row) string { return r.Loss }, treatmentOf, setupOf)
	sized := where(rows, func(r summary.Row) bool {
		return slices.ContainsFunc(rows, func(o summary.Row) bool { return o.Size > 0 && key(o) == key(r) })
	})
	return newSet("size", "Size of the training set", groups(sized, joined(taskOf, summary.Row.Pair, setupOf)), Size)
}

// CurveSet draws scores and agreement of students whose training was stopped, one chart for each task and pair.
func CurveSet(m Material) (Set, error) {
	key := joined(taskOf, summary.Row.Pair, treatmentOf, setupOf)
	rows := where(m.taughtByModels(), func(r summary.Row) bool { return r.Size == 0 })
	traced := where(rows, func(r summary.Row) bool {
		return slices.ContainsFunc(rows, func(o summary.Row) bool { return o.Stopped > 0 && key(o) == key(r) })
	})
	return newSet("curves", "Scores and agreement by step of training", groups(traced, key), Curves)
}

// ImbalanceSet draws scores against the share of the rare class in training, one chart for each task and pair.
func ImbalanceSet(m Material) (Set, error) {
	base := func(r summary.Row) string { name, _, _ := tasks.CutMinority(r.Task); return name }
	rows := where(m.whole(), func(r summary.Row) bool { _, _, ok := tasks.CutMinority(r.Task); return ok })
	return newSet("imbalance", "Rare classes in training", groups(rows, joined(base, summary.Row.Pair, setupOf)), Imbalance)
}

// LayerSet draws scores and PGR against the layer of the strong model: two charts for each task, supervisor and strong model with two or
// more layers.
func LayerSet(m Material) (Set, error) {
	var charts []group[func() (*Chart, error)]
	layered := where(m.whole(), func(r summary.Row) bool { return r.StrongLayer != nil })
	key := joined(taskOf, func(r summary.Row) string { return r.Weak }, func(r summary.Row) string { return r.StrongLayer.Of }, setting)
	for _, g := range groups(layered, key) {
		if len(groups(g.items, func(r summary.Row) string { return r.Strong })) < 2 {
			continue
		}
		for _, draw := range []func([]summary.Row) (*Chart, error){LayerScores, LayerPGR} {
			charts = append(charts, group[func() (*Chart, error)]{items: []func() (*Chart, error){func() (*Chart, error) { return draw(g.items) }}})
		}
	}
	return newSet("layers", "Layers of the strong model", charts, func(draw []func() (*Chart, error)) (*Chart, error) { return draw[0]() })
}

// NoiseSet draws the students of simulated supervisors, one chart for each task.
func NoiseSet(m Material) (Set, error) {
	return newSet("noise", "Simulated supervisors", groups(m.simulated(), taskOf), titledByTask(Noise))
}

// maxCharts is the maximal number of charts in a set.
const maxCharts = 8

// newSet draws a chart for each part, up to maxCharts of them, and numbers the charts. It skips parts with nothing to draw.
// A set without charts is ErrNothing.
func newSet[T any](name, title string, parts []group[T], draw func([]T) (*Chart, error)) (Set, error) {
	s := Set{Name: name, Title: title}
	left := 0
	for _, p := range parts {
		if len(s.Charts) == maxCharts {
			left++
			continue
		}
		c, err := draw(p.items)
		if errors.Is(err, ErrNothing) {
			continue
		}
		if err != nil {
			return Set{}, err
		}
		s.Charts = append(s.Charts, c)
	}
	if len(s.Charts) == 0 {
		return Set{}, fmt.Errorf("%w: the result has no data for %q", ErrNothing, name)
	}
	if len(s.Charts) > 1 {
		for i, c := range s.Charts {
			c.Name = fmt.Sprintf("%s-%d", c.Name, i+1)
		}
	}
	if left > 0 {
		s.Omits = fmt.Sprintf("The first %d of %d charts are shown. The tables have all figures.", maxCharts, maxCharts+left)
	}
	return s, nil
}

// together returns all rows as one part.
func together(rows []summary.Row) []group[summary.Row] { return []group[summary.Row]{{items: rows}} }

// byPair groups rows by pair and setting, with at most maxTasks tasks in a group.
func byPair(rows []summary.Row) []group[summary.Row] {
	const maxTasks = 8
	var out []group[summary.Row]
	for _, g := range groups(rows, joined(summary.Row.Pair, setting)) {
		for tasks := range slices.Chunk(groups(g.items, taskOf), maxTasks) {
			var part group[summary.Row]
			for _, t := range tasks {
				part.items = append(part.items, t.items...)
			}
			out = append(out, part)
		}
	}
	return out
}

// titledByTask returns a function that draws the rows of one task and names the task in the title.
func titledByTask(draw func([]summary.Row) (*Chart, error)) func([]summary.Row) (*Chart, error) {
	return func(rows []summary.Row) (*Chart, error) {
		c, err := draw(rows)
		if err == nil {
			c.Title += ": " + clean(rows[0].Task)
		}
		return c, err
	}
}
