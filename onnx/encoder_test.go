package onnx

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"w2s/internal/onnxproto"
	"w2s/internal/shareddata"
)

// tiny opens a committed checkpoint.
func tiny(tb testing.TB, name string, o Options) *Encoder {
	tb.Helper()
	return openTest(tb, testRuntime(tb), filepath.Join(shareddata.Root(), "fixtures", "models", name), o)
}

func TestEncodeEdges(t *testing.T) {
	e := tiny(t, "bert-tiny", Options{})
	if err := e.Encode(t.Context(), nil, ignore); err != nil {
		t.Errorf("no texts: %v", err)
	}
	texts := []string{"one", "two words", "one", "\xff\xfe\x00", strings.Repeat("long ", 500), "one"}
	got := encodeAll(t, e, texts)
	for _, i := range []int{2, 5} {
		if !slices.Equal(got[i].Values, got[0].Values) || got[i].Tokens != got[0].Tokens {
			t.Errorf("equal texts 0 and %d have different vectors", i)
		}
	}
	if slices.Equal(got[0].Values, got[1].Values) {
		t.Error("different texts have equal vectors")
	}
	if !got[4].Truncated || got[4].Tokens != e.Checkpoint().MaxTokens || got[0].Truncated {
		t.Errorf("long text has %d tokens, truncated %v; short text truncated %v", got[4].Tokens, got[4].Truncated, got[0].Truncated)
	}
	stop := errors.New("stop")
	calls := 0
	if err := e.Encode(t.Context(), texts, func(int, []float32, int, bool) error { calls++; return stop }); err != stop || calls != 1 {
		t.Errorf("emit's error: %v after %d calls", err, calls)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.Encode(ctx, texts, ignore); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v", err)
	}
}

// TestLowerCaseIsEncoded uses a tokenizer that distinguishes upper and lower case.
func TestLowerCaseIsEncoded(t *testing.T) {
	dir := copyFixture(t, "roberta-tiny")
	plain := openTest(t, testRuntime(t), dir, Options{})
	write(t, dir, "sentence_bert_config.json", `{"do_lower_case": true}`)
	lower := openTest(t, testRuntime(t), dir, Options{})
	want := encodeAll(t, plain, []string{"some words", "SOME Words"})
	got := encodeAll(t, lower, []string{"some words", "SOME Words"})
	if slices.Equal(want[0].Values, want[1].Values) || plain.Key() == lower.Key() {
		t.Error("upper and lower case are not distinguished")
	}
	for i := range got {
		if !slices.Equal(got[i].Values, want[0].Values) {
			t.Errorf("text %d is not converted to lower case", i)
		}
	}
}

// TestTooLong uses a model whose number of positions cannot be found in files or graph. The error must name the text.
func TestTooLong(t *testing.T) {
	dir := copyFixture(t, "bert-tiny")
	for _, name := range []string{"config.json", "tokenizer_config.json", "sentence_bert_config.json"} {
		remove(t, dir, name)
	}
	path := filepath.Join(dir, "model.onnx")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "model.onnx", strings.ReplaceAll(string(data), "position_embeddings", "place_of_embeddings"))
	e := openTest(t, testRuntime(t), dir, Options{})
	err = e.Encode(t.Context(), []string{"short", strings.Repeat("long ", 100)}, ignore)
	if err == nil || !strings.Contains(err.Error(), "text 2 of 2, with ") || !strings.Contains(err.Error(), "set max_tokens in w2s.json") {
		t.Errorf("error %v does not name the text and max_tokens", err)
	}
}

func TestEncodeConcurrently(t *testing.T) {
	e := tiny(t, "bert-tiny", Options{})
	var texts []string
	for i := range 40 {
		texts = append(texts, strings.Repeat("word ", i))
	}
	want := encodeAll(t, e, texts)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for i, v := range encodeAll(t, e, texts) {
				if !slices.Equal(v.Values, want[i].Values) {
					t.Errorf("text %d has a different vector", i)
				}
			}
		})
	}
	wait.Wait()
}

