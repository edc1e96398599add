package tokenizer_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"w2s/internal/race"
	"w2s/onnx/tokenizer"
)

// A libraryResult is an output line of testdata/encode.py: the results of the Hugging Face library for texts and for pairs of
// adjacent texts, or its error.
type libraryResult struct {
	Name  string
	Error string
	Texts []libraryText
	Pairs []libraryPair
}

type libraryText struct {
	Error                        string
	IDs, Types, Bare, Cut, Other []int64
	AsText                       maybe[[]int64] `json:"as_text"`
	Decoded, Skipped             maybe[string]
}

type libraryPair struct {
	Error            string
	IDs, Types, Bare []int64
	BareTypes        []int64        `json:"bare_types"`
	LongestFirst     maybe[[]int64] `json:"longest_first"`
	OnlyFirst        maybe[[]int64] `json:"only_first"`
	OnlySecond       maybe[[]int64] `json:"only_second"`
}

// maybe is a value, or the error of the library.
type maybe[T any] struct {
	value  T
	failed string
}

func (m *maybe[T]) UnmarshalJSON(data []byte) error {
	if data[0] != '{' {
		return json.Unmarshal(data, &m.value)
	}
	var e struct{ Error string }
	err := json.Unmarshal(data, &e)
	m.failed = e.Error
	return err
}

const libraryCut = 8 // the limit of the truncation in these results

// TestLibrary compares this package with the results of the library for the tokenizers of testdata/make.py.
func TestLibrary(t *testing.T) {
	race.SkipLong(t)
	texts := readJSON[[]string](t, filepath.Join("testdata", "texts.json"))
	results := readResults(t, filepath.Join("testdata", "expected.jsonl.gz"))
	if len(results) < 100 {
		t.Fatalf("%d results, want at least 100", len(results))
	}
	for _, want := range results {
		t.Run(want.Name, func(t *testing.T) {
			checkLibrary(t, filepath.Join("testdata", "tokenizers", want.Name+".json"), texts, want)
		})
	}
}

func readResults(t *testing.T, path string) []libraryResult {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var r io.Reader = bytes.NewReader(data)
	if r, err = gzip.NewReader(r); err != nil {
		t.Fatal(err)
	}
	return parseResults(t, r)
}

func parseResults(t *testing.T, r io.Reader) (results []libraryResult) {
	t.Helper()
	for d := json.NewDecoder(bufio.NewReader(r)); ; {
		var one libraryResult
		if err := d.Decode(&one); err == io.EOF {
			return results
		} else if err != nil {
			t.Fatal(err)
		}
		results = append(results, one)
	}
}

// checkLibrary compares this package with all results for one tokenizer.
func checkLibrary(t *testing.T, file string, texts []string, want libraryResult) {
	tk, err := tokenizer.Load(file)
	if want.Error != "" {
		if err == nil {
			t.Fatalf("loaded, but the library says %s", want.Error)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(want.Texts) != len(texts) || len(want.Pairs) != len(texts)-1 || len(texts) == 0 {
		t.Fatalf("results for %d texts and %d pairs of %d texts", len(want.Texts), len(want.Pairs), len(texts))
	}
	side, other := tokenizer.Right, tokenizer.Left
	if cut, ok := tk.Truncation(); ok && cut.Side == tokenizer.Left {
		side, other = other, side
	}
	for i, want := range want.Texts {
		text := texts[i]
		encode := func(o tokenizer.Options) (tokenizer.Encoding, error) { return tk.Encode(text, o) }
		if want.Error != "" {
			if _, err := encode(tokenizer.Options{}); err == nil {
				t.Errorf("%q encodes, but the library says %s", text, want.Error)
			}
			continue
		}
		var c checker
		whole := c.ids(encode, tokenizer.Options{}, want.IDs)
		c.equal("type ids", whole.TypeIDs, want.Types)
		c.ids(encode, tokenizer.Options{WithoutSpecials: true}, want.Bare)
		c.maybe(encode, tokenizer.Options{SpecialsAsText: true}, want.AsText)
		c.ids(encode, tokenizer.Options{MaxTokens: libraryCut}, want.Cut)
		c.ids(encode, tokenizer.Options{MaxTokens: libraryCut, Side: side}, want.Cut)
		c.ids(encode, tokenizer.Options{MaxTokens: libraryCut, Side: other}, want.Other)
		c.text(tk, want.IDs, false, want.Decoded)
		c.text(tk, want.IDs, true, want.Skipped)
		c.report(t, text)
	}
	for i, want := range want.Pairs {
		encode := func(o tokenizer.Options) (tokenizer.Encoding, error) { return tk.EncodePair(texts[i], texts[i+1], o) }
		if want.Error != "" {
			if _, err := encode(tokenizer.Options{}); err == nil {
				t.Errorf("%q and %q encode, but the library says %s", texts[i], texts[i+1], want.Error)
			}
			continue
		}
		var c checker
		whole := c.ids(encode, tokenizer.Options{}, want.IDs)
		c.equal("type ids", whole.TypeIDs, want.Types)
		bare := c.ids(encode, tokenizer.Options{WithoutSpecials: true}, want.Bare)
		c.equal("type ids without specials", bare.TypeIDs, want.BareTypes)
		for strategy, want := range map[tokenizer.Strategy]maybe[[]int64]{tokenizer.LongestFirst: want.LongestFirst,
			tokenizer.OnlyFirst: want.OnlyFirst, tokenizer.OnlySecond: want.OnlySecond} {
			c.maybe(encode, tokenizer.Options{MaxTokens: libraryCut, Strategy: strategy}, want)
		}
		c.report(t, texts[i]+"\" and \""+texts[i+1])
	}
}

// A checker collects the differences for one text, so that the text is reported with each.
type checker struct{ faults []string }

func (c *checker) fault(format string, args ...any) {
	c.faults = append(c.faults, fmt.Sprintf(format, args...))
}

func (c *checker) equal(what string, got, want []int64) {
	if !slices.Equal(got, want) {
		c.fault("%s:\n got %v\nwant %v", what, got, want)
	}
}

func (c *checker) ids(encode func(tokenizer.Options) (tokenizer.Encoding, error), o tokenizer.Options,
	want []int64) tokenizer.Encoding {
	got, err := encode(o)
	if err != nil {
		c.fault("%+v: %v", o, err)
	} else {
		c.equal(fmt.Sprintf("%+v", o), got.IDs, want)
	}
	return got
}

func (c *checker) maybe(encode func(tokenizer.Options) (tokenizer.Encoding, error), o tokenizer.Options,
	want maybe[[]int64]) {
	if want.failed == "" {
		c.ids(encode, o, want.value)
	} else if e, err := encode(o); err == nil {
		c.fault("%+v: %v, but the library says %s", o, e.IDs, want.failed)
	}
}

func (c *checker) text(tk *tokenizer.Tokenizer, ids []int64, skip bool, want maybe[string]) {
	got, err := tk.Decode(ids, skip)
	switch {
	case want.failed != "": // the library panics on short tokens, so there is nothing to compare
	case err != nil:
		c.fault("decode: %v", err)
	case got != want.value:
		c.fault("decode, skip %v:\n got %q\nwant %q", skip, got, want.value)
	}
}

func (c *checker) report(t *testing.T, text string) {
	t.Helper()
	for _, fault := range c.faults {
		t.Errorf("\"%.300s\": %s", text, fault)
	}
}
