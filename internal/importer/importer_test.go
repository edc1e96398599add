package importer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"w2s/harness/summary"
	"w2s/internal/shareddata"
	"w2s/tasks"
)

// A tree is a folder with result folders as the two programs write them. All numbers in these tests are made up.
type tree struct {
	testing.TB
	root string
}

func newTree(tb testing.TB) tree { return tree{tb, tb.TempDir()} }

func (t tree) write(path, text string) {
	t.Helper()
	path = filepath.Join(t.root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func (t tree) json(path string, v any) {
	t.Helper()
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	t.write(path, string(text))
}

type fields = map[string]any

func with(base fields, changes fields) fields {
	out := maps.Clone(base)
	maps.Copy(out, changes)
	return out
}

// initials returns the name that train_simple.py gives to a folder: the initials of every setting, with its value.
func initials(config fields) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(config)) {
		if k == "weak_model" {
			continue
		}
		short := ""
		for _, word := range strings.Split(k, "_") {
			short += word[:1]
		}
		value := fmt.Sprint(config[k])
		parts = append(parts, short+"="+value[strings.LastIndex(value, "/")+1:])
	}
	return strings.Join(parts, "-")
}

// simple returns a configuration of train_simple.py.
func simple(model string, seed int) fields {
	return fields{
		"batch_size": 32, "max_ctx": 512, "ds_name": "sciq", "loss": "xent", "n_docs": 2000, "n_test_docs": 500, "model_size": model,
		"lr": 5e-05, "optim": "adam", "epochs": 2, "seed": seed, "train_with_dropout": false, "linear_probe": true,
		"lr_schedule": "cosine_anneal", "eval_every": 1000000,
	}
}

// taught returns the configuration of a student.
func taught(config, supervisor fields) fields {
	return with(config, fields{"weak_model_size": supervisor["model_size"], "weak_model": supervisor})
}

func (t tree) run(sweep string, config, summary fields) string {
	t.Helper()
	dir := filepath.Join(sweep, initials(config))
	t.json(filepath.Join(dir, "config.json"), config)
	t.json(filepath.Join(dir, "results_summary.json"), summary)
	t.write(filepath.Join(dir, "results.pkl"), "\x80\x04 never opened")
	t.write(filepath.Join(dir, "weak_labels", "state.json"), "{")
	return dir
}

func acc(v float64) fields { return fields{"accuracy": v} }

// sweep writes two seeds of one pair under two losses.
func (t tree) sweep() {
	for seed, a := range [][5]float64{{0.70, 0.90, 0.80, 0.85, 0.71}, {0.72, 0.88, 0.76, 0.84, 0.73}} {
		weak, strong := simple("gpt2", seed), with(simple("Qwen/Qwen-1_8B", seed), fields{"lr": 1e-05})
		t.run("default", weak, acc(a[0]))
		t.run("default", strong, acc(a[1]))
		t.run("default", taught(strong, weak), acc(a[2]))
		t.run("default", taught(with(strong, fields{"loss": "logconf"}), weak), acc(a[3]))
		t.run("default", taught(weak, weak), acc(a[4]))
	}
}

func read(t *testing.T, opt Options, dirs ...string) []summary.Row {
	t.Helper()
	rows, err := Read(context.Background(), dirs, opt)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-12 }

func find(t *testing.T, rows []summary.Row, weak, strong, loss, treatment string) summary.Row {
	t.Helper()
	for _, r := range rows {
		if r.Weak == weak && r.Strong == strong && r.Loss == loss && r.Treatment == treatment {
			return r
		}
	}
	t.Fatalf("no row %s -> %s, %s, %s in %+v", weak, strong, loss, treatment, rows)
	return summary.Row{}
}

