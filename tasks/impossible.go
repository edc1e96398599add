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

// A withImpossible is a task with added examples that nobody can answer.
type withImpossible struct {
	Task
	share float64
}

// Impossible returns a task like another one, of classes or of pairs, in which a share of the examples cannot be answered: their texts are
// words drawn at random from those of all texts, and their gold labels are drawn too. They are added to the examples to train on and to
// test on.
func Impossible(task Task, share float64) (Task, error) {
	i := task.Info()
	if i.Form != Classify && i.Category != Reward {
		return nil, fmt.Errorf("task %s: want classes or preferences between texts of words", i.Name)
	}
	if !(share > 0 && share < 1) {
		return nil, fmt.Errorf("share %v of impossible examples: want a number between 0 and 1", share)
	}
	return withImpossible{task, share}, nil
}

// impossibleID begins the ids of examples that cannot be answered.
const impossibleID = "impossible-"

// IsImpossible reports whether an example with this id cannot be answered, because [Impossible] added it.
func IsImpossible(id string) bool { return strings.HasPrefix(id, impossibleID) }

// Info implements Task.
func (t withImpossible) Info() Info {
	i := t.Task.Info()
	i.Corpus = cmp.Or(i.Corpus, i.Name)
	i.Name += "@impossible=" + strconv.FormatFloat(t.share, 'g', -1, 64)
	return i
}

// Load implements Task.
func (t withImpossible) Load(ctx context.Context, src Source) (*Data, error) {
	d, err := t.Task.Load(ctx, src)
	if err != nil {
		return nil, err
	}
	var words []string
	for _, e := range d.Pool {
		for _, text := range e.Texts {
			words = append(words, strings.Fields(text)...)
		}
	}
	if len(words) == 0 {
		return nil, fmt.Errorf("task %s: its texts have no words", t.Task.Info().Name)
	}
	slices.Sort(words)
	out := *d
	out.Pool, out.Test = t.with(d.Pool, words), t.with(d.Test, words)
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %v impossible", d.Digest, t.share))
	out.Digest = hex.EncodeToString(sum[:])
	return &out, nil
}

// with returns the examples with impossible ones added. Each is made from one of them, first those that come first by a hash, and has texts of
// as many words.
func (t withImpossible) with(examples []Example, words []string) []Example {
	if len(examples) == 0 {
		return examples
	}
	order := slices.Clone(examples)
	slices.SortFunc(order, func(a, b Example) int {
		return cmp.Or(cmp.Compare(hash64("impossible", a.ID), hash64("impossible", b.ID)), byID(a, b))
	})
	out := slices.Clone(examples)
	n := int(math.Round(t.share / (1 - t.share) * float64(len(examples))))
	for i := range n {
		from, round := order[i%len(order)], strconv.Itoa(i/len(order))
		e := Example{Gold: make([]float64, len(from.Gold))}
		for k, text := range from.Texts {
			drawn := make([]string, max(1, len(strings.Fields(text))))
			for j := range drawn {
				drawn[j] = words[hash64("word", from.ID, round, strconv.Itoa(k), strconv.Itoa(j))%uint64(len(words))]
			}
			e.Texts = append(e.Texts, strings.Join(drawn, " "))
		}
		e.ID = impossibleID + strconv.FormatUint(hash64(append([]string{from.ID, round}, e.Texts...)...), 16)
		e.Gold[i%len(e.Gold)] = 1
		out = append(out, e)
	}
	slices.SortFunc(out, byID)
	return out
}
