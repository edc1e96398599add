package tasks

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"
)

// minExamples is the least that a load must give: two examples of two classes in each of the three parts of a split.
const minExamples = 12

// maxTextBytes bounds one text. The longest dialogues of the preference sets are below 100 KiB.
const maxTextBytes = 1 << 20

// A maker turns a row into an example without ID. It notes in the row what is wrong with it or why it is left out.
type maker func(r *row) Example

// A collector gathers the examples of one load: it checks them, gives them their ids, removes duplicates and counts
// what it leaves out.
type collector struct {
	info    Info
	faults  Faults
	pool    map[string]*entry
	test    map[string]*entry
	reasons map[string]int // rows left out, by reason
	digests []string
	own     bool // the data has a test part of its own
	dups    int
}

// An entry is all that was read under one id.
type entry struct {
	Example
	sum     []float64 // of the copies' Gold
	copies  int
	clashes bool // the copies disagree on what is right
}

func newCollector(info Info) *collector {
	return &collector{info: info, pool: map[string]*entry{}, test: map[string]*entry{}, reasons: map[string]int{}}
}

// read makes examples of a file and adds them to the pool, or to the test part.
func (c *collector) read(ctx context.Context, f rowFile, test bool, make maker) error {
	c.own = c.own || test
	digest, err := f.read(ctx, &c.faults, func(r *row) {
		e := make(r)
		switch {
		case r.fault != "":
			c.faults.add(r.file, r.line, "%s", r.fault)
		case r.left != "":
			c.reasons[r.left]++
		default:
			c.add(r.file, r.line, test, e)
		}
	})
	c.digests = append(c.digests, digest)
	return err
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
			c.reasons["two candidates are the same text"]++
			return
		}
	}
	e.ID = ContentID(c.info.Form, e.Texts)
	part := c.pool
	if test {
		part = c.test
	}
	old, ok := part[e.ID]
	if !ok {
		part[e.ID] = &entry{Example: e, sum: slices.Clone(e.Gold), copies: 1}
		return
	}
	c.dups++
	old.merge(e)
}

// merge folds a second copy into the entry so that the order of the copies does not matter.
func (old *entry) merge(e Example) {
	if old.Answer != e.Answer || argmax(old.Gold) != argmax(e.Gold) {
		old.clashes = true
	}
	for i := range old.sum {
		old.sum[i] += e.Gold[i]
	}
	old.copies++
	old.Group = min(old.Group, e.Group)
	for _, also := range e.Also {
		if !slices.Contains(old.Also, also) {
			old.Also = append(old.Also, also)
		}
	}
	slices.Sort(old.Also)
}

