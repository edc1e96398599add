// Package summary computes the rows of tables from a result: scores, intervals and PGR over all seeds.
//
// [Rows] makes a [Row] for each task, pair of models, loss and treatment of a [result.Result]. [Chains] and [Transfers] do the
// same for chains and transfer matrices. Rows can then be pooled by [Categories] and [Pairs], and [Losses] compares losses
// that were tried under equal conditions. Tables, plots and the report lay out what this package computes.
package summary

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"w2s/harness/metric"
	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/internal/list"
	"w2s/tasks"
)

// A Figure is a mean score over seeds with its intervals.
type Figure struct {
	Value    float64        `json:"value"`
	Interval stats.Interval `json:"interval"`          // over seeds and test examples, or over test examples if there is one seed
	Examples stats.Interval `json:"interval_examples"` // over test examples alone
}

// A Row is one line of a PGR table: one task, one pair of models, one loss and one treatment of the weak labels, over all
// seeds. Scores are means over the seeds. Their intervals cover how scores vary between seeds and between test examples; see
// [stats.Crossed].
type Row struct {
	Task      string         `json:"task"`
	Corpus    string         `json:"corpus,omitempty"` // data set that the texts come from, if other tasks have it as well
	Category  tasks.Category `json:"category"`
	Weak      string         `json:"weak_model"`          // model of the supervisor, or a simulated supervisor
	Simulated bool           `json:"simulated,omitempty"` // Weak is a simulated supervisor
	Combined  bool           `json:"combined,omitempty"`  // Weak is a combination of supervisors
	Strong    string         `json:"strong_model"`        // model of student and ceiling

	WeakLayer   *result.Layer `json:"weak_layer,omitempty"`   // of Weak; nil: the model's own output
	StrongLayer *result.Layer `json:"strong_layer,omitempty"` // of Strong

	Loss      string       `json:"loss"`
	Treatment string       `json:"treatment,omitempty"`
	Size      int          `json:"size,omitempty"`       // size of the training pool, if it is smaller than the experiment's
	Stopped   int          `json:"stopped,omitempty"`    // steps of Adam after which the student's training was stopped; 0: it was not
	Trained   string       `json:"trained_on,omitempty"` // task that all heads were trained on, if that is not Task
	Other     string       `json:"other,omitempty"`      // imported: settings that tell the row from others
	Setup     string       `json:"setup,omitempty"`      // settings in which results of one table differ; see Together
	Metric    tasks.Metric `json:"metric"`
	N         int          `json:"n"`     // test examples; 0 if an imported result does not say
	Train     int          `json:"train"` // training examples of the student, of the first seed
	Seeds     int          `json:"seeds"`

	Floor     Figure              `json:"weak"`    // score of the weak supervisor
	Transfer  Figure              `json:"student"` // score of the student
	Ceiling   Figure              `json:"ceiling"` // score of the strong model trained on gold
	PGR       stats.PGR           `json:"pgr"`
	SeedPGR   stats.SeedPGR       `json:"seed_pgr"`  // mean PGR of the seeds, with its interval over seeds alone
	Imitation Imitation           `json:"imitation"` // how far the student repeats its supervisor
	Labels    result.LabelQuality `json:"labels"`    // of the student's labels, mean over seeds; N counts all seeds together
	// LabelInterval is of the accuracy of the labels; see labelInterval.
	LabelInterval stats.Interval `json:"labels_interval"`
	Control       *Figure        `json:"control,omitempty"`
	Baselines     []Baseline     `json:"baselines,omitempty"`      // in the order of how much they know
	Cosines       *Cosines       `json:"cosines,omitempty"`        // of the student with the main axis and the ceiling
	CeilingAxis   *Cosine        `json:"ceiling_axis,omitempty"`   // of the ceiling with the main axis
	SomeGold      []Baseline     `json:"sees_gold,omitempty"`      // students of the pair that SEE GOLD of strong-train
	EasyHard      []EasyHard     `json:"easy_to_hard,omitempty"`   // one for each order of the examples
	Uneven        *Uneven        `json:"uneven_classes,omitempty"` // if the classes of the test examples differ in size
	Warnings      []string       `json:"warnings,omitempty"`
	Doubts        []string       `json:"-"` // the warnings that say why the scores or the PGR may mean nothing

	identity
	from       *result.Result
	conditions string      // see conditionsOf; "" for an imported row
	grounds    string      // likewise without the treatment
	bySeed     [][]float64 // student's score by seed and test example; nil if the metric is not a mean over examples

	floorBySeed [][]float64 // likewise the supervisor's
	trios       []Trio      // the heads of each seed; nil for an imported row
	members     []string    // of a combination, or the model of several heads
}

