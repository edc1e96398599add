package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"w2s/internal/fetch"
	"w2s/internal/inputfile"
	"w2s/onnx/families"
)

// Resolve finds the checkpoint that a user names, and fetches it if it is not here and fetching is allowed. The name is one
// of the catalog, a hub reference ("hf:ORG/NAME[@REV][#VARIANT]"), a folder with a model and tokenizer.json
// ("FOLDER[#VARIANT]"), or the path of an ONNX file in such a folder.
func (c *Catalog) Resolve(ctx context.Context, name string) (Checkpoint, error) {
	if fetch.IsHubRef(name) {
		return c.resolveHub(ctx, name, false)
	}
	for _, k := range checkpoints() {
		if strings.EqualFold(k.Name, name) {
			return c.resolveKnown(ctx, k)
		}
	}
	for _, embedded := range c.embeddedNames() {
		if strings.EqualFold(embedded, name) {
			return c.resolveEmbedded(ctx, embedded)
		}
	}
	info, err := os.Stat(name)
	dir, variant := name, ""
	if i := strings.LastIndexByte(name, '#'); i >= 0 {
		dir, variant = name[:i], name[i+1:]
	}
	switch {
	case err == nil && info.IsDir():
		return OpenFolder(name)
	case err == nil && strings.HasSuffix(name, ".onnx"):
		return openFile(name)
	case err == nil && info.Mode().IsRegular():
		return Checkpoint{}, fmt.Errorf("catalog: %s is a file, not the folder of a checkpoint", name)
	case err == nil:
		return Checkpoint{}, fmt.Errorf("catalog: %w (want the folder of a checkpoint)", inputfile.Check(name))
	case isFolder(dir) && variant != "":
		return openVariant(dir, variant)
	case fetch.LooksLikeHubRef(name):
		return Checkpoint{}, fmt.Errorf("catalog: there is no folder %s (for the model of the hub give hf:%s%s)", name, name, c.sameModel(name))
	case strings.ContainsAny(name, `/\`):
		return Checkpoint{}, fmt.Errorf("catalog: there is no folder %s (a model of the hub is written hf:ORG/NAME)", name)
	}
	return Checkpoint{}, fmt.Errorf("catalog: unknown checkpoint %q%s", name, unknown(name, c.names()))
}

// sameModel says which name of the catalog stands for a repository of the hub, or returns "".
func (c *Catalog) sameModel(repo string) string {
	for _, k := range checkpoints() {
		if strings.EqualFold(k.Source, repo) {
			return ", or " + k.Name + ", which w2s knows"
		}
	}
	return ""
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// Pull is like Resolve, but moves a hub reference without a commit to the newest commit.
func (c *Catalog) Pull(ctx context.Context, name string) (Checkpoint, error) {
	if fetch.IsHubRef(name) {
		return c.resolveHub(ctx, name, true)
	}
	return c.Resolve(ctx, name)
}

// names returns the names of all checkpoints that can be given by name.
func (c *Catalog) names() []string {
	all := c.embeddedNames()
	for _, k := range checkpoints() {
		all = append(all, k.Name)
	}
	return all
}

// resolveKnown fetches, builds or finds a known checkpoint and opens it.
func (c *Catalog) resolveKnown(ctx context.Context, k known) (Checkpoint, error) {
	if k.static > 0 {
		dir, err := c.buildStatic(ctx, k)
		if err != nil {
			return Checkpoint{}, err
		}
		return OpenFolder(dir)
	}
	if ck, err := c.cachedKnown(ctx, k); err == nil {
		return ck, nil
	}
	var faults []error
	if len(k.pinned) > 0 {
		_, err := c.cache.Ensure(ctx, k.artifact())
		if err == nil {
			return c.cachedKnown(ctx, k)
		}
		if ctx.Err() != nil {
			return Checkpoint{}, err
		}
		faults = append(faults, err)
	}
	// The faults of a hub that gives no answer are among those of the pinned files.
	if len(k.hub) > 0 && (len(k.pinned) == 0 || c.hub.Silent() == nil) {
		ck, err := c.unpinned(ctx, c.cache, c.hub.Optional(), k)
		if err == nil || ctx.Err() != nil {
			return ck, err
		}
		faults = append(faults, fmt.Errorf("catalog: cannot get %s from the hub, whatever its digests:\n%w", k.Name, err))
	}
	if k.advice != "" {
		faults = append(faults, fmt.Errorf("(or %s)", k.advice))
	}
	return Checkpoint{}, errors.Join(faults...)
}

// cachedKnown finds a known checkpoint in the cache, wherever its files came from.
func (c *Catalog) cachedKnown(ctx context.Context, k known) (Checkpoint, error) {
	cache := *c.cache
	cache.Offline, cache.Local, cache.Hub = true, nil, nil
	a := k.artifact()
	dir := filepath.Join(cache.Dir, filepath.FromSlash(a.Dir))
	if k.advice != "" && isFolder(dir) && !fetch.HasRecord(dir) { // the user made it
		ck, err := OpenFolder(dir)
		if err == nil && ck.Description.Source == "" {
			ck.Description = k.Description
		}
		ck.Name = k.Name
		return ck, err
	}
	if len(k.pinned) > 0 {
		if _, err := cache.Ensure(ctx, a); err == nil {
			status, err := cache.Status(ctx, a, false)
			if err != nil {
				return Checkpoint{}, err
			}
			ck, err := OpenFolder(dir)
			ck.From = status.From
			return ck, err
		}
	}
	if !isFolder(filepath.Join(cache.Dir, filepath.FromSlash(k.unpinnedDir()))) {
		return Checkpoint{}, fs.ErrNotExist
	}
	hub := *c.hub
	hub.Offline, hub.Cache = true, ""
	return c.unpinned(ctx, &cache, &hub, k)
}

// unpinnedDir returns the slash path, below the cache folder, of files of the hub whose digests are not pinned.
func (k known) unpinnedDir() string { return "checkpoints/hub/" + k.Name }

// unpinned takes a known checkpoint from the first of its repositories that has it, whatever the digests of its files are.
func (c *Catalog) unpinned(ctx context.Context, cache *fetch.Cache, hub *fetch.Hub, k known) (Checkpoint, error) {
	if len(k.hub) == 0 {
		return Checkpoint{}, errors.New("catalog: no repository of the hub has it")
	}
	var faults []error
	for _, repo := range k.hub {
		ref, err := fetch.ParseHubRef("hf:" + repo)
		if err != nil {
			return Checkpoint{}, err
		}
		var from string
		dir, err := cache.HubModel(ctx, hub, fetch.ModelRequest{
			Ref: ref, Prefer: c.prefer, Folder: k.unpinnedDir() + "/" + strings.ReplaceAll(ref.Repo, "/", "--"),
			Describe: func(pinned fetch.HubRef, model string) fetch.Text {
				d := k.Description
				d.Model, d.Note = model, fmt.Sprintf("files of %s, whose digests w2s does not know", pinned)
				return d.text()
			},
			CheckONNX: c.checkONNX, CheckConfig: families.CheckConfig,
		})
		if err == nil {
			ck, err := OpenFolder(dir)
			from, _ = strings.CutPrefix(ck.Description.Note, "files of ")
			ck.From, _, _ = strings.Cut(from, ",")
			return ck, err
		}
		if ctx.Err() != nil {
			return Checkpoint{}, err
		}
		faults = append(faults, err)
		if hub.Silent() != nil {
			break
		}
	}
	return Checkpoint{}, errors.Join(faults...)
}

// artifact returns the artifact of a checkpoint that packages have in its final form.
func (k known) artifact() fetch.Artifact {
	a := fetch.Artifact{Name: k.Name, Dir: checkpointDir(k.Name), Hub: k.repositories()}
	for _, p := range k.pinned {
		d := k.Description
		for _, m := range p.Members {
			if m.Name == "model.safetensors" {
				d.Model = m.Name // the folder may have the ONNX file of another package too
			}
		}
		p.Texts = []fetch.Text{d.text()}
		a.Packages = append(a.Packages, p)
	}
	return a
}

// repositories returns the names of the repositories without variants.
func (k known) repositories() []string {
	var names []string
	for _, repo := range k.hub {
		name, _, _ := strings.Cut(repo, "#")
		names = append(names, name)
	}
	return names
}

// raw returns the artifact that a checkpoint is built from. Checkpoints that are built from the same files share it.
func (k known) raw() fetch.Artifact {
	p := k.pinned[0]
	return fetch.Artifact{Name: p.Name + "-" + p.Version, Dir: "raw/" + p.Name + "-" + p.Version, Packages: k.pinned, Hub: k.repositories()}
}

// buildVersion increases when the same raw files give another model.
const buildVersion = 1

// made describes the folder of a checkpoint that is built by make.
func (k known) made(make func(ctx context.Context, out string) error) fetch.Made {
	key := sha256.New()
	fmt.Fprintln(key, buildVersion, k.static, k.text().Content)
	for _, m := range k.pinned[0].Members {
		fmt.Fprintln(key, m.Name, m.SHA256)
	}
	return fetch.Made{
		Name: k.Name, Dir: checkpointDir(k.Name), Files: []string{"model.onnx", "tokenizer.json", DescriptionFile},
		Key: hex.EncodeToString(key.Sum(nil)), Make: make,
	}
}

// buildStatic builds a checkpoint of static vectors, unless it is in the cache, and returns its folder.
func (c *Catalog) buildStatic(ctx context.Context, k known) (string, error) {
	return c.cache.EnsureMade(ctx, k.made(func(ctx context.Context, out string) error {
		if c.static == nil {
			return errors.New("no builder of static checkpoints was given (catalog.Options.Static)")
		}
		raw, err := c.cache.Ensure(ctx, k.raw())
		if err != nil {
			return err
		}
		if err := c.static(ctx, raw, out, k.static); err != nil {
			return err
		}
		return k.describeBuilt(out)
	}))
}

// describeBuilt adds the name, licence and source to the w2s.json that the builder wrote in the folder out, and keeps its
// other fields.
func (k known) describeBuilt(out string) error {
	path := filepath.Join(out, DescriptionFile)
	data, err := inputfile.Read(path, maxDescription)
	if err != nil {
		return err
	}
	var d map[string]any
	if err := json.Unmarshal(data, &d); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	d["name"], d["license"], d["source"] = k.Name, k.Licence, k.Source
	if data, err = json.MarshalIndent(d, "", "\t"); err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644) // in place, because out is a staging folder
}

// resolveHub fetches a model of the hub. The repository's own files decide on pooling, output and length.
func (c *Catalog) resolveHub(ctx context.Context, name string, refresh bool) (Checkpoint, error) {
	ref, err := fetch.ParseHubRef(name)
	if err != nil {
		return Checkpoint{}, err
	}
	dir, err := c.cache.HubModel(ctx, c.hub, fetch.ModelRequest{
		Ref: ref, Refresh: refresh, Prefer: c.prefer,
		Describe: func(pinned fetch.HubRef, model string) fetch.Text {
			return Description{Name: pinned.String(), Model: model, Prefix: hubPrefix(ref.Repo), Source: ref.Repo + " " + pinned.Revision}.text()
		},
		CheckONNX: c.checkONNX, CheckConfig: families.CheckConfig,
	})
	if err != nil {
		return Checkpoint{}, err
	}
	return OpenFolder(dir)
}

// hubPrefix returns the prefix that a model's card asks for before a text whose vector is used as features. The
// repository's files do not have it.
func hubPrefix(repo string) string {
	org, name, _ := strings.Cut(strings.ToLower(repo), "/")
	switch {
	case strings.Contains(name, "-instruct"):
		return ""
	case strings.HasPrefix(name, "e5-"), strings.HasPrefix(name, "multilingual-e5-"):
		return "query: "
	case org == "nomic-ai" && strings.HasPrefix(name, "nomic-embed-text"):
		return "classification: "
	}
	return ""
}
