package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	sugarme "github.com/sugarme/tokenizer"
)

// Files are the contents of the files of a checkpoint that AutoTokenizer of the Python package transformers reads. A file
// that the checkpoint lacks is nil.
type Files struct {
	Tokenizer     []byte // tokenizer.json
	Config        []byte // tokenizer_config.json
	SpecialTokens []byte // special_tokens_map.json
	AddedTokens   []byte // added_tokens.json
	Model         []byte // config.json
	Vocab         []byte // vocab.txt or vocab.json, which count only without tokenizer.json
	Merges        []byte // merges.txt
}

// An Assembly is the tokenizer that AutoTokenizer of transformers 4.57 makes of the files of a checkpoint.
type Assembly struct {
	// Overrides describes the parts that differ from tokenizer.json, and the parts of a tokenizer made from vocabulary files.
	// It is "" if tokenizer.json alone gives the same token ids.
	Overrides string
	// Notes are sentences about settings that transformers treats in another way, or that are not followed.
	Notes []string

	file        *tokenizerFile
	more        []sugarme.TokenConfig // tokens that are added to those of the file
	normalizer  json.RawMessage       // what the file's normalizer was when tokens were added
	ends        *ends                 // the post-processor, nil for that of the file
	listed      map[string]int64      // ids that the post-processor of a converted tokenizer takes from a list
	specialText bool                  // whether special tokens in a text are encoded like other text
}

// ends are the special tokens that a rebuilt post-processor puts around a text, "" for none.
type ends struct {
	before, after string
	kind          endsKind
}

// An endsKind is how the special tokens are placed in a pair of texts.
type endsKind int

const (
	endsEach  endsKind = iota // around each text
	endsOnce                  // before the first and after each (BERT)
	endsTwice                 // before the first, twice between, and after the second; one type of token (RoBERTa)
	endsFirst                 // before the first (GPT-2)
)

// ErrNoClass is wrapped by the errors of Assemble about vocabulary files that no known rule makes a tokenizer from.
var ErrNoClass = errors.New("no tokenizer.json")

// Assemble combines the files of a checkpoint. It fails if a setting has the wrong type, and where transformers fails too.
func Assemble(f Files) (*Assembly, error) {
	a, err := assemble(f)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	return a, nil
}

func assemble(f Files) (*Assembly, error) {
	a := &Assembly{}
	var err error
	if f.Tokenizer != nil {
		if a.file, err = readFile(f.Tokenizer); err != nil {
			return nil, err
		}
	}
	s, err := readSettings(f, a.file)
	if err != nil {
		return nil, err
	}
	class, name, err := a.class(f, s)
	if err != nil {
		return nil, err
	}
	if a.file == nil {
		if a.file, err = class.converted(f, s, name); err != nil {
			return nil, err
		}
	}
	a.normalizer = a.file.Normalizer
	if name == "" && f.Config == nil {
		return a, nil // AutoTokenizer cannot load the folder
	}
	plain := *a.file
	if class.noDecoder {
		s.decoder = nil
	}
	tokens := class.specialTokens(s, f.Tokenizer == nil)
	if f.Tokenizer == nil {
		a.ends = class.convertedEnds(s, tokens)
		a.listed = map[string]int64{}
		for _, n := range s.decoder {
			a.listed[n.token.content] = n.id
		}
	}
	if err := a.addTokens(s, tokens); err != nil {
		return nil, err
	}
	class.applyPrefix(a, s)
	class.applyRule(a, s, tokens)
	a.specialText = s.on("split_special_tokens", false)
	if s.on("fix_mistral_regex", false) {
		a.note("fix_mistral_regex is not applied")
	}
	if name == "CodeGenTokenizerFast" && s.on("add_bos_token", false) {
		a.note("add_bos_token is not applied, and transformers 4.57 refuses it")
	}
	if class.note != "" {
		a.note("%s of transformers also %s, which is not done here", name, class.note)
	}
	a.compare(&plain, f.Tokenizer == nil)
	a.compareBackend(class, name, s, tokens, &plain)
	return a, errors.Join(s.errs...)
}

