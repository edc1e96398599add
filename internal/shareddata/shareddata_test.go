package shareddata

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// recorder is a testing.TB that records how a test would end.
type recorder struct {
	testing.TB
	ended string
}

func (r *recorder) Helper() {}

func (r *recorder) Skipf(format string, args ...any) {
	r.ended = "skip: " + fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.ended = "fail: " + fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// endOf returns how f ends a test: "skip: ..." or "fail: ...", or "" if f returns.
func endOf(f func(testing.TB)) string {
	r := new(recorder)
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(r)
	}()
	<-done
	return r.ended
}

// A prerequisite that exists is found. One that does not exist skips the test, or fails it if W2S_CI is set.
func TestPrerequisites(t *testing.T) {
	folder := t.TempDir()
	for name, content := range map[string]string{
		"data/there.txt": "",
		"cache/runtime/1.2/libonnxruntime.so.1.2": "", "cache/runtime/1.2/libonnxruntime.1.2.dylib": "", "cache/runtime/1.2/onnxruntime.dll": "",
		"python": "#!/bin/sh\ntest \"$2\" = \"import numpy, onnx\"\n",
	} {
		path := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	shared := func(name string) func(testing.TB) {
		return func(tb testing.TB) {
			if got, want := Path(tb, "data", name), filepath.Join(folder, "data", name); got != want {
				t.Errorf("path %s, want %s", got, want)
			}
		}
	}
	python := func(modules string) func(testing.TB) {
		return func(tb testing.TB) {
			if got := Python(tb, modules); got != os.Getenv("W2S_PYTHON") {
				t.Errorf("Python is %s", got)
			}
		}
	}
	library := func(tb testing.TB) {
		if got := Runtime(tb); !strings.HasPrefix(got, filepath.Join(folder, "cache")) && got != os.Getenv("W2S_ONNXRUNTIME") {
			t.Errorf("library %s", got)
		}
	}
	for _, c := range []struct {
		name, variable, value string // an environment variable to change
		find                  func(testing.TB)
		missing               string // part of the message, or "" if it is found
	}{
		{"shared file", "", "", shared("there.txt"), ""},
		{"no shared file", "", "", shared("absent.txt"), "needs the shared file " + filepath.Join("data", "absent.txt")},
		{"no shared folder", "W2S_SHARED", filepath.Join(folder, "absent"), shared("there.txt"), "set W2S_SHARED"},
		{"modules", "", "", python("numpy, onnx"), ""},
		{"no module", "", "", python("numpy, nothing"), "needs Python with numpy, nothing"},
		{"no interpreter", "W2S_PYTHON", filepath.Join(folder, "absent"), python("numpy, onnx"), "set W2S_PYTHON"},
		{"cached library", "", "", library, ""},
		{"named library", "W2S_ONNXRUNTIME", "anywhere", library, ""},
		{"no library", "W2S_CACHE", filepath.Join(folder, "data"), library, "set W2S_ONNXRUNTIME"},
	} {
		for ci, want := range map[string]string{"": "skip: ", "0": "skip: ", "false": "skip: ", "1": "fail: ", "true": "fail: ", "yes": "fail: "} {
			t.Run(c.name+", W2S_CI="+ci, func(t *testing.T) {
				t.Setenv("W2S_CI", ci)
				t.Setenv("W2S_SHARED", folder)
				t.Setenv("W2S_PYTHON", filepath.Join(folder, "python"))
				t.Setenv("W2S_CACHE", filepath.Join(folder, "cache"))
				t.Setenv("W2S_ONNXRUNTIME", "")
				if c.variable != "" {
					t.Setenv(c.variable, c.value)
				}
				got := endOf(c.find)
				if c.missing == "" && got != "" {
					t.Errorf("it is not found: %s", got)
				}
				if c.missing != "" && (!strings.HasPrefix(got, want) || !strings.Contains(got, c.missing)) {
					t.Errorf("the test ends with %q, want %q with %q in it", got, want, c.missing)
				}
			})
		}
	}
}
