package fetch

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"w2s/internal/progress"
)

// formTest is a pull of a repository that has other files than the fake hub's usual ones.
type formTest struct {
	name    string
	ref     string
	prefer  Form
	remove  []string          // files, by what their names contain
	add     map[string]string // files
	unfit   bool              // the ONNX file gives no vectors
	foreign bool              // the family of the safetensors is unknown
	want    []string          // the files of the folder, sorted; nil for an error
	name2   string            // the reference in w2s.json, after the commit
	says    []string          // what the error or the notes contain
}

const testIndex = `{"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors","c":"model-00001-of-00002.safetensors"}}`

// texts are the files of the fake hub that belong to any model.
var texts = []string{"1_Pooling/config.json", "config.json", "tokenizer.json", "tokenizer_config.json", "w2s.json"}

func with(files ...string) []string { return slices.Sorted(slices.Values(append(files, texts...))) }

// formRequest returns the request of a test.
func formRequest(t *testing.T, test formTest) ModelRequest {
	t.Helper()
	ref, err := ParseHubRef(test.ref)
	if err != nil {
		t.Fatal(err)
	}
	return ModelRequest{Ref: ref, Prefer: test.prefer,
		Describe: func(ref HubRef, model string) Text { return Text{"w2s.json", ref.Variant + " " + model} },
		CheckONNX: func(model, config string) error {
			if _, err := os.Stat(model); err != nil || filepath.Base(config) != "config.json" {
				t.Errorf("checked %s, %s: %v", model, config, err)
			}
			if test.unfit {
				return errors.New("it only outputs scores")
			}
			return nil
		},
		CheckConfig: func(config string) error {
			if data, err := os.ReadFile(config); err != nil || !strings.Contains(string(data), "model_type") {
				t.Errorf("checked %s: %q, %v", config, data, err)
			}
			if test.foreign {
				return errors.New("model_type is unknown")
			}
			return nil
		},
	}
}

// notes is a reporter that keeps what is printed.
type notes struct {
	progress.Reporter
	printed []string
}

func (n *notes) Print(line string) { n.printed = append(n.printed, line) }