func (a *Assembly) note(format string, args ...any) {
	a.Notes = append(a.Notes, "tokenizer: "+fmt.Sprintf(format, args...))
}

// class returns the class that AutoTokenizer chooses, and its name, which is "" if no file names a known one.
func (a *Assembly) class(f Files, s *settings) (autoClass, string, error) {
	var model struct {
		ModelType json.RawMessage `json:"model_type"`
		Class     json.RawMessage `json:"tokenizer_class"`
	}
	if f.Model != nil && json.Unmarshal(f.Model, &model) != nil {
		return autoClass{}, "", errors.New("config.json is not a JSON object")
	}
	name := s.text(configFile, "tokenizer_class", s.values["tokenizer_class"])
	if name == "" {
		name = s.text("config.json", "tokenizer_class", model.Class)
	}
	if name == "" {
		if full := classOfModel(s.text("config.json", "model_type", model.ModelType)); full != "" {
			return autoClasses[full], full, nil
		}
		return autoClass{}, "", nil
	}
	class, full := findClass(name)
	if full == "" && a.file != nil {
		a.note("the class %.80q is not one of the fast classes of transformers 4.57, so tokenizer.json is read like PreTrainedTokenizerFast does", name)
	}
	return class, full, nil
}

// roleTokens are the special tokens of a class: those of tokenRoles, then the others.
type roleTokens struct {
	roles  [len(tokenRoles)]tokenValue
	others []tokenValue
}

// all returns the tokens once each, in the order in which they are added.
func (r roleTokens) all() []tokenValue {
	var list []tokenValue
	seen := map[string]bool{}
	for _, v := range r.roles {
		if v.content != "" && !seen[v.content] {
			list = append(list, v)
			seen[v.content] = true
		}
	}
	for _, v := range r.others { // equal ones are not left out
		if v.content != "" && !seen[v.content] {
			list = append(list, v)
		}
	}
	return list
}

// specialTokens returns the special tokens that the settings or the class name. converted tells that the class makes a
// tokenizer from vocabulary files first.
func (c *autoClass) specialTokens(s *settings, converted bool) roleTokens {
	var r roleTokens
	wrapped, mask := strings.Fields(c.wrapped), c.mask
	if converted {
		switch c.convert {
		case convertGPT2:
			wrapped = strings.Fields("bos_token eos_token unk_token pad_token")
		case convertRoberta:
			wrapped = strings.Fields(allRoles)
		}
	}
	for i, role := range tokenRoles {
		v, ok := s.tokens[role]
		if !ok {
			v = tokenValue{addedToken: addedToken{content: c.tokens[i]}, plain: true}
		}
		switch {
		case !v.plain:
		case role == "mask_token" && mask != nil:
			t := *mask
			t.content = v.content
			v = tokenValue{addedToken: t}
		case slices.Contains(wrapped, role):
			v.plain = false
			if c.asSpecial {
				v.special, v.normalized = true, new(bool)
			}
		}
		r.roles[i] = v
	}
	r.others = s.additional
	if c.additional != nil {
		r.others = c.additional(slices.Clip(s.additional), s)
	}
	r.others = append(slices.Clip(r.others), s.extra...)
	return r
}

// addTokens finds the tokens that the class adds to those of the file.
func (a *Assembly) addTokens(s *settings, tokens roleTokens) error {
	current := map[string]sugarme.TokenConfig{}
	for _, t := range a.file.AddedTokens {
		t.Id = 0
		current[t.Content] = t
	}
	special := map[string]bool{}
	list := tokens.all()
	for _, v := range list {
		special[v.content] = true
	}
	known := map[string]bool{}
	for content := range current {
		known[content] = true
	}
	var adds []tokenValue
	for _, n := range s.decoder {
		if t, ok := current[n.token.content]; !ok || t != n.token.config() {
			adds = append(adds, tokenValue{addedToken: n.token})
			known[n.token.content] = true
		}
	}
	decoded := map[tokenKey]bool{}
	for _, v := range adds {
		decoded[v.key()] = true
	}
	for _, v := range list {
		if v.plain && known[v.content] || !v.plain && decoded[v.key()] {
			continue
		}
		adds = append(adds, v)
	}
	if len(adds) > maxParts*maxSpecials {
		return fmt.Errorf("%d added tokens are too many", len(adds))
	}
	for _, v := range adds {
		v.special = v.special && !v.plain || special[v.content]
		a.more = append(a.more, v.config())
	}
	return nil
}

