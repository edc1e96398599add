package tasks

import (
	"path/filepath"
	"strings"
)

// Files returns the paths of the data files that a task reads by itself, without a [Source]: those of a task on the user's own
// files. A YAML task file is not among them.
func Files(t Task) []string {
	switch t := t.(type) {
	case fileTask:
		var paths []string
		for _, files := range [][]string{t.spec.Train, t.spec.Test} {
			for _, name := range files {
				if strings.HasPrefix(name, hubPrefix) {
					continue
				}
				if !filepath.IsAbs(name) {
					name = filepath.Join(t.dir, name)
				}
				paths = append(paths, name)
			}
		}
		return paths
	case chessTask:
		if path := t.source.file.path; path != "" {
			return []string{path}
		}
	}
	return nil
}
