package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"w2s/internal/progress"
)

// limits bound how long an exchange with a server may make no progress. None of them ends a slow but steady transfer.
type limits struct {
	answer  time.Duration // from the request to the headers of the answer, including redirects
	silence time.Duration // without a byte of the content
	window  time.Duration // the rate is measured over this time
	rate    int64         // least number of bytes of content per second
}

var usualLimits = limits{answer: time.Minute, silence: 30 * time.Second, window: 30 * time.Second, rate: 1000}

// A stalledError says that an exchange or a client was stopped because it made no progress.
type stalledError string

func (e stalledError) Error() string { return string(e) }

// A watchdog ends an exchange that exceeds the limits. The cause of its context is a stalledError then.
type watchdog struct {
	limits   limits
	ctx      context.Context
	cancel   context.CancelCauseFunc
	received atomic.Int64 // bytes of content

	mu     sync.Mutex
	timers []*time.Timer
	done   bool
}

func newWatchdog(ctx context.Context, l limits) *watchdog {
	w := &watchdog{limits: l}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	return w
}

// after calls f after a time, unless the watchdog is stopped before.
func (w *watchdog) after(d time.Duration, f func()) *time.Timer {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return nil
	}
	t := time.AfterFunc(d, f)
	w.timers = append(w.timers, t)
	return t
}

// stop ends the watchdog and the context of the exchange.
func (w *watchdog) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = true
	for _, t := range w.timers {
		t.Stop()
	}
	w.cancel(nil)
}

// stalled returns why the watchdog ended the exchange, or err if it did not.
func (w *watchdog) stalled(err error) error {
	if cause := (stalledError)(""); errors.As(context.Cause(w.ctx), &cause) {
		return cause
	}
	return err
}

// do sends a request within the limits. The caller closes the body of the answer.
func (w *watchdog) do(client *http.Client, request *http.Request) (*http.Response, error) {
	answer := w.after(w.limits.answer, func() {
		w.cancel(stalledError(fmt.Sprintf("no answer within %s", w.limits.answer)))
	})
	response, err := client.Do(request.WithContext(w.ctx))
	answer.Stop()
	if err != nil {
		// The address in the error is the one that a redirect led to.
		host := request.URL.Host
		if at := (*url.Error)(nil); errors.As(err, &at) {
			if u, parseErr := url.Parse(at.URL); parseErr == nil {
				host = u.Host
			}
		}
		if stalled := w.stalled(nil); stalled != nil {
			err = fmt.Errorf("%s: %w", host, stalled)
		}
		w.stop()
		return nil, err
	}
	response.Body = w.body(response.Body, response.Request.URL.Host)
	return response, nil
}

// body returns the content of an answer with the limits on silence and rate.
func (w *watchdog) body(content io.ReadCloser, host string) io.ReadCloser {
	b := &watchedBody{watchdog: w, content: content, host: host}
	b.silence = w.after(w.limits.silence, func() {
		w.cancel(stalledError(fmt.Sprintf("nothing was received for %s", w.limits.silence)))
	})
	b.silence.Stop() // it runs during Read only, because a slow disk is no silence
	var before int64
	var window *time.Timer
	ready := make(chan struct{}) // closed when window is set
	window = w.after(w.limits.window, func() {
		<-ready
		now := w.received.Load()
		if got := now - before; float64(got) < float64(w.limits.rate)*w.limits.window.Seconds() {
			w.cancel(stalledError(fmt.Sprintf("only %s came in %s, less than %s a second",
				progress.Size(got), w.limits.window, progress.Size(w.limits.rate))))
			return
		}
		before = now
		w.mu.Lock()
		defer w.mu.Unlock()
		if !w.done {
			window.Reset(w.limits.window)
		}
	})
	close(ready)
	return b
}

// A watchedBody is the content of an answer. Its errors name the host.
type watchedBody struct {
	*watchdog
	content io.ReadCloser
	host    string
	silence *time.Timer
}

func (b *watchedBody) Read(p []byte) (int, error) {
	b.silence.Reset(b.limits.silence)
	n, err := b.content.Read(p)
	b.silence.Stop()
	b.received.Add(int64(n))
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%s: %w", b.host, b.stalled(err))
	}
	return n, err
}

func (b *watchedBody) Close() error {
	err := b.content.Close()
	b.stop()
	return err
}
