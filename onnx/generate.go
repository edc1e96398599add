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
	"w2s/onnx/families"
	"w2s/onnx/tokenizer"
)

// A Generator continues texts with a causal model, and gives the hidden states from which the model predicts tokens. It is
// safe for concurrent use.
type Generator struct {
	checkpoint *Checkpoint
	tokenizer  *tokenizer.Tokenizer
	session    *session
	ends       map[int64]bool // the tokens that end a text
}

// OpenGenerator loads the causal model in dir, which must output logits. Options.Output and Options.Pooling have no effect. rt
// must stay open until the generator is closed.
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
	switch made := g.checkpoint.source.made; {
	case made == nil:
	case !made.Causal:
		return fmt.Errorf("a model of type %s reads in both directions and writes no text", made.Type)
	case !made.Logits:
		return errors.New(made.WithoutLogits())
	}
	f, err := g.checkpoint.source.openAll(families.Want{Cache: true, LastLogits: true})
	if err != nil {
		return err
	}
	defer f.Close()
	p, err := planCausal(f)
	if err != nil {
		return err
	}
	if g.tokenizer, err = g.checkpoint.openTokenizer(); err != nil {
		return err
	}
	if g.ends, err = endTokens(g.checkpoint); err != nil {
		return err
	}
	if o.Provider, err = checkProvider(o.Provider); err != nil {
		return err
	}
	// A text is continued one token at a time, so all threads work on the same step.
	g.session, err = newSession(g.checkpoint.source, p, o.sessions(o.Threads)[0])
	return err
}

// endTokens reads eos_token_id, the tokens that end a text, from generation_config.json, or else from config.json. It returns
// nil if neither has one.
func endTokens(c *Checkpoint) (map[int64]bool, error) {
	for _, name := range []string{"generation_config.json", "config.json"} {
		dir := c.Dir
		if lacks(dir, name) {
			dir = filepath.Dir(c.Model)
		}
		var config struct {
			EOS json.RawMessage `json:"eos_token_id"` // a number, a list of numbers or null
		}
		if err := readConfig(filepath.Join(dir, name), &config); err != nil {
			return nil, err
		}
		if config.EOS == nil || string(config.EOS) == "null" {
			continue
		}
		var id int64
		if json.Unmarshal(config.EOS, &id) == nil {
			return map[int64]bool{id: true}, nil
		}
		var ids []int64
		if err := json.Unmarshal(config.EOS, &ids); err != nil {
			return nil, fmt.Errorf("%s: eos_token_id: %w", name, err)
		}
		ends := map[int64]bool{}
		for _, id := range ids {
			ends[id] = true
		}
		return ends, nil
	}
	return nil, nil
}

// Close frees the model. No method may be running.
func (g *Generator) Close() error { return g.session.close() }

// Checkpoint returns the checkpoint that the generator runs.
func (g *Generator) Checkpoint() *Checkpoint { return g.checkpoint }

// Tokenizer returns the tokenizer of the checkpoint.
func (g *Generator) Tokenizer() *tokenizer.Tokenizer { return g.tokenizer }

// Dims returns the length of a hidden state.
func (g *Generator) Dims() int { return g.session.plan.width() }

// Vocab returns the number of logits, one for each token of the vocabulary.
func (g *Generator) Vocab() int { return int(g.session.plan.more[0].Dims[2].Size) }

// Unembedding returns the rows of the model's own last layer for the given tokens, [len(tokens)][Dims], and their biases. The
// logit of tokens[i] is rows[i]·hidden + bias[i], before a soft cap if the model has one. Unembedding fails if the weights of
// the layer are quantised.
func (g *Generator) Unembedding(tokens []int) (rows [][]float32, bias []float32, err error) {
	f, err := g.checkpoint.source.openAll(families.Want{})
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
	factor := p.Scale
	if p.SoftCap != 0 {
		factor *= p.SoftCap // logits are SoftCap·tanh(logit/SoftCap)
	}
	for i, row := range rows {
		for j := range row {
			row[j] *= factor
		}
		bias[i] *= factor
	}
	return rows, bias, nil
}

// GreedyOptions tell how a text is continued.
type GreedyOptions struct {
	MaxTokens int      // largest number of tokens of the answer, including those of Start; required
	Stop      []string // the text ends before the first of these that occurs in it
	// Start holds the first tokens of the answer, which are given. They do not change how much of a long prompt is cut off.
	Start []int64
	// Pick chooses the next token from the last hidden state and the model's logits, which are valid only during the call.
	// nil takes the largest logit. A head that was trained on hidden states can answer here.
	Pick func(hidden, logits []float32) int64
}

