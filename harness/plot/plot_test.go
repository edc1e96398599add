package plot

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"w2s/harness/loss"
	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/harness/summary"
	"w2s/internal/race"
	"w2s/tasks"
)

func interval(lo, hi float64) stats.Interval { return stats.Interval{Lo: lo, Hi: hi, Level: 0.95} }

func figure(v float64) summary.Figure {
	return summary.Figure{Value: v, Interval: interval(v-0.02, v+0.02)}
}

// row returns a row as summary.Rows makes it. Its PGR is defined if the gap exceeds 0.03.
func row(task, weak, loss string, floor, student, ceiling float64) summary.Row {
	r := summary.Row{Task: task, Category: tasks.NLP, Weak: weak, Strong: "large", Loss: loss, Treatment: "soft", Metric: tasks.Accuracy, N: 800, Train: 1000, Seeds: 3,
		Floor: figure(floor), Transfer: figure(student), Ceiling: figure(ceiling)}
	r.PGR = stats.PGR{Gap: ceiling - floor, GapInterval: interval(ceiling-floor-0.03, ceiling-floor+0.03)}
	if r.PGR.Defined = r.PGR.Gap > 0.03; r.PGR.Defined {
		v := (student - floor) / (ceiling - floor)
		r.PGR.Value, r.PGR.Interval = v, interval(v-0.2, v+0.2)
	} else {
		r.PGR.Value, r.PGR.Reason = math.NaN(), stats.ReasonNoise
	}
	r.Imitation.Student.OnErrors = stats.Share{Value: 0.6, Interval: interval(0.5, 0.7), N: 200}
	r.Imitation.Ceiling.OnErrors = stats.Share{Value: 0.4, Interval: interval(0.3, 0.5), N: 200}
	r.Labels.Accuracy, r.Labels.ECE = floor, 0.08
	return r
}

// evil is a name from a user's file with characters that XML escapes, forbids or reads as the end of a section.
const evil = "a<b>&\"'\x00\x1b\n\xff]]>"

func rows() []summary.Row {
	return []summary.Row{
		row("movies", "small", "xent", 0.6, 0.7, 0.9),
		row("movies", "small", "logconf:alpha=0.5:warmup=0.2", 0.6, 0.8, 0.9),
		row(evil, "small", "xent", 0.7, 0.69, 0.71), // no defined PGR
		row(evil, "small", "logconf:alpha=0.5:warmup=0.2", 0.7, 0.69, 0.71),
	}
}

