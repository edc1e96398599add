package onnx

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	ort "github.com/yalue/onnxruntime_go"

	"w2s/internal/drawn"
	"w2s/internal/onnxproto"
	"w2s/internal/safetensors"
	"w2s/onnx/families"
)

// checkLayers compares a checkpoint of safetensors with torch: every output and pooling of reference.json, and what is chosen by
// default. The largest difference may be 1e-5 of the largest number.
func checkLayers(t *testing.T, rt *Runtime, dir string) {
	t.Helper()
	path := filepath.Join(dir, "reference.json")
	r, err := ReadReference(path)
	if err != nil {
		t.Fatal(err)
	}
	checkChoice(t, dir)
	list, err := r.Compare(t.Context(), rt, dir, r.Options(Options{}))
	if err != nil {
		t.Fatal(err)
	}
	var worst Comparison
	for _, c := range list {
		if !(c.Largest < 1e-5) {
			t.Errorf("%s, %s: off by %g of the largest number in text %d %s", c.Output, c.Pooling, c.Largest, c.Text, c.Fault)
		}
		if c.Largest >= worst.Largest {
			worst = c
		}
	}
	t.Logf("largest difference %.1e (%s, %s)", worst.Largest, worst.Output, worst.Pooling)
}

// checkChoice checks which output and pooling a checkpoint has without options, and that all its settings are known.
func checkChoice(t *testing.T, dir string) *Checkpoint {
	t.Helper()
	c, byDefault := mustRead(t, dir, Options{}), readReference(t, dir).Default
	if c.Output != byDefault.Output || c.Pooling != byDefault.Pooling {
		t.Errorf("the output is %s and the pooling %s, want %s and %s", c.Output, c.Pooling, byDefault.Output, byDefault.Pooling)
	}
	if unknown := c.source.made.Unknown; len(unknown) > 0 {
		t.Errorf("settings of config.json are unknown: %q", unknown)
	}
	return c
}

// TestDrawn compares tiny models of every family and setting with torch: states of every layer and logits of whole texts, of texts
// that are run in two steps with a key-value cache, and greedy continuations.
func TestDrawn(t *testing.T) {
	rt := testRuntime(t)
	for _, name := range drawn.Names(t) {
		t.Run(name, func(t *testing.T) {
			model := drawn.Read(t, name)
			dir := model.Write(t)
			c, r := checkChoice(t, dir), readReference(t, dir)
			made := c.source.made
			whole := newMadeSession(t, made, false)
			for i, ids := range r.TokenIDs {
				states, _ := whole.run(t, ids, nil)
				compareLayers(t, r, i, states)
			}
			if made.Causal {
				cached := newMadeSession(t, made, true)
				for i, ids := range r.TokenIDs {
					if made.ByLength || len(ids) < 2 {
						continue // if by length, keys of the first step were turned as belongs to its length
					}
					cut := len(ids) * 2 / 3
					_, cache := cached.run(t, ids[:cut], nil)
					rest, _ := cached.run(t, ids[cut:], cache)
					compareLayers(t, r, i, rest)
				}
			}
			// The usual way, with the output and pooling that are chosen by default.
			want := r.Features[c.Output][c.Pooling]
			if c.Pooling == PoolLast {
				want = r.Features[fmt.Sprint("hidden_states.", made.Layers)][c.Pooling]
			}
			e := openTest(t, rt, dir, Options{MaxTokens: r.MaxTokens})
			for i, v := range encodeAll(t, e, r.Texts) {
				compare(t, fmt.Sprintf("text %d", i), v.Values, want, i)
			}
			if model.Generated != nil {
				compareGenerated(t, dir, r, model.Generated)
			}
		})
	}
}

// compare fails unless got is within 1e-5 of the largest number of all vectors from vector i.
func compare(t *testing.T, what string, got []float32, all [][]float32, i int) {
	t.Helper()
	var size, off float64
	for _, v := range all {
		for _, x := range v {
			size = max(size, math.Abs(float64(x)))
		}
	}
	if len(got) != len(all[i]) {
		t.Errorf("%s has %d numbers, want %d", what, len(got), len(all[i]))
		return
	}
	for j, x := range got {
		off = max(off, math.Abs(float64(x)-float64(all[i][j])))
	}
	if !(off <= 1e-5*size) {
		t.Errorf("%s is off by %g of the largest number", what, off/size)
	}
}

