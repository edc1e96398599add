package label

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/graph/simple"
	"gonum.org/v1/gonum/graph/topo"

	"w2s/internal/list"
	"w2s/internal/prob"
	"w2s/internal/visible"
)

// leastShare is kept by treatments with a threshold, even if fewer labels are beyond it. It is ours.
const leastShare = 0.1

// keepFirst keeps the first n positions of an order, but at least leastShare of all labels, with a warning if that is more.
func keepFirst(l Labels, order []int, n int, what string) Treated {
	if least := min(nearestShare(leastShare, len(l.IDs)), len(order)); n < least {
		t := keepSome(l, order[:least])
		t.Warnings = append(t.Warnings, fmt.Sprintf("%s: %d of %d labels, too few to train on, so the first tenth is kept", what, n, len(l.IDs)))
		return t
	}
	return keepSome(l, order[:n])
}

// Confident keeps the labels whose top probability is above Threshold. The 0.75 of published programs is for two classes. If fewer
// than a tenth of the labels are above it, the most confident tenth is kept.
type Confident struct{ Threshold float64 }

func (c Confident) String() string { return "confident:" + number(c.Threshold) }

func (c Confident) check() error {
	if !(c.Threshold >= 0 && c.Threshold < 1) {
		return fmt.Errorf("threshold %v is not from 0 to below 1", c.Threshold)
	}
	return nil
}

// Apply drops the labels that are not confident.
func (c Confident) Apply(_ context.Context, l Labels, _ Evidence) (Treated, error) {
	if err := errors.Join(c.check(), l.Check()); err != nil {
		return Treated{}, fmt.Errorf("label: %s: %w", c, err)
	}
	n, confidence := 0, make([]float64, len(l.Soft))
	for i, p := range l.Soft {
		if confidence[i] = p[prob.Argmax(p)]; confidence[i] > c.Threshold {
			n++
		}
	}
	return keepFirst(l, descending(confidence, l.IDs), n, fmt.Sprintf("a top probability above %v", c.Threshold)), nil
}

// Overlap keeps the examples that, by the labels, are easy for the supervisor and lie near hard ones in the student's features: those
// that are said to teach the strong model (Shin et al. 2025, arXiv 2412.03881). Hard are those below a change point of the supervisor's
// confidence. Overlap are those of the rest that are above a change point of the largest |cosine| of their features with those of a
// hard one. A change point is the cut of the sorted values into two parts that minimises the squared distances from the means of the
// parts. Features are standardised, and those of a pair are the difference of its candidates.
type Overlap struct{}

func (Overlap) String() string { return "overlap" }

// Apply finds both change points and drops all other examples.
func (o Overlap) Apply(ctx context.Context, l Labels, e Evidence) (Treated, error) {
	p, err := o.parts(ctx, l, e)
	if err != nil {
		return Treated{}, fmt.Errorf("label: %s: %w", o, err)
	}
	t := keepFirst(l, p.rest, p.overlap, "overlap")
	t.Notes = append(t.Notes, fmt.Sprintf("%d hard, %d overlap, %d easy", p.hard, p.overlap, len(p.rest)-p.overlap))
	return t, nil
}

// Density returns the share of all examples that are overlap.
func (o Overlap) Density(ctx context.Context, l Labels, e Evidence) (float64, error) {
	p, err := o.parts(ctx, l, e)
	if err != nil {
		return 0, fmt.Errorf("label: %s: %w", o, err)
	}
	return float64(p.overlap) / float64(len(l.IDs)), nil
}

// overlapParts are the examples of which some are overlap.
type overlapParts struct {
	hard    int   // number of hard examples
	rest    []int // positions of the others, the nearest to hard ones first
	overlap int   // how many of rest are overlap
}

