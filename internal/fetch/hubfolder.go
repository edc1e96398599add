package fetch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"w2s/internal/atomicfile"
	"w2s/internal/inputfile"
	"w2s/internal/progress"
)

// A hubRequest says which files of a repository are wanted.
type hubRequest struct {
	ref     HubRef
	refresh bool      // look up the newest commit
	forms   []hubForm // the ways to have what is wanted, in the order in which they are tried
	// strict says that the first form is the one that the user asked for. Another one in the cache is used only if the hub cannot be
	// asked for the first.
	strict bool
}

// A hubForm is one way to have what is wanted. Each form has its own folder.
type hubForm struct {
	// folder returns the slash path of the files' folder below the cache folder.
	folder func(commit string) string
	// wanted returns the names of the wanted files in the record of the folder dir, or none if some of them are missing.
	wanted func(dir string, r record) []string
	// pick chooses the files to fetch, and texts to write beside them. Its error is a formFault if the repository does not have
	// this form.
	pick func(hubListing) ([]pickedFile, []Text, error)
	// follow chooses more files once the picked ones are there. It may be nil. Its error is a formFault if the picked files show
	// that this form cannot be used.
	follow func(l hubListing, picked []stagedFile) ([]pickedFile, error)
}

// A formFault says why a repository does not have what is wanted in one form, and what to do about it.
type formFault struct {
	why, todo string
	file      string // path of a file that was fetched and cannot be used, if that is why
}

func (f formFault) Error() string { return f.why + ": " + f.todo }

// A pickedFile is a file of a repository and its place in the cache.
type pickedFile struct {
	hubFile
	As string // slash path in the folder
}

// hubFolder returns the folder of the request's files after making sure that they are there and right.
func (c *Cache) hubFolder(ctx context.Context, h *Hub, q hubRequest) (string, error) {
	online := !c.Offline && !h.Offline
	askFirst := q.refresh && online
	if !askFirst {
		if dir, ok := c.hubCached(ctx, q, online); ok {
			return dir, nil
		}
	}
	unlock, err := c.lock(ctx, q.ref.kind()+"/"+q.ref.folder(), q.ref.String())
	if err != nil {
		return "", err
	}
	defer unlock()
	if !askFirst { // another process may have been faster
		if dir, ok := c.hubCached(ctx, q, online); ok {
			return dir, nil
		}
	}
	listing, local, err := c.hubList(ctx, h, q.ref)
	if err != nil {
		return "", err
	}
	dir, err := c.hubTake(ctx, h, q, listing, local)
	if err != nil {
		return "", err
	}
	return dir, explain(c.rememberCommit(q.ref, listing.Commit), c.Dir)
}

// hubCached returns the folder of the request's files, and whether all of them are in the cache.
func (c *Cache) hubCached(ctx context.Context, q hubRequest, online bool) (string, bool) {
	commit := q.ref.Revision
	if !isCommit(commit) {
		if commit = c.rememberedCommits(q.ref)[q.ref.Revision]; !isCommit(commit) {
			return "", false
		}
	}
	for i, form := range q.forms {
		if i > 0 && q.strict && online {
			break
		}
		dir := c.path(form.folder(commit))
		if checkFolder(ctx, dir, form, online) == nil {
			return dir, true
		}
	}
	return "", false
}

// hubTake returns the folder of the first form that the repository has, after fetching what is missing.
func (c *Cache) hubTake(ctx context.Context, h *Hub, q hubRequest, l hubListing, local bool) (string, error) {
	unfit := map[string]string{} // files that were fetched before and cannot be used
	if len(q.forms) > 1 {
		for _, form := range q.forms {
			maps.Copy(unfit, readRecord(c.path(form.folder(l.Commit))).Unfit)
		}
	}
	var faults []formFault
	for i, form := range q.forms {
		dir := c.path(form.folder(l.Commit))
		fault := checkFolder(ctx, dir, form, !local)
		if fault == nil {
			return dir, nil
		}
		if !errors.Is(fault, errAbsent) {
			c.Report.Print("damaged, fetching it again: " + fault.Error())
		}
		err := c.hubFetch(ctx, h, q.ref, form, l, local, unfit)
		var missing formFault
		if err == nil || !errors.As(err, &missing) {
			return dir, explain(err, c.Dir)
		}
		faults = append(faults, missing)
		if missing.file != "" {
			unfit[missing.file] = missing.why
		}
		if last := i == len(q.forms)-1; !last && (q.strict || missing.file != "") {
			c.Report.Print(fmt.Sprintf("%s: %s; looking for another form", q.ref, missing.why))
		}
	}
	var why, todo []string
	for _, f := range faults {
		why, todo = append(why, f.why), append(todo, f.todo)
	}
	err := fmt.Errorf("fetch: %s: %s: %s", q.ref, strings.Join(why, "; "), strings.Join(slices.Compact(todo), "; or "))
	if local {
		return "", h.onlyCopy(err, q.ref)
	}
	return "", err
}

// onlyCopy adds to an error that only the hub's own cache folder was searched.
func (h *Hub) onlyCopy(err error, ref HubRef) error {
	return fmt.Errorf("%w (only the copy in %s was searched: run once without --offline and HF_HUB_OFFLINE)", err, h.cachedRepo(ref))
}

