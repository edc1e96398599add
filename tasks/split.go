package tasks

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"w2s/internal/prob"
	"w2s/internal/visible"
)

// A SplitConfig says how to split a data set into the parts of a weak-to-strong experiment.
type SplitConfig struct {
	Seed    uint64  // decides which examples are in the training pool, and which half of it trains the weak supervisor
	Shared  bool    // all seeds share one training pool, and Seed decides only how it is halved
	Train   int     // size of the training pool, both halves together; 0 takes all examples that can be used
	Test    int     // number of test examples; 0 takes all of the data's own test part that can be used
	Balance Balance // whether the classes are balanced
}

// A Split holds the parts of one experiment, each sorted by ID.
//
// The test set depends on the content of the examples alone, so every seed has the same one. The seed draws the training pool
// from the rest and decides how it is halved. Another seed is then another draw of the training data, as far as the data is
// larger than the pool. Examples of one unit (see [Units]) stay together. Every part is balanced over the classes or has their
// proportions, see [Balance].
type Split struct {
	WeakTrain []Example // the weak supervisor learns from these, with gold labels
	// StrongTrain holds the examples that the strong student learns from with the weak supervisor's labels. Gold, Answer
	// and Also are empty, so the student cannot see the gold labels of this half. CeilingGold and CeilingTrain give them
	// to the strong ceiling.
	StrongTrain []Example
	Test        []Example // with gold labels
	// Dropped is the number of examples that no part can have, because others of their unit are in one, and a part has as many
	// of their class as it needs.
	Dropped int

	ceiling []Example // StrongTrain with gold labels and answers
}

// CeilingGold returns the gold distribution of each example of StrongTrain. Only the strong ceiling may use it.
func (s *Split) CeilingGold() [][]float64 {
	gold := make([][]float64, len(s.ceiling))
	for i, e := range s.ceiling {
		gold[i] = e.Gold
	}
	return gold
}

// CeilingTrain returns the examples of StrongTrain with gold labels and answers. Only the strong ceiling may use them.
func (s *Split) CeilingTrain() []Example { return s.ceiling }

// A TooFewError reports that the data has too few examples for a part of the split.
type TooFewError struct {
	Part  string // "test" or "train"
	Class string // name or number of the class with too few examples; "" for forms without classes
	Want  int    // number of examples wanted of the class, or in total if Class is ""
	Have  int    // number of examples that there are
}

// Error names the part and the class, and gives both numbers.
func (e *TooFewError) Error() string {
	if e.Class == "" {
		return fmt.Sprintf("tasks: split: %s: want %s, have %d (ask for fewer with --%s)", e.Part, visible.Count(e.Want, "example"), e.Have, e.Part)
	}
	return fmt.Sprintf("tasks: split: %s: want %s of class %q, have %d (ask for fewer with --%s, since every class gets the same number, "+
		"or keep the proportions of the classes: --balance=false)", e.Part, visible.Count(e.Want, "example"), e.Class, e.Have, e.Part)
}

// Split splits the data into the parts of an experiment. The error is a [*TooFewError] if the data has too few examples.
// Examples without an id or with the same id are an error, and so are parts that would share an example or a group.
func (d *Data) Split(cfg SplitConfig) (*Split, error) {
	if cfg.Train < 0 || cfg.Test < 0 {
		return nil, fmt.Errorf("tasks: split: sizes must not be negative: %d and %d", cfg.Train, cfg.Test)
	}
	if err := cfg.Balance.check(); err != nil {
		return nil, fmt.Errorf("tasks: split: %w", err)
	}
	classes, err := classCount(pointers(d.Pool, d.Test))
	if err != nil {
		return nil, err
	}
	balanced := cfg.Balance.Balances(classes)
	if err := errors.Join(checkIDs(d.Pool, "the training part"), checkIDs(d.Test, "the test part")); err != nil {
		return nil, err
	}
	s := &Split{}
	d = d.keyed()
	rest := ordered(unitsOf(pointers(d.Pool)), "split pool")
	var test []*Example
	if d.Test == nil {
		if cfg.Test == 0 {
			return nil, errors.New("tasks: split: the data has no test part of its own; say how many examples to test on")
		}
		test, rest, s.Dropped, err = take(quota{part: "test", n: cfg.Test, balanced: balanced, least: 1, reserve: 2}, rest, classes)
	} else {
		test, _, s.Dropped, err = take(quota{part: "test", n: cfg.Test, balanced: balanced, least: 1}, ordered(unitsOf(pointers(d.Test)), "split test"), classes)
	}
	if err != nil {
		return nil, d.nameClass(err)
	}
	if len(rest) == 0 {
		return nil, fmt.Errorf("tasks: split: the test part of %d examples leaves nothing to train on, since every group has an example in it "+
			"(ask for fewer test examples, or use smaller groups)", len(test))
	}
	if seed := strconv.FormatUint(cfg.Seed, 10); !cfg.Shared {
		rest = ordered(rest, "split pool", seed)
	}
	var weak, strong []*Example
	if slices.ContainsFunc(d.Pool, func(e Example) bool { return e.half != anyHalf }) {
		weak, strong, err = s.takeHalves(cfg.Train, balanced, rest, classes)
	} else {
		weak, strong, err = s.takePool(cfg, balanced, rest, classes)
	}
	if err != nil {
		return nil, d.nameClass(err)
	}
	for _, part := range [][]*Example{weak, strong, test} {
		slices.SortFunc(part, compareIDs)
	}
	s.WeakTrain, s.ceiling, s.Test = copies(weak), copies(strong), copies(test)
	s.StrongTrain = slices.Clone(s.ceiling)
	for i := range s.StrongTrain {
		s.StrongTrain[i].Gold, s.StrongTrain[i].Answer, s.StrongTrain[i].Also = nil, "", nil
	}
	return s, s.checkLeaks()
}

