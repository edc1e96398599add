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

	"w2s/internal/inputfile"
)

// maxDepth bounds the nesting of Sequences, and of groups and classes of regular expressions. Real files have two levels.
const maxDepth = 16

// maxFile is the size in bytes of the largest tokenizer.json that is read. The largest vocabularies take about 40 MB.
const maxFile = 128 << 20

// A model appends the ids of one word to dst. It stops if the call is cancelled.
type model interface {
	encode(c *call, dst []int32, word string) ([]int32, error)
}

// A cutter is a model that can encode the parts of a word separately. cut returns the length of the first part.
type cutter interface {
	cut(word string) int
}

// Load reads a tokenizer.json.
func Load(path string) (*Tokenizer, error) {
	data, err := inputfile.Read(path, maxFile)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	t, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %s: %w", path, errors.Unwrap(err))
	}
	return t, nil
}

// Parse reads the contents of a tokenizer.json.
func Parse(data []byte) (*Tokenizer, error) {
	t, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	return t, nil
}

func parse(data []byte) (*Tokenizer, error) {
	file, err := readFile(data)
	if err != nil {
		return nil, err
	}
	return file.build(nil, file.Normalizer)
}

// A tokenizerFile is a tokenizer.json.
type tokenizerFile struct {
	AddedTokens   []sugarme.TokenConfig `json:"added_tokens"`
	Normalizer    json.RawMessage
	PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
	Model         json.RawMessage
	PostProcessor json.RawMessage `json:"post_processor"`
	Decoder       json.RawMessage
	Truncation    *truncationConfig
	Padding       *paddingConfig
}

func readFile(data []byte) (*tokenizerFile, error) {
	file := new(tokenizerFile)
	if err := json.Unmarshal(data, file); err != nil {
		if bytes.HasPrefix(data, []byte("version https://git-lfs")) {
			return nil, errors.New("this is a Git LFS pointer, not the file (run: git lfs pull)")
		}
		return nil, fmt.Errorf("not a tokenizer.json: %w", err)
	}
	return file, nil
}

// build makes the tokenizer, and then adds more tokens to it. Added tokens are matched in the form that another normalizer
// gives them, the one that the tokenizer had when they were added.
func (file *tokenizerFile) build(more []sugarme.TokenConfig, whenAdded json.RawMessage) (*Tokenizer, error) {
	normalizer, err := new(loader).normalizer(whenAdded, 0)
	if err != nil {
		return nil, err
	}
	l := new(loader)
	t := new(Tokenizer)
	if t.normalizer, err = l.normalizer(file.Normalizer, 0); err != nil {
		return nil, err
	}
	if t.preTokenizer, err = l.preTokenizer(file.PreTokenizer, 0); err != nil {
		return nil, err
	}
	if err = l.model(t, file.Model); err != nil {
		return nil, err
	}
	if t.template, err = l.template(file.PostProcessor, 0); err != nil {
		return nil, err
	}
	if t.template == nil {
		t.template = plainTemplate()
	}
	if t.decoder, err = l.decoder(file.Decoder, 0); err != nil {
		return nil, err
	}
	if t.added, err = newAddedVocabulary([][]sugarme.TokenConfig{file.AddedTokens, more}, t.vocab, t.modelSize, normalizer); err != nil {
		return nil, err
	}
	t.trackLeading = l.trackLeading
	if t.truncation, err = file.Truncation.read(); err != nil {
		return nil, err
	}
	if t.padding, err = file.Padding.read(); err != nil {
		return nil, err
	}
	return t, nil
}

// A loader makes the parts of a tokenizer from their JSON.
type loader struct {
	trackLeading bool           // whether some part needs piece.leading
	parts        map[string]int // number of parts and of Sequences by section
	regexSize    int            // length of all translated regular expressions
}

// maxParts bounds the number of parts of a section, and with it the time that a text takes. Real files have some ten.
const maxParts = 1000

// name returns what errors call a part: the section, the number of the part in it, and its kind.
func (l *loader) name(section, kind string) (string, error) {
	if l.parts == nil {
		l.parts = map[string]int{}
	}
	of := section
	if kind == "Sequence" { // the members are numbered, but not the Sequences
		of += " " + kind
	}
	if l.parts[of]++; l.parts[of] > maxParts {
		return "", fmt.Errorf("%s: more than %d parts", section, maxParts)
	}
	return fmt.Sprintf("%s %d, %s", section, l.parts[section], kind), nil
}

// kind returns the type of the object in a section, or "" if it is null or absent.
func (l *loader) kind(section string, raw json.RawMessage, depth int) (string, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return "", nil
	}
	if depth > maxDepth {
		return "", fmt.Errorf("%s: more than %d levels of Sequence", section, maxDepth)
	}
	var c struct{ Type *string }
	if err := json.Unmarshal(raw, &c); err != nil {
		return "", fmt.Errorf("%s: %w", section, err)
	}
	if c.Type == nil || *c.Type == "" {
		return "", fmt.Errorf("%s: type is missing", section)
	}
	return *c.Type, nil
}

// leftoverFields are fields of ByteLevel and Metaspace that files may also have in other parts, where the library ignores them.
// An example is the TemplateProcessing of Command R, which has fields of a ByteLevel.
var leftoverFields = []string{"add_prefix_space", "trim_offsets", "use_regex", "replacement", "str_rep", "prepend_scheme", "split"}

