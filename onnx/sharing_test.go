package onnx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"w2s/internal/shareddata"
	"w2s/onnx/tokenizer"
)

// sharingCopy copies a checkpoint of the fixtures and sets shared_until in its w2s.json, or removes it if until is "".
func sharingCopy(tb testing.TB, fixture, until string) string {
	tb.Helper()
	dir := tb.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(shareddata.Root(), "fixtures", filepath.FromSlash(fixture)))); err != nil {
		tb.Fatal(err)
	}
	path := filepath.Join(dir, "w2s.json")
	described := map[string]any{"format": 1}
	if err := readConfig(path, &described); err != nil {
		tb.Fatal(err)
	}
	delete(described, "shared_until")
	if until != "" {
		described["shared_until"] = until
	}
	data, err := json.Marshal(described)
	if err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o666); err != nil {
		tb.Fatal(err)
	}
	return dir
}

// sharingModels lists the committed causal models with a key-value cache, each with a token that ends a shared prefix.
var sharingModels = []struct{ fixture, until, spelled string }{
	{"models/llama-tiny", ":", ":"}, {"models/gpt2-logits-tiny", ":", ":"}, {"models/gemma2-tiny", ":", ":"},
	{"chess/chess-0.1m", "move", " move"}, {"chess/chess-0.4m", "move", " move"}, {"chess/chess-1.5m", "move", " move"},
}

// sharingTexts returns texts with shared prefixes, with a prefix of their own, and without one, and whether each has a prefix that
// is run on its own.
func sharingTexts(spelled string) (texts []string, cut []bool) {
	words := strings.Fields("castle: ep: Ra1 Kg1 Pf2 pf7 kg8 ring .h8 d1 -d8 e7 -f8 =q one two bank river said")
	rng := rand.New(rand.NewPCG(5, 6))
	some := func(n int) string {
		var list []string
		for range n {
			list = append(list, words[rng.IntN(len(words))])
		}
		return strings.Join(list, " ")
	}
	add := func(in bool, text string) { texts, cut = append(texts, text), append(cut, in) }
	until := strings.TrimSpace(spelled)
	for _, n := range []int{1, 1, 3, 3, 8, 8, 8, 30, 31, 40} {
		begin := strings.ReplaceAll(some(n), ":", "") + spelled
		ends := 1 + rng.IntN(12)
		if n == 30 {
			ends = 200
		}
		for range ends {
			add(true, begin+" "+strings.ReplaceAll(some(1+rng.IntN(4)), ":", ""))
		}
		add(false, begin)
	}
	for range 5 {
		add(false, strings.ReplaceAll(some(2), ":", ""))
	}
	add(true, "one"+spelled+" two"+spelled+" bank")
	add(true, until+" one")
	add(true, until+" two")
	add(true, until+" two")
	add(false, until)
	add(false, "two"+spelled+" bank"+spelled)
	add(false, "one")
	long := strings.Repeat(" two", 600) // more tokens than the models take
	add(true, "one"+spelled+long)
	add(false, "one"+long+spelled+" two")
	return texts, cut
}

func TestSharing(t *testing.T) {
	rt := testRuntime(t)
	for _, m := range sharingModels {
		t.Run(m.fixture, func(t *testing.T) {
			dir := sharingCopy(t, m.fixture, m.until)
			texts, cut := sharingTexts(m.spelled)
			whole := encodeAll(t, openTest(t, rt, sharingCopy(t, m.fixture, ""), Options{}), texts)
			e := openTest(t, rt, dir, Options{})
			want := encodeAll(t, e, texts)
			tok, err := tokenizer.Load(filepath.Join(dir, "tokenizer.json"))
			if err != nil {
				t.Fatal(err)
			}
			id, _ := tok.ID(m.until)
			for i, v := range want {
				if d := distance(v.Values, whole[i].Values); d > 1e-5 {
					t.Errorf("%.80q is off by %g from the text run whole", texts[i], d)
				}
				if v.Tokens != whole[i].Tokens || v.Truncated != whole[i].Truncated {
					t.Errorf("%.80q has %d tokens, truncated %v, want %d, %v", texts[i], v.Tokens, v.Truncated, whole[i].Tokens, whole[i].Truncated)
				}
				enc, err := tok.Encode(texts[i], e.Checkpoint().tokenizerOptions())
				if err != nil {
					t.Fatal(err)
				}
				// The tiny models take so few tokens that truncation may remove the end of the prefix. The last two texts are made for that.
				if got := sharedLength(enc.IDs, id) > 0; got != cut[i] && (!v.Truncated || i >= len(texts)-2) {
					t.Errorf("%.80q is run in two steps: %v, want %v", texts[i], got, cut[i])
				}
			}
			if n := len(texts); !want[n-1].Truncated || !want[n-2].Truncated {
				t.Error("the long texts were not truncated")
			}
			checkInvariance(t, rt, dir, texts, want)
		})
	}
}

