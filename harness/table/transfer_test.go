package table

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"w2s/harness/stats"
	"w2s/harness/summary"
)

// transferMatrix returns a matrix of two tasks. The scores of heads trained on task i and tested on task j end in i.j per cent.
func transferMatrix(loss, treatment string, defined bool) summary.TransferMatrix {
	m := summary.TransferMatrix{Weak: "small", Strong: "large", Loss: loss, Treatment: treatment, Tasks: []string{"one", "two"}}
	for i := range 2 {
		var cells []summary.Row
		for j := range 2 {
			at := float64(i+1)/100 + float64(j+1)/1000
			r := summary.Row{Metric: "accuracy", N: 100 + j, Seeds: 3, Floor: summary.Figure{Value: 0.5 + at},
				Transfer: summary.Figure{Value: 0.6 + at}, Ceiling: summary.Figure{Value: 0.7 + at}, Warnings: []string{"same for all"}}
			r.PGR = stats.PGR{Value: 0.5, Defined: defined, Reason: stats.ReasonNoise}
			cells = append(cells, r)
		}
		m.Cells = append(m.Cells, cells)
	}
	return m
}

func TestTransfer(t *testing.T) {
	var b bytes.Buffer
	table := Transfer([]summary.TransferMatrix{transferMatrix("xent", "soft", true), transferMatrix("logconf:alpha=0.5:warmup=0.2", "soft", false)})
	if err := Write(&b, Style{Format: "text", Wide: true}, table); err != nil {
		t.Fatal(err)
	}
	spaces := regexp.MustCompile("  +").ReplaceAllString(b.String(), ",")
	b.Reset()
	b.WriteString(spaces)
	for _, want := range []string{
		"figure,trained on,one,two,notes",
		`weak floor, small,one,51.1,51.2,a`, `weak floor, small,two,52.1,52.2,a`,
		`strong ceiling, large,two,72.1,72.2,a`, `student, xent,one,61.1,61.2,a`,
		`PGR, xent,one,0.50,0.50,a`, `PGR, logconf,two,undefined,undefined,a`,
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in:\n%s", want, b.String())
		}
	}
	if n := strings.Count(b.String(), "weak floor"); n != 2 {
		t.Errorf("%d lines of the weak floor, want one for each task, as it does not depend on the loss", n)
	}
	for _, want := range []string{"small → large", "soft labels", "3 seeds", "one 100, two 101"} {
		if !strings.Contains(table.Caption, want) {
			t.Errorf("no %q in the caption %q", want, table.Caption)
		}
	}
	several := Transfer([]summary.TransferMatrix{transferMatrix("xent", "soft", true), transferMatrix("xent", "hard", true)})
	if several.Rows[4][0] != "student, xent, soft labels" {
		t.Errorf("figure %q does not name the treatment", several.Rows[4][0])
	}
	single := transferMatrix("xent", "soft", true)
	single.Cells[0][0].Seeds = 1
	if caption := Transfer([]summary.TransferMatrix{single}).Caption; !strings.Contains(caption, ", 1 seed,") {
		t.Errorf("caption %q", caption)
	}
	if empty := Transfer(nil); len(empty.Rows) != 0 || empty.Caption == "" {
		t.Errorf("%+v", empty)
	}
}
