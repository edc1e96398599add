package harness

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A place is where a token of an answer is to be chosen: behind a prompt and the answer's tokens so far.
type place struct {
	prompt string
	before []int64
}

// text names the place to the feature cache.
func (p place) text() string {
	fields := each(p.before, func(id int64) string { return strconv.FormatInt(id, 10) })
	return p.prompt + "\x00" + strings.Join(fields, " ")
}

func parsePlace(text string) (place, error) {
	at := strings.LastIndexByte(text, 0)
	if at < 0 {
		return place{}, errors.New("harness: a text that names no place in an answer")
	}
	p := place{prompt: text[:at]}
	for _, field := range strings.Fields(text[at+1:]) {
		id, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return p, fmt.Errorf("harness: place in an answer: %w", err)
		}
		p.before = append(p.before, id)
	}
	return p, nil
}

// stateEncoder makes hidden states at places the vectors of texts, so that the feature cache keeps them like any other
// feature. All places of one answer are computed in one step.
type stateEncoder struct{ Writer }

func (e stateEncoder) Key() string {
	sum := sha256.Sum256([]byte(fmt.Sprintf("w2s states in answers of %d tokens\n%s", e.Limit(), e.Writer.Key())))
	return hex.EncodeToString(sum[:])
}

func (e stateEncoder) Encode(ctx context.Context, texts []string, emit func(index int, vector []float32, tokens int, truncated bool) error) error {
	type asked struct {
		place
		index int
	}
	list := make([]asked, len(texts))
	for i, text := range texts {
		p, err := parsePlace(text)
		if err != nil {
			return err
		}
		list[i] = asked{p, i}
	}
	// In this order a place comes right before those that go on from it.
	slices.SortStableFunc(list, func(a, b asked) int {
		return cmp.Or(strings.Compare(a.prompt, b.prompt), slices.Compare(a.before, b.before))
	})
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].prompt == list[0].prompt && startsWith(list[n].before, list[n-1].before) {
			n++
		}
		s, err := e.States(ctx, list[0].prompt, list[n-1].before)
		if err != nil {
			return err
		}
		for _, a := range list[:n] {
			fed := s.Fed - len(list[n-1].before) + len(a.before)
			if err := emit(a.index, s.Hidden[len(a.before)], fed, s.Truncated); err != nil {
				return err
			}
		}
		list = list[n:]
	}
	return nil
}

func startsWith(tokens, start []int64) bool {
	return len(tokens) >= len(start) && slices.Equal(tokens[:len(start)], start)
}
