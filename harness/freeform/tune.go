package freeform

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
	"w2s/harness/result"
	"w2s/internal/list"
	"w2s/internal/progress"
	"w2s/internal/visible"
)

// maxVocabulary bounds the number of tokens that answers are made of, because a head has a column for each.
const maxVocabulary = 4096

// An answerWriter trains the heads of one model on the answers of one task and lets them write.
type answerWriter struct {
	task     Task
	options  Options
	name     string // of the model
	writer   Writer
	states   *stateStore // states that were computed so far
	test     [][]int64   // tokens of the test answers; nil for one that is longer than the model may write
	warnings []string    // about the task's test examples
}

// newAnswerWriter returns an answerWriter, or an error if the model cannot end its answers.
func newAnswerWriter(task Task, o Options, name string, w Writer) (*answerWriter, error) {
	if len(w.Ends()) == 0 {
		return nil, errors.New("its files name no token that ends an answer (set eos_token_id in config.json)")
	}
	bytes := o.StateBytes
	if bytes == 0 {
		bytes = DefaultStateBytes
	}
	return &answerWriter{task: task, options: o, name: name, writer: w, states: newStateStore(w.Dims(), bytes)}, nil
}

// read returns the hidden states at prefixes, one row for each. It takes them from the feature cache or runs the model.
func (w *answerWriter) read(ctx context.Context, prefixes []prefix) (*feature.Matrix, feature.Summary, error) {
	report, end := progress.Late(w.options.Progress, fmt.Sprintf("encode %s, %s", w.task.Name, w.name))
	defer end()
	enc := newStateEncoder(w.writer, prefixes)
	defer w.options.Features.Use(enc, w.name+", states of answers", w.task.Name)()
	x, summary, err := w.options.Features.Features(ctx, enc, list.Map(prefixes, prefix.name),
		func(done, total, _ int) { report(done, total) })
	if err != nil {
		return nil, summary, err
	}
	for i, p := range prefixes {
		if err := w.states.put(p, x.Row(i)); err != nil {
			return nil, summary, err
		}
	}
	return x, summary, nil
}

// readTest reads the states of the right test answers, which the token accuracy needs. Heads that write the same tokens reuse
// them.
func (w *answerWriter) readTest(ctx context.Context) error {
	var prefixes []prefix
	tooLong := 0
	for i, e := range w.task.Test {
		prompt := w.task.Prompts[e]
		tokens, err := w.writer.Tokens(prompt, w.task.TestAnswers[i][0])
		if err != nil {
			return err
		}
		if len(tokens) >= w.writer.Limit() {
			tooLong++
			w.test = append(w.test, nil)
			continue
		}
		w.test = append(w.test, tokens)
		for n := range len(tokens) + 1 {
			prefixes = append(prefixes, prefix{prompt, tokens[:n]})
		}
	}
	if tooLong > 0 {
		w.warn("%s: %d of %d test answers are longer than the %s it may write and count as wrong", w.name, tooLong, len(w.task.Test), visible.Count(w.writer.Limit(), "token"))
	}
	if len(prefixes) == 0 {
		return fmt.Errorf("all test answers are longer than the %s the model may write", visible.Count(w.writer.Limit(), "token"))
	}
	_, summary, err := w.read(ctx, prefixes)
	if err != nil {
		return err
	}
	w.warnings = list.AppendNew(w.warnings, summary.Warnings...)
	if summary.Truncated > 0 {
		w.warn("%s: prompts truncated at %d of %d prefixes of test answers", w.name, summary.Truncated, len(prefixes))
	}
	return nil
}

func (w *answerWriter) warn(format string, args ...any) {
	w.warnings = list.AppendNew(w.warnings, fmt.Sprintf(format, args...))
}

// A trainSpec asks for heads that learn the same answers, one for each loss. It holds the answers to learn and no others,
// so a student cannot reach gold.
type trainSpec struct {
	head     result.Head // what the result says of the heads
	examples []int
	answers  []answer // to examples
	losses   []loss.Loss
}

// A tuned head is a linear layer on hidden states with one row for each token that answers are made of.
type tuned struct {
	result.Head
	vocabulary []int64 // ascending
	ends       []int64
	columns    [][]float64 // [len(vocabulary)][dims]
	bias       []float64
}

