package families

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"w2s/internal/onnxproto"
)

// A builder collects the nodes of a graph.
//
// States of all texts are kept as one matrix [batch·tokens, width], which is what matrix products take.
type builder struct {
	weights   *Weights
	inputs    []onnxproto.Value
	outputs   []onnxproto.Value
	nodes     []onnxproto.Node
	constants []onnxproto.Tensor
	cached    bool              // the graph has a cache of earlier tokens
	named     map[string]string // the value that stands for a weight or constant, by its key
	linears   []string          // names of the weights of linear layers
	style     Style
	masked    bool            // the graph has the input attention_mask
	halves    map[string]bool // values of float16
	faults    []error

	adapterFaults []error // about what an adapter changes
}

func newBuilder(w *Weights) *builder {
	b := &builder{weights: w, named: map[string]string{}, halves: map[string]bool{}}
	b.inputs = []onnxproto.Value{{Name: "input_ids", Type: onnxproto.Int64, Dims: []onnxproto.Dim{{Name: "batch"}, {Name: "tokens"}}}}
	return b
}

// opset is the version of the operator set, which ONNX Runtime knows since 1.17.
const opset, irVersion = 20, 9

func (b *builder) model(name string) *onnxproto.Model {
	return &onnxproto.Model{Name: name, Opset: opset, IRVersion: irVersion, Inputs: b.inputs, Outputs: b.outputs, Nodes: b.nodes, Initializers: b.constants}
}

func (b *builder) fault(format string, args ...any) {
	b.faults = append(b.faults, fmt.Errorf(format, args...))
}

// gaveUp reports whether so many tensors are wrong that no more need to be named.
func (b *builder) gaveUp() bool { return len(b.faults) >= 20 }

// op adds a node of the default operator set with one output, and returns the output.
func (b *builder) op(kind string, inputs []string, attrs ...onnxproto.Attr) string {
	return b.nodeOf("", kind, inputs, 1, attrs)[0]
}

// microsoft adds a node of ONNX Runtime's own operator set with one output, and returns the output.
func (b *builder) microsoft(kind string, inputs []string, attrs ...onnxproto.Attr) string {
	return b.nodeOf("com.microsoft", kind, inputs, 1, attrs)[0]
}

// nodeOf adds a node and returns its outputs.
func (b *builder) nodeOf(domain, kind string, inputs []string, outputs int, attrs []onnxproto.Attr) []string {
	n := onnxproto.Node{Op: kind, Domain: domain, Inputs: inputs, Attrs: attrs}
	for i := range outputs {
		name := fmt.Sprintf("%s_%d", kind, len(b.nodes))
		if outputs > 1 {
			name = fmt.Sprintf("%s_%d", name, i)
		}
		n.Outputs = append(n.Outputs, name)
	}
	b.append(n)
	return slices.Clone(n.Outputs) // callers change it
}

// append adds a node. What it computes is of float16 if an input is, but for the nodes that convert and those that give integers.
func (b *builder) append(n onnxproto.Node) {
	b.nodes = append(b.nodes, n)
	half := slices.ContainsFunc(n.Inputs, func(in string) bool { return b.halves[in] })
	if to, ok := n.Attr("to"); n.Op == "Cast" && ok {
		half = onnxproto.DataType(to.Int) == onnxproto.Float16
	}
	for _, out := range n.Outputs {
		b.halves[out] = half && n.Op != "Shape"
	}
}

// full returns a value as float32.
func (b *builder) full(x string) string {
	if !b.halves[x] {
		return x
	}
	return b.once("full "+x, func() string { return b.cast(x, onnxproto.Float32) })
}

// operand returns a value in the type in which matrix products are computed.
func (b *builder) operand(x string) string {
	if !b.style.Half || b.halves[x] || x == "" {
		return x
	}
	return b.once("half "+x, func() string { return b.cast(x, onnxproto.Float16) })
}

// halfOperand returns a tensor of the weights as float16.
func (b *builder) halfOperand(s source) string {
	value, t := b.stored(s)
	if t == onnxproto.Float16 {
		b.halves[value] = true
		return value
	}
	return b.once("half of "+value, func() string { return b.cast(value, onnxproto.Float16) })
}

