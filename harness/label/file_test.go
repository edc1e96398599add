package label

import (
	"bytes"
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestFilesAreReadBackExactly(t *testing.T) {
	l := Labels{Classes: 3, IDs: []string{"b", "a \"quoted\"\n", "c"}, Soft: [][]float64{{0.1, 0.2, 0.7}, {1. / 3, 1. / 3, 1 - 2./3}, {0, 0, 1}}}
	p := Provenance{Task: "movies", Supervisor: "movies/supervisor/x/seed=1", Encoder: "key", Treatment: "soft", Seed: 1 << 63}
	var file bytes.Buffer
	if err := Write(&file, l, p); err != nil {
		t.Fatal(err)
	}
	text := file.String()
	got, prov, err := Read(&file)
	if err != nil || !reflect.DeepEqual(got, l) || prov != p {
		t.Errorf("%+v, %+v, %v", got, prov, err)
	}
	if strings.Contains(text, "gold") {
		t.Error("the file contains the word gold")
	}
	ranking := Labels{IDs: []string{"x", "y"}, Soft: [][]float64{{0.5, 0.5}, {0.2, 0.3, 0.5}}}
	if err := Write(&file, ranking, Provenance{}); err != nil {
		t.Fatal(err)
	}
	if got, _, err = Read(&file); err != nil || !reflect.DeepEqual(got, ranking) {
		t.Errorf("%+v, %v", got, err)
	}
	gold := Gold{Classes: 2, IDs: []string{"a", "b"}, Gold: [][]float64{{1, 0}, {0.5, 0.5}}}
	if err := WriteGold(&file, gold); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadGold(&file); err != nil || !reflect.DeepEqual(got, gold) {
		t.Errorf("%+v, %v", got, err)
	}
	if err := Write(&file, Labels{Classes: 2, IDs: []string{"a"}, Soft: [][]float64{{math.NaN(), 1}}}, p); err == nil || !strings.Contains(err.Error(), "NaN") {
		t.Errorf("Write of NaN: %v", err)
	}
}

const goodFile = `{"w2s":"weak labels","version":1,"classes":2,"n":2,"provenance":{"task":"t","seed":0}}
{"id":"a","soft":[0.25,0.75],"hard":1}
{"id":"b","soft":[0.5,0.5],"hard":0}
`

func TestReadNamesFaults(t *testing.T) {
	if _, _, err := Read(strings.NewReader(goodFile)); err != nil {
		t.Fatal(err)
	}
	swap := func(old, now string) string { return strings.Replace(goodFile, old, now, 1) }
	for name, c := range map[string]struct{ file, want string }{
		"empty":      {"", "empty"},
		"cut short":  {goodFile[:strings.LastIndex(goodFile, `{"id"`)], "1 example, but the header states 2"},
		"torn line":  {goodFile[:len(goodFile)-9], "line 3"},
		"not JSON":   {"hello\n", "line 1: not the header"},
		"gold field": {swap(`"hard":1`, `"hard":1,"gold":[0,1]`), `line 2: json: unknown field "gold"`},
		"hard":       {swap(`"hard":1`, `"hard":0`), "line 2: hard label 0"},
		"version":    {swap(`"version":1`, `"version":2`), "version 2"},
		"kind":       {swap("weak labels", "gold"), `a file of "gold"`},
		"sum":        {swap("0.25", "0.5"), "sum to 1.25"},
		"classes":    {swap(`"classes":2`, `"classes":3`), "2 classes (want 3)"},
		"one class":  {swap(`"classes":2`, `"classes":1`), "1 class"},
		"same id":    {swap(`"b"`, `"a"`), "two labels"},
		"no id":      {swap(`"id":"b",`, ``), "no example id"},
		"null":       {swap(`[0.25,0.75]`, `null`), "line 2: hard label 1"},
		"two values": {swap("\"hard\":1}\n", "\"hard\":1} {}\n"), "line 2: more than one value"},
		"long line":  {goodFile + strings.Repeat("x", maxLine+1), "line 4: bufio.Scanner: token too long"},
	} {
		if l, _, err := Read(strings.NewReader(c.file)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %+v, %v, want an error with %q", name, l, err, c.want)
		}
	}
	if _, err := ReadGold(strings.NewReader(goodFile)); err == nil || !strings.Contains(err.Error(), "weak labels") {
		t.Errorf("reading weak labels as gold: %v", err)
	}
}

func TestJoinOrdersByIDsAndReportsFaults(t *testing.T) {
	l := Labels{Classes: 2, IDs: []string{"a", "b", "c"}, Soft: [][]float64{{1, 0}, {0, 1}, {0.5, 0.5}}}
	got, err := l.Join([]string{"c", "a", "b"})
	want := Labels{Classes: 2, IDs: []string{"c", "a", "b"}, Soft: [][]float64{{0.5, 0.5}, {1, 0}, {0, 1}}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, c := range []struct {
		ids  []string
		want string
	}{
		{[]string{"a", "b"}, "1 label without an example, the first is c"},
		{[]string{"a", "b", "c", "d"}, "1 example without a label, the first is d"},
		{[]string{"a", "b", "c", "c"}, "1 example given twice, the first is c"},
		{[]string{"x", "y", "c"}, "2 labels without an example, the first is a"},
		{nil, "3 labels without an example"},
	} {
		if _, err := l.Join(c.ids); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want an error with %q", c.ids, err, c.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(goodFile)
	f.Add(`{"w2s":"gold","version":1,"classes":0,"n":1}` + "\n" + `{"id":"a","gold":[0,1,0]}`)
	f.Add(`{"w2s":"gold","version":1,"classes":2,"n":2}` + "\n" + `{"id":"a","gold":[0,1]}` + "\n" + `{"id":"b","gold":[0.5,0.5]}`)
	f.Add("\n\n{}")
	f.Fuzz(func(t *testing.T, text string) {
		if l, p, err := Read(strings.NewReader(text)); err == nil {
			var file bytes.Buffer
			if err := Write(&file, l, p); err != nil {
				t.Fatalf("labels that were read cannot be written: %v", err)
			}
			if again, q, err := Read(&file); err != nil || !reflect.DeepEqual(again, l) || q != p {
				t.Fatalf("%+v is read back as %+v, %v", l, again, err)
			}
		}
		if g, err := ReadGold(strings.NewReader(text)); err == nil {
			var file bytes.Buffer
			if err := WriteGold(&file, g); err != nil {
				t.Fatalf("gold that was read cannot be written: %v", err)
			}
			if again, err := ReadGold(&file); err != nil || !reflect.DeepEqual(again, g) {
				t.Fatalf("%+v came back as %+v, %v", g, again, err)
			}
		}
	})
}
