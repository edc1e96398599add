package main

import "testing"

// With few draws, the interval of w2s must contain the true value about as often as it says, and the one over test examples
// alone much less often.
func TestIntervalsOverSeedsAndExamplesCover(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates")
	}
	const draws = 150 // the standard error of 95 % is 1.8 points
	all := simulated()
	for _, seeds := range []int{3} {
		c, err := measure(all[len(all)-1], seeds, draws)
		if err != nil {
			t.Fatal(err)
		}
		if ours, examples := c[0].all(), c[1].defined(); ours < 88 || ours > 99.5 || examples > 90 {
			t.Errorf("%d seeds: %.1f %% contain the true value, over examples alone %.1f %%", seeds, ours, examples)
		}
	}
}
