// Package half converts 16-bit floating-point numbers to float32.
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

// BFloat16 returns the value of a bfloat16 number, which is the upper half of a float32. The conversion is exact.
func BFloat16(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }
