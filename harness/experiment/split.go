package experiment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"w2s/harness/head"
	"w2s/harness/loss"
	"w2s/internal/list"
	"w2s/internal/prob"
	"w2s/internal/visible"
	"w2s/tasks"
)

// splitWhole splits data at the sizes of a configuration, and returns these sizes for further splits.
func splitWhole(cfg Config, data *tasks.Data) (tasks.SplitConfig, *tasks.Split, error) {
	size, err := splitSize(cfg, data)
	if err != nil {
		return size, nil, err
	}
	size.Seed = cfg.Seeds[0]
	whole, err := splitPool(cfg, data, size)
	if err != nil {
		return size, nil, err
	}
	if n := len(whole.WeakTrain) + len(whole.StrongTrain); n < minTrain {
		return size, nil, fmt.Errorf("too few training examples: %d (want %d or more)", n, minTrain)
	}
	return size, whole, nil
}

// splitPool splits data at the given sizes. Groups can leave fewer training examples than there seem to be. If the
// configuration does not say how many it wants, splitPool then takes all of them.
func splitPool(cfg Config, data *tasks.Data, size tasks.SplitConfig) (*tasks.Split, error) {
	whole, err := data.Split(size)
	var short *tasks.TooFewError
	if errors.As(err, &short) && short.Part == "train" && cfg.Train == 0 && size.Train == DefaultTrain {
		size.Train = 0
		whole, err = data.Split(size)
	}
	return whole, err
}

// splitSize returns the sizes that were asked for. Otherwise it returns the defaults or, if the data is too small for them, a
// quarter of the data for the test, but no fewer than minTest, and the rest for training.
func splitSize(cfg Config, data *tasks.Data) (tasks.SplitConfig, error) {
	size := tasks.SplitConfig{Shared: cfg.SharedPool, Train: cfg.Train, Test: cfg.Test, Balance: cfg.Balance}
	pool := cfg.Balance.Usable(data.Pool)
	if size.Test == 0 {
		if data.Test == nil {
			size.Test = min(DefaultTest, max(pool/4, minTest))
		} else {
			size.Test = min(DefaultTest, cfg.Balance.Usable(data.Test))
		}
	}
	of, help := "examples", "add some"
	if cfg.Balance.Balances(len(tasks.ClassCounts(data.Pool))) {
		of, help = "examples of balanced classes", "add some of the rarest class, or use --balance=false"
	}
	if size.Test < minTest {
		return size, fmt.Errorf("a test part of %d %s is too small (want %d or more: %s)", size.Test, of, minTest, help)
	}
	if data.Test == nil {
		if pool < size.Test+minTrain {
			return size, fmt.Errorf("too few %s: %d (want %d to test on and %d or more to train on: %s)", of, pool, size.Test, minTrain, help)
		}
		pool -= size.Test
	}
	if size.Train == 0 && pool >= DefaultTrain {
		size.Train = DefaultTrain // otherwise all there are
	}
	return size, nil
}

// checkHeldOut reports a half that cannot be divided into examples to train on and examples to choose the penalty on. Training
// would fail for the same reason, but only after all texts are encoded.
func (w *workbench) checkHeldOut() error {
	if w.info.Form == tasks.Generate {
		return nil
	}
	grid := w.cfg.grid(w.groups)
	for _, h := range w.halves {
		for _, half := range []struct {
			name     string
			examples []int
		}{{"weak-train", h.weak}, {"strong-train", h.strong}} {
			job := head.Job{Examples: half.examples, Labels: make([][]float64, len(half.examples)), Loss: loss.XEnt{}, Seed: h.seed}
			if _, err := grid.Cuts(job); err != nil {
				return fmt.Errorf("%s of seed %d: %w", half.name, h.seed, err)
			}
		}
	}
	return nil
}

// commonShare is how much larger than 1/K the share of the most frequent of K classes may be before a result says so. With two
// classes that is up to 55 %.
const commonShare = 1.1

// describeSplit adds what a reader must know about classes and groups to the task's record. size is what the split was asked for.
func (w *workbench) describeSplit(data *tasks.Data, size tasks.SplitConfig, whole *tasks.Split) {
	if whole.Dropped > 0 && size.Train == 0 {
		w.warn("%s left out, because others of their groups or near copies are in a part that needs no more of their class", visible.Count(whole.Dropped, "example"))
	}
	if n := distinct(w.groups[w.pooled:]); 2*n <= len(w.test) {
		w.warn("the %s are of %s, which intervals resample whole", visible.Count(len(w.test), "test example"), visible.Count(n, "group"))
	}
	switch n := len(w.cfg.Seeds); {
	case n == 1:
	case w.cfg.SharedPool:
		w.warn("all seeds halve one training pool: intervals leave out what another pool would change")
	case w.pooled == w.record.Train:
		w.warn("all seeds halve the same %d training examples, since there are no others: intervals leave out what other training data would change", w.pooled)
	case w.pooled < 2*w.record.Train:
		w.warn("the training pools of the %d seeds overlap (%d examples, of which each takes %d): intervals do not include all of the variation between training sets",
			n, w.pooled, w.record.Train)
	}
	all := data.Pool
	if data.Test != nil {
		all = slices.Concat(data.Pool, data.Test)
	}
	counts := tasks.ClassCounts(all)
	if counts == nil {
		return
	}
	if !w.cfg.Balance.Balances(len(counts)) {
		w.describeProportions(whole)
		return
	}
	common, used := slices.Max(counts), w.record.Train+len(whole.Test)
	if float64(common*len(counts)) <= balancedShare*float64(len(all)) {
		return
	}
	switch natural := w.naturalSize(data); {
	case used < natural:
		w.warn("classes are balanced: %d of %d examples are used, since the data has %s (--balance=false uses %d)", used, len(all), w.classList(counts), natural)
	case float64(common*len(counts)) > commonShare*float64(len(all)):
		w.warn("classes are balanced: of the data, %.1f %% are of class %q (--balance=false keeps that share)",
			100*float64(common)/float64(len(all)), w.className(slices.Index(counts, common)))
	}
}

