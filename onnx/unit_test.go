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

	"w2s/internal/kernels"
	"w2s/internal/onnxproto"
	"w2s/internal/shareddata"
)

// emulated returns the emulated tile unit.
func emulated(tb testing.TB) layerUnit {
	tb.Helper()
	u, _ := kernels.Emulated()
	if u == nil {
		tb.Skip("units are emulated on Linux on amd64 only")
	}
	return u
}

// eachUnit runs a test with the emulated units, and with those of the processor.
func eachUnit(t *testing.T, test func(t *testing.T, unit layerUnit)) {
	tiles, vectors := kernels.Emulated()
	for name, u := range map[string]*kernels.Unit{"emulated tile unit": tiles, "emulated vector unit": vectors, "tile unit": kernels.TileUnit(), "vector unit": kernels.VectorUnit()} {
		t.Run(name, func(t *testing.T) {
			if u == nil {
				t.Skip("this processor has none")
			}
			test(t, u)
		})
	}
}

// TestUnits checks that all fixtures have the same vectors with and without a unit, up to a few units of the last place, and that the
// unit is used by the models that it is meant for. Other tests compare with Python.
func TestUnits(t *testing.T) { eachUnit(t, testUnit) }

func testUnit(t *testing.T, unit layerUnit) {
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
		tiles, plain := openTest(t, rt, dir, Options{unit: unit}), openTest(t, rt, dir, Options{unit: unit, RuntimeOnly: true})
		got, want := encodeAll(t, tiles, texts), encodeAll(t, plain, texts)
		if plain.loading.session.onUnit() {
			t.Errorf("%s: RuntimeOnly has no effect", dir)
		}
		if tiles.loading.session.onUnit() {
			on++
			if regexp.MustCompile("int8|gpt2|llama|qwen|gemma").MatchString(filepath.Base(dir)) {
				t.Errorf("%s: the unit is used, although the model amplifies last bits", dir)
			}
		}
		if w := append(runWarnings(tiles), runWarnings(plain)...); len(w) > 0 {
			t.Errorf("%s: warnings %q", dir, w)
		}
		for i := range want {
			for j, x := range want[i].Values {
				if d := math.Abs(float64(got[i].Values[j] - x)); !(d <= 4e-6*math.Max(1, math.Abs(float64(x)))) {
					t.Fatalf("%s: text %d, dimension %d: %g, without the unit %g", dir, i, j, got[i].Values[j], x)
				}
			}
		}
	}
	if on < 8 {
		t.Errorf("only %d models used the unit", on)
	}
}

// An attentionTest is an attention over random numbers.
type attentionTest struct {
	name                             string
	batch, heads, rows, tokens, q, v int // sizes of the result; q and v are the numbers of a token in q and k, and in v
	qTokens, kTokens, vTokens        bool
	qOnce, kOnce, vOnce              bool // q, k or v has one head only; q and v also one batch, and q one row
	div                              bool
	scale                            float64
	masks                            [][]int64 // their shapes
	hide                             float32   // mask value of hidden tokens
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
		{name: "one head of k and v", batch: 2, heads: 4, rows: 20, tokens: 40, q: 33, v: 31, kOnce: true, vOnce: true, kTokens: true, scale: 1},
		{name: "one q for all", batch: 2, heads: 3, rows: 1, tokens: 40, q: 33, v: 31, qOnce: true, kTokens: true, scale: 1},
		{name: "one q for all masks", batch: 2, heads: 3, rows: 35, tokens: 20, q: 8, v: 8, qOnce: true, vTokens: true, scale: 0.5,
			masks: [][]int64{{35, 20}, {2, 3, 1, 1}}, hide: lowest},
		{name: "a mask of one number", batch: 1, heads: 2, rows: 31, tokens: 65, q: 8, v: 8, vTokens: true, scale: 2, masks: [][]int64{{1}, {2, 1, 1}}},
		{name: "a mask of one column", batch: 1, heads: 2, rows: 31, tokens: 129, q: 8, v: 70, scale: 0.5, masks: [][]int64{{1, 2, 31, 1}}},
		{name: "long", batch: 1, heads: 1, rows: 300, tokens: 700, q: 64, v: 64, qTokens: true, kTokens: true, vTokens: true, scale: 0.125},
	}
}

