package summary

import (
	"strings"
	"testing"

	"w2s/harness/result"
)

// easyHardLike returns a result in which the last 16 of 40 test examples are hard. hard is the number of them that the head of hard
// examples gets right.
func easyHardLike(hard int) *result.Result {
	r := seedsLike(6)
	addComparison(r, result.OfAxis, "", true, 6, 28, 28) // 4 of the hard ones
	for seed := range 6 {
		for _, c := range []struct {
			kind  string
			right int
		}{{result.Easy("length"), 34}, {result.Hard("length"), 24 + hard}} {
			h := result.Head{Task: "t", Role: result.Ordered, Baseline: c.kind, Model: "large", Loss: "xent", Seed: uint64(seed), Train: 30, Test: right(0, c.right),
				HardTest: []byte{0, 0, 0, 255, 255}}
			h.ID = result.HeadID(h)
			r.Heads = append(r.Heads, h)
		}
	}
	return r
}

// Scores on hard examples are worked out by hand.
func TestEasyHard(t *testing.T) {
	row := rows(t, easyHardLike(16), Options{})[0]
	if len(row.EasyHard) != 1 {
		t.Fatalf("%d orders, want 1", len(row.EasyHard))
	}
	e := row.EasyHard[0]
	if e.Order != "length" || e.N != 16 || e.Train != 30 {
		t.Errorf("%+v", e)
	}
	near(t, "weak", e.Floor.Value, 0) // right on the first 20 or 24
	near(t, "student", e.Transfer.Value, (6./16+4./16)/2)
	near(t, "unsupervised", e.Unsupervised.Value, 4./16)
	near(t, "easy", e.Easy.Value, 10./16)
	near(t, "hard", e.Hard.Value, 1)
	near(t, "SGR", e.SGR.Value, (10.-4)/(16-4))
	if !e.SGR.Defined || !e.SGR.Interval.Contains(0.5) || e.SGR.Interval.Hi-e.SGR.Interval.Lo < 0.1 {
		t.Errorf("SGR %+v", e.SGR)
	}
	if len(row.Baselines) != 1 || row.Baselines[0].Kind != result.OfAxis {
		t.Errorf("baselines %+v", row.Baselines) // ordered heads are none
	}
	// Heads that are no better than the unsupervised one leave nothing to recover.
	if e := rows(t, easyHardLike(4), Options{})[0].EasyHard[0]; e.SGR.Defined || !strings.Contains(e.SGR.Reason, "SGR undefined") {
		t.Errorf("SGR %+v", e.SGR)
	}
	// Without a main axis, there is nothing to start from.
	r := easyHardLike(16)
	kept := r.Heads[:0]
	for _, h := range r.Heads {
		if h.Role != result.Comparison {
			kept = append(kept, h)
		}
	}
	r.Heads = kept
	if e := rows(t, r, Options{})[0].EasyHard[0]; e.SGR.Defined || e.Unsupervised != nil {
		t.Errorf("without an axis: %+v", e)
	}
}
