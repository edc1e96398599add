package tasks

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"w2s/internal/prob"
	"w2s/internal/visible"
)

func contains(s, part string) bool { return strings.Contains(s, part) }

func write(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// lines returns head and n rows. The format takes the number of a row and its label.
func lines(head, format string, n int) string {
	var b strings.Builder
	b.WriteString(head)
	for i := range n {
		fmt.Fprintf(&b, format, i, i%2)
	}
	return b.String()
}

func load(t testing.TB, path string) *Data {
	t.Helper()
	task, err := OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d, err := task.Load(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// The same rows give the same examples in every format.
func TestFileFormatsAgree(t *testing.T) {
	dir := t.TempDir()
	tsv := lines("text\tlabel\n", "row %d, said \"so\"\t%d\n", 20)
	want := load(t, write(t, dir, "a.tsv", tsv))
	if len(want.Pool) != 20 || positives(want.Pool) != 10 {
		t.Fatalf("%d examples, %d positive", len(want.Pool), positives(want.Pool))
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write([]byte(tsv))
	z.Close()
	list := "[" + strings.TrimSuffix(lines("", "{\"text\":\"row %d, said \\\"so\\\"\",\"label\":%d},\n", 20), ",\n") + "]"
	for name, text := range map[string]string{
		"crlf.tsv":    strings.ReplaceAll(tsv, "\n", "\r\n"),
		"bom.tsv":     byteOrderMark + tsv,
		"nolast.tsv":  strings.TrimSuffix(tsv, "\n"),
		"blank.tsv":   strings.ReplaceAll(tsv, "\n", "\n\n"),
		"spaces.tsv":  strings.ReplaceAll(tsv, "row", "  row"),
		"order.tsv":   lines("label\ttext\n", "%[2]d\trow %[1]d, said \"so\"\n", 20),
		"more.tsv":    lines("n\ttext\tlabel\n", "x\trow %d, said \"so\"\t%d\n", 20),
		"a.tsv.gz":    packed.String(),
		"a.csv":       lines("text,label\n", "\"row %d, said \"\"so\"\"\",%d\n", 20),
		"bomcrlf.csv": byteOrderMark + lines("text,label\r\n", "\"row %d, said \"\"so\"\"\",%d\r\n", 20),
		"a.jsonl":     lines("", "{\"text\":\"row %d, said \\\"so\\\"\",\"label\":%d}\n", 20),
		"float.jsonl": lines("", "{\"text\":\"row %d, said \\\"so\\\"\",\"label\":%d.0}\r\n", 20),
		"bool.jsonl":  strings.NewReplacer("label\":0", "label\":false", "label\":1", "label\":true").Replace(lines("", "{\"text\":\"row %d, said \\\"so\\\"\",\"label\":%d}\n", 20)),
		"a.json":      list,
		"alias.jsonl": lines("", "{\"sentence\":\"row %d, said \\\"so\\\"\",\"hard_label\":%d}\n", 20),
	} {
		got := load(t, write(t, dir, name, text))
		if !reflect.DeepEqual(got.Pool, want.Pool) {
			t.Errorf("%s: the examples differ from those of a.tsv, the first is %q", name, got.Pool[0].Texts)
		}
		if got.Digest == want.Digest {
			t.Errorf("%s: the digest does not depend on the bytes of the file", name)
		}
	}
}

func TestQuotedLineBreaks(t *testing.T) {
	text := "text,label\n" + lines("", "\"first line %d\nsecond, line\",%d\n", 12)
	d := load(t, write(t, t.TempDir(), "a.csv", text))
	if got := d.Pool[0].Texts[0]; !contains(got, "\nsecond, line") {
		t.Errorf("text is %q", got)
	}
}

// Every fault has its line, and all faults of a file are reported together.
func TestFileFaults(t *testing.T) {
	good := lines("", "good row %d\t%d\n", 20)
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"label.tsv", "text\tlabel\n" + good + "bad\t2\n", []string{`tasks: label.tsv:22: label "2" is not 0 or 1`}},
		{"many.tsv", "text\tlabel\nbad\t2\n" + good + "\t1\nx\nbad\xff\t1\nzero\x00\t1\n", []string{
			`tasks: many.tsv:2: label "2" is not 0 or 1`, "tasks: many.tsv:23: empty text", "tasks: many.tsv:24: 1 column, want 2",
			"tasks: many.tsv:25: not UTF-8", "tasks: many.tsv:26: text contains a zero byte"}},
		{"one.tsv", lines("text\tlabel\n", "row %[1]d\t1\n", 20), []string{`tasks: one: no example of class "0"`}},
		{"three.tsv", lines("text\tlabel\n", "row %d\t%d\n", 3), []string{"tasks: three: 3 examples, want at least 12"}},
		{"column.tsv", lines("text\tlabels2\n", "row %d\t%d\n", 20), []string{`tasks: column.tsv:2: missing column "label" (columns: "labels2", "text";`}},
		{"nothing.tsv", "", []string{"tasks: nothing.tsv: no rows"}},
		{"head.tsv", "text\tlabel\n", []string{"tasks: head.tsv: no rows"}},
		{"ids.tsv", lines("id\ttext\tlabel\n", "x\trow %d\t%d\n", 2) + lines("", "%[1]d\tr %[1]d\t%[2]d\n", 20), []string{`tasks: ids.tsv:3: id "x" is already at line 2`}},
		{"json.jsonl", lines("", "{\"text\":\"row %d\",\"label\":%d}\n", 20) + "{\"text\":\n[1]\n{\"text\":5,\"label\":\"x\"}\n{\"label\":1}\n{\"text\":null,\"label\":1}\n{\"text\":[1],\"label\":1}\n{} {}\n", []string{
			"json.jsonl:21: not JSON: the text ends too early", "json.jsonl:22: a JSON array, want an object", `json.jsonl:23: label "x" is not 0 or 1`,
			`json.jsonl:24: missing "text" (columns: label)`, `json.jsonl:25: "text" is empty`, `json.jsonl:26: "text" is a list, not a text`,
			"json.jsonl:27: more than one JSON value"}},
		{"half.jsonl", lines("", "{\"text\":\"row %d \\ud83d\\ude00\",\"label\":%d}\n", 20) + `{"text":"a \ud83d film","label":1}` + "\n" + `{"text":"a \\ud83d film","label":1}` + "\n" + `{"text":"x","\ude00":2,"label":0}` + "\n", []string{
			`tasks: half.jsonl:21: \ud83d is half of a character`, `tasks: half.jsonl:23: \ude00 is half of a character`}},
		{"half.json", "[" + lines("", "{\"text\":\"row %d\",\"label\":%d},\n", 20) + `{"text":"\uD83D\n","label":1}]`, []string{
			`tasks: half.json:21: \uD83D is half of a character`}},
		// The columns are guessed from the first good row. Faults before it do not hide faults after it.
		{"first.tsv", "text\tlabel\nx\n" + good + "y\n", []string{"tasks: first.tsv:2: 1 column, want 2 (if a text contains a tab or a line break, use .csv or .jsonl) (also at line 23)"}},
		{"second.tsv", "text\tlabel\ngood\t1\nx\n" + good + "y\n", []string{"tasks: second.tsv:3: 1 column, want 2 (if a text contains a tab or a line break, use .csv or .jsonl) (also at line 24)"}},
		{"quote.csv", lines("text,label\n", "row %d,%d\n", 20) + "\"open,1\n", []string{"quote.csv:22: a quotation mark inside a quoted text, or none at its end (write \"\" for each one inside) (the record starts at line 22)"}},
		{"width.csv", lines("text,label\n", "row %d,%d\n", 20) + "a,b,1\n", []string{"width.csv:22: 3 columns, want 2"}},
		{"enc.csv", lines("text,label\n", "row %d,%d\n", 20) + "caf\xe9,1\n", []string{`enc.csv:22: "text" is not UTF-8`}},
		{"pairs.jsonl", lines("", "{\"chosen\":\"a %d\",\"rejected\":\"b %d\"}\n", 20) + "{\"chosen\":\"\",\"rejected\":\"b\"}\n{\"chosen\":\"b\"}\n", []string{
			"pairs.jsonl:21: empty candidate", `pairs.jsonl:22: missing "rejected"`}},
		{"what.jsonl", "{\"a\":1}\n", []string{`what.jsonl:1: no column has a known name (columns: "a"; want text and label`}},
	} {
		report, err := Check(context.Background(), write(t, t.TempDir(), c.name, c.text), Limits{})
		if err != nil || report.Faults == nil {
			t.Errorf("%s: report %+v, error %v", c.name, report, err)
			continue
		}
		got := report.Faults.Error()
		for _, want := range c.want {
			if !contains(got, want) {
				t.Errorf("%s: no %q in\n%s", c.name, want, got)
			}
		}
		if n := strings.Count("\n"+got, "\ntasks: "); n != len(c.want) {
			t.Errorf("%s: %d faults, want %d:\n%s", c.name, n, len(c.want), got)
		}
	}
}

// numbered returns n rows, each with a different label.
func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "row %d\tw%d\n", i, i)
	}
	return b.String()
}

