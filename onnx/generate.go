package onnx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"w2s/internal/onnxgraph"
	"w2s/internal/onnxproto"
	"w2s/onnx/tokenizer"
)

// A Generator continues texts with a causal model, and gives the hidden states from which it does. It is safe for
// concurrent use.
type Generator struct {
	checkpoint *Checkpoint
	tokenizer  *tokenizer.Tokenizer
	session    *session
	ends       map[int64]bool // tokens that end a text
}

// OpenGenerator loads the causal model in dir, which must give logits. Options.Output and Options.Pooling have no
// effect. rt must stay open until the generator is closed.
func OpenGenerator(ctx context.Context, rt *Runtime, dir string, o Options) (*Generator, error) {
	o.Output, o.Pooling = "", ""
	c, err := ReadCheckpoint(dir, o)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	g := &Generator{checkpoint: c}
	if err := g.open(o); err != nil {
		return nil, fmt.Errorf("onnx: %s: %w", c.Model, err)
	}
	return g, nil
}

func (g *Generator) open(o Options) error {
	f, err := onnxproto.Open(g.checkpoint.Model)
	if err != nil {
		return err
	}
	defer f.Close()
	p, err := planCausal(f)
	if err != nil {
		return err
	}
	if g.tokenizer, err = tokenizer.Load(g.checkpoint.Tokenizer); err != nil {
		return err
	}
	if g.ends, err = endTokens(g.checkpoint); err != nil {
		return err
	}
	provider, err := checkProvider(o.Provider)
	if err != nil {
		return err
	}
	// Steps of one token are too short to share out among texts: all threads work on one.
	g.session, err = newSession(g.checkpoint.Model, p, sessionOptions{threads: o.Threads, provider: provider, settings: o.Settings})
	return err
}

// endTokens reads the tokens that end a text: eos_token_id, a number or a list, of generation_config.json, else of
// config.json.
func endTokens(c *Checkpoint) (map[int64]bool, error) {
	for _, name := range []string{"generation_config.json", "config.json"} {
		dir := c.Dir
		if lacks(dir, name) {
			dir = filepath.Dir(c.Model)
		}
		var config struct {
			EOS json.RawMessage `json:"eos_token_id"`
		}
		if err := readConfig(filepath.Join(dir, name), &config); err != nil {
			return nil, err
		}
		var one int64
		var many []int64
		if config.EOS == nil || string(config.EOS) == "null" {
			continue
		}
		if json.Unmarshal(config.EOS, &one) == nil {
			many = []int64{one}
		} else if err := json.Unmarshal(config.EOS, &many); err != nil {
			return nil, fmt.Errorf("%s: eos_token_id: %w", name, err)
		}
		ends := map[int64]bool{}
		for _, id := range many {
			ends[id] = true
		}
		return ends, nil
	}
	return nil, nil
}

// Close frees the model. Nothing of the generator may be in use.
func (g *Generator) Close() error { return g.session.close() }

// Checkpoint says what the generator runs.
func (g *Generator) Checkpoint() *Checkpoint { return g.checkpoint }

// Tokenizer is the checkpoint's tokenizer.
func (g *Generator) Tokenizer() *tokenizer.Tokenizer { return g.tokenizer }

// Dims is the length of a hidden state.
func (g *Generator) Dims() int { return g.session.plan.width() }

// Vocab is the number of logits.
func (g *Generator) Vocab() int { return int(g.session.plan.more[0].Dims[2].Size) }

// Unembedding returns the rows of the model's own last layer for the given tokens, [len(tokens)][Dims], and their
// biases, so that the logit of token i is rows[i]·hidden + bias[i]. It fails where the layer's weights are quantised.
func (g *Generator) Unembedding(tokens []int) (rows [][]float32, bias []float32, err error) {
	f, err := onnxproto.Open(g.checkpoint.Model)
	if err != nil {
		return nil, nil, fmt.Errorf("onnx: %w", err)
	}
	defer f.Close()
	graph := onnxgraph.New(f)
	p, err := graph.Projection(g.session.plan.more[0].Name)
	if err != nil {
		return nil, nil, fmt.Errorf("onnx: %w", err)
	}
	if rows, bias, err = graph.Weights(p, tokens); err != nil {
		return nil, nil, fmt.Errorf("onnx: %w", err)
	}
	for i, row := range rows {
		for j := range row {
			row[j] *= p.Scale
		}
		bias[i] *= p.Scale
	}
	return rows, bias, nil
}

// GreedyOptions say how a text is continued.
type GreedyOptions struct {
	MaxTokens int      // tokens to make at most, those of Start among them; needed
	Stop      []string // the text ends before the first of these
	// Start are tokens of the answer that stand already; the answer goes on behind them. The prompt is cut, where it must
	// be, as if they were still to be made.
	Start []int64
	// Pick chooses the next token from the last hidden state and the model's logits, both valid during the call; nil
	// takes the largest logit. This is where a head that was fine-tuned on hidden states answers.
	Pick func(hidden, logits []float32) int64
}

