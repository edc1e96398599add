package fetch

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"w2s/internal/progress"
)

// localFolder returns a folder among the local ones that holds the package's files unpacked, in a folder with the name
// of the artifact, or "".
func (c *Cache) localFolder(a Artifact, p Package) string {
next:
	for _, local := range c.Local {
		dir := filepath.Join(local, a.Name)
		for _, m := range p.Members {
			if info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(m.Name))); err != nil || !info.Mode().IsRegular() {
				continue next
			}
		}
		return dir
	}
	return ""
}

// localArchive returns the package's archive in one of the local folders, or "".
func (c *Cache) localArchive(p Package) string {
	for _, local := range c.Local {
		path := filepath.Join(local, p.Archive)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return ""
}

// copyMembers copies verified files from a folder.
func copyMembers(ctx context.Context, from string, members []Member, to string) error {
	none := progress.Silent().Start("", 0, progress.Bytes)
	for _, m := range members {
		if _, err := (record{}).verify(ctx, from, m, true, none); err != nil {
			return err
		}
		source, err := os.Open(filepath.Join(from, filepath.FromSlash(m.Name)))
		if err != nil {
			return err
		}
		err = writeMember(ctx, source, m, to)
		source.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// ReadHead returns the first bytes of a file, at most 512: enough to see what it is.
func ReadHead(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, 512)
	n, err := io.ReadFull(f, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return head[:n], nil
}