// Labels that are words make one fault per file. It says how to declare them, and declaring them is enough.
func TestLabelFaults(t *testing.T) {
	dir := t.TempDir()
	words := strings.NewReplacer("\t0\n", "\tneg\n", "\t1\n", "\tpos\n").Replace(lines("text\tlabel\n", "row %d\t%d\n", 500))
	write(t, dir, "words.tsv", words)
	write(t, dir, "typo.tsv", words+"last\tpso\n")
	write(t, dir, "test.tsv", "text\tlabel\nx\n"+"one\tpos\ntwo\t\nthree\t1\n")
	write(t, dir, "many.tsv", "text\tlabel\nfirst\t1\n"+numbered(30))
	write(t, dir, "long.tsv", "text\tlabel\nfirst\t"+strings.Repeat("é", 1000)+"\nsecond\t1\n")
	const hint = ` (a task file can name other labels under "classes", or map them under "labels": docs/add-a-task.md)`
	const words500 = `tasks: words.tsv:2: label "neg" is not 0 or 1` + hint + `; 500 rows of the file have such labels: "neg", "pos"`
	for _, c := range []struct{ file, text, want string }{
		{"words.yaml", "train: words.tsv\n", words500},
		{"both.yaml", "train: words.tsv\ntest: test.tsv\n", words500 + "\ntasks: test.tsv:2: 1 column, want 2 (if a text contains a tab or a line break, use .csv or .jsonl)\n" +
			`tasks: test.tsv:3: label "pos" is not 0 or 1` + hint + `; 2 rows of the file have such labels: "pos", ""`},
		{"map.yaml", "train: words.tsv\nlabels: {neg: 0, good: 1}\n",
			`tasks: words.tsv:3: label "pos" is not in the label map ("good", "neg"): map every label of the file; 250 rows of the file have such labels: "pos"`},
		{"classes.yaml", "train: words.tsv\nclasses: [pos, other]\n",
			`tasks: words.tsv:2: label "neg" is neither the name nor the number of a class (pos, other); 250 rows of the file have such labels: "neg"`},
		{file: "typo.tsv", want: `tasks: typo.tsv:502: label "pso" is neither the name nor the number of a class (neg, pos)`},
		{file: "many.tsv", want: `tasks: many.tsv:3: label "w0" is not 0 or 1` + hint + `; 30 rows of the file have such labels: "w0", "w1", "w2", "w3", "w4", …`},
		{file: "long.tsv", want: `tasks: long.tsv:2: label "` + strings.Repeat("é", 60) + `…" is not 0 or 1` + hint},
	} {
		if c.text != "" {
			write(t, dir, c.file, c.text)
		}
		report, err := Check(context.Background(), filepath.Join(dir, c.file), Limits{})
		if err != nil || report.Faults == nil || report.Faults.Error() != c.want {
			t.Errorf("%s: error %v, faults\n%v\nwant\n%s", c.file, err, report.Faults, c.want)
		}
	}
	d := load(t, write(t, dir, "named.yaml", "train: words.tsv\nclasses: [neg, pos]\n"))
	if len(d.Pool) != 500 || positives(d.Pool) != 250 {
		t.Errorf("with classes: %d examples, %d positive", len(d.Pool), positives(d.Pool))
	}
	// If the list of faults is already full, rows with faulty labels are only counted.
	full := "text\tlabel\nfirst\t1\n" + widening(maxFaults) + numbered(7)
	report, err := Check(context.Background(), write(t, dir, "full.tsv", full), Limits{})
	if err != nil || len(report.Faults.List) != maxFaults || report.Faults.More != 7 {
		t.Errorf("full list: error %v, %d faults and %d more, want %d and 7", err, len(report.Faults.List), report.Faults.More, maxFaults)
	}
}

