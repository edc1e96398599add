package fetch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"w2s/internal/progress"
)

// A hubRequest says what is wanted of a repository.
type hubRequest struct {
	ref     HubRef
	refresh bool
	folder  func(commit string) string          // where it goes, slash path below the cache folder
	wanted  func(dir string, r record) []string // of the files in a folder's record, those that are wanted; none: not all are there
	pick    func(hubListing) ([]pickedFile, []Text, error)
	// follow tells which more files are wanted, once those that were picked are there; nil: none.
	follow func(l hubListing, picked []stagedFile) ([]pickedFile, error)
}

// A pickedFile is a file of a repository and where it goes.
type pickedFile struct {
	hubFile
	As string // slash path in the folder
}

func (c *Cache) hubFolder(ctx context.Context, h *Hub, q hubRequest) (string, error) {
	online := !c.Offline && !h.Offline
	askFirst := q.refresh && online
	if !askFirst {
		if dir, ok := c.hubHave(ctx, q, online); ok {
			return dir, nil
		}
	}
	unlock, err := c.lock(ctx, q.ref.kind()+"/"+q.ref.folder(), q.ref.String())
	if err != nil {
		return "", err
	}
	defer unlock()
	if !askFirst { // another process may have been faster
		if dir, ok := c.hubHave(ctx, q, online); ok {
			return dir, nil
		}
	}
	listing, local, err := c.hubList(ctx, h, q.ref)
	if err != nil {
		return "", err
	}
	folder := q.folder(listing.Commit)
	dir := c.path(folder)
	if fault := checkFolder(ctx, dir, q, !local); fault != nil {
		if !errors.Is(fault, errAbsent) {
			c.Report.Print("damaged, fetching it again: " + fault.Error())
		}
		if err := c.hubFetch(ctx, h, q, listing, folder, local); err != nil {
			return "", explain(err, c.Dir)
		}
	}
	return dir, explain(c.rememberCommit(q.ref, listing.Commit), c.Dir)
}

// hubHave returns the folder where everything that is wanted lies in the cache already.
func (c *Cache) hubHave(ctx context.Context, q hubRequest, online bool) (string, bool) {
	commit := q.ref.Revision
	if !isCommit(commit) {
		if commit = c.rememberedCommits(q.ref)[q.ref.Revision]; !isCommit(commit) {
			return "", false
		}
	}
	dir := c.path(q.folder(commit))
	return dir, checkFolder(ctx, dir, q, online) == nil
}

// checkFolder says what keeps the folder from holding all that is wanted, whole. Whether a copy does only the hub knows,
// where it can be asked.
func checkFolder(ctx context.Context, dir string, q hubRequest, online bool) error {
	r := readRecord(dir)
	names := q.wanted(dir, r)
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
	if r.Copied && online {
		return errAbsent
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

// hubFetch brings all that is wanted into the folder. What is whole stays when it ends early.
func (c *Cache) hubFetch(ctx context.Context, h *Hub, q hubRequest, l hubListing, folder string, local bool) error {
	files, texts, err := q.pick(l)
	if err != nil && local {
		return fmt.Errorf("%w (this was looked for in the copy in %s only: run once without --offline and HF_HUB_OFFLINE)", err, h.cachedRepo(q.ref))
	}
	if err != nil {
		return err
	}
	f := hubFetch{Cache: c, hub: h, ref: q.ref, commit: l.Commit, local: local, stage: c.hubStage(q.ref, l.Commit, folder)}
	staged, err := f.bring(ctx, files)
	if err != nil {
		return err
	}
	if q.follow != nil {
		more, err := q.follow(l, staged)
		if err != nil {
			return err
		}
		for _, t := range texts {
			if i := slices.IndexFunc(more, func(p pickedFile) bool { return p.As == t.Name }); i >= 0 {
				return fmt.Errorf("fetch: %s: the model needs the repository's file %q, and w2s writes one of that name (its owner must save it with another)", q.ref, more[i].Path)
			}
		}
		taken := map[string]bool{}
		for _, s := range staged {
			taken[s.As] = true
		}
		more = slices.DeleteFunc(more, func(p pickedFile) bool {
			named := taken[p.As]
			taken[p.As] = true
			return named
		})
		followed, err := f.bring(ctx, more)
		if err != nil {
			return err
		}
		staged = append(staged, followed...)
	}
	copied := local && q.follow != nil // what belongs to a single file is known
	if copied {
		c.Report.Print(fmt.Sprintf("%s: taken from the copy in %s. The repository may have more that belongs to it, such as modules.json and 1_Pooling: run once online to be sure",
			q.ref, h.cachedRepo(q.ref)))
	}
	return f.stage.install(staged, texts, q.ref.String()+", commit "+l.Commit, copied)
}

// A hubFetch brings files of a repository at a commit into a stage.
type hubFetch struct {
	*Cache
	hub    *Hub
	ref    HubRef
	commit string
	local  bool // only from the hub's own cache folder
	stage  hubStage
}

func (f hubFetch) bring(ctx context.Context, files []pickedFile) ([]stagedFile, error) {
	if err := f.needSpace(f.stage.missing(ctx, files)); err != nil {
		return nil, err
	}
	var all []stagedFile
	for _, file := range files {
		staged, ok := f.stage.find(ctx, file)
		if !ok {
			var err error
			if staged, err = f.fetch(ctx, file); err != nil {
				return nil, err
			}
		}
		all = append(all, staged)
	}
	return all, nil
}

// fetch brings one verified file: from the hub's own cache folder, or from the hub.
func (f hubFetch) fetch(ctx context.Context, file pickedFile) (stagedFile, error) {
	part, target := f.stage.partPath(file.Path), f.stage.donePath(file.Path)
	for _, path := range []string{part, target} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return stagedFile{}, err
		}
	}
	done, err := f.hub.takeCached(ctx, f.ref, f.commit, file.hubFile, target)
	switch {
	case err == nil:
		return f.stage.keep(file, done)
	case f.local:
		return stagedFile{}, err
	}
	task := f.Report.Start(f.ref.Repo+"/"+file.Path, file.Size, progress.Bytes)
	defer task.Done()
	task.Skip(size(part))
	d := hubDownload{hub: f.hub, ref: f.ref, commit: f.commit, file: file.hubFile, part: part, task: task}
	if done, err = d.run(ctx); err != nil {
		return stagedFile{}, err
	}
	if err := os.Rename(part, target); err != nil {
		return stagedFile{}, err
	}
	return f.stage.keep(file, done)
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