// shapes returns the shapes of q, k and v.
func (a attentionTest) shapes() [3][]int64 {
	shape := func(batch, heads, tokens, width int, turned bool) []int64 {
		if turned {
			heads, tokens = tokens, heads
		}
		return []int64{int64(batch), int64(heads), int64(tokens), int64(width)}
	}
	once := func(is bool, size int) int {
		if is {
			return 1
		}
		return size
	}
	return [3][]int64{
		shape(once(a.qOnce, a.batch), once(a.qOnce, a.heads), once(a.qOnce, a.rows), a.q, a.qTokens),
		shape(a.batch, once(a.kOnce, a.heads), a.tokens, a.q, a.kTokens),
		shape(once(a.vOnce, a.batch), once(a.vOnce, a.heads), a.tokens, a.v, a.vTokens),
	}
}

// model returns a model of the attention in the form that exporters write.
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
	for i, shape := range a.shapes() {
		input([]string{"q", "k", "v"}[i], shape)
	}
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

// numbers returns the inputs in the model's order.
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
	var list [][]float32
	for _, shape := range a.shapes() {
		list = append(list, random(shape))
	}
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
	shapes, turned := a.shapes(), [3]bool{a.qTokens, a.kTokens, a.vTokens}
	cell := func(which, b, h, t, i int) float64 {
		if turned[which] {
			h, t = t, h
		}
		return at(in[which], shapes[which], b, h, t, i)
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
						p[t] += cell(0, b, h, r, i) * cell(1, b, h, t, i)
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
						y += p[t] / sum * cell(2, b, h, t, i)
					}
					out = append(out, y)
				}
			}
		}
	}
	return out
}

// TestAttention compares with float64. That ONNX Runtime's own kernels agree as well shows that the model is right.
func TestAttention(t *testing.T) {
	testRuntime(t)
	for _, test := range attentionTests() {
		t.Run(test.name, func(t *testing.T) {
			in := test.numbers()
			want := test.want(in)
			check := func(t *testing.T, unit layerUnit) {
				got := runAttention(t, unit, test, in)
				if len(got) != len(want) {
					t.Fatalf("%d numbers, want %d", len(got), len(want))
				}
				for i := range want {
					if d := math.Abs(float64(got[i]) - want[i]); !(d <= 4e-6) {
						t.Fatalf("number %d is %g, want %g", i, got[i], want[i])
					}
				}
			}
			t.Run("runtime", func(t *testing.T) { check(t, nil) })
			eachUnit(t, func(t *testing.T, unit layerUnit) {
				if !unit.Attends() {
					t.Skip("the unit computes layers alone")
				}
				check(t, unit)
			})
		})
	}
}

// runAttention runs the model of an attention, on a unit unless that is nil.
func runAttention(t *testing.T, unit layerUnit, test attentionTest, in [][]float32) []float32 {
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
	if unit != nil {
		ops, err := addLayers(unit, f, &e, []string{"y"}, options)
		if err != nil || ops == nil {
			t.Fatalf("the attention is not replaced: %v", err)
		}
		defer ops.Free()
	}
	inputs, values := make([]string, len(in)), make([]ort.Value, len(in))
	shapes := test.shapes()
	for i, shape := range slices.Concat(shapes[:], test.masks) {
		inputs[i] = f.Inputs[i].Name
		if values[i], err = ort.NewTensor(ort.NewShape(shape...), in[i]); err != nil {
			t.Fatal(err)
		}
		defer values[i].Destroy()
	}
	s, err := source{path: path}.session(f, e, inputs, []string{"y"}, options)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Destroy()
	out := []ort.Value{nil}
	if err := s.Run(values, out); err != nil {
		t.Fatal(err)
	}
	defer out[0].Destroy()
	return slices.Clone(out[0].(*ort.Tensor[float32]).GetData())
}

// An operatorTest runs one of the operators on inputs of given shapes. A nil shape leaves an optional input out.
type operatorTest struct {
	name   string
	op     string
	attrs  []onnxproto.Attr
	inputs [][]int64
	limit  bool    // there is no working memory
	shape  []int64 // of the output, if there is no error
	fault  string  // part of the error
}

