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
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"w2s/harness/feature"
	"w2s/internal/shareddata"
)

// The tests here do to the real binary what befalls programs: kill -9, Ctrl-C, a full disk, folders that may not be
// written, damaged files, another process at the same work. What was finished must be kept, what is broken named, and
// the same command must then print what an undisturbed one prints.

var built struct {
	once sync.Once
	path string
	err  error
}

// binary builds w2s once for all tests of the process.
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

// A faultBench is a folder with a cache and data in which the binary is run.
type faultBench struct {
	*testing.T
	dir, cache string
	lib        string
	as         *syscall.SysProcAttr
}

func newFaultBench(t *testing.T) *faultBench {
	t.Helper()
	lib := needLibrary(t)
	binary(t)
	dir, err := os.MkdirTemp("", "w2s-faults") // t.TempDir's parents may be closed to other users
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

// command is the binary with the flags of this bench.
func (b *faultBench) command(args ...string) *exec.Cmd {
	cmd := exec.Command(built.path, args...)
	cmd.Dir, cmd.SysProcAttr = b.dir, b.as
	cmd.Env = append(os.Environ(), "W2S_CACHE="+b.cache, "W2S_OFFLINE=1", "W2S_ONNXRUNTIME="+b.lib)
	return cmd
}

// run carries out a command line to its end.
func (b *faultBench) run(args ...string) (out, errOut string, code int) {
	b.Helper()
	return b.finish(b.command(args...))
}

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

// must is run for what has to succeed, and returns its output.
func (b *faultBench) must(args ...string) string {
	b.Helper()
	out, errOut, code := b.run(args...)
	if code != exitGood {
		b.Fatalf("w2s %s: exit code %d\n%s%s", strings.Join(args, " "), code, out, errOut)
	}
	return out
}

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

// rows is how many complete rows the cache holds, of all encoders.
func (b *faultBench) rows() (n int64) {
	b.Helper()
	parts, err := b.features().List()
	if err != nil {
		return 0 // a file may be on its way
	}
	for _, p := range parts {
		n += p.Rows
	}
	return n
}

// health is that of the only part of the cache.
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

// rowsFile is the only file of rows in the cache.
func (b *faultBench) rowsFile() string {
	b.Helper()
	files, err := filepath.Glob(filepath.Join(b.cache, featuresFolder, "*", "rows-*.bin"))
	if err != nil || len(files) != 1 {
		b.Fatalf("rows files %v, %v", files, err)
	}
	return files[0]
}

// encoded carries out an encode command and returns its only row.
func (b *faultBench) encoded(args ...string) encodeRow {
	b.Helper()
	var rows []encodeRow
	if err := json.Unmarshal([]byte(b.must(append(args, "--json", "--quiet")...)), &rows); err != nil || len(rows) != 1 {
		b.Fatalf("%+v, %v", rows, err)
	}
	return rows[0]
}

// sweep is a small grid over two tasks.
func (b *faultBench) sweep(out string) []string {
	return []string{"sweep", "--models", b.model("bert-tiny") + "," + b.model("mpnet-tiny"), "--task", "reviews.jsonl", "--task", "second.jsonl",
		"--train", "120", "--test", "60", "--seeds", "2", "--loss", "xent", "--out", out, "--quiet"}
}

// undisturbed is what the sweep prints when nothing happens to it.
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

// encode is an encoding that takes some seconds.
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
			t.Fatal("it was through before it was killed: give it more to do")
		}
		if h := b.health(); len(h.Damaged) > 0 || h.Repeated > 0 || int64(h.Texts) < before+200 {
			t.Fatalf("after kill %d: %+v, %d rows before", kills+1, h, before)
		}
	}
	kept := b.health().Texts
	if row := b.encoded(args...); row.Cached != kept || row.Encoded != 4000-kept {
		t.Errorf("%+v after %d were kept", row, kept)
	}
	if h := b.health(); !h.Sound() || h.Texts != 4000 || h.Repeated != 0 {
		t.Errorf("at the end: %+v", h)
	}
}

