package fetch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"w2s/internal/progress"
)

// A Status says how much of an artifact is in the cache.
type Status struct {
	Dir      string   // the artifact's folder
	Complete bool     // every file is there and verified
	From     string   // what the files came from, where known
	Bytes    int64    // of the files that are there
	Faults   []string // files that are there and wrong
}

// Status looks at the cache alone. Full reads every file again, whatever was verified before.
func (c *Cache) Status(ctx context.Context, a Artifact, full bool) (Status, error) {
	s, err := c.inspect(ctx, a, full)
	return s.Status, err
}

// Ensure returns the folder of an artifact after making sure that its files are there and right, fetching it where it
// is absent or damaged.
func (c *Cache) Ensure(ctx context.Context, a Artifact) (string, error) {
	if err := a.check(); err != nil {
		return "", err
	}
	dir := c.path(a.Dir)
	s, err := c.inspect(ctx, a, false)
	if err != nil || s.Complete {
		return dir, err
	}
	if c.Offline && len(c.Local) == 0 && s.held == nil {
		return "", c.offlineError(a, s)
	}
	unlock, err := c.lock(ctx, a.Dir, a.Name)
	if err != nil {
		return "", err
	}
	defer unlock()
	s, err = c.inspect(ctx, a, false)
	if err != nil || s.Complete { // another process was faster
		return dir, err
	}
	for _, fault := range s.Faults {
		c.Report.Print("damaged, fetching it again: " + fault)
	}
	aside, cleanup, err := c.aside(a.Dir)
	if err != nil {
		return "", err
	}
	defer cleanup()

	ready := filepath.Join(aside, "ready")
	if s.held == nil {
		if s.held, err = c.take(ctx, a, aside, ready); err != nil {
			return "", err
		}
	}
	r := record{Format: recordFormat, From: a.from(s.held), Files: map[string]fileRecord{}}
	for _, t := range a.Texts {
		if err := writeBelow(ready, t.Name, t.Content); err != nil {
			return "", explain(err, c.Dir)
		}
	}
	if err := c.install(ready, dir); err != nil {
		return "", err
	}
	// Files that were there before were verified by inspect, new ones while they were written.
	if err := r.remember(dir, a.members(s.held)); err != nil {
		return "", err
	}
	return dir, explain(r.write(dir), c.Dir)
}

// inspection is a Status and what Ensure needs besides.
type inspection struct {
	Status
	held *Package // the package whose files are all there and right, or nil
}

func (c *Cache) inspect(ctx context.Context, a Artifact, full bool) (inspection, error) {
	dir := c.path(a.Dir)
	r := readRecord(dir)
	s := inspection{Status: Status{Dir: dir, From: r.From}}
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return s, nil
	}
	task := progress.Silent().Start("", 0, progress.Bytes)
	if full {
		var total int64
		for _, f := range r.Files {
			total += f.Size
		}
		task = c.Report.Start("verify "+a.Name, total, progress.Bytes)
	}
	defer task.Done()

	verified := map[string]fileRecord{}
	check := func(members []Member) (faults []string, complete bool, err error) {
		complete = true
		for _, m := range members {
			now, err := r.verify(ctx, dir, m, full, task)
			if ctx.Err() != nil {
				return nil, false, ctx.Err()
			}
			if err == nil {
				verified[m.Name] = now
				continue
			}
			complete = false
			if !errors.Is(err, errAbsent) {
				faults = append(faults, err.Error())
			}
		}
		return faults, complete, nil
	}
	if len(a.Packages) == 0 {
		s.held = new(Package)
	}
	for i := range a.Packages {
		faults, complete, err := check(a.Packages[i].Members)
		if err != nil {
			return s, fmt.Errorf("fetch: verifying %s: %w", a.Name, err)
		}
		if complete {
			s.held, s.Faults = &a.Packages[i], nil
			break
		}
		if i == 0 {
			s.Faults = faults
		}
	}
	var texts []Member
	for _, t := range a.Texts {
		texts = append(texts, t.member())
	}
	_, textsRight, err := check(texts) // a text that differs is of another version of the program, not damaged
	if err != nil {
		return s, fmt.Errorf("fetch: verifying %s: %w", a.Name, err)
	}
	for _, f := range verified {
		s.Bytes += f.Size
	}
	s.Complete = s.held != nil && textsRight
	if s.held != nil {
		s.From = a.from(s.held)
	}
	if s.Complete && !mapsEqual(verified, r.Files) {
		// Remember what was just read. In a folder that cannot be written the files are read again next time.
		_ = record{Format: recordFormat, From: s.From, Files: verified}.write(dir)
	}
	return s, nil
}

