package families

import (
	"fmt"
	"math"

	"w2s/internal/onnxproto"
)

// An attention describes the attention of one layer.
type attention struct {
	heads, kv int // heads of queries, and of keys and values; each of the latter serves heads/kv of the former
	dim       int // of a head
	q, k, v   linear
	fused     fusion // how one layer, q, computes q, k and v together
	out       linear

	qNorm, kNorm norm
	wide         bool      // the norms of queries and keys are over all heads together
	each         headNorms // whether every head has a norm of its own
	clip         float64   // queries, keys and values are limited to -clip to clip; 0 is no limit

	rope          *rope // nil is none
	window        int   // a token sees this many tokens, itself included; 0 is no limit
	alibi         bool  // scores grow with the position of the key
	bidirectional bool  // tokens see later ones
	scale         float64
	softcap       float64 // of scores; 0 is none

	distances *distanceBias // what is added to scores; nil is nothing
	apart     *disentangled // scores of positions; nil is none
}

// A fusion is how queries, keys and values lie in the outputs of one layer.
type fusion int

const (
	separate fusion = iota
	thirds          // all queries, then all keys, then all values
	perHead         // query, key and value of the first head, then of the second, and so on
)

// A headNorms is how the norms of the heads of queries or keys are stored.
type headNorms int

const (
	shared   headNorms = iota // all heads have the same norm
	numbered                  // every head has a norm, with a number after its name
	stacked                   // every head has a norm, and the weights of all are one tensor
)

// byRuntime reports whether the runtime's GroupQueryAttention computes this attention. It takes heads of a multiple of 8 and
// reads from left to right. Of the rotation it takes a multiple of 16 dimensions.
func (a attention) byRuntime() bool {
	return a.dim%8 == 0 && !a.alibi && !a.bidirectional
}

// packs reports whether GroupQueryAttention can take queries, keys and values as one, [batch·tokens, (heads+2·kv)·dim].
func (a attention) packs() bool {
	sameBias := a.q.bias == a.k.bias && a.k.bias == a.v.bias
	return a.byRuntime() && (a.fused == thirds || a.fused == separate && sameBias) && !a.qNorm.there() && !a.kNorm.there() && a.clip == 0 &&
		(a.rope == nil || a.rope.dim%16 == 0)
}

// packed computes them with one product.
func (b *builder) packed(x string, a attention, width int) string {
	wide, narrow := a.heads*a.dim, a.kv*a.dim
	if a.fused == thirds {
		return b.linear(x, a.q, width, wide+2*narrow)
	}
	return b.joined(x, []linear{a.q, a.k, a.v}, width, []int{wide, narrow, narrow})
}

// byHeads reports whether the runtime's MultiHeadAttention computes this attention.
func (a attention) byHeads() bool {
	return a.heads == a.kv && !a.alibi && a.window == 0 && a.softcap == 0 && a.apart == nil
}

// attend computes attention of [batch·tokens, width]. The result has want.Tokens alone.
func (b *builder) attend(x string, a attention, layer, width int, want Want) string {
	var y string
	if b.style.Half && b.style.Card && a.packs() {
		y = b.groupQuery(b.operand(b.packed(x, a, width)), "", "", a, layer, want)
		return b.linear(y, a.out, a.heads*a.dim, width)
	}
	q, k, v := b.project(x, a, width)
	q, k, v = b.operand(q), b.operand(k), b.operand(v)
	// On a card, GroupQueryAttention takes float16 only.
	switch {
	case a.byRuntime() && (b.style.Half || !b.style.Card):
		y = b.groupQuery(q, k, v, a, layer, want)
	case b.style.Card && a.byHeads() && !want.Cache:
		y = b.multiHead(q, k, v, a)
	default:
		y = b.plainAttention(q, k, v, a, layer, width, want)
	}
	if want.Tokens != AllTokens {
		y = b.only(want.Tokens, y, a.heads*a.dim)
	}
	return b.linear(y, a.out, a.heads*a.dim, width)
}

