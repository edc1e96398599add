package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"w2s/harness/experiment"
	"w2s/harness/label"
	"w2s/harness/loss"
	"w2s/harness/study"
	"w2s/harness/summary"
	"w2s/harness/table"
	"w2s/internal/list"
	"w2s/internal/shareddata"
)

func readPage(t *testing.T, name string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(shareddata.Root(), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// codeWords returns the words in the first match of pattern in page that are set as code.
func codeWords(t *testing.T, page, pattern string) []string {
	t.Helper()
	found := regexp.MustCompile(pattern).FindString(page)
	if found == "" {
		t.Fatalf("nothing matches %q", pattern)
	}
	return list.Map(regexp.MustCompile("`([a-z]+)`").FindAllStringSubmatch(found, -1), func(m []string) string { return m[1] })
}

// README.md and CHANGELOG.md list names for readers. The lists have every name of the program's tables and no other.
func TestListsOfNames(t *testing.T) {
	losses := list.Map(loss.All(), func(l loss.Named) string { return l.Name })
	treatments := list.Map(label.Treatments(), func(l label.Named) string { return l.Name })
	for _, name := range []string{"README.md", "CHANGELOG.md"} {
		page := readPage(t, name)
		for item, want := range map[string][]string{"Student losses": losses, "Treatments of the weak labels": treatments} {
			if got := codeWords(t, page, "(?m)^- "+item+":.*(\n  .*)*"); !slices.Equal(got, want) {
				t.Errorf("%s: %s: %v, want %v", name, item, got, want)
			}
		}
	}
	readme := readPage(t, "README.md")
	studies := list.Map(study.All(), func(s study.Study) string { return s.Name })
	if got := codeWords(t, readme, "`w2s study` \\|.*"); !slices.Equal(got, studies) {
		t.Errorf("README.md: studies %v, want %v", got, studies)
	}
	formats := regexp.MustCompile(`tables \(([^)]*)\)`).FindStringSubmatch(readme)
	if formats == nil || strings.ToLower(formats[1]) != strings.Join(table.Formats, ", ") {
		t.Errorf("README.md: formats %q, want %v", formats, table.Formats)
	}
	for _, c := range newRoot(io.Discard, io.Discard, nil).Commands() {
		if row := "(?m)^\\|.*`" + c.CommandPath() + "`.*\\|"; !c.IsAdditionalHelpTopicCommand() && !regexp.MustCompile(row).MatchString(readme) {
			t.Errorf("README.md has no row for %s", c.CommandPath())
		}
	}
}

// The help of --simulate lists the forms that are read, and they are the ones that the error for others names.
func TestSimulatedForms(t *testing.T) {
	for _, form := range strings.Split(simulatedForms, ", ") {
		if _, err := experiment.ParseSimulated(strings.Replace(form, "ACCURACY", "0.75", 1)); err != nil {
			t.Error(err)
		}
	}
	if _, err := experiment.ParseSimulated("other"); err == nil || !strings.Contains(err.Error(), simulatedForms) {
		t.Errorf("%v, want a list of %s", err, simulatedForms)
	}
}

// Tables in the docs have the legends that the program prints.
func TestLegends(t *testing.T) {
	row := summary.Row{Control: &summary.Figure{}}
	chain := summary.ChainRow{Models: []string{"a", "b"}, Steps: make([]summary.Figure, 2), Labels: make([]float64, 1)}
	legends := slices.Concat(table.PGR([]summary.Row{row}).Notes, table.Chains([]summary.ChainRow{chain}).Notes)
	for name, want := range map[string]int{"README.md": 2, "docs/results.md": len(legends)} {
		lines := strings.Split(readPage(t, name), "\n")
		found := 0
		for _, legend := range legends {
			first, _, _ := strings.Cut(legend, ":")
			if slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, first+": ") }) {
				found++
			}
			for i, line := range lines {
				if strings.HasPrefix(line, first+": ") && line != legend {
					t.Errorf("%s:%d: a legend is out of date, want\n%s", name, i+1, legend)
				}
			}
		}
		if found != want {
			t.Errorf("%s has %d of these legends, want %d:\n%s", name, found, want, strings.Join(legends, "\n"))
		}
	}
}
