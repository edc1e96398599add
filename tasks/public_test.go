package tasks

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"w2s/internal/race"
	"w2s/internal/shareddata"
)

// The rows of public repositories give the examples that the hub's rows of the same data give. fixtures/tasks/make.py writes both.
func TestPublicSourcesGiveTheExamplesOfTheHub(t *testing.T) {
	compared := 0
	for _, task := range All() {
		set, ok := task.(hubTask)
		if !ok || set.repo == "" || set.public == nil {
			continue
		}
		t.Run(set.info.Name, func(t *testing.T) {
			hub := map[string]Example{}
			d := loadTask(t, set, Local(hubFixtures(), nil))
			for _, e := range slices.Concat(d.Pool, d.Test) {
				hub[e.ID] = e
			}
			if want := fmt.Sprintf(" of %s on the hub", set.repo); !strings.HasSuffix(d.Warnings[0], want) {
				t.Errorf("the first note is %q, want it to end with %q", d.Warnings[0], want)
			}
			for _, p := range set.public {
				one := set
				one.public, one.repo = []publicSource{p}, ""
				d := loadTask(t, one, Local(publicFixtures(), nil))
				if !strings.Contains(d.Warnings[0], " of "+p.repo+" on GitHub ("+inSet(p.files[0].name)) {
					t.Errorf("the first note is %q", d.Warnings[0])
				}
				shown := slices.ContainsFunc(p.files, func(f publicFile) bool { return f.example != nil })
				for _, e := range slices.Concat(d.Pool, d.Test) {
					want, ok := hub[e.ID]
					if compared++; !shown && (!ok || !reflect.DeepEqual(e, want)) {
						t.Errorf("%s: got %+v, from the hub %+v", p.repo, e, want)
					}
				}
			}
		})
	}
	if compared < 1000 {
		t.Errorf("only %d examples were compared", compared)
	}
}

func loadTask(t *testing.T, task Task, src Source) *Data {
	t.Helper()
	d, err := task.Load(context.Background(), src)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A task reads what is on this machine, else what the hub has, else what a public repository has.
func TestOrderOfSources(t *testing.T) {
	const hub, public = "hf:datasets/google/boolq@refs%2Fconvert%2Fparquet/default/", "boolq_dev.jsonl"
	hubFile := func(artifact string) (string, error) {
		return Local(hubFixtures(), nil).Path(context.Background(), artifact)
	}
	publicFile := func(artifact string) (string, error) { return filepath.Join(publicFixtures(), artifact), nil }
	missing := func(string) (string, error) { return "", errors.New("no network") }
	for _, c := range []struct {
		name      string
		src       *scripted
		asked     []string // of Path
		note      string
		wantError string
	}{
		{"the hub answers", &scripted{path: hubFile, find: missing}, []string{"?" + hub + "train/0000.parquet", "?" + hub + "validation/0000.parquet"}, "on the hub", ""},
		{"the hub is here", &scripted{path: missing, find: hubFile}, nil, "on the hub", ""},
		{"the repository is here", &scripted{path: missing, find: func(a string) (string, error) {
			if a == public {
				return publicFile(a)
			}
			return missing(a)
		}}, nil, "on GitHub", ""},
		{"the hub is silent", &scripted{find: missing, path: func(a string) (string, error) {
			if a == public {
				return publicFile(a)
			}
			return missing(a)
		}}, []string{"?" + hub + "train/0000.parquet", public}, "on GitHub", ""},
		{"no network", &scripted{path: missing, find: missing}, []string{"?" + hub + "train/0000.parquet", public}, "", "none of its 2 sources can be had"},
	} {
		task, err := Lookup("boolq")
		if err != nil {
			t.Fatal(err)
		}
		d, err := task.Load(context.Background(), c.src)
		if c.wantError != "" {
			if err == nil || !strings.Contains(err.Error(), c.wantError) || strings.Count(err.Error(), "no network") != 2 {
				t.Errorf("%s: %v", c.name, err)
			}
		} else if err != nil || !strings.Contains(d.Warnings[0], c.note) {
			t.Errorf("%s: %v, %v", c.name, err, d)
		}
		if !slices.Equal(c.src.asked, c.asked) {
			t.Errorf("%s: asked for %q, want %q", c.name, c.src.asked, c.asked)
		}
	}
}

// A scripted source answers with two functions and records what it is asked to fetch.
type scripted struct {
	path, find func(artifact string) (string, error)
	asked      []string
}

func (s *scripted) Path(_ context.Context, artifact string) (string, error) {
	s.asked = append(s.asked, artifact)
	return s.path(strings.TrimPrefix(artifact, "?"))
}

func (s *scripted) Find(name string) (string, bool) {
	path, err := s.find(name)
	return path, err == nil
}

// put writes a file and the folders above it.
func put(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, dir, name, text)
}

