package tokenizer

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// parseScore reads a JSON number like serde_json, the library's JSON reader: it takes the digits that fit into 64 bits as an
// integer, and multiplies or divides once by a power of ten. The result is often not the nearest float64, and if two splits of a
// word are equally good, its last bit decides.
func parseScore(s string) (float64, error) {
	digits, negative := strings.CutPrefix(s, "-")
	mantissa, exponentDigits, scaled := strings.Cut(strings.ToLower(digits), "e")
	exponent := 0
	if scaled {
		var err error
		if exponent, err = strconv.Atoi(exponentDigits); err != nil || exponent > 1<<20 || exponent < -1<<20 {
			return 0, fmt.Errorf("score %q has an impossible exponent", s)
		}
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	var significand uint64
	full := false
	add := func(c byte) bool {
		d := uint64(c - '0')
		if full = full || significand > (math.MaxUint64-d)/10; !full {
			significand = significand*10 + d
		}
		return !full
	}
	if whole == "" || strings.Trim(whole+fraction, "0123456789") != "" {
		return 0, fmt.Errorf("score %q is not a number", s)
	}
	for i := range len(whole) {
		if !add(whole[i]) {
			exponent++
		}
	}
	for i := 0; i < len(fraction) && add(fraction[i]); i++ {
		exponent--
	}
	f := float64(significand)
	for ; exponent < -308 && f != 0; exponent += 308 {
		f /= 1e308
	}
	switch {
	case f == 0:
	case exponent > 308:
		f = math.Inf(1)
	case exponent >= 0:
		f *= power10(exponent)
	default:
		f /= power10(-exponent)
	}
	if math.IsInf(f, 0) {
		return 0, fmt.Errorf("score %q is too large", s)
	}
	if negative {
		f = -f
	}
	return f, nil
}

// power10 returns the float64 nearest to ten to the power of n. math.Pow10 multiplies two powers for n > 31.
func power10(n int) float64 {
	f, _ := strconv.ParseFloat("1e"+strconv.Itoa(n), 64) // n is 0 to 308
	return f
}