// series returns the marks with a name in the legend of a chart.
func (c *Chart) series(t *testing.T, name string) *marks {
	t.Helper()
	var names []string
	for _, e := range c.legend {
		if e.name == name {
			return e.mark
		}
		names = append(names, e.name)
	}
	t.Fatalf("%s: no series %q, have %q", c.Name, name, names)
	return nil
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

func TestGap(t *testing.T) {
	c, err := Gap(rows())
	if err != nil {
		t.Fatal(err)
	}
	m := c.series(t, "logconf")
	if p := m.points[0]; len(m.points) != 1 || !near(p.x, 30) || !near(p.y, 2.0/3) || !near(p.yRange.Lo, 2.0/3-0.2) {
		t.Errorf("logconf is at %+v, want a gap of 30 points and a PGR of 2/3", m.points)
	}
	notes := strings.Join(c.Notes, "\n")
	for _, want := range []string{"2 of 4 rows without a defined PGR", "n = 800", "3 seeds", "95 %"} {
		if !strings.Contains(notes, want) {
			t.Errorf("notes do not say %q:\n%s", want, notes)
		}
	}
	wild := rows()[:1]
	wild[0].PGR.Value, wild[0].PGR.Interval = 9, interval(math.Inf(-1), math.Inf(1))
	if c, err = Gap(wild); err != nil || !strings.Contains(strings.Join(c.Notes, "\n"), "Outside the frame: 1 point") {
		t.Errorf("a PGR of 9: %v, %q", err, c.Notes)
	}
	if c.plot.Y.Max > pgrHigh+0.1 {
		t.Errorf("the frame ends at %v", c.plot.Y.Max)
	}
	render(t, c)

	// Tasks have their names beside their points, unless there are too many.
	few, many := []summary.Row{row("movies", "small", "xent", 0.6, 0.7, 0.9), row("tweets", "small", "xent", 0.5, 0.7, 0.8)}, []summary.Row(nil)
	for i := range maxTags + 1 {
		many = append(many, row(fmt.Sprint("task", i), "small", "xent", 0.6, 0.7, 0.8+0.01*float64(i)))
	}
	for _, rows := range [][]summary.Row{few, many} {
		if c, err = Gap(rows); err != nil {
			t.Fatal(err)
		}
		svg := render(t, c)
		for _, r := range rows {
			if got, want := strings.Contains(svg, ">"+r.Task+"<"), len(rows) <= maxTags; got != want {
				t.Errorf("%d tasks: the name %s is there: %v", len(rows), r.Task, got)
			}
		}
	}
	// A name gives way to other points and names.
	near := []summary.Row{row("movies", "small", "xent", 0.6, 0.7, 0.9), row("tweets", "small", "xent", 0.6, 0.702, 0.905)}
	if c, err = Gap(near); err != nil {
		t.Fatal(err)
	}
	if svg := render(t, c); !strings.Contains(svg, ">movies<") || !strings.Contains(svg, ">tweets<") {
		t.Error("close points have no names on either side")
	}
}

func TestTracks(t *testing.T) {
	c, err := Tracks(rows())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[float64]bool{}
	for name, want := range map[string][]float64{
		"weak floor: small": {60, 70}, "student, xent": {70, 69}, "student, logconf": {80, 69}, "strong ceiling: large": {90, 71},
	} {
		for i, v := range want {
			p := c.series(t, name).points[i]
			if !near(p.x, v) || !near(p.xRange.Lo, v-2) || !near(p.xRange.Hi, v+2) {
				t.Errorf("%s, line %d: %+v, want %v ± 2", name, i, p, v)
			}
			if seen[p.y] {
				t.Errorf("two marks at the height %v", p.y)
			}
			seen[p.y] = true
		}
	}
	if lo, hi := c.plot.X.Min, c.plot.X.Max; !near(lo, 57) || !near(hi, 93) {
		t.Errorf("the axis goes from %v to %v, want 57 to 93 for whiskers from 58 to 92", lo, hi)
	}
	other := rows()
	other[1].Weak = "tiny"
	if _, err := Tracks(other); err == nil || !strings.Contains(err.Error(), "tiny") {
		t.Errorf("Tracks of two pairs: %v", err)
	}
}

// A forest has the PGR of tasks and categories, the published range beside a category's lines, and the reasons why PGR is undefined.
func TestForest(t *testing.T) {
	all := append(rows(), row("tweets", "small", "xent", 0.6, 0.75, 0.9))
	all[0].PGR.Interval = interval(-7, 0.6) // goes on outside the frame
	categories, err := summary.Categories(all)
	if err != nil {
		t.Fatal(err)
	}
	set, err := ForestSet(Material{Rows: append(all, row("movies", "large", "xent", 0.9, 0.9, 0.9)), Categories: categories})
	if err != nil || len(set.Charts) != 1 {
		t.Fatalf("%d charts, %v", len(set.Charts), err)
	}
	c := set.Charts[0]
	var xent []float64
	for _, p := range c.series(t, "xent").points {
		xent = append(xent, p.x)
	}
	if want := []float64{1.0 / 3, 0.5}; len(xent) != 3 && len(xent) != 2 || !near(xent[len(xent)-2], want[0]) || !near(xent[len(xent)-1], want[1]) {
		t.Errorf("xent has the PGR %v, want those of movies and tweets, %v", xent, want)
	}
	svg := render(t, c)
	for _, want := range []string{">small → large, soft labels<", ">nlp, 3 tasks<", ">undefined: gap below noise<", ">tweets<"} {
		if !strings.Contains(svg, want) {
			t.Errorf("the chart does not say %q", want)
		}
	}
	if strings.Contains(svg, "large → large") {
		t.Error("the chart has a model that teaches itself")
	}
	if n := strings.Count(svg, "fill:"+hex(published().light)); n != 1 {
		t.Errorf("%d published ranges, want one", n)
	}
	// The axis ends at -1, and an arrow marks the interval that goes on.
	if c.plot.X.Min < pgrLow-0.1 {
		t.Errorf("the axis begins at %v", c.plot.X.Min)
	}
	clipped := strings.Count(svg, "style=\"fill:"+hex(seriesTone(0).light))
	all[0].PGR.Interval = interval(0.2, 0.6)
	whole, err := Forest(all, categories)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(render(t, whole), "style=\"fill:"+hex(seriesTone(0).light)); n != clipped-1 {
		t.Errorf("%d filled marks of xent without and %d with a clipped interval, want one arrow", n, clipped)
	}
}

// A loss has the same colour in every chart and order, and no two losses of the first eight share one.
func TestLossesHaveFixedColours(t *testing.T) {
	of := map[string]string{}
	for _, order := range [][]string{{"xent", "logconf", "guardconf"}, {"guardconf", "mine", "logconf:alpha=0.25", "logconf", "xent"}} {
		shapes := map[string]bool{}
		for _, m := range lossSeries(order) {
			name, _, _ := strings.Cut(m.name, ":")
			if was := of[name]; was != "" && was != m.tone.name {
				t.Errorf("%s has the tones %s and %s", m.name, was, m.tone.name)
			}
			of[name] = m.tone.name
			shapes[fmt.Sprintf("%T", m.glyph)] = true
		}
		if len(shapes) != len(order) {
			t.Errorf("%d shapes for %v", len(shapes), order)
		}
	}
	tones := map[int]bool{}
	for _, l := range loss.All() {
		tones[lossNumber(l.Name)] = true
	}
	if n := min(len(loss.All()), MaxSeries); len(tones) != n {
		t.Errorf("%d colours for %d losses", len(tones), n)
	}
	c, err := Gap([]summary.Row{row("movies", "small", "guardconf", 0.6, 0.7, 0.9), row("movies", "small", "xent", 0.6, 0.7, 0.9)})
	if err != nil {
		t.Fatal(err)
	}
	if m := c.series(t, "xent"); m.tone != seriesTone(0) {
		t.Errorf("xent has tone %s when it comes second", m.tone.name)
	}
}

func TestSupervision(t *testing.T) {
	all := rows()
	for i := range all {
		all[i].Baselines = []summary.Baseline{{Kind: result.OfShuffled, Score: figure(0.5)}, {Kind: result.OfAxis, Score: figure(0.85)}}
	}
	c, err := Supervision(all)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[float64]bool{}
	for name, want := range map[string][]float64{"student": {70, 80, 69, 69}, "shuffled labels": {50, 50, 50, 50}, "main axis": {85, 85, 85, 85},
		"weak floor: small": {60, 60, 70, 70}, "strong ceiling: large": {90, 90, 71, 71}} {
		for i, p := range c.series(t, name).points {
			if !near(p.x, want[i]) || !near(p.xRange.Lo, want[i]-2) || seen[p.y] {
				t.Errorf("%s, row %d: %+v, want %v ± 2 at a height of its own", name, i, p, want[i])
			}
			seen[p.y] = true
		}
	}
	if len(c.legend) != 5 {
		t.Errorf("%d series, want none for baselines that no row has", len(c.legend))
	}
	render(t, c)
}

func TestLosses(t *testing.T) {
	l := summary.LossRow{Task: "movies", Weak: "small", Strong: "large", Loss: "logconf:alpha=0.5:warmup=0.2", Against: "xent",
		Difference: stats.Difference{Diff: 0.031, Interval: interval(0.01, 0.05), P: 0.001, N: 800}, Adjusted: 0.01}
	c, err := Losses([]summary.LossRow{l})
	if err != nil {
		t.Fatal(err)
	}
	if p := c.series(t, "movies").points[0]; !near(p.x, 3.1) || !near(p.xRange.Lo, 1) || !near(p.xRange.Hi, 5) {
		t.Errorf("%+v, want 3.1 points [1, 5]", p)
	}
	if notes := strings.Join(c.Notes, " "); !strings.Contains(notes, "1 of 1 differences") || !strings.Contains(c.Title, "xent") {
		t.Errorf("%q, %q", c.Title, notes)
	}
	other := l
	other.Against = "logconf:alpha=0.25"
	if _, err := Losses([]summary.LossRow{l, other}); err == nil || !strings.Contains(err.Error(), other.Against) {
		t.Errorf("Losses compared with two losses: %v", err)
	}
}

func TestAlpha(t *testing.T) {
	var swept []summary.Row
	for _, alpha := range []float64{0.75, 0.25, 0.5} { // out of order
		swept = append(swept, row("movies", "small", fmt.Sprintf("logconf:alpha=%g:warmup=0.2", alpha), 0.6, 0.6+alpha*0.3, 0.9))
	}
	c, err := Alpha(append(swept, row("movies", "small", "xent", 0.6, 0.7, 0.9)))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.legend) != 1 {
		t.Fatalf("%d curves, want the one with alphas", len(c.legend))
	}
	for i, p := range c.legend[0].mark.points {
		if alpha := 0.25 * float64(i+1); !near(p.x, alpha) || !near(p.y, alpha) {
			t.Errorf("point %d is at %v, %v, want %v", i, p.x, p.y, alpha)
		}
	}
	if _, err := Alpha(rows()); !errors.Is(err, ErrNothing) {
		t.Errorf("a curve of one alpha: %v", err)
	}
}