// once returns the value that make returned when the key was first used.
func (b *builder) once(key string, make func() string) string {
	if v, ok := b.named[key]; ok {
		return v
	}
	v := make()
	b.named[key] = v
	return v
}

// ints makes a constant list of integers.
func (b *builder) ints(v ...int64) string {
	return b.once(fmt.Sprint("ints ", v), func() string {
		name := fmt.Sprintf("ints_%d", len(b.constants))
		b.constants = append(b.constants, onnxproto.Int64Tensor(name, []int64{int64(len(v))}, v))
		return name
	})
}

// scalar makes a constant integer.
func (b *builder) scalar(v int64) string {
	return b.once(fmt.Sprint("scalar ", v), func() string {
		name := fmt.Sprintf("ints_%d", len(b.constants))
		b.constants = append(b.constants, onnxproto.Int64Tensor(name, nil, []int64{v}))
		return name
	})
}

// float makes a constant number.
func (b *builder) float(v float64) string { return b.floats(nil, float32(v)) }

// floats makes a constant of the given shape; nil is a scalar.
func (b *builder) floats(dims []int64, v ...float32) string {
	return b.once(fmt.Sprint("floats ", dims, v), func() string {
		name := fmt.Sprintf("floats_%d", len(b.constants))
		b.constants = append(b.constants, onnxproto.Float32Tensor(name, dims, v))
		return name
	})
}

// A source is a tensor of the weights and the shape that it must have.
type source struct {
	name string
	full bool // name belongs to the whole model and has no prefix of the base model
	dims []int64
}

// stored makes a constant that refers to a tensor in a safetensors file, in the type of the file.
func (b *builder) stored(s source) (value string, t onnxproto.DataType) {
	if b.gaveUp() {
		return b.float(0), onnxproto.Float32
	}
	name, found, err := b.weights.find(s.name, s.full)
	if err != nil {
		b.faults = append(b.faults, err)
		return b.float(0), onnxproto.Float32
	}
	t, ok := dataTypes[found.DType]
	if !ok {
		b.fault("tensor %q has elements of type %s, which are not read (F32, F16, BF16 and F64 are); %s", found.Name, found.DType, b.weights.wayToFloat(found.Name))
		return b.float(0), onnxproto.Float32
	}
	if !slices.Equal(found.Shape, s.dims) {
		b.fault("tensor %q has shape %v, but config.json asks for %v", found.Name, found.Shape, s.dims)
		return b.float(0), onnxproto.Float32
	}
	value = b.once("stored "+name, func() string {
		b.constants = append(b.constants, onnxproto.Tensor{Name: name, Type: t, Dims: found.Shape, External: b.weights.locations[found.file], Offset: found.Offset()})
		return name
	})
	return value, t
}

// weight returns a tensor of the base model as float32.
func (b *builder) weight(name string, dims ...int) string {
	return b.tensor(source{name: name, dims: sizes(dims)})
}

// tensor returns a tensor as float32. The runtime converts a half tensor once, when it loads the graph.
func (b *builder) tensor(s source) string {
	value, t := b.stored(s)
	return b.asFloat(value, t)
}

func (b *builder) asFloat(value string, t onnxproto.DataType) string {
	if t == onnxproto.Float32 {
		return value
	}
	return b.once("float "+value, func() string { return b.cast(value, onnxproto.Float32) })
}

func sizes(dims []int) []int64 {
	out := make([]int64, len(dims))
	for i, d := range dims {
		out[i] = int64(d)
	}
	return out
}

func (b *builder) cast(value string, t onnxproto.DataType) string {
	return b.op("Cast", []string{value}, onnxproto.Int("to", int64(t)))
}

// lookUp gathers the rows of a table of the base model, [len(indices), width]. Only these rows are converted if the table is half.
func (b *builder) lookUp(name string, rows, width int, indices string) string {
	table := source{name: name, dims: sizes([]int{rows, width})}
	value, t := b.stored(table)
	out := b.op("Gather", []string{value, indices}, onnxproto.Int("axis", 0))
	if t != onnxproto.Float32 {
		out = b.cast(out, onnxproto.Float32)
	}
	return b.mergedRows(out, table, rows, width, indices)
}

