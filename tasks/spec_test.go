package tasks

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"w2s/internal/prob"
)

func TestSpec(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "r.tsv", lines("", "title %d\tbody\t%d\tq%[1]d\n", 20))
	write(t, dir, "dev.tsv", lines("", "dev %d\tbody\t%d\tq\n", 20))
	path := write(t, dir, "reviews.yaml", `
category: nlp
licence: CC-BY-4.0
metric: auroc
train: r.tsv
test: [dev.tsv]
header: false
columns: [title, body, stars, user]
template: "{title}: {body} {{x}}"
label: stars
labels: {0: bad, 1: good}
group: user
`)
	task, err := OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	info := task.Info()
	if info.Name != "reviews" || info.Metric != AUROC || info.Licence != "CC-BY-4.0" || !slices.Equal(info.Classes, []string{"bad", "good"}) {
		t.Errorf("info %+v", info)
	}
	d, err := task.Load(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Pool) != 20 || len(d.Test) != 20 {
		t.Fatalf("%d and %d examples", len(d.Pool), len(d.Test))
	}
	for _, e := range d.Pool {
		if !strings.HasPrefix(e.Texts[0], "title ") || !strings.HasSuffix(e.Texts[0], ": body {x}") || !strings.HasPrefix(e.Group, "reviews q") {
			t.Fatalf("example %+v", e)
		}
	}
	for _, e := range d.Test {
		if e.Group != "reviews q" {
			t.Errorf("group %q", e.Group)
		}
	}
}

func TestSpecColumnSplitAndSoftLabels(t *testing.T) {
	dir := t.TempDir()
	rows := lines("", `{"text":"a %[1]d","share":0.25,"fold":"train"}`+"\n", 20) + lines("", `{"text":"b %[1]d","share":1,"fold":"dev"}`+"\n", 20) +
		lines("", `{"text":"c %[1]d","share":1,"fold":"train"}`+"\n", 20) + lines("", `{"text":"d %[1]d","share":0,"fold":"dev"}`+"\n", 20)
	write(t, dir, "r.jsonl", rows)
	d := load(t, write(t, dir, "x.yml", "train: r.jsonl\nsoft: true\nlabel: share\nsplit: {column: fold, test: dev}\n"))
	if len(d.Pool) != 40 || len(d.Test) != 40 {
		t.Fatalf("%d and %d examples", len(d.Pool), len(d.Test))
	}
	for _, e := range d.Pool {
		if want := 0.25; strings.HasPrefix(e.Texts[0], "a") && e.Gold[1] != want {
			t.Errorf("gold %v, want %v for class 1", e.Gold, want)
		}
	}
}

func TestSpecRankAndGenerate(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "r.jsonl", lines("", `{"q":"q %d","best":"good","worst":"bad","p":0.8,"x":%d}`+"\n", 20))
	d := load(t, write(t, dir, "pair.yaml", "form: rank\ntrain: r.jsonl\nchosen: best\nrejected: worst\nsoft: true\nlabel: p\ntemplate: '{q} {candidate}'\ncontrol: '{candidate}'\n"))
	e := d.Pool[0]
	right := prob.Argmax(e.Gold)
	if e.Gold[right] != 0.8 || !strings.HasSuffix(e.Texts[right], " good") || e.Control[right] != "good" {
		t.Errorf("example %+v", e)
	}
	d = load(t, write(t, dir, "free.yaml", "form: generate\ntrain: r.jsonl\ntemplate: 'say {q}'\nanswer: best\n"))
	if e := d.Pool[0]; e.Answer != "good" || !strings.HasPrefix(e.Texts[0], "say q ") {
		t.Errorf("example %+v", e)
	}
}

