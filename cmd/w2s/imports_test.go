package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The data flows one way: tasks and the experiment know nothing of ONNX, and only cmd joins them.
func TestImports(t *testing.T) {
	forbidden := map[string][]string{
		"w2s/tasks":    {"w2s/harness", "w2s/onnx", "w2s/cmd"},
		"w2s/harness":  {"w2s/onnx", "w2s/cmd", "w2s/internal/catalog", "w2s/internal/fetch", "github.com/yalue/onnxruntime_go"},
		"w2s/onnx":     {"w2s/tasks", "w2s/cmd", "w2s/internal/catalog", "w2s/internal/fetch"},
		"w2s/internal": {"w2s/tasks", "w2s/harness", "w2s/onnx", "w2s/cmd"},
	}
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "w2s/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		fields := strings.Fields(line)
		for below, never := range forbidden {
			if fields[0] != below && !strings.HasPrefix(fields[0], below+"/") {
				continue
			}
			for _, imported := range fields[1:] {
				if slices.ContainsFunc(never, func(n string) bool { return imported == n || strings.HasPrefix(imported, n+"/") }) {
					t.Errorf("%s imports %s", fields[0], imported)
				}
			}
		}
	}
}
