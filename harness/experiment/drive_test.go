package experiment

import (
	"testing"
	"time"
)

// The remaining time is that of tasks that were worked on, and is left out where it would say nothing.
func TestPace(t *testing.T) {
	for _, c := range []struct {
		tasks []time.Duration // negative: taken over from an earlier result
		total int
		want  string
	}{
		{[]time.Duration{20 * time.Second, 10 * time.Second}, 6, "2 of 6 tasks done, about 1m0s left"},
		{[]time.Duration{-1, 10 * time.Second}, 4, "2 of 4 tasks done, about 20s left"},
		{[]time.Duration{-1, -1}, 3, "2 of 3 tasks done"},
		{[]time.Duration{time.Millisecond}, 3, "1 of 3 tasks done"},
		{[]time.Duration{20 * time.Hour}, 3, "1 of 3 tasks done"},
	} {
		p := pace{total: c.total}
		for _, d := range c.tasks {
			p.add(max(d, 0), d >= 0)
		}
		if got := p.String(); got != c.want {
			t.Errorf("%v of %d: %s, want %s", c.tasks, c.total, got, c.want)
		}
	}
}