// applyPrefix sets add_prefix_space of a ByteLevel pre-tokenizer.
func (c *autoClass) applyPrefix(a *Assembly, s *settings) {
	if c.prefix == prefixIgnored {
		return
	}
	value := c.prefix == prefixOn
	wanted := s.flag("add_prefix_space", &value)
	if c.prefix == prefixFile {
		if s.set("add_prefix_space") && wanted != nil {
			a.note("add_prefix_space makes transformers 4.57 convert the SentencePiece model anew; tokenizer.json is used as it is")
		}
		return
	}
	if wanted != nil {
		a.file.PreTokenizer = withPrefix(a.file.PreTokenizer, *wanted)
	}
	if nested := c.rule == templateNested || c.rule == nestedPrefixRule; nested && wanted != nil && *wanted {
		a.file.PreTokenizer = withNestedPrefix(a.file.PreTokenizer, 0)
	}
}

// withPrefix returns the JSON of a pre-tokenizer, with another add_prefix_space if it is a ByteLevel.
func withPrefix(raw json.RawMessage, value bool) json.RawMessage {
	c := byteLevelConfig{AddPrefixSpace: true}
	if json.Unmarshal(raw, &c) != nil || c.Type != "ByteLevel" || c.AddPrefixSpace == value {
		return raw
	}
	c.AddPrefixSpace = value
	return mustJSON(map[string]any{"type": c.Type, "add_prefix_space": value, "trim_offsets": c.TrimOffsets,
		"use_regex": c.UseRegex == nil || *c.UseRegex})
}

// withNestedPrefix turns add_prefix_space on in all parts of a pre-tokenizer.
func withNestedPrefix(raw json.RawMessage, depth int) json.RawMessage {
	var c struct {
		Type    string
		Members []json.RawMessage `json:"pretokenizers"`
	}
	if depth > maxDepth || json.Unmarshal(raw, &c) != nil {
		return raw
	}
	if c.Type != "Sequence" {
		return withPrefix(raw, true)
	}
	for i, member := range c.Members {
		c.Members[i] = withNestedPrefix(member, depth+1)
	}
	return mustJSON(map[string]any{"type": c.Type, "pretokenizers": c.Members})
}

// mustJSON returns the JSON of a value that can be encoded.
func mustJSON(value any) json.RawMessage {
	data, err := json.Marshal(value)
	if err != nil {
		panic("tokenizer: " + err.Error())
	}
	return data
}

// applyRule does what the class does after it has added its tokens.
func (c *autoClass) applyRule(a *Assembly, s *settings, tokens roleTokens) {
	switch c.rule {
	case bertRule, bertNoChinese:
		a.setBert(s, c.rule == bertRule)
	case templateRule, templateNested:
		a.setEnds(s, tokens, s.on("add_bos_token", true), s.on("add_eos_token", false))
	case templateNoBOS:
		a.setEnds(s, tokens, s.on("add_bos_token", false), s.on("add_eos_token", false))
	case backendRule:
		a.ends = backendEnds(s, tokens)
	}
}

// setBert sets the switches of a BertNormalizer as the settings say. If they leave all as it is, nothing changes.
func (a *Assembly) setBert(s *settings, chinese bool) {
	lower, handle := s.must("do_lower_case", true), s.must("tokenize_chinese_chars", true)
	accents := s.flag("strip_accents", nil)
	n := bertNormalizer{CleanText: true, HandleChineseChars: true, Lowercase: true}
	if len(a.file.Normalizer) == 0 || string(a.file.Normalizer) == "null" {
		a.note("transformers 4.57 cannot load a BERT tokenizer whose tokenizer.json has no normalizer; its texts are not normalized")
		return
	}
	if json.Unmarshal(a.file.Normalizer, &n) != nil || n.Type != "BertNormalizer" {
		return
	}
	same := n.Lowercase == lower && equal(n.StripAccents, accents)
	if same && (!chinese || n.HandleChineseChars == handle) {
		return
	}
	n.Lowercase, n.StripAccents = lower, accents
	if chinese {
		n.HandleChineseChars = handle
	}
	a.file.Normalizer = mustJSON(map[string]any{"type": n.Type, "clean_text": n.CleanText, "handle_chinese_chars": n.HandleChineseChars,
		"strip_accents": n.StripAccents, "lowercase": n.Lowercase})
}

