package progress

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"w2s/internal/visible"
)

// Bars returns a reporter that draws a bar on the terminal w. There is one line for all tasks. It shows the running task
// that started last.
func Bars(w io.Writer) Reporter { return &bars{w: w} }

type bars struct {
	mu      sync.Mutex
	w       io.Writer
	running []*barTask // in order of start; the last one is shown
}

func (b *bars) Print(line string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	top := b.top()
	if top != nil {
		top.bar.Clear()
	}
	fmt.Fprintln(b.w, visible.Text(strings.TrimRight(line, "\n")))
	if top != nil {
		top.newBar()
	}
}

func (b *bars) Start(label string, total int64, unit Unit) Task {
	t := &barTask{bars: b, meter: meter{label: visible.Line(label), unit: unit, total: total, start: time.Now()}}
	b.mu.Lock()
	defer b.mu.Unlock()
	if top := b.top(); top != nil {
		top.bar.Clear()
	}
	b.running = append(b.running, t)
	t.newBar()
	return t
}

// top returns the task that is shown, or nil.
func (b *bars) top() *barTask {
	if len(b.running) == 0 {
		return nil
	}
	return b.running[len(b.running)-1]
}

type barTask struct {
	*bars
	meter
	bar *progressbar.ProgressBar
}

const (
	barWidth = 12
	redraw   = 100 * time.Millisecond
)

// newBar draws a new bar for the task. The library draws the bar and the percentage. The numbers, the rate and the
// remaining time are from the meter, because the library cannot leave skipped work out of the rate.
func (t *barTask) newBar() {
	total := t.total
	if total < 1 {
		total = -1 // the library then shows a spinner
	}
	t.bar = progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(t.w),
		progressbar.OptionThrottle(redraw),
		progressbar.OptionSetWidth(barWidth),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionShowDescriptionAtLineEnd(),
		progressbar.OptionUseANSICodes(true),
		progressbar.OptionSetSpinnerChangeInterval(0), // otherwise a goroutine of the library draws between our lines
		progressbar.OptionSetTheme(progressbar.Theme{Saucer: "█", SaucerPadding: "░"}),
	)
	t.draw()
}

// draw updates the bar. The library ends a bar that reaches its total, but here only Done ends it, so draw stops one unit
// before the total.
func (t *barTask) draw() {
	t.bar.Describe(t.text())
	target := t.done()
	if t.total > 0 {
		target = min(target, t.total-1)
	}
	t.bar.Set64(target)
}

// text returns the text after the bar. The line fits the width of the terminal, because a line that wraps cannot be cleared.
func (t *barTask) text() string {
	state := ": " + t.state(time.Now(), false)
	width := 80
	if f, ok := t.w.(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil {
			width = w
		}
	}
	const around = barWidth + len(" 100%   ") + 1 // the width of the bar and what the library draws beside it
	return shorten(t.label, max(width-around-len(state), 8)) + state
}

// shorten cuts the middle out of a label that has more than most runes.
func shorten(label string, most int) string {
	runes := []rune(label)
	if len(runes) <= most {
		return label
	}
	head := (most - 1) / 2
	return string(runes[:head]) + "…" + string(runes[len(runes)-(most-1-head):])
}

func (t *barTask) Add(n int64) { t.advance(n, 0) }

func (t *barTask) Skip(n int64) { t.advance(0, n) }

func (t *barTask) advance(worked, skipped int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.worked += worked
	t.skipped += skipped
	if t.top() == t {
		t.draw()
	}
}

func (t *barTask) SetTotal(total int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	changed := t.total != total
	t.total = total
	if changed && t.top() == t {
		t.bar.Clear()
		t.newBar() // the library cannot change a spinner into a bar
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
