package head

import (
	"fmt"
	"testing"

	"w2s/harness/loss"
)

// Features that are nearly the same make the search long. With the preconditioner, a dozen evaluations must do, and the
// minimum must be one of the gradient as well.
func TestPreconditionedSearchIsShort(t *testing.T) {
	for _, c := range []struct {
		classes int
		rank    bool
	}{{classes: 2}, {classes: 4}, {rank: true}} {
		const examples, dims = 800, 40
		data, labels := problem(12, examples, dims, c.classes, c.rank)
		for r := range data.X.Rows {
			row := data.X.Row(r)
			for j := 1; j < dims; j++ {
				row[j] = 0.95*row[j-1] + 0.05*row[j]
			}
		}
		data.Scaling = Standardise(data.X, nil)
		for _, l2 := range []float64{0.01, 1} {
			t.Run(fmt.Sprintf("%d classes, l2 %v", data.Classes, l2), func(t *testing.T) {
				job := Job{Examples: upTo(examples), Labels: labels, Loss: loss.XEnt{}, L2: l2}
				f := fit(t, data, Options{}, job)[0]
				if f.Status != Converged || f.Evaluations > 25 {
					t.Errorf("%s at a gradient of %v after %d evaluations", f.Status, f.GradientNorm, f.Evaluations)
				}
			})
		}
	}
}
