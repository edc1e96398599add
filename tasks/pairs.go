package tasks

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// ratingPairs is a preference task made of the human ratings: which of two texts speaks better of its subject. Gold is
// the share of raters that put the text higher.
type ratingPairs struct{ of ratings }

const (
	// dividedBand is how near to 1/2 the share of raters may be before a pair says nothing about preference.
	dividedBand = 0.1
	// pairBuckets are the classes of texts within which pairs are made. Their number is fixed, so that a row that goes
	// or comes changes the pairs of one bucket only.
	pairBuckets = 256
)

func (t ratingPairs) Info() Info {
	info := t.of.Info()
	info.Name += "-pairs"
	info.Category, info.Form, info.Classes = Reward, Rank, nil
	info.Title = t.of.title + fmt.Sprintf(": pairs, gold is the share of raters that prefer a text, divided pairs (within %v of 1/2) left out", dividedBand)
	return info
}

// rated is a text with all its ratings, counted from -4 to 4.
type rated struct {
	text   string
	bucket uint64
	counts [9]float64
	total  float64
}

// merge adds the raters of a copy, so that the order of the copies does not matter.
func (a *rated) merge(b rated) {
	a.text, a.bucket, a.total = min(a.text, b.text), min(a.bucket, b.bucket), a.total+b.total
	for i, n := range b.counts {
		a.counts[i] += n
	}
}

func (t ratingPairs) Load(ctx context.Context, src Source) (*Data, error) {
	texts, digest, err := t.load(ctx, src)
	if err != nil {
		return nil, err
	}
	order := func(r rated) (uint64, uint64, string) { return r.bucket, hash64("pair order", r.text), r.text }
	slices.SortFunc(texts, func(a, b rated) int {
		bucketA, hashA, textA := order(a)
		bucketB, hashB, textB := order(b)
		return cmp.Or(cmp.Compare(bucketA, bucketB), cmp.Compare(hashA, hashB), cmp.Compare(textA, textB))
	})
	c := newCollector(t.Info())
	c.digests = digest
	for i := 0; i+1 < len(texts); i++ {
		a, b := texts[i], texts[i+1]
		if a.bucket != b.bucket {
			continue
		}
		i++ // each text is in one pair
		p := preference(a, b)
		if p > 0.5-dividedBand && p < 0.5+dividedBand {
			c.reasons["raters are divided"]++
			continue
		}
		e := Example{Texts: []string{a.text, b.text}, Gold: []float64{p, 1 - p}}
		if t.of.grouped {
			e.Group = fmt.Sprintf("%s bucket %d", t.of.name, a.bucket)
		}
		c.add(t.Info().Name, 0, false, e)
	}
	return c.finish()
}

// load joins texts and ratings by id: in the Amazon set a few lines of the two files are not in the same order.
func (t ratingPairs) load(ctx context.Context, src Source) (texts []rated, digests []string, err error) {
	var faults Faults
	read := func(artifact string, columns []string, do func(r *row)) error {
		path, err := src.Path(ctx, artifact)
		if err != nil {
			return fmt.Errorf("tasks: %s: %w", t.Info().Name, err)
		}
		digest, err := rowFile{path: path, format: "tsv", columns: columns}.read(ctx, &faults, func(r *row) {
			if do(r); r.fault != "" {
				faults.add(r.file, r.line, "%s", r.fault)
			}
		})
		digests = append(digests, digest)
		return err
	}
	scores := map[string]rated{}
	err = read("vader-"+t.of.name+"-ratings", []string{"id", "mean", "deviation", "scores"}, func(r *row) {
		var list []int
		if err := json.Unmarshal([]byte(r.text("scores")), &list); err != nil {
			r.fail("scores %q are not a list of whole numbers", r.text("scores"))
			return
		}
		var s rated
		for _, score := range list {
			if score < -4 || score > 4 {
				r.fail("score %d is not between -4 and 4", score)
				return
			}
			s.counts[score+4]++
			s.total++
		}
		if s.total == 0 {
			r.fail("no scores")
		}
		scores[r.text("id")] = s
	})
	if err != nil {
		return nil, nil, err
	}
	at := map[string]int{}
	err = read("vader-"+t.of.name, ratingColumns, func(r *row) {
		id, text := r.text("id"), strings.TrimSpace(r.text("text"))
		s, ok := scores[id]
		if !ok || text == "" {
			return // not rated under that id
		}
		s.text, s.bucket = text, hash64("pair", fold([]string{text}))%pairBuckets
		if t.of.grouped {
			review, _, _ := strings.Cut(id, "_")
			s.bucket = hash64("pair review", t.of.name, review) % (pairBuckets / 4)
		}
		if i, ok := at[fold([]string{text})]; ok { // a copy: its raters are added
			texts[i].merge(s)
			return
		}
		at[fold([]string{text})] = len(texts)
		texts = append(texts, s)
	})
	if err != nil {
		return nil, nil, err
	}
	return texts, digests, faults.err()
}

// preference is the share of all pairs of a rater of a and a rater of b in which a has the higher score, an equal score
// counting half: the probability of superiority.
func preference(a, b rated) float64 {
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
