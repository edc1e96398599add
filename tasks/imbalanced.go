package tasks

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// An imbalanced is a task whose second class is rarer among the examples to train on, and as frequent as the first one in the test part.
type imbalanced struct {
	Task
	share float64
	test  int
}

// Imbalanced returns a task like one of two classes, in whose pool the second class has a share of the examples, at most one half. Its
// test part has n examples, as many of each class, which are the same for every share. A split of it must keep the proportions of the
// classes ([NeverBalance]).
func Imbalanced(task Task, share float64, n int) (Task, error) {
	i := task.Info()
	if i.Form != Classify || len(i.Classes) != 2 {
		return nil, fmt.Errorf("task %s: want a classification into two classes, of which one can be rare", i.Name)
	}
	if !(share > 0 && share <= 0.5) {
		return nil, fmt.Errorf("share %v of the rare class: want a number above 0, at most 0.5", share)
	}
	return imbalanced{task, share, n}, nil
}

// imbalancedMark is in the names of imbalanced tasks before the share.
const imbalancedMark = "@minority="

// CutMinority splits the name of an imbalanced task into the one of the task that it is made from and the share of the rare class.
func CutMinority(name string) (base string, share float64, ok bool) {
	base, text, found := strings.Cut(name, imbalancedMark)
	share, err := strconv.ParseFloat(text, 64)
	return base, share, found && err == nil
}

// Info implements Task.
func (t imbalanced) Info() Info {
	i := t.Task.Info()
	i.Corpus = cmp.Or(i.Corpus, i.Name)
	i.Name += imbalancedMark + strconv.FormatFloat(t.share, 'g', -1, 64)
	return i
}

// Load implements Task.
func (t imbalanced) Load(ctx context.Context, src Source) (*Data, error) {
	d, err := t.Task.Load(ctx, src)
	if err != nil {
		return nil, err
	}
	d = d.keyed()
	rest := ordered(unitsOf(pointers(d.Pool)), "split pool")
	from, q := &rest, quota{part: "test", n: t.test, balanced: true, least: 1}
	if d.Test != nil {
		own := ordered(unitsOf(pointers(d.Test)), "split test")
		from = &own
	}
	test, left, _, err := take(q, *from, 2)
	if err != nil {
		return nil, d.nameClass(err)
	}
	*from = left
	var classes [2][]*Example // in the order of a hash
	for _, u := range rest {
		for _, e := range u.examples {
			k := classOf(e, 2)
			classes[k] = append(classes[k], e)
		}
	}
	odds := t.share / (1 - t.share)
	rare := min(float64(len(classes[1])), float64(len(classes[0]))*odds)
	counts := [2]int{int(math.Round(rare / odds)), int(math.Round(rare))}
	out := &Data{Test: copies(test), Warnings: d.Warnings, classes: d.classes}
	for k, n := range counts {
		out.Pool = append(out.Pool, copies(classes[k][:min(n, len(classes[k]))])...)
	}
	slices.SortFunc(out.Pool, byID)
	slices.SortFunc(out.Test, byID)
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %v %d", d.Digest, t.share, t.test))
	out.Digest = hex.EncodeToString(sum[:])
	return out, nil
}
