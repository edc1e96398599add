package freeform

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"w2s/internal/list"
)

// A prefix is a point where a token of an answer is chosen: a prompt and the first tokens of the answer.
type prefix struct {
	prompt string
	tokens []int64
}

// name identifies the prefix in the feature cache.
func (p prefix) name() string {
	fields := list.Map(p.tokens, func(id int64) string { return strconv.FormatInt(id, 10) })
	return p.prompt + "\x00" + strings.Join(fields, " ")
}

// A stateEncoder is a feature.Encoder whose texts are the names of prefixes and whose vectors are the hidden states there, so
// that the feature cache can keep them.
type stateEncoder struct {
	Writer
	prefixes map[string]prefix // by name
}

func newStateEncoder(w Writer, prefixes []prefix) stateEncoder {
	e := stateEncoder{Writer: w, prefixes: map[string]prefix{}}
	for _, p := range prefixes {
		e.prefixes[p.name()] = p
	}
	return e
}

// Key returns a digest of the writer's key and its limit. A model that may write a longer answer keeps less of a long prompt.
func (e stateEncoder) Key() string {
	sum := sha256.Sum256([]byte(fmt.Sprintf("w2s states in answers of %d tokens\n%s", e.Limit(), e.Writer.Key())))
	return hex.EncodeToString(sum[:])
}

// Encode computes the states at all prefixes of an answer in a single run of the model.
func (e stateEncoder) Encode(ctx context.Context, names []string, emit func(index int, vector []float32, tokens int, truncated bool) error) error {
	type request struct {
		prefix
		index int
	}
	requests := make([]request, len(names))
	for i, name := range names {
		p, ok := e.prefixes[name]
		if !ok {
			return fmt.Errorf("freeform: %q names no prefix of an answer", name)
		}
		requests[i] = request{p, i}
	}
	// This order puts a prefix right before those that continue it.
	slices.SortStableFunc(requests, func(a, b request) int {
		return cmp.Or(strings.Compare(a.prompt, b.prompt), slices.Compare(a.tokens, b.tokens))
	})
	for len(requests) > 0 {
		n := 1
		for n < len(requests) && requests[n].prompt == requests[0].prompt && startsWith(requests[n].tokens, requests[n-1].tokens) {
			n++
		}
		longest := requests[n-1].tokens
		s, err := e.States(ctx, requests[0].prompt, longest)
		if err != nil {
			return err
		}
		for _, r := range requests[:n] {
			fed := s.Fed - len(longest) + len(r.tokens)
			if err := emit(r.index, s.Hidden[len(r.tokens)], fed, s.Truncated); err != nil {
				return err
			}
		}
		requests = requests[n:]
	}
	return nil
}

func startsWith(tokens, start []int64) bool {
	return len(tokens) >= len(start) && slices.Equal(tokens[:len(start)], start)
}
