package progress

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// Bars returns a reporter that draws a bar on the terminal w. One line serves all: of several running tasks the one that
// began last is drawn, and the one before it comes back when it ends.
func Bars(w io.Writer) Reporter { return &bars{w: w} }

type bars struct {
	mu      sync.Mutex
	w       io.Writer
	running []*barTask // in order of start; the last one is drawn
}

func (b *bars) Print(line string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	top := b.top()
	if top != nil {
		top.bar.Clear()
	}
	fmt.Fprintln(b.w, strings.TrimRight(line, "\n"))
	if top != nil {
		top.bar.RenderBlank()
	}
}

func (b *bars) Start(label string, total int64, unit Unit) Task {
	t := &barTask{bars: b, label: label, unit: unit, total: total}
	b.mu.Lock()
	defer b.mu.Unlock()
	if top := b.top(); top != nil {
		top.bar.Clear()
	}
	b.running = append(b.running, t)
	t.newBar()
	return t
}

func (b *bars) top() *barTask {
	if len(b.running) == 0 {
		return nil
	}
	return b.running[len(b.running)-1]
}

type barTask struct {
	*bars
	label       string
	unit        Unit
	total       int64
	bar         *progressbar.ProgressBar
	done, drawn int64
}

// newBar draws a new bar in place of the task's old one: the library cannot turn a spinner into a bar.
func (t *barTask) newBar() {
	options := []progressbar.Option{
		progressbar.OptionSetWriter(t.w),
		progressbar.OptionSetDescription(t.label),
		progressbar.OptionThrottle(100 * time.Millisecond),
		progressbar.OptionSetWidth(24),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionShowCount(),
		progressbar.OptionUseANSICodes(true),
		progressbar.OptionSetTheme(progressbar.ThemeUnicode),
	}
	if t.unit == Bytes {
		options = append(options, progressbar.OptionShowBytes(true), progressbar.OptionShowTotalBytes(true))
	} else {
		options = append(options, progressbar.OptionShowIts())
	}
	total := t.total
	if total < 1 {
		total = -1 // the library's word for "not known": a spinner
	}
	t.bar, t.drawn = progressbar.NewOptions64(total, options...), 0
	t.draw()
	t.bar.RenderBlank()
}

func (t *barTask) Add(n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done += n
	if t.top() == t {
		t.draw()
	}
}

// draw brings the bar to what is done. The library ends a bar that reaches its total; here Done decides that, so the
// last unit is held back.
func (t *barTask) draw() {
	target := t.done
	if t.total > 0 {
		target = min(target, t.total-1)
	}
	if target > t.drawn || t.total < 1 { // a spinner turns even where nothing is counted
		t.bar.Add64(target - t.drawn)
		t.drawn = target
	}
}

func (t *barTask) Skip(n int64) { t.Add(n) }

func (t *barTask) SetTotal(total int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.total = total
	if t.top() == t {
		t.bar.Clear()
		t.newBar()
	}
}

func (t *barTask) Done() {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.Index(t.running, t)
	if i < 0 {
		return
	}
	drawn := t.top() == t
	t.running = slices.Delete(t.running, i, i+1)
	if !drawn {
		return
	}
	t.bar.Clear()
	if top := t.top(); top != nil {
		top.newBar()
	}
}
