package table

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/harness/summary"
	"w2s/tasks"
)

func interval(lo, hi float64) stats.Interval { return stats.Interval{Lo: lo, Hi: hi, Level: 0.95} }

// row returns a row of task and loss whose scores have an interval of ±0.02 and whose gap has one of ±0.03. Its PGR is
// defined if the gap exceeds 0.03.
func row(task, loss string, floor, student, ceiling float64) summary.Row {
	figure := func(v float64) summary.Figure { return summary.Figure{Value: v, Interval: interval(v-0.02, v+0.02)} }
	r := summary.Row{Task: task, Category: tasks.NLP, Weak: "small", Strong: "large", Loss: loss, Treatment: "soft", Metric: tasks.Accuracy,
		N: 800, Train: 1000, Seeds: 3, Floor: figure(floor), Transfer: figure(student), Ceiling: figure(ceiling)}
	gap := ceiling - floor
	r.PGR = stats.PGR{Value: math.NaN(), Gap: gap, GapInterval: interval(gap-0.03, gap+0.03), Reason: stats.ReasonNoise}
	if gap > 0.03 {
		v := (student - floor) / gap
		r.PGR.Value, r.PGR.Interval, r.PGR.Defined, r.PGR.Reason = v, interval(v-0.2, v+0.2), true, ""
	}
	return r
}

// check compares the headings and cells of a table with lines of cells separated by "|", and looks for notes.
func check(t *testing.T, table *Table, header string, lines []string, notes ...string) {
	t.Helper()
	var names []string
	for _, c := range table.Columns {
		names = append(names, c.Name)
	}
	if got := strings.Join(names, "|"); got != header {
		t.Errorf("%s has the columns\n%s, want\n%s", table.Name, got, header)
	}
	var got []string
	for _, r := range table.Rows {
		got = append(got, strings.Join(r, "|"))
	}
	if !slices.Equal(got, lines) {
		t.Errorf("%s has the lines\n%s\nwant\n%s", table.Name, strings.Join(got, "\n"), strings.Join(lines, "\n"))
	}
	all := strings.Join(table.Lines(), "\n")
	for _, n := range notes {
		if !strings.Contains(all, n) {
			t.Errorf("%s: no note says %q:\n%s", table.Name, n, all)
		}
	}
}

// Steps are in their order, and the student that was not stopped comes last.
func TestCurves(t *testing.T) {
	whole, second, tenth := row("a", "xent", 0.5, 0.7, 0.9), row("a", "xent", 0.5, 0.6, 0.9), row("a", "xent", 0.5, 0.8, 0.9)
	second.Stopped, tenth.Stopped = 2, 10
	tenth.Imitation.Student.All = stats.Share{Value: 0.75, N: 800, Interval: interval(0.7, 0.8)}
	check(t, Curves([]summary.Row{whole, tenth, second}), "task|steps|weak|student|ceiling|agreement|on errors|PGR|95% CI (seeds, test)", []string{
		"a|2|50.0 ±2.0|60.0 ±2.0|90.0 ±2.0|–|–|0.25|[0.05, 0.45]",
		"a|10|50.0 ±2.0|80.0 ±2.0|90.0 ±2.0|75.0 ±5.0|–|0.75|[0.55, 0.95]",
		"a|all|50.0 ±2.0|70.0 ±2.0|90.0 ±2.0|–|–|0.50|[0.30, 0.70]",
	}, "No step is chosen here")
}

// Shares of the rare class are in a column, the largest first, and the task has the name that it has elsewhere.
func TestImbalance(t *testing.T) {
	check(t, Imbalance([]summary.Row{row("a@minority=0.05", "xent", 0.5, 0.6, 0.9), row("a@minority=0.5", "xent", 0.5, 0.7, 0.9), row("b", "xent", 0.5, 0.8, 0.9)}),
		"task|rare|weak|student|ceiling|gap|PGR|95% CI (seeds, test)", []string{
			"a|50|50.0 ±2.0|70.0 ±2.0|90.0 ±2.0|40.0 ±3.0|0.50|[0.30, 0.70]",
			"a|5|50.0 ±2.0|60.0 ±2.0|90.0 ±2.0|40.0 ±3.0|0.25|[0.05, 0.45]",
			"b|–|50.0 ±2.0|80.0 ±2.0|90.0 ±2.0|40.0 ±3.0|0.75|[0.55, 0.95]",
		}, "The test examples are balanced.")
}

