//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"w2s/harness/feature"
	"w2s/harness/result"
	"w2s/internal/shareddata"
)

// The tests in this file run the real binary under faults: kill -9, Ctrl-C, a full disk, read-only folders, damaged files,
// another process at the same work. Finished work must be kept, faults must be named, and a second run of the same command
// must print what an undisturbed run prints.

var built struct {
	once sync.Once
	path string
	err  error
}

// binary returns the path of w2s, which it builds once for all tests.
func binary(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		dir, err := os.MkdirTemp("", "w2s-test")
		if err != nil {
			built.err = err
			return
		}
		built.path = filepath.Join(dir, "w2s")
		cmd := exec.Command("go", "build", "-o", built.path, ".")
		if out, err := cmd.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%w: %s", err, out)
		}
		_ = os.Chmod(dir, 0o755) // for tests that run it as another user
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

// A faultBench runs the binary in a folder that holds a cache and data.
type faultBench struct {
	*testing.T
	dir, cache string
	lib        string               // path of the ONNX Runtime library
	as         *syscall.SysProcAttr // nil: the user of the test
}

func newFaultBench(t *testing.T) *faultBench {
	t.Helper()
	lib := needLibrary(t)
	binary(t)
	dir, err := os.MkdirTemp("", "w2s-faults") // other users may not have access to t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	b := &faultBench{T: t, dir: dir, cache: filepath.Join(dir, "cache"), lib: lib}
	b.write("reviews.jsonl", reviews(240))
	b.write("second.jsonl", bytes.ReplaceAll(reviews(240), []byte("number"), []byte("piece")))
	return b
}

func (b *faultBench) model(name string) string {
	return filepath.Join(shareddata.Root(), "fixtures", "models", name)
}

func (b *faultBench) write(name string, data []byte) {
	b.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, name), data, 0o666); err != nil {
		b.Fatal(err)
	}
}

func (b *faultBench) read(name string) []byte {
	b.Helper()
	data, err := os.ReadFile(filepath.Join(b.dir, name))
	if err != nil {
		b.Fatal(err)
	}
	return data
}

// command returns a command that runs the binary in the folder of the bench.
func (b *faultBench) command(args ...string) *exec.Cmd {
	cmd := exec.Command(built.path, args...)
	cmd.Dir, cmd.SysProcAttr = b.dir, b.as
	cmd.Env = append(os.Environ(), "W2S_CACHE="+b.cache, "W2S_OFFLINE=1", "W2S_ONNXRUNTIME="+b.lib)
	return cmd
}

// run runs a command line and waits for its end.
func (b *faultBench) run(args ...string) (out, errOut string, code int) {
	b.Helper()
	return b.finish(b.command(args...))
}

// finish runs a command and waits for its end.
func (b *faultBench) finish(cmd *exec.Cmd) (out, errOut string, code int) {
	b.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EINVAL) {
			shareddata.Missing(b.T, "needs to run as root with all rights, or as a user that is not root: %v", err)
		}
		b.Fatal(err)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

// must runs a command line that has to succeed, and returns its output.
func (b *faultBench) must(args ...string) string {
	b.Helper()
	out, errOut, code := b.run(args...)
	if code != exitGood {
		b.Fatalf("w2s %s: exit code %d\n%s%s", strings.Join(args, " "), code, out, errOut)
	}
	return out
}

// wait polls done until it is true, and fails the test if that takes longer than most.
func (b *faultBench) wait(what string, most time.Duration, done func() bool) {
	b.Helper()
	for end := time.Now().Add(most); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			b.Fatalf("waited %s for %s", most, what)
		}
	}
}

func (b *faultBench) features() *feature.Cache {
	b.Helper()
	c, err := feature.Open(filepath.Join(b.cache, featuresFolder))
	if err != nil {
		b.Fatal(err)
	}
	return c
}

// rows returns the number of complete rows in the cache, over all encoders.
func (b *faultBench) rows() (n int64) {
	b.Helper()
	parts, err := b.features().List()
	if err != nil {
		return 0 // a file may be in the making
	}
	for _, p := range parts {
		n += p.Rows
	}
	return n
}

