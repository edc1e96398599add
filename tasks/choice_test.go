package tasks

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"w2s/internal/prob"
	"w2s/internal/shareddata"
)

// A JSON number is the index of a candidate, and a text is a candidate, its name or its letter. Whatever could mean two
// candidates is a fault.
func TestRightChoice(t *testing.T) {
	for _, c := range []struct {
		choices, answer string
		want            int    // index of the right candidate
		fault           string // if want is -1
	}{
		{`["1","2","3","0"]`, `0`, 0, ""},
		{`["1","2","3","0"]`, `3`, 3, ""},
		{`["1","2","3","0"]`, `2.0`, 2, ""},
		{`["1","2","3","0"]`, `4`, -1, "answer 4 is not one of the 4 candidates"},
		{`["1","2","3","0"]`, `-1`, -1, "answer -1 is not one of the 4 candidates"},
		{`["1","2","3","0"]`, `1.5`, -1, "answer 1.5 is not one of the 4 candidates"},
		{`["1","2","3","0"]`, `1e999`, -1, "is not one of the 4 candidates"},
		{`["1","2","3","0"]`, `"0"`, 3, ""},
		{`["1","2","3","0"]`, `"3"`, 2, ""},
		{`["1","2","3","0"]`, `"7"`, -1, "answer 7 is not one of the 4 candidates (the first is 0)"},
		{`["cat","dog"]`, `1`, 1, ""},
		{`["cat","dog"]`, `"1"`, 1, ""},
		{`["cat","dog"]`, `"B"`, 1, ""},
		{`["cat","dog"]`, `"b"`, 1, ""},
		{`[" cat ","dog"]`, `"cat"`, 0, ""},
		{`["cat","dog"]`, `"C"`, -1, `answer "C" is neither a candidate`},
		{`["cat","dog"]`, `true`, -1, `answer "true" is neither a candidate`},
		{`["false","true"]`, `true`, 1, ""},
		{`["cat","dog"]`, `null`, -1, `"answer" is empty`},
		{`["cat","dog"]`, `[1]`, -1, `"answer" is a list`},
		// A letter that is also a candidate.
		{`["B","A","C"]`, `"A"`, -1, "answer A could be candidate 1 (its letter) or candidate 2 (its text)"},
		{`["b","A","C"]`, `"B"`, -1, "answer B could be candidate 1 (its text) or candidate 2 (its letter)"},
		{`["A","B","C"]`, `"B"`, 1, ""},
		{`["A","B","C"]`, `"b"`, 1, ""},
		{`["x","y","Z"]`, `"z"`, -1, `answer "z" is neither`},
		// Candidates that are numbers themselves.
		{`[1,2,3,0]`, `0`, -1, "answer 0 could be candidate 1 (its number from 0) or candidate 4 (its text)"},
		{`[0,1,2]`, `2`, 2, ""},
		{`[10,20,30]`, `1`, 1, ""},
		{`[10,20,30]`, `"20"`, 1, ""},
		{`[10,20,30]`, `20`, -1, "answer 20 is not one of the 3 candidates"},
		// Candidates with names of their own.
		{`{"text":["w","x","y","z"],"label":["1","2","3","4"]}`, `"1"`, 0, ""},
		{`{"text":["w","x","y","z"],"label":["1","2","3","4"]}`, `4`, 3, ""},
		{`{"text":["w","x","y","z"],"label":["A","B","C","D"]}`, `"C"`, 2, ""},
		{`{"text":["w","x","y","z"],"label":["A","B","C","D"]}`, `2`, 2, ""},
		{`{"text":["w","x","y","z"],"label":["A","B","C","D"]}`, `"E"`, -1, `answer "E" is neither`},
		{`{"text":["w","A"],"label":["A","B"]}`, `"A"`, -1, "answer A could be candidate 1 (its label) or candidate 2 (its text)"},
		{`{"text":["w","x"],"label":["A"]}`, `"A"`, -1, "does not have one for each of the 2 candidates"},
		{`[{"label":"A","text":"w"},{"label":"B","text":"x"}]`, `"B"`, 1, ""},
		{`[{"label":"A"},{"label":"B"}]`, `"B"`, -1, "item 1 is a record, not a text"},
		{`"w, x"`, `0`, -1, "is a text, not a list"},
	} {
		in := json.NewDecoder(strings.NewReader(`{"choices":` + c.choices + `,"answer":` + c.answer + `}`))
		in.UseNumber()
		r := row{}
		if err := in.Decode(&r.columns); err != nil {
			t.Fatal(err)
		}
		got := -1
		if list := r.choices("choices"); r.fault == "" {
			got = r.rightChoice("answer", list)
		}
		if got != c.want || (c.want == -1) != (r.fault != "") || !strings.Contains(r.fault, c.fault) {
			t.Errorf("choices %s, answer %s: %d, fault %q; want %d, %q", c.choices, c.answer, got, r.fault, c.want, c.fault)
		}
	}
}

