package tasks

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestCutSettings(t *testing.T) {
	for ref, want := range map[string]struct {
		base  string
		given settings
	}{
		"reviews.csv":    {"reviews.csv", nil},
		`C:\data\x.csv`:  {`C:\data\x.csv`, nil},
		"a:b.csv":        {"a:b.csv", nil},
		"hf:org/name@v1": {"hf:org/name@v1", nil},
		"reviews.csv:text=body:label=stars:classes=bad,good":        {"reviews.csv", settings{"text": "body", "label": "stars", "classes": "bad,good"}},
		`C:\data\x.csv:text=body`:                                   {`C:\data\x.csv`, settings{"text": "body"}},
		"hf:org/name@refs%2Fpr%2F1:config=a:soft:chosen=x":          {"hf:org/name@refs%2Fpr%2F1", settings{"config": "a", "soft": "true", "chosen": "x"}},
		"x.csv:template={title}: {body}:label=a=b:labels=1=no,2=no": {"x.csv", settings{"template": "{title}: {body}", "label": "a=b", "labels": "1=no,2=no"}},
		"x.csv:soft":       {"x.csv", settings{"soft": "true"}},
		"x.csv:soft=false": {"x.csv", settings{"soft": "false"}},
		"softer:x.csv":     {"softer:x.csv", nil},
	} {
		base, given, err := cutSettings(ref)
		if err != nil || base != want.base || !reflect.DeepEqual(given, want.given) {
			t.Errorf("%s: %q, %v, %v", ref, base, given, err)
		}
	}
	for ref, want := range map[string][]string{
		"x.csv:lable=a":                {`unknown setting "lable" (did you mean "label"? settings: config,`},
		"x.csv:text=a:text=b":          {"text= is given twice"},
		"x.csv:text=":                  {"text= has no value"},
		"x.csv:bogus=1:txet=a:label=b": {`unknown setting "bogus"`, `unknown setting "txet" (did you mean "text"?`},
	} {
		_, _, err := cutSettings(ref)
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) || !strings.Contains(err.Error(), "x.csv") {
				t.Errorf("%s: %v, want %q", ref, err, w)
			}
		}
	}
	if runtime.GOOS == "windows" {
		return // no file name there has a colon
	}
	dir := t.TempDir()
	odd := write(t, dir, "odd:text=body.csv", lines("text,label\n", "row %d,%d\n", 20))
	if base, given, err := cutSettings(odd); err != nil || base != odd || given != nil {
		t.Errorf("a file with such a name: %q, %v, %v", base, given, err)
	}
	if d := load(t, odd); len(d.Pool) != 20 {
		t.Errorf("%d examples", len(d.Pool))
	}
}

// openWith opens a task with settings and loads it.
func openWith(t *testing.T, src Source, ref string) (Info, *Data) {
	t.Helper()
	task, err := OpenFrom(context.Background(), src, ref)
	if err != nil {
		t.Fatalf("%s: %v", ref, err)
	}
	d, err := task.Load(context.Background(), src)
	if err != nil {
		t.Fatalf("%s: %v", ref, err)
	}
	return task.Info(), d
}

