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

	"w2s/internal/shareddata"
)

// hubFixtures are small files with the columns of the real data sets, written by fixtures/tasks/make.py.
func hubFixtures() string { return filepath.Join(shareddata.Root(), "fixtures", "tasks", "hub") }

// earlierHarnesses are the names of EleutherAI/w2s and openai/weak-to-strong.
var earlierHarnesses = []string{
	"anli-r2", "cola", "dream", "ethics-deontology", "ethics-justice", "ethics-virtue", "ethics-utilitarianism", "mc_taco", "hellaswag",
	"multirc", "openbookqa", "paws", "piqa", "quail", "quartz", "social_i_qa", "sst2", "wic", "twitter-sentiment", "sciq",
	"sciq_with_support", "anthropic_hh", "cosmos_qa", "boolq", "amazon_polarity",
}

// The texts and labels are those of the earlier harnesses, as fixtures/tasks/make.py writes them down.
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
			if label != argmax(e.Gold) {
				t.Errorf("%s: %q has label %d, want %d", name, e.Texts[0], argmax(e.Gold), label)
			}
		}
		if found[0]+found[1] < 5 || found[0] == 0 || found[1] == 0 {
			t.Errorf("%s: %v of the first 8 rows are put as the earlier harnesses put them", name, found)
		}
	}
}

// "None of the above" cannot be judged without the others, so such a question is asked with a wrong answer.
func TestCosmosNoneOfTheAbove(t *testing.T) {
	d := loadNamed(t, "cosmos_qa", Local(hubFixtures(), nil))
	for _, e := range slices.Concat(d.Pool, d.Test) {
		if argmax(e.Gold) == 1 && strings.Contains(e.Texts[0], "None of the above") {
			t.Errorf("%q is asked as right", e.Texts[0])
		}
	}
	ranked := loadNamed(t, "cosmos_qa-choices", Local(hubFixtures(), nil))
	for _, e := range slices.Concat(ranked.Pool, ranked.Test) {
		if strings.Contains(e.Texts[argmax(e.Gold)], "None of the above") {
			t.Errorf("%q is ranked first", e.Texts)
		}
	}
	if len(ranked.Pool)+len(ranked.Test) >= len(d.Pool)+len(d.Test) {
		t.Error("the fixture holds no such question")
	}
}

// Every built-in task keeps the promises of the package.
func TestConformance(t *testing.T) {
	names := map[string]bool{}
	for _, task := range All() {
		info := task.Info()
		if names[info.Name] {
			t.Errorf("two tasks are called %q", info.Name)
		}
		names[info.Name] = true
		t.Run(info.Name, func(t *testing.T) {
			checkInfo(t, info)
			d, err := task.Load(context.Background(), Local(hubFixtures(), nil))
			if err != nil {
				t.Fatal(err)
			}
			checkData(t, info, d)
			cfg := SplitConfig{Seed: 1, Train: 8, Test: 4}
			s, err := d.Split(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if len(s.Test) != cfg.Test || len(s.WeakTrain)+len(s.StrongTrain) != cfg.Train {
				t.Errorf("split of %d, %d and %d", len(s.WeakTrain), len(s.StrongTrain), len(s.Test))
			}
			if !strings.HasPrefix(info.Name, "chess-mate") { // made, not read
				checkStability(t, task, info, d)
			}
		})
	}
	for _, name := range earlierHarnesses {
		if !names[name] {
			t.Errorf("the earlier harnesses have %q", name)
		}
	}
}

func checkInfo(t *testing.T, info Info) {
	if !regexp.MustCompile(`^[a-z0-9_-]+$`).MatchString(info.Name) {
		t.Errorf("name %q", info.Name)
	}
	if info.Title == "" || info.Source == "" || info.Licence == "" || info.Metric == "" || info.Version < 1 {
		t.Errorf("incomplete: %+v", info)
	}
	if (info.Form == Classify) != (len(info.Classes) >= 2) {
		t.Errorf("form %s with classes %q", info.Form, info.Classes)
	}
	if !slices.Contains([]Category{NLP, Reward, Chess, Generative}, info.Category) {
		t.Errorf("category %q", info.Category)
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
			t.Error("not sorted by id")
		}
		classes := make([]int, max(2, len(info.Classes)))
		for _, e := range part {
			if seen[e.ID] || e.ID != ContentID(info.Form, e.Texts) {
				t.Errorf("id %q is not the content's, or not the only one", e.ID)
			}
			seen[e.ID] = true
			if fault := checkExample(info, e); fault != "" {
				t.Errorf("%q: %s", e.Texts, fault)
			}
			if info.Form != Generate {
				classes[min(argmax(e.Gold), len(classes)-1)]++
			}
			if text := strings.Join(e.Texts, " "); strings.ContainsAny(text, "{}") || strings.Contains(text, "<nil>") {
				t.Errorf("a column was not filled in: %q", text)
			}
		}
		// The sets are even or nearly so; a coin or an order of candidates that leans shows here.
		if info.Form == Classify && (classes[0]*5 < len(part) || classes[1]*5 < len(part)) {
			t.Errorf("classes %v", classes)
		}
	}
	units := map[string]bool{}
	for _, e := range d.Test {
		units[unitOf(e)] = true
	}
	for _, e := range d.Pool {
		if units[unitOf(e)] {
			t.Errorf("%q is in both parts, or shares its group", e.Texts)
		}
	}
	if len(d.Digest) != 64 {
		t.Errorf("digest %q", d.Digest)
	}
}