func TestCalibrationImitationNoiseSize(t *testing.T) {
	soft, platt := row("movies", "small", "xent", 0.6, 0.7, 0.9), row("movies", "small", "xent", 0.6, 0.75, 0.9)
	platt.Treatment, platt.Labels.ECE = "platt", 0.02
	alone := row("tweets", "small", "xent", 0.6, 0.7, 0.9)
	c, err := Calibration([]summary.Row{alone, soft, platt})
	if err != nil {
		t.Fatal(err)
	}
	if p := c.series(t, "platt").points[0]; !near(p.x, 0.02) || !near(p.y, 0.5) {
		t.Errorf("platt is at %+v", p)
	}
	if n := len(c.series(t, "soft").points); n != 1 {
		t.Errorf("%d soft rows, want only the one whose task has another treatment", n)
	}
	if _, err := Calibration(rows()); !errors.Is(err, ErrNothing) {
		t.Errorf("a chart of one treatment: %v", err)
	}

	if c, err = Imitation(rows()); err != nil {
		t.Fatal(err)
	}
	if p := c.series(t, "xent").points[0]; !near(p.x, 40) || !near(p.y, 60) || !near(p.yRange.Hi, 70) {
		t.Errorf("imitation is at %+v, want 40 by the ceiling and 60 by the student", p)
	}

	simulated := func(r summary.Row) summary.Row { r.Simulated = true; return r }
	flip, real := simulated(row("movies", "flip:0.8", "xent", 0.8, 0.85, 0.9)), row("movies", "small", "xent", 0.8, 0.85, 0.9)
	if c, err = Noise([]summary.Row{flip, simulated(row("movies", "majority", "xent", 0.5, 0.5, 0.9)), real}); err != nil {
		t.Fatal(err)
	}
	if m := c.series(t, "flip"); len(m.points) != 1 || !near(m.points[0].x, 80) || !near(m.points[0].y, 85) {
		t.Errorf("flip is at %+v", m.points)
	}
	if _, err := Noise([]summary.Row{real}); !errors.Is(err, ErrNothing) {
		t.Errorf("a chart of a supervisor that is a model: %v", err)
	}

	small, large := row("movies", "small", "xent", 0.6, 0.65, 0.7), row("movies", "small", "xent", 0.6, 0.7, 0.9)
	small.Train, small.Size = 50, 100
	unknown := large
	unknown.Train, unknown.Other = 0, "imported" // a log scale has no 0
	if c, err = Size([]summary.Row{large, small, unknown}); err != nil {
		t.Fatal(err)
	}
	m := c.series(t, "student, xent")
	if len(m.points) != 2 || m.points[0].x != 50 || m.points[1].x != 1000 || !near(m.points[1].y, 70) {
		t.Errorf("sizes %+v", m.points)
	}
	render(t, c)
	if _, err := Size([]summary.Row{large}); !errors.Is(err, ErrNothing) {
		t.Errorf("a chart of one size: %v", err)
	}
}

