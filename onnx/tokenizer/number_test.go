package tokenizer

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// TestParseScore compares numbers with those that the library wrote after it had read them.
func TestParseScore(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "scores.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]float64
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	different := 0 // numbers whose value is not the nearest float64
	for text, want := range want {
		got, err := parseScore(text)
		if err != nil || math.Float64bits(got) != math.Float64bits(want) {
			t.Errorf("parseScore(%q) = %v, %v, want %v", text, got, err, want)
		}
		if nearest, err := strconv.ParseFloat(text, 64); err != nil || nearest != want {
			different++
		}
	}
	if len(want) < 500 || different < 50 {
		t.Errorf("%d numbers, %d of them not the nearest float64, want at least 500 and 50", len(want), different)
	}
	for _, text := range []string{"", "-", "x", "1e400", "1.x", "1e", "1e99999999999", ".5", `"1"`, "1e5x"} {
		if f, err := parseScore(text); err == nil {
			t.Errorf("parseScore(%q) = %v, want an error", text, f)
		}
	}
}