// Files of a set are found in its folder, in the folder itself, gzipped and in an archive.
func TestLocalFindsFilesOfSets(t *testing.T) {
	const name, text = "tweets/irony/test_text.txt", "one tweet\n"
	zip := func(text []byte) []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		w.Write(text)
		w.Close()
		return b.Bytes()
	}
	archive := func(files ...string) []byte {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, f := range files {
			w.WriteHeader(&tar.Header{Name: f, Typeflag: tar.TypeReg, Size: int64(len(text)), Mode: 0o644})
			w.Write([]byte(text))
		}
		w.Close()
		return zip(b.Bytes())
	}
	for at, content := range map[string][]byte{
		name: []byte(text), "irony/test_text.txt": []byte(text), "irony/test_text.txt.gz": zip([]byte(text)),
		"tweets.tar.gz": archive("./irony/train_text.txt", "./irony/test_text.txt"),
	} {
		dir := t.TempDir()
		put(t, dir, at, string(content))
		p, ok := Local(dir, nil).(Finder).Find(name)
		if !ok {
			t.Errorf("%s: not found", at)
			continue
		}
		var got []string
		f := rowFile{path: p, format: "texts", columns: []string{"text"}}
		if _, err := f.read(context.Background(), &Faults{}, func(r *row) { got = append(got, r.text("text")) }); err != nil || !slices.Equal(got, []string{"one tweet"}) {
			t.Errorf("%s: %q, %v", at, got, err)
		}
	}
	dir := t.TempDir()
	write(t, dir, "tweets.tar.gz", string(archive("irony/train_text.txt")))
	write(t, dir, "damaged.tar.gz", string(archive("irony/test_text.txt")[:40]))
	write(t, dir, "secret.txt", text)
	for _, absent := range []string{name, "../secret.txt", "x/../../secret.txt", "tweets/"} {
		if p, ok := Local(filepath.Join(dir, "."), nil).(Finder).Find(absent); ok {
			t.Errorf("%s: found at %s", absent, p)
		}
	}
	f := rowFile{path: filepath.Join(dir, "tweets.tar.gz!irony/test_text.txt"), format: "texts", columns: []string{"text"}}
	if _, err := f.read(context.Background(), &Faults{}, func(*row) {}); err == nil || !strings.Contains(err.Error(), "has no file irony/test_text.txt") {
		t.Errorf("a file that the archive lacks: %v", err)
	}
	// A damaged archive is read, so that its damage is reported.
	p, ok := Local(dir, nil).(Finder).Find("damaged/irony/test_text.txt")
	f.path = p
	if _, err := f.read(context.Background(), &Faults{}, func(*row) {}); !ok || err == nil || !strings.Contains(err.Error(), "damaged.tar.gz") || !strings.Contains(err.Error(), "damaged or cut off") {
		t.Errorf("a damaged archive: %v", err)
	}
}

// pinned is a source that has nothing but pins.
type pinned map[string]string

func (p pinned) Path(_ context.Context, artifact string) (string, error) {
	return "", fmt.Errorf("%s: no network", artifact)
}

func (p pinned) Pin(artifact string) (sha256, path string, ok bool) {
	sha256, ok = p[artifact]
	return sha256, "/cache/" + artifact, ok
}

