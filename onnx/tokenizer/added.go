package tokenizer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	sugarme "github.com/sugarme/tokenizer"
)

// An addedVocabulary holds the tokens that are matched in the text itself, before the model encodes it.
type addedVocabulary struct {
	ids        map[string]int32
	tokens     map[int32]sugarme.TokenConfig
	texts      map[int32]string // form in decoded text: the normalized one for tokens that are matched in normalized text
	special    map[string]bool  // by content, as the library identifies special tokens when it decodes
	raw        matcher          // tokens that are matched in the original text
	normalized matcher          // tokens that are matched in the normalized text
}

// A matcher finds added tokens: the leftmost one, and the longest of those that start at the same place.
type matcher struct {
	trie   *trie
	starts [256]bool // first bytes of tokens
	words  *class    // word characters
}

// newAddedVocabulary adds the batches of tokens one after the other, as the library does with those of a file and with those
// that are added later. A token of the model keeps its id, and any other gets the next free id, whatever the entry says. If two
// tokens have the same normalized form, the library picks one at random. This package picks the first, with special tokens
// before others.
func newAddedVocabulary(batches [][]sugarme.TokenConfig, modelVocab map[string]int32, modelSize int,
	normalize normalizer) (*addedVocabulary, error) {
	a := &addedVocabulary{ids: map[string]int32{}, tokens: map[int32]sugarme.TokenConfig{},
		texts: map[int32]string{}, special: map[string]bool{}}
	var special, classic []sugarme.TokenConfig
	forms := map[string]string{} // the normalized forms of tokens by their content
	next := int32(modelSize)
	size, steps := 0, 0 // of the normalized forms
	for _, batch := range batches {
		for _, e := range batch {
			if e.Special && e.Content != "" && !a.special[e.Content] {
				special = append(special, e)
				a.special[e.Content] = true
			}
		}
		for _, e := range batch {
			e.Id = 0
			id, ok := a.ids[e.Content]
			if e.Content == "" || ok && a.tokens[id] == e {
				continue
			}
			if !ok {
				if id, ok = modelVocab[e.Content]; !ok {
					id = next
				}
			}
			next = max(next, id+1)
			text := e.Content
			if e.Normalized && normalize != nil {
				c := newCall(context.Background(), text)
				var err error
				if text, _, err = normalize.normalize(c, text, -1); err != nil {
					return nil, fmt.Errorf("the added token %.40q: %w", e.Content, err)
				}
				if size, steps = size+len(text), steps+c.steps; size > maxTrie || steps > freeSteps {
					return nil, fmt.Errorf("normalizing the added tokens takes more than %d steps or makes more than %d bytes", freeSteps, maxTrie)
				}
				if text == "" {
					return nil, unsupported("the added token %q, which the normalizer turns into nothing (the library then cuts texts at every "+
						"byte),", e.Content)
				}
				forms[e.Content] = text
			}
			a.ids[e.Content], a.tokens[id], a.texts[id] = id, e, text
			if !a.special[e.Content] {
				classic = append(classic, e)
			}
		}
	}
	raw, normalized := map[string]int32{}, map[string]int32{}
	for _, e := range append(special, classic...) {
		id := a.ids[e.Content]
		into, key := raw, e.Content
		if e.Normalized {
			into = normalized
			if form, ok := forms[e.Content]; ok {
				key = form
			}
		}
		if _, ok := into[key]; !ok {
			into[key] = id
		}
	}
	var errs [2]error
	a.raw, errs[0] = newMatcher(raw)
	a.normalized, errs[1] = newMatcher(normalized)
	return a, errors.Join(errs[:]...)
}

func newMatcher(ids map[string]int32) (matcher, error) {
	m := matcher{words: tables().word}
	for key := range ids {
		if key != "" {
			m.starts[key[0]] = true
		}
	}
	if len(ids) == 0 {
		return m, nil
	}
	var err error
	if m.trie, err = newTrie(ids); err != nil {
		return m, fmt.Errorf("added_tokens: %w", err)
	}
	return m, nil
}

// split appends the added tokens in a piece and the text between them to dst. It fails like the library at a token that takes
// white space on its left and lies within the white space that the token before it took on its right.
func (a *addedVocabulary) split(c *call, dst []piece, m *matcher, p piece, skipSpecial bool) ([]piece, error) {
	s, done := p.text, 0
	if m.trie == nil {
		return append(dst, p), nil
	}
	for i := 0; i < len(s); {
		if !m.starts[s[i]] {
			i++
			continue
		}
		id, length, seen := m.trie.longest(s[i:])
		if err := c.spend(seen); err != nil {
			return nil, err
		}
		if length == 0 {
			i++
			continue
		}
		start, end := i, i+length
		i = end
		token := a.tokens[id]
		if skipSpecial && a.special[token.Content] || token.SingleWord && !m.alone(s, start, end) {
			continue
		}
		if token.Lstrip {
			start = max(done, done+len(strings.TrimRightFunc(s[done:max(done, start)], isSpace)))
		}
		if token.Rstrip {
			// What lies before done is white space that the token before has taken.
			end = len(s) - len(strings.TrimLeftFunc(s[max(done, end):], isSpace))
		}
		if done < start {
			dst = append(dst, p.part(done, start))
		}
		if start > end {
			return nil, fmt.Errorf("the added token %q lies within the white space of the one before it (the library cannot "+
				"encode this text either)", token.Content)
		}
		if start < end { // otherwise the token before has already taken it as white space
			dst = append(dst, piece{token: id})
		}
		done = end
	}
	if done < len(s) {
		dst = append(dst, p.part(done, len(s)))
	}
	return dst, nil
}

// alone reports whether there is no word character on either side of s[start:end].
func (m *matcher) alone(s string, start, end int) bool {
	before, n := utf8.DecodeLastRuneInString(s[:start])
	if n > 0 && m.words.has(before) {
		return false
	}
	after, n := utf8.DecodeRuneInString(s[end:])
	return n == 0 || !m.words.has(after)
}
