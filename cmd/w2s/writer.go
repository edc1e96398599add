package main

import (
	"context"
	"fmt"

	"w2s/harness/freeform"
	"w2s/onnx"
)

// maxAnswer is the largest number of tokens in a free answer. A model with a short context uses at most a quarter of it for
// the answer.
const maxAnswer = 64

// A writer is a causal language model as package freeform sees it.
type writer struct {
	*onnx.Generator
	key   string
	limit int
}

// openWriter returns a function that opens a checkpoint for writing on its first call and returns the same writer on later
// ones. key is the key of the checkpoint's encoder, which identifies its files and the runtime.
func (a *app) openWriter(rt *onnx.Runtime, key, dir string, o onnx.Options) func(context.Context) (freeform.Writer, error) {
	var opened *writer
	return func(ctx context.Context) (freeform.Writer, error) {
		if opened != nil {
			return opened, nil
		}
		g, err := onnx.OpenGenerator(ctx, rt, dir, o)
		if err != nil {
			return nil, fmt.Errorf("%w; free answers need a causal language model", err)
		}
		a.closers = append(a.closers, g.Close)
		opened = &writer{Generator: g, key: key, limit: maxAnswer}
		if longest := g.Checkpoint().MaxTokens; longest > 0 {
			opened.limit = min(maxAnswer, longest/4)
		}
		return opened, nil
	}
}

func (w *writer) Key() string { return w.key }
func (w *writer) Limit() int  { return w.limit }

func (w *writer) Tokens(prompt, answer string) ([]int64, error) {
	return w.AnswerTokens(prompt, answer)
}

func (w *writer) Text(tokens []int64) (string, error) { return w.Tokenizer().Decode(tokens, true) }

func (w *writer) Unembedding(tokens []int64) ([][]float32, []float32, error) {
	ids := make([]int, len(tokens))
	for i, t := range tokens {
		ids[i] = int(t)
	}
	return w.Generator.Unembedding(ids)
}

func (w *writer) States(ctx context.Context, prompt string, tokens []int64) (freeform.States, error) {
	hidden, fed, truncated, err := w.Generator.States(ctx, prompt, tokens, w.limit)
	return freeform.States{Hidden: hidden, Fed: fed, Truncated: truncated}, err
}

func (w *writer) Write(ctx context.Context, prompt string, prefix []int64, pick func([]float32) int64) ([]int64, [][]float32, error) {
	g, err := w.Greedy(ctx, prompt, onnx.GreedyOptions{MaxTokens: w.limit, Start: prefix, Pick: func(state, _ []float32) int64 { return pick(state) }})
	return g.Tokens, g.Hidden, err
}
