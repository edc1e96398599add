package experiment

import (
	"context"
	"fmt"
	"slices"

	"w2s/harness/feature"
	"w2s/harness/result"
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
	// Encoder returns the encoder of what the labels are made from. Its vectors are cached like features. nil: labels take no
	// encoder, and Texts is not called.
	Encoder() feature.Encoder
	// Texts returns what the encoder reads of an example.
	Texts(tasks.Example) ([]string, error)
	// Label returns a distribution over the classes or candidates of an example. vectors holds one for each of its Texts.
	Label(e tasks.Example, vectors [][]float32) ([]float64, error)
}

// untrained is the status of a supervisor that is not trained here.
const untrained = "not trained"

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

// label lets a supervisor label all examples.
func (w *workbench) label(ctx context.Context, s Supervisor) ([][]float64, error) {
	l, err := s.Open(w.info)
	if err != nil {
		return nil, err
	}
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
			r := result.Head{Task: w.info.Name, Role: result.Supervisor, Model: s.Name, Seed: h.seed, Size: h.size, Status: untrained,
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
