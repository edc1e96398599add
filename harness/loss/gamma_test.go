package loss

import (
	"math"
	"testing"
)

// Values of SciPy 1.17: scipy.special.digamma(x) and polygamma(1, x).
func TestPolygamma(t *testing.T) {
	for _, c := range []struct{ x, digamma, trigamma float64 }{
		{0.001, -1000.5755719318103, 1000001.6425331959},
		{0.5, -1.9635100260214235, 4.9348022005446799},
		{1, -0.57721566490153287, 1.6449340668482266},
		{1.5, 0.03648997397857652, 0.93480220054467933},
		{2, 0.42278433509846713, 0.64493406684822663},
		{3.25, 1.016990911068179, 0.35979829030957983},
		{9.999999, 2.25175248390038, 0.10516634673152186},
		{10, 2.2517525890667209, 0.10516633568168576},
		{12.5, 2.4851956512749123, 0.083285224601578389},
		{1000, 6.907255195648812, 0.0010005001666666331},
		{1e8, 18.420680738952367, 1.0000000049999999e-08},
	} {
		digamma, trigamma := polygamma(c.x)
		if math.Abs(digamma-c.digamma) > 1e-13*max(1, math.Abs(c.digamma)) || math.Abs(trigamma/c.trigamma-1) > 1e-13 {
			t.Errorf("at %v: %.17g and %.17g, want %.17g and %.17g", c.x, digamma, trigamma, c.digamma, c.trigamma)
		}
	}
}
