// Package supervisor makes supervisors that are not trained here from what checkpoints bring.
//
// A [Head] is the classification head of a checkpoint, and [Words] the opinion of a causal language model in words. Their Open
// methods make the [experiment.Labeller] of a task, or say why the supervisor does not fit the task. docs/supervisors.md describes
// them for users.
package supervisor

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"w2s/harness/experiment"
	"w2s/harness/feature"
	"w2s/internal/list"
	"w2s/internal/prob"
	"w2s/tasks"
)

// A Head is the classification head that a checkpoint brings, used as it is.
type Head struct {
	Model   experiment.Model // its vectors are the scores of the labels
	Labels  []string         // names of the labels, in the order of the scores
	Problem string           // problem_type of transformers, which says what the scores mean; "" is not given
	Classes ClassMap
}

// A ClassMap says which class of a task a label of a head means. A label that is mapped to "" is left out: the other labels share
// its probability in proportion. Labels that are not in the map mean the class of the same name, in upper or lower case.
type ClassMap map[string]string

// Values of problem_type.
const (
	multiLabel = "multi_label_classification"
	regression = "regression"
)

// Open returns the labeller of a task.
//
// The probability of a class is the softmax of the scores, summed over the labels that mean the class. A head with one score gives
// the candidates of a ranking the softmax of their scores. It gives two classes the sigmoid of the score only if problem_type says
// that the score was trained so (multi_label_classification).
func (h Head) Open(task tasks.Info) (experiment.Labeller, error) {
	base := headLabeller{model: h.Model}
	if task.Form == tasks.Rank {
		if len(h.Labels) != 1 {
			return nil, fmt.Errorf("its head has %d scores (%s), and the candidates of a ranking need one score, as reward models have",
				len(h.Labels), quoted(h.Labels))
		}
		return rankLabeller{base}, nil
	}
	switch {
	case len(h.Labels) == 1 && h.Problem != multiLabel:
		return nil, fmt.Errorf("its head has one score (%s), as reward models have, which ranks candidates and gives no classes "+
			"(problem_type is %s; only with %s would the score be the probability of a class)", quoted(h.Labels), orNone(h.Problem), multiLabel)
	case len(h.Labels) == 1 && len(task.Classes) != 2:
		return nil, fmt.Errorf("its head has one score (%s), and the task has %d classes, want two", quoted(h.Labels), len(task.Classes))
	case len(h.Labels) > 1 && (h.Problem == multiLabel || h.Problem == regression):
		return nil, fmt.Errorf("problem_type is %s: its scores are not those of labels that exclude each other, as classes do", h.Problem)
	}
	classes, err := h.Classes.match(h.Labels, task.Classes)
	if err != nil {
		return nil, err
	}
	if len(h.Labels) == 1 {
		return sigmoidLabeller{base, classes[0]}, nil
	}
	return classLabeller{base, classes, len(task.Classes)}, nil
}

func orNone(s string) string {
	if s == "" {
		return "not given"
	}
	return s
}

func quoted(names []string) string { return strings.Join(list.Map(names, strconv.Quote), ", ") }

// leftOut is the class of a label that is left out.
const leftOut = -1

// match returns the index of the class that each label means, or leftOut. It returns an error that names all labels and classes if
// a label has no class, or if a class has no label and there is more than one label.
func (m ClassMap) match(labels, classes []string) ([]int, error) {
	out := make([]int, len(labels))
	used := make([]bool, len(classes))
	var faults, unmapped []string
	for i, label := range labels {
		name, mapped := m[label]
		if !mapped {
			name = label
		}
		if mapped && name == "" {
			out[i] = leftOut
			continue
		}
		switch k := classNamed(name, classes); {
		case k >= 0:
			out[i], used[k] = k, true
		case mapped:
			faults = append(faults, fmt.Sprintf("label %q is mapped to %q, which is no class", label, name))
		default:
			unmapped = append(unmapped, label)
		}
	}
	if len(unmapped) > 0 {
		faults = append(faults, fmt.Sprintf("no class for %s", quoted(unmapped)))
	}
	var missing []string
	for k, class := range classes {
		if !used[k] && len(labels) > 1 {
			missing = append(missing, class)
		}
	}
	if len(missing) > 0 {
		faults = append(faults, fmt.Sprintf("no label for %s", quoted(missing)))
	}
	if len(labels) == 1 && out[0] == leftOut {
		faults = append(faults, "its only label is left out")
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("the labels of its head are %s, and the classes of the task %s: %s (say which is which: --class-map "+
			"LABEL=CLASS,LABEL=CLASS; LABEL= leaves a label out)", quoted(labels), quoted(classes), strings.Join(faults, "; "))
	}
	return out, nil
}

