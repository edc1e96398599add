package tokenizer

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// TestParseScore compares with numbers that the library read and wrote again.
func TestParseScore(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "scores.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]float64
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	unlike := 0
	for text, want := range want {
		got, err := parseScore(text)
		if err != nil || math.Float64bits(got) != math.Float64bits(want) {
			t.Errorf("parseScore(%q) = %v, %v, want %v", text, got, err, want)
		}
		if nearest, err := strconv.ParseFloat(text, 64); err != nil || nearest != want {
			unlike++
		}
	}
	if len(want) < 500 || unlike < 50 {
		t.Errorf("%d numbers, %d of them not the nearest: this shows nothing", len(want), unlike)
	}
	for _, text := range []string{"", "-", "x", "1e400", "1.x", "1e", "1e99999999999", ".5", `"1"`, "1e5x"} {
		if f, err := parseScore(text); err == nil {
			t.Errorf("parseScore(%q) = %v, want an error", text, f)
		}
	}
}
