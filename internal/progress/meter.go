package progress

import (
	"fmt"
	"strings"
	"time"
)

// A meter measures how far a task is.
type meter struct {
	label   string
	unit    Unit
	total   int64 // below 1 if unknown
	worked  int64 // done by this task
	skipped int64 // done without work, which does not count towards the rate
	start   time.Time
}

func (t *meter) done() int64 { return t.worked + t.skipped }

// settled is how long a task runs before its rate says how long it will take.
const settled = 2 * time.Second

// state describes a running task, such as "40 MB of 90 MB (44 %), 10 MB/s, 5s left". With percent it has the part in
// parentheses.
func (t *meter) state(now time.Time, percent bool) string {
	done := t.done()
	if done == 0 && t.total < 1 {
		return "working for " + round(now.Sub(t.start)).String()
	}
	var b strings.Builder
	b.WriteString(amount(done, t.unit))
	if t.total > 0 {
		b.WriteString(" of " + amount(t.total, t.unit))
		if percent {
			fmt.Fprintf(&b, " (%d %%)", done*100/t.total)
		}
	}
	elapsed := now.Sub(t.start).Seconds()
	if t.worked == 0 || elapsed <= 0 {
		return b.String()
	}
	rate := float64(t.worked) / elapsed
	switch {
	case t.unit == Bytes:
		fmt.Fprintf(&b, ", %s/s", amount(int64(rate), Bytes))
	case rate >= 100:
		fmt.Fprintf(&b, ", %.0f/s", rate)
	default:
		fmt.Fprintf(&b, ", %.3g/s", rate)
	}
	if left := t.total - done; left > 0 && elapsed >= settled.Seconds() {
		b.WriteString(", " + remaining(float64(left)/rate) + " left")
	}
	return b.String()
}

// remaining formats an estimate of a number of seconds. Beyond a day an estimate says nothing, and far beyond it a
// time.Duration overflows.
func remaining(seconds float64) string {
	if seconds > (24 * time.Hour).Seconds() {
		return "more than a day"
	}
	return round(time.Duration(seconds * float64(time.Second))).String()
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

// Size formats a number of bytes, such as "90.4 MB". Units are powers of 1000.
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