// compareLayers compares the last token of every output with text i of the reference, and the mean of the outputs whose mean the
// reference has, if the states are those of all tokens.
func compareLayers(t *testing.T, r reference, i int, got map[string][][]float32) {
	t.Helper()
	if len(got) < len(r.Features) {
		t.Errorf("%d outputs, the reference has %d", len(got), len(r.Features))
	}
	for output, poolings := range r.Features {
		rows := got[output]
		if want := poolings[PoolLast]; want != nil {
			compare(t, fmt.Sprintf("text %d, %s, last token", i, output), rows[len(rows)-1], want, i)
		}
		if want := poolings[PoolMean]; want != nil && len(rows) == len(r.TokenIDs[i]) {
			mean := make([]float32, len(rows[0]))
			for j := range mean {
				var sum float64
				for _, row := range rows {
					sum += float64(row[j])
				}
				mean[j] = float32(sum / float64(len(rows)))
			}
			compare(t, fmt.Sprintf("text %d, %s, mean", i, output), mean, want, i)
		}
	}
}

// compareGenerated compares greedy continuations with those of torch, and logits with rows of Unembedding times hidden states.
func compareGenerated(t *testing.T, dir string, r reference, want [][]int64) {
	t.Helper()
	g := openGenerator(t, dir, Options{MaxTokens: r.MaxTokens})
	g.ends = nil // the reference does not stop at an end token
	for i, text := range r.Texts {
		out, err := g.Greedy(t.Context(), text, GreedyOptions{MaxTokens: len(want[i])})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(out.Tokens, want[i]) {
			t.Errorf("text %d continues with %v, want %v", i, out.Tokens, want[i])
		}
	}
	tokens := make([]int, g.Vocab())
	for i := range tokens {
		tokens[i] = i
	}
	rows, bias, err := g.Unembedding(tokens)
	if err != nil {
		t.Fatal(err)
	}
	softcap := logitCap(t, dir)
	_, err = g.Greedy(t.Context(), r.Texts[1], GreedyOptions{MaxTokens: 2, Pick: func(hidden, logits []float32) int64 {
		got := make([]float32, len(rows))
		for i, row := range rows {
			sum := float64(bias[i])
			for j, x := range row {
				sum += float64(x) * float64(hidden[j])
			}
			if softcap > 0 {
				sum = softcap * math.Tanh(sum/softcap)
			}
			got[i] = float32(sum)
		}
		compare(t, "rows of Unembedding times hidden state", got, [][]float32{logits}, 0)
		return argmax(logits)
	}})
	if err != nil {
		t.Fatal(err)
	}
}

// logitCap returns final_logit_softcapping of config.json, or 0.
func logitCap(t *testing.T, dir string) float64 {
	t.Helper()
	var config struct {
		Cap float64 `json:"final_logit_softcapping"`
	}
	if err := readConfig(filepath.Join(dir, "config.json"), &config); err != nil {
		t.Fatal(err)
	}
	return config.Cap
}

// A madeSession runs a graph with all outputs of a checkpoint of safetensors.
type madeSession struct {
	session *ort.DynamicAdvancedSession
	inputs  []onnxproto.Value
	outputs []string
}

func newMadeSession(t *testing.T, made *families.Checkpoint, cached bool) *madeSession {
	t.Helper()
	graph, err := made.Graph(families.Want{Outputs: made.Outputs(), Cache: cached})
	if err != nil {
		t.Fatal(err)
	}
	data, err := graph.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	options, err := ort.NewSessionOptions()
	if err != nil {
		t.Fatal(err)
	}
	defer options.Destroy()
	if err := options.SetIntraOpNumThreads(1); err != nil {
		t.Fatal(err)
	}
	if err := options.AddSessionConfigEntry("session.model_external_initializers_file_folder_path", made.Weights.Base()); err != nil {
		t.Fatal(err)
	}
	s := &madeSession{inputs: graph.Inputs}
	var inputs []string
	for _, v := range graph.Inputs {
		inputs = append(inputs, v.Name)
	}
	for _, v := range graph.Outputs {
		s.outputs = append(s.outputs, v.Name)
	}
	if s.session, err = ort.NewDynamicAdvancedSessionWithONNXData(data, inputs, s.outputs, options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.session.Destroy() })
	return s
}

