package onnx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"w2s/internal/drawn"
	"w2s/internal/shareddata"
	"w2s/onnx/tokenizer"
)

// openGenerator opens a checkpoint, and closes it at the end of the test.
func openGenerator(tb testing.TB, dir string, o Options) *Generator {
	tb.Helper()
	g, err := OpenGenerator(context.Background(), testRuntime(tb), dir, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := g.Close(); err != nil {
			tb.Error(err)
		}
	})
	return g
}

func fixtureDir(name string) string {
	return filepath.Join(shareddata.Root(), "fixtures", "models", name)
}

// TestGeneration compares decoding with a cache with Python's onnxruntime without one.
func TestGeneration(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "generation.json"))
	if err != nil {
		t.Fatal(err)
	}
	var models map[string][]struct {
		Prompt, Answer string
		IDs, Greedy    []int64
		AnswerIDs      []int64   `json:"answer_ids"`
		LogProbs       []float64 `json:"log_probs"`
		Likeliest      []int64
	}
	if err := json.Unmarshal(data, &models); err != nil {
		t.Fatal(err)
	}
	if len(models) < 2 {
		t.Fatalf("%d models, want at least 2", len(models))
	}
	for name, cases := range models {
		t.Run(name, func(t *testing.T) {
			g := openGenerator(t, fixtureDir(name), Options{})
			g.ends = nil // the reference does not stop at an end token
			if len(cases) == 0 {
				t.Fatal("no reference")
			}
			for _, c := range cases {
				out, err := g.Greedy(t.Context(), c.Prompt, GreedyOptions{MaxTokens: len(c.Greedy)})
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(out.Tokens, c.Greedy) {
					t.Errorf("%q continues with %v, want %v", c.Prompt, out.Tokens, c.Greedy)
				}
				a, err := g.Answer(t.Context(), c.Prompt, c.Answer, false)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(a.Tokens, c.AnswerIDs) || !slices.Equal(a.Likeliest, c.Likeliest) {
					t.Errorf("%q: answer %v, likeliest %v; want %v, %v", c.Prompt, a.Tokens, a.Likeliest, c.AnswerIDs, c.Likeliest)
				}
				if len(a.LogProbs) != len(c.LogProbs) || len(c.LogProbs) == 0 {
					t.Fatalf("%q: %d log probabilities, want %d", c.Prompt, len(a.LogProbs), len(c.LogProbs))
				}
				for i, want := range c.LogProbs {
					if !(math.Abs(a.LogProbs[i]-want) <= 1e-5) {
						t.Errorf("%q: token %d has log probability %v, want %v", c.Prompt, i, a.LogProbs[i], want)
					}
				}
			}
		})
	}
}

// TestUnembedding multiplies hidden states by the rows of the last layer. This must give the same choices and log probabilities
// as the model.
func TestUnembedding(t *testing.T) {
	for _, name := range []string{"llama-tiny", "gpt2-logits-tiny"} {
		g := openGenerator(t, fixtureDir(name), Options{})
		tokens := make([]int, g.Vocab())
		for i := range tokens {
			tokens[i] = i
		}
		rows, bias, err := g.Unembedding(tokens)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := g.Answer(t.Context(), "The weak model says", " yes, it is", true)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(answer.Tokens); n == 0 || len(answer.Hidden) != n || len(answer.LogProbs) != n {
			t.Fatalf("%s: %d tokens, %d states, %d log probabilities", name, n, len(answer.Hidden), len(answer.LogProbs))
		}
		for i, hidden := range answer.Hidden {
			logits := make([]float32, len(rows))
			for j, row := range rows {
				sum := float64(bias[j])
				for k := range row {
					sum += float64(row[k]) * float64(hidden[k])
				}
				logits[j] = float32(sum)
			}
			if got := float64(logits[answer.Tokens[i]]) - logSumExp(logits); !(math.Abs(got-answer.LogProbs[i]) <= 1e-4) || argmax(logits) != answer.Likeliest[i] {
				t.Errorf("%s: place %d: log probability %v of rows times hidden state, %v of the model", name, i, got, answer.LogProbs[i])
			}
		}
		if _, _, err := g.Unembedding([]int{g.Vocab()}); err == nil || !strings.Contains(err.Error(), fmt.Sprint("token ", g.Vocab())) {
			t.Errorf("%s: Unembedding of a token outside the vocabulary: %v", name, err)
		}
	}
}

