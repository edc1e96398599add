package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"w2s/harness/loss"
	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/harness/summary"
	"w2s/internal/list"
	"w2s/internal/shareddata"
)

// methodsFile holds the figures of docs/methods.md, one on each line. To make it again, run the commands there with --out FOLDER/methods/NAME,
// the sweep of docs/results.md with --out FOLDER/sweep.json, and
//
//	W2S_RESULTS=FOLDER go test ./cmd/w2s -run TestClaimsOfMethods -update
var methodsFile = filepath.Join(shareddata.Root(), "docs", "data", "methods.jsonl")

// A methodsFigure is a figure of one row of a result.
type methodsFigure struct {
	File     string         `json:"file"`
	Task     string         `json:"task,omitempty"`
	Trained  string         `json:"trained_on,omitempty"`
	Loss     string         `json:"loss"`
	Stopped  int            `json:"stopped,omitempty"`
	Figure   string         `json:"figure"`
	Value    float64        `json:"value"`
	Interval stats.Interval `json:"interval"`
}

// methodsFigures returns the figures of a result that docs/methods.md may state.
func methodsFigures(t *testing.T, folder, name string) (out []methodsFigure) {
	t.Helper()
	r, err := result.Load(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := summary.Rows(r, summary.Options{})
	if err != nil {
		t.Fatal(err)
	}
	file := strings.TrimSuffix(filepath.Base(name), ".json")
	ask := func(question string) summary.Answers {
		all := summary.Questions()
		answers, err := summary.Ask(rows, all[slices.IndexFunc(all, func(q summary.Question) bool { return q.Name == question })], summary.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return answers
	}
	if file == "sweep" {
		for _, c := range append(ask("misfit").Ranks, ask("capa").Ranks...) {
			over := "all"
			if c.Within {
				over = "within"
			}
			out = append(out, methodsFigure{File: file, Loss: loss.Short(c.Loss), Figure: c.A + " " + c.B + " " + over, Value: c.Value, Interval: c.Interval})
		}
		return out
	}
	for _, row := range rows {
		add := func(figure string, f summary.Figure) {
			out = append(out, methodsFigure{file, row.Task, row.Trained, loss.Short(row.Loss), row.Stopped, figure, f.Value, f.Interval})
		}
		addPGR := func(figure string, p stats.PGR) {
			if p.Defined {
				add(figure, summary.Figure{Value: p.Value, Interval: p.Interval})
			}
		}
		add("weak", row.Floor)
		add("student", row.Transfer)
		add("ceiling", row.Ceiling)
		addPGR("pgr", row.PGR)
		if row.Stopped > 0 {
			continue
		}
		for _, b := range slices.Concat(row.Baselines, row.SomeGold) {
			add(b.Kind, b.Score)
		}
		for _, e := range row.EasyHard {
			if e.Unsupervised != nil {
				add(e.Order+" unsupervised", *e.Unsupervised)
			}
			add(e.Order+" easy", e.Easy)
			add(e.Order+" hard", e.Hard)
			addPGR(e.Order+" SGR", e.SGR)
		}
	}
	for _, question := range map[string][]string{"impossible": {"impossible"}, "conflict": {"blindspots"}}[file] {
		all := ask(question)
		for _, a := range all.Rows {
			for i, f := range all.Question.Asked {
				if v := a.Figures[i]; v != nil {
					out = append(out, methodsFigure{file, a.Row.Task, a.Row.Trained, loss.Short(a.Row.Loss), 0, f.Key, v.Value, v.Interval})
				}
			}
		}
	}
	return out
}

func writeMethods(t *testing.T, folder string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "methods", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %d result files", err, len(files))
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	for _, file := range append(list.Map(files, func(f string) string { return "methods/" + filepath.Base(f) }), "sweep.json") {
		for _, f := range methodsFigures(t, folder, file) {
			if err := encoder.Encode(f); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.WriteFile(methodsFile, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Every figure of a run in docs/methods.md is computed from committed figures of its rows.
func TestClaimsOfMethods(t *testing.T) {
	if folder := os.Getenv("W2S_RESULTS"); folder != "" && *update {
		writeMethods(t, folder)
	}
	data, err := os.ReadFile(methodsFile)
	if err != nil {
		t.Fatal(err)
	}
	var all []methodsFigure
	for lines := json.NewDecoder(bytes.NewReader(data)); ; {
		var f methodsFigure
		if err := lines.Decode(&f); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	of := func(file, task, loss string, stopped int, figure string) summary.Figure {
		t.Helper()
		task, trained, _ := strings.Cut(task, " of ")
		at := slices.IndexFunc(all, func(f methodsFigure) bool {
			return f.File == file && f.Task == task && f.Trained == trained && f.Loss == loss && f.Stopped == stopped && f.Figure == figure
		})
		if at < 0 {
			t.Fatalf("%s has no %s of %s, %s, step %d", methodsFile, figure, task, loss, stopped)
		}
		return summary.Figure{Value: all[at].Value, Interval: all[at].Interval}
	}
	ratio := func(f summary.Figure) string { return fmt.Sprintf("%.2f %s", f.Value, f.Interval) }
	points := func(f summary.Figure) string {
		return fmt.Sprintf("%+.1f ±%.1f", 100*f.Value, 50*(f.Interval.Hi-f.Interval.Lo))
	}
	percent := func(f summary.Figure) string { return fmt.Sprintf("%.1f", 100*f.Value) }
	text := strings.Join(strings.Fields(readPage(t, "docs/methods.md")), " ")
	claim := func(format string, args ...any) {
		t.Helper()
		if want := fmt.Sprintf(format, args...); !strings.Contains(text, want) {
			t.Errorf("docs/methods.md lacks:\n%s", want)
		}
	}

	score := func(kind string) string { return scored(of("unlabelled", "movies", "xent", 0, kind)) }
	claim("it scores %s, where the main axis has %s, `ue` %s, `probes` %s, `components` %s, `crc` %s and the ceiling %s", score("ccs"), score("axis"), score("ue"),
		score("probes"), score("components"), score("crc"), score("ceiling"))

	for _, order := range result.Orders() {
		name, key := order, order
		if order == result.ByDifficulty {
			name, key = order+" (rating)", order+":Rating" // the column
		}
		f := func(kind string) summary.Figure { return of("order", "chess-lichess-few", "xent", 0, key+" "+kind) }
		claim("| %s | %s | %s | %s | %s |", name, scored(f("unsupervised")), scored(f("easy")), scored(f("hard")), ratio(f("SGR")))
	}

	gold := func(kind string) string { return scored(of("gold", "movies", "xent", 0, kind)) }
	for _, method := range result.SomeGoldMethods() {
		claim("| %s | %s | %s |", method, gold(result.SomeGoldKind(method, 0.05)), gold(result.SomeGoldKind(method, 0.25)))
	}
	claim("the student without gold scores %s, the ceiling %s", gold("student"), gold("ceiling"))
	claim("`logconf` without any gold (%s)", scored(of("gold", "movies", "logconf", 0, "student")))

	rank := func(loss, figures string) string { return ratio(of("sweep", "", loss, 0, figures)) }
	claim("misfit has rank correlation %s with gain, %s with student - weak, and %s with student - weak among supervisors of the same task and student. With `logconf`, the last correlation is %s.",
		rank("xent", "misfit gain all"), rank("xent", "misfit student_gain all"), rank("xent", "misfit student_gain within"), rank("logconf", "misfit student_gain within"))
	claim("its rank correlation with student - weak is %s among supervisors", rank("xent", "capa_ceiling student_gain within"))
	claim("is %s among such supervisors, and %s over all rows", rank("xent", "capa_ceiling pgr within"), rank("xent", "capa_ceiling pgr all"))

	const helpful, harmless = "hh-single-turn-helpful", "hh-single-turn-harmless"
	excess := func(task string) string { return points(of("conflict", task, "xent", 0, "deception")) }
	claim("the excess is %s and %s points for students of the task, and %s and %s for students of the other task", excess(helpful), excess(harmless),
		excess(helpful+" of "+harmless), excess(harmless+" of "+helpful))

	var stopped []string
	whole := list.Map([]string{"amazon", "editorials", "movies", "movies-pairs", "tweets"}, func(task string) string {
		stopped = append(stopped, ratio(of("curves", task, "xent", 1, "pgr"))+" on "+task)
		return fmt.Sprintf("%.2f", of("curves", task, "xent", 0, "pgr").Value)
	})
	claim("this head has PGR %s and %s.", strings.Join(stopped[:4], ", "), stopped[4])
	claim("`xent` with all steps has %s and %s", strings.Join(whole[:4], ", "), whole[4])

	rare := func(share, loss, figure string) summary.Figure {
		return of("imbalance", "movies@minority="+share, loss, 0, figure)
	}
	claim("the ceiling falls from %s to %s when the share falls from 0.5 to 0.01. `xent` falls from %s to %s, and its supervisor from %s to %s. `logconf` still scores %s at a share of 0.1. Its mean is %s at 0.05",
		percent(rare("0.5", "xent", "ceiling")), percent(rare("0.01", "xent", "ceiling")), percent(rare("0.5", "xent", "student")), percent(rare("0.01", "xent", "student")),
		percent(rare("0.5", "xent", "weak")), percent(rare("0.01", "xent", "weak")), percent(rare("0.1", "logconf", "student")), scored(rare("0.05", "logconf", "student")))
	for _, share := range []string{"0.02", "0.01"} {
		if s, w := rare(share, "logconf", "student").Value, rare(share, "logconf", "weak").Value; s >= w {
			t.Errorf("at a share of %s, logconf scores %v and its supervisor %v; the text says below", share, s, w)
		}
	}

	at := slices.IndexFunc(all, func(f methodsFigure) bool { return f.File == "impossible" })
	if at < 0 {
		t.Fatal("no figures of impossible examples")
	}
	variance := func(loss, figure string) string { return scored(of("impossible", all[at].Task, loss, 0, figure)) }
	claim("%s %% of the variance comes from impossible examples on movies", variance("xent", "weak_variance"))
	claim("For `xent` students it is %s, for `logconf` students %s, and for the ceiling %s", variance("xent", "student_variance"), variance("logconf", "student_variance"),
		variance("xent", "ceiling_variance"))
}
