package families

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"w2s/internal/onnxproto"
)

// A rope describes rotary position embeddings (https://arxiv.org/abs/2104.09864). Dimension pair i of a head is turned by
// position·frequencies[i]. All is computed in float32 in the order of transformers' modeling_rope_utils.py, because a last bit of
// a frequency is multiplied by the position.
type rope struct {
	dim         int       // rotated dimensions of a head
	frequencies []float32 // of the dim/2 pairs
	scale       float64   // of cosines and sines
	neighbours  bool      // pair i is dimensions 2i and 2i+1, and not i and dim/2+i
	// long replaces frequencies in texts of more than after tokens, unless it is nil.
	long  []float32
	after int
	// stretch makes the base grow with the number of tokens, unless it is nil.
	stretch *stretch
}

// A stretch is dynamic NTK scaling: beyond max tokens, the base grows by (factor·tokens/max - (factor-1))^(dim/(dim-2)).
type stretch struct {
	base, factor float64
	max          int
}

// byLength reports whether the frequencies depend on the length of the text.
func (r *rope) byLength() bool { return r != nil && (r.long != nil || r.stretch != nil) }

// interleaved returns the runtime's attribute for neighbours.
func (r *rope) interleaved() int64 {
	if r.neighbours {
		return 1
	}
	return 0
}

// exponents returns 0/dim, 2/dim, ...
func exponents(dim int) []float32 {
	e := make([]float32, 0, dim/2)
	for i := 0; i < dim; i += 2 {
		e = append(e, float32(i)/float32(dim))
	}
	return e
}

// powers returns the wavelengths base^(2i/dim), in units of 2π.
func powers(base float64, dim int) []float32 {
	p := exponents(dim)
	for i, e := range p {
		p[i] = float32(math.Pow(float64(float32(base)), float64(e)))
	}
	return p
}

func inverse(v []float32) []float32 {
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = 1 / x
	}
	return out
}

// turns returns the cosines and sines of all positions, [total, dim/2] each.
func (b *builder) turns(r *rope) (cos, sin string) {
	key := fmt.Sprint("turns ", r.dim, r.frequencies, r.long, r.after, r.stretch, r.scale)
	angles := b.once(key+" angles", func() string {
		positions := b.op("Unsqueeze", []string{b.cast(b.allPositions(), onnxproto.Float32), b.ints(1)})
		return b.mul(positions, b.frequencies(r))
	})
	of := func(kind string) string {
		return b.once(key+kind, func() string { return b.scaled(b.op(kind, []string{angles}), r.scale) })
	}
	return of("Cos"), of("Sin")
}

// frequencies returns the frequencies that belong to the number of tokens, [dim/2].
func (b *builder) frequencies(r *rope) string {
	dims := []int64{int64(len(r.frequencies))}
	short := b.floats(dims, r.frequencies...)
	switch {
	case r.long != nil:
		longer := b.op("Greater", []string{b.total(), b.ints(int64(r.after))})
		return b.op("Where", []string{longer, b.floats(dims, r.long...), short})
	case r.stretch != nil:
		s := r.stretch
		total := b.cast(b.op("Max", []string{b.total(), b.ints(int64(s.max))}), onnxproto.Float32)
		// As in transformers, where the number of tokens is a tensor and the rest are numbers.
		grown := b.op("Div", []string{b.mul(total, b.float(s.factor)), b.float(float64(s.max))})
		grown = b.op("Sub", []string{grown, b.float(s.factor - 1)})
		grown = b.op("Pow", []string{grown, b.float(float64(r.dim) / float64(r.dim-2))})
		base := b.mul(grown, b.float(s.base))
		stretched := b.op("Div", []string{b.float(1), b.op("Pow", []string{base, b.floats(dims, exponents(r.dim)...)})})
		longer := b.op("Greater", []string{b.total(), b.ints(int64(s.max))})
		return b.op("Where", []string{longer, stretched, short})
	}
	return short
}

// ropeDefaults are the settings of rotary embeddings that a family has if config.json does not give them.
type ropeDefaults struct {
	theta   float64
	partial float64 // the share of a head that is rotated

	rotaryFirst bool // rotary_emb_base and rotary_pct count where rope_theta and partial_rotary_factor are there too
	original    int  // original_max_position_embeddings of longrope; 0 is max_position_embeddings
	yarnIsOld   bool // yarn is an old name of longrope
}

