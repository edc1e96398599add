package fetch

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"w2s/internal/progress"
)

// defaultGitHub is the host that serves the files of public repositories as REPOSITORY/COMMIT/PATH.
const defaultGitHub = "https://raw.githubusercontent.com"

// GitHubFromEnv returns a client for the files of public repositories. The variable W2S_GITHUB names a mirror of the host.
func GitHubFromEnv(getenv func(string) string) *Hub {
	return &Hub{
		Endpoint: strings.TrimRight(strings.TrimSpace(first(getenv("W2S_GITHUB"), defaultGitHub)), "/"),
		Report:   progress.Silent(),
		github:   true,
		client:   newClient(),
		pause:    sleep,
		limits:   optionalLimits,
		tries:    optionalTries,
		quick:    &quickAnswers{},
	}
}

// setting returns the environment variable that names the endpoint.
func (h *Hub) setting() string {
	if h.github {
		return "W2S_GITHUB"
	}
	return "HF_ENDPOINT"
}

// usual returns the default endpoint.
func (h *Hub) usual() string {
	if h.github {
		return defaultGitHub
	}
	return defaultEndpoint
}

// called returns the name of the host for messages.
func (h *Hub) called() string {
	if h.github {
		return "GitHub"
	}
	return "the hub"
}

// getFiles fills the folder out with the members of a package of GitHub, each from the pinned commit and with the pinned sha256.
func (c *Cache) getFiles(ctx context.Context, p Package, out string) error {
	if c.GitHub == nil {
		return errAbsent
	}
	task := c.Report.Start(p.Name, p.Size, progress.Bytes)
	defer task.Done()
	for _, m := range p.Members {
		path := filepath.Join(out, filepath.FromSlash(m.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return explain(err, c.Dir)
		}
		d := hubDownload{
			hub: c.GitHub, ref: HubRef{Repo: p.Name, Revision: p.Version[:min(7, len(p.Version))], GitHub: true}, commit: p.Version,
			file: hubFile{Path: m.From, Size: m.Size, SHA256: m.SHA256}, part: path, task: fixedTotal{task},
		}
		if _, err := d.run(ctx); err != nil {
			return explain(err, c.Dir)
		}
	}
	return nil
}

// A fixedTotal is a task of several downloads, whose total is known before the first one.
type fixedTotal struct{ progress.Task }

// SetTotal implements progress.Task.
func (fixedTotal) SetTotal(int64) {}
