package tokenizer

import (
	"encoding/json"
	"fmt"
)

// A template is the order of the ids of one or two texts and of the special tokens around them.
type template struct{ single, pair []templatePart }

// A templatePart is one of the texts, or special tokens.
type templatePart struct {
	text   int     // 0 for the first text, 1 for the second, -1 for the special tokens in ids
	ids    []int64 // special tokens
	typeID int64   // token type id
}

// countSpecials returns the number of special tokens that parts add.
func countSpecials(parts []templatePart) int {
	n := 0
	for _, p := range parts {
		n += len(p.ids)
	}
	return n
}

// Bounds on what a template adds to a text. Real ones repeat no text and add up to four tokens.
const (
	maxSpecials = 1000 // special tokens
	maxRepeats  = 16   // occurrences of one text
)

// check refuses a template that exceeds the bounds.
func (t *template) check() error {
	for name, parts := range map[string][]templatePart{"single": t.single, "pair": t.pair} {
		if n := countSpecials(parts); n > maxSpecials {
			return fmt.Errorf("post_processor: %s adds %d special tokens, more than %d", name, n, maxSpecials)
		}
		if len(parts) > maxSpecials {
			return fmt.Errorf("post_processor: %s has %d parts, more than %d", name, len(parts), maxSpecials)
		}
		repeats := [2]int{}
		for _, p := range parts {
			if p.text < 0 {
				continue
			}
			if repeats[p.text]++; repeats[p.text] > maxRepeats {
				return fmt.Errorf("post_processor: %s repeats a text more than %d times", name, maxRepeats)
			}
		}
	}
	return nil
}

func plainTemplate() *template {
	return &template{single: []templatePart{{text: 0}}, pair: []templatePart{{text: 0}, {text: 1, typeID: 1}}}
}

func (l *loader) template(raw json.RawMessage, depth int) (*template, error) {
	kind, err := l.kind("post_processor", raw, depth)
	if kind == "" || err != nil {
		return nil, err
	}
	if _, err := l.name("post_processor", kind); err != nil {
		return nil, err
	}
	switch kind {
	case "ByteLevel": // it only changes offsets
		return nil, l.decode(kind, raw, &byteLevelConfig{})
	case "TemplateProcessing":
		return l.templateProcessing(raw)
	case "BertProcessing", "RobertaProcessing":
		var c struct {
			Type           string
			Sep, Cls       specialToken
			TrimOffsets    bool `json:"trim_offsets"`
			AddPrefixSpace bool `json:"add_prefix_space"` // changes offsets only
		}
		if err := l.decode(kind, raw, &c); err != nil {
			return nil, err
		}
		if c.Sep == nil || c.Cls == nil {
			return nil, fmt.Errorf("%s: sep or cls is missing", kind)
		}
		cls, sep := templatePart{text: -1, ids: c.Cls}, templatePart{text: -1, ids: c.Sep}
		t := &template{single: []templatePart{cls, {text: 0}, sep}}
		if kind == "BertProcessing" {
			t.pair = []templatePart{cls, {text: 0}, sep, {text: 1, typeID: 1}, {text: -1, ids: c.Sep, typeID: 1}}
		} else {
			t.pair = []templatePart{cls, {text: 0}, sep, sep, {text: 1}, sep}
		}
		return t, nil
	case "Sequence":
		var c struct {
			Type       string
			Processors []json.RawMessage
		}
		if err := l.decode(kind, raw, &c); err != nil {
			return nil, err
		}
		var found *template
		for _, raw := range c.Processors {
			t, err := l.template(raw, depth+1)
			if err != nil {
				return nil, err
			}
			if t != nil && found != nil {
				return nil, unsupported("a post_processor Sequence with two members that add tokens")
			}
			if t != nil {
				found = t
			}
		}
		return found, nil
	}
	return nil, unsupported("post_processor %q", kind)
}

// A specialToken is written as ["token", id].
type specialToken []int64

func (s *specialToken) UnmarshalJSON(data []byte) error {
	var pair []json.RawMessage
	if err := json.Unmarshal(data, &pair); err != nil {
		return err
	}
	var id uint32
	if len(pair) != 2 {
		return fmt.Errorf("%.80s is not a pair of token and id", data)
	}
	if err := json.Unmarshal(pair[1], &id); err != nil {
		return err
	}
	*s = specialToken{int64(id)}
	return nil
}

func (l *loader) templateProcessing(raw json.RawMessage) (*template, error) {
	type pieceConfig struct {
		SpecialToken *struct {
			ID     string
			TypeID uint32 `json:"type_id"`
		}
		Sequence *struct {
			ID     string
			TypeID uint32 `json:"type_id"`
		}
	}
	var c struct {
		Type         string
		Single, Pair []pieceConfig
		Specials     map[string]struct {
			ID     string
			IDs    []uint32
			Tokens []string
		} `json:"special_tokens"`
	}
	if err := l.decode("TemplateProcessing", raw, &c); err != nil {
		return nil, err
	}
	layout := func(name string, pieces []pieceConfig) ([]templatePart, error) {
		var parts []templatePart
		for i, p := range pieces {
			switch {
			case p.Sequence != nil && p.SpecialToken == nil && (p.Sequence.ID == "A" || p.Sequence.ID == "B"):
				text := int(p.Sequence.ID[0] - 'A')
				if text == 1 && name == "single" {
					return nil, fmt.Errorf("TemplateProcessing: single[%d] names a second text", i)
				}
				parts = append(parts, templatePart{text: text, typeID: int64(p.Sequence.TypeID)})
			case p.SpecialToken != nil && p.Sequence == nil:
				token, ok := c.Specials[p.SpecialToken.ID]
				if !ok {
					return nil, fmt.Errorf("TemplateProcessing: %s[%d]: %q is not in special_tokens", name, i,
						p.SpecialToken.ID)
				}
				added := templatePart{text: -1, typeID: int64(p.SpecialToken.TypeID)}
				for _, id := range token.IDs {
					added.ids = append(added.ids, int64(id))
				}
				parts = append(parts, added)
			default:
				return nil, fmt.Errorf("TemplateProcessing: %s[%d] is neither Sequence A or B nor SpecialToken", name, i)
			}
		}
		return parts, nil
	}
	var t template
	var err error
	if t.single, err = layout("single", c.Single); err != nil {
		return nil, err
	}
	if t.pair, err = layout("pair", c.Pair); err != nil {
		return nil, err
	}
	return &t, t.check()
}
