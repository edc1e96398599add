package tokenizer_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"w2s/internal/race"
	"w2s/onnx/tokenizer"
)

// withParts returns a small tokenizer.json with some sections replaced or added.
func withParts(change map[string]string) []byte {
	parts := map[string]string{
		"added_tokens": `[{"id":0,"content":"<s>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}]`,
		"model":        `{"type":"WordLevel","unk_token":"?","vocab":{"<s>":0,"?":1,"a":2,"b":3,"ab":4,"c d":5}}`,
	}
	for name, value := range change {
		parts[name] = value
	}
	var fields []string
	for name, value := range parts {
		fields = append(fields, fmt.Sprintf("%q:%s", name, value))
	}
	slices.Sort(fields)
	return []byte("{" + strings.Join(fields, ",") + "}")
}

// TestUnsupported checks that errors name what is not implemented.
func TestUnsupported(t *testing.T) {
	for _, c := range []struct{ section, value, names string }{
		{"model", `{"type":"Quantum","vocab":{}}`, "Quantum"},
		{"model", `{"type":"WordLevel","unk_token":"?","vocab":{},"turbo":true}`, "turbo"},
		{"model", `{"type":"BPE","vocab":{},"merges":[],"dropout":0.1}`, "dropout"},
		{"normalizer", `{"type":"Reverse"}`, "Reverse"},
		{"normalizer", `{"type":"NFC","strict":true}`, "strict"},
		{"normalizer", `{"type":"NFC","use_regex":true,"strict":true}`, "strict"},
		{"normalizer", `{"type":"Replace","pattern":{"String":" ","split":true},"content":"x"}`, "split"},
		{"normalizer", `{"type":"Replace","pattern":{"String":""},"content":"x"}`, "empty"},
		{"normalizer", `{"type":"Replace","pattern":{"Regex":"(a)\\1"},"content":"x"}`, `\1`},
		{"normalizer", `{"type":"Replace","pattern":{"Regex":"\\p{Klingon}"},"content":"x"}`, "Klingon"},
		{"normalizer", `{"type":"Replace","pattern":{"Regex":"\\X"},"content":"x"}`, `\X`},
		{"normalizer", `{"type":"Replace","pattern":{"Regex":"(?i)strasse"},"content":"x"}`, "['s' 't']"},
		{"normalizer", `{"type":"Replace","pattern":{"Regex":"(?i)gro\u00df"},"content":"x"}`, "'ß'"},
		{"normalizer", `{"type":"Replace","pattern":{"Regex":"(?i)και"},"content":"x"}`, "['α' 'ι']"},
		{"normalizer", `{"type":"Replace","pattern":{"Regex":"(?i)f(?:i)"},"content":"x"}`, "['f' 'i']"},
		{"normalizer", `{"type":"Replace","pattern":{"Regex":"(?i)ʼn"},"content":"x"}`, "['ʼ' 'n']"},
		{"normalizer", `{"type":"Replace","pattern":{"Regex":"\\pL"},"content":"x"}`, `\p without`},
		{"normalizer", `{"type":"Replace","pattern":{"Regex":"a+{2}"},"content":"x"}`, "repetition of a repetition"},
		{"normalizer", `{"type":"Replace","pattern":{"Regex":"(?<=a++b)c"},"content":"x"}`, "look-behind"},
		{"normalizer", `{"type":"Prepend","prepend":""}`, "Prepend"},
		{"normalizer", `{"type":"Replace","pattern":{"Regex":"` + strings.Repeat(`\\p{L}`, 1000) + `"},"content":"x"}`, "this many classes"},
		{"normalizer", `{"type":"Replace","pattern":{"Regex":"a(?i)b"},"content":"x"}`, "(?i"},
		{"normalizer", `{"type":"Replace","pattern":{"Regex":"[[:vowel:]]"},"content":"x"}`, "[[:vowel:"},
		{"pre_tokenizer", `{"type":"UnicodeScripts"}`, "UnicodeScripts"},
		{"pre_tokenizer", `{"type":"Split","pattern":{"String":"a"},"behavior":"Halved","invert":false}`, "Halved"},
		{"pre_tokenizer", `{"type":"Metaspace","replacement":"_","prepend_scheme":"last"}`, "last"},
		{"post_processor", `{"type":"Magic"}`, "Magic"},
		{"post_processor", `{"type":"Sequence","processors":[{"type":"BertProcessing","sep":["a",2],"cls":["b",3]},
			{"type":"BertProcessing","sep":["a",2],"cls":["b",3]}]}`, "two members"},
		{"decoder", `{"type":"CTC","pad_token":"<pad>","word_delimiter_token":"|","cleanup":true}`, "CTC"},
		{"decoder", `{"type":"Sequence","decoders":[{"type":"Oracle"}]}`, "Oracle"},
		{"truncation", `{"max_length":5,"strategy":"Middle","stride":0}`, "Middle"},
		{"truncation", `{"max_length":5,"direction":"Up"}`, "Up"},
		{"padding", `{"strategy":"Sometimes"}`, "Sometimes"},
	} {
		_, err := tokenizer.Parse(withParts(map[string]string{c.section: c.value}))
		if !errors.Is(err, tokenizer.ErrUnsupported) || !strings.Contains(err.Error(), c.names) {
			t.Errorf("%s %.200s: error %v, want one that names %s and wraps ErrUnsupported", c.section, c.value, err, c.names)
		}
	}
}

