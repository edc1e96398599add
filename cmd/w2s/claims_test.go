package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"w2s/harness/loss"
	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/harness/summary"
	"w2s/harness/table"
	"w2s/internal/list"
	"w2s/internal/shareddata"
	"w2s/tasks"

	"gonum.org/v1/gonum/stat"
)

// claimsFile holds the rows that the figures in README.md are computed from, one JSON object on each line. To make it again, run
// the commands in README.md, docs/results.md, docs/baselines.md and docs/losses.md with the --out names of claimFiles in one folder, and
//
//	W2S_RESULTS=FOLDER go test ./cmd/w2s -run TestClaims -update
var claimsFile = filepath.Join(shareddata.Root(), "docs", "data", "rows.jsonl")

// claimFiles are the result files, and briefFiles those of them of whose rows little is said.
var (
	claimFiles = append([]string{"text/ratings.json", "chess/mates.json", "chess/free.json", "textchain.json", "chesschain.json", "supervision.json",
		"chess-supervision.json", "default/text.json", "default/chess.json", "default/free.json"}, briefFiles...)
	briefFiles = []string{"losses.json", "text/others.json", "hh.json", "people.json", "several.json", "llm/ratings.json", "lichess/bands.json",
		"lichess/easy-to-hard.json", "sciq/smollm2-135m-instruct.json", "layers-smollm2-135m-instruct.json", "layers-gemma-3-270m.json",
		"layers-qwen2.5-coder-0.5b-instruct.json"}
)

// ladderFiles are those of which tables say what each model scores when it is trained on gold, so the rows of models that teach
// themselves are kept.
var ladderFiles = []string{"hh.json", "chess/mates.json", "lichess/bands.json", "llm/ratings.json"}

// A claimRow is a row of a result file, or a chain of it.
type claimRow struct {
	File  string            `json:"file"`
	Row   *summary.Row      `json:"row,omitempty"`
	Chain *summary.ChainRow `json:"chain,omitempty"`
}

