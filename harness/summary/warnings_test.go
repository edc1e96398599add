package summary

import (
	"slices"
	"testing"
)

func TestMerge(t *testing.T) {
	for _, c := range []struct{ warnings, want []string }{
		{nil, nil},
		{[]string{"a", "a", "b"}, []string{"a", "b"}},
		{[]string{"m-1: 13 of 200", "other", "m-1: 8 of 200", "m-1: 54 of 200"}, []string{"m-1: 8 to 54 of 200", "other"}},
		{[]string{"m-1: 13 of 200", "m-2: 8 of 200"}, []string{"m-1: 13 of 200", "m-2: 8 of 200"}}, // of different models
		{[]string{"3 of 9", "4 of 8"}, []string{"3 of 9", "4 of 8"}},
		{[]string{"x 5", "x 5"}, []string{"x 5"}},
	} {
		if got := merge(c.warnings); !slices.Equal(got, c.want) {
			t.Errorf("merge(%q) = %q, want %q", c.warnings, got, c.want)
		}
	}
}
