package onnx

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"w2s/harness/feature"
	"w2s/internal/shareddata"
)

// sst2 returns the sentences of the SST-2 development set.
func sst2(tb testing.TB) []string {
	tb.Helper()
	f, err := os.Open(shareddata.Path(tb, "data", "sst2-dev.tsv"))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	var texts []string
	for s := bufio.NewScanner(f); s.Scan(); {
		if label, text, ok := strings.Cut(s.Text(), "\t"); ok && len(label) == 1 {
			texts = append(texts, text)
		}
	}
	return texts
}

func TestInvariance(t *testing.T) {
	rt := testRuntime(t)
	texts := sst2(t)[:300]
	texts = append(texts, strings.Repeat("a long text, cut at the end ", 120), texts[7])
	for _, name := range []string{"all-minilm-l6-v2", "all-minilm-l6-v2-q"} {
		t.Run(name, func(t *testing.T) {
			dir := testCheckpoint(t, name)
			var want []feature.Vector
			for _, o := range []Options{{}, {Threads: 1, BatchTokens: 1}, {Threads: 1, BatchTokens: 100}, {Threads: 3, BatchTokens: 1500}} {
				got := encodeAll(t, openTest(t, rt, dir, o), texts)
				if want == nil {
					want = got
					continue
				}
				differ, worst := 0, 0.0
				for i := range got {
					if !slices.Equal(got[i].Values, want[i].Values) {
						differ++
						worst = max(worst, distance(got[i].Values, want[i].Values))
					}
				}
				if differ > 0 {
					t.Errorf("%s: %d of %d vectors differ by up to %g", fmt.Sprint(o.Threads, " threads ", o.BatchTokens, " tokens"), differ, len(got), worst)
				}
			}
		})
	}
}
