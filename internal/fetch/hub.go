package fetch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
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

	tokenFrom string // the variable or file that gave the token

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
		Endpoint: strings.TrimRight(strings.TrimSpace(first(getenv("HF_ENDPOINT"), defaultEndpoint)), "/"),
		Cache:    first(getenv("HF_HUB_CACHE"), getenv("HUGGINGFACE_HUB_CACHE"), filepath.Join(home, "hub")),
		Offline:  isSet(getenv("HF_HUB_OFFLINE")),
		Report:   progress.Silent(),
		pause:    sleep,
		stall:    30 * time.Second,
	}
	for _, name := range []string{"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"} {
		if token := strings.TrimSpace(getenv(name)); token != "" && h.Token == "" {
			h.Token, h.tokenFrom = token, name
		}
	}
	if h.Token == "" && !isSet(getenv("HF_HUB_DISABLE_IMPLICIT_TOKEN")) {
		file := first(getenv("HF_TOKEN_PATH"), filepath.Join(home, "token"))
		if data, err := os.ReadFile(file); err == nil {
			h.Token, h.tokenFrom = strings.TrimSpace(string(data)), file
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
		return redirectError("more than 10 redirects")
	}
	switch scheme := req.URL.Scheme; {
	case scheme != "https" && scheme != "http", via[0].URL.Scheme == "https" && scheme != "https":
		return redirectError(fmt.Sprintf("redirected from %s to %s://%s: refused", via[0].URL.Scheme, scheme, req.URL.Host))
	}
	if req.URL.Host != via[0].URL.Host {
		req.Header.Del("Authorization")
	}
	return nil
}

// get sends a request, from an offset on where that is above 0.
func (h *Hub) get(ctx context.Context, address string, offset int64) (*http.Response, error) {
	if err := h.checkSettings(); err != nil {
		return nil, err
	}
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
	if err != nil && isLasting(err) {
		return nil, fmt.Errorf("fetch: %w (see HF_ENDPOINT and HTTPS_PROXY)", err)
	}
	if err != nil {
		return nil, transientError{err: err}
	}
	return response, nil
}