// rope reads the settings of rotary embeddings, in the form of transformers 4 (rope_theta, rope_scaling) or 5
// (rope_parameters). head is the dimension of a head and positions the longest input.
func (c *config) rope(head, positions int, d ropeDefaults) *rope {
	thetas, partials := []string{"rope_theta", "rotary_emb_base"}, []string{"partial_rotary_factor", "rotary_pct"}
	if d.rotaryFirst {
		slices.Reverse(thetas)
		slices.Reverse(partials)
	}
	s := c.nested("rope_scaling", "rope_parameters")
	s.without("full_attention", "sliding_attention") // the family has one rotation
	both := func(def float64, names []string) float64 {
		outer := c.positive(def, names...)
		inner := s.positive(outer, names...)
		if name, _ := c.raw(names); c.has(names...) && inner != outer {
			c.faultOf(name, "%v differs from %v in %s (transformers 4 takes the former, transformers 5 the latter)", outer, inner, s.name)
		}
		return inner
	}
	d.theta, d.partial = both(d.theta, thetas), both(d.partial, partials)
	return c.scaledRope(s, d, head, positions)
}

// plainRope makes a rope that turns whole heads and is not scaled.
func (c *config) plainRope(theta float64, head, positions int) *rope {
	return c.scaledRope(newConfig(nil), ropeDefaults{theta: theta, partial: 1}, head, positions)
}

// headSettings are the settings that give the number of rotated dimensions.
var headSettings = []string{"partial_rotary_factor", "rotary_pct", "head_dim", "hidden_size", "num_attention_heads"}

// scaledRope makes a rope from the settings of rope_scaling. Its faults are noted in c.
func (c *config) scaledRope(s *config, d ropeDefaults, head, positions int) *rope {
	defer c.merge(s)
	theta, partial := d.theta, d.partial
	r := &rope{dim: int(float64(head) * partial), scale: 1}
	if r.dim < 2 || r.dim > head || r.dim%2 != 0 {
		c.fault(headSettings, "partial_rotary_factor: %v of heads of %d dimensions is not an even number of them",
			partial, head)
		return nil
	}
	s.orDefault("rope_type") // so that type counts
	kind := s.string("default", "rope_type", "type")
	if kind == "su" || kind == "yarn" && d.yarnIsOld {
		kind = "longrope"
	}
	if raw, there := c.fields["max_position_embeddings"]; there && string(raw) == "null" &&
		slices.Contains([]string{"dynamic", "longrope", "yarn"}, kind) {
		c.faultOf("max_position_embeddings", "null is not a number, which rope_type %q needs", kind)
	}
	wavelengths := powers(theta, r.dim)
	r.frequencies = inverse(wavelengths)
	original := func(required bool) int {
		def := positions
		if required {
			def = 0
		} else {
			s.orDefault("original_max_position_embeddings")
		}
		return s.size(def, "original_max_position_embeddings")
	}
	factor := func() float64 {
		if _, there := s.fields["factor"]; !there {
			s.faultOf("rope_type", "%q needs a factor, which is missing", kind)
			return 1
		}
		return s.positive(1, "factor")
	}
	switch kind {
	case "default":
		if s.has("factor") && !s.has("rope_type", "type") {
			s.fault([]string{"rope_type"}, "rope_type is missing, which says how factor is used")
		}
	case "linear":
		f := float32(factor())
		for i := range r.frequencies {
			r.frequencies[i] /= f
		}
	case "dynamic":
		if r.dim < 4 {
			s.fault([]string{"rope_type"}, "a rotation of %d dimensions cannot be stretched", r.dim)
			return nil
		}
		s.ignore("original_max_position_embeddings") // transformers does not use it here
		r.stretch = &stretch{base: theta, factor: factor(), max: positions}
	case "llama3":
		r.llama3(factor(), s.float(0, "low_freq_factor"), s.float(0, "high_freq_factor"), float64(original(true)), s)
	case "yarn":
		r.yarn(theta, wavelengths, factor(), float64(original(false)), s)
	case "longrope":
		r.longrope(wavelengths, positions, d.original, c, s)
	default:
		s.faultOf("rope_type", "%q is not supported (have: default, linear, dynamic, yarn, llama3, longrope)", kind)
	}
	return r
}

