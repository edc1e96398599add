package harness

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"w2s/harness/label"
	"w2s/harness/loss"
	"w2s/harness/stats"
	"w2s/tasks"
)

// TokenAccuracy is the metric of free answers beside exact match: the share of the gold answer's tokens, its end
// included, that the head finds likeliest where the gold tokens before them are given (teacher forcing).
const TokenAccuracy tasks.Metric = "token-accuracy"

// A Writer is a causal language model that writes answers to prompts. Its last layer is not its own affair: the harness
// chooses each token from the hidden state before it. docs/generative.md says how.
type Writer interface {
	Key() string // digest of all that changes a hidden state or a token
	Dims() int   // length of a hidden state
	Limit() int  // the most tokens an answer may have, its end token included
	// Ends are the tokens that end an answer, ascending; at least one.
	Ends() []int64
	// Tokens are those of an answer as it follows the prompt, without an end token.
	Tokens(prompt, answer string) ([]int64, error)
	// Text is what the tokens of an answer say; end tokens say nothing.
	Text(tokens []int64) (string, error)
	// Unembedding returns the rows of the model's last layer for some tokens, [len(tokens)][Dims], and their biases: the
	// model's logit of token i is rows[i]·state + bias[i].
	Unembedding(tokens []int64) (rows [][]float32, bias []float32, err error)
	// States returns the hidden states behind the prompt and behind each of the tokens, [len(tokens)+1][Dims].
	States(ctx context.Context, prompt string, tokens []int64) (States, error)
	// Write goes on behind the prompt and the tokens of an answer that stand already. It computes every token once,
	// asks pick for the next one with the hidden state (valid during the call), and stops after an end token or when the
	// answer has Limit tokens. It returns the new tokens and the state before each.
	Write(ctx context.Context, prompt string, stand []int64, pick func(state []float32) int64) (tokens []int64, states [][]float32, err error)
}

// States are the hidden states of a prompt and a part of its answer.
type States struct {
	Hidden    [][]float32
	Fed       int  // tokens that the model was fed
	Truncated bool // the beginning of the prompt was cut off
}

// An answer is what is written behind a prompt.
type answer struct {
	text    string
	open    bool    // it came to the limit without an end
	logProb float64 // of all its tokens, by who wrote it
}

// goldAnswers are the answers that count as right for examples, the first of each being the one to learn.
type goldAnswers [][]string

// first are the answers to learn from.
func (g goldAnswers) first() []answer {
	return each(g, func(right []string) answer { return answer{text: right[0]} })
}

func goldOf(examples []tasks.Example) goldAnswers {
	return each(examples, func(e tasks.Example) []string { return append([]string{e.Answer}, e.Also...) })
}

// matches says whether an answer is one of the right ones, white space around it apart.
func matches(text string, right []string) bool {
	for _, r := range right {
		if strings.TrimSpace(text) == strings.TrimSpace(r) {
			return true
		}
	}
	return false
}

// checkForms adds the faults of a configuration that has tasks with free answers.
func (c Config) checkForms() error {
	var faults []error
	for _, t := range c.Tasks {
		if t.Info().Form != tasks.Generate {
			continue
		}
		name := t.Info().Name
		for _, treatment := range c.Treatments {
			if treatment != label.Treatment(label.Soft{}) {
				faults = append(faults, fmt.Errorf("harness: task %s: written answers have no probabilities for the treatment %s (leave --labels out)", name, treatment))
			}
		}
		if len(c.Simulated) > 0 {
			faults = append(faults, fmt.Errorf("harness: task %s: no supervisor of free answers is simulated", name))
		}
		for _, m := range c.Models {
			if m.Writer == nil {
				faults = append(faults, fmt.Errorf("harness: task %s: model %s writes no answers", name, m.Name))
			}
		}
	}
	return errors.Join(faults...)
}

// writtenTreatment is what the table says of the weak labels of a free answer.
const writtenTreatment = "written"

