package result

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"w2s/tasks"
)

func TestReadRejectsDamagedResults(t *testing.T) {
	for name, c := range map[string]struct{ want, text string }{
		"no JSON":             {"not a result", "{"},
		"two results":         {"damaged", `{"schema":"w2s.result/2"}{"schema":"w2s.result/2"}`},
		"a brace too many":    {"damaged", `{"schema":"w2s.result/2"}}`},
		"other schema":        {"w2s.result/99", `{"schema":"w2s.result/99"}`},
		"unknown task":        {`unknown task "x"`, `{"schema":"w2s.result/2","heads":[{"id":"a","task":"x","test":[]}]}`},
		"too few predictions": {"0 predictions for 1", `{"schema":"w2s.result/2","tasks":[{"name":"x","test_ids":["1"],"test_gold":[1]}],"heads":[{"id":"a","task":"x","test":[]}]}`},
		"no supervisor": {`"b" is missing`, `{"schema":"w2s.result/2","tasks":[{"name":"x","test_ids":["1"],"test_gold":[1]}],
			"heads":[{"id":"a","task":"x","role":"student","supervisor":"b","test":[0.5]}]}`},
		"gold above 1":   {"1.5", `{"schema":"w2s.result/2","tasks":[{"name":"x","test_ids":["1"],"test_gold":[1.5]}]}`},
		"null gold":      {"null", `{"schema":"w2s.result/2","tasks":[{"name":"x","test_ids":["1"],"test_gold":[null]}]}`},
		"null in a list": {"null", `{"schema":"w2s.result/2","tasks":[{"name":"x","test_ids":["1"],"test_gold":[[1,null,0]]}]}`},
		"sum of 1.2":     {"sums to 1.2", `{"schema":"w2s.result/2","tasks":[{"name":"x","test_ids":["1"],"test_gold":[[0.6,0.6,0]]}]}`},
		"negative entry": {"-0.5", `{"schema":"w2s.result/2","tasks":[{"name":"x","test_ids":["1"],"test_gold":[[-0.5,1,0.5]]}]}`},
		"texts missing":  {"2 test ids and 1 text", `{"schema":"w2s.result/2","tasks":[{"name":"x","test_ids":["1","2"],"test_gold":[1,0],"test_texts":["a"]}]}`},
		"gold missing":   {"2 test ids and 1 gold", `{"schema":"w2s.result/2","tasks":[{"name":"x","test_ids":["1","2"],"test_gold":[1]}],"heads":[{"id":"a","task":"x","test":[1,1]}]}`},
		"supervisor of another task": {`"b" belongs to task "y"`, `{"schema":"w2s.result/2","tasks":[{"name":"x","test_ids":["1"],"test_gold":[1]},{"name":"y","test_ids":["1"],"test_gold":[1]}],
			"heads":[{"id":"b","task":"y","role":"supervisor","test":[0.5]},{"id":"a","task":"x","role":"student","supervisor":"b","test":[0.5]}]}`},
		"chain without steps": {"0 steps", `{"schema":"w2s.result/2","tasks":[{"name":"x","test_ids":["1"],"test_gold":[1]}],
			"heads":[{"id":"a","task":"x","test":[0.5]}],"chains":[{"task":"x","steps":[],"jump":"a","ceiling":"a"}]}`},
		"chain on unknown task": {`chain on "z": unknown task`, `{"schema":"w2s.result/2","tasks":[{"name":"x","test_ids":["1"],"test_gold":[1]}],
			"heads":[{"id":"a","task":"x","test":[0.5]}],"chains":[{"task":"z","steps":["a","a"],"jump":"a","ceiling":"a"}]}`},
		"wrong answer counted as right": {"contradicts itself", fmt.Sprintf(free, `["south"]`, `[1]`, `[0.5]`)},
		"right answer counted as wrong": {"contradicts itself", fmt.Sprintf(free, `[" up\n"]`, `[0]`, `[0.5]`)},
		"answers missing":               {"0 answers", fmt.Sprintf(free, `[]`, `[1]`, `[0.5]`)},
		"token accuracy missing":        {"0 token accuracies", fmt.Sprintf(free, `["up"]`, `[1]`, `[]`)},
	} {
		if _, err := Read(strings.NewReader(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
	for _, answer := range []string{"north", "up", ` up\n`} {
		if _, err := Read(strings.NewReader(fmt.Sprintf(free, `["`+answer+`"]`, `[1]`, `[0.5]`))); err != nil {
			t.Errorf("answer %q: %v", answer, err)
		}
	}
}

// A damaged file can have a fault in every record, and an object of a few bytes takes hundreds in memory.
func TestReadIsBounded(t *testing.T) {
	many := `{"schema":"w2s.result/2","tasks":[` + strings.Repeat("{},", 500) + `{}]}`
	_, err := Read(strings.NewReader(many))
	if err == nil || strings.Count(err.Error(), "appears twice") != maxFaults || !strings.HasSuffix(err.Error(), "\n480 more faults") {
		t.Errorf("%v", err)
	}
	objects := `{"schema":"w2s.result/2","x":"{{{\"{","y":[` + strings.Repeat("{},", maxObjects-2)
	if _, err := Read(strings.NewReader(objects + `{}]}`)); err != nil {
		t.Errorf("as many objects as allowed: %v", err)
	}
	if _, err := Read(strings.NewReader(objects + `{},{}]}`)); err == nil || !strings.Contains(err.Error(), "more than 1000000 JSON objects") {
		t.Errorf("one object too many: %v", err)
	}
}

// free is a result of a task with free answers and one head. It lacks the head's answer, prediction and token accuracy.
const free = `{"schema":"w2s.result/2","tasks":[{"name":"x","form":"generate","test_ids":["1"],"test_gold":[1],"test_answers":[["north","up"]]}],
	"heads":[{"id":"a","task":"x","answers":%s,"test":%s,"token_accuracy":%s}]}`

// first is a result of the first schema with heads that this schema told apart by strings. It takes more heads, and chains.
const first = `{"schema":"w2s.result/1","program":"w2s devel","created":"2026-11-25T10:00:00Z",
"config":{"pairs":[{"weak":"a","strong":"b"}],"losses":["xent"],"treatments":["soft"],"simulated":["flip:0.7"],"seeds":[0],"train":0,"test":0,"sizes":[100],"l2":[1],"held":0.2},
"models":[{"name":"a","key":"ka","dims":2},{"name":"b","key":"kb","dims":3}],
"tasks":[{"name":"x","category":"nlp","form":"classify","version":1,"digest":"d","train":200,"test_ids":["1","2"],"test_gold":[1,0]},
         {"name":"y","category":"nlp","form":"classify","version":1,"digest":"d","train":200,"test_ids":["1"],"test_gold":[[0,0,1]]}],
"heads":[
{"id":"x/supervisor/a/seed=0","task":"x","role":"supervisor","model":"a","loss":"xent","seed":0,"train":100,"l2":1,"test":[0.5,0.25]},
{"id":"x/supervisor/a/train=100/seed=0","task":"x","role":"supervisor","model":"a","loss":"xent","variant":"train=100","seed":0,"train":50,"l2":1,"test":[0.5,0.25]},
{"id":"x/baseline/flip:0.7/for b/seed=0","task":"x","role":"baseline","model":"b","loss":"flip:0.7","seed":0,"train":0,"l2":0,"test":[1,0]}%s],
"chains":[%s]}`

func TestReadUpgradesFirstSchema(t *testing.T) {
	read := func(heads, chains string) *Result {
		t.Helper()
		text := strings.Replace(strings.Replace(first, "%s", heads, 1), "%s", chains, 1)
		r, err := Read(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := read("", "")
	if r.Schema != Schema || r.Config.Kind != Pairs || r.Config.Folds != 1 {
		t.Errorf("schema %q, kind %q, %d folds", r.Schema, r.Config.Kind, r.Config.Folds)
	}
	if h := r.Heads[1]; h.Size != 100 {
		t.Errorf("size %d, want 100", h.Size)
	}
	if h := r.Heads[2]; h.Simulated != "flip:0.7" || h.Loss != "" || h.Source() != "sim:flip:0.7" {
		t.Errorf("baseline %+v", h)
	}
	// The upgraded fields must give the IDs that the heads have.
	for _, h := range r.Heads {
		if got := HeadID(h); got != h.ID {
			t.Errorf("ID %q, want %q", got, h.ID)
		}
	}
	cross := `,{"id":"y/supervisor/a/seed=0/tested on x","task":"x","role":"supervisor","model":"a","loss":"xent","variant":"trained on y","trained_on":"y","seed":0,"train":100,"l2":1,"test":[0.5,0.25]}`
	if r = read(cross, ""); r.Config.Kind != Transfer || r.Heads[3].Trained != "y" || r.Heads[3].Size != 0 {
		t.Errorf("kind %q, head %+v", r.Config.Kind, r.Heads[3])
	}
	steps := `,{"id":"c","task":"x","role":"student","model":"b","supervisor":"x/supervisor/a/seed=0","loss":"xent","treatment":"soft","variant":"chain on disjoint data","seed":0,"train":50,"l2":1,"test":[0.5,0.25]},
		{"id":"top","task":"x","role":"ceiling","model":"b","loss":"xent","variant":"chain on disjoint data","seed":0,"train":50,"l2":1,"test":[0.5,0.25]}`
	chain := `{"task":"x","data":"%","loss":"xent","seed":0,"steps":["x/supervisor/a/seed=0","c"],"jump":"c","ceiling":"top"}`
	for data, disjoint := range map[string]bool{"disjoint": true, "shared": false} {
		r = read(steps, strings.Replace(chain, "%", data, 1))
		if r.Config.Kind != Chained || r.Config.Disjoint != disjoint || r.Chains[0].Disjoint != disjoint || r.Chains[0].Data() != data ||
			!reflect.DeepEqual(r.Config.Chain, []string{"a", "b"}) {
			t.Errorf("%s: %+v, %+v", data, r.Config, r.Chains[0])
		}
	}
	many := strings.NewReplacer("%s", "", `"train=100"`, `"train=many"`).Replace(first)
	if _, err := Read(strings.NewReader(many)); err == nil || !strings.Contains(err.Error(), `variant "train=many"`) {
		t.Errorf("a size that is not a number: %v", err)
	}
}

// Lists that both ways can read are the same to the last bit, and the quick one reads nothing that package json refuses.
func TestNumbersAreReadAsJSONReadsThem(t *testing.T) {
	for text, quick := range map[string]bool{
		`[]`: true, ` [ 0.1 , 1e-3,[0.25,0.5, 2.5E-1 ],1, 0]`: true, `[[1]]`: true, `[0.30000000000000004]`: true,
		`[null]`: false, `[-0.5]`: false, `[1.5]`: false, `["a"]`: false, `[[0.5,0.4]]`: false, `[[]]`: false, `[0.5`: false, `[0.5,]`: false, `{}`: false,
		`[[0.5,0.5],]`: false, `[0.5] 1`: false, `[[[1]]]`: false,
	} {
		got, ok := readNumbers([]byte(text))
		if ok != quick {
			t.Errorf("%s: read %v, want %v", text, ok, quick)
		}
		if !ok {
			continue
		}
		var raw []json.RawMessage
		if err := json.Unmarshal([]byte(text), &raw); err != nil {
			t.Fatal(text, err)
		}
		for i, r := range raw {
			if want, err := readDistribution(r); err != nil || !slices.Equal(got[i], want) {
				t.Errorf("%s: %v, want %v (%v)", text, got[i], want, err)
			}
		}
	}
}

func TestLoadReadsWhatSaveWrites(t *testing.T) {
	r := New(Settings{Kind: Chained, Chain: []string{"a", "b", "b"}, Disjoint: true, Losses: []string{"xent"}, Seeds: []uint64{1 << 63}, L2: []float64{0.1}, Folds: 5, Held: 0.2},
		[]Model{{Name: "a", Key: "k", Dims: 3, Description: map[string]string{"pooling": "mean"}}})
	r.Tasks = []Task{{Name: "x <&> y", Category: tasks.NLP, Form: tasks.Classify, TestIDs: []string{"1", "2"}, TestGold: Distributions{{0, 1}, {0.25, 0.5, 0.25}},
		Texts: []string{"one", "two\n"}}}
	r.Heads = []Head{{ID: "h", Task: "x <&> y", Role: Control, Model: "a", Size: 20, Share: "1/2", Seed: 7, Test: Distributions{{0.125, 0.875}, {1, 0, 0}}, Warnings: []string{"w"}}}
	path := filepath.Join(t.TempDir(), "new", "result.json")
	if err := r.Save(path); err != nil {
		t.Fatal(err)
	}
	back, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back, r) {
		t.Errorf("%+v, want %+v", back, r)
	}
}

func TestHeadIDNamesWhatAHeadIsTrainedOn(t *testing.T) {
	for want, h := range map[string]Head{
		"x/supervisor/a/seed=3":                                      {Task: "x", Role: Supervisor, Model: "a", Loss: "xent", Seed: 3},
		"x/ceiling/a/train=100/seed=0":                               {Task: "x", Role: Ceiling, Model: "a", Loss: "xent", Size: 100},
		"x/ceiling/a/share=2/2/seed=0":                               {Task: "x", Role: Ceiling, Model: "a", Loss: "xent", Share: "2/2"},
		"x/baseline/flip:0.7/for b/seed=1":                           {Task: "x", Role: Baseline, Model: "b", Simulated: "flip:0.7", Seed: 1},
		"x/comparison/gold:8/b/seed=0":                               {Task: "x", Role: Comparison, Baseline: FewGold(8), Model: "b", Loss: "xent"},
		"x/comparison/axis/b/from (supervisor/a)/seed=2":             {Task: "x", Role: Comparison, Baseline: OfAxis, Model: "b", Supervisor: "x/supervisor/a/seed=2", Seed: 2},
		"x/comparison/shuffled/b/kl/from (supervisor/a)/hard/seed=2": {Task: "x", Role: Comparison, Baseline: OfShuffled, Model: "b", Loss: "kl", Supervisor: "x/supervisor/a/seed=2", Treatment: "hard", Seed: 2},
		"x/student/b/xent/from (supervisor/a/train=100)/soft/seed=0": {Task: "x", Role: Student, Model: "b", Loss: "xent", Supervisor: "x/supervisor/a/train=100/seed=0", Treatment: "soft"},
		"x/student/c/kl/from (student/b/kl/from (supervisor/a)/soft)/soft/seed=0": {Task: "x", Role: Student, Model: "c", Loss: "kl",
			Supervisor: "x/student/b/kl/from (supervisor/a)/soft/seed=0", Treatment: "soft"},
	} {
		if got := HeadID(h); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// resumable returns an experiment and its result with two finished tasks.
func resumable() (Settings, []Model, *Result) {
	config, models := Settings{Kind: Pairs, Losses: []string{"xent"}, L2: []float64{1}}, []Model{{Name: "a", Key: "k"}}
	r := New(config, models)
	for _, name := range []string{"x", "y"} {
		r.Add(Work{Task: Task{Name: name, Digest: "d", Version: 1, TestIDs: []string{"1"}}, Heads: []Head{{ID: name, Task: name}}, Chains: []Chain{{Task: name}}})
	}
	return config, models, r
}

func TestFinishedTakesOverUnchangedTasks(t *testing.T) {
	config, models, r := resumable()
	same := Task{Name: "y", Digest: "d", Version: 1, TestIDs: []string{"1"}}
	w, ok := r.Finished(config, models, same)
	if !ok || w.Task.Name != "y" || len(w.Heads) != 1 || w.Heads[0].ID != "y" || len(w.Chains) != 1 || w.Chains[0].Task != "y" {
		t.Errorf("%+v, %v", w, ok)
	}
	other := config
	other.Losses = []string{"kl"}
	for name, c := range map[string]struct {
		config Settings
		models []Model
		task   Task
	}{
		"other settings":      {other, models, same},
		"other model":         {config, []Model{{Name: "a", Key: "other"}}, same},
		"unknown task":        {config, models, Task{Name: "z", Digest: "d", Version: 1, TestIDs: []string{"1"}}},
		"other data":          {config, models, Task{Name: "y", Digest: "e", Version: 1, TestIDs: []string{"1"}}},
		"other version":       {config, models, Task{Name: "y", Digest: "d", Version: 2, TestIDs: []string{"1"}}},
		"other test examples": {config, models, Task{Name: "y", Digest: "d", Version: 1, TestIDs: []string{"2"}}},
		"texts to keep":       {config, models, Task{Name: "y", Digest: "d", Version: 1, TestIDs: []string{"1"}, Texts: []string{"t"}}},
	} {
		if _, ok := r.Finished(c.config, c.models, c.task); ok {
			t.Errorf("%s: taken over", name)
		}
	}
	if _, ok := (*Result)(nil).Finished(config, models, same); ok {
		t.Error("a nil result has a finished task")
	}
}

func TestWithAddsTasksOfPreviousResult(t *testing.T) {
	config, models, previous := resumable()
	r := New(config, models)
	r.Add(Work{Task: Task{Name: "w"}})
	whole := r.With(previous, []string{"y", "z"}) // z is in neither
	if len(whole.Tasks) != 2 || whole.Tasks[1].Name != "y" || len(whole.Heads) != 1 || len(whole.Chains) != 1 || len(r.Tasks) != 1 {
		t.Errorf("%+v, and %d tasks in the result itself", whole, len(r.Tasks))
	}
	previous.Config.Losses = []string{"kl"}
	for _, previous := range []*Result{nil, previous} {
		if whole := r.With(previous, []string{"y"}); whole != r {
			t.Errorf("%+v, want the result alone", whole)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(strings.Replace(strings.Replace(first, "%s", "", 1), "%s", "", 1)))
	f.Add([]byte(`{"schema":"w2s.result/2","tasks":[{"name":"x","test_ids":["1"],"test_gold":[1]}],"heads":[{"id":"a","task":"x","test":[[0.5,0.5]]}]}`))
	f.Add([]byte(`{"schema":"w2s.result/2"}{}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatalf("a result that was read cannot be written: %v", err)
		}
		again, err := Read(bytes.NewReader(text))
		if err != nil {
			t.Fatalf("a result that was written cannot be read: %v", err)
		}
		if second, err := json.Marshal(again); err != nil || !bytes.Equal(text, second) {
			t.Fatalf("a result changes when it is written and read: %s, then %s (%v)", text, second, err)
		}
	})
}
