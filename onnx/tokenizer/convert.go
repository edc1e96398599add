package tokenizer

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// converted makes a tokenizer.json from vocabulary files, as transformers 4.57 does for BERT, GPT-2 and RoBERTa.
func (c *autoClass) converted(f Files, s *settings, name string) (*tokenizerFile, error) {
	const export = "make a tokenizer.json in Python: AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)"
	switch {
	case name == "":
		return nil, fmt.Errorf("%w, and neither tokenizer_class nor model_type names a class that is converted (%s)", ErrNoClass, export)
	case c.convert == noConversion:
		return nil, fmt.Errorf("%w, and the vocabulary files of a %s are not converted (%s)", ErrNoClass, name, export)
	case f.Vocab == nil:
		return nil, fmt.Errorf("%w, and no %s to convert (%s)", ErrNoClass, c.convert.vocabFile(), export)
	case c.convert != convertBert && f.Merges == nil:
		return nil, fmt.Errorf("%w, and no merges.txt to convert (%s)", ErrNoClass, export)
	case !utf8.Valid(f.Vocab) || !utf8.Valid(f.Merges):
		return nil, fmt.Errorf("the vocabulary files are not UTF-8")
	}
	tokens := c.specialTokens(s, true)
	if c.convert == convertBert {
		return c.convertBert(f, s, tokens), nil
	}
	return c.convertBPE(f, s, tokens)
}

// vocabFile returns the name of the vocabulary file.
func (c conversion) vocabFile() string {
	if c == convertBert {
		return "vocab.txt"
	}
	return "vocab.json"
}

// lines returns the lines of a text file as Python reads them.
func lines(data []byte) []string {
	return strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(data)), "\n")
}

// convertBert makes a WordPiece tokenizer. A token that occurs twice has the number of its last line.
func (c *autoClass) convertBert(f Files, s *settings, tokens roleTokens) *tokenizerFile {
	vocab := map[string]int{}
	list := lines(f.Vocab)
	if list[len(list)-1] == "" {
		list = list[:len(list)-1]
	}
	for i, token := range list {
		vocab[token] = i
	}
	basic := s.on("do_basic_tokenize", true)
	lower, chinese, accents := false, false, new(bool)
	if basic {
		lower, chinese, accents = s.must("do_lower_case", true), s.must("tokenize_chinese_chars", true), s.flag("strip_accents", nil)
	}
	return &tokenizerFile{
		Normalizer: mustJSON(map[string]any{"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": chinese, "strip_accents": accents,
			"lowercase": lower}),
		PreTokenizer: mustJSON(map[string]any{"type": "BertPreTokenizer"}),
		Model: mustJSON(map[string]any{"type": "WordPiece", "unk_token": tokens.roles[2].content, "continuing_subword_prefix": "##",
			"max_input_chars_per_word": 100, "vocab": vocab}),
		Decoder: mustJSON(map[string]any{"type": "WordPiece", "prefix": "##", "cleanup": true}),
	}
}

// convertBPE makes a byte-level BPE tokenizer. The first and the last line of merges.txt are left out: a version, and an empty line.
func (c *autoClass) convertBPE(f Files, s *settings, tokens roleTokens) (*tokenizerFile, error) {
	var vocab map[string]int32
	if err := json.Unmarshal(f.Vocab, &vocab); err != nil || vocab == nil {
		return nil, fmt.Errorf("vocab.json is not a JSON object of token ids: %w", orNull(err))
	}
	list := lines(f.Merges)
	list = list[min(1, len(list)):]
	list = list[:max(0, len(list)-1)]
	merges, seen := [][]string{}, map[string]bool{}
	for i, line := range list {
		pair := strings.Fields(line)
		if len(pair) != 2 {
			return nil, fmt.Errorf("merges.txt: line %d, %.60q, is not two tokens", i+2, line)
		}
		if key := strings.Join(pair, " "); !seen[key] {
			seen[key] = true
			merges = append(merges, pair)
		}
	}
	prefix := map[string]any{"type": "ByteLevel", "add_prefix_space": s.on("add_prefix_space", false), "trim_offsets": true, "use_regex": true}
	file := &tokenizerFile{
		PreTokenizer: mustJSON(prefix),
		Decoder:      mustJSON(prefix),
		Model: mustJSON(map[string]any{"type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": "", "end_of_word_suffix": "",
			"fuse_unk": false, "byte_fallback": false, "ignore_merges": false, "vocab": vocab, "merges": merges}),
	}
	return file, nil
}

// convertedEnds returns the special tokens around the texts of a converted tokenizer.
func (c *autoClass) convertedEnds(s *settings, tokens roleTokens) *ends {
	bos, sep, cls := tokens.roles[0].content, tokens.roles[3].content, tokens.roles[5].content
	var e *ends
	switch {
	case c.convert == convertBert:
		e = &ends{before: cls, after: sep, kind: endsOnce}
	case c.convert == convertRoberta:
		e = &ends{before: cls, after: sep, kind: endsTwice}
	case s.on("add_bos_token", false):
		e = &ends{before: bos, kind: endsFirst}
	default:
		return nil
	}
	if e.before == "" || e.after == "" && e.kind != endsFirst {
		s.fault("a special token that the post-processor adds is null")
		return nil
	}
	if e.kind != endsTwice {
		e.check(s)
	}
	return e
}

// modelHeader describes the fields of a converted model but its vocabulary.
func modelHeader(raw json.RawMessage) string {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return ""
	}
	delete(fields, "vocab")
	delete(fields, "merges")
	return string(mustJSON(fields))
}
