package feature

import (
	"context"
	"fmt"
	"strings"

	"w2s/internal/half"
	"w2s/internal/list"
)

// halfSuffix ends the keys of encoders whose vectors are float16, and so names the parts of a cache that store them as such.
const halfSuffix = "-float16"

// A Half rounds the vectors of another encoder to float16. A [Cache] stores them in half the space. Its key is not that of the
// encoder, because the vectors are not the same.
type Half struct{ Encoder }

// Key is the key of the encoder with an ending of its own.
func (h Half) Key() string { return h.Encoder.Key() + halfSuffix }

// Variant is the variant of the encoder, and float16.
func (h Half) Variant() string {
	if v := variantOf(h.Encoder); v != "" {
		return v + ", float16"
	}
	return "float16"
}

// Encode returns an error if a number is too large for float16.
func (h Half) Encode(ctx context.Context, texts []string, emit func(index int, vector []float32, tokens int, truncated bool) error) error {
	return h.Encoder.Encode(ctx, texts, rounded(emit))
}

// Warnings returns the warnings of the encoder.
func (h Half) Warnings() []string {
	if w, ok := h.Encoder.(Warner); ok {
		return w.Warnings()
	}
	return nil
}

// A HalfPass rounds the vectors of a pass to float16. Its encoders are of the type [Half].
type HalfPass struct{ Pass }

// Encode returns an error if a number is too large for float16.
func (p HalfPass) Encode(ctx context.Context, encoders []Encoder, texts []string,
	emit func(index int, vectors []float32, tokens int, truncated bool) error) error {
	return p.Pass.Encode(ctx, list.Map(encoders, func(e Encoder) Encoder { return e.(Half).Encoder }), texts, rounded(emit))
}

// Warnings returns the warnings of the pass.
func (p HalfPass) Warnings() []string {
	if w, ok := p.Pass.(Warner); ok {
		return w.Warnings()
	}
	return nil
}

// rounded returns a function that rounds vectors and passes them to emit.
func rounded(emit func(index int, vector []float32, tokens int, truncated bool) error) func(int, []float32, int, bool) error {
	var buf []float32
	return func(index int, vector []float32, tokens int, truncated bool) error {
		buf = append(buf[:0], vector...)
		for i, v := range buf {
			buf[i] = half.Float16(half.ToFloat16(v))
			if v-v == 0 && buf[i]-buf[i] != 0 {
				return fmt.Errorf("feature: %v in dimension %d is too large for float16 (leave the precision float32)", v, i)
			}
		}
		return emit(index, buf, tokens, truncated)
	}
}

// isHalf reports whether the vectors of a key are float16.
func isHalf(key string) bool { return strings.HasSuffix(key, halfSuffix) }
