package fetch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// A hubStage keeps the files of a repository at a commit until everything that is wanted is there. It records each file
// that is complete and verified, so that a fetch that was killed goes on where it ended. The lock of the repository must
// be held.
type hubStage struct {
	root string // folder of the stage
	dir  string // the folder that the files are for
}

func (c *Cache) hubStage(ref HubRef, commit, folder string) hubStage {
	return hubStage{root: c.stageRoot(ref, commit), dir: c.path(folder)}
}

func (c *Cache) stageRoot(ref HubRef, commit string) string {
	return c.path(".parts", flat(strings.Join([]string{ref.kind(), ref.Repo, commit[:12]}, "/")))
}

// partPath returns the path of an unfinished download.
func (s hubStage) partPath(path string) string {
	return filepath.Join(s.root, "part", filepath.FromSlash(path))
}

// donePath returns the path of a verified file.
func (s hubStage) donePath(path string) string {
	return filepath.Join(s.root, "done", filepath.FromSlash(path))
}

// target returns the final path of a file.
func (s hubStage) target(f pickedFile) string { return filepath.Join(s.dir, filepath.FromSlash(f.As)) }

// A stagedFile is complete and verified. It is in the stage, or at its target already.
type stagedFile struct {
	pickedFile
	at     string // path
	sha256 string
	size   int64
}

// find looks for a file that this fetch or an earlier one finished.
func (s hubStage) find(ctx context.Context, f pickedFile) (stagedFile, bool) {
	staged, placed := readRecord(s.root).Files[f.Path], readRecord(s.dir).Files[f.As]
	for _, place := range []struct {
		path  string
		known fileRecord
	}{
		{s.target(f), placed},
		{s.target(f), staged}, // an earlier fetch was killed after moving the file and before recording it
		{s.donePath(f.Path), staged},
	} {
		k := place.known
		if k.SHA256 == "" || f.SHA256 != "" && f.SHA256 != k.SHA256 || f.Size >= 0 && f.Size != k.Size {
			continue
		}
		if _, err := verifyFile(ctx, place.path, k, k, false, noProgress()); err == nil {
			return stagedFile{f, place.path, k.SHA256, k.Size}, true
		}
	}
	return stagedFile{}, false
}

// missing returns how many bytes of the files are still to be fetched.
func (s hubStage) missing(ctx context.Context, files []pickedFile) int64 {
	var n int64
	for _, f := range files {
		if _, ok := s.find(ctx, f); !ok {
			n += max(f.Size-size(s.partPath(f.Path)), 0)
		}
	}
	return n
}

// keep records a verified file at donePath in the stage's record.
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

// install moves the files to their targets, writes the texts, and then writes the folder's record, which makes the files
// count. The record says what about says, but for its files. Like Cache.install it replaces a link rather than follow it, so it does not use atomicfile.
func (s hubStage) install(files []stagedFile, texts []Text, about record) error {
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
	r := readRecord(s.dir) // it may have other files of the same commit
	r.From, r.Copied, r.Unfit = about.From, about.Copied, about.Unfit
	if err := r.remember(s.dir, members); err != nil {
		return err
	}
	if err := r.write(s.dir); err != nil {
		return err
	}
	return s.forget(files)
}

// forget removes installed files from the stage. Other files of the commit stay in it.
func (s hubStage) forget(files []stagedFile) error {
	r := readRecord(s.root)
	for _, f := range files {
		delete(r.Files, f.Path)
		for _, path := range []string{s.partPath(f.Path), s.donePath(f.Path)} {
			if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
			for dir := filepath.Dir(path); dir != s.root && os.Remove(dir) == nil; { // fails at the first folder that is not empty
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
	os.Remove(s.root) // fails if unfinished downloads are in it
	return nil
}
