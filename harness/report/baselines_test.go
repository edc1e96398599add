package report

import (
	"strings"
	"testing"

	"w2s/harness/result"
)

// The page has a table of baselines if the result has some, with one row for each.
func TestPageShowsBaselines(t *testing.T) {
	r := sample(60, 2, "xent")
	if strings.Contains(pageOf(t, Options{Examples: -1}, r), "main axis") {
		t.Error("a result without baselines has some on the page")
	}
	for _, h := range r.Heads {
		if h.Role != result.Student {
			continue
		}
		h.Role, h.Baseline, h.Loss, h.Treatment = result.Comparison, result.OfAxis, "", ""
		h.ID = result.HeadID(h)
		r.Heads = append(r.Heads, h)
	}
	page := pageOf(t, Options{Examples: -1}, r)
	shown := 0
	for _, n := range nodes(t, page) {
		if n.Data == "td" && text(n) == "main axis" {
			shown++
		}
	}
	if shown != len(r.Tasks) || !strings.Contains(page, "baselines, ") {
		t.Errorf("%d rows of baselines, want one for each of %d tasks", shown, len(r.Tasks))
	}
}
