package onnx

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"w2s/internal/onnxproto"
	"w2s/internal/shareddata"
	"w2s/onnx/tokenizer"
)

// dims returns dimensions: a number is a size, "?" has neither size nor name, and other texts are names.
func dims(list ...any) (out []onnxproto.Dim) {
	for _, d := range list {
		switch d := d.(type) {
		case int:
			out = append(out, onnxproto.Dim{Size: int64(d)})
		case string:
			out = append(out, onnxproto.Dim{Name: strings.TrimPrefix(d, "?")})
		}
	}
	return out
}

func TestLayOut(t *testing.T) {
	for _, test := range []struct {
		dims  []onnxproto.Dim
		shape string // for 7 texts of 3 tokens
		rows  int
		fault string
	}{
		{dims("batch_size", 4, "past_sequence_length", 64), "[7 4 3 64]", 0, ""},
		{dims("s0", 4, "s7", 64), "[7 4 3 64]", 0, ""},
		{dims("unk__12", 4, "unk__13", 64), "[7 4 3 64]", 0, ""},
		{dims("?", 4, "?", 64), "[7 4 3 64]", 0, ""},
		{dims("batch", 4, "cache_length", 64), "[7 4 3 64]", 0, ""},
		{dims("b", 4, "past", 64), "[7 4 3 64]", 0, ""},
		{dims(1, 4, "s7", 64), "[1 4 3 64]", 1, ""},
		{dims(5, 4, "?", 64), "[5 4 3 64]", 5, ""},
		{dims("past_seq", 4, "batch", 64), "[3 4 7 64]", 0, ""},
		{dims("s0", "past_length", 4, 64), "[7 3 4 64]", 0, ""},
		{dims(2, "s0", 4, "s7", 64), "[2 7 4 3 64]", 0, ""},
		{dims(2, "batch", 4, "past_sequence", 64), "[2 7 4 3 64]", 0, ""},
		{dims("s0", "s7", 128), "[7 3 128]", 0, ""},
		{dims("batch", 128, "s7"), "[7 128 3]", 0, ""},
		{dims(4, "past", 64), "[4 3 64]", 1, ""},
		{dims("s0", "s1", "s7", 64), "", 0, "dimension s1 of unknown size"},
		{dims("s0", 4, "s7", "s8"), "", 0, "dimension s8 of unknown size"},
		{dims("batch", "num_heads", "past", 64), "", 0, "dimension num_heads of unknown size"},
		{dims("batch_size x num_heads", 64, "past"), "[7 64 3]", 0, ""},
		{dims("s0", 4, 2048, 64), "", 0, "no dimension for the number of tokens"},
		{dims(1, 4, 2048, 64), "", 0, "no dimension for the number of tokens"},
		{nil, "", 0, "no dimension for the number of tokens"},
	} {
		in := input{Value: onnxproto.Value{Name: "past_key_values.0.key", Ranked: true, Dims: test.dims}, role: pastState}
		rows, err := in.layOut()
		if test.fault != "" {
			if err == nil || !strings.Contains(err.Error(), test.fault) {
				t.Errorf("%v: got error %v, want %q", test.dims, err, test.fault)
			}
			continue
		}
		if err != nil {
			t.Errorf("%v: %v", test.dims, err)
			continue
		}
		if shape := fmt.Sprint(pastShape(in, 7, 3)); shape != test.shape || rows != test.rows {
			t.Errorf("%v: shape %s and a batch of %d, want %s and %d", test.dims, shape, rows, test.shape, test.rows)
		}
	}
	if _, err := (&input{}).layOut(); err == nil || !strings.Contains(err.Error(), "does not give its shape") {
		t.Errorf("without a shape: %v", err)
	}
}

func TestCachePart(t *testing.T) {
	for _, test := range []struct {
		past, present string
		same          bool
	}{
		{"past_key_values.0.key", "present.0.key", true},
		{"past_key_values.0.key", "present_key_values.0.key", true},
		{"past_key_values.11.value", "new_value_11", true},
		{"past_key_values.3.key", "layers.3.self_attn.k_cache", true},
		{"past_3", "present_3", true},
		{"past_key_values.0.key_value", "present_key_value_0", true},
		{"past_key_0", "out_k_0", true},
		{"past_key_values.1.key", "present.11.key", false},
		{"past_key_values.1.key", "present.1.value", false},
		{"past_key_values.1.key", "output_1", false},
	} {
		if same := cachePart(test.past) == cachePart(test.present); same != test.same {
			t.Errorf("%s and %s: %q and %q", test.past, test.present, cachePart(test.past), cachePart(test.present))
		}
	}
}

