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
	"time"

	"w2s/harness/result"
	"w2s/internal/catalog"
	"w2s/internal/gpu"
	"w2s/internal/shareddata"
	"w2s/onnx"
)

// fakeCards puts a program nvidia-smi into PATH that prints the lines of two cards, or fails as without a driver.
func fakeCards(t *testing.T, working bool) {
	t.Helper()
	script := "echo '0, GPU-a, 580.65.06, 81559, 81000, NVIDIA H100'\necho '1, GPU-b, 580.65.06, 81559, 40000, NVIDIA H100'\n"
	if !working {
		script = "echo NVIDIA-SMI has failed because it found no driver\nexit 9\n"
	}
	fakeScript(t, script)
}

// fakeScript puts a script that is called nvidia-smi into PATH.
func fakeScript(t *testing.T, script string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "nvidia-smi"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
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
	count := func(r *result.Result) (n int) {
		for _, w := range r.Tasks[0].Warnings {
			if strings.Contains(w, warning) {
				n++
			}
		}
		return n
	}
	if count(auto) != 1 || count(cpu) != 0 || strings.Count(said, warning) > 2 { // the note and the table
		t.Errorf("warnings of auto: %q, of cpu: %q", auto.Tasks[0].Warnings, cpu.Tasks[0].Warnings)
	}
	// A file that is continued has the warnings of the command that it names.
	if err := os.Rename(filepath.Join(dir, "auto.json"), filepath.Join(dir, "cpu.json")); err != nil {
		t.Fatal(err)
	}
	if kept, said, code := command("cpu"); code != exitGood || count(kept) != 0 {
		t.Errorf("continued with cpu: code %d, warnings %q, %s", code, kept.Tasks[0].Warnings, said)
	}
	if err := os.Rename(filepath.Join(dir, "cpu.json"), filepath.Join(dir, "auto.json")); err != nil {
		t.Fatal(err)
	}
	if kept, said, code := command("auto"); code != exitGood || count(kept) != 1 {
		t.Errorf("continued with auto: code %d, warnings %q, %s", code, kept.Tasks[0].Warnings, said)
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
	if out, code = doctor("--provider", "cuda", "--devices", "5"); code != exitFailed || !strings.Contains(out, "there is no card 5") {
		t.Errorf("--devices 5: code %d\n%s", code, out)
	}
	t.Setenv("CUDA_VISIBLE_DEVICES", "x")
	if out, _ = doctor(); !strings.Contains(out, "CUDA_VISIBLE_DEVICES=x leaves none of the machine's 2 cards: change or unset this variable") || strings.Contains(out, "repair") {
		t.Errorf("hidden cards:\n%s", out)
	}
	os.Unsetenv("CUDA_VISIBLE_DEVICES")
	fakeScript(t, "echo '0, GPU-a, 470.1, 11441, 11000, 3.7, Tesla K80'\n")
	if out, _ = doctor(); !strings.Contains(out, "– NVIDIA card 0: Tesla K80") || !strings.Contains(out, "update it to 580 or later") || strings.Contains(out, "to download, with") {
		t.Errorf("an old card:\n%s", out)
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
	p := place{provider: "cuda", devices: []onnx.Device{{Index: 0, Name: "NVIDIA H100"}, {Index: 1}}}
	var o onnx.Options
	p.apply(&o)
	if o.Provider != "cuda" || !reflect.DeepEqual(o.Devices, p.devices) {
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
	if err := tryInChild(t.Context(), p); err == nil ||
		!strings.Contains(err.Error(), "provider cuda crashed when it started: segmentation violation while loading crash.so; ") || strings.ContainsAny(err.Error(), "\n") || len(err.Error()) > 250 {
		t.Errorf("a library that crashes: %v", err)
	}
	p.needs = []string{compileLibrary(t, filepath.Join(t.TempDir(), "exit.so"), "void _exit(int); __attribute__((constructor)) static void end(void) { _exit(0); }\n")}
	if err := tryInChild(t.Context(), p); err == nil || !strings.Contains(err.Error(), "its process ended too early while loading exit.so") {
		t.Errorf("a library that ends the process with exit code 0: %v", err)
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

func TestReadChild(t *testing.T) {
	for _, test := range []struct {
		out  string
		want childReport
	}{
		{stepMark + "loading a.so\n" + stepMark + "running a small model\nnoise\n" + worksLine + "\n", childReport{works: true, step: "running a small model", text: "noise"}},
		{"free(): invalid pointer\nSIGABRT: abort\nPC=0x1 m=0\n\ngoroutine 1 [syscall]:\n", childReport{crash: "abort", text: "free(): invalid pointer"}},
		{stepMark + "loading a.so\nfatal error: unexpected signal during runtime execution\n[signal SIGSEGV]\n",
			childReport{step: "loading a.so", crash: "unexpected signal during runtime execution"}},
		{"w2s: one\nw2s: two\n", childReport{text: "one; two"}},
		{"", childReport{}},
	} {
		if got := readChild(test.out); got != test.want {
			t.Errorf("%q: got %+v, want %+v", test.out, got, test.want)
		}
	}
}

func TestUnfit(t *testing.T) {
	for _, test := range []struct {
		driver, capability string
		found              catalog.GPURuntime
		want               string
	}{
		{"580.65.06", "9.0", catalog.GPURuntime{}, ""},
		{"580.65.06", "", catalog.GPURuntime{}, ""},
		{"470.1", "3.7", catalog.GPURuntime{}, "driver 470.1 is too old: update it to 580 or later; compute capability 3.7 is below 7.5"},
		{"590.1", "10.0", catalog.GPURuntime{}, "no kernels for compute capability 10.0"},
		{"470.1", "7.0", catalog.GPURuntime{Runtime: catalog.Runtime{Path: "x", Source: "flag"}}, ""},
		{"470.1", "8.0", catalog.GPURuntime{Runtime: catalog.Runtime{Path: "x", Source: "cache"}}, "driver 470.1 is too old"},
	} {
		got := unfit(gpu.Card{Driver: test.driver, Capability: test.capability}, test.found)
		if (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%+v: %q", test, got)
		}
	}
}

// A line says what a long wait is for.
func TestWaiting(t *testing.T) {
	defer func(old time.Duration) { patience = old }(patience)
	patience = time.Hour
	var said bytes.Buffer
	a := &app{errOut: &said}
	a.waiting("nothing")()
	patience = time.Millisecond
	end := a.waiting("a card")
	time.Sleep(100 * time.Millisecond)
	end()
	if said.String() != "waiting for a card\n" {
		t.Errorf("got %q", said.String())
	}
}

// A job for a cluster asks for the cards that its shards need, and is written on a machine without a card. So is the plan of a sweep.
func TestCardsOfJobs(t *testing.T) {
	lib := needLibrary(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "reviews.jsonl")
	if err := os.WriteFile(file, reviews(120), 0o666); err != nil {
		t.Fatal(err)
	}
	build := filepath.Join(dir, "build")
	if err := os.Mkdir(build, 0o755); err != nil {
		t.Fatal(err)
	}
	compileLibrary(t, filepath.Join(build, "libonnxruntime_providers_cuda.so"), "")
	library := filepath.Join(build, "libonnxruntime.so.1.99.0")
	if err := os.Symlink(lib, library); err != nil {
		t.Fatal(err)
	}
	fakeCards(t, false)
	models := filepath.Join(shareddata.Root(), "fixtures", "models")
	command := func(args ...string) (stdout, stderr string) {
		t.Helper()
		var out, errOut bytes.Buffer
		args = append(args, "--task", file, "--cache", filepath.Join(dir, "cache"), "--offline", "--onnxruntime", library)
		if code := run(t.Context(), &out, &errOut, args); code != exitGood {
			t.Fatalf("%q: code %d, %s", args, code, errOut.String())
		}
		return out.String(), errOut.String()
	}
	encode := []string{"encode", "--model", filepath.Join(models, "bert-tiny"), "--train", "60", "--test", "20"}
	script, said := command(append(encode, "--slurm", "2", "--provider", "cuda", "--devices", "0,1")...)
	if !strings.Contains(script, "\n#SBATCH --gres=gpu:2\n") || !strings.Contains(script, "'--provider=cuda' '--") || !strings.Contains(said, "113 of 113 texts to encode") {
		t.Errorf("Slurm, cuda:\n%s%s", script, said)
	}
	script, _ = command(append(encode, "--slurm", "2", "--provider", "cuda", "--sbatch=--gpus-per-task=1")...)
	if strings.Contains(script, "--gres") {
		t.Errorf("Slurm, with the user's own option:\n%s", script)
	}
	script, said = command(append(encode, "--slurm", "2", "--provider", "auto")...)
	if strings.Contains(script, "--gres") || !strings.Contains(said, "each shard runs on a card if") || strings.Contains(said, tookProcessor) {
		t.Errorf("Slurm, auto:\n%s%s", script, said)
	}
	manifest, _ := command(append(encode, "--kubernetes", "2", "--image", "w2s:1", "--provider", "cuda")...)
	if !strings.Contains(manifest, "nvidia.com/gpu: \"1\"") {
		t.Errorf("Kubernetes:\n%s", manifest)
	}
	plan, said := command("sweep", "--dry-run", "--provider", "cuda", "--models", filepath.Join(models, "bert-tiny")+","+filepath.Join(models, "llama-tiny"),
		"--train", "60", "--test", "20", "--seeds", "1", "--out", filepath.Join(dir, "sweep.json"))
	if !strings.Contains(plan, "not estimated") || !strings.Contains(said, "note: --provider cuda does not work on this machine: nvidia-smi failed") {
		t.Errorf("plan:\n%s%s", plan, said)
	}
}

// The process that starts a provider ends with w2s, even if w2s is killed.
func TestChildEndsWithParent(t *testing.T) {
	lib := needLibrary(t)
	dir := t.TempDir()
	compileLibrary(t, filepath.Join(dir, "libonnxruntime_providers_cuda.so"), "")
	compileLibrary(t, filepath.Join(dir, "libcudnn.so.9"), `#include <stdio.h>
#include <unistd.h>
__attribute__((constructor)) static void hang(void) {
	FILE *f = fopen("`+dir+`/new", "w");
	fprintf(f, "%d", (int)getpid());
	fclose(f);
	rename("`+dir+`/new", "`+dir+`/pid");
	sleep(60);
}
`)
	library := filepath.Join(dir, "libonnxruntime.so.1.99.0")
	if err := os.Symlink(lib, library); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	fakeCards(t, true)
	t.Setenv("LD_LIBRARY_PATH", dir)
	cmd := exec.Command(self, "doctor", "--provider", "cuda", "--onnxruntime", library, "--offline", "--cache", filepath.Join(dir, "cache"))
	cmd.Args[0] = "w2s"
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	within := func(what string, ok func() bool) {
		t.Helper()
		for range 200 {
			if ok() {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Fatalf("after 10 seconds, %s", what)
	}
	var pid []byte
	within("the library was not loaded", func() bool { pid, err = os.ReadFile(filepath.Join(dir, "pid")); return err == nil })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	within("the child still runs", func() bool {
		stat, err := os.ReadFile("/proc/" + string(pid) + "/stat")
		return err != nil || strings.Contains(string(stat), ") Z ")
	})
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
