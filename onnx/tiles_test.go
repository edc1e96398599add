package onnx

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	ort "github.com/yalue/onnxruntime_go"

	"w2s/internal/amx"
	"w2s/internal/onnxproto"
)

// TestTiles encodes with all fixtures on the tile unit and without it. The references in other tests are Python's; here
// the point is that both ways are taken and agree to a few units of the last place.
func TestTiles(t *testing.T) {
	if !amx.Available() {
		t.Skip("this processor has no tile unit (AMX)")
	}
	rt := testRuntime(t)
	dirs, err := filepath.Glob(filepath.Join(fixtureDir("*"), "model.onnx"))
	if err != nil || len(dirs) < 10 {
		t.Fatalf("only %d models: %v", len(dirs), err)
	}
	on := 0
	for _, path := range dirs {
		dir := filepath.Dir(path)
		if _, err := os.Stat(filepath.Join(dir, "tokenizer.json")); err != nil {
			continue
		}
		texts := slices.DeleteFunc(readReference(t, dir).Texts, func(s string) bool { return strings.TrimSpace(s) == "" })
		tiles, plain := openTest(t, rt, dir, Options{}), openTest(t, rt, dir, Options{RuntimeOnly: true})
		got, want := encodeAll(t, tiles, texts), encodeAll(t, plain, texts)
		if plain.loading.session.ops != nil {
			t.Errorf("%s: RuntimeOnly is not heeded", dir)
		}
		if tiles.loading.session.ops != nil {
			on++
			if regexp.MustCompile("int8|gpt2|llama|qwen|gemma").MatchString(filepath.Base(dir)) {
				t.Errorf("%s: last bits weigh too much there", dir)
			}
		}
		for i := range want {
			for j, x := range want[i].Values {
				if d := math.Abs(float64(got[i].Values[j] - x)); d > 4e-6*math.Max(1, math.Abs(float64(x))) {
					t.Fatalf("%s: text %d, dimension %d: %g, without tiles %g", dir, i, j, got[i].Values[j], x)
				}
			}
		}
	}
	if on < 8 {
		t.Errorf("only %d models had products for the tile unit", on)
	}
}

// An attentionTest is an attention over random numbers.
type attentionTest struct {
	name                             string
	batch, heads, rows, tokens, q, v int // numbers of a token in q and k, and in v
	qTokens, kTokens, vTokens        bool
	kHeads                           int // heads of k and v, where there are fewer
	div                              bool
	scale                            float64
	masks                            [][]int64 // their shapes
	hide                             float32   // what masks some tokens
}

func attentionTests() []attentionTest {
	lowest := float32(-math.MaxFloat32)
	infinity := float32(math.Inf(-1))
	return []attentionTest{
		{name: "one token", batch: 1, heads: 1, rows: 1, tokens: 1, q: 1, v: 1, scale: 1},
		{name: "as exported from BERT", batch: 3, heads: 4, rows: 25, tokens: 25, q: 32, v: 32, qTokens: true, kTokens: true, vTokens: true,
			div: true, scale: math.Sqrt(32), masks: [][]int64{{3, 1, 1, 25}}, hide: lowest},
		{name: "heads first", batch: 2, heads: 3, rows: 33, tokens: 33, q: 20, v: 20, scale: 0.3, masks: [][]int64{{2, 1, 33, 33}}, hide: infinity},
		{name: "as exported from MPNet", batch: 2, heads: 2, rows: 70, tokens: 70, q: 64, v: 64, qTokens: true, kTokens: true, vTokens: true,
			div: true, scale: 8, masks: [][]int64{{1, 2, 70, 70}, {2, 1, 1, 70}}, hide: lowest},
		{name: "with a cache", batch: 2, heads: 2, rows: 3, tokens: 100, q: 17, v: 40, qTokens: true, scale: 0.25, masks: [][]int64{{3, 100}}, hide: infinity},
		{name: "fewer heads of k and v", batch: 2, heads: 4, rows: 20, tokens: 40, q: 33, v: 31, kHeads: 1, kTokens: true, scale: 1},
		{name: "a mask of one number", batch: 1, heads: 2, rows: 31, tokens: 65, q: 8, v: 8, vTokens: true, scale: 2, masks: [][]int64{{1}, {2, 1, 1}}},
		{name: "a mask of one column", batch: 1, heads: 2, rows: 31, tokens: 129, q: 8, v: 70, scale: 0.5, masks: [][]int64{{1, 2, 31, 1}}},
		{name: "long", batch: 1, heads: 1, rows: 300, tokens: 700, q: 64, v: 64, qTokens: true, kTokens: true, vTokens: true, scale: 0.125},
	}
}

