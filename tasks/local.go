package tasks

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Local returns a source that looks for a file in a folder before it asks next, which may be nil. It is a [Finder] and
// finds
//
//   - parts of tasks: "sst2-train" is dir/sst2-train.parquet, .jsonl, .json, .csv or .tsv, all but parquet also with .gz;
//     the test part of a task may also be named "-dev" or "-validation";
//   - files on the hub: "hf:datasets/ORG/NAME@REV/a/b.parquet" is dir/ORG/NAME/a/b.parquet or dir/NAME/a/b.parquet;
//   - artifacts of the catalog: "vader-tweets" is dir/vader-tweets, or the same with .tsv or .txt.
func Local(dir string, next Source) Source { return local{dir: dir, next: next} }

type local struct {
	dir  string
	next Source
}

// Find implements [Finder].
func (l local) Find(part string) (string, bool) {
	names := []string{part}
	if base, ok := strings.CutSuffix(part, "-test"); ok {
		names = append(names, base+"-dev", base+"-validation")
	}
	for _, name := range names {
		for _, ext := range formats {
			for _, gz := range []string{"", ".gz"} {
				if p := filepath.Join(l.dir, name+"."+ext+gz); isFile(p) && (gz == "" || ext != "parquet") {
					return p, true
				}
			}
		}
	}
	if f, ok := l.next.(Finder); ok {
		return f.Find(part)
	}
	return "", false
}

// Path implements [Source].
func (l local) Path(ctx context.Context, artifact string) (string, error) {
	var paths []string
	if org, name, _, file, ok := parseHub(artifact); ok {
		paths = []string{filepath.Join(l.dir, org, name, filepath.FromSlash(file)), filepath.Join(l.dir, name, filepath.FromSlash(file))}
	} else {
		for _, ext := range []string{"", ".tsv", ".txt"} {
			paths = append(paths, filepath.Join(l.dir, artifact+ext))
		}
	}
	for _, p := range paths {
		if isFile(p) {
			return p, nil
		}
	}
	if l.next != nil {
		return l.next.Path(ctx, artifact)
	}
	return "", fmt.Errorf("%s is not in %s (looked for %s)", artifact, l.dir, strings.Join(paths, ", "))
}

func isFile(p string) bool {
	info, err := os.Stat(p)
	return err == nil && !info.IsDir()
}

// parseHub splits "hf:datasets/ORG/NAME@REV/FILE" into its parts. It refuses a FILE that leaves the folder of the data
// set with "..".
func parseHub(artifact string) (org, name, rev, file string, ok bool) {
	rest, ok := strings.CutPrefix(artifact, "hf:datasets/")
	if !ok {
		return "", "", "", "", false
	}
	parts := strings.SplitN(rest, "/", 3)
	if len(parts) < 3 || !filepath.IsLocal(filepath.FromSlash(path.Clean(rest))) {
		return "", "", "", "", false
	}
	org, file = parts[0], path.Clean(parts[2])
	name, rev, ok = strings.Cut(parts[1], "@")
	if !ok || strings.HasPrefix(file, "..") {
		return "", "", "", "", false
	}
	return org, name, rev, file, true
}
