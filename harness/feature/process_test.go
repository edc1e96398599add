//go:build unix

package feature

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"w2s/internal/shareddata"
)

// The tests in this file run the test binary as a child process that fills a cache, so that they can kill it, limit its file
// sizes or keep it from writing.
const childEnv = "W2S_FEATURE_CHILD" // JOB DIR TEXTS PAUSE_MICROSECONDS LIMIT

func TestMain(m *testing.M) {
	if job := os.Getenv(childEnv); job != "" {
		if err := child(strings.Fields(job)); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child does the job of a child process. It prints its progress and appends a byte to DIR/../encoded for each encoded text.
func child(args []string) error {
	job, dir := args[0], args[1]
	var nums [3]int
	for i := range nums {
		n, err := strconv.Atoi(args[2+i])
		if err != nil {
			return err
		}
		nums[i] = n
	}
	if limit := uint64(nums[2]); limit > 0 {
		signal.Ignore(syscall.SIGXFSZ) // a file that grows too large is then an error and not a signal
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
			return err
		}
	}
	enc := newFake()
	enc.pause = time.Duration(nums[1]) * time.Microsecond
	log, err := os.OpenFile(filepath.Join(filepath.Dir(dir), "encoded"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666)
	if err == nil {
		enc.log = log
	}
	c, err := Open(dir)
	if err != nil {
		return err
	}
	texts := someTexts(nums[0])
	switch job {
	case "fill":
		sum, err := c.Fill(context.Background(), enc, texts, func(done, _, _ int) { fmt.Println("done", done) })
		fmt.Println("warnings", len(sum.Warnings), "encoded", sum.Encoded)
		return err
	case "features":
		m, sum, err := c.Features(context.Background(), enc, texts, nil)
		if err != nil {
			return err
		}
		want := make([]float32, 3)
		for i, text := range texts {
			if fakeVector(text, want); [3]float32(want) != [3]float32(m.Row(i)) {
				return fmt.Errorf("row %d is wrong", i)
			}
		}
		fmt.Println("encoded", sum.Encoded, "cached", sum.Cached, "warnings", strings.Join(sum.Warnings, "; "))
		return nil
	}
	return fmt.Errorf("unknown job %q", job)
}

func childCommand(job, dir string, texts int, pause time.Duration, limit int) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %d %d %d", childEnv, job, dir, texts, pause.Microseconds(), limit))
	return cmd
}

func encodedTexts(t *testing.T, dir string) int {
	t.Helper()
	return len(readFile(t, filepath.Join(filepath.Dir(dir), "encoded")))
}

// The test kills a process that fills a cache with SIGKILL and starts it again, until it finishes.
func TestKilledProcessLosesNoReportedRow(t *testing.T) {
	const n = 400
	dir := filepath.Join(t.TempDir(), "cache")
	texts, kills := someTexts(n), 0
	for {
		cmd := childCommand("fill", dir, n, time.Millisecond, 0)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		before := n - missing(t, dir, texts)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines, reported, stop := bufio.NewScanner(out), 0, 20+kills*7%40
		for lines.Scan() {
			if _, err := fmt.Sscanf(lines.Text(), "done %d", &reported); err == nil && reported == stop {
				_ = cmd.Process.Kill()
			}
		}
		err = cmd.Wait()
		have := n - missing(t, dir, texts)
		if have < before+reported {
			t.Fatalf("kill %d: %d rows are stored, but there were %d and %d more were reported", kills, have, before, reported)
		}
		if err == nil {
			break
		}
		if kills++; kills > n {
			t.Fatal("the process never finishes")
		}
	}
	if kills < 5 {
		t.Fatalf("only %d kills", kills)
	}
	// A killed process loses at most the texts of a batch, which has 4.
	if got := encodedTexts(t, dir); got < n || got > n+4*kills {
		t.Errorf("%d texts were encoded over %d kills, want %d to %d", got, kills, n, n+4*kills)
	}
	if sum := features(t, openCache(t, dir), newFake(), texts); sum.Encoded != 0 || len(sum.Warnings) != 0 {
		t.Errorf("at the end: %+v", sum)
	}
	if health, err := openCache(t, dir).Verify("fake-1"); err != nil || !health.Sound() || health.Texts != n || health.Repeated != 0 {
		t.Errorf("at the end: %+v, %v", health, err)
	}
}

func missing(t *testing.T, dir string, texts []string) int {
	t.Helper()
	n, err := openCache(t, dir).Missing(newFake(), texts)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// All processes fill the same cache with the same texts at the same time.
func TestProcessesShareWork(t *testing.T) {
	const n, processes = 16 * chunk, 3
	dir := filepath.Join(t.TempDir(), "cache")
	var running []*exec.Cmd
	for range processes {
		cmd := childCommand("fill", dir, n, 100*time.Microsecond, 0)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		running = append(running, cmd)
	}
	for _, cmd := range running {
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	if sum := features(t, openCache(t, dir), newFake(), someTexts(n)); sum.Encoded != 0 || len(sum.Warnings) != 0 {
		t.Errorf("%+v", sum)
	}
	health, err := openCache(t, dir).Verify("fake-1")
	if err != nil || !health.Sound() || health.Texts != n {
		t.Errorf("%+v, %v", health, err)
	}
	// Two processes may encode the same chunk sometimes.
	if got := encodedTexts(t, dir); got > n*3/2 || got != n+health.Repeated {
		t.Errorf("%d texts were encoded for %d, %d repeated rows", got, n, health.Repeated)
	} else {
		t.Logf("%d texts were encoded for %d", got, n)
	}
}

// The process may write files of 1000 bytes, which hold a header and 23 rows of 40 bytes.
func TestFullDiskKeepsWhatWasStored(t *testing.T) {
	for job, want := range map[string]string{
		"fill":     "what was stored so far is kept",
		"features": "vectors are not stored and will be encoded again",
	} {
		t.Run(job, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "cache")
			out, err := childCommand(job, dir, 100, 0, 1000).CombinedOutput()
			if (err != nil) != (job == "fill") || !strings.Contains(string(out), want) || !strings.Contains(string(out), "file too large") {
				t.Errorf("%v\n%s", err, out)
			}
			sum := features(t, openCache(t, dir), newFake(), someTexts(100))
			if sum.Cached != 23 || len(sum.Warnings) != 0 {
				t.Errorf("afterwards: %+v", sum)
			}
		})
	}
}

// Features must use the stored rows and encode the missing texts without storing them, and Fill must fail.
func TestReadOnlyFolderIsRead(t *testing.T) {
	top, err := os.MkdirTemp("", "w2s") // other users may not have access to the parents of t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(top)
	dir := filepath.Join(top, "cache")
	features(t, openCache(t, dir), newFake(), someTexts(10))
	_ = os.WriteFile(filepath.Join(top, "encoded"), nil, 0o666)
	protect := func(mode fs.FileMode) {
		err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				err = os.Chmod(path, mode)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	protect(0o555)
	defer protect(0o755)
	run := func(job string) (string, error) {
		cmd := childCommand(job, dir, 15, 0, 0)
		if os.Getuid() == 0 { // root may write everywhere, so the process runs as nobody, from a copy that nobody may read
			binary := filepath.Join(os.TempDir(), "w2s-feature-"+randomName())
			copyFile(t, os.Args[0], binary)
			defer os.Remove(binary)
			if err := os.Chmod(binary, 0o755); err != nil {
				t.Fatal(err)
			}
			cmd.Path, cmd.Dir = binary, "/"
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		}
		out, err := cmd.CombinedOutput()
		if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EINVAL) {
			shareddata.Missing(t, "needs to run as root with all rights, or as a user that is not root: %v", err)
		}
		return string(out), err
	}
	out, err := run("features")
	if err != nil || !strings.Contains(out, "encoded 5 cached 10") || !strings.Contains(out, "permission denied") || !strings.Contains(out, "not stored") {
		t.Errorf("features: %v\n%s", err, out)
	}
	out, err = run("fill")
	if err == nil || !strings.Contains(out, "permission denied") || !strings.Contains(out, "another cache folder") || !strings.Contains(out, "encoded 0") {
		t.Errorf("fill: %v\n%s", err, out)
	}
}
