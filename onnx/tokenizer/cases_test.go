package tokenizer_test

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"w2s/onnx/tokenizer"
)

// TestCases compares single features with the ids that testdata/cases.py had from the library.
func TestCases(t *testing.T) {
	plain := readJSON[map[string]json.RawMessage](t, filepath.Join("testdata", "spelled.json"))
	cases := readJSON[[]struct {
		Change map[string]json.RawMessage
		Texts  map[string][]int64
	}](t, filepath.Join("testdata", "cases.json"))
	if len(cases) < 300 {
		t.Fatalf("only %d cases", len(cases))
	}
	for _, c := range cases {
		change, err := json.Marshal(c.Change)
		if err != nil {
			t.Fatal(err)
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

// TestLibraryFails: where the library panics or loses characters, there is an error and no ids.
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

// TestEncodeContext: a long text is given up soon after the context is done, whatever the work is.
func TestEncodeContext(t *testing.T) {
	texts := map[string]string{
		"words": strings.Repeat("unbelievable things, 12 ", 1<<21/24),
		"word":  strings.Repeat("unbelievable", 1<<21/12),
		"marks": strings.Repeat("<s> a▁", 1<<21/9),
	}
	for _, name := range []string{"llama", "metaspace-first-whole", "unigram-whole", "gpt2", "o200k", "split-lazy", "split-literal", "split-chain"} {
		tk := load(t, name)
		for what, text := range texts {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(20*time.Millisecond, cancel)
			start := time.Now()
			_, err := tk.EncodeContext(ctx, text, tokenizer.Options{})
			if took := time.Since(start); err != nil && !errors.Is(err, context.Canceled) || took > 2*time.Second {
				t.Errorf("%s, %s: after %v: %v", name, what, took, err)
			}
			cancel()
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := load(t, "gpt2").EncodeContext(ctx, texts["words"], tokenizer.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled context: %v", err)
	}
}
