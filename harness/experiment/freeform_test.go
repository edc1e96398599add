package experiment_test

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

	"w2s/harness/experiment"
	"w2s/harness/freeform"
	"w2s/harness/label"
	"w2s/harness/loss"
	"w2s/harness/metric"
	"w2s/harness/result"
	"w2s/harness/summary"
	"w2s/internal/race"
	"w2s/tasks"
)

// compass is a task with free answers. A prompt is a list of numbers, a point, and its answer says with two words on which
// sides of two planes the point lies. "up" is another right answer for "north east".
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

// words are the tokens of a fakeWriter. The first two end an answer.
var words = []string{"<end>", "<stop>", "north", "south", "east", "west", "up", "noise"}

// A fakeWriter is a language model for compass prompts. Its states hold the numbers of the prompt and the length of the answer
// so far, so a linear head can learn each word and the end after two. With noise it sees every number with an error of that
// size, and a student without noise cannot learn the errors.
type fakeWriter struct {
	noise    float64
	runs     *int // counts the runs of the model
	limit    int
	endless  bool // no token ends an answer
	failWith error
}

func (w fakeWriter) Key() string   { return fmt.Sprintf("fake-writer-%v", w.noise) }
func (w fakeWriter) Dims() int     { return 3*fullDims + 4 }
func (w fakeWriter) Limit() int    { return w.limit }
func (w fakeWriter) Ends() []int64 { return map[bool][]int64{false: {0, 1}, true: nil}[w.endless] }

