package fetch

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// A Made folder has files that are computed from other files rather than fetched.
type Made struct {
	Name  string   // as users see it
	Dir   string   // slash path below the cache folder
	Files []string // slash paths of the files that Make makes
	Key   string   // digest of everything that the files depend on; the folder is made again when it changes
	Texts []Text   // small files that w2s itself writes into the folder
	Make  func(ctx context.Context, out string) error
}

// EnsureMade returns the folder. It first checks that the files are as they were made, and makes them if they are not.
func (c *Cache) EnsureMade(ctx context.Context, m Made) (string, error) {
	dir := c.path(m.Dir)
	if fault := c.checkMade(ctx, m, false); fault == nil {
		return dir, nil
	}
	unlock, err := c.lock(ctx, m.Dir, m.Name)
	if err != nil {
		return "", err
	}
	defer unlock()
	if fault := c.checkMade(ctx, m, false); fault == nil { // another process was faster
		return dir, nil
	}
	staging, cleanup, err := c.stagingFolder(m.Dir)
	if err != nil {
		return "", err
	}
	defer cleanup()
	for _, t := range m.Texts {
		if err := writeBelow(staging, t.Name, t.Content); err != nil {
			return "", explain(err, c.Dir)
		}
	}
	if err := m.Make(ctx, staging); err != nil {
		return "", explain(fmt.Errorf("fetch: making %s: %w", m.Name, err), c.Dir)
	}
	r := record{Format: recordFormat, From: "w2s", Key: m.Key, Files: map[string]fileRecord{}}
	for _, name := range m.files() {
		path := filepath.Join(staging, filepath.FromSlash(name))
		info, err := os.Stat(path)
		if err != nil {
			return "", fmt.Errorf("fetch: making %s: %w", m.Name, err)
		}
		sum, err := hashFile(ctx, path, noProgress())
		if err != nil {
			return "", fmt.Errorf("fetch: making %s: %w", m.Name, err)
		}
		r.Files[name] = fileRecord{SHA256: sum, Size: info.Size(), Modified: info.ModTime().UnixNano()}
	}
	if err := c.install(staging, dir); err != nil {
		return "", err
	}
	return dir, explain(r.write(dir), c.Dir)
}

// StatusMade looks at the folder alone. With full it reads every file again.
func (c *Cache) StatusMade(ctx context.Context, m Made, full bool) Status {
	s := Status{Dir: c.path(m.Dir), From: "w2s"}
	r := readRecord(s.Dir)
	fault := c.checkMade(ctx, m, full)
	s.Complete = fault == nil
	if fault != nil && len(r.Files) > 0 {
		s.Faults = []string{fault.Error()}
	}
	for _, f := range r.Files {
		s.Bytes += f.Size
	}
	return s
}

func (m Made) files() []string {
	files := append([]string(nil), m.Files...)
	for _, t := range m.Texts {
		files = append(files, t.Name)
	}
	return files
}

// checkMade compares the folder with its record. It reads a file again if the file's time changed but not its size.
func (c *Cache) checkMade(ctx context.Context, m Made, full bool) error {
	dir := c.path(m.Dir)
	r := readRecord(dir)
	if r.Key != m.Key {
		return fmt.Errorf("%s was made by another version of w2s", dir)
	}
	for _, name := range m.files() {
		f, ok := r.Files[name]
		if !ok {
			return fmt.Errorf("%s has no record of %s", dir, name)
		}
		if _, err := r.verify(ctx, dir, Member{Name: name, SHA256: f.SHA256, Size: f.Size}, full, noProgress()); err != nil {
			return err
		}
	}
	for _, t := range m.Texts {
		if r.Files[t.Name].SHA256 != t.member().SHA256 {
			return fmt.Errorf("%s was written by another version of w2s", t.Name)
		}
	}
	return nil
}