// A sweep that is killed at several moments, between which the same command goes on, ends with the undisturbed table.
func TestKilledSweep(t *testing.T) {
	b := newFaultBench(t)
	want := b.undisturbed()
	args := b.sweep("killed.json")
	path := filepath.Join(b.dir, "killed.json")
	stages := []func() bool{
		func() bool { return b.rows() > 20 },                            // in the first encoding
		func() bool { return b.rows() > 360 },                           // while heads are trained, or soon after
		func() bool { _, err := os.Stat(path); return err == nil },      // the first task is done
		func() bool { time.Sleep(50 * time.Millisecond); return true },  // right at the start
		func() bool { time.Sleep(300 * time.Millisecond); return true }, // somewhere
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
		if _, err := os.Stat(path); err == nil { // never half a file
			b.must("table", "killed.json")
		}
	}
	if got := b.must(args...); got != want {
		t.Errorf("after the kills:\n%s\nundisturbed:\n%s", got, want)
	}
	if left, _ := filepath.Glob(filepath.Join(b.dir, ".result-*")); len(left) > len(stages) {
		t.Errorf("files left behind: %v", left)
	}
}

// A table and a report that are killed leave the result as it was, and the report's page whole or absent.
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
				t.Errorf("half a page of %d bytes was left behind", len(page))
			}
		}
		b.must(args...)
	}
	if got := b.must("table", "result.json"); got != want {
		t.Errorf("table:\n%s\nsweep:\n%s", got, want)
	}
}

// Ctrl-C stops within a second, says how to go on, and the same command does.
func TestInterrupted(t *testing.T) {
	b := newFaultBench(t)
	want := b.undisturbed()
	interrupt := func(what string, args []string, reached func() bool) {
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
			t.Fatalf("%s: it was through before it was interrupted: %s", what, errOut.String())
		}
		start := time.Now()
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		<-done
		took := time.Since(start)
		if took > 3*time.Second { // it takes under half a second, but other tests may keep the processors busy
			t.Errorf("%s: stopped after %s", what, took)
		}
		if code := cmd.ProcessState.ExitCode(); code != exitFailed || !strings.Contains(errOut.String(), "goes on from there") {
			t.Errorf("%s: exit code %d: %s", what, code, errOut.String())
		}
		t.Logf("%s: stopped after %s", what, took)
	}
	encode := b.encode()
	interrupt("encoding", encode, func() bool { return b.rows() > 100 })
	if kept := b.health().Texts; b.encoded(encode...).Cached != kept {
		t.Error("the interrupted encoding was not gone on with")
	}
	before := b.rows()
	args := b.sweep("interrupted.json")
	interrupt("sweep, encoding", args, func() bool { return b.rows() > before+20 })
	if got := b.must(args...); got != want {
		t.Errorf("after Ctrl-C:\n%s\nundisturbed:\n%s", got, want)
	}
	long := append(args[:len(args):len(args)], "--again", "--seeds", "600", "--out", "long.json")
	after := func(d time.Duration) func() bool {
		ready := time.Now().Add(d)
		return func() bool { return time.Now().After(ready) }
	}
	interrupt("sweep, training", long, after(time.Second))
	// A computation that does not look up.
	interrupt("table", []string{"table", "interrupted.json", "--resamples", "5000000"}, after(time.Second))
}

// limited runs the binary with files that may not grow beyond a number of bytes, which the program sees as a full disk.
func (b *faultBench) limited(bytes int, args ...string) *exec.Cmd {
	cmd := b.command()
	// ulimit counts 512-byte blocks in POSIX shells, and SIGXFSZ must be ignored for the write to fail instead.
	script := fmt.Sprintf(`trap '' XFSZ; ulimit -f %d; exec "$0" "$@"`, bytes/512)
	cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", script, built.path}, args...)
	return cmd
}

