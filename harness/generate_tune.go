package harness

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"

	"w2s/harness/feature"
	"w2s/harness/head"
	"w2s/harness/loss"
	"w2s/internal/progress"
)

// maxVocabulary bounds the tokens that answers are made of: a head has a column for each.
const maxVocabulary = 4096

// A scribe is one model at work on the answers of one task.
type scribe struct {
	bench  *workbench
	model  Model
	writer Writer
	states *stateStore // as far as they were computed
	test   [][]int64   // tokens of the test answers; nil for one that is longer than the model may write
}

func newScribe(b *workbench, m Model, w Writer) (*scribe, error) {
	if len(w.Ends()) == 0 {
		return nil, errors.New("its files name no token that ends an answer (set eos_token_id in config.json)")
	}
	return &scribe{bench: b, model: m, writer: w, states: newStateStore(w.Dims(), b.env.stateBytes)}, nil
}

func (s *scribe) prompt(example int) string { return s.bench.examples[example].Texts[0] }

// read makes the hidden states at places, one row each, or takes them from the feature cache.
func (s *scribe) read(ctx context.Context, places []place) (*feature.Matrix, feature.Summary, error) {
	m := s.model
	m.Encoder = stateEncoder{s.writer}
	x, summary, err := s.bench.env.features(ctx, m, s.bench.info.Name, each(places, place.text))
	if err != nil {
		return nil, summary, err
	}
	for i, p := range places {
		if err := s.states.put(p, x.Row(i)); err != nil {
			return nil, summary, err
		}
	}
	return x, summary, nil
}

// readTest makes the states of the test answers, for the token accuracy. A head that writes the same begins from them.
func (s *scribe) readTest(ctx context.Context) error {
	b := s.bench
	var places []place
	tooLong := 0
	for i, e := range b.test {
		tokens, err := s.writer.Tokens(s.prompt(e), b.record.TestAnswers[i][0])
		if err != nil {
			return err
		}
		if len(tokens) >= s.writer.Limit() {
			tooLong++
			s.test = append(s.test, nil)
			continue
		}
		s.test = append(s.test, tokens)
		for n := range len(tokens) + 1 {
			places = append(places, place{s.prompt(e), tokens[:n]})
		}
	}
	if tooLong > 0 {
		b.warn("%s: %d of %d test answers are longer than the %d tokens it may write, and count as wrong", s.model.Name, tooLong, len(b.test), s.writer.Limit())
	}
	if len(places) == 0 {
		return fmt.Errorf("all test answers are longer than the %d tokens the model may write", s.writer.Limit())
	}
	_, summary, err := s.read(ctx, places)
	if err != nil {
		return err
	}
	for _, w := range summary.Warnings {
		b.warn("%s", w)
	}
	if summary.Truncated > 0 {
		b.warn("%s: prompts truncated at %d of %d places in test answers", s.model.Name, summary.Truncated, len(places))
	}
	return nil
}

// warn adds a warning to the task's record, once.
func (b *workbench) warn(format string, args ...any) {
	b.record.Warnings = appendNew(b.record.Warnings, fmt.Sprintf(format, args...))
}

// A lessonPlan orders heads that learn the same answers, one a loss.
type lessonPlan struct {
	record   HeadRecord
	examples []int
	answers  []answer // to examples
	losses   []loss.Loss
}

// A tuned head is a linear layer on hidden states with a row for each token that answers are made of.
type tuned struct {
	HeadRecord
	vocabulary []int64 // ascending
	ends       []int64
	columns    [][]float64 // [len(vocabulary)][dims]
	bias       []float64
}

// lines is what a model has to learn: for each token of each answer the state before it and the token, as a row.
type lines struct {
	places []place
	tokens []int64  // -1: an end
	units  []string // what must not be torn apart: the answer's example or its group
	long   int      // answers that were left out, longer than the model may write
}

