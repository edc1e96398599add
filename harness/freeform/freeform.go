// Package freeform carries out the part of an experiment where models write free answers.
//
// A head is the model's own last layer for the tokens that answers are made of, fine-tuned on answers. [Run] works on a [Task]
// in this order: supervisors learn the gold answers of weak-train and write answers to the prompts of strong-train, students
// learn these answers, ceilings learn the gold answers of strong-train, and all heads write answers to the test prompts.
// Models are seen through [Writer]. docs/generative.md describes the method.
package freeform

import (
	"context"
	"fmt"

	"w2s/harness/feature"
	"w2s/harness/loss"
	"w2s/harness/result"
	"w2s/internal/list"
	"w2s/internal/progress"
)

// A Writer is a causal language model that writes answers to prompts. It does not choose tokens itself: the caller
// chooses each one from the hidden state before it.
type Writer interface {
	Key() string // digest of all that changes a hidden state or a token
	Dims() int   // length of a hidden state
	Limit() int  // maximal number of tokens of an answer, with its end token
	// Ends returns the tokens that end an answer, ascending.
	Ends() []int64
	// Tokens returns the tokens of an answer that follows the prompt, without an end token.
	Tokens(prompt, answer string) ([]int64, error)
	// Text returns the text of the tokens of an answer. End tokens have no text.
	Text(tokens []int64) (string, error)
	// Unembedding returns the rows of the model's last layer for some tokens, [len(tokens)][Dims], and their biases. The
	// model's logit of tokens[i] is rows[i]·state + bias[i].
	Unembedding(tokens []int64) (rows [][]float32, bias []float32, err error)
	// States returns the hidden states after the prompt and after each of the tokens, [len(tokens)+1][Dims].
	States(ctx context.Context, prompt string, tokens []int64) (States, error)
	// Write continues the answer that begins with answerPrefix. It computes every token once, calls pick for the next
	// token with the hidden state before it (valid during the call), and stops after an end token or when the answer
	// has Limit tokens. It returns the new tokens and the state before each of them.
	Write(ctx context.Context, prompt string, answerPrefix []int64, pick func(state []float32) int64) (tokens []int64, states [][]float32, err error)
}

// States are the hidden states of a prompt and of a part of its answer.
type States struct {
	Hidden    [][]float32
	Fed       int  // tokens that the model was fed
	Truncated bool // the beginning of the prompt was cut off
}

// A Task is what Run needs to know about a task with free answers. Examples are referred to by their position.
type Task struct {
	Name    string
	Prompts []string
	IDs     []string
	Units   []string // examples of the same unit are held out together when penalties are chosen
	Test    []int
	// TestAnswers holds the right answers to each test example. The first one is used for token accuracy.
	TestAnswers [][]string
	Splits      []Split
}

// A Split is what the heads of one seed are trained on.
type Split struct {
	Seed         uint64
	Size         int // see result.Head
	Weak, Strong Half
}

// A Half is one half of a training pool with its right answers; the first answer to an example is the one to learn.
type Half struct {
	Examples []int
	Answers  [][]string
}

// gold returns the answers to learn.
func (h Half) gold() []answer {
	return list.Map(h.Answers, func(right []string) answer { return answer{text: right[0]} })
}

// Options are the settings of Run.
type Options struct {
	Models     []string // names of the models that are used, in the order of the experiment
	Open       func(ctx context.Context, model string) (Writer, error)
	Pairs      []result.Pair
	Losses     []loss.Loss
	L2         []float64 // penalties to choose from
	Folds      int       // parts of a head's answers for the choice of its penalty by cross-validation; 1: HeldOut
	HeldOut    float64   // share of a head's answers that its penalty is chosen on without cross-validation
	Features   *feature.Cache
	Progress   progress.Reporter
	StateBytes int // maximal memory for the hidden states of one model; 0: DefaultStateBytes
}

// writtenTreatment is the treatment that results state for weak labels that are written answers.
const writtenTreatment = "written"

