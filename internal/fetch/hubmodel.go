package fetch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"w2s/internal/progress"
)

// HubModel brings a checkpoint from the hub into the cache and returns its folder: one ONNX file with its external data,
// tokenizer.json and the configuration files beside them, under their paths in the repository. Describe makes one more
// file that tells which ONNX file it is.
//
// A reference without a commit stays at the commit that was newest when it was first fetched; refresh looks it up anew.
func (c *Cache) HubModel(ctx context.Context, h *Hub, ref HubRef, refresh bool, describe func(commit, model string) Text) (dir string, err error) {
	suffix := ""
	if ref.Variant != "" {
		suffix = "-" + flat(strings.TrimSuffix(ref.Variant, ".onnx"))
	}
	return c.hubFolder(ctx, h, hubRequest{
		ref: ref, refresh: refresh,
		folder: func(commit string) string { return "checkpoints/" + ref.folder() + "/" + commit[:12] + suffix },
		whole:  func(r record) bool { return len(r.Files) > 0 },
		pick: func(l hubListing) ([]hubFile, []Text, error) {
			model, files, err := pickModel(ref, l)
			if err != nil {
				return nil, nil, err
			}
			return files, []Text{describe(l.Commit, model.Path)}, nil
		},
	})
}

// HubFile brings one file of a data set from the hub into the cache and returns its path.
func (c *Cache) HubFile(ctx context.Context, h *Hub, ref HubRef) (string, error) {
	if !ref.Dataset {
		return "", fmt.Errorf("fetch: %s is a model, not a file of a data set (hf:datasets/ORG/NAME[@REV]/FILE)", ref)
	}
	dir, err := c.hubFolder(ctx, h, hubRequest{
		ref:    ref,
		folder: func(commit string) string { return "data/" + ref.folder() + "/" + commit[:12] },
		whole:  func(r record) bool { _, ok := r.Files[ref.File]; return ok },
		pick: func(l hubListing) ([]hubFile, []Text, error) {
			f, ok := l.find(ref.File)
			if !ok {
				return nil, nil, fmt.Errorf("fetch: %s: there is no such file (there are: %s)", ref, l.names(nil))
			}
			return []hubFile{f}, nil, nil
		},
	})
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, filepath.FromSlash(ref.File)), nil
}

// folder is the part of a cache path that names the repository.
func (r HubRef) folder() string { return "hf/" + strings.ReplaceAll(r.Repo, "/", "--") }

