package fetch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"w2s/internal/progress"
)

// A hubStage is where files of a repository at a commit wait until all that is wanted with them is there. Each file is
// remembered once it is whole and verified, so that a fetch that was killed goes on with the file it was at. The lock of
// the repository must be held.
type hubStage struct {
	cache *Cache
	root  string // of the stage
	dir   string // the folder that the files are for
}

func (c *Cache) hubStage(ref HubRef, commit, folder string) hubStage {
	return hubStage{cache: c, root: c.stageRoot(ref, commit), dir: c.path(folder)}
}

func (c *Cache) stageRoot(ref HubRef, commit string) string {
	return c.path(".parts", flat(strings.Join([]string{ref.kind(), ref.Repo, commit[:12]}, "/")))
}

// partPath is where an unfinished download waits.
func (s hubStage) partPath(path string) string {
	return filepath.Join(s.root, "part", filepath.FromSlash(path))
}

// donePath is where a verified file waits.
func (s hubStage) donePath(path string) string {
	return filepath.Join(s.root, "done", filepath.FromSlash(path))
}

// target is where a file goes in the end.
func (s hubStage) target(f pickedFile) string { return filepath.Join(s.dir, filepath.FromSlash(f.As)) }

// A stagedFile is whole and verified: in the stage, or at its target already.
type stagedFile struct {
	pickedFile
	at     string // where it lies
	sha256 string
	size   int64
}

// find looks for a file that was finished before, by this fetch or by an earlier one.
func (s hubStage) find(ctx context.Context, f pickedFile) (stagedFile, bool) {
	staged, placed := readRecord(s.root).Files[f.Path], readRecord(s.dir).Files[f.As]
	for _, place := range []struct {
		path  string
		known fileRecord
	}{
		{s.target(f), placed},
		{s.target(f), staged}, // killed between the renaming and the folder's record
		{s.donePath(f.Path), staged},
	} {
		k := place.known
		if k.SHA256 == "" || f.SHA256 != "" && f.SHA256 != k.SHA256 || f.Size >= 0 && f.Size != k.Size {
			continue
		}
		none := progress.Silent().Start("", 0, progress.Bytes)
		if _, err := verifyFile(ctx, place.path, k, k, false, none); err == nil {
			return stagedFile{f, place.path, k.SHA256, k.Size}, true
		}
	}
	return stagedFile{}, false
}

// missing is how many bytes of the files are still to come.
func (s hubStage) missing(ctx context.Context, files []pickedFile) int64 {
	var n int64
	for _, f := range files {
		if _, ok := s.find(ctx, f); !ok {
			n += max(f.Size-size(s.partPath(f.Path)), 0)
		}
	}
	return n
}

// keep takes a verified file at donePath into the stage's record.
func (s hubStage) keep(f pickedFile, done hubFile) (stagedFile, error) {
	path := s.donePath(f.Path)
	info, err := os.Stat(path)
	if err != nil {
		return stagedFile{}, err
	}
	r := readRecord(s.root)
	r.Files[f.Path] = fileRecord{SHA256: done.SHA256, Size: done.Size, Modified: info.ModTime().UnixNano()}
	return stagedFile{f, path, done.SHA256, done.Size}, r.write(s.root)
}

// install moves the files to their targets, writes the texts beside them, and then the folder's record, which makes them
// count.
func (s hubStage) install(files []stagedFile, texts []Text, from string, copied bool) error {
	var members []Member
	for _, f := range files {
		target := s.target(f.pickedFile)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if f.at != target {
			if err := os.Rename(f.at, target); err != nil {
				return err
			}
		}
		members = append(members, Member{Name: f.As, SHA256: f.sha256, Size: f.size})
	}
	for _, t := range texts {
		if err := writeBelow(s.dir, t.Name, t.Content); err != nil {
			return err
		}
		members = append(members, t.member())
	}
	r := readRecord(s.dir) // other files of the same commit may be there
	r.From, r.Copied = from, copied
	if err := r.remember(s.dir, members); err != nil {
		return err
	}
	if err := r.write(s.dir); err != nil {
		return err
	}
	return s.forget(files)
}

// forget removes what is left of files that were installed. Other files of the commit may still wait in the stage.
func (s hubStage) forget(files []stagedFile) error {
	r := readRecord(s.root)
	for _, f := range files {
		delete(r.Files, f.Path)
		for _, path := range []string{s.partPath(f.Path), s.donePath(f.Path)} {
			if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
			for dir := filepath.Dir(path); dir != s.root && os.Remove(dir) == nil; { // as long as it is empty
				dir = filepath.Dir(dir)
			}
		}
	}
	if len(r.Files) > 0 {
		return r.write(s.root)
	}
	if err := os.Remove(filepath.Join(s.root, recordName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	os.Remove(s.root) // unless unfinished downloads are in it
	return nil
}
