package fetch

import (
	"context"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// HubModel brings a checkpoint from the hub into the cache and returns its folder: one ONNX file and the files that it
// keeps weights in, under their paths in the repository, and tokenizer.json and the configuration files, which lie at the
// top of the folder even where the repository has them beside the ONNX file only. Describe makes one more file that tells
// which ONNX file it is.
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
		wanted: wantedOfModel,
		pick: func(l hubListing) ([]pickedFile, []Text, error) {
			files, err := pickModel(ref, l)
			if err != nil {
				return nil, nil, err
			}
			return files, []Text{describe(l.Commit, files[0].Path)}, nil
		},
		follow: func(l hubListing, picked []stagedFile) ([]pickedFile, error) {
			files, err := pickWeights(ref, l, picked[0])
			return append(files, pickModules(l, picked)...), err
		},
	})
}

// wantedOfModel is all that a model's folder holds, unless it was fetched by a version that left out what the model needs.
func wantedOfModel(dir string, r record) []string {
	if _, ok := r.Files[tokenizerFile]; !ok {
		return nil
	}
	for name := range r.Files {
		if !isONNX(name) {
			continue
		}
		weights, err := externalFiles(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			continue // damaged, as its sum will tell
		}
		for _, w := range weights {
			if _, ok := r.Files[path.Join(path.Dir(name), w)]; !ok {
				return nil
			}
		}
	}
	return slices.Collect(maps.Keys(r.Files))
}

// HubFile brings one file of a data set from the hub into the cache and returns its path.
func (c *Cache) HubFile(ctx context.Context, h *Hub, ref HubRef) (string, error) {
	if !ref.Dataset {
		return "", fmt.Errorf("fetch: %s is a model, not a file of a data set (hf:datasets/ORG/NAME[@REV]/FILE)", ref)
	}
	dir, err := c.hubFolder(ctx, h, hubRequest{
		ref:    ref,
		folder: func(commit string) string { return "data/" + ref.folder() + "/" + commit[:12] },
		wanted: func(_ string, r record) []string {
			if _, ok := r.Files[ref.File]; !ok {
				return nil
			}
			return []string{ref.File}
		},
		pick: func(l hubListing) ([]pickedFile, []Text, error) {
			f, ok := l.find(ref.File)
			if !ok {
				return nil, nil, fmt.Errorf("fetch: %s: there is no such file (there are: %s)", ref, l.names(nil))
			}
			return []pickedFile{{f, f.Path}}, nil, nil
		},
	})
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, filepath.FromSlash(ref.File)), nil
}

// folder is the part of a cache path that names the repository.
func (r HubRef) folder() string { return "hf/" + strings.ReplaceAll(r.Repo, "/", "--") }
