package tasks

import (
	"path/filepath"
	"strings"
)

// Origins says where the data of a built-in task comes from: "hub", "GitHub", "package", or "program" for data that is part of the
// program. It is nil for other tasks.
func Origins(t Task) []string {
	var data hubTask
	switch t := t.(type) {
	case hubTask:
		data = t
	case ratings, ratingPairs:
		return []string{"package"}
	case single:
		return Origins(t.ranking)
	case free:
		return Origins(t.classification)
	case chessTask:
		if t.source.mate > 0 {
			return []string{"program"}
		}
		data = t.source.data
	}
	var origins []string
	if data.repo != "" {
		origins = append(origins, "hub")
	}
	if data.public != nil {
		origins = append(origins, "GitHub")
	}
	return origins
}

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
