package loss

// GuardConf is [LogConf] where its student can be trusted, and [Confidence] elsewhere.
//
// Training on one's own hardened predictions is a power iteration: it turns the student towards the main axis of its features, the more
// so the larger the penalty and the flatter the labels. That is a gain where the main axis is what the supervisor teaches, as on
// sentiment, and else the student unlearns what it was taught. The entropy of Confidence does not do that, because its gradient is 0
// where the student is undecided. So the student is the one of Confidence, unless the main axis and the head of cross-entropy correlate
// by Least or more on held-out examples, and the axis follows the labels no closer than labels as sure as these can follow the class. Then it
// is the one of LogConf, with a penalty that its own overconfidence does not choose: the
// next larger one after that of cross-entropy. Package head does this ([Guarded]). It sees weak labels and no gold.
//
// The guard judges the axis, not the student: it cannot know which of two heads is right. There is no such axis for more than two
// classes, and the student is then the one of Confidence.
type GuardConf struct {
	LogConf
	Least float64
}

func (l GuardConf) String() string {
	return render("guardconf", "alpha", l.Alpha, "warmup", l.Warmup, "least", l.Least)
}

// Guard returns Confidence with the same weight, cross-entropy, and Least.
func (l GuardConf) Guard() (fallback, reference Loss, least float64) {
	return Confidence{l.Alpha}, XEnt{}, l.Least
}
