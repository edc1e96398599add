package label

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// published holds the values that testdata/published.py computed with NumPy, SciPy and scikit-learn.
type published struct {
	Soft, Four            [][]float64
	Repeats               [][][]float64
	L2                    float64
	CWPO, Entropy, Excess []float64
	Reliability           []float64
	VotesEntropy          []float64 `json:"votes_entropy"`
	CWPOFour              []float64 `json:"cwpo_four"`
	EntropyFour           []float64 `json:"entropy_four"`
	Confident, Overlap    []int
	Hard                  int
	Pairs                 [][]float32
	OverlapPairs          []int `json:"overlap_pairs"`
	Topo                  topoCase
	TopoThree             topoCase    `json:"topo_three"`
	SoftThree             [][]float64 `json:"soft_three"`
	Channel               [][]float64
	X                     [][]float32 `json:"x"`
	XThree                [][]float32 `json:"x_three"`
}

type topoCase struct {
	Keep       []int
	Lost, More int
}

func loadPublished(t *testing.T) (p published, e Evidence) {
	t.Helper()
	text, err := os.ReadFile("testdata/published.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &p); err != nil {
		t.Fatal(err)
	}
	return p, Evidence{Features: data(2, p.X), Examples: upTo(len(p.X)), Repeats: p.Repeats}
}

func TestWeightsMatchNumPy(t *testing.T) {
	ref, e := loadPublished(t)
	for _, c := range []struct {
		t    Treatment
		l    Labels
		want []float64
		tol  float64
	}{
		{CWPO{}, labelsOf(2, ref.Soft), ref.CWPO, 1e-12},
		{CWPO{}, labelsOf(4, ref.Four), ref.CWPOFour, 1e-12},
		{CWPO{}, labelsOf(0, ref.Four), ref.CWPOFour, 1e-12},
		{InverseEntropy{}, labelsOf(2, ref.Soft), ref.Entropy, 1e-10},
		{InverseEntropy{}, labelsOf(4, ref.Four), ref.EntropyFour, 1e-10},
		{Reliability{5}, labelsOf(2, ref.Soft), ref.Reliability, 1e-12},
		{Excess{LogReg{ref.L2, true}}, labelsOf(2, ref.Soft), ref.Excess, 1e-6},
	} {
		out := apply(t, c.t, c.l, e)
		nearRows(t, fmt.Sprint(c.t, c.l.Classes), [][]float64{out.Weights}, [][]float64{c.want}, c.tol)
		nearRows(t, "labels", out.Soft, c.l.Soft, 0)
		if len(out.Notes) != 1 || len(out.Warnings) != 0 {
			t.Errorf("%s: notes %q, warnings %q", c.t, out.Notes, out.Warnings)
		}
	}
}

func TestSelectionsMatchNumPy(t *testing.T) {
	ref, e := loadPublished(t)
	l := labelsOf(2, ref.Soft)
	pairs := e
	pairs.Features = data(0, ref.Pairs)
	for i := 0; i <= len(ref.Pairs); i += 2 {
		pairs.Features.Start = append(pairs.Features.Start, i)
	}
	three := Evidence{Features: data(3, ref.XThree), Examples: upTo(len(ref.XThree))}
	for _, c := range []struct {
		t    Treatment
		l    Labels
		e    Evidence
		want []int
		note string
	}{
		{Confident{0.75}, l, e, ref.Confident, ""},
		{Overlap{}, l, e, ref.Overlap, fmt.Sprintf("%d hard, %d overlap", ref.Hard, len(ref.Overlap))},
		{Overlap{}, labelsOf(0, ref.Soft), pairs, ref.OverlapPairs, ""},
		{TopoFilter{0.4, 20}, l, e, ref.Topo.Keep, fmt.Sprintf("%d outside the largest components, %d far", ref.Topo.Lost, ref.Topo.More)},
		{TopoFilter{0.1, 6}, labelsOf(3, ref.SoftThree), three, ref.TopoThree.Keep, fmt.Sprintf("%d outside the largest components, %d far", ref.TopoThree.Lost, ref.TopoThree.More)},
	} {
		out := apply(t, c.t, c.l, c.e)
		if !slices.Equal(out.Keep, c.want) {
			t.Errorf("%s, %d classes: kept %v, want %v", c.t, c.l.Classes, out.Keep, c.want)
		}
		if !strings.Contains(strings.Join(out.Notes, "\n"), c.note) || len(out.Warnings) != 0 {
			t.Errorf("%s: notes %q, want %q; warnings %q", c.t, out.Notes, c.note, out.Warnings)
		}
	}
	// Of the half that is kept, none is less reliable than one that is not.
	out, most := apply(t, Reliable{0.5, 5}, l, e), 0.0
	if len(out.Keep) != len(ref.Soft)/2 {
		t.Errorf("reliable: kept %d", len(out.Keep))
	}
	for _, i := range out.Keep {
		most = max(most, ref.VotesEntropy[i])
	}
	for i, h := range ref.VotesEntropy {
		if h < most-1e-12 && !slices.Contains(out.Keep, i) {
			t.Errorf("reliable: dropped example %d of entropy %v and kept one of %v", i, h, most)
		}
	}
	nearRows(t, "channel", apply(t, Channel{LogReg{ref.L2, true}}, l, e).Soft, ref.Channel, 1e-5)
}