// lines cuts answers into lines.
func (s *scribe) lines(plan lessonPlan) (lines, error) {
	var l lines
	for i, e := range plan.examples {
		tokens, err := s.writer.Tokens(s.prompt(e), plan.answers[i].text)
		if err != nil {
			return l, err
		}
		if len(tokens) >= s.writer.Limit() {
			l.long++
			continue
		}
		unit := s.bench.groups[e]
		if unit == "" {
			unit = s.bench.examples[e].ID
		}
		if !plan.answers[i].open {
			tokens = append(slices.Clip(tokens), -1)
		}
		for n, token := range tokens {
			l.places = append(l.places, place{s.prompt(e), tokens[:n]})
			l.tokens, l.units = append(l.tokens, token), append(l.units, unit)
		}
	}
	if len(l.tokens) == 0 {
		return l, fmt.Errorf("none of %d answers can be learned: %d are longer than the %d tokens the model may write", len(plan.answers), l.long, s.writer.Limit())
	}
	return l, nil
}

// vocabulary are the tokens a head can write: those of the answers it learns, those of the answers in weak-train, which
// everyone may know, and the ends.
func (s *scribe) vocabulary(p part, learned lines) ([]int64, error) {
	known := map[int64]bool{}
	for _, end := range s.writer.Ends() {
		known[end] = true
	}
	for _, token := range learned.tokens {
		known[token] = known[token] || token >= 0
	}
	for i, e := range p.weak {
		tokens, err := s.writer.Tokens(s.prompt(e), p.weakAnswers[i][0])
		if err != nil {
			return nil, err
		}
		for _, token := range tokens {
			known[token] = true
		}
	}
	var list []int64
	for token, ok := range known {
		if ok {
			list = append(list, token)
		}
	}
	if len(list) > maxVocabulary {
		return nil, fmt.Errorf("the answers are made of %d different tokens, a head has %d at most (answers are meant to be short, from few words)", len(list), maxVocabulary)
	}
	slices.Sort(list)
	return list, nil
}

// labels are the tokens to learn as distributions over the vocabulary, and the rows they belong to. logits are the
// model's own, which say what end to learn.
func (l lines) labels(ends, vocabulary []int64, logits []float64) (rows []int, labels [][]float64) {
	k := len(vocabulary)
	for r, token := range l.tokens {
		if token < 0 {
			token = likeliestEnd(ends, vocabulary, logits[r*k:(r+1)*k])
		}
		at, _ := slices.BinarySearch(vocabulary, token)
		label := make([]float64, k)
		label[at] = 1
		rows, labels = append(rows, r), append(labels, label)
	}
	return rows, labels
}

// tune fine-tunes the model's own last layer on answers, one head for each loss: the objective is the loss over tokens
// plus l2/2·‖W-W0‖²·m, with W0 the model's rows and m the mean square of a hidden state's component, which makes l2 mean
// the same for models with states of other sizes. l2 is chosen by the answers that the head holds out.
func (s *scribe) tune(ctx context.Context, p part, plan lessonPlan) ([]tuned, error) {
	b := s.bench
	learned, err := s.lines(plan)
	if err != nil {
		return nil, err
	}
	vocabulary, err := s.vocabulary(p, learned)
	if err != nil {
		return nil, err
	}
	base, err := s.base(vocabulary)
	if err != nil {
		return nil, err
	}
	x, summary, err := s.read(ctx, learned.places)
	if err != nil {
		return nil, err
	}
	data := head.Data{X: x, Classes: len(vocabulary), Scaling: isotropic(x), NoBias: true}
	if data.Offset, err = base.Logits(x); err != nil {
		return nil, err
	}
	rows, labels := learned.labels(s.writer.Ends(), vocabulary, data.Offset)
	jobs := each(plan.losses, func(loss loss.Loss) head.Job {
		name := headID(b.info.Name, order{record: plan.record, loss: loss})
		return head.Job{Name: name, Examples: rows, Labels: labels, Loss: loss, Seed: plan.record.Seed}
	})
	bar := b.env.Progress.Start(fmt.Sprintf("train %s, %s", b.info.Name, s.model.Name), int64(len(jobs)*(len(b.cfg.L2)+1)), progress.Items)
	defer bar.Done()
	grid := head.Grid{L2: b.cfg.L2, HeldOut: b.cfg.Held, Group: learned.units}
	chosen, err := head.Select(ctx, data, jobs, grid, head.Options{Multiplier: b.env.Multiplier, Done: func(int) { bar.Add(1) }})
	if err != nil {
		return nil, err
	}
	heads := make([]tuned, len(jobs))
	for i, c := range chosen {
		r := plan.record
		r.ID, r.Task, r.Loss, r.Train = jobs[i].Name, b.info.Name, plan.losses[i].String(), len(plan.examples)-learned.long
		r.L2, r.Status, r.Steps, r.Vocabulary = c.L2, string(c.Status), c.Steps, len(vocabulary)
		r.Warnings = append(slices.Clone(r.Warnings), warnings(c.Fitted)...)
		if learned.long > 0 {
			r.Warnings = append(r.Warnings, fmt.Sprintf("%s: %d of %d answers left out, longer than the %d tokens it may write", s.model.Name, learned.long, len(plan.answers), s.writer.Limit()))
		}
		if summary.Truncated > 0 {
			r.Warnings = append(r.Warnings, fmt.Sprintf("%s: prompts truncated at %d of %d places in answers", s.model.Name, summary.Truncated, len(rows)))
		}
		layer, err := c.Head.Plus(base)
		if err != nil {
			return nil, err
		}
		heads[i] = newTuned(r, layer, vocabulary, s.writer.Ends())
	}
	return heads, nil
}

