package supervisor

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"w2s/harness/experiment"
	"w2s/harness/feature"
	"w2s/harness/label"
	"w2s/internal/inputfile"
	"w2s/tasks"
)

// A LabelFile is a file of labels that were made elsewhere.
type LabelFile struct{ *tasks.LabelFile }

// OpenLabels reads a file that [label.Write] wrote, or one that [tasks.OpenLabels] reads.
func OpenLabels(ctx context.Context, ref string, limits tasks.Limits) (LabelFile, error) {
	own, err := ownLabels(ref)
	if err != nil || own.LabelFile != nil {
		return own, err
	}
	f, err := tasks.OpenLabels(ctx, ref, limits)
	return LabelFile{f}, err
}

// ownMark begins a file that label.Write wrote.
const ownMark = `{"w2s":`

// maxOwnBytes bounds a file that label.Write wrote.
const maxOwnBytes = 1 << 30

// ownLabels reads a file that label.Write wrote. LabelFile is nil for other files.
func ownLabels(path string) (LabelFile, error) {
	f, err := inputfile.Open(path)
	if err != nil {
		return LabelFile{}, nil // the other reader says why, or cuts settings off
	}
	defer f.Close()
	head := make([]byte, len(ownMark))
	if _, err := io.ReadFull(f, head); err != nil || string(head) != ownMark {
		return LabelFile{}, nil
	}
	rest, err := inputfile.ReadAll(f, 0, maxOwnBytes)
	if err != nil {
		return LabelFile{}, fmt.Errorf("%s: %w", path, err)
	}
	data := append(head, rest...)
	l, _, err := label.Read(bytes.NewReader(data))
	if err != nil {
		return LabelFile{}, fmt.Errorf("%s: %w", path, err)
	}
	return LabelFile{tasks.LabelsByID(path, fmt.Sprintf("%x", sha256.Sum256(data)), l.IDs, l.Soft)}, nil
}

// Open returns the labeller of a task.
func (f LabelFile) Open(task tasks.Info) (experiment.Labeller, error) {
	return &joined{file: f.LabelFile, task: task}, nil
}

// noEncoder is the part of a Labeller of labels that were made before.
type noEncoder struct{}

func (noEncoder) Encoder() feature.Encoder { return nil }
func (noEncoder) Texts(tasks.Example) ([]string, error) {
	return nil, errors.New("these labels are not made from texts")
}

// joined holds the labels of a file that are joined with the examples of a task.
type joined struct {
	noEncoder
	file   *tasks.LabelFile
	task   tasks.Info
	labels map[string][]float64 // by id of the example
}

// Join implements [experiment.Joiner].
func (j *joined) Join(examples []tasks.Example) (notes []string, err error) {
	found, err := j.file.Join(j.task, examples)
	j.labels = make(map[string][]float64, len(examples))
	for i, p := range found.Labels {
		j.labels[examples[i].ID] = p
	}
	return found.Notes, err
}

func (j *joined) Label(e tasks.Example, _ [][]float32) ([]float64, error) { return j.labels[e.ID], nil }

// Said is what a weak supervisor in a task's data says: the entry of [tasks.Example.Weak] with this name.
type Said string

// Open returns the labeller of a task.
func (s Said) Open(tasks.Info) (experiment.Labeller, error) { return said{name: string(s)}, nil }

type said struct {
	noEncoder
	name string
}

func (s said) Label(e tasks.Example, _ [][]float32) ([]float64, error) { return e.Weak[s.name], nil }