// A disk that is full in the middle of encode is an error that keeps what is stored; a run gets through and says that
// nothing was stored.
func TestFullDisk(t *testing.T) {
	b := newFaultBench(t)
	encode := []string{"encode", "--task", "reviews.jsonl", "--model", b.model("bert-tiny"), "--all-texts", "--quiet"}
	b.must("models", "inspect", b.model("bert-tiny")) // digests are remembered while there is room
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

// figures are the lines of a table that hold figures, without the letters of their notes.
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

// The same on a file system that is full.
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
	// An experiment does not need the cache to get its table.
	out, errOut, code := b.run(b.sweep("full.json")...)
	if code != exitGood || figures(out) != figures(want) {
		t.Errorf("sweep: exit code %d: %s\n%s\nundisturbed:\n%s", code, errOut, out, want)
	}
	if !strings.Contains(out, "no space left on device") {
		t.Errorf("the table does not say that nothing was stored:\n%s", out)
	}
	if !bytes.Contains(b.read("full.json"), []byte("vectors are not stored")) {
		t.Error("the result does not say that nothing was stored")
	}
	// The result's own disk is full: named, and no torn file.
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

// A cache that may only be read serves what it holds; what is missing is encoded and not kept, or an error.
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
	if os.Getuid() == 0 { // root may write everywhere: be nobody
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

// Two processes that run the same experiment on one cache both get its table, and leave a sound cache.
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

// One bit of a row, the header, half a row: named by cache verify and doctor, and encoded again by the next run.
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
			if out, _, _ := b.run("doctor"); !strings.Contains(out, "240 rows") && !strings.Contains(out, "239 rows") || !strings.Contains(out, "100 a file read, --full reads all") {
				t.Errorf("doctor does not say what it read:\n%s", out)
			}
			out, _, _ := b.run("doctor", "--full")
			if !strings.Contains(out, "w2s cache verify names them") {
				t.Errorf("doctor does not speak of it:\n%s", out)
			}
			if row := b.encoded(encode...); row.Encoded != c.lost || row.Cached != 240-c.lost {
				t.Errorf("the rerun: %+v, want %d encoded", row, c.lost)
			}
			b.must("cache", "compact")
			b.must("cache", "verify")
			if h := b.health(); h.Texts != 240 || h.Repeated != 0 {
				t.Errorf("after compact: %+v", h)
			}
		})
	}
}

// The header of the cache, the digests that are remembered, a checkpoint that w2s keeps: each is found and made anew.
func TestDamagedKeptFiles(t *testing.T) {
	b := newFaultBench(t)
	name := "" // of a checkpoint that is part of the program
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
				t.Errorf("%s, %s: it was not made anew", file, how)
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
	} else if code != exitGood { // the rerun may have written it
		t.Errorf("verify: exit code %d: %s", code, errOut)
	}
	b.must("cache", "verify")
	wantWhole("header.json, repaired")
}

// A result file that is cut off, changed or of something else is named, never tabled, and --again makes it anew.
func TestDamagedResult(t *testing.T) {
	b := newFaultBench(t)
	args := b.sweep("result.json")
	want := b.must(args...)
	whole := b.read("result.json")
	for name, data := range map[string][]byte{
		"cut off":         whole[:len(whole)/2],
		"empty":           nil,
		"zeros":           make([]byte, 4096),
		"a list":          []byte("[1, 2]"),
		"another schema":  bytes.Replace(whole, []byte("w2s.result/1"), []byte("w2s.result/9"), 1),
		"no such teacher": bytes.Replace(whole, []byte(`"supervisor":"`), []byte(`"supervisor":"x`), 1),
		"a probability":   bytes.Replace(whole, []byte(`"test":[0`), []byte(`"test":[7`), 1),
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
				t.Error("it was overwritten without being asked")
			}
		})
	}
	if got := b.must(append(args, "--again")...); got != want {
		t.Errorf("made anew:\n%s\nbefore:\n%s", got, want)
	}
}

// A checkpoint whose model or tokenizer is damaged is refused by name; another model is another key, so that no vector
// of the old one is ever taken for it.
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

// Memory does not grow with the number of texts by more than the texts and their places in the cache.
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
		t.Errorf("18,000 texts more take %d kB more", grown)
	}
}

// peakMemory is the most memory, in kB, that a process has used so far, or 0 where that cannot be seen. The figure that the
// system gives when a process ends counts the memory of the process that began it too, which is this test's.
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
