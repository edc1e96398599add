package label_test

import (
	"context"
	"fmt"
	"strings"

	"w2s/harness/label"
)

func ExampleParse() {
	weak := label.Labels{
		Classes: 2,
		IDs:     []string{"a", "b", "c", "d"},
		Soft:    [][]float64{{0.9, 0.1}, {0.4, 0.6}, {0.2, 0.8}, {0.55, 0.45}},
	}
	treatment, err := label.Parse("top:0.5+hard")
	if err != nil {
		fmt.Println(err)
		return
	}
	out, err := treatment.Apply(context.Background(), weak, label.Evidence{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(out.IDs, out.Soft)
	fmt.Println(out.Notes)

	_, err = label.Parse("temprature")
	hint, _, _ := strings.Cut(err.Error(), "treatments:")
	fmt.Println(hint)
	// Output:
	// [a c] [[1 0] [0 1]]
	// [2 of 4 examples kept, by the supervisor's answer [1 1]]
	// label: unknown treatment "temprature" (did you mean "temperature"?
}

// square is a custom treatment. It squares the probabilities and normalises them.
type square struct{}

func (square) String() string { return "square" }

func (square) Apply(_ context.Context, l label.Labels, _ label.Evidence) (label.Treated, error) {
	out := label.Treated{Labels: label.Labels{Classes: l.Classes, IDs: l.IDs}}
	for i, p := range l.Soft {
		q, sum := make([]float64, len(p)), 0.0
		for k, v := range p {
			q[k] = v * v
			sum += q[k]
		}
		for k := range q {
			q[k] /= sum
		}
		out.Soft, out.Keep = append(out.Soft, q), append(out.Keep, i)
	}
	return out, nil
}

func ExampleTreatment() {
	var t label.Treatment = label.Steps{square{}, label.Top{Share: 0.5}}
	weak := label.Labels{Classes: 2, IDs: []string{"a", "b"}, Soft: [][]float64{{0.75, 0.25}, {0.5, 0.5}}}
	out, err := t.Apply(context.Background(), weak, label.Evidence{})
	fmt.Println(t, out.IDs, out.Soft, err)
	// Output: square+top:0.5 [a] [[0.9 0.1]] <nil>
}
