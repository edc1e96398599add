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
	"strconv"
	"strings"

	"w2s/harness/experiment"
	"w2s/harness/label"
	"w2s/harness/result"
	"w2s/harness/supervisor"
	"w2s/internal/list"
	"w2s/internal/suggest"
	"w2s/internal/visible"
	"w2s/onnx"
	"w2s/tasks"
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
	{"labels", "labels:FILE holds labels that were made elsewhere", openLabels},
	{"column", "column:NAME is a column of the task's own file", openColumn},
	{"raters", "raters:N is the majority of N people who rated a text", openRaters},
	{"bag", "bag:N:CHECKPOINT is the mean of N trained heads", nil},
	{"boost", "boost:N:CHECKPOINT is N heads, each trained on the errors of those before it", nil},
	{"experts", "experts:N:CHECKPOINT is N heads, each for its own cluster of texts", nil},
	{"sim", result.SimulatedPrefix + "flip:0.75 is a simulated supervisor", nil},
}

// supervisorForms says how supervisors that are not trained are written, for help.
func supervisorForms() string {
	return strings.Join(list.Map(supervisorKinds, func(k supervisorKind) string { return k.about }), "; ") + " (docs/supervisors.md)"
}

// supervisorOptions are what flags say about supervisors that are not trained.
type supervisorOptions struct {
	classes supervisor.ClassMap
	prompt  supervisor.Prompt
}

// simulated returns the simulated supervisors among names, and their names in the experiment by those that the user gave.
func simulated(names []string) (list []experiment.Simulated, short map[string]string, err error) {
	short = map[string]string{}
	var faults []error
	for _, text := range names {
		kind, form := cutSupervisor(text)
		if kind == nil || kind.name != "sim" {
			continue
		}
		s, err := experiment.ParseSimulated(form)
		if err != nil {
			faults = append(faults, usageError{err})
			continue
		}
		list = append(list, s)
		short[text] = s.String()
	}
	return list, short, errors.Join(faults...)
}

// ensembles returns the ensembles of heads among names, by the names that the user gave. Their Model is a name that the user gave too.
func ensembles(names []string) (map[string]experiment.Ensemble, error) {
	found := map[string]experiment.Ensemble{}
	var faults []error
	for _, text := range names {
		kind, form := cutSupervisor(text)
		if kind == nil || !slices.Contains(experiment.EnsembleKinds(), kind.name) {
			continue
		}
		number, model, _ := strings.Cut(form, ":")
		n, err := strconv.Atoi(number)
		if err != nil || n < 2 || n > experiment.MaxHeads || model == "" || isSupervisor(model) {
			faults = append(faults, usagef("--weak %s: want %s:N:CHECKPOINT with N from 2 to %d, such as %s:8:%s", text, kind.name, experiment.MaxHeads, kind.name, defaultWeak))
			continue
		}
		found[text] = experiment.Ensemble{Kind: kind.name, Model: model, Heads: n}
	}
	return found, errors.Join(faults...)
}

