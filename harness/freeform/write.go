package freeform

import (
	"context"
	"fmt"
	"slices"

	"w2s/harness/result"
	"w2s/internal/progress"
)

// write lets a head answer the prompts of examples with the most likely token at each step. It does not run the model for
// states that are known already, because another head began the same answer, or because they were read with the right
// answers.
func (w *answerWriter) write(ctx context.Context, t tuned, examples []int) ([]answer, error) {
	bar := w.options.Progress.Start(fmt.Sprintf("write %s, %s", w.task.Name, w.name), int64(len(examples)), progress.Items)
	defer bar.Done()
	out := make([]answer, len(examples))
	for i, e := range examples {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var err error
		if out[i], err = w.answer(ctx, t, w.task.Prompts[e]); err != nil {
			return nil, fmt.Errorf("example %s: %w", w.task.IDs[e], err)
		}
		bar.Add(1)
	}
	return out, nil
}

// answer lets a head answer a prompt.
func (w *answerWriter) answer(ctx context.Context, t tuned, prompt string) (answer, error) {
	var out answer
	var tokens []int64
	ended := func() bool {
		return len(tokens) == w.writer.Limit() || len(tokens) > 0 && slices.Contains(t.ends, tokens[len(tokens)-1])
	}
	choose := func(state []float32) int64 {
		token, logProb := t.next(state)
		tokens, out.logProb = append(tokens, token), out.logProb+logProb
		return token
	}
	for !ended() {
		known, err := w.states.get(prefix{prompt, tokens})
		if err != nil {
			return out, err
		}
		if known != nil {
			choose(known)
			continue
		}
		// From the first unknown state on, the model writes the rest of the answer.
		answerPrefix := slices.Clone(tokens)
		made, states, err := w.writer.Write(ctx, prompt, answerPrefix, choose)
		if err != nil {
			return out, err
		}
		for n, state := range states {
			if err := w.states.put(prefix{prompt, append(slices.Clip(answerPrefix), made[:n]...)}, state); err != nil {
				return out, err
			}
		}
		break
	}
	if last := len(tokens) - 1; slices.Contains(t.ends, tokens[last]) {
		tokens = tokens[:last]
	} else {
		out.unfinished = true
	}
	var err error
	out.text, err = w.writer.Text(tokens)
	return out, err
}

// answerTest lets a head answer the test prompts and records whether the answers are right.
func (w *answerWriter) answerTest(ctx context.Context, t *tuned) error {
	written, err := w.write(ctx, *t, w.task.Test)
	if err != nil {
		return err
	}
	t.Warnings = append(slices.Clone(t.Warnings), unfinished("test", written)...)
	unknown := 0
	for i, a := range written {
		right := 0.0
		if result.Matches(a.text, w.task.TestAnswers[i]) {
			right = 1
		}
		t.Answers = append(t.Answers, a.text)
		t.Test = append(t.Test, []float64{1 - right, right})
		accuracy, err := w.tokenAccuracy(*t, i)
		if err != nil {
			return err
		}
		t.TokenAccuracy = append(t.TokenAccuracy, accuracy)
		if slices.ContainsFunc(w.test[i], func(token int64) bool { _, ok := slices.BinarySearch(t.vocabulary, token); return !ok }) {
			unknown++
		}
	}
	if unknown > 0 {
		t.Warnings = append(t.Warnings, fmt.Sprintf("%s: %d of %d test answers have tokens that occur in no answer it learned", w.name, unknown, len(written)))
	}
	return nil
}

// tokenAccuracy returns the share of the tokens of a test answer, with its end, that the head finds most likely after the
// right tokens before them. It is 0 for an answer that is longer than the model may write.
func (w *answerWriter) tokenAccuracy(t tuned, test int) (float64, error) {
	tokens := w.test[test]
	if tokens == nil {
		return 0, nil
	}
	right := 0.0
	prompt := w.task.Prompts[w.task.Test[test]]
	for n := range len(tokens) + 1 {
		state, err := w.states.get(prefix{prompt, tokens[:n]})
		if err != nil {
			return 0, err
		}
		token, _ := t.next(state)
		if n < len(tokens) && token == tokens[n] || n == len(tokens) && slices.Contains(t.ends, token) {
			right++
		}
	}
	return right / float64(len(tokens)+1), nil
}
