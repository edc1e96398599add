package onnxproto

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"w2s/internal/shareddata"
)

// python runs testdata/check.py, which judges a model with the onnx and onnxruntime packages. It skips the test where
// they are absent. W2S_PYTHON names an interpreter other than python3.
func python(t *testing.T, args ...string) string {
	t.Helper()
	interpreter := shareddata.Python(t, "onnx, onnxruntime, numpy")
	out, err := exec.Command(interpreter, append([]string{filepath.Join("testdata", "check.py")}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}
