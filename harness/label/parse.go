package label

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"w2s/internal/list"
	"w2s/internal/suggest"
)

// A Named is a line of the table of treatments.
type Named struct {
	Name  string
	Form  string // how it is written, with its settings
	About string
	// fitted says that the treatment is fitted on Evidence.Held, which has the supervisor's own labels, so that it must come
	// before all others.
	fitted bool
	make   func(a *arguments) Treatment
}

// Treatments returns the table of all treatments that have a name. A new treatment needs a line here.
func Treatments() []Named {
	return []Named{
		{Name: "soft", Form: "soft", About: "labels as the supervisor gave them",
			make: func(*arguments) Treatment { return Soft{} }},
		{Name: "hard", Form: "hard", About: "all probability on the supervisor's answer",
			make: func(*arguments) Treatment { return Hard{} }},
		{Name: "smooth", Form: "smooth:EPSILON", About: "mixed with the uniform distribution",
			make: func(a *arguments) Treatment { return Smooth{a.number("epsilon", 0.1)} }},
		{Name: "temperature", Form: "temperature", About: "calibrated by one temperature, fitted on held-out gold of the supervisor's half",
			fitted: true, make: func(*arguments) Treatment { return Temperature{} }},
		{Name: "platt", Form: "platt", About: "calibrated by a slope and class offsets, fitted on held-out gold of the supervisor's half",
			fitted: true, make: func(*arguments) Treatment { return Platt{} }},
		{Name: "top", Form: "top:SHARE[:balanced]", About: "only the share of labels that the supervisor is most confident of",
			make: func(a *arguments) Treatment {
				balanced := a.flag("balanced")
				return Top{a.number("share", 0.5), balanced}
			}},
		{Name: "relabel", Form: "relabel:knn|logreg[:SHARE][:k=N|l2=X][:in-sample]",
			About: "the labels that a probe on the student's features disputes most (all by default), replaced by the probe's",
			make:  func(a *arguments) Treatment { return Relabel{a.probe(), a.number("share", 1)} }},
		{Name: "filter", Form: "filter:knn|logreg[:SHARE][:k=N|l2=X][:in-sample]",
			About: "without the labels that a probe on the student's features disputes most (a tenth by default)",
			make:  func(a *arguments) Treatment { return Filter{a.probe(), a.number("share", 0.1)} }},
		{Name: "confident", Form: "confident:THRESHOLD", About: "only the labels whose top probability is above a threshold (0.75 by default)",
			make: func(a *arguments) Treatment { return Confident{a.number("threshold", 0.75)} }},
		{Name: "weight", Form: "weight:cwpo|entropy|excess|reliability[:heads=N]",
			About: "weights of the labels: confidence, 1/entropy, excess loss over a probe, or the share of the supervisor's bootstrap heads that agree",
			make:  func(a *arguments) Treatment { return a.weight() }},
		{Name: "reliable", Form: "reliable:SHARE[:heads=N]",
			About: "only the share of labels on which the supervisor's bootstrap heads agree most (half by default)",
			make: func(a *arguments) Treatment {
				heads := a.heads()
				return Reliable{a.number("share", 0.5), heads}
			}},
		{Name: "overlap", Form: "overlap",
			About: "only examples that the supervisor is sure of and that lie near hard ones, by two change points (Shin et al. 2025)",
			make:  func(*arguments) Treatment { return Overlap{} }},
		{Name: "topofilter", Form: "topofilter:SHARE[:k=N]",
			About: "only the largest connected component of each class, without the labels that are furthest from their neighbours' (a tenth in all by default)",
			make: func(a *arguments) Treatment {
				k := a.neighbours()
				return TopoFilter{a.number("share", 0.1), k}
			}},
		{Name: "channel", Form: "channel[:l2=X][:in-sample]",
			About: "posterior of a noisy channel, with a probe on the student's features as the prior",
			make:  func(a *arguments) Treatment { return Channel{a.logreg()} }},
	}
}

// Parse reads a treatment by name, with its settings after colons. Several treatments that are applied one after the other are
// joined by plus signs:
//
//	hard    smooth:0.1    top:0.5:balanced    relabel:knn    filter:logreg:0.1:l2=0.01    temperature+top:0.5
//
// Parse(t.String()) returns t for every treatment t that Parse returned.
func Parse(text string) (Treatment, error) {
	t, _, err := parse(text)
	return t, err
}

// NeedsHeld reports whether a treatment looks at Evidence.Held. A treatment that is not made of those of the table may do so.
func NeedsHeld(t Treatment) bool {
	_, fitted, err := parse(t.String())
	return err != nil || fitted
}

// parse reads a treatment and reports whether a step of it is fitted on held-out labels.
func parse(text string) (t Treatment, fitted bool, err error) {
	var steps Steps
	for i, step := range strings.Split(text, "+") {
		t, named, err := parseStep(strings.TrimSpace(step))
		if err != nil {
			return nil, false, err
		}
		fitted = fitted || named.fitted
		if named.fitted && i > 0 {
			return nil, false, fmt.Errorf("label: treatment %q: %s must come first, because it is fitted on the supervisor's own labels", text, t)
		}
		steps = append(steps, t)
	}
	if len(steps) == 1 {
		return steps[0], fitted, nil
	}
	return steps, fitted, nil
}

