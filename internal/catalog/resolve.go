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
	var dir string
	var err error
	switch {
	case k.pinned == nil:
		dir = filepath.Join(c.cache.Dir, filepath.FromSlash(checkpointDir(k.Name)))
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			return Checkpoint{}, fmt.Errorf("catalog: no package has %s as an ONNX file: %s", k.Name, k.advice)
		}
		ck, err := OpenFolder(dir)
		if err == nil && ck.Description.Source == "" {
			ck.Description = k.Description
		}
		ck.Name = k.Name
		return ck, err
	case k.static > 0:
		dir, err = c.buildStatic(ctx, k)
	default:
		dir, err = c.cache.Ensure(ctx, k.artifact())
	}
	if err != nil {
		return Checkpoint{}, err
	}
	return OpenFolder(dir)
}

// artifact returns the artifact of a checkpoint that a package has in its final form.
func (k known) artifact() fetch.Artifact {
	return fetch.Artifact{Name: k.Name, Dir: checkpointDir(k.Name), Packages: k.pinned, Texts: []fetch.Text{k.text()}}
}

// raw returns the artifact that a checkpoint is built from. Checkpoints that are built from the same files share it.
func (k known) raw() fetch.Artifact {
	p := k.pinned[0]
	return fetch.Artifact{Name: p.Name + "-" + p.Version, Dir: "raw/" + p.Name + "-" + p.Version, Packages: k.pinned}
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