func TestSweepOfOpenAI(t *testing.T) {
	tr := newTree(t)
	tr.sweep()
	rows := read(t, Options{}, tr.root)
	if len(rows) != 3 {
		t.Fatalf("%d rows, want one for each pair and loss: %+v", len(rows), rows)
	}
	r := find(t, rows, "gpt2", "Qwen/Qwen-1_8B", "xent", "soft")
	if r.Task != "sciq" || r.Category != tasks.NLP || r.Seeds != 2 || r.N != 0 || r.Variant() != "" {
		t.Errorf("%+v", r)
	}
	// Scores are means over the seeds, then the ratio: (0.78 - 0.71) / (0.89 - 0.71).
	if !near(r.Floor.Value, 0.71) || !near(r.Transfer.Value, 0.78) || !near(r.Ceiling.Value, 0.89) || !near(r.PGR.Value, 0.07/0.18) {
		t.Errorf("weak %v, student %v, ceiling %v, PGR %v", r.Floor, r.Transfer, r.Ceiling, r.PGR)
	}
	// The PGR of each seed is 0.10/0.20 and 0.04/0.16.
	if !r.SeedPGR.Defined || !near(r.SeedPGR.BySeed[0], 0.5) || !near(r.SeedPGR.BySeed[1], 0.25) {
		t.Errorf("by seed: %+v", r.SeedPGR)
	}
	if r.PGR.Interval.Known() || r.PGR.GapInterval.Known() || r.Floor.Interval.Known() || !strings.Contains(strings.Join(r.Warnings, "\n"), "without predictions for each example") {
		t.Errorf("an interval without predictions, or no warning: %+v", r)
	}
	if l := find(t, rows, "gpt2", "Qwen/Qwen-1_8B", "logconf", "soft"); !near(l.Transfer.Value, 0.845) || !near(l.Ceiling.Value, 0.89) {
		t.Errorf("logconf: %+v", l)
	}
	if self := find(t, rows, "gpt2", "gpt2", "xent", "soft"); self.PGR.Defined {
		t.Errorf("the PGR of a model that supervises itself is defined: %+v", self.PGR)
	}
}

// EleutherAI's fork has other names for settings and scores. Its best_accuracy is not used.
func TestForkOfOpenAI(t *testing.T) {
	tr := newTree(t)
	config := func(model string, changes fields) fields {
		c := with(simple(model, 0), fields{"n_train1_docs": 2000, "n_train2_docs": 1000})
		delete(c, "n_docs")
		delete(c, "epochs")
		delete(c, "eval_every")
		return with(c, changes)
	}
	weak, strong := config("a", fields{"gt_epochs": 2}), config("b", fields{"gt_epochs": 2})
	student := taught(config("b", fields{"w2s_epochs": 4, "strong_eval_every": 100, "loss": "kl"}), weak)
	tr.run("x", weak, fields{"final_accuracy": 0.6})
	tr.run("x", strong, fields{"final_accuracy": 0.8})
	tr.run("x", student, fields{"final_accuracy": 0.65, "best_accuracy": 0.79})
	r := read(t, Options{}, tr.root)
	if len(r) != 1 || !near(r[0].PGR.Value, 0.25) {
		t.Errorf("%+v", r)
	}
}

func TestSettingsThatDifferTellRowsApart(t *testing.T) {
	tr := newTree(t)
	for i, docs := range []int{1000, 4000} {
		weak, strong := with(simple("a", 0), fields{"n_docs": docs}), with(simple("b", 0), fields{"n_docs": docs})
		tr.run("x", weak, acc(0.6+float64(i)/10))
		tr.run("x", strong, acc(0.9))
		tr.run("x", taught(strong, weak), acc(0.75+float64(i)/20))
	}
	rows := read(t, Options{}, tr.root)
	if len(rows) != 2 || rows[0].Variant() != "n_docs=1000" || rows[1].Variant() != "n_docs=4000" {
		t.Fatalf("%+v", rows)
	}
	if !near(rows[0].Floor.Value, 0.6) || !near(rows[1].Floor.Value, 0.7) {
		t.Errorf("rows have the floor of the other size: %+v", rows)
	}
}

