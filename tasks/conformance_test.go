package tasks

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"w2s/internal/prob"
	"w2s/internal/shareddata"
)

// publicFixtures returns the folder with the same data sets in the forms of public repositories.
func publicFixtures() string { return filepath.Join(shareddata.Root(), "fixtures", "tasks", "public") }

// allFixtures returns a source of the files of all built-in tasks: those of the hub, or of public repositories if the hub has none.
func allFixtures() Source { return Local(hubFixtures(), Local(publicFixtures(), nil)) }

// hubFixtures returns the folder with small files that have the columns of the real data sets. fixtures/tasks/make.py
// writes them.
func hubFixtures() string { return filepath.Join(shareddata.Root(), "fixtures", "tasks", "hub") }

// earlierHarnesses lists the tasks of EleutherAI/w2s and openai/weak-to-strong.
var earlierHarnesses = []string{
	"anli-r2", "cola", "dream", "ethics-deontology", "ethics-justice", "ethics-virtue", "ethics-utilitarianism", "mc_taco", "hellaswag",
	"multirc", "openbookqa", "paws", "piqa", "quail", "quartz", "social_i_qa", "sst2", "wic", "twitter-sentiment", "sciq",
	"sciq_with_support", "anthropic_hh", "cosmos_qa", "boolq", "amazon_polarity",
}