// TestHubForms pulls repositories with ONNX files, with safetensors, with both and with neither.
func TestHubForms(t *testing.T) {
	onnx := with("onnx/model.onnx", "onnx/model.onnx_data")
	single, sharded := with("model.safetensors"), with("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json")
	shards := map[string]string{"model-00001-of-00002.safetensors": "one", "model-00002-of-00002.safetensors": "two", "model-extra.safetensors": "three",
		"model.safetensors.index.json": testIndex}
	for _, test := range []formTest{
		{name: "both", ref: "hf:org/name", want: onnx, name2: " onnx/model.onnx"},
		{name: "both, ONNX preferred", ref: "hf:org/name", prefer: ONNX, want: onnx},
		{name: "both, safetensors preferred", ref: "hf:org/name", prefer: Safetensors, want: single, name2: "safetensors model.safetensors"},
		{name: "both, safetensors named", ref: "hf:org/name#safetensors", want: single, name2: "safetensors model.safetensors"},
		{name: "both, their file named", ref: "hf:org/name#model.safetensors", want: single},
		{name: "safetensors only", ref: "hf:org/name", remove: []string{"onnx"}, want: single, name2: " model.safetensors"},
		{name: "safetensors only, ONNX preferred", ref: "hf:org/name", prefer: ONNX, remove: []string{"onnx"}, want: single, says: []string{"no ONNX file"}},
		{name: "ONNX only, safetensors preferred", ref: "hf:org/name", prefer: Safetensors, remove: []string{".safetensors"}, want: onnx, says: []string{"no config.json with model.safetensors"}},
		{name: "shards", ref: "hf:org/name", remove: []string{"onnx", ".safetensors"}, add: shards, want: sharded, name2: " model.safetensors.index.json"},
		{name: "an ONNX file without vectors", ref: "hf:org/name", unfit: true, want: single, says: []string{"onnx/model.onnx gives no vectors of texts (it only outputs scores)"}},
		{name: "several ONNX files", ref: "hf:org/name", remove: []string{"onnx/model.onnx"}, add: map[string]string{"onnx/a.onnx": "a"}, want: single},
		{name: "an unknown family", ref: "hf:org/name", prefer: Safetensors, foreign: true, want: onnx, says: []string{"its safetensors cannot be used (model_type is unknown)"}},
		{name: "a variant without vectors", ref: "hf:org/name#quantized", unfit: true, says: []string{"onnx/model_quantized.onnx gives no vectors of texts"}},
		{name: "a variant is no preference", ref: "hf:org/name#quantized", prefer: Safetensors, want: with("onnx/model_quantized.onnx")},
		{name: "neither can be used", ref: "hf:org/name", unfit: true, foreign: true, says: []string{"gives no vectors", "its safetensors cannot be used", "optimum-cli export onnx --model org/name"}},
		{name: "a pickle", ref: "hf:org/name", remove: []string{"onnx", "safetensors"}, add: map[string]string{"pytorch_model.bin": "pickle"},
			says: []string{"no ONNX file", "pytorch_model.bin is a pickle", `from_pretrained("org/name")`, "safe_serialization=True"}},
		{name: "a pickle in shards", ref: "hf:org/name", remove: []string{"onnx", "safetensors"}, add: map[string]string{"pytorch_model-00001-of-00002.bin": "pickle"},
			says: []string{"pytorch_model-00001-of-00002.bin is a pickle"}},
		{name: "GGUF", ref: "hf:org/name", remove: []string{"onnx", "safetensors", "config"}, add: map[string]string{"model-Q4_K_M.gguf": "GGUF"},
			says: []string{"no ONNX file", "model-Q4_K_M.gguf is a GGUF file", "the repository of the model that it was made from"}},
		{name: "an adapter", ref: "hf:org/name", remove: []string{"onnx", "safetensors", "config"}, add: map[string]string{"adapter_model.safetensors": "x", "adapter_config.json": "{}"},
			says: []string{"adapter_model.safetensors, but no config.json", "merged"}},
		{name: "another name", ref: "hf:org/name", remove: []string{"onnx", "safetensors"}, add: map[string]string{"weights.safetensors": "x"},
			says: []string{"weights.safetensors, but neither model.safetensors nor"}},
		{name: "safetensors named, which are not there", ref: "hf:org/name#safetensors", remove: []string{".safetensors"}, says: []string{"no config.json with model.safetensors"}},
		{name: "no tokenizer", ref: "hf:org/name", remove: []string{"onnx", "tokenizer.json"}, says: []string{"no tokenizer.json", "the safetensors"}},
		{name: "a missing shard", ref: "hf:org/name", remove: []string{"onnx", ".safetensors"}, add: map[string]string{"model.safetensors.index.json": testIndex},
			says: []string{`names "model-00001-of-00002.safetensors", which the repository does not have`}},
		{name: "an index that leads outside", ref: "hf:org/name", remove: []string{"onnx", ".safetensors"},
			add: map[string]string{"model.safetensors.index.json": `{"weight_map":{"a":"../b.safetensors"}}`}, says: []string{`names "../b.safetensors", which is no safetensors file beside it`}},
		{name: "an index of nothing", ref: "hf:org/name", remove: []string{"onnx", ".safetensors"}, add: map[string]string{"model.safetensors.index.json": `{}`}, says: []string{"names no files"}},
		{name: "an index that is not JSON", ref: "hf:org/name", remove: []string{"onnx", ".safetensors"}, add: map[string]string{"model.safetensors.index.json": `[`}, says: []string{"model.safetensors.index.json: unexpected end"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, c := newFakeHub(t), testCache(t)
			for _, part := range test.remove {
				maps.DeleteFunc(f.files, func(name, _ string) bool { return strings.Contains(name, part) })
			}
			maps.Copy(f.files, test.add)
			said := &notes{Reporter: progress.Silent()}
			c.Report = said
			r := formRequest(t, test)
			dir, err := c.HubModel(context.Background(), f.client(nil), r)
			if test.want == nil {
				for _, says := range test.says {
					if err == nil || !strings.Contains(err.Error(), says) {
						t.Errorf("got %q, %v; want an error with %q", dir, err, says)
					}
				}
				if got := tree(t, c.path("checkpoints")); got != "" {
					t.Errorf("something was installed: %q", got)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			checkForm(t, f, dir, test)
			for _, says := range test.says {
				if !strings.Contains(strings.Join(said.printed, "\n"), says) {
					t.Errorf("got the notes %q, want one with %q", said.printed, says)
				}
			}
			if left := tree(t, c.path(".parts")); left != "" {
				t.Errorf("the stage still has %q", left)
			}
			// A second pull that looks for a newer commit fetches no large file again, not even the ONNX file that was of no use.
			before := f.count("GET /model") + f.count("GET /onnx")
			r.Refresh = true
			if again, err := c.HubModel(context.Background(), f.client(nil), r); err != nil || again != dir {
				t.Errorf("the second time: %s, %v", again, err)
			}
			if f.count("GET /model")+f.count("GET /onnx") != before {
				t.Errorf("the second pull fetched files: %q", f.requests)
			}
			if left := tree(t, c.path(".parts")); left != "" {
				t.Errorf("after the second pull the stage still has %q", left)
			}
		})
	}
}

// checkForm compares the folder with the repository and with the files that a test wants.
func checkForm(t *testing.T, f *fakeHub, dir string, test formTest) {
	t.Helper()
	var got []string
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() == recordName {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		got = append(got, name)
		if data, err := os.ReadFile(path); err != nil || name != "w2s.json" && string(data) != f.files[name] {
			t.Errorf("%s: %q, %v", name, data, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if slices.Sort(got); !slices.Equal(got, test.want) {
		t.Errorf("the folder has %q, want %q", got, test.want)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "w2s.json")); err != nil || test.name2 != "" && string(data) != test.name2 {
		t.Errorf("described as %q, want %q, %v", data, test.name2, err)
	}
}

// TestHubCachedForm checks that a copy in the cache decides where nothing is preferred, and what a preference does to it.
func TestHubCachedForm(t *testing.T) {
	f, c := newFakeHub(t), testCache(t)
	get := func(prefer Form, offline bool) string {
		t.Helper()
		h := f.client(nil)
		h.Offline = offline
		dir, err := c.HubModel(context.Background(), h, formRequest(t, formTest{ref: "hf:org/name", prefer: prefer}))
		if err != nil {
			t.Fatal(err)
		}
		return dir
	}
	safetensors := get(Safetensors, false)
	if dir := get("", false); dir != safetensors {
		t.Errorf("the copy was not used, but %s", dir)
	}
	if dir := get(ONNX, true); dir != safetensors {
		t.Errorf("offline, the copy was not used, but %s", dir)
	}
	onnx := get(ONNX, false)
	if onnx == safetensors || get("", false) != onnx || get(Safetensors, true) != safetensors {
		t.Errorf("%s and %s", onnx, safetensors)
	}
}

// TestHubShardsResume checks that a pull that fails at its second shard does not fetch the first one again.
func TestHubShardsResume(t *testing.T) {
	f, c := newFakeHub(t), testCache(t)
	maps.DeleteFunc(f.files, func(name, _ string) bool { return isLarge(name) })
	maps.Copy(f.files, map[string]string{"model-00001-of-00002.safetensors": strings.Repeat("one", 1000),
		"model-00002-of-00002.safetensors": strings.Repeat("two", 1000), "model.safetensors.index.json": testIndex})
	f.wrong["model-00002-of-00002.safetensors"] = strings.Repeat("new", 1000)
	if _, err := pull(c, f.client(nil), "hf:org/name", false); err == nil || !strings.Contains(err.Error(), "model-00002-of-00002.safetensors has sha256") {
		t.Fatalf("a damaged shard: %v", err)
	}
	f.wrong = map[string]string{}
	f.drops, f.dropAfter = 2, 700
	dir, err := pull(c, f.client(nil), "hf:org/name", false)
	if err != nil {
		t.Fatal(err)
	}
	checkForm(t, f, dir, formTest{want: with("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json")})
	if n := f.exactly("GET /model-00001-of-00002.safetensors"); n != 1 {
		t.Errorf("the first shard was fetched %d times: %q", n, f.requests)
	}
	if f.count("model-00002-of-00002.safetensors bytes=700-") == 0 {
		t.Errorf("the second shard was not resumed: %q", f.requests)
	}
}
