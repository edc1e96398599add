//go:build linux

package catalog

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"w2s/internal/fetch"
	"w2s/internal/list"
)

// A fakeGPU has small libraries that need each other as those of the pins do, and packages of them.
type fakeGPU struct {
	libraries string // folder of the libraries, as an installed CUDA has them
	build     string // folder of ONNX Runtime and its providers
	archives  string // folder of the packages
	pins      gpuPins
}

func newFakeGPU(t *testing.T) fakeGPU {
	t.Helper()
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("needs a C compiler")
	}
	root := t.TempDir()
	g := fakeGPU{filepath.Join(root, "cuda"), filepath.Join(root, "build"), filepath.Join(root, "archives"), gpuPins{}}
	source := filepath.Join(root, "empty.c")
	mustWrite(t, source, "")
	compile := func(folder, name string, args ...string) {
		t.Helper()
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		args = append([]string{"-shared", "-nostdlib", "-o", filepath.Join(folder, name), "-Wl,-soname," + name, source, "-Wl,--no-as-needed"}, args...)
		if said, err := exec.Command(cc, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
	}
	// The provider names some of what it needs, in another order than they must be loaded in.
	needs := []string{"libcublas.so.13", "libcublasLt.so.13", "libcudart.so.13"}
	var named []string
	for _, name := range append(needs, "libcudnn.so.9", "libnvrtc.so.13", driverLibrary) {
		compile(g.libraries, name)
		if !strings.Contains("libcudnn.so.9 libnvrtc.so.13", name) {
			named = append(named, filepath.Join(g.libraries, name))
		}
	}
	compile(g.build, cudaProvider, named...)
	if err := os.Remove(filepath.Join(g.libraries, driverLibrary)); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, filepath.Join(g.build, "libonnxruntime.so.1.31.1"), fakeLibrary())

	artifact := func(name, folder string, files ...string) fetch.Artifact {
		p := fetch.Package{Registry: fetch.PyPI, Name: name, Version: "1.31.1", Archive: name + "-1.31.1.whl"}
		contents := map[string]string{}
		for _, file := range files {
			data, err := os.ReadFile(filepath.Join(folder, file))
			if err != nil {
				t.Fatal(err)
			}
			contents["lib/"+file] = string(data)
			p.Members = append(p.Members, fetch.Member{Name: file, SHA256: sum(string(data)), Size: int64(len(data))})
		}
		p.Members = members("lib/", p.Members)
		archive := zipOf(t, contents)
		mustWrite(t, filepath.Join(g.archives, p.Archive), archive)
		p.SHA256, p.Size = sum(archive), int64(len(archive))
		return fetch.Artifact{Name: name, Dir: "runtime/" + name, Packages: []fetch.Package{p}}
	}
	g.pins = gpuPins{
		runtime: artifact("onnxruntime-gpu", g.build, "libonnxruntime.so.1.31.1", cudaProvider),
		libraries: []fetch.Artifact{
			artifact("cublas", g.libraries, "libcublas.so.13", "libcublasLt.so.13"),
			artifact("cudart", g.libraries, "libcudart.so.13", "libnvrtc.so.13"),
			artifact("cudnn", g.libraries, "libcudnn.so.9"),
		},
		needs: []string{"libcudart.so.13", "libnvrtc.so.13", "libcublasLt.so.13", "libcublas.so.13", "libcudnn.so.9"},
	}
	t.Setenv("PATH", t.TempDir()) // no Python
	return g
}

// open opens a catalog with the pins of g.
func (g fakeGPU) open(t *testing.T, o Options, env map[string]string) *Catalog {
	t.Helper()
	c := open(t, o, env)
	c.gpu = g.pins
	return c
}

func needNames(r GPURuntime) []string {
	return list.Map(r.Needs, func(l Library) string { return l.Name })
}

func TestGPURuntime(t *testing.T) {
	g := newFakeGPU(t)
	t.Run("needs", g.testNeeds)
	t.Run("fetched", g.testFetched)
	t.Run("partly there", g.testPartlyThere)
	t.Run("installed", g.testInstalled)
	t.Run("given", g.testGiven)
}

