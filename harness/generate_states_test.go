package harness

import (
	"context"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"w2s/harness/feature"
)

// counter is a Writer whose state behind a place is made of the place.
type counter struct {
	Writer
	runs *int
}

func (c counter) Dims() int { return 2 }

func (c counter) States(_ context.Context, prompt string, tokens []int64) (States, error) {
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

// All places of an answer are one run of the model, in whatever order they are asked for.
func TestPlacesOfAnAnswerAreOneRun(t *testing.T) {
	var places []place
	for prompt, answers := range map[string][][]int64{
		"a":   {{1, 2, 3}, {1, 2}, {1}, nil},
		"ab":  {{1, 2}, {1, 5}, {1}, nil, {7}},
		"abc": {{4}},
	} {
		for _, before := range answers {
			places = append(places, place{prompt, before})
		}
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(places), func(i, j int) { places[i], places[j] = places[j], places[i] })
	runs, seen := 0, 0
	err := stateEncoder{counter{runs: &runs}}.Encode(t.Context(), each(places, place.text), func(v feature.Vector) error {
		seen++
		p := places[v.Index]
		sum := float32(0)
		for _, token := range p.before {
			sum = 3*sum + float32(token)
		}
		if want := []float32{float32(len(p.prompt)), sum}; !slices.Equal(v.Values, want) || v.Tokens != len(p.prompt)+len(p.before) {
			t.Errorf("%+v has the state %v of %d tokens, want %v", p, v.Values, v.Tokens, want)
		}
		return nil
	})
	if err != nil || seen != len(places) {
		t.Fatalf("%d of %d places, %v", seen, len(places), err)
	}
	if runs != 5 { // a: one; ab: 1 2, 1 5 and 7; abc: one
		t.Errorf("%d runs", runs)
	}
}

func FuzzPlace(f *testing.F) {
	f.Add("Is it?", int64(3), int64(-1))
	f.Add("a\x00b 1", int64(0), int64(1<<62))
	f.Add("", int64(9), int64(9))
	f.Fuzz(func(t *testing.T, prompt string, a, b int64) {
		for _, before := range [][]int64{nil, {a}, {a, b}} {
			p := place{prompt, before}
			if got, err := parsePlace(p.text()); err != nil || !reflect.DeepEqual(got, p) {
				t.Fatalf("%q reads as %+v (%v)", p.text(), got, err)
			}
		}
		// Whatever reads as a place reads so again when it is written.
		if p, err := parsePlace(prompt); err == nil {
			if got, err := parsePlace(p.text()); err != nil || !reflect.DeepEqual(got, p) {
				t.Fatalf("%q reads as %+v, and that as %+v (%v)", prompt, p, got, err)
			}
		}
	})
}

// Of several ends the one to learn is the model's own favourite, and tokens that are no end do not count.
func TestLikeliestEnd(t *testing.T) {
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
			t.Errorf("%v of %v: end %d, want %d", c.ends, c.logits, got, c.want)
		}
	}
	l := lines{tokens: []int64{4, -1}}
	rows, labels := l.labels([]int64{2, 9}, vocabulary, []float64{0, 0, 0, 0, 1, 8, 8, 2})
	if !slices.Equal(rows, []int{0, 1}) || !reflect.DeepEqual(labels, [][]float64{{0, 1, 0, 0}, {0, 0, 0, 1}}) {
		t.Errorf("rows %v, labels %v", rows, labels)
	}
}
