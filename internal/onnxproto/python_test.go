package onnxproto

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// python runs testdata/check.py, which judges a model with the onnx and onnxruntime packages. It skips the test where
// they are absent. W2S_PYTHON names an interpreter other than python3.
func python(t *testing.T, args ...string) string {
	t.Helper()
	interpreter := os.Getenv("W2S_PYTHON")
	if interpreter == "" {
		interpreter = "python3"
	}
	if err := exec.Command(interpreter, "-c", "import onnx, onnxruntime, numpy").Run(); err != nil {
		t.Skipf("needs Python with onnx, onnxruntime and numpy (set W2S_PYTHON): %v", err)
	}
	out, err := exec.Command(interpreter, append([]string{filepath.Join("testdata", "check.py")}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}
