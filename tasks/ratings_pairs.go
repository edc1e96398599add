package tasks

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ratingPairs is a preference task made from the human ratings: which of two texts speaks better of its subject. The
// gold label is the share of raters that rate a text higher.
type ratingPairs struct{ ratings ratings }

const (
	// dividedBand is the distance from 1/2 within which the share of raters expresses no preference.
	dividedBand = 0.1
	// pairBuckets is the number of buckets of texts; both texts of a pair are from one bucket. The number is fixed, so
	// adding or removing a row changes the pairs of one bucket only.
	pairBuckets = 256
)

func (t ratingPairs) Info() Info {
	info := t.ratings.Info()
	info.Corpus = cmp.Or(info.Corpus, info.Name)
	info.Name += "-pairs"
	info.Category, info.Form, info.Classes = Reward, Rank, nil
	info.Title = t.ratings.title + fmt.Sprintf(": pairs, gold is the share of raters that prefer a text, divided pairs (within %v of 1/2) left out", dividedBand)
	return info
}

// ratedText is a text with all of its ratings.
type ratedText struct {
	text   string
	bucket uint64
	counts [9]float64 // number of raters for each score from -4 to 4
	total  float64    // number of raters
}

// merge adds the raters of a copy of the text. The result does not depend on the order of the copies.
func (a *ratedText) merge(b ratedText) {
	a.text, a.bucket, a.total = min(a.text, b.text), min(a.bucket, b.bucket), a.total+b.total
	for i, n := range b.counts {
		a.counts[i] += n
	}
}

func (t ratingPairs) Load(ctx context.Context, src Source) (*Data, error) {
	c := newCollector(t.Info()).within(src)
	texts, err := t.ratedTexts(ctx, src, c)
	if err != nil {
		return nil, err
	}
	order := func(r ratedText) (uint64, uint64, string) { return r.bucket, hash64("pair order", r.text), r.text }
	slices.SortFunc(texts, func(a, b ratedText) int {
		bucketA, hashA, textA := order(a)
		bucketB, hashB, textB := order(b)
		return cmp.Or(cmp.Compare(bucketA, bucketB), cmp.Compare(hashA, hashB), cmp.Compare(textA, textB))
	})
	for i := 0; i+1 < len(texts); i++ {
		a, b := texts[i], texts[i+1]
		if a.bucket != b.bucket {
			continue
		}
		i++ // each text is in one pair
		p := preference(a, b)
		if p > 0.5-dividedBand && p < 0.5+dividedBand {
			c.leaveOut("raters are divided")
			continue
		}
		e := Example{Texts: []string{a.text, b.text}, Gold: []float64{p, 1 - p}}
		if t.ratings.byReview {
			e.Group = fmt.Sprintf("%s bucket %d", t.ratings.name, a.bucket)
		}
		c.add(t.Info().Name, 0, false, e)
	}
	return c.finish()
}

// ratedTexts reads the file of ratings and the file of texts, and joins them by id. Joining by line would be wrong: in
// the Amazon set some lines of the two files are in a different order.
func (t ratingPairs) ratedTexts(ctx context.Context, src Source, c *collector) ([]ratedText, error) {
	read := func(artifact string, columns []string, do func(r *row)) error {
		path, err := src.Path(ctx, artifact)
		if err != nil {
			return fmt.Errorf("tasks: %s: %w", t.Info().Name, err)
		}
		return c.readRows(ctx, rowFile{path: path, format: "tsv", columns: columns}, func(r *row) {
			if do(r); r.fault != "" {
				c.faults.add(r.file, r.line, "%s", r.fault)
			}
		})
	}
	ratedByID := map[string]ratedText{}
	err := read("vader-"+t.ratings.name+"-ratings", []string{"id", "mean", "deviation", "scores"}, func(r *row) {
		ratedByID[r.text("id")] = parseScores(r)
	})
	if err != nil {
		return nil, err
	}
	var texts []ratedText
	index := map[string]int{} // by folded text
	err = read("vader-"+t.ratings.name, ratingColumns, func(r *row) {
		id, text := r.text("id"), strings.TrimSpace(r.text("text"))
		rated, ok := ratedByID[id]
		if !ok || text == "" {
			return // some texts have no ratings under their id
		}
		key := fold(text)
		rated.text, rated.bucket = text, hash64("pair", key)%pairBuckets
		if t.ratings.byReview {
			review, _, _ := strings.Cut(id, "_")
			rated.bucket = hash64("pair review", t.ratings.name, review) % (pairBuckets / 4)
		}
		if i, ok := index[key]; ok {
			texts[i].merge(rated)
			return
		}
		index[key] = len(texts)
		texts = append(texts, rated)
	})
	if err != nil {
		return nil, err
	}
	return t.withoutNearCopies(texts, c), c.faults.err()
}

// withoutNearCopies keeps one of the texts with the same normal form. Its near copies could be in pairs of another part of the
// split, and their ratings cannot be merged, because raters weigh capitals and exclamation marks.
func (t ratingPairs) withoutNearCopies(texts []ratedText, c *collector) []ratedText {
	kept := map[string]ratedText{} // by normal form
	for _, r := range texts {
		form := NormalForm(r.text)
		old, ok := kept[form]
		if ok {
			c.leaveOut("another text differs only in case, punctuation or repeated characters")
		}
		if !ok || r.text < old.text {
			kept[form] = r
		}
	}
	return slices.Collect(maps.Values(kept))
}

// parseScores reads the scores of all raters of a text, such as [1, 3, -2].
func parseScores(r *row) ratedText {
	var scores []int
	if err := json.Unmarshal([]byte(r.text("scores")), &scores); err != nil {
		r.fail("scores %q are not a list of whole numbers", r.text("scores"))
	}
	var rated ratedText
	for _, score := range scores {
		if score < -4 || score > 4 {
			r.fail("score %d is not between -4 and 4", score)
			return rated
		}
		rated.counts[score+4]++
		rated.total++
	}
	if rated.total == 0 {
		r.fail("no scores")
	}
	return rated
}

// preference returns the probability of superiority: the share of all pairs of a rater of a and a rater of b in which a
// has the higher score, where equal scores count half.
func preference(a, b ratedText) float64 {
	wins := 0.0
	for i, n := range a.counts {
		for j, m := range b.counts {
			switch {
			case i > j:
				wins += n * m
			case i == j:
				wins += n * m / 2
			}
		}
	}
	return wins / (a.total * b.total)
}