// takePool draws the training pool and cuts it into halves.
func (s *Split) takePool(cfg SplitConfig, balanced bool, units []unit, classes int) (weak, strong []*Example, err error) {
	pool, _, dropped, err := take(quota{part: "train", n: cfg.Train, balanced: balanced, least: 2}, units, classes)
	if err != nil {
		return nil, nil, err
	}
	s.Dropped += dropped
	weak, strong = halve(pool, classes, cfg.Seed)
	if len(weak) == 0 || len(strong) == 0 {
		return nil, nil, fmt.Errorf("tasks: split: %s in one group cannot be halved", visible.Count(len(pool), "training example"))
	}
	return weak, strong, nil
}

// takeHalves draws the halves of the training pool from the parts that the data set's authors made for them. n is the size of
// the pool, or 0 for all.
func (s *Split) takeHalves(n int, balanced bool, units []unit, classes int) (weak, strong []*Example, err error) {
	ofWeak, ofStrong, dropped := publishedHalves(units)
	s.Dropped += dropped
	q := quota{part: "train", n: n - n/2, balanced: balanced, least: 1}
	for _, h := range []struct {
		units []unit
		n     int
		into  *[]*Example
	}{{ofWeak, n - n/2, &weak}, {ofStrong, n / 2, &strong}} {
		q.n = h.n
		taken, _, dropped, err := take(q, h.units, classes)
		if err != nil {
			return nil, nil, err
		}
		*h.into, s.Dropped = taken, s.Dropped+dropped
	}
	return weak, strong, nil
}

// publishedHalves divides units by the half of their examples. Of a unit with examples of both halves, it keeps those of the
// weak half.
func publishedHalves(units []unit) (weak, strong []unit, dropped int) {
	for _, u := range units {
		own := slices.DeleteFunc(slices.Clone(u.examples), func(e *Example) bool { return e.half == strongHalf })
		if len(own) == 0 {
			strong = append(strong, u)
			continue
		}
		dropped += len(u.examples) - len(own)
		u.examples = own
		weak = append(weak, u)
	}
	return weak, strong, dropped
}

// keyed returns the data with the keys of all examples computed.
func (d *Data) keyed() *Data {
	out := *d
	for _, part := range []*[]Example{&out.Pool, &out.Test} {
		if !slices.ContainsFunc(*part, func(e Example) bool { return e.key == "" }) {
			continue
		}
		*part = slices.Clone(*part)
		for i := range *part {
			(*part)[i].key = textKey(&(*part)[i])
		}
	}
	return &out
}

// nameClass replaces the number of the class in a TooFewError by its name, if the data knows it.
func (d *Data) nameClass(err error) error {
	var short *TooFewError
	if errors.As(err, &short) && short.Class != "" {
		if c, err := strconv.Atoi(short.Class); err == nil && c < len(d.classes) {
			short.Class = d.classes[c]
		}
	}
	return err
}

