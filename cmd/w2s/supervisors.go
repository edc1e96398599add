package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"w2s/harness/experiment"
	"w2s/harness/supervisor"
	"w2s/internal/list"
	"w2s/internal/suggest"
	"w2s/internal/visible"
	"w2s/onnx"
)

// A supervisorKind is a kind of supervisors that are not trained. Users write KIND:NAME in place of the weak model.
type supervisorKind struct {
	name  string
	about string // what NAME is, for help
	open  func(ctx context.Context, a *app, name string, o supervisorOptions) (namedSupervisor, error)
}

// supervisorKinds is the table of supervisors that are not trained.
var supervisorKinds = []supervisorKind{
	{"head", "head:CHECKPOINT is the classification head that a checkpoint brings", openHead},
	{"words", "words:CHECKPOINT is a causal model's own opinion in words", openWords},
}

// supervisorForms says how supervisors that are not trained are written, for help.
func supervisorForms() string {
	return strings.Join(list.Map(supervisorKinds, func(k supervisorKind) string { return k.about }), "; ") + "; neither is trained here (docs/supervisors.md)"
}

// supervisorOptions are what flags say about supervisors that are not trained.
type supervisorOptions struct {
	classes supervisor.ClassMap
	prompt  supervisor.Prompt
}

// A namedSupervisor is a supervisor, and the labels that --class-map can name.
type namedSupervisor struct {
	experiment.Supervisor
	labels []string
}

// cutSupervisor returns the kind of a supervisor that is not trained, and the rest of its name. kind is nil for a model. A file or
// folder whose name looks like that of a supervisor is a model.
func cutSupervisor(text string) (kind *supervisorKind, name string) {
	prefix, name, ok := strings.Cut(text, ":")
	at := slices.IndexFunc(supervisorKinds, func(k supervisorKind) bool { return k.name == prefix })
	if !ok || at < 0 {
		return nil, text
	}
	if _, err := os.Stat(text); err == nil {
		return nil, text
	}
	return &supervisorKinds[at], name
}

// isSupervisor reports whether a name is that of a supervisor that is not trained.
func isSupervisor(name string) bool {
	kind, _ := cutSupervisor(name)
	return kind != nil
}

// supervisors opens supervisors that are not trained, and reports all faults together. classMap and prompt are the values of flags.
func (a *app) supervisors(ctx context.Context, names, classMap []string, prompt string) ([]experiment.Supervisor, error) {
	o := supervisorOptions{prompt: supervisor.Prompt(prompt)}
	var faults []error
	if err := o.prompt.Check(); err != nil {
		faults = append(faults, usagef("--%w", err))
	} else if prompt != "" && !slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, "words:") }) {
		faults = append(faults, usagef("--prompt: no supervisor reads it (it belongs to --weak words:CHECKPOINT)"))
	}
	var err error
	if o.classes, err = supervisor.ParseClassMap(classMap); err != nil {
		faults = append(faults, usagef("--class-map: %w", err))
	}
	var open []experiment.Supervisor
	var labels []string
	for _, text := range names {
		kind, name := cutSupervisor(text)
		s, err := kind.open(ctx, a, name, o)
		if err != nil {
			if ctx.Err() != nil {
				return nil, err
			}
			faults = append(faults, fmt.Errorf("%s: %w", text, err))
			continue
		}
		open, labels = append(open, s.Supervisor), list.AppendNew(labels, s.labels...)
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	if len(classMap) > 0 && len(labels) == 0 {
		return nil, usagef("--class-map: no supervisor has labels to map (it belongs to --weak head:CHECKPOINT)")
	}
	for _, label := range slices.Sorted(maps.Keys(o.classes)) {
		if !slices.Contains(labels, label) {
			faults = append(faults, usagef("--class-map: no head has a label %q (%s)", label, suggest.Hint(label, "labels", labels)))
		}
	}
	short := shorten(list.Map(open, func(s experiment.Supervisor) string { return s.Name }))
	for i := range open {
		open[i].Name = short[i]
	}
	return open, errors.Join(faults...)
}

// openHead opens the classification head of a checkpoint.
func openHead(ctx context.Context, a *app, name string, o supervisorOptions) (namedSupervisor, error) {
	named, err := parseModelName(name)
	if err != nil {
		return namedSupervisor{}, err
	}
	if named.layer != nil {
		return namedSupervisor{}, usagef("a head reads the last layer (leave @layer out)")
	}
	m, enc, err := a.openModel(ctx, named, true)
	if err != nil {
		return namedSupervisor{}, err
	}
	c := enc.Checkpoint()
	h := supervisor.Head{Model: m, Labels: c.Head.Labels, Problem: c.Head.Problem, Classes: supervisor.ClassMap{}}
	for label, class := range o.classes {
		if slices.Contains(h.Labels, label) {
			h.Classes[label] = class
		}
	}
	m.Description["supervisor"] = "classification head, not trained here"
	m.Description["labels"] = visible.Line(strings.Join(h.Labels, ", "))
	for fact, value := range map[string]string{"class map": h.Classes.String(), "problem type": h.Problem} {
		if value != "" {
			m.Description[fact] = visible.Line(value)
		}
	}
	s := experiment.Supervisor{Name: "head:" + m.Name, Key: digest("head", m.Encoder.Key(), h.Classes.String(), h.Problem, strings.Join(h.Labels, "\n")),
		About: "the classification head of " + visible.Name(c.Name), Parameters: m.Parameters, Description: m.Description, Open: h.Open}
	return namedSupervisor{s, h.Labels}, nil
}

// openWords opens a causal model that finds names of classes, or candidates, more or less probable.
func openWords(ctx context.Context, a *app, name string, o supervisorOptions) (namedSupervisor, error) {
	named, err := parseModelName(name)
	if err != nil {
		return namedSupervisor{}, err
	}
	if named.layer != nil {
		return namedSupervisor{}, usagef("words come from the last layer (leave @layer out)")
	}
	f, err := a.find(ctx, named)
	if err != nil {
		return namedSupervisor{}, err
	}
	l, err := onnx.OpenLikelihood(ctx, f.runtime, f.Dir, f.options)
	if err != nil {
		return namedSupervisor{}, err
	}
	a.closers = append(a.closers, l.Close)
	c := l.Checkpoint()
	w := supervisor.Words{Model: l, Prompt: o.prompt}
	if named.chat {
		w.Chat = conversationWriter(c.Chat)
	}
	facts := f.facts(c)
	facts["supervisor"], facts["prompt"] = "probabilities of words, not trained here", "default"
	if o.prompt != "" {
		facts["prompt"] = visible.Line(string(o.prompt))
	}
	s := experiment.Supervisor{Name: "words:" + f.name, Key: digest("words", l.Key(), string(o.prompt)), About: "the opinion of " + visible.Name(c.Name) + " in words",
		Parameters: c.Params, Description: facts, Open: w.Open}
	return namedSupervisor{Supervisor: s}, nil
}

// digest returns a digest of texts.
func digest(parts ...string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", parts))
	return hex.EncodeToString(sum[:])
}
