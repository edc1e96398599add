package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	sugarme "github.com/sugarme/tokenizer"
)

// An addedToken is a special token, or another one that is matched in the text before the model sees it.
type addedToken struct {
	content                             string
	singleWord, lstrip, rstrip, special bool
	normalized                          *bool // nil means the opposite of special
}

func (t addedToken) config() sugarme.TokenConfig {
	c := sugarme.TokenConfig{Content: t.content, SingleWord: t.singleWord, Lstrip: t.lstrip, Rstrip: t.rstrip, Special: t.special, Normalized: !t.special}
	if t.normalized != nil {
		c.Normalized = *t.normalized
	}
	return c
}

// A tokenValue is a token that a setting names: an object, or a plain string.
type tokenValue struct {
	addedToken
	plain bool
	late  bool // an object of tokenizer_config.json, which transformers reads after added_tokens.json
}

// A tokenKey is equal for values that are equal for Python. A plain string is not equal to an object.
type tokenKey struct {
	plain bool
	token sugarme.TokenConfig
}

func (v tokenValue) key() tokenKey { return tokenKey{v.plain, v.config()} }

// readToken reads the object of an added token. Fields that are absent are false.
func readToken(data json.RawMessage) (addedToken, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil || fields == nil {
		return addedToken{}, fmt.Errorf("%.60s is not an object", data)
	}
	var t addedToken
	if raw, ok := fields["content"]; ok {
		var content *string
		if err := json.Unmarshal(raw, &content); err != nil || content == nil {
			return t, fmt.Errorf("content is %.60s, not a string", raw)
		}
		t.content = *content
	}
	normalized := false
	for name, into := range map[string]*bool{"single_word": &t.singleWord, "lstrip": &t.lstrip, "rstrip": &t.rstrip, "special": &t.special,
		"normalized": &normalized} {
		raw, ok := fields[name]
		if !ok {
			continue
		}
		if string(raw) != "true" && string(raw) != "false" {
			return t, fmt.Errorf("%s of %.60q is %.60s, not true or false", name, t.content, raw)
		}
		*into = string(raw) == "true"
		if name == "normalized" {
			t.normalized = &normalized
		}
	}
	return t, nil
}

// settings are those of tokenizer_config.json, and the tokens of the files beside it.
type settings struct {
	values     map[string]json.RawMessage
	errs       []error
	tokens     map[string]tokenValue // by role; a token that is set to null has no content
	additional []tokenValue          // nil if no setting names any
	extra      []tokenValue          // of extra_special_tokens
	decoder    []numberedToken       // by id; of added_tokens_decoder, or else of added_tokens.json and tokenizer.json
	places     map[int64]int         // of ids in decoder, until it is sorted
	explicit   bool                  // whether there is an added_tokens_decoder
	byContent  map[string]addedToken // the tokens that give a role its properties
}

type numberedToken struct {
	id    int64
	token addedToken
}

func (s *settings) fault(format string, args ...any) {
	s.errs = append(s.errs, fmt.Errorf(format, args...))
}

// set reports whether a setting is given, even as null.
func (s *settings) set(name string) bool { _, ok := s.values[name]; return ok }

// flag returns a switch, or nil if it is null.
func (s *settings) flag(name string, otherwise *bool) *bool {
	raw, ok := s.values[name]
	switch {
	case !ok:
		return otherwise
	case string(raw) == "true", string(raw) == "false":
		value := string(raw) == "true"
		return &value
	case string(raw) != "null":
		s.fault("%s: %s is %.60s, not true or false", configFile, name, raw)
	}
	return nil
}

// on reports whether a switch is given and not null or false.
func (s *settings) on(name string, otherwise bool) bool {
	value := s.flag(name, &otherwise)
	return value != nil && *value
}

// must returns a switch that may not be null.
func (s *settings) must(name string, otherwise bool) bool {
	value := s.flag(name, &otherwise)
	if value == nil {
		if string(s.values[name]) == "null" {
			s.fault("%s: %s is null, not true or false", configFile, name)
		}
		return otherwise
	}
	return *value
}

// count returns a small number.
func (s *settings) count(name string, otherwise int) int {
	raw, ok := s.values[name]
	if !ok {
		return otherwise
	}
	n, err := strconv.Atoi(string(raw))
	if err != nil || n < 0 || n > maxSpecials {
		s.fault("%s: %s is %.60s, not a number from 0 to %d", configFile, name, raw, maxSpecials)
		return 0
	}
	return n
}