func TestGap(t *testing.T) {
	wide, narrow, noise := row("a", "xent", 0.5, 0.7, 0.9), row("b", "xent", 0.6, 0.65, 0.7), row("c", "xent", 0.70, 0.71, 0.72)
	other := row("a", "kl", 0.5, 0.6, 0.9)
	imported := narrow
	imported.Task, imported.N, imported.PGR.GapInterval, imported.PGR.Interval = "d", 0, stats.Interval{}, stats.Interval{}
	check(t, Gap([]summary.Row{wide, narrow, noise, other, imported}),
		"loss|gap|PGR|95% CI (seeds, test)|task|n", []string{
			"kl|40.0 ±3.0|0.25|[0.05, 0.45]|a|800",
			"xent|2.0 ±3.0|undefined||c|800",
			"xent|10.0 ±3.0|0.50|[0.30, 0.70]|b|800",
			"xent|10.0|0.50||d|?",
			"xent|40.0 ±3.0|0.50|[0.30, 0.70]|a|800",
		}, "gap: ceiling - weak.", "half of the 95 % interval")
}

func TestAlpha(t *testing.T) {
	rows := []summary.Row{
		row("b", "confidence:alpha=0.5", 0.5, 0.7, 0.9),
		row("a", "logconf:alpha=0.75:warmup=0.2", 0.5, 0.8, 0.9),
		row("a", "logconf:alpha=0.125:warmup=0.2", 0.5, 0.6, 0.9),
		row("a", "xent", 0.5, 0.7, 0.9),
	}
	other := rows[3]
	other.Strong = "huge"
	check(t, Alpha(append(rows, other)),
		"task|pair|loss|alpha|weak|student|ceiling|PGR|95% CI (seeds, test)", []string{
			"a|small → huge|xent|–|50.0 ±2.0|70.0 ±2.0|90.0 ±2.0|0.50|[0.30, 0.70]",
			"a|small → large|logconf:warmup=0.2|0.125|50.0 ±2.0|60.0 ±2.0|90.0 ±2.0|0.25|[0.05, 0.45]",
			"a|small → large|logconf:warmup=0.2|0.75|50.0 ±2.0|80.0 ±2.0|90.0 ±2.0|0.75|[0.55, 0.95]",
			"a|small → large|xent|–|50.0 ±2.0|70.0 ±2.0|90.0 ±2.0|0.50|[0.30, 0.70]",
			"b|small → large|confidence|0.5|50.0 ±2.0|70.0 ±2.0|90.0 ±2.0|0.50|[0.30, 0.70]",
		}, "alpha: weight of the confidence term.")
}

func TestCalibration(t *testing.T) {
	soft, platt := row("a", "xent", 0.5, 0.6, 0.9), row("a", "xent", 0.5, 0.7, 0.9)
	raw := stats.Quality{N: 400, Accuracy: 0.7, ECE: 0.1234, Brier: 0.2, LogLoss: 0.555}
	soft.Labels = result.LabelQuality{Quality: raw, Raw: raw}
	platt.Treatment = "platt"
	platt.LabelInterval = interval(0.7, 0.724)
	platt.Labels = result.LabelQuality{Quality: stats.Quality{N: 400, Accuracy: 0.712, ECE: 0.02, Brier: 0.185, LogLoss: 0.5}, Raw: raw}
	check(t, Calibration([]summary.Row{soft, platt}),
		"task|treatment|labels|ECE|Brier|log loss|student|gap|PGR|95% CI (seeds, test)", []string{
			"a|soft|70.0|0.123 → 0.123|0.200 → 0.200|0.56 → 0.56|60.0 ±2.0|40.0 ±3.0|0.25|[0.05, 0.45]",
			"a|platt|71.2 ±1.2|0.123 → 0.020|0.200 → 0.185|0.56 → 0.50|70.0 ±2.0|40.0 ±3.0|0.50|[0.30, 0.70]",
		}, "with 15 bins", "in nats", "on strong-train")
}