// health returns the health of the cache, which has one part.
func (b *faultBench) health() feature.Health {
	b.Helper()
	parts, err := b.features().List()
	if err != nil || len(parts) != 1 {
		b.Fatalf("parts %+v, %v", parts, err)
	}
	h, err := b.features().Verify(parts[0].Folder)
	if err != nil {
		b.Fatal(err)
	}
	return h
}

// rowsFile returns the path of the one file of rows in the cache.
func (b *faultBench) rowsFile() string {
	b.Helper()
	files, err := filepath.Glob(filepath.Join(b.cache, featuresFolder, "*", "rows-*.bin"))
	if err != nil || len(files) != 1 {
		b.Fatalf("rows files %v, %v", files, err)
	}
	return files[0]
}

// encoded runs an encode command for one task and model, and returns its row.
func (b *faultBench) encoded(args ...string) encodeRow {
	b.Helper()
	var rows []encodeRow
	if err := json.Unmarshal([]byte(b.must(append(args, "--json", "--quiet")...)), &rows); err != nil || len(rows) != 1 {
		b.Fatalf("%+v, %v", rows, err)
	}
	return rows[0]
}

// sweep returns the command line of a small grid over two tasks.
func (b *faultBench) sweep(out string) []string {
	return []string{"sweep", "--models", b.model("bert-tiny") + "," + b.model("mpnet-tiny"), "--task", "reviews.jsonl", "--task", "second.jsonl",
		"--train", "120", "--test", "60", "--seeds", "2", "--loss", "xent", "--out", out, "--quiet"}
}

// undisturbed returns what the sweep prints without a fault.
func (b *faultBench) undisturbed() string {
	b.Helper()
	cmd := b.command(b.sweep("undisturbed.json")...)
	cmd.Env = append(cmd.Env, "W2S_CACHE="+filepath.Join(b.dir, "undisturbed"))
	out, errOut, code := b.finish(cmd)
	if code != exitGood {
		b.Fatalf("exit code %d\n%s", code, errOut)
	}
	return out
}

// encode returns the command line of an encoding that takes some seconds.
func (b *faultBench) encode() []string {
	b.write("many.jsonl", reviews(4000))
	return []string{"encode", "--task", "many.jsonl", "--model", b.model("bert-tiny"), "--all-texts"}
}

func TestKilledEncode(t *testing.T) {
	b := newFaultBench(t)
	args := b.encode()
	kills := 0
	for ; kills < 4; kills++ {
		cmd := b.command(args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		before := b.rows()
		b.wait("rows", 30*time.Second, func() bool { return b.rows() >= before+200 })
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("it finished before it was killed: give it more texts")
		}
		if h := b.health(); len(h.Damaged) > 0 || h.Repeated > 0 || int64(h.Texts) < before+200 {
			t.Fatalf("after kill %d: %+v, %d rows before", kills+1, h, before)
		}
	}
	kept := b.health().Texts
	if row := b.encoded(args...); row.Cached != kept || row.Encoded != 4000-kept {
		t.Errorf("%+v, want %d cached", row, kept)
	}
	if h := b.health(); !h.Sound() || h.Texts != 4000 || h.Repeated != 0 {
		t.Errorf("at the end: %+v", h)
	}
}

