package harness

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"w2s/harness/stats"
	"w2s/tasks"
)

// A Figure is a number with its interval over test examples.
type Figure struct {
	Value    float64        `json:"value"`
	Interval stats.Interval `json:"interval"`
}

// A Row is one line of a PGR table: one task, one pair of models, one loss and one treatment of the weak labels, over
// all seeds. Scores are means over the seeds; intervals come from resampling the test examples, the same resample for
// weak, student and ceiling.
type Row struct {
	Task      string         `json:"task"`
	Category  tasks.Category `json:"category"`
	Weak      string         `json:"weak"`   // model of the supervisor, or the name of a baseline
	Strong    string         `json:"strong"` // model of student and ceiling
	Loss      string         `json:"loss"`
	Treatment string         `json:"treatment,omitempty"`
	Variant   string         `json:"variant,omitempty"`
	Trained   string         `json:"trained_on,omitempty"` // the task that all heads were trained on, where that is not Task
	Metric    tasks.Metric   `json:"metric"`
	N         int            `json:"n"`     // test examples
	Train     int            `json:"train"` // examples the student was trained on (of the first seed)
	Seeds     int            `json:"seeds"`

	Floor    Figure        `json:"floor"`
	Transfer Figure        `json:"transfer"`
	Top      Figure        `json:"ceiling"`
	PGR      stats.PGR     `json:"pgr"`       // interval over test examples
	SeedPGR  stats.SeedPGR `json:"seed_pgr"`  // interval over seeds
	Imitates Imitation     `json:"imitation"` // how far the student repeats its supervisor
	Labels   LabelQuality  `json:"labels"`    // of the labels it was trained on, mean over seeds; N is of all seeds together
	Control  *Figure       `json:"control,omitempty"`
	Warnings []string      `json:"warnings,omitempty"`

	result  *Result   // nil for a row that was imported
	correct []float64 // of the student, mean over seeds, one a test example
}

// Imitation compares a student's answers with its supervisor's on the test examples, mean over seeds. What the
// student's agreement on the supervisor's errors exceeds the ceiling's by is imitation: the ceiling never saw the
// supervisor's labels, so it repeats an error only where the error is natural.
type Imitation struct {
	Student stats.Imitation `json:"student"`
	Ceiling stats.Imitation `json:"ceiling"`
}

// SummaryOptions says how figures are made of heads.
type SummaryOptions struct {
	Metric    tasks.Metric // "" is tasks.Accuracy
	Resamples int          // 0 is stats.DefaultResamples
	Level     float64
}

// bootstrap is how intervals over n test examples are made.
func (o SummaryOptions) bootstrap(n int) stats.Bootstrap {
	if o.Level == 0 {
		o.Level = stats.Level
	}
	return stats.Bootstrap{N: n, Resamples: o.Resamples, Level: o.Level}
}

