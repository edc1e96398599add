package harness_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"w2s/harness"
	"w2s/harness/head"
	"w2s/harness/label"
	"w2s/tasks"
)

// compass is a task of free answers: the prompt is a list of numbers, and the answer says with two words on which side
// of two planes the point lies. "up" is another way to say north east.
type compass struct{ n int }

func (c compass) Info() tasks.Info {
	return tasks.Info{Name: "compass", Category: tasks.Generative, Form: tasks.Generate, Metric: tasks.ExactMatch, Version: 1}
}

func (c compass) Load(context.Context, tasks.Source) (*tasks.Data, error) {
	rng := rand.New(rand.NewPCG(21, 4))
	planes := [2][fullDims]float64{}
	for p := range planes {
		for d := range planes[p] {
			planes[p][d] = rng.NormFloat64()
		}
	}
	var pool []tasks.Example
	for range c.n {
		fields := make([]string, fullDims)
		var side [2]float64
		for d := range fields {
			x := rng.NormFloat64()
			fields[d] = fmt.Sprintf("%.4f", x)
			side[0] += x * planes[0][d]
			side[1] += x * planes[1][d]
		}
		words := []string{"south", "west"}
		if side[0] > 0 {
			words[0] = "north"
		}
		if side[1] > 0 {
			words[1] = "east"
		}
		e := tasks.Example{Texts: []string{strings.Join(fields, " ")}, Answer: strings.Join(words, " ")}
		if e.Answer == "north east" {
			e.Also = []string{"up"}
		}
		e.ID = tasks.ContentID(tasks.Generate, e.Texts)
		pool = append(pool, e)
	}
	return &tasks.Data{Pool: pool, Digest: "compass"}, nil
}

// words are the vocabulary of the pen; two of them end an answer.
var words = []string{"<end>", "<stop>", "north", "south", "east", "west", "up", "noise"}

// pen is a language model of compass prompts: its state holds the numbers of the prompt and how many words stand, so a
// linear head can learn each word and that two are enough. A pen that blots sees every number with an error of that size,
// which a student with a clear view cannot repeat.
type pen struct {
	blots    float64
	runs     *int // times that the model was run
	limit    int
	endless  bool
	failWith error
}

func (p pen) Key() string   { return fmt.Sprintf("pen-%v", p.blots) }
func (p pen) Dims() int     { return 3*fullDims + 4 }
func (p pen) Limit() int    { return p.limit }
func (p pen) Ends() []int64 { return map[bool][]int64{false: {0, 1}, true: nil}[p.endless] }

func (p pen) Tokens(_, answer string) ([]int64, error) {
	var tokens []int64
	for _, w := range strings.Fields(answer) {
		at := slices.Index(words, w)
		if at < 0 {
			return nil, fmt.Errorf("no word %q", w)
		}
		tokens = append(tokens, int64(at))
	}
	return tokens, nil
}

func (p pen) Text(tokens []int64) (string, error) {
	var text []string
	for _, t := range tokens {
		text = append(text, words[t])
	}
	return " " + strings.Join(text, " "), nil
}

// Unembedding holds a little of what is right and a strong wish to say noise.
func (p pen) Unembedding(tokens []int64) ([][]float32, []float32, error) {
	rows, bias := make([][]float32, len(tokens)), make([]float32, len(tokens))
	for i, t := range tokens {
		rng := rand.New(rand.NewPCG(uint64(t), 99))
		rows[i] = make([]float32, p.Dims())
		for j := range rows[i] {
			rows[i][j] = float32(0.1 * rng.NormFloat64())
		}
		if words[t] == "noise" {
			bias[i] = 20
		}
	}
	return rows, bias, nil
}

func (p pen) state(prompt string, stand int) ([]float32, error) {
	state := make([]float32, p.Dims())
	at := min(stand, 3)
	h := fnv.New64a()
	h.Write([]byte(prompt))
	errors := rand.New(rand.NewPCG(h.Sum64(), 0))
	for d, field := range strings.Fields(prompt) {
		v, err := strconv.ParseFloat(field, 32)
		if err != nil {
			return nil, err
		}
		if at < 3 {
			state[at*fullDims+d] = float32(v + p.blots*errors.NormFloat64())
		}
	}
	state[3*fullDims+at] = 3
	return state, nil
}

func (p pen) States(ctx context.Context, prompt string, tokens []int64) (harness.States, error) {
	s := harness.States{Fed: fullDims + len(tokens), Truncated: strings.HasPrefix(prompt, "-0.00")}
	*p.runs++
	for n := range len(tokens) + 1 {
		state, err := p.state(prompt, n)
		if err != nil {
			return s, err
		}
		s.Hidden = append(s.Hidden, state)
	}
	return s, ctx.Err()
}

