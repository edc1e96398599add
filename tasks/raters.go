package tasks

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Raters are people who rated the texts of a task, as weak supervisors.
//
// The files hold a list of ratings for each text and no names, so a position in the list is not a person, and no supervisor is one
// person throughout. Each text has its own draw of raters by a hash of its id. The gold label is the sign of the mean of the ratings that no supervisor gave,
// and texts are left out whose mean of these is near neutral. So no rating is on both sides, and which texts are used does not depend
// on what the supervisors say.
type Raters struct {
	// Numbers lists the sizes of groups of raters. A group of n answers with the side that more of them take. [Example.Weak] has its
	// label under "n". A smaller group is a part of a larger one.
	Numbers []int
	// Far adds the rating that is farthest from the mean of the other ones that no group gave, under "far". It stands for a careless
	// person. It is chosen by looking at the gold label, so it is a diagnosis.
	Far bool
	// Draw numbers the draw of the raters. Since they are not part of the gold label, another draw is another task. It is the same for
	// all seeds of an experiment, whose test examples have one gold label.
	Draw uint
}

// String identifies the raters.
func (r Raters) String() string {
	if r.Draw == 0 {
		return fmt.Sprintf("{%v %v}", r.Numbers, r.Far)
	}
	return fmt.Sprintf("{%v %v draw %d}", r.Numbers, r.Far, r.Draw)
}

// hash returns a number that decides a part of the draw for a text.
func (r Raters) hash(parts ...string) uint64 {
	if r.Draw > 0 {
		parts = append(parts, fmt.Sprintf("draw %d", r.Draw))
	}
	return hash64(append([]string{"rater"}, parts...)...)
}

// coin decides a tie of a text.
func (r Raters) coin(name, id string) bool {
	if r.Draw == 0 {
		return coin("rater", name, id)
	}
	return r.hash("coin", name, id)&1 == 1
}

// FarRater is the name of the label of Raters.Far.
const FarRater = "far"

// MostRaters is the size of the largest group of raters. Every text has 15 or more ratings.
const MostRaters = 9

// RatedTasks lists the tasks whose texts have single ratings.
func RatedTasks() []string {
	var names []string
	for _, t := range All() {
		if r, ok := t.(ratings); ok {
			names = append(names, r.name)
		}
	}
	return names
}

// WithRaters returns a task on texts with single ratings in which some raters are weak supervisors, and the gold label is that of the others.
func WithRaters(t Task, r Raters) (Task, error) {
	base, ok := t.(ratings)
	if !ok {
		return nil, fmt.Errorf("tasks: %s: has no ratings of single people (tasks that have: %s)", t.Info().Name, strings.Join(RatedTasks(), ", "))
	}
	return rated{base, r}, nil
}

// rated is a task of ratings with raters as weak supervisors.
type rated struct {
	ratings
	raters Raters
}

func (t rated) Info() Info {
	info := t.ratings.Info()
	info.Title += "; gold from the ratings that no weak supervisor gave"
	return info
}

func (t rated) Load(ctx context.Context, src Source) (*Data, error) {
	info := t.Info()
	paths := make([]string, 2)
	for i, artifact := range []string{"vader-" + t.name + "-ratings", "vader-" + t.name} {
		var err error
		if paths[i], err = src.Path(ctx, artifact); err != nil {
			return nil, fmt.Errorf("tasks: %s: %w", t.name, err)
		}
	}
	c := newCollector(info).within(src)
	scores := map[string][]float64{}
	err := c.readRows(ctx, rowFile{path: paths[0], format: "tsv", columns: []string{"id", "mean", "deviation", "scores"}}, func(r *row) {
		list := ratingsOf(r)
		if r.fault != "" {
			c.faults.add(r.file, r.line, "%s", r.fault)
			return
		}
		id := strings.Clone(r.text("id"))
		scores[id] = list
		c.budget.keepBytes(len(id) + 8*len(list))
	})
	if err != nil {
		return nil, err
	}
	err = c.read(ctx, rowFile{path: paths[1], format: "tsv", columns: ratingColumns}, false, func(r *row) Example {
		return t.example(r, scores[r.text("id")])
	})
	if err != nil {
		return nil, err
	}
	d, err := c.finish()
	if err != nil {
		return nil, err
	}
	d.Digest = fmt.Sprintf("%x", digestOf(d.Digest, "raters", t.raters.String()))
	d.Warnings = append(d.Warnings, "raters are drawn anew for each text, since the data does not say who gave a rating; gold is the mean of the ratings that no supervisor gave")
	return d, nil
}