// text returns a string, or "" if it is null.
func (s *settings) text(file, name string, raw json.RawMessage) string {
	var text *string
	if len(raw) > 0 && json.Unmarshal(raw, &text) != nil {
		s.fault("%s: %s is %.60s, not a string", file, name, raw)
	}
	if text == nil {
		return ""
	}
	return *text
}

const (
	configFile   = "tokenizer_config.json"
	specialsFile = "special_tokens_map.json"
	addedFile    = "added_tokens.json"
)

// readSettings reads the settings and tokens as transformers does: special_tokens_map.json and added_tokens.json count only
// if there is no added_tokens_decoder. file is the tokenizer.json, nil if there is none.
func readSettings(f Files, file *tokenizerFile) (*settings, error) {
	s := &settings{tokens: map[string]tokenValue{}, byContent: map[string]addedToken{}, places: map[int64]int{}}
	var maps [3]map[string]json.RawMessage
	for i, from := range []struct {
		name string
		data []byte
	}{{configFile, f.Config}, {specialsFile, f.SpecialTokens}, {addedFile, f.AddedTokens}} {
		if from.data == nil {
			continue
		}
		if err := json.Unmarshal(from.data, &maps[i]); err != nil || maps[i] == nil {
			return nil, fmt.Errorf("%s is not a JSON object: %w", from.name, orNull(err))
		}
	}
	s.values = maps[0]
	if s.values == nil {
		s.values = map[string]json.RawMessage{}
	}
	_, s.explicit = s.values["added_tokens_decoder"]
	var specials map[string]json.RawMessage
	if !s.explicit {
		specials = maps[1]
	}
	for _, role := range tokenRoles {
		if raw, ok := specials[role]; ok {
			s.readRole(specialsFile, role, raw)
		} else if raw, ok := s.values[role]; ok {
			s.readRole(configFile, role, raw)
		}
	}
	s.readAdditional(configFile, s.values["additional_special_tokens"])
	last := "None"
	if raw, ok := specials["additional_special_tokens"]; ok {
		s.readAdditional(specialsFile, raw)
		last = lastOf(raw)
	}
	s.readExtra()
	if s.explicit {
		s.readDecoder(s.values["added_tokens_decoder"])
	} else {
		s.readAdded(f.AddedTokens, last)
		if file != nil {
			for _, t := range file.AddedTokens {
				normalized := t.Normalized
				token := addedToken{t.Content, t.SingleWord, t.Lstrip, t.Rstrip, t.Special, &normalized}
				s.number(t.Id, token)
				s.byContent[t.Content] = token
			}
		}
	}
	slices.SortFunc(s.decoder, func(a, b numberedToken) int { return cmpInt(a.id, b.id) })
	// The tokens that a role names have the properties that the decoder gives them.
	for role, v := range s.tokens {
		if t, ok := s.byContent[v.content]; ok && (v.content != "" || v.plain) {
			s.tokens[role] = tokenValue{addedToken: t}
		}
	}
	return s, errors.Join(s.errs...)
}

func cmpInt(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func orNull(err error) error {
	if err == nil {
		return errors.New("it is null")
	}
	return err
}

// number puts a token into the decoder in the place of one with the same id.
func (s *settings) number(id int64, t addedToken) {
	at, ok := s.places[id]
	if ok {
		s.decoder[at].token = t
		return
	}
	s.places[id] = len(s.decoder)
	s.decoder = append(s.decoder, numberedToken{id, t})
}

func (s *settings) readRole(file, role string, raw json.RawMessage) {
	v, err := readValue(raw, file == specialsFile)
	switch {
	case err != nil:
		s.fault("%s: %s: %w", file, role, err)
	case v == nil:
		s.tokens[role] = tokenValue{}
	default:
		s.tokens[role] = *v
	}
}

// readValue reads a token that is a string or an object, nil for null. In tokenizer_config.json an object says that it is an
// AddedToken; in special_tokens_map.json all objects are special tokens.
func readValue(raw json.RawMessage, special bool) (*tokenValue, error) {
	raw = bytes.TrimSpace(raw)
	switch {
	case string(raw) == "null":
		return nil, nil
	case len(raw) > 0 && raw[0] == '"':
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return nil, err
		}
		return &tokenValue{addedToken: addedToken{content: text}, plain: true}, nil
	case len(raw) > 0 && raw[0] == '{':
		var kind struct {
			Type *string `json:"__type"`
		}
		if err := json.Unmarshal(raw, &kind); err != nil || !special && (kind.Type == nil || *kind.Type != "AddedToken") {
			return nil, fmt.Errorf("%.60s is not an AddedToken", raw)
		}
		t, err := readToken(raw)
		t.special = t.special || special
		return &tokenValue{addedToken: t, late: !special}, err
	}
	return nil, fmt.Errorf("%.60s is neither a token nor null", raw)
}

