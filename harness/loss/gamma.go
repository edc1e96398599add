package loss

import "math"

// polygamma returns the first two derivatives of the logarithm of Γ at x > 0, digamma and trigamma: the recurrence ψ(x) = ψ(x+1) - 1/x up to
// 10, and there the asymptotic series (Abramowitz and Stegun 1964, 6.3.18 and 6.4.12). Relative errors are below 1e-14.
func polygamma(x float64) (digamma, trigamma float64) {
	for ; x < 10; x++ {
		r := 1 / x
		digamma -= r
		trigamma += r * r
	}
	r := 1 / x
	s := r * r
	digamma += math.Log(x) - r/2 - s*(1./12-s*(1./120-s*(1./252-s*(1./240-s*(1./132-s*(691./32760-s*(1./12)))))))
	trigamma += r + s/2 + r*s*(1./6-s*(1./30-s*(1./42-s*(1./30-s*(5./66-s*(691./2730-s*(7./6)))))))
	return digamma, trigamma
}