func (a attentionTest) shape(tokens, width int, turned bool) []int64 {
	heads := a.heads
	if a.kHeads > 0 && tokens == a.tokens {
		heads = a.kHeads
	}
	if turned {
		return []int64{int64(a.batch), int64(tokens), int64(heads), int64(width)}
	}
	return []int64{int64(a.batch), int64(heads), int64(tokens), int64(width)}
}

// model writes the attention as exporters do.
func (a attentionTest) model() onnxproto.Model {
	m := onnxproto.Model{Name: "attention"}
	input := func(name string, shape []int64) {
		v := onnxproto.Value{Name: name, Type: onnxproto.Float32, Ranked: true}
		for i := range shape {
			v.Dims = append(v.Dims, onnxproto.Dim{Name: fmt.Sprint(name, i)})
		}
		m.Inputs = append(m.Inputs, v)
	}
	node := func(op, out string, in ...string) {
		m.Nodes = append(m.Nodes, onnxproto.Node{Op: op, Inputs: in, Outputs: []string{out}})
	}
	turn := func(from, to string, perm ...int64) {
		node("Transpose", to, from)
		m.Nodes[len(m.Nodes)-1].Attrs = []onnxproto.Attr{onnxproto.Ints("perm", perm...)}
	}
	q, k, v := "q", "kt", "v"
	if a.qTokens {
		q = "qt"
		turn("q", q, 0, 2, 1, 3)
	}
	if a.kTokens {
		turn("k", k, 0, 2, 3, 1)
	} else {
		turn("k", k, 0, 1, 3, 2)
	}
	if a.vTokens {
		v = "vt"
		turn("v", v, 0, 2, 1, 3)
	}
	input("q", a.shape(a.rows, a.q, a.qTokens))
	input("k", a.shape(a.tokens, a.q, a.kTokens))
	input("v", a.shape(a.tokens, a.v, a.vTokens))
	node("MatMul", "product", q, k)
	op := "Mul"
	if a.div {
		op = "Div"
	}
	m.Initializers = []onnxproto.Tensor{onnxproto.Float32Tensor("scale", nil, []float32{float32(a.scale)})}
	node(op, "scores", "product", "scale")
	last := "scores"
	for i, shape := range a.masks {
		name := fmt.Sprint("mask", i)
		input(name, shape)
		node("Add", name+"ed", name, last)
		last = name + "ed"
	}
	node("Softmax", "p", last)
	node("MatMul", "sum", "p", v)
	turn("sum", "y", 0, 2, 1, 3)
	m.Outputs = []onnxproto.Value{{Name: "y", Type: onnxproto.Float32, Ranked: true, Dims: []onnxproto.Dim{{Name: "a"}, {Name: "b"}, {Name: "c"}, {Name: "d"}}}}
	return m
}

// numbers are the inputs, in the model's order.
func (a attentionTest) numbers() [][]float32 {
	r := rand.New(rand.NewPCG(7, 8))
	random := func(shape []int64) []float32 {
		n := int64(1)
		for _, d := range shape {
			n *= d
		}
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(r.NormFloat64())
		}
		return v
	}
	list := [][]float32{random(a.shape(a.rows, a.q, a.qTokens)), random(a.shape(a.tokens, a.q, a.kTokens)), random(a.shape(a.tokens, a.v, a.vTokens))}
	for _, shape := range a.masks {
		mask := random(shape)
		for i := range mask {
			// Some tokens are hidden, but never all.
			if a.hide != 0 && i%5 == 3 {
				mask[i] = a.hide
			}
		}
		list = append(list, mask)
	}
	return list
}

