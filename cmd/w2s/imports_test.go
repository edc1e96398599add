package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"w2s/internal/shareddata"
)

// TestImports compares the imports of every package with the table in docs/architecture.md.
func TestImports(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(shareddata.Root(), "docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string][]string{}
	code := regexp.MustCompile("`([a-z0-9/]+)`")
	for _, line := range strings.Split(string(page), "\n") {
		cells := strings.Split(line, "|")
		name := code.FindStringSubmatch(cells[min(1, len(cells)-1)])
		if len(cells) != 5 || name == nil {
			continue
		}
		if documented[name[1]] != nil {
			t.Errorf("docs/architecture.md lists %s twice", name[1])
		}
		documented[name[1]] = []string{}
		for _, m := range code.FindAllStringSubmatch(cells[3], -1) {
			documented[name[1]] = append(documented[name[1]], m[1])
		}
		if strings.TrimSpace(cells[3]) == "any" {
			documented[name[1]] = nil
		}
	}
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .GoFiles ","}} {{join .Imports " "}}`, "w2s/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	listed := 0
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		fields := strings.Fields(line)
		name := strings.TrimPrefix(fields[0], "w2s/")
		if strings.HasPrefix(name, "bench/") || strings.HasPrefix(name, "tasks/embedded") || len(fields) < 2 || strings.HasPrefix(fields[1], "w2s/") {
			continue // programs beside the project, and packages of tests alone
		}
		listed++
		want, ok := documented[name]
		if !ok {
			t.Errorf("package %s is not in the table of docs/architecture.md", name)
			continue
		}
		if want == nil {
			continue
		}
		var got []string
		for _, path := range fields[2:] {
			if own, ok := strings.CutPrefix(path, "w2s/"); ok {
				got = append(got, own)
			}
			if path == "github.com/yalue/onnxruntime_go" && name != "onnx" {
				t.Errorf("%s imports the binding of ONNX Runtime, which belongs to package onnx", name)
			}
		}
		for _, missing := range got {
			if !slices.Contains(want, missing) {
				t.Errorf("%s imports %s, which docs/architecture.md does not have", name, missing)
			}
		}
		for _, extra := range want {
			if !slices.Contains(got, extra) {
				t.Errorf("docs/architecture.md says that %s imports %s, which it does not", name, extra)
			}
		}
	}
	if listed < 20 || listed != len(documented) {
		t.Errorf("%d packages, %d rows in docs/architecture.md", listed, len(documented))
	}
}
