// Package label holds weak labels and what may be done to them before a student learns from them.
//
// Labels are distributions by example id: a weak supervisor's opinion of the strong half of the training pool. A
// [Treatment] makes other labels of them: hardened, smoothed, calibrated, filtered by confidence, or corrected by a probe
// on the student's features. [Parse] reads treatments by name, [Treatments] lists them.
//
// No type here can carry the gold labels of what the student learns from. The only gold that a treatment sees is
// [Held]: gold of the supervisor's half that the supervisor was not trained on. Gold for measuring is read and written as
// [Gold], which no treatment takes.
//
// Simulated supervisors ([Flip], [Systematic], [Random], [Majority]) are made from gold on purpose: they stand in the
// place of a supervisor whose accuracy and kind of error are known.
//
// Strong-to-strong iterations (EleutherAI/w2s: the student relabels, and a new student learns from that) are no treatment:
// they train students, and a chain in which a model follows itself does that.
package label
