package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"

	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"

	"w2s/internal/inputfile"
	"w2s/internal/suggest"
)

// A plan is a YAML file whose keys are names of flags. Its groups are tasks with a ladder of models of their own.
type plan struct {
	name    string         // of the file or the suite, for faults
	command string         // "run" or "sweep", for faults
	all     *pflag.FlagSet // of the command, including those of every command; nil if they are not known
	flags   map[string]yaml.Node
	groups  []group
}

// A group is a part of a plan. Its flags take precedence over those of the plan.
type group struct {
	name     string
	line     int
	flags    map[string]yaml.Node
	optional []string // tasks that are carried out too, if their data can be had
}

// maxPlanBytes bounds the size of a plan.
const maxPlanBytes = 1 << 20

// readPlan reads a plan from a file, or from standard input.
func readPlan(path string) (*plan, error) {
	f, err := inputfile.OpenStream(path)
	if err != nil {
		return nil, usageError{fmt.Errorf("--plan: %w", err)}
	}
	defer f.Close()
	data, err := inputfile.ReadAll(f, 0, maxPlanBytes)
	if err != nil {
		return nil, usageError{fmt.Errorf("--plan: %s: %w", path, err)}
	}
	p, err := parsePlan(path, data)
	if err != nil {
		return nil, usageError{fmt.Errorf("--plan %w", err)}
	}
	return p, nil
}

// groupNames are names that can be part of a file name on every system.
var groupNames = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

// parsePlan reads a plan. Whether its keys are flags is not checked yet.
func parsePlan(name string, data []byte) (*plan, error) {
	p := &plan{name: name}
	var doc, more yaml.Node
	documents := yaml.NewDecoder(bytes.NewReader(data))
	if err := documents.Decode(&doc); err != nil && err != io.EOF {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if documents.Decode(&more) != io.EOF {
		return nil, fmt.Errorf("%s:%d: a second document begins: a plan is one document, without a line of three hyphens", name, more.Line)
	}
	if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" {
		return nil, fmt.Errorf("%s: the plan is empty: want keys that are names of flags, such as task and models", name)
	}
	var err error
	if p.flags, err = keysOf(name, doc.Content[0]); err != nil {
		return nil, err
	}
	node, ok := p.flags["groups"]
	if !ok {
		return p, nil
	}
	delete(p.flags, "groups")
	if node.Kind != yaml.SequenceNode || len(node.Content) == 0 {
		return nil, fmt.Errorf("%s:%d: groups: want a list of groups, each with task and models", name, node.Line)
	}
	var faults []error
	seen := map[string]int{} // line of a group's name
	for i, item := range node.Content {
		g := group{name: fmt.Sprintf("group-%d", i+1), line: item.Line}
		var err error
		if g.flags, err = keysOf(name, item); err != nil {
			faults = append(faults, err)
			continue
		}
		if n, ok := g.flags["name"]; ok {
			g.name = n.Value
			delete(g.flags, "name")
			if n.Kind != yaml.ScalarNode || !groupNames.MatchString(g.name) {
				faults = append(faults, fmt.Errorf("%s:%d: name %q: want up to 40 small letters, digits and hyphens, because the result file of the group has this name",
					name, n.Line, g.name))
				continue
			}
		}
		if n, ok := g.flags["optional"]; ok {
			delete(g.flags, "optional")
			if n.Kind == yaml.ScalarNode && n.Tag != "!!null" {
				g.optional = []string{n.Value}
			} else if err := n.Decode(&g.optional); err != nil {
				faults = append(faults, fmt.Errorf("%s:%d: optional: want a list of tasks", name, n.Line))
			}
		}
		if first, ok := seen[g.name]; ok {
			faults = append(faults, fmt.Errorf("%s:%d: the group of line %d is named %s too", name, item.Line, first, g.name))
			continue
		}
		seen[g.name] = item.Line
		p.groups = append(p.groups, g)
	}
	return p, errors.Join(faults...)
}

// keysOf returns the values of the keys of a YAML mapping. It reports keys that are there twice.
func keysOf(name string, node *yaml.Node) (map[string]yaml.Node, error) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Kind != yaml.MappingNode || len(node.Content) == 0 {
		return nil, fmt.Errorf("%s:%d: want keys that are names of flags, such as task and models", name, node.Line)
	}
	var faults []error
	first := map[string]int{} // line of a key
	for i := 0; i < len(node.Content); i += 2 {
		key := node.Content[i]
		if line, ok := first[key.Value]; ok {
			faults = append(faults, fmt.Errorf("%s:%d: the key %s is already at line %d", name, key.Line, key.Value, line))
			continue
		}
		first[key.Value] = key.Line
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	var values map[string]yaml.Node
	if err := node.Decode(&values); err != nil {
		return nil, fmt.Errorf("%s:%d: %w", name, node.Line, err)
	}
	return values, nil
}

