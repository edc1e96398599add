package atomicfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// put writes a file for a test.
func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, to, path string) {
	t.Helper()
	if err := os.Symlink(to, path); err != nil {
		if runtime.GOOS == "windows" {
			t.Skipf("this user may not make links: %v", err)
		}
		t.Fatal(err)
	}
}

func wantContent(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s holds %d bytes %.60q, %v; want %d bytes %.60q", path, len(got), got, err, len(want), want)
	}
}

// wantNames checks that a folder holds these files and nothing else, temporary files included.
func wantNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s holds %q, want %q", dir, got, want)
	}
}

// wantRefused checks that Check and Write refuse a path for the same reason, and that Write does not call its function.
func wantRefused(t *testing.T, path, reason string) {
	t.Helper()
	err := Write(path, func(io.Writer) error {
		t.Errorf("content was written for %s", path)
		return nil
	})
	for name, err := range map[string]error{"Check": Check(path), "Write": err} {
		var refused *RefusedError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), reason) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s(%s): got %v, want a refusal with %q", name, path, err, reason)
		}
	}
}

// wantFails checks that Check and Write return an error with the text.
func wantFails(t *testing.T, path, text string) {
	t.Helper()
	for name, err := range map[string]error{"Check": Check(path), "Write": WriteBytes(path, []byte("x"))} {
		if err == nil || !strings.Contains(err.Error(), text) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s(%s): got %v, want an error with %q", name, path, err, text)
		}
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out.json")
	for _, content := range []string{"first", "second, which is longer", "", "third"} {
		if err := Check(path); err != nil {
			t.Fatal(err)
		}
		if err := WriteBytes(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		wantContent(t, path, content)
		wantNames(t, dir, "out.json")
	}
	// More than a buffer, in small pieces.
	want := strings.Repeat("0123456789", 50_000)
	err := Write(path, func(w io.Writer) error {
		for part := want; part != ""; part = part[10:] {
			if _, err := io.WriteString(w, part[:10]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	wantContent(t, path, want)
	wantNames(t, dir, "out.json")
}

func TestWriteInWorkingFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := Check("out"); err != nil {
		t.Fatal(err)
	}
	if err := WriteBytes("out", []byte("x")); err != nil {
		t.Fatal(err)
	}
	wantContent(t, "out", "x")
	wantNames(t, ".", "out")
}

// TestWriteFails makes the write function fail in every way. The target must stay, and nothing may be left beside it.
func TestWriteFails(t *testing.T) {
	fault := errors.New("the writer's own fault")
	half := func(w io.Writer) { io.WriteString(w, strings.Repeat("half", 100_000)) }
	for _, old := range []bool{true, false} {
		for name, run := range map[string]func(path string) error{
			"an error at once": func(path string) error { return Write(path, func(io.Writer) error { return fault }) },
			"an error half way": func(path string) error {
				return Write(path, func(w io.Writer) error { half(w); return fault })
			},
			"a panic": func(path string) (err error) {
				defer func() { err = recover().(error) }()
				return Write(path, func(w io.Writer) error { half(w); panic(fault) })
			},
			"the end of the goroutine": func(path string) error {
				done := make(chan struct{})
				go func() {
					defer close(done)
					Write(path, func(w io.Writer) error { half(w); runtime.Goexit(); return nil })
				}()
				<-done
				return fault
			},
		} {
			t.Run(fmt.Sprintf("%s, old file %v", name, old), func(t *testing.T) {
				dir := t.TempDir()
				path := filepath.Join(dir, "out")
				if old {
					put(t, path, "old")
				}
				err := run(path)
				if !errors.Is(err, fault) {
					t.Errorf("got %v", err)
				}
				if strings.HasPrefix(name, "an error") && err.Error() != path+": "+fault.Error() {
					t.Errorf("the error does not name the file once: %v", err)
				}
				if old {
					wantContent(t, path, "old")
					wantNames(t, dir, "out")
				} else {
					wantNames(t, dir)
				}
			})
		}
	}
}

func TestFolders(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "file"), "old")
	wantRefused(t, filepath.Join(dir, "folder"), "is a folder")
	sep := string(filepath.Separator)
	wantRefused(t, filepath.Join(dir, "folder")+sep, "is a folder")
	wantRefused(t, dir+sep+"none"+sep, "is not the name of a file")
	for _, path := range []string{"", "none" + sep + "."} {
		if err := Check(path); err == nil || !strings.Contains(err.Error(), "is not the name of a file") {
			t.Errorf("%q: %v", path, err)
		}
	}
	below := filepath.Join(dir, "file", "below", "out")
	if err := Check(below); err == nil || !strings.Contains(err.Error(), "file") {
		t.Errorf("below a file: %v", err)
	}
	// The caller makes a missing folder before Write. Check does not need it.
	missing := filepath.Join(dir, "a", "b", "out")
	if err := Check(missing); err != nil {
		t.Error(err)
	}
	if err := WriteBytes(missing, nil); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), missing) {
		t.Errorf("got %v", err)
	}
	wantNames(t, dir, "file", "folder")
	wantContent(t, filepath.Join(dir, "file"), "old")
}

