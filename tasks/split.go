package tasks

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// SplitConfig says how to cut a data set into the parts of a weak-to-strong experiment.
type SplitConfig struct {
	Seed  uint64 // decides which half of the training pool is the weak supervisor's
	Train int    // examples in the training pool, both halves together; 0 takes all there are
	Test  int    // examples to test on; 0 takes the whole test part of data that has its own
}

// A Split holds the parts of one experiment, each sorted by ID.
//
// Which examples are tested on and which form the training pool follows from their content alone, so every seed shares
// one test set and one pool and each text is encoded once. The seed cuts the pool into halves. The examples of a group
// stay together, and the parts are balanced over the classes.
type Split struct {
	WeakTrain []Example // with gold: the weak supervisor learns from these
	// StrongTrain is what the student learns from, under the weak supervisor's labels. Gold, Answer and Also are empty:
	// the gold labels of this half are out of the student's reach. Its ceiling asks CeilingGold or CeilingTrain.
	StrongTrain []Example
	Test        []Example // with gold

	ceiling []Example
}

// CeilingGold returns the gold distributions of StrongTrain, row by row: for the strong ceiling and nothing else.
func (s *Split) CeilingGold() [][]float64 {
	gold := make([][]float64, len(s.ceiling))
	for i, e := range s.ceiling {
		gold[i] = e.Gold
	}
	return gold
}

// CeilingTrain returns the examples of StrongTrain with gold labels and answers: for the strong ceiling and nothing else.
func (s *Split) CeilingTrain() []Example { return s.ceiling }

// A TooFewError says that the data cannot fill a part.
type TooFewError struct {
	Part  string // "test" or "train"
	Class string // the class that is short, by name or number; "" where there are no classes to balance
	Want  int    // examples of that class, or in all
	Have  int
}

func (e *TooFewError) Error() string {
	if e.Class == "" {
		return fmt.Sprintf("tasks: split: %s: %d examples wanted, %d there (ask for fewer)", e.Part, e.Want, e.Have)
	}
	return fmt.Sprintf("tasks: split: %s: %d examples of class %q wanted, %d there (ask for fewer: the classes are balanced)", e.Part, e.Want, e.Class, e.Have)
}

// unitOf names what must not be torn apart: the group, or the text itself up to case and white space.
func unitOf(e Example) string {
	if e.Group != "" {
		return "group " + e.Group
	}
	return "text " + fold(e.Texts)
}

// A unit is the examples that go the same way.
type unit struct {
	key      string
	order    uint64
	examples []Example
}

// unitsOf gathers examples into units and sorts these by a hash of their key under the salt.
func unitsOf(examples []Example, salt ...string) []unit {
	at := map[string]int{}
	var units []unit
	for _, e := range examples {
		key := unitOf(e)
		i, ok := at[key]
		if !ok {
			i = len(units)
			at[key] = i
			units = append(units, unit{key: key, order: hash64(append(slices.Clone(salt), key)...)})
		}
		units[i].examples = append(units[i].examples, e)
	}
	for _, u := range units {
		slices.SortFunc(u.examples, byID)
	}
	slices.SortFunc(units, func(a, b unit) int {
		if a.order != b.order {
			if a.order < b.order {
				return -1
			}
			return 1
		}
		return slices.Compare([]byte(a.key), []byte(b.key))
	})
	return units
}

// Split cuts the data into parts. It fails when there are too few examples ([TooFewError]), and when parts would share
// an example or a group.
func (d *Data) Split(cfg SplitConfig) (*Split, error) {
	if cfg.Train < 0 || cfg.Test < 0 {
		return nil, fmt.Errorf("tasks: split: sizes %d and %d must not be negative", cfg.Train, cfg.Test)
	}
	classes, err := classCount(append(slices.Clone(d.Pool), d.Test...))
	if err != nil {
		return nil, err
	}
	if err := errors.Join(repeated(d.Pool, "the training part"), repeated(d.Test, "the test part")); err != nil {
		return nil, err
	}
	s := &Split{}
	rest := unitsOf(d.Pool, "split pool")
	if d.Test == nil {
		if cfg.Test == 0 {
			return nil, errors.New("tasks: split: this data has no test part of its own: say how many examples to test on")
		}
		s.Test, rest, err = take("test", rest, cfg.Test, classes)
	} else {
		s.Test, _, err = take("test", unitsOf(d.Test, "split test"), cfg.Test, classes)
	}
	if err != nil {
		return nil, d.named(err)
	}
	pool, _, err := take("train", rest, cfg.Train, classes)
	if err != nil {
		return nil, d.named(err)
	}
	s.WeakTrain, s.ceiling = halve(pool, classes, cfg.Seed)
	if len(s.WeakTrain) == 0 || len(s.ceiling) == 0 {
		return nil, fmt.Errorf("tasks: split: %d training examples in one group cannot be halved", len(pool))
	}
	for _, part := range [][]Example{s.WeakTrain, s.ceiling, s.Test} {
		slices.SortFunc(part, byID)
	}
	s.StrongTrain = slices.Clone(s.ceiling)
	for i := range s.StrongTrain {
		s.StrongTrain[i].Gold, s.StrongTrain[i].Answer, s.StrongTrain[i].Also = nil, "", nil
	}
	return s, s.leaks()
}

