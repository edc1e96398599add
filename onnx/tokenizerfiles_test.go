package onnx

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"w2s/internal/shareddata"
	"w2s/onnx/tokenizer"
)

// TestTokenizerSettings compares the token ids of two checkpoints whose tokenizer_config.json overrides tokenizer.json with those of
// AutoTokenizer of transformers 4.57.6.
func TestTokenizerSettings(t *testing.T) {
	for name, want := range map[string]struct {
		ids     [][]int64
		changed string
	}{
		"llama-eos": {[][]int64{{1, 3, 5, 6, 7, 2}, {1, 15, 17, 18, 2}}, "post_processor"},
		"bert-case": {[][]int64{{2, 5, 7, 8, 9, 3}, {2, 17, 19, 20, 3}}, "normalizer"},
	} {
		c := mustRead(t, shareddata.Path(t, "cases", "tokenizer-config-override", name), Options{})
		if c.TokenizerSettings != want.changed || c.MaxTokens != 64 {
			t.Errorf("%s: settings %q, longest input %d", name, c.TokenizerSettings, c.MaxTokens)
		}
		tk, err := c.OpenTokenizer()
		if err != nil {
			t.Fatal(err)
		}
		for i, text := range []string{"the kettle boils fast", "Good GOOD good"} {
			if got, err := tk.Encode(text, tokenizer.Options{}); err != nil || !slices.Equal(got.IDs, want.ids[i]) {
				t.Errorf("%s: %q: %v (%v), want %v", name, text, got.IDs, err, want.ids[i])
			}
		}
	}
}