func chainRow(loss string) summary.ChainRow {
	return summary.ChainRow{Task: "movies" + evil, Data: "shared", Loss: loss, N: 800, Seeds: 3, Models: []string{"tiny", "small", "large"},
		Steps: []summary.Figure{figure(0.6), figure(0.7), figure(0.75)}, Labels: []float64{0.6, 0.7}, Jump: figure(0.72), Ceiling: figure(0.9)}
}

func TestChain(t *testing.T) {
	c, err := Chain([]summary.ChainRow{chainRow("xent")})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{60, 70, 75} {
		if p := c.series(t, "xent").points[i]; !near(p.x, want) || !near(p.y, -float64(i)) {
			t.Errorf("step %d is at %v, %v, want %v", i+1, p.x, p.y, want)
		}
	}
	other := chainRow("xent")
	other.Data = "disjoint"
	if _, err := Chain([]summary.ChainRow{chainRow("xent"), other}); err == nil || !strings.Contains(err.Error(), "disjoint") {
		t.Errorf("Chain of shared and disjoint data: %v", err)
	}
}

// Every head gives the same answer to eight examples, and six of the answers are right. So a head that says 0.75 is
// calibrated, and the student, which says 0.95, has an ECE of 0.2.
func TestReliability(t *testing.T) {
	r := &result.Result{Tasks: []result.Task{{Name: "movies"}}}
	head := func(id string, role result.Role, model, loss string, p float64) {
		h := result.Head{ID: id, Task: "movies", Role: role, Model: model, Loss: loss, Treatment: "soft", Supervisor: "weak"}
		for range 8 {
			h.Test = append(h.Test, []float64{1 - p, p})
		}
		r.Heads = append(r.Heads, h)
	}
	for i := range 8 {
		gold := []float64{0, 1}
		if i%4 == 0 {
			gold = []float64{1, 0}
		}
		r.Tasks[0].TestGold, r.Tasks[0].TestIDs = append(r.Tasks[0].TestGold, gold), append(r.Tasks[0].TestIDs, fmt.Sprint(i))
	}
	head("weak", result.Supervisor, "small", "xent", 0.75)
	head("student", result.Student, "large", "xent", 0.95)
	head("ceiling", result.Ceiling, "large", "xent", 0.75)
	c, err := Reliability(r, []summary.Row{row("movies", "small", "xent", 0.6, 0.7, 0.9)})
	if err != nil {
		t.Fatal(err)
	}
	if p := c.series(t, "weak floor (ECE 0.000)").points[0]; !near(p.x, 75) || !near(p.y, 75) {
		t.Errorf("the floor is at %+v", p)
	}
	if p := c.series(t, "student, xent (ECE 0.200)").points[0]; !near(p.x, 95) || !near(p.y, 75) {
		t.Errorf("the student is at %+v", p)
	}
	// With 200 predictions, a bin of 4 is left out.
	few := *r
	few.Heads = nil
	few.Tasks = []result.Task{{Name: "movies", TestGold: slices.Repeat(r.Tasks[0].TestGold, 25), TestIDs: slices.Repeat(r.Tasks[0].TestIDs, 25)}}
	for _, h := range r.Heads {
		h.Test = slices.Repeat(h.Test, 25)
		if h.Role == result.Student {
			for i := range 4 {
				h.Test[i] = []float64{0.45, 0.55}
			}
		}
		few.Heads = append(few.Heads, h)
	}
	if c, err = Reliability(&few, []summary.Row{row("movies", "small", "xent", 0.6, 0.7, 0.9)}); err != nil {
		t.Fatal(err)
	}
	for _, e := range c.legend {
		if strings.HasPrefix(e.name, "student, xent") && (len(e.mark.points) != 1 || !near(e.mark.points[0].x, 95)) {
			t.Errorf("bins of the student %+v, want the one with 196 predictions", e.mark.points)
		}
	}
	if notes := strings.Join(c.Notes, " "); !strings.Contains(notes, "A point holds 196 to 200 predictions.") || !strings.Contains(notes, "Left out: 1 bin of fewer than 10 predictions.") {
		t.Errorf("notes %q", notes)
	}
	if _, err := Reliability(r, []summary.Row{row("tweets", "small", "xent", 0.6, 0.7, 0.9)}); !errors.Is(err, ErrNothing) {
		t.Errorf("a diagram of a task that the result does not have: %v", err)
	}
}

