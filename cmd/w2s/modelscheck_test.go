package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"w2s/internal/drawn"
)

// TestModelsCheck compares a checkpoint of safetensors with its reference: all outputs, one layer, and what the reference has not.
func TestModelsCheck(t *testing.T) {
	_, command := commander(t)
	dir := drawn.Read(t, "llama").Write(t)
	check := func(name string) (outputs []string) {
		t.Helper()
		out, errOut, code := command("models", "check", name, "--tolerance", "1e-5", "--json")
		var m modelCheck
		if err := json.Unmarshal([]byte(out), &m); code != exitGood || err != nil {
			t.Fatalf("%s: %d, %v, %s%s", name, code, err, out, errOut)
		}
		for _, f := range m.Features {
			outputs = append(outputs, f.Output)
		}
		return outputs
	}
	if got, want := check(dir), []string{"hidden_states.0", "hidden_states.1", "hidden_states.2", "hidden_states.3", "last_hidden_state", "logits"}; !slices.Equal(got, want) {
		t.Errorf("compared %q, want %q", got, want)
	}
	for name, want := range map[string]string{"@layer=1": "hidden_states.1", "@layer=-1": "hidden_states.3"} {
		if got := check(dir + name); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: compared %q, want %s", name, got, want)
		}
	}

	// A wrong number in one layer is found in that layer only, and a layer that the reference has not is no agreement.
	if _, errOut, code := command("models", "check", dir, "--reference", filepath.Join(dir, "missing.json")); code != exitFailed ||
		!strings.Contains(errOut, "missing.json to compare with (docs/scripts/reference.py writes one") {
		t.Errorf("without a reference: %d, %s", code, errOut)
	}
	path := filepath.Join(dir, "reference.json")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	reference := map[string]any{}
	if err := json.Unmarshal(data, &reference); err != nil {
		t.Fatal(err)
	}
	features := reference["features"].(map[string]any)
	features["hidden_states.2"].(map[string]any)["last"].([]any)[0].([]any)[5] = 99
	delete(features, "hidden_states.3")
	if data, err = json.Marshal(reference); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	check(dir + "@layer=1")
	for name, want := range map[string]struct {
		code int
		text string
	}{
		"@layer=2": {exitFailed, "differs from"},
		"@layer=3": {exitFailed, "the reference has no features of output hidden_states.3 (have: hidden_states.0, hidden_states.1, hidden_states.2, "},
		"@chat":    {exitUsage, "leave @chat out"},
		"":         {exitFailed, "differs from"},
	} {
		if out, errOut, code := command("models", "check", dir+name); code != want.code || !strings.Contains(errOut, want.text) {
			t.Errorf("%s: %d, %s%s", name, code, out, errOut)
		}
	}
}