// project returns the queries, keys and values, [batch·tokens, heads·dim] each.
func (b *builder) project(x string, a attention, width int) (q, k, v string) {
	wide, narrow := a.heads*a.dim, a.kv*a.dim
	limited := func(y string) string {
		if a.clip == 0 {
			return y
		}
		return b.op("Clip", []string{b.full(y), b.float(-a.clip), b.float(a.clip)})
	}
	switch a.fused {
	case separate:
		q, k, v = limited(b.linear(x, a.q, width, wide)), limited(b.linear(x, a.k, width, narrow)), limited(b.linear(x, a.v, width, narrow))
	case thirds:
		parts := b.split(limited(b.linear(x, a.q, width, wide+2*narrow)), wide, narrow, narrow)
		q, k, v = parts[0], parts[1], parts[2]
	case perHead:
		all := b.reshape(limited(b.linear(x, a.q, width, 3*wide)), -1, int64(a.heads), int64(3*a.dim))
		parts := b.nodeOf("", "Split", []string{all, b.ints(sizes([]int{a.dim, a.dim, a.dim})...)}, 3, []onnxproto.Attr{onnxproto.Int("axis", 2)})
		for i, p := range parts {
			parts[i] = b.reshape(p, -1, int64(wide))
		}
		q, k, v = parts[0], parts[1], parts[2]
	}
	return b.normalizeHeads(q, a.qNorm, a, a.heads), b.normalizeHeads(k, a.kNorm, a, a.kv), v
}

// normalizeHeads normalises [batch·tokens, heads·dim], each head on its own unless the norm is wide.
func (b *builder) normalizeHeads(x string, n norm, a attention, heads int) string {
	switch {
	case !n.there():
		return x
	case a.wide:
		return b.normalize(x, n, heads*a.dim)
	}
	apart := b.reshape(x, -1, int64(heads), int64(a.dim))
	if a.each == shared {
		return b.reshape(b.normalize(apart, n, a.dim), -1, int64(heads*a.dim))
	}
	y := b.normalize(apart, norm{bare: true, eps: n.eps}, a.dim)
	return b.reshape(b.mul(y, b.headFactors(n, a, heads)), -1, int64(heads*a.dim))
}

// headFactors returns the factors of the norms of all heads, [heads, dim].
func (b *builder) headFactors(n norm, a attention, heads int) string {
	if a.each == stacked {
		return b.weight(n.name+".weight", heads, a.dim)
	}
	factors := make([]string, heads)
	for i := range factors {
		factors[i] = b.weight(fmt.Sprintf("%s.%d.weight", n.name, i), a.dim)
	}
	return b.reshape(b.op("Concat", factors, onnxproto.Int("axis", 0)), int64(heads), int64(a.dim))
}

// groupQuery computes attention with the operator GroupQueryAttention. Without k and v, q has all three one after another.
func (b *builder) groupQuery(q, k, v string, a attention, layer int, want Want) string {
	attrs := []onnxproto.Attr{onnxproto.Int("num_heads", int64(a.heads)), onnxproto.Int("kv_num_heads", int64(a.kv)),
		onnxproto.Float("scale", float32(a.scale))}
	if a.window > 0 {
		attrs = append(attrs, onnxproto.Int("local_window_size", int64(a.window)))
	}
	if a.softcap > 0 {
		attrs = append(attrs, onnxproto.Float("softcap", float32(a.softcap)))
	}
	cos, sin := "", ""
	if k == "" {
		q = b.perText(q, int64((a.heads+2*a.kv)*a.dim))
	} else {
		q, k, v = b.perText(q, int64(a.heads*a.dim)), b.perText(k, int64(a.kv*a.dim)), b.perText(v, int64(a.kv*a.dim))
	}
	if a.rope != nil {
		cos, sin = b.turns(a.rope)
		cos, sin = b.operand(cos), b.operand(sin)
		if a.rope.dim%16 == 0 {
			attrs = append(attrs, onnxproto.Int("do_rotary", 1), onnxproto.Int("rotary_interleaved", a.rope.interleaved()))
		} else {
			q, k = b.rotate(q, a, a.heads, cos, sin), b.rotate(k, a, a.kv, cos, sin)
			cos, sin = "", ""
		}
	}
	lengths := b.once("lengths", func() string { // number of tokens of each text, minus 1
		last := b.cast(b.op("Sub", []string{b.total(), b.ints(1)}), onnxproto.Int32)
		return b.op("Expand", []string{last, b.batch()})
	})
	total := b.once("total as scalar", func() string { return b.op("Squeeze", []string{b.cast(b.total(), onnxproto.Int32), b.ints(0)}) })
	pastKey, pastValue := "", ""
	if want.Cache {
		pastKey, pastValue = pastName(layer, "key"), pastName(layer, "value")
	}
	name := fmt.Sprintf("GroupQueryAttention_%d", len(b.nodes))
	outputs := []string{name, name + "_key", name + "_value"}
	if want.Cache {
		outputs = []string{name, b.present(layer, "key", a), b.present(layer, "value", a)}
	}
	b.append(onnxproto.Node{Op: "GroupQueryAttention", Domain: "com.microsoft",
		Inputs: []string{q, k, v, pastKey, pastValue, lengths, total, cos, sin}, Outputs: outputs, Attrs: attrs})
	return b.reshape(name, -1, int64(a.heads*a.dim))
}