// checkFolder returns an error if a wanted file is missing or wrong. If the list of files came from the hub's own cache
// folder, the repository may have more of them: errAbsent then says to ask the hub, if it can be asked.
func checkFolder(ctx context.Context, dir string, form hubForm, online bool) error {
	r := readRecord(dir)
	names := form.wanted(dir, r)
	if len(names) == 0 {
		return errAbsent
	}
	touched := false
	for _, name := range names {
		f := r.Files[name]
		now, err := r.verify(ctx, dir, Member{Name: name, SHA256: f.SHA256, Size: f.Size}, false, noProgress())
		if err != nil {
			return err
		}
		touched = touched || now != f
		r.Files[name] = now
	}
	if touched {
		_ = r.write(dir) // saves reading the files next time; a folder that cannot be written is no error
	}
	if r.Copied && online {
		return errAbsent
	}
	return nil
}

// hubList lists the repository. It asks the hub, or takes the list from the hub's own cache folder (local) if the hub
// cannot be asked.
func (c *Cache) hubList(ctx context.Context, h *Hub, ref HubRef) (l hubListing, local bool, err error) {
	cached, found := h.cachedListing(ref)
	if c.Offline || h.Offline {
		if !found {
			return l, false, fmt.Errorf("fetch: %s: %w: it is neither in %s nor in %s (run once without --offline and HF_HUB_OFFLINE)", ref, ErrOffline, c.Dir, h.Cache)
		}
		return cached, true, nil
	}
	if h.optional {
		l, err = h.quickListing(ctx, ref)
	} else {
		l, err = h.list(ctx, ref)
	}
	var down transientError
	var unknown errNoNetwork
	if found && ctx.Err() == nil && (errors.As(err, &down) || errors.As(err, &unknown)) {
		c.Report.Print(fmt.Sprintf("%s: the hub does not answer, using the copy in %s", ref, h.Cache))
		return cached, true, nil
	}
	return l, false, err
}

// hubFetch brings the files of a form into its folder. Finished files are kept if it ends early. unfit goes into the folder's record.
func (c *Cache) hubFetch(ctx context.Context, h *Hub, ref HubRef, form hubForm, l hubListing, local bool, unfit map[string]string) error {
	files, texts, err := form.pick(l)
	if err != nil && local && !errors.As(err, new(formFault)) {
		return h.onlyCopy(err, ref)
	}
	if err != nil {
		return err
	}
	for _, f := range files {
		if why := unfit[f.Path]; why != "" {
			return formFault{why: why, todo: fmt.Sprintf("choose another ONNX file as hf:%s#NAME", ref.Repo), file: f.Path}
		}
	}
	f := hubFetch{Cache: c, hub: h, ref: ref, commit: l.Commit, local: local, stage: c.hubStage(ref, l.Commit, form.folder(l.Commit))}
	staged, err := f.bring(ctx, files)
	if err != nil {
		return err
	}
	if form.follow != nil {
		followed, err := f.follow(ctx, form, l, staged, texts)
		if err != nil {
			return err
		}
		staged = append(staged, followed...)
	}
	copied := local && form.follow != nil // without follow, the request names all of its files
	if copied {
		c.Report.Print(fmt.Sprintf("%s: used the copy in %s. The repository may have more files that belong to the model, such as modules.json and 1_Pooling: run once online to be sure",
			ref, h.cachedRepo(ref)))
	}
	return f.stage.install(staged, texts, record{From: ref.String() + ", commit " + l.Commit, Copied: copied, Unfit: unfit})
}

// follow brings the files that the staged ones lead to.
func (f hubFetch) follow(ctx context.Context, form hubForm, l hubListing, staged []stagedFile, texts []Text) ([]stagedFile, error) {
	more, err := form.follow(l, staged)
	if missing := (formFault{}); errors.As(err, &missing) {
		// The other files may be wanted in another form.
		unfit := slices.DeleteFunc(slices.Clone(staged), func(s stagedFile) bool { return missing.file != "" && s.Path != missing.file })
		if fault := f.stage.forget(unfit); fault != nil {
			return nil, fault
		}
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	for _, t := range texts {
		if i := slices.IndexFunc(more, func(p pickedFile) bool { return p.As == t.Name }); i >= 0 {
			return nil, fmt.Errorf("fetch: %s: the model needs the repository's file %q, but w2s writes a file of that name itself (its owner must save it under another name)", f.ref, more[i].Path)
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
	return f.bring(ctx, more)
}

// A hubFetch brings files of a repository at a commit into a stage.
type hubFetch struct {
	*Cache
	hub    *Hub
	ref    HubRef
	commit string
	local  bool // fetch only from the hub's own cache folder
	stage  hubStage
}

// bring fetches the files that the stage does not have.
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

// fetch brings one file into the stage and verifies it. It takes the file from the hub's own cache folder or from the hub.
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
	if err := os.Rename(part, target); err != nil { // within the stage, and hubDownload synced the file
		return stagedFile{}, err
	}
	return f.stage.keep(file, done)
}

// rememberedCommits returns the commits of branches and tags when they were last looked up.
func (c *Cache) rememberedCommits(ref HubRef) map[string]string {
	commits := map[string]string{}
	if data, err := inputfile.Read(c.commitsPath(ref), maxRecord); err == nil {
		json.Unmarshal(data, &commits) // a damaged file only means that they are looked up again
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
	return atomicfile.WriteBytes(path, append(data, '\n'))
}

func (c *Cache) commitsPath(ref HubRef) string {
	return c.path(".commits", ref.kind()+"+"+flat(ref.folder())+".json")
}
