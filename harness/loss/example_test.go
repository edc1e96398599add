package loss_test

import (
	"fmt"
	"strings"

	"w2s/harness/loss"
)

func ExampleParse() {
	l, err := loss.Parse("logconf:alpha=0.75:jump")
	fmt.Println(l, err)
	_, err = loss.Parse("logcnf")
	hint, _, _ := strings.Cut(err.Error(), "losses:")
	fmt.Println(hint)
	// Output:
	// logconf:alpha=0.75:warmup=0.2:jump <nil>
	// loss: unknown loss "logcnf" (did you mean "logconf"?
}

// The gradient of the cross-entropy is the student's prediction minus the label.
func ExampleEvaluate() {
	logits := [][]float64{{0, 0}}
	labels := [][]float64{{0.2, 0.8}}
	value, gradient, err := loss.Evaluate(loss.XEnt{}, 2, logits, labels, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.4f %.1f\n", value, gradient)
	// Output: 0.6931 [[0.3 -0.3]]
}