// readAdditional appends the tokens of a list, which may be null or absent.
func (s *settings) readAdditional(file string, raw json.RawMessage) {
	if len(raw) == 0 {
		return
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		s.fault("%s: additional_special_tokens is %.60s, not a list", file, raw)
		return
	}
	if list == nil {
		if file == specialsFile {
			s.additional = nil
		}
		return
	}
	if s.additional == nil {
		s.additional = []tokenValue{}
	}
	seen := map[tokenKey]bool{}
	for _, v := range s.additional {
		seen[v.key()] = true
	}
	for _, raw := range list {
		v, err := readValue(raw, file == specialsFile)
		if err != nil || v == nil {
			s.fault("%s: additional_special_tokens has %.60s, which is not a token", file, raw)
			continue
		}
		if file == specialsFile && seen[v.key()] {
			continue
		}
		seen[v.key()] = true
		s.additional = append(s.additional, *v)
	}
}

// lastOf returns the last token of a list of special_tokens_map.json.
func lastOf(raw json.RawMessage) string {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil && len(list) > 0 {
		if v, err := readValue(list[len(list)-1], true); err == nil && v != nil {
			return v.content
		}
	}
	return "None"
}

// readExtra reads extra_special_tokens: roles of its own, or in folders of transformers 5 a list like the additional tokens.
func (s *settings) readExtra() {
	const name = "extra_special_tokens"
	raw := bytes.TrimSpace(s.values[name])
	if len(raw) == 0 || string(raw) == "null" {
		return
	}
	if raw[0] == '[' {
		given := s.additional
		s.readAdditional(configFile, raw)
		s.extra, s.additional = s.additional[len(given):], given
		return
	}
	members, err := object(raw)
	if err != nil {
		s.fault("%s: %s is %.60s, not an object", configFile, name, raw)
	}
	for _, m := range members {
		v, err := readValue(m.value, false)
		if err != nil || v == nil {
			s.fault("%s: %s: %s is %.60s, which is not a token", configFile, name, m.name, m.value)
			continue
		}
		s.extra = append(s.extra, *v)
	}
}

// A member is one of the names of a JSON object, with its value.
type member struct {
	name  string
	value json.RawMessage
}

// object returns the members of a JSON object in their order.
func object(raw []byte) ([]member, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.New("not an object")
	}
	var list []member
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		m := member{name: fmt.Sprint(name)}
		if err := d.Decode(&m.value); err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return list, nil
}

func (s *settings) readDecoder(raw json.RawMessage) {
	const name = "added_tokens_decoder"
	members, err := object(raw)
	if err != nil {
		s.fault("%s: %s is %.60s, not an object", configFile, name, raw)
	}
	for _, m := range members {
		id, err := strconv.ParseInt(strings.TrimSpace(m.name), 10, 64)
		if err != nil || id < 0 {
			s.fault("%s: %s: %.60q is not a token id", configFile, name, m.name)
			continue
		}
		t, err := readToken(m.value)
		if err != nil {
			s.fault("%s: %s: %d: %w", configFile, name, id, err)
			continue
		}
		s.number(id, t)
		s.byContent[t.content] = t
	}
}

// readAdded reads added_tokens.json, which maps tokens to ids. Only the last of them gives its properties to a role, and to
// the one that names the text last, because transformers 4.57 looks them up by that.
func (s *settings) readAdded(data []byte, last string) {
	if data == nil {
		return
	}
	isSpecial := func(text string) bool {
		for _, v := range s.tokens {
			if v.content == text && !v.late {
				return true
			}
		}
		return slices.ContainsFunc(s.additional, func(v tokenValue) bool { return v.content == text && !v.late })
	}
	members, err := object(data)
	if err != nil {
		s.fault("%s: %w", addedFile, err)
	}
	for _, m := range members {
		id, err := strconv.ParseInt(string(m.value), 10, 64)
		if err != nil || id < 0 {
			s.fault("%s: the id of %.60q is %.60s", addedFile, m.name, m.value)
			continue
		}
		special := isSpecial(m.name)
		normalized := !special
		t := addedToken{content: m.name, special: special, normalized: &normalized}
		s.number(id, t)
		s.byContent[last] = t
	}
}