// withSupervisors returns tasks that read the labels of those supervisors which are in their data.
func withSupervisors(list []tasks.Task, names []string) ([]tasks.Task, error) {
	var columns []string
	var raters tasks.Raters
	draws := map[string]bool{}
	var faults []error
	for _, text := range names {
		kind, name := cutSupervisor(text)
		switch {
		case kind == nil:
		case kind.name == "column":
			columns = append(columns, name)
		case kind.name == "raters" && name == tasks.FarRater:
			raters.Far = true
		case kind.name == "raters":
			if n, draw, err := parseRaters(name); err == nil { // openRaters reports others
				raters.Numbers, raters.Draw = append(raters.Numbers, n), draw
				draws[fmt.Sprint(draw)] = true
			}
		}
	}
	if len(draws) > 1 {
		return nil, usagef("--weak: raters of the draws %s have different gold labels, which a run cannot compare (give all the same draw)",
			strings.Join(slices.Sorted(maps.Keys(draws)), " and "))
	}
	out := slices.Clone(list)
	for i, t := range list {
		var err error
		if columns != nil {
			t, err = tasks.WithColumns(t, columns)
		}
		if err == nil && (raters.Far || raters.Numbers != nil) {
			t, err = tasks.WithRaters(t, raters)
		}
		if out[i] = t; err != nil {
			faults = append(faults, usageError{err})
		}
	}
	return out, errors.Join(faults...)
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

// misnamed returns an error for the name of a model that is likely meant to be another supervisor: a file of labels or vectors, or a kind
// with a typing error. It returns nil for other names.
func misnamed(name string) error {
	if info, err := os.Stat(name); err == nil {
		if info.IsDir() {
			return nil
		}
		for _, ext := range []string{".npy", ".safetensors"} {
			if strings.HasSuffix(name, ext) {
				return usagef("%s is a file, not the folder of a checkpoint (for vectors write %s%s, see docs/features.md)", name, vectorsPrefix, name)
			}
		}
		return usagef("%s is a file, not the folder of a checkpoint (for labels that were made elsewhere write --weak labels:%s, see docs/supervisors.md)", name, name)
	}
	kind, rest, ok := strings.Cut(name, ":")
	if !ok || len(kind) < 3 || kind+":" == vectorsPrefix || strings.ContainsAny(kind, `/\.`) { // C:\ is a drive
		return nil
	}
	if near := suggest.Nearest(kind, append(list.Map(supervisorKinds, func(k supervisorKind) string { return k.name }), strings.TrimSuffix(vectorsPrefix, ":"))); near != "" {
		return usagef("unknown kind of supervisor %q (did you mean %s:%s?)", kind+":", near, rest)
	}
	return nil
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
	m.Description[result.SupervisorFact] = "classification head, not trained here"
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
	facts[result.SupervisorFact], facts["prompt"] = "probabilities of words, not trained here", "default"
	if o.prompt != "" {
		facts["prompt"] = visible.Line(string(o.prompt))
	}
	s := experiment.Supervisor{Name: "words:" + f.name, Key: digest("words", l.Key(), string(o.prompt)), About: "the opinion of " + visible.Name(c.Name) + " in words",
		Parameters: c.Params, Description: facts, Open: w.Open}
	return namedSupervisor{Supervisor: s}, nil
}

// combine adds a combination of the supervisors of a configuration with one student.
func combine(c experiment.Config, text string) (experiment.Config, error) {
	combiner, err := label.ParseCombiner(text)
	if err != nil {
		return c, usagef("--combine: %w", err)
	}
	members := list.Map(c.Pairs, func(p result.Pair) string { return p.Weak })
	if len(members) < 2 {
		return c, usagef("--combine %s: --weak names one supervisor (name several different ones, separated by commas)", text)
	}
	keyOf := map[string]string{}
	for _, m := range c.Models {
		keyOf[m.Name] = m.Encoder.Key()
	}
	for _, s := range c.Supervisors {
		keyOf[s.Name] = s.Key
	}
	for _, e := range c.Ensembles {
		keyOf[e.Name] = e.Key
	}
	keys, first := []string{"combined", combiner.String()}, map[string]string{}
	var faults []error
	for _, name := range members {
		key := keyOf[name]
		if other, ok := first[key]; ok && key != "" {
			faults = append(faults, usagef("--combine %s: %s and %s are the same supervisor, which would count twice (leave one out)", text, other, name))
		}
		if first[key] = name; key != "" {
			keys = append(keys, key)
		}
	}
	if err := errors.Join(faults...); err != nil {
		return c, err
	}
	c.Combined = &experiment.Combination{Name: fmt.Sprintf("%s of %d", combiner, len(members)), Key: digest(keys...), Members: members, Combiner: combiner}
	c.Pairs = append(c.Pairs, result.Pair{Weak: c.Combined.Name, Strong: c.Pairs[0].Strong})
	return c, nil
}

// openLabels opens a file of labels.
func openLabels(ctx context.Context, a *app, ref string, _ supervisorOptions) (namedSupervisor, error) {
	f, err := supervisor.OpenLabels(ctx, ref, a.limits())
	switch {
	case errors.As(err, new(tasks.NameError)):
		return namedSupervisor{}, usageError{err}
	case err != nil:
		return namedSupervisor{}, err
	}
	path, _, _ := strings.Cut(ref, ":")
	a.reads("--weak labels:", ref, path)
	return namedSupervisor{Supervisor: experiment.Supervisor{Name: "labels:" + visible.Name(ref), Key: digest("labels", f.Digest),
		About:       "labels of the file " + visible.Name(shortName(ref)),
		Description: map[string]string{result.SupervisorFact: "labels of a file, not made here"}, Open: f.Open}}, nil
}

// openColumn opens the labels in a column of the task's own file; withSupervisors lets the task read it.
func openColumn(_ context.Context, _ *app, column string, _ supervisorOptions) (namedSupervisor, error) {
	if column == "" {
		return namedSupervisor{}, usagef("want column:NAME, a column of the task's file")
	}
	return said("column:"+column, column, "the column "+visible.Name(column)+" of the task's data", "column of the task's data, not made here"), nil
}

// openRaters opens the labels of people who rated the task's texts; withSupervisors lets the task read them.
func openRaters(_ context.Context, _ *app, text string, _ supervisorOptions) (namedSupervisor, error) {
	if text == tasks.FarRater {
		return said("raters:"+text, text, "a diagnosis, no supervisor to be had: the rating of each text that is farthest from the gold label, chosen by looking at it",
			result.PeopleFact), nil
	}
	n, draw, err := parseRaters(text)
	if err != nil {
		return namedSupervisor{}, err
	}
	about := "one rater drawn for each text"
	if n > 1 {
		about = fmt.Sprintf("the majority of %d raters drawn for each text", n)
	}
	if draw > 0 {
		about += fmt.Sprintf(" (draw %d)", draw)
	}
	return said("raters:"+text, strconv.Itoa(n), about, result.PeopleFact), nil
}

// parseRaters reads the number of raters in a group, and the number of their draw: N or N:draw=K.
func parseRaters(text string) (n int, draw uint, err error) {
	number, rest, given := strings.Cut(text, ":draw=")
	if n, err = strconv.Atoi(number); err != nil || n < 1 || n > tasks.MostRaters || strconv.Itoa(n) != number {
		return 0, 0, usagef("want raters:N with N from 1 to %d, raters:N:draw=K for another draw, or raters:%s", tasks.MostRaters, tasks.FarRater)
	}
	if given {
		k, err := strconv.ParseUint(rest, 10, 31)
		if err != nil || strconv.FormatUint(k, 10) != rest {
			return 0, 0, usagef("draw=%s: want a whole number of 0 or more", rest)
		}
		draw = uint(k)
	}
	return n, draw, nil
}

// said returns a supervisor whose labels are in the data of a task under a name.
func said(name, entry, about, fact string) namedSupervisor {
	return namedSupervisor{Supervisor: experiment.Supervisor{Name: visible.Name(name), Key: digest("said", name), About: about,
		Description: map[string]string{result.SupervisorFact: fact}, Open: supervisor.Said(entry).Open}}
}

// digest returns a digest of texts.
func digest(parts ...string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", parts))
	return hex.EncodeToString(sum[:])
}
