package tasks

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"w2s/internal/visible"
)

// A Fault is one thing that is wrong with a data file or task file.
type Fault struct {
	File string // the file as the task file names it, or the last element of its path; the task if no file is to blame
	Line int    // counted from 1; 0 if the fault concerns the whole file
	Text string // what is wrong and, where that is not obvious, what to do about it
	// Also lists further lines with the same fault, at most maxAlso, and More is the number of those after them.
	Also []int
	More int
}

// maxAlso bounds Fault.Also.
const maxAlso = 5

// String returns the fault as "file:line: text", and the further lines that have it.
func (f Fault) String() string {
	if f.Line == 0 {
		return fmt.Sprintf("%s: %s", f.File, f.Text)
	}
	also := ""
	if len(f.Also) > 0 {
		lines := make([]string, len(f.Also))
		for i, line := range f.Also {
			lines[i] = strconv.Itoa(line)
		}
		also = " (also at lines " + strings.Join(lines, ", ")
		if len(lines) == 1 {
			also = " (also at line " + lines[0]
		}
		if f.More > 0 {
			also += fmt.Sprintf(" and %d more", f.More)
		}
		also += ")"
	}
	return fmt.Sprintf("%s:%d: %s%s", f.File, f.Line, f.Text, also)
}

// Faults is the error for files with faults. It holds the faults of all files of a task.
type Faults struct {
	List []Fault // the first ones, at most maxFaults
	More int     // number of further faults, which are counted only
	// Advice says in a few lines what to do about the faults; "" if they say it themselves.
	Advice string
}

// maxFaults bounds the list, since a wrong column makes every row of a file faulty.
const maxFaults = 20

// maxFaultText is the number of characters of a fault that are shown. A value or a key in it can have any length.
const maxFaultText = 600

// Error returns one line for each fault, and then the advice.
func (f *Faults) Error() string {
	lines := make([]string, 0, len(f.List)+1)
	for _, fault := range f.List {
		lines = append(lines, "tasks: "+fault.String())
	}
	if f.More > 0 {
		lines = append(lines, fmt.Sprintf("tasks: %s", visible.Count(f.More, "more fault")))
	}
	if f.Advice != "" {
		lines = append(lines, f.Advice)
	}
	return strings.Join(lines, "\n")
}

// add adds a fault, or a line to one that there is already.
func (f *Faults) add(file string, line int, format string, args ...any) {
	text := visible.Cut(fmt.Sprintf(format, args...), maxFaultText)
	for i := range f.List {
		switch old := &f.List[i]; {
		case line == 0 || old.Line == 0 || old.File != file || old.Text != text:
			continue
		case line == old.Line:
		case len(old.Also) < maxAlso:
			old.Also = append(old.Also, line)
		default:
			old.More++
		}
		return
	}
	if len(f.List) >= maxFaults {
		f.More++
		return
	}
	f.List = append(f.List, Fault{File: file, Line: line, Text: text})
}

// err returns f as an error, or nil if it holds no faults.
func (f *Faults) err() error {
	if len(f.List) == 0 {
		return nil
	}
	return f
}

// labelFaults merges the faults of all rows of a file whose labels cannot be read into one fault. If labels are words,
// every row is faulty, and one line for each would say no more than the first.
type labelFaults struct {
	first  int      // index in Faults.List of the merged fault
	rows   int      // number of rows with an unreadable label
	labels []string // distinct labels in order of appearance, at most maxLabels + 1
}

// maxLabels is the number of labels that a merged fault shows.
const maxLabels = 5

// add counts a row with an unreadable label. Only the first one becomes a fault of its own, unless the list of faults
// was full already: then each one counts as a further fault.
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

// finish appends the number of rows and their labels to the text of the first fault.
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
	faults.List[l.first].Text += fmt.Sprintf("; %s of the file have such labels: %s", visible.Count(l.rows, "row"), strings.Join(quoted, ", "))
}