func TestGreedy(t *testing.T) {
	g := openGenerator(t, fixtureDir("llama-tiny"), Options{})
	plain, err := g.Greedy(t.Context(), "The weak model says", GreedyOptions{MaxTokens: 8})
	if err != nil {
		t.Fatal(err)
	}
	if len(plain.Hidden) != len(plain.Tokens) || len(plain.Hidden[0]) != g.Dims() || plain.Truncated {
		t.Errorf("%+v", plain)
	}
	end := slices.Min(slices.Collect(func(yield func(int64) bool) {
		for id := range g.ends {
			yield(id)
		}
	}))
	// A pick that answers with the tokens of " yes" and then the end token.
	ids, err := g.Tokenizer().Encode(" yes", tokenizer.Options{WithoutSpecials: true})
	if err != nil {
		t.Fatal(err)
	}
	script := append(slices.Clone(ids.IDs), end, 7, 7)
	n := 0
	pick := func(hidden, logits []float32) int64 {
		if len(hidden) != g.Dims() || len(logits) != g.Vocab() {
			t.Errorf("%d dimensions and %d logits", len(hidden), len(logits))
		}
		n++
		return script[n-1]
	}
	out, err := g.Greedy(t.Context(), "Is it?", GreedyOptions{MaxTokens: 20, Pick: pick})
	if err != nil || !out.Ended || strings.TrimSpace(out.Text) != "yes" || !slices.Equal(out.Tokens, script[:len(ids.IDs)+1]) {
		t.Errorf("%+v, %v", out, err)
	}
	n = 0
	out, err = g.Greedy(t.Context(), "Is it?", GreedyOptions{MaxTokens: 20, Pick: pick, Stop: []string{"es"}})
	if err != nil || !out.Ended || strings.TrimSpace(out.Text) != "y" {
		t.Errorf("stop: %+v, %v", out, err)
	}
	long := strings.Repeat("many words ", 100)
	if out, err = g.Greedy(t.Context(), long, GreedyOptions{MaxTokens: 4}); err != nil || !out.Truncated {
		t.Errorf("long prompt: truncated %v, %v", out.Truncated, err)
	}
	for want, o := range map[string]GreedyOptions{"limited to 0 tokens": {}, "no room for a prompt": {MaxTokens: 64},
		"token -1 was picked": {MaxTokens: 1, Pick: func([]float32, []float32) int64 { return -1 }}} {
		if _, err := g.Greedy(t.Context(), "x", o); err == nil || !strings.HasPrefix(err.Error(), "onnx: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.Greedy(ctx, "x", GreedyOptions{MaxTokens: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestGeneratorFaults(t *testing.T) {
	rt := testRuntime(t)
	for name, want := range map[string]string{"bert-tiny": "no output logits", "gpt2-tiny": "no output logits", "none": "no such file",
		"roberta-mlm-tiny": "as in fill-mask models"} {
		if _, err := OpenGenerator(t.Context(), rt, fixtureDir(name), Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", name, err, want)
		}
	}
}

// TestCapital asks a real model, which answers correctly only if it is fed the prompt in the right way.
func TestCapital(t *testing.T) {
	g := openGenerator(t, testCheckpoint(t, "smollm2-135m-instruct"), Options{})
	for country, capital := range map[string]string{"France": "Paris", "Japan": "Tokyo"} {
		out, err := g.Greedy(t.Context(), "The capital of Germany is Berlin. The capital of "+country+" is", GreedyOptions{MaxTokens: 8, Stop: []string{"."}})
		if err != nil || strings.TrimSpace(out.Text) != capital {
			t.Errorf("%s: %q, %v", country, out.Text, err)
		}
	}
}

// TestStates continues an answer from its middle, and computes its states in one step. Both must agree with greedy decoding
// token by token.
func TestStates(t *testing.T) {
	for _, name := range []string{"llama-tiny", "gpt2-logits-tiny"} {
		g := openGenerator(t, fixtureDir(name), Options{})
		g.ends = nil // no early end
		const prompt, room = "The weak model says", 6
		whole, err := g.Greedy(t.Context(), prompt, GreedyOptions{MaxTokens: room})
		if err != nil {
			t.Fatal(err)
		}
		rest, err := g.Greedy(t.Context(), prompt, GreedyOptions{MaxTokens: room, Start: whole.Tokens[:2]})
		if err != nil || !slices.Equal(rest.Tokens, whole.Tokens[2:]) {
			t.Errorf("%s: continues with %v, want %v (%v)", name, rest.Tokens, whole.Tokens[2:], err)
		}
		states, fed, cut, err := g.States(t.Context(), prompt, whole.Tokens[:room-1], room)
		if err != nil || cut || fed <= room || len(states) != room {
			t.Fatalf("%s: %d states of %d tokens, %v", name, len(states), fed, err)
		}
		if len(whole.Hidden) != room {
			t.Fatalf("%s: %d states step by step, want %d", name, len(whole.Hidden), room)
		}
		for i, want := range whole.Hidden {
			for j := range want {
				if !(math.Abs(float64(states[i][j]-want[j])) <= 1e-5) {
					t.Fatalf("%s: state %d differs at %d: %v, step by step %v", name, i, j, states[i][j], want[j])
				}
			}
		}
		long := strings.Repeat("many words ", 100)
		if _, _, cut, err := g.States(t.Context(), long, nil, room); err != nil || !cut {
			t.Errorf("%s: long prompt: truncated %v, %v", name, cut, err)
		}
		if _, _, _, err := g.States(t.Context(), prompt, whole.Tokens, room-1); err == nil || !strings.Contains(err.Error(), "6 tokens are more than the room") {
			t.Errorf("%s: States of an answer longer than its room: %v", name, err)
		}
		if _, err := g.Greedy(t.Context(), prompt, GreedyOptions{MaxTokens: 2, Start: whole.Tokens[:2]}); err == nil || !strings.Contains(err.Error(), "starts with 2 tokens") {
			t.Errorf("%s: Greedy with a Start as long as MaxTokens: %v", name, err)
		}
	}
}

// TestAnswerTokens tokenizes an answer after different prompts. The tokens must decode to the answer and not depend on the prompt.
func TestAnswerTokens(t *testing.T) {
	for _, name := range []string{"llama-tiny", "gpt2-logits-tiny"} {
		g := openGenerator(t, fixtureDir(name), Options{})
		var first []int64
		for _, prompt := range []string{"Is it?", "The weak model says:"} {
			tokens, err := g.AnswerTokens(prompt, "yes it is")
			if err != nil {
				t.Fatal(err)
			}
			if text, err := g.Tokenizer().Decode(tokens, true); err != nil || strings.TrimSpace(text) != "yes it is" {
				t.Errorf("%s: %v decodes to %q (%v)", name, tokens, text, err)
			}
			if first == nil {
				first = tokens
			}
			if !slices.Equal(tokens, first) {
				t.Errorf("%s: tokens after %q are %v, after another prompt %v", name, prompt, tokens, first)
			}
		}
		if ends := g.Ends(); len(ends) != 1 {
			t.Errorf("%s: end tokens are %v, want one", name, ends)
		}
	}
}

// TestNotGenerating opens safetensors that write no text.
func TestNotGenerating(t *testing.T) {
	for name, want := range map[string]string{
		"llama-bare": "no layer for logits",
		"bert":       "type bert reads in both directions",
	} {
		dir := drawn.Read(t, name).Write(t)
		if _, err := OpenGenerator(t.Context(), testRuntime(t), dir, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
}
