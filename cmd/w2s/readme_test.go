package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"w2s/harness/label"
	"w2s/harness/loss"
	"w2s/harness/result"
	"w2s/harness/stats"
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
	var studies []string // in alphabetical order
	for _, c := range newStudyCommand(&app{}).Commands() {
		studies = append(studies, c.Name())
	}
	if got := codeWords(t, readme, "`w2s study` \\|.*"); !slices.Equal(slices.Sorted(slices.Values(got)), studies) {
		t.Errorf("README.md: studies %v, want %v", got, studies)
	}
	formats := regexp.MustCompile(`tables \(([^)]*)\)`).FindStringSubmatch(readme)
	if formats == nil || strings.ToLower(formats[1]) != strings.Join(table.Formats, ", ") {
		t.Errorf("README.md: formats %q, want %v", formats, table.Formats)
	}
	for _, c := range newRoot(io.Discard, io.Discard, nil).Commands() {
		if row := "(?m)^\\|.*`" + c.CommandPath() + "`.*\\|"; !c.IsAdditionalHelpTopicCommand() && !c.Hidden && !regexp.MustCompile(row).MatchString(readme) {
			t.Errorf("README.md has no row for %s", c.CommandPath())
		}
	}
}

// Legends of tables in the docs are those that the program prints. -update rewrites them.
func TestLegends(t *testing.T) {
	for _, name := range []string{"README.md", "docs/results.md", "docs/baselines.md"} {
		old := readPage(t, name)
		var lines, block []string
		tables, fenced, plain := 0, false, false
		for _, line := range strings.Split(old, "\n") {
			switch {
			case !strings.HasPrefix(line, "```") && fenced && plain:
				block = append(block, line)
				continue
			case strings.HasPrefix(line, "```"):
				printed, ok := relabelled(t, block)
				if ok {
					tables++
				}
				lines, block = append(lines, printed...), nil
				fenced, plain = !fenced, line == "```"
			}
			lines = append(lines, line)
		}
		if tables == 0 {
			t.Errorf("%s has no table", name)
		}
		page := strings.Join(lines, "\n")
		if page == old {
			continue
		}
		if *update {
			if err := os.WriteFile(filepath.Join(shareddata.Root(), name), []byte(page), 0o666); err != nil {
				t.Fatal(err)
			}
			continue
		}
		for i, line := range strings.Split(old, "\n") {
			if line != lines[i] {
				t.Errorf("%s:%d is not what the program prints (-update rewrites it): want\n%s", name, i+1, lines[i])
				break
			}
		}
	}
}

// legends returns a table whose columns and fixed notes are those of a table in the docs with these columns, or nil.
func legends(columns []string) *table.Table {
	row := summary.Row{Seeds: 3, Control: &summary.Figure{}, Uneven: &summary.Uneven{}, PGR: stats.PGR{GapInterval: stats.Interval{Level: stats.Level}}}
	other := row
	other.Weak, other.N = "another", 1 // columns that have one value are in the caption
	based := row
	based.Baselines = []summary.Baseline{{Kind: result.OfAxis}, {Kind: result.FewGold(8), Train: 8}}
	pool := summary.Pool{Weak: "another", PGR: stats.Pooled{Ratio: stats.PGR{Defined: true, N: 2, Interval: stats.Interval{Lo: 0.1, Hi: 0.9, Level: stats.Level}}}}
	has := func(column string) bool { return slices.Contains(columns, column) }
	switch {
	case has("layer"), has("agreement"): // of studies, and with all columns: docs/results.sh puts them into pages as they are printed
		return nil
	case has("baseline"):
		return table.Baselines([]summary.Row{based}, false)
	case has("main axis"):
		return table.Supervision([]summary.Row{based, other})
	case has("published"):
		return table.Categories([]summary.CategoryRow{{}, {Pool: pool, Published: &summary.Range{}, Outside: true}})
	case has("tasks"):
		return table.Pairs([]summary.PairRow{{}, {Pool: pool}})
	case has("step"):
		return table.Chains([]summary.ChainRow{
			{Seeds: 2, Models: []string{"", ""}, Steps: make([]summary.Figure, 2), Labels: make([]float64, 1)},
			{Data: "shared", N: 1, Models: []string{"", ""}, Steps: make([]summary.Figure, 2), Labels: make([]float64, 1)}})
	case has("student"):
		return table.PGR([]summary.Row{row, other})
	}
	return nil
}

// Where the notes that depend on the rows begin: at letters, at what is said about a task, a category or a chain, and at what was not run.
var dynamicNote = regexp.MustCompile(`^([a-z]{1,2}|[a-z0-9-]+(, (shared|disjoint))?(, \S+)?|settings of \S+|not run): `)

// relabelled returns the lines of a printed table with the legend and the fixed notes that the program prints now. ok is false if the
// lines are not such a table.
func relabelled(t *testing.T, lines []string) (printed []string, ok bool) {
	rule := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(strings.TrimLeft(line, " "), "----") })
	if rule < 1 {
		return lines, false
	}
	end := slices.Index(lines[rule:], "")
	if end < 0 {
		return lines, false
	}
	names := headings(lines[:rule], lines[rule])
	notes := lines[rule+end+1:]
	now := legends(names)
	if now == nil {
		return lines, false
	}
	shown := table.Table{Columns: slices.DeleteFunc(slices.Clone(now.Columns), func(c table.Column) bool { return !slices.Contains(names, c.Name) })}
	for _, n := range now.Notes {
		if !dynamicNote.MatchString(n) || strings.HasPrefix(n, "shuffled labels: ") {
			shown.Notes = append(shown.Notes, n)
		}
	}
	var out strings.Builder
	if err := table.Write(&out, table.Style{Format: "text", Width: table.DefaultWidth}, &shown); err != nil {
		t.Fatal(err)
	}
	_, fixed, _ := strings.Cut(out.String(), "\n\n")
	dynamic := slices.IndexFunc(notes, func(line string) bool {
		m := dynamicNote.FindStringSubmatch(line)
		return m != nil && !slices.ContainsFunc(shown.Columns, func(c table.Column) bool { return c.Name == m[1] })
	})
	if dynamic < 0 {
		dynamic = len(notes)
	}
	return slices.Concat(lines[:rule+end+1], strings.Split(strings.TrimSuffix(fixed, "\n"), "\n"), notes[dynamic:]), true
}

// headings returns the names of the columns, which one or two lines above a rule have.
func headings(above []string, rule string) []string {
	for i := len(above) - 1; i >= 0; i-- {
		if above[i] == "" {
			above = above[i+1:]
			break
		}
	}
	var names []string
	for _, column := range regexp.MustCompile("-+").FindAllStringIndex(rule, -1) {
		var parts []string
		for _, line := range above {
			runes := []rune(line)
			if part := strings.TrimSpace(string(runes[min(column[0], len(runes)):min(column[1], len(runes))])); part != "" {
				parts = append(parts, part)
			}
		}
		names = append(names, strings.Join(parts, " "))
	}
	return names
}
