package fetch

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"w2s/internal/progress"
)

// clientLimits bound how long a package client may make no progress. A client has time-outs of its own, but they do not end a
// transfer that drips, and mvn waits half an hour for a silent server.
type clientLimits struct {
	window time.Duration // the client must write at least window × rate bytes in every span of this length
	rate   int64         // bytes per second
	start  time.Duration // added to the time that the package takes at the slowest rate
	slow   int64         // the slowest rate, in bytes per second
	tries  int           // how often a client is run that made no progress
}

var usualClientLimits = clientLimits{window: 5 * time.Minute, rate: 1000, start: 15 * time.Minute, slow: 10_000, tries: 2}

// longest returns how long a client may take for a package.
func (l clientLimits) longest(p Package) time.Duration {
	return l.start + time.Duration(p.Size/l.slow)*time.Second
}

// maxWritten returns how many bytes a client may write to its folder for a package: pip keeps an archive more than once and
// unpacks it.
func maxWritten(p Package) int64 { return 16*p.Size + 256<<20 }

// A clientWatch looks at a running client, shows its progress, and ends it if it exceeds the limits.
type clientWatch struct {
	limits clientLimits
	p      Package
	dir    string // the client's folder
	cmd    *exec.Cmd
	output *tailBuffer
	cancel context.CancelCauseFunc
	task   progress.Task
}

// watch runs until done is closed.
func (w *clientWatch) watch(done <-chan struct{}) {
	name := filepath.Base(w.cmd.Path)
	fail := func(format string, args ...any) {
		w.cancel(stalledError(name + " " + fmt.Sprintf(format, args...) + " and was stopped"))
	}
	limit := expected(w.p)
	tick := time.NewTicker(min(200*time.Millisecond, w.limits.window/4))
	defer tick.Stop()
	start := time.Now()
	since, before := start, int64(0) // the beginning of the window, and the activity until then
	var seen int64                   // bytes that were shown
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		size := treeSize(w.dir)
		// Only limit bytes are shown, because clients copy what they downloaded. With a limit of 0, nothing is added, but the display is refreshed.
		show := max(seen, min(size, limit))
		w.task.Add(show - seen)
		seen = show
		if size > maxWritten(w.p) {
			fail("wrote more than %s for a package of %s", progress.Size(maxWritten(w.p)), progress.Size(w.p.Size))
			return
		}
		now := time.Now()
		if longest := w.limits.longest(w.p); now.Sub(start) > longest {
			fail("took more than %s", longest)
			return
		}
		if now.Sub(since) < w.limits.window {
			continue
		}
		activity := size + w.output.written()
		if more, ok := groupWrites(w.cmd.Process.Pid); ok {
			activity += more
		} else if limit == 0 {
			continue // this system does not tell what the client does in other folders
		}
		// The activity falls when a process of the client ends, whose writes then do not count any more.
		if got := activity - before; got >= 0 && float64(got) < float64(w.limits.rate)*w.limits.window.Seconds() {
			fail("got only %s in %s, less than %s a second,", progress.Size(got), w.limits.window, progress.Size(w.limits.rate))
			return
		}
		since, before = now, activity
	}
}

// A tailBuffer keeps the end of what is written to it.
type tailBuffer struct {
	mu    sync.Mutex
	end   []byte
	total int64
}

const maxTail = 64 << 10

func (b *tailBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.total += int64(len(p))
	b.end = append(b.end, p[max(0, len(p)-maxTail):]...)
	if over := len(b.end) - maxTail; over > 0 {
		b.end = append(b.end[:0], b.end[over:]...)
	}
	return len(p), nil
}

// written returns the number of bytes that were written in all.
func (b *tailBuffer) written() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.total
}

func (b *tailBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.end)
}