// TestEmptyAddedToken refuses an added token that the normalizer turns into nothing. It would match everywhere.
func TestEmptyAddedToken(t *testing.T) {
	_, err := tokenizer.Parse(withParts(map[string]string{
		"added_tokens": `[{"id":6,"content":" ","normalized":true}]`, "normalizer": `{"type":"Strip","strip_left":true}`}))
	if !errors.Is(err, tokenizer.ErrUnsupported) || !strings.Contains(err.Error(), `" "`) {
		t.Errorf("error %v, want one about the token \" \"", err)
	}
}

// TestInvalid checks that the errors of invalid files say what is wrong.
func TestInvalid(t *testing.T) {
	deep := strings.Repeat(`{"type":"Sequence","normalizers":[`, 40) + strings.Repeat(`]}`, 40)
	for _, c := range []struct{ section, value, says string }{
		{"model", `null`, "model"},
		{"model", `[]`, "model"},
		{"model", `{}`, "type is missing"},
		{"model", `{"type":"BPE","vocab":{"a":0,"b":1},"merges":["a b"]}`, "not in the vocabulary"},
		{"model", `{"type":"BPE","vocab":{"a":0},"merges":["a"]}`, "not two tokens"},
		{"model", `{"type":"BPE","vocab":{"a":0},"merges":[["a"]]}`, "not a pair"},
		{"model", `{"type":"BPE","vocab":{"a":-1},"merges":[]}`, "negative"},
		{"model", `{"type":"BPE","vocab":{"a":4294967296},"merges":[]}`, "4294967296"},
		{"model", `{"type":"Unigram","unk_id":3,"vocab":[["a",0]]}`, "unk_id 3"},
		{"model", `{"type":"Unigram","unk_id":0,"vocab":[["a"]]}`, "score"},
		{"normalizer", deep, "levels"},
		{"normalizer", `{"type":"Replace","pattern":{"Regex":"("},"content":"x"}`, "missing )"},
		{"normalizer", `{"type":"Replace","pattern":{"Regex":"a**"},"content":"x"}`, "repetition"},
		{"normalizer", `{"type":"Replace","pattern":{},"content":"x"}`, "neither"},
		{"normalizer", `{"type":"Precompiled","precompiled_charsmap":"/////w=="}`, "charsmap"},
		{"pre_tokenizer", `{"type":"Metaspace","replacement":""}`, "not one character"},
		{"pre_tokenizer", `{"type":"CharDelimiterSplit","delimiter":"ab"}`, "not one character"},
		{"post_processor", `{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"[X]","type_id":0}}],"pair":[],
			"special_tokens":{}}`, "[X]"},
		{"post_processor", `{"type":"BertProcessing","sep":["a",2]}`, "missing"},
		{"added_tokens", `{}`, "added_tokens"},
	} {
		_, err := tokenizer.Parse(withParts(map[string]string{c.section: c.value}))
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), "tokenizer: ") {
			t.Errorf("%s %.80s: error %v, want one about %q", c.section, c.value, err, c.says)
		}
	}
	for file, says := range map[string]string{"": "not a tokenizer.json", "version https://git-lfs.github.com/spec/v1": "LFS",
		"{": "not a tokenizer.json", `{"version":"1.0"}`: "model"} {
		if _, err := tokenizer.Parse([]byte(file)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("Parse(%q): error %v, want one about %q", file, err, says)
		}
	}
	missing := filepath.Join(t.TempDir(), "tokenizer.json")
	if _, err := tokenizer.Load(missing); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), missing) {
		t.Errorf("Load of a missing file: %v", err)
	}
}

// FuzzLoad checks that no file makes Parse panic, and that a tokenizer that loads encodes and decodes without a panic.
func FuzzLoad(f *testing.F) {
	race.SkipLong(f)
	files, err := filepath.Glob(filepath.Join("testdata", "tokenizers", "*.json"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no tokenizers in testdata: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, h := range hostileFiles(1 << 12) {
		f.Add(withParts(h.parts))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		tk, err := tokenizer.Parse(data)
		if err != nil {
			return
		}
		e, err := tk.EncodePair("Hello 123 <s> é", "wor\nld", tokenizer.Options{MaxTokens: 50})
		if err != nil {
			return
		}
		if len(e.IDs) > 50 || len(e.IDs) != len(e.TypeIDs) {
			t.Errorf("%d ids, %d type ids", len(e.IDs), len(e.TypeIDs))
		}
		if _, err := tk.Decode(e.IDs, true); err != nil && !strings.Contains(err.Error(), "makes more than") {
			t.Error(err)
		}
	})
}
