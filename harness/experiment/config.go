// Package experiment carries out weak-to-strong experiments.
//
// [Run] trains, for every task, pair of models, loss, treatment and seed,
//
//	a weak supervisor on gold labels of weak-train       (its test score is the weak floor)
//	students on the supervisor's labels of strong-train  (the transfer score)
//	the strong model on gold labels of strong-train      (the strong ceiling)
//
// and returns their predictions for the test examples as a [result.Result]. [RunChain] lets each model teach the next one,
// and [RunTransfer] tests the heads of every task on all tasks. Package summary computes figures from the result.
//
// A [Config] says what to do, and an [Env] gives access to the machine. For each task, the experiment loads the examples and
// cuts them into halves, encodes all texts under every model, trains the supervisors, lets them label the strong half, treats
// the labels, and trains students and ceilings. [MakePlan] says beforehand what that costs.
//
// Models are seen through [feature.Encoder] and [freeform.Writer] and data through [tasks.Task], so the package knows nothing
// of ONNX Runtime or of downloads.
package experiment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"w2s/harness/feature"
	"w2s/harness/freeform"
	"w2s/harness/head"
	"w2s/harness/label"
	"w2s/harness/loss"
	"w2s/harness/metric"
	"w2s/harness/result"
	"w2s/internal/list"
	"w2s/internal/visible"
	"w2s/tasks"
)

// A Config says what to do: every task with every pair of models, every loss and every treatment, for all seeds.
type Config struct {
	Models     []Model
	Pairs      []result.Pair
	Tasks      []tasks.Task
	Losses     []loss.Loss       // of the student; supervisors and ceilings learn by cross-entropy
	Treatments []label.Treatment // of the weak labels; empty: none, the labels stay soft
	// Simulated are simulated supervisors. The String of one can be the weak side of a pair. One that is in no pair supervises every
	// strong model.
	Simulated []Simulated
	// Supervisors are supervisors that are not trained. A pair can have one in place of its weak model.
	Supervisors []Supervisor
	Ensembles   []Ensemble    // supervisors of several heads of one model
	Combined    *Combination  // a supervisor made of others; nil: there is none
	Seeds       []uint64      // each seed draws a training pool and cuts it into two halves
	SharedPool  bool          // all seeds cut the same training pool: fewer texts to encode
	Train       int           // examples in the training pool, both halves together; 0: DefaultTrain, or all there are
	Test        int           // test examples; 0: DefaultTest, or as many as small data can spare
	Balance     tasks.Balance // whether the classes are balanced; empty: two classes are, more keep their proportions
	Steps       []int         // steps of Adam after which the training of further students is stopped; the student that is not stopped is always there
	Sizes       []int         // smaller training pools to try as well, each one a part of the next larger one
	L2          []float64     // penalties to choose from; empty: DefaultL2
	Folds       int           // parts of a head's training examples for the choice of its penalty by cross-validation; 1: Held; 0: DefaultFolds
	// Held is the share of a head's training examples that is held out to choose its penalty on if Folds is 1, and to fit the calibration
	// of weak labels on. 0: DefaultHeld.
	Held      float64
	Geometry  bool // compare the features of supervisors and students
	Baselines bool // train what students are compared with as well; see baselines.go
	// Unlabelled lists baselines without labels to train as well, of [result.Unlabelled].
	Unlabelled []string
	Orders     []string // orders of the examples by difficulty, of [result.Orders]; see easyhard.go
	// Gold lists shares of strong-train of which students that are apart from the others see the gold labels; see somegold.go.
	Gold      []float64
	Contrast  Contrast // how texts to classify are written as statements, for those that need them; nil: they cannot be
	KeepTexts bool     // keep the test texts in the result, for the report's example browser
}

// Defaults of a Config.
const (
	DefaultTrain = 2000
	DefaultTest  = 800
	DefaultFolds = 3
	DefaultHeld  = 0.2
)

// MaxFolds is the largest value of Config.Folds. Penalties are compared with that many heads each.
const MaxFolds = 20

const (
	// minTrain is the smallest training pool. Each half then has examples to learn from and examples to choose on.
	minTrain = 20
	// minTest is the smallest number of test examples. With fewer, one example is more than five points.
	minTest = 20
)

// DefaultL2 lists the penalties from which a head's own is chosen. They are relative to the mean loss over standardised
// features.
var DefaultL2 = []float64{0.01, 0.03, 0.1, 0.3, 1, 3, 10}

