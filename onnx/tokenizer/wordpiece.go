package tokenizer

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// A wordPiece is a model that takes the longest token that a word starts with, then the longest continuing token, and so on. A
// word that cannot be split in this way becomes one unknown token.
type wordPiece struct {
	vocab        map[string]int32
	continuing   map[string]int32 // tokens that continue a word, without their prefix
	unknown      int32            // id of the unknown token, or -1 if it is not in the vocabulary
	maxRunes     int              // longer words become the unknown token
	longest      int              // length of the longest token in bytes
	unknownToken string
}

type wordPieceConfig struct {
	Type                    string
	UnkToken                string  `json:"unk_token"`
	ContinuingSubwordPrefix *string `json:"continuing_subword_prefix"`
	MaxInputCharsPerWord    *int    `json:"max_input_chars_per_word"`
	Vocab                   map[string]int32
}

func (l *loader) wordPiece(raw json.RawMessage) (*wordPiece, error) {
	c := wordPieceConfig{UnkToken: "[UNK]"}
	if err := l.decode("WordPiece", raw, &c); err != nil {
		return nil, err
	}
	m := &wordPiece{vocab: c.Vocab, unknown: -1, maxRunes: 100, unknownToken: c.UnkToken}
	prefix := "##"
	if c.ContinuingSubwordPrefix != nil {
		prefix = *c.ContinuingSubwordPrefix
	}
	if c.MaxInputCharsPerWord != nil {
		m.maxRunes = *c.MaxInputCharsPerWord
	}
	if id, ok := c.Vocab[c.UnkToken]; ok {
		m.unknown = id
	}
	m.continuing = make(map[string]int32)
	for token, id := range c.Vocab {
		m.longest = max(m.longest, len(token))
		if rest, ok := strings.CutPrefix(token, prefix); ok {
			m.continuing[rest] = id
		}
	}
	return m, nil
}

func (m *wordPiece) encode(c *call, dst []int32, word string) ([]int32, error) {
	base := len(dst)
	if len(word) > m.maxRunes && utf8.RuneCountInString(word) > m.maxRunes {
		return m.appendUnknown(dst)
	}
	vocab := m.vocab
	for start := 0; start < len(word); {
		end := min(len(word), start+m.longest)
		for {
			for end < len(word) && !utf8.RuneStart(word[end]) {
				end--
			}
			if end <= start {
				return m.appendUnknown(dst[:base])
			}
			if id, ok := vocab[word[start:end]]; ok {
				dst = append(dst, id)
				break
			}
			// Looking a token up takes time that grows with its length.
			if err := c.spend(1 + (end-start)/16); err != nil {
				return nil, err
			}
			end--
		}
		start = end
		vocab = m.continuing
	}
	return dst, nil
}

func (m *wordPiece) appendUnknown(dst []int32) ([]int32, error) {
	if m.unknown < 0 {
		return nil, fmt.Errorf("unk_token %q: %w", m.unknownToken, errNoUnknown)
	}
	return append(dst, m.unknown), nil
}