func mapsEqual(have, recorded map[string]fileRecord) bool {
	for name, f := range have {
		if recorded[name] != f {
			return false
		}
	}
	return true
}

// from says what the artifact is made of when it is made from p.
func (a Artifact) from(p *Package) string {
	if len(a.Packages) == 0 {
		return "w2s"
	}
	return p.String()
}

// members returns every file of the artifact when it is made from p.
func (a Artifact) members(p *Package) []Member {
	members := append([]Member(nil), p.Members...)
	for _, t := range a.Texts {
		members = append(members, t.member())
	}
	return members
}

// take fills the folder ready, below aside, from the first package that can be had, and returns that package.
func (c *Cache) take(ctx context.Context, a Artifact, aside, ready string) (*Package, error) {
	var faults []error
	for i := range a.Packages {
		p := &a.Packages[i]
		unpacked := filepath.Join(aside, fmt.Sprint("package-", i))
		err := c.takePackage(ctx, a, *p, unpacked)
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
	var wayOut string
	if len(a.Packages) > 0 {
		wayOut = fmt.Sprintf("\n(to bring it in by hand, put %s into a folder named by --local or W2S_LOCAL)", a.Packages[0].Archive)
	}
	return nil, fmt.Errorf("fetch: cannot get %s:\n%w%s", a.Name, errors.Join(faults...), wayOut)
}

func (c *Cache) offlineError(a Artifact, s inspection) error {
	if len(s.Faults) > 0 {
		return fmt.Errorf("fetch: %s: damaged, and offline: %s (run once without --offline)", a.Name, strings.Join(s.Faults, "; "))
	}
	return fmt.Errorf("fetch: %s: %w: nothing complete in %s (run once without --offline, or set W2S_LOCAL to a folder with %s)",
		a.Name, ErrOffline, s.Dir, a.Packages[0].Archive)
}

// takePackage fills the folder out with the package's members.
func (c *Cache) takePackage(ctx context.Context, a Artifact, p Package, out string) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return explain(err, c.Dir)
	}
	if dir := c.localFolder(a, p); dir != "" {
		err := copyMembers(ctx, dir, p.Members, out)
		if err == nil {
			return nil
		}
		c.Report.Print(fmt.Sprintf("passing over %s: %v", dir, err))
	}
	if archive := c.localArchive(p); archive != "" {
		err := c.unpack(ctx, archive, p, out)
		if err == nil || isDiskFull(err) {
			return err
		}
		c.Report.Print(fmt.Sprintf("passing over %s: %v", archive, err))
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
	if err := os.MkdirAll(download, 0o755); err != nil {
		return explain(err, c.Dir)
	}
	defer os.RemoveAll(download)
	archive, err := c.clients.download(ctx, p, download, c.Report)
	if err != nil {
		return explain(err, c.Dir)
	}
	return c.unpack(ctx, archive, p, out)
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
		return fmt.Errorf("fetch: %s has %d bytes, want %d: half a download, or not %s", archive, info.Size(), p.Size, p)
	}
	task := c.Report.Start("verify "+p.Archive, info.Size(), progress.Bytes)
	sum, err := hashFile(ctx, archive, task)
	task.Done()
	if err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	if sum != p.SHA256 {
		return fmt.Errorf("fetch: %s has sha256 %s, want %s: it was changed on its way", archive, sum, p.SHA256)
	}
	return explain(extract(ctx, archive, p.Members, out), c.Dir)
}

// aside makes an empty folder to prepare dir in; the lock of dir must be held. What a killed process left there is
// removed. The new folder has a name of its own, as that process's client may still be writing.
func (c *Cache) aside(dir string) (path string, cleanup func(), err error) {
	parent := c.path(".aside", flat(dir))
	os.RemoveAll(parent)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", nil, explain(err, c.Dir)
	}
	path, err = os.MkdirTemp(parent, "")
	if err != nil {
		return "", nil, explain(err, c.Dir)
	}
	return path, func() { os.RemoveAll(parent) }, nil
}

// install moves every file below ready to its place below dir. Each file appears whole or not at all.
func (c *Cache) install(ready, dir string) error {
	return filepath.WalkDir(ready, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return explain(err, c.Dir)
		}
		relative, err := filepath.Rel(ready, path)
		if err != nil {
			return err
		}
		target := filepath.Join(dir, relative)
		if entry.IsDir() {
			return explain(os.MkdirAll(target, 0o755), c.Dir)
		}
		return explain(os.Rename(path, target), c.Dir)
	})
}

func writeBelow(dir, name, content string) error {
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return writeFile(path, []byte(content))
}