// What a provider needs is read from its file, in the order in which it must be loaded, without the driver.
func (g fakeGPU) testNeeds(t *testing.T) {
	got, err := needsOf(filepath.Join(g.build, cudaProvider))
	if err != nil || !slices.Equal(got, g.pins.needs) {
		t.Errorf("got %q, error %v, want %q", got, err, g.pins.needs)
	}
	text := filepath.Join(t.TempDir(), cudaProvider)
	mustWrite(t, text, "no library")
	empty := filepath.Join(t.TempDir(), cudaProvider)
	mustWrite(t, empty, "")
	for _, path := range []string{text, empty} {
		if _, err := needsOf(path); err == nil || !strings.Contains(err.Error(), path+" is damaged") || !strings.Contains(err.Error(), "again") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// An empty machine needs everything, and gets it from the packages.
func (g fakeGPU) testFetched(t *testing.T) {
	ctx := t.Context()
	c := g.open(t, Options{Offline: true, Local: []string{g.archives}}, nil)
	if _, err := c.FindGPURuntime(ctx, ""); err == nil || !strings.Contains(err.Error(), "no GPU build") {
		t.Errorf("in an empty cache: %v", err)
	}
	none, err := c.PinnedNeeds(ctx)
	if err != nil || !slices.Equal(none.Missing, g.pins.needs) {
		t.Errorf("missing: %+v, error %v", none, err)
	}
	state := c.GPUState(none)
	var all int64
	for _, a := range append(slices.Clone(g.pins.libraries), g.pins.runtime) {
		all += a.Download()
	}
	if state.Download != all || state.Ready || !strings.Contains(state.WayOut, "w2s doctor --fix --provider cuda") {
		t.Errorf("state %+v, want %d bytes to download", state, all)
	}
	got, err := c.FetchGPURuntime(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(c.CacheDir(), "runtime", "onnxruntime-gpu")
	if want := (Runtime{filepath.Join(folder, "libonnxruntime.so.1.31.1"), "1.31.1", "cache"}); got.Runtime != want {
		t.Errorf("got %+v, want %+v", got.Runtime, want)
	}
	if _, err := os.Stat(filepath.Join(folder, cudaProvider)); err != nil {
		t.Errorf("the provider is not beside the library: %v", err)
	}
	if !slices.Equal(needNames(got), g.pins.needs) || len(got.Missing) > 0 {
		t.Errorf("needs %+v, missing %q", got.Needs, got.Missing)
	}
	for _, l := range got.Needs {
		if !strings.HasPrefix(l.Path, c.CacheDir()) {
			t.Errorf("%s is in %s, not in the cache", l.Name, l.Path)
		}
	}
	if state := c.GPUState(got); !state.Ready || state.Download != 0 || state.WayOut != "" {
		t.Errorf("state %+v", state)
	}
}

// Only what the machine lacks is fetched.
func (g fakeGPU) testPartlyThere(t *testing.T) {
	ctx := t.Context()
	torch := filepath.Join(t.TempDir(), "site-packages")
	for _, name := range []string{"libcublas.so.13", "libcublasLt.so.13"} {
		copyFile(t, filepath.Join(g.libraries, name), filepath.Join(torch, "nvidia", "cu13", "lib", name))
	}
	python := t.TempDir()
	mustWrite(t, filepath.Join(python, "python3"), "#!/bin/sh\necho; echo "+torch+"\n")
	if err := os.Chmod(filepath.Join(python, "python3"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", python)
	own := filepath.Join(t.TempDir(), "own")
	copyFile(t, filepath.Join(g.libraries, "libcudnn.so.9"), filepath.Join(own, "libcudnn.so.9"))

	c := g.open(t, Options{Offline: true, Local: []string{g.archives}}, map[string]string{"LD_LIBRARY_PATH": "/nowhere::" + own})
	got, err := c.FetchGPURuntime(ctx, filepath.Join(g.build, "libonnxruntime.so.1.31.1"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"libcudart.so.13": filepath.Join(c.CacheDir(), "runtime", "cudart"), "libnvrtc.so.13": filepath.Join(c.CacheDir(), "runtime", "cudart"),
		"libcublas.so.13": filepath.Join(torch, "nvidia", "cu13", "lib"), "libcublasLt.so.13": filepath.Join(torch, "nvidia", "cu13", "lib"),
		"libcudnn.so.9": own,
	}
	if len(got.Needs) != len(want) || got.Source != "flag" {
		t.Errorf("got %+v", got)
	}
	for _, l := range got.Needs {
		if filepath.Dir(l.Path) != want[l.Name] {
			t.Errorf("%s is in %s, want %s", l.Name, l.Path, want[l.Name])
		}
	}
	entries, err := os.ReadDir(filepath.Join(c.CacheDir(), "runtime"))
	if err != nil || len(entries) != 1 {
		t.Errorf("fetched %v, error %v; want cudart only", entries, err)
	}
}

// An installed CUDA and an installed package onnxruntime-gpu need no download.
func (g fakeGPU) testInstalled(t *testing.T) {
	site := filepath.Join(t.TempDir(), "site-packages")
	for _, name := range []string{"libonnxruntime.so.1.31.1", cudaProvider} {
		copyFile(t, filepath.Join(g.build, name), filepath.Join(site, "onnxruntime", "capi", name))
	}
	home := t.TempDir()
	for _, name := range g.pins.needs {
		copyFile(t, filepath.Join(g.libraries, name), filepath.Join(home, "lib64", name))
	}
	python := t.TempDir()
	mustWrite(t, filepath.Join(python, "python3"), "#!/bin/sh\necho "+site+"\n")
	if err := os.Chmod(filepath.Join(python, "python3"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", python)
	c := g.open(t, Options{Offline: true}, map[string]string{"CUDA_HOME": home})
	got, err := c.FindGPURuntime(t.Context(), "")
	if err != nil || got.Source != "Python" || got.Version != "1.31.1" || len(got.Missing) > 0 || !slices.Equal(needNames(got), g.pins.needs) {
		t.Errorf("got %+v, error %v", got, err)
	}
}

// A path that the user gave is used or refused. A link is followed to the folder of the provider.
func (g fakeGPU) testGiven(t *testing.T) {
	ctx := t.Context()
	cpu := filepath.Join(t.TempDir(), "libonnxruntime.so.1.32.0")
	mustWrite(t, cpu, fakeLibrary())
	c := g.open(t, Options{Offline: true, Local: []string{g.archives}}, map[string]string{"W2S_ONNXRUNTIME": cpu})
	for _, flag := range []string{"", cpu} {
		_, err := c.FetchGPURuntime(ctx, flag)
		wantFault(t, err, cpu+", is a build for processors", cudaProvider)
	}
	link := filepath.Join(t.TempDir(), "libonnxruntime.so")
	library := filepath.Join(g.build, "libonnxruntime.so.1.31.1")
	if err := os.Symlink(library, link); err != nil {
		t.Fatal(err)
	}
	got, err := c.FindGPURuntime(ctx, link)
	if err != nil || got.Path != realPath(library) || !slices.Equal(got.Missing, g.pins.needs) {
		t.Errorf("got %+v, error %v", got, err)
	}
	if state := c.GPUState(got); state.Download == 0 || state.Ready {
		t.Errorf("state %+v", state)
	}
	c.gpu = gpuPins{} // as on systems without pins
	if state := c.GPUState(got); state.Download != 0 || state.Ready || !strings.Contains(state.WayOut, "LD_LIBRARY_PATH") {
		t.Errorf("state without pins %+v", state)
	}
	if state := c.GPUState(GPURuntime{}); state.Download != 0 || state.Ready || !strings.Contains(state.WayOut, "pins no build") {
		t.Errorf("state without a build and pins %+v", state)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, to, string(data))
}

// The pinned packages are what they are pinned as, and have all that the pinned provider names.
func TestRealGPURuntime(t *testing.T) {
	c := realCatalog(t, "W2S_TEST_NETWORK_GPU", "1.3 GB")
	if c.gpu.none() {
		t.Skip("nothing is pinned for this system")
	}
	for _, a := range append(c.gpu.holding(c.gpu.needs), c.gpu.runtime) {
		folder, err := c.cache.Ensure(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		t.Log(folder)
	}
	r, err := c.FetchGPURuntime(t.Context(), "")
	if err != nil || len(r.Missing) > 0 {
		t.Fatalf("%+v, error %v", r, err)
	}
	if got := needNames(r); !slices.Equal(got, c.gpu.needs) {
		t.Errorf("the provider needs %q, and the pins have %q", got, c.gpu.needs)
	}
}
