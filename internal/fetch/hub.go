package fetch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"w2s/internal/progress"
)

// A Hub speaks the Hugging Face hub's protocol: an address that lists a repository's files at a revision, and one that
// resolves a file, often by a redirect to a storage host.
type Hub struct {
	Endpoint string // without a slash at the end
	Token    string // sent to the endpoint only, never to hosts it redirects to
	Cache    string // the hub's own cache folder, which is read and never written
	Offline  bool
	Report   progress.Reporter // never nil after HubFromEnv

	client *http.Client
	pause  func(ctx context.Context, d time.Duration) error // between tries
	stall  time.Duration                                    // a download without a byte for so long is tried again
}

const (
	defaultEndpoint = "https://huggingface.co"
	hubTries        = 6
	maxPause        = 5 * time.Minute
	maxListing      = 64 << 20 // bytes of an answer about a repository
)

// HubFromEnv returns the hub as the environment describes it, by the variables that Hugging Face's own library reads:
// HF_ENDPOINT, HF_TOKEN, HF_TOKEN_PATH, HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE.
func HubFromEnv(getenv func(string) string) *Hub {
	home := getenv("HF_HOME")
	if home == "" {
		cache := getenv("XDG_CACHE_HOME")
		if cache == "" {
			user, _ := os.UserHomeDir() // without one there is no cache to read, which is no fault
			cache = filepath.Join(user, ".cache")
		}
		home = filepath.Join(cache, "huggingface")
	}
	h := &Hub{
		Endpoint: strings.TrimRight(first(getenv("HF_ENDPOINT"), defaultEndpoint), "/"),
		Token:    strings.TrimSpace(first(getenv("HF_TOKEN"), getenv("HUGGING_FACE_HUB_TOKEN"))),
		Cache:    first(getenv("HF_HUB_CACHE"), getenv("HUGGINGFACE_HUB_CACHE"), filepath.Join(home, "hub")),
		Offline:  isSet(getenv("HF_HUB_OFFLINE")),
		Report:   progress.Silent(),
		pause:    sleep,
		stall:    30 * time.Second,
	}
	if h.Token == "" && !isSet(getenv("HF_HUB_DISABLE_IMPLICIT_TOKEN")) {
		if data, err := os.ReadFile(first(getenv("HF_TOKEN_PATH"), filepath.Join(home, "token"))); err == nil {
			h.Token = strings.TrimSpace(string(data))
		}
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = time.Minute
	transport.DisableCompression = true // sizes and sums are those of the bytes as they lie on the hub
	h.client = &http.Client{Transport: transport, CheckRedirect: checkRedirect}
	return h
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

func isSet(value string) bool {
	return slices.Contains([]string{"1", "TRUE", "YES", "ON"}, strings.ToUpper(value))
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// checkRedirect keeps the token from every host but the first: signed storage addresses need none, and it is not theirs
// to know. Go's own rule lets it through to subdomains and other ports.
func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) >= 10 {
		return errors.New("more than 10 redirects")
	}
	if via[0].URL.Scheme == "https" && req.URL.Scheme != "https" {
		return fmt.Errorf("redirected from https to %s://%s: refused", req.URL.Scheme, req.URL.Host)
	}
	if req.URL.Host != via[0].URL.Host {
		req.Header.Del("Authorization")
	}
	return nil
}

// hubFile is a file of a repository. Exactly one of SHA256 (large files) and GitSHA1 (small ones) is set, unless the
// server tells neither.
type hubFile struct {
	Path    string
	Size    int64 // -1: not told
	SHA256  string
	GitSHA1 string
}

// listing is a repository at a commit.
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

// list asks the hub for the files of a repository at the reference's revision.
func (h *Hub) list(ctx context.Context, ref HubRef) (hubListing, error) {
	address := fmt.Sprintf("%s/api/%s/%s/revision/%s?blobs=true", h.Endpoint, ref.kind(), ref.Repo, url.PathEscape(ref.Revision))
	var body []byte
	err := h.try(ctx, ref.String(), func() (bool, error) {
		response, err := h.get(ctx, address, 0)
		if err != nil {
			return false, err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return false, h.statusError(response, ref, "")
		}
		body, err = io.ReadAll(io.LimitReader(response.Body, maxListing+1))
		if err != nil {
			return false, transientError{err: err}
		}
		if len(body) > maxListing {
			return false, fmt.Errorf("fetch: %s: the hub's list of files has more than %d bytes", ref, maxListing)
		}
		return false, nil
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

// parseListing reads the hub's answer about a repository.
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
			what = "not the hub's JSON"
		}
		return hubListing{}, fmt.Errorf("%s: %w", what, err)
	}
	if !isCommit(answer.SHA) {
		return hubListing{}, fmt.Errorf("%q as the commit", answer.SHA)
	}
	listing := hubListing{Commit: answer.SHA}
	for _, s := range answer.Siblings {
		if !filepath.IsLocal(filepath.FromSlash(s.Path)) {
			return hubListing{}, fmt.Errorf("a file %q, which is no path: refused", s.Path)
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

// get sends a request, from an offset on where that is above 0.
func (h *Hub) get(ctx context.Context, address string, offset int64) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("fetch: %w (see HF_ENDPOINT)", err)
	}
	request.Header.Set("User-Agent", "w2s ("+runtime.GOOS+"; Go)")
	if h.Token != "" {
		request.Header.Set("Authorization", "Bearer "+h.Token)
	}
	if offset > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
	}
	response, err := h.client.Do(request)
	if unknown := (*net.DNSError)(nil); errors.As(err, &unknown) && unknown.IsNotFound {
		return nil, fmt.Errorf("fetch: the hub cannot be reached: %w (no network? a proxy is named by HTTPS_PROXY, another hub by HF_ENDPOINT)", errNoNetwork{err})
	}
	if err != nil {
		return nil, transientError{err: err}
	}
	return response, nil
}

// errNoNetwork is the fault of a hub whose name is not known here.
type errNoNetwork struct{ error }

func (e errNoNetwork) Unwrap() error { return e.error }

// transientError is a fault that may be gone at the next try.
type transientError struct {
	err   error
	after time.Duration // what the server asked for; 0: nothing
}

func (e transientError) Error() string { return e.err.Error() }
func (e transientError) Unwrap() error { return e.err }

// try calls f until it works, fails for good, or failed hubTries times in a row without progress.
func (h *Hub) try(ctx context.Context, what string, f func() (progress bool, err error)) error {
	for n := 1; ; n++ {
		progressed, err := f()
		var transient transientError
		if err == nil || !errors.As(err, &transient) {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("fetch: %s: %w", what, ctx.Err())
		}
		if progressed {
			n = 1
		}
		if n == hubTries {
			return fmt.Errorf("fetch: %s: gave up after %d tries: %w (try again later: what came so far is kept; without a network use --offline)", what, n, err)
		}
		pause := transient.after
		if pause == 0 {
			pause = time.Duration(1<<(n-1)) * time.Second
			pause += rand.N(pause / 2) // so that the jobs of a cluster do not come back all at once
		}
		if pause > maxPause {
			return fmt.Errorf("fetch: %s: %w (the hub asks to wait %s: try again then, or set HF_TOKEN for a higher limit)", what, err, pause)
		}
		h.Report.Print(fmt.Sprintf("%s: %v; trying again in %s", what, err, pause.Round(time.Second/10)))
		if err := h.pause(ctx, pause); err != nil {
			return fmt.Errorf("fetch: %s: %w", what, err)
		}
	}
}

// statusError turns an answer other than success into an error with a way out.
func (h *Hub) statusError(response *http.Response, ref HubRef, file string) error {
	what := ref.String()
	if file != "" {
		what += ": " + file
	}
	code, detail := response.Header.Get("X-Error-Code"), response.Header.Get("X-Error-Message")
	status := response.Status
	if detail != "" {
		status += ": " + detail
	}
	page := h.Endpoint + "/" + ref.Repo
	if ref.Dataset {
		page = h.Endpoint + "/datasets/" + ref.Repo
	}
	switch s := response.StatusCode; {
	case code == "GatedRepo", s == http.StatusForbidden:
		return fmt.Errorf("fetch: %s: %s (gated or not yours: accept its conditions at %s, and set HF_TOKEN to a token that may read it)", what, status, page)
	case s == http.StatusUnauthorized:
		if h.Token == "" {
			return fmt.Errorf("fetch: %s: %s (there is no such repository, or it is private or gated: check the name at %s, or set HF_TOKEN)", what, status, page)
		}
		return fmt.Errorf("fetch: %s: %s (the token was refused: set HF_TOKEN to a valid one, or check the name at %s)", what, status, page)
	case code == "RevisionNotFound":
		return fmt.Errorf("fetch: %s: %s (there is no revision %q: see %s)", what, status, ref.Revision, page)
	case s == http.StatusNotFound:
		return fmt.Errorf("fetch: %s: %s (looked for %s: check the name at %s)", what, status, response.Request.URL.Redacted(), page)
	case s == http.StatusTooManyRequests, s >= 500, s == http.StatusRequestTimeout:
		return transientError{fmt.Errorf("%s answered %s", response.Request.URL.Host, status), retryAfter(response, time.Now())}
	}
	return fmt.Errorf("fetch: %s: %s answered %s", what, response.Request.URL.Host, status)
}

// retryAfter reads the header of that name: seconds or a date.
func retryAfter(response *http.Response, now time.Time) time.Duration {
	value := response.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil && seconds > 0 && seconds < 1<<31 {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}