// Only an escape without its other half is a lone surrogate.
func TestLoneSurrogate(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":"plain \n \\ \u00e9"}`:       "",
		`{"a":"\ud83d\ude00"}`:             "",
		`{"a":"\uD83D\uDE00\uD83D\uDE00"}`: "",
		`{"a":"\\ud83d"}`:                  "", // an escaped backslash, then letters
		`{"a":"\\\ud83d"}`:                 `\ud83d`,
		`{"a":"\ud83d"}`:                   `\ud83d`,
		`{"a":"\ude00"}`:                   `\ude00`,
		`{"a":"\ude00\ud83d"}`:             `\ude00`, // in the wrong order
		`{"a":"\ud83d\ud83d\ude00"}`:       `\ud83d`,
		`{"a":"\ud83d\u0041"}`:             `\ud83d`,
		`{"a":"\ud83d \ude00"}`:            `\ud83d`,
		`{"a":"\ud83d","b":"\ude00"}`:      `\ud83d`,
		`{"\ud83d\ude00\udbff":1}`:         `\udbff`,
		`{"a":["\ufffd",{"b":"\udfff"}]}`:  `\udfff`,
	} {
		if got := loneSurrogate([]byte(text)); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// widening returns n rows with one column more each, from 3 on.
func widening(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "row\t0%s\n", strings.Repeat("\t0", i+1))
	}
	return b.String()
}

