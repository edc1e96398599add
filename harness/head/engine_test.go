package head

import (
	"math/rand/v2"
	"slices"
	"testing"

	"w2s/internal/simd"
)

// products returns the products of some columns in both directions.
func products[T simd.Real](e *vectorEngine[T], sets [][]int) (all []float64) {
	rng := rand.New(rand.NewPCG(5, 6))
	var cols []*column
	for i := range 9 {
		rows := sets[i%len(sets)]
		c := &column{rows: rows, w: make([]float64, e.data.X.Dims), d: make([]float64, e.data.X.Dims)}
		for j := range c.w {
			c.w[j] = rng.NormFloat64()
		}
		cols = append(cols, c)
	}
	e.forward(cols)
	for _, c := range cols {
		z := make([]float64, len(c.rows))
		c.z.read(0, z)
		all = append(all, z...)
	}
	e.backward(cols)
	for _, c := range cols {
		all = append(all, c.d...)
	}
	return all
}

// Rows that do not fit into the memory for rows that are laid out must give the same bits. Some or all of the rows that sets share fit in
// two of the cases.
func TestRowsAreTheSameLaidOutOrNot(t *testing.T) {
	data, _ := problem(13, 1300, 21, 2, false)
	data.Scaling = Standardise(data.X, nil)
	sets := [][]int{upTo(1300), upTo(700), {3, 9, 1299}}
	for _, room := range []int{0, 400 * 32, 1000 * 32} {
		limited, plenty := newVectorEngine[float32](data), newVectorEngine[float32](data)
		limited.room = room
		if !slices.Equal(products(limited, sets), products(plenty, sets)) {
			t.Errorf("room for %d numbers changes products", room)
		}
	}
}
