// Package chat renders chat templates: the Jinja templates by which instruct and reward models write the turns of a conversation
// as one text.
//
// [Parse] reads a template, and [Template.Render] writes a conversation exactly as apply_chat_template of transformers does: with
// trim_blocks and lstrip_blocks, with the tags break, continue and generation, with the filter tojson and the functions
// raise_exception and strftime_now. testdata/reference.py and testdata/arbitrary.py compare it with transformers.
//
// The package implements the part of Jinja that chat templates use. What it does not know, it refuses by name, instead of writing
// something else than transformers. Where Jinja ignores something and transformers writes a text, such as an undefined name in an
// output, so does this package.
//
// A template is taken from the internet. It can neither read files nor call anything but the functions of this package, and
// its work is bounded: see [Template.Render].
package chat

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

// A Message is one turn of a conversation.
type Message struct {
	Role    string // "system", "user" or "assistant"
	Content string
}

// Bounds on a template and on one rendering. A real template has up to 20 kB and writes a conversation in a few hundred steps.
const (
	maxSource = 256 << 10 // bytes of a template
	maxDepth  = 100       // nested expressions, blocks and calls of macros
	maxSteps  = 100_000   // statements, calls and elements of lists
	maxWork   = 128 << 20 // bytes of texts that are made or searched
	maxOutput = 16 << 20  // bytes of the result
)

// mostOutput bounds a result further, because the results of a task's thousands of texts are in memory together. A real template writes
// each turn once, and some words of its own.
func mostOutput(source string, messages []Message) int {
	n := 8<<10 + len(source)
	for _, m := range messages {
		n += len(m.Role) + len(m.Content)
	}
	return min(8*n, maxOutput)
}

// today is what strftime_now writes. A template that writes the date would otherwise give other vectors each day. It is the date
// that the templates of Llama 3 write if strftime_now does not exist.
var today = time.Date(2024, 7, 26, 0, 0, 0, 0, time.UTC)

// A Template is a chat template. It is safe for concurrent use.
type Template struct {
	source string
	tokens map[string]string
	body   block
}

// Parse reads a template. specialTokens are the texts of special tokens by name, such as bos_token.
func Parse(source string, specialTokens map[string]string) (*Template, error) {
	if len(source) > maxSource {
		return nil, fmt.Errorf("chat template: %d bytes, more than the %d that are read", len(source), maxSource)
	}
	tokens, err := lex(source)
	if err != nil {
		return nil, fmt.Errorf("chat template: %w", err)
	}
	p := &parser{tokens: tokens}
	body, err := p.template()
	if err != nil {
		return nil, fmt.Errorf("chat template: line %d: %w", p.peek().line, err)
	}
	return &Template{source: source, tokens: specialTokens, body: body}, nil
}

// version must change whenever Render begins to write other texts.
const version = "1"

// Digest returns a digest of the template, its special tokens and the version of this package's rendering.
func (t *Template) Digest() string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q", version, t.source, t.tokens) // fmt sorts the keys of a map
	return hex.EncodeToString(h.Sum(nil))
}

// Render writes a conversation. generation tells whether the text ends with the beginning of a reply (add_generation_prompt).
// There are no tools and no documents.
//
// A template that takes more than 100,000 steps, makes or searches more than 128 MiB of text, or writes much more than the turns and
// its own text is stopped, and the result is an error. An error of the template itself (raise_exception) is returned with its message.
func (t *Template) Render(messages []Message, generation bool) (string, error) {
	if len(messages) == 0 {
		return "", fmt.Errorf("chat template: a conversation without turns")
	}
	turns := make(list, len(messages))
	for i, m := range messages {
		d := newDict()
		d.set("role", m.Role)
		d.set("content", m.Content)
		turns[i] = d
	}
	top := &frame{vars: map[string]value{"messages": turns, "tools": nil, "documents": nil, "add_generation_prompt": generation}}
	for name, token := range t.tokens {
		top.vars[name] = token
	}
	r := &run{frame: top, most: mostOutput(t.source, messages)}
	if err := t.body.exec(r); err != nil {
		return "", fmt.Errorf("chat template: %w", err)
	}
	return r.out.String(), nil
}
