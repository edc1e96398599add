// Package shareddata finds data that tests may read but that this repository does not hold: reference values,
// tokenizers and data sets in a folder named shared beside the checkout (or where W2S_SHARED points).
package shareddata

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// Path returns the path of a file or folder below the shared folder, and skips the test where it is absent.
func Path(tb testing.TB, elem ...string) string {
	tb.Helper()
	path := filepath.Join(append([]string{sharedRoot()}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		tb.Skipf("needs %s, which is not here (set W2S_SHARED to the folder that holds it)", filepath.Join(elem...))
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

// Python returns an interpreter that can import the modules ("numpy, onnx"): W2S_PYTHON, or python3 on the PATH. It
// skips the test where there is none.
func Python(tb testing.TB, modules string) string {
	tb.Helper()
	python := cmp.Or(os.Getenv("W2S_PYTHON"), "python3")
	if out, err := exec.Command(python, "-c", "import "+modules).CombinedOutput(); err != nil {
		tb.Skipf("needs Python with %s (set W2S_PYTHON to the interpreter): %v %s", modules, err, out)
	}
	return python
}
