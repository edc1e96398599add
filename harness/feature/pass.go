package feature

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// A Pass encodes texts under several encoders at once, which takes less time than one encoder after another. The states after
// several layers of one model, for example, come from one run of the model. If it is a [Warner], its warnings are about the
// vectors of all its encoders.
type Pass interface {
	// Encode is [Encoder.Encode] for several encoders of the pass: vectors holds their vectors one after another, in the order of
	// encoders.
	Encode(ctx context.Context, encoders []Encoder, texts []string,
		emit func(index int, vectors []float32, tokens int, truncated bool) error) error
}

// FeaturesOfPass is [Cache.Features] for several encoders of a pass. The vectors of each are stored under its own key, as Features
// stores them. An encoder that lacks no text is not part of the pass. A text that some of the others lack is encoded under all of
// these. report counts texts.
func (c *Cache) FeaturesOfPass(ctx context.Context, pass Pass, encoders []Encoder, texts []string, report Report) ([]*Matrix, []Summary, error) {
	ask := newRequest(texts)
	p := &passRun{ctx: ctx, pass: pass, request: ask, report: report}
	for i, enc := range encoders {
		if err := checkEncoder(enc); err != nil {
			return nil, nil, err
		}
		if slices.ContainsFunc(encoders[:i], func(e Encoder) bool { return e.Key() == enc.Key() }) {
			return nil, nil, fmt.Errorf("feature: two encoders of a pass have the key %s", enc.Key())
		}
		p.runs = append(p.runs, c.run(ctx, enc, ask.forMatrix(enc.Dims(), c.mappingsFor(enc, len(texts))), nil))
	}
	err := p.do()
	matrices, sums := make([]*Matrix, len(p.runs)), make([]Summary, len(p.runs))
	for i, r := range p.runs {
		if sums[i] = r.sum; err == nil {
			matrices[i] = r.features()
		}
	}
	if err != nil {
		return nil, sums, err
	}
	return matrices, sums, nil
}

// A passRun carries out one request under the encoders of a pass, each of which has a run of its own.
type passRun struct {
	*request
	ctx    context.Context
	pass   Pass
	report Report
	runs   []*run

	done, total, tokens int
}

func (p *passRun) do() (err error) {
	defer p.end()
	lacks := map[*run][]bool{} // of the runs that lack texts: which distinct ones
	var open []*run
	for _, r := range p.runs {
		missing, err := r.begin()
		if err != nil {
			return err
		}
		if len(missing) == 0 {
			continue
		}
		lacks[r], open = make([]bool, len(p.ids)), append(open, r)
		for _, u := range missing {
			lacks[r][u] = true
		}
	}
	if len(open) == 0 {
		return p.ctx.Err()
	}
	// Every goroutine acquires in the order of keys, so that two of them never wait for each other.
	slices.SortFunc(open, func(a, b *run) int { return cmp.Compare(a.enc.Key(), b.enc.Key()) })
	for _, r := range open {
		if err := r.acquire(); err != nil {
			return err
		}
		defer func() {
			if closed := r.release(); err == nil {
				err = closed
			}
		}()
	}
	var missing []int
	for u := range p.ids {
		if slices.ContainsFunc(open, func(r *run) bool { return lacks[r][u] }) {
			missing = append(missing, u)
		}
	}
	p.total = len(missing)
	for _, part := range open[0].chunks(missing) {
		if err := p.encode(open, lacks, part); err != nil {
			return err
		}
	}
	return nil
}

// end completes the summaries.
func (p *passRun) end() {
	for _, r := range p.runs {
		if w, ok := p.pass.(Warner); ok {
			r.sum.Warnings = append(r.sum.Warnings, w.Warnings()...)
		}
		r.end()
	}
}

// encode encodes a chunk of distinct texts under the open runs. lacks tells which texts a run lacks.
func (p *passRun) encode(open []*run, lacks map[*run][]bool, part []int) error {
	for _, r := range open {
		if r.writer == nil {
			continue
		}
		// Another process, or the goroutine that encoded before this one, may have stored some by now.
		wanted := slices.DeleteFunc(slices.Clone(part), func(u int) bool { return !lacks[r][u] })
		still, err := r.takeStored(wanted)
		if err != nil {
			return err
		}
		for _, u := range wanted {
			lacks[r][u] = slices.Contains(still, u)
		}
	}
	before := len(part)
	part = slices.DeleteFunc(slices.Clone(part), func(u int) bool {
		return !slices.ContainsFunc(open, func(r *run) bool { return lacks[r][u] })
	})
	p.progress(before-len(part), 0)
	if len(part) == 0 {
		return nil
	}
	encoders, width := make([]Encoder, len(open)), 0
	for i, r := range open {
		encoders[i] = r.enc
		width += r.enc.Dims()
	}
	texts := make([]string, len(part))
	for k, u := range part {
		texts[k] = p.text(u)
	}
	got, n := make([]bool, len(part)), 0
	err := p.pass.Encode(p.ctx, encoders, texts, func(index int, vectors []float32, tokens int, truncated bool) error {
		if index < 0 || index >= len(part) || got[index] || len(vectors) != width {
			return fmt.Errorf("feature: the pass gave vector %d of %d texts twice, out of range or with %d values, not %d", index, len(part), len(vectors), width)
		}
		got[index] = true
		n++
		u := part[index]
		for _, r := range open {
			v := vector{vectors[:r.enc.Dims()], tokens, truncated}
			vectors = vectors[r.enc.Dims():]
			if !lacks[r][u] {
				continue
			}
			if err := v.check(r.enc.Dims()); err != nil {
				return fmt.Errorf("feature: text %q: %w", excerpt(texts[index]), err)
			}
			if err := r.take(u, v); err != nil {
				return err
			}
		}
		p.progress(1, tokens)
		return nil
	})
	if err != nil {
		return fmt.Errorf("feature: encode: %w", err)
	}
	if n < len(part) {
		return fmt.Errorf("feature: the pass gave vectors for %d of %d texts", n, len(part))
	}
	return nil
}

func (p *passRun) progress(more, tokens int) {
	if more == 0 {
		return
	}
	p.done, p.tokens = p.done+more, p.tokens+tokens
	if p.report != nil {
		p.report(p.done, p.total, p.tokens)
	}
}
