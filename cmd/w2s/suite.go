package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"w2s/harness/experiment"
	"w2s/harness/report"
	"w2s/harness/result"
	"w2s/harness/summary"
	"w2s/harness/table"
	"w2s/internal/list"
	"w2s/internal/suggest"
	"w2s/internal/visible"
	"w2s/tasks"
)

// defaultSuite is the suite that w2s run carries out if nothing is named.
const defaultSuite = "default"

//go:embed suites
var suiteFiles embed.FS

// suiteNames returns the names of the suites, the default one first.
func suiteNames() []string {
	entries, err := fs.ReadDir(suiteFiles, "suites")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	names := []string{defaultSuite}
	for _, e := range entries {
		names = list.AppendNew(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}

// suiteText returns the YAML file of a suite.
func suiteText(name string) ([]byte, error) {
	if !slices.Contains(suiteNames(), name) {
		return nil, usagef("no suite is named %q (%s)", name, suggest.Hint(name, "suites", suiteNames()))
	}
	return suiteFiles.ReadFile("suites/" + name + ".yaml")
}

// A planSource holds the flags that name a plan.
type planSource struct {
	file, suite string
	command     string // that has the flags
}

func registerPlan(fs *pflag.FlagSet, command string) *planSource {
	s := planSource{command: command}
	fs.StringVar(&s.file, "plan", "", "read flags from a YAML `file` whose keys are names of flags; groups are tasks with a ladder of their own")
	fs.StringVar(&s.suite, "suite", "", "run the plan of this `name`: "+strings.Join(suiteNames(), ", ")+"; see w2s tasks suites")
	return &s
}

// read returns the plan, or nil if none is named.
func (s *planSource) read(a *app) (*plan, error) {
	p, err := s.parse(a)
	if p != nil {
		p.command = s.command
	}
	return p, err
}

func (s *planSource) parse(a *app) (*plan, error) {
	switch {
	case s.file != "" && s.suite != "":
		return nil, usagef("--plan %s, --suite %s: give one of them (w2s tasks suites %s prints the suite as a plan, to be changed)", s.file, s.suite, s.suite)
	case s.file != "":
		a.reads("--plan", s.file)
		return readPlan(s.file)
	case s.suite != "":
		text, err := suiteText(s.suite)
		if err != nil {
			return nil, err
		}
		return parsePlan(s.suite, text)
	}
	return nil, nil
}

// A gridCommand is a command that carries out the experiments of a plan: run or sweep.
type gridCommand interface {
	shared() *experimentFlags
	// copy returns a command with the same settings, whose flags are registered in fs.
	copy(fs *pflag.FlagSet) gridCommand
	config(ctx context.Context, a *app) (experiment.Config, error)
	// prepare checks and locks the result file.
	prepare(a *app, cfg experiment.Config) error
}

// use makes the copy of flags refer to the set that its own flags are registered in.
func (f *experimentFlags) use(fs *pflag.FlagSet) { f.flags, f.summaryFlags.flags = fs, fs }

// maxMissing is the number of characters of the reason that are shown for what could not be done.
const maxMissing = 250

// A member is one experiment of a command.
type member struct {
	name    string // of its group; "" if the plan has no groups
	command gridCommand
	cfg     experiment.Config
	fault   error // why the experiment cannot be carried out, which does not keep the others from it
}

// groupTasks says which tasks of a group may fail, and which ones could not be opened.
type groupTasks struct {
	optional []string        // as the plan names them
	named    map[string]bool // names of the optional tasks that were opened
	absent   []error         // of type *experiment.TaskError, with the task as the plan names it
}

// open opens the tasks of a group. The error has only what is wrong with the plan itself. Tasks that cannot be had are added to absent.
func (g *groupTasks) open(ctx context.Context, a *app, names []string) ([]tasks.Task, error) {
	var opened []tasks.Task
	var faults []error
	g.named = map[string]bool{}
	for _, name := range names {
		t, err := a.openTask(ctx, name)
		switch {
		case err == nil:
			opened = append(opened, t)
			if slices.Contains(g.optional, name) {
				g.named[t.Info().Name] = true
			}
		case ctx.Err() != nil || errors.As(err, new(*tasks.RefError)):
			faults = append(faults, valueFault("task", name, err))
		default:
			g.absent = append(g.absent, &experiment.TaskError{Task: name, Err: err})
		}
	}
	return opened, errors.Join(faults...)
}

// needed reports whether a fault of the group changes the exit code.
func (g *groupTasks) needed(err error) bool {
	t, ok := err.(*experiment.TaskError)
	return !ok || !g.named[t.Task] && !slices.Contains(g.optional, t.Task)
}

// empty reports whether none of the experiment's tasks could be opened.
func (m *member) empty() bool { return m.fault == nil && m.name != "" && len(m.cfg.Tasks) == 0 }

// notes returns the faults of a group with its name: all of them, and those that change the exit code.
func (m *member) notes(err error) (all, needed []error) {
	tasks := m.command.shared().group
	if tasks == nil {
		return eachOf(err), eachOf(err)
	}
	for _, e := range append(slices.Clone(tasks.absent), eachOf(err)...) {
		named := fmt.Errorf("group %s: %w", m.name, e)
		all = append(all, named)
		if tasks.needed(e) {
			needed = append(needed, named)
		}
	}
	return all, needed
}

// run carries out the experiment.
func (m *member) run(ctx context.Context, a *app) func(experiment.Env) (*result.Result, error) {
	return func(env experiment.Env) (*result.Result, error) {
		m.command.shared().resume(a, &env)
		return experiment.Run(ctx, m.cfg, env)
	}
}

// plan returns what run would do.
func (m *member) plan(ctx context.Context, a *app) (*experiment.Plan, error) {
	env, err := a.env(ctx)
	if err != nil {
		return nil, err
	}
	m.command.shared().resume(a, &env)
	env.Untried = a.place.untried
	return experiment.MakePlan(ctx, m.cfg, env)
}

// grid carries out a command: one experiment, or one for each group of its plan.
func (a *app) grid(ctx context.Context, c gridCommand, source *planSource, flags *pflag.FlagSet) error {
	p, err := source.read(a)
	if err != nil {
		return err
	}
	given := map[string]bool{} // on the command line
	flags.VisitAll(func(f *pflag.Flag) { given[f.Name] = f.Changed })
	members := []*member{{command: c}}
	if p != nil {
		wrong := p.set(flags)
		if len(p.groups) > 0 {
			members, err = groupMembers(c, p, source, given)
		}
		if err := errors.Join(wrong, err); err != nil {
			return err
		}
	}
	a.dryRun = c.shared().dryRun
	var faults memberFaults
	for _, m := range members {
		m.cfg, err = m.command.config(ctx, a)
		if err == nil && !m.empty() {
			err = m.command.prepare(a, m.cfg)
		}
		if ctx.Err() != nil {
			return err
		}
		switch {
		case err == nil:
		case m.name == "":
			faults.add(m.name, err)
		default:
			// A group whose tasks are not all there cannot continue a result that has all of them, which is no fault of the plan.
			absent, wrong := sortFaults(err)
			if len(m.cfg.Tasks) > 0 && len(m.command.shared().group.absent) > 0 {
				absent, wrong = append(absent, wrong...), nil
			}
			faults.add(m.name, errors.Join(wrong...))
			m.fault = errors.Join(absent...)
		}
	}
	if len(faults) > 0 {
		return faults.join(len(members))
	}
	f := c.shared()
	switch {
	case f.dryRun:
		return a.printPlan(ctx, f, members)
	case members[0].name == "":
		var plotted error // does not keep the table from being printed
		err := a.experiment(ctx, f, members[0].run(ctx, a), func(r *result.Result) (any, []*table.Table, error) {
			plotted = a.plotResults(f.plots, []report.Input{f.input(r)}, f.options())
			return f.pgr(r)
		})
		return errors.Join(err, plotted)
	}
	return a.groups(ctx, f, members)
}

// sortFaults separates what cannot be had from what is wrong with the plan or the command line.
func sortFaults(err error) (absent, wrong []error) {
	for _, e := range eachOf(err) {
		var folder folderError
		switch {
		case errors.As(e, &folder):
			absent = append(absent, folder.error)
		case errors.As(e, new(usageError)), errors.As(e, new(experiment.ConfigError)):
			wrong = append(wrong, e)
		default:
			absent = append(absent, e)
		}
	}
	return absent, wrong
}

// memberFaults are the faults of the members of a command.
type memberFaults []memberFault

type memberFault struct {
	group string
	err   error
}

func (f *memberFaults) add(group string, err error) {
	for _, e := range eachOf(err) {
		*f = append(*f, memberFault{group, e})
	}
}

// join returns all faults, each with the name of its group. A fault that all members have, such as that of a flag on the command
// line, is returned once.
func (f memberFaults) join(members int) error {
	count := map[string]int{}
	for _, m := range f {
		count[m.err.Error()]++
	}
	var all []error
	shown := map[string]bool{}
	for _, m := range f {
		text := m.err.Error()
		switch {
		case shown[text]:
		case count[text] >= members:
			all, shown[text] = append(all, m.err), true
		default:
			all = append(all, fmt.Errorf("group %s: %w", m.group, m.err))
		}
	}
	return errors.Join(all...)
}

// groupMembers returns a command for every group of a plan. given are the flags of the command line, which take precedence.
func groupMembers(c gridCommand, p *plan, source *planSource, given map[string]bool) ([]*member, error) {
	f := c.shared()
	folder := f.out
	switch {
	case f.out == stdout:
		return nil, usagef("--out -: a plan with groups writes a result file for each group: name a folder")
	case !given["out"] && p.flags["out"].Value == "":
		name := source.suite
		if name == "" {
			name = strings.TrimSuffix(filepath.Base(source.file), filepath.Ext(source.file))
		}
		folder = filepath.Join("w2s-results", name)
	case strings.HasSuffix(f.out, ".json"):
		return nil, usagef("--out %s: a plan with groups writes a result file for each group: name a folder", f.out)
	}
	var members []*member
	var faults []error
	for _, g := range p.groups {
		flags := pflag.NewFlagSet(g.name, pflag.ContinueOnError)
		m := &member{name: g.name, command: c.copy(flags)}
		flags.VisitAll(func(f *pflag.Flag) { f.Changed = given[f.Name] })
		faults = append(faults, g.set(p, flags, given))
		for _, key := range []string{"models", "weak", "strong"} { // the plan's own take the place of the default models of chess
			if _, ok := p.flags[key]; ok && flags.Lookup(key) != nil {
				flags.Lookup(key).Changed = true
			}
		}
		m.command.shared().group = &groupTasks{optional: g.optional}
		if _, ok := g.flags["task"]; !ok && !given["task"] { // not the tasks that the flag has by default
			m.command.shared().tasks = nil
		}
		m.command.shared().tasks = append(slices.Clone(m.command.shared().tasks), g.optional...)
		m.command.shared().out = filepath.Join(folder, g.name+".json")
		members = append(members, m)
	}
	return members, errors.Join(faults...)
}

// groups carries out the experiments of all groups, and prints one table of their tasks and one of their categories. What could not
// be done is named under the first table.
func (a *app) groups(ctx context.Context, f *experimentFlags, members []*member) error {
	var failed, missing []error
	var parts []summary.Part
	var paths []string
	var inputs []report.Input // for --plots
	for i, m := range members {
		err := m.fault
		if err == nil && !m.empty() {
			own := m.command.shared()
			a.progress().Print(fmt.Sprintf("group %s (%d of %d): %s", m.name, i+1, len(members), visible.Count(len(m.cfg.Tasks), "task")))
			var r *result.Result
			var stored bool
			r, stored, err = a.perform(ctx, own, m.run(ctx, a))
			if stored {
				paths = append(paths, own.file.path)
			}
			if r != nil {
				rows, fault := summary.Rows(r, f.options())
				parts, err = append(parts, summary.Part{Name: m.name, Rows: rows}), errors.Join(err, fault)
				if f.plots != "" {
					inputs = append(inputs, own.input(r))
				}
			}
		}
		if ctx.Err() != nil {
			return errors.Join(append(failed, err)...)
		}
		all, needed := m.notes(err)
		missing, failed = append(missing, all...), append(failed, needed...)
	}
	parts, notes := summary.Together(parts)
	var rows []summary.Row
	for _, p := range parts {
		rows = append(rows, p.Rows...)
	}
	if len(rows) == 0 {
		if len(failed) == 0 && len(missing) > 0 { // optional tasks only
			failed = append(slices.Clone(missing), errors.New("nothing was run, because the data of no task could be had"))
		}
		return errors.Join(failed...)
	}
	failed = append(failed, a.plotResults(f.plots, inputs, f.options()))
	if f.json {
		return errors.Join(append(failed, a.printJSON(rows))...)
	}
	rows = f.table.arranged(rows)
	categories, err := summary.Categories(rows)
	if err != nil {
		return errors.Join(append(failed, err)...)
	}
	tables, err := pgrTables(rows, f.table.wide, f.options())
	if err != nil {
		return errors.Join(append(failed, err)...)
	}
	byTask := tables[0]
	byTask.Notes = append(byTask.Notes, notes...)
	byTask.Notes = append(byTask.Notes, notRun(missing)...)
	if err := a.writeTables(f.table, slices.Insert(tables, 1, table.Categories(categories))...); err != nil {
		return errors.Join(append(failed, err)...)
	}
	if len(paths) > 0 {
		a.note("result files: %s", strings.Join(paths, " "))
		a.note("next: w2s report %s", filepath.Dir(paths[0]))
	}
	return errors.Join(failed...)
}

// eachOf returns the errors that err joins, or err alone. nil joins none.
func eachOf(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, eachOf(e)...)
	}
	return all
}

