package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"w2s/harness/summary"
	"w2s/harness/table"
	"w2s/internal/shareddata"
)

// Tables of docs/results.md that pool rows are those of the committed rows. With -update they are written.
func TestPooledTablesOfResults(t *testing.T) {
	path := filepath.Join(shareddata.Root(), "docs", "results.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rows := readClaims(t).rows
	pairs := func(rows []summary.Row) (*table.Table, error) {
		pooled, err := summary.Pairs(rows)
		return table.Pairs(pooled), err
	}
	categories := func(rows []summary.Row) (*table.Table, error) {
		pooled, err := summary.Categories(rows)
		return table.Categories(pooled), err
	}
	got := string(page)
	for _, c := range []struct {
		name, file string
		of         func([]summary.Row) (*table.Table, error)
	}{
		{"text-ratings", "text/ratings.json", pairs},
		{"text-categories", "text/ratings.json", categories},
	} {
		laid, err := c.of(rows[c.file])
		if err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		if err := table.Write(&text, table.Style{Format: "text", Width: table.DefaultWidth}, laid); err != nil {
			t.Fatal(err)
		}
		head := "<!-- table " + c.name + " -->\n```\n"
		before, rest, found := strings.Cut(got, head)
		block, after, closed := strings.Cut(rest, "```\n")
		if !found || !closed {
			t.Fatalf("%s has no table %s", path, c.name)
		}
		want := ""
		for line := range strings.Lines(text.String()) {
			want += strings.TrimRight(line, " \n") + "\n"
		}
		want = strings.TrimRight(want, "\n") + "\n"
		if block != want && !*update {
			t.Errorf("table %s of %s is\n%swant\n%s", c.name, path, block, want)
		}
		got = before + head + want + "```\n" + after
	}
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
