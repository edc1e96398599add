package tasks

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"math"
	"slices"

	"w2s/internal/prob"
	"w2s/internal/visible"
)

// minExamples is the smallest number of examples of a task: two of each of two classes in each of the three parts of a
// split.
const minExamples = 12

// A collector gathers the examples of one load. It checks them, sets their ids, removes duplicates and counts what it
// leaves out.
type collector struct {
	info       Info
	faults     Faults
	pool, test map[string]*entry   // by id
	hasTest    bool                // the data has its own test part
	skipped    map[string]*leftOut // by reason
	duplicates int
	rows       int // of a task's files that were read
	digests    []string
	cut        []string      // files of which a limit on rows left a rest unread
	each       func(Example) // receives the examples in place of pool and test; nil: they are kept
	budget     *budget       // nil for data that is made of other data
}

// An entry is an example and what its copies add to it.
type entry struct {
	Example
	goldSum  []float64          // sum of the copies' Gold
	weakSums map[string]weakSum // of the copies' Weak
	copies   int
	conflict bool // the copies disagree on the right answer
}

// A leftOut counts what is left out for one reason.
type leftOut struct {
	count int
	unit  string // "row", or "game" of a PGN file
	first string // place and detail of the first one, or ""
}

// leaveOut counts a row that makes no example.
func (c *collector) leaveOut(reason string) *leftOut {
	if c.skipped[reason] == nil {
		c.skipped[reason] = &leftOut{unit: "row"}
	}
	c.skipped[reason].count++
	return c.skipped[reason]
}

// String returns, for example, "1 row" or "3 games".
func (l leftOut) String() string { return visible.Count(l.count, l.unit) }

func newCollector(info Info) *collector {
	return &collector{info: info, pool: map[string]*entry{}, test: map[string]*entry{}, skipped: map[string]*leftOut{}}
}

// within sets the limits of what the collector reads and keeps to those of a source.
func (c *collector) within(src Source) *collector {
	c.budget = &budget{limits: limitsOf(src)}
	return c
}

// read makes examples of the rows of a file and adds them to the pool or the test part.
func (c *collector) read(ctx context.Context, f rowFile, test bool, example exampleFunc) error {
	c.hasTest = c.hasTest || test
	return c.readRows(ctx, f, func(r *row) {
		e := example(r)
		if !c.rejected(r) {
			c.add(r.file, r.line, test, e)
		}
	})
}

// readSource makes examples of the rows of a task's file.
func (c *collector) readSource(ctx context.Context, f sourcedFile) error {
	c.hasTest = c.hasTest || f.test
	return c.readRows(ctx, f.rowFile, func(r *row) {
		rows := []*row{r}
		if f.rows != nil && r.fault == "" && r.skipped == "" {
			rows = f.rows(r)
		}
		if len(rows) > 0 {
			c.rows++
		}
		for _, one := range rows {
			var e Example
			if one.fault == "" && one.skipped == "" {
				e = f.example(one)
			}
			if e.half = f.half; !c.rejected(one) {
				c.add(one.file, one.line, f.test, e)
			}
		}
	})
}

// readRows calls do for every row of a file, and notes the digest of the file.
func (c *collector) readRows(ctx context.Context, f rowFile, do func(*row)) error {
	f.budget = c.budget
	digest, err := f.read(ctx, &c.faults, do)
	c.digests = append(c.digests, digest)
	return err
}

// rejected reports whether a row makes no example, and counts it as a fault or as a skipped row.
func (c *collector) rejected(r *row) bool {
	switch {
	case r.fault != "":
		c.faults.add(r.file, r.line, "%s", r.fault)
	case r.skipped != "":
		l := c.leaveOut(r.skipped)
		if l.unit = cmp.Or(r.unit, l.unit); r.detail != "" && l.first == "" {
			l.first = fmt.Sprintf("%s:%d: %s", r.file, r.line, r.detail)
		}
	default:
		return false
	}
	return true
}

// add checks an example and puts it into the pool or the test part.
func (c *collector) add(file string, line int, test bool, e Example) {
	if fault := checkExample(c.info, e); fault != "" {
		c.faults.add(file, line, "%s", fault)
		return
	}
	if c.info.Form == Rank {
		var same bool
		if e, same = sortCandidates(e); same {
			c.leaveOut("two candidates are the same text")
			return
		}
	}
	e.ID, e.key = ContentID(c.info.Form, e.Texts), ""
	if c.each != nil {
		c.each(e)
		return
	}
	part := c.pool
	if test {
		part = c.test
	}
	old, ok := part[e.ID]
	if !ok {
		if c.budget != nil {
			e = e.detached()
			c.budget.keep(e)
		}
		part[e.ID] = &entry{Example: e, goldSum: slices.Clone(e.Gold), copies: 1}
		part[e.ID].addWeak(e)
		return
	}
	c.duplicates++
	old.merge(e)
}

// merge adds a copy to the entry. The result does not depend on the order of the copies.
func (old *entry) merge(e Example) {
	if old.Answer != e.Answer || prob.Argmax(old.Gold) != prob.Argmax(e.Gold) {
		old.conflict = true
	}
	for i := range old.goldSum {
		old.goldSum[i] += e.Gold[i]
	}
	old.copies++
	old.addWeak(e)
	old.own = append(old.own, e.own...)
	old.half = min(old.half, e.half)
	old.Group = min(old.Group, e.Group)
	old.Difficulty = min(old.Difficulty, e.Difficulty)
	if slices.Compare(e.Replies, old.Replies) < 0 {
		old.Replies = e.Replies
	}
	for _, also := range e.Also {
		if !slices.Contains(old.Also, also) {
			old.Also = append(old.Also, also)
		}
	}
	slices.Sort(old.Also)
}

