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
	From     string   // what the files came from, if known
	Bytes    int64    // total size of the files that are there
	Faults   []string // files that are there but wrong
}

// Status looks at the cache alone. With full it reads every file again, whatever was verified before.
func (c *Cache) Status(ctx context.Context, a Artifact, full bool) (Status, error) {
	s, err := c.inspect(ctx, a, full)
	return s.Status, err
}

// Ensure returns the folder of an artifact. It first makes sure that the artifact's files are there and right, and fetches
// the artifact if it is absent or damaged.
func (c *Cache) Ensure(ctx context.Context, a Artifact) (string, error) {
	if err := a.check(); err != nil {
		return "", err
	}
	dir := c.path(a.Dir)
	s, err := c.inspect(ctx, a, false)
	if err != nil || s.Complete {
		return dir, err
	}
	if c.Offline && len(c.Local) == 0 && s.have == nil && (c.Hub == nil || len(a.Hub) == 0) {
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
	staging, cleanup, err := c.stagingFolder(a.Dir)
	if err != nil {
		return "", err
	}
	defer cleanup()

	ready := filepath.Join(staging, "ready")
	from := s.From
	if s.have == nil {
		if s.have, from, err = c.get(ctx, a, staging, ready); err != nil {
			return "", err
		}
	}
	r := record{Format: recordFormat, From: from, Files: map[string]fileRecord{}}
	for _, t := range a.texts(s.have) {
		if err := writeBelow(ready, t.Name, t.Content); err != nil {
			return "", explain(err, c.Dir)
		}
	}
	if err := c.install(ready, dir); err != nil {
		return "", err
	}
	// inspect verified the files that were there before, and new ones were verified while they were written.
	if err := r.remember(dir, a.members(s.have)); err != nil {
		return "", err
	}
	return dir, explain(r.write(dir), c.Dir)
}

// An inspection is a Status and what else Ensure needs to know.
type inspection struct {
	Status
	have *Package // the package whose files are all there and right, or nil
}

func (c *Cache) inspect(ctx context.Context, a Artifact, full bool) (inspection, error) {
	dir := c.path(a.Dir)
	r := readRecord(dir)
	s := inspection{Status: Status{Dir: dir, From: r.From}}
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return s, nil
	}
	task := noProgress()
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
	none := Package{}
	if len(a.Packages) == 0 {
		s.have = &none
	}
	for i := range a.Packages {
		faults, complete, err := check(a.Packages[i].Members)
		if err != nil {
			return s, fmt.Errorf("fetch: verifying %s: %w", a.Name, err)
		}
		if complete {
			s.have, s.Faults = &a.Packages[i], nil
			break
		}
		if i == 0 {
			s.Faults = faults
		}
	}
	about := &none
	if s.have != nil {
		about = s.have
	}
	var texts []Member
	for _, t := range a.texts(about) {
		texts = append(texts, t.member())
	}
	// The faults of texts are not reported: a text that differs comes from another version of w2s.
	_, textsRight, err := check(texts)
	if err != nil {
		return s, fmt.Errorf("fetch: verifying %s: %w", a.Name, err)
	}
	for _, f := range verified {
		s.Bytes += f.Size
	}
	s.Complete = s.have != nil && textsRight
	if s.have != nil && s.From == "" {
		s.From = a.from(s.have)
	}
	if s.Complete && !r.knows(verified) {
		// This saves reading the files next time. In a folder that cannot be written they are read again.
		_ = record{Format: recordFormat, From: s.From, Files: verified}.write(dir)
	}
	return s, nil
}

// from describes where the files of the artifact come from if p is its package.
func (a Artifact) from(p *Package) string {
	if len(a.Packages) == 0 {
		return "w2s"
	}
	return p.String()
}

// members returns every file of the artifact if p is its package.
func (a Artifact) members(p *Package) []Member {
	members := append([]Member(nil), p.Members...)
	for _, t := range a.texts(p) {
		members = append(members, t.member())
	}
	return members
}

func (c *Cache) offlineError(a Artifact, s inspection) error {
	if len(s.Faults) > 0 {
		return fmt.Errorf("fetch: %s: damaged, and offline: %s (run once without --offline)", a.Name, strings.Join(s.Faults, "; "))
	}
	return fmt.Errorf("fetch: %s: %w: %s is incomplete (run once without --offline, or name a folder with %s by %s)",
		a.Name, ErrOffline, s.Dir, strings.Join(a.Packages[0].archives(), ""), a.Packages[0].folderFlag())
}
