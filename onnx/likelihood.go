package onnx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"

	ort "github.com/yalue/onnxruntime_go"
	"golang.org/x/sync/errgroup"

	"w2s/onnx/families"
	"w2s/onnx/tokenizer"
)

// A Likelihood says how probable a causal model finds texts after a prompt. It is safe for concurrent use.
type Likelihood struct {
	checkpoint *Checkpoint
	options    Options
	key        string

	once      sync.Once // loads the tokenizer
	fault     error
	tokenizer *tokenizer.Tokenizer
	lead      []int64 // the special tokens that precede every text

	whole, shared likelihoodModel
}

// A likelihoodModel is a model that is loaded when it is first needed.
type likelihoodModel struct {
	plan *plan // nil: there is none
	once sync.Once

	session *session
	fault   error
}

// load loads the model when it is first called.
func (m *likelihoodModel) load(from source, o sessionOptions) error {
	m.once.Do(func() { m.session, m.fault = newSession(from, m.plan, o) })
	return m.fault
}

func (m *likelihoodModel) close() error {
	if m.session == nil {
		return nil
	}
	return m.session.close()
}

// OpenLikelihood opens the causal model in dir, which must output logits. The first call of LogProbs loads the model. Options.Output,
// Layer, Pooling and Head have no effect. rt must stay open until the likelihood is closed.
func OpenLikelihood(ctx context.Context, rt *Runtime, dir string, o Options) (*Likelihood, error) {
	o.Output, o.Layer, o.Pooling, o.Head = "", nil, "", false
	c, err := ReadCheckpoint(dir, o)
	if err != nil {
		return nil, err
	}
	l := &Likelihood{checkpoint: c, options: o}
	l.options.Provider, _ = checkProvider(o.Provider) // ReadCheckpoint has checked it
	if err := c.planLikelihood(); err != nil {
		return nil, fmt.Errorf("onnx: %s: %w", c.Model, err)
	}
	l.whole.plan = c.plan
	if l.shared.plan, err = c.planSharedLikelihood(); err != nil {
		return nil, fmt.Errorf("onnx: %s: %w", c.Model, err)
	}
	if l.key, err = c.key(ctx, rt.Version(), l.options.Provider, o.Settings, o.DigestFile); err != nil {
		return nil, fmt.Errorf("onnx: checkpoint %s: %w", dir, err)
	}
	if l.shared.plan != nil {
		l.key += " shared" // the last bits of numbers differ from those of former versions
	}
	return l, nil
}

// planLikelihood plans to take the logits alone.
func (c *Checkpoint) planLikelihood() error {
	f, err := c.source.openAll(families.Want{LastLogits: true})
	if err != nil {
		return err
	}
	defer f.Close()
	if !c.causal {
		return errors.New("it is not known to read from left to right, as a model must that continues texts (it is an encoder, or its model_type is missing)")
	}
	if p, err := planModel(f, lastHidden, true); err == nil && p.head {
		return errors.New("a layer lies between its last hidden state and its logits, as in fill-mask models, which do not continue texts")
	}
	if made := c.source.made; made != nil && !made.Logits {
		return errors.New(made.WithoutLogits())
	}
	logits, ok := f.Output("logits")
	if !ok || len(logits.Dims) != 3 || logits.Dims[2].Size < 1 {
		return errors.New("it has no output logits of shape [batch, tokens, vocabulary] (export it for text-generation)")
	}
	if c.plan, err = planModel(f, "logits", true); err != nil {
		return err
	}
	if c.plan.rows > 0 || c.plan.cols > 0 {
		return errors.New("the model fixes the shape of its input")
	}
	c.Output, c.Pooling = c.plan.output.Name, "likelihood"
	c.SharedUntil, c.shares = "", false
	return nil
}

// planSharedLikelihood plans to take the logits and the key-value cache, with which a prompt is run once for many endings. It returns nil
// if the model has no cache, or none that can be copied.
func (c *Checkpoint) planSharedLikelihood() (*plan, error) {
	if c.source.byLength() || c.plan.single {
		return nil, nil
	}
	f, err := c.source.openAll(families.Want{LastLogits: true, Cache: true})
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p, err := planModel(f, "logits", true)
	if err != nil || !p.has(pastState) || p.rows > 0 || p.cols > 0 || p.takeCache(f) != nil {
		return nil, nil
	}
	if slices.ContainsFunc(p.pasts(), func(in input) bool { return in.batch != 0 }) {
		return nil, nil
	}
	return p, nil
}