// rotate turns [batch, tokens, heads·dim] with the operator RotaryEmbedding.
func (b *builder) rotate(x string, a attention, heads int, cos, sin string) string {
	at := b.once("positions of all", func() string { return b.op("Expand", []string{b.newPositions(), b.batchTokens()}) })
	attrs := []onnxproto.Attr{onnxproto.Int("num_heads", int64(heads)), onnxproto.Int("interleaved", a.rope.interleaved())}
	if a.rope.dim < a.dim {
		attrs = append(attrs, onnxproto.Int("rotary_embedding_dim", int64(a.rope.dim)))
	}
	return b.microsoft("RotaryEmbedding", []string{x, at, cos, sin}, attrs...)
}

// turned turns [batch·tokens, heads·dim].
func (b *builder) turned(x string, a attention, heads int) string {
	cos, sin := b.turns(a.rope)
	return b.reshape(b.rotate(b.perText(x, int64(heads*a.dim)), a, heads, b.operand(cos), b.operand(sin)), -1, int64(heads*a.dim))
}

// multiHead computes attention with the operator MultiHeadAttention.
func (b *builder) multiHead(q, k, v string, a attention) string {
	if a.rope != nil {
		q, k = b.turned(q, a, a.heads), b.turned(k, a, a.kv)
	}
	wide := int64(a.heads * a.dim)
	inputs := []string{b.perText(q, wide), b.perText(k, wide), b.perText(v, wide), "", "", ""}
	if b.masked {
		inputs[4] = b.textLengths()
	}
	if a.distances != nil {
		inputs[5] = b.operand(b.once("distance scores of one text", func() string {
			return b.op("Unsqueeze", []string{b.distanceScores(a.distances, a.heads), b.ints(0)})
		}))
	}
	attrs := []onnxproto.Attr{onnxproto.Int("num_heads", int64(a.heads)), onnxproto.Float("scale", float32(a.scale))}
	if !a.bidirectional {
		attrs = append(attrs, onnxproto.Int("unidirectional", 1))
	}
	return b.reshape(b.microsoft("MultiHeadAttention", inputs, attrs...), -1, wide)
}

// textLengths returns the number of tokens of each text without padding, followed by where each text begins among the padded queries
// and keys and where the last one ends, [3·batch+2]. This form of the mask is the one that attention of little memory takes on a card.
func (b *builder) textLengths() string {
	return b.once("text lengths", func() string {
		lengths := b.op("ReduceSum", []string{attentionMask, b.ints(1)}, onnxproto.Int("keepdims", 0))
		starts := b.mul(b.count(b.ints(0), b.add(b.batch(), b.ints(1))), b.tokens())
		return b.cast(b.op("Concat", []string{lengths, starts, starts}, onnxproto.Int("axis", 0)), onnxproto.Int32)
	})
}

// attentionMask is the name of the input that tells tokens (1) from padding (0), [batch, tokens].
const attentionMask = "attention_mask"