func (p pen) Write(ctx context.Context, prompt string, stand []int64, pick func([]float32) int64) (tokens []int64, states [][]float32, err error) {
	*p.runs++
	if p.failWith != nil {
		return nil, nil, p.failWith
	}
	for len(stand)+len(tokens) < p.limit {
		state, err := p.state(prompt, len(stand)+len(tokens))
		if err != nil {
			return nil, nil, err
		}
		tokens, states = append(tokens, pick(state)), append(states, state)
		if slices.Contains(p.Ends(), tokens[len(tokens)-1]) {
			break
		}
	}
	return tokens, states, ctx.Err()
}

// writers is an experiment over a weak and a strong pen; runs counts how often a model is run.
func writers(runs *int) harness.Config {
	cfg := experiment(compass{n: 340})
	cfg.Train, cfg.Test = 200, 100
	for i, blots := range []float64{0.8, 0} {
		cfg.Models[i].Writer = func(context.Context) (harness.Writer, error) { return pen{blots: blots, runs: runs, limit: 6}, nil }
	}
	return cfg
}

func TestFreeAnswersRecoverPartOfAPlantedGap(t *testing.T) {
	var runs int
	result := run(t, writers(&runs))
	rows := summarize(t, result)
	if len(rows) != 2 {
		t.Fatalf("%d rows, want one a loss", len(rows))
	}
	for _, r := range rows {
		if r.Metric != tasks.ExactMatch || r.Treatment != "written" || r.N != 100 || r.Seeds != 2 || r.Train != 100 {
			t.Errorf("%+v", r)
		}
		if !(r.Floor.Value > 0.3 && r.Floor.Value < r.Transfer.Value && r.Transfer.Value < r.Top.Value && r.Top.Value > 0.85) || !r.PGR.Defined {
			t.Errorf("%s: weak %.3f, student %.3f, ceiling %.3f", r.Loss, r.Floor.Value, r.Transfer.Value, r.Top.Value)
		}
		// A student repeats more of its supervisor's errors than the ceiling does, and an error counts as repeated only
		// where the text is the same.
		if s, c := r.Imitates.Student.OnErrors.Value, r.Imitates.Ceiling.OnErrors.Value; !(s > c && s < 1) {
			t.Errorf("%s: agreement on errors %.3f, of the ceiling %.3f", r.Loss, s, c)
		}
		if r.Labels.Accuracy < 0.3 || r.Labels.Accuracy > 0.95 || r.Labels.Brier <= 0 || r.Labels.Brier > 0.5 {
			t.Errorf("%s: labels %+v", r.Loss, r.Labels)
		}
	}
	byTokens, err := harness.Summarize(result, harness.SummaryOptions{Metric: harness.TokenAccuracy, Resamples: 100})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range byTokens {
		// Three tokens an answer, of which the end is easy.
		if r.Metric != harness.TokenAccuracy || r.Transfer.Value <= rows[i].Transfer.Value || r.Transfer.Value >= 1 {
			t.Errorf("token accuracy %.3f, exact match %.3f", r.Transfer.Value, rows[i].Transfer.Value)
		}
	}
	if _, err := harness.Summarize(result, harness.SummaryOptions{Metric: tasks.AUROC}); err == nil || !strings.Contains(err.Error(), "token-accuracy") {
		t.Errorf("AUROC of free answers: %v", err)
	}
	for _, h := range result.Heads {
		if h.Vocabulary != 6 { // two ends and four words: no answer that is learned says "up" or "noise"
			t.Errorf("%s writes %d tokens", h.ID, h.Vocabulary)
		}
	}
	// Every head beside the first finds most states known.
	if answers := len(result.Heads) * 100; runs > 2*(340+100*2)+answers/2 {
		t.Errorf("the models were run %d times for %d test answers", runs, answers)
	}
}