// One file of every form, whose columns have names that mean nothing.
func TestSettingsNameColumns(t *testing.T) {
	dir := t.TempDir()
	var rows strings.Builder
	for i := range 40 {
		fmt.Fprintf(&rows, `{"a": "text %d", "b": "better %d", "c": "worse %d", "d": ["x%d", "y%d", "z%d"], "e": %d, "f": %d, "g": [0.3, 0.7], "h": "doc %d", "i": 0.%d5}`+"\n",
			i, i, i, i, i, i, i%3, i%2, i/2, 2+5*(i%2))
	}
	file := write(t, dir, "odd.jsonl", rows.String())
	for _, c := range []struct {
		settings string
		category Category
		form     Form
		check    func(e Example) bool
	}{
		{"text=a:label=f", NLP, Classify, func(e Example) bool { return strings.HasPrefix(e.Texts[0], "text ") && len(e.Gold) == 2 }},
		{"text=a:label=e", NLP, Classify, func(e Example) bool { return len(e.Gold) == 3 }},
		{"template={a} and {b}:label=f:group=h:category=reward", Reward, Classify, func(e Example) bool {
			return strings.Contains(e.Texts[0], " and better ") && strings.HasPrefix(e.Group, "odd doc")
		}},
		{"chosen=b:rejected=c", Reward, Rank, func(e Example) bool { return strings.HasPrefix(e.Texts[slices.Index(e.Gold, 1)], "better") }},
		{"choices=d:answer=e:prompt=a", NLP, Rank, func(e Example) bool { return len(e.Texts) == 3 && strings.HasPrefix(e.Texts[0], "text ") }},
		{"prompt=a:answer=b", Generative, Generate, func(e Example) bool { return strings.HasPrefix(e.Answer, "better") }},
		{"text=a:label=i:soft", NLP, Classify, func(e Example) bool { return e.Gold[1] == 0.25 || e.Gold[1] == 0.75 }},
	} {
		info, d := openWith(t, nil, file+":"+c.settings)
		if info.Category != c.category || info.Form != c.form || info.Name != "odd" || len(d.Pool) != 40 {
			t.Errorf("%s: %+v, %d examples", c.settings, info, len(d.Pool))
		}
		for _, e := range d.Pool {
			if !c.check(e) {
				t.Errorf("%s: %+v", c.settings, e)
				break
			}
		}
	}
	for given, want := range map[string]string{
		"text=aa:label=f":               `text=aa: there is no column "aa" (columns: "a", "b"`,
		"text=a":                        `missing column "label"`,
		"chosen=b":                      "chosen=b: a pair also needs rejected=COLUMN (columns: ",
		"rejected=b":                    "rejected=b: a pair also needs chosen=COLUMN (columns: ",
		"chosen=a:rejected=b:label=i":   "label= is for classes, and chosen= and rejected= are for pairs",
		"text=a:label=f:labels=0=a,0=b": `the label "0" is mapped twice, to "a" and to "b"`,
		"label=i:template={zz} {a}":     `template=: there is no column "zz" (columns: "a", "b"`,
		"text=a:label=i:columns=a,i":    "columns= is for TSV and CSV files without a header line",
		"text=a:label=f:soft=maybe":     "soft=maybe: want true or false",
		"text=a:label=f:labels=1":       "labels=1: want VALUE=CLASS",
		"text=a:label=f:config=x":       "config= is for data sets on the hub",
		"text=a:label=f:rows=5":         "rows= is for data sets on the hub",
		"text=a:label=f:category=poems": `unknown category "poems"`,
		"text=a:label=f:weak=h":         `unknown setting "weak"`,
	} {
		task, err := OpenFrom(context.Background(), nil, file+":"+given)
		if err == nil {
			_, err = task.Load(context.Background(), nil)
		}
		if err == nil || !contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", given, err, want)
		}
	}
	for ref, want := range map[string]string{
		"movies:text=a": "movies: a built-in task takes no settings",
		write(t, dir, "t.yaml", "train: x\n") + ":text=a": "a YAML task file takes no settings",
		"moveis:text=a":           `did you mean "movies"?`,
		file + ":":                "no setting follows the colon",
		"chess-lichess-rated1200": "want -ratedLOWtoHIGH with LOW below HIGH, such as chess-lichess-rated1200to1600",
	} {
		if _, err := OpenFrom(context.Background(), nil, ref); err == nil || !contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", ref, err, want)
		}
	}
}