func TestPairsOfOpenAI(t *testing.T) {
	tr := newTree(t)
	summary := fields{"weak_acc": 0.55, "strong_acc": 0.75, "transfer_acc_xent": 0.6, "transfer_acc_logconf": 0.7}
	tr.json("boolq/gpt2_gpt2-xl.results_summary.json", summary)
	tr.json("hard/gpt2_Qwen_Qwen-1_8B.results_summary.json", summary)
	tr.write("hard/weak_model_gt/gpt2/log.jsonl", "")
	tr.write("hard/strong_model_gt/Qwen_Qwen-1_8B/log.jsonl", "")
	rows := read(t, Options{}, tr.root)
	if len(rows) != 4 {
		t.Fatalf("%+v", rows)
	}
	if r := find(t, rows, "gpt2", "gpt2-xl", "logconf", "soft"); !near(r.PGR.Value, 0.75) || r.Task != "boolq" {
		t.Errorf("%+v", r)
	}
	if r := find(t, rows, "gpt2", "Qwen_Qwen-1_8B", "xent", "soft"); !near(r.PGR.Value, 0.25) || r.Category != "" {
		t.Errorf("%+v", r)
	}
}

// A note says that weak and strong are the wrong way round if the gap is negative on every seed.
func TestWrongWayRound(t *testing.T) {
	for name, c := range map[string]struct {
		ceilings []float64
		strong   string
		want     bool
	}{
		"one seed": {[]float64{0.5}, "gpt2-xl", true}, "positive": {[]float64{0.8}, "gpt2-xl", false}, "every seed": {[]float64{0.5, 0.54}, "gpt2-xl", true},
		"one of two seeds": {[]float64{0.5, 0.8}, "gpt2-xl", false}, "the same model": {[]float64{0.5}, "gpt2", false}, "no gap": {[]float64{0.6}, "gpt2-xl", false},
	} {
		var cells []cell
		for seed, ceiling := range c.ceilings {
			cells = append(cells, cell{program: openAI, task: "boolq", weak: "gpt2", strong: c.strong, seed: fmt.Sprint(seed),
				floor: accuracy(0.6), student: accuracy(0.7), ceiling: accuracy(ceiling)})
		}
		made, faults := rows(cells, Options{Metric: tasks.Accuracy})
		if len(made) != 1 || len(faults) != 0 {
			t.Fatalf("%s: %+v, %v", name, made, faults)
		}
		got := slices.Contains(made[0].Warnings, "gpt2 scores higher than "+c.strong+" trained on gold: weak and strong may be the wrong way round")
		if got != c.want || got != (len(made[0].Doubts) == 1) {
			t.Errorf("%s: warnings %q, doubts %q", name, made[0].Warnings, made[0].Doubts)
		}
	}
}

// stageOf returns a configuration of EleutherAI/w2s.
func stageOf(model string, transfer bool) fields {
	return fields{
		"weak_model_name": "Qwen/Qwen1.5-0.5B", "strong_model_name": "meta-llama/Meta-Llama-3-8B", "dataset": "boolq", "n_train": 2000,
		"n_test": 1000, "shared_folder": "shared", "loss_name": "logconf", "loss": fields{"logconf_weight": 0.5, "balance_batch": false},
		"probe_name": "knn", "probe": fields{"k": 20}, "probe_filter": false, "probe_relabel": false, "contamination": 0.1,
		"model": fields{"name": model, "enable_lora": true, "lora_modules": nil}, "transfer": transfer,
		"train_args": fields{"seed": 42, "output_dir": "/elsewhere"},
	}
}

// scored returns what the trainer writes about 1000 test examples.
func scored(accuracy, auroc float64) fields {
	return fields{"eval_loss": 0.5, "eval_accuracy": accuracy, "eval_auroc": auroc, "eval_runtime": 12.3457, "eval_samples_per_second": 81.0, "epoch": 2.0}
}

const (
	qwen  = "Qwen/Qwen1.5-0.5B"
	llama = "meta-llama/Meta-Llama-3-8B"
)

func (t tree) stage(dir string, config, results fields) {
	t.Helper()
	t.json(filepath.Join(dir, "config.json"), config)
	t.json(filepath.Join(dir, "results.json"), results)
}

func (t tree) w2s() {
	t.stage("results/shared/boolq/weak", stageOf(qwen, false), scored(0.60, 0.65))
	t.stage("results/shared/boolq/strong", stageOf(llama, false), scored(0.85, 0.90))
	t.stage("results/first/boolq/w2s", stageOf(llama, true), scored(0.70, 0.80))
	t.stage("results/first/boolq/s2s-0", stageOf(llama, true), scored(0.72, 0.81))
	t.stage("results/second/boolq/w2s", with(stageOf(llama, true), fields{"loss": fields{"logconf_weight": 0.8, "balance_batch": false}}), scored(0.75, 0.85))
	t.stage("results/third/boolq/w2s", with(stageOf(llama, true), fields{"probe_filter": true}), scored(0.80, 0.85))
}