// parseStep reads one treatment and returns it with its line of the table.
func parseStep(text string) (Treatment, Named, error) {
	fields := strings.Split(text, ":")
	all, name := Treatments(), fields[0]
	at := slices.IndexFunc(all, func(n Named) bool { return n.Name == name })
	if at < 0 {
		names := list.Map(all, func(n Named) string { return n.Name })
		return nil, Named{}, fmt.Errorf("label: unknown treatment %q (%s)", name, suggest.Hint(name, "treatments", names))
	}
	named, a := all[at], &arguments{rest: fields[1:]}
	t := named.make(a)
	if len(a.rest) > 0 {
		a.fault("%q is left over", strings.Join(a.rest, ":"))
	}
	if c, ok := t.(interface{ check() error }); ok && len(a.faults) == 0 {
		if err := c.check(); err != nil {
			a.faults = append(a.faults, err)
		}
	}
	if err := errors.Join(a.faults...); err != nil {
		return nil, Named{}, fmt.Errorf("label: treatment %q: %w (want %s)", text, err, named.Form)
	}
	return t, named, nil
}

// arguments are the settings after a treatment's name. Each method takes what it understands from the rest and notes faults.
type arguments struct {
	rest   []string
	faults []error
}

func (a *arguments) fault(format string, args ...any) {
	a.faults = append(a.faults, fmt.Errorf(format, args...))
}

// number takes a number, with or without its name, from the front. It returns fallback if there is none.
func (a *arguments) number(name string, fallback float64) float64 {
	if len(a.rest) == 0 || strings.Contains(a.rest[0], "=") && !strings.HasPrefix(a.rest[0], name+"=") {
		return fallback
	}
	text := strings.TrimPrefix(a.rest[0], name+"=")
	a.rest = a.rest[1:]
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		a.fault("%s %q is not a number", name, text)
	}
	return v
}

// flag takes a word from the end and reports whether it is there.
func (a *arguments) flag(name string) bool {
	n := len(a.rest)
	if n > 0 && a.rest[n-1] == name {
		a.rest = a.rest[:n-1]
		return true
	}
	return false
}

// setting takes name=value from the end.
func (a *arguments) setting(name string) (value string, ok bool) {
	if n := len(a.rest); n > 0 {
		if value, ok = strings.CutPrefix(a.rest[n-1], name+"="); ok {
			a.rest = a.rest[:n-1]
		}
	}
	return value, ok
}

// front takes a word from the front.
func (a *arguments) front() (word string, ok bool) {
	if len(a.rest) == 0 {
		return "", false
	}
	word, a.rest = a.rest[0], a.rest[1:]
	return word, true
}

// probe takes a probe's name from the front and its settings from the end.
func (a *arguments) probe() Probe {
	name, ok := a.front()
	if !ok {
		a.fault("no probe is named")
		return nil
	}
	switch name {
	case "knn":
		return KNN{a.neighbours()}
	case "logreg":
		return a.logreg()
	}
	a.fault("unknown probe %q (probes: knn, logreg)", name)
	return nil
}

// neighbours takes the number of neighbours from the end.
func (a *arguments) neighbours() int { return a.count("k", "neighbours", DefaultNeighbours) }

// heads takes the number of heads from the end.
func (a *arguments) heads() int { return a.count("heads", "heads", DefaultRepeats) }

// count takes name=N from the end, or returns fallback.
func (a *arguments) count(name, of string, fallback int) int {
	text, ok := a.setting(name)
	if !ok {
		return fallback
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		a.fault("%s %q is not a number of %s", name, text, of)
	}
	return n
}

// logreg takes the settings of a LogReg from the end.
func (a *arguments) logreg() LogReg {
	p := LogReg{InSample: a.flag("in-sample")}
	if text, ok := a.setting("l2"); ok {
		l2, err := strconv.ParseFloat(text, 64)
		if err != nil || !(l2 > 0 && l2 < 1e12) {
			a.fault("l2 %q is not a number above 0", text)
		}
		p.L2 = l2
	}
	return p
}

// weight takes the kind of a weight from the front and its settings from the end.
func (a *arguments) weight() Treatment {
	kind, ok := a.front()
	if !ok {
		a.fault("no kind of weight is named")
		return nil
	}
	switch kind {
	case "cwpo":
		return CWPO{}
	case "entropy":
		return InverseEntropy{}
	case "excess":
		return Excess{a.logreg()}
	case "reliability":
		return Reliability{a.heads()}
	}
	a.fault("unknown kind of weight %q (%s)", kind, suggest.Hint(kind, "weights", []string{"cwpo", "entropy", "excess", "reliability"}))
	return nil
}
