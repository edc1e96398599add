package main

import (
	"slices"
	"strings"
	"testing"

	"w2s/harness/experiment"
	"w2s/harness/result"
)

func TestBaselineFlags(t *testing.T) {
	for _, c := range []struct {
		flags     baselineFlags
		baselines bool
		more      []string
		fault     string
	}{
		{baselineFlags{}, true, nil, ""},
		{baselineFlags{names: []string{"all"}}, true, result.Unlabelled(), ""},
		{baselineFlags{names: []string{"ccs", "ue"}}, true, []string{"ccs", "ue"}, ""},
		{baselineFlags{names: []string{"none"}}, false, nil, ""},
		{baselineFlags{none: true}, false, nil, ""},
		{baselineFlags{names: []string{"ccs"}, none: true}, false, nil, "contradicts"},
		{baselineFlags{names: []string{"none", "ccs"}}, true, nil, "alone"},
		{baselineFlags{names: []string{"ccs", "ccs"}}, true, nil, "each once"},
		{baselineFlags{orders: []string{"length", "lenght"}}, true, nil, `did you mean "length"`},
		{baselineFlags{orders: []string{"length", "length"}}, true, nil, "given twice"},
		{baselineFlags{orders: []string{"length"}, none: true}, false, nil, "left out"},
		{baselineFlags{gold: []float64{0.05, 1}}, true, nil, "between 0 and 1"},
		{baselineFlags{names: []string{"probe"}}, true, nil, `did you mean "probes"`},
	} {
		var cfg experiment.Config
		err := c.flags.apply(&cfg, "")
		if c.fault != "" {
			if err == nil || !strings.Contains(err.Error(), c.fault) {
				t.Errorf("%+v: error %v, want one with %q", c.flags, err, c.fault)
			}
			continue
		}
		if err != nil || cfg.Baselines != c.baselines || !slices.Equal(cfg.Unlabelled, c.more) {
			t.Errorf("%+v: baselines %v, further ones %q (%v)", c.flags, cfg.Baselines, cfg.Unlabelled, err)
		}
	}
}