// Summarize makes a row of every group of students that differ in the seed alone. Rows are in the order of the result's
// tasks, then of its heads.
func Summarize(r *Result, opt SummaryOptions) ([]Row, error) {
	if opt.Metric == "" {
		opt.Metric = tasks.Accuracy
	}
	x := index(r)
	groups, order := map[groupKey][]*HeadRecord{}, []groupKey(nil)
	for i := range r.Heads {
		h := &r.Heads[i]
		if h.Role != Student {
			continue
		}
		sup := x.heads[h.Supervisor]
		if sup == nil || x.chained[h.ID] {
			continue // Chains has those
		}
		k := groupKey{task: h.Task, weak: sourceName(sup), strong: h.Model, loss: h.Loss, treatment: h.Treatment, variant: h.Variant}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], h)
	}
	rank := map[string]int{}
	for i, t := range r.Tasks {
		rank[t.Name] = i
	}
	slices.SortStableFunc(order, func(a, b groupKey) int { return cmp.Compare(rank[a.task], rank[b.task]) })
	// Rows do not depend on each other, and resampling is most of what w2s table does.
	rows := make([]Row, len(order))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, k := range order {
		group.Go(func() (err error) {
			if rows[i], err = x.row(k, groups[k], opt); err != nil {
				return fmt.Errorf("harness: %s, %s -> %s, %s: %w", k.task, k.weak, k.strong, k.loss, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return rows, nil
}

type groupKey struct{ task, weak, strong, loss, treatment, variant string }

// sourceName is what labelled a student: a model, or for a baseline what it does.
func sourceName(h *HeadRecord) string {
	if h.Role == Baseline {
		return h.Loss
	}
	return h.Model
}

// lookup finds heads and tasks of a result.
type lookup struct {
	result   *Result
	tasks    map[string]*TaskRecord
	heads    map[string]*HeadRecord
	ceilings map[ceilingKey]*HeadRecord
	chained  map[string]bool // students that are steps of a chain, or its jump
}

type ceilingKey struct {
	role              Role
	task, model, size string
	seed              uint64
}

func index(r *Result) *lookup {
	x := &lookup{result: r, tasks: map[string]*TaskRecord{}, heads: map[string]*HeadRecord{}, ceilings: map[ceilingKey]*HeadRecord{}, chained: map[string]bool{}}
	for _, c := range r.Chains {
		for _, id := range append(slices.Clone(c.Steps), c.Jump) {
			x.chained[id] = true
		}
	}
	for i := range r.Tasks {
		x.tasks[r.Tasks[i].Name] = &r.Tasks[i]
	}
	for i := range r.Heads {
		h := &r.Heads[i]
		x.heads[h.ID] = h
		if h.Role == Ceiling || h.Role == Control {
			x.ceilings[ceilingKey{h.Role, h.Task, h.Model, h.Variant, h.Seed}] = h
		}
	}
	return x
}

func (x *lookup) row(k groupKey, students []*HeadRecord, opt SummaryOptions) (Row, error) {
	t := x.tasks[k.task]
	row := Row{Task: k.task, Category: t.Category, Weak: k.weak, Strong: k.strong, Loss: k.loss, Treatment: k.treatment, Variant: k.variant,
		Metric: opt.Metric, N: len(t.TestIDs), Train: students[0].Train, Seeds: len(students), Trained: students[0].Trained}
	if t.Form == tasks.Generate && opt.Metric == tasks.Accuracy {
		row.Metric = tasks.ExactMatch
	}
	row.warn(t.Warnings...)
	var floor, transfer, top, control seedScores
	var imitates imitation
	for _, s := range students {
		weak, ceiling := x.heads[s.Supervisor], x.ceilings[ceilingKey{Ceiling, k.task, k.strong, k.variant, s.Seed}]
		if ceiling == nil {
			return row, fmt.Errorf("no ceiling of %s for seed %d", k.strong, s.Seed)
		}
		err := cmp.Or( // the first says it all: they tend to be the same
			floor.add(weak, t, opt.Metric), transfer.add(s, t, opt.Metric), top.add(ceiling, t, opt.Metric),
			imitates.add(t, weak, s, ceiling))
		if err != nil {
			return row, err
		}
		if c := x.ceilings[ceilingKey{Control, k.task, k.strong, k.variant, s.Seed}]; c != nil {
			if err := control.add(c, t, opt.Metric); err != nil {
				return row, err
			}
		}
		if s.Labels != nil {
			addQuality(&row.Labels.Quality, s.Labels.Quality, len(students))
			addQuality(&row.Labels.Raw, s.Labels.Raw, len(students))
		}
		row.warn(weak.Warnings...)
		row.warn(s.Warnings...)
		row.warn(ceiling.Warnings...)
	}
	boot := opt.bootstrap(row.N)
	var err error
	if row.Imitates, err = imitates.over(boot); err != nil {
		return row, err
	}
	for _, f := range []struct {
		to   *Figure
		from seedScores
	}{{&row.Floor, floor}, {&row.Transfer, transfer}, {&row.Top, top}} {
		if *f.to, err = f.from.figure(boot); err != nil {
			return row, err
		}
	}
	if len(control.scores) > 0 {
		c, err := control.figure(boot)
		if err != nil {
			return row, err
		}
		row.Control = &c
	}
	if row.PGR, err = stats.NewPGR(floor.mean(), transfer.mean(), top.mean(), boot); err != nil {
		return row, err
	}
	if row.SeedPGR, err = stats.PGROverSeeds(floor.values(), transfer.values(), top.values(), boot.Level); err != nil {
		return row, err
	}
	if !row.PGR.Defined {
		row.warn(row.PGR.Reason)
	}
	row.result, row.correct = x.result, transfer.perExample()
	return row, nil
}

// addQuality adds one of n qualities to their mean.
func addQuality(mean *stats.Quality, q stats.Quality, n int) {
	mean.N += q.N
	mean.Accuracy += q.Accuracy / float64(n)
	mean.LogLoss += q.LogLoss / float64(n)
	mean.Brier += q.Brier / float64(n)
	mean.ECE += q.ECE / float64(n)
}

// warn adds warnings that the row does not carry yet.
func (r *Row) warn(warnings ...string) { r.Warnings = appendNew(r.Warnings, warnings...) }

// appendNew appends what is not in the list yet.
func appendNew(list []string, more ...string) []string {
	for _, m := range more {
		if !slices.Contains(list, m) {
			list = append(list, m)
		}
	}
	return list
}

// seedScores are the scores of one head a seed, on the same test examples.
type seedScores struct {
	scores  []stats.Score
	correct [][]float64 // per example, where the metric is a mean over examples
}

func (s *seedScores) add(h *HeadRecord, t *TaskRecord, metric tasks.Metric) error {
	var perExample []float64
	var err error
	switch {
	case t.Form == tasks.Generate:
		perExample, err = h.written(t, metric)
	case metric == tasks.Accuracy:
		perExample, err = stats.Correct(h.Test, t.TestGold)
	case metric == tasks.AUROC && t.Form == tasks.Rank:
		perExample, err = stats.RankAUROC(h.Test, t.TestGold)
	case metric == tasks.AUROC:
		score, err := stats.AUROCScore(h.Test, t.TestGold)
		if err != nil {
			return fmt.Errorf("head %s: %w", h.ID, err)
		}
		s.scores = append(s.scores, score)
		return nil
	default:
		return fmt.Errorf("no metric %q for a %s task (have: %s, %s)", metric, t.Form, tasks.Accuracy, tasks.AUROC)
	}
	if err != nil {
		return fmt.Errorf("head %s: %w", h.ID, err)
	}
	s.correct = append(s.correct, perExample)
	s.scores = append(s.scores, stats.MeanScore(perExample))
	return nil
}

// perExample is the mean over the seeds for each example, or nil where the metric is not a mean over examples.
func (s *seedScores) perExample() []float64 {
	if s.correct == nil {
		return nil
	}
	mean := make([]float64, len(s.correct[0]))
	for _, c := range s.correct {
		for i, v := range c {
			mean[i] += v / float64(len(s.correct))
		}
	}
	return mean
}

func (s *seedScores) mean() stats.Score {
	if per := s.perExample(); per != nil {
		return stats.MeanScore(per) // one pass a resample instead of one a seed
	}
	return stats.AverageScore(s.scores...)
}

// values is the score of each seed on the test examples as they are.
func (s *seedScores) values() []float64 {
	out := make([]float64, len(s.scores))
	for i, score := range s.scores {
		out[i] = score(nil)
	}
	return out
}

func (s *seedScores) figure(b stats.Bootstrap) (Figure, error) {
	score := s.mean()
	v, err := b.Interval(score)
	return Figure{Value: score(nil), Interval: v}, err
}

// imitation collects what students and ceilings have in common with the supervisor, one entry a seed.
type imitation struct{ student, ceiling []stats.Agreement }

func (m *imitation) add(t *TaskRecord, weak, student, ceiling *HeadRecord) error {
	if t.Form == tasks.Generate {
		m.student, m.ceiling = append(m.student, agreeInText(t, student, weak)), append(m.ceiling, agreeInText(t, ceiling, weak))
		return nil
	}
	s, errStudent := stats.Agree(student.Test, weak.Test, t.TestGold)
	c, errCeiling := stats.Agree(ceiling.Test, weak.Test, t.TestGold)
	m.student, m.ceiling = append(m.student, s), append(m.ceiling, c)
	return errors.Join(errStudent, errCeiling)
}

func (m *imitation) over(b stats.Bootstrap) (Imitation, error) {
	var out Imitation
	for _, side := range []struct {
		to   *stats.Imitation
		from []stats.Agreement
	}{{&out.Student, m.student}, {&out.Ceiling, m.ceiling}} {
		mean, err := stats.MeanAgreement(side.from)
		if err != nil {
			return out, err
		}
		if *side.to, err = mean.Imitation(b); err != nil {
			return out, err
		}
	}
	return out, nil
}