// A Generation is a continued text.
type Generation struct {
	Text      string      // without the prompt, Start, end tokens and what follows a stop
	Tokens    []int64     // all that were made, an end token included, Start not
	Hidden    [][]float32 // the hidden state from which each token was chosen, [len(Tokens)][Dims]
	Ended     bool        // by an end token or a stop; else by MaxTokens
	Truncated bool        // the beginning of the prompt was cut off to make room
}

// Greedy continues a prompt with the likeliest token at each step, computing every token once where the model has a
// key-value cache. ctx ends it within some milliseconds.
func (g *Generator) Greedy(ctx context.Context, prompt string, o GreedyOptions) (Generation, error) {
	out, err := g.greedy(ctx, prompt, o)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("onnx: %s: %w", g.checkpoint.Model, err)
	}
	return out, err
}

func (g *Generator) greedy(ctx context.Context, prompt string, o GreedyOptions) (out Generation, err error) {
	if o.MaxTokens < 1 {
		return out, fmt.Errorf("%d tokens to make", o.MaxTokens)
	}
	ids, cut, err := g.promptTokens(ctx, prompt, o.MaxTokens)
	if err != nil {
		return out, err
	}
	if len(o.Start) >= o.MaxTokens {
		return out, fmt.Errorf("%d tokens of an answer of %d at most stand already", len(o.Start), o.MaxTokens)
	}
	ids = append(ids, o.Start...)
	out.Truncated = cut
	pick := o.Pick
	if pick == nil {
		pick = func(_, logits []float32) int64 { return largest(logits) }
	}
	st := &stepper{s: g.session}
	var past *cache
	defer func() { past.close() }()
	next := ids
	for len(o.Start)+len(out.Tokens) < o.MaxTokens && !out.Ended {
		s, err := st.run(ctx, next, past)
		if err != nil {
			return out, err
		}
		past.close()
		past = s.cache
		hidden, logits := s.hidden[len(s.hidden)-g.Dims():], s.logits[len(s.logits)-g.Vocab():]
		if !finite(hidden) || !finite(logits) {
			return out, errors.New("the logits are not finite")
		}
		token := pick(hidden, logits)
		if token < 0 || token >= int64(g.Vocab()) {
			return out, fmt.Errorf("token %d was picked of a vocabulary of %d", token, g.Vocab())
		}
		out.Tokens = append(out.Tokens, token)
		out.Hidden = append(out.Hidden, append([]float32(nil), hidden...))
		if err := g.text(&out, o.Stop); err != nil {
			return out, err
		}
		ids = append(ids, token)
		if next = ids; past != nil {
			next = ids[len(ids)-1:]
		}
	}
	return out, nil
}

// text sets Text and Ended from the tokens so far.
func (g *Generator) text(out *Generation, stop []string) (err error) {
	tokens := out.Tokens
	if last := len(tokens) - 1; g.ends[tokens[last]] {
		tokens, out.Ended = tokens[:last], true
	}
	if out.Text, err = g.tokenizer.Decode(tokens, true); err != nil {
		return err
	}
	for _, s := range stop {
		if i := strings.Index(out.Text, s); i >= 0 && s != "" {
			out.Text, out.Ended = out.Text[:i], true
		}
	}
	return nil
}

// promptTokens tokenizes a prompt, whose beginning is cut off where it leaves no room for the answer.
func (g *Generator) promptTokens(ctx context.Context, prompt string, answer int) (ids []int64, cut bool, err error) {
	o := tokenizer.Options{Side: tokenizer.Left}
	if longest := g.checkpoint.MaxTokens; longest > 0 {
		if o.MaxTokens = longest - answer; o.MaxTokens < 1 {
			return nil, false, fmt.Errorf("an answer of %d tokens leaves no room for a prompt in %d", answer, longest)
		}
	}
	e, err := g.tokenizer.EncodeContext(ctx, g.checkpoint.Text(prompt), o)
	if err != nil {
		return nil, false, err
	}
	if len(e.IDs) == 0 {
		return nil, false, errNoTokens
	}
	return e.IDs, e.Truncated(), nil
}

// An Answer is what the model computes where a given answer stands.
type Answer struct {
	Tokens    []int64
	Hidden    [][]float32 // the hidden state from which each token is predicted, [len(Tokens)][Dims]
	LogProbs  []float64   // natural logarithm of the probability that the model gives each token
	Likeliest []int64     // the token that the model would have chosen in each place
	Truncated bool        // the beginning of the prompt was cut off to make room
}

// Answer runs the model on a prompt followed by an answer, in one step (teacher forcing). The answer is tokenized apart,
// so that its tokens are the same after any prompt; end adds the end token to it, where the checkpoint names one.
func (g *Generator) Answer(ctx context.Context, prompt, answer string, end bool) (Answer, error) {
	out, err := g.answer(ctx, prompt, answer, end)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("onnx: %s: %w", g.checkpoint.Model, err)
	}
	return out, err
}

