package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"w2s/harness/result"
	"w2s/internal/catalog"
	"w2s/internal/gpu"
	"w2s/internal/shareddata"
	"w2s/onnx"
)

// fakeCards puts a program nvidia-smi into PATH that prints the lines of two cards, or fails as without a driver.
func fakeCards(t *testing.T, working bool) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	script := "#!/bin/sh\necho '0, GPU-a, 580.65.06, 81559, 81000, NVIDIA H100'\necho '1, GPU-b, 580.65.06, 81559, 40000, NVIDIA H100'\n"
	if !working {
		script = "#!/bin/sh\necho NVIDIA-SMI has failed because it found no driver\nexit 9\n"
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "nvidia-smi"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)   // without Python, whose packages would be searched
	t.Setenv(gpu.Order, "") // restored when the test ends
}

// On a machine whose driver does not work, --provider cuda is an error that names all that is missing, and --provider auto takes the
// processor, with the vectors and keys of --provider cpu and a warning in the result file.
func TestNoCard(t *testing.T) {
	lib := needLibrary(t)
	fakeCards(t, false)
	dir := t.TempDir()
	file := filepath.Join(dir, "reviews.jsonl")
	if err := os.WriteFile(file, reviews(120), 0o666); err != nil {
		t.Fatal(err)
	}
	models := filepath.Join(shareddata.Root(), "fixtures", "models")
	command := func(provider string) (*result.Result, string, int) {
		t.Helper()
		out := filepath.Join(dir, provider+".json")
		var stdout, stderr bytes.Buffer
		code := run(context.Background(), &stdout, &stderr, []string{"run", "--provider", provider, "--task", file, "--weak", filepath.Join(models, "bert-tiny"),
			"--strong", filepath.Join(models, "llama-tiny"), "--train", "60", "--test", "20", "--seeds", "1", "--loss", "xent", "--baselines", "none", "--out", out,
			"--cache", filepath.Join(dir, "cache"), "--offline", "--onnxruntime", lib})
		data, err := os.ReadFile(out)
		if err != nil {
			return nil, stderr.String(), code
		}
		var r result.Result
		if err := json.Unmarshal(data, &r); err != nil {
			t.Fatal(err)
		}
		return &r, stderr.String(), code
	}
	r, said, code := command("cuda")
	for _, want := range []string{"--provider cuda: nvidia-smi failed: exit status 9: NVIDIA-SMI has failed because it found no driver", lib + ", is a build for processors"} {
		if r != nil || code != exitFailed || !strings.Contains(said, want) {
			t.Errorf("cuda: code %d, %s", code, said)
		}
	}
	cpu, said, code := command("cpu")
	if code != exitGood {
		t.Fatalf("cpu: %s", said)
	}
	auto, said, code := command("auto")
	const warning = "--provider auto took the processor: nvidia-smi failed"
	if code != exitGood || !strings.Contains(said, warning) {
		t.Fatalf("auto: code %d, %s", code, said)
	}
	has := func(r *result.Result) bool {
		return slices.ContainsFunc(r.Tasks[0].Warnings, func(w string) bool { return strings.Contains(w, warning) })
	}
	if !has(auto) || has(cpu) {
		t.Errorf("warnings of auto: %q, of cpu: %q", auto.Tasks[0].Warnings, cpu.Tasks[0].Warnings)
	}
	if !reflect.DeepEqual(auto.Models, cpu.Models) || !reflect.DeepEqual(auto.Heads, cpu.Heads) {
		t.Error("the results of auto on the processor differ from those of cpu")
	}
}

// doctor lists the cards, and what is missing to use them is a fault with --provider cuda only.
func TestDoctorCards(t *testing.T) {
	fakeCards(t, true)
	doctor := func(args ...string) (string, int) {
		var out, errOut bytes.Buffer
		code := run(context.Background(), &out, &errOut, append([]string{"doctor", "--offline", "--cache", t.TempDir()}, args...))
		return out.String(), code
	}
	t.Setenv("W2S_ONNXRUNTIME", "")
	t.Setenv("ONNXRUNTIME_LIB", "")
	out, code := doctor()
	for _, want := range []string{"✓ NVIDIA card 0: NVIDIA H100, 85.5 GB of memory, 84.9 GB free, driver 580.65.06", "✓ NVIDIA card 1: ", "– ONNX Runtime for CUDA: not here"} {
		if code != exitGood || !strings.Contains(out, want) {
			t.Errorf("code %d, no %q in\n%s", code, want, out)
		}
	}
	out, code = doctor("--provider", "cuda")
	if code != exitFailed || !strings.Contains(out, "✗ ONNX Runtime for CUDA: not here") {
		t.Errorf("--provider cuda: code %d\n%s", code, out)
	}
	fakeCards(t, false)
	if out, code = doctor(); code != exitGood || !strings.Contains(out, "– NVIDIA card: nvidia-smi failed") || strings.Contains(out, "CUDA:") {
		t.Errorf("without a driver: code %d\n%s", code, out)
	}
}