func TestOtherRightAnswersCount(t *testing.T) {
	var runs int
	result := run(t, writers(&runs))
	at := slices.IndexFunc(result.Tasks[0].TestAnswers, func(right []string) bool { return len(right) == 2 })
	result.Heads[0].Answers[at], result.Heads[0].Test[at] = " up\n", []float64{0, 1}
	path := filepath.Join(t.TempDir(), "r.json")
	if err := result.Save(path); err != nil {
		t.Fatal(err)
	}
	back, err := harness.LoadResult(path)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(summarize(t, result), summarize(t, back)) {
		t.Error("a result reads otherwise than it was written")
	}
	says := map[string]string{"wrong counted as right": "do not agree", "right counted as wrong": "do not agree",
		"answers missing": "99 answers", "no token accuracy": "0 token accuracies"}
	for name, damage := range map[string]func(h *harness.HeadRecord){
		"wrong counted as right": func(h *harness.HeadRecord) { h.Answers[at], h.Test[at] = "down", []float64{0, 1} },
		"right counted as wrong": func(h *harness.HeadRecord) { h.Test[at] = []float64{1, 0} },
		"answers missing":        func(h *harness.HeadRecord) { h.Answers = h.Answers[1:] },
		"no token accuracy":      func(h *harness.HeadRecord) { h.TokenAccuracy = nil },
	} {
		copied, err := harness.LoadResult(path)
		if err != nil {
			t.Fatal(err)
		}
		damage(&copied.Heads[0])
		if err := copied.Save(path + "2"); err != nil {
			t.Fatal(err)
		}
		if _, err := harness.LoadResult(path + "2"); err == nil || says[name] == "" || !strings.Contains(err.Error(), says[name]) {
			t.Errorf("%s: error %v, want one with %q", name, err, says[name])
		}
	}
}

func TestSameSeedSameWriting(t *testing.T) {
	var runs int
	byID := map[string]harness.HeadRecord{}
	for _, h := range run(t, writers(&runs)).Heads {
		byID[h.ID] = h
	}
	one := writers(&runs)
	one.Seeds, one.Losses = []uint64{1}, one.Losses[:1]
	for _, h := range run(t, one).Heads {
		if !reflect.DeepEqual(h, byID[h.ID]) {
			t.Errorf("%s depends on the other seeds or losses", h.ID)
		}
	}
}

func TestWritingStudentNeverSeesGold(t *testing.T) {
	var runs int
	harness.CheckWritingStudentNeverSeesGold(t, writers(&runs), env(t))
}

// A second run finds all states of answers that were read in the cache: what is left is writing what no one read.
func TestStatesAreCached(t *testing.T) {
	var first, second int
	e := env(t)
	if _, err := harness.Run(t.Context(), writers(&first), e); err != nil {
		t.Fatal(err)
	}
	if _, err := harness.Run(t.Context(), writers(&second), e); err != nil {
		t.Fatal(err)
	}
	if second >= first/2 {
		t.Errorf("%d runs of the models with a cache, %d without", second, first)
	}
}

// smudging is a pen whose states in writing are not quite those in reading, as a real model's are not: an answer depends on
// which of them was kept.
type smudging struct{ pen }

func (s smudging) Write(ctx context.Context, prompt string, stand []int64, pick func([]float32) int64) (tokens []int64, states [][]float32, err error) {
	return s.pen.Write(ctx, prompt, stand, func(state []float32) int64 {
		for j := range state {
			state[j] += float32(len(stand)+1) / 3
		}
		return pick(state)
	})
}

// How many states are kept in memory changes neither a bit of the result nor how often the models are run.
func TestBoundOfStates(t *testing.T) {
	heads, runs := map[int]string{}, map[int]int{}
	for _, bytes := range []int{1, 100 << 10, 100 << 20} {
		var n int
		cfg := writers(&n)
		cfg.Pairs = append(cfg.Pairs, harness.Pair{Weak: "weak", Strong: "weak"})
		for i, m := range cfg.Models {
			cfg.Models[i].Writer = func(ctx context.Context) (harness.Writer, error) {
				w, err := m.Writer(ctx)
				return smudging{w.(pen)}, err
			}
		}
		r, err := harness.Run(t.Context(), cfg, harness.WithStateBytes(env(t), bytes))
		if err != nil {
			t.Fatal(err)
		}
		heads[bytes], runs[bytes] = asJSON(t, r.Heads), n
	}
	if heads[1] != heads[100<<20] || heads[100<<10] != heads[100<<20] {
		t.Error("what is in memory changes the heads")
	}
	if runs[1] != runs[100<<20] || runs[100<<10] != runs[100<<20] {
		t.Errorf("runs of the models: %v", runs)
	}
	// The bound is one: with no place for a file, states of more than it are an error that says so.
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "absent"))
	var n int
	if _, err := harness.Run(t.Context(), writers(&n), harness.WithStateBytes(env(t), 100<<10)); err == nil || !strings.Contains(err.Error(), "TMPDIR") {
		t.Errorf("without a folder for the file: %v", err)
	}
	if _, err := harness.Run(t.Context(), writers(&n), env(t)); err != nil {
		t.Errorf("a small task needs a file: %v", err)
	}
}

