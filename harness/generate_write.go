package harness

import (
	"context"
	"fmt"
	"slices"

	"w2s/internal/progress"
)

// write lets a head answer the prompts of examples, by the likeliest token at each step. Where the states are known, from
// another head that began the same or from an answer that was read, the model is not run again.
func (s *scribe) write(ctx context.Context, t tuned, examples []int) ([]answer, error) {
	bar := s.bench.env.Progress.Start(fmt.Sprintf("write %s, %s", s.bench.info.Name, s.model.Name), int64(len(examples)), progress.Items)
	defer bar.Done()
	out := make([]answer, len(examples))
	for i, e := range examples {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var err error
		if out[i], err = s.answer(ctx, t, s.prompt(e)); err != nil {
			return nil, fmt.Errorf("example %s: %w", s.bench.examples[e].ID, err)
		}
		bar.Add(1)
	}
	return out, nil
}

func (s *scribe) answer(ctx context.Context, t tuned, prompt string) (answer, error) {
	var out answer
	var tokens []int64
	ended := func() bool {
		return len(tokens) == s.writer.Limit() || len(tokens) > 0 && slices.Contains(t.ends, tokens[len(tokens)-1])
	}
	choose := func(state []float32) int64 {
		token, logProb := t.next(state)
		tokens, out.logProb = append(tokens, token), out.logProb+logProb
		return token
	}
	for !ended() {
		known, err := s.states.get(place{prompt, tokens})
		if err != nil {
			return out, err
		}
		if known != nil {
			choose(known)
			continue
		}
		stand := slices.Clone(tokens)
		made, states, err := s.writer.Write(ctx, prompt, stand, choose)
		if err != nil {
			return out, err
		}
		for n, state := range states {
			if err := s.states.put(place{prompt, append(slices.Clip(stand), made[:n]...)}, state); err != nil {
				return out, err
			}
		}
		break
	}
	if last := len(tokens) - 1; slices.Contains(t.ends, tokens[last]) {
		tokens = tokens[:last]
	} else {
		out.open = true
	}
	var err error
	out.text, err = s.writer.Text(tokens)
	return out, err
}

// examine asks a head for its answers to the test and judges them.
func (s *scribe) examine(ctx context.Context, t *tuned) error {
	b := s.bench
	written, err := s.write(ctx, *t, b.test)
	if err != nil {
		return err
	}
	t.Warnings = append(slices.Clone(t.Warnings), openWarning("test", written)...)
	beyond := 0
	for i, w := range written {
		right := 0.0
		if matches(w.text, b.record.TestAnswers[i]) {
			right = 1
		}
		t.Answers = append(t.Answers, w.text)
		t.Test = append(t.Test, []float64{1 - right, right})
		accuracy, err := s.tokenAccuracy(*t, i)
		if err != nil {
			return err
		}
		t.TokenAccuracy = append(t.TokenAccuracy, accuracy)
		if slices.ContainsFunc(s.test[i], func(token int64) bool { _, ok := slices.BinarySearch(t.vocabulary, token); return !ok }) {
			beyond++
		}
	}
	if beyond > 0 {
		t.Warnings = append(t.Warnings, fmt.Sprintf("%s: %d of %d test answers hold tokens that no answer it learned from has", s.model.Name, beyond, len(b.test)))
	}
	return nil
}

// tokenAccuracy is the share of the tokens of a test answer, its end included, that the head finds likeliest behind
// those before them; 0 for an answer that is longer than the model may write.
func (s *scribe) tokenAccuracy(t tuned, test int) (float64, error) {
	tokens := s.test[test]
	if tokens == nil {
		return 0, nil
	}
	right := 0.0
	prompt := s.prompt(s.bench.test[test])
	for n := range len(tokens) + 1 {
		state, err := s.states.get(place{prompt, tokens[:n]})
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
