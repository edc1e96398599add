package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"w2s/harness/label"
	"w2s/harness/loss"
	"w2s/harness/metric"
	"w2s/internal/list"
)

// helpWidth is the width of help in columns.
const helpWidth = 80

// Texts that the help of several flags shares.
const (
	checkpointForms = "a name (w2s models list), hf:ORG/NAME, a folder, or FOLDER#MODEL for one of several ONNX files in it, or features:FILE for vectors made elsewhere (docs/features.md); after it, if wanted, @layer=N (docs/layers.md), @chat (docs/chat.md) or @adapter=FOLDER (docs/adapters.md)"
	taskForms       = "a name (w2s tasks list), a file with texts and labels: " +
		".jsonl, .csv, .tsv, .parquet, or a .yaml that describes one, or hf:ORG/NAME for a data set of the hub; " +
		"columns after colons: reviews.csv:text=body:label=stars (docs/add-a-task.md)"
)

// usageFunc returns cobra's usage function with commands laid out by commandList and flags by flagUsages.
func usageFunc(usage func(*cobra.Command) error) func(*cobra.Command) error {
	return func(c *cobra.Command) error {
		var text bytes.Buffer
		out := c.OutOrStderr()
		c.SetOut(&text)
		err := usage(c)
		c.SetOut(out)
		if err == nil {
			_, err = out.Write([]byte(withFlagUsages(commandList(text.String(), c.Commands()), c.LocalFlags(), c.InheritedFlags())))
		}
		return err
	}
}

// commandList breaks the lines of usage that list commands, and indents what follows below the descriptions.
func commandList(usage string, commands []*cobra.Command) string {
	for _, c := range commands {
		if line := fmt.Sprintf("  %-*s ", c.NamePadding(), c.Name()); strings.Contains(usage, "\n"+line+c.Short+"\n") {
			described := strings.TrimSpace(indented(len(line), c.Short))
			usage = strings.Replace(usage, "\n"+line+c.Short+"\n", "\n"+line+described+"\n", 1)
		}
	}
	return usage
}

// withFlagUsages replaces what pflag writes about sets of flags in text.
func withFlagUsages(text string, sets ...*pflag.FlagSet) string {
	for _, fs := range sets {
		if old := strings.TrimRight(fs.FlagUsages(), " \n"); old != "" {
			text = strings.Replace(text, old, strings.TrimRight(flagUsages(fs), " \n"), 1)
		}
	}
	return text
}

// flagGroups are the groups of flags in help. Flags that are in none come last.
var flagGroups = []struct {
	title string
	flags []string
}{
	{"What is run", []string{"task", "weak", "strong", "models", "model", "pair", "layers", "weak-layers", "simulate", "disjoint", "plan", "suite", "class-map", "prompt"}},
	{"Examples", []string{"train", "test", "limit", "seeds", "sizes", "shared-pool", "balance", "all-texts"}},
	{"Training", []string{"loss", "alpha", "treatment", "l2", "folds", "held", "baselines", "no-baselines", "order", "gold"}},
	{"Figures", []string{"metric", "resamples", "level"}},
	{"Output", []string{"out", "again", "texts", "heads", "plots", "by", "format", "wide", "no-self", "json", "dry-run"}},
}

// manyFlags is the number of flags above which help shows them in groups.
const manyFlags = 16