// Copies in a folder are credited to the public repository only if they are its files. A missing partner file is named.
func TestLocalCopiesAreCompared(t *testing.T) {
	var rows strings.Builder
	for i := range 40 {
		fmt.Fprintf(&rows, "%d,He did number %d. [SEP] quality %d\n", i%2, i, i)
	}
	text := "label,scenario\n" + rows.String()
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(text)))
	dir := t.TempDir()
	put(t, dir, "virtue/virtue_train.csv", text)
	task, err := Lookup("ethics-virtue")
	if err != nil {
		t.Fatal(err)
	}
	pins := pinned{"ethics/virtue/virtue_train.csv": sum, "ethics/virtue/virtue_test.csv": sum}
	_, err = task.Load(context.Background(), Local(dir, pins))
	if err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "virtue/virtue_train.csv")+" is there, but not virtue/virtue_test.csv, which") {
		t.Errorf("without its partner: %v", err)
	}
	for content, want := range map[string]string{
		text: "data: 80 rows of nevil1324/Navigating-AI-Morality-in-Text-Realms on GitHub (virtue/virtue_train.csv, virtue/virtue_test.csv), " +
			"read from copies that equal the published files",
		strings.ReplaceAll(text, "quality", "trait"): "data: 80 rows, read from " + filepath.Join(dir, "virtue/virtue_test.csv") + ", which is not the published file of " +
			"nevil1324/Navigating-AI-Morality-in-Text-Realms",
	} {
		put(t, dir, "virtue/virtue_test.csv", content)
		set := fileSet{}
		if _, set, err = task.(hubTask).locate(context.Background(), Local(dir, pins)); err != nil {
			t.Fatal(err)
		}
		if got := set.describe(80, Local(dir, pins)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// The pairs of UKPConvArg1 Strict: one file for each side of a topic, tab-separated, with <br/> for line breaks.
func TestConvincingArguments(t *testing.T) {
	dir := t.TempDir()
	for i, f := range argumentFiles() {
		pairs := fmt.Sprintf("#id\tlabel\ta1\ta2\narg1_arg2\ta2\tToo short %d.\tFirst: \"quoted\".<br/> Second<br />third.\n", i)
		for k := range 3 {
			pairs += fmt.Sprintf("x%d\ta1\tA good argument %d of %d.\tA bad one %d of %d.\n", k, k, i, k, i)
		}
		write(t, dir, path.Base(f.name), pairs)
	}
	d := loadNamed(t, "convincing-arguments", Local(dir, nil))
	if len(d.Pool) != 128 || d.Test != nil || d.Warnings[0] != "data: 128 rows of UKPLab/acl2016-convincing-arguments on GitHub ("+
		"ban-plastic-water-bottles_no-bad-for-the-economy.csv, ban-plastic-water-bottles_yes-emergencies-only.csv, christianity-or-atheism-_atheism.csv and 29 more files)" {
		t.Fatalf("%d pairs, notes %q", len(d.Pool), d.Warnings)
	}
	found := false
	for _, e := range d.Pool {
		if at := slices.Index(e.Texts, "First: \"quoted\".\nSecond\nthird."); at >= 0 {
			found = true
			if e.Gold[at] != 1 {
				t.Errorf("%+v", e)
			}
		}
	}
	if !found {
		t.Errorf("no argument has its line breaks: %q", d.Pool[0].Texts)
	}
	s, err := d.Split(SplitConfig{Seed: 3, Train: 60, Test: 30})
	if err != nil {
		t.Fatal(err)
	}
	part := map[string]string{}
	for name, examples := range map[string][]Example{"weak": s.WeakTrain, "strong": s.StrongTrain, "test": s.Test} {
		for _, e := range examples {
			if other, ok := part[e.Group]; ok && other != name {
				t.Errorf("%s is in %s and %s", e.Group, name, other)
			}
			part[e.Group] = name
		}
	}
	faulty := t.TempDir()
	for _, f := range argumentFiles() {
		write(t, faulty, path.Base(f.name), "#id\tlabel\ta1\ta2\nx\ta3\tone\ttwo\ny\ta1\tone\n")
	}
	task, _ := Lookup("convincing-arguments")
	_, err = task.Load(context.Background(), Local(faulty, nil))
	if err == nil || !contains(err.Error(), `:2: label "a3" is neither a1 nor a2`) || !contains(err.Error(), ":3: 3 columns, want 4") {
		t.Errorf("faulty rows: %v", err)
	}
}

// Pairs that share an event, or the sentence that events begin with, stay together.
func TestPleasantOutcomesStayTogether(t *testing.T) {
	dir := t.TempDir()
	var rows strings.Builder
	for i := range 40 {
		fmt.Fprintf(&rows, "I met friend %d. We ate.,I met friend %d. We fought.\n", i, i)
		fmt.Fprintf(&rows, "I met friend %d. We ate.,I lost key number %d.\n", i, i)
		fmt.Fprintf(&rows, "I bought lamp %d.,I lost key number %d.\n", i, i)
	}
	put(t, dir, "ethics/utilitarianism/util_train.csv", rows.String())
	d := loadNamed(t, "pleasant-outcomes", Local(dir, nil))
	if units := Units(d.Pool); len(d.Pool) != 120 || len(slices.Compact(slices.Sorted(slices.Values(units)))) != 40 {
		t.Errorf("%d pairs in units %q", len(d.Pool), units)
	}
	for _, e := range d.Pool {
		if right := e.Texts[slices.Index(e.Gold, 1)]; strings.Contains(right, "lost") || strings.Contains(right, "fought") {
			t.Errorf("%+v", e)
		}
	}
}

// The halves and the test part are those that were published.
func TestPublishedHalves(t *testing.T) {
	d := loadNamed(t, "hh-single-turn-helpful", Local(publicFixtures(), nil))
	from := func(examples []Example, part string) {
		for _, e := range examples {
			if !strings.Contains(e.Texts[0], "of helpful "+part+".") {
				t.Errorf("part %s has %q", part, e.Texts)
			}
		}
	}
	for _, c := range []struct{ train, weak, strong int }{{0, 24, 24}, {20, 10, 10}, {21, 11, 10}} {
		s, err := d.Split(SplitConfig{Seed: 5, Train: c.train, Test: 0})
		if err != nil {
			t.Fatal(err)
		}
		if len(s.WeakTrain) != c.weak || len(s.StrongTrain) != c.strong || len(s.Test) != 24 {
			t.Errorf("--train %d: %d, %d and %d", c.train, len(s.WeakTrain), len(s.StrongTrain), len(s.Test))
		}
		from(s.WeakTrain, "0")
		from(s.StrongTrain, "1")
		from(s.Test, "2")
	}
	one, _ := d.Split(SplitConfig{Seed: 1, Train: 20})
	two, _ := d.Split(SplitConfig{Seed: 2, Train: 20})
	if reflect.DeepEqual(one.WeakTrain, two.WeakTrain) {
		t.Error("two seeds draw the same examples")
	}
	if _, err := d.Split(SplitConfig{Train: 50}); err == nil || !errors.As(err, new(*TooFewError)) {
		t.Errorf("too many: %v", err)
	}
	// A prompt in both halves is used in the weak one.
	both := slices.Clone(d.Pool)
	for i := range both {
		both[i].Group = "same"
		if i%2 == 0 {
			both[i].Group = fmt.Sprint(i)
		}
	}
	s, err := (&Data{Pool: both, Test: d.Test}).Split(SplitConfig{})
	if err != nil || s.Dropped == 0 || len(s.WeakTrain)+len(s.StrongTrain)+s.Dropped != len(both) {
		t.Errorf("%v, %d dropped", err, s.Dropped)
	}
}

// Faulty rows of public files are reported with their lines.
func TestPublicFaults(t *testing.T) {
	read := func(f publicFile, text string, example exampleFunc) string {
		t.Helper()
		dir := t.TempDir()
		s := sourcedFile{rowFile: rowFile{path: write(t, dir, path.Base(f.name), text), columns: f.columns, format: f.format, ragged: f.ragged}, rows: f.rows, example: example}
		if f.labels != "" {
			s.labels = write(t, dir, "labels.txt", f.labels)
		}
		c := newCollector(rewardInfo("x", "x", "x", "x"))
		if err := c.readSource(context.Background(), s); err != nil {
			return err.Error()
		}
		if err := c.faults.err(); err != nil {
			return err.Error()
		}
		_, err := c.finish()
		return fmt.Sprint(err)
	}
	rank := func(q func(*row) question) exampleFunc { return func(r *row) Example { return q(r).ranking(r) } }
	const head = `[{"instruction": "Please choose the correct answer to the question: `
	for _, c := range []struct {
		name    string
		file    publicFile
		text    string
		example exampleFunc
		want    string
	}{
		{"another instruction", publicFile{name: "a.json", rows: arcAdapterRows}, `[{"instruction": "Choose.", "answer": "answer1"}]`, rank(labelledQuestion), "a.json:1: not a question with numbered answers"},
		{"no such answer", publicFile{name: "a.json", rows: arcAdapterRows}, head + `Why?\n\nAnswer1: a Answer2: b\n\nAnswer format: x", "answer": "answer3"}]`, rank(labelledQuestion), "right answer -1 is not one of the 2"},
		{"three options", publicFile{name: "a.json", rows: winograndeAdapterRows}, head + `A _.\n\nOption1: a Option2: b Option3: c Answer format: x", "answer": "option3"}]`, rank(winograndeQuestion), "3 options, want 2"},
		{"no gap", publicFile{name: "a.json", rows: winograndeAdapterRows}, head + `A.\n\nOption1: a Option2: b Answer format: x", "answer": "option1"}]`, rank(winograndeQuestion), "the sentence has no gap"},
		{"unknown label", publicFile{name: "a.jsonl", rows: rteRows}, `{"premise": "a", "hypothesis": "b", "label": "maybe"}`, nil, `a.jsonl:1: label "maybe" is neither`},
		{"no list of questions", publicFile{name: "a.jsonl", rows: multircRows}, `{"passage": {"text": "a", "questions": "b"}}`, nil, "is a text, not a list"},
		{"fewer labels", publicFile{name: "a.txt", format: "texts", columns: []string{"text"}, labels: "0\n"}, "one\ntwo\n", func(r *row) Example { return r.ofClass(r.text("text"), "label", 2) }, "a.txt:2: no label at line 2 of labels.txt"},
		{"an empty label", publicFile{name: "a.txt", format: "texts", columns: []string{"text"}, labels: "\n0\n"}, "one\ntwo\n", func(r *row) Example { return r.ofClass(r.text("text"), "label", 2) }, "a.txt:1: no label at line 1 of labels.txt"},
		{"a class too many", publicFile{name: "a.txt", format: "labelled"}, "7 text\n", func(r *row) Example { return r.ofClass(r.text("text"), "label", 6) }, "a.txt:1: label 7 is not the number of one of the 6 classes"},
		{"no text", publicFile{name: "a.txt", format: "labelled"}, "7\n", nil, "a.txt:1: want a label, a space and a text"},
		{"label 3", publicFile{name: "a.json"}, `[{"input": "a", "output_1": "b", "output_2": "c", "label": 3}]`, outputPair, "label 3 is neither 1 nor 2"},
		{"judgement 4", publicFile{name: "a.json"}, `[{"instruction": "a", "input": "", "response1": "b", "response2": "c", "annotator1": 4, "annotator2": 1, "annotator3": 1}]`, pandaPair, "judgement 4 is not 0, 1 or 2"},
		{"no solution", publicFile{name: "a.jsonl", rows: solutionRows("6b")}, `{"question": "a"}`, nil, `missing "6b_finetuning.solution"`},
		{"no number", publicFile{name: "a.jsonl"}, `{"question": "a", "answer": "5"}`, mathTask().example, "no number after ####"},
	} {
		if got := read(c.file, c.text, c.example); !contains(got, c.want) {
			t.Errorf("%s: %s, want %q", c.name, got, c.want)
		}
	}
}

// Every public source is read from the shared folder without a fault. The numbers of rows are those of the folder's README, without
// header lines.
func TestSharedPublicSets(t *testing.T) {
	race.SkipLong(t)
	unpacked := t.TempDir() // looking for each file in the archives takes long
	var src Source
	for _, sub := range []string{"nlp", "reward", "choice", "chess"} {
		folder := shareddata.Path(t, "data", sub)
		unpackAll(t, folder, unpacked)
		src = Local(folder, src)
	}
	src = Local(unpacked, src)
	want := map[string][]int{ // by task, for each of its sources
		"boolq": {3270}, "rte": {2490 + 277}, "wic": {5428 + 638}, "multirc": {456 + 83}, "mr": {10662}, "trec": {5452 + 500}, "ag_news": {7600}, "davidson": {24783},
		"ethics-deontology": {18164 + 3597}, "ethics-justice": {21791 + 2704}, "ethics-virtue": {28245 + 4975}, "ethics-commonsense": {3885 + 3964},
		"ethics-utilitarianism": {13738 + 4808}, "pleasant-outcomes": {13738}, "sciq": {12000, 10000, 2000}, "sciq_with_support": {2000},
		"tweet-emotion": {3257 + 374 + 1421}, "tweet-hate": {9000 + 1000 + 2970 - 8}, "tweet-irony": {2862 + 955 + 784}, "tweet-offensive": {11916 + 1324 + 860},
		"tweet-sentiment": {2000 + 12284}, "tweet-stance": {587 + 66 + 280 + 461 + 52 + 220 + 355 + 40 + 169 + 597 + 67 + 285 + 620 + 69 + 295},
		"gsm8k-solutions-6b": {1319}, "gsm8k-solutions-175b": {1319}, "gsm8k": {1319}, "llmbar": {419}, "llmbar-cases": {315}, "mt-bench": {200},
		"llmeval2": {200}, "faireval": {66}, "pandalm": {999}, "hh-single-turn-helpful": {12000}, "hh-single-turn-harmless": {12000},
		"cosmos_qa": {2985}, "hellaswag": {1000}, "openbookqa": {4957 + 500, 500}, "piqa": {1838, 1838}, "social_i_qa": {1954},
		"arc-easy": {2251 + 2376}, "arc-challenge": {1119 + 1172}, "commonsenseqa": {9741 + 1221}, "winogrande": {1267}, "chess-lichess": {10000, 1000},
	}
	for _, task := range All() {
		set, ok := task.(hubTask)
		chess, isChess := task.(chessTask)
		if isChess {
			set = chess.source.data
		} else if !ok || set.localName != "" { // another form of the same files
			continue
		}
		name := task.Info().Name
		for i, p := range set.public {
			if name == "convincing-arguments" { // not in the folder
				continue
			}
			files, err := set.publicFiles(p, finderOf(src))
			if err != nil {
				t.Errorf("%s: %s: %v", name, p.repo, err)
				continue
			}
			c := newCollector(set.info)
			for _, f := range files {
				if isChess {
					err = problemFile{path: f.path, name: f.name, kind: "lichess", columns: f.columns}.read(context.Background(), c, func(problem) {})
				} else {
					err = c.readSource(context.Background(), firstRows(f, 500))
				}
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			if err := c.faults.err(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if len(want[name]) <= i || c.rows != want[name][i] {
				t.Errorf("%s: source %d has %d rows, want %v", name, i, c.rows, want[name])
			}
		}
		if len(set.public) > 0 && name != "convincing-arguments" && len(want[name]) != len(set.public) {
			t.Errorf("%s has %d sources, want %d", name, len(set.public), len(want[name]))
		}
	}
}

// firstRows returns the file with a rule that makes examples of its first n rows only, which takes less time. All rows are read.
func firstRows(f sourcedFile, n int) sourcedFile {
	rows, seen := f.rows, 0
	f.rows = func(r *row) []*row {
		switch seen++; {
		case seen > n:
			r.skip("not needed")
		case rows != nil:
			return rows(r)
		}
		return []*row{r}
	}
	return f
}

// unpackAll unpacks the archives of a folder, each into a folder of its name.
func unpackAll(t *testing.T, folder, to string) {
	t.Helper()
	archives, err := filepath.Glob(filepath.Join(folder, "*.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range archives {
		file, err := os.Open(a)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		err = eachMember(file, nil, func(name string, content io.Reader) bool {
			text, err := io.ReadAll(content)
			if err != nil {
				t.Fatal(err)
			}
			put(t, filepath.Join(to, strings.TrimSuffix(filepath.Base(a), ".tar.gz")), name, string(text))
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// What is left of some sets after duplicates, contradictions and copies of the test part. A Python script counted the texts.
func TestSharedPublicExamples(t *testing.T) {
	race.SkipLong(t)
	src := Local(shareddata.Path(t, "data", "nlp"), Local(shareddata.Path(t, "data", "reward"), Local(shareddata.Path(t, "data", "choice"), nil)))
	for name, want := range map[string][2]int{
		"mr": {10662, 0}, "tweet-irony": {3817, 784}, "gsm8k-solutions-6b": {2636, 0}, "gsm8k-solutions-175b": {2637, 0}, "llmbar": {419, 0},
		"mt-bench": {195, 0}, "hellaswag": {1000, 0}, "arc-challenge-choices": {1118, 1172}, "winogrande": {1267, 0}, "boolq": {3270, 0},
	} {
		if d := loadNamed(t, name, src); len(d.Pool) != want[0] || len(d.Test) != want[1] {
			t.Errorf("%s: %d and %d examples, want %v; notes %q", name, len(d.Pool), len(d.Test), want, d.Warnings)
		}
	}
}