// Lines with the same fault are one fault.
func TestEqualFaults(t *testing.T) {
	report, err := Check(context.Background(), write(t, t.TempDir(), "a.tsv", lines("text\tlabel\ngood\t1\n", "row %d\tx\t%d\n", 500)), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Faults.List) != 1 || report.Faults.More != 0 || !contains(report.Faults.Error(), "a.tsv:3: 3 columns, want 2") ||
		!contains(report.Faults.Error(), "(also at lines 4, 5, 6, 7, 8 and 494 more)") {
		t.Errorf("%v", report.Faults)
	}
}

func TestFaultsAreBounded(t *testing.T) {
	report, err := Check(context.Background(), write(t, t.TempDir(), "a.tsv", "text\tlabel\ngood\t1\n"+widening(500)), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Faults.List) != maxFaults || report.Faults.More != 500-maxFaults || !contains(report.Faults.Error(), "480 more faults") {
		t.Errorf("%d faults and %d more, want 20 and 480", len(report.Faults.List), report.Faults.More)
	}
}

// A file that cannot be read at all gives an error that says what to do, and no list of faults.
func TestFileErrors(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ path, want string }{
		{filepath.Join(dir, "absent.tsv"), "no such file"},
		{write(t, dir, "a.docx", "x"), "unknown file type"},
		{write(t, dir, "lfs.tsv", "version https://git-lfs.github.com/spec/v1\noid sha256:00\n"), "Git LFS pointer"},
		{write(t, dir, "a.tsv.gz", "\x1f\x8bnot gzip"), "gzip"},
		{write(t, dir, "a.parquet", "PAR1 and no more"), "not a readable parquet file"},
		{dir + "/x/", "unknown file type"},
		{write(t, dir, "long.tsv", "text\tlabel\n"+strings.Repeat("x", maxRowBytes+1)), "longer than 16 MiB"},
	} {
		_, err := Check(context.Background(), c.path, Limits{})
		if err == nil || !contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.path, err, c.want)
		}
		var faults *Faults
		if errors.As(err, &faults) {
			t.Errorf("%s: the error is a list of faults: %v", c.path, err)
		}
	}
	os.Mkdir(filepath.Join(dir, "folder.tsv"), 0o700)
	if _, err := Check(context.Background(), filepath.Join(dir, "folder.tsv"), Limits{}); err == nil || !contains(err.Error(), "folder") {
		t.Errorf("folder: %v", err)
	}
}