// A hubRequest says what is wanted of a repository.
type hubRequest struct {
	ref     HubRef
	refresh bool
	folder  func(commit string) string // where it goes, slash path below the cache folder
	whole   func(r record) bool        // whether a folder with this record has all that is wanted
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
	r := readRecord(dir)
	if !c.wholeFolder(ctx, dir, r, q) {
		if r, err = c.hubFetch(ctx, h, q.ref, listing, files, texts, folder, local); err != nil {
			return "", explain(err, c.Dir)
		}
		if err := r.write(dir); err != nil {
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
	return dir, c.wholeFolder(ctx, dir, readRecord(dir), q)
}

func (c *Cache) wholeFolder(ctx context.Context, dir string, r record, q hubRequest) bool {
	if !q.whole(r) {
		return false
	}
	none := progress.Silent().Start("", 0, progress.Bytes)
	for name, f := range r.Files {
		_, err := r.verify(ctx, dir, Member{Name: name, SHA256: f.SHA256, Size: f.Size}, false, none)
		if err != nil {
			c.Report.Print("damaged, fetching it again: " + err.Error())
			return false
		}
	}
	return true
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

// hubFetch brings files and texts into the folder and returns the record of all that is in it.
func (c *Cache) hubFetch(ctx context.Context, h *Hub, ref HubRef, l hubListing, files []hubFile, texts []Text, folder string, local bool) (record, error) {
	dir := c.path(folder)
	r := readRecord(dir)
	r.From = ref.String() + ", commit " + l.Commit
	aside, cleanup, err := c.aside(folder)
	if err != nil {
		return r, err
	}
	defer cleanup()
	var total int64
	for _, f := range files {
		total += max(f.Size, 0)
	}
	if err := c.needSpace(total); err != nil {
		return r, err
	}
	for _, f := range files {
		done, err := c.hubFetchFile(ctx, h, ref, l.Commit, f, filepath.Join(aside, filepath.FromSlash(f.Path)), local)
		if err != nil {
			return r, err
		}
		r.Files[f.Path] = fileRecord{SHA256: done.SHA256, Size: done.Size}
	}
	for _, t := range texts {
		if err := writeBelow(aside, t.Name, t.Content); err != nil {
			return r, err
		}
		r.Files[t.Name] = fileRecord{SHA256: t.member().SHA256, Size: t.member().Size}
	}
	if err := c.install(aside, dir); err != nil {
		return r, err
	}
	for name, f := range r.Files {
		info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			return r, err
		}
		f.Modified = info.ModTime().UnixNano()
		r.Files[name] = f
	}
	return r, nil
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

// companions are the files beside a model that say how its vectors are to be read.
var companions = []string{
	"config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "modules.json",
	"1_Pooling/config.json", "sentence_bert_config.json", "config_sentence_transformers.json", "generation_config.json",
}

// pickModel chooses the ONNX file of the reference's variant, and the files that belong to it.
func pickModel(ref HubRef, l hubListing) (model hubFile, files []hubFile, err error) {
	var all []hubFile
	for _, f := range l.Files {
		if strings.HasSuffix(f.Path, ".onnx") {
			all = append(all, f)
		}
	}
	model, err = chooseONNX(ref, l, all)
	if err != nil {
		return model, nil, err
	}
	files = append(files, model)
	folder := path.Dir(model.Path)
	hasTokenizer := false
	for _, f := range l.Files {
		beside := path.Dir(f.Path) == folder && slices.Contains(companions, path.Base(f.Path))
		if isExternalData(model.Path, f.Path) || beside || slices.Contains(companions, f.Path) {
			files = append(files, f)
			hasTokenizer = hasTokenizer || path.Base(f.Path) == "tokenizer.json"
		}
	}
	if !hasTokenizer {
		return model, nil, fmt.Errorf("fetch: %s: the repository holds no tokenizer.json (it holds %s): make one in Python with AutoTokenizer.from_pretrained(%q).save_pretrained(FOLDER), and give a folder with it and the ONNX file",
			ref, l.names(func(f hubFile) bool { return !strings.HasSuffix(f.Path, ".onnx") }), ref.Repo)
	}
	return model, files, nil
}

func chooseONNX(ref HubRef, l hubListing, all []hubFile) (hubFile, error) {
	isONNX := func(f hubFile) bool { return strings.HasSuffix(f.Path, ".onnx") }
	if len(all) == 0 {
		return hubFile{}, fmt.Errorf("fetch: %s: the repository holds no ONNX file (looked for onnx/model.onnx and model.onnx; it holds %s): export it with optimum-cli export onnx --model %s FOLDER, and give FOLDER",
			ref, l.names(nil), ref.Repo)
	}
	if v := ref.Variant; v != "" {
		for _, want := range []string{v, v + ".onnx", "onnx/" + v + ".onnx", "model_" + v + ".onnx", "onnx/model_" + v + ".onnx"} {
			if f, ok := l.find(want); ok && isONNX(f) {
				return f, nil
			}
		}
		return hubFile{}, fmt.Errorf("fetch: %s: there is no ONNX file %q (there are: %s)", ref, v, l.names(isONNX))
	}
	for _, want := range []string{"onnx/model.onnx", "model.onnx"} {
		if f, ok := l.find(want); ok {
			return f, nil
		}
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return hubFile{}, fmt.Errorf("fetch: %s: neither onnx/model.onnx nor model.onnx is there: choose one of %s, written hf:%s#NAME", ref, l.names(isONNX), ref.Repo)
}

// isExternalData says whether a file holds weights that an ONNX file of that path keeps outside itself:
// model.onnx_data, model.onnx_data_1, model.onnx.data, model.data.
func isExternalData(model, file string) bool {
	rest, ok := strings.CutPrefix(file, model)
	return ok && (strings.HasPrefix(rest, "_") || strings.HasPrefix(rest, ".")) || file == strings.TrimSuffix(model, ".onnx")+".data"
}

// names lists some of the files for an error.
func (l hubListing) names(which func(hubFile) bool) string {
	const most = 20
	var names []string
	for _, f := range l.Files {
		if which == nil || which(f) {
			names = append(names, f.Path)
		}
	}
	if len(names) == 0 {
		return "nothing"
	}
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), more)
	}
	return strings.Join(names, ", ")
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