// named puts the name of the class into the error, where the data knows it.
func (d *Data) named(err error) error {
	var short *TooFewError
	if errors.As(err, &short) && short.Class != "" {
		if c, err := strconv.Atoi(short.Class); err == nil && c < len(d.classes) {
			short.Class = d.classes[c]
		}
	}
	return err
}

// classCount is the number of classes of a classification, or 1 where there is nothing to balance: the candidates of a
// ranking stand in an order that does not depend on which is right.
func classCount(examples []Example) (int, error) {
	if len(examples) == 0 {
		return 0, errors.New("tasks: split: no examples")
	}
	n := 1
	if len(examples[0].Texts) == 1 && examples[0].Gold != nil {
		n = len(examples[0].Gold)
	}
	for _, e := range examples {
		if n > 1 && len(e.Gold) != n {
			return 0, fmt.Errorf("tasks: split: example %s has %d classes, others have %d", e.ID, len(e.Gold), n)
		}
	}
	return n, nil
}

func classOf(e Example, classes int) int {
	if classes == 1 {
		return 0
	}
	return argmax(e.Gold)
}

// take fills a part of n examples (0: as many as can be balanced) with the first units in order. A unit that has
// nothing of a class still wanted is left for later parts; of a unit that is taken, what exceeds the share of its class
// is dropped, so that it cannot turn up elsewhere.
func take(part string, units []unit, n, classes int) (taken []Example, rest []unit, err error) {
	have := make([]int, classes)
	for _, u := range units {
		for _, e := range u.examples {
			have[classOf(e, classes)]++
		}
	}
	want := make([]int, classes)
	for c := range want {
		want[c] = n / classes
		if c < n%classes {
			want[c]++ // an odd size gives the first classes one more
		}
		if n == 0 {
			want[c] = slices.Min(have)
		}
		if have[c] < want[c] || want[c] == 0 {
			short := &TooFewError{Part: part, Want: max(want[c], 1), Have: have[c]}
			if classes > 1 {
				short.Class = strconv.Itoa(c)
			}
			return nil, nil, short
		}
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
			}
		}
	}
	return taken, rest, nil
}

// halve deals the units of the pool, in an order that the seed decides, each to the half that has less of what it
// holds. Without groups the halves differ by at most one example of each class.
func halve(pool []Example, classes int, seed uint64) (weak, strong []Example) {
	lead := make([]int, classes) // examples of each class in the weak half less those in the strong half
	total := 0
	for _, u := range unitsOf(pool, "split halves", strconv.FormatUint(seed, 10)) {
		holds := make([]int, classes)
		for _, e := range u.examples {
			holds[classOf(e, classes)]++
		}
		pull := 0
		for c, n := range holds {
			pull += lead[c] * n
		}
		toWeak := pull < 0 || pull == 0 && total <= 0
		sign := 1
		if toWeak {
			weak = append(weak, u.examples...)
		} else {
			strong = append(strong, u.examples...)
			sign = -1
		}
		for c, n := range holds {
			lead[c] += sign * n
			total += sign * n
		}
	}
	return weak, strong
}

func repeated(examples []Example, part string) error {
	seen := make(map[string]bool, len(examples))
	for _, e := range examples {
		if e.ID == "" {
			return fmt.Errorf("tasks: split: an example of %s has no id (set it with ContentID)", part)
		}
		if seen[e.ID] {
			return fmt.Errorf("tasks: split: example %s is twice in %s", e.ID, part)
		}
		seen[e.ID] = true
	}
	return nil
}

// leaks is the proof, whatever the code above does, that no two parts share an example, a text or a group.
func (s *Split) leaks() error {
	owner := map[string]string{}
	for _, part := range []struct {
		name     string
		examples []Example
	}{{"weak-train", s.WeakTrain}, {"strong-train", s.ceiling}, {"test", s.Test}} {
		for _, e := range part.examples {
			for _, key := range []string{"id " + e.ID, unitOf(e)} {
				if other, ok := owner[key]; ok && other != part.name {
					return fmt.Errorf("tasks: split: leak: example %s of %s shares its text or group with %s", e.ID, part.name, other)
				}
				owner[key] = part.name
			}
		}
	}
	return nil
}
