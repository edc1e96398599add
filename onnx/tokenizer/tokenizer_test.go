package tokenizer_test

import (
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"w2s/internal/race"
	"w2s/onnx/tokenizer"
)

func load(t testing.TB, name string) *tokenizer.Tokenizer {
	t.Helper()
	tk, err := tokenizer.Load(filepath.Join("testdata", "tokenizers", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return tk
}

// TestInvalidUTF8 checks that bytes that are not UTF-8 are replaced as Python's decode("utf-8", "replace") replaces them. Python
// computed the expected strings.
func TestInvalidUTF8(t *testing.T) {
	tk := load(t, "pattern-cl100k")
	for in, want := range map[string]string{
		"a\xffb":            "a\ufffdb",
		"\xe4\xb8":          "\ufffd",
		"\xe4\xb8x\xc3":     "\ufffdx\ufffd",
		"\xf0\x9f\x98 \x80": "\ufffd \ufffd",
		"\xed\xa0\x80":      "\ufffd\ufffd\ufffd",
		"\xc0\xaf":          "\ufffd\ufffd",
		"\xf4\x90\x80\x80":  "\ufffd\ufffd\ufffd\ufffd",
		"\ufeffx\xfe":       "\ufeffx\ufffd",
	} {
		got, err := tk.Encode(in, tokenizer.Options{})
		if err != nil {
			t.Fatal(err)
		}
		compare(t, tk, want, tokenizer.Options{}, got.IDs)
	}
}

func TestMaxTokens(t *testing.T) {
	tk := load(t, "bert-uncased") // [CLS] ... [SEP]
	if _, err := tk.Encode("hello", tokenizer.Options{MaxTokens: 1}); err == nil || !strings.Contains(err.Error(), "2 special") {
		t.Errorf("limit of one token with two special tokens: %v", err)
	}
	e, err := tk.Encode("hello there the world", tokenizer.Options{MaxTokens: 2})
	if err != nil || len(e.IDs) != 2 || !e.Truncated() {
		t.Errorf("limit of two tokens: %+v, %v", e, err)
	}
	e, err = tk.Encode("the", tokenizer.Options{MaxTokens: 3})
	if err != nil || len(e.IDs) != 3 || e.Truncated() {
		t.Errorf("a text that fits: %+v, %v", e, err)
	}
}

func TestVocabulary(t *testing.T) {
	tk := load(t, "added-plain")
	id, ok := tk.ID("<extra>")
	if token, found := tk.Token(id); !ok || !found || token != "<extra>" {
		t.Errorf("<extra> is %d, %v; back: %q, %v", id, ok, token, found)
	}
	if _, ok := tk.ID("no such token"); ok {
		t.Error("ID found a token that does not exist")
	}
	for _, id := range []int64{-1, int64(tk.VocabSize()), 1 << 40} {
		if token, ok := tk.Token(id); ok {
			t.Errorf("id %d is %q", id, token)
		}
	}
	for id := range int64(tk.VocabSize()) {
		if _, ok := tk.Token(id); !ok {
			t.Errorf("id %d of %d has no token", id, tk.VocabSize())
		}
	}
	if text, err := tk.Decode([]int64{-5, 1 << 50}, false); err != nil || text != "" {
		t.Errorf("ids that do not exist decode to %q, %v", text, err)
	}
}

func TestBatch(t *testing.T) {
	encodings := []tokenizer.Encoding{
		{IDs: []int64{5, 6, 7}, TypeIDs: []int64{0, 0, 1}},
		{IDs: []int64{8}, TypeIDs: []int64{1}},
		{},
	}
	for _, c := range []struct {
		padding          tokenizer.Padding
		cols             int
		ids, mask, types []int64
	}{
		{tokenizer.Padding{ID: 9, TypeID: 3}, 3, []int64{5, 6, 7, 8, 9, 9, 9, 9, 9}, []int64{1, 1, 1, 1, 0, 0, 0, 0, 0},
			[]int64{0, 0, 1, 1, 3, 3, 3, 3, 3}},
		{tokenizer.Padding{ID: 9, Side: tokenizer.Left, Multiple: 4}, 4, []int64{9, 5, 6, 7, 9, 9, 9, 8, 9, 9, 9, 9},
			[]int64{0, 1, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0}, []int64{0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0}},
		{tokenizer.Padding{Width: 4}, 4, []int64{5, 6, 7, 0, 8, 0, 0, 0, 0, 0, 0, 0},
			[]int64{1, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0}, []int64{0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0}},
	} {
		dirty := tokenizer.Batch{IDs: slices.Repeat([]int64{77}, 20), Mask: slices.Repeat([]int64{77}, 20)}
		for _, into := range []tokenizer.Batch{{}, dirty} {
			b := c.padding.Batch(encodings, into)
			if b.Rows != 3 || b.Cols != c.cols || !slices.Equal(b.IDs, c.ids) || !slices.Equal(b.Mask, c.mask) ||
				!slices.Equal(b.TypeIDs, c.types) {
				t.Errorf("%+v: %+v", c.padding, b)
			}
		}
	}
}

// TestFileSections reads the truncation and padding sections of a file.
func TestFileSections(t *testing.T) {
	tk, err := tokenizer.Parse(withParts(map[string]string{
		"truncation": `{"direction":"Left","max_length":128,"strategy":"OnlyFirst","stride":4}`,
		"padding": `{"strategy":{"Fixed":128},"direction":"Left","pad_to_multiple_of":8,"pad_id":3,"pad_type_id":1,
			"pad_token":"b"}`,
	}))
	if err != nil {
		t.Fatal(err)
	}
	truncation, _ := tk.Truncation()
	if want := (tokenizer.Truncation{MaxTokens: 128, Side: tokenizer.Left, Strategy: tokenizer.OnlyFirst, Stride: 4}); truncation != want {
		t.Errorf("truncation %+v, want %+v", truncation, want)
	}
	padding, _ := tk.Padding()
	if want := (tokenizer.Padding{ID: 3, TypeID: 1, Side: tokenizer.Left, Multiple: 8, Width: 128}); padding != want {
		t.Errorf("padding %+v, want %+v", padding, want)
	}
	if tk, err = tokenizer.Parse(withParts(nil)); err != nil {
		t.Fatal(err)
	}
	_, cuts := tk.Truncation()
	if _, pads := tk.Padding(); cuts || pads {
		t.Error("a file without truncation and padding has one of them")
	}
}

// TestConcurrent encodes with one tokenizer from several goroutines. It is meant for the race detector.
func TestConcurrent(t *testing.T) {
	texts := readJSON[[]string](t, filepath.Join("testdata", "texts.json"))
	for _, name := range []string{"llama", "o200k", "t5", "bert-uncased"} {
		tk, alone := load(t, name), load(t, name)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for _, text := range texts {
					got, err := tk.Encode(text, tokenizer.Options{})
					want, wantErr := alone.Encode(text, tokenizer.Options{})
					if err != nil || wantErr != nil || !slices.Equal(got.IDs, want.IDs) {
						t.Errorf("%s: %q: %v, %v", name, text, err, wantErr)
					}
				}
			})
		}
		all.Wait()
	}
}