func TestSharingIsRefused(t *testing.T) {
	for _, c := range []struct{ fixture, until, want string }{
		{"models/gpt2-tiny", ":", "no inputs past_key_values"},
		{"models/bert-tiny", "the", "no inputs past_key_values"},
	} {
		_, err := ReadCheckpoint(sharingCopy(t, c.fixture, c.until), Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "leave it out") {
			t.Errorf("%s: error %v, want one with %q", c.fixture, err, c.want)
		}
	}
	e := openTest(t, testRuntime(t), sharingCopy(t, "models/llama-tiny", "no such token"), Options{})
	err := e.Encode(t.Context(), []string{"a"}, ignore)
	if err == nil || !strings.Contains(err.Error(), `"no such token" is not a token`) {
		t.Errorf("an unknown token: error %v", err)
	}
}

// TestSharingChangesTheKey checks that the key depends on shared_until exactly if texts are run in two steps because of it.
func TestSharingChangesTheKey(t *testing.T) {
	rt := testRuntime(t)
	key := func(until string, o Options) string {
		return openTest(t, rt, sharingCopy(t, "models/llama-tiny", until), o).Key()
	}
	whole, colon, space := key("", Options{}), key(":", Options{}), key("▁", Options{})
	if whole == colon || colon == space || whole == space {
		t.Errorf("keys %s, %s and %s are not all different", whole, colon, space)
	}
	if mean := (Options{Pooling: PoolMean}); key("", mean) != key(":", mean) {
		t.Error("the key changes although the mean is taken over whole texts")
	}
}

// TestSharingLeavesTheMeanAlone checks that texts are run whole for other poolings than the last token.
func TestSharingLeavesTheMeanAlone(t *testing.T) {
	rt := testRuntime(t)
	texts, _ := sharingTexts(":")
	o := Options{Pooling: PoolMean}
	want := encodeAll(t, openTest(t, rt, sharingCopy(t, "models/llama-tiny", ""), o), texts)
	for i, v := range encodeAll(t, openTest(t, rt, sharingCopy(t, "models/llama-tiny", ":"), o), texts) {
		if !slices.Equal(v.Values, want[i].Values) {
			t.Fatalf("%q has another vector with shared_until", texts[i])
		}
	}
}

func TestSharingIsCancelled(t *testing.T) {
	e := openTest(t, testRuntime(t), sharingCopy(t, "models/llama-tiny", ":"), Options{})
	var texts []string
	for i := range 20000 {
		texts = append(texts, fmt.Sprintf("%s: %d", strings.Repeat("bank river ", 3+i%9), i))
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	calls := 0
	err := e.Encode(ctx, texts, func(int, []float32, int, bool) error {
		if calls++; calls == 1 {
			cancel()
		}
		return nil
	})
	// Only the batch that was running when the context ended may still be emitted.
	if !errors.Is(err, context.Canceled) || calls > len(texts)/10 {
		t.Errorf("error %v after %d of %d texts", err, calls, len(texts))
	}
}

func TestShareJobs(t *testing.T) {
	made := func(text, rest int, prefix ...int64) item {
		return item{text: text, shared: len(prefix), Encoding: tokenizer.Encoding{IDs: append(slices.Clone(prefix), make([]int64, rest)...)}}
	}
	var items []item
	for i := range 50 { // more texts than fit into a job
		items = append(items, made(i, 1, 7, 7))
	}
	for i := range 9 { // nine prefixes, of which three fit into a job
		items = append(items, made(50+i, 2, int64(i), 1, 2), made(60+i, 1, int64(i), 1, 2))
	}
	seen := map[int]bool{}
	for _, j := range shareJobs(items, 10) {
		tokens := 0
		for _, it := range j.items {
			seen[it.text] = true
			tokens += len(it.IDs) - it.shared
			if !slices.Equal(j.prefixes[it.prefix], it.IDs[:it.shared]) {
				t.Errorf("text %d has prefix %v, want %v", it.text, j.prefixes[it.prefix], it.IDs[:it.shared])
			}
		}
		if n := len(j.prefixes); n*len(j.prefixes[0]) > 10 || tokens > 13 {
			t.Errorf("a job has %d prefixes of %d tokens and %d tokens after them", n, len(j.prefixes[0]), tokens)
		}
		for i := 1; i < len(j.prefixes); i++ {
			if len(j.prefixes[i]) != len(j.prefixes[0]) || slices.Equal(j.prefixes[i], j.prefixes[i-1]) {
				t.Errorf("a job has prefixes %v", j.prefixes)
			}
		}
	}
	if len(seen) != len(items) {
		t.Errorf("%d of %d texts are in jobs", len(seen), len(items))
	}
	if jobs := shareJobs(nil, 10); len(jobs) != 0 {
		t.Errorf("%d jobs without a text", len(jobs))
	}
}
