package experiment

import (
	"context"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"
	"gonum.org/v1/gonum/mat"

	"w2s/harness/label"
	"w2s/harness/result"
	"w2s/harness/stats"
)

// addGeometry compares the features of strong-train under the models of every student and its supervisor. Supervisors that are not trained
// have no features, and their students no geometry.
func (w *workbench) addGeometry(ctx context.Context, students []trained, offers []offer) error {
	spaces := map[space]*stats.Space{}
	var wanted []space
	for _, o := range offers {
		for _, pair := range w.cfg.Pairs {
			if _, ok := w.data[o.supervisor.Model]; !ok || pair.Weak != o.supervisor.Model {
				continue
			}
			for _, model := range []string{pair.Weak, pair.Strong} {
				s := space{model, o.halves.seed, o.halves.size}
				if _, ok := spaces[s]; !ok {
					spaces[s] = nil
					wanted = append(wanted, s)
				}
			}
		}
	}
	found := make([]*stats.Space, len(wanted))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, s := range wanted {
		group.Go(func() (err error) {
			if err = ctx.Err(); err == nil {
				found[i], err = stats.NewSpace(w.rows(s))
			}
			if err != nil {
				err = fmt.Errorf("features of %s: %w", s.model, err)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i, s := range wanted {
		spaces[s] = found[i]
	}
	type key struct{ supervisor, model string }
	made := map[key]*result.Geometry{}
	for _, o := range offers {
		weak := spaces[space{o.supervisor.Model, o.halves.seed, o.halves.size}]
		for _, pair := range w.cfg.Pairs {
			if weak == nil || pair.Weak != o.supervisor.Model {
				continue
			}
			own := space{pair.Strong, o.halves.seed, o.halves.size}
			g, err := compareSpaces(weak, spaces[own])
			if err != nil {
				return err
			}
			rows, _ := w.rows(own).Dims()
			if g.Rows = rows; w.data[pair.Strong].raw.Classes == 0 {
				g.Rows -= len(o.halves.strong)
			}
			// It is not defined for all labels and features.
			if density, err := (label.Overlap{}).Density(ctx, o.labels, label.Evidence{Features: w.data[pair.Strong].of(own.seed), Examples: o.halves.strong}); err == nil {
				g.Overlap = &density
			} else if ctx.Err() != nil {
				return ctx.Err()
			}
			made[key{o.supervisor.ID, pair.Strong}] = g
		}
	}
	for i := range students {
		s := &students[i]
		s.Geometry = made[key{s.Supervisor, s.Model}]
	}
	return nil
}

func compareSpaces(weak, strong *stats.Space) (*result.Geometry, error) {
	g := &result.Geometry{WeakDims: weak.Dims, StrongDims: strong.Dims}
	var err error
	if g.Shared, err = weak.Shared(strong); err == nil {
		g.Beyond, err = strong.Beyond(weak)
	}
	return g, err
}

// rows returns the standardised features of strong-train. Those of a candidate are its distance from the mean of its example, because a
// head ranks by differences.
func (w *workbench) rows(s space) *mat.Dense {
	data := w.data[s.model].of(s.seed)
	examples := w.halvesOf(result.Head{Seed: s.seed, Size: s.size}).strong
	var values []float64
	dims, n := data.X.Dims, 0
	for _, e := range examples {
		from, to := data.Rows(e)
		first := len(values)
		for r := from; r < to; r++ {
			for j, v := range data.X.Row(r) {
				values = append(values, (float64(v)-data.Scaling.Mean[j])/data.Scaling.SD[j])
			}
			n++
		}
		if data.Start == nil {
			continue
		}
		for j := range dims {
			mean := 0.0
			for r := range to - from {
				mean += values[first+r*dims+j] / float64(to-from)
			}
			for r := range to - from {
				values[first+r*dims+j] -= mean
			}
		}
	}
	return mat.NewDense(n, dims, values)
}