// A file that cannot be guessed lists its columns and shows settings and a task file that read it.
func TestAdviceIsATaskFile(t *testing.T) {
	for _, c := range []struct {
		name, text string
		form       Form
		classes    []string
		settings   string
	}{
		{"odd names.csv", lines("id no,words said,mark\n", "%[1]d,a long text %[1]d,%[2]d\n", 24), Classify, []string{"0", "1"}, ":text=words said:label=mark "},
		{"stars.jsonl", rowsOf(30, `{"uid":"x%[1]d","body":"this is text %[1]d","stars":%[2]d}`, 5), Classify, []string{"0", "1", "2", "3", "4"}, ":text=body:label=stars "},
		{"soft.jsonl", rowsOf(30, `{"uid":"x%[1]d","body":"this is text %[1]d","p":0.%[2]d}`, 7), Classify, []string{"no", "yes"}, ":text=body:label=p:soft=true "},
		{"pairs.jsonl", rowsOf(30, `{"ask":"what is it %[1]d","better":"it is good %[1]d","worse":"bad %[1]d"}`, 2), Rank, nil, ":prompt=ask:chosen=better:rejected=worse\n"},
		{"two.jsonl", rowsOf(30, `{"ask":"what is it all about %[1]d","response_a":"it is good %[1]d","response_b":"it is bad %[1]d","winner":"model_%[2]d"}`, 2), Classify,
			[]string{"model_0", "model_1"}, ":label=winner "},
		{"quiz.jsonl", rowsOf(30, `{"q":"what is it %[1]d","opts":["a %[1]d","b","c"],"key":"B"}`, 2), Rank, nil, ":prompt=q:choices=opts:answer=key\n"},
		{"nested.jsonl", rowsOf(30, `{"data":{"review":"a text %[1]d","verdict":"v%[2]d"},"n":%[1]d}`, 3), Classify, []string{"v0", "v1", "v2"}, ":text=data.review:label=data.verdict "},
	} {
		dir := t.TempDir()
		file := write(t, dir, c.name, c.text)
		_, err := Open(file)
		if err == nil || !contains(err.Error(), "name the columns after colons: "+file+c.settings) && c.name != "two.jsonl" {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		_, yaml, _ := strings.Cut(err.Error(), "(docs/add-a-task.md):\n")
		advised := write(t, dir, "advice.yaml", strings.ReplaceAll(strings.TrimPrefix(yaml, "\t"), "\n\t", "\n"))
		_, settings, _ := strings.Cut(err.Error(), "after colons: ")
		settings, _, _ = strings.Cut(settings, "\n")
		settings, _, _ = strings.Cut(settings, " (or")
		for _, ref := range []string{advised, settings} {
			task, err := Open(ref)
			if err != nil {
				t.Errorf("%s: %v\n%s", c.name, err, yaml)
				continue
			}
			d, err := task.Load(context.Background(), nil)
			if i := task.Info(); err != nil || len(d.Pool) < 24 || i.Form != c.form || !slices.Equal(i.Classes, c.classes) && !strings.Contains(ref, "soft=true") {
				t.Errorf("%s: %+v, %v\n%s", ref, i, err, yaml)
			}
		}
	}
	file := write(t, t.TempDir(), "odd names.csv", lines("id no,words said,mark\n", "1,a long text %d,%d\n", 24))
	if _, err := Open(file + ":text=words sad:label=mark"); err == nil || !contains(err.Error(), `there is no column "words sad" (did you mean "words said"?`) {
		t.Errorf("%v", err)
	}
}

// rowsOf returns n lines, which have their number and the number modulo m.
func rowsOf(n int, format string, m int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format+"\n", i, i%m)
	}
	return b.String()
}

