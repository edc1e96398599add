package supervisor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"w2s/harness/experiment"
	"w2s/harness/feature"
	"w2s/internal/list"
	"w2s/internal/prob"
	"w2s/tasks"
)

// A Likelihood is a causal language model as this package sees it.
type Likelihood interface {
	// Key is a digest of all that changes a probability.
	Key() string
	// LogProbs calls emit once for every prompt, in any order, from one goroutine, with the natural logarithm of the probability of
	// each of the prompt's endings after it, the number of tokens that were fed, and whether the prompt was cut.
	LogProbs(ctx context.Context, prompts []string, endings [][]string, emit func(index int, logProbs []float64, tokens int, truncated bool) error) error
}

// Words is the opinion of a causal language model, without training: the probability that it gives the name of each class after a
// prompt, or each candidate after its own.
//
// Log-probabilities are summed over the tokens of a name or candidate and not divided by its length, as for acc of
// lm-evaluation-harness. (Its acc_norm divides them by the number of characters.) Their softmax is the label.
type Words struct {
	Model Likelihood
	// Chat writes a conversation as the text that the model reads; nil: prompts are plain text.
	Chat   func([]tasks.Turn) (string, error)
	Prompt Prompt // for texts to classify; "": DefaultPrompt
}

// A Prompt is what a model reads of a text to classify. {text} stands for the text and {classes} for the names of the classes, as in
// "negative or positive".
type Prompt string

// The default prompts, which have the form of SST-2 in lm-evaluation-harness. The second one is for classes that answer a question
// which the text itself asks, such as no and yes.
const (
	DefaultPrompt      Prompt = "{text}\nQuestion: Is this {classes}?\nAnswer:"
	DefaultRightPrompt Prompt = "{text}\nQuestion: Is this right, {classes}?\nAnswer:"
)

const textMark, classesMark = "{text}", "{classes}"

// Check returns why a text cannot be put into the prompt.
func (p Prompt) Check() error {
	if p != "" && strings.Count(string(p), textMark) != 1 {
		return fmt.Errorf("prompt %q has %s %d times, want once", string(p), textMark, strings.Count(string(p), textMark))
	}
	return nil
}

// orDefault returns the prompt, or the default for classes.
func (p Prompt) orDefault(classes []string) Prompt {
	if p != "" {
		return p
	}
	answers := []string{"no", "yes", "false", "true"}
	if !slices.ContainsFunc(classes, func(c string) bool { return !slices.Contains(answers, strings.ToLower(c)) }) {
		return DefaultRightPrompt
	}
	return DefaultPrompt
}

// with returns the prompt for a text.
func (p Prompt) with(text string, classes []string) string {
	last := len(classes) - 1
	names := strings.Join(classes[:last], ", ") + " or " + classes[last]
	before, after, _ := strings.Cut(string(p), textMark) // the text may have braces of its own
	return strings.ReplaceAll(before, classesMark, names) + text + strings.ReplaceAll(after, classesMark, names)
}

// Statements returns how a text to classify is written as statements, for baselines without labels: the prompt and the name of each
// class after it, in the place of a reply.
func (p Prompt) Statements(task tasks.Info) (func(tasks.Example) tasks.Example, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	for _, name := range task.Classes {
		if !strings.ContainsFunc(name, unicode.IsLetter) {
			return nil, fmt.Errorf("class %q of the task has no name in words", name)
		}
	}
	prompt := p.orDefault(task.Classes)
	gap := prompt.gap()
	return func(e tasks.Example) tasks.Example {
		before := prompt.with(e.Texts[0], task.Classes)
		e.Texts, e.Replies = list.Map(task.Classes, func(name string) string { return before + gap + name }), task.Classes
		return e
	}, nil
}

// gap returns what separates the prompt from the name of a class: a space, unless the prompt ends in white space.
func (p Prompt) gap() string {
	if strings.TrimRightFunc(string(p), unicode.IsSpace) != string(p) {
		return ""
	}
	return " "
}

