package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"w2s/internal/progress"
)

// drip sends content, size bytes at a time, until the client goes away.
func drip(w http.ResponseWriter, r *http.Request, content string, size int, pause time.Duration) {
	for len(content) > 0 {
		n := min(size, len(content))
		w.Write([]byte(content[:n]))
		w.(http.Flusher).Flush()
		content = content[n:]
		select {
		case <-r.Context().Done():
			return
		case <-time.After(pause):
		}
	}
}

// slowHandlers are servers that never end, each in another part of an exchange.
var slowHandlers = []struct {
	name, says string
	serve      func(w http.ResponseWriter, r *http.Request, content string)
}{
	{"no answer", "no answer within", func(_ http.ResponseWriter, r *http.Request, _ string) { <-r.Context().Done() }},
	{"a silent content", "nothing was received for", func(w http.ResponseWriter, r *http.Request, content string) {
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		drip(w, r, content, 10, time.Hour)
	}},
	{"a dripping content", "less than 1.0 kB a second", func(w http.ResponseWriter, r *http.Request, content string) {
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		drip(w, r, content, 1, 20*time.Millisecond)
	}},
	{"a dripping content without a length", "less than 1.0 kB a second", func(w http.ResponseWriter, r *http.Request, content string) {
		drip(w, r, content, 1, 20*time.Millisecond)
	}},
	{"a dripping header", "no answer within", func(w http.ResponseWriter, r *http.Request, _ string) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		for {
			if _, err := conn.Write([]byte("H")); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}},
	{"a redirect with a silent content", "no answer within", func(w http.ResponseWriter, r *http.Request, _ string) {
		w.Header().Set("Location", "http://"+r.Host+"/elsewhere")
		w.Header().Set("Content-Length", "1000")
		w.WriteHeader(http.StatusFound)
		drip(w, r, "x", 1, time.Hour)
	}},
	{"redirects that take long", "no answer within", func(w http.ResponseWriter, r *http.Request, _ string) {
		time.Sleep(120 * time.Millisecond)
		http.Redirect(w, r, r.URL.String(), http.StatusFound)
	}},
	{"a connection that ends again and again", "the connection ended at byte 1 of", func(w http.ResponseWriter, _ *http.Request, content string) {
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		w.Write([]byte(content[:1]))
		w.(http.Flusher).Flush()
		time.Sleep(20 * time.Millisecond)
		panic(http.ErrAbortHandler)
	}},
}

// slowHub serves the repository of a fakeHub. serve answers for the listing, or else for large files.
func slowHub(t *testing.T, listing bool, serve func(w http.ResponseWriter, r *http.Request, content string)) *Hub {
	f := newFakeHub(t)
	var slow *httptest.Server
	slow = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		isListing := strings.HasPrefix(r.URL.Path, "/api/")
		switch large := strings.HasSuffix(r.URL.Path, ".onnx"); {
		case listing && isListing:
			serve(w, r, strings.Repeat(" ", 8000))
		case !listing && large:
			serve(w, r, f.files["onnx/model.onnx"])
		default:
			f.serveHub(w, r)
		}
	}))
	t.Cleanup(slow.Close)
	h := f.client(map[string]string{"HF_ENDPOINT": slow.URL, "HF_HOME": t.TempDir()})
	return h
}

// TestSlowServers expects every kind of endless exchange to end with an error that names the host and says how to go on.
func TestSlowServers(t *testing.T) {
	for _, listing := range []bool{true, false} {
		for _, test := range slowHandlers {
			if listing && strings.Contains(test.says, "ended at byte") {
				continue // a listing is not resumed: the last error is another one
			}
			t.Run(fmt.Sprintf("%s, listing %v", test.name, listing), func(t *testing.T) {
				t.Parallel()
				h := slowHub(t, listing, test.serve)
				h.limits = limits{answer: 200 * time.Millisecond, silence: 100 * time.Millisecond, window: 150 * time.Millisecond, rate: 1000}
				start := time.Now()
				_, err := pull(testCache(t), h, "hf:org/name", false)
				if err == nil {
					t.Fatal("no error")
				}
				host := strings.TrimPrefix(h.Endpoint, "http://")
				for _, says := range []string{test.says, host, "gave up after 6 tries", "finished parts are kept", "--offline", "HF_ENDPOINT"} {
					if !strings.Contains(err.Error(), says) {
						t.Errorf("got %v, want it to contain %q", err, says)
					}
				}
				if took := time.Since(start); took > 30*time.Second {
					t.Errorf("it took %v", took)
				}
			})
		}
	}
}

// TestSlowServersAreCancelled expects the end of the context to end every kind of exchange at once.
func TestSlowServersAreCancelled(t *testing.T) {
	for _, listing := range []bool{true, false} {
		for _, test := range slowHandlers {
			t.Run(fmt.Sprintf("%s, listing %v", test.name, listing), func(t *testing.T) {
				t.Parallel()
				h, c := slowHub(t, listing, test.serve), testCache(t)
				h.limits = usualLimits
				h.pause = sleep
				ref, err := ParseHubRef("hf:org/name")
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(context.Background())
				var cancelled time.Time
				time.AfterFunc(time.Second, func() { cancelled = time.Now(); cancel() })
				_, err = c.HubModel(ctx, h, testRequest(ref, false))
				if took := time.Since(cancelled); !errors.Is(err, context.Canceled) || took > time.Second {
					t.Errorf("%v after the end: %v", took, err)
				}
			})
		}
	}
}

// TestSlowButSteady downloads at five times the least rate, for many times as long as the limits.
func TestSlowButSteady(t *testing.T) {
	h := slowHub(t, false, func(w http.ResponseWriter, r *http.Request, content string) {
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		drip(w, r, content, 100, 20*time.Millisecond)
	})
	h.limits = limits{answer: 10 * time.Second, silence: 500 * time.Millisecond, window: 500 * time.Millisecond, rate: 1000}
	lines := &printed{Reporter: progress.Silent()}
	h.Report = lines
	if _, err := pull(testCache(t), h, "hf:org/name", false); err != nil || len(lines.lines) > 0 {
		t.Errorf("%v, %q", err, lines.lines)
	}
}

// A printed reporter keeps the lines that are printed.
type printed struct {
	progress.Reporter
	lines []string
}

func (p *printed) Print(line string) { p.lines = append(p.lines, line) }

// TestUnsized refuses an endless file whose size nobody tells.
func TestUnsized(t *testing.T) {
	f := newFakeHub(t)
	f.silent = true
	storage := slowHub(t, false, func(w http.ResponseWriter, r *http.Request, _ string) {
		for block := make([]byte, 1<<20); ; {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	})
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/") {
			f.list(w)
			return
		}
		http.Redirect(w, r, storage.Endpoint+r.URL.Path, http.StatusFound)
	}))
	defer endless.Close()
	h := f.client(map[string]string{"HF_ENDPOINT": endless.URL, "HF_HOME": t.TempDir()})
	_, err := pull(testCache(t), h, "hf:org/name", false)
	if err == nil || !strings.Contains(err.Error(), "does not say how large it is: refused") {
		t.Errorf("got %v", err)
	}
}