// llama3 stretches long wavelengths by factor, keeps short ones, and interpolates between them.
func (r *rope) llama3(factor, low, high, original float64, s *config) {
	if low <= 0 || high <= low {
		s.fault([]string{"low_freq_factor", "high_freq_factor"}, "low_freq_factor: %v and high_freq_factor: %v are not 0 < low < high", low, high)
		return
	}
	f, longest, shortest := float32(factor), float32(original/low), float32(original/high)
	for i, x := range r.frequencies {
		wave := float32(2*math.Pi) / x
		switch {
		case wave > longest:
			r.frequencies[i] = x / f
		case wave >= shortest:
			smooth := (float32(original)/wave - float32(low)) / float32(high-low)
			r.frequencies[i] = (1-smooth)*x/f + smooth*x
		}
	}
}

// yarn is the method of https://arxiv.org/abs/2309.00071.
func (r *rope) yarn(theta float64, wavelengths []float32, factor, original float64, s *config) {
	mscale := func(scale, m float64) float64 {
		if scale <= 1 {
			return 1
		}
		return 0.1*m*math.Log(scale) + 1
	}
	s.orDefault("mscale", "mscale_all_dim", "beta_fast", "beta_slow")
	one, all := s.float(0, "mscale"), s.float(0, "mscale_all_dim")
	switch {
	case s.has("attention_factor"):
		r.scale = s.float(1, "attention_factor")
	case one != 0 && all != 0:
		r.scale = mscale(factor, one) / mscale(factor, all)
	default:
		r.scale = mscale(factor, 1)
	}
	correction := func(rotations float64) float64 {
		return float64(r.dim) * math.Log(original/(rotations*2*math.Pi)) / (2 * math.Log(theta))
	}
	fast, slow := cmp.Or(s.float(32, "beta_fast"), 32), cmp.Or(s.float(1, "beta_slow"), 1)
	if fast <= 0 || slow <= 0 || theta <= 1 {
		s.fault([]string{"beta_fast", "beta_slow"}, "beta_fast: %v, beta_slow: %v and rope_theta: %v are not supported", fast, slow, theta)
		return
	}
	low, high := correction(fast), correction(slow)
	if s.bool(true, "truncate") {
		low, high = math.Floor(low), math.Ceil(high)
	}
	low, high = max(low, 0), min(high, float64(r.dim-1))
	if low == high {
		high += 0.001
	}
	for i, w := range wavelengths {
		ramp := min(max((float32(i)-float32(low))/float32(high-low), 0), 1)
		extrapolated := 1 - ramp
		r.frequencies[i] = 1/(float32(factor)*w)*(1-extrapolated) + 1/w*extrapolated
	}
}

// longrope has one list of factors for wavelengths in texts up to the original length, and another one for longer texts
// (https://arxiv.org/abs/2402.13753).
func (r *rope) longrope(wavelengths []float32, positions, original int, c, s *config) {
	factors := func(name string) []float32 {
		v := value(s, []float64(nil), name)
		if c.anyFaulty(headSettings...) {
			return wavelengths // their number is not known
		}
		if len(v) != len(wavelengths) || slices.ContainsFunc(v, func(x float64) bool { return !(x > 0) }) {
			s.fault([]string{name}, "%s has %d numbers, not %d above 0", name, len(v), len(wavelengths))
			return wavelengths
		}
		out := make([]float32, len(v))
		for i, x := range v {
			out[i] = float32(x) * wavelengths[i]
		}
		return out
	}
	r.frequencies, r.long = inverse(factors("short_factor")), inverse(factors("long_factor"))
	if original > 0 || c.has("original_max_position_embeddings") {
		original = c.size(original, "original_max_position_embeddings")
	}
	inner := s.has("original_max_position_embeddings")
	given := s.has("factor")
	factor := s.float(1, "factor")
	// transformers 4, whose files have rope_scaling, ignores the inner original length, and the factor if there is an outer one.
	if s.name == "rope_parameters" && original == 0 && inner {
		original = s.size(0, "original_max_position_embeddings")
	}
	r.after = cmp.Or(original, positions)
	if s.name == "rope_parameters" && !given || s.name != "rope_parameters" && original > 0 {
		factor = float64(positions) / float64(r.after)
	}
	switch {
	case s.has("attention_factor"):
		r.scale = s.float(1, "attention_factor")
	case factor > 1:
		r.scale = math.Sqrt(1 + math.Log(factor)/math.Log(float64(r.after)))
	}
	s.ignore("short_mscale", "long_mscale", "attention_factor")
}