// A Model is an encoder with the name that tables show.
type Model struct {
	Name    string
	Encoder feature.Encoder
	// Pass encodes texts under Encoder and under those of the other models with the same Pass, which all read the same texts. nil:
	// the model is encoded by itself.
	Pass feature.Pass
	// Chat writes a conversation as the text that the model reads, for models with a chat template. nil: the model reads the
	// texts of a task as they are.
	Chat func([]tasks.Turn) (string, error)
	// Lookup names the vectors of examples, for an Encoder that reads names in place of texts. nil: it reads texts.
	Lookup      Lookup
	Writer      func(context.Context) (freeform.Writer, error) // opens the model for tasks with free answers; nil: it cannot write
	Parameters  int64                                          // 0: unknown
	Layer       *result.Layer                                  // whose states are the features; nil: the model's own output
	Description map[string]string                              // for the result file
}

// A Lookup names the vectors of examples that were made elsewhere.
type Lookup interface {
	// Texts returns a name for each text of an example.
	Texts(tasks.Example) ([]string, error)
	// Controls returns a name for each control text of an example, or nil if there are no vectors of these.
	Controls(tasks.Example) []string
}

// settings returns what the result file says of the configuration, which has its defaults filled in.
func (c Config) settings() result.Settings {
	return result.Settings{Kind: result.Pairs, Pairs: c.Pairs, Seeds: c.Seeds, Pools: c.pools(), Train: c.Train, Test: c.Test, Balance: c.Balance, Sizes: c.Sizes, Steps: c.Steps,
		L2: c.L2, Folds: c.Folds, Held: c.Held, Losses: names(c.Losses), Treatments: names(c.Treatments), Simulated: names(c.Simulated)}
}

func (c Config) pools() string {
	if c.SharedPool {
		return result.SharedPool
	}
	return result.OwnPools
}

// names returns the String of every value, or nil if there are none.
func names[T fmt.Stringer](values []T) []string {
	if len(values) == 0 {
		return nil
	}
	return list.Map(values, func(v T) string { return v.String() })
}

// models returns what the result file says of the models, and of the supervisors that are not trained.
func (c Config) models() []result.Model {
	models := list.Map(c.Models, func(m Model) result.Model {
		return result.Model{Name: m.Name, Key: m.Encoder.Key(), Dims: m.Encoder.Dims(), Parameters: m.Parameters,
			Layer: m.Layer, Description: m.Description}
	})
	for _, s := range c.Supervisors {
		models = append(models, result.Model{Name: s.Name, Key: s.Key, Parameters: s.Parameters, Description: s.Description})
	}
	for _, b := range c.Ensembles {
		models = append(models, result.Model{Name: b.Name, Key: b.Key, Description: map[string]string{
			result.SupervisorFact: visible.Count(b.Heads, "head") + " of " + b.Model, result.HeadsOfFact: b.Model}})
	}
	if c.Combined != nil {
		models = append(models, c.Combined.model())
	}
	return models
}

// Differences reports, one line for each difference, why r is not a result of this configuration; see
// [result.Result.Differences].
func (c Config) Differences(r *result.Result) []string {
	return c.differences(r, c.withDefaults().settings())
}

func (c Config) differences(r *result.Result, s result.Settings) []string {
	return r.Differences(result.Experiment{Config: s, Models: c.models(), Texts: c.KeepTexts,
		Tasks: list.Map(c.Tasks, func(t tasks.Task) string { return t.Info().Name })})
}

// withDefaults fills in what was left empty.
func (c Config) withDefaults() Config {
	if len(c.Treatments) == 0 {
		c.Treatments = []label.Treatment{label.Soft{}}
	}
	if len(c.L2) == 0 {
		c.L2 = DefaultL2
	}
	if c.Folds == 0 {
		c.Folds = DefaultFolds
	}
	if c.Held == 0 {
		c.Held = DefaultHeld
	}
	return c
}

// A ConfigError holds the faults of a configuration. It is returned before anything is done.
type ConfigError struct{ error }

// Unwrap returns the faults.
func (e ConfigError) Unwrap() error { return e.error }

// A faultList collects the faults of a configuration.
type faultList []error

func (f *faultList) add(format string, args ...any) { *f = append(*f, fmt.Errorf(format, args...)) }

// err returns the faults as one ConfigError, or nil if there are none.
func (f faultList) err() error {
	if err := errors.Join(f...); err != nil {
		return ConfigError{err}
	}
	return nil
}

// Validate reports all faults of the configuration together, as a [ConfigError].
func (c Config) Validate() error {
	var faults faultList
	c.check(&faults)
	return faults.err()
}

