package fetch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// The hub is one of several sources of a package's files. It is asked first, but it is not waited for: after two seconds of silence
// the other sources are tried.
var (
	quickLimits    = limits{answer: 2 * time.Second, silence: 2 * time.Second, window: 10 * time.Second, rate: 1000}
	optionalLimits = limits{answer: 10 * time.Second, silence: 10 * time.Second, window: 30 * time.Second, rate: 1000}
)

// optionalTries is the number of tries of a download that has other sources.
const optionalTries = 3

// quickAnswers remembers what the hub answered to quick requests, and whether it answers at all.
type quickAnswers struct {
	mu       sync.Mutex
	silent   error // why the hub is not asked again, if it is not
	listings map[string]hubListing
}

// Silent returns why the hub gave no answer when it was asked quickly, or nil if it did or was not asked.
func (h *Hub) Silent() error {
	h.quick.mu.Lock()
	defer h.quick.mu.Unlock()
	return h.quick.silent
}

// Optional returns a hub for downloads that have other sources: it gives up soon.
func (h *Hub) Optional() *Hub {
	o := *h
	o.limits, o.tries, o.optional = optionalLimits, optionalTries, true
	return &o
}

// quickListing lists a repository. It waits two seconds for an answer, once. A hub that did not answer is not asked again.
func (h *Hub) quickListing(ctx context.Context, ref HubRef) (hubListing, error) {
	h.quick.mu.Lock()
	defer h.quick.mu.Unlock()
	if h.quick.silent != nil {
		return hubListing{}, h.quick.silent
	}
	if l, ok := h.quick.listings[ref.String()]; ok {
		return l, nil
	}
	q := *h
	q.limits, q.tries = quickLimits, 1
	l, err := q.list(ctx, ref)
	switch {
	case ctx.Err() != nil:
		return l, ctx.Err()
	case err != nil && !errors.As(err, new(answerError)):
		h.quick.silent = err
		h.Report.Print(fmt.Sprintf("the hub is passed over: %v", err))
	case err == nil:
		if h.quick.listings == nil {
			h.quick.listings = map[string]hubListing{}
		}
		h.quick.listings[ref.String()] = l
	}
	return l, err
}

// getHub fills the folder got of the staging folder with the members of the first package that a repository of the hub has whole. It
// returns no package if the artifact names no repositories.
func (c *Cache) getHub(ctx context.Context, a Artifact, staging string) (*Package, string, error) {
	if c.Hub == nil || len(a.Hub) == 0 {
		return nil, "", nil
	}
	var faults []error
	for _, repo := range a.Hub {
		ref := HubRef{Repo: repo, Revision: "main"}
		if l, ok := c.Hub.cachedListing(ref); ok {
			if p, err := c.takePinned(ctx, a, ref, l, true, staging); p != nil || isDiskFull(err) || ctx.Err() != nil {
				return p, fmt.Sprintf("%s, commit %s, from %s", ref, l.Commit, c.Hub.Cache), err
			}
		}
		if c.Offline || c.Hub.Offline {
			continue
		}
		l, err := c.Hub.quickListing(ctx, ref)
		if err == nil {
			var p *Package
			if p, err = c.takePinned(ctx, a, ref, l, false, staging); p != nil {
				return p, fmt.Sprintf("%s, commit %s", ref, l.Commit), nil
			}
		}
		faults = append(faults, err)
		if isDiskFull(err) || ctx.Err() != nil || c.Hub.Silent() != nil {
			break
		}
	}
	return nil, "", errors.Join(faults...)
}

// takePinned fills the folder got of the staging folder with the members of the first package that a repository has whole.
func (c *Cache) takePinned(ctx context.Context, a Artifact, ref HubRef, l hubListing, local bool, staging string) (*Package, error) {
	var faults []error
	for i := range a.Packages {
		p := &a.Packages[i]
		files := l.members(p.Members)
		if files == nil {
			continue
		}
		out, err := emptyFolder(staging)
		if err == nil {
			err = c.bringPinned(ctx, ref, l, local, files, p.Members, out)
		}
		if err == nil {
			return p, nil
		}
		if isDiskFull(err) || ctx.Err() != nil {
			return nil, explain(err, c.Dir)
		}
		faults = append(faults, explain(err, c.Dir))
	}
	if faults == nil {
		return nil, fmt.Errorf("fetch: %s does not have the pinned files (by their sha256)", ref)
	}
	return nil, errors.Join(faults...)
}

// members returns the files of the listing that can be the members, or nil if one has none. The listing gives the sha256 of large
// files only. A small one of the right size counts until its content is there; one with the member's name is preferred.
func (l hubListing) members(members []Member) []pickedFile {
	var files []pickedFile
	for _, m := range members {
		var found []hubFile
		for _, f := range l.Files {
			if f.SHA256 == m.SHA256 || f.SHA256 == "" && f.Size == m.Size {
				found = append(found, f)
			}
		}
		if len(found) == 0 {
			return nil
		}
		best := max(0, slices.IndexFunc(found, func(f hubFile) bool { return path.Base(f.Path) == path.Base(m.Name) }))
		files = append(files, pickedFile{found[best], m.Name})
	}
	return files
}

// bringPinned fetches files of a repository, compares them with the members and moves them to the folder out.
func (c *Cache) bringPinned(ctx context.Context, ref HubRef, l hubListing, local bool, files []pickedFile, members []Member, out string) error {
	unlock, err := c.lock(ctx, ref.kind()+"/"+ref.folder(), ref.String())
	if err != nil {
		return err
	}
	defer unlock()
	stage := c.hubStage(ref, l.Commit, strings.TrimPrefix(filepath.ToSlash(out), filepath.ToSlash(c.Dir)+"/"))
	f := hubFetch{Cache: c, hub: c.Hub.Optional(), ref: ref, commit: l.Commit, local: local, stage: stage}
	staged, err := f.bring(ctx, files)
	if err != nil {
		return err
	}
	for i, m := range members {
		if staged[i].sha256 != m.SHA256 {
			return errors.Join(fmt.Errorf("fetch: %s: %s has sha256 %s, want %s", ref, staged[i].Path, staged[i].sha256, m.SHA256), stage.forget(staged))
		}
	}
	for i, m := range members {
		target := filepath.Join(out, filepath.FromSlash(m.Name))
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if err := os.Rename(staged[i].at, target); err != nil {
			return err
		}
	}
	return stage.forget(staged)
}