// TestLongTexts checks that time is linear, even in texts without a space. A quadratic step would take minutes.
func TestLongTexts(t *testing.T) {
	race.SkipLong(t)
	texts := map[string]string{
		"one letter": strings.Repeat("a", 1<<18),
		"a word":     strings.Repeat("unbelievable", 1<<18/12),
		"spaces":     strings.Repeat(" ", 1<<18) + "x",
		"newlines":   strings.Repeat("\n ", 1<<17) + "x",
		"marks":      "e" + strings.Repeat("\u0301\u0323", 1<<16),
		"chinese":    strings.Repeat("狐", 1<<16),
		"dashes":     strings.Repeat("-", 1<<18),
		"tokens":     strings.Repeat("<s>", 1<<16),
	}
	for _, name := range []string{"bert-uncased", "gpt2", "llama3", "o200k", "llama", "llama-pieces", "t5", "unigram-whole", "clip",
		"word-level", "normalizer-nfkc", "normalizer-kitchen", "added-strips", "metaspace-first", "split-bloom", "split-anchors"} {
		tk := load(t, name)
		for what, text := range texts {
			start := time.Now()
			if _, err := tk.Encode(text, tokenizer.Options{MaxTokens: 512}); err != nil {
				t.Errorf("%s, %s: %v", name, what, err)
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("%s, %s: 256 kB took %v", name, what, took)
			}
		}
	}
}

// FuzzEncode checks that no text makes Encode panic, and that truncation only drops tokens.
func FuzzEncode(f *testing.F) {
	for _, text := range []string{"", "Hello world", "don't\r\n 123", "é\u0301\xff", "<s><mask>▁", "\u1112\u1161ﬁ"} {
		f.Add(text)
	}
	var tokenizers []*tokenizer.Tokenizer
	for _, name := range []string{"bert-uncased", "roberta", "o200k", "deepseek", "llama", "t5", "metaspace-first", "clip", "added-strips",
		"normalizer-kitchen"} {
		tokenizers = append(tokenizers, load(f, name))
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, tk := range tokenizers {
			whole, err := tk.Encode(text, tokenizer.Options{})
			if err != nil {
				t.Fatal(err)
			}
			cut, err := tk.Encode(text, tokenizer.Options{MaxTokens: 5})
			if err != nil {
				t.Fatal(err)
			}
			if len(cut.IDs)+cut.Cut != len(whole.IDs) {
				t.Errorf("%d ids are left and %d are cut of %d", len(cut.IDs), cut.Cut, len(whole.IDs))
			}
			if _, err := tk.Decode(whole.IDs, false); err != nil {
				t.Error(err)
			}
		}
	})
}
