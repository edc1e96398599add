package fetch

import (
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

const hubPrefix = "hf:"

// IsHubRef reports whether a name is meant as a reference to the Hugging Face hub.
func IsHubRef(name string) bool { return strings.HasPrefix(name, hubPrefix) }

// LooksLikeHubRef reports whether a name would be a reference to a model of the hub, ORG/NAME with or without a revision and a
// variant, if it began with "hf:".
func LooksLikeHubRef(name string) bool {
	ref, err := ParseHubRef(hubPrefix + name)
	return err == nil && !ref.Dataset && strings.Contains(ref.Repo, "/")
}

// A HubRef names a model or a data set of the hub.
type HubRef struct {
	Dataset  bool
	Repo     string // "ORG/NAME", for some old models "NAME"
	Revision string // a branch, tag or commit; "main" if none was given
	File     string // data sets: path of the file
	Variant  string // models: which of the ONNX files, or "safetensors"; "" leaves the choice open
	GitHub   bool   // a repository of GitHub and not of the hub
}

// What the hub allows as the name of a user or a repository, and as a revision.
var (
	repoPattern     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,95}$`)
	revisionPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/+-]{0,254}$`)
)

// ParseHubRef parses "hf:ORG/NAME[@REV][#VARIANT]" or "hf:datasets/ORG/NAME[@REV]/FILE". In the second form a slash in REV
// is written %2F.
func ParseHubRef(s string) (HubRef, error) {
	ref := HubRef{Revision: "main"}
	rest, ok := strings.CutPrefix(s, hubPrefix)
	if !ok {
		return ref, fmt.Errorf("fetch: %q is not a hub reference (hf:ORG/NAME[@REV])", s)
	}
	fail := func(format string, args ...any) (HubRef, error) {
		form := "hf:ORG/NAME[@REV][#VARIANT]"
		if ref.Dataset {
			form = "hf:datasets/ORG/NAME[@REV]/FILE, a slash in REV written %2F"
		}
		return HubRef{}, fmt.Errorf("fetch: %q: %s (%s)", s, fmt.Sprintf(format, args...), form)
	}
	if rest, ref.Dataset = strings.CutPrefix(rest, "datasets/"); ref.Dataset {
		parts := strings.SplitN(rest, "/", 3)
		if len(parts) < 3 || parts[2] == "" {
			return fail("no file is named")
		}
		rest, ref.File = parts[0]+"/"+parts[1], parts[2]
		if path.Clean(ref.File) != ref.File || !filepath.IsLocal(filepath.FromSlash(ref.File)) {
			return fail("%q is not a path inside the data set", ref.File)
		}
	} else {
		rest, ref.Variant, _ = strings.Cut(rest, "#")
	}
	repo, revision, given := strings.Cut(rest, "@")
	if given {
		decoded, err := url.PathUnescape(revision)
		if err != nil || !revisionPattern.MatchString(decoded) || strings.Contains(decoded, "..") {
			return fail("%q is not a revision", revision)
		}
		ref.Revision = decoded
	}
	names := strings.Split(repo, "/")
	if len(names) > 2 || ref.Dataset && len(names) != 2 {
		return fail("%q is not ORG/NAME", repo)
	}
	for _, name := range names {
		if !repoPattern.MatchString(name) || strings.Contains(name, "..") || strings.Contains(name, "--") {
			return fail("%q is not a name on the hub", name)
		}
	}
	ref.Repo = repo
	return ref, nil
}

// String returns the reference in the form that ParseHubRef parses.
func (r HubRef) String() string {
	s := hubPrefix
	if r.GitHub {
		s = "github:"
	}
	if r.Dataset {
		s += "datasets/"
	}
	s += r.Repo
	if r.Revision != "" && r.Revision != "main" {
		s += "@" + strings.ReplaceAll(r.Revision, "/", "%2F")
	}
	if r.File != "" {
		s += "/" + r.File
	}
	if r.Variant != "" {
		s += "#" + r.Variant
	}
	return s
}

// kind returns the hub's word for models or data sets, in addresses and in its cache.
func (r HubRef) kind() string {
	if r.Dataset {
		return "datasets"
	}
	return "models"
}

// folder returns the part of a cache path that names the repository.
func (r HubRef) folder() string { return "hf/" + strings.ReplaceAll(r.Repo, "/", "--") }

var commitPattern = regexp.MustCompile(`^[0-9a-f]{40}$`)

// isCommit reports whether a revision is a full commit, which never moves.
func isCommit(revision string) bool { return commitPattern.MatchString(revision) }
