package tasks

import (
	"context"
	"fmt"
	"strings"
)

// neutralBand is the smallest absolute mean rating, on the scale from -4 to 4, of a text that takes a side. Texts below it,
// for example rated -1, 0 and 1, are left out, because people would not agree on a gold label for them.
const neutralBand = 0.5

// ratings is a task on the sentiment of short texts, each rated by 15 to 100 people (Hutto and Gilbert 2014).
type ratings struct {
	name, title string
	byReview    bool // ids have the form REVIEW_SENTENCE; the sentences of one review are a group
	version     int  // see Info.Version
}

func (t ratings) Info() Info {
	return Info{
		Name: t.name, Category: NLP, Form: Classify, Classes: []string{"negative", "positive"},
		Title:  t.title + fmt.Sprintf(", sign of the mean rating, near-neutral ones (below %v) left out", neutralBand),
		Source: "Hutto and Gilbert 2014 (ICWSM), in the source archive of PyPI vaderSentiment 2.5", Licence: "MIT",
		Metric: Accuracy, Version: t.version,
	}
}

// ratingColumns names the columns of the ground-truth files, which have no header line.
var ratingColumns = []string{"id", "rating", "text"}

func (t ratings) Load(ctx context.Context, src Source) (*Data, error) {
	path, err := src.Path(ctx, "vader-"+t.name)
	if err != nil {
		return nil, fmt.Errorf("tasks: %s: %w", t.name, err)
	}
	c := newCollector(t.Info()).within(src)
	err = c.read(ctx, rowFile{path: path, format: "tsv", columns: ratingColumns}, false, t.example)
	if err != nil {
		return nil, err
	}
	return c.finish()
}

func (t ratings) example(r *row) Example {
	rating := r.float("rating")
	if rating < -4 || rating > 4 {
		r.fail("rating %v is not between -4 and 4", rating)
	}
	if rating > -neutralBand && rating < neutralBand {
		r.skip(fmt.Sprintf("mean rating between -%v and %v", neutralBand, neutralBand))
	}
	e := t.unrated(r)
	e.Gold = yesNo("", rating > 0).Gold
	return e
}

// unrated returns the example of a row without its gold label.
func (t ratings) unrated(r *row) Example {
	e := Example{Texts: []string{strings.TrimSpace(r.text("text"))}}
	if t.byReview {
		review, _, _ := strings.Cut(r.text("id"), "_")
		e.Group = t.name + " " + review
	}
	return e
}
