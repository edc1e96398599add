package fetch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestExplain(t *testing.T) {
	dir := t.TempDir()
	denied := func(path string) error { return &fs.PathError{Op: "open", Path: path, Err: syscall.EACCES} }
	for _, test := range []struct {
		name  string
		err   error
		fault string // "" if the error must be returned unchanged
	}{
		{"none", nil, ""},
		{"full", fmt.Errorf("x: %w", &fs.PathError{Op: "write", Path: "y", Err: syscall.ENOSPC}), "is full"},
		{"denied in the cache", denied(filepath.Join(dir, "a", "b")), "cannot write to " + dir},
		{"the cache itself", denied(dir), "cannot write to"},
		{"above the cache", &fs.PathError{Op: "mkdir", Path: filepath.Dir(dir), Err: syscall.EROFS}, "cannot write to"},
		{"renaming into the cache", &os.LinkError{Op: "rename", Old: "x", New: filepath.Join(dir, "a"), Err: syscall.EACCES}, "cannot write to"},
		{"denied elsewhere", denied(filepath.Join(filepath.Dir(dir), "other", "mvn")), ""},
		{"gone", &fs.PathError{Op: "open", Path: filepath.Join(dir, "a"), Err: syscall.ENOENT}, "was removed or moved while files were fetched"},
		{"gone elsewhere", &fs.PathError{Op: "open", Path: filepath.Join(filepath.Dir(dir), "other"), Err: syscall.ENOENT}, ""},
		{"another fault", errors.New("x"), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := explain(test.err, dir)
			if test.fault == "" {
				if got != test.err {
					t.Errorf("changed to %v", got)
				}
				return
			}
			if !strings.Contains(got.Error(), test.fault) || !strings.Contains(got.Error(), "(") || !errors.Is(got, errors.Unwrap(errors.Unwrap(got))) {
				t.Errorf("got %v", got)
			}
			if again := explain(fmt.Errorf("more: %w", got), dir); strings.Count(again.Error(), "W2S_CACHE") > 1 || strings.Count(again.Error(), "again)") > 1 {
				t.Errorf("the advice is repeated: %v", again)
			}
		})
	}
}

func TestLooksLike(t *testing.T) {
	for head, want := range map[string]string{
		"":                      "an empty file",
		"\ufeff <HTML lang=en>": "a web page",
		"version https://git-lfs.github.com/spec/v1\n": "Git LFS pointer",
		"PK\x03\x04": "",
		"<xml>":      "",
	} {
		if got := looksLike([]byte(head)); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%q looks like %q", head, got)
		}
	}
}
