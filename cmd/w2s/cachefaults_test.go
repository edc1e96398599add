//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"w2s/internal/race"
)

// cache list, verify and doctor say what happened to a header and what to do about it.
func TestLostHeaders(t *testing.T) {
	race.SkipLong(t)
	b := newFaultBench(t)
	encode := []string{"encode", "--task", "reviews.jsonl", "--model", b.model("bert-tiny"), "--all-texts"}
	b.encoded(encode...)
	header := filepath.Join(filepath.Dir(b.rowsFile()), "header.json")
	whole, err := os.ReadFile(header)
	if err != nil {
		t.Fatal(err)
	}
	for want, data := range map[string]string{
		"header.json is missing":                                     "",
		"header.json is damaged: it is empty":                        "empty",
		"header.json is damaged: unexpected end of JSON input":       "{",
		"header.json is damaged: it names no encoder":                "{}",
		"its header belongs to folder other":                         `{"format":1,"key":"other","dims":3}`,
		"this program does not know format 9":                        strings.NewReplacer(`"format":1`, `"format":9`).Replace(string(whole)),
		"header.json is damaged: json: cannot unmarshal string into": `{"format":"x"}`,
	} {
		t.Run(want, func(t *testing.T) {
			b := *b
			b.T = t
			_ = os.Remove(header)
			if data == "empty" {
				data = ""
				if err := os.WriteFile(header, nil, 0o666); err != nil {
					t.Fatal(err)
				}
			}
			if data != "" {
				if err := os.WriteFile(header, []byte(data), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			remedy := "w2s cache compact"
			if strings.Contains(want, "format 9") {
				remedy = "w2s cache remove"
			}
			list, errOut, code := b.run("cache", "list")
			if code != exitGood || !strings.Contains(list, want) || !strings.Contains(list, remedy) || strings.Contains(list, "does not exist") {
				t.Errorf("list: exit code %d: %s%s", code, list, errOut)
			}
			_, errOut, code = b.run("cache", "verify")
			if code != exitFailed || !strings.Contains(errOut, want) || !strings.Contains(errOut, remedy) || strings.Contains(errOut, "does not exist") {
				t.Errorf("verify: exit code %d: %s", code, errOut)
			}
			if out, _, _ := b.run("doctor"); !strings.Contains(out, want) || !strings.Contains(out, remedy) {
				t.Errorf("doctor:\n%s", out)
			}
			if remedy != "w2s cache compact" {
				return
			}
			b.must("cache", "compact")
			b.must("cache", "verify")
		})
	}
}

// For files that this user may not read, the advice is not to repair them, and other parts are still listed.
func TestUnreadableCache(t *testing.T) {
	b := newFaultBench(t)
	for _, model := range []string{"bert-tiny", "mpnet-tiny"} {
		b.encoded("encode", "--task", "reviews.jsonl", "--model", b.model(model), "--all-texts")
	}
	parts, err := b.features().List()
	if err != nil || len(parts) != 2 {
		t.Fatalf("%d parts, %v", len(parts), err)
	}
	dir := filepath.Join(b.cache, featuresFolder, parts[0].Folder)
	files, _ := filepath.Glob(filepath.Join(dir, "rows-*.bin"))
	if os.Getuid() == 0 { // root may read everything, so the binary runs as nobody
		b.as = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		for _, d := range []string{b.dir, b.cache, filepath.Join(b.cache, featuresFolder)} {
			if err := os.Chmod(d, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, path := range map[string]string{"rows": files[0], "header": filepath.Join(dir, "header.json"), "folder": dir} {
		t.Run(name, func(t *testing.T) {
			b := *b
			b.T = t
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, 0); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = os.Chmod(path, info.Mode()) }()
			_, errOut, code := b.run("cache", "verify")
			if code != exitFailed || !strings.Contains(errOut, "permission denied") || !strings.Contains(errOut, "give this user the right to read it") || strings.Contains(errOut, "compact") {
				t.Errorf("verify: exit code %d: %s", code, errOut)
			}
			list, errOut, code := b.run("cache", "list")
			if code != exitGood || !strings.Contains(list, parts[1].Folder) || !strings.Contains(list, "2 encoders") {
				t.Errorf("list: exit code %d: %s%s", code, list, errOut)
			}
			if name != "rows" && !strings.Contains(list, "give this user the right to read it") {
				t.Errorf("list: %s", list)
			}
		})
	}
}