// base is the model's own last layer, for some tokens.
func (s *scribe) base(vocabulary []int64) (*head.Head, error) {
	rows, bias, err := s.writer.Unembedding(vocabulary)
	if err != nil {
		return nil, err
	}
	k, dims := len(vocabulary), s.writer.Dims()
	if len(rows) != k || len(bias) != k {
		return nil, fmt.Errorf("harness: %d rows and %d biases for %d tokens", len(rows), len(bias), k)
	}
	h := &head.Head{Dims: dims, Classes: k, W: make([]float64, dims*k), B: make([]float64, k)}
	for c, row := range rows {
		h.B[c] = float64(bias[c])
		for j, v := range row {
			h.W[j*k+c] = float64(v)
		}
	}
	return h, nil
}

// isotropic scales all components of the states alike, to a mean square of 1. Scaling each by itself would bend the
// penalty away from the model's own rows.
func isotropic(x *feature.Matrix) *head.Scaling {
	squares := 0.0
	for _, v := range x.Data {
		squares += float64(v) * float64(v)
	}
	size := math.Sqrt(squares / float64(len(x.Data)))
	if size == 0 {
		size = 1
	}
	scaling := &head.Scaling{Mean: make([]float64, x.Dims), SD: make([]float64, x.Dims)}
	for j := range scaling.SD {
		scaling.SD[j] = size
	}
	return scaling
}

// likeliestEnd is the end token to learn where an answer ends: of several, the one that the model itself finds likeliest
// there, so that training says that the answer ends and nothing else.
func likeliestEnd(ends, vocabulary []int64, logits []float64) int64 {
	best, most := int64(-1), math.Inf(-1)
	for _, end := range ends {
		if at, ok := slices.BinarySearch(vocabulary, end); ok && logits[at] > most {
			best, most = end, logits[at]
		}
	}
	return best
}

func newTuned(r HeadRecord, layer *head.Head, vocabulary, ends []int64) tuned {
	t := tuned{HeadRecord: r, vocabulary: vocabulary, ends: ends, columns: make([][]float64, layer.Classes), bias: layer.B}
	for k := range t.columns {
		t.columns[k] = make([]float64, layer.Dims)
		for j := range t.columns[k] {
			t.columns[k][j] = layer.W[j*layer.Classes+k]
		}
	}
	return t
}

// next is the likeliest token behind a state, the first of equals, and the logarithm of its probability among the
// tokens of answers.
func (t tuned) next(state []float32) (token int64, logProb float64) {
	x, logits := make([]float64, len(state)), make([]float64, len(t.columns))
	for j, v := range state {
		x[j] = float64(v)
	}
	for k, column := range t.columns {
		logits[k] = floats.Dot(column, x) + t.bias[k]
	}
	at := floats.MaxIdx(logits)
	return t.vocabulary[at], logits[at] - floats.LogSumExp(logits)
}

// probability is that of a logarithm.
func probability(log float64) float64 { return min(1, math.Exp(log)) }
