package harness

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"w2s/harness/feature"
	"w2s/harness/label"
	"w2s/harness/loss"
	"w2s/tasks"
)

// A Config says which experiment to do: every task with every pair of models, every loss and treatment, for all seeds.
type Config struct {
	Models     []Model
	Pairs      []Pair
	Tasks      []tasks.Task
	Losses     []loss.Loss       // of the student; weak supervisor and strong ceiling learn by cross-entropy
	Treatments []label.Treatment // of the weak labels; empty: as they are
	Simulated  []Simulated       // supervisors that are no model, beside those of Pairs
	Seeds      []uint64          // each cuts the training pool into halves of its own
	Train      int               // examples in the training pool, both halves together; 0: DefaultTrain, or what there is
	Test       int               // test examples; 0: DefaultTest, or what can be spared
	Sizes      []int             // smaller training pools to try as well, each a part of the next larger
	L2         []float64         // penalties to choose from; empty: DefaultL2
	Held       float64           // share of a head's training examples that its penalty is chosen on; 0: DefaultHeld
	KeepTexts  bool              // keep the test texts in the result, for the report's example browser
}

// Defaults of a Config.
const (
	DefaultTrain = 2000
	DefaultTest  = 800
	DefaultHeld  = 0.2
)

// minTrain is the smallest training pool: each half then has examples to learn from and examples to choose on.
const minTrain = 20

// DefaultL2 are the penalties on the mean loss over standardised features that a head's own is chosen from.
var DefaultL2 = []float64{0.01, 0.03, 0.1, 0.3, 1, 3, 10}

// A Model is an encoder with the name that tables give it.
type Model struct {
	Name        string
	Encoder     feature.Encoder
	Writer      func(context.Context) (Writer, error) // opens the model for tasks with free answers; nil: it writes none
	Parameters  int64                                 // 0: not known
	Description map[string]string                     // for the result file
}

// A Pair is a weak supervisor's model and a strong student's, by name. They may be the same.
type Pair struct {
	Weak   string `json:"weak"`
	Strong string `json:"strong"`
}

func (p Pair) String() string { return p.Weak + " -> " + p.Strong }

// Settings is a Config as the result file has it.
type Settings struct {
	Pairs      []Pair    `json:"pairs"`
	Losses     []string  `json:"losses"`
	Treatments []string  `json:"treatments"`
	Simulated  []string  `json:"simulated,omitempty"`
	Seeds      []uint64  `json:"seeds"`
	Train      int       `json:"train"` // as asked for; 0 is the default
	Test       int       `json:"test"`
	Sizes      []int     `json:"sizes,omitempty"`
	L2         []float64 `json:"l2"`
	Held       float64   `json:"held"`
}

// Settings returns what the result file says of the configuration.
func (c Config) Settings() Settings {
	s := Settings{Pairs: c.Pairs, Seeds: c.Seeds, Train: c.Train, Test: c.Test, Sizes: c.Sizes, L2: c.L2, Held: c.Held}
	for _, l := range c.Losses {
		s.Losses = append(s.Losses, l.String())
	}
	for _, t := range c.Treatments {
		s.Treatments = append(s.Treatments, t.String())
	}
	for _, sim := range c.Simulated {
		s.Simulated = append(s.Simulated, sim.String())
	}
	return s
}

// withDefaults fills what was left empty.
func (c Config) withDefaults() Config {
	if len(c.Treatments) == 0 {
		c.Treatments = []label.Treatment{label.Soft{}}
	}
	if len(c.L2) == 0 {
		c.L2 = DefaultL2
	}
	if c.Held == 0 {
		c.Held = DefaultHeld
	}
	return c
}

// A ConfigError is a fault of a configuration: nothing was done yet, and to try again is no use.
type ConfigError struct{ error }

// Unwrap gives the faults.
func (e ConfigError) Unwrap() error { return e.error }

// configError makes the faults of a configuration one error, or nil where there is none.
func configError(faults ...error) error {
	if err := errors.Join(faults...); err != nil {
		return ConfigError{err}
	}
	return nil
}

// Validate reports all faults of the configuration at once, as a [ConfigError].
func (c Config) Validate() error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("harness: "+format, args...))
	}
	names := map[string]bool{}
	for _, m := range c.Models {
		if names[m.Name] {
			fault("model %q is given twice", m.Name)
		}
		names[m.Name] = true
		if m.Encoder == nil {
			fault("model %q has no encoder", m.Name)
		}
	}
	for _, p := range c.Pairs {
		for _, n := range []string{p.Weak, p.Strong} {
			if !names[n] {
				fault("pair %s: no model is named %q", p, n)
			}
		}
	}
	if len(c.Pairs) == 0 {
		fault("no pair of models")
	}
	if len(c.Tasks) == 0 {
		fault("no task")
	}
	if len(c.Losses) == 0 {
		fault("no loss")
	}
	if len(c.Seeds) == 0 {
		fault("no seed")
	}
	var taskNames, lossNames, treatmentNames []string
	for _, t := range c.Tasks {
		taskNames = append(taskNames, t.Info().Name)
	}
	for _, l := range c.Losses {
		lossNames = append(lossNames, l.String())
	}
	for _, t := range c.Treatments {
		treatmentNames = append(treatmentNames, t.String())
	}
	twice(fault, "pair", c.Pairs)
	twice(fault, "task", taskNames)
	twice(fault, "loss", lossNames)
	twice(fault, "treatment", treatmentNames)
	twice(fault, "simulated supervisor", c.Simulated)
	twice(fault, "seed", c.Seeds)
	twice(fault, "size", c.Sizes)
	for _, s := range c.Simulated {
		if _, err := ParseSimulated(s.String()); err != nil {
			faults = append(faults, err)
		}
	}
	for _, n := range c.Sizes {
		if n < minTrain {
			fault("a training pool of %d is too small (want %d or more)", n, minTrain)
		}
	}
	if c.Train != 0 && c.Train < minTrain { // 0 is the default
		fault("a training pool of %d is too small (want %d or more)", c.Train, minTrain)
	}
	if c.Test != 0 && c.Test < minTest {
		fault("a test part of %d is too small (want %d or more)", c.Test, minTest)
	}
	if !(c.Held >= 0 && c.Held < 1) {
		fault("held-out share %v is not between 0 and 1", c.Held)
	}
	for _, l2 := range c.L2 {
		if !(l2 >= 0 && l2 <= math.MaxFloat64) {
			fault("penalty %v is not a finite number of 0 or more", l2)
		}
	}
	return configError(append(faults, c.checkForms())...)
}

// twice reports values that are there more than once.
func twice[T comparable](fault func(string, ...any), what string, values []T) {
	seen := map[T]bool{}
	for _, v := range values {
		if seen[v] {
			fault("%s %v is given twice", what, v)
		}
		seen[v] = true
	}
}

// strongs are the models that are a student in some pair, weaks those that supervise, in the order of Models.
func (c Config) strongs() []string { return c.inPairs(func(p Pair) string { return p.Strong }) }
func (c Config) weaks() []string   { return c.inPairs(func(p Pair) string { return p.Weak }) }

func (c Config) inPairs(side func(Pair) string) []string {
	var names []string
	for _, m := range c.Models {
		if slices.ContainsFunc(c.Pairs, func(p Pair) bool { return side(p) == m.Name }) {
			names = append(names, m.Name)
		}
	}
	return names
}