// printPlan prints what a command would do. What cannot be done is named under the table.
func (a *app) printPlan(ctx context.Context, f *experimentFlags, members []*member) error {
	all := experiment.Plan{Tasks: []experiment.TaskPlan{}} // [] in JSON
	var failed, missing []error
	for _, m := range members {
		err := m.fault
		if err == nil && !m.empty() {
			var p *experiment.Plan
			if p, err = m.plan(ctx, a); p != nil {
				all.Tasks = append(all.Tasks, p.Tasks...)
			}
		}
		if ctx.Err() != nil {
			return err
		}
		notes, needed := m.notes(err)
		missing, failed = append(missing, notes...), append(failed, needed...)
	}
	if len(all.Tasks) == 0 && len(failed) > 0 {
		return errors.Join(failed...)
	}
	if f.json {
		return errors.Join(append(failed, a.printJSON(&all))...)
	}
	t := planTable(&all, a.place != nil && a.place.untried)
	t.Notes = append(t.Notes, notRun(missing)...)
	return errors.Join(append(failed, a.writeTables(f.table, t))...)
}

// notRun returns notes about what cannot be done.
func notRun(missing []error) []string {
	return list.Map(missing, func(err error) string {
		return "not run: " + visible.Line(visible.Cut(plain(err.Error()), maxMissing))
	})
}
