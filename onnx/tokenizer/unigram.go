package tokenizer

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
)

// A unigram is a model that splits a word into the tokens with the highest sum of scores (Viterbi).
type unigram struct {
	ids          map[string]int32
	trie         *trie
	scores       []float64
	unknown      int32 // id of the unknown token, or -1
	unknownScore float64
	bytes        *[256]int32 // see bpe.bytes
}

// unknownPenalty is how far the score of an unknown rune is below the score of the worst token (SentencePiece's kUnkPenalty).
const unknownPenalty = 10

// A unigramEntry is written as ["token", score].
type unigramEntry struct {
	token string
	score float64
}

func (e *unigramEntry) UnmarshalJSON(data []byte) error {
	var pair []json.RawMessage
	if err := json.Unmarshal(data, &pair); err != nil {
		return err
	}
	if len(pair) != 2 {
		return fmt.Errorf("vocabulary entry %.80s is not a pair of token and score", data)
	}
	if err := json.Unmarshal(pair[0], &e.token); err != nil {
		return err
	}
	var err error
	e.score, err = parseScore(string(pair[1]))
	return err
}

func (l *loader) unigram(raw json.RawMessage) (*unigram, []string, error) {
	var c struct {
		Type         string
		UnkID        *int32 `json:"unk_id"`
		Vocab        []unigramEntry
		ByteFallback bool `json:"byte_fallback"`
	}
	if err := l.decode("Unigram", raw, &c); err != nil {
		return nil, nil, err
	}
	m := &unigram{ids: make(map[string]int32, len(c.Vocab)), scores: make([]float64, len(c.Vocab)), unknown: -1}
	if c.UnkID != nil {
		if *c.UnkID < 0 || int(*c.UnkID) >= len(c.Vocab) {
			return nil, nil, fmt.Errorf("Unigram: unk_id %d is not in the vocabulary of %d", *c.UnkID, len(c.Vocab))
		}
		m.unknown = *c.UnkID
	}
	tokens := make([]string, len(c.Vocab))
	lowest := math.Inf(1)
	for id, entry := range c.Vocab {
		m.ids[entry.token], m.scores[id], tokens[id] = int32(id), entry.score, entry.token
		lowest = min(lowest, entry.score)
	}
	m.unknownScore = lowest - unknownPenalty
	var err error
	if m.trie, err = newTrie(m.ids); err != nil {
		return nil, nil, fmt.Errorf("Unigram: %w", err)
	}
	if c.ByteFallback {
		m.bytes = byteTokens(m.ids)
	}
	return m, tokens, nil
}

// A step is the last step of the best split up to a position of the word.
type step struct {
	score float64
	from  int32 // position where the last token starts, or -1 if no split reaches here
	id    int32
}

func (m *unigram) encode(c *call, dst []int32, word string) ([]int32, error) {
	best := make([]step, len(word)+1)
	for i := range best {
		best[i].from = -1
	}
	reach := func(from, to int, id int32, score float64) {
		if s := &best[to]; s.from < 0 || score > s.score {
			*s = step{score, int32(from), id}
		}
	}
	for i := 0; i < len(word); {
		_, size := cutRune(word[i:])
		score, single := best[i].score, false
		for node, j := int32(0), i; j < len(word); {
			if node = m.trie.next(node, word[j]); node == 0 {
				break
			}
			j++
			if id := m.trie.nodes[node].value; id >= 0 {
				reach(i, j, id, score+m.scores[id])
				single = single || j == i+size
			}
			if err := c.spend(1); err != nil {
				return nil, err
			}
		}
		if err := c.spend(1); err != nil {
			return nil, err
		}
		if !single {
			if m.unknown < 0 {
				return nil, errNoUnknown
			}
			reach(i, i+size, m.unknown, score+m.unknownScore)
		}
		i += size
	}
	// Follow the best split backwards, and join adjacent unknown tokens. The ids are reversed afterwards.
	base := len(dst)
	for end := len(word); end > 0; {
		start := int(best[end].from)
		if id := best[end].id; id != m.unknown {
			dst = append(dst, id)
			end = start
			continue
		}
		for start > 0 && best[start].id == m.unknown {
			start = int(best[start].from)
		}
		dst = m.appendUnknown(dst, word[start:end])
		end = start
	}
	slices.Reverse(dst[base:])
	return dst, nil
}

// appendUnknown appends the ids for text that tokens do not cover, in reverse order.
func (m *unigram) appendUnknown(dst []int32, text string) []int32 {
	if id, ok := m.ids[text]; ok {
		return append(dst, id)
	}
	if m.bytes != nil {
		base := len(dst)
		for i := len(text) - 1; i >= 0; i-- {
			id := m.bytes[text[i]]
			if id < 0 {
				return append(dst[:base], m.unknown)
			}
			dst = append(dst, id)
		}
		return dst
	}
	return append(dst, m.unknown)
}