// plainAttention computes attention with operators of the default set.
func (b *builder) plainAttention(q, k, v string, a attention, layer, width int, want Want) string {
	if a.rope != nil {
		q, k = b.turned(q, a, a.heads), b.turned(k, a, a.kv)
	}
	early := b.style.Half && a.apart == nil // scaled before the products, which could exceed float16
	if early {
		q = b.operand(b.scaled(q, a.scale))
	}
	byHead := func(x string, heads int, perm ...int64) string {
		return b.op("Transpose", []string{b.perText(x, int64(heads), int64(a.dim))}, onnxproto.Ints("perm", perm...))
	}
	q, v = byHead(q, a.heads, 0, 2, 1, 3), byHead(v, a.kv, 0, 2, 1, 3) // [batch, heads, tokens, dim]
	kRows := ""
	if a.apart != nil {
		kRows = byHead(k, a.kv, 0, 2, 1, 3)
	}
	if !want.Cache && a.kv == a.heads {
		k = byHead(k, a.kv, 0, 2, 3, 1) // [batch, heads, dim, tokens]
	} else {
		k = byHead(k, a.kv, 0, 2, 1, 3)
		if want.Cache {
			k, v = b.withPast(k, layer, "key", a), b.withPast(v, layer, "value", a)
		}
		if a.kv < a.heads {
			k, v = b.repeated(k, a), b.repeated(v, a)
		}
		k = b.op("Transpose", []string{k}, onnxproto.Ints("perm", 0, 1, 3, 2))
	}
	scores := b.full(b.op("MatMul", []string{q, k}))
	if !early {
		scores = b.scaled(scores, a.scale)
	}
	scores = b.capped(scores, a.softcap)
	if a.alibi {
		scores = b.add(scores, b.slopes(a.heads))
	}
	if a.distances != nil {
		scores = b.add(scores, b.distanceScores(a.distances, a.heads))
	}
	if a.apart != nil {
		scores = b.add(scores, b.disentangledScores(q, kRows, a, width))
	}
	if mask := b.mask(a); mask != "" {
		scores = b.add(scores, mask)
	}
	y := b.op("MatMul", []string{b.operand(b.op("Softmax", []string{scores}, onnxproto.Int("axis", -1))), v})
	return b.reshape(b.op("Transpose", []string{y}, onnxproto.Ints("perm", 0, 2, 1, 3)), -1, int64(a.heads*a.dim))
}

// repeated repeats each head of [batch, kv, total, dim] for the heads of queries that it serves.
func (b *builder) repeated(x string, a attention) string {
	n := a.heads / a.kv
	apart := b.op("Unsqueeze", []string{x, b.ints(2)})
	apart = b.op("Expand", []string{apart, b.ints(1, 1, int64(n), 1, 1)})
	shape := b.once(fmt.Sprint("by head ", a.heads, a.dim), func() string {
		return b.op("Concat", []string{b.batch(), b.ints(int64(a.heads)), b.total(), b.ints(int64(a.dim))}, onnxproto.Int("axis", 0))
	})
	return b.op("Reshape", []string{apart, shape})
}

// mask returns what is added to scores: 0 where a token sees another, and a very low number elsewhere. It has shape
// [tokens, total], or [batch, 1, tokens or 1, total] if some tokens are padding. It returns "" if all tokens see all.
func (b *builder) mask(a attention) string {
	if a.bidirectional && a.window == 0 && !b.masked {
		return ""
	}
	return b.once(fmt.Sprint("mask ", a.bidirectional, a.window), func() string {
		key, query := b.pairPositions()
		var seen string
		less := func(x, y string) string { return b.op("Less", []string{x, y}) }
		if !a.bidirectional {
			seen = b.op("LessOrEqual", []string{key, query})
		}
		if a.window > 0 {
			near := less(b.op("Sub", []string{query, b.ints(int64(a.window))}), key)
			if a.bidirectional {
				near = b.op("And", []string{near, less(b.op("Sub", []string{key, b.ints(int64(a.window))}), query)})
			}
			if seen == "" {
				seen = near
			} else {
				seen = b.op("And", []string{seen, near})
			}
		}
		if b.masked {
			// One condition for both: the sum of two very low numbers is infinite, and so NaN where a token sees none.
			real := b.op("Unsqueeze", []string{b.cast(attentionMask, onnxproto.Bool), b.ints(1, 2)})
			if seen == "" {
				seen = real
			} else {
				seen = b.op("And", []string{seen, real})
			}
		}
		return b.op("Where", []string{seen, b.float(0), b.float(-math.MaxFloat32)})
	})
}

// slopes returns what ALiBi adds to scores, [heads, 1, total] (https://arxiv.org/abs/2108.12409).
func (b *builder) slopes(heads int) string {
	return b.once(fmt.Sprint("slopes ", heads), func() string {
		s := b.floats([]int64{int64(heads), 1, 1}, alibiSlopes(heads)...)
		return b.mul(s, b.cast(b.allPositions(), onnxproto.Float32))
	})
}

