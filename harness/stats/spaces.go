package stats

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// A Space is the column space of a feature matrix: an orthonormal basis of it in the space of the rows (the left singular vectors), with
// the eigenvalues of the second moments. Spaces of the same rows can be compared, whatever the numbers of their dimensions.
type Space struct {
	basis       *mat.Dense // rows × rank
	eigenvalues []float64  // descending
	Dims        int        // number of directions that have [Energy] of the sum of eigenvalues
}

// Energy is the share of the sum of eigenvalues that the dimensions of a [Space] have, as in Li et al. 2025 (2502.05075).
const Energy = 0.99

// NewSpace returns the space of a matrix, one row for each example. Its eigenvalues are those of x'x/n.
func NewSpace(x *mat.Dense) (*Space, error) {
	n, p := x.Dims()
	var moments mat.SymDense
	side := p
	if p <= n {
		moments.SymOuterK(1/float64(n), x.T())
	} else {
		side = n
		moments.SymOuterK(1/float64(n), x)
	}
	var e mat.EigenSym
	if !e.Factorize(&moments, true) {
		return nil, errors.New("stats: the eigenvalues of features cannot be computed")
	}
	values := e.Values(nil) // ascending
	var vectors mat.Dense
	e.VectorsTo(&vectors)
	order := make([]int, side)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(values[j], values[i]) })
	s := &Space{}
	const least = 1e-9 // relative to the largest eigenvalue: what is below is rounding
	total := 0.0
	for _, i := range order {
		if values[i] > least*values[order[0]] {
			s.eigenvalues = append(s.eigenvalues, values[i])
			total += values[i]
		}
	}
	rank := len(s.eigenvalues)
	if rank == 0 {
		return nil, errors.New("stats: all features are 0")
	}
	sum := 0.0
	for s.Dims < rank && sum < Energy*total {
		sum += s.eigenvalues[s.Dims]
		s.Dims++
	}
	kept := mat.NewDense(side, rank, nil)
	for k := range rank {
		kept.SetCol(k, mat.Col(nil, order[k], &vectors))
	}
	if p > n {
		s.basis = kept
		return s, nil
	}
	s.basis = mat.NewDense(n, rank, nil)
	s.basis.Mul(x, kept)
	for k := range rank {
		column := s.basis.ColView(k).(*mat.VecDense)
		column.ScaleVec(1/mat.Norm(column, 2), column)
	}
	return s, nil
}

// Shared returns the sum of the squared cosines of the principal angles between the dimensions of two spaces, their correlation dimension
// (Li et al. 2025), from 0 to the smaller number of dimensions. That paper compares right singular vectors, and maps features at random if
// their numbers differ. Left ones of the same rows need no map.
func (s *Space) Shared(o *Space) (float64, error) {
	squares, err := s.squaredCosines(o)
	if err != nil {
		return 0, err
	}
	sum := 0.0
	for i := range s.Dims {
		for j := range o.Dims {
			sum += squares.At(i, j)
		}
	}
	return sum, nil
}

// Beyond returns which share of what ridge regression on the features of s can express is beyond ridge regression on those of o:
// ‖P(I-Q)‖² / ‖P‖² with Frobenius norms, P = K(K+ρI)⁻¹ and Q likewise, where K = xx'/n and ρ is a tenth of its mean eigenvalue. The
// product is the one of Xue et al. 2025 (2502.00620); norm, ridge and normalisation are ours.
func (s *Space) Beyond(o *Space) (float64, error) {
	squares, err := s.squaredCosines(o)
	if err != nil {
		return 0, err
	}
	p, q := s.shrinkage(), o.shrinkage()
	var whole, beyond float64
	for i, a := range p {
		whole += a * a
		beyond += a * a
		for j, b := range q {
			beyond -= a * a * (2*b - b*b) * squares.At(i, j)
		}
	}
	return max(0, beyond) / whole, nil
}

// shrinkage returns the eigenvalues of K(K+ρI)⁻¹. Those of x'x/n and of xx'/n are the same, and n - rank of the latter are 0.
func (s *Space) shrinkage() []float64 {
	n, _ := s.basis.Dims()
	ridge := 0.0
	for _, v := range s.eigenvalues {
		ridge += 0.1 * v / float64(n)
	}
	out := make([]float64, len(s.eigenvalues))
	for i, v := range s.eigenvalues {
		out[i] = v / (v + ridge)
	}
	return out
}

func (s *Space) squaredCosines(o *Space) (*mat.Dense, error) {
	n, _ := s.basis.Dims()
	if m, _ := o.basis.Dims(); m != n {
		return nil, fmt.Errorf("stats: spaces of %d and %d rows", n, m)
	}
	var squares mat.Dense
	squares.Mul(s.basis.T(), o.basis)
	squares.Apply(func(_, _ int, v float64) float64 { return v * v }, &squares)
	return &squares, nil
}
