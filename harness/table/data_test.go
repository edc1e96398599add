package table

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"w2s/harness/stats"
	"w2s/harness/summary"
	"w2s/internal/list"
	"w2s/internal/parquetfile"
)

// Every table for programs has the same values in CSV, JSON, JSON lines and parquet, each under the same name.
func TestFormatsForPrograms(t *testing.T) {
	rows := grid()[8:]
	rows[0].Task = "=a,\"b\"\nc"
	rows[0].Labels.N, rows[0].Labels.Accuracy = 9, 0.75
	category := summary.CategoryRow{Pool: summary.Pool{PGR: stats.Pooled{Median: math.NaN()}}, Published: &summary.Range{Low: 0.2, High: 0.7}}
	for name, table := range map[string]*Table{
		"rows": PGR(rows), "study": Gap(rows), "losses": Losses([]summary.LossRow{{Loss: "a"}}, ""), "baselines": Baselines(baselineRows(), true),
		"categories": Categories([]summary.CategoryRow{category}), "pairs": Pairs([]summary.PairRow{{}}),
		"chains": Chains([]summary.ChainRow{{Models: []string{"m"}, Steps: make([]summary.Figure, 1)}}), "none": Losses(nil, ""), "combinations": Combinations([]summary.CombinationRow{{Alone: "a"}, {Alone: "b", Best: true}}),
		"examples": Examples([]summary.Example{{Task: "a", Answers: [3]string{"x", "y", "z"}, Right: [3]bool{true}, Probability: [3]float64{0.5, 1, 0}}}),
	} {
		want := table.data()
		lines, err := csv.NewReader(strings.NewReader(write(t, "csv", table))).ReadAll()
		if err != nil || len(lines) != 1+len(want.Rows) || !slices.Equal(lines[0], want.Columns) {
			t.Fatalf("%s: CSV has the header %q, %v", name, lines[0], err)
		}
		if d := slices.Sorted(slices.Values(want.Columns)); len(slices.Compact(d)) != len(want.Columns) {
			t.Errorf("%s: two columns of one name: %q", name, want.Columns)
		}
		var objects []map[string]any
		if err := json.Unmarshal([]byte(write(t, "json", table)), &objects); err != nil || len(objects) != len(want.Rows) {
			t.Fatalf("%s: JSON has %d rows, %v", name, len(objects), err)
		}
		jsonl := strings.Split(strings.TrimSuffix(write(t, "jsonl", table), "\n"), "\n")
		file := []byte(write(t, "parquet", table))
		f, err := parquetfile.Open(bytes.NewReader(file), int64(len(file)), parquetfile.Limits{Memory: 1 << 24, Row: 1 << 20, Unpacked: func(int64) error { return nil }})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := f.Columns(); !slices.Equal(got, want.Columns) {
			t.Errorf("%s: parquet has the columns %q", name, got)
		}
		var records []map[string]any
		if err := f.Rows(func(row map[string]any) bool { records = append(records, row); return true }); err != nil || len(records) != len(want.Rows) {
			t.Fatalf("%s: parquet has %d rows, %v", name, len(records), err)
		}
		for i, row := range want.Rows {
			var line map[string]any
			if err := json.Unmarshal([]byte(jsonl[i]), &line); err != nil {
				t.Fatalf("%s: %v in %s", name, err, jsonl[i])
			}
			for k, v := range row {
				column, text := want.Columns[k], ""
				if v != nil {
					text = fmt.Sprint(v)
				}
				if got := strings.TrimPrefix(lines[1+i][k], "'"); got != text {
					t.Errorf("%s: %s is %q in CSV, want %q", name, column, got, text)
				}
				for format, got := range map[string]any{"JSON": objects[i][column], "JSON lines": line[column], "parquet": records[i][column]} {
					same := got == nil && v == nil || got != nil && fmt.Sprint(got) == text
					if x, ok := got.(float64); ok && v != nil && fmt.Sprint(x) == text {
						same = true
					}
					if !same {
						t.Errorf("%s: %s is %v in %s, want %v", name, column, got, format, v)
					}
				}
			}
		}
	}
}

// Rows for programs hold fractions of 1 under the names of the tables, and nothing where nothing is known.
func TestRowData(t *testing.T) {
	d := rowData(grid()[10:])
	at := func(row int, column string) any { return d.Rows[row][slices.Index(d.Columns, column)] }
	for column, want := range map[string]any{"weak": 0.5, "student": 0.7, "ceiling": 0.9, "weak_model": "wordllama-64", "strong_model": "wordllama-256", "loss": "xent",
		"n": 160, "seeds": 3, "train": 1000, "level": 0.95, "alpha": nil, "majority": nil, "pgr_undefined": nil, "trained_on": "chess-mate1-free"} {
		if got := at(0, column); got != want {
			t.Errorf("%s is %v, want %v", column, got, want)
		}
	}
	for column, want := range map[string]float64{"weak_lo": 0.48, "weak_hi": 0.52, "pgr": 0.5, "pgr_lo": 0.3, "pgr_hi": 0.7, "gap": 0.4} {
		if got, ok := at(0, column).(float64); !ok || math.Abs(got-want) > 1e-12 {
			t.Errorf("%s is %v, want %v", column, got, want)
		}
	}
	for column, want := range map[string]any{"pgr": nil, "pgr_lo": nil, "pgr_undefined": "a gap of noise", "alpha": 0.5, "loss": "confidence", "loss_settings": "confidence:alpha=0.5"} {
		if got := at(1, column); got != want {
			t.Errorf("row of an undefined PGR: %s is %v, want %v", column, got, want)
		}
	}
	var kinds []string
	for _, row := range d.Rows {
		kinds = append(kinds, strings.Join(list.Map(row, func(v any) string { return strings.Replace(fmt.Sprintf("%T", v), "<nil>", "", 1) }), ""))
	}
	if strings.Contains(kinds[0], "tasks.") {
		t.Errorf("values of other types: %s", kinds[0])
	}
}
