package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"w2s/internal/fetch"
)

// Resolve turns what a user calls a checkpoint into files on this machine, fetching it where that is allowed and needed.
// It takes a name of the catalog, a hub reference ("hf:ORG/NAME[@REV][#VARIANT]") or a folder that holds an ONNX file
// and tokenizer.json.
func (c *Catalog) Resolve(ctx context.Context, name string) (Checkpoint, error) {
	if fetch.IsHubRef(name) {
		return c.resolveHub(ctx, name, false)
	}
	for _, k := range checkpoints() {
		if strings.EqualFold(k.Name, name) {
			return c.resolveKnown(ctx, k)
		}
	}
	info, err := os.Stat(name)
	switch {
	case err == nil && info.IsDir():
		return OpenFolder(name)
	case err == nil && strings.HasSuffix(name, ".onnx"):
		return Checkpoint{}, fmt.Errorf("catalog: %s is a file: give the folder that holds it and its tokenizer.json", name)
	case err == nil:
		return Checkpoint{}, fmt.Errorf("catalog: %s is a file, not a checkpoint's folder", name)
	case strings.ContainsAny(name, `/\`):
		return Checkpoint{}, fmt.Errorf("catalog: no folder %s (a model of the hub is written hf:ORG/NAME)", name)
	}
	return Checkpoint{}, fmt.Errorf("catalog: unknown checkpoint %q%s", name, suggest(name, names()))
}

// Pull is Resolve, except that a hub reference without a commit is looked up anew: it moves to the newest commit.
func (c *Catalog) Pull(ctx context.Context, name string) (Checkpoint, error) {
	if fetch.IsHubRef(name) {
		return c.resolveHub(ctx, name, true)
	}
	return c.Resolve(ctx, name)
}

func names() []string {
	var all []string
	for _, k := range checkpoints() {
		all = append(all, k.Name)
	}
	return all
}

func (c *Catalog) resolveKnown(ctx context.Context, k known) (Checkpoint, error) {
	var dir string
	var err error
	switch {
	case k.pinned == nil:
		dir = filepath.Join(c.cache.Dir, filepath.FromSlash(checkpointDir(k.Name)))
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			return Checkpoint{}, fmt.Errorf("catalog: %s is in no package as an ONNX file: %s", k.Name, k.wayOut)
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

// artifact is the checkpoint of a package that holds it as it is.
func (k known) artifact() fetch.Artifact {
	return fetch.Artifact{Name: k.Name, Dir: checkpointDir(k.Name), Packages: k.pinned, Texts: []fetch.Text{k.text()}}
}

// raw is what a checkpoint is built from. Checkpoints that are built from the same files share it.
func (k known) raw() fetch.Artifact {
	p := k.pinned[0]
	return fetch.Artifact{Name: p.Name + "-" + p.Version, Dir: "raw/" + p.Name + "-" + p.Version, Packages: k.pinned}
}

// buildVersion grows when the same raw files would give another model.
const buildVersion = 1

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

// describeBuilt completes the builder's description with what only the catalog knows, and keeps all else that it says.
func (k known) describeBuilt(out string) error {
	path := filepath.Join(out, DescriptionFile)
	data, err := os.ReadFile(path)
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
	return os.WriteFile(path, append(data, '\n'), 0o644)
}

// maxDescription is far more than a description needs.
const maxDescription = 1 << 20

// readDescription reads a folder's w2s.json; a folder without one has the zero Description.
func readDescription(dir string) (Description, error) {
	path := filepath.Join(dir, DescriptionFile)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Description{}, nil
	}
	if err != nil {
		return Description{}, fmt.Errorf("catalog: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxDescription+1))
	if err != nil {
		return Description{}, fmt.Errorf("catalog: %w", err)
	}
	if len(data) > maxDescription {
		return Description{}, fmt.Errorf("catalog: %s has more than %d bytes: not a checkpoint's description", path, maxDescription)
	}
	var d Description
	if err := json.Unmarshal(data, &d); err != nil {
		return Description{}, fmt.Errorf("catalog: %s: %w (correct it, or remove it)", path, err)
	}
	if d.Format != 1 {
		return Description{}, fmt.Errorf("catalog: %s: format %d is not known here, only 1 (a newer w2s wrote it?)", path, d.Format)
	}
	if !filepath.IsLocal(filepath.FromSlash(d.Model)) && d.Model != "" {
		return Description{}, fmt.Errorf("catalog: %s: model %q is not a path below the folder", path, d.Model)
	}
	return d, nil
}

// OpenFolder checks a folder that holds an ONNX file and tokenizer.json. The ONNX file is the one that w2s.json names,
// model.onnx, onnx/model.onnx, or the only one there is.
func OpenFolder(dir string) (Checkpoint, error) {
	d, err := readDescription(dir)
	if err != nil {
		return Checkpoint{}, err
	}
	model, err := findModel(dir, d)
	if err != nil {
		return Checkpoint{}, err
	}
	if err := checkModel(model); err != nil {
		return Checkpoint{}, err
	}
	tokenizer, err := findTokenizer(dir, model)
	if err != nil {
		return Checkpoint{}, err
	}
	name := d.Name
	if name == "" {
		name = dir
	}
	return Checkpoint{Name: name, Dir: dir, Model: model, Tokenizer: tokenizer, Description: d}, nil
}

func findModel(dir string, d Description) (string, error) {
	if d.Model != "" {
		return d.modelPath(dir), nil
	}
	for _, name := range []string{"model.onnx", "onnx/model.onnx"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	var found []string
	for _, pattern := range []string{"*.onnx", "onnx/*.onnx"} {
		paths, err := filepath.Glob(filepath.Join(escapeGlob(dir), pattern))
		if err != nil {
			return "", fmt.Errorf("catalog: %w", err)
		}
		found = append(found, paths...)
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return "", fmt.Errorf("catalog: %s holds %d ONNX files (%s): rename the one to use to model.onnx, or name it in %s as \"model\"",
			dir, len(found), strings.Join(bases(found), ", "), DescriptionFile)
	}
	return "", fmt.Errorf("catalog: %s holds no ONNX file (export one: optimum-cli export onnx --model MODEL %s)%s", dir, dir, otherWeights(dir))
}

// otherWeights names weights that must be exported first.
func otherWeights(dir string) string {
	for _, pattern := range []string{"*.safetensors", "*.bin", "*.gguf", "*.pt"} {
		if paths, _ := filepath.Glob(filepath.Join(escapeGlob(dir), pattern)); len(paths) > 0 {
			return ": " + filepath.Base(paths[0]) + " is not read"
		}
	}
	return ""
}

// escapeGlob keeps the signs of a folder's own name from being a pattern.
func escapeGlob(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

func bases(paths []string) []string {
	names := make([]string, len(paths))
	for i, p := range paths {
		names[i] = filepath.Base(p)
	}
	slices.Sort(names)
	return names
}

// checkModel catches what is certainly no ONNX file, by its first bytes: ONNX Runtime would only say that parsing failed.
func checkModel(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("catalog: %w", err)
	}
	defer f.Close()
	head := make([]byte, 512)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("catalog: %s: %w", path, err)
	}
	head = head[:n]
	switch {
	case n == 0:
		return fmt.Errorf("catalog: %s is empty (fetch it again)", path)
	case fetch.LFSPointer(head):
		return fmt.Errorf("catalog: %s is a Git LFS pointer, not the model (run git lfs pull in the folder it came from, or w2s models pull hf:ORG/NAME)", path)
	case isText(head):
		return fmt.Errorf("catalog: %s is a text file, not an ONNX model (it begins %.30q)", path, head)
	}
	return nil
}

// isText says whether head is all printable: an ONNX file begins with the field number and value of ir_version.
func isText(head []byte) bool {
	for _, b := range head {
		if b < 0x20 && b != '\n' && b != '\r' && b != '\t' || b == 0x7f {
			return false
		}
	}
	return true
}

func findTokenizer(dir, model string) (string, error) {
	for _, path := range []string{filepath.Join(dir, "tokenizer.json"), filepath.Join(filepath.Dir(model), "tokenizer.json")} {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("catalog: %w", err)
		}
		if !info.Mode().IsRegular() {
			return "", fmt.Errorf("catalog: %s is not a file", path)
		}
		return path, checkTokenizer(path)
	}
	other := ""
	for _, name := range []string{"vocab.txt", "vocab.json", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			other = ": " + name + " alone is not read"
			break
		}
	}
	return "", fmt.Errorf("catalog: %s holds no tokenizer.json%s (make one in Python: AutoTokenizer.from_pretrained(MODEL).save_pretrained(%q))", dir, other, dir)
}

// checkTokenizer catches what is certainly no tokenizer.json; whether it can be used is the tokenizer's to say.
func checkTokenizer(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("catalog: %w", err)
	}
	defer f.Close()
	head := make([]byte, 512)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("catalog: %s: %w", path, err)
	}
	head = head[:n]
	if fetch.LFSPointer(head) {
		return fmt.Errorf("catalog: %s is a Git LFS pointer, not the tokenizer (run git lfs pull in the folder it came from)", path)
	}
	if trimmed := strings.TrimLeft(strings.TrimPrefix(string(head), "\ufeff"), " \t\r\n"); !strings.HasPrefix(trimmed, "{") {
		return fmt.Errorf("catalog: %s is not a JSON object (it begins %.30q)", path, head)
	}
	return nil
}