// Key returns a digest of everything that changes a probability: see [Encoder.Key].
func (l *Likelihood) Key() string { return l.key }

// Checkpoint returns the checkpoint that the likelihood runs.
func (l *Likelihood) Checkpoint() *Checkpoint { return l.checkpoint }

// Close frees the model. No method may be running.
func (l *Likelihood) Close() error { return errors.Join(l.whole.close(), l.shared.close()) }

// load loads the tokenizer when it is first called.
func (l *Likelihood) load() error {
	l.once.Do(func() {
		if l.tokenizer, l.fault = l.checkpoint.openTokenizer(); l.fault != nil {
			return
		}
		if l.lead, l.fault = leading(l.tokenizer, l.checkpoint); l.fault != nil {
			return
		}
		l.fault = l.checkpoint.checkVocab(l.tokenizer, l.lead)
	})
	return l.fault
}

// model returns one of the models, which is loaded when it is first needed.
func (l *Likelihood) model(m *likelihoodModel) (*session, error) {
	_, threads := l.options.workers()
	err := m.load(l.checkpoint.source, l.options.sessions(threads)[0])
	return m.session, err
}

// leading returns the special tokens that the tokenizer puts in front of a text. A chat template writes its own.
func leading(t *tokenizer.Tokenizer, c *Checkpoint) ([]int64, error) {
	if c.Chat != nil {
		return nil, nil
	}
	const text = "text"
	with, err := t.Encode(text, tokenizer.Options{})
	if err != nil {
		return nil, err
	}
	without, err := t.Encode(text, tokenizer.Options{WithoutSpecials: true})
	if err != nil {
		return nil, err
	}
	for i := 0; i+len(without.IDs) <= len(with.IDs); i++ {
		if slices.Equal(with.IDs[i:i+len(without.IDs)], without.IDs) {
			return with.IDs[:i], nil
		}
	}
	return nil, errors.New("the tokenizer encodes a text differently with special tokens, so it is unclear which precede it")
}

// LogProbs calls emit once for every prompt, from the calling goroutine and in any order, with the natural logarithm of the
// probability of each of the prompt's endings, the number of tokens that were fed to the model, and whether the prompt had to be
// cut. The logarithms are those of all tokens of an ending, summed. They depend on the prompt and its endings alone.
//
// Tokens are those of prompt and ending together, without special tokens at the end. The ending has those after the number of tokens
// that the prompt has alone. White space at the end of a prompt counts to the ending. A prompt that is too long loses its beginning.
// This is what lm-evaluation-harness does, except that the special tokens that the tokenizer puts in front are always kept.
//
// LogProbs stops at the first error of emit and returns it, and within some milliseconds after ctx is done.
func (l *Likelihood) LogProbs(ctx context.Context, prompts []string, endings [][]string,
	emit func(index int, logProbs []float64, tokens int, truncated bool) error) error {
	if len(prompts) == 0 {
		return ctx.Err()
	}
	if err := l.load(); err != nil {
		return l.wrap(ctx, err)
	}
	for start := 0; start < len(prompts); {
		var jobs []likelihoodJob
		var runs []*likelihoodRun
		for tokens := 0; start < len(prompts) && tokens < likelihoodWindow; start++ {
			if err := ctx.Err(); err != nil {
				return err
			}
			q, err := l.query(ctx, prompts[start], endings[start])
			if err != nil {
				return l.wrap(ctx, fmt.Errorf("text %d of %d: %w", start+1, len(prompts), err))
			}
			q.index = start
			for _, u := range q.units {
				tokens += len(u.ids)
			}
			own := q.runs(l.checkpoint.source.byLength())
			if shared := l.sharedTokens(own); shared > 0 {
				q.tokens -= (len(own) - 1) * shared
				jobs = append(jobs, likelihoodJob{own, shared})
			} else {
				runs = append(runs, own...)
			}
		}
		for _, b := range l.batches(runs) {
			jobs = append(jobs, likelihoodJob{b, 0})
		}
		if err := l.work(ctx, jobs, emit); err != nil {
			return err
		}
	}
	return nil
}

