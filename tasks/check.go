package tasks

import (
	"context"
	"slices"

	"w2s/internal/prob"
)

// A CheckReport is what [Check] found in a task file.
type CheckReport struct {
	Info     Info
	Pool     int            // number of examples to train on
	Test     int            // number of examples in the data's own test part
	PerClass map[string]int // Classify: number of examples of each class, both parts together
	Warnings []string       // see [Data]
	Faults   *Faults        // nil if the file has no faults; the other fields then describe its examples
	Loaded   Task           // the task with its examples, which Load returns without reading the file again
}

// Check reads a data file or a YAML task file as a run would, within limits. It reports every fault with its line, and the
// warnings that a run would give. It returns an error only if the file cannot be read at all.
func Check(ctx context.Context, path string, limits Limits) (*CheckReport, error) {
	return CheckFrom(ctx, WithLimits(nil, limits), path)
}

// CheckFrom is Check for files with settings and for data sets on the hub too, see [OpenFrom].
func CheckFrom(ctx context.Context, src Source, ref string) (*CheckReport, error) {
	report := &CheckReport{}
	base, given, err := cutSettings(ref)
	if err != nil {
		return nil, &RefError{err}
	}
	var task Task
	task, err = openData(ctx, src, base, given)
	if err == nil {
		report.Info = task.Info()
		var data *Data
		if data, err = task.Load(ctx, src); err == nil {
			report.Loaded = loaded{task, data}
			report.Pool, report.Test, report.Warnings = len(data.Pool), len(data.Test), data.Warnings
			if report.Info.Form == Classify {
				report.PerClass = make(map[string]int, len(report.Info.Classes))
				for _, e := range slices.Concat(data.Pool, data.Test) {
					report.PerClass[report.Info.Classes[prob.Argmax(e.Gold)]]++
				}
			}
			return report, nil
		}
	}
	if faults, ok := err.(*Faults); ok {
		report.Faults = faults
		return report, nil
	}
	return nil, err // it may hold faults too
}

// loaded is a task whose data is in memory.
type loaded struct {
	Task
	data *Data
}

func (l loaded) Load(context.Context, Source) (*Data, error) { return l.data, nil }