// Run trains supervisors, students and ceilings for all splits. It returns their records with the answers to the test prompts,
// and warnings that concern all heads of the task.
func Run(ctx context.Context, task Task, o Options) (heads []result.Head, warnings []string, err error) {
	writers := map[string]*answerWriter{}
	for _, name := range o.Models {
		w, err := o.Open(ctx, name)
		if err == nil {
			writers[name], err = newAnswerWriter(task, o, name, w)
		}
		if err == nil {
			defer writers[name].states.close()
			err = writers[name].readTest(ctx)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		warnings = list.AppendNew(warnings, writers[name].warnings...)
	}
	// onGold trains heads of some models on gold answers of one half of every split.
	onGold := func(role result.Role, models []string, half func(Split) Half) (trained []tuned, splits []Split, err error) {
		for _, s := range task.Splits {
			for _, model := range models {
				heads, err := writers[model].tune(ctx, s, trainSpec{
					head:     result.Head{Task: task.Name, Role: role, Model: model, Seed: s.Seed, Size: s.Size},
					examples: half(s).Examples, answers: half(s).gold(), losses: []loss.Loss{loss.XEnt{}},
				})
				if err != nil {
					return nil, nil, fmt.Errorf("%s: %w", model, err)
				}
				trained, splits = append(trained, heads...), append(splits, s)
			}
		}
		return trained, splits, nil
	}
	supervisors, splits, err := onGold(result.Supervisor, weaks(o), func(s Split) Half { return s.Weak })
	if err != nil {
		return nil, nil, err
	}
	var students []tuned
	for i, s := range supervisors {
		trained, err := trainStudents(ctx, o, writers, s, splits[i])
		if err != nil {
			return nil, nil, err
		}
		students = append(students, trained...)
	}
	ceilings, _, err := onGold(result.Ceiling, strongs(o), func(s Split) Half { return s.Strong })
	if err != nil {
		return nil, nil, err
	}
	for _, group := range [][]tuned{supervisors, students, ceilings} {
		for _, t := range group {
			if err := writers[t.Model].answerTest(ctx, &t); err != nil {
				return nil, nil, fmt.Errorf("%s: %w", t.ID, err)
			}
			heads = append(heads, t.Head)
		}
	}
	return heads, warnings, nil
}

// trainStudents lets a supervisor answer the prompts of the strong half and trains students on the answers, one for every pair
// with the supervisor's model as its weak side and every loss.
func trainStudents(ctx context.Context, o Options, writers map[string]*answerWriter, supervisor tuned, s Split) ([]tuned, error) {
	written, err := writers[supervisor.Model].write(ctx, supervisor, s.Strong.Examples)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", supervisor.Model, err)
	}
	quality, err := labelQuality(written, s.Strong.Answers)
	if err != nil {
		return nil, err
	}
	var students []tuned
	for _, pair := range o.Pairs {
		if pair.Weak != supervisor.Model {
			continue
		}
		trained, err := writers[pair.Strong].tune(ctx, s, trainSpec{
			head: result.Head{Task: supervisor.Task, Role: result.Student, Model: pair.Strong, Supervisor: supervisor.ID, Treatment: writtenTreatment,
				Seed: s.Seed, Size: s.Size, Labels: quality, Warnings: unfinished("weak", written)},
			examples: s.Strong.Examples, answers: written, losses: o.Losses,
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", pair, err)
		}
		students = append(students, trained...)
	}
	return students, nil
}

// weaks returns the models that supervise in some pair, strongs those that are students, in the order of o.Models.
func weaks(o Options) []string   { return sides(o, func(p result.Pair) string { return p.Weak }) }
func strongs(o Options) []string { return sides(o, func(p result.Pair) string { return p.Strong }) }

func sides(o Options, side func(result.Pair) string) []string {
	var names []string
	for _, m := range o.Models {
		for _, p := range o.Pairs {
			if side(p) == m {
				names = list.AppendNew(names, m)
			}
		}
	}
	return names
}