// Open returns the labeller of a task.
func (w Words) Open(task tasks.Info) (experiment.Labeller, error) {
	if task.Form == tasks.Rank {
		return candidateWords{w}, nil
	}
	if err := w.Prompt.Check(); err != nil {
		return nil, err
	}
	if k := slices.IndexFunc(task.Classes, func(name string) bool { return strings.TrimSpace(name) == "" }); k >= 0 {
		return nil, fmt.Errorf("class %d of the task has no name that a model could find probable", k)
	}
	prompt := w.Prompt.orDefault(task.Classes)
	gap := prompt.gap()
	if w.Chat != nil { // the prompt ends in what begins a reply
		gap = ""
	}
	return classWords{w, prompt, task.Classes, list.Map(task.Classes, func(name string) string { return gap + name })}, nil
}

// key returns a digest of the model and of what it is asked for.
func (w Words) key(what ...string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "words %q %q", w.Model.Key(), what))
	return hex.EncodeToString(sum[:])
}

// logProbs calls emit for every prompt with log-probabilities as vectors.
func (w Words) logProbs(ctx context.Context, prompts []string, endings [][]string, emit func(int, []float32, int, bool) error) error {
	return w.Model.LogProbs(ctx, prompts, endings, func(i int, p []float64, tokens int, truncated bool) error {
		return emit(i, list.Map(p, func(x float64) float32 { return float32(x) }), tokens, truncated)
	})
}

// softmax returns the softmax of log-probabilities.
func softmax(logProbs []float32) []float64 {
	p := list.Map(logProbs, func(x float32) float64 { return float64(x) })
	prob.Softmax(p, p)
	return p
}

// A classWords labels classes by the probabilities of their names.
type classWords struct {
	Words
	prompt  Prompt
	classes []string
	endings []string // of each prompt: the names
}

func (w classWords) Encoder() feature.Encoder { return w }
func (w classWords) Key() string              { return w.key(append([]string{"classes"}, w.endings...)...) }
func (w classWords) Dims() int                { return len(w.endings) }

func (w classWords) Texts(e tasks.Example) ([]string, error) {
	prompt := w.prompt.with(e.Texts[0], w.classes)
	if w.Chat == nil {
		return []string{prompt}, nil
	}
	text, err := w.Chat([]tasks.Turn{{Role: tasks.RoleUser, Text: prompt}})
	return []string{text}, err
}

func (w classWords) Encode(ctx context.Context, prompts []string, emit func(int, []float32, int, bool) error) error {
	return w.logProbs(ctx, prompts, slices.Repeat([][]string{w.endings}, len(prompts)), emit)
}

func (w classWords) Label(_ tasks.Example, vectors [][]float32) ([]float64, error) {
	return softmax(vectors[0]), nil
}

// A candidateWords labels candidates by their probabilities after their prompts. What it encodes is the length of a prompt, a colon,
// the prompt and the candidate.
type candidateWords struct{ Words }

func (w candidateWords) Encoder() feature.Encoder { return w }
func (w candidateWords) Key() string              { return w.key("candidates") }
func (w candidateWords) Dims() int                { return 1 }

func (w candidateWords) Texts(e tasks.Example) ([]string, error) {
	prompts, endings := e.Endings()
	if prompts == nil {
		return nil, errors.New("its candidates do not end in a reply to a prompt, after which a model could find it probable")
	}
	texts := make([]string, len(prompts))
	for i := range prompts {
		if w.Chat != nil {
			turns := e.Conversations()[i]
			last := len(turns) - 1
			var err error
			if prompts[i], err = w.Chat(turns[:last]); err != nil {
				return nil, err
			}
			endings[i] = turns[last].Text
		}
		texts[i] = strconv.Itoa(len(prompts[i])) + ":" + prompts[i] + endings[i]
	}
	return texts, nil
}

func (w candidateWords) Encode(ctx context.Context, texts []string, emit func(int, []float32, int, bool) error) error {
	prompts, endings := make([]string, len(texts)), make([][]string, len(texts))
	for i, text := range texts {
		length, rest, _ := strings.Cut(text, ":")
		n, err := strconv.Atoi(length)
		if err != nil || n < 0 || n > len(rest) {
			return fmt.Errorf("supervisor: text %d is not one of a candidate", i)
		}
		prompts[i], endings[i] = rest[:n], []string{rest[n:]}
	}
	return w.logProbs(ctx, prompts, endings, emit)
}

func (w candidateWords) Label(_ tasks.Example, vectors [][]float32) ([]float64, error) {
	return softmax(list.Map(vectors, func(v []float32) float32 { return v[0] })), nil
}
