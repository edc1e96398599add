package parquetfile

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"w2s/internal/shareddata"
)

// generous are limits that no fixture reaches.
func generous() Limits {
	return Limits{Memory: 64 << 20, Row: 1 << 20, Unpacked: func(int64) error { return nil }}
}

// rows returns all rows of a file.
func rows(path string, limits Limits) (all []map[string]any, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	p, err := Open(f, info.Size(), limits)
	if err != nil {
		return nil, err
	}
	err = p.Rows(func(row map[string]any) bool {
		all = append(all, row)
		return true
	})
	return all, err
}

func fixtures(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(shareddata.Root(), "fixtures", "parquet", "*.parquet"))
	if err != nil || len(paths) < 20 {
		t.Fatalf("%d fixtures, %v", len(paths), err)
	}
	return paths
}

// likePython writes a value as make.py writes it: {"number": text} for numbers, and floats in one form.
func likePython(v any) any {
	switch v := v.(type) {
	case json.Number:
		return map[string]any{"number": shortest(v.String())}
	case Binary:
		return "binary"
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = likePython(v[i])
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for k, inner := range v {
			out[k] = likePython(inner)
		}
		return out
	}
	return v
}

// shortest writes numbers such as 1e+30 and 1e30 in the same way. Whole numbers stay as they are, to the last digit.
func shortest(number string) string {
	if strings.Trim(number, "-0123456789") == "" {
		return number
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return number
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// Rows are equal to those of fixtures/parquet/make.py, which come from the objects that pyarrow wrote.
func TestRows(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(shareddata.Root(), "fixtures", "parquet", "rows.json"))
	if err != nil {
		t.Fatal(err)
	}
	var families map[string][]map[string]any
	if err := json.Unmarshal(data, &families); err != nil {
		t.Fatal(err)
	}
	for _, path := range fixtures(t) {
		name := strings.TrimSuffix(filepath.Base(path), ".parquet")
		family, _, _ := strings.Cut(name, "-")
		want := families[family]
		got, err := rows(path, generous())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(got) != len(want) {
			t.Errorf("%s: %d rows, want %d", name, len(got), len(want))
			continue
		}
		for i := range want {
			for column, value := range want[i] {
				if number, ok := value.(map[string]any); ok && len(number) == 1 {
					if text, ok := number["number"].(string); ok {
						value = map[string]any{"number": shortest(text)}
					}
				}
				if found := likePython(got[i][column]); !reflect.DeepEqual(found, value) {
					t.Errorf("%s, row %d, %s: %#v, want %#v", name, i, column, found, value)
				}
			}
			if len(got[i]) != len(want[i]) {
				t.Errorf("%s, row %d: %d columns, want %d", name, i, len(got[i]), len(want[i]))
			}
		}
	}
}

func TestLimits(t *testing.T) {
	path := filepath.Join(shareddata.Root(), "fixtures", "parquet", "nested.parquet")
	limits := generous()
	limits.Row = 100
	if _, err := rows(path, limits); err == nil || !strings.Contains(err.Error(), "a row has more than 100 bytes") {
		t.Errorf("long row: %v", err)
	}
	limits = generous()
	limits.Memory = 1000
	if _, err := rows(strings.Replace(path, "nested", "basic-v1-none", 1), limits); !errors.Is(err, ErrMemory) {
		t.Errorf("large pages: %v", err)
	}
	limits = generous()
	full := errors.New("full")
	total := int64(0)
	limits.Unpacked = func(n int64) error {
		if total += n; total > 5000 {
			return full
		}
		return nil
	}
	if some, err := rows(path, limits); !errors.Is(err, full) || len(some) == 0 {
		t.Errorf("many rows: %d rows, %v", len(some), err)
	}
}
