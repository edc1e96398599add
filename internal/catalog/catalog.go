// Package catalog lists what w2s pins and turns the names that users give into files on this machine. It fetches the files
// with package fetch.
//
// The pins are literals: library.go has the ONNX Runtime library, gpupins.go its build for NVIDIA cards, known.go the checkpoints
// that can be named, and data.go the data that tasks read, public.go that of public repositories. embedded.go adds the checkpoints that are part of the program.
//
// resolve.go turns a name, a hub reference or a path into a checkpoint. folder.go opens a checkpoint's folder, and
// checkpoint.go describes one. findlibrary.go and gpulibrary.go look for the ONNX Runtime library. status.go says what is on this
// machine, for listings and for doctor.
package catalog

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"w2s/internal/fetch"
	"w2s/internal/progress"
	"w2s/internal/suggest"
)

// A BuildStatic function makes a checkpoint of static token vectors. It reads a safetensors file and tokenizer.json in the
// folder raw, and writes model.onnx, tokenizer.json and w2s.json to the folder out. It keeps the first dims dimensions.
type BuildStatic func(ctx context.Context, raw, out string, dims int) error

// Options configure a Catalog. The zero value works.
type Options struct {
	CacheDir string              // "" means W2S_CACHE, or the folder w2s in the user's cache folder
	Offline  bool                // fetch nothing; also set by W2S_OFFLINE
	Local    []string            // folders with archives that the user provides; W2S_LOCAL adds to them
	Report   progress.Reporter   // nil is silent
	Static   BuildStatic         // makes the checkpoints of static vectors; nil means that they are not available
	Embedded fs.FS               // checkpoints that are part of the program, one folder each; may be nil
	Getenv   func(string) string // nil means os.Getenv

	// Prefer is the form to take of a hub repository that has both (see fetch.ModelRequest).
	Prefer fetch.Form
	// CheckONNX returns why an ONNX file gives no vectors of texts (see fetch.ModelRequest). It may be nil.
	CheckONNX func(model, config string) error
}

// A Catalog finds and fetches checkpoints, data and the ONNX Runtime library. It implements tasks.Source.
type Catalog struct {
	cache    *fetch.Cache
	hub      *fetch.Hub
	static   BuildStatic
	embedded fs.FS
	getenv   func(string) string
	gpu      gpuPins

	prefer    fetch.Form
	checkONNX func(model, config string) error
}

// Open returns a catalog that uses a cache folder. It reads the environment and writes nothing.
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
	cache.Hub = hub
	cache.GitHub = fetch.GitHubFromEnv(getenv)
	cache.GitHub.Report = cache.Report
	return &Catalog{cache: cache, hub: hub, static: o.Static, embedded: o.Embedded, getenv: getenv,
		gpu: pinnedGPU(runtime.GOOS, runtime.GOARCH), prefer: o.Prefer, checkONNX: o.CheckONNX}, nil
}

// CacheDir returns the cache folder.
func (c *Catalog) CacheDir() string { return c.cache.Dir }

// Path implements tasks.Source. It returns the local folder of a pinned data set, the local path of one of its files, or the
// local path of a hub reference ("hf:datasets/ORG/NAME@REV/file"). It fetches what is not here. A question mark before a hub
// reference says that the caller has another source, so that a hub that is silent is given up soon.
func (c *Catalog) Path(ctx context.Context, artifact string) (string, error) {
	hub := c.hub
	if rest, ok := strings.CutPrefix(artifact, "?"); ok {
		artifact, hub = rest, c.hub.Optional()
	}
	if fetch.IsHubRef(artifact) {
		ref, err := fetch.ParseHubRef(artifact)
		if err != nil {
			return "", err
		}
		return c.cache.HubFile(ctx, hub, ref)
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

// List implements tasks.Lister. It returns the files of a data set on the hub, "hf:datasets/ORG/NAME@REV".
func (c *Catalog) List(ctx context.Context, dataset string) ([]string, error) {
	ref, err := fetch.ParseHubRef(dataset + "/any")
	if err != nil {
		return nil, err
	}
	return c.cache.HubFiles(ctx, c.hub, ref)
}

// Pin implements tasks.Pinner.
func (c *Catalog) Pin(artifact string) (sha256, path string, ok bool) {
	for _, d := range datasets() {
		file, ok := d.files[artifact]
		if !ok {
			continue
		}
		for _, m := range d.artifact.Packages[0].Members {
			if m.Name == file {
				return m.SHA256, filepath.Join(c.cache.Dir, filepath.FromSlash(d.artifact.Dir), file), true
			}
		}
	}
	return "", "", false
}

// Find implements tasks.Finder. It returns the path of a file that Path would return without fetching anything.
func (c *Catalog) Find(artifact string) (string, bool) {
	cache, hub := *c.cache, *c.hub
	cache.Offline, cache.Local, cache.Hub, hub.Cache = true, nil, nil, ""
	there := Catalog{cache: &cache, hub: &hub}
	path, err := there.Path(context.Background(), artifact)
	return path, err == nil
}

func isTrue(value string) bool {
	switch strings.ToLower(value) {
	case "1", "true", "yes", "on":
		return true
	}
	return false
}

// unknown ends an error about an unknown name. It suggests the nearest known name, if one is near, and lists all of them.
func unknown(name string, known []string) string {
	slices.Sort(known)
	have := "have: " + strings.Join(known, ", ")
	if near := suggest.Nearest(name, known); near != "" {
		return fmt.Sprintf(" (did you mean %q? %s)", near, have)
	}
	return fmt.Sprintf(" (%s)", have)
}