// summing returns a change of a model that makes its hidden state at each token the sum of the ids up to it, by means of a cache.
// The logits are the same number twice. The cache has the given dimensions, of which the third is the tokens.
func summing(past []onnxproto.Dim, present string) func(m *onnxproto.Model) {
	return func(m *onnxproto.Model) {
		batch := past[0]
		m.Inputs[0].Dims = []onnxproto.Dim{batch, {Name: "s1"}}
		m.Inputs = append(m.Inputs, onnxproto.Value{Name: "past_key_values.0.key", Type: onnxproto.Float32, Dims: past})
		three := func(width int64) []onnxproto.Dim { return []onnxproto.Dim{batch, {Name: "s1"}, {Size: width}} }
		m.Outputs = []onnxproto.Value{{Name: "last_hidden_state", Type: onnxproto.Float32, Dims: three(1)},
			{Name: "logits", Type: onnxproto.Float32, Dims: three(2)},
			{Name: present, Type: onnxproto.Float32, Dims: []onnxproto.Dim{batch, {Size: 1}, {Name: "t"}, {Size: 1}}}}
		m.Initializers = []onnxproto.Tensor{onnxproto.Int64Tensor("axes", []int64{2}, []int64{1, 3}), onnxproto.Int64Tensor("two", nil, []int64{2}),
			onnxproto.Int64Tensor("axis 2", []int64{1}, []int64{2}), onnxproto.Int64Tensor("axis 1", []int64{1}, []int64{1}),
			onnxproto.Int64Tensor("one", nil, []int64{1}), onnxproto.Int64Tensor("end", []int64{1}, []int64{math.MaxInt64}),
			onnxproto.Float32Tensor("pair", []int64{1, 2}, []float32{1, 1})}
		m.Nodes = []onnxproto.Node{
			{Op: "Cast", Inputs: []string{"input_ids"}, Outputs: []string{"floats"}, Attrs: []onnxproto.Attr{onnxproto.Int("to", int64(onnxproto.Float32))}},
			{Op: "Unsqueeze", Inputs: []string{"floats", "axes"}, Outputs: []string{"k"}}, // [batch, 1, tokens, 1]
			{Op: "Concat", Inputs: []string{"past_key_values.0.key", "k"}, Outputs: []string{present}, Attrs: []onnxproto.Attr{onnxproto.Int("axis", 2)}},
			{Op: "CumSum", Inputs: []string{present, "two"}, Outputs: []string{"sums"}},
			{Op: "Shape", Inputs: []string{"input_ids"}, Outputs: []string{"shape"}},
			{Op: "Gather", Inputs: []string{"shape", "axis 1"}, Outputs: []string{"new"}},
			{Op: "Neg", Inputs: []string{"new"}, Outputs: []string{"start"}},
			{Op: "Slice", Inputs: []string{"sums", "start", "end", "axis 2"}, Outputs: []string{"last"}},
			{Op: "Squeeze", Inputs: []string{"last", "axis 1"}, Outputs: []string{"last_hidden_state"}},
			{Op: "MatMul", Inputs: []string{"last_hidden_state", "pair"}, Outputs: []string{"logits"}},
		}
	}
}

// summingFolder makes a checkpoint of summing.
func summingFolder(t *testing.T, past []onnxproto.Dim, present, until string) string {
	dir := copyFixture(t, "bert-tiny")
	remove(t, dir, "config.json")
	remove(t, dir, "1_Pooling")
	remove(t, dir, "modules.json")
	model(t, dir, summing(past, present))
	if until != "" {
		write(t, dir, "w2s.json", fmt.Sprintf(`{"format":1,"shared_until":%q}`, until))
	}
	return dir
}