func TestImitation(t *testing.T) {
	share := func(v float64) stats.Share { return stats.Share{Value: v, Interval: interval(v-0.1, v+0.1), N: 200} }
	r := row("a", "xent", 0.5, 0.7, 0.9)
	r.Imitation = summary.Imitation{
		Student: stats.Imitation{All: share(0.8), OnErrors: share(0.49), OnCorrect: share(0.9)},
		Ceiling: stats.Imitation{All: share(0.7), OnErrors: share(0.28), OnCorrect: share(0.95)},
		Excess:  stats.Share{Value: 0.21, Interval: interval(-0.01, 0.39), N: 200},
	}
	flawless := row("b", "xent", 0.5, 0.7, 0.9)
	flawless.Imitation = r.Imitation
	flawless.Imitation.Student.OnErrors, flawless.Imitation.Ceiling.OnErrors, flawless.Imitation.Excess = stats.Share{}, stats.Share{}, stats.Share{}
	check(t, Imitation([]summary.Row{r, flawless}),
		"task|loss|all|on errors|excess on errors|95% CI (test)|on its correct labels|student|PGR", []string{
			"a|xent|80 ±10 / 70 ±10|49 ±10 / 28 ±10|+21|[-1, +39]|90 ±10 / 95 ±10|70.0 ±2.0|0.50",
			"b|xent|80 ±10 / 70 ±10|– / –|–||90 ±10 / 95 ±10|70.0 ±2.0|0.50",
		}, "on errors: the same share among the supervisor's wrong answers (n 200).", "The ceiling never saw")
}

func TestNoise(t *testing.T) {
	flip, majority := row("a", "xent", 0.8, 0.85, 0.9), row("a", "xent", 0.5, 0.48, 0.9)
	flip.Weak, flip.Simulated, flip.Labels.Accuracy = "flip:0.8", true, 0.795
	majority.Weak, majority.Simulated, majority.Labels.Accuracy = "majority", true, 0.52
	check(t, Noise([]summary.Row{flip, majority}),
		"task|supervisor|labels|weak|student|above labels|ceiling|PGR|95% CI (seeds, test)", []string{
			"a|flip:0.8|79.5|80.0 ±2.0|85.0 ±2.0|+5.5|90.0 ±2.0|0.50|[0.30, 0.70]",
			"a|majority|52.0|50.0 ±2.0|48.0 ±2.0|-4.0|90.0 ±2.0|-0.05|[-0.25, 0.15]",
		}, "above labels: student - labels", "flip: random errors.", "systematic:", "random, majority:")
}

func TestSize(t *testing.T) {
	full, small := row("a", "xent", 0.5, 0.7, 0.9), row("a", "xent", 0.5, 0.6, 0.9)
	small.Train, small.Size = 250, 500
	check(t, Size([]summary.Row{full, small, row("a", "kl", 0.5, 0.8, 0.9)}),
		"task|loss|train|weak|student|ceiling|gap|PGR|95% CI (seeds, test)", []string{
			"a|kl|1000|50.0 ±2.0|80.0 ±2.0|90.0 ±2.0|40.0 ±3.0|0.75|[0.55, 0.95]",
			"a|xent|250|50.0 ±2.0|60.0 ±2.0|90.0 ±2.0|40.0 ±3.0|0.25|[0.05, 0.45]",
			"a|xent|1000|50.0 ±2.0|70.0 ±2.0|90.0 ±2.0|40.0 ±3.0|0.50|[0.30, 0.70]",
		}, "train: number of training examples of each head.")
}

