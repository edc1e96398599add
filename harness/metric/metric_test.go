package metric

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/tasks"
)

func TestEveryMetricIsFoundByName(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range All() {
		got, err := Lookup(m.Name)
		if err != nil || got.Name != m.Name {
			t.Errorf("Lookup(%q) = %q, %v", m.Name, got.Name, err)
		}
		if seen[string(m.Name)] || m.About == "" || len(m.forms) == 0 {
			t.Errorf("%q is not unique, has no description or is defined for no form", m.Name)
		}
		seen[string(m.Name)] = true
	}
	if len(Names()) != len(seen) {
		t.Errorf("names %v", Names())
	}
	for _, name := range []tasks.Metric{"", ExactMatch} {
		if m, err := Lookup(name); err != nil || m.Name != Accuracy {
			t.Errorf("Lookup(%q) = %q, %v, want accuracy", name, m.Name, err)
		}
	}
	_, err := Lookup("acuracy")
	if err == nil || err.Error() != `unknown metric "acuracy" (did you mean "accuracy"? have: accuracy, auroc, balanced-accuracy, token-accuracy)` {
		t.Errorf("error %v", err)
	}
}

func TestMetricIsNamedByForm(t *testing.T) {
	for _, c := range []struct {
		metric tasks.Metric
		form   tasks.Form
		has    bool
		name   tasks.Metric
	}{
		{Accuracy, tasks.Classify, true, Accuracy},
		{Accuracy, tasks.Rank, true, Accuracy},
		{Accuracy, tasks.Generate, true, ExactMatch},
		{AUROC, tasks.Classify, true, AUROC},
		{AUROC, tasks.Generate, false, AUROC},
		{BalancedAccuracy, tasks.Classify, true, BalancedAccuracy},
		{BalancedAccuracy, tasks.Rank, false, BalancedAccuracy},
		{TokenAccuracy, tasks.Rank, false, TokenAccuracy},
		{TokenAccuracy, tasks.Generate, true, TokenAccuracy},
	} {
		m, err := Lookup(c.metric)
		if err != nil {
			t.Fatal(err)
		}
		if m.Has(c.form) != c.has || m.NameFor(c.form) != c.name {
			t.Errorf("%s for %s: defined %v, name %s", c.metric, c.form, m.Has(c.form), m.NameFor(c.form))
		}
	}
}

// The test data of each form, with predictions.
var (
	binary     = result.Task{Form: tasks.Classify, TestGold: result.Distributions{{1, 0}, {1, 0}, {0, 1}, {0, 1}, {0, 1}}}
	binaryTest = result.Distributions{{0.9, 0.1}, {0.6, 0.4}, {0.65, 0.35}, {0.2, 0.8}, {0.6, 0.4}}

	threeClasses     = result.Task{Form: tasks.Classify, TestGold: result.Distributions{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {0, 1, 0}}}
	threeClassesTest = result.Distributions{{0.5, 0.3, 0.2}, {0.2, 0.5, 0.3}, {0.1, 0.5, 0.4}, {0.6, 0.3, 0.1}}

	ranking     = result.Task{Form: tasks.Rank, TestGold: result.Distributions{{0, 1, 0}, {1, 0}, {0.5, 0.5, 0, 0}}}
	rankingTest = result.Distributions{{0.2, 0.5, 0.3}, {0.4, 0.6}, {0.4, 0.1, 0.4, 0.1}}

	free     = result.Task{Form: tasks.Generate, TestGold: result.Distributions{{0, 1}, {0, 1}, {0, 1}, {0, 1}}}
	freeTest = result.Distributions{{0, 1}, {1, 0}, {1, 0}, {0, 1}}
)

