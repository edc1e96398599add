package onnxproto

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Locate follows symbolic links of files that hold external data. names are slash paths relative to dir. It returns a folder that
// has all files below it, and their slash paths relative to that folder. ONNX Runtime refuses a link that leads out of the
// folder of the external data, as all do in the cache of Hugging Face's library.
func Locate(dir string, names []string) (base string, locations map[string]string, err error) {
	if base, err = filepath.EvalSymlinks(dir); err != nil {
		return "", nil, fmt.Errorf("onnxproto: %w", err)
	}
	if base, err = filepath.Abs(base); err != nil {
		return "", nil, fmt.Errorf("onnxproto: %w", err)
	}
	real := map[string]string{}
	for _, name := range names {
		path, err := filepath.EvalSymlinks(filepath.Join(dir, filepath.FromSlash(name)))
		if err == nil {
			path, err = filepath.Abs(path)
		}
		if err != nil {
			return "", nil, fmt.Errorf("onnxproto: external data: %w", err)
		}
		real[name] = path
		for !within(base, path) {
			parent := filepath.Dir(base)
			if parent == base {
				return "", nil, fmt.Errorf("onnxproto: %s and %s have no folder in common", dir, path)
			}
			base = parent
		}
	}
	locations = map[string]string{}
	for name, path := range real {
		relative, err := filepath.Rel(base, path)
		if err != nil {
			return "", nil, fmt.Errorf("onnxproto: %w", err)
		}
		locations[name] = filepath.ToSlash(relative)
	}
	return base, locations, nil
}

// within reports whether a path is below a folder.
func within(folder, path string) bool {
	relative, err := filepath.Rel(folder, path)
	return err == nil && relative != ".." && !strings.HasPrefix(relative, ".."+string(filepath.Separator))
}
