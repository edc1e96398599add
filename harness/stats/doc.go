// Package stats holds the figures of a weak-to-strong experiment and what is known of their noise: accuracy, AUROC, log
// loss, Brier score, calibration error, supervisor agreement, the performance gap recovered (PGR), and the intervals and
// tests that belong to them.
//
// A prediction is a probability distribution: over the classes of a task, or over the candidates of one ranking question,
// so rows may differ in length. The answer is the most probable entry, the first of them in a tie. A gold label is a
// distribution too; every entry that reaches its maximum is a right answer.
//
// Examples are the unit of every bootstrap: weak supervisor, strong student and strong ceiling are scored on the same
// resample, and several seeds are averaged for each example before. How much seeds differ is another question and has
// another interval ([TInterval], [PGROverSeeds]).
//
// Nothing here returns a number for input that has none: NaN, infinities, ragged or empty input are errors, and an
// undefined PGR says why.
package stats
