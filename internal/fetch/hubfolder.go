package fetch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"w2s/internal/progress"
)

// A hubRequest says what is wanted of a repository.
type hubRequest struct {
	ref     HubRef
	refresh bool
	folder  func(commit string) string // where it goes, slash path below the cache folder
	wanted  func(r record) []string    // of the files in a folder's record, those that are wanted; none: not all are there
	pick    func(hubListing) ([]hubFile, []Text, error)
}

func (c *Cache) hubFolder(ctx context.Context, h *Hub, q hubRequest) (string, error) {
	askFirst := q.refresh && !c.Offline && !h.Offline
	if !askFirst {
		if dir, ok := c.hubHave(ctx, q); ok {
			return dir, nil
		}
	}
	unlock, err := c.lock(ctx, q.ref.kind()+"/"+q.ref.folder(), q.ref.String())
	if err != nil {
		return "", err
	}
	defer unlock()
	if !askFirst { // another process may have been faster
		if dir, ok := c.hubHave(ctx, q); ok {
			return dir, nil
		}
	}
	listing, local, err := c.hubList(ctx, h, q.ref)
	if err != nil {
		return "", err
	}
	files, texts, err := q.pick(listing)
	if err != nil {
		return "", err
	}
	folder := q.folder(listing.Commit)
	dir := c.path(folder)
	if fault := checkFolder(ctx, dir, q); fault != nil {
		if !errors.Is(fault, errAbsent) {
			c.Report.Print("damaged, fetching it again: " + fault.Error())
		}
		if err := c.hubFetch(ctx, h, q.ref, listing, files, texts, folder, local); err != nil {
			return "", explain(err, c.Dir)
		}
	}
	return dir, explain(c.rememberCommit(q.ref, listing.Commit), c.Dir)
}

// hubHave returns the folder where everything that is wanted lies in the cache already.
func (c *Cache) hubHave(ctx context.Context, q hubRequest) (string, bool) {
	commit := q.ref.Revision
	if !isCommit(commit) {
		if commit = c.rememberedCommits(q.ref)[q.ref.Revision]; !isCommit(commit) {
			return "", false
		}
	}
	dir := c.path(q.folder(commit))
	return dir, checkFolder(ctx, dir, q) == nil
}

// checkFolder says what keeps the folder from holding all that is wanted, whole.
func checkFolder(ctx context.Context, dir string, q hubRequest) error {
	r := readRecord(dir)
	names := q.wanted(r)
	if len(names) == 0 {
		return errAbsent
	}
	none := progress.Silent().Start("", 0, progress.Bytes)
	touched := false
	for _, name := range names {
		f := r.Files[name]
		now, err := r.verify(ctx, dir, Member{Name: name, SHA256: f.SHA256, Size: f.Size}, false, none)
		if err != nil {
			return err
		}
		touched = touched || now != f
		r.Files[name] = now
	}
	if touched {
		_ = r.write(dir) // in a folder that cannot be written the files are read again next time
	}
	return nil
}

// hubList lists the repository: by the hub, or by the hub's own cache folder where the hub cannot be asked.
func (c *Cache) hubList(ctx context.Context, h *Hub, ref HubRef) (l hubListing, local bool, err error) {
	cached, found := h.cachedListing(ref)
	if c.Offline || h.Offline {
		if !found {
			return l, false, fmt.Errorf("fetch: %s: %w: it is neither in %s nor in %s (run once without --offline and HF_HUB_OFFLINE)", ref, ErrOffline, c.Dir, h.Cache)
		}
		return cached, true, nil
	}
	l, err = h.list(ctx, ref)
	var down transientError
	var unknown errNoNetwork
	if found && ctx.Err() == nil && (errors.As(err, &down) || errors.As(err, &unknown)) {
		c.Report.Print(fmt.Sprintf("%s: the hub does not answer, taking the copy in %s", ref, h.Cache))
		return cached, true, nil
	}
	return l, false, err
}

// hubFetch brings files and texts into the folder and remembers them in its record.
func (c *Cache) hubFetch(ctx context.Context, h *Hub, ref HubRef, l hubListing, files []hubFile, texts []Text, folder string, local bool) error {
	aside, cleanup, err := c.aside(folder)
	if err != nil {
		return err
	}
	defer cleanup()
	var total int64
	for _, f := range files {
		total += max(f.Size, 0)
	}
	if err := c.needSpace(total); err != nil {
		return err
	}
	var members []Member
	for _, f := range files {
		done, err := c.hubFetchFile(ctx, h, ref, l.Commit, f, filepath.Join(aside, filepath.FromSlash(f.Path)), local)
		if err != nil {
			return err
		}
		members = append(members, Member{Name: f.Path, SHA256: done.SHA256, Size: done.Size})
	}
	for _, t := range texts {
		if err := writeBelow(aside, t.Name, t.Content); err != nil {
			return err
		}
		members = append(members, t.member())
	}
	dir := c.path(folder)
	if err := c.install(aside, dir); err != nil {
		return err
	}
	r := readRecord(dir) // other files of the same commit may be there
	r.From = ref.String() + ", commit " + l.Commit
	if err := r.remember(dir, members); err != nil {
		return err
	}
	return r.write(dir)
}

// hubFetchFile brings one verified file to the path target: from the hub's own cache folder, or from the hub.
func (c *Cache) hubFetchFile(ctx context.Context, h *Hub, ref HubRef, commit string, f hubFile, target string, local bool) (hubFile, error) {
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return f, err
	}
	if done, err := h.takeCached(ctx, ref, commit, f, target); err == nil || local {
		return done, err
	}
	part := c.partPath(ref, commit, f.Path)
	if err := os.MkdirAll(filepath.Dir(part), 0o755); err != nil {
		return f, err
	}
	task := c.Report.Start(ref.Repo+"/"+f.Path, f.Size, progress.Bytes)
	defer task.Done()
	task.Skip(size(part))
	d := hubDownload{hub: h, ref: ref, commit: commit, file: f, part: part, task: task}
	done, err := d.run(ctx)
	if err != nil {
		return f, err
	}
	return done, os.Rename(part, target)
}

// rememberedCommits returns the commits that branches and tags had when they were last looked up.
func (c *Cache) rememberedCommits(ref HubRef) map[string]string {
	commits := map[string]string{}
	if data, err := os.ReadFile(c.commitsPath(ref)); err == nil {
		json.Unmarshal(data, &commits) // what cannot be read is looked up again
	}
	return commits
}

func (c *Cache) rememberCommit(ref HubRef, commit string) error {
	commits := c.rememberedCommits(ref)
	if isCommit(ref.Revision) || commits[ref.Revision] == commit {
		return nil
	}
	commits[ref.Revision] = commit
	data, err := json.MarshalIndent(commits, "", "\t")
	if err != nil {
		return err
	}
	path := c.commitsPath(ref)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return writeFile(path, append(data, '\n'))
}

func (c *Cache) commitsPath(ref HubRef) string {
	return c.path(".commits", ref.kind()+"+"+flat(ref.folder())+".json")
}