// Result returns the result that the row was made from, or nil for an imported row.
func (r Row) Result() *result.Result { return r.from }

// Pair returns "WEAK → STRONG".
func (r Row) Pair() string { return r.Weak + " → " + r.Strong }

// Variant says what tells the row from others of the same task, pair, loss and treatment: "train=500", or "" if nothing
// does.
func (r Row) Variant() string {
	var parts []string
	if r.Size > 0 {
		parts = append(parts, fmt.Sprintf("train=%d", r.Size))
	}
	if r.Stopped > 0 {
		parts = append(parts, "stopped at step "+strconv.Itoa(r.Stopped))
	}
	if r.Trained != "" {
		parts = append(parts, "trained on "+r.Trained)
	}
	if r.Other != "" {
		parts = append(parts, r.Other)
	}
	if r.Setup != "" {
		parts = append(parts, r.Setup)
	}
	return strings.Join(parts, ", ")
}

// Imitation compares the answers of student and ceiling with those of the supervisor on the test examples, mean over
// seeds. The ceiling never saw the supervisor's labels, so it repeats an error only if the error comes naturally. What the
// student's agreement on the supervisor's errors has above the ceiling's is imitation.
type Imitation struct {
	Student stats.Imitation `json:"student"`
	Ceiling stats.Imitation `json:"ceiling"`
	Excess  stats.Share     `json:"excess"` // the student's share on the supervisor's errors - the ceiling's
}

// Options say how scores and intervals are computed.
type Options struct {
	Metric    tasks.Metric // "": the one that the result was made for, or else each task's own
	Resamples int          // bootstrap resamples; 0: stats.DefaultResamples
	Level     float64      // confidence level of intervals; 0: stats.Level
}

// of returns the options for a result: without a metric, they have the one that the result was made for.
func (o Options) of(r *result.Result) Options {
	if r != nil {
		o.Metric = cmp.Or(o.Metric, r.Metric)
	}
	return o
}

// bootstrap returns the bootstrap of a task's test examples. It draws the examples of a group together.
func (o Options) bootstrap(t *result.Task) stats.Bootstrap {
	if o.Level == 0 {
		o.Level = stats.Level
	}
	return stats.Bootstrap{N: len(t.TestIDs), Groups: t.TestGroups, Resamples: o.Resamples, Level: o.Level}
}

// metricOf returns the metric of a task's scores.
func (o Options) metricOf(t *result.Task) (metric.Metric, error) {
	m, err := metric.Lookup(cmp.Or(o.Metric, t.Metric))
	if err != nil {
		err = fmt.Errorf("task %s: %w", t.Name, err)
	}
	return m, err
}