// classCount returns the number of classes of a classification, and 1 for the other forms, which have nothing to balance:
// the order of the candidates of a ranking does not depend on which of them is right.
func classCount(examples []*Example) (int, error) {
	if len(examples) == 0 {
		return 0, errors.New("tasks: split: no examples")
	}
	n := 1
	if len(examples[0].Texts) == 1 && examples[0].Gold != nil {
		n = len(examples[0].Gold)
	}
	for _, e := range examples {
		if n > 1 && len(e.Gold) != n {
			return 0, fmt.Errorf("tasks: split: example %s has %s, others have %d", e.ID, visible.Count(len(e.Gold), "class"), n)
		}
	}
	return n, nil
}

func classOf(e *Example, classes int) int {
	if classes == 1 {
		return 0
	}
	return prob.Argmax(e.Gold)
}

// take fills a part with examples of the first units. It leaves a unit for later parts if no example of the unit is of a class
// that the part still needs. If it takes a unit, it drops the examples that exceed the share of their class, so that they
// cannot appear in another part, and counts them.
func take(q quota, units []unit, classes int) (taken []*Example, rest []unit, dropped int, err error) {
	have := make([]int, classes)
	for _, u := range units {
		for _, e := range u.examples {
			have[classOf(e, classes)]++
		}
	}
	want, err := q.shares(have)
	if err != nil {
		return nil, nil, 0, err
	}
	for _, u := range units {
		useful := false
		for _, e := range u.examples {
			useful = useful || want[classOf(e, classes)] > 0
		}
		if !useful {
			rest = append(rest, u)
			continue
		}
		for _, e := range u.examples {
			if c := classOf(e, classes); want[c] > 0 {
				want[c]--
				taken = append(taken, e)
			} else {
				dropped++
			}
		}
	}
	return taken, rest, dropped, nil
}

// halve divides the pool into halves. The seed decides the order of the units, and each unit goes to the half that has
// fewer examples of the unit's classes. Without groups the halves differ by at most one example of each class.
func halve(pool []*Example, classes int, seed uint64) (weak, strong []*Example) {
	lead := make([]int, classes) // for each class, the number of examples in the weak half minus that in the strong half
	total := 0                   // the sum of lead
	for _, u := range ordered(unitsOf(pool), "split halves", strconv.FormatUint(seed, 10)) {
		counts := make([]int, classes)
		for _, e := range u.examples {
			counts[classOf(e, classes)]++
		}
		surplus := 0 // positive if the weak half has more examples of the unit's classes
		for c, n := range counts {
			surplus += lead[c] * n
		}
		sign := 1
		if surplus < 0 || surplus == 0 && total <= 0 {
			weak = append(weak, u.examples...)
		} else {
			strong = append(strong, u.examples...)
			sign = -1
		}
		for c, n := range counts {
			lead[c] += sign * n
			total += sign * n
		}
	}
	return weak, strong
}

// checkIDs returns an error if an example has no id, or the id of another example of the part.
func checkIDs(examples []Example, part string) error {
	seen := make(map[string]bool, len(examples))
	for _, e := range examples {
		if e.ID == "" {
			return fmt.Errorf("tasks: split: an example of %s has no id (set it with ContentID)", part)
		}
		if seen[e.ID] {
			return fmt.Errorf("tasks: split: example %s occurs twice in %s", e.ID, part)
		}
		seen[e.ID] = true
	}
	return nil
}

// checkLeaks returns an error if two parts share an example, a text or a group. It does not rely on the code above, so it
// also catches its mistakes.
func (s *Split) checkLeaks() error {
	parts := []struct {
		name     string
		examples []Example
	}{{"weak-train", s.WeakTrain}, {"strong-train", s.ceiling}, {"test", s.Test}}
	n := 0
	for _, part := range parts {
		n += len(part.examples)
	}
	ids, texts, groups, links := make(map[string]int8, n), make(map[string]int8, n), map[string]int8{}, map[string]int8{}
	for k, part := range parts {
		for i := range part.examples {
			e, leak := &part.examples[i], ""
			check := func(owner map[string]int8, key string) { // owner is the part that has a key
				if other, ok := owner[key]; ok && int(other) != k && leak == "" {
					leak = parts[other].name
				}
				owner[key] = int8(k)
			}
			check(texts, textKey(e))
			if e.Group != "" {
				check(groups, e.Group)
			}
			for _, l := range e.links {
				check(links, l)
			}
			if check(ids, e.ID); leak != "" {
				return fmt.Errorf("tasks: split: leak: example %s of %s shares its text or group with %s", e.ID, part.name, leak)
			}
		}
	}
	return nil
}
