package tokenizer_test

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"w2s/internal/race"
	"w2s/onnx/tokenizer"
)

// TestCases compares the ids for single features with those that the library gave (testdata/cases.py).
func TestCases(t *testing.T) {
	race.SkipLong(t)
	plain := readJSON[map[string]json.RawMessage](t, filepath.Join("testdata", "spelled.json"))
	cases := readJSON[[]struct {
		Change map[string]json.RawMessage
		Texts  map[string][]int64
	}](t, filepath.Join("testdata", "cases.json"))
	if len(cases) < 300 {
		t.Fatalf("%d cases, want at least 300", len(cases))
	}
	for _, c := range cases {
		change, err := json.Marshal(c.Change)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Texts) == 0 {
			t.Errorf("%.1000s: no texts", change)
		}
		for name, section := range plain {
			if _, ok := c.Change[name]; !ok {
				c.Change[name] = section
			}
		}
		file, err := json.Marshal(c.Change)
		if err != nil {
			t.Fatal(err)
		}
		tk, err := tokenizer.Parse(file)
		if err != nil {
			t.Errorf("%.1000s: %v", change, err)
			continue
		}
		for text, want := range c.Texts {
			got, err := tk.Encode(text, tokenizer.Options{})
			if err != nil || !slices.Equal(got.IDs, want) {
				t.Errorf("%.1000s: %q: %v\n got %v\nwant %v", change, text, err, got.IDs, want)
			}
		}
	}
}

// TestLibraryFails expects errors where the library panics or loses characters.
func TestLibraryFails(t *testing.T) {
	tk, err := tokenizer.Parse(withParts(map[string]string{
		"added_tokens": `[{"id":6,"content":"<s>","rstrip":true},{"id":7,"content":"\n","lstrip":true}]`,
		"normalizer":   `{"type":"Replace","pattern":{"Regex":"(?=ab)"},"content":"x"}`,
	}))
	if err != nil {
		t.Fatal(err)
	}
	for text, says := range map[string]string{"<s>\n\n a": "white space", "ab": "before the text"} {
		if e, err := tk.Encode(text, tokenizer.Options{}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, %v, want an error about %q", text, e.IDs, err, says)
		}
	}
}

// A countdown is a context that is cancelled after Err was called the given number of times.
type countdown struct {
	context.Context
	left int
}

func (c *countdown) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

// TestEncodeContext checks that the context is checked repeatedly during every kind of work on a long text.
func TestEncodeContext(t *testing.T) {
	texts := map[string]string{
		"words": strings.Repeat("unbelievable things, 12 ", 1<<19/24),
		"word":  strings.Repeat("unbelievable", 1<<19/12),
		"marks": strings.Repeat("<s> a▁", 1<<19/9),
	}
	for _, c := range []struct{ tokenizer, text string }{
		{"llama", "words"}, {"llama", "word"}, {"metaspace-first-whole", "word"}, {"unigram-whole", "word"}, {"t5", "words"},
		{"gpt2", "words"}, {"gpt2", "word"}, {"o200k", "words"}, {"o200k", "marks"}, {"split-lazy", "words"}, {"split-chain", "words"},
		{"metaspace-first", "marks"}, {"bert-uncased", "words"},
	} {
		tk := load(t, c.tokenizer)
		for _, checks := range []int{0, 1, 20} {
			e, err := tk.EncodeContext(&countdown{t.Context(), checks}, texts[c.text], tokenizer.Options{})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%v: %d ids and error %v after %d checks of the context", c, len(e.IDs), err, checks)
			}
		}
	}
}
