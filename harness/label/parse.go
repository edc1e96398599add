package label

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"w2s/internal/suggest"
)

// A Named is a line of the table of treatments.
type Named struct {
	Name  string
	Form  string // how it is written
	About string
	make  func(a *arguments) Treatment
}

// Treatments is the table of all treatments that have a name. A new one is a new line here.
func Treatments() []Named {
	return []Named{
		{"soft", "soft", "labels as the supervisor gave them",
			func(*arguments) Treatment { return Soft{} }},
		{"hard", "hard", "all on the supervisor's answer",
			func(*arguments) Treatment { return Hard{} }},
		{"smooth", "smooth:EPSILON", "mixed with the uniform distribution",
			func(a *arguments) Treatment { return Smooth{a.share("epsilon", 0.1)} }},
		{"temperature", "temperature", "calibrated by one temperature, fitted on held-out gold of the supervisor's half",
			func(*arguments) Treatment { return Temperature{} }},
		{"platt", "platt", "calibrated by slope and class offsets, fitted on held-out gold of the supervisor's half",
			func(*arguments) Treatment { return Platt{} }},
		{"top", "top:SHARE[:balanced]", "only the share that the supervisor is surest of",
			func(a *arguments) Treatment { return Top{a.share("share", 0.5), a.flag("balanced")} }},
		{"relabel", "relabel:knn|logreg[:SHARE][:k=N|l2=X][:in-sample]", "labels that a probe on the student's features disputes most, replaced by it; all by default",
			func(a *arguments) Treatment { return Relabel{a.probe(), a.share("share", 1)} }},
		{"filter", "filter:knn|logreg[:SHARE][:k=N|l2=X][:in-sample]", "without the labels that a probe disputes most; a tenth by default",
			func(a *arguments) Treatment { return Filter{a.probe(), a.share("share", 0.1)} }},
	}
}

// Parse reads a treatment by name, with its settings after colons, or several that follow each other:
//
//	hard    smooth:0.1    top:0.5:balanced    relabel:knn    filter:logreg:0.1:l2=0.01    temperature+top:0.5
//
// The String of a treatment from here reads back as the same treatment.
func Parse(text string) (Treatment, error) {
	var steps []Treatment
	for i, part := range strings.Split(text, "+") {
		t, err := parseOne(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		switch t.(type) {
		case Temperature, Platt:
			if i > 0 {
				return nil, fmt.Errorf("label: treatment %q: %s must come first, it is fitted on the supervisor's own labels", text, t)
			}
		}
		steps = append(steps, t)
	}
	if len(steps) == 1 {
		return steps[0], nil
	}
	return Steps(steps), nil
}

func parseOne(text string) (Treatment, error) {
	fields := strings.Split(text, ":")
	var names []string
	for _, n := range Treatments() {
		if n.Name != fields[0] {
			names = append(names, n.Name)
			continue
		}
		a := &arguments{rest: fields[1:]}
		t := n.make(a)
		if len(a.rest) > 0 {
			a.fault("%q is left over", strings.Join(a.rest, ":"))
		}
		if c, ok := t.(interface{ check() error }); ok && len(a.faults) == 0 {
			if err := c.check(); err != nil {
				a.faults = append(a.faults, err)
			}
		}
		if err := errors.Join(a.faults...); err != nil {
			return nil, fmt.Errorf("label: treatment %q: %w (want %s)", text, err, n.Form)
		}
		return t, nil
	}
	hint := ""
	if near := suggest.Nearest(fields[0], names); near != "" {
		hint = fmt.Sprintf("did you mean %q? ", near)
	}
	return nil, fmt.Errorf("label: unknown treatment %q (%streatments: %s)", fields[0], hint, strings.Join(names, ", "))
}

// arguments are what follows a name; each method takes what it understands from the front and notes what is wrong.
type arguments struct {
	rest   []string
	faults []error
}

func (a *arguments) fault(format string, args ...any) {
	a.faults = append(a.faults, fmt.Errorf(format, args...))
}

// share takes a number from 0 to 1, with or without its name; fallback where there is none.
func (a *arguments) share(name string, fallback float64) float64 {
	if len(a.rest) == 0 || a.rest[0] == "balanced" || strings.Contains(a.rest[0], "=") && !strings.HasPrefix(a.rest[0], name+"=") {
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

func (a *arguments) flag(name string) bool {
	if len(a.rest) > 0 && a.rest[0] == name {
		a.rest = a.rest[1:]
		return true
	}
	return false
}

// probe takes the probe's name and, from the end, its setting.
func (a *arguments) probe() Probe {
	if len(a.rest) == 0 {
		a.fault("no probe is named")
		return nil
	}
	name := a.rest[0]
	a.rest = a.rest[1:]
	switch name {
	case "knn":
		p := KNN{DefaultNeighbours}
		if text, ok := a.setting("k"); ok {
			k, err := strconv.Atoi(text)
			if err != nil || k < 1 {
				a.fault("k %q is not a number of neighbours", text)
			}
			p.K = k
		}
		return p
	case "logreg":
		p := LogReg{InSample: a.lastFlag("in-sample")}
		if text, ok := a.setting("l2"); ok {
			l2, err := strconv.ParseFloat(text, 64)
			if err != nil || !(l2 > 0 && l2 < 1e12) {
				a.fault("l2 %q is not a number above 0", text)
			}
			p.L2 = l2
		}
		return p
	}
	a.fault("unknown probe %q (probes: knn, logreg)", name)
	return nil
}

// lastFlag takes a word from the end.
func (a *arguments) lastFlag(name string) bool {
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

// Steps are treatments one after the other.
type Steps []Treatment

func (s Steps) String() string {
	names := make([]string, len(s))
	for i, t := range s {
		names[i] = t.String()
	}
	return strings.Join(names, "+")
}

// Apply applies each to what the one before made.
func (s Steps) Apply(ctx context.Context, l Labels, e Evidence) (Treated, error) {
	out := all(l)
	for _, t := range s {
		next, err := t.Apply(ctx, out.Labels, e)
		if err != nil {
			return Treated{}, err
		}
		examples := e.Examples
		e.Examples = nil
		for k, i := range next.Keep {
			if len(examples) == len(out.IDs) {
				e.Examples = append(e.Examples, examples[i])
			}
			next.Keep[k] = out.Keep[i]
		}
		next.Notes = append(out.Notes, next.Notes...)
		next.Warnings = append(out.Warnings, next.Warnings...)
		out = next
	}
	return out, nil
}
