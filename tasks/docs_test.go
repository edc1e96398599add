package tasks

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"w2s/internal/shareddata"
)

// TestAddATask follows docs/add-a-task.md. It writes the files that the page shows, loads the task and checks the faulty
// file, so the page cannot become outdated.
func TestAddATask(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(shareddata.Root(), "docs", "add-a-task.md"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	blocks := map[string]string{}
	for _, m := range regexp.MustCompile("(?s)```(\\w+) ?([\\w.]*)\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		kind, name, text := m[1], m[2], m[3]
		if name == "" {
			name = kind
		}
		blocks[name] = text
		if strings.Contains(name, ".") {
			write(t, dir, name, text)
		}
	}
	report, err := Check(context.Background(), filepath.Join(dir, "reviews.yaml"), Limits{})
	if err != nil || report.Faults != nil {
		t.Fatalf("the task of the page: error %v, faults %v", err, report.Faults)
	}
	if report.Pool != 14 || report.PerClass["good"] != 7 || report.PerClass["bad"] != 7 || len(report.Warnings) != 0 {
		t.Errorf("report %+v", report)
	}
	d := load(t, filepath.Join(dir, "reviews.yaml"))
	if _, err := d.Split(SplitConfig{Train: 8, Test: 4}); err != nil {
		t.Errorf("the sizes of the page: %v", err)
	}
	var toots strings.Builder
	for i := range 12 {
		toots.WriteString(strings.ReplaceAll(blocks["toot.jsonl"], `"text": "`, fmt.Sprintf(`"text": "%d `, i)))
	}
	write(t, dir, "toot.jsonl", toots.String())
	report, err = Check(context.Background(), filepath.Join(dir, "toot.yaml"), Limits{})
	if err != nil || report.PerClass["sad"] != 12 || report.PerClass["happy"] != 12 {
		t.Errorf("labels with names: %+v, %v", report, err)
	}
	bad := strings.Replace(blocks["reviews.yaml"], "reviews.csv", "bad.csv", 1)
	report, err = Check(context.Background(), write(t, dir, "bad.yaml", bad), Limits{})
	if err != nil || report.Faults == nil {
		t.Fatalf("the faulty file: report %+v, error %v", report, err)
	}
	if got := report.Faults.Error(); got != strings.TrimSpace(blocks["faults"]) {
		t.Errorf("the faulty file gives\n%s\nbut the page shows\n%s", got, blocks["faults"])
	}
	for _, key := range specKeys {
		if !strings.Contains(string(page), "`"+key+"`") {
			t.Errorf("the page does not explain the key %q", key)
		}
	}
	example, err := os.ReadFile(filepath.Join(shareddata.Root(), "tasks", "example_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(example), blocks["go"]) {
		t.Error("the Go task of the page differs from the one in example_test.go")
	}
}