func (c Config) check(faults *faultList) {
	known := map[string]bool{}
	for _, m := range c.Models {
		if known[m.Name] {
			faults.add("model %q is given twice", m.Name)
		}
		known[m.Name] = true
		if m.Encoder == nil {
			faults.add("model %q has no encoder", m.Name)
		}
	}
	for _, s := range c.Supervisors {
		if known[s.Name] {
			faults.add("supervisor %q is given twice", s.Name)
		}
		known[s.Name] = true
	}
	for _, s := range c.Simulated {
		known[s.String()] = true
	}
	c.checkEnsembles(known, faults)
	c.checkCombined(known, faults)
	if c.Combined != nil {
		if known[c.Combined.Name] {
			faults.add("supervisor %q is given twice", c.Combined.Name)
		}
		known[c.Combined.Name] = true
	}
	for _, p := range c.Pairs {
		for _, n := range []string{p.Weak, p.Strong} {
			if !known[n] {
				faults.add("pair %s: no model is named %q", p, n)
			}
		}
		if c.supervisor(p.Strong) != nil || c.isSimulated(p.Strong) || c.isEnsemble(p.Strong) || c.Combined != nil && p.Strong == c.Combined.Name {
			faults.add("pair %s: %s is a supervisor that is not trained, so it cannot be the student", p, p.Strong)
		}
	}
	for _, l := range []struct {
		what string
		n    int
	}{{"pair of models", len(c.Pairs)}, {"task", len(c.Tasks)}, {"loss", len(c.Losses)}, {"seed", len(c.Seeds)}} {
		if l.n == 0 {
			faults.add("no %s", l.what)
		}
	}
	twice(faults, "pair", c.Pairs)
	twice(faults, "task", list.Map(c.Tasks, func(t tasks.Task) string { return t.Info().Name }))
	twice(faults, "loss", names(c.Losses))
	twice(faults, "treatment", names(c.Treatments))
	twice(faults, "simulated supervisor", c.Simulated)
	twice(faults, "seed", c.Seeds)
	twice(faults, "size", c.Sizes)
	twice(faults, "step", c.Steps)
	for _, s := range c.Simulated {
		if _, err := ParseSimulated(s.String()); err != nil {
			*faults = append(*faults, err)
		}
	}
	c.checkData(faults)
	c.checkUnlabelled(faults)
	c.checkOrders(faults)
	c.checkGold(faults)
	if c.Folds < 0 || c.Folds > MaxFolds {
		faults.add("%d folds are not in 1..%d", c.Folds, MaxFolds)
	}
	if !(c.Held >= 0 && c.Held < 1) {
		faults.add("held-out share %v is not between 0 and 1", c.Held)
	}
	for _, l2 := range c.L2 {
		if !(l2 >= 0 && l2 <= math.MaxFloat64) {
			faults.add("penalty %v is not a finite number of 0 or more", l2)
		}
	}
	c.checkRepeats(faults)
	for _, t := range c.Tasks {
		c.checkTask(t.Info(), faults)
	}
}

// checkData reports faults of what concerns the data of a task.
func (c Config) checkData(faults *faultList) {
	for _, n := range c.Steps {
		if n < 1 {
			faults.add("experiment: step %d: want 1 or more", n)
		}
	}
	for _, n := range c.Sizes {
		if n < minTrain {
			faults.add("a training pool of %d is too small (want %d or more: --sizes)", n, minTrain)
		}
		if whole := cmp.Or(c.Train, DefaultTrain); n >= whole {
			faults.add("the smaller training pool of %d is not smaller than the whole one of %d (leave it out, or make the whole one larger)", n, whole)
		}
	}
	switch c.Balance {
	case tasks.AutoBalance, tasks.AlwaysBalance, tasks.NeverBalance:
	default:
		faults.add("unknown balance %q (have: %q, %q, or \"\" for the default)", c.Balance, tasks.AlwaysBalance, tasks.NeverBalance)
	}
	if c.Train != 0 && c.Train < minTrain { // 0 is the default
		faults.add("a training pool of %d is too small (want %d or more: --train)", c.Train, minTrain)
	}
	if c.Test != 0 && c.Test < minTest {
		faults.add("a test part of %d is too small (want %d or more: --test)", c.Test, minTest)
	}
}

