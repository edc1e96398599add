package tasks

import (
	"container/heap"
	"fmt"
	"slices"
	"strconv"

	"w2s/internal/prob"
)

// A Balance says whether every class has the same number of examples in each part of a split.
type Balance string

const (
	// AutoBalance balances two classes. More classes keep their proportions, since the rarest one would limit all others.
	AutoBalance Balance = ""
	// AlwaysBalance gives every class the same number of examples.
	AlwaysBalance Balance = "true"
	// NeverBalance keeps the proportions of the data.
	NeverBalance Balance = "false"
)

// Balances reports whether a split of examples with the given number of classes is balanced. Rankings and free answers count
// as one class.
func (b Balance) Balances(classes int) bool {
	return classes > 1 && (b == AlwaysBalance || b == AutoBalance && classes == 2)
}

// check returns an error if b is not one of the constants.
func (b Balance) check() error {
	switch b {
	case AutoBalance, AlwaysBalance, NeverBalance:
		return nil
	}
	return fmt.Errorf("unknown balance %q (have: %q, %q, or \"\" for the default)", string(b), string(AlwaysBalance), string(NeverBalance))
}

// Usable returns how many of the examples a split can use: all, or what remains when every class is cut to the size of the
// smallest one.
func (b Balance) Usable(examples []Example) int {
	count := ClassCounts(examples)
	if !b.Balances(len(count)) {
		return len(examples)
	}
	return len(count) * slices.Min(count)
}

// ClassCounts returns the number of examples of each class, or nil for rankings and free answers.
func ClassCounts(examples []Example) []int {
	if len(examples) == 0 || len(examples[0].Texts) != 1 || len(examples[0].Gold) < 2 {
		return nil
	}
	count := make([]int, len(examples[0].Gold))
	for _, e := range examples {
		count[prob.Argmax(e.Gold)]++
	}
	return count
}

// A quota asks for a part of a split.
type quota struct {
	part     string // for messages
	n        int    // number of examples; 0 takes as many as there are
	balanced bool
	least    int // smallest number of examples of a class, if it has as many and classes are not balanced
	reserve  int // number of examples of a class to leave for later parts, if classes are not balanced
}

// shares returns how many examples of each class the part gets, of the numbers that there are. With a larger n, no class gets
// fewer. The error is a [*TooFewError] if there are too few.
func (q quota) shares(have []int) ([]int, error) {
	if q.balanced || len(have) == 1 {
		return q.equal(have)
	}
	most, least := make([]int, len(have)), make([]int, len(have))
	total, required := 0, 0
	for c, n := range have {
		most[c] = max(0, n-q.reserve)
		least[c] = min(q.least, most[c])
		total += most[c]
		required += least[c]
	}
	n := q.n
	if n == 0 {
		n = total
	}
	switch {
	case n > total || total == 0:
		return nil, &TooFewError{Part: q.part, Want: max(n, 1), Have: total}
	case n < required:
		return nil, fmt.Errorf("tasks: split: %s: too few examples for %d classes: %d (ask for %d or more)", q.part, len(have), n, required)
	}
	return proportional(n, most, least), nil
}

// equal returns the same number of examples for every class. The remainder goes to the first classes.
func (q quota) equal(have []int) ([]int, error) {
	want := make([]int, len(have))
	for c := range want {
		want[c] = q.n / len(have)
		if c < q.n%len(have) {
			want[c]++
		}
		if q.n == 0 {
			want[c] = slices.Min(have)
		}
		if have[c] < want[c] || want[c] == 0 {
			short := &TooFewError{Part: q.part, Want: max(want[c], 1), Have: have[c]}
			if len(have) > 1 {
				short.Class = strconv.Itoa(c)
			}
			return nil, short
		}
	}
	return want, nil
}

// proportional divides n places among classes in proportion to their sizes, by the method of Sainte-Laguë: the next place goes
// to the class with the largest size / (2·places + 1). Unlike rounding, it takes no place away when n grows. Every class has
// at least its least number of places and at most its size.
func proportional(n int, sizes, least []int) []int {
	q := &places{sizes: sizes, given: slices.Clone(least)}
	for c := range sizes {
		n -= least[c]
		if sizes[c] > least[c] {
			q.classes = append(q.classes, c)
		}
	}
	heap.Init(q)
	for ; n > 0 && len(q.classes) > 0; n-- {
		c := q.classes[0]
		if q.given[c]++; q.given[c] == sizes[c] {
			heap.Pop(q)
		} else {
			heap.Fix(q, 0)
		}
	}
	return q.given
}

// places is a heap of classes. The first one gets the next place.
type places struct {
	sizes, given []int
	classes      []int
}

func (p *places) Len() int { return len(p.classes) }

// Less compares quotients exactly.
func (p *places) Less(i, j int) bool {
	a, b := p.classes[i], p.classes[j]
	left, right := p.sizes[a]*(2*p.given[b]+1), p.sizes[b]*(2*p.given[a]+1)
	return left > right || left == right && a < b
}

func (p *places) Swap(i, j int) { p.classes[i], p.classes[j] = p.classes[j], p.classes[i] }
func (p *places) Push(c any)    { p.classes = append(p.classes, c.(int)) }

// Pop removes the last class.
func (p *places) Pop() any {
	last := p.classes[len(p.classes)-1]
	p.classes = p.classes[:len(p.classes)-1]
	return last
}