// run runs one text after the tokens in a cache. It returns the rows of every output and the new cache.
func (s *madeSession) run(t *testing.T, ids []int64, cache map[string]ort.Value) (rows map[string][][]float32, next map[string]ort.Value) {
	t.Helper()
	var in []ort.Value
	for _, v := range s.inputs {
		var value ort.Value
		var err error
		switch past, found := cache[strings.Replace(v.Name, "past_key_values", "present", 1)]; {
		case found:
			value = past
		case v.Name == "input_ids":
			value, err = ort.NewTensor(ort.NewShape(1, int64(len(ids))), append([]int64{}, ids...))
		case v.Name == "token_type_ids":
			value, err = ort.NewTensor(ort.NewShape(1, int64(len(ids))), make([]int64, len(ids)))
		default:
			value, err = ort.NewEmptyTensor[float32](ort.NewShape(1, v.Dims[1].Size, 0, v.Dims[3].Size))
		}
		if err != nil {
			t.Fatal(err)
		}
		in = append(in, value)
	}
	out := make([]ort.Value, len(s.outputs))
	if err := s.session.Run(in, out); err != nil {
		t.Fatal(err)
	}
	for _, v := range in {
		v.Destroy()
	}
	rows, next = map[string][][]float32{}, map[string]ort.Value{}
	for i, name := range s.outputs {
		if strings.HasPrefix(name, "present.") {
			next[name] = out[i]
			continue
		}
		v := out[i].(*ort.Tensor[float32])
		width := int(v.GetShape()[2])
		rows[name] = slices.Collect(slices.Chunk(slices.Clone(v.GetData()), width))
		v.Destroy()
	}
	return rows, next
}

// TestDrawnSharing encodes texts with a common beginning, which is run once, and compares them with the same texts run whole.
func TestDrawnSharing(t *testing.T) {
	rt := testRuntime(t)
	begin := "the weak model says that it sees no more than one word :"
	texts := []string{begin + " yes", begin + " not", begin + " not one , two", begin + " it sees no more", begin + " a strong model goes on", "weak : yes", "weak"}
	for name, shares := range map[string]bool{"llama": true, "gemma3_text": true, "bloom": true, "opt": true, "gpt2": true, "mistral-odd": true,
		"phi3-longrope": false, "llama-dynamic": false, "bert": false} {
		t.Run(name, func(t *testing.T) {
			dir := drawn.Read(t, name).Write(t)
			o := Options{Pooling: PoolLast, MaxTokens: 40}
			var whole [][]float32
			for _, v := range encodeAll(t, openTest(t, rt, dir, o), texts) {
				whole = append(whole, v.Values)
			}
			if err := os.WriteFile(filepath.Join(dir, "w2s.json"), []byte(`{"format":1,"shared_until":":"}`), 0o666); err != nil {
				t.Fatal(err)
			}
			if name == "bert" {
				if _, err := ReadCheckpoint(dir, o); err == nil || !strings.Contains(err.Error(), "shared_until") {
					t.Fatalf("shared_until of an encoder: %v", err)
				}
				return
			}
			e := openTest(t, rt, dir, o)
			if e.checkpoint.shares != shares {
				t.Errorf("beginnings are shared: %v, want %v", e.checkpoint.shares, shares)
			}
			for i, v := range encodeAll(t, e, texts) {
				compare(t, texts[i], v.Values, whole, i)
			}
		})
	}
}

// TestTokens compares vectors of first and last tokens, to the last bit, with those of graphs that compute the last layer for all tokens.
func TestTokens(t *testing.T) {
	rt := testRuntime(t)
	texts := []string{"the weak model says that it sees no more than one word", "a strong model goes on", "a weak model goes on", "weak", "strong", "the model"}
	for _, name := range drawn.Names(t) {
		t.Run(name, func(t *testing.T) {
			dir := drawn.Read(t, name).Write(t)
			for pooling, tokens := range map[Pooling]families.Tokens{PoolCLS: families.FirstToken, PoolLast: families.LastToken} {
				o := Options{Pooling: pooling, MaxTokens: 40}
				one, all := openTest(t, rt, dir, o), openTest(t, rt, dir, o)
				if got := one.checkpoint.plan.tokens; got != tokens {
					t.Fatalf("%s: the output has tokens %d, want %d", pooling, got, tokens)
				}
				all.checkpoint.plan.tokens = families.AllTokens
				want := encodeAll(t, all, texts)
				for i, v := range encodeAll(t, one, texts) {
					alone := encodeAll(t, one, texts[i:i+1])[0]
					if !slices.Equal(v.Values, want[i].Values) || !slices.Equal(alone.Values, want[i].Values) {
						t.Errorf("%s: text %d differs by %g, alone by %g", pooling, i, distance(v.Values, want[i].Values), distance(alone.Values, want[i].Values))
					}
				}
			}
		})
	}
}