// Package tasks stores the name of any metric; whether there is such a metric is checked elsewhere.
func TestSpecMetric(t *testing.T) {
	for text, want := range map[string]Metric{"": Accuracy, "form: generate\n": ExactMatch, "metric: auroc\n": AUROC, "metric: f1\n": "f1"} {
		task, err := OpenFile(write(t, t.TempDir(), "t.yaml", "train: a.tsv\n"+text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if got := task.Info().Metric; got != want {
			t.Errorf("%q: metric %q, want %q", text, got, want)
		}
	}
}

// All faults of a task file are reported together, each with its line.
func TestSpecFaults(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"train: a.tsv\ncategry: nlp\nzzz: 1\n", []string{`t.yaml:2: unknown key "categry" (did you mean "category"?)`, `t.yaml:3: unknown key "zzz" (have: name`}},
		{"form: rnk\ncategory: x\n", []string{`t.yaml:1: unknown form "rnk"`, `t.yaml:2: unknown category "x"`, `t.yaml: no "train"`}},
		{"train: a\nheader: false\n", []string{"t.yaml:2: no header line: name the columns"}},
		{"train: a\ncolumns: [a]\n", []string{"t.yaml:2: \"columns\" is for files without a header line"}},
		{"train: a\nclasses: [x]\n", []string{"t.yaml:2: 1 class, want 2 or more"}},
		{"train: a\nclasses: [x, x]\n", []string{`t.yaml:2: class "x" is named twice`}},
		{"train: a\nclasses: [x, \"\"]\n", []string{"t.yaml:2: class 1 has no name"}},
		{"train: a\nlabels: {1: \" \", 2: x}\n", []string{"t.yaml: class 0 has no name"}},
		{"train: a\nclasses: [x, y]\nlabels: {a: x, b: z}\n", []string{`t.yaml:3: label "b" is mapped to "z"`}},
		{"train: a\nform: rank\ntemplate: x\n", []string{"t.yaml:3: the template of a ranking must contain {candidate}"}},
		{"train: a\nform: rank\nchosen: x\nchoices: y\n", []string{"t.yaml:4: \"choices\" cannot be combined with \"chosen\"", "t.yaml:2: a pair needs both"}},
		{"train: a\nsplit: {column: x}\ntest: b\n", []string{"t.yaml:2: \"split\" needs a column", "t.yaml:2: \"split\" and \"test\" cannot be combined"}},
		{"train: a\nversion: x\nsoft: 3\n", []string{"t.yaml:2: cannot unmarshal", "t.yaml:3: cannot unmarshal"}},
		{"- a\n", []string{"t.yaml: not a task file"}},
		{"", []string{"t.yaml: not a task file"}},
		{"a: [\n", []string{"t.yaml:1: did not find"}},
		{"train: a\nformat: xls\n", []string{`t.yaml:2: unknown format "xls"`}},
	} {
		_, err := OpenFile(write(t, t.TempDir(), "t.yaml", c.text))
		if err == nil {
			t.Errorf("%q: no error", c.text)
			continue
		}
		for _, want := range c.want {
			if !contains(err.Error(), "tasks: "+want) {
				t.Errorf("%q: no %q in\n%v", c.text, want, err)
			}
		}
		if n := strings.Count(err.Error(), "\n") + 1; n != len(c.want) {
			t.Errorf("%q: %d faults, want %d:\n%v", c.text, n, len(c.want), err)
		}
	}
}

func TestSpecMissingFileNamesThePath(t *testing.T) {
	task, err := OpenFile(write(t, t.TempDir(), "t.yaml", "train: gone.tsv\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := task.Load(context.Background(), nil); err == nil || !contains(err.Error(), "gone.tsv") {
		t.Errorf("error %v", err)
	}
}

// A small file whose aliases expand to a huge one must be refused.
func TestSpecAliasBomb(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c <= 'j'; c++ {
		prev := string(c - 1)
		bomb += string(c) + ": &" + string(c) + " [" + strings.TrimSuffix(strings.Repeat("*"+prev+",", 9), ",") + "]\n"
	}
	// The list holds nine lists where it may hold names, which is one fault. The other keys are unknown.
	_, err := OpenFile(write(t, t.TempDir(), "t.yaml", bomb+"train: *j\n"))
	if n := strings.Count(fmt.Sprint(err), "t.yaml:9: cannot unmarshal !!seq"); err == nil || n != 1 || strings.Count(err.Error(), "\n") > 20 {
		t.Errorf("error %.2000v", err)
	}
}

// FuzzSpec checks that no task file makes the parser panic, that an accepted one has all that its form needs, and that its
// settings with the defaults filled in are accepted without a change.
func FuzzSpec(f *testing.F) {
	for _, seed := range []string{"board: fen\ntrain: a.fen", "form: generate\nboard: words\ntrain: p.csv", "train: a.tsv\n", "form: rank\ntrain: [a]\nchosen: x\nrejected: y\n", "labels: {a: 1, b: 0}\ntrain: x", "- x", "a: &a [*a]", "split: {column: a, test: [b]}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		spec, faults := parseSpec(data, "t.yaml")
		if err := faults.err(); err != nil {
			if !strings.HasPrefix(err.Error(), "tasks: t.yaml:") {
				t.Errorf("error %q does not name the file", err)
			}
			return
		}
		if spec.Board == "" && spec.Form == Classify && len(spec.Classes) < 2 {
			t.Errorf("accepted with classes %q", spec.Classes)
		}
		if spec.Board == "" && spec.Form == Rank && !strings.Contains(spec.Template, "{candidate}") {
			t.Errorf("accepted with the template %q", spec.Template)
		}
		if len(spec.Train) == 0 || spec.Metric == "" || spec.Category == "" {
			t.Errorf("accepted: %+v", spec)
		}
		again := spec
		again.check(func(key, format string, args ...any) {
			t.Errorf("%s was accepted before: %s", key, fmt.Sprintf(format, args...))
		})
		if !reflect.DeepEqual(again, spec) {
			t.Errorf("%+v becomes %+v", spec, again)
		}
	})
}

