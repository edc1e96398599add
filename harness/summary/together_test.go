package summary

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"w2s/harness/result"
	"w2s/tasks"
)

// part returns the part of a result.
func part(t *testing.T, name string, r *result.Result) Part {
	t.Helper()
	c, err := Chains(r, Options{Resamples: 300})
	if err != nil {
		t.Fatal(err)
	}
	return Part{Name: name, Rows: rows(t, r, Options{}), Chains: c}
}

// variants returns the variants of all rows and the setups of all chains.
func variants(parts []Part) (out []string) {
	for _, p := range parts {
		for _, r := range p.Rows {
			out = append(out, r.Variant())
		}
		for _, c := range p.Chains {
			out = append(out, c.Setup)
		}
	}
	return out
}

// Every setting that changes predictions is shown when it differs, and the rows can be pooled.
func TestTogetherShowsWhatDiffers(t *testing.T) {
	for name, c := range map[string]struct {
		change func(r *result.Result)
		want   [2]string
	}{
		"train":   {func(r *result.Result) { r.Config.Train = 100 }, [2]string{"train=default", "train=100"}},
		"test":    {func(r *result.Result) { r.Config.Test = 30 }, [2]string{"test=default", "test=30"}},
		"both":    {func(r *result.Result) { r.Config.Test, r.Config.Train = 30, 100 }, [2]string{"train=default, test=default", "train=100, test=30"}},
		"seeds":   {func(r *result.Result) { r.Config.Seeds = []uint64{0, 1, 2, 3, 7} }, [2]string{"seeds=0,1", "seeds=0-3,7"}},
		"l2":      {func(r *result.Result) { r.Config.L2 = []float64{0.01, 0.1, 1} }, [2]string{"l2=1", "l2=0.01,0.1,1"}},
		"balance": {func(r *result.Result) { r.Config.Balance = tasks.NeverBalance }, [2]string{"", "balance="}},
		"folds":   {func(r *result.Result) { r.Config.Folds = 5 }, [2]string{"folds=default", "folds=5"}},
		"held":    {func(r *result.Result) { r.Config.Held = 0.1 }, [2]string{"held=0.2", "held=0.1"}},
		"data":    {func(r *result.Result) { r.Tasks[0].Digest = "0123456789" }, [2]string{"data=digest o", "data=01234567"}},
		"version": {func(r *result.Result) { r.Tasks[0].Version = 2 }, [2]string{"version=0", "version=2"}},
		"model":   {func(r *result.Result) { r.Models[0].Key = "abcdefghij" }, [2]string{"key of small=small fi", "key of small=abcdefgh"}},
		"tests": {func(r *result.Result) {
			r.Tasks[0].TestIDs = slices.Clone(r.Tasks[0].TestIDs)
			r.Tasks[0].TestIDs[0] = "other"
		}, [2]string{"test examples=", "test examples="}},
		"nothing that is stored": {func(*result.Result) {}, [2]string{"from a.json", "from b.json"}},
		"the grid": {func(r *result.Result) {
			r.Config.Losses, r.Config.Treatments, r.Config.Simulated = []string{"kl"}, []string{"hard"}, []string{"random"}
			r.Config.Pairs, r.Config.Sizes, r.Config.Kind = []result.Pair{{Weak: "x", Strong: "y"}}, []int{50}, result.Transfer
		}, [2]string{"from a.json", "from b.json"}},
	} {
		t.Run(name, func(t *testing.T) {
			other := twoSeeds()
			c.change(other)
			other.Heads[1].Test = right(3, 33)
			parts, notes := Together([]Part{part(t, "a.json", twoSeeds()), part(t, "b.json", other)})
			if len(notes) > 0 {
				t.Errorf("notes %q", notes)
			}
			got := variants(parts)
			if len(got) != 2 || !strings.HasPrefix(got[0], c.want[0]) || !strings.HasPrefix(got[1], c.want[1]) || got[0] == got[1] {
				t.Fatalf("variants %q, want %q", got, c.want)
			}
			all := slices.Concat(parts[0].Rows, parts[1].Rows)
			pools, err := Categories(all)
			if err != nil || len(pools) != 2 || pools[1].Variant != got[1] {
				t.Errorf("%d categories, %v", len(pools), err)
			}
			if pairs, err := Pairs(all); err != nil || len(pairs) != 2 {
				t.Errorf("%d pairs, %v", len(pairs), err)
			}
			if data, err := json.Marshal(all[1]); err != nil || !strings.Contains(string(data), `"setup":"`) {
				t.Errorf("JSON of the row: %s, %v", data, err)
			}
		})
	}
}