func TestEleuther(t *testing.T) {
	tr := newTree(t)
	tr.w2s()
	rows := read(t, Options{}, tr.root)
	if len(rows) != 4 {
		t.Fatalf("%+v", rows)
	}
	r := find(t, rows, qwen, llama, "logconf", "soft")
	if r.N != 1000 || r.Variant() != "loss.logconf_weight=0.5" || !near(r.PGR.Value, 0.4) || r.Seeds != 1 {
		t.Errorf("%+v", r)
	}
	if s := find(t, rows, qwen, llama, "logconf", "soft, s2s-0"); !near(s.Transfer.Value, 0.72) || s.Variant() != "" {
		t.Errorf("%+v", s)
	}
	if f := find(t, rows, qwen, llama, "logconf", "soft, filter by knn probe"); !near(f.PGR.Value, 0.8) {
		t.Errorf("%+v", f)
	}
	if r := find(t, read(t, Options{Metric: tasks.AUROC}, tr.root), qwen, llama, "logconf", "soft, s2s-0"); !near(r.Floor.Value, 0.65) || !near(r.Ceiling.Value, 0.90) || r.Metric != tasks.AUROC {
		t.Errorf("AUROC: %+v", r)
	}
}

func TestNumberOfExamples(t *testing.T) {
	for _, c := range []struct {
		runtime, rate float64
		want          int
	}{
		{12.3457, 81.0, 1000}, {0.5012, 1995.211, 1000}, {100, 4.37, 437},
		{0.0003, 3000000, 0},   // the rounding of the time alone changes it by a sixth
		{12.3457, 81.03, 0},    // not a whole number
		{0, 81, 0}, {-1, 3, 0}, // not measured
	} {
		o := object{faults: new([]error), fields: fields{"eval_runtime": json.Number(fmt.Sprint(c.runtime)), "eval_samples_per_second": json.Number(fmt.Sprint(c.rate))}}
		if got := examples(o); got != c.want {
			t.Errorf("%v s at %v a second: %d examples, want %d", c.runtime, c.rate, got, c.want)
		}
	}
}