// FuzzRows checks that no file makes a reader panic, and that every example it gives is valid.
func FuzzRows(f *testing.F) {
	for i, seed := range []string{
		"text\tlabel\na\t1\n", "text,label\n\"a\nb\",1\n", "{\"text\":\"a\",\"label\":1}\n", "[{\"text\":\"a\",\"label\":0}]",
		"{\"chosen\":\"a\",\"rejected\":\"b\"}\n", "{\"prompt\":\"a\",\"choices\":[\"a\",\"b\"],\"answer\":\"B\"}", "\ufefftext\tlabel\r\n\xff\t1", "PAR1",
	} {
		f.Add(i, []byte(seed))
	}
	packed, err := os.ReadFile(filepath.Join(hubFixtures(), "stanfordnlp", "sst2", "default", "train", "0000.parquet"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(4, packed)
	kinds := []string{"tsv", "csv", "jsonl", "json", "parquet"}
	f.Fuzz(func(t *testing.T, kind int, data []byte) {
		path := filepath.Join(t.TempDir(), "a."+kinds[uint(kind)%uint(len(kinds))])
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		task, err := OpenFile(path)
		if err != nil {
			return
		}
		d, err := task.Load(context.Background(), nil)
		if err != nil {
			return
		}
		for _, e := range d.Pool {
			if fault := checkExample(task.Info(), e); fault != "" {
				t.Errorf("example %+v: %s", e, fault)
			}
		}
	})
}

// A map of many labels is read in time that grows with the number of labels, not with its square, and so are its faults.
func TestManyLabels(t *testing.T) {
	read := func(n int) (*Spec, time.Duration) {
		var b strings.Builder
		b.WriteString("train: a.csv\nlabels:\n")
		for i := range n {
			fmt.Fprintf(&b, "  label%d: class%d\n", i, i)
		}
		start := time.Now()
		spec, faults := parseSpec([]byte(b.String()), "t.yaml")
		for i := range n {
			r := &row{columns: map[string]any{"text": "a", "label": fmt.Sprint("other", i)}}
			if spec.gold(r); r.label == nil {
				t.Fatalf("row %d: %+v", i, r)
			}
		}
		if faults.err() != nil || len(spec.Labels) != n || len(spec.Classes) != n {
			t.Fatalf("%d labels, %d classes, %v", len(spec.Labels), len(spec.Classes), faults)
		}
		return &spec, time.Since(start)
	}
	_, few := read(1000)
	spec, many := read(16_000)
	if many > 60*few+2*time.Second { // with the square it would be 256 times
		t.Errorf("%v for 1,000 labels, %v for 16,000", few, many)
	}
	if i, ok := spec.class("class9"); !ok || spec.Classes[i] != "class9" {
		t.Errorf("class9: %d, %v", i, ok)
	}
	for value, want := range map[string]int{"15999": 15_999, "01": 1, "16000": -1, "x": -1} {
		if i, ok := spec.class(value); ok != (want >= 0) || ok && i != want {
			t.Errorf("%s: %d, %v, want %d", value, i, ok, want)
		}
	}
	if _, faults := parseSpec([]byte("train: a\nlabels:\n  a: 0\n  b: 1\n  a: 1\n"), "t.yaml"); !contains(faults.Error(), `t.yaml:5: the label "a" is already at line 3`) {
		t.Errorf("%v", faults)
	}
	if _, faults := parseSpec([]byte("train: a\nlabels: [a]\n"), "t.yaml"); !contains(faults.Error(), "t.yaml:2: cannot unmarshal") {
		t.Errorf("%v", faults)
	}
}

func TestColumnNames(t *testing.T) {
	r := &row{columns: map[string]any{}}
	for i := range 100 {
		r.columns[fmt.Sprintf("c%02d", i)] = ""
	}
	if got := strings.Join(r.columnNames(), ","); got != "c00,c01,c02,c03,c04,c05,c06,c07,c08,c09,c10,c11,…" {
		t.Error(got)
	}
	r.columns = map[string]any{"b": "", "a": ""}
	if got := strings.Join(r.columnNames(), ","); got != "a,b" {
		t.Error(got)
	}
}