// writeClaims reads result files and writes their rows without warnings. Rows of files that the folder lacks stay as they are. It leaves out models that teach themselves, and baselines and
// rows about supervision of which README.md says nothing.
func writeClaims(t *testing.T, folder string) {
	t.Helper()
	before, err := os.ReadFile(claimsFile)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	for _, name := range claimFiles {
		r, err := result.Load(filepath.Join(folder, name))
		if errors.Is(err, fs.ErrNotExist) {
			for line := range bytes.Lines(before) {
				if bytes.HasPrefix(line, fmt.Appendf(nil, `{"file":%q,`, name)) {
					out.Write(line)
				}
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		rows, err := summary.Rows(r, summary.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			if row.Loss == "kl" || row.Weak == row.Strong && (row.Loss != "xent" || !slices.Contains(ladderFiles, name)) {
				continue
			}
			switch {
			case name == "supervision.json":
				if row.Weak != "wordllama-64" || row.Task != "movies" && row.Task != "ethics-deontology" {
					continue
				}
			case name == "chess-supervision.json":
			case slices.Contains(briefFiles, name):
				row = summary.Row{Task: row.Task, Corpus: row.Corpus, Category: row.Category, Metric: row.Metric, Weak: row.Weak, Strong: row.Strong,
					Loss: row.Loss, Treatment: row.Treatment, Floor: row.Floor, Transfer: row.Transfer, Ceiling: row.Ceiling, Control: row.Control,
					PGR: row.PGR, N: row.N, Seeds: row.Seeds, EasyHard: row.EasyHard}
			default:
				row.Baselines, row.Cosines, row.CeilingAxis = nil, nil, nil
			}
			row.Warnings, row.Uneven, row.Labels = nil, nil, result.LabelQuality{}
			if err := encoder.Encode(claimRow{File: name, Row: &row}); err != nil {
				t.Fatal(err)
			}
		}
		chains, err := summary.Chains(r, summary.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range chains {
			c.Warnings = nil
			if err := encoder.Encode(claimRow{File: name, Chain: &c}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.WriteFile(claimsFile, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// claims are the rows that figures are computed from.
type claims struct {
	t      *testing.T
	rows   map[string][]summary.Row // by file
	chains map[string][]summary.ChainRow
}

func readClaims(t *testing.T) claims {
	t.Helper()
	data, err := os.ReadFile(claimsFile)
	if err != nil {
		t.Fatal(err)
	}
	c := claims{t, map[string][]summary.Row{}, map[string][]summary.ChainRow{}}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var row claimRow
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		if row.Row != nil {
			c.rows[row.File] = append(c.rows[row.File], *row.Row)
		} else {
			c.chains[row.File] = append(c.chains[row.File], *row.Chain)
		}
	}
	return c
}

// row returns the row of a file for a task, pair and loss.
func (c claims) row(file, task, pair, short string) summary.Row {
	c.t.Helper()
	at := slices.IndexFunc(c.rows[file], func(r summary.Row) bool {
		return r.Task == task && r.Pair() == pair && loss.Short(r.Loss) == short
	})
	if at < 0 {
		c.t.Fatalf("%s has no row of %s, %s, %s", file, task, pair, short)
	}
	return c.rows[file][at]
}

// pooled returns the pooled PGR of the tasks of a category ("": all tasks) of a file.
func (c claims) pooled(file string, category tasks.Category, pair, short string) stats.PGR {
	c.t.Helper()
	var rows []summary.Row
	for _, r := range c.rows[file] {
		if (category == "" || r.Category == category) && r.Pair() == pair && loss.Short(r.Loss) == short {
			rows = append(rows, r)
		}
	}
	pairs, err := summary.Pairs(rows)
	if err != nil || len(pairs) != 1 {
		c.t.Fatalf("%s, %s, %s: %d pools, %v", file, pair, short, len(pairs), err)
	}
	return pairs[0].PGR.Ratio
}

// gap returns the median gap of a pair over all tasks of a file.
func (c claims) gap(file, pair string) float64 {
	c.t.Helper()
	pairs, err := summary.Pairs(slices.DeleteFunc(slices.Clone(c.rows[file]), func(r summary.Row) bool { return r.Pair() != pair || r.Loss != "xent" }))
	if err != nil || len(pairs) != 1 {
		c.t.Fatalf("%s, %s: %d pools, %v", file, pair, len(pairs), err)
	}
	return pairs[0].Gap
}

// gain returns how far the end of a chain is above its jump.
func (c claims) gain(file, task, short string) stats.Difference {
	c.t.Helper()
	at := slices.IndexFunc(c.chains[file], func(r summary.ChainRow) bool { return r.Task == task && loss.Short(r.Loss) == short })
	if at < 0 {
		c.t.Fatalf("%s has no chain on %s with %s", file, task, short)
	}
	return *c.chains[file][at].Gain
}

func figure(p stats.PGR) string { return p.String() + " " + p.Interval.String() }

func inPoints(d stats.Difference) string {
	return fmt.Sprintf("%.1f points [%.1f, %.1f]", 100*d.Diff, 100*d.Interval.Lo, 100*d.Interval.Hi)
}

// scored writes a score with half of its interval.
func scored(f summary.Figure) string {
	return fmt.Sprintf("%.1f ±%.1f", 100*f.Value, 50*(f.Interval.Hi-f.Interval.Lo))
}

func percent(s stats.Share) string {
	return fmt.Sprintf("%.0f %% [%.0f, %.0f]", 100*s.Value, 100*s.Interval.Lo, 100*s.Interval.Hi)
}

// Every figure in the section on results of README.md is computed from committed rows.
func TestClaims(t *testing.T) {
	if folder := os.Getenv("W2S_RESULTS"); folder != "" && *update {
		writeClaims(t, folder)
	}
	c := readClaims(t)
	const e5, miniLM = "e5-small-v2", "all-MiniLM-L6-v2"
	const ratings, mpnet = "text/ratings.json", "all-mpnet-base-v2"
	toE5 := []string{"wordllama-64 → " + e5, miniLM + " → " + e5}
	toMpnet := []string{"wordllama-64 → " + mpnet, miniLM + " → " + mpnet}
	losses := []string{"xent", "confidence", "logconf"}
	var want, others []string
	var dialogues []float64
	claim := func(format string, args ...any) { want = append(want, fmt.Sprintf(format, args...)) }

	categories, err := summary.Categories(slices.Concat(c.rows["default/text.json"], c.rows["default/chess.json"], c.rows["default/free.json"]))
	if err != nil {
		t.Fatal(err)
	}
	said := slices.DeleteFunc(table.Categories(categories).Notes, func(n string) bool { return !strings.Contains(n, "the student recovers") })
	if len(said) != 4 {
		t.Errorf("the default suite says %q, want a sentence for each of four categories", said)
	}
	for _, sentence := range said {
		claim("%s", sentence)
	}
	for _, pair := range slices.Concat(toE5, toMpnet, []string{"wordllama-64 → " + miniLM}) {
		p := list.Map(append(losses, "guardconf"), func(l string) string { return figure(c.pooled(ratings, "", pair, l)) })
		claim("| %s | %.1f | %s |", pair, 100*c.pooled(ratings, "", pair, "xent").Gap, strings.Join(p, " | "))
	}
	for _, r := range c.rows[ratings] {
		if r.Pair() == e5+" → "+mpnet && r.PGR.Defined {
			t.Errorf("%s: %s has a gap, the text says that it has none", r.Task, r.Pair())
		}
	}
	ladder := func(pair string) []string {
		return list.Map(append(losses, "guardconf"), func(l string) string { return figure(c.row("chess/mates.json", "chess-mate1", pair, l).PGR) })
	}
	neighbours := []string{"chess-0.03m → chess-0.1m", "chess-0.1m → chess-0.4m", "chess-0.4m → chess-1.5m", "chess-1.5m → chess-4m"}
	const whole, short = "chess-0.03m → chess-4m", "chess-0.03m → chess-1.5m"
	for _, pair := range append(slices.Clone(neighbours), "chess-0.03m → chess-0.4m", "chess-0.1m → chess-1.5m", "chess-0.1m → chess-4m", "chess-0.4m → chess-4m", short, whole) {
		claim("| %s | %.1f | %s |", pair, 100*c.row("chess/mates.json", "chess-mate1", pair, "xent").PGR.Gap, strings.Join(ladder(pair), " | "))
	}
	nlp := list.Map(slices.Concat(toE5, toMpnet), func(pair string) string { return figure(c.pooled(ratings, tasks.NLP, pair, "xent")) })
	claim("four sentiment sets is %s and %s for wordllama-64 and MiniLM as supervisors of e5, and %s and %s as supervisors of mpnet", nlp[0], nlp[1], nlp[2], nlp[3])
	claim("%s with logconf and %s with xent", figure(c.row("chess/mates.json", "chess-mate1", whole, "logconf").PGR), figure(c.row("chess/mates.json", "chess-mate1", whole, "xent").PGR))
	chess := list.Map(neighbours, func(pair string) string { return figure(c.row("chess/mates.json", "chess-mate1", pair, "xent").PGR) })
	claim("it is %s, %s, %s and %s", chess[0], chess[1], chess[2], chess[3])
	largest := list.Map([]string{"chess-1.5m", "chess-0.4m", "chess-0.1m", "chess-0.03m"}, func(weak string) float64 {
		return c.row("chess/mates.json", "chess-mate1", weak+" → chess-4m", "xent").PGR.Value
	})
	claim("for chess-4m with xent, from %.2f to %.2f, %.2f and %.2f", largest[0], largest[1], largest[2], largest[3])
	defined := map[string]int{}
	for _, r := range c.rows["llm/ratings.json"] {
		if r.Weak != r.Strong && r.Loss == "xent" && r.PGR.Defined {
			defined[r.Pair()]++
		}
	}
	if len(defined) != 1 || defined["smollm2-135m-instruct → gemma-3-270m"] != 2 {
		t.Errorf("language models have gaps on %v; README.md says on two sets, from SmolLM2 to Gemma", defined)
	}
	gains := list.Map(losses, func(l string) string { return inPoints(c.gain("chesschain.json", "chess-mate1", l)) })
	claim("%s above the single jump with xent, %s with confidence and %s with logconf", gains[0], gains[1], gains[2])

	chains := c.chains["textchain.json"]
	adjusted, err := stats.Holm(list.Map(chains, func(r summary.ChainRow) float64 { return r.Gain.P }))
	if err != nil {
		t.Fatal(err)
	}
	differ := 0
	lowest := chains[0]
	for i, r := range chains {
		if adjusted[i] < 0.05 {
			differ++
		}
		if r.Gain.Diff < lowest.Gain.Diff {
			lowest = r
		}
	}
	if differ != 0 {
		t.Errorf("%d chains end above or below their jump, the text says none", differ)
	}
	claim("none of the %d chains differs from its jump after Holm's correction (the lowest is %s with %s, %s)", len(chains), lowest.Task, loss.Short(lowest.Loss), inPoints(*lowest.Gain))
	byCategory := map[tasks.Category]summary.CategoryRow{}
	soft := slices.DeleteFunc(slices.Clone(c.rows["losses.json"]), func(r summary.Row) bool {
		return r.Treatment != "soft" || r.Loss != "xent" || r.Pair() != "wordllama-64 → "+e5
	})
	pools, err := summary.Categories(soft)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pools {
		byCategory[p.Category] = p
	}
	nlpPool, rewardPool := byCategory[tasks.NLP].PGR, byCategory[tasks.Reward].PGR
	claim("PGR is %s over %d NLP tasks, %s over %d sets of preference pairs", figure(nlpPool.These), nlpPool.N+nlpPool.Undefined, figure(rewardPool.These), rewardPool.N)
	claim("and %s on pleasant outcomes", figure(c.row("losses.json", "pleasant-outcomes", "wordllama-64 → "+e5, "xent").PGR))
	xent := c.row(ratings, "movies", miniLM+" → "+e5, "xent").Imitation
	claim("with xent, students repeat %s of its errors, and the ceiling, which never saw its labels, %s", percent(xent.Student.OnErrors), percent(xent.Ceiling.OnErrors))
	claim("with logconf %s", percent(c.row(ratings, "movies", miniLM+" → "+e5, "logconf").Imitation.Student.OnErrors))
	const weakest = "wordllama-64 → " + e5
	for _, pair := range append(slices.Clone(toE5), "wordllama-64 → "+miniLM) {
		others = append(others, figure(c.pooled("text/others.json", "", pair, "xent")), figure(c.pooled("text/others.json", "", pair, "guardconf")))
		dialogues = append(dialogues, 100*c.gap("hh.json", pair))
	}
	claim("e5 learns from wordllama-64 with PGR %s and from MiniLM with %s, and MiniLM from wordllama-64 with %s (xent); with guardconf, it is %s, %s and %s",
		others[0], others[2], others[4], others[1], others[3], others[5])
	claim("the median gap of a pair is %.1f to %.1f points", slices.Min(dialogues), slices.Max(dialogues))
	supervised := func(task, loss string) summary.Row { return c.row("supervision.json", task, weakest, loss) }
	logconf, plain, excuses := supervised("movies", "logconf"), supervised("movies", "xent"), supervised("ethics-deontology", "logconf")
	claim("student of wordllama-64 scores %s on movies", scored(logconf.Transfer))
	claim("scores %s, and the cosine between the two is %.2f", scored(logconf.Baseline(result.OfAxis).Score), logconf.Cosines.Axis.Value)
	claim("the student scores %s and has a cosine of %.2f; with shuffled labels it scores %s", scored(plain.Transfer), plain.Cosines.Axis.Value,
		scored(plain.Baseline(result.OfShuffled).Score))
	claim("on excuses (deontology) it scores %s, the axis %s and xent %s", scored(excuses.Transfer), scored(excuses.Baseline(result.OfAxis).Score),
		scored(supervised("ethics-deontology", "xent").Transfer))
	mates := c.row("chess-supervision.json", "chess-mate1", short, "logconf")
	claim("8 gold labels give %s, and the best student of chess-0.03m %s", scored(mates.Baseline(result.FewGold(8)).Score), scored(mates.Transfer))
	for _, l := range losses {
		if c.row("chess-supervision.json", "chess-mate1", short, l).Transfer.Value > mates.Transfer.Value {
			t.Errorf("logconf is not the best student of chess, %s is", l)
		}
	}
	free := list.Map(losses[:2], func(l string) string {
		return figure(c.row("chess/free.json", "chess-mate1-free", "chess-0.1m → chess-1.5m", l).PGR)
	})
	claim("PGR is %s with xent and %s with confidence", free[0], free[1])

	says(t, "README.md", want)
}

// says checks that a page of this repository contains texts, wherever its lines break.
func says(t *testing.T, page string, want []string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(shareddata.Root(), filepath.FromSlash(page)))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(string(data)), " ")
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("%s lacks:\n%s", page, w)
		}
	}
}

// The table of losses over all cells in docs/losses.md.
func TestClaimsOfLosses(t *testing.T) {
	type key struct{ loss, treatment string }
	const gap = 0.04
	rows := readClaims(t).rows["losses.json"]
	pgr, gains, lowest := map[key][]float64{}, map[key][]float64{}, map[key]summary.Row{}
	below := map[key]float64{}
	cells := map[string]bool{}
	for _, r := range rows {
		if r.Ceiling.Value-r.Floor.Value < gap {
			continue
		}
		cells[r.Task+r.Pair()] = true
		k := key{loss.Short(r.Loss), r.Treatment}
		xent := slices.IndexFunc(rows, func(x summary.Row) bool {
			return x.Task == r.Task && x.Pair() == r.Pair() && x.Loss == "xent" && x.Treatment == "soft"
		})
		gain := 100 * (r.Transfer.Value - rows[xent].Transfer.Value)
		pgr[k] = append(pgr[k], (r.Transfer.Value-r.Floor.Value)/(r.Ceiling.Value-r.Floor.Value))
		gains[k] = append(gains[k], gain)
		if _, ok := lowest[k]; !ok || gain < below[k] {
			lowest[k], below[k] = r, gain
		}
	}
	data, err := os.ReadFile(filepath.Join(shareddata.Root(), "docs", "losses.md"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	want := []string{fmt.Sprintf("The %d cells with a gap of 4 points or more count", len(cells))}
	for k, v := range pgr {
		median, _, err := stats.MedianInterval(v, stats.Level)
		if err != nil {
			t.Fatal(err)
		}
		line := fmt.Sprintf("| %s | %s | %.2f | %.2f | %.2f | %+.1f | %+.1f | %s, %s |", k.loss, k.treatment, median, stat.Mean(v, nil), slices.Min(v), stat.Mean(gains[k], nil), below[k],
			lowest[k].Task, lowest[k].Pair())
		if k == (key{"xent", "soft"}) {
			line = fmt.Sprintf("| xent | soft | %.2f | %.2f | %.2f |", median, stat.Mean(v, nil), slices.Min(v))
		}
		want = append(want, line)
	}
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("docs/losses.md lacks:\n%s", w)
		}
	}
}
