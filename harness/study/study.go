// Package study is the table of studies: experiments that ask one question and have a table, and usually charts, of their
// own.
//
// A new study needs a line in All, its table in package table and its charts, if any, in package plot.
package study

import (
	"w2s/harness/plot"
	"w2s/harness/summary"
	"w2s/harness/table"
)

// A Study is a view of rows that answers one question.
type Study struct {
	Name, About string
	Table       func([]summary.Row) *table.Table
	Charts      func(plot.Material) (plot.Set, error) // nil: it has no charts
	// Defaults are the values of flags of w2s study that differ from those of w2s run.
	Defaults map[string]string
	// Ladder says that the study compares pairs of a ladder of models, not one pair.
	Ladder bool
}

// All returns the table of studies.
func All() []Study {
	return []Study{
		{Name: "gap", About: "how PGR depends on the capability gap between supervisor and student",
			Table: table.Gap, Charts: plot.GapSet, Ladder: true, Defaults: map[string]string{"loss": "xent"}},
		{Name: "alpha", About: "how PGR depends on the weight of the confidence term",
			Table: table.Alpha, Charts: plot.AlphaSet,
			Defaults: map[string]string{"loss": "confidence,logconf", "alpha": "0,0.125,0.25,0.5,0.75,1"}},
		{Name: "calibration", About: "how calibrating the weak labels changes them and PGR",
			Table: table.Calibration, Charts: plot.CalibrationSet,
			Defaults: map[string]string{"treatment": "soft,temperature,platt,hard", "loss": "xent"}},
		{Name: "imitation", About: "how far students repeat their supervisor's errors, beside what a ceiling repeats by itself",
			Table: table.Imitation, Charts: plot.ImitationSet},
		{Name: "noise", About: "supervisors with random or systematic errors of the same accuracy, and without any knowledge",
			Table: table.Noise, Charts: plot.NoiseSet,
			Defaults: map[string]string{"loss": "xent",
				"simulate": "flip:0.6,systematic:0.6,flip:0.7,systematic:0.7,flip:0.8,systematic:0.8,flip:0.9,systematic:0.9,random,majority"}},
		{Name: "size", About: "how floor, student and ceiling grow with the training pool",
			Table: table.Size, Charts: plot.SizeSet, Defaults: map[string]string{"loss": "xent", "sizes": "100,200,500,1000"}},
	}
}
