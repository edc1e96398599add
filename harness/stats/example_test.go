package stats_test

import (
	"fmt"

	"w2s/harness/stats"
)

func ExamplePGROf() {
	p, _ := stats.PGROf(72, 88, 95)
	fmt.Println(p)
	p, _ = stats.PGROf(72, 88, 72)
	fmt.Println(p, "-", p.Reason)
	// Output:
	// 0.70
	// undefined - gap not positive: PGR undefined
}

func ExampleAccuracyPGR() {
	// Which of 1000 test examples each of the three gets right.
	weak, student, ceiling := make([]float64, 1000), make([]float64, 1000), make([]float64, 1000)
	for i := range 1000 {
		if i%100 < 72 {
			weak[i] = 1
		}
		if i%100 < 88 {
			student[i] = 1
		}
		if i%100 < 95 {
			ceiling[i] = 1
		}
	}
	p, err := stats.AccuracyPGR(weak, student, ceiling, stats.Bootstrap{Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("PGR", p, p.Interval, "gap", p.GapInterval)
	// Output: PGR 0.70 [0.64, 0.76] gap [0.20, 0.26]
}