// Weights follow their labels through later steps, and weights of two steps are multiplied.
func TestStepsKeepWeights(t *testing.T) {
	ref, e := loadPublished(t)
	l := labelsOf(2, ref.Soft)
	steps, err := Parse("weight:cwpo+confident:0.75+weight:reliability:heads=5+hard")
	if err != nil {
		t.Fatal(err)
	}
	out := apply(t, steps, l, e)
	want := make([]float64, len(ref.Confident))
	for k, i := range ref.Confident {
		want[k] = ref.CWPO[i] * ref.Reliability[i]
	}
	nearRows(t, "weights", [][]float64{out.Weights}, [][]float64{want}, 1e-12)
	if Repeats(steps) != 5 || Repeats(Hard{}) != 0 {
		t.Errorf("%s wants %d repeated labels", steps, Repeats(steps))
	}
}

// With labels that are all unsure, a threshold leaves a tenth, and CWPO no weights.
func TestThresholdsLeaveSomething(t *testing.T) {
	var soft [][]float64
	for i := range 40 {
		soft = append(soft, []float64{0.5 + float64(i)/1000, 0.5 - float64(i)/1000})
	}
	out := apply(t, Confident{0.75}, labelsOf(2, soft), Evidence{})
	if !slices.Equal(out.Keep, []int{36, 37, 38, 39}) || !strings.Contains(strings.Join(out.Warnings, "\n"), "0 of 40 labels, too few") {
		t.Errorf("kept %v, warnings %q", out.Keep, out.Warnings)
	}
	out = apply(t, CWPO{}, labelsOf(2, slices.Repeat([][]float64{{0.5, 0.5}}, 4)), Evidence{})
	if out.Weights != nil || len(out.Warnings) != 1 {
		t.Errorf("weights %v, warnings %q", out.Weights, out.Warnings)
	}
}

func TestPublishedTreatmentsRejectBadInput(t *testing.T) {
	ref, e := loadPublished(t)
	l, hard := labelsOf(2, ref.Soft), labelsOf(2, slices.Repeat([][]float64{{0, 1}}, len(ref.Soft)))
	ranking := e
	ranking.Features = data(0, ref.X)
	ranking.Features.Start = []int{0, 3, 6}
	ranking.Examples = []int{0, 1}
	rank := labelsOf(0, ref.Four[:2])
	for text, c := range map[string]struct {
		l    Labels
		e    Evidence
		want string
	}{
		"overlap":                    {hard, e, "put it before hard"},
		"overlap ":                   {rank, ranking, "needs classes or pairs"},
		"topofilter":                 {rank, ranking, "use filter:logreg"},
		"topofilter:k=150":           {l, e, "too few examples for 150 neighbours"},
		"channel":                    {rank, ranking, "use relabel:logreg"},
		"weight:reliability":         {l, e, "needs the labels of 10 heads"},
		"reliable":                   {l, Evidence{}, "there are 0 (the supervisor must be a model that is trained here)"},
		"weight:excess":              {l, Evidence{}, "student's features"},
		"weight:reliability:heads=5": {labelsOf(2, ref.Soft[:9]), e, "of other examples"},
		"confident:0.75":             {Labels{}, e, "no "},
	} {
		tr, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tr.Apply(t.Context(), c.l, c.e); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", text, err, c.want)
		}
	}
}