// generative is runTask for free answers. A head is the rows of the model's own last layer for the tokens that answers
// are made of, fine-tuned; a supervisor's labels are the answers that it writes.
func (b *workbench) generative(ctx context.Context) ([]HeadRecord, error) {
	scribes := map[string]*scribe{}
	for _, m := range b.cfg.Models {
		w, err := m.Writer(ctx)
		if err == nil {
			scribes[m.Name], err = newScribe(b, m, w)
		}
		if err == nil {
			defer scribes[m.Name].states.close()
			err = scribes[m.Name].readTest(ctx)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.Name, err)
		}
	}
	var supervisors, students, ceilings []tuned
	for _, p := range b.parts {
		for _, name := range b.cfg.weaks() {
			record := HeadRecord{Role: Supervisor, Model: name, Seed: p.seed, Variant: p.variant}
			heads, err := scribes[name].tune(ctx, p, lessonPlan{record: record, examples: p.weak, answers: p.weakAnswers.first(), losses: []loss.Loss{loss.XEnt{}}})
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			supervisors = append(supervisors, heads...)
		}
	}
	for _, s := range supervisors {
		part := b.part(s.HeadRecord)
		weak := scribes[s.Model]
		written, err := weak.write(ctx, s, part.strong)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Model, err)
		}
		quality, err := judgeWritten(written, part.strongAnswers)
		if err != nil {
			return nil, err
		}
		for _, pair := range b.cfg.Pairs {
			if pair.Weak != s.Model {
				continue
			}
			record := HeadRecord{Role: Student, Model: pair.Strong, Supervisor: s.ID, Treatment: writtenTreatment, Seed: part.seed,
				Variant: part.variant, Labels: quality, Warnings: openWarning("weak", written)}
			heads, err := scribes[pair.Strong].tune(ctx, part, lessonPlan{record: record, examples: part.strong, answers: written, losses: b.cfg.Losses})
			if err != nil {
				return nil, fmt.Errorf("%s: %w", pair, err)
			}
			students = append(students, heads...)
		}
	}
	for _, p := range b.parts {
		for _, name := range b.cfg.strongs() {
			record := HeadRecord{Role: Ceiling, Model: name, Seed: p.seed, Variant: p.variant}
			heads, err := scribes[name].tune(ctx, p, lessonPlan{record: record, examples: p.strong, answers: p.strongAnswers.first(), losses: []loss.Loss{loss.XEnt{}}})
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			ceilings = append(ceilings, heads...)
		}
	}
	var records []HeadRecord
	for _, group := range [][]tuned{supervisors, students, ceilings} {
		for _, t := range group {
			if err := scribes[t.Model].examine(ctx, &t); err != nil {
				return nil, fmt.Errorf("%s: %w", t.ID, err)
			}
			records = append(records, t.HeadRecord)
		}
	}
	return records, nil
}

// judgeWritten says how good written answers are as labels. Its accuracy is the share of exact matches; the rest judges
// the probability that the supervisor gave to its whole answer as a forecast of that.
func judgeWritten(written []answer, gold goldAnswers) (*LabelQuality, error) {
	forecast, truth := make([][]float64, len(written)), make([][]float64, len(written))
	right := 0.0
	for i, w := range written {
		p := probability(w.logProb)
		forecast[i], truth[i] = []float64{1 - p, p}, []float64{1, 0}
		if matches(w.text, gold[i]) {
			truth[i] = []float64{0, 1}
			right++
		}
	}
	q, err := stats.Measure(forecast, truth)
	if err != nil {
		return nil, err
	}
	q.Accuracy = right / float64(len(written))
	return &LabelQuality{Quality: q, Raw: q}, nil
}

// openWarning counts answers that came to no end.
func openWarning(whose string, written []answer) []string {
	n := 0
	for _, w := range written {
		if w.open {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%d of %d %s answers came to no end", n, len(written), whose)}
}
