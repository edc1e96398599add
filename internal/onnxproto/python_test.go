package onnxproto

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"w2s/internal/shareddata"
)

// python runs testdata/check.py, which checks and runs a model with the Python packages onnx and onnxruntime. It skips the
// test if they are missing. W2S_PYTHON names an interpreter other than python3.
func python(t *testing.T, args ...string) string {
	t.Helper()
	interpreter := shareddata.Python(t, "onnx, onnxruntime, numpy")
	out, err := exec.Command(interpreter, append([]string{filepath.Join("testdata", "check.py")}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}
