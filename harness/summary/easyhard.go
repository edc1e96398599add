package summary

import (
	"fmt"
	"slices"
	"strings"

	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/internal/list"
)

// An EasyHard tells how far training on easy examples carries to hard ones. All scores are on the hardest third of the test examples, over
// the seeds of a row.
type EasyHard struct {
	Order    string `json:"order"` // see result.Orders
	N        int    `json:"n"`     // hard test examples, of the first seed
	Train    int    `json:"train"` // training examples of either head, of the first seed
	Floor    Figure `json:"weak"`  // the weak supervisor
	Transfer Figure `json:"student"`
	// Unsupervised is the main axis of the features, signed by the weak labels. nil: the task has more than two classes.
	Unsupervised *Figure `json:"unsupervised,omitempty"`
	Easy         Figure  `json:"easy"` // the strong model trained on gold of easy examples
	Hard         Figure  `json:"hard"` // the strong model trained on gold of hard examples
	// SGR is the supervision gap recovered of Hase et al. 2024: (easy - unsupervised) / (hard - unsupervised). Its Gap is the
	// denominator.
	SGR      stats.PGR `json:"sgr"`
	Warnings []string  `json:"warnings,omitempty"`
}

// An orderedKey tells ordered heads, which differ in the seed, from others. weak is "" if the order depends on no supervisor.
type orderedKey struct {
	task, weak, strong, trained string
	size                        int
	kind                        string
}

// addOrdered stores an ordered head.
func (x *index) addOrdered(h *result.Head) {
	k := orderedKey{h.Task, "", h.Model, h.Trained, h.Size, h.Baseline}
	if s := x.heads[h.Supervisor]; s != nil {
		k.weak = s.Source()
	}
	if order, easy := result.Order(h.Baseline); easy && len(x.ordered[k]) == 0 {
		x.orders = append(x.orders, orderedKey{h.Task, k.weak, h.Model, h.Trained, h.Size, order})
	}
	x.ordered[k] = append(x.ordered[k], h)
}

// easyHard returns what the ordered heads of a row's pair tell, one for each order.
func (x *index) easyHard(k groupKey, students []*result.Head, opt Options) (out []EasyHard, err error) {
	for _, o := range x.orders {
		if o.task != k.task || o.strong != k.strong || o.trained != k.trained || o.size != k.size || o.weak != "" && o.weak != k.weak {
			continue
		}
		of := func(kind string) []*result.Head {
			key := o
			key.kind = kind
			return sameSeeds(x.ordered[key], students)
		}
		easy, hard := of(result.Easy(o.kind)), of(result.Hard(o.kind))
		if easy == nil || hard == nil {
			continue
		}
		axis := sameSeeds(x.comparisons[comparisonKey{k.ofPair(), result.OfAxis}], students)
		e, err := x.onHard(o.kind, students, axis, easy, hard, opt)
		if err != nil {
			return nil, fmt.Errorf("order %s: %w", o.kind, err)
		}
		out = append(out, e)
	}
	return out, nil
}

// onHard scores heads on the hard test examples. Every list has a head for each seed; axis may be nil.
func (x *index) onHard(order string, students, axis, easy, hard []*result.Head, opt Options) (EasyHard, error) {
	t := x.tasks[students[0].Task]
	m, err := opt.metricOf(t)
	if err != nil {
		return EasyHard{}, err
	}
	out := EasyHard{Order: order, N: len(hardOnes(easy[0], len(t.TestIDs))), Train: easy[0].Train}
	weaks := make([]*result.Head, len(students))
	for i, s := range students {
		weaks[i] = x.heads[s.Supervisor]
	}
	lists := [][]*result.Head{weaks, students, easy, hard}
	figures := []*Figure{&out.Floor, &out.Transfer, &out.Easy, &out.Hard}
	if axis != nil {
		out.Unsupervised = &Figure{}
		lists, figures = append(lists, axis), append(figures, out.Unsupervised)
	}
	kinds := make([]seedScores, len(lists))
	for k, heads := range lists {
		for i, h := range heads {
			if err := kinds[k].add(m, t, h); err != nil {
				return out, err
			}
			kinds[k].scores[i] = onlyOn(hardOnes(easy[i], len(t.TestIDs)), len(t.TestIDs), kinds[k].scores[i])
		}
	}
	boot := opt.bootstrap(t)
	crossed, err := boot.Cross(list.Map(kinds, func(s seedScores) []stats.Score { return s.scores })...)
	if err != nil {
		return out, err
	}
	var wide []string
	for k, f := range figures {
		if *f, err = kinds[k].figure(crossed, k, out.N*boot.Units()/boot.N); err != nil {
			return out, err
		}
		if f.Interval.Hi-f.Interval.Lo > 1 {
			wide = append(wide, []string{"weak", "student", "easy", "hard", "unsupervised"}[k])
		}
	}
	if note := undefinedOn(crossed, m.NameFor(t.Form)); note != "" {
		out.Warnings = append(out.Warnings, note)
	}
	if len(wide) > 0 {
		out.Warnings = append(out.Warnings, tooWide(strings.Join(wide, ", "), len(students)))
	}
	for _, h := range slices.Concat(easy, hard) {
		out.Warnings = list.AppendNew(out.Warnings, h.Warnings...)
	}
	out.Warnings = append(merge(out.Warnings), slices.Concat(degenerate("easy", t, easy), degenerate("hard", t, hard))...)
	if axis == nil {
		out.SGR = stats.PGR{Reason: "no unsupervised score, since one direction cannot tell more than two classes apart: SGR undefined"}
		return out, nil
	}
	out.SGR, err = crossed.PGR(4, 2, 3)
	out.SGR.N = out.N
	out.SGR.Reason = strings.ReplaceAll(out.SGR.Reason, "PGR", "SGR")
	return out, err
}

// hardOnes returns the numbers of the hard ones among n test examples.
func hardOnes(h *result.Head, n int) []int {
	var at []int
	for i := range n {
		if i/8 < len(h.HardTest) && h.HardTest[i/8]>>(i%8)&1 == 1 {
			at = append(at, i)
		}
	}
	return at
}

// onlyOn restricts a score of n examples to those that are listed.
func onlyOn(members []int, n int, score stats.Score) stats.Score {
	return func(weight []float64) float64 {
		own := make([]float64, n)
		for _, i := range members {
			own[i] = 1
			if weight != nil {
				own[i] = weight[i]
			}
		}
		return score(own)
	}
}

// An EasyHardRow is what one order tells of a row.
type EasyHardRow struct {
	Row Row
	EasyHard
}

// EasyHardRows returns a row for every order of every row that has some.
func EasyHardRows(rows []Row) (out []EasyHardRow) {
	for _, r := range rows {
		for _, e := range r.EasyHard {
			out = append(out, EasyHardRow{r, e})
		}
	}
	return out
}