// balancedShare is commonShare for data whose classes count as balanced already: balancing then takes next to nothing.
const balancedShare = 1.01

// naturalSize returns how many examples a split without balancing would use, or 0 if there is none.
func (w *workbench) naturalSize(data *tasks.Data) int {
	natural := w.cfg
	natural.Balance = tasks.NeverBalance
	_, whole, err := splitWhole(natural, data)
	if err != nil {
		return 0
	}
	return len(whole.WeakTrain) + len(whole.StrongTrain) + len(whole.Test)
}

// describeProportions says how frequent classes are that are not balanced, and which are missing somewhere.
func (w *workbench) describeProportions(whole *tasks.Split) {
	test := tasks.ClassCounts(whole.Test)
	common := slices.Max(test)
	if float64(common*len(test)) > commonShare*float64(len(whole.Test)) {
		w.warn("classes are not balanced: always answering %q is right for %.1f %% of the test examples", w.className(slices.Index(test, common)),
			100*float64(common)/float64(len(whole.Test)))
	}
	var absent []string
	for k, n := range test {
		if n == 0 {
			absent = append(absent, strconv.Quote(w.className(k)))
		}
	}
	if len(absent) > 0 {
		w.warn("no test example of class %s", strings.Join(absent, ", "))
	}
	for _, h := range w.halves {
		for _, gold := range [][][]float64{h.weakGold, h.strongGold} {
			for k, n := range classCounts(gold) {
				if n == 0 {
					w.warn("a half of the training pool has no example of class %q", w.className(k))
				}
			}
		}
	}
}

// classCounts returns the number of examples of each class.
func classCounts(gold [][]float64) []int {
	count := make([]int, len(gold[0]))
	for _, g := range gold {
		count[prob.Argmax(g)]++
	}
	return count
}

// distinct returns the number of different names.
func distinct(names []string) int {
	seen := map[string]bool{}
	for _, n := range names {
		seen[n] = true
	}
	return len(seen)
}

// maxClassList is the number of classes up to which a warning lists all of them.
const maxClassList = 4

// classList writes the number of examples of each class, or of the largest and the smallest one.
func (w *workbench) classList(counts []int) string {
	of := func(k int) string { return fmt.Sprintf("%d of class %q", counts[k], w.className(k)) }
	if len(counts) <= maxClassList {
		var parts []string
		for k := range counts {
			parts = append(parts, of(k))
		}
		return strings.Join(parts, ", ")
	}
	return fmt.Sprintf("from %s to %s", of(slices.Index(counts, slices.Min(counts))), of(slices.Index(counts, slices.Max(counts))))
}

func (w *workbench) className(k int) string {
	if k < len(w.info.Classes) {
		return w.info.Classes[k]
	}
	return fmt.Sprint(k)
}

// A Usage says what a run uses of a task.
type Usage struct {
	Train, Weak, Strong, Test int   // numbers of examples: the training pool, its halves for the first seed, the test part
	TrainClasses, TestClasses []int // examples of each class; nil for rankings and free answers
	TrainUnits, TestUnits     int   // numbers of units, which stay together; see tasks.Units
	Warnings                  []string
}

// Inspect loads a task and splits it as [Run] does with this configuration, without any model. It returns the error with which
// Run would refuse the task. Of the configuration, only what concerns data is used.
func Inspect(ctx context.Context, cfg Config, src tasks.Source, task tasks.Task) (*Usage, error) {
	cfg = cfg.withDefaults()
	if len(cfg.Seeds) == 0 {
		cfg.Seeds = []uint64{0}
	}
	cfg.Models, cfg.Treatments, cfg.Simulated, cfg.Supervisors, cfg.Ensembles, cfg.Combined = nil, nil, nil, nil, nil, nil
	var faults faultList
	cfg.checkData(&faults)
	cfg.checkTask(task.Info(), &faults)
	if err := faults.err(); err != nil {
		return nil, err
	}
	w, err := open(ctx, cfg, Env{Source: src}.withDefaults(), task)
	if err != nil {
		return nil, fmt.Errorf("task %s: %w", task.Info().Name, err)
	}
	u := &Usage{Train: w.record.Train, Weak: len(w.halves[0].weak), Strong: len(w.halves[0].strong), Test: len(w.test), Warnings: w.record.Warnings}
	pool := slices.Concat(w.halves[0].weak, w.halves[0].strong)
	u.TrainUnits, u.TestUnits = distinct(list.Map(pool, func(e int) string { return w.groups[e] })), distinct(w.groups[w.pooled:])
	if w.info.Form == tasks.Classify {
		u.TrainClasses = classCounts(slices.Concat(w.halves[0].weakGold, w.halves[0].strongGold))
		u.TestClasses = classCounts(w.record.TestGold)
	}
	return u, nil
}