// A Generation is the continuation of a text.
type Generation struct {
	Text      string      // without the prompt, Start, an end token, and everything from a stop on
	Tokens    []int64     // all tokens after Start, including an end token
	Hidden    [][]float32 // the hidden state from which each token was chosen, [len(Tokens)][Dims]
	Ended     bool        // whether it ended with an end token or a stop, and not at MaxTokens
	Truncated bool        // whether the beginning of the prompt was cut off to make room for the answer
}

// Greedy continues a prompt with the likeliest token at each step. If the model has a key-value cache, every token is computed
// only once. Greedy stops within some milliseconds after ctx is done.
func (g *Generator) Greedy(ctx context.Context, prompt string, o GreedyOptions) (Generation, error) {
	out, err := g.greedy(ctx, prompt, o)
	return out, g.fault(ctx, err)
}

func (g *Generator) greedy(ctx context.Context, prompt string, o GreedyOptions) (out Generation, err error) {
	if o.MaxTokens < 1 {
		return out, fmt.Errorf("the answer is limited to %d tokens, want at least 1", o.MaxTokens)
	}
	ids, cut, err := g.promptTokens(ctx, prompt, o.MaxTokens)
	if err != nil {
		return out, err
	}
	if len(o.Start) >= o.MaxTokens {
		return out, fmt.Errorf("the answer starts with %d tokens, but is limited to %d", len(o.Start), o.MaxTokens)
	}
	ids = append(ids, o.Start...)
	out.Truncated = cut
	pick := o.Pick
	if pick == nil {
		pick = func(_, logits []float32) int64 { return argmax(logits) }
	}
	st := &stepper{s: g.session}
	var past *cache
	defer func() { past.close() }()
	next := ids
	for len(o.Start)+len(out.Tokens) < o.MaxTokens && !out.Ended {
		s, err := st.run(ctx, next, past, 1)
		if err != nil {
			return out, err
		}
		past.close()
		past = s.cache
		hidden, logits := s.hidden[len(s.hidden)-g.Dims():], s.logits
		if !finite(hidden) || !finite(logits) {
			return out, g.checkpoint.notFinite(ctx, "what the model computes")
		}
		token := pick(hidden, logits)
		if token < 0 || token >= int64(g.Vocab()) {
			return out, fmt.Errorf("token %d was picked from a vocabulary of %d", token, g.Vocab())
		}
		out.Tokens = append(out.Tokens, token)
		out.Hidden = append(out.Hidden, slices.Clone(hidden))
		if err := g.text(&out, o.Stop); err != nil {
			return out, err
		}
		ids = append(ids, token)
		if next = ids; past != nil && !g.renews(len(ids)) {
			next = ids[len(ids)-1:]
		} else {
			past.close()
			past = nil
		}
	}
	return out, nil
}

