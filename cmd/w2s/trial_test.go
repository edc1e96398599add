package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"w2s/harness/loss"
	"w2s/harness/result"
	"w2s/harness/summary"
	"w2s/internal/shareddata"
)

// A trialRow is the score of a method in a cell of the trial.
type trialRow struct {
	Task      string  `json:"task"`
	Corpus    string  `json:"corpus"`
	Weak      string  `json:"weak"`
	Strong    string  `json:"strong"`
	Loss      string  `json:"loss"`
	Treatment string  `json:"treatment"`
	Floor     float64 `json:"floor"`
	Score     float64 `json:"score"`
	Ceiling   float64 `json:"ceiling"`
}

func (r trialRow) cell() string { return r.Task + ", " + r.Weak + " → " + r.Strong }

// method returns the name of the method in docs/trial.md.
func (r trialRow) method() string {
	if r.Treatment == "soft" {
		return r.Loss
	}
	return r.Treatment
}

// trialFile holds the rows of docs/trial.md. To make it again, run the commands there with --out FOLDER/trial and
//
//	W2S_RESULTS=FOLDER go test ./cmd/w2s -run TestClaimsOfTheTrial -update
var trialFile = filepath.Join(shareddata.Root(), "docs", "data", "trial.jsonl")

func writeTrial(t *testing.T, folder string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "trial", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %d result files", err, len(files))
	}
	var out bytes.Buffer
	seen, encoder := map[string]bool{}, json.NewEncoder(&out)
	for _, file := range files {
		r, err := result.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := summary.Rows(r, summary.Options{Resamples: 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			line := trialRow{row.Task, cmp.Or(row.Corpus, row.Task), row.Weak, row.Strong, loss.Short(row.Loss), row.Treatment, row.Floor.Value, row.Transfer.Value, row.Ceiling.Value}
			if key := line.cell() + line.Loss + line.Treatment; seen[key] {
				continue
			} else {
				seen[key] = true
			}
			if err := encoder.Encode(line); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.WriteFile(trialFile, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// The league table of docs/trial.md is computed from committed scores: ranks, differences, their intervals over corpora, PGR and the
// worst cell.
func TestClaimsOfTheTrial(t *testing.T) {
	if folder := os.Getenv("W2S_RESULTS"); folder != "" && *update {
		writeTrial(t, folder)
	}
	data, err := os.ReadFile(trialFile)
	if err != nil {
		t.Fatal(err)
	}
	cells, methods := map[string][]trialRow{}, map[string]bool{}
	for lines := json.NewDecoder(bytes.NewReader(data)); ; {
		var r trialRow
		if err := lines.Decode(&r); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		cells[r.cell()], methods[r.method()] = append(cells[r.cell()], r), true
	}
	type entry struct{ rank, difference, gap float64 }
	of := map[string]map[string][]entry{} // by method and corpus
	for _, rows := range cells {
		xent := rows[slices.IndexFunc(rows, func(r trialRow) bool { return r.method() == "xent" })]
		for _, r := range rows {
			better, equal := 0.0, -1.0 // of the others
			for _, o := range rows {
				if o.Score > r.Score {
					better++
				} else if o.Score == r.Score {
					equal++
				}
			}
			rank := 1 + (better+equal/2)*float64(len(methods)-1)/float64(len(rows)-1)
			if of[r.method()] == nil {
				of[r.method()] = map[string][]entry{}
			}
			of[r.method()][r.Corpus] = append(of[r.method()][r.Corpus], entry{rank, 100 * (r.Score - xent.Score), 100 * (r.Ceiling - r.Floor)})
		}
	}
	page := readPage(t, "docs/trial.md")
	for method, corpora := range of {
		var ranks, differences, gaps []float64
		n, lowest := 0, math.Inf(1)
		for _, entries := range corpora {
			var rank, difference, gap []float64
			for _, e := range entries {
				rank, difference, gap = append(rank, e.rank), append(difference, e.difference), append(gap, e.gap)
				lowest = min(lowest, e.difference)
			}
			n += len(entries)
			ranks, differences, gaps = append(ranks, stat.Mean(rank, nil)), append(differences, stat.Mean(difference, nil)), append(gaps, stat.Mean(gap, nil))
		}
		around := func(v []float64, format string) (mean float64, interval string) {
			m, sd := stat.MeanStdDev(v, nil)
			half := distuv.StudentsT{Sigma: 1, Nu: float64(len(v) - 1)}.Quantile(0.975) * sd / math.Sqrt(float64(len(v)))
			return m, fmt.Sprintf("["+format+", "+format+"]", m-half, m+half)
		}
		rank, rankInterval := around(ranks, "%.1f")
		difference, interval := around(differences, "%+.2f")
		at := strings.Index(page, "| "+method+" |")
		if at < 0 {
			t.Errorf("docs/trial.md has no row of %s", method)
			continue
		}
		line, _, _ := strings.Cut(page[at:], "\n")
		fields := strings.Split(strings.Trim(line, "| "), " | ")
		if shown, err := strconv.ParseFloat(fields[9], 64); err != nil || math.Abs(shown-lowest) > 0.05+1e-9 { // halves round either way
			t.Errorf("%s: docs/trial.md has a lowest difference of %s, want %v", method, fields[9], lowest)
		}
		got := []string{fields[1], fields[2], fields[4], fields[5], fields[7], fields[10]}
		want := []string{fmt.Sprintf("%.1f", rank), rankInterval, fmt.Sprintf("%+.2f", difference), interval, fmt.Sprintf("%+.2f", difference/stat.Mean(gaps, nil)), fmt.Sprint(n)}
		if strings.ReplaceAll(fmt.Sprint(want), "-0.00", "+0.00") != strings.ReplaceAll(fmt.Sprint(got), "-0.00", "+0.00") {
			t.Errorf("%s: docs/trial.md has %q, want %q", method, got, want)
		}
	}
	if n := strings.Count(page, "\n| "); n < len(of) || !strings.Contains(page, fmt.Sprintf("%d cells", len(cells))) {
		t.Errorf("docs/trial.md has %d lines of tables for %d methods and %d cells", n, len(of), len(cells))
	}
}
