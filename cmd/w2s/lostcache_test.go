//go:build unix

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestCacheRemovedDuringEncode removes, moves and replaces the cache folder while a command writes to it. encode must fail, and
// the same command must then store everything.
func TestCacheRemovedDuringEncode(t *testing.T) {
	for name, change := range map[string]func(cache string) error{
		"removed": os.RemoveAll,
		"moved":   func(cache string) error { return os.Rename(cache, cache+"-moved") },
		"replaced": func(cache string) error {
			if err := os.Rename(cache, cache+"-moved"); err != nil {
				return err
			}
			return os.Mkdir(cache, 0o755)
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newFaultBench(t)
			args := b.encode()
			cmd := b.command(args...)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			b.during(cmd, change)
			if code := cmd.ProcessState.ExitCode(); code != exitFailed || !strings.Contains(stderr.String(), "removed, moved or replaced") {
				t.Errorf("exit code %d: %s", code, stderr.String())
			}
			if row := b.encoded(args...); row.Encoded+row.Cached != 4000 {
				t.Errorf("%+v", row)
			}
			if h := b.health(); !h.Sound() || h.Texts != 4000 {
				t.Errorf("at the end: %+v", h)
			}
		})
	}
}

// TestCacheRemovedDuringRun expects a run to end well, and its result to say that vectors were not stored.
func TestCacheRemovedDuringRun(t *testing.T) {
	b := newFaultBench(t)
	b.write("many.jsonl", reviews(4000))
	cmd := b.command("run", "--weak", b.model("bert-tiny"), "--strong", b.model("mpnet-tiny"), "--task", "many.jsonl",
		"--train", "3000", "--test", "900", "--seeds", "1", "--out", filepath.Join(b.dir, "result.json"))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	b.during(cmd, os.RemoveAll)
	if code := cmd.ProcessState.ExitCode(); code != exitGood || !strings.Contains(stdout.String(), "PGR") {
		t.Errorf("exit code %d: %s%s", code, stdout.String(), stderr.String())
	}
	if noticed := string(b.read("result.json")) + stderr.String(); !strings.Contains(noticed, "removed, moved or replaced") && !strings.Contains(noticed, "are gone") {
		t.Errorf("neither the result nor a note says that vectors were lost: %s", stderr.String())
	}
}

// during starts a command, makes a change to the cache folder when there are some rows in it, and waits for the command.
func (b *faultBench) during(cmd *exec.Cmd, change func(cache string) error) {
	b.Helper()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.wait("rows", 30*time.Second, func() bool { return b.rows() >= 200 })
	var err error
	for range 100 { // removing fails if a file is made in the meantime
		if err = change(b.cache); err == nil {
			break
		}
	}
	if err != nil {
		b.Fatal(err)
	}
	_ = cmd.Wait() // the caller looks at its exit code
}