// likelihoodWindow is the number of tokens that are prepared before they are run. It is large enough that most texts find others of
// the same length, and bounded so that memory does not grow with the number of prompts and endings.
const likelihoodWindow = 4 << 20

// A likelihoodJob is a batch of runs of equal length, or all runs of a query, whose first tokens are shared and run once.
type likelihoodJob struct {
	runs   []*likelihoodRun
	shared int // number of tokens
}

// work runs jobs and emits their queries.
func (l *Likelihood) work(ctx context.Context, list []likelihoodJob, emit func(int, []float64, int, bool) error) error {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	group, inner := errgroup.WithContext(inner)
	done := make(chan *query)
	jobs := make(chan likelihoodJob)
	group.Go(func() error {
		defer close(jobs)
		for _, j := range list {
			select {
			case jobs <- j:
			case <-inner.Done():
				return inner.Err()
			}
		}
		return nil
	})
	workers, _ := l.options.workers()
	for range workers {
		group.Go(func() error {
			var w likelihoodWorker
			for j := range jobs {
				if err := l.run(inner, j, &w); err != nil {
					return err
				}
				for _, r := range j.runs {
					if r.query.finished() {
						select {
						case done <- r.query:
						case <-inner.Done():
							return inner.Err()
						}
					}
				}
			}
			return nil
		})
	}
	worked := make(chan error, 1)
	go func() {
		worked <- group.Wait()
		close(done)
	}()
	var emitted error
	for q := range done {
		if emitted == nil {
			if emitted = emit(q.index, q.logProbs, q.tokens, q.cut); emitted != nil {
				cancel()
			}
		}
	}
	if err := <-worked; emitted == nil {
		return l.wrap(ctx, err)
	}
	return emitted
}

// wrap adds the name of the model to an error, unless the error is that ctx is done.
func (l *Likelihood) wrap(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		return nil
	}
	return fmt.Errorf("onnx: %s: %w", l.checkpoint.Model, err)
}

// A query is a prompt with its endings.
type query struct {
	index    int
	units    []unit
	logProbs []float64 // of each unit
	tokens   int       // that are fed
	cut      bool

	mu   sync.Mutex
	open int // runs that are not done
}

// A unit is one ending after its prompt: its n last tokens are predicted.
type unit struct {
	ids []int64
	n   int
}

// A likelihoodRun is a list of tokens that the model is fed once, and what is read from it.
type likelihoodRun struct {
	query *query
	ids   []int64
	units []int // of the query
	keep  int   // number of tokens at the end whose logits are read
}

// query tokenizes a prompt with its endings.
func (l *Likelihood) query(ctx context.Context, prompt string, endings []string) (*query, error) {
	encode := func(text string) ([]int64, error) {
		e, err := l.tokenizer.EncodeContext(ctx, l.checkpoint.Text(text), tokenizer.Options{WithoutSpecials: true})
		if err == nil {
			err = l.checkpoint.checkVocab(l.tokenizer, e.IDs)
		}
		return e.IDs, err
	}
	trimmed := strings.TrimRightFunc(prompt, unicode.IsSpace)
	gap := prompt[len(trimmed):]
	before, err := encode(trimmed)
	if err != nil {
		return nil, err
	}
	q := &query{logProbs: make([]float64, len(endings))}
	longest := 0
	for _, ending := range endings {
		whole, err := encode(trimmed + gap + ending)
		if err != nil {
			return nil, err
		}
		if len(whole) <= len(before) {
			return nil, fmt.Errorf("%q adds no token to the prompt", ending)
		}
		u := unit{ids: whole, n: len(whole) - len(before)}
		q.units, longest = append(q.units, u), max(longest, u.n)
	}
	// All endings keep the same part of the prompt.
	keep := len(before)
	if most := l.checkpoint.MaxTokens; most > 0 {
		if keep = min(keep, most+1-len(l.lead)-longest); keep < 0 || keep == 0 && len(before) > 0 {
			return nil, fmt.Errorf("an ending of %d tokens leaves no room for a prompt, because the longest input is %d", longest, most)
		}
	}
	if keep+len(l.lead) == 0 {
		return nil, errors.New("the prompt has no tokens")
	}
	q.cut = keep < len(before)
	for i := range q.units {
		u := &q.units[i]
		u.ids = slices.Concat(l.lead, u.ids[len(before)-keep:])
	}
	return q, nil
}

