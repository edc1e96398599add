package fetch

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"

	"w2s/internal/visible"
)

// A hubFile is a file of a repository. Exactly one of SHA256 (large files) and GitSHA1 (small files) is set, or none if
// the server gives none.
type hubFile struct {
	Path    string // slash path in the repository
	Size    int64  // bytes; -1 if the server does not say
	SHA256  string // of the content, hex
	GitSHA1 string // the id of the content as a git blob, hex
}

// label returns the file's path for messages. The owner of a repository can give a file any name.
func (f hubFile) label() string { return visible.Line(f.Path) }

// A hubListing is a repository at a commit.
type hubListing struct {
	Commit string
	Files  []hubFile
}

func (l hubListing) find(path string) (hubFile, bool) {
	for _, f := range l.Files {
		if f.Path == path {
			return f, true
		}
	}
	return hubFile{}, false
}

// names lists up to 20 of the files for an error: those for which keep returns true, or any if keep is nil.
func (l hubListing) names(keep func(hubFile) bool) string {
	const most = 20
	var names []string
	for _, f := range l.Files {
		if keep == nil || keep(f) {
			names = append(names, f.label())
		}
	}
	if len(names) == 0 {
		return "nothing"
	}
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), more)
	}
	return strings.Join(names, ", ")
}

// list asks the hub for the files of a repository at the reference's revision.
func (h *Hub) list(ctx context.Context, ref HubRef) (hubListing, error) {
	address := fmt.Sprintf("%s/api/%s/%s/revision/%s?blobs=true", h.Endpoint, ref.kind(), ref.Repo, url.PathEscape(ref.Revision))
	var body []byte
	err := h.try(ctx, ref.String(), func() (int64, error) {
		response, err := h.get(ctx, address, 0)
		if err != nil {
			return 0, err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return 0, h.statusError(response, ref, "")
		}
		body, err = io.ReadAll(io.LimitReader(response.Body, maxListing+1))
		if err != nil {
			return 0, transientError{err: err} // a listing is not resumed, so what was received is no progress
		}
		if len(body) > maxListing {
			return 0, fmt.Errorf("fetch: %s: the hub's list of files has more than %d bytes", ref, maxListing)
		}
		return 0, nil
	})
	if err != nil {
		return hubListing{}, err
	}
	listing, err := parseListing(body)
	if err != nil {
		return hubListing{}, fmt.Errorf("fetch: %s: %s answered with %w (see HF_ENDPOINT)", ref, h.Endpoint, err)
	}
	return listing, nil
}

// parseListing reads the hub's answer about a repository. Its errors continue the sentence "the hub answered with".
func parseListing(body []byte) (hubListing, error) {
	var answer struct {
		SHA      string `json:"sha"`
		Siblings []struct {
			Path   string `json:"rfilename"`
			Size   *int64 `json:"size"`
			BlobID string `json:"blobId"`
			LFS    *struct {
				SHA256 string `json:"sha256"`
				Size   int64  `json:"size"`
			} `json:"lfs"`
		} `json:"siblings"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		what := looksLike(body[:min(len(body), 512)])
		if what == "" {
			what = "something other than the hub's JSON"
		}
		return hubListing{}, fmt.Errorf("%s: %w", what, err)
	}
	if !isCommit(answer.SHA) {
		return hubListing{}, fmt.Errorf("%q as the commit", answer.SHA)
	}
	listing := hubListing{Commit: answer.SHA}
	for _, s := range answer.Siblings {
		if !filepath.IsLocal(filepath.FromSlash(s.Path)) {
			return hubListing{}, fmt.Errorf("a file %q, which is not a path inside the repository: refused", s.Path)
		}
		f := hubFile{Path: s.Path, Size: -1, GitSHA1: s.BlobID}
		if s.Size != nil {
			f.Size = *s.Size
		}
		if s.LFS != nil {
			f.Size, f.SHA256, f.GitSHA1 = s.LFS.Size, s.LFS.SHA256, ""
		}
		if f.Size < -1 {
			return hubListing{}, fmt.Errorf("a file %q of %d bytes", s.Path, f.Size)
		}
		listing.Files = append(listing.Files, f)
	}
	return listing, nil
}
