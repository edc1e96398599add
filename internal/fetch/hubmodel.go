package fetch

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
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
		wanted: func(r record) []string { return slices.Collect(maps.Keys(r.Files)) },
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
		wanted: func(r record) []string {
			if _, ok := r.Files[ref.File]; !ok {
				return nil
			}
			return []string{ref.File}
		},
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