// Each case damages good folders. The error must name the place of every fault, and the other runs must still give rows.
func TestFaults(t *testing.T) {
	weak, strong := simple("gpt2", 0), with(simple("Qwen/Qwen-1_8B", 0), fields{"lr": 1e-05})
	student := filepath.Join("default", initials(taught(strong, weak)))
	floor := filepath.Join("default", initials(weak))
	cases := map[string]struct {
		damage func(tr tree)
		want   []string
	}{
		"cut off":      {func(tr tree) { tr.write(student+"/results_summary.json", `{"accuracy": 0.`) }, []string{student, "not a JSON object"}},
		"NaN":          {func(tr tree) { tr.write(student+"/results_summary.json", `{"accuracy": NaN}`) }, []string{student, "diverged"}},
		"a list":       {func(tr tree) { tr.write(student+"/config.json", `[1]`) }, []string{student + "/config.json", "not a JSON object"}},
		"null":         {func(tr tree) { tr.write(student+"/config.json", `null`) }, []string{student + "/config.json", "null"}},
		"two objects":  {func(tr tree) { tr.write(student+"/config.json", `{} {}`) }, []string{"more data after the object"}},
		"per cent":     {func(tr tree) { tr.write(student+"/results_summary.json", `{"accuracy": 80}`) }, []string{student, `"accuracy" is 80`}},
		"a text":       {func(tr tree) { tr.write(student+"/results_summary.json", `{"accuracy": "0.8"}`) }, []string{student, `no number in "accuracy"`}},
		"no config":    {func(tr tree) { tr.remove(student + "/config.json") }, []string{student + "/config.json", "repeat it"}},
		"no floor":     {func(tr tree) { tr.remove(floor) }, []string{student, "weak floor is missing", "gpt2 on sciq, seed 0", "run train_simple.py"}},
		"several":      {func(tr tree) { tr.json(student+"/config.json", fields{"seed": 0.5}) }, []string{`no text in "ds_name"`, `no text in "model_size"`, "seed 0.5"}},
		"two places":   {func(tr tree) { tr.remove(floor); tr.write("results/first/boolq/w2s/results.json", "{}") }, []string{"weak floor is missing", `no number in "eval_accuracy"`}},
		"two floors":   {func(tr tree) { tr.run("again", weak, acc(0.1)); tr.move(student, "elsewhere/run") }, []string{"could be its weak floor"}},
		"the same run": {func(tr tree) { tr.copy(student, "default/copy") }, []string{"is the same run as"}},
		"huge":         {func(tr tree) { tr.write(student+"/config.json", strings.Repeat(" ", maxFile+1)) }, []string{"the limit for such a file", "move it away"}},
		"deep":         {func(tr tree) { tr.write(student+"/config.json", strings.Repeat(`{"a":`, 500_000)) }, []string{"not a JSON object"}},
		"a folder":     {func(tr tree) { tr.remove(student + "/config.json"); tr.write(student+"/config.json/x", "") }, []string{"is a folder, not a file", "move it away"}},
		"other pair":   {func(tr tree) { tr.stage("results/shared/boolq/weak", stageOf("other", false), scored(0.6, 0.6)) }, []string{"is of other, not of " + qwen}},
		"no ceiling":   {func(tr tree) { tr.remove("results/shared/boolq/strong") }, []string{"strong ceiling", "shared/boolq/strong", "give the results folder"}},
		"outside": {func(tr tree) {
			tr.stage("results/first/boolq/w2s", with(stageOf(llama, true), fields{"shared_folder": "../../../etc"}), scored(0.6, 0.6))
		}, []string{"weak floor", "missing"}},
		"no transfer":   {func(tr tree) { tr.json("results/first/boolq/w2s/config.json", fields{"dataset": "x"}) }, []string{`"transfer" is not true or false`, `no object in "model"`}},
		"unclear names": {func(tr tree) { tr.json("a_b_c.results_summary.json", fields{"weak_acc": 0.1, "strong_acc": 0.2}) }, []string{`"a_b_c"`, "weak_model_gt", "no student"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			tr := newTree(t)
			tr.sweep()
			tr.w2s()
			whole := len(read(t, Options{}, tr.root))
			c.damage(tr)
			rows, err := Read(context.Background(), []string{tr.root}, Options{})
			if err == nil {
				t.Fatal("Read reports no fault")
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q is not in: %v", w, err)
				}
			}
			if len(rows) == 0 || len(rows) > whole {
				t.Errorf("%d rows, want 1 to %d", len(rows), whole)
			}
		})
	}
}

func (t tree) remove(path string) {
	if err := os.RemoveAll(filepath.Join(t.root, path)); err != nil {
		t.Fatal(err)
	}
}

func (t tree) move(from, to string) {
	t.copy(from, to)
	t.remove(from)
}

func (t tree) copy(from, to string) {
	if err := os.CopyFS(filepath.Join(t.root, to), os.DirFS(filepath.Join(t.root, from))); err != nil {
		t.Fatal(err)
	}
}

func TestFoldersWithoutRuns(t *testing.T) {
	tr := newTree(t)
	tr.write("other/config.json", "{}")
	tr.write("early/sciq/floor/best-ckpt/trainer_state.json", "{}")
	tr.write("file", "")
	for dir, want := range map[string]string{"other": "no new run", "early": "early EleutherAI/w2s", "file": "is not a folder", "missing": "no such file"} {
		if _, err := Read(context.Background(), []string{filepath.Join(tr.root, dir)}, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q is not in: %v", dir, want, err)
		}
	}
}