// checkTask reports what the task needs and the configuration does not have.
func (c Config) checkTask(t tasks.Info, faults *faultList) {
	if m, err := metric.Lookup(t.Metric); err != nil {
		faults.add("task %s: %w", t.Name, err)
	} else if !m.Has(t.Form) {
		faults.add("task %s: a %s task has no %s", t.Name, t.Form, m.Name)
	}
	c.checkSupervisors(t, faults)
	if k := len(t.Classes); t.Form == tasks.Classify && k > 0 {
		for _, s := range c.Simulated {
			if s.Accuracy > 0 && s.Accuracy <= 1/float64(k) {
				faults.add("task %s: %s%s: accuracy %v is not above guessing among %s", t.Name, result.SimulatedPrefix, s, s.Accuracy, visible.Count(k, "class"))
			}
		}
	}
	c.checkOrdersOf(t, faults)
	if t.Form == tasks.Generate && len(c.Gold) > 0 {
		faults.add("task %s: no student of written answers sees some gold", t.Name)
	}
	for _, l := range c.Losses {
		if err := loss.Check(l, 0); t.Form == tasks.Rank && err != nil {
			faults.add("task %s: %w", t.Name, err)
		} else if t.Form == tasks.Generate && (loss.TakesEvidence(l) || loss.HeadsOf(l) > 1) {
			faults.add("task %s: loss %s is not of one linear head, as the layer that writes is (choose another loss)", t.Name, l)
		}
	}
	if t.Form == tasks.Rank {
		for _, treatment := range c.Treatments {
			if err := label.CheckRankings(treatment); err != nil {
				faults.add("task %s: treatment %w", t.Name, err)
			}
		}
	}
	if t.Form != tasks.Generate {
		return
	}
	for _, treatment := range c.Treatments {
		if treatment != label.Treatment(label.Soft{}) {
			faults.add("task %s: written answers have no probabilities for the treatment %s (leave treatments out)", t.Name, treatment)
		}
	}
	if len(c.Simulated) > 0 {
		faults.add("task %s: there are no simulated supervisors for free answers", t.Name)
	}
	for _, m := range c.Models {
		if m.Writer == nil {
			faults.add("task %s: model %s writes no answers", t.Name, m.Name)
		}
	}
}

// twice reports values that are given more than once.
func twice[T comparable](faults *faultList, what string, values []T) {
	seen := map[T]bool{}
	for _, v := range values {
		if seen[v] {
			faults.add("%s %v is given twice", what, v)
		}
		seen[v] = true
	}
}

// strongs returns the models that are the student of some pair, and weaks those that are the supervisor of one, or whose heads are in an
// ensemble, in the order of Models.
func (c Config) strongs() []string { return c.inPairs(func(p result.Pair) string { return p.Strong }) }
func (c Config) weaks() []string {
	return c.inPairs(func(p result.Pair) string {
		for _, b := range c.Ensembles {
			if b.Name == p.Weak {
				return b.Model
			}
		}
		return p.Weak
	})
}

func (c Config) inPairs(side func(result.Pair) string) []string {
	var names []string
	for _, m := range c.Models {
		if slices.ContainsFunc(c.Pairs, func(p result.Pair) bool { return side(p) == m.Name }) {
			names = append(names, m.Name)
		}
	}
	return names
}

// grid returns how the penalty of a head is chosen. groups are those of the examples of its data.
func (c Config) grid(groups []string) head.Grid {
	return head.Grid{L2: c.L2, Folds: c.Folds, HeldOut: c.Held, Group: groups}
}

// needsHeldOut reports whether a treatment looks at held-out labels.
func (c Config) needsHeldOut() bool {
	return slices.ContainsFunc(c.Treatments, label.NeedsHeld)
}

// repeats returns how many labels of heads on bootstrap samples a treatment looks at, or 0.
func (c Config) repeats() int {
	most := 0
	for _, t := range c.Treatments {
		most = max(most, label.Repeats(t))
	}
	return most
}

// checkRepeats reports treatments that ask a supervisor several times beside supervisors that have one answer.
func (c Config) checkRepeats(faults *faultList) {
	at := slices.IndexFunc(c.Treatments, func(t label.Treatment) bool { return label.Repeats(t) > 0 })
	if at < 0 {
		return
	}
	for _, p := range c.Pairs {
		if !slices.ContainsFunc(c.Models, func(m Model) bool { return m.Name == p.Weak }) {
			faults.add("treatment %s: it trains heads of the supervisor again, and %s is not a model that is trained here", c.Treatments[at], p.Weak)
			return
		}
	}
	if len(c.Simulated) > 0 {
		faults.add("treatment %s: it trains heads of the supervisor again, and simulated supervisors have none (leave one of both out)", c.Treatments[at])
	}
}
