package tasks

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"w2s/internal/prob"
	"w2s/internal/suggest"
)

// WithColumns returns a task on a user's own files, or on a data set of the hub, that also reads what weak supervisors say from
// columns of these files. [Example.Weak] has an entry for each column in which the row has a value: a list with one probability for
// each class or candidate, the name or number of a class, the number or letter of a candidate, or the probability of the second of
// two classes or that chosen is better.
func WithColumns(t Task, columns []string) (Task, error) {
	f, ok := t.(fileTask)
	if !ok {
		return nil, fmt.Errorf("tasks: %s: only a task on a data file or on hf:ORG/NAME has columns of its own", t.Info().Name)
	}
	if f.spec.Form == Generate {
		return nil, fmt.Errorf("tasks: %s: written answers have no probabilities that a column could give", f.spec.Name)
	}
	for _, c := range columns {
		if slices.Contains([]string{f.spec.Label, f.spec.Answer, f.spec.Chosen, f.spec.Rejected, f.spec.Choices}, c) {
			return nil, fmt.Errorf("tasks: %s: column %q says what is right, so it cannot be a weak supervisor", f.spec.Name, c)
		}
	}
	f.spec.weak = columns
	return f, nil
}

// An ownID is the id that the user's file gives to an example.
type ownID struct {
	id    string
	order []int // candidate i of the example is candidate order[i] of the file; nil for the same order
}

// A weakSum is a sum of what a weak supervisor says of copies of an example. Not every copy needs to have an opinion.
type weakSum struct {
	sum []float64
	n   int
}

// addWeak adds the opinions of a copy.
func (old *entry) addWeak(e Example) {
	for name, p := range e.Weak {
		if old.weakSums == nil {
			old.weakSums = map[string]weakSum{}
		}
		s := old.weakSums[name]
		if s.sum == nil {
			s.sum = make([]float64, len(p))
		}
		for k, v := range p {
			s.sum[k] += v
		}
		s.n++
		old.weakSums[name] = s
	}
}

// meanWeak sets Weak to the means over the copies. They are rounded as Gold is if there are several copies.
func (old *entry) meanWeak() {
	if old.copies == 1 {
		return
	}
	old.Weak = nil
	for name, s := range old.weakSums {
		if old.Weak == nil {
			old.Weak = map[string][]float64{}
		}
		p := make([]float64, len(s.sum))
		for k, v := range s.sum {
			p[k] = math.Round(v/float64(s.n)*1e9) / 1e9
		}
		old.Weak[name] = p
	}
}

// opinion reads what a weak supervisor says of the row; see [WithColumns]. An empty value is no opinion.
func (s *Spec) opinion(r *row, column string, n int) []float64 {
	class := func(text string) (int, bool) { return s.class(cmp.Or(s.Labels[text], text)) }
	return r.opinion(column, anything, opinionOf{form: s.Form, class: class, n: n, names: s.Classes, numbered: s.Choices != ""})
}

// A meaning says what the values of a column with labels mean.
type meaning string

const (
	anything      meaning = ""            // a list of probabilities, a class or a probability
	probabilities meaning = "probability" // a list, or the probability of the second of two classes or the first of two candidates
	classNames    meaning = "class"       // the name or number of a class, or the number or letter of a candidate
	scores        meaning = "score"       // a list of logits, or the logit of the second of two classes or the first of two candidates
	rankings      meaning = "ranking"     // a list of classes or candidates, the best one first
)

// An opinionOf says what an opinion is about.
type opinionOf struct {
	form     Form
	class    func(text string) (int, bool) // number of a class
	n        int                           // number of classes or candidates
	names    []string                      // of the classes
	numbered bool                          // a value of a ranking is the number or letter of a candidate, and no probability
}