// reshape gives a value another shape. A size of -1 follows from the others, and 0 keeps that of the input.
func (b *builder) reshape(value string, dims ...int64) string {
	return b.op("Reshape", []string{value, b.ints(dims...)})
}

// flatIDs are the tokens of all texts in one list.
func (b *builder) flatIDs() string {
	return b.once("flat ids", func() string { return b.reshape("input_ids", -1) })
}

// batchTokens is the shape of input_ids.
func (b *builder) batchTokens() string {
	return b.once("batch tokens", func() string { return b.op("Shape", []string{"input_ids"}) })
}

// perText reshapes [batch·tokens, ...] to [batch, tokens, dims...].
func (b *builder) perText(value string, dims ...int64) string {
	shape := b.once(fmt.Sprint("per text ", dims), func() string {
		return b.op("Concat", []string{b.batchTokens(), b.ints(dims...)}, onnxproto.Int("axis", 0))
	})
	return b.op("Reshape", []string{value, shape})
}

// batch is the number of texts, as a list of one.
func (b *builder) batch() string {
	return b.once("batch", func() string { return b.op("Gather", []string{b.batchTokens(), b.ints(0)}, onnxproto.Int("axis", 0)) })
}

// tokens is the number of tokens that are not in the cache of each text, as a list of one.
func (b *builder) tokens() string {
	return b.once("tokens", func() string { return b.op("Gather", []string{b.batchTokens(), b.ints(1)}, onnxproto.Int("axis", 0)) })
}

// add, mul and the like compute with two values.
func (b *builder) add(x, y string) string { return b.op("Add", []string{x, y}) }
func (b *builder) mul(x, y string) string { return b.op("Mul", []string{x, y}) }

// scaled multiplies by a constant, unless it is 1.
func (b *builder) scaled(x string, factor float64) string {
	if factor == 1 {
		return x
	}
	return b.mul(b.full(x), b.float(factor))
}

// A linear is a layer y = x·Wᵀ + b.
type linear struct {
	name       string // of the weight and the bias, without ".weight" and ".bias"
	bias       bool
	transposed bool   // the weight is stored as [in, out], as in GPT-2
	full       bool   // see source
	weight     string // a tensor of the base model that is the weight; "" is name+".weight"
}

func (b *builder) linear(x string, l linear, in, out int) string {
	weight, bias, flag := b.layer(l, in, out)
	inputs := []string{b.operand(x), weight}
	if bias != "" {
		inputs = append(inputs, bias)
	}
	return b.op("Gemm", inputs, onnxproto.Int("transB", flag))
}

// joined computes several linear layers of the same input with one product, whose columns are those of the layers one after another.
func (b *builder) joined(x string, layers []linear, in int, outs []int) string {
	var weights, biases []string
	flag := int64(0)
	for i, l := range layers {
		var weight, bias string
		weight, bias, flag = b.layer(l, in, outs[i])
		weights, biases = append(weights, weight), append(biases, bias)
	}
	inputs := []string{b.operand(x), b.op("Concat", weights, onnxproto.Int("axis", 1-flag))}
	if biases[0] != "" {
		inputs = append(inputs, b.op("Concat", biases, onnxproto.Int("axis", 0)))
	}
	return b.op("Gemm", inputs, onnxproto.Int("transB", flag))
}

// layer returns the weight of a layer, its bias or "", and whether (1) the weight is stored as [out, in].
func (b *builder) layer(l linear, in, out int) (weight, bias string, flag int64) {
	dims := []int{out, in}
	flag = 1
	if l.transposed {
		dims, flag = []int{in, out}, 0
	}
	matrix := source{l.name + ".weight", l.full, sizes(dims)}
	if l.weight != "" {
		matrix = source{name: l.weight, dims: matrix.dims}
	}
	if name, _, err := b.weights.find(matrix.name, matrix.full); err == nil {
		b.linears = append(b.linears, name)
	}
	if b.style.Half && b.weights.lowRank(matrix) == nil {
		weight = b.halfOperand(matrix)
	} else {
		weight = b.operand(b.merged(b.tensor(matrix), matrix, in, out, l.transposed))
	}
	if vector := (source{l.name + ".bias", l.full, sizes([]int{out})}); l.bias && b.style.Half {
		bias = b.halfOperand(vector)
	} else if l.bias {
		bias = b.tensor(vector)
	}
	return weight, bias, flag
}