// TestCacheByPlace encodes with models whose cache has dimensions and outputs of other names than usual, whole and with shared
// prefixes.
func TestCacheByPlace(t *testing.T) {
	rt := testRuntime(t)
	texts := []string{"one", "one: two three", "one: two", "one two three: four five six seven eight", "one: seven"}
	for _, test := range []struct {
		past    []onnxproto.Dim
		present string
		shares  bool
	}{
		{dims("batch_size", 1, "past_sequence_length", 1), "present.0.key", true},
		{dims("s0", 1, "s7", 1), "present.0.key", true},
		{dims("s0", 1, "s7", 1), "present_key_values.0.key", true},
		{dims("?", 1, "?", 1), "updated_k_0", true},
		{dims(1, 1, "s7", 1), "present.0.key", false},
		{dims(3, 1, "s7", 1), "output_1", false},
		{dims("s0", 1, "s7", 1), "output_1", false},
	} {
		for _, until := range []string{"", ":"} {
			if until != "" && !test.shares {
				continue
			}
			t.Run(fmt.Sprint(test.past, test.present, until), func(t *testing.T) {
				e := openTest(t, rt, summingFolder(t, test.past, test.present, until), Options{})
				l, err := e.load(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for i, v := range encodeAll(t, e, texts) {
					enc, err := l.tokenizer.Encode(texts[i], e.checkpoint.tokenizerOptions())
					if err != nil {
						t.Fatal(err)
					}
					want := mean(enc.IDs) * float32(len(enc.IDs))
					if math.Abs(float64(v.Values[0]-want)) > 1e-3 {
						t.Errorf("%q has vector %v, want %v", texts[i], v.Values[0], want)
					}
				}
			})
		}
	}
}

// TestGeneratorCacheByPlace continues a text with a cache whose names are not the usual ones. Each hidden state must be the sum of
// all ids so far.
func TestGeneratorCacheByPlace(t *testing.T) {
	testRuntime(t)
	for _, present := range []string{"present.0.key", "new_k_0"} {
		g := openGenerator(t, summingFolder(t, dims("s0", 1, "s7", 1), present, ""), Options{})
		enc, err := g.Tokenizer().Encode("one two", tokenizer.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var sum int64
		for _, id := range enc.IDs {
			sum += id
		}
		out, err := g.Greedy(t.Context(), "one two", GreedyOptions{MaxTokens: 4, Pick: func(_, _ []float32) int64 { return 1 }})
		if err != nil {
			t.Fatal(err)
		}
		for i, hidden := range out.Hidden {
			if want := float32(sum + int64(i)); hidden[0] != want {
				t.Errorf("%s: hidden state %d is %v, want %v", present, i, hidden[0], want)
			}
		}
	}
	dir := summingFolder(t, dims("s0", 1, "s7", 1), "output_1", "")
	if _, err := OpenGenerator(t.Context(), testRuntime(t), dir, Options{}); err == nil || !strings.Contains(err.Error(), "no output feeds it") {
		t.Errorf("an output without a telling name: %v", err)
	}
}

// TestCacheFaultsAreFoundEarly expects that reading a checkpoint fails where encoding would.
func TestCacheFaultsAreFoundEarly(t *testing.T) {
	for _, test := range []struct {
		past []onnxproto.Dim
		want string
	}{
		{dims("s0", "s3", "s7", 1), `input "past_key_values.0.key": its shape [s0 s3 s7 1] has a dimension s3 of unknown size`},
		{dims("s0", 1, 16, 1), "no dimension for the number of tokens"},
	} {
		_, err := ReadCheckpoint(summingFolder(t, test.past, "present.0.key", ""), Options{})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: got error %v, want %q", test.past, err, test.want)
		}
	}
}

// TestMergedDecoder encodes with the model that showed the fault. Without a cache its hidden state is twice the embedding.
func TestMergedDecoder(t *testing.T) {
	folder := shareddata.Path(t, "cases", "merged-decoder")
	data, err := os.ReadFile(folder + "/x.json")
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	if err := json.Unmarshal(data, &texts); err != nil {
		t.Fatal(err)
	}
	e := openTest(t, testRuntime(t), folder+"/m", Options{})
	f, err := onnxproto.Open(e.checkpoint.Model)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	table, shape, err := f.Floats("emb")
	if err != nil {
		t.Fatal(err)
	}
	l, err := e.load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range encodeAll(t, e, append(texts, texts[0]+" again")) {
		enc, err := l.tokenizer.Encode(append(texts, texts[0]+" again")[i], e.checkpoint.tokenizerOptions())
		if err != nil {
			t.Fatal(err)
		}
		want := slices.Clone(table[enc.IDs[len(enc.IDs)-1]*shape[1]:][:shape[1]])
		for j := range want {
			want[j] *= 2
		}
		if d := distance(v.Values, want); d > 1e-6 {
			t.Errorf("text %d has vector %v, want %v", i, v.Values, want)
		}
	}
}
