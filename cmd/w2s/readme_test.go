package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"w2s/harness/label"
	"w2s/harness/loss"
	"w2s/harness/metric"
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
		if row := "(?m)^\\|.*`" + c.CommandPath() + "`.*\\|"; !c.IsAdditionalHelpTopicCommand() && !regexp.MustCompile(row).MatchString(readme) {
			t.Errorf("README.md has no row for %s", c.CommandPath())
		}
	}
}

// Captions and legends of tables in the docs are those that the program prints. -update rewrites them.
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
				printed, ok := relabelled(block)
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

// Notes below the tables in the docs. Chains have a line for the gain of the chain over the jump, and lines for warnings.
var (
	gainNote = regexp.MustCompile(`^(\S+), (shared|disjoint), (\S+): end of the chain - jump = (\S+) points \[(\S+), (\S+)\], (p (?:< )?\S+ \(.*\), (?:< )?\S+ with Holm's correction for \d+ chains\.)$`)
	// Notes of a study on the data of a task. The name of a task is no name of a column.
	warningOfTask = regexp.MustCompile(`^(?:movies|tweets|movies-pairs|pleasant|deontology|justice|chess-mate1): `)
	warningNote   = regexp.MustCompile(`^\S+, (?:shared|disjoint): (.*)$`)
)

// relabelled returns the lines of a printed table with the notes that the program prints now, and, unless it depends on the
// rows, its caption. ok is false if the lines are not such a table.
func relabelled(lines []string) (printed []string, ok bool) {
	rule := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, "----") })
	if rule < 1 {
		return lines, false
	}
	header, end := lines[rule-1], slices.Index(lines[rule:], "")
	if end < 0 {
		return lines, false
	}
	rows, notes := slices.Clone(lines[:rule+end]), lines[rule+end+1:]
	var now *table.Table
	switch {
	case strings.HasPrefix(header, "category "):
		var row summary.Row
		row.PGR.GapInterval.Level = stats.Level
		if strings.Contains(header, " control ") {
			row.Control = &summary.Figure{}
		}
		for _, note := range notes {
			if text, ok := strings.CutPrefix(note, string(rune('a'+len(row.Warnings)))+": "); ok {
				row.Warnings = append(row.Warnings, text)
			}
		}
		all := []summary.Row{row}
		if strings.Contains(header, " pair ") {
			all = append(all, summary.Row{Weak: "another", PGR: row.PGR})
		}
		now = table.PGR(all, strings.Contains(header, " over examples "))
		now.Caption = rows[0]
	case strings.HasPrefix(header, "task ") && strings.Contains(header, " baseline "):
		var row summary.Row
		own := summary.Baseline{Kind: result.OfAxis}
		from := slices.IndexFunc(notes, func(note string) bool { return strings.HasPrefix(note, "gold: ") }) + 1
		for i, note := range notes[from:] {
			letter, text, _ := strings.Cut(note, ": ")
			for i == 0 && len(letter) == 1 && len(row.Warnings) < int(letter[0]-'a') { // notes of the table above
				row.Warnings = append(row.Warnings, fmt.Sprint(len(row.Warnings)))
			}
			own.Warnings = append(own.Warnings, text)
		}
		row.Baselines = []summary.Baseline{own}
		all := []summary.Row{row}
		if strings.Contains(header, " pair ") {
			all = append(all, summary.Row{Weak: "another", Baselines: []summary.Baseline{{Kind: result.OfAxis}}})
		}
		now = table.Baselines(all)
		now.Caption = rows[0]
	case strings.HasPrefix(header, "task ") && strings.Contains(header, " main axis "):
		now = table.Supervision([]summary.Row{{Baselines: []summary.Baseline{{Kind: result.FewGold(8), Train: 8}},
			PGR: stats.PGR{GapInterval: stats.Interval{Level: stats.Level}}}})
		for _, note := range notes {
			if warningOfTask.MatchString(note) {
				now.Notes = append(now.Notes[:len(now.Notes)-1], note, now.Notes[len(now.Notes)-1])
			}
		}
		now.Caption = rows[0]
	case strings.HasPrefix(header, "pair "):
		now = table.Pairs([]summary.PairRow{{Pool: summary.Pool{Metric: metric.Accuracy}}})
	case strings.HasPrefix(header, "task ") && strings.Contains(header, " step "):
		var chains []summary.ChainRow
		var pValues []string
		for _, note := range notes {
			if g := gainNote.FindStringSubmatch(note); g != nil {
				number := func(text string) float64 { v, _ := strconv.ParseFloat(text, 64); return v }
				pValues = append(pValues, g[7])
				chains = append(chains, summary.ChainRow{Task: g[1], Data: g[2], Loss: g[3], Metric: metric.Accuracy,
					Models: []string{"", ""}, Steps: make([]summary.Figure, 2), Labels: make([]float64, 1), Gain: &stats.Difference{
						Diff: number(g[4]) / 100, Interval: stats.Interval{Lo: number(g[5]) / 100, Hi: number(g[6]) / 100, Level: stats.Level},
						P: 1}})
			} else if w := warningNote.FindStringSubmatch(note); w != nil && len(chains) > 0 {
				last := &chains[len(chains)-1]
				last.Warnings = append(last.Warnings, w[1])
			}
		}
		now = table.Chains(chains)
		// p-values adjusted for several chains do not follow from the rounded ones.
		for i, note := range now.Notes {
			if at := gainNote.FindStringSubmatchIndex(note); at != nil {
				now.Notes[i] = note[:at[14]] + pValues[0]
				pValues = pValues[1:]
			}
		}
	default:
		return lines, false
	}
	rows[0] = now.Caption
	return slices.Concat(rows, []string{""}, now.Notes), true
}
