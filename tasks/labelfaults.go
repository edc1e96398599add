package tasks

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A labelFaults makes one fault of all rows of a file whose labels cannot be read: labels that are words make every row
// faulty, and a line for each says no more than the first.
type labelFaults struct {
	first  int      // place of the first in the list of faults
	rows   int      // all of them
	labels []string // different ones, as they come, at most maxLabels + 1
}

// maxLabels is how many labels are printed.
const maxLabels = 5

// add notes a row whose label is at fault. The first takes its place among the other faults.
func (l *labelFaults) add(faults *Faults, r *row) {
	if l.rows == 0 {
		l.first = len(faults.List)
	}
	if l.rows == 0 || l.first == maxFaults {
		faults.add(r.file, r.line, "%s", r.fault)
	}
	l.rows++
	if len(l.labels) <= maxLabels && !slices.Contains(l.labels, *r.label) {
		l.labels = append(l.labels, *r.label)
	}
}

// finish has the first fault say how many rows there are like it, and what their labels are.
func (l *labelFaults) finish(faults *Faults) {
	if l.rows < 2 || l.first == maxFaults {
		return
	}
	quoted := make([]string, 0, len(l.labels))
	for _, label := range l.labels {
		quoted = append(quoted, strconv.Quote(label))
	}
	if len(quoted) > maxLabels {
		quoted[maxLabels] = "…"
	}
	faults.List[l.first].Text += fmt.Sprintf("; %d rows of the file have such labels: %s", l.rows, strings.Join(quoted, ", "))
}