// Rows makes a row of every group of students that differ in the seed alone. Steps of chains are left to [Chains]. Rows
// are in the order of the result's tasks, then of its heads.
func Rows(r *result.Result, opt Options) ([]Row, error) {
	opt = opt.of(r)
	if _, err := metric.Lookup(opt.Metric); err != nil {
		return nil, fmt.Errorf("summary: %w", err)
	}
	x := newIndex(r)
	groups, order := map[groupKey][]*result.Head{}, []groupKey(nil)
	for i := range r.Heads {
		h := &r.Heads[i]
		if h.Role != result.Student || x.chained[h.ID] {
			continue
		}
		supervisor := x.heads[h.Supervisor]
		if supervisor == nil {
			return nil, fmt.Errorf("summary: head %s: its supervisor %q is missing", h.ID, h.Supervisor)
		}
		k := groupKey{h.Task, supervisor.Source(), h.Model, h.Loss, h.Treatment, h.Trained, h.Size, h.Stopped}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], h)
	}
	baselines := map[groupKey]func() ([]Baseline, error){} // by pair
	for _, k := range order {
		if pair := k.ofPair(); baselines[pair] == nil {
			baselines[pair] = x.baselines(pair, groups[k], opt)
		}
	}
	rank := map[string]int{}
	for i, t := range r.Tasks {
		rank[t.Name] = i
	}
	slices.SortStableFunc(order, func(a, b groupKey) int { return cmp.Compare(rank[a.task], rank[b.task]) })
	// Rows do not depend on each other, and resampling takes most of the time of w2s table.
	rows := make([]Row, len(order))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, k := range order {
		group.Go(func() (err error) {
			var shared []Baseline
			if rows[i], err = x.row(k, groups[k], opt); err == nil {
				shared, err = baselines[k.ofPair()]()
			}
			if err != nil {
				return fmt.Errorf("summary: %s, %s -> %s, %s: %w", k.task, k.weak, k.strong, k.loss, err)
			}
			rows[i].addBaselines(shared)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return rows, nil
}

type groupKey struct {
	task, weak, strong, loss, treatment, trained string
	size, stopped                                int
}

// ofPair returns the key of the pair, size and task alone.
func (k groupKey) ofPair() groupKey {
	k.loss, k.treatment, k.stopped = "", "", 0
	return k
}

// An index finds the heads and tasks of a result.
type index struct {
	result    *result.Result
	tasks     map[string]*result.Task
	heads     map[string]*result.Head
	reference map[referenceKey]*result.Head // ceilings and controls
	chained   map[string]bool               // students that are steps of a chain, or its jump
	settings  []setting                     // that change rows
	layers    map[string]*result.Layer      // by model
	members   map[string][]string           // of combinations of supervisors, by name
	baseOf    map[string]string             // models whose heads supervisors are made of, by name
	kinds     map[string]string             // what supervisors are that are no single trained head, by name

	ordered map[orderedKey][]*result.Head
	orders  []orderedKey // whose kinds are orders

	comparisons     map[comparisonKey][]*result.Head
	comparisonOrder []comparisonKey // of their first heads
}

type referenceKey struct {
	role                 result.Role
	task, model, trained string
	size                 int
	seed                 uint64
}

func newIndex(r *result.Result) *index {
	x := &index{result: r, tasks: map[string]*result.Task{}, heads: map[string]*result.Head{},
		reference: map[referenceKey]*result.Head{}, chained: map[string]bool{}, settings: settingsOf(r.Config), layers: map[string]*result.Layer{}, members: map[string][]string{}, kinds: map[string]string{}, baseOf: map[string]string{},
		comparisons: map[comparisonKey][]*result.Head{}, ordered: map[orderedKey][]*result.Head{}}
	for _, m := range r.Models {
		x.layers[m.Name], x.kinds[m.Name], x.baseOf[m.Name] = m.Layer, m.Description[result.SupervisorFact], m.Description[result.HeadsOfFact]
		if of := m.Description[result.CombinesFact]; of != "" {
			x.members[m.Name] = strings.Split(of, ", ")
		}
	}
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
		if h.Role == result.Ceiling || h.Role == result.Control {
			x.reference[referenceKey{h.Role, h.Task, h.Model, h.Trained, h.Size, h.Seed}] = h
		}
	}
	for i := range r.Heads {
		switch h := &r.Heads[i]; h.Role {
		case result.Comparison, result.SomeGold:
			x.addComparison(h)
		case result.Ordered:
			x.addOrdered(h)
		}
	}
	return x
}

// row makes the row of one group of students.
func (x *index) row(k groupKey, students []*result.Head, opt Options) (Row, error) {
	t := x.tasks[k.task]
	m, err := opt.metricOf(t)
	if err != nil {
		return Row{}, err
	}
	row := Row{Task: k.task, Category: t.Category, Weak: k.weak, Strong: k.strong, Loss: k.loss, Treatment: k.treatment, Size: k.size, Stopped: k.stopped,
		Trained: k.trained, Metric: m.NameFor(t.Form), N: len(t.TestIDs), Train: students[0].Train, Seeds: len(students),
		Simulated: x.heads[students[0].Supervisor].Role == result.Baseline}
	row.WeakLayer, row.StrongLayer = x.layers[k.weak], x.layers[k.strong]
	row.members = x.members[k.weak]
	row.Combined = row.members != nil
	if of := x.baseOf[k.weak]; of != "" {
		row.members = []string{of}
	}
	row.warn(t.Warnings...)
	var floor, transfer, ceiling, control seedScores
	var agreement agreements
	var heads, weaks, ceilings []*result.Head
	var warnings []string
	var labels []result.LabelQuality
	for _, s := range students {
		weak := x.heads[s.Supervisor]
		reference := func(role result.Role) *result.Head {
			return x.reference[referenceKey{role, k.task, k.strong, k.trained, k.size, s.Seed}]
		}
		ceilingHead := reference(result.Ceiling)
		if ceilingHead == nil {
			return row, fmt.Errorf("no ceiling of %s for seed %d", k.strong, s.Seed)
		}
		err := cmp.Or( // the heads tend to have the same fault, so the first one is enough
			floor.add(m, t, weak), transfer.add(m, t, s), ceiling.add(m, t, ceilingHead), agreement.add(t, weak, s, ceilingHead))
		row.trios = append(row.trios, x.trio(k, weak, s, ceilingHead))
		heads, weaks, ceilings = append(heads, weak, s, ceilingHead), append(weaks, weak), append(ceilings, ceilingHead)
		if c := reference(result.Control); err == nil && c != nil {
			heads = append(heads, c)
			err = control.add(m, t, c)
		}
		if err != nil {
			return row, err
		}
		if s.Labels != nil {
			labels = append(labels, *s.Labels)
			addQuality(&row.Labels.Quality, s.Labels.Quality, len(students))
			addQuality(&row.Labels.Raw, s.Labels.Raw, len(students))
		}
		warnings = append(warnings, slices.Concat(weak.Warnings, s.Warnings, ceilingHead.Warnings)...)
	}
	row.warn(merge(warnings)...)
	if note := guarded(students); note != "" {
		row.warn(note)
	}
	ofCeiling := degenerate("the ceiling", t, ceilings)
	if note := atChance(t, ceilings); note != "" && len(ofCeiling) == 0 {
		ofCeiling = []string{note}
	}
	row.Doubts = slices.Concat(degenerate("the supervisor", t, weaks), degenerate("the student", t, students), ofCeiling, contrary(t, weaks, students, row.members == nil && x.kinds[k.weak] != result.PeopleFact))
	boot := opt.bootstrap(t)
	row.LabelInterval = labelInterval(labels, boot.Level)
	for _, l := range labels {
		row.Labels.Effective += l.Effective / float64(len(labels))
	}
	if row.Uneven, err = x.uneven(k, t, students, m); err != nil {
		return row, err
	}
	if row.Imitation, err = agreement.imitation(boot); err != nil {
		return row, err
	}
	if err := row.score(boot, floor, transfer, ceiling, control); err != nil {
		return row, err
	}
	if row.SeedPGR, err = stats.PGROverSeeds(floor.values(), transfer.values(), ceiling.values(), boot.Level); err != nil {
		return row, err
	}
	if row.EasyHard, err = x.easyHard(k, students, opt); err != nil {
		return row, err
	}
	if row.Cosines, err = cosinesOf(students, boot.Level); err != nil {
		return row, err
	}
	if aligned, err := cosinesOf(ceilings, boot.Level); err != nil {
		return row, err
	} else if aligned != nil {
		row.CeilingAxis = &aligned.Axis
	}
	if row.Seeds == 1 {
		row.warn(oneSeed)
	}
	if !row.PGR.Defined {
		row.warn(row.PGR.Reason)
	} else if s := row.SeedPGR; s.LeftOut > 0 {
		row.warn(s.Note())
	}
	if note := sameScores(&transfer, &floor, &ceiling); row.PGR.Defined && note != "" {
		row.Doubts = append(row.Doubts, note)
	}
	if note := x.reversed(row.Weak, row.Strong, row.PGR); !row.Simulated && note != "" {
		row.Doubts = append(row.Doubts, note)
	}
	row.warn(row.Doubts...)
	row.Corpus, row.conditions, row.bySeed = t.Corpus, x.conditionsOf(row, t), transfer.examples
	untreated := row
	untreated.Treatment = ""
	row.grounds = x.conditionsOf(untreated, t)
	row.floorBySeed = floor.examples
	row.identity, row.from = x.identify(t, heads, row.Weak, row.Strong), x.result
	return row, nil
}

// score computes the figures and the PGR of a row. control may be empty.
func (r *Row) score(boot stats.Bootstrap, floor, transfer, ceiling, control seedScores) error {
	kinds, figures := []seedScores{floor, transfer, ceiling}, []*Figure{&r.Floor, &r.Transfer, &r.Ceiling}
	if len(control.scores) > 0 {
		r.Control = &Figure{}
		kinds, figures = append(kinds, control), append(figures, r.Control)
	}
	crossed, err := boot.Cross(list.Map(kinds, func(s seedScores) []stats.Score { return s.scores })...)
	if err != nil {
		return err
	}
	var wide []string
	for k, f := range figures {
		if *f, err = kinds[k].figure(crossed, k, boot.Units()); err != nil {
			return err
		}
		if f.Interval.Hi-f.Interval.Lo > 1 {
			wide = append(wide, []string{"weak", "student", "ceiling", "control"}[k])
		}
	}
	if len(wide) > 0 {
		r.Doubts = append(r.Doubts, tooWide(strings.Join(wide, ", "), r.Seeds))
	}
	if note := undefinedOn(crossed, r.Metric); note != "" {
		r.warn(note)
	}
	r.PGR, err = crossed.PGR(0, 1, 2)
	r.PGR.N = boot.N
	return err
}

// oneSeed is the warning of rows whose intervals cannot cover seeds.
const oneSeed = "one seed: intervals leave out what another draw of the training data would change"

// conditionsOf returns a digest of all that two rows must have in common so that their students can be compared on each test
// example: the test examples, the models' keys, and the settings by which halves were drawn and penalties chosen. The loss is
// not part of it.
func (x *index) conditionsOf(r Row, t *result.Task) string {
	keys := map[string]string{}
	for _, m := range x.result.Models {
		keys[m.Name] = m.Key
	}
	c := x.result.Config
	data, err := json.Marshal([]any{r.Task, t.Digest, t.TestIDs, t.Train, r.Weak, keys[r.Weak], r.Strong, keys[r.Strong], r.Treatment,
		r.Size, r.Stopped, r.Trained, r.Metric, c.Seeds, c.Balance, c.L2, c.Folds, c.Held})
	if err != nil {
		panic(err) // strings and finite numbers have a JSON form
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// labelInterval returns the interval of the mean accuracy of the labels of several seeds: Student's t over the seeds, or Wilson's over the
// labels if there is one seed or all seeds have the same accuracy. It is unknown without labels.
func labelInterval(bySeed []result.LabelQuality, level float64) stats.Interval {
	if len(bySeed) == 0 || bySeed[0].N == 0 {
		return stats.Interval{}
	}
	mean, interval, err := stats.TInterval(list.Map(bySeed, func(q result.LabelQuality) float64 { return q.Accuracy }), level)
	if err != nil || interval.Lo == interval.Hi {
		interval = stats.Wilson(mean, float64(bySeed[0].N), level)
	}
	return interval
}

// addQuality adds one of n qualities to their mean.
func addQuality(mean *stats.Quality, q stats.Quality, n int) {
	mean.N += q.N
	mean.Accuracy += q.Accuracy / float64(n)
	mean.LogLoss += q.LogLoss / float64(n)
	mean.Brier += q.Brier / float64(n)
	mean.ECE += q.ECE / float64(n)
}