func TestPick(t *testing.T) {
	cards := []gpu.Card{{Index: 0, Name: "A", Total: 10, Free: 8}, {Index: 1, Name: "B", Total: 20, Free: 16}}
	a, b := onnx.Device{Index: 0, Name: "A", Total: 10, Free: 8}, onnx.Device{Index: 1, Name: "B", Total: 20, Free: 16}
	for _, test := range []struct {
		cards   []gpu.Card
		numbers []int
		want    []onnx.Device
		fault   string
	}{
		{cards, nil, []onnx.Device{a}, ""},
		{cards, []int{1, 0}, []onnx.Device{b, a}, ""},
		{cards, []int{0, 2}, nil, "there is no card 2 (there is: 0, A; 1, B)"},
		{nil, nil, nil, ""},
		{nil, []int{3}, []onnx.Device{{Index: 3}}, ""},
	} {
		got, err := pick(test.cards, test.numbers)
		if (err == nil) != (test.fault == "") || err != nil && !strings.Contains(err.Error(), test.fault) || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%v: got %v, error %v", test.numbers, got, err)
		}
	}
}

// The place of a model reaches its options and the facts about it.
func TestPlace(t *testing.T) {
	p := place{provider: "cuda", devices: []onnx.Device{{Index: 0, Name: "NVIDIA H100"}, {Index: 1}}, fallback: "why"}
	var o onnx.Options
	p.apply(&o)
	if o.Provider != "cuda" || !reflect.DeepEqual(o.Devices, p.devices) || o.Fallback != "why" {
		t.Errorf("options %+v", o)
	}
	facts := map[string]string{}
	p.facts(facts)
	if want := map[string]string{"provider": "cuda", "devices": "NVIDIA H100, 1"}; !reflect.DeepEqual(facts, want) {
		t.Errorf("facts %v, want %v", facts, want)
	}
	clear(facts)
	if (&place{provider: onnx.CPU}).facts(facts); len(facts) > 0 {
		t.Errorf("facts of the processor: %v", facts)
	}
}

func TestProviderFlags(t *testing.T) {
	for _, test := range []struct {
		provider string
		devices  []int
		fault    string
	}{
		{"cpu", nil, ""},
		{"auto", []int{0, 1}, ""},
		{"cuda", []int{2}, ""},
		{"gpu", nil, `--provider "gpu": want one of auto, `},
		{"cpu", []int{0}, "--devices needs --provider cuda or auto, not cpu"},
		{"cuda", []int{0, 0}, "--devices 0,0"},
		{"cuda", []int{-1}, "--devices -1"},
	} {
		err := (&app{provider: test.provider, devices: test.devices}).checkProvider()
		if (err == nil) != (test.fault == "") || err != nil && !strings.Contains(err.Error(), test.fault) {
			t.Errorf("%s %v: %v, want %q", test.provider, test.devices, err, test.fault)
		}
	}
}

