package progress

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"w2s/internal/visible"
)

// Lines returns a reporter for log files and pipes. It writes a line for each running task at most once an interval, when
// the task advances, and one at the end of each task that took at least a second.
func Lines(w io.Writer, interval time.Duration) Reporter {
	return newLines(w, interval, time.Now)
}

func newLines(w io.Writer, interval time.Duration, now func() time.Time) *lines {
	return &lines{w: w, interval: interval, now: now}
}

type lines struct {
	mu       sync.Mutex
	w        io.Writer
	interval time.Duration
	now      func() time.Time
}

func (l *lines) Print(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintln(l.w, visible.Text(strings.TrimRight(line, "\n")))
}

func (l *lines) Start(label string, total int64, unit Unit) Task {
	now := l.now()
	return &lineTask{lines: l, meter: meter{label: visible.Line(label), unit: unit, total: total, start: now}, last: now}
}

type lineTask struct {
	*lines
	meter
	last  time.Time // of the latest line, or the start
	ended bool
}

func (t *lineTask) Add(n int64)  { t.advance(n, 0) }
func (t *lineTask) Skip(n int64) { t.advance(0, n) }

func (t *lineTask) advance(worked, skipped int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.worked += worked
	t.skipped += skipped
	if now := t.now(); !t.ended && now.Sub(t.last) >= t.interval {
		t.last = now
		fmt.Fprintln(t.w, t.label+": "+t.state(now, true))
	}
}

func (t *lineTask) SetTotal(total int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.total = total
}

func (t *lineTask) Done() {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if !t.ended && now.Sub(t.start) >= time.Second {
		what := "done"
		if done := t.done(); done > 0 {
			what = amount(done, t.unit)
		}
		fmt.Fprintf(t.w, "%s: %s in %s\n", t.label, what, round(now.Sub(t.start)))
	}
	t.ended = true
}