// opinion reads a column as a distribution over n classes or candidates. An empty value is none.
func (r *row) opinion(column string, m meaning, of opinionOf) []float64 {
	v, ok := r.value(column)
	if !ok {
		if _, there := r.columns[column]; !there {
			r.failMissing(column)
		}
		return nil
	}
	if text, ok := v.(string); ok {
		if text = strings.TrimSpace(text); text == "" {
			return nil
		}
		if listHint(text) != "" { // a cell of CSV may hold a list in JSON
			cell, err := jsonList(text)
			if err != nil {
				r.fail("%s %q is not a list in JSON", column, shortened(text))
				return nil
			}
			r.columns[column], v = cell, cell
		}
	}
	if r.fault != "" || of.n == 0 {
		return nil
	}
	if isList(v) {
		return r.listed(column, m, of)
	}
	text := strings.TrimSpace(r.text(column))
	if at, ok := of.named(text); ok && (m == anything && (of.form == Classify || of.numbered) || m == classNames) {
		return oneHot(of.n, at)
	}
	switch {
	case m == rankings:
		r.fail("%s %q is not a list, the best one first", column, shortened(text))
	case m == classNames || m == anything && of.numbered:
		r.fail("%s %q is no %s", column, shortened(text), of.what(text))
	case of.n != 2:
		r.fail("%s %q is neither a list with a number for each of %d nor a %s", column, shortened(text), of.n, of.what(text))
	case m == scores:
		p := []float64{0, r.float(column)}
		prob.Softmax(p, p)
		return two(of.form, p[1])
	case m == anything && of.form == Classify && !isNumber(text):
		r.fail("%s %q is neither a probability nor a %s", column, shortened(text), of.what(text))
	default:
		return two(of.form, r.probability(column))
	}
	return nil
}

func isNumber(text string) bool {
	_, err := strconv.ParseFloat(text, 64)
	return err == nil
}

// jsonList reads a list in JSON.
func jsonList(text string) (list []any, err error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	return list, d.Decode(&list)
}

// two returns the distribution over two classes, the second of which has probability p, or over two candidates, the first of which
// has it.
func two(form Form, p float64) []float64 {
	if form == Rank {
		return []float64{p, 1 - p}
	}
	return []float64{1 - p, p}
}

// what names what is chosen from, for a message about a value that is none.
func (of opinionOf) what(value string) string {
	const most = 20
	switch {
	case of.form == Rank:
		return "candidate (a number from 0, or a letter)"
	case len(of.names) > most:
		return "class (" + suggest.Hint(value, "the first classes", of.names[:most]) + ", …)"
	}
	return "class (" + suggest.Hint(value, "classes", of.names) + ")"
}

// named returns the number of a class or candidate.
func (of opinionOf) named(text string) (int, bool) {
	if of.form == Classify {
		return of.class(text)
	}
	if at := letterIndex(text, of.n); at >= 0 {
		return at, true
	}
	at, err := strconv.Atoi(text)
	return at, err == nil && at >= 0 && at < of.n
}

// listed reads a list.
func (r *row) listed(column string, m meaning, of opinionOf) []float64 {
	if m == anything || m == probabilities {
		return r.distribution(column, of.n)
	}
	items := r.list(column)
	if r.fault == "" && len(items) != of.n {
		r.fail("%s has %d values, want one for each of %d", column, len(items), of.n)
	}
	if r.fault != "" {
		return nil
	}
	out, seen := make([]float64, of.n), make([]bool, of.n)
	for i, item := range items {
		item = strings.TrimSpace(item)
		switch m {
		case scores:
			v, err := strconv.ParseFloat(item, 64)
			if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
				r.fail("%s: %q is not a finite number", column, shortened(item))
				return nil
			}
			out[i] = v
		case rankings:
			at, ok := of.named(item)
			if !ok || seen[at] {
				r.fail("%s: %q is there twice, or is no %s", column, shortened(item), of.what(item))
				return nil
			}
			if seen[at] = true; i == 0 {
				out[at] = 1
			}
		default:
			r.fail("%s is a list, not a class", column)
			return nil
		}
	}
	if m == scores {
		prob.Softmax(out, out)
	}
	return out
}
