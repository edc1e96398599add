// Package study is the table of studies. A study is an experiment that asks one question and has a table, and usually
// charts, of its own.
//
// A new study needs three things: a function in package table that lays out its rows, a function in package plot that
// draws its charts, if it has any, and a line in All. Its command, help and --plots flag follow from that line.
package study

import (
	"w2s/harness/plot"
	"w2s/harness/summary"
	"w2s/harness/table"
)

// A Study is a view of rows that answers one question.
type Study struct {
	Name   string // name of its command, of its table and of its set of charts
	About  string // completes "Study ..." in help
	Table  func([]summary.Row) *table.Table
	Charts func(plot.Material) (plot.Set, error) // nil for a study without charts
	// Asks is what a study asks of stored predictions, instead of Table and Charts. Every result file can answer it (w2s table --by NAME).
	Asks *summary.Question
	// Defaults holds the values of flags of w2s study that differ from those of w2s run, by name of the flag. Several
	// values of a flag are separated by commas.
	Defaults  map[string]string
	Baselines bool // the study needs baselines
	Ladder    bool // the study compares the pairs of a ladder of models instead of looking at one pair
	Layers    bool // the study compares layers of a pair's models
	Geometry  bool // the study compares the features of models
	Imbalance bool // the study makes a class rare in training
	// Impossible says that the study adds examples that nobody can answer.
	Impossible bool
	Steps      bool // the study stops the training of students
}

// Draws reports whether the study has charts.
func (s Study) Draws() bool { return s.Charts != nil || s.Asks != nil }

// All returns the studies in the order of help.
func All() []Study {
	all := []Study{
		{Name: "gap", About: "how PGR depends on the capability gap between supervisor and student",
			Table: table.Gap, Charts: plot.GapSet, Ladder: true, Defaults: map[string]string{"loss": "xent"}},
		{Name: "alpha", About: "how PGR depends on the weight of the confidence term",
			Table: table.Alpha, Charts: plot.AlphaSet,
			Defaults: map[string]string{"loss": "confidence,logconf", "alpha": "0,0.125,0.25,0.5,0.75,1"}},
		{Name: "calibration", About: "how calibrating the weak labels changes them and PGR",
			Table: table.Calibration, Charts: plot.CalibrationSet,
			Defaults: map[string]string{"treatment": "soft,temperature,platt,hard", "loss": "xent"}},
		{Name: "imitation", About: "how far students repeat their supervisor's errors, and how far a ceiling makes the same errors by itself",
			Table: table.Imitation, Charts: plot.ImitationSet},
		{Name: "supervision", About: "whether students learn from their supervisor or find what their model knew: shuffled labels, the main axis of the features, few gold labels",
			Table: table.Supervision, Charts: plot.SupervisionSet, Baselines: true},
		{Name: "noise", About: "simulated supervisors with random or systematic errors at the same accuracy, and without any knowledge",
			Table: table.Noise, Charts: plot.NoiseSet,
			Defaults: map[string]string{"loss": "xent",
				"simulate": "flip:0.6,systematic:0.6,flip:0.7,systematic:0.7,flip:0.8,systematic:0.8,flip:0.9,systematic:0.9,random,majority"}},
		{Name: "size", About: "how floor, student and ceiling grow with the training pool",
			Table: table.Size, Charts: plot.SizeSet, Defaults: map[string]string{"loss": "xent", "sizes": "100,200,500,1000"}},
		{Name: "curves", About: "how scores of students and agreement with the supervisor change while they are trained (early stopping)",
			Table: table.Curves, Charts: plot.CurveSet, Steps: true, Defaults: map[string]string{"loss": "xent,logconf"}},
		{Name: "imbalance", About: "what a rare class in training does to supervisors, students and ceilings",
			Table: table.Imbalance, Charts: plot.ImbalanceSet, Imbalance: true,
			Defaults: map[string]string{"loss": "xent,logconf", "train": "1000", "test": "400", "metric": "auroc", "balance": "false"}},
		{Name: "raters", About: "people as weak supervisors: how PGR depends on how often they agree with the mean rating of others",
			Table: table.Raters, Charts: plot.RatersSet,
			Defaults: map[string]string{"loss": "xent", "weak": "raters:1,raters:3,raters:far", "task": "movies,tweets,amazon,editorials"}},
		{Name: "layers", About: "how floor, student, ceiling and PGR depend on the layer whose states are the strong model's features",
			Table: table.Layers, Charts: plot.LayerSet, Layers: true, Defaults: map[string]string{"loss": "xent", "strong": "all-mpnet-base-v2"}},
	}
	about := map[string]string{
		"misfit":     "whether what students gain is at least their misfit with the supervisor, and whether misfit ranks supervisors without gold",
		"errors":     "which errors of the supervisor students repeat, correct and add, also by the supervisor's confidence",
		"capa":       "whether students gain more from supervisors that are less like their own model (CAPA)",
		"coverage":   "how far students correct sure labels, and carry over to examples of which the supervisor is unsure",
		"geometry":   "whether the features of supervisor and student alone tell how much a student gains: overlap, shared dimensions, angles",
		"budget":     "how many gold labels the weak labels are worth: students beside the same model trained on 8, 32, 128 and all gold labels",
		"impossible": "how much of the variance of scores comes from examples that nobody can answer",
		"blindspots": "where students are surely wrong although the supervisor is unsure, and lose what their model knows",
	}
	for _, q := range summary.Questions() {
		of := q.Name == "geometry"
		all = append(all, Study{Name: q.Name, About: about[q.Name], Asks: &q, Geometry: of, Ladder: of, Baselines: q.Name == "budget", Impossible: q.Name == "impossible", Defaults: map[string]string{"loss": "xent,logconf"}})
	}
	return all
}
