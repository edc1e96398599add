package tokenizer

import (
	"encoding/json"
	"fmt"
)

// A wordLevel is a model with one token for each word.
type wordLevel struct {
	vocab        map[string]int32
	unknownToken string
}

func (l *loader) wordLevel(raw json.RawMessage) (*wordLevel, error) {
	var c struct {
		Type     string
		UnkToken string `json:"unk_token"`
		Vocab    map[string]int32
	}
	if err := l.decode("WordLevel", raw, &c); err != nil {
		return nil, err
	}
	return &wordLevel{c.Vocab, c.UnkToken}, nil
}

func (m *wordLevel) encode(_ *call, dst []int32, word string) ([]int32, error) {
	id, ok := m.vocab[word]
	if !ok {
		if id, ok = m.vocab[m.unknownToken]; !ok {
			return nil, fmt.Errorf("unk_token %q: %w", m.unknownToken, errNoUnknown)
		}
	}
	return append(dst, id), nil
}
