package progress

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// Lines returns a reporter that writes a line for each running task every interval, and one when a task of more than a
// second ends. It suits log files and pipes.
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
	fmt.Fprintln(l.w, strings.TrimRight(line, "\n"))
}

func (l *lines) Start(label string, total int64, unit Unit) Task {
	now := l.now()
	return &lineTask{lines: l, label: label, unit: unit, total: total, start: now, last: now}
}

type lineTask struct {
	*lines
	label         string
	unit          Unit
	total         int64
	worked, freed int64 // freed: done without work
	start, last   time.Time
	done          bool
}

func (t *lineTask) Add(n int64)  { t.advance(n, 0) }
func (t *lineTask) Skip(n int64) { t.advance(0, n) }

func (t *lineTask) advance(worked, freed int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.worked += worked
	t.freed += freed
	if now := t.now(); !t.done && now.Sub(t.last) >= t.interval {
		t.last = now
		fmt.Fprintln(t.w, t.label+": "+t.state(now))
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
	if !t.done && now.Sub(t.start) >= time.Second {
		what := "done"
		if done := t.worked + t.freed; done > 0 {
			what = amount(done, t.unit)
		}
		fmt.Fprintf(t.w, "%s: %s in %s\n", t.label, what, round(now.Sub(t.start)))
	}
	t.done = true
}

// state describes a running task: "40 MB of 90 MB (44 %), 10 MB/s, 5s left".
func (t *lineTask) state(now time.Time) string {
	done := t.worked + t.freed
	if done == 0 && t.total < 1 {
		return "working for " + round(now.Sub(t.start)).String()
	}
	var b strings.Builder
	b.WriteString(amount(done, t.unit))
	if t.total > 0 {
		fmt.Fprintf(&b, " of %s (%d %%)", amount(t.total, t.unit), done*100/t.total)
	}
	elapsed := now.Sub(t.start).Seconds()
	if t.worked == 0 || elapsed <= 0 {
		return b.String()
	}
	rate := float64(t.worked) / elapsed
	if t.unit == Bytes {
		fmt.Fprintf(&b, ", %s/s", amount(int64(rate), Bytes))
	} else {
		fmt.Fprintf(&b, ", %.3g/s", rate)
	}
	if left := t.total - done; left > 0 {
		fmt.Fprintf(&b, ", %s left", round(time.Duration(float64(left)/rate*float64(time.Second))))
	}
	return b.String()
}

func round(d time.Duration) time.Duration {
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Second)
}

func amount(n int64, unit Unit) string {
	if unit == Bytes {
		return Size(n)
	}
	return fmt.Sprint(n)
}

// Size formats a number of bytes: "90.4 MB". Units are powers of 1000.
func Size(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	value, units := float64(n)/1000, []string{"kB", "MB", "GB", "TB"}
	for len(units) > 1 && value >= 999.95 {
		value, units = value/1000, units[1:]
	}
	return fmt.Sprintf("%.1f %s", value, units[0])
}