// TestTokenizerSettingsKey checks that a setting changes the key only if it changes the tokenizer.
func TestTokenizerSettingsKey(t *testing.T) {
	dir := copyFixture(t, "bert-tiny")
	remove(t, dir, "tokenizer_config.json")
	key := func(config string) string {
		t.Helper()
		if config != "" {
			write(t, dir, "tokenizer_config.json", config)
		}
		k, err := mustRead(t, dir, Options{}).key(context.Background(), "1", CPU, nil, "")
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	plain := key("")
	for config, same := range map[string]bool{
		`{}`: true,
		`{"tokenizer_class": "BertTokenizer", "do_lower_case": true, "unk_token": "[UNK]"}`:                             true,
		`{"tokenizer_class": "BertTokenizer", "do_lower_case": false}`:                                                  false,
		`{"tokenizer_class": "BertTokenizer", "strip_accents": false}`:                                                  false,
		`{"tokenizer_class": "PreTrainedTokenizerFast", "do_lower_case": false}`:                                        true,
		`{"tokenizer_class": "BertTokenizer", "added_tokens_decoder": {"9999": {"content": "kettle"}}}`:                 false,
		`{"tokenizer_class": "BertTokenizer", "added_tokens_decoder": {"9999": {"content": "kettle", "lstrip": true}}}`: false,
		`{"tokenizer_class": "LlamaTokenizer", "bos_token": "[CLS]", "add_eos_token": true, "eos_token": "[SEP]"}`:      false,
	} {
		if k := key(config); (k == plain) != same {
			t.Errorf("%s: the same key: %t, want %t", config, !same, same)
		}
	}
}

// TestVocabularyFiles opens a checkpoint that has vocab.txt in the place of tokenizer.json.
func TestVocabularyFiles(t *testing.T) {
	dir := copyFixture(t, "bert-tiny")
	remove(t, dir, "tokenizer_config.json")
	c := mustRead(t, dir, Options{})
	whole, err := c.OpenTokenizer()
	if err != nil {
		t.Fatal(err)
	}
	var vocab strings.Builder
	for id := range int64(whole.VocabSize()) {
		token, _ := whole.Token(id)
		vocab.WriteString(token + "\n")
	}
	remove(t, dir, "tokenizer.json")
	if _, err := ReadCheckpoint(dir, Options{}); err == nil || !strings.Contains(err.Error(), "no tokenizer.json") {
		t.Errorf("without a tokenizer: %v", err)
	}
	write(t, dir, "vocab.txt", vocab.String())
	c = mustRead(t, dir, Options{})
	if filepath.Base(c.Tokenizer) != "vocab.txt" || !strings.Contains(c.TokenizerSettings, "model") {
		t.Errorf("tokenizer %s, settings %q", c.Tokenizer, c.TokenizerSettings)
	}
	converted, err := c.OpenTokenizer()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "Hello, world!", "a [MASK] b", "naïve 中文"} {
		want, err := whole.Encode(text, tokenizer.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := converted.Encode(text, tokenizer.Options{}); err != nil || !slices.Equal(got.IDs, want.IDs) {
			t.Errorf("%q: %v (%v), want %v", text, got.IDs, err, want.IDs)
		}
	}
	write(t, dir, "tokenizer_config.json", `{"tokenizer_class": "T5Tokenizer"}`)
	if _, err := ReadCheckpoint(dir, Options{}); err == nil || !strings.Contains(err.Error(), "save_pretrained") {
		t.Errorf("a class that is not converted: %v", err)
	}
}

// TestBadTokenizerSettings checks that settings of wrong types are refused by name.
func TestBadTokenizerSettings(t *testing.T) {
	dir := copyFixture(t, "bert-tiny")
	for config, want := range map[string]string{
		`{"tokenizer_class": "BertTokenizer", "do_lower_case": "no"}`: "do_lower_case",
		`{"tokenizer_class": 3}`:                                                                 "tokenizer_class",
		`{"tokenizer_class": "LlamaTokenizer", "add_eos_token": 1}`:                              "add_eos_token",
		`{"tokenizer_class": "LlamaTokenizer", "bos_token": null}`:                               "bos_token",
		`{"tokenizer_class": "BertTokenizer", "added_tokens_decoder": []}`:                       "added_tokens_decoder",
		`{"tokenizer_class": "BertTokenizer", "added_tokens_decoder": {"-1": {"content": "a"}}}`: "-1",
		`{"tokenizer_class": "BertTokenizer", "unk_token": ["[UNK]"]}`:                           "unk_token",
		`{"tokenizer_class": "BertTokenizer", "truncation_side": "top"}`:                         "truncation side",
		`{"tokenizer_class": "BertTokenizer", "model_max_length": "512"}`:                        "model_max_length",
		`[]`: "tokenizer_config.json",
	} {
		write(t, dir, "tokenizer_config.json", config)
		if _, err := ReadCheckpoint(dir, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error about %s", config, err, want)
		}
	}
	write(t, dir, "tokenizer_config.json", `{"tokenizer_class": "OurOwnTokenizer"}`)
	c := mustRead(t, dir, Options{})
	if !slices.ContainsFunc(c.notes, func(note string) bool { return strings.Contains(note, "OurOwnTokenizer") }) {
		t.Errorf("no note about an unknown class: %q", c.notes)
	}
}

// TestTokenBeyondEmbedding encodes a text with a token that a setting adds and the embedding has no row for.
func TestTokenBeyondEmbedding(t *testing.T) {
	dir := copyFixture(t, "bert-tiny")
	write(t, dir, "tokenizer_config.json", `{"tokenizer_class": "BertTokenizer", "added_tokens_decoder": {"99999": {"content": "kettle"}}}`)
	e := openTest(t, testRuntime(t), dir, Options{})
	if err := e.Encode(context.Background(), []string{"a text"}, ignore); err != nil {
		t.Fatal(err)
	}
	err := e.Encode(context.Background(), []string{"the kettle boils"}, ignore)
	if err == nil || !strings.Contains(err.Error(), `"kettle"`) || !strings.Contains(err.Error(), "embedding") {
		t.Errorf("%v", err)
	}
}

// TestTokenizerReadOnce removes the files of a tokenizer once a checkpoint is open: the model is loaded without reading them again.
func TestTokenizerReadOnce(t *testing.T) {
	rt := testRuntime(t)
	want := encodeAll(t, openTest(t, rt, fixtureDir("bert-tiny"), Options{}), []string{"a word"})[0].Values
	dir := copyFixture(t, "bert-tiny")
	e := openTest(t, rt, dir, Options{})
	if err := os.Remove(filepath.Join(dir, "tokenizer.json")); err != nil {
		t.Fatal(err)
	}
	if got := encodeAll(t, e, []string{"a word"})[0].Values; !slices.Equal(got, want) {
		t.Errorf("the vector is %v, want %v", got, want)
	}
	if _, err := e.Checkpoint().OpenTokenizer(); err == nil {
		t.Error("the assembly is kept after its use")
	}
}
