package freeform

import (
	"context"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"w2s/internal/list"
)

// A countingWriter counts the runs of its model. Its state at a prefix is a function of the prefix.
type countingWriter struct {
	Writer
	runs *int
}

func (c countingWriter) Dims() int { return 2 }

func (c countingWriter) States(_ context.Context, prompt string, tokens []int64) (States, error) {
	*c.runs++
	s := States{Fed: len(prompt) + len(tokens)}
	sum := float32(0)
	for n := range len(tokens) + 1 {
		if n > 0 {
			sum = 3*sum + float32(tokens[n-1])
		}
		s.Hidden = append(s.Hidden, []float32{float32(len(prompt)), sum})
	}
	return s, nil
}

// The prefixes come in random order.
func TestPrefixesOfAnAnswerTakeOneRun(t *testing.T) {
	var prefixes []prefix
	for prompt, answers := range map[string][][]int64{
		"a":   {{1, 2, 3}, {1, 2}, {1}, nil},
		"ab":  {{1, 2}, {1, 5}, {1}, nil, {7}},
		"abc": {{4}},
	} {
		for _, tokens := range answers {
			prefixes = append(prefixes, prefix{prompt, tokens})
		}
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(prefixes), func(i, j int) { prefixes[i], prefixes[j] = prefixes[j], prefixes[i] })
	runs, seen := 0, 0
	err := newStateEncoder(countingWriter{runs: &runs}, prefixes).Encode(t.Context(), list.Map(prefixes, prefix.name), func(index int, vector []float32, tokens int, _ bool) error {
		seen++
		p := prefixes[index]
		sum := float32(0)
		for _, token := range p.tokens {
			sum = 3*sum + float32(token)
		}
		if want := []float32{float32(len(p.prompt)), sum}; !slices.Equal(vector, want) || tokens != len(p.prompt)+len(p.tokens) {
			t.Errorf("%+v has state %v and %d tokens, want %v", p, vector, tokens, want)
		}
		return nil
	})
	if err != nil || seen != len(prefixes) {
		t.Fatalf("%d of %d prefixes, %v", seen, len(prefixes), err)
	}
	if runs != 5 { // one for a, three for ab (1 2, 1 5 and 7) and one for abc
		t.Errorf("%d runs of the model, want 5", runs)
	}
}

// FuzzPrefixName checks that different prefixes have different names.
func FuzzPrefixName(f *testing.F) {
	f.Add("Is it?", "Is it?", int64(3), int64(-1))
	f.Add("a\x00b 1", "a", int64(0), int64(1<<62))
	f.Add("", "\x009", int64(9), int64(9))
	f.Fuzz(func(t *testing.T, one, two string, a, b int64) {
		seen := map[string]prefix{}
		for _, prompt := range []string{one, two} {
			for _, tokens := range [][]int64{nil, {a}, {b}, {a, b}} {
				p := prefix{prompt, tokens}
				other, ok := seen[p.name()]
				if ok && (other.prompt != p.prompt || !slices.Equal(other.tokens, p.tokens)) {
					t.Fatalf("%+v and %+v have the name %q", other, p, p.name())
				}
				seen[p.name()] = p
			}
		}
	})
}

func TestLikeliestEndIgnoresOtherTokens(t *testing.T) {
	vocabulary := []int64{2, 4, 7, 9}
	for _, c := range []struct {
		ends   []int64
		logits []float64
		want   int64
	}{
		{[]int64{4}, []float64{9, -5, 9, 9}, 4},
		{[]int64{2, 9}, []float64{0.1, 5, 5, 0.2}, 9},
		{[]int64{2, 9}, []float64{0.2, 5, 5, 0.1}, 2},
		{[]int64{2, 3, 9}, []float64{-2, 0, 0, -1}, 9}, // 3 is not in the vocabulary
	} {
		if got := likeliestEnd(c.ends, vocabulary, c.logits); got != c.want {
			t.Errorf("ends %v with logits %v: %d, want %d", c.ends, c.logits, got, c.want)
		}
	}
}

func TestLabelsUseLikeliestEnd(t *testing.T) {
	vocabulary := []int64{2, 4, 7, 9}
	l := tokenExamples{tokens: []int64{4, -1}}
	rows, labels := l.labels([]int64{2, 9}, vocabulary, []float64{0, 0, 0, 0, 1, 8, 8, 2})
	if !slices.Equal(rows, []int{0, 1}) || !reflect.DeepEqual(labels, [][]float64{{0, 1, 0, 0}, {0, 0, 0, 1}}) {
		t.Errorf("rows %v, labels %v", rows, labels)
	}
}