// ofWhole are the flags that cannot be keys of a group: they concern all groups together.
var ofWhole = []string{"again", "dry-run", "format", "heads", "help", "json", "metric", "out", "resamples", "texts", "wide"}

// set sets the flags of a group. given are the flags of the command line.
func (g group) set(p *plan, fs *pflag.FlagSet, given map[string]bool) error {
	var faults []error
	own := maps.Clone(g.flags)
	for _, key := range inOrder(own) {
		if slices.Contains(ofWhole, key) || fs.Lookup(key) == nil && p.all != nil && p.all.Lookup(key) != nil && !nesting[key] {
			faults = append(faults, usagef("%s:%d: %s concerns all groups: set it outside of them, or on the command line", p.name, own[key].Line, key))
			delete(own, key)
		}
	}
	if _, ok := own["task"]; !ok && len(g.optional) == 0 {
		faults = append(faults, usagef("%s:%d: group %s has no key task", p.name, g.line, g.name))
	}
	if !slices.ContainsFunc([]string{"models", "weak", "strong"}, func(key string) bool {
		_, here := own[key]
		_, above := p.flags[key]
		return here || above || given[key]
	}) {
		faults = append(faults, usagef("%s:%d: group %s has no key models", p.name, g.line, g.name))
	}
	return errors.Join(append(faults, setFlags(p, own, fs))...)
}

// set sets the flags of the plan itself.
func (p *plan) set(fs *pflag.FlagSet) error {
	p.all = fs
	return setFlags(p, p.flags, fs)
}

// inOrder returns the keys of a plan or a group in the order of their lines.
func inOrder(values map[string]yaml.Node) []string {
	return slices.SortedFunc(maps.Keys(values), func(a, b string) int {
		return cmp.Or(cmp.Compare(values[a].Line, values[b].Line), cmp.Compare(values[a].Column, values[b].Column), cmp.Compare(a, b))
	})
}

// nesting holds the flags that name a plan. They cannot be keys of one.
var nesting = map[string]bool{"plan": true, "suite": true}

// setFlags sets flags to the values of a plan or of one of its groups. Flags that are set already take precedence.
func setFlags(p *plan, values map[string]yaml.Node, flags *pflag.FlagSet) error {
	var faults []error
	set := map[string]string{} // the key that sets a flag, by the flag's name
	for _, key := range inOrder(values) {
		node, flag := values[key], flags.Lookup(key)
		if nesting[key] {
			faults = append(faults, usagef("%s:%d: %s: a plan cannot name another one: give --%s on the command line", p.name, node.Line, key, key))
			continue
		}
		if flag == nil {
			faults = append(faults, usagef("%s:%d: no flag is named %q%s (see w2s %s --help)", p.name, node.Line, key, meant(key, flags), p.command))
			continue
		}
		if other, ok := set[flag.Name]; ok {
			faults = append(faults, usagef("%s:%d: %s and %s are the same flag", p.name, node.Line, key, other))
			continue
		}
		if flag.Changed {
			continue
		}
		set[flag.Name] = key
		if err := setFlag(flag, node); err != nil {
			faults = append(faults, usagef("%s:%d: %s: %w", p.name, node.Line, key, err))
		}
	}
	return errors.Join(faults...)
}

// meant returns a question about the flag that an unknown key probably means, or "".
func meant(key string, flags *pflag.FlagSet) string {
	var names []string
	flags.VisitAll(func(f *pflag.Flag) {
		if !nesting[f.Name] {
			names = append(names, f.Name)
		}
	})
	if near := suggest.Nearest(key, names); near != "" {
		return fmt.Sprintf(", did you mean %q?", near)
	}
	return ""
}

// setFlag sets a flag to the value or the list of values of a YAML node.
func setFlag(flag *pflag.Flag, node yaml.Node) error {
	if node.Kind == yaml.AliasNode {
		node = *node.Alias
	}
	list, isList := flag.Value.(pflag.SliceValue)
	var err error
	switch {
	case node.Kind == yaml.ScalarNode:
		err = flag.Value.Set(node.Value)
	case node.Kind == yaml.SequenceNode && len(node.Content) == 0:
		return errors.New("the list is empty: name at least one, or remove the key")
	case node.Kind == yaml.SequenceNode && isList:
		var values []string
		for _, item := range node.Content {
			if item.Kind != yaml.ScalarNode {
				return fmt.Errorf("line %d is not a single value", item.Line)
			}
			values = append(values, item.Value)
		}
		err = list.Replace(values)
	default:
		return errors.New("want a single value")
	}
	flag.Changed = true
	if err != nil {
		return flagFault(flag, node.Value, err)
	}
	return nil
}
