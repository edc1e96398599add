package label

import (
	"math/rand/v2"
	"testing"
)

func BenchmarkFilterKNN(b *testing.B) {
	const n, dims = 2000, 384
	rng := rand.New(rand.NewPCG(1, 1))
	rows, soft := make([][]float32, n), make([][]float64, n)
	for i := range rows {
		rows[i] = make([]float32, dims)
		for j := range rows[i] {
			rows[i][j] = float32(rng.NormFloat64())
		}
		p := rng.Float64()
		soft[i] = []float64{p, 1 - p}
	}
	l, e := labelsOf(2, soft), Evidence{Features: data(2, rows), Examples: upTo(n)}
	for i := range l.IDs {
		l.IDs[i] += string(rune('a' + i/1000))
	}
	for b.Loop() {
		if _, err := (Filter{KNN{}, 0.1}).Apply(b.Context(), l, e); err != nil {
			b.Fatal(err)
		}
	}
}