// runs returns what is to be run. Tokens that another run of the query begins with are not run on their own, as a state depends on
// the tokens before it alone, unless it depends on the length.
func (q *query) runs(byLength bool) []*likelihoodRun {
	order := make([]int, len(q.units))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(len(q.units[b].ids), len(q.units[a].ids)) })
	var all []*likelihoodRun
	for _, i := range order {
		u := q.units[i]
		fed := u.ids[:len(u.ids)-1]
		at := slices.IndexFunc(all, func(r *likelihoodRun) bool {
			return (!byLength || len(r.ids) == len(fed)) && slices.Equal(r.ids[:len(fed)], fed)
		})
		if at < 0 {
			at = len(all)
			all = append(all, &likelihoodRun{query: q, ids: fed})
		}
		r := all[at]
		r.units = append(r.units, i)
		r.keep = max(r.keep, len(r.ids)-(len(u.ids)-u.n)+1)
	}
	for _, r := range all {
		q.tokens += len(r.ids)
	}
	q.open = len(all)
	return all
}

// sharedSavings is the number of tokens that sharing must save. Below it, running whole texts in large batches is faster.
const sharedSavings = 1024

// sharedTokens returns the number of tokens at the beginning of the runs of a query that are run once for all of them, or 0 if each is
// run whole. It depends on the query alone, and so do the last bits of its probabilities. The tokens' own logits are not needed.
func (l *Likelihood) sharedTokens(runs []*likelihoodRun) int {
	if l.shared.plan == nil {
		return 0
	}
	first := runs[0].ids
	n := len(first)
	for _, r := range runs {
		n = min(n, len(r.ids)-r.keep)
		for i := range n {
			if r.ids[i] != first[i] {
				n = i
				break
			}
		}
	}
	if n*(len(runs)-1) < sharedSavings {
		return 0
	}
	return n
}

// finished notes that a run of the query is done, and reports whether it was the last.
func (q *query) finished() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.open--
	return q.open == 0
}

// maxLogits bounds the number of logits that a batch computes. A single text may have more.
const maxLogits = 16 << 20

// batches divides runs into batches of equal length, the longest first.
func (l *Likelihood) batches(runs []*likelihoodRun) [][]*likelihoodRun {
	p := l.whole.plan
	sortRuns(runs)
	var all [][]*likelihoodRun
	for start := 0; start < len(runs); {
		length, logits := len(runs[start].ids), len(runs[start].ids)
		if p.has(logitsToKeep) {
			logits = runs[start].keep
		}
		rows := max(1, min(p.batchRows(length, l.options.batchTokens()), maxLogits/(logits*p.width())))
		end := equalRuns(runs, start, rows)
		all = append(all, runs[start:end])
		start = end
	}
	return all
}

// sortRuns sorts runs by length, and by the number of logits of those of equal length.
func sortRuns(runs []*likelihoodRun) {
	slices.SortStableFunc(runs, func(a, b *likelihoodRun) int {
		return cmp.Or(cmp.Compare(len(b.ids), len(a.ids)), cmp.Compare(b.keep, a.keep))
	})
}

// equalRuns returns the end of a batch of at most rows runs, which begins at start and has runs of equal length.
func equalRuns(runs []*likelihoodRun, start, rows int) int {
	end := start + 1
	for end < len(runs) && end-start < rows && len(runs[end].ids) == len(runs[start].ids) {
		end++
	}
	return end
}

// A likelihoodWorker is the memory of one worker.
type likelihoodWorker struct {
	in, out buffer
	shared  sharedMemory
}

// maxLikelihoodCopies bounds the bytes of cache that the runs of a batch have together. A single run may have more.
const maxLikelihoodCopies = 64 << 20

