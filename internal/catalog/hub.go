package catalog

import (
	"context"
	"strings"

	"w2s/internal/fetch"
)

// resolveHub brings a model of the hub. Pooling, output and length are left to the repository's own files.
func (c *Catalog) resolveHub(ctx context.Context, name string, refresh bool) (Checkpoint, error) {
	ref, err := fetch.ParseHubRef(name)
	if err != nil {
		return Checkpoint{}, err
	}
	dir, err := c.cache.HubModel(ctx, c.hub, ref, refresh, func(commit, model string) fetch.Text {
		pinned := ref
		pinned.Revision = commit
		return Description{Name: pinned.String(), Model: model, Prefix: hubPrefix(ref.Repo), Source: ref.Repo + " " + commit}.text()
	})
	if err != nil {
		return Checkpoint{}, err
	}
	return OpenFolder(dir)
}

// hubPrefix returns what a model's card asks to put before a text whose vector is used as features. The repository's
// files do not tell it.
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
