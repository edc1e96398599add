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

	"w2s/harness/result"
)

// small returns the command line of an experiment that takes under a second.
func (b *faultBench) small(command string, args ...string) []string {
	models := []string{"--weak", b.model("bert-tiny"), "--strong", b.model("mpnet-tiny")}
	switch command {
	case "chain":
		models = []string{"--models", strings.Join([]string{b.model("bert-tiny"), b.model("distilbert-tiny"), b.model("mpnet-tiny")}, ",")}
	case "sweep":
		models = []string{"--models", b.model("bert-tiny") + "," + b.model("mpnet-tiny")}
	}
	args = append([]string{command}, append(models, args...)...)
	return append(args, "--task", "reviews.jsonl", "--test", "60", "--seeds", "1", "--loss", "xent", "--resamples", "200", "--quiet")
}

// together runs commands at the same time and returns their exit codes and what they wrote to standard error.
func (b *faultBench) together(commands ...[]string) (codes []int, errs []string) {
	b.Helper()
	var started []*exec.Cmd
	outs := make([]bytes.Buffer, len(commands))
	for i, args := range commands {
		cmd := b.command(args...)
		cmd.Stderr = &outs[i]
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		started = append(started, cmd)
	}
	for i, cmd := range started {
		_ = cmd.Wait()
		codes, errs = append(codes, cmd.ProcessState.ExitCode()), append(errs, outs[i].String())
	}
	return codes, errs
}

// stored returns the command lines whose results are in a folder.
func (b *faultBench) stored(folder string) (commands []string) {
	b.Helper()
	files, _ := filepath.Glob(filepath.Join(b.dir, folder, "*.json"))
	for _, f := range files {
		r, err := result.Load(f)
		if err != nil {
			b.Fatal(err)
		}
		commands = append(commands, strings.Join(r.Command[1:], " "))
	}
	return commands
}

// Of two processes that write to the same file, each either fails and says so, or its result is stored.
func TestTwoProcessesWithOneResultFile(t *testing.T) {
	b := newFaultBench(t)
	b.must(b.small("chain", "--train", "120", "--out", "warm/up.json")...) // fills the cache
	b.must("models", "inspect", b.model("bert-tiny"))
	for name, commands := range map[string][2][]string{
		"two runs":           {b.small("run", "--train", "120"), b.small("run", "--train", "100")},
		"run and chain":      {b.small("run", "--train", "120"), b.small("chain", "--train", "120")},
		"two sweeps":         {b.small("sweep", "--train", "120"), b.small("sweep", "--train", "120", "--l2", "1,2")},
		"the same twice":     {b.small("run", "--train", "120"), b.small("run", "--train", "120")},
		"with --again":       {b.small("run", "--train", "120", "--again"), b.small("study", "--train", "100", "--again")},
		"through a link":     {b.small("run", "--train", "120"), b.small("run", "--train", "100")},
		"into the same name": {b.small("run", "--train", "120"), b.small("run", "--train", "100")},
	} {
		t.Run(name, func(t *testing.T) {
			b := *b
			b.T = t
			folder := strings.ReplaceAll(name, " ", "-")
			names := [2]string{folder + "/out.json", folder + "/out.json"}
			args := [2][]string{commands[0], commands[1]}
			switch name {
			case "through a link":
				if err := os.Mkdir(filepath.Join(b.dir, folder), 0o777); err != nil {
					t.Fatal(err)
				}
				names[1] = "link.json"
				if err := os.Symlink(names[0], filepath.Join(b.dir, names[1])); err != nil {
					t.Fatal(err)
				}
			case "into the same name": // the default
				folder = "w2s-results"
			case "with --again":
				args[1] = append([]string{"study", "imitation"}, args[1][1:]...)
			}
			for i := range args {
				if folder != "w2s-results" {
					args[i] = append(args[i], "--out", names[i])
				}
			}
			codes, errs := b.together(args[0], args[1])
			have := strings.Join(b.stored(folder), "\n")
			good := 0
			for i, code := range codes {
				command := strings.Join(args[i], " ")
				overwritten := name == "with --again" || name == "the same twice"
				switch {
				case code == exitGood:
					good++
					if !strings.Contains(have, command) && !overwritten {
						t.Errorf("the result of process %d is lost; stored:\n%s", i, have)
					}
				case code == exitFailed && strings.Contains(errs[i], "another w2s process is at work on this file"):
				case code == exitUsage && strings.Contains(errs[i], "it holds another experiment"): // the other one was quick
				default:
					t.Errorf("process %d: exit code %d: %s", i, code, errs[i])
				}
			}
			if good == 0 {
				t.Errorf("both failed: %s", errs)
			}
			if left, _ := filepath.Glob(filepath.Join(b.dir, folder, ".*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// Where there are no locks, the second of two results goes to a file of its own, and the command fails.
func TestTwoProcessesWithoutLocks(t *testing.T) {
	b := newFaultBench(t)
	if err := os.MkdirAll(filepath.Join(b.dir, "out", ".result.json.lock"), 0o777); err != nil {
		t.Fatal(err)
	}
	b.must(append(b.small("run", "--train", "120"), "--out", "first.json", "--cache", "other")...)
	cmd := b.command(append(b.small("run", "--train", "120"), "--seeds", "12", "--loss", "logconf", "--out", "out/result.json")...)
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b.wait("features", 30*time.Second, func() bool { return b.rows() >= 200 }) // it has looked at the file by then
	b.write("out/result.json", b.read("first.json"))
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitFailed || !strings.Contains(errOut.String(), "another process wrote this file while the command ran, so its result is in out/result-") {
		t.Errorf("exit code %d: %s", code, errOut.String())
	}
	have := b.stored("out")
	if len(have) != 2 || !strings.Contains(strings.Join(have, "\n"), "--seeds 12") || !bytes.Equal(b.read("out/result.json"), b.read("first.json")) {
		t.Errorf("stored: %q", have)
	}
}

// A task file and a checkpoint whose names are not UTF-8 are the same ones at the next start.
func TestNamesThatAreNotUTF8(t *testing.T) {
	b := newFaultBench(t)
	task, model := "caf\xe9.jsonl", "mod\xe9l"
	if err := os.WriteFile(filepath.Join(b.dir, task), reviews(240), 0o666); err != nil {
		t.Skipf("optional: this file system has UTF-8 names only: %v", err)
	}
	if out, err := exec.Command("cp", "-rL", b.model("bert-tiny"), filepath.Join(b.dir, model)).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	for name, args := range map[string][]string{
		"sweep": {"sweep", "--models", model + "," + b.model("mpnet-tiny"), "--out", "sweep\xe9.json"},
		"run":   {"run", "--weak", model, "--strong", b.model("mpnet-tiny"), "--out", "run\xe9.json"},
		"chain": {"chain", "--models", model + "," + b.model("distilbert-tiny") + "," + b.model("mpnet-tiny"), "--out", "chain\xe9.json"},
	} {
		args = append(args, "--task", task, "--train", "120", "--test", "60", "--seeds", "1", "--loss", "xent", "--resamples", "200", "--quiet")
		first := b.must(args...)
		if second := b.must(args...); second != first {
			t.Errorf("%s: the second run prints\n%s\nthe first one\n%s", name, second, first)
		}
		if name == "sweep" {
			if out := b.must(append(args, "--dry-run")...); !strings.Contains(out, "finished") {
				t.Errorf("sweep: the finished task is not known again:\n%s", out)
			}
		}
	}
	if left, _ := filepath.Glob(filepath.Join(b.dir, "*-2*.json")); len(left) > 0 {
		t.Errorf("results were taken for others': %q", left)
	}
}
