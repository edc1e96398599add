// Package stats computes the figures of a weak-to-strong experiment with their intervals and tests: accuracy, AUROC, log loss,
// Brier score, calibration error, supervisor agreement and the performance gap recovered (PGR).
//
// A prediction is a probability distribution over the classes of a task, or over the candidates of one ranking question, so
// rows may differ in length. The answer is the most probable entry, the first of equals. A gold label is a distribution too,
// and every entry that equals its maximum is a right answer.
//
// Figures are made in this order. A [Score] is a figure in a form that can be computed again for any resample of the test
// examples. A [Bootstrap] resamples them and scores weak supervisor, strong student and strong ceiling on the same resamples.
// [NewPGR] makes a [PGR] with its interval from the three, and [Compare] compares two students. Several seeds are averaged
// for each example first ([SeedMean]), so that test examples are the unit of every bootstrap. The variation between seeds is
// a different question with intervals of its own ([TInterval], [PGROverSeeds]). [Pool] summarises several tasks.
//
// The package never returns a number that has no meaning. NaN, infinite, ragged or empty input is an error, and an undefined
// PGR states a reason.
package stats