// sortCandidates puts the candidates into an order that depends on their texts alone, and reports whether two of them
// are equal.
func sortCandidates(e Example) (sorted Example, same bool) {
	order := make([]int, len(e.Texts))
	keys := make([][sha256.Size]byte, len(e.Texts))
	for i, t := range e.Texts {
		order[i] = i
		keys[i] = digestOf("candidate", t)
	}
	slices.SortFunc(order, func(a, b int) int { return slices.Compare(keys[a][:], keys[b][:]) })
	sorted = e
	sorted.Texts, sorted.Gold = permute(e.Texts, order), permute(e.Gold, order)
	sorted.Weak = maps.Clone(e.Weak)
	for name, p := range e.Weak {
		sorted.Weak[name] = permute(p, order)
	}
	sorted.own = slices.Clone(e.own)
	for i := range sorted.own {
		sorted.own[i].order = order
	}
	sorted.Control, sorted.Replies = permute(e.Control, order), permute(e.Replies, order)
	for i := 1; i < len(sorted.Texts); i++ {
		same = same || sorted.Texts[i] == sorted.Texts[i-1]
	}
	return sorted, same
}

func permute[T any](in []T, order []int) []T {
	if in == nil {
		return nil
	}
	out := make([]T, len(in))
	for i, from := range order {
		out[i] = in[from]
	}
	return out
}

// finish returns the data, or all faults of the load. Data that is too small for an experiment is a fault.
func (c *collector) finish() (*Data, error) {
	d, err := c.data()
	if err != nil {
		return nil, err
	}
	if err := checkSize(c.info, d, &c.faults); err != nil {
		return nil, err
	}
	return d, nil
}

// derive makes the data of a task from the data of another task. The function example makes an example without ID of each
// example.
func derive(info Info, from *Data, example func(Example) Example) (*Data, error) {
	c := newCollector(info)
	c.hasTest = from.Test != nil
	for i, e := range grouped(slices.Concat(from.Pool, from.Test)) {
		made := example(e)
		made.Difficulty = e.Difficulty
		c.add(info.Name, 0, i >= len(from.Pool), made)
	}
	d, err := c.finish()
	if err != nil {
		return nil, err
	}
	d.Digest, d.Warnings = from.Digest, slices.Concat(from.Warnings, d.Warnings)
	return d, nil
}

// data returns the collected examples, however few, or all faults of the load.
func (c *collector) data() (*Data, error) {
	if err := c.faults.err(); err != nil {
		return nil, err
	}
	d := &Data{classes: c.info.Classes}
	warn := func(format string, args ...any) { d.Warnings = append(d.Warnings, fmt.Sprintf(format, args...)) }
	var conflicts int
	d.Pool, conflicts = examplesOf(c.pool)
	if c.hasTest {
		var shared, inTest int
		d.Test, inTest = examplesOf(c.test)
		conflicts += inTest
		if d.Pool, shared = withoutTest(d.Pool, d.Test); shared > 0 {
			warn("%s of the training part left out, because a copy, a near copy or others of the same group are in the test part", visible.Count(shared, "example"))
		}
	}
	if c.duplicates > 0 {
		warn("%s removed", visible.Count(c.duplicates, "duplicate"))
	}
	if n := nearCopies(d.Pool); n > 0 {
		differ := "differ"
		if n == 1 {
			differ = "differs"
		}
		warn("%s %s from others only in case, punctuation or repeated characters: near copies stay together in the split", visible.Count(n, "example"), differ)
	}
	if conflicts > 0 {
		warn("%s left out, because copies have different labels", visible.Count(conflicts, "text"))
	}
	for _, reason := range slices.Sorted(maps.Keys(c.skipped)) {
		l := c.skipped[reason]
		text := fmt.Sprintf("%v left out: %s", l, reason)
		if l.first != "" {
			text += fmt.Sprintf(" (the first: %s)", l.first)
		}
		warn("%s", text)
	}
	d.Digest = fmt.Sprintf("%x", digestOf(c.digests...))
	return d, nil
}

// examplesOf returns the examples of a part, sorted by ID. It leaves out those whose copies disagree and counts them.
func examplesOf(part map[string]*entry) (examples []Example, conflicts int) {
	examples = make([]Example, 0, len(part))
	for _, e := range part {
		if e.conflict {
			conflicts++
			continue
		}
		for i, sum := range e.goldSum {
			// The order of the summands changes the last bits of the sum; rounding removes the difference.
			e.Gold[i] = math.Round(sum/float64(e.copies)*1e9) / 1e9
		}
		e.meanWeak()
		slices.SortFunc(e.own, func(a, b ownID) int { return cmp.Compare(a.id, b.id) })
		e.key = textKey(&e.Example)
		examples = append(examples, e.Example)
	}
	slices.SortFunc(examples, byID)
	return examples, conflicts
}

func byID(a, b Example) int { return compareIDs(&a, &b) }

func compareIDs(a, b *Example) int { return cmp.Compare(a.ID, b.ID) }

// withoutTest removes examples from the pool that belong to a unit with examples of the test part.
func withoutTest(pool, test []Example) (kept []Example, removed int) {
	numbers := unitNumbers(pointers(test, pool))
	tested := make(map[int]bool, len(test))
	for _, n := range numbers[:len(test)] {
		tested[n] = true
	}
	for i, e := range pool {
		if tested[numbers[len(test)+i]] {
			removed++
			continue
		}
		kept = append(kept, e)
	}
	return kept, removed
}