// The names of candidates are also found if the task names the list of texts inside the record.
func TestChoicesOfTwoLists(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "arc.jsonl", lines("", `{"question":"q %d","choices":{"text":["right","wrong"],"label":["1","2"]},"answerKey":"1","x":%d}`+"\n", 20))
	for _, column := range []string{"choices", "choices.text"} {
		d := load(t, write(t, dir, "arc.yaml", "form: rank\ntrain: arc.jsonl\ntemplate: '{question} {candidate}'\nchoices: "+column+"\nanswer: answerKey\n"))
		for _, e := range d.Pool {
			if text := e.Texts[prob.Argmax(e.Gold)]; !strings.HasSuffix(text, "right") {
				t.Fatalf("%s: the right candidate is %q", column, text)
			}
		}
	}
}

// arithmetic returns questions whose candidates are numbers, with the answer as write gives it for the index and the text of
// the right one.
func arithmetic(n int, write func(index int, text string) string) string {
	var b strings.Builder
	for i := range n {
		var texts []string
		for k := range 4 {
			texts = append(texts, fmt.Sprintf("%q", fmt.Sprint((k+i)%4)))
		}
		right := (i * i) % 4
		fmt.Fprintf(&b, `{"question":"question %d","choices":[%s],"answer":%s}`+"\n", i, strings.Join(texts, ","), write(right, fmt.Sprint((right+i)%4)))
	}
	return b.String()
}

// All gold labels of a file of arithmetic questions are right, whether it gives the index or the text.
func TestNumberIsIndexInArithmetic(t *testing.T) {
	for name, how := range map[string]func(int, string) string{
		"index": func(index int, _ string) string { return fmt.Sprint(index) },
		"text":  func(_ int, text string) string { return fmt.Sprintf("%q", text) },
	} {
		d := load(t, write(t, t.TempDir(), "a.jsonl", arithmetic(40, how)))
		if len(d.Pool) != 40 {
			t.Fatalf("%s: %d examples", name, len(d.Pool))
		}
		for _, e := range d.Pool {
			var i int
			var text string
			if _, err := fmt.Sscanf(e.Texts[prob.Argmax(e.Gold)], "question %d\n\n%s", &i, &text); err != nil {
				t.Fatal(err)
			}
			if want := fmt.Sprint(((i*i)%4 + i) % 4); text != want {
				t.Errorf("%s: question %d: the right candidate is %s, want %s", name, i, text, want)
			}
		}
	}
}

// A file whose quoted numbers are numbers of candidates in one row and texts in another is refused.
func TestQuotedNumbersMeanOneThing(t *testing.T) {
	text := lines("", `{"question":"q %d","choices":["cat","dog"],"answer":"%d"}`+"\n", 20) + `{"question":"sum","choices":["1","2"],"answer":"1"}` + "\n"
	report, err := Check(context.Background(), write(t, t.TempDir(), "m.jsonl", text), Limits{})
	if err != nil || report.Faults == nil {
		t.Fatalf("report %+v, error %v", report, err)
	}
	if got := report.Faults.Error(); got != `tasks: m.jsonl:21: a quoted number in "answer" is the text of a candidate here and the number of a candidate at line 1 (write the numbers of candidates without quotation marks, or write texts only)` {
		t.Error(got)
	}
}

// If classes are named by numbers, a label is the name of a class and never its index.
func TestClassesNamedByNumbers(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "stars.tsv", lines("text\tstars\n", "row %d\t%d\n", 30))
	report, err := Check(context.Background(), write(t, dir, "stars.yaml", "train: stars.tsv\nlabel: stars\nclasses: [1, 2, 3, 4, 5]\n"), Limits{})
	if err != nil || report.Faults == nil || !contains(report.Faults.Error(), `stars.tsv:2: label "0" is neither the name nor the number of a class (1, 2, 3, 4, 5)`) {
		t.Errorf("report %+v, %v", report, err)
	}
}

// The shared file of arithmetic questions had 32 wrong gold labels of 40 when numbers were taken for texts.
func TestArithmeticCase(t *testing.T) {
	path := shareddata.Path(t, "cases", "choice-index-number", "arith.jsonl")
	right := map[string]string{}
	if _, err := (rowFile{path: path}).read(context.Background(), &Faults{}, func(r *row) {
		right[r.text("question")] = r.list("choices")[r.int("answer")]
	}); err != nil {
		t.Fatal(err)
	}
	d := load(t, path)
	for _, e := range d.Pool {
		question, answer, _ := strings.Cut(e.Texts[prob.Argmax(e.Gold)], "\n\n")
		if right[question] != answer {
			t.Errorf("%s: gold %s, want %s", question, answer, right[question])
		}
	}
	if len(d.Pool) != 40 {
		t.Errorf("%d examples, want 40", len(d.Pool))
	}
}
