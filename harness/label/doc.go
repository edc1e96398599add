// Package label holds weak labels and the treatments that change them before a student learns from them.
//
// [Labels] are the labels that a weak supervisor gives to the strong half of the training pool: a distribution for each
// example id. A [Treatment] turns them into other labels: hardened, smoothed, calibrated, filtered by confidence, or
// corrected by a probe on the student's features. [Parse] reads treatments by name, and [Treatments] lists them.
//
// A treatment sees the labels and an [Evidence], which cannot hold gold labels of the examples that the student learns from.
// The only gold that it sees is [Held]: labels of examples of the supervisor's half that the supervisor was not trained on.
// [Gold] is for measuring labels and for simulated supervisors. No treatment takes it.
//
// Simulated supervisors ([Flip], [Systematic], [Random], [Majority]) make labels from gold with errors of a known number and
// kind. They take the place of a weak supervisor.
//
// Iterations from strong to strong, in which a student relabels the examples and a new student learns from them
// (EleutherAI/w2s), are not treatments, because they train students. A chain in which a model follows itself does that.
package label