// split cuts the columns of a matrix.
func (b *builder) split(x string, widths ...int) []string {
	return b.nodeOf("", "Split", []string{x, b.ints(sizes(widths)...)}, len(widths), []onnxproto.Attr{onnxproto.Int("axis", 1)})
}

// A normKind is a kind of normalisation.
type normKind int

const (
	layerNorm   normKind = iota // (x - mean)/sd, times weight, plus bias
	rmsNorm                     // x/rms, times weight
	rmsPlusOne                  // x/rms, times 1 + weight, as in Gemma
	rmsNoWeight                 // x/rms
)

// A norm is a normalisation of the last dimension. The zero value has no name and stands for none.
type norm struct {
	name string // of its weight and bias, without ".weight" and ".bias"
	kind normKind
	eps  float64
	bias bool // of layerNorm
	bare bool // of layerNorm: no weight either, as in OLMo
	full bool // see source
}

func (n norm) there() bool { return n.name != "" || n.bare || n.kind == rmsNoWeight }

// gamma returns the factors of a norm.
func (b *builder) gamma(n norm, width int) string {
	if n.bare || n.kind == rmsNoWeight {
		ones := make([]float32, width)
		for i := range ones {
			ones[i] = 1
		}
		return b.floats([]int64{int64(width)}, ones...)
	}
	w := b.tensor(source{n.name + ".weight", n.full, sizes([]int{width})})
	if n.kind != rmsPlusOne {
		return w
	}
	return b.once("one plus "+w, func() string { return b.add(w, b.float(1)) })
}

// normalize normalises rows of the given width. The root mean square is computed in float64: the runtime adds up the squares one
// after the other, and in float32 that is the largest part of the rounding of a whole model (docs/safetensors.md).
func (b *builder) normalize(x string, n norm, width int) string {
	if !n.there() {
		return x
	}
	x = b.full(x)
	attrs := []onnxproto.Attr{onnxproto.Int("axis", -1), onnxproto.Float("epsilon", float32(n.eps))}
	if n.kind != layerNorm {
		gamma := b.gamma(n, width)
		if b.style.Card { // which adds up in parallel
			return b.op("SimplifiedLayerNormalization", []string{x, gamma}, append(attrs, onnxproto.Int("stash_type", 1))...)
		}
		inputs := []string{b.cast(x, onnxproto.Float64), b.once("double "+gamma, func() string { return b.cast(gamma, onnxproto.Float64) })}
		return b.cast(b.op("SimplifiedLayerNormalization", inputs, append(attrs, onnxproto.Int("stash_type", 1))...), onnxproto.Float32)
	}
	inputs := []string{x, b.gamma(n, width)}
	if n.bias {
		inputs = append(inputs, b.tensor(source{n.name + ".bias", n.full, sizes([]int{width})}))
	}
	return b.op("LayerNormalization", inputs, attrs...)
}

// normalizeSum normalises x+y, and returns the sum too.
func (b *builder) normalizeSum(x, y string, n norm, width int) (normalized, sum string) {
	kind, inputs := "SkipLayerNormalization", []string{x, b.full(y), b.gamma(n, width)}
	switch {
	case n.kind != layerNorm:
		kind = "SkipSimplifiedLayerNormalization"
	case n.bias:
		inputs = append(inputs, b.tensor(source{n.name + ".bias", n.full, sizes([]int{width})}))
	}
	node := onnxproto.Node{Op: kind, Domain: "com.microsoft", Inputs: inputs, Attrs: []onnxproto.Attr{onnxproto.Float("epsilon", float32(n.eps))}}
	normalized = fmt.Sprintf("%s_%d", kind, len(b.nodes))
	sum = normalized + "_sum"
	node.Outputs = []string{normalized, "", "", sum}
	b.append(node)
	return normalized, sum
}

