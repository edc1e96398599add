package tokenizer

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	sugarme "github.com/sugarme/tokenizer"
)

// addedVocabulary is the tokens that are looked for in the text itself, before the model sees it.
type addedVocabulary struct {
	ids        map[string]int32
	tokens     map[int32]sugarme.TokenConfig
	texts      map[int32]string // what a token is in decoded text: normalized, where the token is
	special    map[string]bool  // by text, as the library tells them on decoding
	raw        matcher          // tokens looked for in the text as given
	normalized matcher          // tokens looked for in the normalized text
}

// A matcher finds added tokens: the leftmost, and of those that start at one place the longest.
type matcher struct {
	trie   *trie
	starts [256]bool // bytes that a token begins with
	words  *class
}

// newAddedVocabulary gives ids as the library does on loading: a token of the model keeps its id there, another one gets
// the next free id, whatever the file says. Where two tokens look alike once normalized, the library takes one at
// random; here it is the first, special tokens before others.
func newAddedVocabulary(entries []sugarme.TokenConfig, modelVocab map[string]int32, modelSize int,
	normalize normalizer) (*addedVocabulary, error) {
	a := &addedVocabulary{ids: map[string]int32{}, tokens: map[int32]sugarme.TokenConfig{},
		texts: map[int32]string{}, special: map[string]bool{}}
	var special, classic []sugarme.TokenConfig
	seen := map[sugarme.TokenConfig]bool{}
	for _, e := range entries {
		if e.Special && e.Content != "" && !a.special[e.Content] {
			special = append(special, e)
			a.special[e.Content] = true
		}
	}
	next := int32(modelSize)
	for _, e := range entries {
		e.Id = 0
		if e.Content == "" || seen[e] {
			continue
		}
		seen[e] = true
		id, ok := a.ids[e.Content]
		if !ok {
			if id, ok = modelVocab[e.Content]; !ok {
				id = next
			}
		}
		next = max(next, id+1)
		text := e.Content
		if e.Normalized && normalize != nil {
			var err error
			if text, _, err = normalize.normalize(newCall(context.Background()), text, -1); err != nil {
				return nil, err
			}
			if text == "" {
				return nil, unsupported("the added token %q, of which the normalizer leaves nothing (the library cuts texts at every byte then),", e.Content)
			}
		}
		a.ids[e.Content], a.tokens[id], a.texts[id] = id, e, text
		if !a.special[e.Content] {
			classic = append(classic, e)
		}
	}
	raw, normalized := map[string]int32{}, map[string]int32{}
	for _, e := range append(special, classic...) {
		id := a.ids[e.Content]
		into, key := raw, e.Content
		if e.Normalized {
			into, key = normalized, a.texts[id]
		}
		if _, ok := into[key]; !ok {
			into[key] = id
		}
	}
	a.raw, a.normalized = newMatcher(raw), newMatcher(normalized)
	return a, nil
}

func newMatcher(ids map[string]int32) matcher {
	m := matcher{words: tables().word}
	for key := range ids {
		if key != "" {
			m.starts[key[0]] = true
		}
	}
	if len(ids) > 0 {
		m.trie = newTrie(ids)
	}
	return m
}

// split appends the added tokens in a piece and the text around them to dst. It fails where the library does: at a token
// that takes white space on its left and lies within what the token before took on its right.
func (a *addedVocabulary) split(c *call, dst []piece, m *matcher, p piece, skipSpecial bool) ([]piece, error) {
	s, done := p.text, 0
	if m.trie == nil {
		return append(dst, p), nil
	}
	found := 0
	for i := 0; i < len(s); {
		if !m.starts[s[i]] {
			i++
			continue
		}
		found++
		if err := c.cancelled(found); err != nil {
			return nil, err
		}
		id, length := m.trie.longest(s[i:])
		if length == 0 {
			i++
			continue
		}
		start, end := i, i+length
		i = end
		token := a.tokens[id]
		if skipSpecial && token.Special || token.SingleWord && !m.alone(s, start, end) {
			continue
		}
		if token.Lstrip {
			start = max(done, len(strings.TrimRightFunc(s[:start], isSpace)))
		}
		if token.Rstrip {
			end = len(s) - len(strings.TrimLeftFunc(s[end:], isSpace))
		}
		if done < start {
			dst = append(dst, p.part(done, start))
		}
		if start > end {
			return nil, fmt.Errorf("the added token %q lies within the white space of the one before it, which the library "+
				"cannot encode either", token.Content)
		}
		if start < end { // white space that the token before took already
			dst = append(dst, piece{token: id})
		}
		done = end
	}
	if done < len(s) {
		dst = append(dst, p.part(done, len(s)))
	}
	return dst, nil
}

// alone reports whether s[start:end] has no word character on either side.
func (m *matcher) alone(s string, start, end int) bool {
	before, n := utf8.DecodeLastRuneInString(s[:start])
	if n > 0 && m.words.has(before) {
		return false
	}
	after, n := utf8.DecodeRuneInString(s[end:])
	return n == 0 || !m.words.has(after)
}
