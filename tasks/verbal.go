package tasks

import (
	"context"
	"fmt"
	"strings"
)

// Verbal turns a classification into a free answer: the text, then the names of the classes to choose from, and the
// answer is the name of the right one.
func Verbal(of Task) Task { return verbal{of: of} }

type verbal struct{ of Task }

func (v verbal) Info() Info {
	info := v.of.Info()
	info.Name += "-free"
	info.Title += " (write the class)"
	info.Category, info.Form, info.Classes, info.Metric = Generative, Generate, nil, ExactMatch
	return info
}

func (v verbal) Load(ctx context.Context, src Source) (*Data, error) {
	of := v.of.Info()
	if of.Form != Classify {
		return nil, fmt.Errorf("tasks: %s: a %s task has no classes to name", of.Name, of.Form)
	}
	data, err := v.of.Load(ctx, src)
	if err != nil {
		return nil, err
	}
	ask := "\n\nAnswer (" + strings.Join(of.Classes, " or ") + "):"
	c := newCollector(v.Info())
	c.own = data.Test != nil
	for test, part := range map[bool][]Example{false: data.Pool, true: data.Test} {
		for _, e := range part {
			group := e.Group
			if group == "" {
				group = unitOf(e)
			}
			c.add(v.Info().Name, 0, test, Example{Texts: []string{e.Texts[0] + ask}, Answer: of.Classes[argmax(e.Gold)], Group: group})
		}
	}
	return c.derived(data)
}