func TestFreeAnswerFaults(t *testing.T) {
	var runs int
	writer := func(p pen) func(context.Context) (harness.Writer, error) {
		p.runs = &runs
		return func(context.Context) (harness.Writer, error) { return p, nil }
	}
	for want, change := range map[string]func(*harness.Config){
		"model strong writes no answers": func(c *harness.Config) { c.Models[1].Writer = nil },
		"treatment hard":                 func(c *harness.Config) { c.Treatments = []label.Treatment{label.Hard{}} },
		"no supervisor of free answers":  func(c *harness.Config) { c.Simulated = []harness.Simulated{{Kind: "random"}} },
		"eos_token_id":                   func(c *harness.Config) { c.Models[0].Writer = writer(pen{limit: 6, endless: true}) },
		"out of ink": func(c *harness.Config) {
			c.Models[0].Writer = writer(pen{limit: 6, failWith: errors.New("out of ink")})
		},
		"longer than the 2 tokens": func(c *harness.Config) { c.Models[0].Writer = writer(pen{limit: 2}) },
		"weak: not here": func(c *harness.Config) {
			c.Models[0].Writer = func(context.Context) (harness.Writer, error) { return nil, errors.New("not here") }
		},
	} {
		cfg := writers(&runs)
		change(&cfg)
		if _, err := harness.Run(t.Context(), cfg, env(t)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
	chain := harness.ChainConfig{Config: writers(&runs), Chain: []string{"weak", "strong", "weak"}}
	if err := chain.Validate(); err == nil || !strings.Contains(err.Error(), "free answers") {
		t.Errorf("chain: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := harness.Run(ctx, writers(&runs), env(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// Sentences that are cut off are counted where a reader sees them.
func TestTruncatedPromptsAreReported(t *testing.T) {
	var runs int
	warned := slices.ContainsFunc(summarize(t, run(t, writers(&runs))), func(r harness.Row) bool {
		return strings.Contains(strings.Join(r.Warnings, "\n"), "truncated")
	})
	if !warned {
		t.Error("no word of truncated prompts")
	}
}

// The losses that pull a student towards its own answers train on token distributions too.
func TestEveryLossWrites(t *testing.T) {
	var runs int
	cfg := writers(&runs)
	cfg.Seeds, cfg.Losses = []uint64{0}, nil
	for _, known := range head.Losses() {
		loss, err := head.Parse(known.Name)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Losses = append(cfg.Losses, loss)
	}
	rows := summarize(t, run(t, cfg))
	if len(rows) != len(head.Losses()) {
		t.Fatalf("%d rows of %d losses", len(rows), len(head.Losses()))
	}
	for _, r := range rows {
		if r.Transfer.Value < 0.3 {
			t.Errorf("%s: exact match %.3f", r.Loss, r.Transfer.Value)
		}
	}
}

// A run that is stopped in the middle goes on from its states, and ends as one that was not stopped.
func TestStoppedWritingGoesOn(t *testing.T) {
	var undisturbed, stopped, resumed int
	want := run(t, writers(&undisturbed))
	e := env(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cfg := writers(&stopped)
	for i := range cfg.Models {
		open := cfg.Models[i].Writer
		cfg.Models[i].Writer = func(ctx context.Context) (harness.Writer, error) {
			w, err := open(ctx)
			return stopper{w.(pen), undisturbed / 2, cancel}, err
		}
	}
	if _, err := harness.Run(ctx, cfg, e); !errors.Is(err, context.Canceled) {
		t.Fatalf("stopped: %v", err)
	}
	got, err := harness.Run(t.Context(), writers(&resumed), e)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.Heads, want.Heads) {
		t.Error("a resumed run gives other heads")
	}
	if stopped > undisturbed/2+1 || resumed >= undisturbed {
		t.Errorf("%d runs of the models, stopped after %d, then %d", undisturbed, stopped, resumed)
	}
}

// A stopper cancels the experiment when the models have been run a number of times.
type stopper struct {
	pen
	after  int
	cancel func()
}

func (s stopper) States(ctx context.Context, prompt string, tokens []int64) (harness.States, error) {
	if *s.runs >= s.after {
		s.cancel()
	}
	return s.pen.States(ctx, prompt, tokens)
}

func (s stopper) Write(ctx context.Context, prompt string, stand []int64, pick func([]float32) int64) ([]int64, [][]float32, error) {
	if *s.runs >= s.after {
		s.cancel()
	}
	return s.pen.Write(ctx, prompt, stand, pick)
}