func TestDuplicatesAndConflicts(t *testing.T) {
	text := lines("text\tlabel\n", "row %d\t%d\n", 20) + "row 0\t0\nrow 0\t0\nrow 1\t0\n"
	d := load(t, write(t, t.TempDir(), "a.tsv", text))
	if len(d.Pool) != 19 {
		t.Errorf("%d examples, want 19: row 0 once and row 1 not at all", len(d.Pool))
	}
	want := []string{"3 duplicates removed", "1 text left out, because copies have different labels"}
	if !slices.Equal(d.Warnings, want) {
		t.Errorf("warnings %q, want %q", d.Warnings, want)
	}
}

// The order of two copies does not matter, even if they differ in group and soft label.
func TestCopiesMergeInAnyOrder(t *testing.T) {
	dir := t.TempDir()
	rows := lines("", "row %d\t0.%[2]d1\tp%[1]d\n", 20)
	copies := []string{"row 0\t0.3\tb\n", "row 0\t0.2\ta\n"}
	var got [2]*Data
	for i := range got {
		write(t, dir, "x.tsv", "text\tlabel\tpage\n"+copies[i]+rows+copies[1-i]+"other\t0.9\tz\n")
		got[i] = load(t, write(t, dir, "x.yaml", "train: x.tsv\nsoft: true\ngroup: page\n"))
	}
	if !reflect.DeepEqual(got[0].Pool, got[1].Pool) {
		t.Error("the order of the copies changes the result")
	}
	for _, e := range got[0].Pool {
		if e.Texts[0] == "row 0" && (e.Group != "x a" || e.Gold[1] != 0.17) {
			t.Errorf("the copies are merged to %+v", e)
		}
	}
}

// Training examples that are in the test part, near copies of its texts, and those that share a group with it are removed.
func TestTrainingExamplesInTheTestPart(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "train.tsv", lines("text\tlabel\tpage\n", "row %d\t%d\tp%[1]d\n", 20))
	write(t, dir, "test.tsv", "text\tlabel\tpage\nROW - 3!\t1\tx\nother\t0\tp7\nnew\t1\ty\n")
	for spec, want := range map[string]int{"": 1, "group: page\n": 2} {
		d := load(t, write(t, dir, "t.yaml", "train: train.tsv\ntest: test.tsv\n"+spec))
		if len(d.Pool) != 20-want || len(d.Test) != 3 || len(d.Warnings) != 1 || !contains(d.Warnings[0], visible.Count(want, "example")+" of the training part left out") {
			t.Errorf("%q: %d and %d examples, warnings %q", spec, len(d.Pool), len(d.Test), d.Warnings)
		}
		for _, e := range d.Pool {
			if e.Texts[0] == "row 3" || want == 2 && e.Texts[0] == "row 7" {
				t.Errorf("%q: %q is still there", spec, e.Texts[0])
			}
		}
	}
}

// Moving or removing rows does not change the other examples.
func TestFileStability(t *testing.T) {
	dir := t.TempDir()
	rows := strings.Split(strings.TrimSpace(lines("", "{\"prompt\":\"question %d\",\"choices\":[\"a\",\"b\",\"c\",\"d\"],\"answer\":%d}\n", 60)), "\n")
	want := load(t, write(t, dir, "a.jsonl", strings.Join(rows, "\n")))
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	if got := load(t, write(t, dir, "b.jsonl", strings.Join(rows, "\n"))); !reflect.DeepEqual(got.Pool, want.Pool) {
		t.Error("the order of the rows changed the examples")
	}
	for _, e := range load(t, write(t, dir, "c.jsonl", strings.Join(rows[10:], "\n"))).Pool {
		at, ok := slices.BinarySearchFunc(want.Pool, e, byID)
		if !ok || !reflect.DeepEqual(want.Pool[at], e) {
			t.Errorf("removing rows changed the example %q", e.Texts)
		}
	}
}