// activations are the functions that hidden_act and its like can name.
var activations = map[string]func(b *builder, x string) string{
	"gelu":              gelu("none"),
	"gelu_python":       gelu("none"),
	"gelu_python_tanh":  gelu("tanh"),
	"gelu_new":          gelu("tanh"),
	"gelu_pytorch_tanh": gelu("tanh"),
	"gelu_fast":         gelu("tanh"),
	"gelu_accurate":     gelu("tanh"),
	"gelu_10": func(b *builder, x string) string {
		return b.op("Clip", []string{gelu("none")(b, x), b.float(-10), b.float(10)})
	},
	"silu": func(b *builder, x string) string {
		return b.microsoft("QuickGelu", []string{x}, onnxproto.Float("alpha", 1))
	},
	"swish": func(b *builder, x string) string {
		return b.microsoft("QuickGelu", []string{x}, onnxproto.Float("alpha", 1))
	},
	"quick_gelu": func(b *builder, x string) string {
		return b.microsoft("QuickGelu", []string{x}, onnxproto.Float("alpha", 1.702))
	},
	"linear": func(_ *builder, x string) string { return x },
	"mish":   unary("Mish"),
	"relu":   unary("Relu"),
	"relu6": func(b *builder, x string) string {
		return b.op("Clip", []string{x, b.float(0), b.float(6)})
	},
	"leaky_relu": func(b *builder, x string) string {
		return b.op("LeakyRelu", []string{x}, onnxproto.Float("alpha", 0.01))
	},
	"tanh":    unary("Tanh"),
	"sigmoid": unary("Sigmoid"),
	"relu2": func(b *builder, x string) string {
		y := b.op("Relu", []string{x})
		return b.mul(y, y)
	},
}

func gelu(approximate string) func(b *builder, x string) string {
	return func(b *builder, x string) string {
		return b.op("Gelu", []string{x}, onnxproto.Str("approximate", approximate))
	}
}

func unary(kind string) func(b *builder, x string) string {
	return func(b *builder, x string) string { return b.op(kind, []string{x}) }
}

// activate applies an activation. Those with constants are computed in float32, and so is a square, which could exceed float16.
func (b *builder) activate(name, x string) string {
	if slices.Contains([]string{"gelu_10", "relu6", "relu2"}, name) {
		x = b.full(x)
	}
	return activations[name](b, x)
}

// activation reads the name of an activation.
func (c *config) activation(def string, names ...string) string {
	name := c.string(def, names...)
	if activations[name] == nil {
		from, _ := c.raw(names)
		c.faultOf(from, "%q is not supported (have: %s)", name, strings.Join(slices.Sorted(maps.Keys(activations)), ", "))
		return "relu"
	}
	return name
}

// lastTokens returns the states of the last tokens of each text, [batch·tokens, width]. Their number is an input.
func (b *builder) lastTokens(x string, width int) string {
	b.inputs = append(b.inputs, onnxproto.Value{Name: LogitsToKeep, Type: onnxproto.Int64})
	from := b.op("Sub", []string{b.tokens(), LogitsToKeep})
	x = b.op("Slice", []string{b.perText(x, int64(width)), from, b.ints(math.MaxInt64), b.ints(1)})
	return b.reshape(x, -1, int64(width))
}

// only returns the rows of the first or last tokens, [batch, width], of [batch·tokens, width].
func (b *builder) only(t Tokens, x string, width int) string {
	at := int64(0)
	if t == LastToken {
		at = -1
	}
	return b.op("Gather", []string{b.perText(x, int64(width)), b.scalar(at)}, onnxproto.Int("axis", 1))
}

// output makes a value of shape [batch·tokens, width] an output of shape [batch, tokens, width]. The number of tokens is that of the
// value, which can be less than that of the texts.
func (b *builder) output(name, value string, width int) {
	shape := b.once(fmt.Sprint("output ", width), func() string {
		return b.op("Concat", []string{b.batch(), b.ints(-1), b.ints(int64(width))}, onnxproto.Int("axis", 0))
	})
	b.append(onnxproto.Node{Op: "Reshape", Inputs: []string{b.full(value), shape}, Outputs: []string{name}})
	b.outputs = append(b.outputs, onnxproto.Value{Name: name, Type: onnxproto.Float32,
		Dims: []onnxproto.Dim{{Name: "batch"}, {Name: "tokens"}, {Size: int64(width)}}})
}
