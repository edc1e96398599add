package tasks

import (
	"context"
	"errors"
	"slices"
)

// A CheckReport is what [Check] found in a task file.
type CheckReport struct {
	Info     Info
	Pool     int            // examples to train on
	Test     int            // examples of an own test part
	PerClass map[string]int // Classify: examples of each class, both parts
	Warnings []string
	Faults   *Faults // nil where the file is good
}

// Check reads a data file or YAML task file as a run would, and reports every fault with its line, as well as what a
// run would warn of. The error is for a file that cannot be read at all.
func Check(ctx context.Context, path string) (*CheckReport, error) {
	report := &CheckReport{}
	task, err := OpenFile(path)
	if err == nil {
		report.Info = task.Info()
		var data *Data
		if data, err = task.Load(ctx, nil); err == nil {
			report.Pool, report.Test, report.Warnings = len(data.Pool), len(data.Test), data.Warnings
			if report.Info.Form == Classify {
				report.PerClass = make(map[string]int, len(report.Info.Classes))
				for _, e := range slices.Concat(data.Pool, data.Test) {
					report.PerClass[report.Info.Classes[argmax(e.Gold)]]++
				}
			}
			return report, nil
		}
	}
	if errors.As(err, &report.Faults) {
		return report, nil
	}
	return nil, err
}