// renews reports whether the cache of all tokens but the last is made anew.
func (g *Generator) renews(tokens int) bool {
	made := g.checkpoint.source.made
	return made != nil && made.Renew > 0 && tokens == made.Renew+1
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

// promptTokens tokenizes a prompt. It cuts off the beginning of a prompt that leaves no room for an answer of that many tokens.
func (g *Generator) promptTokens(ctx context.Context, prompt string, room int) (ids []int64, cut bool, err error) {
	o := tokenizer.Options{Side: tokenizer.Left}
	if longest := g.checkpoint.MaxTokens; longest > 0 {
		if o.MaxTokens = longest - room; o.MaxTokens < 1 {
			return nil, false, fmt.Errorf("an answer of %d tokens leaves no room for a prompt, because the longest input is %d", room, longest)
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

// An Answer is what the model computes for a given answer.
type Answer struct {
	Tokens    []int64
	Hidden    [][]float32 // the hidden state from which each token is predicted, [len(Tokens)][Dims]
	LogProbs  []float64   // natural logarithm of the probability that the model gives to each token
	Likeliest []int64     // the token that the model would have chosen in place of each token
	Truncated bool        // whether the beginning of the prompt was cut off to make room for the answer
}

// Answer runs the model on a prompt followed by an answer, in one step (teacher forcing). The answer is tokenized separately,
// so that its tokens are the same after every prompt. end adds the end token to the answer, if the checkpoint names one.
func (g *Generator) Answer(ctx context.Context, prompt, answer string, end bool) (Answer, error) {
	out, err := g.answer(ctx, prompt, answer, end)
	return out, g.fault(ctx, err)
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
	s, err := g.atOnce(ctx, append(ids, out.Tokens[:len(out.Tokens)-1]...), len(out.Tokens))
	if err != nil {
		return out, err
	}
	dims, vocab := g.Dims(), g.Vocab()
	for i, token := range out.Tokens {
		at := len(ids) - 1 + i
		hidden, logits := s.hidden[at*dims:(at+1)*dims], s.logits[i*vocab:(i+1)*vocab]
		if token >= int64(vocab) {
			return out, fmt.Errorf("token %d is not in the model's vocabulary of %d", token, vocab)
		}
		if !finite(hidden) || !finite(logits) {
			return out, g.checkpoint.notFinite(ctx, "what the model computes")
		}
		out.Hidden = append(out.Hidden, slices.Clone(hidden))
		out.LogProbs = append(out.LogProbs, float64(logits[token])-logSumExp(logits))
		out.Likeliest = append(out.Likeliest, argmax(logits))
	}
	return out, nil
}

// atOnce runs the model on all tokens in one step, and computes logits for the last ones.
func (g *Generator) atOnce(ctx context.Context, ids []int64, logits int) (step, error) {
	st := &stepper{s: g.session}
	s, err := st.run(ctx, ids, nil, logits)
	s.cache.close()
	return s, err
}

// States runs the model on a prompt followed by tokens of an answer, in one step. It returns the hidden states after the prompt
// and after each token, from which the model predicts the next token, [len(tokens)+1][Dims]. It cuts off the beginning of a
// prompt that leaves no room for an answer of room tokens. fed is the number of tokens that the model was fed, and truncated
// tells whether the prompt was cut.
func (g *Generator) States(ctx context.Context, prompt string, tokens []int64, room int) (hidden [][]float32, fed int,
	truncated bool, err error) {
	if len(tokens) > room {
		return nil, 0, false, g.fault(ctx, fmt.Errorf("%d tokens are more than the room for an answer, %d", len(tokens), room))
	}
	ids, cut, err := g.promptTokens(ctx, prompt, room)
	if err != nil {
		return nil, 0, false, g.fault(ctx, err)
	}
	s, err := g.atOnce(ctx, append(ids, tokens...), 0)
	if err != nil {
		return nil, 0, false, g.fault(ctx, err)
	}
	dims := g.Dims()
	for at := len(ids) - 1; at < len(ids)+len(tokens); at++ {
		state := s.hidden[at*dims : (at+1)*dims]
		if !finite(state) {
			return nil, 0, false, g.fault(ctx, g.checkpoint.notFinite(ctx, fmt.Sprintf("hidden state %d", at)))
		}
		hidden = append(hidden, slices.Clone(state))
	}
	return hidden, len(ids) + len(tokens), cut, nil
}

// fault adds the name of the model to an error, unless the error is that ctx is done.
func (g *Generator) fault(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	return fmt.Errorf("onnx: %s: %w", g.checkpoint.Model, err)
}

// AnswerTokens returns the tokens of an answer as they follow a prompt, without an end token. A space separates the two, unless
// the prompt is empty or ends in white space. The tokens are those that prompt and answer together have after the tokens of the
// prompt. If the answer would change a token of the prompt, it is tokenized separately.
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

// Ends returns the tokens that end a text in ascending order. There are none if the checkpoint's files name none.
func (g *Generator) Ends() []int64 { return slices.Sorted(maps.Keys(g.ends)) }

// endToken returns the smallest token that ends a text.
func (g *Generator) endToken() (int64, bool) {
	ends := g.Ends()
	if len(ends) == 0 {
		return 0, false
	}
	return ends[0], true
}

// argmax returns the index of the largest value, the first of equals.
func argmax(v []float32) int64 {
	best := 0
	for i, x := range v {
		if x > v[best] {
			best = i
		}
	}
	return int64(best)
}

func logSumExp(v []float32) float64 {
	top := float64(v[argmax(v)])
	var sum float64
	for _, x := range v {
		sum += math.Exp(float64(x) - top)
	}
	return top + math.Log(sum)
}