func TestTogetherDropsIdenticalPredictionsOnly(t *testing.T) {
	other := twoSeeds()
	other.Config.Train, other.Command = 200, []string{"w2s"} // all that there are
	withLoss(other, "kl", 0, 35)
	parts, notes := Together([]Part{part(t, "a.json", twoSeeds()), part(t, "b.json", other)})
	if got := variants(parts); !slices.Equal(got, []string{"train=default", "train=200"}) || parts[1].Rows[0].Loss != "kl" {
		t.Errorf("variants %q", got)
	}
	if want := []string{"1 of 2 rows of b.json are left out because an earlier file has the same predictions."}; !slices.Equal(notes, want) {
		t.Errorf("notes %q", notes)
	}
	// One probability of one head of one seed makes another row.
	for i := range other.Heads {
		r := twoSeeds()
		if i >= len(r.Heads) {
			break
		}
		r.Heads[i].Test = slices.Clone(r.Heads[i].Test)
		r.Heads[i].Test[5] = []float64{0.3, 0.7}
		if parts, _ := Together([]Part{part(t, "a.json", twoSeeds()), part(t, "b.json", r)}); len(parts[1].Rows) != 1 {
			t.Errorf("%s: a row with other predictions is left out", r.Heads[i].ID)
		}
	}
	// Gold belongs to what figures are made of.
	gold := twoSeeds()
	gold.Tasks[0].TestGold = slices.Clone(gold.Tasks[0].TestGold)
	gold.Tasks[0].TestGold[0] = []float64{1, 0}
	if parts, _ := Together([]Part{part(t, "a.json", twoSeeds()), part(t, "b.json", gold)}); len(parts[1].Rows) != 1 {
		t.Error("a row with other gold labels is left out")
	}
}

func TestTogetherOfParts(t *testing.T) {
	if parts, notes := Together([]Part{part(t, "a.json", twoSeeds())}); variants(parts)[0] != "" || notes != nil {
		t.Errorf("one part: %q, %q", variants(parts), notes)
	}
	// Two files of the same name, a smaller pool, a task of its own.
	small, second := twoSeeds(), twoSeeds()
	small.Config.Train, second.Config.Train = 120, 100
	for _, r := range []*result.Result{small, second} {
		for i := range r.Heads {
			r.Heads[i].Size = 60
		}
	}
	second.Heads[1].Test = right(3, 33)
	parts, _ := Together([]Part{part(t, "a.json", small), part(t, "a.json", second)})
	if got := variants(parts); !slices.Equal(got, []string{"train=60, pool=120", "train=60, pool=100"}) {
		t.Errorf("variants %q", got)
	}
	same := twoSeeds()
	same.Heads[1].Test = right(3, 33)
	parts, _ = Together([]Part{part(t, "a.json", twoSeeds()), part(t, "a.json", same)})
	if got := variants(parts); !slices.Equal(got, []string{"from a.json", "from a.json (2)"}) {
		t.Errorf("variants %q", got)
	}
	other := twoSeeds()
	other.Tasks[0] = task("other", tasks.NLP)
	for i := range other.Heads {
		other.Heads[i].Task = "other"
	}
	parts, notes := Together([]Part{part(t, "a.json", twoSeeds()), part(t, "b.json", other)})
	if got := variants(parts); !slices.Equal(got, []string{"", ""}) || notes != nil {
		t.Errorf("two tasks: %q, %q", got, notes)
	}
	imported := Part{Name: "imported", Rows: []Row{{Task: "t", Weak: "small", Strong: "large", Loss: "xent", Treatment: "soft"}}}
	parts, _ = Together([]Part{part(t, "a.json", twoSeeds()), imported})
	if got := variants(parts); !slices.Equal(got, []string{"from a.json", "from imported"}) {
		t.Errorf("imported rows: %q", got)
	}
}

func TestTogetherOfChains(t *testing.T) {
	other := chains()
	other.Config.Train = 100
	other.Heads[1].Test = right(1, 27)
	parts, notes := Together([]Part{part(t, "a.json", chains()), part(t, "b.json", other), part(t, "c.json", chains())})
	if got := variants(parts); !slices.Equal(got, []string{"train=default", "train=100"}) {
		t.Errorf("variants %q", got)
	}
	if len(notes) != 1 || !strings.HasPrefix(notes[0], "1 of 1 rows of c.json are left out") {
		t.Errorf("notes %q", notes)
	}
}