// tokenExamples are the training examples of a head, one for each token of each answer: the prefix before the token, and
// the token as its label.
type tokenExamples struct {
	prefixes []prefix
	tokens   []int64  // -1: an end
	units    []string // unit of the answer's example
	tooLong  int      // answers that were left out because the model may not write that many tokens
}

// tokenExamples cuts answers into token examples.
func (w *answerWriter) tokenExamples(spec trainSpec) (tokenExamples, error) {
	var l tokenExamples
	for i, e := range spec.examples {
		prompt := w.task.Prompts[e]
		tokens, err := w.writer.Tokens(prompt, spec.answers[i].text)
		if err != nil {
			return l, err
		}
		if len(tokens) >= w.writer.Limit() {
			l.tooLong++
			continue
		}
		if !spec.answers[i].unfinished {
			tokens = append(slices.Clip(tokens), -1)
		}
		for n, token := range tokens {
			l.prefixes = append(l.prefixes, prefix{prompt, tokens[:n]})
			l.tokens, l.units = append(l.tokens, token), append(l.units, w.task.Units[e])
		}
	}
	if len(l.tokens) == 0 {
		return l, fmt.Errorf("none of %d answers can be learned: %d are longer than the %s the model may write", len(spec.answers), l.tooLong, visible.Count(w.writer.Limit(), "token"))
	}
	return l, nil
}

// vocabulary returns the tokens that a head can write: those of the answers it learns, those of the gold answers of
// weak-train, which every head may know, and the end tokens.
func (w *answerWriter) vocabulary(s Split, learned tokenExamples) ([]int64, error) {
	known := map[int64]bool{}
	for _, end := range w.writer.Ends() {
		known[end] = true
	}
	for _, token := range learned.tokens {
		if token >= 0 {
			known[token] = true
		}
	}
	for i, e := range s.Weak.Examples {
		tokens, err := w.writer.Tokens(w.task.Prompts[e], s.Weak.Answers[i][0])
		if err != nil {
			return nil, err
		}
		for _, token := range tokens {
			known[token] = true
		}
	}
	if len(known) > maxVocabulary {
		return nil, fmt.Errorf("the answers have %s, and a head can have at most %d (answers should be short and use few different words)", visible.Count(len(known), "different token"), maxVocabulary)
	}
	var tokens []int64
	for token := range known {
		tokens = append(tokens, token)
	}
	slices.Sort(tokens)
	return tokens, nil
}

