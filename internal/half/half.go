// Package half converts 16-bit floating-point numbers to float32 and back.
package half

import "math"

// Float16 returns the value of an IEEE 754 binary16 number. The conversion is exact.
func Float16(h uint16) float32 {
	sign := uint32(h>>15) << 31
	exponent, fraction := uint32(h>>10&31), uint32(h&1023)
	switch exponent {
	case 31: // infinity or NaN
		return math.Float32frombits(sign | 255<<23 | fraction<<13)
	case 0: // zero or subnormal: fraction · 2⁻²⁴
		return math.Float32frombits(sign | math.Float32bits(float32(fraction)/(1<<24)))
	}
	return math.Float32frombits(sign | (exponent+112)<<23 | fraction<<13)
}

// ToFloat16 returns the IEEE 754 binary16 number that is nearest to f, and the even one of two that are equally near. What is too
// large becomes infinite.
func ToFloat16(f float32) uint16 {
	b := math.Float32bits(f)
	sign := uint16(b >> 16 & 0x8000)
	b &= 1<<31 - 1
	switch {
	case b > 255<<23: // NaN
		return sign | 0x7e00
	case b >= 143<<23: // 2¹⁶ and more
		return sign | 0x7c00
	case b < 113<<23: // below 2⁻¹⁴: a multiple of 2⁻²⁴
		return sign | uint16(math.RoundToEven(float64(math.Float32frombits(b))*(1<<24)))
	}
	b -= 112 << 23
	return sign | uint16((b+0xfff+b>>13&1)>>13) // may carry into the exponent, up to infinity
}

// BFloat16 returns the value of a bfloat16 number, which is the upper half of a float32. The conversion is exact.
func BFloat16(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }
