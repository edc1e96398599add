package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"w2s/internal/fetch"
)

// embeddedFiles are the files of each checkpoint that is part of the program.
var embeddedFiles = []string{"model.onnx", "tokenizer.json", "config.json", DescriptionFile}

// embeddedNames lists the checkpoints that are part of the program.
func (c *Catalog) embeddedNames() []string {
	if c.embedded == nil {
		return nil
	}
	models, err := fs.Glob(c.embedded, "*/model.onnx")
	if err != nil {
		return nil // only a bad pattern is an error
	}
	names := make([]string, len(models))
	for i, m := range models {
		names[i] = filepath.Dir(m)
	}
	slices.Sort(names)
	return names
}

// embeddedMade describes the cache folder that a checkpoint of the program is unpacked to, because ONNX Runtime reads files.
func (c *Catalog) embeddedMade(name string) (fetch.Made, error) {
	key := sha256.New()
	contents := map[string][]byte{}
	for _, file := range embeddedFiles {
		data, err := fs.ReadFile(c.embedded, name+"/"+file)
		if err != nil {
			return fetch.Made{}, fmt.Errorf("catalog: %s, which is part of this program: %w", name, err)
		}
		contents[file] = data
		fmt.Fprintf(key, "%s %x\n", file, sha256.Sum256(data))
	}
	return fetch.Made{
		Name: name, Dir: checkpointDir(name), Files: embeddedFiles, Key: hex.EncodeToString(key.Sum(nil)),
		Make: func(_ context.Context, out string) error {
			// Files are written in place, because out is a staging folder.
			for file, data := range contents {
				if err := os.WriteFile(filepath.Join(out, file), data, 0o644); err != nil {
					return err
				}
			}
			return nil
		},
	}, nil
}

// resolveEmbedded unpacks a checkpoint of the program into the cache and opens it.
func (c *Catalog) resolveEmbedded(ctx context.Context, name string) (Checkpoint, error) {
	made, err := c.embeddedMade(name)
	if err != nil {
		return Checkpoint{}, err
	}
	dir, err := c.cache.EnsureMade(ctx, made)
	if err != nil {
		return Checkpoint{}, err
	}
	return OpenFolder(dir)
}

// embeddedState returns the state of a checkpoint of the program, which is always ready.
func (c *Catalog) embeddedState(ctx context.Context, name string, full bool) (State, error) {
	made, err := c.embeddedMade(name)
	if err != nil {
		return State{}, err
	}
	status := c.cache.StatusMade(ctx, made, full)
	s := State{Name: name, Title: "chess language model, made by this project", Licence: "MIT", Source: "part of this program",
		Ready: true, Dir: status.Dir, Bytes: status.Bytes, Faults: status.Faults}
	if len(s.Faults) > 0 {
		s.WayOut = "nothing to do: it is unpacked again when it is used"
	}
	if s.Bytes == 0 {
		for _, file := range embeddedFiles {
			if info, err := fs.Stat(c.embedded, name+"/"+file); err == nil {
				s.Bytes += info.Size()
			}
		}
	}
	return s, nil
}