func (g *Generator) answer(ctx context.Context, prompt, answer string, end bool) (out Answer, err error) {
	e, err := g.tokenizer.EncodeContext(ctx, answer, tokenizer.Options{WithoutSpecials: true})
	if err != nil {
		return out, err
	}
	out.Tokens = e.IDs
	if id, ok := g.endToken(); ok && end {
		out.Tokens = append(out.Tokens, id)
	}
	if len(out.Tokens) == 0 {
		return out, errors.New("the answer has no tokens")
	}
	ids, cut, err := g.promptTokens(ctx, prompt, len(out.Tokens))
	if err != nil {
		return out, err
	}
	out.Truncated = cut
	s, err := g.atOnce(ctx, append(ids, out.Tokens[:len(out.Tokens)-1]...))
	if err != nil {
		return out, err
	}
	dims, vocab := g.Dims(), g.Vocab()
	for i, token := range out.Tokens {
		at := len(ids) - 1 + i
		hidden, logits := s.hidden[at*dims:(at+1)*dims], s.logits[at*vocab:(at+1)*vocab]
		if token >= int64(vocab) || !finite(hidden) || !finite(logits) {
			return out, fmt.Errorf("the logits for token %d of a vocabulary of %d are not finite or not there", token, vocab)
		}
		out.Hidden = append(out.Hidden, append([]float32(nil), hidden...))
		out.LogProbs = append(out.LogProbs, float64(logits[token])-logSumExp(logits))
		out.Likeliest = append(out.Likeliest, largest(logits))
	}
	return out, nil
}

// atOnce runs the model on all tokens in one step, without a cache of earlier ones.
func (g *Generator) atOnce(ctx context.Context, ids []int64) (step, error) {
	st := &stepper{s: g.session}
	s, err := st.run(ctx, ids, nil)
	s.cache.close()
	return s, err
}

// States runs the model on a prompt followed by tokens of an answer, in one step, and returns the hidden states behind
// the prompt and behind each token, [len(tokens)+1][Dims]: those from which the next token is predicted. The beginning
// of the prompt is cut off where it leaves no room for an answer of the given length; fed is the tokens that the model
// was fed.
func (g *Generator) States(ctx context.Context, prompt string, tokens []int64, room int) (hidden [][]float32, fed int, truncated bool, err error) {
	fail := func(err error) ([][]float32, int, bool, error) {
		if ctx.Err() == nil {
			err = fmt.Errorf("onnx: %s: %w", g.checkpoint.Model, err)
		}
		return nil, 0, false, err
	}
	if len(tokens) > room {
		return fail(fmt.Errorf("%d tokens in the room for an answer of %d", len(tokens), room))
	}
	ids, cut, err := g.promptTokens(ctx, prompt, room)
	if err != nil {
		return fail(err)
	}
	s, err := g.atOnce(ctx, append(ids, tokens...))
	if err != nil {
		return fail(err)
	}
	dims := g.Dims()
	for at := len(ids) - 1; at < len(ids)+len(tokens); at++ {
		state := s.hidden[at*dims : (at+1)*dims]
		if !finite(state) {
			return fail(fmt.Errorf("hidden state %d is not finite", at))
		}
		hidden = append(hidden, append([]float32(nil), state...))
	}
	return hidden, len(ids) + len(tokens), cut, nil
}

// AnswerTokens returns the tokens of an answer as they follow the prompt, from which white space parts it, without an end
// token: those that prompt and answer together have behind the prompt's. Where the prompt's last token would change, the
// answer is tokenized apart.
func (g *Generator) AnswerTokens(prompt, answer string) ([]int64, error) {
	gap := " "
	if before, _ := utf8.DecodeLastRuneInString(prompt); prompt == "" || unicode.IsSpace(before) {
		gap = ""
	}
	encode := func(text string) ([]int64, error) {
		e, err := g.tokenizer.Encode(text, tokenizer.Options{WithoutSpecials: true})
		if err != nil {
			return nil, fmt.Errorf("onnx: %s: %w", g.checkpoint.Tokenizer, err)
		}
		return e.IDs, nil
	}
	before, err := encode(prompt)
	if err != nil {
		return nil, err
	}
	both, err := encode(prompt + gap + answer)
	if err != nil {
		return nil, err
	}
	if len(both) >= len(before) && slices.Equal(both[:len(before)], before) {
		return both[len(before):], nil
	}
	return encode(answer)
}

// Ends are the tokens that end a text, ascending; none where the checkpoint's files name none.
func (g *Generator) Ends() []int64 { return slices.Sorted(maps.Keys(g.ends)) }

// endToken is the smallest of the tokens that end a text.
func (g *Generator) endToken() (int64, bool) {
	ends := g.Ends()
	if len(ends) == 0 {
		return 0, false
	}
	return ends[0], true
}

// largest is the index of the largest value, the first of equals.
func largest(v []float32) int64 {
	best := 0
	for i, x := range v {
		if x > v[best] {
			best = i
		}
	}
	return int64(best)
}

func logSumExp(v []float32) float64 {
	top := float64(v[largest(v)])
	var sum float64
	for _, x := range v {
		sum += math.Exp(float64(x) - top)
	}
	return top + math.Log(sum)
}