// flagUsages lists flags in lines of up to helpWidth columns, many of them in groups. It leaves out "[=true|false]" after switches and
// the brackets around lists, which pflag writes.
func flagUsages(fs *pflag.FlagSet) string {
	count := 0
	fs.VisitAll(func(*pflag.Flag) { count++ })
	groups := make([]*pflag.FlagSet, len(flagGroups)+1)
	for i := range groups {
		groups[i] = pflag.NewFlagSet("", pflag.ContinueOnError)
	}
	fs.VisitAll(func(f *pflag.Flag) {
		copied := *f
		copied.Value = shownValue{f.Value}
		copied.DefValue = strings.Trim(f.DefValue, "[]")
		at := len(flagGroups)
		for i, g := range flagGroups {
			if slices.Contains(g.flags, f.Name) && count > manyFlags {
				at = i
			}
		}
		groups[at].AddFlag(&copied)
	})
	var out strings.Builder
	for i, g := range groups {
		usages := g.FlagUsagesWrapped(helpWidth)
		own := 0
		g.VisitAll(func(*pflag.Flag) { own++ })
		switch {
		case own == count: // all flags are in one group
			return usages
		case own == 0:
		case i < len(flagGroups):
			fmt.Fprintf(&out, "  %s:\n%s\n", flagGroups[i].title, usages)
		default:
			out.WriteString("  Other:\n" + usages)
		}
	}
	return out.String()
}

// A shownValue is the value of a flag under the type that help shows.
type shownValue struct{ pflag.Value }

// Type returns the type of the value, and for a switch one that pflag lists by its name alone.
func (v shownValue) Type() string {
	if t := v.Value.Type(); t != "bool" {
		return t
	}
	return "boolfunc"
}

// helpTopics returns pages of help that list the losses, treatments and metrics.
func helpTopics() []*cobra.Command {
	losses := list.Map(loss.All(), func(l loss.Named) topicEntry {
		e := topicEntry{name: l.Name, about: l.About}
		for _, s := range l.Settings {
			setting := s.Name
			if s.Default != "" {
				setting += "=" + s.Default
			}
			e.settings = append(e.settings, setting+": "+s.About)
		}
		return e
	})
	treatments := list.Map(label.Treatments(), func(t label.Named) topicEntry {
		return topicEntry{name: t.Form, about: t.About}
	})
	metrics := list.Map(metric.All(), func(m metric.Metric) topicEntry {
		return topicEntry{name: string(m.Name), about: m.About}
	})
	return []*cobra.Command{
		newTopic("losses", "Losses that a student can be trained with (--loss)",
			"Settings follow the name of a loss after colons. The values here are the\ndefaults.", losses,
			"  w2s run --loss xent --loss logconf:alpha=0.75:warmup=0.2\n"+
				"  w2s run --loss confidence --alpha 0.25,0.5,1     # tries each alpha"),
		newTopic("treatments", "Treatments of the weak labels (--treatment)",
			"A treatment changes the weak labels before the student learns from them. Several\n"+
				"are joined by \"+\" and applied in that order.", treatments,
			"  w2s run --treatment soft --treatment hard\n"+
				"  w2s run --treatment temperature+top:0.5"),
		newTopic("metrics", "Metrics that scores are computed with (--metric)",
			"Result files store predictions, so every metric can be computed from them later.", metrics,
			"  w2s table --metric auroc w2s-results/run.json"),
	}
}

// A topicEntry is a name on a page of help.
type topicEntry struct {
	name, about string
	settings    []string
}

// newTopic returns a page of help: a command that does nothing.
func newTopic(name, short, intro string, entries []topicEntry, examples string) *cobra.Command {
	var text strings.Builder
	text.WriteString(intro + "\n")
	for _, e := range entries {
		fmt.Fprintf(&text, "\n  %s\n%s", e.name, indented(6, e.about))
		for _, s := range e.settings {
			text.WriteString(indented(8, s))
		}
	}
	text.WriteString("\nExamples:\n" + examples) // cobra shows only the Long of a topic
	return &cobra.Command{Use: name, Short: short, Long: text.String()}
}

// indented breaks text into lines of up to helpWidth columns that begin with spaces.
func indented(spaces int, text string) string {
	var out strings.Builder
	width := helpWidth
	for i, word := range strings.Fields(text) {
		if n := len([]rune(word)); width+1+n > helpWidth {
			if i > 0 {
				out.WriteByte('\n')
			}
			out.WriteString(strings.Repeat(" ", spaces) + word)
			width = spaces + n
		} else {
			out.WriteString(" " + word)
			width += 1 + n
		}
	}
	return out.String() + "\n"
}