// The AUROCs and balanced accuracies come from scikit-learn:
//
//	roc_auc_score([0, 0, 1, 1, 1], [.1, .4, .35, .8, .4])
//	roc_auc_score([0, 1, 2, 1], threeClassesTest, multi_class="ovr")
//	balanced_accuracy_score([0, 0, 1, 1, 1], [0, 0, 0, 1, 0])
//	balanced_accuracy_score([0, 1, 2, 1], [0, 1, 1, 0])
//	roc_auc_score([0, 1, 0], [.2, .5, .3]), ([1, 0], [.4, .6]) and ([1, 1, 0, 0], [.4, .1, .4, .1])
//
// Accuracies are counted by hand.
func TestScoresMatchScikitLearn(t *testing.T) {
	for _, c := range []struct {
		name       string
		metric     tasks.Metric
		task       result.Task
		head       result.Head
		want       float64
		perExample []float64
	}{
		{"accuracy, two classes", Accuracy, binary, result.Head{Test: binaryTest}, 0.6, []float64{1, 1, 0, 1, 0}},
		{"accuracy, three classes", Accuracy, threeClasses, result.Head{Test: threeClassesTest}, 0.5, []float64{1, 1, 0, 0}},
		{"accuracy, ranking with a tie", Accuracy, ranking, result.Head{Test: rankingTest}, 0.5, []float64{1, 0, 0.5}},
		{"exact match", Accuracy, free, result.Head{Test: freeTest}, 0.5, []float64{1, 0, 0, 1}},
		{"AUROC, two classes", AUROC, binary, result.Head{Test: binaryTest}, 0.75, nil},
		{"AUROC, three classes", AUROC, threeClasses, result.Head{Test: threeClassesTest}, 0.7222222222222223, nil},
		{"balanced accuracy, two classes", BalancedAccuracy, binary, result.Head{Test: binaryTest}, 2. / 3, nil},
		{"balanced accuracy, three classes", BalancedAccuracy, threeClasses, result.Head{Test: threeClassesTest}, 0.5, nil},
		{"AUROC, ranking", AUROC, ranking, result.Head{Test: rankingTest}, 0.5, []float64{1, 0, 0.5}},
		{"token accuracy", TokenAccuracy, free, result.Head{Test: freeTest, TokenAccuracy: []float64{1, 0.5, 0, 1}}, 0.625, []float64{1, 0.5, 0, 1}},
	} {
		m, err := Lookup(c.metric)
		if err != nil {
			t.Fatal(err)
		}
		score, perExample, err := m.Score(&c.task, &c.head)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := score(nil); !(math.Abs(got-c.want) <= 1e-12) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		if !slices.Equal(perExample, c.perExample) {
			t.Errorf("%s: %v for each example, want %v", c.name, perExample, c.perExample)
		}
	}
}

func TestScoreReportsWhatIsMissing(t *testing.T) {
	for _, c := range []struct {
		metric tasks.Metric
		task   result.Task
		head   result.Head
		want   string
	}{
		{AUROC, free, result.Head{Test: freeTest}, "a generate task has no auroc (have: accuracy, token-accuracy)"},
		{TokenAccuracy, binary, result.Head{Test: binaryTest}, "a classify task has no token-accuracy (have: accuracy, auroc, balanced-accuracy)"},
		{TokenAccuracy, free, result.Head{ID: "h", Test: freeTest}, "head h: it has no token accuracy"},
		{Accuracy, binary, result.Head{ID: "h", Test: binaryTest[:4]}, "head h: stats: 4 examples"},
	} {
		m, err := Lookup(c.metric)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := m.Score(&c.task, &c.head); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.metric, err, c.want)
		}
	}
	auroc, err := Lookup(AUROC)
	if err != nil {
		t.Fatal(err)
	}
	oneClass := result.Task{Form: tasks.Classify, TestGold: result.Distributions{{1, 0}, {1, 0}}}
	if _, _, err := auroc.Score(&oneClass, &result.Head{Test: binaryTest[:2]}); !errors.Is(err, stats.ErrOneClass) {
		t.Errorf("AUROC of one class: %v", err)
	}
}