func (fakeWriter) Tokens(_, answer string) ([]int64, error) {
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

func (fakeWriter) Text(tokens []int64) (string, error) {
	var text []string
	for _, t := range tokens {
		text = append(text, words[t])
	}
	return " " + strings.Join(text, " "), nil
}

// Unembedding returns small random rows and a bias that makes noise the most likely word.
func (w fakeWriter) Unembedding(tokens []int64) ([][]float32, []float32, error) {
	rows, bias := make([][]float32, len(tokens)), make([]float32, len(tokens))
	for i, t := range tokens {
		rng := rand.New(rand.NewPCG(uint64(t), 99))
		rows[i] = make([]float32, w.Dims())
		for j := range rows[i] {
			rows[i][j] = float32(0.1 * rng.NormFloat64())
		}
		if words[t] == "noise" {
			bias[i] = 20
		}
	}
	return rows, bias, nil
}

func (w fakeWriter) state(prompt string, written int) ([]float32, error) {
	state := make([]float32, w.Dims())
	at := min(written, 3)
	h := fnv.New64a()
	h.Write([]byte(prompt))
	errors := rand.New(rand.NewPCG(h.Sum64(), 0))
	for d, field := range strings.Fields(prompt) {
		v, err := strconv.ParseFloat(field, 32)
		if err != nil {
			return nil, err
		}
		if at < 3 {
			state[at*fullDims+d] = float32(v + w.noise*errors.NormFloat64())
		}
	}
	state[3*fullDims+at] = 3
	return state, nil
}

func (w fakeWriter) States(ctx context.Context, prompt string, tokens []int64) (freeform.States, error) {
	s := freeform.States{Fed: fullDims + len(tokens), Truncated: strings.HasPrefix(prompt, "-0.00")}
	*w.runs++
	for n := range len(tokens) + 1 {
		state, err := w.state(prompt, n)
		if err != nil {
			return s, err
		}
		s.Hidden = append(s.Hidden, state)
	}
	return s, ctx.Err()
}

func (w fakeWriter) Write(ctx context.Context, prompt string, answerPrefix []int64, pick func([]float32) int64) (tokens []int64, states [][]float32, err error) {
	*w.runs++
	if w.failWith != nil {
		return nil, nil, w.failWith
	}
	for len(answerPrefix)+len(tokens) < w.limit {
		state, err := w.state(prompt, len(answerPrefix)+len(tokens))
		if err != nil {
			return nil, nil, err
		}
		tokens, states = append(tokens, pick(state)), append(states, state)
		if slices.Contains(w.Ends(), tokens[len(tokens)-1]) {
			break
		}
	}
	return tokens, states, ctx.Err()
}

// writersConfig returns an experiment with a weak model that has noise and a strong model without. runs counts runs of the
// models.
func writersConfig(runs *int) experiment.Config {
	cfg := smallConfig(compass{n: 340})
	cfg.Train, cfg.Test = 200, 100
	for i, noise := range []float64{0.8, 0} {
		cfg.Models[i].Writer = func(context.Context) (freeform.Writer, error) {
			return fakeWriter{noise: noise, runs: runs, limit: 6}, nil
		}
	}
	return cfg
}

func TestFreeAnswersRecoverPartOfPlantedGap(t *testing.T) {
	var runs int
	found := run(t, writersConfig(&runs))
	rows := summarize(t, found)
	if len(rows) != 2 {
		t.Fatalf("%d rows, want one for each loss", len(rows))
	}
	for _, r := range rows {
		if r.Metric != tasks.ExactMatch || r.Treatment != "written" || r.N != 100 || r.Seeds != 2 || r.Train != 100 {
			t.Errorf("%+v", r)
		}
		if !(r.Floor.Value > 0.3 && r.Floor.Value < r.Transfer.Value && r.Transfer.Value < r.Ceiling.Value && r.Ceiling.Value > 0.85) || r.PGR.GapExamples.Contains(0) {
			t.Errorf("%s: weak %.3f, student %.3f, ceiling %.3f", r.Loss, r.Floor.Value, r.Transfer.Value, r.Ceiling.Value)
		}
		// The student repeats more of its supervisor's errors than the ceiling does, and not all, as only equal texts count.
		if s, c := r.Imitation.Student.OnErrors.Value, r.Imitation.Ceiling.OnErrors.Value; !(s > c && s < 1) {
			t.Errorf("%s: agreement on errors %.3f, of the ceiling %.3f", r.Loss, s, c)
		}
		if r.Labels.Accuracy < 0.3 || r.Labels.Accuracy > 0.95 || r.Labels.Brier <= 0 || r.Labels.Brier > 0.5 {
			t.Errorf("%s: labels %+v", r.Loss, r.Labels)
		}
	}
	byTokens, err := summary.Rows(found, summary.Options{Metric: metric.TokenAccuracy, Resamples: 100})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range byTokens {
		// An answer has three tokens, and the end token is easy.
		if r.Metric != metric.TokenAccuracy || r.Transfer.Value <= rows[i].Transfer.Value || r.Transfer.Value >= 1 {
			t.Errorf("token accuracy %.3f, exact match %.3f", r.Transfer.Value, rows[i].Transfer.Value)
		}
	}
	if _, err := summary.Rows(found, summary.Options{Metric: tasks.AUROC}); err == nil || !strings.Contains(err.Error(), "token-accuracy") {
		t.Errorf("AUROC of free answers: %v", err)
	}
	for _, h := range found.Heads {
		if h.Vocabulary != 6 { // two end tokens and four words, as no answer to learn has "up" or "noise"
			t.Errorf("%s writes %d tokens", h.ID, h.Vocabulary)
		}
	}
	// Heads reuse the states of the heads before them.
	if answers := len(found.Heads) * 100; runs > 2*(340+100*2)+answers/2 {
		t.Errorf("the models were run %d times for %d test answers", runs, answers)
	}
}

func TestResultFileOfFreeAnswersGivesTheSameRows(t *testing.T) {
	var runs int
	r := run(t, writersConfig(&runs))
	at := slices.IndexFunc(r.Tasks[0].TestAnswers, func(right []string) bool { return len(right) == 2 })
	r.Heads[0].Answers[at], r.Heads[0].Test[at] = " up\n", []float64{0, 1}
	if back := stored(t, r, nil); asJSON(t, summarize(t, r)) != asJSON(t, summarize(t, back)) {
		t.Error("the loaded result gives other rows")
	}
}

func TestAnswersDependOnSeedAndExamplesAlone(t *testing.T) {
	var runs int
	byID := map[string]result.Head{}
	for _, h := range run(t, writersConfig(&runs)).Heads {
		byID[h.ID] = h
	}
	one := writersConfig(&runs)
	one.Seeds, one.Losses = []uint64{1}, one.Losses[:1]
	for _, h := range run(t, one).Heads {
		if !reflect.DeepEqual(h, byID[h.ID]) {
			t.Errorf("%s depends on the other seeds or losses", h.ID)
		}
	}
}

func TestWritingStudentNeverSeesGold(t *testing.T) {
	race.SkipLong(t)
	var runs int
	experiment.CheckWritingStudentNeverSeesGold(t, writersConfig(&runs), env(t))
}

// A second run takes the states of all answers that were learned from the cache. It runs the models only to write answers.
func TestStatesOfLearnedAnswersAreCached(t *testing.T) {
	var first, second int
	e := env(t)
	if _, err := experiment.Run(t.Context(), writersConfig(&first), e); err != nil {
		t.Fatal(err)
	}
	if _, err := experiment.Run(t.Context(), writersConfig(&second), e); err != nil {
		t.Fatal(err)
	}
	if second >= first/2 {
		t.Errorf("%d runs of the models with a cache, %d without", second, first)
	}
}

// An inexactWriter is a fakeWriter whose states differ between States and Write, as those of a real model do by rounding. Its
// answers thus depend on which states are kept.
type inexactWriter struct{ fakeWriter }

func (s inexactWriter) Write(ctx context.Context, prompt string, answerPrefix []int64, pick func([]float32) int64) (tokens []int64, states [][]float32, err error) {
	return s.fakeWriter.Write(ctx, prompt, answerPrefix, func(state []float32) int64 {
		for j := range state {
			state[j] += float32(len(answerPrefix)+1) / 3
		}
		return pick(state)
	})
}

// The number of states in memory must change neither a bit of the heads nor the number of runs of the models.
func TestMemoryBoundChangesNothing(t *testing.T) {
	race.SkipLong(t)
	heads, runs := map[int]string{}, map[int]int{}
	for _, bytes := range []int{1, 100 << 10, 100 << 20} {
		var n int
		cfg := writersConfig(&n)
		cfg.Pairs = append(cfg.Pairs, result.Pair{Weak: "weak", Strong: "weak"})
		for i, m := range cfg.Models {
			cfg.Models[i].Writer = func(ctx context.Context) (freeform.Writer, error) {
				w, err := m.Writer(ctx)
				return inexactWriter{w.(fakeWriter)}, err
			}
		}
		r, err := experiment.Run(t.Context(), cfg, experiment.WithStateBytes(env(t), bytes))
		if err != nil {
			t.Fatal(err)
		}
		heads[bytes], runs[bytes] = asJSON(t, r.Heads), n
	}
	if heads[1] != heads[100<<20] || heads[100<<10] != heads[100<<20] {
		t.Error("the memory bound changes the heads")
	}
	if runs[1] != runs[100<<20] || runs[100<<10] != runs[100<<20] {
		t.Errorf("runs of the models: %v", runs)
	}
	// Without a folder for the file, states beyond the bound must be an error that names TMPDIR.
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "absent"))
	var n int
	if _, err := experiment.Run(t.Context(), writersConfig(&n), experiment.WithStateBytes(env(t), 100<<10)); err == nil || !strings.Contains(err.Error(), "TMPDIR") {
		t.Errorf("without a folder for the file: %v", err)
	}
	if _, err := experiment.Run(t.Context(), writersConfig(&n), env(t)); err != nil {
		t.Errorf("a small task needs a file: %v", err)
	}
}

