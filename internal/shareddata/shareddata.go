// Package shareddata finds what tests need and this repository does not hold: reference values, tokenizers and data sets in
// a folder named shared beside the checkout (or where W2S_SHARED points), Python packages, and the ONNX Runtime library.
//
// A test whose prerequisite is missing is skipped, so that go test works in a fresh checkout. With W2S_CI=1 in the
// environment it fails instead, so that a broken set-up is not mistaken for success. W2S_CI counts as set unless it is
// empty, "0" or "false". The script .ci/run sets it if the shared folder is present.
//
// Extras that a continuous integration machine may lack, such as a browser, Slurm or an AMX unit, do not belong here: their
// tests call t.Skip whatever W2S_CI says.
package shareddata

import (
	"cmp"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

// Required reports whether W2S_CI asks for every prerequisite to be present.
func Required() bool {
	switch os.Getenv("W2S_CI") {
	case "", "0", "false":
		return false
	}
	return true
}

// Missing ends a test that lacks a prerequisite. It skips the test, or fails it if W2S_CI is set. The message says what
// is needed and how to get it.
func Missing(tb testing.TB, format string, args ...any) {
	tb.Helper()
	if Required() {
		tb.Fatalf(format+" (a failure because W2S_CI is set)", args...)
	}
	tb.Skipf(format, args...)
}

// Path returns the path of a file or folder below the shared folder. It calls Missing if nothing is there.
func Path(tb testing.TB, elem ...string) string {
	tb.Helper()
	path := filepath.Join(append([]string{sharedRoot()}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		Missing(tb, "needs the shared file %s: set W2S_SHARED to the folder that holds it", filepath.Join(elem...))
	}
	return path
}

func sharedRoot() string {
	if dir := os.Getenv("W2S_SHARED"); dir != "" {
		return dir
	}
	return filepath.Join(filepath.Dir(Root()), "shared")
}

// Root returns the top folder of this repository.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}

// Python returns an interpreter that can import the modules ("numpy, onnx"): W2S_PYTHON, or python3 on the PATH. It calls
// Missing if there is no such interpreter.
func Python(tb testing.TB, modules string) string {
	tb.Helper()
	python := cmp.Or(os.Getenv("W2S_PYTHON"), "python3")
	if out, err := exec.Command(python, "-c", "import "+modules).CombinedOutput(); err != nil {
		Missing(tb, "needs Python with %s: set W2S_PYTHON to an interpreter that has the packages of .ci/requirements.txt: %v %s", modules, err, out)
	}
	return python
}

// Runtime returns the path of an ONNX Runtime library: W2S_ONNXRUNTIME, or the newest one that w2s has fetched into its
// cache folder. It calls Missing if there is none.
func Runtime(tb testing.TB) string {
	tb.Helper()
	path := cmp.Or(os.Getenv("W2S_ONNXRUNTIME"), cachedRuntime())
	if path == "" {
		Missing(tb, "needs the ONNX Runtime library: run w2s doctor --fix once, or set W2S_ONNXRUNTIME to the path of libonnxruntime")
	}
	return path
}

func cachedRuntime() string {
	name := map[string]string{"darwin": "libonnxruntime*.dylib", "windows": "onnxruntime.dll"}[runtime.GOOS]
	cache := os.Getenv("W2S_CACHE")
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return ""
		}
		cache = filepath.Join(user, "w2s")
	}
	var found []string
	filepath.WalkDir(cache, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			if ok, _ := filepath.Match(cmp.Or(name, "libonnxruntime.so*"), e.Name()); ok {
				found = append(found, path)
			}
		}
		return nil
	})
	if len(found) == 0 {
		return ""
	}
	return slices.Max(found)
}