func operatorTests() []operatorTest {
	index := func(i int64) []onnxproto.Attr { return []onnxproto.Attr{onnxproto.Int(kernels.LinearIndex, i)} }
	const many = 1 << 30
	list := []operatorTest{
		{name: "layer", attrs: index(0), inputs: [][]int64{{2, 3, 4}}, shape: []int64{2, 3, 5}},
		{name: "layer of a vector", attrs: index(0), inputs: [][]int64{{4}}, shape: []int64{5}},
		{name: "layer without rows", attrs: index(0), inputs: [][]int64{{0, many, 4}}, shape: []int64{0, many, 5}},
		{name: "layer of another width", attrs: index(0), inputs: [][]int64{{4, 3}}, fault: "w2s:Linear: the last dimension"},
		{name: "layer of no width", attrs: index(0), inputs: [][]int64{{4, 0}}, fault: "w2s:Linear: the last dimension"},
		{name: "layer of many dimensions", attrs: index(0), inputs: [][]int64{slices.Repeat([]int64{1}, 17)}, fault: "more than 16 dimensions"},
		{name: "layer without a matrix", attrs: index(1), inputs: [][]int64{{4}}, fault: "no matrix with its index"},
		{name: "layer with a negative index", attrs: index(-1), inputs: [][]int64{{4}}, fault: "no matrix with its index"},
		{name: "layer without an index", inputs: [][]int64{{4}}, fault: kernels.LinearIndex},
		{name: "layer without memory", attrs: index(0), inputs: [][]int64{{4}}, limit: true, fault: "w2s:Linear: not enough memory"},
	}
	for i := range list {
		list[i].op = kernels.Linear
	}
	attrs := []onnxproto.Attr{onnxproto.Float(kernels.AttentionScale, 1), onnxproto.Int(kernels.AttentionQTokens, 0),
		onnxproto.Int(kernels.AttentionKTokens, 1), onnxproto.Int(kernels.AttentionVTokens, 0)}
	q, k, v, mask := []int64{2, 3, 5, 4}, []int64{2, 7, 3, 4}, []int64{2, 3, 7, 6}, []int64{2, 1, 1, 7}
	with := func(masks ...[]int64) [][]int64 { return append([][]int64{q, k, v}, masks...) }
	for _, test := range []operatorTest{
		{name: "attention", inputs: with(), shape: []int64{2, 5, 3, 6}},
		{name: "masks", inputs: with(mask, []int64{1}), shape: []int64{2, 5, 3, 6}},
		{name: "only the second mask", inputs: with(nil, mask), shape: []int64{2, 5, 3, 6}},
		{name: "both masks left out", inputs: with(nil, nil), shape: []int64{2, 5, 3, 6}},
		{name: "no rows", inputs: [][]int64{{2, 3, 0, 4}, k, v}, shape: []int64{2, 0, 3, 6}},
		{name: "no texts", inputs: [][]int64{{0, 3, 5, 4}, {0, 7, 3, 4}, {0, 3, 7, 6}}, shape: []int64{0, 5, 3, 6}},
		{name: "no tokens", inputs: [][]int64{q, {2, 0, 3, 4}, {2, 3, 0, 6}}, fault: "there are no tokens"},
		{name: "no width", inputs: [][]int64{{2, 3, 5, 0}, {2, 7, 3, 0}, v}, fault: "no numbers in them"},
		{name: "three masks", inputs: with(mask, mask, mask), fault: "Attention"},
		{name: "no v", inputs: [][]int64{q, k, nil}, fault: "Attention"},
		{name: "three dimensions", inputs: [][]int64{{3, 5, 4}, k, v}, fault: "need four dimensions"},
		{name: "other widths of q and k", inputs: [][]int64{{2, 3, 5, 3}, k, v}, fault: "do not fit together"},
		{name: "other numbers of tokens", inputs: [][]int64{q, k, {2, 3, 6, 6}}, fault: "do not fit together"},
		{name: "other numbers of texts", inputs: [][]int64{q, {3, 7, 3, 4}, v}, fault: "differ in batch or heads"},
		{name: "other numbers of heads", inputs: [][]int64{q, k, {2, 2, 7, 6}}, fault: "differ in batch or heads"},
		{name: "mask for more texts", inputs: with([]int64{3, 1, 1, 7}), fault: "a mask does not fit"},
		{name: "mask for more tokens", inputs: with([]int64{8}), fault: "a mask does not fit"},
		{name: "mask for no tokens", inputs: with([]int64{0}), fault: "a mask does not fit"},
		{name: "mask of five dimensions", inputs: with([]int64{1, 2, 1, 1, 7}), fault: "a mask does not fit"},
		{name: "mask that repeats one token", inputs: [][]int64{q, {2, 1, 3, 4}, {2, 3, 1, 6}, mask}, fault: "a mask does not fit"},
		{name: "attention without memory", inputs: with(), limit: true, fault: "w2s:Attention: not enough memory"},
	} {
		test.op, test.attrs = kernels.Attention, attrs
		list = append(list, test)
	}
	return list
}