// TestNaN puts a NaN into the row of a token that no text has. It is a warning, and vectors of other texts are right.
func TestNaN(t *testing.T) {
	for _, name := range []string{"llama", "llama-f16", "llama-bf16"} {
		t.Run(name, func(t *testing.T) {
			dir := drawn.Read(t, name).Write(t)
			c := mustRead(t, dir, Options{})
			path := filepath.Join(dir, "model.safetensors")
			if name == "llama-bf16" {
				found, err := filepath.Glob(filepath.Join(dir, "model-*.safetensors"))
				if err != nil || len(found) < 2 {
					t.Fatal(found, err)
				}
				path = found[0] // has the embedding
			}
			f, err := safetensors.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			info, ok := f.Lookup("model.embed_tokens.weight")
			f.Close()
			if !ok {
				t.Fatalf("no embedding in %s", path)
			}
			const unused = 14 // "word"
			file, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			row := info.Size() / int64(info.Shape[0])
			if _, err := file.WriteAt([]byte{0xff, 0xff, 0xff, 0xff}, info.Offset()+unused*row); err != nil {
				t.Fatal(err)
			}
			if err := file.Close(); err != nil {
				t.Fatal(err)
			}
			e := openTest(t, testRuntime(t), c.Dir, Options{})
			want := fmt.Sprintf("tensor %q of %s has numbers that are not finite", info.Name, filepath.Base(path))
			if w := e.Warnings(); !slices.Contains(w, want) {
				t.Errorf("warnings %q, want %q", w, want)
			}
			encodeAll(t, e, []string{"weak"})
			if err := e.Encode(t.Context(), []string{"word"}, ignore); err == nil || !strings.Contains(err.Error(), "text 1 of 1 is not finite: "+want) {
				t.Errorf("a text with the token: %v", err)
			}
			g := openGenerator(t, c.Dir, Options{})
			if _, _, _, err := g.States(t.Context(), "word", nil, 4); err == nil || !strings.Contains(err.Error(), "not finite: "+want) {
				t.Errorf("states after the token: %v", err)
			}
		})
	}
}

// TestNotes opens a checkpoint with a setting and tensors that are left out.
func TestNotes(t *testing.T) {
	model := drawn.Read(t, "llama-bias")
	model.Config = bytes.Replace(model.Config, []byte(`"attention_bias":true`), []byte(`"attention_bias":false,"made_up":1`), 1)
	w := openTest(t, testRuntime(t), model.Write(t), Options{}).Warnings()
	for _, want := range []string{"unknown settings of config.json are taken to have no effect: made_up",
		"12 tensors are left out that config.json does not ask for: model.layers.0.self_attn.k_proj.bias, ", "pooling is last, the default"} {
		if !slices.ContainsFunc(w, func(s string) bool { return strings.HasPrefix(s, want) }) {
			t.Errorf("warnings %q, want %q", w, want)
		}
	}
}

// TestOtherWeights reads folders with weights of other formats. The error must name the file and say what to do.
func TestOtherWeights(t *testing.T) {
	for file, want := range map[string]string{"model-q4.gguf": "GGUF", "pytorch_model.bin": "convert it", "pytorch_model-00001-of-00002.bin": "convert it",
		"consolidated.00.pth": "convert it", "tf_model.h5": "TensorFlow", "flax_model.msgpack": "Flax", "adapter_model.safetensors": "rename"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, file), []byte("x"), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadCheckpoint(dir, Options{}); err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", file, err, want)
		}
		if err := os.WriteFile(filepath.Join(dir, "adapter_config.json"), []byte("{}"), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadCheckpoint(dir, Options{}); err == nil || !strings.Contains(err.Error(), "BASE@adapter=") {
			t.Errorf("%s with adapter_config.json: error %v", file, err)
		}
	}
}

// TestDrawnBatches encodes texts of equal length in one batch and alone.
func TestDrawnBatches(t *testing.T) {
	rt := testRuntime(t)
	texts := []string{"the weak model says : yes it sees", "a strong model says : no one goes", "one word and two with no more", "the the the the the the the the"}
	for _, name := range []string{"llama", "llama-odd", "llama-longrope", "llama-dynamic", "bloom", "gemma3_text-both-odd", "gemma2-odd", "bert", "gpt2",
		"opt-350m", "phi3", "stablelm-heads"} {
		t.Run(name, func(t *testing.T) {
			e := openTest(t, rt, drawn.Read(t, name).Write(t), Options{Pooling: PoolMean})
			var alone [][]float32
			for _, text := range texts {
				alone = append(alone, encodeAll(t, e, []string{text})[0].Values)
			}
			for i, v := range encodeAll(t, e, texts) {
				compare(t, texts[i], v.Values, alone, i)
			}
		})
	}
}