// alibiSlopes returns the slope of each head: a geometric sequence for a power of 2, filled up with every other element of the
// next power's for another number.
func alibiSlopes(heads int) []float32 {
	below := 1
	for 2*below <= heads {
		below *= 2
	}
	slopes := make([]float32, 0, heads)
	base := math.Pow(2, -math.Pow(2, -(math.Log2(float64(below))-3)))
	for i := 1; i <= below; i++ {
		slopes = append(slopes, float32(math.Pow(base, float64(i))))
	}
	extra := math.Pow(2, -math.Pow(2, -(math.Log2(float64(2*below))-3)))
	for i := 1; len(slopes) < heads; i += 2 {
		slopes = append(slopes, float32(math.Pow(extra, float64(i))))
	}
	return slopes
}

// The cache of earlier tokens. Its inputs and outputs have the names of optimum's exports.

func pastName(layer int, part string) string {
	return fmt.Sprintf("past_key_values.%d.%s", layer, part)
}
func presentName(layer int, part string) string { return fmt.Sprintf("present.%d.%s", layer, part) }

func (b *builder) cacheValue(name string, a attention, tokens string) onnxproto.Value {
	kind := onnxproto.Float32
	if b.style.Half {
		kind, b.halves[name] = onnxproto.Float16, true
	}
	return onnxproto.Value{Name: name, Type: kind,
		Dims: []onnxproto.Dim{{Name: "batch"}, {Size: int64(a.kv)}, {Name: tokens}, {Size: int64(a.dim)}}}
}

// addCache adds the inputs of the cache.
func (b *builder) addCache(layers []layer) {
	b.cached = true
	for i, l := range layers {
		for _, part := range []string{"key", "value"} {
			b.inputs = append(b.inputs, b.cacheValue(pastName(i, part), l.attention, "past"))
		}
	}
}

// present makes an output of the cache, and returns its name.
func (b *builder) present(layer int, part string, a attention) string {
	name := presentName(layer, part)
	b.outputs = append(b.outputs, b.cacheValue(name, a, "total"))
	return name
}

// withPast joins the cache to new keys or values, [batch, kv, tokens, dim].
func (b *builder) withPast(x string, layer int, part string, a attention) string {
	name := b.present(layer, part, a)
	b.append(onnxproto.Node{Op: "Concat", Inputs: []string{pastName(layer, part), x}, Outputs: []string{name},
		Attrs: []onnxproto.Attr{onnxproto.Int("axis", 2)}})
	return name
}

// past returns the number of tokens in the cache, as a list of one.
func (b *builder) past() string {
	if !b.cached {
		return b.ints(0)
	}
	return b.once("past", func() string {
		return b.op("Gather", []string{b.op("Shape", []string{pastName(0, "key")}), b.ints(2)}, onnxproto.Int("axis", 0))
	})
}

// total returns the number of tokens of each text, with those in the cache, as a list of one.
func (b *builder) total() string {
	if !b.cached {
		return b.tokens()
	}
	return b.once("total", func() string { return b.add(b.past(), b.tokens()) })
}

// allPositions are 0 to total-1.
func (b *builder) allPositions() string {
	return b.once("all positions", func() string { return b.count(b.ints(0), b.total()) })
}

// newPositions are the positions of the tokens that are not in the cache.
func (b *builder) newPositions() string {
	if !b.cached {
		return b.allPositions()
	}
	return b.once("new positions", func() string { return b.count(b.past(), b.total()) })
}

// pairPositions returns the positions of keys, [1, total], and of queries, [tokens, 1].
func (b *builder) pairPositions() (key, query string) {
	key = b.once("key positions", func() string { return b.op("Unsqueeze", []string{b.allPositions(), b.ints(0)}) })
	query = b.once("query positions", func() string { return b.op("Unsqueeze", []string{b.newPositions(), b.ints(1)}) })
	return key, query
}

// count returns from, from+1, ..., to-1. from and to are lists of one.
func (b *builder) count(from, to string) string {
	scalar := func(x string) string { return b.op("Squeeze", []string{x, b.ints(0)}) }
	one := b.once("scalar one", func() string { return scalar(b.ints(1)) })
	return b.op("Range", []string{scalar(from), scalar(to), one})
}

// inverseRoot is 1/√dim, the usual scale of scores.
func inverseRoot(dim int) float64 { return 1 / math.Sqrt(float64(max(1, dim))) }