// decode reads an object into a struct. It refuses unknown fields other than leftoverFields, because they could change ids.
func (l *loader) decode(what string, raw json.RawMessage, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil || errors.Is(err, ErrUnsupported) {
		return err
	}
	quoted, unknown := strings.CutPrefix(err.Error(), "json: unknown field ")
	if !unknown {
		return fmt.Errorf("%s: %w", what, err)
	}
	field, err := strconv.Unquote(quoted)
	if err != nil || !slices.Contains(leftoverFields, field) {
		return unsupported("%s: field %s", what, quoted)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if fields[field] == nil || fields["type"] == nil { // the field is in a nested object, or this is not a part
		return unsupported("%s: field %s", what, quoted)
	}
	delete(fields, field)
	if raw, err = json.Marshal(fields); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return l.decode(what, raw, into)
}

// sequence reads the members of a Sequence. It leaves out members that are null.
func sequence[T any](members []json.RawMessage, depth int, read func(raw json.RawMessage, depth int) (T, error)) ([]T, error) {
	list := []T{}
	for _, raw := range members {
		member, err := read(raw, depth+1)
		if err != nil {
			return nil, err
		}
		if any(member) != nil {
			list = append(list, member)
		}
	}
	return list, nil
}

// model reads the model into t.
func (l *loader) model(t *Tokenizer, raw json.RawMessage) error {
	kind, err := l.modelKind(raw)
	if err != nil {
		return err
	}
	switch kind {
	case "BPE":
		m, err := l.bpe(raw)
		if err != nil {
			return err
		}
		t.model, t.vocab = m, m.vocab
	case "WordPiece":
		m, err := l.wordPiece(raw)
		if err != nil {
			return err
		}
		t.model, t.vocab = m, m.vocab
	case "WordLevel":
		m, err := l.wordLevel(raw)
		if err != nil {
			return err
		}
		t.model, t.vocab = m, m.vocab
	case "Unigram":
		m, tokens, err := l.unigram(raw)
		if err != nil {
			return err
		}
		t.model, t.vocab, t.modelSize = m, m.ids, len(tokens)
		t.tokens = make(map[int32]string, len(tokens))
		for id, token := range tokens {
			t.tokens[int32(id)] = token
		}
		return nil
	default:
		return unsupported("model %q", kind)
	}
	t.modelSize = len(t.vocab)
	t.tokens = make(map[int32]string, len(t.vocab))
	for token, id := range t.vocab {
		if id < 0 {
			return fmt.Errorf("%s: token %q has the negative id %d", kind, token, id)
		}
		if other, ok := t.tokens[id]; !ok || token < other { // so that decoding does not depend on the order of a map
			t.tokens[id] = token
		}
	}
	return nil
}

// modelKind returns the type of the model. The oldest files lack the type, so it is determined from their fields.
func (l *loader) modelKind(raw json.RawMessage) (string, error) {
	if len(raw) == 0 {
		return "", errors.New("the file has no model (it is not a tokenizer.json of the tokenizers library)")
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return "", fmt.Errorf("model: %w", err)
	}
	has := func(name string) bool { _, ok := fields[name]; return ok }
	switch {
	case has("type"):
		var kind string
		if err := json.Unmarshal(fields["type"], &kind); err != nil {
			return "", fmt.Errorf("model: %w", err)
		}
		return kind, nil
	case has("merges"):
		return "BPE", nil
	case has("max_input_chars_per_word"):
		return "WordPiece", nil
	case has("unk_id"):
		return "Unigram", nil
	case has("vocab") && has("unk_token"):
		return "WordLevel", nil
	}
	return "", errors.New("model: type is missing")
}

func parseSide(section, s string) (Side, error) {
	switch s {
	case "Right", "":
		return Right, nil
	case "Left":
		return Left, nil
	}
	return Right, unsupported("%s direction %q", section, s)
}

type truncationConfig struct {
	MaxLength int `json:"max_length"`
	Strategy  string
	Direction string
	Stride    int
}

func (c *truncationConfig) read() (*Truncation, error) {
	if c == nil {
		return nil, nil
	}
	side, err := parseSide("truncation", c.Direction)
	t := &Truncation{MaxTokens: c.MaxLength, Side: side, Stride: c.Stride}
	switch c.Strategy {
	case "LongestFirst", "":
	case "OnlyFirst":
		t.Strategy = OnlyFirst
	case "OnlySecond":
		t.Strategy = OnlySecond
	default:
		return nil, unsupported("truncation strategy %q", c.Strategy)
	}
	return t, err
}

// maxPadding bounds the width that texts are padded to.
const maxPadding = 1 << 24

type paddingConfig struct {
	Strategy  any // "BatchLongest" or {"Fixed": width}
	Direction string
	Multiple  *int   `json:"pad_to_multiple_of"`
	ID        uint32 `json:"pad_id"`
	TypeID    uint32 `json:"pad_type_id"`
	Token     string `json:"pad_token"`
}

func (c *paddingConfig) read() (*Padding, error) {
	if c == nil {
		return nil, nil
	}
	side, err := parseSide("padding", c.Direction)
	if err != nil {
		return nil, err
	}
	p := &Padding{ID: int64(c.ID), TypeID: int64(c.TypeID), Side: side}
	if c.Multiple != nil {
		if p.Multiple = *c.Multiple; p.Multiple < 0 || p.Multiple > maxPadding {
			return nil, fmt.Errorf("padding: pad_to_multiple_of %d is not a width", p.Multiple)
		}
	}
	switch s := c.Strategy.(type) {
	case nil:
	case string:
		if s != "BatchLongest" {
			return nil, unsupported("padding strategy %q", s)
		}
	case map[string]any:
		width, ok := s["Fixed"].(float64)
		if !ok || len(s) != 1 || width < 0 || width > maxPadding || width != float64(int(width)) {
			return nil, unsupported("padding strategy %v", s)
		}
		p.Width = int(width)
	default:
		return nil, unsupported("padding strategy %v", s)
	}
	return p, nil
}