func TestNothing(t *testing.T) {
	for name, err := range map[string]error{
		"gap": second(Gap(nil)), "scores": second(Tracks(nil)), "forest": second(Forest(nil, nil)), "losses": second(Losses(nil)), "alpha": second(Alpha(nil)), "calibration": second(Calibration(nil)),
		"imitation": second(Imitation(nil)), "supervision": second(Supervision(nil)), "no baselines": second(Supervision(rows())), "size": second(Size(nil)), "noise": second(Noise(nil)), "chain": second(Chain(nil)),
		"reliability": second(Reliability(&result.Result{}, nil)), "gap without PGR": second(Gap(rows()[2:])),
	} {
		if !errors.Is(err, ErrNothing) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if sets, err := Sets(Material{}); err != nil || len(sets) != 0 {
		t.Errorf("sets of nothing: %v, %v", sets, err)
	}
	if _, err := AlphaSet(Material{Rows: rows()}); !errors.Is(err, ErrNothing) {
		t.Errorf("a set of rows with one alpha: %v", err)
	}
}

func TestIsChart(t *testing.T) {
	var other bytes.Buffer
	if err := png.Encode(&other, image.NewGray(image.Rect(0, 0, 9, 9))); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "PK", "<svg></svg>", "<?xml version=\"1.0\"?>\n<svg></svg>", other.String(), other.String()[:20]} {
		if IsChart(strings.NewReader(text)) {
			t.Errorf("%q is taken for a chart", text)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// render draws a chart in all formats and returns the SVG file.
func render(t *testing.T, c *Chart) string {
	t.Helper()
	var svg, picture bytes.Buffer
	if err := errors.Join(c.SVG(&svg), c.PNG(&picture)); err != nil {
		t.Fatal(err)
	}
	dec := xml.NewDecoder(bytes.NewReader(svg.Bytes()))
	for {
		if _, err := dec.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("%s: the SVG is not well-formed: %v", c.Name, err)
		}
	}
	if !IsChart(bytes.NewReader(svg.Bytes())) || !IsChart(bytes.NewReader(picture.Bytes())) {
		t.Errorf("%s: a chart is not recognized", c.Name)
	}
	w, h := c.size(true)
	img, err := png.Decode(&picture)
	if err != nil {
		t.Fatal(err)
	}
	if got := img.Bounds().Size(); math.Abs(float64(got.X)-float64(w)*dpi/72) > 1 || math.Abs(float64(got.Y)-float64(h)*dpi/72) > 1 {
		t.Errorf("%s: the picture is %v for %v x %v points", c.Name, got, w, h)
	}
	inline, err := c.Inline()
	if err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal([]byte(inline), new(struct{})); err != nil {
		t.Errorf("%s: the SVG element is not well-formed: %v", c.Name, err)
	}
	if strings.Contains(string(inline), ":#") {
		at := strings.Index(string(inline), ":#")
		t.Errorf("%s: a colour does not follow the mode of the page: %s", c.Name, inline[at:at+8])
	}
	return svg.String()
}

func material() Material {
	m := Material{Rows: rows(), Chains: []summary.ChainRow{chainRow("xent"), chainRow("logconf:alpha=0.5:warmup=0.2")}}
	for _, r := range rows() {
		m.Losses = append(m.Losses, summary.LossRow{Task: r.Task, Weak: r.Weak, Strong: r.Strong, Loss: "hard", Against: "xent",
			Difference: stats.Difference{Diff: 0.01, Interval: interval(-0.01, 0.03), P: 0.2, N: 800}, Adjusted: 1})
	}
	return m
}

// Names from users' files are drawn as text, and the same rows give the same bytes.
func TestDrawings(t *testing.T) {
	race.SkipLong(t)
	draw := func() string {
		sets, err := Sets(material())
		if err != nil {
			t.Fatal(err)
		}
		var all strings.Builder
		var names []string
		for _, s := range sets {
			for _, c := range s.Charts {
				all.WriteString(render(t, c))
				if slices.Contains(names, c.Name) {
					t.Errorf("two charts are named %s", c.Name)
				}
				names = append(names, c.Name)
			}
		}
		if want := []string{"forest", "gap", "scores", "losses", "imitation", "chain"}; !slices.Equal(names, want) {
			t.Errorf("charts %v, want %v", names, want)
		}
		return all.String()
	}
	first := draw()
	if !strings.Contains(first, "a&lt;b&gt;&amp;") {
		t.Error("the hostile name is not drawn")
	}
	if draw() != first {
		t.Error("the same rows give different bytes")
	}
}

// A grid with many pairs, tasks and losses is split into legible charts, and the set says what it leaves out.
func TestLargeGrid(t *testing.T) {
	var many []summary.Row
	for pair := range 12 {
		for task := range 9 {
			for loss := range 5 {
				many = append(many, row(fmt.Sprint("task ", task), fmt.Sprint("weak ", pair), fmt.Sprintf("logconf:alpha=0.%d", loss+1), 0.6, 0.6+0.02*float64(loss+task), 0.9))
			}
		}
	}
	sets, err := Sets(Material{Rows: many})
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, s := range sets {
		if len(s.Charts) > maxCharts {
			t.Errorf("%d charts of %s", len(s.Charts), s.Name)
		}
		switch s.Name {
		case "gap":
			seen++
			if len(s.Charts) != 1 || s.Charts[0].points != len(many) {
				t.Errorf("the chart of gaps has %d of %d rows", s.Charts[0].points, len(many))
			}
		case "scores":
			seen++
			if !strings.Contains(s.Omits, "8 of 24 charts") {
				t.Errorf("scores: %q", s.Omits)
			}
		}
	}
	if seen != 2 {
		t.Errorf("the sets %+v lack the gaps or the scores", sets)
	}
}

func TestSave(t *testing.T) {
	c, err := Gap(rows())
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "new")
	paths, err := c.Save(dir)
	if err != nil || len(paths) != 2 {
		t.Fatalf("%v, %v", paths, err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 2 || files[0].Name() != "gap.png" || files[1].Name() != "gap.svg" {
		t.Errorf("the folder holds %v", files)
	}
	if _, err := c.Save(paths[0]); err == nil || !strings.Contains(err.Error(), "choose another folder") {
		t.Errorf("Save into a file as if it were a folder: %v", err)
	}
}

// contrast returns the contrast ratio of WCAG 2.1.
func contrast(a, b color.NRGBA) float64 {
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// linear returns the linear RGB components of an sRGB colour.
func linear(c color.NRGBA) [3]float64 {
	var out [3]float64
	for i, v := range []uint8{c.R, c.G, c.B} {
		s := float64(v) / 255
		if s <= 0.04045 {
			out[i] = s / 12.92
		} else {
			out[i] = math.Pow((s+0.055)/1.055, 2.4)
		}
	}
	return out
}

// luminance returns the relative luminance of WCAG 2.1.
func luminance(c color.NRGBA) float64 {
	l := linear(c)
	return 0.2126*l[0] + 0.7152*l[1] + 0.0722*l[2]
}

// lab converts linear sRGB to CIE L*a*b* under D65.
func lab(l [3]float64) [3]float64 {
	f := func(t float64) float64 {
		if t > 216.0/24389 {
			return math.Cbrt(t)
		}
		return (24389.0/27*t + 16) / 116
	}
	x := f((0.4124*l[0] + 0.3576*l[1] + 0.1805*l[2]) / 0.9505)
	y := f(0.2126*l[0] + 0.7152*l[1] + 0.0722*l[2])
	z := f((0.0193*l[0] + 0.1192*l[1] + 0.9505*l[2]) / 1.089)
	return [3]float64{116*y - 16, 500 * (x - y), 200 * (y - z)}
}

// dichromats holds the matrices of Machado, Oliveira and Fernandes (2009) for linear RGB.
var dichromats = map[string][3][3]float64{
	"protanopia":   {{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}},
	"deuteranopia": {{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}},
	"tritanopia":   {{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}},
}

// seenBy returns the L*a*b* of a colour as a dichromat sees it.
func seenBy(m [3][3]float64, c color.NRGBA) [3]float64 {
	l := linear(c)
	var out [3]float64
	for i := range 3 {
		for j := range 3 {
			out[i] += m[i][j] * l[j]
		}
		out[i] = min(max(out[i], 0), 1)
	}
	return lab(out)
}

func TestPalette(t *testing.T) {
	for _, mode := range []struct {
		name  string
		paper color.NRGBA
		of    func(tone) color.NRGBA
	}{
		{"light", lightPaper, func(t tone) color.NRGBA { return t.light }},
		{"dark", darkPaper, func(t tone) color.NRGBA { return t.dark }},
	} {
		if c := contrast(mode.of(ink()), mode.paper); c < 7 {
			t.Errorf("%s: text has a contrast of %.1f, want 7", mode.name, c)
		}
		series := append(seriesTones(), weakTone())
		for _, s := range series {
			if c := contrast(mode.of(s), mode.paper); c < 3 {
				t.Errorf("%s: tone %s has a contrast of %.2f, want 3 for graphics", mode.name, s.name, c)
			}
		}
		// The colours of the first four series suffice to tell them apart; few charts have more series. The limit is lower
		// for tritanopia, which is rare.
		for name, m := range dichromats {
			for i, a := range seriesTones()[:4] {
				for _, b := range seriesTones()[:i] {
					p, q := seenBy(m, mode.of(a)), seenBy(m, mode.of(b))
					if d := math.Hypot(math.Hypot(p[0]-q[0], p[1]-q[1]), p[2]-q[2]); d < map[bool]float64{true: 10, false: 15}[name == "tritanopia"] {
						t.Errorf("%s: the distance of tones %s and %s is %.1f with %s", mode.name, a.name, b.name, d, name)
					}
				}
			}
		}
	}
	shapes := map[string]bool{}
	for i := range MaxSeries {
		shapes[fmt.Sprintf("%T", seriesGlyph(i))] = true
	}
	if len(shapes) != MaxSeries {
		t.Errorf("%d shapes for %d series", len(shapes), MaxSeries)
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		want      string
	}{
		{0, 100, "0 20 40 60 80 100"}, {-0.05, 1.05, "0 0.2 0.4 0.6 0.8 1"}, {-7, 13, "-5 0 5 10"}, {0, 0.05, "0 0.01 0.02 0.03 0.04 0.05"},
	} {
		var labels []string
		for _, tick := range every(c.low, c.high, 6).Ticks(0, 0) {
			labels = append(labels, tick.Label)
		}
		if got := strings.Join(labels, " "); got != c.want {
			t.Errorf("%v to %v: %s, want %s", c.low, c.high, got, c.want)
		}
	}
}

// A series of raters has a name that people can read, also if students differ as well as losses.
func TestRatersNamesItsSeries(t *testing.T) {
	other := row("movies", "raters:1", "logconf:alpha=0.5:warmup=0.2", 0.6, 0.8, 0.9)
	other.Strong = "larger"
	for want, in := range map[string][]summary.Row{
		"large":           {row("movies", "raters:1", "xent", 0.6, 0.7, 0.9)},
		"larger, logconf": {row("movies", "raters:1", "xent", 0.6, 0.7, 0.9), other},
	} {
		c, err := Raters(in)
		if err != nil {
			t.Fatal(err)
		}
		var svg bytes.Buffer
		if err := c.SVG(&svg); err != nil {
			t.Fatal(err)
		}
		if text := svg.String(); !strings.Contains(text, ">"+want+"<") || strings.ContainsRune(text, 0) {
			t.Errorf("no series %q in\n%s", want, text)
		}
	}
}

// A question's chart has a point for each row with both figures, and the diagonal if it asks for one.
func TestAnswers(t *testing.T) {
	q := summary.Question{Name: "which", Caption: "which figures", Asked: []summary.Asked{{Key: "a", Name: "first", Unit: summary.Percent}, {Key: "b", Name: "second", Unit: summary.Points}},
		Chart: summary.Axes{X: "a", Y: "b", Diagonal: "alike"}}
	answer := func(loss string, a, b *summary.Figure) summary.Answer {
		return summary.Answer{Row: summary.Row{Task: "movies", Loss: loss, N: 800, Seeds: 3, PGR: stats.PGR{Value: 0.5, Defined: true}}, Figures: []*summary.Figure{a, b}}
	}
	all := summary.Answers{Question: q, Rows: []summary.Answer{
		answer("xent", &summary.Figure{Value: 0.1, Interval: stats.Interval{Lo: 0.05, Hi: 0.15, Level: 0.95}}, &summary.Figure{Value: -0.02}),
		answer("logconf", &summary.Figure{Value: 0.3}, &summary.Figure{Value: 0.2}),
		answer("logconf", nil, &summary.Figure{Value: 0.2}),
	}}
	c, err := Answers(all)
	if err != nil {
		t.Fatal(err)
	}
	if c.points != 4 || len(c.legend) != 3 { // two rows and the ends of the diagonal
		t.Errorf("%d points and %d series, want 4 and 3", c.points, len(c.legend))
	}
	if x, y := c.plot.X.Label.Text, c.plot.Y.Label.Text; x != "first, %" || y != "second, points" {
		t.Errorf("axes %q and %q", x, y)
	}
	if c.plot.X.Min != c.plot.Y.Min || !(c.plot.X.Min < -2 && c.plot.X.Max > 30) {
		t.Errorf("x from %v to %v, y from %v", c.plot.X.Min, c.plot.X.Max, c.plot.Y.Min)
	}
	if !slices.ContainsFunc(c.Notes, func(n string) bool { return strings.HasPrefix(n, "Left out: 1 of 3 rows") }) {
		t.Errorf("notes %q do not say what is left out", c.Notes)
	}
	all.Question.Chart = summary.Axes{X: "b", Y: summary.PGRKey}
	if c, err = Answers(all); err != nil || c.points != 3 {
		t.Errorf("against PGR: %v", err)
	}
	all.Question.Chart = summary.Axes{Along: []summary.Place{{X: 8, Key: "a"}, {X: 32, Key: "b"}}, XTitle: "labels"}
	if c, err = Answers(all); err != nil || c.points != 5 || len(c.legend) != 2 { // the third row lacks a figure
		t.Errorf("along an axis: %v, %d points, %d series", err, c.points, len(c.legend))
	}
	all.Rows = all.Rows[2:]
	all.Question = q
	if _, err := Answers(all); !errors.Is(err, ErrNothing) {
		t.Errorf("no row has both figures: %v", err)
	}
}