// want computes the attention in float64: [batch, tokens, heads, width].
func (a attentionTest) want(in [][]float32) []float64 {
	at := func(x []float32, shape []int64, index ...int) float64 {
		place, skip := 0, len(index)-len(shape)
		for i, d := range shape {
			place *= int(d)
			if d > 1 {
				place += index[i+skip]
			}
		}
		return float64(x[place])
	}
	cell := func(x []float32, tokens, width int, turned bool, b, h, t, i int) float64 {
		shape := a.shape(tokens, width, turned)
		if turned {
			return at(x, shape, b, t, h, i)
		}
		return at(x, shape, b, h, t, i)
	}
	scale := float64(float32(a.scale))
	if a.div {
		scale = 1 / scale
	}
	var out []float64
	for b := range a.batch {
		for r := range a.rows {
			for h := range a.heads {
				p, highest, sum := make([]float64, a.tokens), math.Inf(-1), 0.0
				for t := range p {
					for i := range a.q {
						p[t] += cell(in[0], a.rows, a.q, a.qTokens, b, h, r, i) * cell(in[1], a.tokens, a.q, a.kTokens, b, h, t, i)
					}
					p[t] *= scale
					for i, shape := range a.masks {
						p[t] += at(in[3+i], shape, b, h, r, t)
					}
					highest = max(highest, p[t])
				}
				for t := range p {
					p[t] = math.Exp(p[t] - highest)
					sum += p[t]
				}
				for i := range a.v {
					y := 0.0
					for t := range p {
						y += p[t] / sum * cell(in[2], a.tokens, a.v, a.vTokens, b, h, t, i)
					}
					out = append(out, y)
				}
			}
		}
	}
	return out
}

// TestAttention compares with float64, on the tile unit and without it: the latter shows that model and expectation agree.
func TestAttention(t *testing.T) {
	testRuntime(t)
	for _, test := range attentionTests() {
		in := test.numbers()
		want := test.want(in)
		for _, on := range []bool{false, true} {
			if on && !amx.Available() {
				t.Skip("this processor has no tile unit (AMX)")
			}
			got := runAttention(t, test, in, on)
			if len(got) != len(want) {
				t.Fatalf("%s: %d numbers, want %d", test.name, len(got), len(want))
			}
			for i := range want {
				if d := math.Abs(float64(got[i]) - want[i]); !(d <= 4e-6) {
					t.Fatalf("%s (tiles: %v): number %d is %g, want %g", test.name, on, i, got[i], want[i])
				}
			}
		}
	}
}

func runAttention(t *testing.T, test attentionTest, in [][]float32, on bool) []float32 {
	t.Helper()
	m := test.model()
	data, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, "model.onnx", string(data))
	path := filepath.Join(dir, "model.onnx")
	f, err := onnxproto.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	options, err := ort.NewSessionOptions()
	if err != nil {
		t.Fatal(err)
	}
	defer options.Destroy()
	var e onnxproto.Edit
	if on {
		ops, err := tiles(f, &e, []string{"y"}, options)
		if err != nil || ops == nil {
			t.Fatalf("%s: nothing is found for the tile unit: %v", test.name, err)
		}
		defer ops.Free()
	}
	inputs, values := make([]string, len(in)), make([]ort.Value, len(in))
	shapes := append([][]int64{test.shape(test.rows, test.q, test.qTokens), test.shape(test.tokens, test.q, test.kTokens),
		test.shape(test.tokens, test.v, test.vTokens)}, test.masks...)
	for i := range in {
		inputs[i] = f.Inputs[i].Name
		if values[i], err = ort.NewTensor(ort.NewShape(shapes[i]...), in[i]); err != nil {
			t.Fatal(err)
		}
		defer values[i].Destroy()
	}
	s, err := build(f, path, e, inputs, []string{"y"}, options)
	if err != nil {
		t.Fatalf("%s: %v", test.name, err)
	}
	defer s.Destroy()
	out := []ort.Value{nil}
	if err := s.Run(values, out); err != nil {
		t.Fatalf("%s: %v", test.name, err)
	}
	defer out[0].Destroy()
	return slices.Clone(out[0].(*ort.Tensor[float32]).GetData())
}
