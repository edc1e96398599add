package tasks

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Local returns a source that looks for a file in a folder before it asks next, which may be nil. It is a [Finder] and
// finds
//
//   - parts of tasks: "sst2-train" is dir/sst2-train.parquet, .jsonl, .json, .csv or .tsv, all but parquet also with .gz;
//     the test part of a task may also be named "-dev" or "-validation";
//   - files on the hub: "hf:datasets/ORG/NAME@REV/a/b.parquet" is dir/ORG/NAME/a/b.parquet or dir/NAME/a/b.parquet;
//   - files of public repositories, also with .gz: "ethics/virtue/virtue_train.csv" is dir/ethics/virtue/virtue_train.csv,
//     dir/virtue/virtue_train.csv, or virtue/virtue_train.csv in the archive dir/ethics.tar.gz;
//   - artifacts of the catalog: "vader-tweets" is dir/vader-tweets, or the same with .tsv or .txt.
func Local(dir string, next Source) Source {
	return local{dir: dir, next: next, archives: &archives{read: map[string]archive{}}}
}

type local struct {
	dir      string
	next     Source
	archives *archives
}

// archives remembers what is in the archives of a folder.
type archives struct {
	mu   sync.Mutex
	read map[string]archive // by path
}

// An archive is what is known about one.
type archive struct {
	members []string
	damaged bool // it cannot be read to its end
}

// Find implements [Finder].
func (l local) Find(name string) (string, bool) {
	if strings.ContainsAny(name, "/.") { // an artifact, not a part of a task
		if path, ok := l.artifact(name); ok {
			return path, true
		}
	}
	names := []string{name}
	if base, ok := strings.CutSuffix(name, "-test"); ok {
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
		return f.Find(name)
	}
	return "", false
}

// artifact returns the path of an artifact in the folder.
func (l local) artifact(name string) (string, bool) {
	for _, p := range l.paths(name) {
		if isFile(p) {
			return p, true
		}
	}
	set, member, ok := strings.Cut(name, "/")
	if !ok || strings.Contains(set, ":") {
		return "", false
	}
	archive := filepath.Join(l.dir, set+strings.TrimSuffix(archiveMark, "!"))
	return archive + "!" + member, isFile(archive) && l.archives.hold(archive, member)
}

// hold reports whether a file is to be read from an archive: it is there, or it may be in what cannot be read, so that the reader of
// the file reports the damage.
func (a *archives) hold(path, member string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	found, ok := a.read[path]
	if !ok {
		file, err := openFile(path)
		if err == nil {
			defer file.Close()
			err = eachMember(file, &budget{}, func(name string, _ io.Reader) bool {
				found.members = append(found.members, name)
				return len(found.members) < maxMembers
			})
		}
		found.damaged = err != nil
		a.read[path] = found
	}
	return found.damaged || slices.Contains(found.members, member)
}

// maxMembers bounds the files of an archive that are looked at.
const maxMembers = 10_000

// List implements [Lister]: the files of a data set that is a folder ORG/NAME or NAME.
func (l local) List(ctx context.Context, dataset string) ([]string, error) {
	org, name, _, _, ok := parseHub(dataset + "/any")
	for _, dir := range []string{filepath.Join(l.dir, org, name), filepath.Join(l.dir, name)} {
		if info, err := os.Stat(dir); !ok || err != nil || !info.IsDir() {
			continue
		}
		var files []string
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if relative, err := filepath.Rel(dir, path); err == nil && !e.IsDir() {
				files = append(files, filepath.ToSlash(relative))
			}
			return ctx.Err()
		})
		return files, err
	}
	return listOf(ctx, l.next, dataset)
}

// Pin implements [Pinner].
func (l local) Pin(artifact string) (sha256, path string, ok bool) { return pinOf(l.next, artifact) }

// paths returns the paths at which an artifact may be in the folder.
func (l local) paths(artifact string) []string {
	if org, name, _, file, ok := parseHub(artifact); ok {
		return []string{filepath.Join(l.dir, org, name, filepath.FromSlash(file)), filepath.Join(l.dir, name, filepath.FromSlash(file))}
	}
	if !filepath.IsLocal(filepath.FromSlash(artifact)) || strings.HasPrefix(artifact, "hf:") {
		return nil
	}
	names := []string{artifact}
	if _, member, ok := strings.Cut(artifact, "/"); ok {
		names = append(names, member)
	}
	extensions := []string{"", ".gz"}
	if !strings.ContainsAny(artifact, "/.") {
		extensions = []string{"", ".tsv", ".txt"}
	}
	var paths []string
	for _, name := range names {
		for _, ext := range extensions {
			paths = append(paths, filepath.Join(l.dir, filepath.FromSlash(name)+ext))
		}
	}
	return paths
}

// Path implements [Source].
func (l local) Path(ctx context.Context, artifact string) (string, error) {
	artifact, optional := strings.CutPrefix(artifact, "?")
	if p, ok := l.artifact(artifact); ok {
		return p, nil
	}
	if optional {
		artifact = "?" + artifact
	}
	if l.next != nil {
		return l.next.Path(ctx, artifact)
	}
	return "", fmt.Errorf("%s is not in %s (looked for %s)", artifact, l.dir, strings.Join(l.paths(strings.TrimPrefix(artifact, "?")), ", "))
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