func TestFilesWithoutTaskFile(t *testing.T) {
	dir := t.TempDir()
	pairs := load(t, write(t, dir, "pairs.jsonl", lines("", "{\"prompt\":\"p %[1]d\",\"chosen\":\"good\",\"rejected\":\"bad\"}\n", 20)))
	for _, e := range pairs.Pool {
		if right := e.Texts[prob.Argmax(e.Gold)]; !strings.HasSuffix(right, "\n\ngood") || !strings.HasPrefix(right, "p ") {
			t.Errorf("right candidate is %q", right)
		}
	}
	chat := load(t, write(t, dir, "chat.jsonl", lines("", `{"chosen":[{"role":"user","content":"hi %d"},{"role":"assistant","content":"good"}],"rejected":[{"role":"user","content":"hi"},{"role":"assistant","content":"bad %d"}]}`+"\n", 20)))
	if right := chat.Pool[0].Texts[prob.Argmax(chat.Pool[0].Gold)]; !strings.HasPrefix(right, "Human: hi ") || !strings.HasSuffix(right, "\n\nAssistant: good") {
		t.Errorf("right candidate is %q", right)
	}
	for name, answer := range map[string]string{"number": "2", "letter": `"C"`, "text": `"third"`} {
		d := load(t, write(t, dir, name+".jsonl", lines("", `{"question":"q %[1]d","choices":["first","second","third"],"answer":`+answer+"}\n", 20)))
		if right := d.Pool[0].Texts[prob.Argmax(d.Pool[0].Gold)]; !strings.HasSuffix(right, "\n\nthird") {
			t.Errorf("%s: right candidate is %q", name, right)
		}
	}
	free := load(t, write(t, dir, "free.jsonl", lines("", "{\"prompt\":\"p %d\",\"answer\":\"%d\"}\n", 20)))
	if e := free.Pool[0]; e.Gold != nil || e.Answer == "" || !strings.HasPrefix(e.Texts[0], "p ") {
		t.Errorf("example %+v", e)
	}
}

// A column that names the document of a row is its group, also in a file without a task file. Numbers and texts are names, and
// an empty cell or null names none.
func TestDocumentColumn(t *testing.T) {
	var lines, other strings.Builder
	for i := range 30 {
		document := []string{fmt.Sprint(i / 6), fmt.Sprintf("%q", fmt.Sprint(i/6)), "null", `""`}[i%4]
		fmt.Fprintf(&lines, `{"text":"row %d","label":%d,"document":%s}`+"\n", i, i%2, document)
		fmt.Fprintf(&other, `{"text":"row %d","label":%d,"group":"g"}`+"\n", i, i%2)
	}
	dir := t.TempDir()
	write(t, dir, "rows.jsonl", lines.String())
	for _, path := range []string{filepath.Join(dir, "rows.jsonl"), write(t, dir, "t.yaml", "name: rows\ntrain: rows.jsonl\ngroup: document\n")} {
		groups := map[string]int{}
		for _, e := range load(t, path).Pool {
			groups[e.Group]++
		}
		if len(groups) != 6 || groups[""] != 14 || groups["rows 0"] != 4 {
			t.Errorf("%s: groups %v", path, groups)
		}
	}
	// A column "group" may be anything, such as a group of people.
	for _, e := range load(t, write(t, dir, "other.jsonl", other.String())).Pool {
		if e.Group != "" {
			t.Fatalf("group %q", e.Group)
		}
	}
}

// A file with several columns that could have a role has a note that says which one is used.
func TestNoteOnColumns(t *testing.T) {
	for file, want := range map[string][]string{
		lines("text,label,doc_id,document\n", "text number %d,%d,a,b\n", 40):                               {`the column "document" groups the examples, not "doc_id" (a task file can name another)`},
		lines("text,label,docid\n", "text number %d,%d,a\n", 40):                                           nil,
		lines("text,label,gold,sentence,doc_id,docid\n", "text number %d,%d,0,x,a,b\n", 40):                {`"text" is the text, not "sentence"`, `"label" is the label, not "gold"`, `"doc_id" groups the examples, not "docid"`},
		lines("prompt,question,answer,target,completion\n", "what is number %d,x,the number %d,a,b\n", 40): {`"prompt" is the prompt, not "question"`, `"answer" is the answer, not "completion", "target"`},
	} {
		d := load(t, write(t, t.TempDir(), "notes.csv", file))
		if len(d.Warnings) != len(want) {
			t.Errorf("%q: warnings %q", file[:40], d.Warnings)
			continue
		}
		for i, w := range want {
			if !strings.Contains(d.Warnings[i], w) {
				t.Errorf("%q: warning %q, want %q", file[:40], d.Warnings[i], w)
			}
		}
	}
}
