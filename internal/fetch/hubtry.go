package fetch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

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
