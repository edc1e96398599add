// Package catalog holds what is pinned (the ONNX Runtime library, the checkpoints that can be named, the data that tasks
// read) and turns the names that users give into files on this machine.
package catalog

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"w2s/internal/fetch"
	"w2s/internal/progress"
)

// BuildStatic turns the raw files of static token vectors (a safetensors file and tokenizer.json in the folder raw) into
// model.onnx, tokenizer.json and w2s.json in the folder out, keeping the first dims dimensions.
type BuildStatic func(ctx context.Context, raw, out string, dims int) error

// Options configure a Catalog. The zero value works.
type Options struct {
	CacheDir string            // "" means W2S_CACHE, or the folder w2s in the user's cache folder
	Offline  bool              // fetch nothing; also set by W2S_OFFLINE
	Local    []string          // folders with archives that were brought in by hand; W2S_LOCAL adds to them
	Report   progress.Reporter // nil is silent
	Static   BuildStatic       // makes the checkpoints of static vectors; without it they cannot be had
	Embedded fs.FS             // checkpoints that are part of the program, a folder each
	Getenv   func(string) string
}

// A Catalog finds and fetches. It implements tasks.Source.
type Catalog struct {
	cache    *fetch.Cache
	hub      *fetch.Hub
	static   BuildStatic
	embedded fs.FS
	getenv   func(string) string
}

// Open returns a catalog over a cache folder. It reads the environment and touches nothing else.
func Open(o Options) (*Catalog, error) {
	getenv := o.Getenv
	if getenv == nil {
		getenv = os.Getenv
	}
	dir := o.CacheDir
	if dir == "" {
		dir = getenv("W2S_CACHE")
	}
	cache, err := fetch.Open(dir, o.Report)
	if err != nil {
		return nil, err
	}
	cache.Offline = o.Offline || isTrue(getenv("W2S_OFFLINE"))
	cache.Local = append(cache.Local, o.Local...)
	cache.Local = append(cache.Local, filepath.SplitList(getenv("W2S_LOCAL"))...)
	hub := fetch.HubFromEnv(getenv)
	hub.Report = cache.Report
	return &Catalog{cache: cache, hub: hub, static: o.Static, embedded: o.Embedded, getenv: getenv}, nil
}

// CacheDir returns the cache folder.
func (c *Catalog) CacheDir() string { return c.cache.Dir }

// Path implements tasks.Source: the local folder of pinned data, or the local file of a hub reference
// ("hf:datasets/ORG/NAME@REV/file").
func (c *Catalog) Path(ctx context.Context, artifact string) (string, error) {
	if fetch.IsHubRef(artifact) {
		ref, err := fetch.ParseHubRef(artifact)
		if err != nil {
			return "", err
		}
		return c.cache.HubFile(ctx, c.hub, ref)
	}
	var names []string
	for _, d := range datasets() {
		if artifact == d.artifact.Name {
			return c.cache.Ensure(ctx, d.artifact)
		}
		names = append(names, d.artifact.Name)
		for name, file := range d.files {
			if artifact != name {
				names = append(names, name)
				continue
			}
			dir, err := c.cache.Ensure(ctx, d.artifact)
			if err != nil {
				return "", err
			}
			return filepath.Join(dir, file), nil
		}
	}
	return "", fmt.Errorf("catalog: unknown data %q%s", artifact, unknown(artifact, names))
}

func isTrue(value string) bool {
	switch strings.ToLower(value) {
	case "1", "true", "yes", "on":
		return true
	}
	return false
}
