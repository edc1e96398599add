package tasks

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"w2s/internal/prob"
)

// FreeAnswer turns a classification into a task with a free answer. The prompt is the text followed by the names of the
// classes to choose from, and the answer is the name of the right class.
func FreeAnswer(classification Task) Task { return free{classification} }

type free struct{ classification Task }

func (f free) Info() Info {
	info := f.classification.Info()
	info.Corpus = cmp.Or(info.Corpus, info.Name)
	info.Name += "-free"
	info.Title += " (write the class)"
	info.Category, info.Form, info.Classes, info.Metric = Generative, Generate, nil, ExactMatch
	return info
}

func (f free) Load(ctx context.Context, src Source) (*Data, error) {
	from := f.classification.Info()
	if from.Form != Classify {
		return nil, fmt.Errorf("tasks: %s: a %s task has no classes to write", from.Name, from.Form)
	}
	data, err := f.classification.Load(ctx, src)
	if err != nil {
		return nil, err
	}
	request := "\n\nAnswer (" + strings.Join(from.Classes, " or ") + "):"
	return derive(f.Info(), data, func(e Example) Example {
		answer := from.Classes[prob.Argmax(e.Gold)]
		return Example{Texts: []string{e.Texts[0] + request}, Answer: answer, Group: cmp.Or(e.Group, nameOf(&e))}
	})
}
