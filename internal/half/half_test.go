package half

import (
	"math"
	"testing"
)

// TestFloat16 compares all 65,536 numbers with the formula of the standard.
func TestFloat16(t *testing.T) {
	for i := range 1 << 16 {
		h := uint16(i)
		exponent, fraction := int(h>>10&31), float64(h&1023)
		want := math.Ldexp(1+fraction/1024, exponent-15)
		switch {
		case exponent == 31 && fraction == 0:
			want = math.Inf(1)
		case exponent == 31:
			want = math.NaN()
		case exponent == 0:
			want = math.Ldexp(fraction, -24)
		}
		if h>>15 == 1 {
			want = -want
		}
		got := float64(Float16(h))
		if got != want && !(math.IsNaN(got) && math.IsNaN(want)) || math.Signbit(got) != math.Signbit(want) && !math.IsNaN(want) {
			t.Fatalf("%#04x: got %v, want %v", h, got, want)
		}
	}
}

// TestToFloat16 converts every number back, and what lies between each two neighbours.
func TestToFloat16(t *testing.T) {
	check := func(f float32, want uint16) {
		t.Helper()
		for sign, f := range map[uint16]float32{0: f, 0x8000: -f} {
			if got := ToFloat16(f); got != want|sign {
				t.Fatalf("%v: got %#04x, want %#04x", f, got, want|sign)
			}
		}
	}
	for h := range uint16(0x7c00) {
		f := Float16(h)
		check(f, h)
		next := float32(65536) // where the number after the largest one would be
		if h < 0x7bff {
			next = Float16(h + 1)
		}
		middle := (f + next) / 2 // exact in float32
		even := h + h&1
		check(middle, even)
		check(math.Nextafter32(middle, 0), h)
		check(math.Nextafter32(middle, next), h+1)
	}
	for _, f := range []float32{65536, 1e30, math.MaxFloat32, float32(math.Inf(1))} {
		check(f, 0x7c00)
	}
	check(math.SmallestNonzeroFloat32, 0)
	if h := ToFloat16(float32(math.NaN())); !math.IsNaN(float64(Float16(h))) {
		t.Errorf("NaN became %#04x", h)
	}
}

func TestBFloat16(t *testing.T) {
	for bits, want := range map[uint16]float32{0x3f80: 1, 0xc000: -2, 0: 0, 0x7f80: float32(math.Inf(1)), 0x3eab: 0.333984375} {
		if got := BFloat16(bits); got != want {
			t.Errorf("%#04x: got %v, want %v", bits, got, want)
		}
	}
}