func TestFreeAnswersRejectUnsuitableConfigurations(t *testing.T) {
	var runs int
	writer := func(w fakeWriter) func(context.Context) (freeform.Writer, error) {
		w.runs = &runs
		return func(context.Context) (freeform.Writer, error) { return w, nil }
	}
	for want, change := range map[string]func(*experiment.Config){
		"model strong writes no answers":    func(c *experiment.Config) { c.Models[1].Writer = nil },
		"treatment hard":                    func(c *experiment.Config) { c.Treatments = []label.Treatment{label.Hard{}} },
		"no simulated supervisors for free": func(c *experiment.Config) { c.Simulated = []experiment.Simulated{{Kind: "random"}} },
		"eos_token_id":                      func(c *experiment.Config) { c.Models[0].Writer = writer(fakeWriter{limit: 6, endless: true}) },
		"write error": func(c *experiment.Config) {
			c.Models[0].Writer = writer(fakeWriter{limit: 6, failWith: errors.New("write error")})
		},
		"longer than the 2 tokens": func(c *experiment.Config) { c.Models[0].Writer = writer(fakeWriter{limit: 2}) },
		"weak: no model": func(c *experiment.Config) {
			c.Models[0].Writer = func(context.Context) (freeform.Writer, error) { return nil, errors.New("no model") }
		},
	} {
		cfg := writersConfig(&runs)
		change(&cfg)
		if _, err := experiment.Run(t.Context(), cfg, env(t)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
	chain := experiment.ChainConfig{Config: writersConfig(&runs), Chain: []string{"weak", "strong", "weak"}}
	if err := chain.Validate(); err == nil || !strings.Contains(err.Error(), "free answers") {
		t.Errorf("chain: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := experiment.Run(ctx, writersConfig(&runs), env(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestTruncatedPromptsAreReported(t *testing.T) {
	var runs int
	warned := slices.ContainsFunc(summarize(t, run(t, writersConfig(&runs))), func(r summary.Row) bool {
		return strings.Contains(strings.Join(r.Warnings, "\n"), "truncated")
	})
	if !warned {
		t.Error("no row has a warning about truncated prompts")
	}
}

func TestEveryLossTrainsWriters(t *testing.T) {
	race.SkipLong(t)
	var runs int
	cfg := writersConfig(&runs)
	cfg.Seeds, cfg.Losses = []uint64{0}, nil
	for _, known := range loss.All() {
		loss, err := loss.Parse(known.Name)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Losses = append(cfg.Losses, loss)
	}
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "loss evidential:gamma=0.5 is not of one linear head") {
		t.Errorf("error %v, want one that refuses a loss of evidence", err)
	}
	cfg.Losses = slices.DeleteFunc(cfg.Losses, func(l loss.Loss) bool { return loss.TakesEvidence(l) || loss.HeadsOf(l) > 1 })
	rows := summarize(t, run(t, cfg))
	if len(rows) != len(cfg.Losses) {
		t.Fatalf("%d rows, want one for each of %d losses", len(rows), len(cfg.Losses))
	}
	for _, r := range rows {
		if !(r.Transfer.Value >= 0.3) {
			t.Errorf("%s: exact match %.3f", r.Loss, r.Transfer.Value)
		}
	}
}

// A run that is stopped and repeated must give the heads of a run that was not stopped, and reuse the cached states.
func TestStoppedRunOfFreeAnswersContinues(t *testing.T) {
	var undisturbed, stopped, resumed int
	want := run(t, writersConfig(&undisturbed))
	e := env(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cfg := writersConfig(&stopped)
	for i := range cfg.Models {
		open := cfg.Models[i].Writer
		cfg.Models[i].Writer = func(ctx context.Context) (freeform.Writer, error) {
			w, err := open(ctx)
			return stopper{w.(fakeWriter), undisturbed / 2, cancel}, err
		}
	}
	if _, err := experiment.Run(ctx, cfg, e); !errors.Is(err, context.Canceled) {
		t.Fatalf("stopped: %v", err)
	}
	got, err := experiment.Run(t.Context(), writersConfig(&resumed), e)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.Heads, want.Heads) {
		t.Error("the resumed run gives other heads")
	}
	if stopped > undisturbed/2+1 || resumed >= undisturbed {
		t.Errorf("%d runs of the models, stopped after %d, then %d", undisturbed, stopped, resumed)
	}
}

// A stopper cancels the experiment once the models have been run a number of times.
type stopper struct {
	fakeWriter
	after  int
	cancel func()
}

func (s stopper) States(ctx context.Context, prompt string, tokens []int64) (freeform.States, error) {
	if *s.runs >= s.after {
		s.cancel()
	}
	return s.fakeWriter.States(ctx, prompt, tokens)
}

func (s stopper) Write(ctx context.Context, prompt string, answerPrefix []int64, pick func([]float32) int64) ([]int64, [][]float32, error) {
	if *s.runs >= s.after {
		s.cancel()
	}
	return s.fakeWriter.Write(ctx, prompt, answerPrefix, pick)
}
