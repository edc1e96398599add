package onnx

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	ort "github.com/yalue/onnxruntime_go"
)

// OldestRuntime is the oldest version of ONNX Runtime that this program can use.
const OldestRuntime = "1.24"

// A Runtime is the loaded ONNX Runtime library. A process has at most one; every Runtime is a reference to it.
type Runtime struct {
	version, path string
	once          sync.Once
	err           error
}

// environment is the library of the process. It is global because the library itself keeps its state in globals.
var environment struct {
	sync.Mutex
	users int // number of open Runtimes
	path  string
}

// OpenRuntime loads the ONNX Runtime library at path, such as libonnxruntime.so.1.24.1. It may be called several times with the
// same path. It refuses to load a second library.
func OpenRuntime(path string) (*Runtime, error) {
	path, err := checkLibrary(path)
	if err != nil {
		return nil, fmt.Errorf("onnx: runtime library: %w", err)
	}
	environment.Lock()
	defer environment.Unlock()
	switch {
	case environment.users > 0 && environment.path != path:
		return nil, fmt.Errorf("onnx: runtime library: %s is open already, and a process cannot open a second one, %s (close the first)",
			environment.path, path)
	case environment.users == 0:
		ort.SetSharedLibraryPath(path)
		// Faults are returned as errors, so the library need not print them too.
		if err := ort.InitializeEnvironment(ort.WithLogLevelFatal()); err != nil {
			return nil, fmt.Errorf("onnx: runtime library %s: %w", path, explainLibrary(err))
		}
		environment.path = path
	}
	environment.users++
	return &Runtime{version: ort.GetVersion(), path: path}, nil
}

// Version returns the version that the library reports, such as 1.24.1.
func (r *Runtime) Version() string { return r.version }

// Path returns the path of the library.
func (r *Runtime) Path() string { return r.path }

// Close releases the library. The last Close unloads it. Encoders, generators and products must be closed before.
func (r *Runtime) Close() error {
	r.once.Do(func() {
		environment.Lock()
		defer environment.Unlock()
		if environment.users--; environment.users > 0 {
			return
		}
		if err := ort.DestroyEnvironment(); err != nil {
			r.err = fmt.Errorf("onnx: runtime library %s: %w", r.path, err)
		}
	})
	return r.err
}

// checkLibrary returns the absolute path. It checks for faults that the loader reports in obscure ways.
func checkLibrary(path string) (string, error) {
	if path == "" {
		return "", errors.New("no path is given (give the path of libonnxruntime)")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	st, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if st.IsDir() {
		return "", fmt.Errorf("%s is a folder (give the path of the libonnxruntime file in it)", path)
	}
	return path, nil
}

// explainLibrary adds what the errors of the binding mean.
func explainLibrary(err error) error {
	switch text := err.Error(); {
	case strings.Contains(text, "Error setting ORT API base"):
		return fmt.Errorf("it is older than ONNX Runtime %s, which is needed (install a newer one): %w", OldestRuntime, err)
	case strings.Contains(text, "OrtGetApiBase"):
		return fmt.Errorf("it is a shared library, but not ONNX Runtime: %w", err)
	}
	return err
}