func (Overlap) parts(ctx context.Context, l Labels, e Evidence) (p overlapParts, err error) {
	if err := e.checkFeatures(l); err != nil {
		return p, err
	}
	if err := e.onePerExample(); err != nil {
		return p, err
	}
	order := byID(l.IDs)
	confidence := make([]float64, len(order))
	for k, i := range order {
		confidence[k] = CWPO{}.of(l.Soft[i])
	}
	sure, ok := changePoint(confidence)
	if !ok {
		return p, errors.New("all labels are equally confident, so none are hard (put it before hard)")
	}
	var hard, rest []int
	for k, i := range order {
		if confidence[k] < sure {
			hard = append(hard, i)
		} else {
			rest = append(rest, i)
		}
	}
	near, err := largestCosines(ctx, newScaledRows(e, rest), newScaledRows(e, hard))
	if err != nil {
		return p, err
	}
	least, ok := changePoint(near)
	if !ok {
		return p, fmt.Errorf("%s that the supervisor is sure of are equally near to hard ones", visible.Count(len(rest), "example"))
	}
	ids := make([]string, len(rest))
	for k, i := range rest {
		ids[k] = l.IDs[i]
		if near[k] >= least {
			p.overlap++
		}
	}
	p.hard = len(hard)
	for _, at := range descending(near, ids) {
		p.rest = append(p.rest, rest[at])
	}
	return p, nil
}

// changePoint returns the first value of the upper part of the cut that minimises the squared distances from the means of the two
// parts. Equal values are in the same part. ok is false if all values are equal.
func changePoint(values []float64) (upper float64, ok bool) {
	sorted := slices.Sorted(slices.Values(values))
	total, below, most := floats.Sum(sorted), 0.0, math.Inf(-1)
	n := float64(len(sorted))
	for k := 1; k < len(sorted); k++ {
		below += sorted[k-1]
		if sorted[k] == sorted[k-1] {
			continue
		}
		// The squared distances are the sum of all squares minus this.
		m := float64(k)
		if between := below*below/m + (total-below)*(total-below)/(n-m); between > most {
			upper, most, ok = sorted[k], between, true
		}
	}
	return upper, ok
}

// largestCosines returns, for every row of a, the largest absolute cosine with a row of b. A row of zeros has a cosine of 0.
func largestCosines(ctx context.Context, a, b scaledRows) ([]float64, error) {
	const blockRows = 256
	out := make([]float64, a.rows.Rows)
	dots := blas64.General{Cols: b.rows.Rows, Stride: b.rows.Rows, Data: make([]float64, min(blockRows, a.rows.Rows)*b.rows.Rows)}
	for start := 0; start < a.rows.Rows; start += blockRows {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		block := a.rows
		block.Rows = min(blockRows, a.rows.Rows-start)
		block.Data = block.Data[start*block.Stride:]
		dots.Rows = block.Rows
		blas64.Gemm(blas.NoTrans, blas.Trans, 1, block, b.rows, 0, dots)
		for i := range block.Rows {
			for j := range b.rows.Rows {
				if size := a.squares[start+i] * b.squares[j]; size > 0 {
					out[start+i] = max(out[start+i], math.Abs(dots.Data[i*dots.Stride+j])/math.Sqrt(size))
				}
			}
		}
	}
	return out, nil
}

// byID returns the positions of ids in ascending order, so that sums and ties do not depend on the order of the examples.
func byID(ids []string) []int {
	order := list.Range(len(ids))
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(ids[a], ids[b]) })
	return order
}

// checkFeatures returns an error unless there are features for labels that are right.
func (e Evidence) checkFeatures(l Labels) error {
	if err := l.Check(); err != nil {
		return err
	}
	if e.Features.X == nil {
		return errors.New("it needs the student's features and there are none")
	}
	if len(e.Examples) != len(l.IDs) {
		return fmt.Errorf("%s with features of %d examples", visible.Count(len(l.IDs), "label"), len(e.Examples))
	}
	for _, x := range e.Examples {
		if x < 0 || x >= e.Features.Examples() {
			return fmt.Errorf("example %d is not among the %d with features", x, e.Features.Examples())
		}
	}
	return nil
}

// onePerExample returns an error unless newScaledRows has one row for each example: those of classes, and pairs.
func (e Evidence) onePerExample() error {
	if e.Features.Classes > 0 {
		return nil
	}
	for _, x := range e.Examples {
		if n := e.Features.Start[x+1] - e.Features.Start[x]; n != 2 {
			return fmt.Errorf("it needs classes or pairs, and an example has %s", visible.Count(n, "candidate"))
		}
	}
	return nil
}