// Labels that are a handful of words or whole numbers make a classification, with a note.
func TestLabelsAreClasses(t *testing.T) {
	dir := t.TempDir()
	file := func(labels ...string) string {
		var b strings.Builder
		b.WriteString("text\tlabel\n")
		for i := range 60 {
			fmt.Fprintf(&b, "row %d\t%s\n", i, labels[i%len(labels)])
		}
		return write(t, dir, "t.tsv", b.String())
	}
	for _, c := range []struct {
		labels   []string
		settings string
		classes  []string
		note     string
	}{
		{[]string{"sport", "business", "world"}, "", []string{"business", "sport", "world"}, "the labels are 3 classes: business, sport, world"},
		{[]string{"10", "2", "1"}, "", []string{"1", "2", "10"}, "the labels are 3 classes: 1, 2, 10"},
		{[]string{"-1", "0", "1"}, "", []string{"-1", "0", "1"}, "the labels are 3 classes"},
		{[]string{"1.0", "2.0"}, "", []string{"1", "2"}, "the labels are 2 classes: 1, 2"},
		{[]string{"0", "1"}, "", []string{"0", "1"}, ""},
		{[]string{"True", "False"}, "", []string{"0", "1"}, ""},
		{[]string{"no", "yes"}, "", []string{"no", "yes"}, "the labels are 2 classes"},
		{[]string{"1", "5"}, ":classes=bad,good", []string{"bad", "good"}, "1 is bad, 5 is good"},
		{[]string{"0", "1"}, ":classes=bad,good", []string{"bad", "good"}, ""},
		{[]string{"pos", "neg"}, ":classes=neg,pos", []string{"neg", "pos"}, ""},
		{[]string{"1", "2", "4", "5"}, ":labels=1=bad,2=bad,4=good,5=good", []string{"bad", "good"}, ""},
	} {
		info, d := openWith(t, nil, file(c.labels...)+c.settings)
		if !slices.Equal(info.Classes, c.classes) || len(d.Pool) != 60 {
			t.Errorf("%q%s: classes %q, %d examples", c.labels, c.settings, info.Classes, len(d.Pool))
		}
		if notes := strings.Join(d.Warnings, "\n"); c.note == "" && notes != "" || !strings.Contains(notes, c.note) {
			t.Errorf("%q%s: notes %q, want %q", c.labels, c.settings, notes, c.note)
		}
		if e := d.Pool[0]; len(e.Gold) != len(c.classes) {
			t.Errorf("%q: %+v", c.labels, e)
		}
	}
	// The advice of the note works as it is printed. Words are not renamed by their alphabet.
	stars := file("1", "2", "3", "4", "5")
	_, d := openWith(t, nil, stars)
	_, advice, _ := strings.Cut(strings.TrimSuffix(strings.Join(d.Warnings, ""), ")"), "map all labels: ")
	if info, d := openWith(t, nil, stars+":"+advice); len(d.Pool) != 60 || !slices.Equal(info.Classes, []string{"high", "low"}) {
		t.Errorf("%q: classes %q, %d examples", advice, info.Classes, len(d.Pool))
	}
	for settings, want := range map[string]string{
		":classes=good,bad":   `the labels are words ("negative", "positive") and not the classes good, bad: say which class each label is (labels=negative=CLASS,positive=CLASS)`,
		":labels=negative=no": `all labels are mapped to the class "no": map every label of the file`,
	} {
		if _, err := Open(file("positive", "negative") + settings); err == nil || !contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", settings, err, want)
		}
	}
	// The first row of a file may lack a column. Reading the file reports it.
	rows := strings.Repeat("{\"text\":\"a\",\"label\":1}\n", 20)
	task := mustOpen(t, write(t, t.TempDir(), "first.jsonl", "{\"text\":\"x\"}\n"+rows))
	if _, err := task.Load(context.Background(), nil); err == nil || !contains(err.Error(), `first.jsonl:1: missing "label" (columns: text)`) {
		t.Errorf("%v", err)
	}
	var many []string
	for i := range maxGuessedClasses + 1 {
		many = append(many, fmt.Sprintf("w%d", i))
	}
	for name, labels := range map[string][]string{"too many": many, "measurements": {"0.25", "1.5"}, "words and numbers": {"1", "2", "many"}} {
		if _, err := mustOpen(t, file(labels...)).Load(context.Background(), nil); err == nil || !contains(err.Error(), "is not 0 or 1") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func mustOpen(t *testing.T, ref string) Task {
	t.Helper()
	task, err := Open(ref)
	if err != nil {
		t.Fatal(err)
	}
	return task
}

// Data sets in the layout of the hub, from a folder.
func TestAnyHubDataSet(t *testing.T) {
	src := Local(hubFixtures(), nil)
	for ref, want := range map[string]struct {
		name       string
		form       Form
		pool, test int
	}{
		"hf:stanfordnlp/sst2": {"sst2", Classify, 24, 24},
		"hf:allenai/ai2_arc:config=ARC-Easy:text=question:label=answerKey:classes=A,B,C,D": {"ai2_arc-ARC-Easy", Classify, 24, 24},
		"hf:hendrycks/ethics:config=utilitarianism:chosen=baseline:rejected=less_pleasant": {"ethics-utilitarianism", Rank, 24, 24},
		"hf:openai/gsm8k:config=main": {"gsm8k-main", Generate, 24, 24},
		"hf:fancyzhx/ag_news":         {"ag_news", Classify, 32, 32},
		"hf:allenai/sciq:text=question:label=correct_answer:train=train,validation:test=test": {"sciq", Classify, 48, 24},
		"hf:fancyzhx/ag_news:rows=16": {"ag_news", Classify, 16, 16},
	} {
		info, d := openWith(t, src, ref)
		if info.Name != want.name || info.Form != want.form || len(d.Pool) != want.pool || len(d.Test) != want.test {
			t.Errorf("%s: %+v, %d and %d examples", ref, info, len(d.Pool), len(d.Test))
		}
		if base, _, _ := cutSettings(ref); info.Source != base {
			t.Errorf("%s: source %q", ref, info.Source)
		}
	}
	for ref, want := range map[string]string{
		"hf:aps/super_glue":                                    "choose one of 3: add :config=NAME (multirc, rte, wic)",
		"hf:aps/super_glue:config=rtee":                        `config=rtee: there is none (did you mean "rte"?`,
		"hf:aps/super_glue:config=rte:test=tests":              "test=tests: there is no such part (parts: train, validation)",
		"hf:stanfordnlp/sst2:train=validation:test=validation": "test=validation is a training part too",
		"hf:allenai/cosmos_qa":                                 "\ttrain: hf:datasets/allenai/cosmos_qa@refs%2Fconvert%2Fparquet/default/train/0000.parquet\n",
		"hf:stanfordnlp":                                       "want hf:ORG/NAME",
		"hf:a/b/c":                                             "want hf:ORG/NAME",
		"hf:nobody/nothing":                                    "there is no source of data sets on the hub",
	} {
		if _, err := OpenFrom(context.Background(), src, ref); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", ref, err, want)
		}
	}
	// The task file of the advice reads the hub as well.
	path := write(t, t.TempDir(), "any.yaml", "train: hf:datasets/stanfordnlp/sst2@refs%2Fconvert%2Fparquet/default/train/0000.parquet\ntemplate: \"{sentence}\"\n")
	if _, d := openWith(t, src, path); len(d.Pool) != 24 {
		t.Errorf("%d examples", len(d.Pool))
	}
}

func TestPartOf(t *testing.T) {
	for file, want := range map[string][2]string{
		"default/train/0000.parquet": {"default", "train"}, "plain/partial-train/0003.parquet": {"plain", "train"}, "a/b/test/0000.parquet": {"a/b", "test"},
		"data/train-00000-of-00002-ab.parquet": {"default", "train"}, "en/validation.jsonl": {"en", "validation"}, "data/en/dev.csv.gz": {"en", "dev"},
		"my_test_file.json": {"default", "test"}, "reviews.csv": {"default", "train"}, "latest.csv": {"default", "train"},
	} {
		config, split, ok := partOf(file)
		if !ok || config != want[0] || split != want[1] {
			t.Errorf("%s: %s, %s, %v", file, config, split, ok)
		}
	}
	for _, file := range []string{"README.md", ".gitattributes", "data/train.zip", "script.py"} {
		if _, _, ok := partOf(file); ok {
			t.Errorf("%s is taken for data", file)
		}
	}
	if _, err := os.Stat(filepath.Join(hubFixtures(), "aps")); err != nil {
		t.Error(err)
	}
}
