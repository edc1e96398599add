package stats

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
)

// reference holds the values that testdata/reference.py computed with scikit-learn and SciPy.
type reference struct {
	Classification []struct {
		Name            string
		Pred, Gold      [][]float64
		Accuracy, AUROC float64
		LogLoss         float64 `json:"log_loss"`
		Brier           float64
		ECE             map[string]struct{ ECE, MCE float64 }
	}
	Ranking struct {
		Pred, Gold     [][]float64
		AUROC, Correct []float64
	}
	Paired []struct {
		Weak, Student, Ceiling []float64
		PGR, Gap               float64
		PGRInterval            [2]float64 `json:"pgr_interval"`
		GapInterval            [2]float64 `json:"gap_interval"`
	}
	AUROCInterval struct {
		Pred, Gold [][]float64
		Interval   [2]float64
	} `json:"auroc_interval"`
	SignFlip []struct {
		Diff []float64
		P    float64
	} `json:"sign_flip"`
	McNemar []struct {
		Better, Worse int
		P             float64
	}
	Holm      struct{ P, Adjusted []float64 }
	TInterval []struct {
		Values       []float64
		Mean, Lo, Hi float64
	} `json:"t_interval"`
	MedianInterval []struct {
		Values         []float64
		Median, Lo, Hi float64
	} `json:"median_interval"`
}

func loadReference(t *testing.T) reference {
	t.Helper()
	data, err := os.ReadFile("testdata/reference.json")
	if err != nil {
		t.Fatal(err)
	}
	var ref reference
	if err := json.Unmarshal(data, &ref); err != nil {
		t.Fatal(err)
	}
	for name, n := range map[string]int{
		"classification": len(ref.Classification), "ranking": len(ref.Ranking.AUROC), "paired": len(ref.Paired), "auroc_interval": len(ref.AUROCInterval.Pred),
		"sign_flip": len(ref.SignFlip), "mcnemar": len(ref.McNemar), "holm": len(ref.Holm.Adjusted), "t_interval": len(ref.TInterval),
		"median_interval": len(ref.MedianInterval), "ECE": len(ref.Classification[0].ECE),
	} {
		if n == 0 {
			t.Fatalf("there are no reference values of %s", name)
		}
	}
	return ref
}

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol) {
		t.Errorf("%s = %.12g, want %.12g (within %g)", what, got, want, tol)
	}
}

// must returns a function that fails the test if err is not nil, and otherwise returns v.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestMetricsMatchScikitLearn(t *testing.T) {
	for _, c := range loadReference(t).Classification {
		t.Run(c.Name, func(t *testing.T) {
			near(t, "accuracy", must(Accuracy(c.Pred, c.Gold))(t), c.Accuracy, 1e-12)
			near(t, "AUROC", must(AUROC(c.Pred, c.Gold))(t), c.AUROC, 1e-12)
			near(t, "log loss", must(LogLoss(c.Pred, c.Gold))(t), c.LogLoss, 1e-12)
			near(t, "Brier", must(Brier(c.Pred, c.Gold))(t), c.Brier, 1e-12)
			for bins, want := range c.ECE {
				var n int
				fmt.Sscan(bins, &n)
				got := must(Calibrate(c.Pred, c.Gold, n))(t)
				near(t, "ECE, bins "+bins, got.ECE, want.ECE, 1e-12)
				near(t, "MCE, bins "+bins, got.MCE, want.MCE, 1e-12)
				count := 0
				for _, b := range got.Bins {
					count += b.N
				}
				if count != len(c.Pred) {
					t.Errorf("the bins have %d of %d examples", count, len(c.Pred))
				}
			}
		})
	}
}

func TestRankingMetricsMatchScikitLearn(t *testing.T) {
	r := loadReference(t).Ranking
	auroc := must(RankAUROC(r.Pred, r.Gold))(t)
	correct := must(Correct(r.Pred, r.Gold))(t)
	if len(auroc) != len(r.AUROC) || len(correct) != len(r.Correct) {
		t.Fatalf("%d and %d questions, want %d", len(auroc), len(correct), len(r.AUROC))
	}
	for i := range auroc {
		near(t, fmt.Sprintf("question %d: AUROC", i), auroc[i], r.AUROC[i], 1e-12)
		near(t, fmt.Sprintf("question %d: correct", i), correct[i], r.Correct[i], 0)
	}
}

func TestRightAcceptsEveryMaximum(t *testing.T) {
	for _, c := range []struct {
		answer int
		gold   []float64
		want   bool
	}{
		{1, []float64{0, 0.5, 0.5}, true}, {2, []float64{0, 0.5, 0.5}, true}, {0, []float64{0, 0.5, 0.5}, false},
		{0, []float64{0.4, 0.6}, false}, {1, []float64{0.4, 0.6}, true},
	} {
		if got := Right(c.answer, c.gold); got != c.want {
			t.Errorf("Right(%d, %v) = %v", c.answer, c.gold, got)
		}
	}
}

