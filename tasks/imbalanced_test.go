package tasks

import (
	"context"
	"fmt"
	"slices"
	"testing"
)

// halfAndHalf is a task of 300 texts of each of two classes.
type halfAndHalf struct{ classes int }

func (h halfAndHalf) Info() Info {
	return Info{Name: "halves", Form: Classify, Classes: []string{"no", "yes", "other"}[:h.classes]}
}

func (halfAndHalf) Load(context.Context, Source) (*Data, error) {
	d := &Data{Digest: "d"}
	for i := range 600 {
		e := Example{ID: fmt.Sprintf("%03d", i), Texts: []string{fmt.Sprintf("text number %d", i)}, Gold: []float64{1, 0}}
		if i%2 == 1 {
			e.Gold = []float64{0, 1}
		}
		d.Pool = append(d.Pool, e)
	}
	return d, nil
}

// The rare class has its share of the training examples in both halves, the test part is balanced and the same for every share, and no
// training example is in it.
func TestImbalanced(t *testing.T) {
	counts := func(examples []Example) (n [2]int) {
		for _, e := range examples {
			n[classOf(&e, 2)]++
		}
		return n
	}
	var tests [][]string
	digests := map[string]bool{}
	for _, share := range []float64{0.5, 0.2, 0.05} {
		task, err := Imbalanced(halfAndHalf{2}, share, 80)
		if err != nil {
			t.Fatal(err)
		}
		d, err := task.Load(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		digests[d.Digest] = true
		s, err := d.Split(SplitConfig{Seed: 3, Train: 200, Test: 80, Balance: NeverBalance})
		if err != nil {
			t.Fatal(err)
		}
		if n := counts(s.Test); n != [2]int{40, 40} {
			t.Errorf("share %v: test examples of the classes: %v", share, n)
		}
		rare := int(100 * share)
		if weak, strong := counts(s.WeakTrain), counts(s.ceiling); weak[1] != rare || strong[1] != rare || weak[0] != 100-rare || strong[0] != 100-rare {
			t.Errorf("share %v: halves of %v and %v", share, weak, strong)
		}
		var ids []string
		for _, e := range s.Test {
			ids = append(ids, e.ID)
		}
		tests = append(tests, ids)
		for _, e := range d.Pool {
			if slices.Contains(ids, e.ID) {
				t.Errorf("share %v: %s is in both parts", share, e.ID)
			}
		}
		base, cut, ok := CutMinority(task.Info().Name)
		if !ok || base != "halves" || cut != share || task.Info().Corpus != "halves" {
			t.Errorf("share %v: %+v", share, task.Info())
		}
	}
	if !slices.Equal(tests[0], tests[1]) || !slices.Equal(tests[0], tests[2]) || len(digests) != 3 {
		t.Error("test parts differ, or digests do not")
	}
	if _, err := Imbalanced(halfAndHalf{3}, 0.1, 80); err == nil {
		t.Error("three classes are accepted")
	}
	for _, share := range []float64{0, 0.6, -1} {
		if _, err := Imbalanced(halfAndHalf{2}, share, 80); err == nil {
			t.Errorf("a share of %v is accepted", share)
		}
	}
	if _, _, ok := CutMinority("movies"); ok {
		t.Error("movies is imbalanced")
	}
}
