package tasks

import (
	"fmt"
	"strings"
)

// A Fault is something wrong with a task file, and where.
type Fault struct {
	File string // as the user wrote it
	Line int    // 1 is the first; 0 where the fault belongs to the whole file
	Text string // what is wrong and, where it helps, what to do
}

func (f Fault) String() string {
	if f.Line > 0 {
		return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Text)
	}
	return fmt.Sprintf("%s: %s", f.File, f.Text)
}

// Faults is the error for files that hold faults: all of a load are reported together.
type Faults struct {
	List []Fault // the first of them, at most maxFaults
	More int     // how many further ones were not kept
}

// maxFaults bounds what is kept and printed: a wrong column makes every row of a file faulty.
const maxFaults = 20

func (f *Faults) Error() string {
	lines := make([]string, 0, len(f.List)+1)
	for _, fault := range f.List {
		lines = append(lines, "tasks: "+fault.String())
	}
	if f.More > 0 {
		lines = append(lines, fmt.Sprintf("tasks: %d more faults", f.More))
	}
	return strings.Join(lines, "\n")
}

func (f *Faults) add(file string, line int, format string, args ...any) {
	if len(f.List) >= maxFaults {
		f.More++
		return
	}
	f.List = append(f.List, Fault{File: file, Line: line, Text: fmt.Sprintf(format, args...)})
}

// err returns the faults as an error, or nil where there are none.
func (f *Faults) err() error {
	if len(f.List) == 0 {
		return nil
	}
	return f
}
