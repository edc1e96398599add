package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"w2s/internal/inputfile"
)

// The cache folder of Hugging Face's own library has a folder for each repository. In it, refs/REV is a file with the
// commit of a revision, and snapshots/COMMIT/PATH is a link to blobs/SUM. SUM is the sha256 of a large file and the git
// blob id of a small one.

// cachedRepo returns the folder of a repository.
func (h *Hub) cachedRepo(ref HubRef) string {
	return filepath.Join(h.Cache, ref.kind()+"--"+strings.ReplaceAll(ref.Repo, "/", "--"))
}

// cachedListing lists those files of a repository that are in the hub's own cache folder. It returns false if there are none.
func (h *Hub) cachedListing(ref HubRef) (hubListing, bool) {
	repo := h.cachedRepo(ref)
	commit := ref.Revision
	if !isCommit(commit) {
		data, err := inputfile.Read(filepath.Join(repo, "refs", filepath.FromSlash(ref.Revision)), maxRecord)
		if err != nil {
			return hubListing{}, false
		}
		if commit = strings.TrimSpace(string(data)); !isCommit(commit) {
			return hubListing{}, false
		}
	}
	l := hubListing{Commit: commit}
	snapshot := filepath.Join(repo, "snapshots", commit)
	err := filepath.WalkDir(snapshot, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := os.Stat(path) // through the link
		if err != nil || !info.Mode().IsRegular() {
			return nil // the blob was removed
		}
		relative, err := filepath.Rel(snapshot, path)
		if err != nil {
			return err
		}
		f := hubFile{Path: filepath.ToSlash(relative), Size: info.Size()}
		f.SHA256, f.GitSHA1 = sumOfBlob(path)
		l.Files = append(l.Files, f)
		return nil
	})
	return l, err == nil && len(l.Files) > 0
}

// sumOfBlob returns the checksum that is the name of the blob that a snapshot's file links to. One of them or both are "".
func sumOfBlob(path string) (sha256, git string) {
	blob, err := filepath.EvalSymlinks(path)
	if err != nil || filepath.Base(filepath.Dir(blob)) != "blobs" {
		return "", ""
	}
	name := filepath.Base(blob)
	switch {
	case len(name) == 64 && isHex(name):
		return name, ""
	case isCommit(name):
		return "", name
	}
	return "", ""
}

// takeCached copies a file from the hub's own cache folder to target, which is in a staging folder. It fails if the file is
// not there or wrong. The returned file has the size and the sha256 of the copy.
func (h *Hub) takeCached(ctx context.Context, ref HubRef, commit string, f hubFile, target string) (hubFile, error) {
	source := filepath.Join(h.cachedRepo(ref), "snapshots", commit, filepath.FromSlash(f.Path))
	in, err := inputfile.Open(source)
	if err != nil {
		return f, fmt.Errorf("fetch: %s: %w", ref, err)
	}
	defer in.Close()
	out, err := os.OpenFile(target, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return f, err
	}
	_, err = io.Copy(out, withContext(ctx, in))
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return f, err
	}
	sum, git, err := hashBlob(ctx, target)
	if err != nil {
		return f, err
	}
	got := size(target)
	wrong := f.Size >= 0 && got != f.Size || f.SHA256 != "" && f.SHA256 != sum || f.SHA256 == "" && f.GitSHA1 != "" && f.GitSHA1 != git
	if wrong {
		return f, fmt.Errorf("fetch: %s: %s has the wrong size or checksum (remove it, and run once online)", ref, source)
	}
	f.Size, f.SHA256 = got, sum
	return f, nil
}
