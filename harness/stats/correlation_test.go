package stats

import (
	"math"
	"testing"
)

// The numbers are NumPy's: sums over the whole arrays after subtracting means over an axis, and corrcoef for two classes.
func TestCorrelationAndVariationMatchNumPy(t *testing.T) {
	a := [][]float64{{.2, .3, .5}, {.1, .8, .1}, {.6, .1, .3}, {.3, .3, .4}}
	b := [][]float64{{1, -2, .5}, {0, 3, -1}, {2, 2, 0}, {-1, .5, .7}}
	two := func(rows [][]float64) (out [][]float64) {
		for _, r := range rows {
			out = append(out, r[:2])
		}
		return out
	}
	for name, c := range map[string]struct{ got, want float64 }{
		"classes":               {Correlation(a, b, true), 0.5892970558007048},
		"candidates":            {Correlation(a, b, false), 0.5857404413463808},
		"two classes":           {Correlation(two(a), two(b), true), 0.4458943784798606},
		"opposite":              {Correlation(a, [][]float64{{-2, -3, -5}, {-1, -8, -1}, {-6, -1, -3}, {-3, -3, -4}}, false), -1},
		"a shift of an example": {Correlation(a, [][]float64{{1.2, 1.3, 1.5}, {.1, .8, .1}, {.6, .1, .3}, {.3, .3, .4}}, true), 1},
		"constant":              {Correlation(a, [][]float64{{.2, .3, .5}, {.2, .3, .5}, {.2, .3, .5}, {.2, .3, .5}}, true), 0},
		"variation, classes":    {Variation(a, true), 0.24375},
		"variation, candidates": {Variation(a, false), 0.24375 - 0.25/120},
		"sureness, classes":     {Sureness(a, true), 0.4449719092257398},
		"sureness, candidates":  {Sureness(a, false), 0.4358898943540673},
		"sureness, hard":        {Sureness([][]float64{{1, 0}, {0, 1}, {0, 1}}, true), 1},
		"sureness, all alike":   {Sureness([][]float64{{.9, .1}, {.9, .1}}, true), 0},
		"no variation":          {Variation([][]float64{{.9, .1}, {.9, .1}}, true), 0},
		"nothing":               {Variation(nil, true), 0},
	} {
		if !(math.Abs(c.got-c.want) <= 1e-15) {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
}