// sortCandidates puts the candidates into an order that depends on their texts alone, and tells whether two are equal.
func sortCandidates(e Example) (sorted Example, same bool) {
	order := make([]int, len(e.Texts))
	keys := make([][sha256.Size]byte, len(e.Texts))
	for i, t := range e.Texts {
		order[i] = i
		keys[i] = digestOf("candidate", t)
	}
	slices.SortFunc(order, func(a, b int) int { return slices.Compare(keys[a][:], keys[b][:]) })
	sorted = e
	sorted.Texts, sorted.Gold, sorted.Control = permute(e.Texts, order), permute(e.Gold, order), permute(e.Control, order)
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

// checkText says why a text cannot be encoded, or "".
func checkText(t string) string {
	switch {
	case strings.TrimSpace(t) == "":
		return "empty text"
	case !utf8.ValidString(t):
		return "text is not UTF-8 (save the file as UTF-8)"
	case strings.ContainsRune(t, 0):
		return "text holds a zero byte"
	case len(t) > maxTextBytes:
		return fmt.Sprintf("text of %d bytes, the longest allowed has %d", len(t), maxTextBytes)
	}
	return ""
}

// checkExample says what is wrong with an example, or "".
func checkExample(info Info, e Example) string {
	for _, t := range append(slices.Clone(e.Texts), e.Control...) {
		if fault := checkText(t); fault != "" {
			return fault
		}
	}
	if e.Control != nil && len(e.Control) != len(e.Texts) {
		return fmt.Sprintf("%d control texts for %d texts", len(e.Control), len(e.Texts))
	}
	switch info.Form {
	case Classify:
		if len(e.Texts) != 1 {
			return fmt.Sprintf("%d texts, want 1", len(e.Texts))
		}
		return checkGold(e.Gold, len(info.Classes))
	case Rank:
		if len(e.Texts) < 2 {
			return fmt.Sprintf("%d candidates, want 2 or more", len(e.Texts))
		}
		return checkGold(e.Gold, len(e.Texts))
	case Generate:
		if len(e.Texts) != 1 {
			return fmt.Sprintf("%d prompts, want 1", len(e.Texts))
		}
		if strings.TrimSpace(e.Answer) == "" {
			return "empty answer"
		}
		if !utf8.ValidString(e.Answer) {
			return "answer is not UTF-8 (save the file as UTF-8)"
		}
		return ""
	}
	return fmt.Sprintf("unknown form %q", info.Form)
}

func checkGold(gold []float64, n int) string {
	if len(gold) != n {
		return fmt.Sprintf("gold label over %d, want %d", len(gold), n)
	}
	sum := 0.0
	for _, g := range gold {
		if !(g >= 0 && g <= 1) {
			return fmt.Sprintf("gold label %v is not between 0 and 1", g)
		}
		sum += g
	}
	if math.Abs(sum-1) > 1e-6 {
		return fmt.Sprintf("gold label sums to %v, want 1", sum)
	}
	return ""
}

// finish returns the data, or all faults of the load.
func (c *collector) finish() (*Data, error) {
	d, err := c.data()
	if err != nil {
		return nil, err
	}
	if err := enough(c.info, d, &c.faults); err != nil {
		return nil, err
	}
	return d, nil
}

// data returns what was collected, without the demands that a single piece of a task need not meet.
func (c *collector) data() (*Data, error) {
	if err := c.faults.err(); err != nil {
		return nil, err
	}
	d := &Data{classes: c.info.Classes}
	clashes := 0
	keep := func(part map[string]*entry) []Example {
		out := make([]Example, 0, len(part))
		for _, e := range part {
			if e.clashes {
				clashes++
				continue
			}
			for i, sum := range e.sum {
				// Rounding takes away the last bits, where the order of a sum shows.
				e.Gold[i] = math.Round(sum/float64(e.copies)*1e9) / 1e9
			}
			out = append(out, e.Example)
		}
		slices.SortFunc(out, byID)
		return out
	}
	d.Pool = keep(c.pool)
	if c.own {
		d.Test = keep(c.test)
		var shared int
		d.Pool, shared = withoutTest(d.Pool, d.Test)
		if shared > 0 {
			d.Warnings = append(d.Warnings, fmt.Sprintf("%d examples of the training part left out: they, or others of their group, are in the test part", shared))
		}
	}
	if c.dups > 0 {
		d.Warnings = append(d.Warnings, fmt.Sprintf("%d duplicates removed", c.dups))
	}
	if clashes > 0 {
		d.Warnings = append(d.Warnings, fmt.Sprintf("%d texts left out: their copies have different labels", clashes))
	}
	reasons := make([]string, 0, len(c.reasons))
	for reason := range c.reasons {
		reasons = append(reasons, reason)
	}
	sort.Strings(reasons)
	for _, reason := range reasons {
		d.Warnings = append(d.Warnings, fmt.Sprintf("%d rows left out: %s", c.reasons[reason], reason))
	}
	sum := digestOf(c.digests...)
	d.Digest = fmt.Sprintf("%x", sum)
	return d, nil
}

func byID(a, b Example) int { return cmp.Compare(a.ID, b.ID) }

// withoutTest removes from the pool what shares a group or a text with the test part.
func withoutTest(pool, test []Example) (kept []Example, removed int) {
	units := make(map[string]bool, len(test))
	for _, e := range test {
		units[unitOf(e)] = true
	}
	for _, e := range pool {
		if units[unitOf(e)] {
			removed++
			continue
		}
		kept = append(kept, e)
	}
	return kept, removed
}

// enough says what is missing for an experiment: too few examples, or only one class.
func enough(info Info, d *Data, faults *Faults) error {
	name := info.Name
	if n := len(d.Pool) + len(d.Test); n < minExamples {
		faults.add(name, 0, "%d examples, want at least %d", n, minExamples)
		return faults.err()
	}
	if len(d.Pool) == 0 || d.Test != nil && len(d.Test) == 0 {
		faults.add(name, 0, "%d examples to train on and %d to test on: a part is empty", len(d.Pool), len(d.Test))
	}
	if info.Form == Classify {
		missing := func(part string, list []Example) {
			have := make([]int, len(info.Classes))
			for _, e := range list {
				have[argmax(e.Gold)]++
			}
			for k, n := range have {
				if n == 0 && len(list) > 0 {
					faults.add(name, 0, "no example of class %q%s", info.Classes[k], part)
				}
			}
		}
		if d.Test == nil {
			missing("", d.Pool)
		} else {
			missing(" in the training part", d.Pool)
			missing(" in the test part", d.Test)
		}
	}
	return faults.err()
}

// argmax is the place of the largest value, the first of equals; -1 for none.
func argmax(v []float64) int {
	best := -1
	for i, x := range v {
		if best < 0 || x > v[best] {
			best = i
		}
	}
	return best
}
