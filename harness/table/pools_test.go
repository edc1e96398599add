package table

import (
	"strings"
	"testing"

	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/harness/summary"
	"w2s/tasks"
)

func TestPools(t *testing.T) {
	pool := summary.Pool{Weak: "small", Strong: "large", Loss: "logconf:alpha=0.5:warmup=0.2", Treatment: "soft", N: 1600, Seeds: [2]int{3, 5},
		PGR: stats.Pooled{These: stats.PGR{Value: 0.72, Interval: interval(0.5, 0.9), Defined: true}, Ratio: stats.PGR{Value: 0.72, Interval: interval(0.2, 1.1), Defined: true, N: 3}, Median: 0.75, Interval: stats.Interval{Lo: 0.5, Hi: 1, Level: 0.75}, N: 3, Undefined: 1}}
	none := summary.Pool{Weak: "small", Strong: "large", Loss: "xent", Treatment: "soft", Seeds: [2]int{3, 3}, PGR: stats.Pooled{Undefined: 2}}
	sized := none
	sized.Variant = "train=500"

	check(t, Categories([]summary.CategoryRow{
		{Category: tasks.NLP, Pool: pool, Published: &summary.Range{Low: 0.2, High: 0.7}, Outside: true},
		{Category: tasks.Generative, Pool: none},
	}), "category|loss|tasks|undefined|n|seeds|PGR|95% CI (seeds, test)|95% CI (tasks)|median|its CI|published", []string{
		"nlp|logconf|3|1|1600|3 to 5|0.72|[0.50, 0.90]|[0.20, 1.10]|0.75|[0.50, 1.00] (75 %)|0.2 to 0.7 (outside)",
		"generative|xent|0|2|?|3|–|||–||–",
	}, "tasks: number of tasks with a defined PGR.", "(outside): PGR and its interval are outside the published range.",
		"nlp (4 tasks): of the gap between small and large, the student recovers 0.72 [0.50, 0.90] with logconf. Published for naive fine-tuning: 0.2 to 0.7.",
		"generative: the gap between small and large is noise or not positive, so PGR is undefined.")

	check(t, Pairs([]summary.PairRow{{Pool: pool, Gap: 0.123}, {Pool: sized, Gap: -0.01}}),
		"variant|loss|tasks|undefined|n|seeds|PGR|95% CI (seeds, test)|95% CI (tasks)|median|its CI|median gap", []string{
			"|logconf|3|1|1600|3 to 5|0.72|[0.50, 0.90]|[0.20, 1.10]|0.75|[0.50, 1.00] (75 %)|12.3",
			"train=500|xent|0|2|?|3|–|||–||-1.0",
		}, "median gap: ")
	if notes := strings.Join(Categories([]summary.CategoryRow{{Pool: pool}}).Notes, "\n"); strings.Contains(notes, "(outside)") {
		t.Errorf("nothing is outside, but the notes explain it:\n%s", notes)
	}
}

func TestCategoriesInWords(t *testing.T) {
	row := func(loss string, p stats.Pooled) summary.CategoryRow {
		return summary.CategoryRow{Category: tasks.Chess, Published: &summary.Range{Low: 0.4, High: 0.6},
			Pool: summary.Pool{Weak: "small", Strong: "large", Loss: loss, Treatment: "soft", PGR: p}}
	}
	clear := stats.Pooled{Ratio: stats.PGR{Value: 0.5, Interval: interval(0.4, 0.6), Defined: true}, Median: 0.5, N: 1}
	rows := []summary.CategoryRow{row("xent", clear), row("kl", stats.Pooled{Median: 0.75, N: 2}), row("confidence:alpha=0.5", clear)}
	want := "chess (1 task): of the gap between small and large, the student recovers 0.50 [0.40, 0.60] with xent " +
		"and 0.50 [0.40, 0.60] with confidence. It is undefined with kl. Published for naive fine-tuning: 0.4 to 0.6."
	if got := InWords(rows); len(got) != 1 || got[0] != want {
		t.Errorf("%q, want %q", got, want)
	}
	rows[2].Weak = "other"
	if got := InWords(rows); got != nil {
		t.Errorf("%q for two pairs", got)
	}
}

func TestLosses(t *testing.T) {
	l := summary.LossRow{Task: "a", Weak: "small", Strong: "large", Treatment: "soft", Metric: tasks.ExactMatch,
		Loss: "logconf:alpha=0.5:warmup=0.2", Against: "xent",
		Difference: stats.Difference{Diff: 0.031, Interval: interval(-0.01, 0.05), P: 0.0123, Test: stats.TestSignFlip, N: 800}, Adjusted: 0.0246}
	worse := l
	worse.Diff, worse.Interval = -0.002, stats.Interval{}
	table := Losses([]summary.LossRow{l, worse}, "")
	check(t, table, "task|loss|against|difference|95% CI (test)|p|p adjusted", []string{
		"a|logconf|xent|+3.1|[-1.0, +5.0]|0.012|0.025",
		"a|logconf|xent|-0.2||0.012|0.025",
	}, "sign-flip permutation", "the 2 comparisons")
	if table.Caption != "losses compared on the same test examples, in points of exact-match, small → large, soft labels, 800 test examples" {
		t.Errorf("caption %q", table.Caption)
	}
	worse.Variant = "trained on b"
	check(t, Losses([]summary.LossRow{l, worse}, ""), "task|variant|loss|against|difference|95% CI (test)|p|p adjusted", []string{
		"a||logconf|xent|+3.1|[-1.0, +5.0]|0.012|0.025",
		"a|trained on b|logconf|xent|-0.2||0.012|0.025",
	})
	if empty := Losses(nil, ""); len(empty.Rows) != 0 || len(empty.Notes) != 1 || !strings.Contains(empty.Notes[0], "nothing to compare") {
		t.Errorf("%+v", empty)
	}
}

