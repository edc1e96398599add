// Package progress shows how far long work is. It draws a bar with rate and remaining time on a terminal, writes plain
// lines at intervals to other outputs, and shows nothing if the user asks for silence.
//
// Reporters and tasks may be used from several goroutines at once.
package progress

import (
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// A Unit says what a task counts.
type Unit int

const (
	// Bytes are shown as kB, MB and GB, which are powers of 1000.
	Bytes Unit = iota
	// Items are shown as plain numbers.
	Items
)

// A Reporter shows tasks to the user.
type Reporter interface {
	// Start begins a task. A total below 1 means that the total is not known yet. The caller must call Done.
	Start(label string, total int64, unit Unit) Task
	// Print writes one line for the user. It does not mix with a bar that is on the screen.
	Print(line string)
}

// A Task is one piece of long work.
type Task interface {
	// Add says that n more bytes or items are done.
	Add(n int64)
	// Skip says that n bytes or items are done without work, because they were resumed or cached. They do not count
	// towards the rate.
	Skip(n int64)
	// SetTotal changes the total.
	SetTotal(total int64)
	// Done ends the task, even if it has not reached its total. Later calls do nothing.
	Done()
}

// plainInterval is the time between the lines of a task in a log file or a pipe.
const plainInterval = 10 * time.Second

// New returns the reporter that suits w: Bars for a terminal and Lines for everything else. With quiet it returns Silent.
func New(w io.Writer, quiet bool) Reporter {
	if quiet {
		return Silent()
	}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" {
		return Bars(w)
	}
	return Lines(w, plainInterval)
}

// Silent returns a reporter that shows nothing.
func Silent() Reporter { return silent{} }

type silent struct{}

func (silent) Start(string, int64, Unit) Task { return silent{} }
func (silent) Print(string)                   {}
func (silent) Add(int64)                      {}
func (silent) Skip(int64)                     {}
func (silent) SetTotal(int64)                 {}
func (silent) Done()                          {}

// Reader returns a reader that adds the number of bytes read from r to t.
func Reader(r io.Reader, t Task) io.Reader { return &reader{r, t} }

type reader struct {
	r io.Reader
	t Task
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.t.Add(int64(n))
	return n, err
}
