package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"
)

// errNoNetwork says that the hub's host name is unknown here, most often because there is no network.
type errNoNetwork struct{ error }

func (e errNoNetwork) Unwrap() error { return e.error }

// A transientError may not occur again at the next try.
type transientError struct {
	err   error
	after time.Duration // the pause that the server asked for; 0 if it did not
}

func (e transientError) Error() string { return e.err.Error() }
func (e transientError) Unwrap() error { return e.err }

// A redirectError is about a redirect that is not followed.
type redirectError string

func (e redirectError) Error() string { return string(e) }

// isPermanent reports whether a request would fail with this error again.
func isPermanent(err error) bool {
	var redirect redirectError
	var certificate *tls.CertificateVerificationError
	var notTLS tls.RecordHeaderError
	var address *net.AddrError
	return errors.As(err, &redirect) || errors.As(err, &certificate) || errors.As(err, &notTLS) || errors.As(err, &address) ||
		errors.Is(err, http.ErrSchemeMismatch)
}

// try calls f until it succeeds, fails for good, or fails h.tries times in a row without progress. It pauses in between. f
// returns how many bytes it got that need not be got again. They count as progress if they are more than the least rate
// gives in the time of the try and the pause before it.
func (h *Hub) try(ctx context.Context, what string, f func() (kept int64, err error)) error {
	start := time.Now()
	for n := 1; ; n++ {
		kept, err := f()
		var transient transientError
		if err == nil || !errors.As(err, &transient) {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("fetch: %s: %w", what, ctx.Err())
		}
		now := time.Now()
		if kept > 0 && float64(kept) >= float64(h.limits.rate)*now.Sub(start).Seconds() {
			n = 1
		}
		start = now
		if n == h.tries && n == 1 {
			return fmt.Errorf("fetch: %s: %w", what, err)
		}
		if n == h.tries {
			return fmt.Errorf("fetch: %s: gave up after %d tries: %w (try again later: finished parts are kept; %s names another host, HTTPS_PROXY a proxy; without a network use --offline)", what, n, err, h.setting())
		}
		pause := transient.after
		if pause == 0 {
			pause = time.Duration(1<<(n-1)) * time.Second
			pause += rand.N(pause / 2) // so that the jobs of a cluster do not all come back at once
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

// An answerError is the hub's answer to a request, such as that there is no such repository.
type answerError struct{ error }

func (e answerError) Unwrap() error { return e.error }

// statusError turns the hub's answer into an error that says what to do.
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
	if h.github && response.StatusCode < 500 && response.StatusCode != http.StatusTooManyRequests && response.StatusCode != http.StatusRequestTimeout {
		return answerError{fmt.Errorf("fetch: %s: %s (looked for %s)", what, status, response.Request.URL.Redacted())}
	}
	page := h.Endpoint + "/" + ref.Repo
	if ref.Dataset {
		page = h.Endpoint + "/datasets/" + ref.Repo
	}
	switch s := response.StatusCode; {
	case code == "GatedRepo", s == http.StatusForbidden:
		return answerError{fmt.Errorf("fetch: %s: %s (gated, or not open to you: accept its conditions at %s, and set HF_TOKEN to a token that may read it)", what, status, page)}
	case s == http.StatusUnauthorized:
		if h.Token == "" {
			return answerError{fmt.Errorf("fetch: %s: %s (there is no such repository, or it is private or gated: check the name at %s, or set HF_TOKEN)", what, status, page)}
		}
		return answerError{fmt.Errorf("fetch: %s: %s (the token was refused: set HF_TOKEN to a valid one, or check the name at %s)", what, status, page)}
	case code == "RevisionNotFound":
		return answerError{fmt.Errorf("fetch: %s: %s (there is no revision %q: see %s)", what, status, ref.Revision, page)}
	case s == http.StatusNotFound:
		return answerError{fmt.Errorf("fetch: %s: %s (looked for %s: check the name at %s)", what, status, response.Request.URL.Redacted(), page)}
	case s == http.StatusTooManyRequests, s >= 500, s == http.StatusRequestTimeout:
		return transientError{fmt.Errorf("%s answered %s", response.Request.URL.Host, status), retryAfter(response, time.Now())}
	}
	return answerError{fmt.Errorf("fetch: %s: %s answered %s", what, response.Request.URL.Host, status)}
}

// retryAfter reads the header Retry-After, which gives seconds or a date. It returns 0 if there is none.
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