// run runs a job.
func (l *Likelihood) run(ctx context.Context, j likelihoodJob, w *likelihoodWorker) error {
	if j.shared == 0 {
		s, err := l.model(&l.whole)
		if err != nil {
			return err
		}
		logits, rows, err := w.logits(ctx, s, j.runs, 0, nil, nil)
		if err != nil {
			return err
		}
		return addUp(j.runs, logits, rows, s.plan.width())
	}
	s, err := l.model(&l.shared)
	if err != nil {
		return err
	}
	m := &w.shared
	if _, _, err := w.logits(ctx, s, []*likelihoodRun{{ids: j.runs[0].ids[:j.shared], keep: 1}}, 0, nil, &m.first); err != nil {
		return err
	}
	m.held = m.held[:0]
	sortRuns(j.runs)
	for start := 0; start < len(j.runs); {
		end := equalRuns(j.runs, start, s.plan.cachedRows(maxLikelihoodCopies/m.first.rowBytes(), len(j.runs[start].ids)-j.shared))
		batch := j.runs[start:end]
		past, err := m.copy(s.plan.pasts(), make([]item, len(batch)), j.shared)
		if err != nil {
			return err
		}
		logits, rows, err := w.logits(ctx, s, batch, j.shared, past, &m.after)
		past.close()
		if err == nil {
			err = addUp(batch, logits, rows, s.plan.width())
		}
		if err != nil {
			return err
		}
		start = end
	}
	return nil
}

// logits runs a batch after the tokens of a cache, and returns the logits of the last rows tokens of each of its runs. skip is the number
// of tokens in the cache. If the model has a cache, it is written to after.
func (w *likelihoodWorker) logits(ctx context.Context, s *session, batch []*likelihoodRun, skip int, past *cache, after *cacheMemory) (values []float32,
	rows int, err error) {
	p := s.plan
	g := grid{rows: len(batch), cols: len(batch[0].ids) - skip, logits: batch[0].keep, past: past}
	for _, r := range batch {
		g.ids = append(g.ids, r.ids[skip:]...)
	}
	g.typ, g.mask = make([]int64, len(g.ids)), w.shared.ones(g.rows*(skip+g.cols))
	inputs, err := s.feed(g, &w.in)
	defer destroy(inputs)
	if err != nil {
		return nil, 0, err
	}
	if rows = g.cols; p.has(logitsToKeep) {
		rows = g.logits
	}
	output, err := w.out.output(p.output.Type, ort.NewShape(int64(g.rows), int64(rows), int64(p.width())))
	if err != nil {
		return nil, 0, err
	}
	outputs := []ort.Value{output}
	defer func() { destroy(outputs) }()
	if len(p.more) > 0 {
		present, err := after.tensors(p.pasts(), g.rows, skip+g.cols)
		outputs = append(outputs, present...)
		if err != nil {
			return nil, 0, err
		}
	}
	if err := s.runOnce(ctx, inputs, outputs); err != nil {
		return nil, 0, err
	}
	return w.out.result(p.output.Type), rows, nil
}

// addUp adds up the logarithms of the probabilities of the endings of a batch. logits has those of the last rows tokens of each run.
func addUp(batch []*likelihoodRun, logits []float32, rows, vocab int) error {
	for b, r := range batch {
		sums := map[int]float64{} // the normalisers of the rows that were read
		for _, i := range r.units {
			u := r.query.units[i]
			total := 0.0
			for at := len(u.ids) - u.n; at < len(u.ids); at++ {
				row := at - 1 - (len(r.ids) - rows)
				values := logits[(b*rows+row)*vocab : (b*rows+row+1)*vocab]
				sum, known := sums[row]
				if !known {
					if !finite(values) {
						return errors.New("the logits are not finite")
					}
					sum = logSumExp(values)
					sums[row] = sum
				}
				if u.ids[at] >= int64(vocab) {
					return fmt.Errorf("token %d is beyond the vocabulary of %d", u.ids[at], vocab)
				}
				total += float64(values[u.ids[at]]) - sum
			}
			r.query.logProbs[i] = total
		}
	}
	return nil
}