func TestBadInputIsRejected(t *testing.T) {
	good := [][]float64{{0.3, 0.7}, {0.6, 0.4}}
	nan, inf := math.NaN(), math.Inf(1)
	bad := map[string]struct {
		rows [][]float64
		want string
	}{
		"none":         {nil, "examples and"},
		"NaN":          {[][]float64{{0.3, 0.7}, {nan, 0.4}}, "example 1: entry 0 is NaN"},
		"infinite":     {[][]float64{{0.3, 0.7}, {0.6, inf}}, "example 1: entry 1 is +Inf"},
		"negative":     {[][]float64{{0.3, 0.7}, {-0.2, 1.2}}, "example 1: entry 0 is -0.2"},
		"above one":    {[][]float64{{0.3, 0.7}, {1.2, -0.2}}, "example 1: entry 0 is 1.2"},
		"logits":       {[][]float64{{0.3, 0.7}, {0.9, 0.9}}, "example 1: probabilities sum to 1.8"},
		"one class":    {[][]float64{{0.3, 0.7}, {1}}, "entries"},
		"ragged":       {[][]float64{{0.3, 0.7}, {0.3, 0.3, 0.4}}, "entries and"},
		"other length": {[][]float64{{0.3, 0.7}}, "examples and"},
	}
	for name, c := range bad {
		for side, pair := range map[string][2][][]float64{"pred": {c.rows, good}, "gold": {good, c.rows}} {
			fail := func(what string, err error) {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%s with %s in %s: error %v, want one with %q", what, name, side, err, c.want)
				}
			}
			_, err := Accuracy(pair[0], pair[1])
			fail("Accuracy", err)
			_, err = AUROC(pair[0], pair[1])
			fail("AUROC", err)
			_, err = RankAUROC(pair[0], pair[1])
			fail("RankAUROC", err)
			_, err = LogLoss(pair[0], pair[1])
			fail("LogLoss", err)
			_, err = Brier(pair[0], pair[1])
			fail("Brier", err)
			_, err = Calibrate(pair[0], pair[1], DefaultBins)
			fail("Calibrate", err)
			_, err = Agree(pair[0], good, pair[1])
			fail("Agree", err)
		}
	}
	if _, err := AUROC(good, [][]float64{{0, 1}, {0, 1}}); !errors.Is(err, ErrOneClass) {
		t.Errorf("AUROC of one class: %v, want ErrOneClass", err)
	}
	if _, err := RankAUROC(good[:1], [][]float64{{0.5, 0.5}}); err == nil || !strings.Contains(err.Error(), "every candidate is right") {
		t.Errorf("RankAUROC of a question in which every candidate is right: %v", err)
	}
	if _, err := Calibrate(good, good, 0); err == nil || !strings.Contains(err.Error(), "0 bins") {
		t.Errorf("0 bins: %v", err)
	}
	for _, v := range []float64{nan, inf} {
		x := []float64{0, v, 1}
		ok := []float64{0, 1, 1}
		for what, err := range map[string]error{
			"AccuracyPGR weak":    second(AccuracyPGR(x, ok, ok, Bootstrap{})),
			"AccuracyPGR student": second(AccuracyPGR(ok, x, ok, Bootstrap{})),
			"AccuracyPGR ceiling": second(AccuracyPGR(ok, ok, x, Bootstrap{})),
			"PGROf":               second(PGROf(0.1, v, 0.3)),
			"Compare":             second(Compare([][]float64{x}, [][]float64{ok}, Bootstrap{})),
			"SignFlip":            second(SignFlip(x, 1)),
			"Holm":                second(Holm(x)),
			"SeedMean":            second(SeedMean([][]float64{ok, x})),
		} {
			if err == nil || !strings.Contains(err.Error(), fmt.Sprint(v)) {
				t.Errorf("%s with %v: error %v does not say so", what, v, err)
			}
		}
		if _, _, err := TInterval(x, Level); err == nil || !strings.Contains(err.Error(), fmt.Sprint(v)) {
			t.Errorf("TInterval with %v: %v", v, err)
		}
		if _, _, err := MedianInterval(x, Level); err == nil || !strings.Contains(err.Error(), fmt.Sprint(v)) {
			t.Errorf("MedianInterval with %v: %v", v, err)
		}
	}
	if _, err := AccuracyPGR([]float64{1}, []float64{1, 0}, []float64{1}, Bootstrap{}); err == nil || !strings.Contains(err.Error(), "1 weak, 2 student and 1 ceiling") {
		t.Errorf("PGR of vectors of different lengths: %v", err)
	}
	if _, err := SeedMean([][]float64{{1}, {1, 0}}); err == nil || !strings.Contains(err.Error(), "seed 1 has 2 examples") {
		t.Errorf("SeedMean of vectors of different lengths: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestSeedMeanAveragesEachExample(t *testing.T) {
	got := must(SeedMean([][]float64{{1, 0, 1}, {1, 1, 0}, {1, 0, 0}}))(t)
	for i, want := range []float64{1, 1. / 3, 1. / 3} {
		near(t, fmt.Sprint(i), got[i], want, 1e-15)
	}
}
