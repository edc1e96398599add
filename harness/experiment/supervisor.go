package experiment

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"w2s/harness/feature"
	"w2s/harness/result"
	"w2s/internal/list"
	"w2s/internal/visible"
	"w2s/tasks"
)

// A Supervisor gives weak labels without being trained here, such as the classification head that a checkpoint brings. It takes the
// place of the weak model of a pair. Its score on the test examples is the weak floor.
type Supervisor struct {
	Name        string
	Key         string            // digest of all that changes a label, except the task
	About       string            // what it is, for the notes of tables, such as "the classification head of X"
	Parameters  int64             // 0: unknown
	Description map[string]string // for the result file
	// Open returns the labeller of a task's examples. It returns an error if the supervisor does not fit the task. It is called
	// before anything is encoded, and must be fast.
	Open func(tasks.Info) (Labeller, error)
}

// A Labeller labels the examples of one task. It sees no gold labels: the examples that it gets have none.
type Labeller interface {
	// Encoder returns the encoder of what the labels are made from. Its vectors are cached like features. nil: the labels were made
	// before the experiment, and Texts is not called.
	Encoder() feature.Encoder
	// Texts returns what the encoder reads of an example.
	Texts(tasks.Example) ([]string, error)
	// Label returns a distribution over the classes or candidates of an example. vectors holds one for each of its Texts. Without an
	// encoder it may return nil: the example has no label, and is left out for all models.
	Label(e tasks.Example, vectors [][]float32) ([]float64, error)
}

// A Joiner is a Labeller without an encoder whose labels are joined with the examples of a task.
type Joiner interface {
	Labeller
	// Join is called once, with all examples of the task, before any is labelled. Notes are for readers of the result, such as ids that
	// match no example.
	Join(examples []tasks.Example) (notes []string, err error)
}

// supervisor returns the named supervisor, or nil.
func (c Config) supervisor(name string) *Supervisor {
	at := slices.IndexFunc(c.Supervisors, func(s Supervisor) bool { return s.Name == name })
	if at < 0 {
		return nil
	}
	return &c.Supervisors[at]
}

// checkSupervisors reports supervisors that do not fit a task.
func (c Config) checkSupervisors(t tasks.Info, faults *faultList) {
	for _, s := range c.Supervisors {
		if t.Form == tasks.Generate {
			faults.add("task %s: %s writes no answers", t.Name, s.Name)
		} else if _, err := s.Open(t); err != nil {
			faults.add("task %s: %s: %w", t.Name, s.Name, err)
		}
	}
}

// openSupervisors opens the labellers of a task and leaves out the examples that one of them has no label for, so that supervisors,
// students and ceilings are compared on the same examples.
func (w *workbench) openSupervisors(data *tasks.Data) error {
	w.labellers = map[string]Labeller{}
	if w.info.Form == tasks.Generate || len(w.cfg.Supervisors) == 0 {
		return nil
	}
	all := list.Map(slices.Concat(data.Pool, data.Test), withoutGold)
	labelled := make([]bool, len(all))
	for i := range labelled {
		labelled[i] = true
	}
	for _, s := range w.cfg.Supervisors {
		l, err := s.Open(w.info)
		if err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
		w.labellers[s.Name] = l
		if l.Encoder() != nil {
			continue
		}
		var notes []string
		if j, ok := l.(Joiner); ok {
			if notes, err = j.Join(all); err != nil {
				return fmt.Errorf("%s: %w", s.Name, err)
			}
			for _, n := range notes {
				w.warn("%s: %s", s.Name, n)
			}
		}
		have, inTest := 0, 0
		for i, e := range all {
			p, err := l.Label(e, nil)
			switch {
			case err != nil:
				return fmt.Errorf("%s: example %s: %w", s.Name, e.ID, err)
			case p == nil:
				labelled[i] = false
				continue
			}
			have++
			if i >= len(data.Pool) {
				inTest++
			}
		}
		switch {
		case have < minTrain+minTest:
			return fmt.Errorf("%s: %s", s.Name, strings.Join(append([]string{fmt.Sprintf(
				"has labels for %d of %s, too few to train and to test a student on (want %d or more)", have, visible.Count(len(all), "example"), minTrain+minTest)}, notes...), "; "))
		case data.Test != nil && inTest < minTest:
			return fmt.Errorf("%s: has labels for %d of the %d examples of the task's test part (want %d or more, or a task without a test part)",
				s.Name, inTest, len(data.Test), minTest)
		case have < len(all):
			w.leftOut = append(w.leftOut, fmt.Sprintf("%s has labels for %d of %s", s.Name, have, visible.Count(len(all), "example")))
			w.warn("%s: %d of %s left out, which it has no label for", s.Name, len(all)-have, visible.Count(len(all), "example"))
		}
	}
	keep := func(examples []tasks.Example, from int) []tasks.Example {
		if examples == nil {
			return nil
		}
		kept := make([]tasks.Example, 0, len(examples))
		for i, e := range examples {
			if labelled[from+i] {
				kept = append(kept, e)
			}
		}
		return kept
	}
	data.Pool, data.Test = keep(data.Pool, 0), keep(data.Test, len(data.Pool))
	return nil
}

// withoutGold returns an example without what is right.
func withoutGold(e tasks.Example) tasks.Example {
	e.Gold, e.Answer, e.Also = nil, "", nil
	return e
}

// label lets a supervisor label all examples.
func (w *workbench) label(ctx context.Context, s Supervisor) (_ [][]float64, err error) {
	l := w.labellers[s.Name]
	labels, vectors := make([][]float64, len(w.examples)), make([][][]float32, len(w.examples))
	var same twins
	if enc := l.Encoder(); enc != nil {
		textsOf := func(_ Model, e tasks.Example) ([]string, error) { return l.Texts(e) }
		matrices, start, summaries, err := w.vectors(ctx, []Model{{Name: s.Name, Encoder: enc}}, textsOf)
		if err != nil {
			return nil, err
		}
		x := matrices[0]
		if w.info.Form == tasks.Rank {
			same = findTwins(x, start)
			w.describeTwins(s.Name, same, summaries[0].Truncated > 0)
		}
		for i := range vectors {
			for row := start[i]; row < start[i+1]; row++ {
				vectors[i] = append(vectors[i], x.Row(row))
			}
		}
	}
	for i, e := range w.examples {
		if labels[i], err = l.Label(e, vectors[i]); err != nil {
			return nil, fmt.Errorf("example %s: %w", e.ID, err)
		}
		if first := same[i]; first != nil {
			evenOut(labels[i], first)
		}
	}
	return labels, nil
}

// untrainedSupervisors returns the records of the supervisors that are not trained, for every seed and size.
func (w *workbench) untrainedSupervisors() []trained {
	var out []trained
	for _, s := range w.cfg.Supervisors {
		labels := w.labelled[s.Name]
		for _, h := range w.halves {
			r := result.Head{Task: w.info.Name, Role: result.Supervisor, Model: s.Name, Seed: h.seed, Size: h.size, Status: result.NotTrained,
				Test: ofExamples(labels, w.test), Warnings: []string{fmt.Sprintf("%s is %s, not trained here", s.Name, s.About)}}
			r.ID = result.HeadID(r)
			out = append(out, trained{Head: r, labels: labels})
		}
	}
	return out
}

// ofExamples returns copies of the distributions of some examples.
func ofExamples(labels [][]float64, examples []int) [][]float64 {
	out := make([][]float64, len(examples))
	for i, e := range examples {
		out[i] = slices.Clone(labels[e])
	}
	return out
}