func TestMethods(t *testing.T) {
	m := summary.MethodRow{Method: summary.Method{Loss: "logconf:alpha=0.5:warmup=0.2", Treatment: "soft"}, Cells: 12, Corpora: 9, Rank: 2.25, RankInterval: interval(1.5, 3),
		Wins: 3, Ties: 8, Less: 1, Lowest: -0.087, LowestIn: "a, small → large", Diff: 0.0123, Interval: interval(0.001, 0.02), P: 0.01, Adjusted: 0.02,
		PGR: stats.PGR{Value: 0.125, Interval: interval(0.01, 0.24), Defined: true}}
	part, both := m, m
	part.Method, part.Cells, part.PGR = summary.Method{Loss: "xent", Treatment: "weight:cwpo"}, 9, stats.PGR{}
	both.Treatment = "hard"
	of := func(treatment string, kept, all int, effective float64) summary.Row {
		return summary.Row{Treatment: treatment, Seeds: 2, Labels: result.LabelQuality{Quality: stats.Quality{N: 2 * kept}, Raw: stats.Quality{N: 2 * all}, Effective: effective}}
	}
	table := Methods([]summary.MethodRow{m, part, both}, []summary.Row{of("soft", 400, 400, 0), of("top:0.5", 200, 400, 0), of("top:0.5", 150, 300, 0), of("weight:cwpo", 400, 400, 123.4)})
	check(t, table, "method|rank|95% CI (corpora)|win/tie/loss|difference|95% CI (corpora)|p adjusted|PGR|95% CI (corpora)|lowest|cells", []string{
		"logconf|2.2|[1.5, 3.0]|3/8/1|+1.23|[+0.10, +2.00]|0.020|+0.12|[+0.01, +0.24]|-8.7|12",
		"weight:cwpo|2.2|[1.5, 3.0]|3/8/1|+1.23|[+0.10, +2.00]|0.020|–||-8.7|9",
		"logconf, hard|2.2|[1.5, 3.0]|3/8/1|+1.23|[+0.10, +2.00]|0.020|+0.12|[+0.01, +0.24]|-8.7|12",
	}, "do not fit every task", "the 2 methods", "Labels kept (mean over seeds): top:0.5 150 to 200 of 300 to 400; weight:cwpo all 400, with weights that count as much as 123 equal ones.")
	m.Corpora, m.Interval, m.RankInterval, m.PGR = 1, stats.Interval{}, stats.Interval{}, stats.PGR{}
	check(t, Methods([]summary.MethodRow{m}, nil), "method|rank|95% CI (corpora)|win/tie/loss|difference|95% CI (corpora)|p adjusted|PGR|lowest", []string{
		"logconf|2.2||3/8/1|+1.23||–|–|-8.7",
	}, "one corpus: there is no interval over corpora and no p-value")
	if Methods(nil, nil) != nil {
		t.Error("there is a table of no methods")
	}
}

func TestChains(t *testing.T) {
	figure := func(v float64) summary.Figure { return summary.Figure{Value: v, Interval: interval(v-0.02, v+0.02)} }
	pgr := func(v float64) stats.PGR {
		return stats.PGR{Value: v, Interval: interval(v-0.25, v+0.25), Defined: true}
	}
	r := summary.ChainRow{Task: "a", Metric: tasks.Accuracy, Data: "shared", Loss: "xent", N: 200, Seeds: 2, Models: []string{"tiny", "small", "large"},
		Steps: []summary.Figure{figure(0.4), figure(0.5), figure(0.6)}, Labels: []float64{0.41, 0.52}, LabelIntervals: []stats.Interval{interval(0.40, 0.43), interval(0.5, 0.53)}, Jump: figure(0.55), Ceiling: figure(0.8),
		PGR: pgr(0.5), JumpPGR: pgr(0.375), Gain: &stats.Difference{Diff: 0.05, Interval: interval(0.01, 0.09), P: 0.004, Test: stats.TestSignFlip},
		Warnings: []string{"1 duplicate removed"}}
	undefined := r
	undefined.Loss, undefined.Gain, undefined.PGR, undefined.JumpPGR = "kl", nil, stats.PGR{}, stats.PGR{}
	table := Chains([]summary.ChainRow{r, undefined})
	check(t, table, "task|loss|step|model|labels|score|PGR|95% CI (seeds, test)", []string{
		"a|xent|1|tiny||40.0 ±2.0||",
		"a|xent|2|small|41.0 ±1.5|50.0 ±2.0||",
		"a|xent|3|large|52.0 ±1.5|60.0 ±2.0|0.50|[0.25, 0.75]",
		"a|xent|jump|large||55.0 ±2.0|0.38|[0.12, 0.62]",
		"a|xent|gold|large||80.0 ±2.0||",
		"a|kl|1|tiny||40.0 ±2.0||",
		"a|kl|2|small|41.0 ±1.5|50.0 ±2.0||",
		"a|kl|3|large|52.0 ±1.5|60.0 ±2.0|undefined|",
		"a|kl|jump|large||55.0 ±2.0|undefined|",
		"a|kl|gold|large||80.0 ±2.0||",
	}, "end of the chain - jump = +5.0 points [+1.0, +9.0], p 0.004 (sign-flip permutation)", "a, shared: 1 duplicate removed")
	if n := strings.Count(strings.Join(table.Notes, "\n"), "duplicate"); n != 1 {
		t.Errorf("a warning of two chains on one task is noted %d times, want once", n)
	}
	if !strings.HasSuffix(table.Caption, "accuracy in per cent, shared data, 200 test examples, 2 seeds") {
		t.Errorf("caption %q", table.Caption)
	}
}
