package onnx

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

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
			checkInvariance(t, rt, dir, texts, encodeAll(t, openTest(t, rt, dir, Options{}), texts))
		})
	}
}

// checkInvariance checks that vectors are equal to the last bit in other batches, in another order, and for single texts.
func checkInvariance(t *testing.T, rt *Runtime, dir string, texts []string, want []encoded) {
	t.Helper()
	compare := func(what string, e *Encoder, order []int) {
		t.Helper()
		part := make([]string, len(order))
		for i, at := range order {
			part[i] = texts[at]
		}
		differ, worst, example := 0, 0.0, ""
		for i, v := range encodeAll(t, e, part) {
			if !slices.Equal(v.Values, want[order[i]].Values) {
				differ++
				worst, example = max(worst, distance(v.Values, want[order[i]].Values)), part[i]
			}
		}
		if differ > 0 {
			t.Errorf("%s: %d of %d vectors differ by up to %g, for example the one of %.80q", what, differ, len(order), worst, example)
		}
	}
	rng := rand.New(rand.NewPCG(7, 8))
	for _, o := range []Options{{Threads: 1}, {Threads: 1, BatchTokens: 1}, {Threads: 1, BatchTokens: 100}, {Threads: 3, BatchTokens: 1500}} {
		e := openTest(t, rt, dir, o)
		compare(fmt.Sprint(o.Threads, " threads ", o.BatchTokens, " tokens"), e, rng.Perm(len(texts)))
		compare("half of the texts", e, rng.Perm(len(texts))[:len(texts)/2])
	}
	e := openTest(t, rt, dir, Options{})
	for i := range texts {
		if i%7 == 0 || i > len(texts)-15 {
			compare("alone", e, []int{i})
		}
	}
}