// classNamed returns the index of the class with a name, in upper or lower case, or -1. An exact match comes first. Two classes that
// differ in case only are matched exactly or not at all.
func classNamed(name string, classes []string) int {
	if k := slices.Index(classes, name); k >= 0 {
		return k
	}
	found := -1
	for k, c := range classes {
		if strings.EqualFold(strings.TrimSpace(name), c) {
			if found >= 0 {
				return -1
			}
			found = k
		}
	}
	return found
}

// String returns the map as --class-map reads it, in the order of the labels' names.
func (m ClassMap) String() string {
	var parts []string
	for label, class := range m {
		parts = append(parts, label+"="+class)
	}
	slices.Sort(parts)
	return strings.Join(parts, ",")
}

// ParseClassMap reads pairs LABEL=CLASS. The last equals sign of a pair separates label and class.
func ParseClassMap(pairs []string) (ClassMap, error) {
	m := ClassMap{}
	var faults []error
	for _, pair := range pairs {
		at := strings.LastIndexByte(pair, '=')
		if at < 0 {
			faults = append(faults, fmt.Errorf("%q: want LABEL=CLASS", pair))
			continue
		}
		label, class := strings.TrimSpace(pair[:at]), strings.TrimSpace(pair[at+1:])
		if _, again := m[label]; again {
			faults = append(faults, fmt.Errorf("label %q is there twice", label))
		}
		m[label] = class
	}
	return m, errors.Join(faults...)
}

// A headLabeller encodes texts to the scores of a head.
type headLabeller struct{ model experiment.Model }

func (l headLabeller) Encoder() feature.Encoder                { return l.model.Encoder }
func (l headLabeller) Texts(e tasks.Example) ([]string, error) { return l.model.Texts(e) }

// A classLabeller labels classes by the softmax of scores.
type classLabeller struct {
	headLabeller
	classes []int // the class of each score, or leftOut
	n       int
}

func (l classLabeller) Label(_ tasks.Example, vectors [][]float32) ([]float64, error) {
	var scores []float64
	for i, x := range vectors[0] {
		if l.classes[i] != leftOut {
			scores = append(scores, float64(x))
		}
	}
	prob.Softmax(scores, scores)
	p, next := make([]float64, l.n), 0
	for _, k := range l.classes {
		if k != leftOut {
			p[k] += scores[next]
			next++
		}
	}
	return p, nil
}

// A sigmoidLabeller labels two classes by the sigmoid of the score of one.
type sigmoidLabeller struct {
	headLabeller
	class int
}

func (l sigmoidLabeller) Label(_ tasks.Example, vectors [][]float32) ([]float64, error) {
	p := make([]float64, 2)
	p[l.class] = 1 / (1 + math.Exp(-float64(vectors[0][0])))
	p[1-l.class] = 1 / (1 + math.Exp(float64(vectors[0][0])))
	return p, nil
}

// A rankLabeller labels candidates by the softmax of their scores.
type rankLabeller struct{ headLabeller }

func (rankLabeller) Label(_ tasks.Example, vectors [][]float32) ([]float64, error) {
	p := list.Map(vectors, func(v []float32) float64 { return float64(v[0]) })
	prob.Softmax(p, p)
	return p, nil
}