func equal[T comparable](a, b *T) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// setEnds replaces the post-processor.
func (a *Assembly) setEnds(s *settings, tokens roleTokens, bos, eos bool) {
	a.ends = new(ends)
	for i, part := range []struct {
		on   bool
		into *string
	}{{bos, &a.ends.before}, {eos, &a.ends.after}} {
		if !part.on {
			continue
		}
		token := tokens.roles[i].content
		if token == "" {
			s.fault("add_%s is set, but there is no %s", tokenRoles[i], tokenRoles[i])
		}
		*part.into = token
	}
	a.ends.check(s)
}

// check refuses tokens that the library cannot put into a template.
func (e ends) check(s *settings) {
	for _, token := range []string{e.before, e.after} {
		if strings.ContainsAny(token, " \t\r\n:") {
			s.fault("the special token %.60q cannot be part of a post-processor, because it has a space or a colon", token)
		}
	}
}

// backendEnds returns the post-processor of the base class of transformers 5, nil for that of the file.
func backendEnds(s *settings, tokens roleTokens) *ends {
	if !s.set("add_bos_token") && !s.set("add_eos_token") {
		return nil
	}
	e := new(ends)
	if s.on("add_bos_token", false) {
		e.before = tokens.roles[0].content
	}
	if s.on("add_eos_token", false) {
		e.after = tokens.roles[1].content
	}
	return e
}

// single returns the parts that e puts around one text.
func (e ends) single(id func(token string) int64) []templatePart {
	var parts []templatePart
	for i, token := range []string{e.before, "", e.after} {
		switch {
		case i == 1:
			parts = append(parts, templatePart{text: 0})
		case token != "":
			parts = append(parts, templatePart{text: -1, ids: []int64{id(token)}})
		}
	}
	return parts
}

// template returns e as a template for one text and for two.
func (e ends) template(id func(token string) int64) *template {
	t := &template{single: e.single(id)}
	t.pair = slices.Clone(t.single)
	second := slices.Clone(t.single)
	if e.kind == endsOnce || e.kind == endsFirst {
		second = second[1:]
	}
	if e.kind == endsTwice {
		second[0] = t.single[len(t.single)-1]
	}
	for _, p := range second {
		if e.kind != endsTwice {
			p.typeID = 1
		}
		if p.text == 0 {
			p.text = 1
		}
		t.pair = append(t.pair, p)
	}
	return t
}

// differs reports whether e gives other ids for one text than the post-processor of a file.
func (e ends) differs(file *tokenizerFile) bool {
	of, err := new(loader).template(file.PostProcessor, 0)
	if err != nil {
		return true
	}
	if of == nil {
		of = plainTemplate()
	}
	ids := map[string]int64{}
	for _, t := range file.AddedTokens {
		ids[t.Content] = t.Id
	}
	mine := e.single(func(token string) int64 {
		if id, ok := ids[token]; ok {
			return id
		}
		return -1
	})
	return !slices.EqualFunc(mine, of.single, func(a, b templatePart) bool {
		return a.text == b.text && a.typeID == b.typeID && slices.Equal(a.ids, b.ids)
	})
}

