package fetch

import (
	"context"
	"errors"
	"fmt"
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

	"w2s/internal/inputfile"
	"w2s/internal/progress"
)

// A Hub is a client of the Hugging Face hub's protocol: one address lists a repository's files at a revision, another
// serves a file, often by a redirect to a storage host.
type Hub struct {
	Endpoint string // without a slash at the end
	Token    string // sent to the endpoint only, never to hosts that it redirects to
	Cache    string // the cache folder of Hugging Face's own library, which is read and never written
	Offline  bool
	Report   progress.Reporter // never nil after HubFromEnv

	tokenFrom string // the variable or file that gave the token

	github bool // serves the files of GitHub's repositories instead, see GitHubFromEnv

	client *http.Client
	pause  func(ctx context.Context, d time.Duration) error // waits between tries
	limits limits                                           // on each exchange; one that exceeds them is tried again
	tries  int                                              // number of tries without progress
	quick  *quickAnswers                                    // what the hub answered where it need not be waited for
	// optional says that what is fetched has other sources, so that the hub is not waited for.
	optional bool
}

const (
	defaultEndpoint = "https://huggingface.co"
	hubTries        = 6
	maxPause        = 5 * time.Minute
	maxListing      = 64 << 20 // bytes of an answer about a repository
)

// HubFromEnv returns the hub that the environment describes, by the variables that Hugging Face's own library reads:
// HF_ENDPOINT, HF_TOKEN, HF_TOKEN_PATH, HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE.
func HubFromEnv(getenv func(string) string) *Hub {
	home := getenv("HF_HOME")
	if home == "" {
		cache := getenv("XDG_CACHE_HOME")
		if cache == "" {
			user, _ := os.UserHomeDir() // without a home folder there is no cache to read, which is no error
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
		limits:   usualLimits,
		tries:    hubTries,
		quick:    &quickAnswers{},
	}
	for _, name := range []string{"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"} {
		if token := strings.TrimSpace(getenv(name)); token != "" && h.Token == "" {
			h.Token, h.tokenFrom = token, name
		}
	}
	if h.Token == "" && !isSet(getenv("HF_HUB_DISABLE_IMPLICIT_TOKEN")) {
		file := first(getenv("HF_TOKEN_PATH"), filepath.Join(home, "token"))
		if data, err := inputfile.Read(file, maxRecord); err == nil {
			h.Token, h.tokenFrom = strings.TrimSpace(string(data)), file
		}
	}
	h.client = newClient()
	return h
}

func newClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableCompression = true // sizes and checksums are of the uncompressed bytes
	return &http.Client{Transport: transport, CheckRedirect: checkRedirect}
}

// first returns the first value that is not empty.
func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// isSet reports whether Hugging Face's library takes the value of a variable for true.
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

// A SettingError is a fault of an environment variable. Nothing can be fetched until it is corrected.
type SettingError struct{ error }

func (e SettingError) Unwrap() error { return e.error }

// checkSettings checks what the environment says about the hub, before any request is sent.
func (h *Hub) checkSettings() error {
	if fault := endpointFault(h.Endpoint); fault != "" {
		return SettingError{fmt.Errorf("fetch: %s %s: want an address such as %s or http://localhost:8080", h.setting(), fault, h.usual())}
	}
	// No message shows the token itself.
	if strings.ContainsFunc(h.Token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return SettingError{fmt.Errorf("fetch: the token in %s contains a space, a line break or another character that no token has (a token is one word, such as hf_...)", h.tokenFrom)}
	}
	// http.Transport reads the proxy's variables again for each request. This finds their faults first.
	request := &http.Request{URL: &url.URL{Scheme: "https", Host: "hub.invalid"}}
	if strings.HasPrefix(h.Endpoint, "http://") {
		request.URL.Scheme = "http"
	}
	if _, err := http.ProxyFromEnvironment(request); err != nil {
		return SettingError{fmt.Errorf("fetch: HTTPS_PROXY or HTTP_PROXY: %w", err)}
	}
	return nil
}

// endpointFault says why an address cannot be a hub's, or returns "".
func endpointFault(address string) string {
	u, err := url.Parse(address)
	var fault *url.Error
	switch {
	case errors.As(err, &fault):
		return fmt.Sprintf("is not a valid address (%v)", fault.Err) // without the address, which may contain a password
	case err != nil:
		return "is not a valid address"
	case u.Scheme != "https" && u.Scheme != "http", u.Opaque != "":
		return fmt.Sprintf("%q does not begin with https:// or http://", u.Redacted())
	case u.Hostname() == "":
		return fmt.Sprintf("%q has no host", u.Redacted())
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Sprintf("%q has a query or a fragment after the path", u.Redacted())
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return fmt.Sprintf("%q has a port that is not between 1 and 65535", u.Redacted())
		}
	}
	return ""
}

// get sends a request for the content of an address from offset on. It fails, and so does reading the answer, if the
// exchange exceeds the limits.
func (h *Hub) get(ctx context.Context, address string, offset int64) (*http.Response, error) {
	if err := h.checkSettings(); err != nil {
		return nil, err
	}
	request, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("fetch: %w (see %s)", err, h.setting())
	}
	request.Header.Set("User-Agent", "w2s ("+runtime.GOOS+"; Go)")
	if h.Token != "" {
		request.Header.Set("Authorization", "Bearer "+h.Token)
	}
	if offset > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
	}
	response, err := newWatchdog(ctx, h.limits).do(h.client, request)
	if unknown := (*net.DNSError)(nil); errors.As(err, &unknown) && unknown.IsNotFound {
		return nil, fmt.Errorf("fetch: %s cannot be reached: %w (is there a network? HTTPS_PROXY names a proxy, %s another host)", h.called(), errNoNetwork{err}, h.setting())
	}
	if err != nil && isPermanent(err) {
		return nil, fmt.Errorf("fetch: %w (see %s and HTTPS_PROXY)", err, h.setting())
	}
	if err != nil {
		return nil, transientError{err: err}
	}
	return response, nil
}

// checkRedirect keeps the token from every host but the first: signed storage addresses do not need it. Go's own rule would
// send it to subdomains and other ports.
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