// labels returns the tokens to learn as distributions over the vocabulary, and their rows. logits are the model's own, with a
// row of len(vocabulary) for each token. They determine which end token to learn.
func (l tokenExamples) labels(ends, vocabulary []int64, logits []float64) (rows []int, labels [][]float64) {
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

// tune fine-tunes the model's own last layer on answers, one head for each loss. The objective is the loss over tokens
// plus l2/2·‖W-W0‖²·m. W0 are the model's own rows, and m is the mean square of a component of a hidden state, which gives
// l2 the same meaning for models with states of other sizes. l2 is chosen on answers that the head holds out.
func (w *answerWriter) tune(ctx context.Context, s Split, spec trainSpec) ([]tuned, error) {
	learned, err := w.tokenExamples(spec)
	if err != nil {
		return nil, err
	}
	vocabulary, err := w.vocabulary(s, learned)
	if err != nil {
		return nil, err
	}
	base, err := w.base(vocabulary)
	if err != nil {
		return nil, err
	}
	x, summary, err := w.read(ctx, learned.prefixes)
	if err != nil {
		return nil, err
	}
	data := head.Data{X: x, Classes: len(vocabulary), Scaling: isotropic(x), NoBias: true}
	if data.Offset, err = base.Logits(x); err != nil {
		return nil, err
	}
	rows, labels := learned.labels(w.writer.Ends(), vocabulary, data.Offset)
	records := list.Map(spec.losses, func(l loss.Loss) result.Head {
		r := spec.head
		r.Loss = l.String()
		r.ID = result.HeadID(r)
		return r
	})
	jobs := make([]head.Job, len(spec.losses))
	for i, l := range spec.losses {
		jobs[i] = head.Job{Name: records[i].ID, Examples: rows, Labels: labels, Loss: l, Seed: s.Seed}
	}
	o := w.options
	grid := head.Grid{L2: o.L2, Folds: o.Folds, HeldOut: o.HeldOut, Group: learned.units}
	trainings := 0
	for _, l := range spec.losses {
		trainings += grid.Trainings(l)
	}
	bar := o.Progress.Start(fmt.Sprintf("train heads of %s, %s", w.task.Name, w.name), int64(trainings), progress.Items)
	defer bar.Done()
	chosen, err := head.Select(ctx, data, jobs, grid, head.Options{Done: func(int) { bar.Add(1) }})
	if err != nil {
		return nil, err
	}
	heads := make([]tuned, len(jobs))
	for i, c := range chosen {
		r := records[i]
		r.Train, r.Vocabulary = len(spec.examples)-learned.tooLong, len(vocabulary)
		r.L2, r.Status, r.Steps = c.L2, string(c.Status), c.Steps
		if g := c.Guard; g != nil {
			r.Guard = &result.Guard{Correlation: g.Correlation, Excess: g.Excess, Kept: g.Kept}
		}
		r.Warnings = append(slices.Clone(r.Warnings), c.Warnings()...)
		if learned.tooLong > 0 {
			r.Warnings = append(r.Warnings, fmt.Sprintf("%s: %d of %d answers left out, longer than the %s it may write", w.name, learned.tooLong, len(spec.answers), visible.Count(w.writer.Limit(), "token")))
		}
		if summary.Truncated > 0 {
			r.Warnings = append(r.Warnings, fmt.Sprintf("%s: prompts truncated at %d of %d prefixes of answers", w.name, summary.Truncated, len(rows)))
		}
		layer, err := c.Head.Plus(base)
		if err != nil {
			return nil, err
		}
		heads[i] = newTuned(r, layer, vocabulary, w.writer.Ends())
	}
	return heads, nil
}

// base returns the model's own last layer for some tokens.
func (w *answerWriter) base(vocabulary []int64) (*head.Head, error) {
	rows, bias, err := w.writer.Unembedding(vocabulary)
	if err != nil {
		return nil, err
	}
	k, dims := len(vocabulary), w.writer.Dims()
	if len(rows) != k || len(bias) != k {
		return nil, fmt.Errorf("the model has %s and %d biases for %s", visible.Count(len(rows), "row"), len(bias), visible.Count(k, "token"))
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

// isotropic scales all components of the states alike, to a mean square of 1. Scaling each component on its own would
// distort the distance to the model's own rows, which the penalty measures.
func isotropic(x *feature.Matrix) *head.Scaling {
	squares := 0.0
	for r := range x.Rows {
		for _, v := range x.Row(r) {
			squares += float64(v) * float64(v)
		}
	}
	size := math.Sqrt(squares / float64(x.Rows*x.Dims))
	if size == 0 {
		size = 1
	}
	scaling := &head.Scaling{Mean: make([]float64, x.Dims), SD: make([]float64, x.Dims)}
	for j := range scaling.SD {
		scaling.SD[j] = size
	}
	return scaling
}

// likeliestEnd returns the end token to learn at the end of an answer. Of several, it is the one that the model itself
// finds most likely there, so training teaches the model that the answer ends and nothing else.
func likeliestEnd(ends, vocabulary []int64, logits []float64) int64 {
	best, most := int64(-1), math.Inf(-1)
	for _, end := range ends {
		if at, ok := slices.BinarySearch(vocabulary, end); ok && logits[at] > most {
			best, most = end, logits[at]
		}
	}
	return best
}

func newTuned(r result.Head, layer *head.Head, vocabulary, ends []int64) tuned {
	t := tuned{Head: r, vocabulary: vocabulary, ends: ends, columns: make([][]float64, layer.Classes), bias: layer.B}
	for k := range t.columns {
		t.columns[k] = make([]float64, layer.Dims)
		for j := range t.columns[k] {
			t.columns[k][j] = layer.W[j*layer.Classes+k]
		}
	}
	return t
}

// next returns the most likely token after a state, the first of equals, and its log probability among the vocabulary.
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
