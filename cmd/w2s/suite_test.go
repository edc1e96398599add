package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"w2s/harness/label"
	"w2s/harness/loss"
	"w2s/internal/catalog"
	"w2s/internal/list"
	"w2s/tasks"
)

// Every suite must name tasks and models that exist, and no task twice with the same models, losses and treatments.
func TestSuites(t *testing.T) {
	a := &app{out: io.Discard, errOut: io.Discard, cache: t.TempDir(), offline: true, quiet: true}
	c, err := a.catalog()
	if err != nil {
		t.Fatal(err)
	}
	known, err := c.Checkpoints(context.Background(), false)
	if err != nil {
		t.Fatal(err)
	}
	models := list.Map(known, func(s catalog.State) string { return s.Name })
	if names := suiteNames(); names[0] != defaultSuite || !slices.Contains(names, "openai") || !slices.Contains(names, "eleuther") {
		t.Errorf("suites %v", names)
	}
	for _, name := range suiteNames() {
		text, err := suiteText(name)
		if err != nil {
			t.Fatal(err)
		}
		p, err := parsePlan(name, text)
		if err != nil || len(p.groups) == 0 {
			t.Fatalf("%s: %v; %d groups", name, err, len(p.groups))
		}
		var all []string
		for _, g := range p.groups {
			s := &sweep{}
			flags := pflag.NewFlagSet(g.name, pflag.ContinueOnError)
			s.register(flags)
			if err := g.set(p, flags, nil); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if len(s.ladder.models) < 2 {
				t.Errorf("%s, %s: models %v", name, g.name, s.ladder.models)
			}
			for _, m := range s.ladder.models {
				if !slices.Contains(models, m) {
					t.Errorf("%s, %s: no checkpoint is named %s", name, g.name, m)
				}
			}
			for _, task := range append(s.tasks, g.optional...) {
				experiment := fmt.Sprint(task, s.ladder.models, s.losses, s.treatments)
				if _, err := tasks.Open(task); err != nil || slices.Contains(all, experiment) {
					t.Errorf("%s, %s: task %s: %v, or twice", name, g.name, task, err)
				}
				all = append(all, experiment)
			}
		}
	}
}

// A group may have optional tasks only. It then has none of the tasks that the flag has by default.
func TestGroupOfOptionalTasks(t *testing.T) {
	p, err := parsePlan("plan.yaml", []byte("groups:\n  - name: public\n    optional: [mr, trec]\n    models: [wordllama-64, e5-small-v2]\n"))
	if err != nil {
		t.Fatal(err)
	}
	members, err := groupMembers(&sweep{}, p, &planSource{file: "plan.yaml"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := members[0].command.shared().tasks; !slices.Equal(got, []string{"mr", "trec"}) {
		t.Errorf("tasks %q, want mr and trec", got)
	}
}

func TestFaultsOfPlans(t *testing.T) {
	for text, want := range map[string]string{
		"task: [movies]\n---\ntask: [tweets]\n":                                          "plan.yaml:2: a second document begins",
		"groups:\n  - task: movies\n    models: a,b\n    provider: cuda\n    sedes: 3\n": "plan.yaml:4: provider concerns all groups",
		"sedes: 3\ntask: movies\nalfa: 1\n":                                              `plan.yaml:1: no flag is named "sedes", did you mean "seeds"?`,
	} {
		p, err := parsePlan("plan.yaml", []byte(text))
		if err == nil {
			flags := pflag.NewFlagSet("sweep", pflag.ContinueOnError)
			flags.String("provider", "cpu", "")
			s := &sweep{}
			s.register(flags)
			err = p.set(flags)
			if len(p.groups) > 0 {
				_, of := groupMembers(s, p, &planSource{file: "plan.yaml"}, nil)
				err = errors.Join(err, of)
			}
		}
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// The trial must have every loss and every treatment of the tables.
// The models of the plan are those of its groups, also of groups of chess tasks, which have default models of their own.
func TestModelsOfPlanForChess(t *testing.T) {
	p, err := parsePlan("plan.yaml", []byte("models: [chess-0.1m, chess-4m]\ngroups:\n  - task: chess-mate1\n  - task: chess-mate2\n    models: [chess-0.03m, chess-1.5m]\n"))
	if err != nil {
		t.Fatal(err)
	}
	flags := pflag.NewFlagSet("sweep", pflag.ContinueOnError)
	s := &sweep{}
	s.register(flags)
	if err := p.set(flags); err != nil {
		t.Fatal(err)
	}
	members, err := groupMembers(s, p, &planSource{file: "plan.yaml"}, nil)
	if err != nil || len(members) != 2 {
		t.Fatalf("%d groups, %v", len(members), err)
	}
	for i, want := range [][]string{{"chess-0.1m", "chess-4m"}, {"chess-0.03m", "chess-1.5m"}} {
		of := members[i].command.(*sweep)
		if got := of.ladder.ladder(of.tasks); !slices.Equal(got, want) {
			t.Errorf("group %d has the models %v, want %v", i+1, got, want)
		}
	}
}

func TestTrialHasEveryMethod(t *testing.T) {
	text, err := suiteText("trial")
	if err != nil {
		t.Fatal(err)
	}
	p, err := parsePlan("trial", text)
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{"kl": true} // which has the gradient of xent
	for _, g := range p.groups {
		s := &sweep{}
		flags := pflag.NewFlagSet(g.name, pflag.ContinueOnError)
		s.register(flags)
		if err := g.set(p, flags, nil); err != nil {
			t.Fatal(err)
		}
		for _, m := range append(s.losses, s.treatments...) {
			name, rest, _ := strings.Cut(m, ":")
			have[name] = true
			if name == "weight" {
				have[name+":"+rest] = true
			}
		}
	}
	wanted := []string{"weight:cwpo", "weight:entropy", "weight:excess", "weight:reliability"}
	wanted = append(wanted, list.Map(loss.All(), func(l loss.Named) string { return l.Name })...)
	for _, name := range append(wanted, list.Map(label.Treatments(), func(t label.Named) string { return t.Name })...) {
		if !have[name] {
			t.Errorf("the trial does not have %s", name)
		}
	}
}