func TestLinks(t *testing.T) {
	dir := t.TempDir()
	at := func(elem ...string) string { return filepath.Join(append([]string{dir}, elem...)...) }
	for _, folder := range []string{"real/deep", "other"} {
		if err := os.MkdirAll(at(folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	put(t, at("other", "file"), "old")
	link(t, filepath.Join("other", "file"), at("relative"))
	link(t, at("other", "file"), at("absolute"))
	link(t, "relative", at("chain"))
	link(t, filepath.Join("other", "new"), at("dangling"))
	link(t, at("real", "deep"), at("other", "folder"))
	// Through a folder that is a link: ".." is the parent of real/deep, not other.
	link(t, filepath.Join("..", "beside"), at("real", "deep", "up"))

	for i, test := range []struct{ path, target string }{
		{at("relative"), at("other", "file")},
		{at("absolute"), at("other", "file")},
		{at("chain"), at("other", "file")},
		{at("dangling"), at("other", "new")},
		{at("dangling"), at("other", "new")}, // which exists by now
		{at("other", "folder", "up"), at("real", "beside")},
		{at("other", "folder", "up"), at("real", "beside")},
		{at("other", "folder") + "/../plain", at("real", "plain")},
	} {
		if err := Check(test.path); err != nil {
			t.Errorf("%s: %v", test.path, err)
		}
		content := fmt.Sprint("content ", i)
		if err := WriteBytes(test.path, []byte(content)); err != nil {
			t.Errorf("%s: %v", test.path, err)
		}
		wantContent(t, test.target, content)
		wantContent(t, test.path, content)
	}
	for _, l := range []string{"relative", "absolute", "chain", "dangling", "real/deep/up"} {
		if info, err := os.Lstat(at(l)); err != nil || info.Mode()&fs.ModeSymlink == 0 {
			t.Errorf("%s is no link any more: %v, %v", l, info, err)
		}
	}
	wantNames(t, dir, "absolute", "chain", "dangling", "other", "real", "relative")
	wantNames(t, at("other"), "file", "folder", "new")
	wantNames(t, at("real"), "beside", "deep", "plain")
}

func TestBadLinks(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	link(t, "self", at("self"))
	link(t, "b", at("a"))
	link(t, "a", at("b"))
	link(t, at("none/deep/file"), at("astray"))
	link(t, dir, at("folder"))
	wantFails(t, at("self"), "")
	wantFails(t, at("a"), "")
	wantRefused(t, at("astray"), "whose folder cannot be used")
	wantRefused(t, at("folder"), "is a folder")
	// The path's own folder is a link to nothing: no folder can be made there.
	link(t, at("nowhere"), at("gone"))
	wantFails(t, filepath.Join(at("gone"), "out"), "")
	wantNames(t, dir, "a", "astray", "b", "folder", "gone", "self")

	// A long chain that is no loop, but more than the system follows.
	put(t, at("link0"), "old")
	for i := range 60 {
		link(t, fmt.Sprint("link", i), at(fmt.Sprint("link", i+1)))
	}
	wantFails(t, at("link60"), "")
	wantContent(t, at("link0"), "old")
}

// TestFollowEnds checks that follow ends without the system's own limit, as when links change while it looks.
func TestFollowEnds(t *testing.T) {
	dir := t.TempDir()
	link(t, "self", filepath.Join(dir, "self"))
	var refused *RefusedError
	if _, err := follow(filepath.Join(dir, "self")); !errors.As(err, &refused) || !strings.Contains(err.Error(), "leads to itself") {
		t.Errorf("got %v", err)
	}
}

// TestHardLink checks the documented limit of the package.
func TestHardLink(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	put(t, path, "old")
	if err := os.Link(path, other); err != nil {
		t.Skipf("no hard links here: %v", err)
	}
	if err := WriteBytes(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	wantContent(t, path, "new")
	wantContent(t, other, "old")
}

// TestReadersSeeWholeFiles reads while another goroutine writes.
func TestReadersSeeWholeFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows does not replace a file that another process reads")
	}
	path := filepath.Join(t.TempDir(), "out")
	contents := [][]byte{bytes.Repeat([]byte("a"), 300_000), bytes.Repeat([]byte("b"), 200_000)}
	if err := WriteBytes(path, contents[0]); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		for i := range 200 {
			if err := WriteBytes(path, contents[i%2]); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for reads := 0; ; reads++ {
		select {
		case err := <-done:
			if err != nil || reads == 0 {
				t.Errorf("%d reads, %v", reads, err)
			}
			return
		default:
			got, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(got, contents[0]) && !bytes.Equal(got, contents[1]) {
				t.Fatalf("read %d bytes of a file, %v", len(got), err)
			}
		}
	}
}

// helperEnv names the file that TestHelper writes; helperModeEnv says how.
const (
	helperEnv     = "W2S_ATOMICFILE_HELPER"
	helperModeEnv = "W2S_ATOMICFILE_MODE"
)

// TestHelper is the other process of the tests in this package.
func TestHelper(t *testing.T) {
	path := os.Getenv(helperEnv)
	switch os.Getenv(helperModeEnv) {
	case "": // not a helper
	case "stop half way":
		err := Write(path, func(w io.Writer) error {
			if _, err := w.Write(bytes.Repeat([]byte("half"), 1<<20)); err != nil {
				return err
			}
			fmt.Println("half way")
			select {} // until it is killed
		})
		t.Error(err)
	case "write on and on":
		for i := 0; ; i++ {
			if err := WriteBytes(path, bytes.Repeat([]byte{'a' + byte(i%26)}, 1<<20)); err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				fmt.Println("half way")
			}
		}
	case "lock":
		if _, err := Lock(path); err != nil {
			t.Fatal(err)
		}
		fmt.Println("half way")
		time.Sleep(time.Minute) // until it is killed
	case "write once":
		check, write := Check(path), WriteBytes(path, []byte("new"))
		fmt.Printf("check: %v\nwrite: %v\n", check, write)
	default:
		t.Error("unknown mode")
	}
}