func TestLayers(t *testing.T) {
	at := func(weak, strong int, floor, student, ceiling float64) summary.Row {
		r := row("a", "xent", floor, student, ceiling)
		if weak >= 0 {
			r.Weak, r.WeakLayer = "small@layer="+strconv.Itoa(weak), &result.Layer{Of: "small", Number: weak}
		}
		if strong >= 0 {
			r.Strong, r.StrongLayer = "large@layer="+strconv.Itoa(strong)+"@chat", &result.Layer{Of: "large@chat", Number: strong}
		}
		return r
	}
	check(t, Layers([]summary.Row{at(-1, 10, 0.5, 0.7, 0.9), at(-1, 2, 0.5, 0.6, 0.9), at(-1, -1, 0.5, 0.7, 0.9),
		at(10, 2, 0.5, 0.8, 0.9), at(4, 2, 0.5, 0.55, 0.52)}),
		"task|pair|layer|weak|student|ceiling|gap|PGR|95% CI (seeds, test)", []string{
			"a|small → large|–|50.0 ±2.0|70.0 ±2.0|90.0 ±2.0|40.0 ±3.0|0.50|[0.30, 0.70]",
			"a|small → large@chat|2|50.0 ±2.0|60.0 ±2.0|90.0 ±2.0|40.0 ±3.0|0.25|[0.05, 0.45]",
			"a|small → large@chat|10|50.0 ±2.0|70.0 ±2.0|90.0 ±2.0|40.0 ±3.0|0.50|[0.30, 0.70]",
			"a|small@layer=4 → large@chat|2|50.0 ±2.0|55.0 ±2.0|52.0 ±2.0|2.0 ±3.0|undefined|",
			"a|small@layer=10 → large@chat|2|50.0 ±2.0|80.0 ±2.0|90.0 ±2.0|40.0 ±3.0|0.75|[0.55, 0.95]",
		}, "layer: layer of the strong model whose states are the features; 0 is the embedding.")
}

// The tables of studies sort a copy: the rows of the caller keep their order.
func TestStudiesKeepTheRows(t *testing.T) {
	for _, study := range []func([]summary.Row) *Table{Gap, Alpha, Calibration, Imitation, Supervision, Noise, Size, Layers} {
		rows := []summary.Row{row("b", "xent", 0.5, 0.7, 0.9), row("a", "kl", 0.6, 0.7, 0.8)}
		if table := study(rows); rows[0].Task != "b" || rows[1].Task != "a" {
			t.Errorf("%s changes the order of its rows", table.Name)
		}
	}
}

func TestMetricInCaption(t *testing.T) {
	auroc, accuracy := row("a", "xent", 0.5, 0.7, 0.9), row("b", "xent", 0.5, 0.7, 0.9)
	auroc.Metric = tasks.AUROC
	if got := Gap([]summary.Row{auroc}).Caption; !strings.HasSuffix(got, "; auroc in per cent, small → large, 800 test examples, 3 seeds") {
		t.Errorf("caption %q", got)
	}
	if got := Gap([]summary.Row{auroc, accuracy}).Caption; !strings.HasSuffix(got, "; scores in per cent, small → large, 800 test examples, 3 seeds") {
		t.Errorf("caption of rows with two metrics: %q", got)
	}
}

// Warnings of the data are below a study's table once for each task. The reason of an undefined PGR is not, since it belongs to one row.
func TestStudiesShowWarnings(t *testing.T) {
	a, b := row("a", "xent", 0.5, 0.7, 0.9), row("a", "logconf", 0.70, 0.71, 0.72)
	a.Warnings = []string{"classes are balanced"}
	b.Warnings = []string{"classes are balanced", b.PGR.Reason}
	notes := Size([]summary.Row{a, b}).Notes
	if got := notes[len(notes)-1]; got != "a: classes are balanced" || strings.Count(strings.Join(notes, "\n"), "a: ") != 1 {
		t.Errorf("notes %q", notes)
	}
}
