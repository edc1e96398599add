package fetch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"w2s/internal/progress"
)

// get fills the folder ready, below the staging folder, from the first package that can be had, and returns the package.
func (c *Cache) get(ctx context.Context, a Artifact, staging, ready string) (*Package, error) {
	var faults []error
	for i := range a.Packages {
		p := &a.Packages[i]
		unpacked := filepath.Join(staging, fmt.Sprint("package-", i))
		err := c.getPackage(ctx, a, *p, unpacked)
		if err == nil {
			return p, explain(os.Rename(unpacked, ready), c.Dir)
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("fetch: %s: %w", a.Name, ctx.Err())
		}
		faults = append(faults, err)
		if isDiskFull(err) {
			break
		}
	}
	var advice string
	if len(a.Packages) > 0 {
		advice = fmt.Sprintf("\n(to provide it yourself, put %s into a folder named by --local or W2S_LOCAL)", a.Packages[0].Archive)
	}
	return nil, fmt.Errorf("fetch: cannot get %s:\n%w%s", a.Name, errors.Join(faults...), advice)
}

// getPackage fills the folder out with the package's members. It tries a local folder, a local archive and the registry.
func (c *Cache) getPackage(ctx context.Context, a Artifact, p Package, out string) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return explain(err, c.Dir)
	}
	if dir := c.localFolder(a, p); dir != "" {
		err := copyMembers(ctx, dir, p.Members, out)
		if err == nil {
			return nil
		}
		c.Report.Print(fmt.Sprintf("skipping %s: %v", dir, err))
	}
	if archive := c.localArchive(p); archive != "" {
		err := c.unpack(ctx, archive, p, out)
		if err == nil || isDiskFull(err) {
			return err
		}
		c.Report.Print(fmt.Sprintf("skipping %s: %v", archive, err))
	}
	if c.Offline {
		return fmt.Errorf("fetch: %s: %w, and %s is in no local folder", p, ErrOffline, p.Archive)
	}
	var unpacked int64
	for _, m := range p.Members {
		unpacked += m.Size
	}
	if err := c.needSpace(p.Size + unpacked); err != nil {
		return err
	}
	download := out + "-download"
	defer os.RemoveAll(download)
	archive, err := c.clients.download(ctx, p, download, c.Report)
	if err != nil {
		return explain(err, c.Dir)
	}
	return c.unpack(ctx, archive, p, out)
}

// localFolder returns the first folder NAME in a local folder that has the package's files unpacked, or "". NAME is the
// artifact's name.
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

// localArchive returns the path of the package's archive in one of the local folders, or "".
func (c *Cache) localArchive(p Package) string {
	for _, local := range c.Local {
		path := filepath.Join(local, p.Archive)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return ""
}

// copyMembers copies members from one folder to another and verifies them.
func copyMembers(ctx context.Context, from string, members []Member, to string) error {
	for _, m := range members {
		// writeMember verifies as well, but its errors do not name the local file.
		if _, err := (record{}).verify(ctx, from, m, true, noProgress()); err != nil {
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

// unpack checks an archive against its pin and takes the package's members out of it.
func (c *Cache) unpack(ctx context.Context, archive string, p Package, out string) error {
	info, err := os.Stat(archive)
	if err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	head, err := ReadHead(archive)
	if err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	if what := looksLike(head); what != "" {
		return fmt.Errorf("fetch: %s is %s", archive, what)
	}
	if info.Size() != p.Size {
		return fmt.Errorf("fetch: %s has %d bytes, want %d: it is incomplete, or is not %s", archive, info.Size(), p.Size, p)
	}
	task := c.Report.Start("verify "+p.Archive, info.Size(), progress.Bytes)
	sum, err := hashFile(ctx, archive, task)
	task.Done()
	if err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	if sum != p.SHA256 {
		return fmt.Errorf("fetch: %s has sha256 %s, want %s: it is not the file that this version of w2s expects", archive, sum, p.SHA256)
	}
	return explain(extract(ctx, archive, p.Members, out), c.Dir)
}