// compare sets Overrides. converted tells that there is no tokenizer.json to compare with.
func (a *Assembly) compare(plain *tokenizerFile, converted bool) {
	var parts []string
	add := func(name string, value any) { parts = append(parts, fmt.Sprintf("%s %s", name, value)) }
	if converted {
		add("model", modelHeader(a.file.Model))
	}
	for _, part := range []struct {
		name        string
		plain, mine json.RawMessage
	}{{"normalizer", plain.Normalizer, a.file.Normalizer}, {"pre_tokenizer", plain.PreTokenizer, a.file.PreTokenizer}} {
		if converted || string(part.plain) != string(part.mine) {
			add(part.name, part.mine)
		}
	}
	if a.ends != nil && (converted || a.ends.differs(plain)) {
		add("post_processor", fmt.Sprintf("%q %q", a.ends.before, a.ends.after))
	}
	if a.specialText {
		add("split_special_tokens", "true")
	}
	current := map[string]sugarme.TokenConfig{}
	for _, t := range plain.AddedTokens {
		current[t.Content] = t
	}
	for _, t := range a.more {
		known, ok := current[t.Content]
		known.Id = 0
		if !a.specialText {
			known.Special = t.Special // it changes only what decoding leaves out
		}
		if t.Content != "" && (!ok || known != t) {
			add("added_token", fmt.Sprintf("%q %t %t %t %t", t.Content, t.SingleWord, t.Lstrip, t.Rstrip, t.Normalized))
		}
		current[t.Content] = t
	}
	a.Overrides = strings.Join(parts, "\n")
}

// Changed names the parts that Overrides describes.
func (a *Assembly) Changed() string {
	var names []string
	tokens := 0
	for line := range strings.Lines(a.Overrides) {
		if name, _, _ := strings.Cut(line, " "); name == "added_token" {
			tokens++
		} else {
			names = append(names, name)
		}
	}
	if tokens > 0 {
		names = append(names, fmt.Sprintf("added_tokens (%d)", tokens))
	}
	return strings.Join(names, ", ")
}

// compareBackend notes where transformers 5 makes another tokenizer of the same files.
func (a *Assembly) compareBackend(class autoClass, name string, s *settings, tokens roleTokens, plain *tokenizerFile) {
	if class.rule == backendRule || class.rule == bertRule || class.rule == bertNoChinese {
		return
	}
	if later := backendEnds(s, tokens); later != nil {
		if a.ends == nil && later.differs(plain) || a.ends != nil && (a.ends.before != later.before || a.ends.after != later.after) {
			a.note("transformers 5 adds %s, because add_bos_token or add_eos_token is set; the token ids are those of transformers 4.57", later)
		}
	} else if a.ends != nil && a.ends.differs(plain) {
		a.note("transformers 5 takes the post-processor of tokenizer.json, because neither add_bos_token nor add_eos_token is set; the token "+
			"ids are those of transformers 4.57, which adds %s", a.ends)
	}
	if (name == "" || name == "PreTrainedTokenizerFast") && string(plain.PreTokenizer) != string(a.file.PreTokenizer) {
		a.note("transformers 5 takes add_prefix_space from tokenizer.json; the token ids are those of transformers 4.57")
	}
}

// String describes e in a note.
func (e *ends) String() string {
	switch {
	case e.before == "" && e.after == "":
		return "no special tokens"
	case e.after == "":
		return fmt.Sprintf("%q before a text", e.before)
	case e.before == "":
		return fmt.Sprintf("%q after a text", e.after)
	}
	return fmt.Sprintf("%q before and %q after a text", e.before, e.after)
}

// Tokenizer makes the tokenizer.
func (a *Assembly) Tokenizer() (*Tokenizer, error) {
	t, err := a.tokenizer()
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	return t, nil
}

func (a *Assembly) tokenizer() (*Tokenizer, error) {
	t, err := a.file.build(a.more, a.normalizer)
	if err != nil {
		return nil, err
	}
	t.specialText = a.specialText
	if a.ends == nil {
		return t, nil
	}
	for _, token := range []string{a.ends.before, a.ends.after} {
		if _, ok := t.ID(token); token != "" && !ok {
			return nil, fmt.Errorf("the post-processor adds %.60q, which is not in the vocabulary", token)
		}
	}
	t.template = a.ends.template(func(token string) int64 {
		if id, ok := a.listed[token]; ok {
			return id
		}
		id, _ := t.ID(token)
		return id
	})
	return t, nil
}