// ratingsOf reads a list of ratings, such as [1, 3, -2].
func ratingsOf(r *row) []float64 {
	var list []float64
	if err := json.Unmarshal([]byte(r.text("scores")), &list); err != nil {
		r.fail("scores %q are not a list of numbers", shortened(r.text("scores")))
	}
	for _, v := range list {
		if v < -4 || v > 4 {
			r.fail("score %v is not between -4 and 4", v)
		}
	}
	return list
}

// leastOthers is the smallest number of ratings that a gold label is the mean of.
const leastOthers = 5

// example makes the example of a text with the given ratings.
func (t rated) example(r *row, list []float64) Example {
	id := r.text("id")
	e := t.ratings.unrated(r)
	drawn := 0
	if len(t.raters.Numbers) > 0 {
		drawn = slices.Max(t.raters.Numbers)
	}
	rest := drawn + leastOthers
	if t.raters.Far {
		rest++
	}
	if len(list) < rest {
		r.skip(fmt.Sprintf("fewer than %d ratings", rest))
		return e
	}
	order := make([]int, len(list))
	keys := make([]uint64, len(list))
	for i := range order {
		order[i], keys[i] = i, t.raters.hash(t.name, id, strconv.Itoa(i))
	}
	slices.SortFunc(order, func(a, b int) int {
		if keys[a] < keys[b] {
			return -1
		}
		return 1
	})
	shuffled := make([]float64, len(list))
	for i, from := range order {
		shuffled[i] = list[from]
	}
	e.Weak = map[string][]float64{}
	for _, n := range t.raters.Numbers {
		e.Weak[strconv.Itoa(n)] = side(shuffled[:n], t.raters.coin(t.name, id))
	}
	others := shuffled[drawn:]
	if t.raters.Far {
		far := farthest(others)
		e.Weak[FarRater] = side(others[far:far+1], t.raters.coin(t.name, id))
		others = slices.Delete(slices.Clone(others), far, far+1)
	}
	m := mean(others)
	if m > -neutralBand && m < neutralBand {
		r.skip(fmt.Sprintf("mean of the other ratings between -%v and %v", neutralBand, neutralBand))
	}
	e.Gold = yesNo("", m > 0).Gold
	return e
}

// side returns the label of a group of raters: the side that more of them take. Neutral ratings take none. A tie is one half for
// each, tilted by a coin as little as decides which of them is the answer.
func side(group []float64, heads bool) []float64 {
	positive := 0
	for _, v := range group {
		switch {
		case v > 0:
			positive++
		case v < 0:
			positive--
		}
	}
	const tilt = 1e-6
	switch {
	case positive > 0:
		return []float64{0, 1}
	case positive < 0:
		return []float64{1, 0}
	case heads:
		return []float64{0.5 - tilt, 0.5 + tilt}
	}
	return []float64{0.5 + tilt, 0.5 - tilt}
}

// farthest returns the index of the value that is farthest from the mean of the others.
func farthest(values []float64) int {
	best, most := 0, -1.0
	m := mean(values)
	for i, v := range values { // the distance from the mean of the others is n/(n-1) times that from the mean of all
		if d := math.Abs(v - m); d > most {
			best, most = i, d
		}
	}
	return best
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}