func TestClosed(t *testing.T) {
	rt := testRuntime(t)
	e, err := Open(t.Context(), rt, filepath.Join(shareddata.Root(), "fixtures", "models", "bert-tiny"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(e.Close(), e.Close()); err != nil {
		t.Error(err)
	}
	if err := e.Encode(t.Context(), []string{"x"}, nil); !errors.Is(err, errClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestProviderMissing(t *testing.T) {
	for _, provider := range Providers() {
		if provider == CPU {
			continue
		}
		e := tiny(t, "bert-tiny", Options{Provider: strings.ToUpper(provider)})
		err := e.Encode(t.Context(), []string{"x"}, ignore)
		if err == nil {
			t.Logf("the library supports %s", provider)
		} else if want := "cannot use provider " + provider; !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	if e := tiny(t, "bert-tiny", Options{Provider: CPU, Settings: map[string]string{"arena": "1"}}); e.Encode(t.Context(), []string{"x"}, nil) == nil {
		t.Error("provider cpu accepted a setting")
	}
}

func TestRuntimeFaults(t *testing.T) {
	text := filepath.Join(t.TempDir(), "libonnxruntime.so")
	write(t, filepath.Dir(text), filepath.Base(text), "not a library")
	for path, want := range map[string]string{
		"": "no path", filepath.Join(t.TempDir(), "none.so"): "no such file", t.TempDir(): "is a folder", text: text,
	} {
		if _, err := OpenRuntime(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("OpenRuntime(%q): %v, want an error with %q", path, err, want)
		}
	}
	rt := testRuntime(t)
	if !strings.HasPrefix(rt.Version(), "1.") {
		t.Errorf("version %q", rt.Version())
	}
	again, err := OpenRuntime(rt.Path())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenRuntime(text); err == nil || !strings.Contains(err.Error(), "is open already") {
		t.Errorf("second library: %v", err)
	}
	if err := errors.Join(again.Close(), again.Close()); err != nil {
		t.Error(err)
	}
	tiny(t, "bert-tiny", Options{}) // the library is still loaded
}

// fixed fixes the shape of a model's input and output.
func fixed(rows, cols int64) func(*onnxproto.Model) {
	return func(m *onnxproto.Model) {
		m.Inputs[0].Dims = []onnxproto.Dim{{Size: rows}, {Size: cols}}
		m.Outputs[0].Dims = []onnxproto.Dim{{Size: rows}, {Size: cols}, {Size: 1}}
	}
}

// renamed makes a model output another input instead of the ids.
func renamed(name string, typ onnxproto.DataType) func(*onnxproto.Model) {
	return func(m *onnxproto.Model) {
		other := m.Inputs[0]
		other.Name, other.Type = name, typ
		m.Inputs = append(m.Inputs, other)
		m.Nodes[0].Inputs = []string{name}
	}
}

// TestPositionsFromPadding expects RoBERTa to be fed positions that count from the padding id on, as its embedding does.
func TestPositionsFromPadding(t *testing.T) {
	rt := testRuntime(t)
	for _, left := range []bool{false, true} {
		for config, first := range map[string]int{
			`{"model_type": "roberta", "pad_token_id": 1}`: 2, `{"model_type": "mpnet", "pad_token_id": 7}`: 8, `{"model_type": "bert", "pad_token_id": 1}`: 0} {
			dir := copyFixture(t, "bert-tiny")
			model(t, dir, func(m *onnxproto.Model) {
				if left {
					fixed(3, 12)(m)
				}
				renamed("position_ids", onnxproto.Int64)(m)
			})
			write(t, dir, "config.json", config)
			if left {
				write(t, dir, "tokenizer_config.json", `{"padding_side":"left"}`)
			}
			for pooling, offset := range map[Pooling]func(n int) int{PoolCLS: func(int) int { return 0 }, PoolLast: func(n int) int { return n - 1 }} {
				e := openTest(t, rt, dir, Options{Pooling: pooling})
				texts := []string{"one", "one two three", "one two"}
				for i, v := range encodeAll(t, e, texts) {
					if want := float32(first + offset(v.Tokens)); v.Values[0] != want {
						t.Errorf("%s, left %v, %s of %q: position %v, want %v", config, left, pooling, texts[i], v.Values[0], want)
					}
				}
			}
		}
	}
}

// TestFeeds runs models that output what they are fed, for fixed shapes, padding on both sides, element types and positions.
func TestFeeds(t *testing.T) {
	rt := testRuntime(t)
	left := `{"padding_side":"left"}`
	texts := []string{"one", "one two three", "one two", "one two three four five six seven eight"}
	tests := []struct {
		name    string
		change  func(*onnxproto.Model)
		tokens  string // tokenizer_config.json
		pooling Pooling
		want    func(ids []int64) float32
	}{
		{"mean", nil, "", PoolMean, mean},
		{"last", nil, "", PoolLast, func(ids []int64) float32 { return float32(ids[len(ids)-1]) }},
		{"cls", nil, "", PoolCLS, func(ids []int64) float32 { return float32(ids[0]) }},
		{"fixed width, mean", fixed(0, 12), "", PoolMean, mean},
		{"fixed width, last", fixed(0, 12), "", PoolLast, func(ids []int64) float32 { return float32(ids[len(ids)-1]) }},
		{"fixed shape, last", fixed(3, 12), "", PoolLast, func(ids []int64) float32 { return float32(ids[len(ids)-1]) }},
		{"fixed shape, left, mean", fixed(3, 12), left, PoolMean, mean},
		{"fixed shape, left, cls", fixed(3, 12), left, PoolCLS, func(ids []int64) float32 { return float32(ids[0]) }},
		{"one text at a time", fixed(1, 0), "", PoolMean, mean},
		{"int32", func(m *onnxproto.Model) { m.Inputs[0].Type = onnxproto.Int32 }, "", PoolMean, mean},
		{"mask", renamed("attention_mask", onnxproto.Int64), "", PoolMean, func([]int64) float32 { return 1 }},
		{"float mask", renamed("attention_mask", onnxproto.Float32), "", PoolMean, func([]int64) float32 { return 1 }},
		{"bool mask", renamed("attention_mask", onnxproto.Bool), "", PoolMean, func([]int64) float32 { return 1 }},
		{"types", renamed("token_type_ids", onnxproto.Int32), "", PoolMean, func([]int64) float32 { return 0 }},
		{"positions", renamed("position_ids", onnxproto.Int64), "", PoolLast, func(ids []int64) float32 { return float32(len(ids) - 1) }},
		{"positions, left", func(m *onnxproto.Model) {
			fixed(3, 12)(m)
			renamed("position_ids", onnxproto.Int32)(m)
		}, left, PoolLast, func(ids []int64) float32 { return float32(len(ids) - 1) }},
		{"float64", func(m *onnxproto.Model) {
			m.Outputs[0].Type = onnxproto.Float64
			m.Nodes[0].Attrs = []onnxproto.Attr{onnxproto.Int("to", int64(onnxproto.Float64))}
		}, "", PoolMean, mean},
		{"float16", func(m *onnxproto.Model) {
			m.Outputs[0].Type = onnxproto.Float16
			m.Nodes[0].Attrs = []onnxproto.Attr{onnxproto.Int("to", int64(onnxproto.Float16))}
		}, "", PoolMean, mean},
		{"bfloat16", func(m *onnxproto.Model) {
			renamed("attention_mask", onnxproto.Int64)(m)
			m.Outputs[0].Type = onnxproto.BFloat16
			m.Nodes[0].Attrs = []onnxproto.Attr{onnxproto.Int("to", int64(onnxproto.BFloat16))}
		}, "", PoolMean, func([]int64) float32 { return 1 }},
		{"unknown width", func(m *onnxproto.Model) { m.Outputs[0].Dims[2] = onnxproto.Dim{Name: "width"} }, "", PoolMean, mean},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := copyFixture(t, "bert-tiny")
			remove(t, dir, "config.json")
			model(t, dir, tt.change)
			if tt.tokens != "" {
				write(t, dir, "tokenizer_config.json", tt.tokens)
			}
			e := openTest(t, rt, dir, Options{Pooling: tt.pooling})
			if e.Dims() != 1 {
				t.Fatalf("%d dimensions, want 1", e.Dims())
			}
			l, err := e.load(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range encodeAll(t, e, texts) {
				enc, err := l.tokenizer.Encode(texts[i], e.checkpoint.tokenizerOptions())
				if err != nil {
					t.Fatal(err)
				}
				if want := tt.want(enc.IDs); v.Values[0] != want {
					t.Errorf("%q has vector %v, want %v", texts[i], v.Values[0], want)
				}
			}
		})
	}
}

func mean(ids []int64) float32 {
	var sum float64
	for _, id := range ids {
		sum += float64(id)
	}
	return float32(sum / float64(len(ids)))
}

func TestNotFinite(t *testing.T) {
	dir := copyFixture(t, "bert-tiny")
	model(t, dir, func(m *onnxproto.Model) {
		m.Initializers = append(m.Initializers, onnxproto.Float32Tensor("zero", nil, []float32{0}))
		m.Nodes = append(m.Nodes[:1:1], onnxproto.Node{Op: "Div", Inputs: []string{"floats", "zero"}, Outputs: []string{"infinite"}},
			onnxproto.Node{Op: "Unsqueeze", Inputs: []string{"infinite", "axis"}, Outputs: []string{"last_hidden_state"}})
	})
	e := openTest(t, testRuntime(t), dir, Options{})
	err := e.Encode(t.Context(), []string{"one"}, ignore)
	if err == nil || !strings.Contains(err.Error(), "text 1 of 1: its vector is not finite") {
		t.Errorf("error %v", err)
	}
}

// TestCancel cancels a run of the model. The runtime stops between two operators, so the batch is large enough for the run to
// take seconds, and small enough that a single product does not.
func TestCancel(t *testing.T) {
	e := openTest(t, testRuntime(t), testCheckpoint(t, "all-minilm-l6-v2"), Options{BatchTokens: 1 << 14})
	encodeAll(t, e, []string{"load the model"})
	texts := make([]string, 256)
	for i := range texts {
		texts[i] = fmt.Sprint(strings.Repeat("many words ", 300), i)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var asked time.Time
	time.AfterFunc(2*time.Second, func() {
		asked = time.Now()
		cancel()
	})
	err := e.Encode(ctx, texts, ignore)
	if took := time.Since(asked); !errors.Is(err, context.Canceled) || took > 500*time.Millisecond {
		t.Errorf("error %v, %v after cancelling", err, took)
	}
}

// TestConstantMemory measures memory while many texts are encoded.
func TestConstantMemory(t *testing.T) {
	e := tiny(t, "bert-tiny", Options{})
	texts := make([]string, 100_000)
	if testing.Short() {
		texts = texts[:20_000]
	}
	for i := range texts {
		texts[i] = fmt.Sprintf("text number %d of some length %d", i, i*i)
	}
	inUse := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	runtime.GC()
	before, most, n := inUse(), uint64(0), 0
	err := e.Encode(t.Context(), texts, func(int, []float32, int, bool) error {
		if n++; n%2000 == 0 {
			runtime.GC()
			most = max(most, inUse())
		}
		return nil
	})
	if err != nil || n != len(texts) {
		t.Fatalf("%d vectors: %v", n, err)
	}
	if grown := int64(most) - int64(before); grown > 24<<20 {
		t.Errorf("memory grew by %d bytes", grown)
	}
}