// Texts and labels are equal to those of the earlier harnesses, which fixtures/tasks/make.py writes to formats.json.
func TestFormatsOfEarlierHarnesses(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(shareddata.Root(), "fixtures", "tasks", "formats.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]map[string]int
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	for _, name := range earlierHarnesses {
		if name == "anthropic_hh" { // whole dialogues: TestHH
			continue
		}
		found := map[int]int{}
		for _, e := range loadNamed(t, name, Local(hubFixtures(), nil)).Test {
			label, ok := want[name][e.Texts[0]]
			if !ok {
				continue
			}
			found[label]++
			if label != prob.Argmax(e.Gold) {
				t.Errorf("%s: %q has label %d, want %d", name, e.Texts[0], prob.Argmax(e.Gold), label)
			}
		}
		if found[0]+found[1] < 5 || found[0] == 0 || found[1] == 0 {
			t.Errorf("%s: only %v examples of classes 0 and 1 have the wording of the earlier harnesses", name, found)
		}
	}
}

// "None of the above" cannot be judged without the other answers. A question with this right answer is asked with a wrong
// one, and it is no ranking.
func TestCosmosNoneOfTheAbove(t *testing.T) {
	d := loadNamed(t, "cosmos_qa", Local(hubFixtures(), nil))
	for _, e := range slices.Concat(d.Pool, d.Test) {
		if prob.Argmax(e.Gold) == 1 && strings.Contains(e.Texts[0], "None of the above") {
			t.Errorf("%q is shown as a right answer", e.Texts[0])
		}
	}
	ranked := loadNamed(t, "cosmos_qa-choices", Local(hubFixtures(), nil))
	for _, e := range slices.Concat(ranked.Pool, ranked.Test) {
		if strings.Contains(e.Texts[prob.Argmax(e.Gold)], "None of the above") {
			t.Errorf("%q has \"None of the above\" as the right candidate", e.Texts)
		}
	}
	if len(ranked.Pool)+len(ranked.Test) >= len(d.Pool)+len(d.Test) {
		t.Error("the fixture contains no question whose right answer is none of the above")
	}
}

// Every built-in task has the properties that the package documents.
func TestConformance(t *testing.T) {
	names := map[string]bool{}
	for _, task := range All() {
		info := task.Info()
		if names[info.Name] {
			t.Errorf("two tasks are named %q", info.Name)
		}
		names[info.Name] = true
		t.Run(info.Name, func(t *testing.T) {
			checkInfo(t, info)
			d, err := task.Load(context.Background(), allFixtures())
			if err != nil {
				t.Fatal(err)
			}
			checkData(t, info, d)
			cfg := SplitConfig{Seed: 1, Train: max(8, 4*len(info.Classes)), Test: max(4, 2*len(info.Classes))}
			s, err := d.Split(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if len(s.Test) != cfg.Test || len(s.WeakTrain)+len(s.StrongTrain) != cfg.Train {
				t.Errorf("split has parts of %d, %d and %d examples", len(s.WeakTrain), len(s.StrongTrain), len(s.Test))
			}
			if !strings.HasPrefix(info.Name, "chess-mate") { // other chess tasks read files
				checkStability(t, task, info, d)
			}
		})
	}
	for _, name := range earlierHarnesses {
		if !names[name] {
			t.Errorf("there is no task %q, which the earlier harnesses have", name)
		}
	}
}

func checkInfo(t *testing.T, info Info) {
	if !regexp.MustCompile(`^[a-z0-9_-]+$`).MatchString(info.Name) {
		t.Errorf("name %q does not match [a-z0-9_-]+", info.Name)
	}
	if info.Title == "" || info.Source == "" || info.Licence == "" || info.Metric == "" || info.Version < 1 {
		t.Errorf("incomplete info: %+v", info)
	}
	if (info.Form == Classify) != (len(info.Classes) >= 2) {
		t.Errorf("form %s with classes %q", info.Form, info.Classes)
	}
	if !slices.Contains([]Category{NLP, Reward, Chess, Generative}, info.Category) {
		t.Errorf("unknown category %q", info.Category)
	}
}

func checkData(t *testing.T, info Info, d *Data) {
	seen := map[string]bool{}
	parts := [][]Example{d.Pool}
	if d.Test != nil {
		parts = append(parts, d.Test)
	}
	for _, part := range parts {
		if !slices.IsSortedFunc(part, byID) {
			t.Error("examples are not sorted by id")
		}
		classes := make([]int, max(2, len(info.Classes)))
		for _, e := range part {
			if seen[e.ID] || e.ID != ContentID(info.Form, e.Texts) {
				t.Errorf("id %q is not the content id, or occurs twice", e.ID)
			}
			seen[e.ID] = true
			if fault := checkExample(info, e); fault != "" {
				t.Errorf("%q: %s", e.Texts, fault)
			}
			if info.Form != Generate {
				classes[min(prob.Argmax(e.Gold), len(classes)-1)]++
			}
			if text := strings.Join(e.Texts, " "); strings.ContainsAny(text, "{}") || strings.Contains(text, "<nil>") {
				t.Errorf("a column is missing in the text %q", text)
			}
		}
		// All data sets are roughly balanced, so a biased coin or order of candidates shows here.
		if info.Form == Classify && 5*slices.Min(classes)*len(classes) < 2*len(part) {
			t.Errorf("numbers of examples per class: %v", classes)
		}
	}
	units := map[string]bool{}
	for _, e := range d.Test {
		for _, key := range unitKeys(&e) {
			units[key] = true
		}
	}
	for _, e := range d.Pool {
		for _, key := range unitKeys(&e) {
			if units[key] {
				t.Errorf("%q is in the test part too, or shares its group", e.Texts)
			}
		}
	}
	if len(d.Digest) != 64 {
		t.Errorf("digest %q", d.Digest)
	}
}

// checkStability loads the files again with their rows shuffled, and with some rows removed.
func checkStability(t *testing.T, task Task, info Info, want *Data) {
	reordered, err := task.Load(context.Background(), &shuffled{Source: allFixtures(), dir: t.TempDir(), t: t, drop: 0})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(reordered.Pool, want.Pool) || !reflect.DeepEqual(reordered.Test, want.Test) || !slices.Equal(reordered.Warnings, want.Warnings) {
		t.Error("the order of the rows changes the result")
	}
	if strings.HasSuffix(info.Name, "-pairs") && info.Source != "Bai et al. 2022, Anthropic/hh-rlhf" {
		return // a pair is made of two rows; TestRatingPairs checks what may change
	}
	fewer, err := task.Load(context.Background(), &shuffled{Source: allFixtures(), dir: t.TempDir(), t: t, drop: 5})
	if err != nil {
		t.Fatal(err)
	}
	if len(fewer.Pool) >= len(want.Pool) {
		t.Error("removing rows removes no example")
	}
	for _, e := range fewer.Pool {
		if at, ok := slices.BinarySearchFunc(want.Pool, e, byID); !ok || !reflect.DeepEqual(want.Pool[at], e) {
			t.Errorf("removing other rows changes the example %q", e.Texts)
		}
	}
}

// A shuffled source serves files whose rows are shuffled, and leaves out the first drop rows of the new order.
type shuffled struct {
	Source
	dir  string
	t    *testing.T
	drop int
}

func (s *shuffled) Path(ctx context.Context, artifact string) (string, error) {
	path, err := s.Source.Path(ctx, artifact)
	if err != nil {
		return "", err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	to := filepath.Join(s.dir, strings.NewReplacer("/", "_", "?", "").Replace(artifact)+filepath.Base(path))
	switch filepath.Ext(path) {
	case ".parquet":
		data = s.parquet(data)
	case ".json":
		data = s.list(data)
	default:
		data = s.lines(data)
	}
	return to, os.WriteFile(to, data, 0o600)
}

// shuffle depends on the number of rows alone, so that a file of texts and its file of ratings lose the same rows.
func shuffle[T any](rows []T, drop int) []T {
	rows = slices.Clone(rows)
	rand.New(rand.NewPCG(7, uint64(len(rows)))).Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	return rows[min(drop, len(rows)/3):]
}

func (s *shuffled) lines(data []byte) []byte {
	if bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(bytes.NewReader(data))
		if err == nil {
			data, err = io.ReadAll(z)
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
	data = bytes.TrimPrefix(data, []byte(byteOrderMark))
	return bytes.Join(shuffle(bytes.SplitAfter(bytes.TrimSuffix(data, []byte("\n")), []byte("\n")), s.drop), []byte("\n"))
}

// list shuffles a JSON list.
func (s *shuffled) list(data []byte) []byte {
	var rows []json.RawMessage
	err := json.Unmarshal(data, &rows)
	if err == nil {
		data, err = json.Marshal(shuffle(rows, s.drop))
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return data
}

func (s *shuffled) parquet(data []byte) []byte {
	file, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		s.t.Fatal(err)
	}
	var rows []parquet.Row
	for _, group := range file.RowGroups() {
		in := group.Rows()
		for {
			buf := make([]parquet.Row, 16)
			n, err := in.ReadRows(buf)
			for _, r := range buf[:n] {
				rows = append(rows, r.Clone())
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				s.t.Fatal(err)
			}
		}
		in.Close()
	}
	var out bytes.Buffer
	w := parquet.NewGenericWriter[any](&out, file.Schema())
	if _, err := w.WriteRows(shuffle(rows, s.drop)); err != nil {
		s.t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		s.t.Fatal(err)
	}
	return out.Bytes()
}