// A sweep that is killed several times and run again each time ends with the undisturbed table.
func TestKilledSweep(t *testing.T) {
	b := newFaultBench(t)
	want := b.undisturbed()
	args := b.sweep("killed.json")
	path := filepath.Join(b.dir, "killed.json")
	stages := []func() bool{
		func() bool { return b.rows() > 20 },                            // during the first encoding
		func() bool { return b.rows() > 360 },                           // while heads are trained, or soon after
		func() bool { _, err := os.Stat(path); return err == nil },      // after the first task
		func() bool { time.Sleep(50 * time.Millisecond); return true },  // right after the start
		func() bool { time.Sleep(300 * time.Millisecond); return true }, // at some other point
	}
	for i, reached := range stages {
		cmd := b.command(args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		b.wait(fmt.Sprintf("stage %d", i+1), 30*time.Second, func() bool { return reached() || len(done) > 0 })
		_ = cmd.Process.Kill()
		<-done
		if _, err := os.Stat(path); err == nil { // the file is never incomplete
			b.must("table", "killed.json")
		}
	}
	if got := b.must(args...); got != want {
		t.Errorf("after the kills:\n%s\nundisturbed:\n%s", got, want)
	}
	if left, _ := filepath.Glob(filepath.Join(b.dir, ".w2s-*.tmp")); len(left) > len(stages) {
		t.Errorf("files left behind: %v", left)
	}
}

// A chain that is killed after its first task continues with the same command: it takes over the task and stores the result of
// an undisturbed chain. With --heads it takes over nothing, because the result file holds no heads.
func TestKilledChain(t *testing.T) {
	b := newFaultBench(t)
	b.write("many.jsonl", bytes.ReplaceAll(reviews(1600), []byte("number"), []byte("piece"))) // takes a second or more
	args := func(out string) []string {
		models := strings.Join([]string{b.model("bert-tiny"), b.model("distilbert-tiny"), b.model("mpnet-tiny")}, ",")
		return []string{"chain", "--models", models, "--task", "reviews.jsonl", "--task", "many.jsonl", "--seeds", "1", "--loss", "xent", "--out", out, "--quiet"}
	}
	load := func(name string) *result.Result {
		t.Helper()
		r := loadResult(t, filepath.Join(b.dir, name))
		r.Created, r.Command = time.Time{}, nil
		return r
	}

	cmd := b.command(args("chain.json")...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b.wait("the first task", 30*time.Second, func() bool { _, err := os.Stat(filepath.Join(b.dir, "chain.json")); return err == nil })
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	first := load("chain.json")
	if len(first.Tasks) != 1 || first.Tasks[0].Name != "reviews" || len(first.Chains) != 1 {
		t.Fatalf("%d tasks and %d chains at the kill: give the second task more texts", len(first.Tasks), len(first.Chains))
	}
	// A changed prediction in the stored result shows whether the first task is taken over.
	marked := load("chain.json")
	p := marked.Heads[0].Test[0]
	p[0], p[1] = p[1], p[0]
	for _, name := range []string{"marked.json", "heads.json"} {
		if err := marked.Save(filepath.Join(b.dir, name)); err != nil {
			t.Fatal(err)
		}
	}

	out := b.must(args("undisturbed.json")...)
	want := load("undisturbed.json")
	if len(want.Tasks) != 2 || len(want.Chains) != 2 {
		t.Fatalf("%d tasks and %d chains without a fault", len(want.Tasks), len(want.Chains))
	}
	if got := b.must(args("chain.json")...); got != out || !reflect.DeepEqual(load("chain.json"), want) {
		t.Errorf("after the kill:\n%s\nundisturbed:\n%s", got, out)
	}
	b.must(args("marked.json")...)
	if got := load("marked.json"); reflect.DeepEqual(got, want) || !reflect.DeepEqual(got.Heads[0], marked.Heads[0]) {
		t.Error("the first task was not taken over")
	}
	b.must(append(args("heads.json"), "--heads", "heads")...)
	if !reflect.DeepEqual(load("heads.json"), want) {
		t.Error("with --heads, the first task was taken over")
	}
	if saved, _ := filepath.Glob(filepath.Join(b.dir, "heads", "*.onnx")); len(saved) != len(want.Heads) {
		t.Errorf("%d heads saved of %d", len(saved), len(want.Heads))
	}
}

// table and report do not change the result if they are killed, and the report's page is complete or absent.
func TestKilledTableAndReport(t *testing.T) {
	b := newFaultBench(t)
	want := b.must(b.sweep("result.json")...)
	result := b.read("result.json")
	for _, args := range [][]string{{"table", "result.json", "--by", "all"}, {"report", "result.json", "--out", "page.html"}} {
		for _, after := range []time.Duration{5, 50, 200, 500} {
			cmd := b.command(args...)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(after * time.Millisecond)
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			if !bytes.Equal(b.read("result.json"), result) {
				t.Fatalf("%s changed the result", args[0])
			}
			if page, err := os.ReadFile(filepath.Join(b.dir, "page.html")); err == nil && !bytes.Contains(page, []byte("</html>")) {
				t.Errorf("an incomplete page of %d bytes was left behind", len(page))
			}
		}
		b.must(args...)
	}
	if got := b.must("table", "result.json"); got != want {
		t.Errorf("table:\n%s\nsweep:\n%s", got, want)
	}
}

// Ctrl-C and SIGTERM stop a command within a second. The command says how to continue, and the same command continues.
func TestInterrupted(t *testing.T) {
	b := newFaultBench(t)
	want := b.undisturbed()
	interrupt := func(what string, stop os.Signal, args []string, reached func() bool) {
		cmd := b.command(args...)
		var errOut bytes.Buffer
		cmd.Stderr = &errOut
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		b.wait(what, 30*time.Second, func() bool { return reached() || len(done) > 0 })
		if len(done) > 0 {
			t.Fatalf("%s: it finished before it was interrupted: %s", what, errOut.String())
		}
		start := time.Now()
		if err := cmd.Process.Signal(stop); err != nil {
			t.Fatal(err)
		}
		<-done
		took := time.Since(start)
		if took > 3*time.Second { // it takes under 0.5 s, but other tests may keep the processors busy
			t.Errorf("%s: stopped after %s", what, took)
		}
		if code := cmd.ProcessState.ExitCode(); code != exitFailed || !strings.Contains(errOut.String(), "continues from there") {
			t.Errorf("%s: exit code %d: %s", what, code, errOut.String())
		}
		t.Logf("%s: stopped after %s", what, took)
	}
	encode := b.encode()
	interrupt("encoding", syscall.SIGTERM, encode, func() bool { return b.rows() > 100 })
	if kept := b.health().Texts; b.encoded(encode...).Cached != kept {
		t.Error("the interrupted encoding was not continued")
	}
	before := b.rows()
	args := b.sweep("interrupted.json")
	interrupt("sweep, encoding", os.Interrupt, args, func() bool { return b.rows() > before+20 })
	if got := b.must(args...); got != want {
		t.Errorf("after Ctrl-C:\n%s\nundisturbed:\n%s", got, want)
	}
	long := append(args[:len(args):len(args)], "--again", "--seeds", "600", "--out", "long.json")
	after := func(d time.Duration) func() bool {
		ready := time.Now().Add(d)
		return func() bool { return time.Now().After(ready) }
	}
	interrupt("sweep, training", syscall.SIGTERM, long, after(time.Second))
	// A computation that does not check its context.
	interrupt("table", os.Interrupt, []string{"table", "interrupted.json", "--resamples", "5000000"}, after(time.Second))
}

// A command whose output nobody reads any more ends by SIGPIPE, as shell pipelines expect, and without a word.
func TestBrokenPipe(t *testing.T) {
	b := newFaultBench(t)
	for _, args := range [][]string{{"tasks", "list"}, {"help", "losses"}, {"run", "--help"}} {
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		read.Close()
		cmd := b.command(args...)
		var errOut bytes.Buffer
		cmd.Stdout, cmd.Stderr = write, &errOut
		err = cmd.Run()
		write.Close()
		if s, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !s.Signaled() || s.Signal() != syscall.SIGPIPE || errOut.Len() > 0 {
			t.Errorf("%v: %v, %s", args, err, errOut.String())
		}
	}
}

// limited returns a command that runs the binary with a limit on the size of files, which looks like a full disk to it.
func (b *faultBench) limited(bytes int, args ...string) *exec.Cmd {
	cmd := b.command()
	// ulimit counts blocks of 512 bytes in POSIX shells. Writes fail, instead of killing the process, if SIGXFSZ is ignored.
	script := fmt.Sprintf(`trap '' XFSZ; ulimit -f %d; exec "$0" "$@"`, bytes/512)
	cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", script, built.path}, args...)
	return cmd
}

// If the disk is full, encode fails and keeps what it has stored. It continues once there is room.
func TestFullDisk(t *testing.T) {
	b := newFaultBench(t)
	encode := []string{"encode", "--task", "reviews.jsonl", "--model", b.model("bert-tiny"), "--all-texts", "--quiet"}
	b.must("models", "inspect", b.model("bert-tiny")) // stores digests while there is room
	_, errOut, code := b.finish(b.limited(8192, encode...))
	if code != exitFailed || !strings.Contains(errOut, "file too large") || !strings.Contains(errOut, "make room") {
		t.Errorf("encode: exit code %d: %s", code, errOut)
	}
	kept := b.health()
	if !kept.Sound() || kept.Texts == 0 || kept.Texts > 100 {
		t.Fatalf("kept: %+v", kept)
	}
	if row := b.encoded(encode...); row.Cached != kept.Texts || row.Encoded != 240-kept.Texts {
		t.Errorf("with room again: %+v", row)
	}
}

// figures returns the rows of a table without the letters of their notes.
func figures(table string) string {
	var lines []string
	for line := range strings.Lines(table) {
		if fields := strings.Fields(line); strings.HasPrefix(line, "nlp ") {
			for len(fields[len(fields)-1]) == 1 && fields[len(fields)-1] >= "a" {
				fields = fields[:len(fields)-1]
			}
			lines = append(lines, strings.Join(fields, " "))
		}
	}
	return strings.Join(lines, "\n")
}

// On a full file system, encode fails and keeps what it has stored, and a sweep prints its table and says that it stored no
// vectors.
func TestFullFileSystem(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("optional: needs root to mount a small file system")
	}
	b := newFaultBench(t)
	want := b.undisturbed()
	if err := os.Mkdir(b.cache, 0o777); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", b.cache).CombinedOutput(); err != nil {
		t.Skipf("optional: needs the right to mount a small file system: %v %s", err, out)
	}
	defer func() { _ = exec.Command("umount", b.cache).Run() }()
	encode := append(b.encode(), "--quiet")
	_, errOut, code := b.run(encode...)
	if code != exitFailed || !strings.Contains(errOut, "no space left on device") || !strings.Contains(errOut, "make room") {
		t.Errorf("encode: exit code %d: %s", code, errOut)
	}
	if h := b.health(); !h.Sound() || h.Texts == 0 {
		t.Errorf("kept: %+v", h)
	}
	// An experiment works without room in the cache.
	out, errOut, code := b.run(b.sweep("full.json")...)
	if code != exitGood || figures(out) != figures(want) {
		t.Errorf("sweep: exit code %d: %s\n%s\nundisturbed:\n%s", code, errOut, out, want)
	}
	if !strings.Contains(out, "no space left on device") {
		t.Errorf("the table does not say that no vectors were stored:\n%s", out)
	}
	if !bytes.Contains(b.read("full.json"), []byte("vectors are not stored")) {
		t.Error("the result does not say that no vectors were stored")
	}
	// If the result's own disk is full, the error says so, and no incomplete file is left.
	result := filepath.Join(b.cache, "result.json")
	_, errOut, code = b.run(b.sweep(result)...)
	if code != exitFailed || !strings.Contains(errOut, "result file") || !strings.Contains(errOut, "no space left") {
		t.Errorf("result: exit code %d: %s", code, errOut)
	}
	if left, _ := filepath.Glob(filepath.Join(b.cache, "*result*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if out, err := exec.Command("mount", "-o", "remount,size=64m", b.cache).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	if got := b.must(b.sweep(result)...); got != want {
		t.Errorf("with room again:\n%s\nundisturbed:\n%s", got, want)
	}
}

// With a read-only cache, run uses the vectors in it, encodes the missing ones and does not store them. encode fails.
func TestReadOnlyCache(t *testing.T) {
	b := newFaultBench(t)
	want := b.must("run", "--weak", b.model("bert-tiny"), "--strong", b.model("mpnet-tiny"), "--task", "reviews.jsonl",
		"--train", "120", "--test", "60", "--seeds", "1", "--quiet")
	_ = os.RemoveAll(filepath.Join(b.dir, "w2s-results"))
	before := b.rows()
	chmod := func(mode os.FileMode) {
		err := filepath.Walk(b.cache, func(path string, info os.FileInfo, err error) error {
			if err == nil && info.IsDir() {
				err = os.Chmod(path, mode)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	chmod(0o555)
	defer chmod(0o755)
	if err := os.Chmod(b.dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 { // root may write everywhere, so the binary runs as nobody
		models := filepath.Join(b.dir, "models")
		if out, err := exec.Command("cp", "-r", filepath.Join(shareddata.Root(), "fixtures", "models"), models).CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
		lib := filepath.Join(b.dir, filepath.Base(b.lib))
		if out, err := exec.Command("cp", b.lib, lib).CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
		b.lib, b.as = lib, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	model := func(name string) string {
		if b.as != nil {
			return filepath.Join("models", name)
		}
		return b.model(name)
	}
	run := func(task string) (string, string, int) {
		return b.run("run", "--weak", model("bert-tiny"), "--strong", model("mpnet-tiny"), "--task", task, "--train", "120", "--test", "60", "--seeds", "1", "--out", "result.json", "--again", "--quiet")
	}
	out, errOut, code := run("reviews.jsonl")
	if code != exitGood || out != want {
		t.Errorf("from the cache: exit code %d: %s\n%s\nwritable:\n%s", code, errOut, out, want)
	}
	_, errOut, code = run("second.jsonl")
	if code != exitGood || !bytes.Contains(b.read("result.json"), []byte("vectors are not stored")) {
		t.Errorf("what is missing: exit code %d: %s", code, errOut)
	}
	_, errOut, code = b.run("encode", "--task", "second.jsonl", "--model", model("bert-tiny"), "--quiet")
	if code != exitFailed || !strings.Contains(errOut, "permission denied") || !strings.Contains(errOut, "another cache folder") {
		t.Errorf("encode: exit code %d: %s", code, errOut)
	}
	if got := b.rows(); got != before {
		t.Errorf("%d rows, before %d", got, before)
	}
}

// Two processes that run the same experiment with one cache both print its table, and the cache is sound afterwards.
func TestTwoProcesses(t *testing.T) {
	b := newFaultBench(t)
	want := b.undisturbed()
	outs, errs := [2]bytes.Buffer{}, [2]bytes.Buffer{}
	var cmds []*exec.Cmd
	for i := range outs {
		cmd := b.command(b.sweep(fmt.Sprintf("two-%d.json", i))...)
		cmd.Stdout, cmd.Stderr = &outs[i], &errs[i]
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		cmds = append(cmds, cmd)
	}
	for i, cmd := range cmds {
		if err := cmd.Wait(); err != nil || outs[i].String() != want {
			t.Errorf("process %d: %v %s\n%s\nundisturbed:\n%s", i, err, errs[i].String(), outs[i].String(), want)
		}
	}
	b.must("cache", "verify")
}

// cache verify and doctor name a damaged row, a damaged header and an incomplete row. The next run encodes what is lost.
func TestDamagedCache(t *testing.T) {
	b := newFaultBench(t)
	encode := []string{"encode", "--task", "reviews.jsonl", "--model", b.model("bert-tiny"), "--all-texts"}
	b.encoded(encode...)
	whole, err := os.ReadFile(b.rowsFile())
	if err != nil {
		t.Fatal(err)
	}
	rowSize := (len(whole) - 64) / 240
	for _, c := range []struct {
		name   string
		damage func([]byte) []byte
		named  string
		lost   int
	}{
		{"a bit of a row", func(d []byte) []byte { d[64+7*rowSize+rowSize/2] ^= 4; return d }, "row 7 has a wrong checksum", 1},
		{"three rows", func(d []byte) []byte { copy(d[64+10*rowSize:], make([]byte, 3*rowSize)); return d }, "3 damaged rows", 3},
		{"half a row at the end", func(d []byte) []byte { return d[:len(d)-rowSize/2] }, "ends within a row", 1},
		{"the header", func(d []byte) []byte { d[9] ^= 1; return d }, "damaged header", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := *b
			b.T = t
			path := b.rowsFile()
			if err := os.WriteFile(path, c.damage(bytes.Clone(whole)), 0o666); err != nil {
				t.Fatal(err)
			}
			_, errOut, code := b.run("cache", "verify")
			if code != exitFailed || !strings.Contains(errOut, c.named) || !strings.Contains(errOut, filepath.Base(path)) {
				t.Errorf("verify: exit code %d: %s", code, errOut)
			}
			if out, _, _ := b.run("doctor"); !strings.Contains(out, "240 rows") && !strings.Contains(out, "239 rows") || !strings.Contains(out, "100 read in each file, --full reads all") {
				t.Errorf("doctor does not say how much it read:\n%s", out)
			}
			out, _, _ := b.run("doctor", "--full")
			if !strings.Contains(out, "w2s cache verify names them") {
				t.Errorf("doctor does not report the damage:\n%s", out)
			}
			if row := b.encoded(encode...); row.Encoded != c.lost || row.Cached != 240-c.lost {
				t.Errorf("after the damage: %+v, want %d encoded", row, c.lost)
			}
			b.must("cache", "compact")
			b.must("cache", "verify")
			if h := b.health(); h.Texts != 240 || h.Repeated != 0 {
				t.Errorf("after compact: %+v", h)
			}
		})
	}
}

// Damage is found and repaired in the cache's header, in the stored digests and in a checkpoint that the program contains.
func TestDamagedKeptFiles(t *testing.T) {
	b := newFaultBench(t)
	name := "" // of a checkpoint that the program contains
	for line := range strings.Lines(b.must("models", "list")) {
		if strings.Contains(line, "part of this program") {
			name = strings.Fields(line)[0]
			break
		}
	}
	if name == "" {
		t.Fatal("no checkpoint is part of the program")
	}
	encode := []string{"encode", "--task", "reviews.jsonl", "--model", name, "--all-texts"}
	b.encoded(encode...)
	wantWhole := func(what string) {
		t.Helper()
		if row := b.encoded(encode...); row.Encoded != 0 || row.Cached != 240 {
			t.Errorf("%s: %+v", what, row)
		}
	}
	for _, file := range []string{"model.onnx", "tokenizer.json"} {
		path := filepath.Join("cache", "checkpoints", name, file)
		whole := b.read(path)
		flipped := bytes.Clone(whole)
		flipped[len(flipped)/2] ^= 1
		for how, data := range map[string][]byte{"a bit": flipped, "cut off": whole[:len(whole)/2], "zeros": make([]byte, len(whole))} {
			b.write(path, data)
			if out, _, code := b.run("doctor"); code != exitFailed || !strings.Contains(out, path) {
				t.Errorf("%s, %s: doctor ends with %d and does not name it:\n%s", file, how, code, out)
			}
			wantWhole(file + ", " + how)
			if !bytes.Equal(b.read(path), whole) {
				t.Errorf("%s, %s: it was not restored", file, how)
			}
		}
	}
	b.write("cache/digests.json", []byte("{\"half a"))
	wantWhole("digests.json")
	header := filepath.Join(filepath.Dir(b.rowsFile()), "header.json")
	if err := os.WriteFile(header, []byte("{"), 0o666); err != nil {
		t.Fatal(err)
	}
	wantWhole("header.json")
	_, errOut, code := b.run("cache", "verify")
	if code == exitFailed && strings.Contains(errOut, "header.json is damaged") && strings.Contains(errOut, "w2s cache compact") {
		b.must("cache", "compact")
	} else if code != exitGood { // encode may have restored it
		t.Errorf("verify: exit code %d: %s", code, errOut)
	}
	b.must("cache", "verify")
	wantWhole("header.json, repaired")
}

// A result file that is truncated, changed or not a result is named and not printed, and --again overwrites it.
func TestDamagedResult(t *testing.T) {
	b := newFaultBench(t)
	args := b.sweep("result.json")
	want := b.must(args...)
	whole := b.read("result.json")
	for name, data := range map[string][]byte{
		"cut off":        whole[:len(whole)/2],
		"empty":          nil,
		"zeros":          make([]byte, 4096),
		"a list":         []byte("[1, 2]"),
		"another schema": bytes.Replace(whole, []byte("w2s.result/2"), []byte("w2s.result/9"), 1),
		"no supervisor":  bytes.Replace(whole, []byte(`"supervisor":"`), []byte(`"supervisor":"x`), 1),
		"a probability":  bytes.Replace(whole, []byte(`"test":[0`), []byte(`"test":[7`), 1),
	} {
		t.Run(name, func(t *testing.T) {
			b := *b
			b.T = t
			if bytes.Equal(data, whole) {
				t.Fatal("the damage did nothing")
			}
			b.write("result.json", data)
			for _, command := range [][]string{{"table", "result.json"}, {"report", "result.json", "--out", "page.html"}, args} {
				out, errOut, code := b.run(command...)
				if code != exitFailed || !strings.Contains(errOut, "result.json") || out != "" {
					t.Errorf("%s: exit code %d: %s%s", command[0], code, out, errOut)
				}
			}
			if !bytes.Equal(b.read("result.json"), data) {
				t.Error("it was overwritten without --again")
			}
		})
	}
	if got := b.must(append(args, "--again")...); got != want {
		t.Errorf("with --again:\n%s\nbefore:\n%s", got, want)
	}
}

// A checkpoint with a damaged model or tokenizer is refused by name. Once it is restored, its cached vectors are used again.
func TestDamagedCheckpoint(t *testing.T) {
	b := newFaultBench(t)
	if out, err := exec.Command("cp", "-r", b.model("bert-tiny"), filepath.Join(b.dir, "mine")).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	encode := []string{"encode", "--task", "reviews.jsonl", "--model", "./mine", "--all-texts"}
	b.encoded(encode...)
	for _, file := range []string{"model.onnx", "tokenizer.json"} {
		whole := b.read("mine/" + file)
		for name, data := range map[string][]byte{"cut off": whole[:len(whole)*2/3], "empty": nil, "zeros": make([]byte, len(whole))} {
			b.write("mine/"+file, data)
			_, errOut, code := b.run(append(encode, "--quiet")...)
			if code != exitFailed || !strings.Contains(errOut, "mine") {
				t.Errorf("%s %s: exit code %d: %s", file, name, code, errOut)
			}
		}
		b.write("mine/"+file, whole)
	}
	if row := b.encoded(encode...); row.Encoded != 0 || row.Cached != 240 {
		t.Errorf("whole again: %+v", row)
	}
}

// The memory of encode grows with the number of texts only by the texts and their index in the cache.
func TestEncodeMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("encodes 20,000 texts")
	}
	b := newFaultBench(t)
	peak := func(n int) int64 {
		b.write("many.jsonl", reviews(n))
		cmd := b.command("encode", "--task", "many.jsonl", "--model", b.model("bert-tiny"), "--all-texts", "--quiet")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		for most := int64(0); ; {
			select {
			case err := <-done:
				if err != nil {
					t.Fatal(err)
				}
				return most
			case <-time.After(2 * time.Millisecond):
				most = max(most, peakMemory(cmd.Process.Pid))
			}
		}
	}
	small, large := peak(2000), peak(20000)
	t.Logf("peak memory: %d kB for 2,000 texts, %d kB for 20,000", small, large)
	if small == 0 || large == 0 {
		t.Skip("optional: needs /proc to see the memory of another process")
	}
	if grown := large - small; grown > 40<<10 {
		t.Errorf("18,000 more texts take %d kB more", grown)
	}
}

// peakMemory returns the most memory that a process has used so far, in kB, or 0 if it is unknown. The system's figure for an ended
// process (Maxrss) includes the memory of the process that started it, which is this test.
func peakMemory(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	var n int64
	fmt.Sscanf(after, "%d kB", &n)
	return n
}
