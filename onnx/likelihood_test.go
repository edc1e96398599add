package onnx

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"w2s/internal/drawn"
	"w2s/internal/shareddata"
)

// A likelihoodCase is an entry of fixtures/families/words/words.json, which make.py there describes.
type likelihoodCase struct {
	Model, Prompt string
	Endings       []string
	LogProbs      []float64 `json:"log_probs"`
}

func likelihoodCases(t *testing.T) map[string][]likelihoodCase {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(shareddata.Root(), "fixtures", "families", "words", "words.json"))
	var list []likelihoodCase
	if err == nil {
		err = json.Unmarshal(data, &list)
	}
	if err != nil {
		t.Fatal(err)
	}
	byModel := map[string][]likelihoodCase{}
	for _, c := range list {
		byModel[c.Model] = append(byModel[c.Model], c)
	}
	return byModel
}

func openLikelihood(t *testing.T, dir string, o Options) *Likelihood {
	t.Helper()
	l, err := OpenLikelihood(t.Context(), testRuntime(t), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// logProbs returns the log-probabilities of all prompts.
func logProbs(t *testing.T, l *Likelihood, prompts []string, endings [][]string) [][]float64 {
	t.Helper()
	out := make([][]float64, len(prompts))
	err := l.LogProbs(t.Context(), prompts, endings, func(i int, p []float64, tokens int, _ bool) error {
		if out[i] != nil || tokens < 1 {
			t.Errorf("prompt %d comes twice, or has %d tokens", i, tokens)
		}
		out[i] = slices.Clone(p)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestLikelihood compares log-probabilities of endings with torch, for prompts that are run together and alone.
func TestLikelihood(t *testing.T) {
	all := likelihoodCases(t)
	if len(all) != 4 {
		t.Fatalf("the reference has %d models", len(all))
	}
	for name, list := range all {
		dir := drawn.Read(t, name).Write(t)
		l := openLikelihood(t, dir, Options{MaxTokens: 48}) // the lengths of llama-dynamic are beyond its own
		prompts, endings := make([]string, len(list)), make([][]string, len(list))
		for i, c := range list {
			prompts[i], endings[i] = c.Prompt, c.Endings
		}
		got := logProbs(t, l, prompts, endings)
		for i, c := range list {
			for k, want := range c.LogProbs {
				if math.Abs(got[i][k]-want) > 1e-5*math.Abs(want) {
					t.Errorf("%s: %q after %q: %v, want %v", name, c.Endings[k], c.Prompt, got[i][k], want)
				}
			}
			if alone := logProbs(t, l, prompts[i:i+1], endings[i:i+1])[0]; !closeTo(alone, got[i]) {
				t.Errorf("%s: %q alone: %v, together %v", name, c.Prompt, alone, got[i])
			}
		}
	}
}

func closeTo(a, b []float64) bool {
	for i := range a {
		if math.Abs(a[i]-b[i]) > 1e-5*math.Abs(b[i]) {
			return false
		}
	}
	return len(a) == len(b)
}

// TestLikelihoodOfExports compares ONNX exports, with and without a cache and an input for the number of logits, with the step of a
// generator.
func TestLikelihoodOfExports(t *testing.T) {
	compared := 0
	for _, name := range []string{"gpt2-logits-tiny", "llama-tiny", "qwen2-tiny", "gemma2-tiny"} {
		dir := fixture(name)
		c, err := ReadCheckpoint(dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.planLikelihood(); err != nil {
			if strings.Contains(err.Error(), "no output logits") {
				continue // the export has none
			}
			t.Fatal(err)
		}
		compared++
		l, g := openLikelihood(t, dir, Options{}), openGenerator(t, dir, Options{})
		const prompt = "the quick brown fox"
		endings := []string{" jumps", " over the lazy dog"}
		got := logProbs(t, l, []string{prompt}, [][]string{endings})[0]
		for k, ending := range endings {
			tokens, err := g.AnswerTokens(prompt, strings.TrimSpace(ending))
			if err != nil {
				t.Fatal(err)
			}
			ids := slices.Concat(l.lead, mustTokens(t, g, prompt), tokens)
			s, err := g.atOnce(t.Context(), ids[:len(ids)-1], len(tokens))
			if err != nil {
				t.Fatal(err)
			}
			want := 0.0
			for i, token := range tokens {
				row := s.logits[i*g.Vocab() : (i+1)*g.Vocab()]
				want += float64(row[token]) - logSumExp(row)
			}
			if math.Abs(got[k]-want) > 1e-5*math.Abs(want) {
				t.Errorf("%s: %q has %v, want %v", name, ending, got[k], want)
			}
		}
	}
	if compared < 2 {
		t.Errorf("%d exports have logits, want 2 or more", compared)
	}
}

func mustTokens(t *testing.T, g *Generator, text string) []int64 {
	t.Helper()
	ids, err := g.AnswerTokens("", text)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// A prompt that is too long loses its beginning, and what is kept alone gives the same.
func TestLikelihoodCutsPrompts(t *testing.T) {
	dir := drawn.Read(t, "llama").Write(t)
	short := openLikelihood(t, dir, Options{MaxTokens: 8})
	whole := openLikelihood(t, dir, Options{})
	endings := [][]string{{" yes", " no more than"}} // three tokens, so six of the prompt stay
	var cut bool
	var got []float64
	if err := short.LogProbs(t.Context(), []string{"the strong model says that it sees no more than one word"}, endings, func(_ int, p []float64, _ int, c bool) error {
		got, cut = p, c
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if want := logProbs(t, whole, []string{"sees no more than one word"}, endings)[0]; !cut || !closeTo(got, want) {
		t.Errorf("cut %v, %v, want %v", cut, got, want)
	}
	tiny := openLikelihood(t, dir, Options{MaxTokens: 2})
	if err := tiny.LogProbs(t.Context(), []string{"the weak model"}, endings, nil); err == nil || !strings.Contains(err.Error(), "leaves no room for a prompt") {
		t.Errorf("got %v", err)
	}
}

// A token that the tokenizer puts in front of every text is checked like those of the text. In this checkpoint, as in some that lack
// files, AutoTokenizer adds a token that the model has no row for.
func TestLikelihoodRefusesLeadBeyondEmbedding(t *testing.T) {
	dir := drawn.Read(t, "llama").Write(t)
	if err := os.Remove(filepath.Join(dir, "tokenizer_config.json")); err != nil {
		t.Fatal(err)
	}
	err := openLikelihood(t, dir, Options{}).LogProbs(t.Context(), []string{"the weak model"}, [][]string{{" yes", " no"}}, nil)
	if err == nil || !strings.Contains(err.Error(), "of the model's embedding (tokenizer_config.json is missing") {
		t.Errorf("got %v", err)
	}
}

// runs feeds the beginning of another ending only once.
func TestLikelihoodSharesBeginnings(t *testing.T) {
	q := func() *query {
		return &query{units: []unit{{[]int64{1, 2, 3}, 1}, {[]int64{1, 2, 4}, 1}, {[]int64{1, 2, 5, 6, 7}, 3}, {[]int64{1, 2, 8, 9}, 2}}}
	}
	type fed struct {
		ids   []int64
		units []int
		keep  int
	}
	all := func(byLength bool) (out []fed) {
		for _, r := range q().runs(byLength) {
			out = append(out, fed{r.ids, r.units, r.keep})
		}
		return out
	}
	if got, want := all(false), []fed{{[]int64{1, 2, 5, 6}, []int{2, 0, 1}, 3}, {[]int64{1, 2, 8}, []int{3}, 2}}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got, want := all(true), []fed{{[]int64{1, 2, 5, 6}, []int{2}, 3}, {[]int64{1, 2, 8}, []int{3}, 2}, {[]int64{1, 2}, []int{0, 1}, 1}}; !reflect.DeepEqual(got, want) {
		t.Errorf("by length: %v, want %v", got, want)
	}
}

// TestLikelihoodRunsPromptOnce compares many endings after one prompt, which is run once, with each ending alone.
func TestLikelihoodRunsPromptOnce(t *testing.T) {
	words := strings.Fields("the a weak strong model says that it sees no more than one word and goes on with")
	prompt := strings.Join(append(slices.Clone(words), words[:15]...), " ")
	var endings []string
	for i, first := range words {
		for j := range 3 {
			endings = append(endings, " "+first+" "+words[(i+5*j+1)%len(words)]+strings.Repeat(" of", j%2)+" yes")
		}
	}
	dirs := map[string]bool{fixture("llama-tiny"): true, fixture("gpt2-logits-tiny"): true}
	for _, name := range []string{"llama", "gpt2", "gemma3_text", "phi3", "bloom", "mistral-odd"} {
		dirs[drawn.Read(t, name).Write(t)] = true
	}
	dirs[drawn.Read(t, "llama-dynamic").Write(t)] = false // states depend on the length
	for dir, shares := range dirs {
		l := openLikelihood(t, dir, Options{})
		got := logProbs(t, l, []string{prompt, prompt + " yes"}, [][]string{endings, endings[:2]})
		if shared := l.shared.session != nil; shared != shares {
			t.Errorf("%s: the prompt is run once: %v", l.checkpoint.Model, shared)
		}
		whole := openLikelihood(t, dir, Options{})
		whole.shared.plan = nil
		for i, want := range logProbs(t, whole, []string{prompt}, [][]string{endings})[0] {
			if !closeTo(got[0][i:i+1], []float64{want}) {
				t.Errorf("%s: %q has %v, want %v", l.checkpoint.Model, endings[i], got[0][i], want)
			}
		}
		if again := logProbs(t, l, []string{"the weak model", prompt}, [][]string{endings, endings})[1]; !slices.Equal(again, got[0]) {
			t.Errorf("%s: beside another prompt: %v, want %v", l.checkpoint.Model, again, got[0])
		}
	}
}

func TestLikelihoodFaults(t *testing.T) {
	rt := testRuntime(t)
	for model, want := range map[string]string{
		fixture("bert-tiny"):                 "not known to read from left to right",
		fixture("roberta-mlm-tiny"):          "not known to read from left to right",
		fixture("static-model2vec-tiny"):     "names no model_type",
		fixture("gpt2-tiny"):                 "no output logits",
		drawn.Read(t, "bert").Write(t):       "not known to read from left to right",
		drawn.Read(t, "llama-bare").Write(t): "the weights have no layer for logits",
	} {
		if _, err := OpenLikelihood(t.Context(), rt, model, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", model, err, want)
		}
	}
	l := openLikelihood(t, drawn.Read(t, "llama").Write(t), Options{})
	for _, c := range []struct{ prompt, ending, want string }{{"the model", "", "adds no token"}, {"", " yes", "the prompt has no tokens"}} {
		if err := l.LogProbs(t.Context(), []string{c.prompt}, [][]string{{c.ending}}, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v", c, err)
		}
	}
	stop := errors.New("stop")
	prompts, endings := make([]string, 50), make([][]string, 50)
	for i := range prompts {
		prompts[i], endings[i] = "the weak model", []string{" yes", " no more"}
	}
	if err := l.LogProbs(t.Context(), prompts, endings, func(int, []float64, int, bool) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := l.LogProbs(ctx, prompts, endings, func(int, []float64, int, bool) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