// checkStability loads the files again with their rows shuffled, and with rows missing.
func checkStability(t *testing.T, task Task, info Info, want *Data) {
	shuffled, err := task.Load(context.Background(), &changed{Source: Local(hubFixtures(), nil), dir: t.TempDir(), t: t, drop: 0})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(shuffled.Pool, want.Pool) || !reflect.DeepEqual(shuffled.Test, want.Test) || !slices.Equal(shuffled.Warnings, want.Warnings) {
		t.Error("the order of the rows matters")
	}
	if strings.HasSuffix(info.Name, "-pairs") && info.Source != "Bai et al. 2022, Anthropic/hh-rlhf" {
		return // pairs of two rows: TestRatingPairs says what may change
	}
	fewer, err := task.Load(context.Background(), &changed{Source: Local(hubFixtures(), nil), dir: t.TempDir(), t: t, drop: 5})
	if err != nil {
		t.Fatal(err)
	}
	if len(fewer.Pool) >= len(want.Pool) {
		t.Error("dropping rows dropped no example")
	}
	for _, e := range fewer.Pool {
		if at, ok := slices.BinarySearchFunc(want.Pool, e, byID); !ok || !reflect.DeepEqual(want.Pool[at], e) {
			t.Errorf("with other rows gone, this example is another: %q", e.Texts)
		}
	}
}

// changed is a source whose files have their rows in another order, without the first drop of them.
type changed struct {
	Source
	dir  string
	t    *testing.T
	drop int
}

func (c *changed) Path(ctx context.Context, artifact string) (string, error) {
	path, err := c.Source.Path(ctx, artifact)
	if err != nil {
		return "", err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	to := filepath.Join(c.dir, strings.ReplaceAll(artifact, "/", "_")+filepath.Base(path))
	if strings.HasSuffix(path, ".parquet") {
		data = c.parquet(data)
	} else {
		data = c.lines(data)
	}
	return to, os.WriteFile(to, data, 0o600)
}

// rows picks the order: the same for files of the same length, so that a file of texts and one of ratings stay whole.
func change[T any](rows []T, drop int) []T {
	rows = slices.Clone(rows)
	rand.New(rand.NewPCG(7, uint64(len(rows)))).Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	return rows[drop:]
}

func (c *changed) lines(data []byte) []byte {
	if bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(bytes.NewReader(data))
		if err == nil {
			data, err = io.ReadAll(z)
		}
		if err != nil {
			c.t.Fatal(err)
		}
	}
	data = bytes.TrimPrefix(data, []byte(byteOrderMark))
	return bytes.Join(change(bytes.SplitAfter(bytes.TrimSuffix(data, []byte("\n")), []byte("\n")), c.drop), []byte("\n"))
}

func (c *changed) parquet(data []byte) []byte {
	file, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		c.t.Fatal(err)
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
			if err != nil {
				break
			}
		}
		in.Close()
	}
	var out bytes.Buffer
	w := parquet.NewGenericWriter[any](&out, file.Schema())
	if _, err := w.WriteRows(change(rows, c.drop)); err != nil {
		c.t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		c.t.Fatal(err)
	}
	return out.Bytes()
}
