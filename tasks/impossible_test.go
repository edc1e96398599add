package tasks

import (
	"slices"
	"strings"
	"testing"
)

// A fifth of the examples of all parts are impossible: words of the task's texts, with as many labels of each class. The others are as before.
func TestImpossible(t *testing.T) {
	task, err := Impossible(halfAndHalf{2}, 0.2)
	if err != nil {
		t.Fatal(err)
	}
	load := func() *Data {
		d, err := task.Load(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	d, base := load(), halfAndHalf{2}
	plain, _ := base.Load(t.Context(), nil)
	var added, rest []Example
	for _, e := range d.Pool {
		if IsImpossible(e.ID) {
			added = append(added, e)
		} else {
			rest = append(rest, e)
		}
	}
	if len(added) != 150 || len(rest) != 600 || rest[7].ID != plain.Pool[7].ID || d.Digest == plain.Digest {
		t.Fatalf("%d impossible examples and %d others", len(added), len(rest))
	}
	ones := 0
	for _, e := range added {
		if words := strings.Fields(e.Texts[0]); len(words) != 3 {
			t.Errorf("%q has other words than a text of the task", e.Texts[0])
		}
		if e.Gold[1] == 1 {
			ones++
		}
	}
	if ones != 75 {
		t.Errorf("%d of class 1", ones)
	}
	if again := load(); !slices.EqualFunc(d.Pool, again.Pool, func(a, b Example) bool { return a.ID == b.ID && slices.Equal(a.Texts, b.Texts) }) {
		t.Error("another load gives other examples")
	}
	if _, err := d.Split(SplitConfig{Train: 200, Test: 100}); err != nil {
		t.Error(err)
	}
	if i := task.Info(); i.Name != "halves@impossible=0.2" || i.Corpus != "halves" {
		t.Errorf("%+v", i)
	}
	for _, share := range []float64{0, 1} {
		if _, err := Impossible(halfAndHalf{2}, share); err == nil {
			t.Errorf("a share of %v is accepted", share)
		}
	}
}
