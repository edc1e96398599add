package main

import (
	"strings"
	"testing"

	"w2s/internal/study"
)

// Only a study that has charts offers to write them.
func TestPlotsFlagOfStudies(t *testing.T) {
	check := func(s study.Study, want bool) {
		t.Helper()
		c := newStudy(&app{}, s)
		if got := c.Flags().Lookup("plots") != nil; got != want {
			t.Errorf("study %s has --plots: %v, want %v", s.Name, got, want)
		}
		if got := strings.Contains(c.Example, "--plots"); got != want {
			t.Errorf("the example of study %s has --plots: %v, want %v", s.Name, got, want)
		}
	}
	for _, s := range study.All() {
		check(s, s.Draws())
		s.Charts, s.Asks = nil, nil
		check(s, false)
	}
}