// A provider is started in another process, whose end is an error here, whatever its reason.
func TestTryInChild(t *testing.T) {
	lib := needLibrary(t)
	p := &place{library: catalog.Runtime{Path: lib}, provider: onnx.CPU}
	if err := tryInChild(t.Context(), p); err != nil {
		t.Errorf("cpu: %v", err)
	}
	p.provider, p.devices = cudaProvider, []onnx.Device{{Index: 1}}
	if err := tryInChild(t.Context(), p); err == nil || !strings.HasPrefix(err.Error(), "device 1: the runtime library cannot use provider cuda") {
		t.Errorf("cuda without its provider: %v", err)
	}
	source := filepath.Join(t.TempDir(), "crash.so.c")
	p.needs = []string{compileLibrary(t, strings.TrimSuffix(source, ".c"), "__attribute__((constructor)) static void crash(void) { *(volatile int *)0 = 0; }\n")}
	if err := tryInChild(t.Context(), p); err == nil || !strings.Contains(err.Error(), "provider cuda crashed when it started (") {
		t.Errorf("a library that crashes: %v", err)
	}
	p.needs = []string{source}
	if err := tryInChild(t.Context(), p); err == nil || !strings.Contains(err.Error(), "the library "+source+" cannot be loaded") {
		t.Errorf("a text as a library: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := tryInChild(ctx, p); err != context.Canceled {
		t.Errorf("stopped: %v", err)
	}
}

// compileLibrary makes a shared library from a program in C, which it writes beside it, and returns its path.
func compileLibrary(t *testing.T, path, source string) string {
	t.Helper()
	cc, err := exec.LookPath("cc")
	if err != nil || runtime.GOOS != "linux" {
		t.Skip("needs Linux and a C compiler")
	}
	if err := os.WriteFile(path+".c", []byte(source), 0o666); err != nil {
		t.Fatal(err)
	}
	if said, err := exec.Command(cc, "-shared", "-fPIC", "-Wl,-soname,"+filepath.Base(path), "-o", path, path+".c").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	return path
}

// On a machine with cards that work, --provider auto runs models on one and says so, with the libraries that were found loaded before.
// A card that does not work is an error of cuda, and auto takes the processor.
func TestPlaceOnCard(t *testing.T) {
	lib := needLibrary(t)
	build, cuda := t.TempDir(), t.TempDir()
	compileLibrary(t, filepath.Join(build, "libonnxruntime_providers_cuda.so"), "")
	need := compileLibrary(t, filepath.Join(cuda, "libcudnn.so.9"), "")
	library := filepath.Join(build, "libonnxruntime.so.1.99.0")
	if err := os.Symlink(lib, library); err != nil {
		t.Fatal(err)
	}
	fakeCards(t, true)
	t.Setenv("LD_LIBRARY_PATH", cuda)
	open := func(provider string, devices []int, fault error) (*app, string) {
		var said bytes.Buffer
		a := &app{out: &said, errOut: &said, provider: provider, devices: devices, library: library, offline: true, cache: t.TempDir()}
		a.try = func(_ context.Context, p *place) error {
			if p.library.Path != library || !slices.Equal(p.needs, []string{need}) || os.Getenv(gpu.Order) != gpu.ByBus {
				t.Errorf("%s tries %+v with %s=%s", provider, p, gpu.Order, os.Getenv(gpu.Order))
			}
			return fault
		}
		_, err := a.openRuntime(t.Context())
		if err != nil {
			said.WriteString(err.Error())
		}
		t.Cleanup(func() {
			if err := a.close(); err != nil {
				t.Error(err)
			}
		})
		return a, said.String()
	}
	h100 := onnx.Device{Name: "NVIDIA H100", Total: 81559 << 20, Free: 81000 << 20}
	second := h100
	second.Index, second.Free = 1, 40000<<20

	a, said := open("auto", nil, nil)
	if want := []onnx.Device{h100}; a.place.provider != "cuda" || !reflect.DeepEqual(a.place.devices, want) || a.runtime == nil ||
		!strings.Contains(said, "note: --provider auto: models run on card 0, NVIDIA H100, with 84.9 GB of 85.5 GB free (cuda)") {
		t.Errorf("auto: %+v\n%s", a.place, said)
	}
	a, said = open("cuda", []int{1, 0}, nil)
	if want := []onnx.Device{second, h100}; a.place.provider != "cuda" || !reflect.DeepEqual(a.place.devices, want) || a.runtime == nil || said != "" {
		t.Errorf("cuda: %+v\n%s", a.place, said)
	}
	broken := errors.New("the card is broken")
	a, said = open("cuda", nil, broken)
	if a.runtime != nil || said != "--provider cuda: the card is broken" {
		t.Errorf("cuda on a broken card: %s", said)
	}
	a, said = open("auto", nil, broken)
	if want := "--provider auto took the processor: the card is broken"; a.runtime == nil || a.place.provider != onnx.CPU || a.place.fallback != want || !strings.Contains(said, want) {
		t.Errorf("auto on a broken card: %+v\n%s", a.place, said)
	}
	a, said = open("cuda", []int{2}, nil)
	if a.runtime != nil || !strings.Contains(said, "there is no card 2 (there is: 0, NVIDIA H100; 1, NVIDIA H100)") {
		t.Errorf("cuda on a card that is not there: %s", said)
	}
}