// TopoFilter keeps, of each class by the labels, the largest strongly connected component of the graph of nearest neighbours in the
// student's features. Then it drops those of the rest whose labels are furthest from the mean of their neighbours', until Share of all examples
// are gone in total (Wu et al. 2020, as in EleutherAI/w2s).
type TopoFilter struct {
	Share float64 // 0 to below 1: what EleutherAI/w2s calls contamination
	K     int     // neighbours of both steps
}

func (f TopoFilter) String() string {
	s := "topofilter:" + number(f.Share)
	if f.K != DefaultNeighbours {
		s += fmt.Sprintf(":k=%d", f.K)
	}
	return s
}

func (f TopoFilter) check() error {
	if f.K < 1 {
		return fmt.Errorf("%d neighbours, want 1 or more", f.K)
	}
	return Filter{KNN{f.K}, f.Share}.check()
}

func (TopoFilter) checkRankings() error {
	return errors.New("the candidates of a ranking have no labels of their own for neighbours to share (use filter:logreg)")
}

// Apply finds the components and drops all other examples.
func (f TopoFilter) Apply(ctx context.Context, l Labels, e Evidence) (Treated, error) {
	fail := func(err error) (Treated, error) { return Treated{}, fmt.Errorf("label: %s: %w", f, err) }
	if err := errors.Join(f.check(), e.checkFeatures(l)); err != nil {
		return fail(err)
	}
	if l.Classes == 0 {
		return Treated{}, fmt.Errorf("label: %w", CheckRankings(f))
	}
	if len(l.IDs) <= f.K {
		return fail(fmt.Errorf("too few examples for %s each: %d", visible.Count(f.K, "neighbour"), len(l.IDs)))
	}
	order := byID(l.IDs)
	classOf := make([]int, len(order))
	graphs := make([]*simple.DirectedGraph, l.Classes)
	for c := range graphs {
		graphs[c] = simple.NewDirectedGraph()
	}
	for k, i := range order {
		classOf[k] = prob.Argmax(l.Soft[i])
		graphs[classOf[k]].AddNode(simple.Node(k))
	}
	err := newScaledRows(e, order).neighbours(ctx, f.K, func(row int, nearest []int) {
		for _, n := range nearest {
			if classOf[n] == classOf[row] { // a node of another class has no way back
				graphs[classOf[row]].SetEdge(simple.Edge{F: simple.Node(row), T: simple.Node(n)})
			}
		}
	})
	if err != nil {
		return fail(err)
	}
	var kept []int // positions in order
	for _, g := range graphs {
		kept = append(kept, largestComponent(g)...)
	}
	slices.Sort(kept)
	lost := len(order) - len(kept)
	distance, ids := make([]float64, len(kept)), make([]string, len(kept))
	positions := make([]int, len(kept))
	for k, at := range kept {
		positions[k], ids[k] = order[at], l.IDs[order[at]]
	}
	more := min(max(0, int(math.RoundToEven(f.Share*float64(len(order))))-lost), len(kept)-1)
	if more > 0 {
		err = newScaledRows(e, positions).neighbours(ctx, min(f.K, len(kept)-1), func(row int, nearest []int) {
			mean := make([]float64, l.Classes)
			for _, n := range nearest {
				floats.AddScaled(mean, 1/float64(len(nearest)), l.Soft[positions[n]])
			}
			distance[row] = floats.Distance(mean, l.Soft[positions[row]], 1)
		})
		if err != nil {
			return fail(err)
		}
	}
	furthest := descending(distance, ids)[more:]
	for k, at := range furthest {
		furthest[k] = positions[at]
	}
	t := keepSome(l, furthest)
	t.Notes = append(t.Notes, fmt.Sprintf("%d outside the largest components, %d far from their neighbours", lost, more))
	return t, nil
}

// largestComponent returns the nodes of the largest strongly connected component, of equal ones the one with the smallest node.
func largestComponent(g *simple.DirectedGraph) []int {
	var best []int
	for _, component := range topo.TarjanSCC(g) {
		nodes := make([]int, len(component))
		for k, n := range component {
			nodes[k] = int(n.ID())
		}
		slices.Sort(nodes)
		if c := cmp.Compare(len(nodes), len(best)); c > 0 || c == 0 && nodes[0] < best[0] {
			best = nodes
		}
	}
	return best
}