func TestFolderNamedTwiceAndLinks(t *testing.T) {
	tr := newTree(t)
	tr.sweep()
	if err := os.Symlink("..", filepath.Join(tr.root, "default", "loop")); err != nil {
		shareddata.Missing(t, "needs a file system with symbolic links: %v", err)
	}
	rows, err := Read(context.Background(), []string{tr.root, filepath.Join(tr.root, "default")}, Options{})
	if len(rows) != 3 || err == nil || !strings.Contains(err.Error(), "not read already") {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

func TestOnlyAccuracyOfOpenAI(t *testing.T) {
	tr := newTree(t)
	tr.sweep()
	tr.w2s()
	rows, err := Read(context.Background(), []string{tr.root}, Options{Metric: tasks.AUROC})
	if err == nil || !strings.Contains(err.Error(), "openai/weak-to-strong stored no auroc") || len(rows) != 4 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

func TestCancelled(t *testing.T) {
	tr := newTree(t)
	tr.sweep()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Read(ctx, []string{tr.root}, Options{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Names may contain underscores. A pair is only accepted if there is one way to split it.
func TestSplitPair(t *testing.T) {
	for _, c := range []struct {
		stem           string
		weaks, strongs []string
		weak, strong   string
	}{
		{"a_b", nil, nil, "a", "b"},
		{"a_b_c", nil, nil, "", ""},
		{"a_b_c", []string{"a_b"}, []string{"c"}, "a_b", "c"},
		{"a_b_c", []string{"a_b", "a"}, []string{"c", "b_c"}, "", ""}, // both ways fit
		{"a_a_a", []string{"a", "a_a"}, []string{"a_a"}, "a", "a_a"},
		{"_", nil, nil, "", ""}, {"", nil, nil, "", ""}, {"a", nil, nil, "", ""},
	} {
		weak, strong, ok := splitPair(c.stem, c.weaks, c.strongs)
		if ok != (c.weak != "") || ok && (weak != c.weak || strong != c.strong) {
			t.Errorf("%q: %q, %q, %v", c.stem, weak, strong, ok)
		}
	}
}

// FuzzParse feeds the readers of all three layouts. The scores that they accept must be between 0 and 1.
func FuzzParse(f *testing.F) {
	text := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		return string(b)
	}
	f.Add(text(taught(simple("b", 1), simple("a", 1))), text(acc(0.5)), "a_b")
	f.Add(text(simple("a", 1)), text(fields{"final_accuracy": 1}), "a_b_c")
	f.Add(text(stageOf(llama, true)), text(scored(0.1, 0.2)), "w2s")
	f.Add(text(stageOf(qwen, false)), text(fields{"weak_acc": 0.1, "strong_acc": 0.2, "transfer_acc_x": 0.3}), "gpt2_gpt2-xl")
	f.Add(`{"seed":1e999,"weak_model":{}}`, `{"accuracy":-0}`, "_")
	f.Add(`{"seed":-9223372036854775809}`, `{"accuracy":1.0000001}`, "__")
	f.Fuzz(func(t *testing.T, configText, resultText, name string) {
		config, err := parse("config.json", []byte(configText))
		if err != nil {
			return
		}
		result, err := parse("results.json", []byte(resultText))
		if err != nil {
			return
		}
		fresh := func(o object) object { o.faults = new([]error); return o }
		share := func(v float64) {
			if !(v >= 0 && v <= 1) {
				t.Errorf("accepted the score %v", v)
			}
		}
		if r, err := parseRun(name, fresh(config), fresh(result)); err == nil {
			share(r.accuracy)
			if r.task == "" || r.model == "" || r.seed == "" {
				t.Errorf("accepted a run without a name: %+v", r)
			}
		}
		if s, err := parseStage(name, fresh(config), fresh(result)); err == nil {
			for _, v := range s.scores {
				share(v)
			}
			if s.n < 0 || s.task == "" || s.model == "" {
				t.Errorf("accepted %+v", s)
			}
		}
		cells, err := parsePair(filepath.Join("x", filepath.Base(name)+"."+summaryFile), fresh(result), [2][]string{})
		if err != nil {
			return
		}
		rows, faults := rows(cells, Options{Metric: tasks.Accuracy})
		if len(faults) > 0 || len(rows) != len(cells) {
			t.Errorf("%d rows of %d cells: %v", len(rows), len(cells), faults)
		}
		for _, r := range rows {
			share(r.Floor.Value)
			share(r.Transfer.Value)
			share(r.Ceiling.Value)
		}
	})
}