// TestOperators checks that an operator refuses inputs that it cannot compute with, and gives its output the right shape
// otherwise.
func TestOperators(t *testing.T) {
	testRuntime(t)
	eachUnit(t, func(t *testing.T, unit layerUnit) {
		for _, test := range operatorTests() {
			if test.op == kernels.Attention && !unit.Attends() {
				continue
			}
			t.Run(test.name, func(t *testing.T) {
				shape, err := test.run(t, unit)
				switch {
				case test.fault == "" && (err != nil || !slices.Equal(shape, test.shape)):
					t.Errorf("shape %v, error %v, want shape %v", shape, err, test.shape)
				case test.fault != "" && (err == nil || !strings.Contains(err.Error(), test.fault)):
					t.Errorf("error %v, want one with %q", err, test.fault)
				}
			})
		}
	})
}

// run returns the shape of the operator's output.
func (o operatorTest) run(t *testing.T, unit layerUnit) ([]int64, error) {
	// The operator's inputs are made from an input of the model, because the runtime computes an operator of constants when it
	// loads the model.
	m := onnxproto.Model{Name: "operator",
		Inputs:  []onnxproto.Value{{Name: "one", Type: onnxproto.Float32, Dims: []onnxproto.Dim{{Size: 1}}}},
		Outputs: []onnxproto.Value{{Name: "y", Type: onnxproto.Int64, Dims: []onnxproto.Dim{{Name: "rank"}}}}}
	node := onnxproto.Node{Op: o.op, Domain: kernels.Domain, Attrs: o.attrs, Outputs: []string{"value"}}
	for i, shape := range o.inputs {
		name := ""
		if shape != nil {
			name = fmt.Sprint("input", i)
			m.Initializers = append(m.Initializers, onnxproto.Int64Tensor(name+" shape", []int64{int64(len(shape))}, shape))
			m.Nodes = append(m.Nodes, onnxproto.Node{Op: "Expand", Inputs: []string{"one", name + " shape"}, Outputs: []string{name}})
		}
		node.Inputs = append(node.Inputs, name)
	}
	m.Nodes = append(m.Nodes, node, onnxproto.Node{Op: "Shape", Inputs: []string{"value"}, Outputs: []string{"y"}})
	data, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	options, err := ort.NewSessionOptions()
	if err != nil {
		t.Fatal(err)
	}
	defer options.Destroy()
	native, err := nativeOptions(options)
	if err != nil {
		t.Fatal(err)
	}
	matrix, err := unit.NewMatrix(kernels.Layer{In: 4, Out: 5, Weight: make([]float32, 20)})
	if err != nil {
		t.Fatal(err)
	}
	ops, err := unit.NewOps(environment.path, native, []*kernels.Matrix{matrix})
	if err != nil {
		t.Fatal(err)
	}
	defer ops.Free()
	if o.limit {
		ops.Limit(0)
	}
	s, err := ort.NewDynamicAdvancedSessionWithONNXData(data, []string{"one"}, []string{"y"}, options)
	if err != nil {
		return nil, err
	}
	defer s.Destroy()
	one, err := ort.NewTensor(ort.NewShape(1), []float32{1})
	if err != nil {
		t.Fatal(err)
	}
	defer one.Destroy()
	out := []ort.Value{nil}
	if err := s.Run([]ort.Value{one}, out); err != nil {
		return nil, err
	}
	defer out[0].Destroy()
	return slices.Clone(out[0].(*ort.Tensor[int64]).GetData()), nil
}

// runWarnings returns the warnings of an encoder but for notes on its files.
func runWarnings(e *Encoder) []string {
	return slices.DeleteFunc(e.Warnings(), func(w string) bool { return slices.Contains(e.checkpoint.notes, w) })
}

// TestEmulatedInTestsOnly finds no use of an emulated unit outside of tests. No option or environment variable chooses it, so that
// a run of a user cannot have it.
func TestEmulatedInTestsOnly(t *testing.T) {
	found := 0
	err := filepath.WalkDir(shareddata.Root(), func(path string, d os.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		found++
		data, err := os.ReadFile(path)
		if strings.Contains(string(data), "kernels.Emulated") {
			t.Errorf("%s uses an emulated unit", path)
		}
		return err
	})
	if err != nil || found < 200 {
		t.Errorf("read %d files: %v", found, err)
	}
}
