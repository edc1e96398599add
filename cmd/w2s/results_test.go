package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
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
	models := func(rows []summary.Row) (*table.Table, error) { return table.Models(rows), nil }
	order := func(rows []summary.Row) (*table.Table, error) { return table.EasyHard(rows), nil }
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
		{"text-others", "text/others.json", pairs},
		{"hh-models", "hh.json", models},
		{"hh", "hh.json", pairs},
		{"llm-models", "llm/ratings.json", models},
		{"llm-pairs", "llm/ratings.json", pairs},
		{"chess-models", "chess/mates.json", models},
		{"chess", "chess/mates.json", pairs},
		{"lichess-models", "lichess/bands.json", models},
		{"lichess", "lichess/bands.json", pairs},
		{"lichess-order", "lichess/easy-to-hard.json", order},
	} {
		of := rows[c.file]
		if !strings.HasSuffix(c.name, "-models") { // the tables are printed with --no-self
			of = slices.DeleteFunc(slices.Clone(of), func(r summary.Row) bool { return r.Weak == r.Strong })
		}
		if len(of) == 0 {
			t.Errorf("%s has no rows of %s", claimsFile, c.file)
			continue
		}
		laid, err := c.of(of)
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

// The figures in the sentences of docs/results.md are those of the committed rows.
func TestClaimsOfResults(t *testing.T) {
	c := readClaims(t)
	var want []string
	claim := func(format string, args ...any) { want = append(want, fmt.Sprintf(format, args...)) }

	lowest, highest := math.Inf(1), math.Inf(-1)
	least, most := math.Inf(1), math.Inf(-1)
	ceilings := map[string]float64{}
	for file, first := range map[string]int{"layers-smollm2-135m-instruct.json": 18, "layers-gemma-3-270m.json": 7, "layers-qwen2.5-coder-0.5b-instruct.json": 14} {
		seen := 0
		for _, r := range c.rows[file] {
			name, at, found := strings.Cut(r.Strong, "@layer=")
			layer, err := strconv.Atoi(at)
			if err != nil || !found {
				t.Fatalf("%s has a row of %s", file, r.Strong)
			}
			ceilings[fmt.Sprint(name, " ", layer)] = r.Ceiling.Value
			if layer < first {
				continue
			}
			seen++
			lowest, highest = min(lowest, r.PGR.Gap), max(highest, r.PGR.Gap)
			least, most = min(least, r.PGR.Value), max(most, r.PGR.Value)
		}
		if seen == 0 {
			t.Errorf("%s has no rows of layer %d and later ones", file, first)
		}
	}
	claim("SmolLM2 scores %.1f points more after layer 18 than after layer 30", 100*(ceilings["smollm2-135m-instruct 18"]-ceilings["smollm2-135m-instruct 30"]))
	claim("%.1f to %.1f points after layer 18 of SmolLM2, layer 7 of Gemma, layer 14 of Qwen", 100*lowest, 100*highest)
	claim("Students recover %.2f to %.2f of it", least, most)
	readmeClaims := []string{fmt.Sprintf("recover %.2f to %.2f of gaps of %.1f to %.1f points", least, most, 100*lowest, 100*highest)}

	sciq := func(weak string) summary.Row {
		for _, r := range c.rows["sciq/smollm2-135m-instruct.json"] {
			if r.Weak == weak {
				return r
			}
		}
		t.Fatalf("no row of %s", weak)
		return summary.Row{}
	}
	known, random := sciq("column:soft_label"), sciq("sim:flip:0.73")
	claim("as with gold (%s and %s), and %s with random errors", scored(known.Transfer), scored(known.Ceiling), scored(random.Transfer))

	least, most = math.Inf(1), math.Inf(-1)
	for _, task := range []string{"movies", "tweets", "amazon", "editorials"} {
		gain := c.row("several.json", task, "csl of 4 → e5-small-v2", "xent").Transfer.Value - c.row("several.json", task, "wordllama-64 → e5-small-v2", "xent").Transfer.Value
		least, most = min(least, gain), max(most, gain)
	}
	claim("Its students are better by %.1f to %.1f points", 100*least, 100*most)

	solved := map[string]float64{}
	for _, r := range c.rows["lichess/bands.json"] {
		solved[r.Task+" "+r.Strong] = 100 * r.Ceiling.Value
	}
	for _, band := range []string{"0to1200", "1200to1600", "1600to2000", "2000to3000"} {
		before := 0.0
		for _, rung := range []string{"chess-0.03m", "chess-0.1m", "chess-0.4m", "chess-1.5m", "chess-4m"} {
			score := solved["chess-lichess-rated"+band+" "+rung]
			if score <= before {
				t.Errorf("%s of ratings %s scores %.1f, the rung below %.1f", rung, band, score, before)
			}
			before = score
		}
	}
	claim("up to chess-4m with %.1f %% of the puzzles below 1200 and %.1f %% of those from 2000 on", solved["chess-lichess-rated0to1200 chess-4m"],
		solved["chess-lichess-rated2000to3000 chess-4m"])
	ladder, err := summary.Pairs(slices.DeleteFunc(slices.Clone(c.rows["lichess/bands.json"]), func(r summary.Row) bool { return r.Weak == r.Strong }))
	if err != nil || len(ladder) != 10 {
		t.Fatalf("%d pairs, %v", len(ladder), err)
	}
	for _, p := range ladder {
		if pgr := p.PGR.PGR(); pgr.Defined && pgr.Interval.Lo > 0 {
			t.Errorf("%s → %s recovers something of the gap on lichess: %s", p.Weak, p.Strong, figure(pgr))
		}
		if p.Weak == "chess-0.03m" && p.Strong == "chess-4m" {
			readmeClaims = append(readmeClaims, "none of the ten pairs recovers more than noise with xent (chess-0.03m → chess-4m: "+figure(p.PGR.PGR())+")")
		}
	}

	says(t, "docs/results.md", want)
	says(t, "README.md", readmeClaims)
}
