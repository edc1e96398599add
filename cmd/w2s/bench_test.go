package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"w2s/internal/kernels"
	"w2s/internal/shareddata"
	"w2s/onnx"
)

// bench encode reads the same texts from a file if the file is compressed or begins with a byte order mark.
func TestBenchTexts(t *testing.T) {
	dir := t.TempDir()
	const lines = "\ufeffone short line\n\nanother line\r\n"
	var compressed bytes.Buffer
	z := gzip.NewWriter(&compressed)
	if _, err := z.Write([]byte(lines)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	a := &app{}
	for name, data := range map[string][]byte{"lines.txt": []byte(lines), "lines.txt.gz": compressed.Bytes()} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		texts, err := a.benchTexts(t.Context(), "", path)
		if want := []string{"one short line", "another line"}; err != nil || !slices.Equal(texts, want) {
			t.Errorf("%s: %q, error %v, want %q", name, texts, err, want)
		}
	}
	long := filepath.Join(dir, "long.txt")
	if err := os.WriteFile(long, []byte("short\n"+strings.Repeat("word ", 4<<20)), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := a.benchTexts(t.Context(), "", long); err == nil || !strings.Contains(err.Error(), "line 2 is longer than 16 MiB") {
		t.Errorf("a line of 20 MiB: %v", err)
	}
}

// The global flags reach the encoder.
func TestOptions(t *testing.T) {
	a := &app{}
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	a.globalFlags(flags)
	cache := t.TempDir()
	want := onnx.Options{Model: "model.onnx", Precision: onnx.Auto, DigestFile: filepath.Join(cache, "digests.json")}
	if got := a.options("model.onnx", cache); !reflect.DeepEqual(got, want) {
		t.Errorf("without flags %+v, want %+v", got, want)
	}
	if err := flags.Parse([]string{"--runtime-only", "--threads", "3", "--precision", "float16"}); err != nil {
		t.Fatal(err)
	}
	want.RuntimeOnly, want.Threads, want.Precision = true, 3, onnx.Float16
	if got := a.options("model.onnx", cache); !reflect.DeepEqual(got, want) {
		t.Errorf("with flags %+v, want %+v", got, want)
	}
}

// The table and the JSON form name the kernels that computed. A float16 model does not use a unit.
func TestBenchSaysKernels(t *testing.T) {
	lib := needLibrary(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "lines.txt")
	if err := os.WriteFile(file, []byte("one short line\nand another line\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	models := []string{"bert-tiny", "half-tiny"}
	args := []string{"bench", "encode", "--file", file, "--rounds", "1", "--quiet", "--offline", "--cache", filepath.Join(dir, "cache"), "--onnxruntime", lib}
	for _, name := range models {
		args = append(args, "--model", filepath.Join(shareddata.Root(), "fixtures", "models", name))
	}
	for _, only := range []bool{false, true} {
		want := []string{"runtime", "runtime"}
		if u := kernels.Processor(); u != nil && !only {
			want[0] = u.String()
		}
		if only {
			args = append(args, "--runtime-only")
		}
		var out, errOut bytes.Buffer
		if code := run(t.Context(), &out, &errOut, append(slices.Clone(args), "--json")); code != exitGood {
			t.Fatalf("exit code %d: %s", code, errOut.String())
		}
		var rows []benchRow
		if err := json.Unmarshal(out.Bytes(), &rows); err != nil || len(rows) != len(models) {
			t.Fatalf("error %v, %d rows", err, len(rows))
		}
		out.Reset()
		if code := run(t.Context(), &out, &errOut, args); code != exitGood {
			t.Fatalf("exit code %d: %s", code, errOut.String())
		}
		for i, name := range models {
			said := regexp.MustCompile(`(?m)^` + name + ` +(tile unit|vector unit|runtime) `).FindStringSubmatch(out.String())
			if rows[i].Rounds[0].Kernels != want[i] || said == nil || !strings.HasPrefix(want[i], said[1]) {
				t.Errorf("%s, runtime only %v: %+v and %q, want %s", name, only, rows[i].Rounds[0], said, want[i])
			}
		}
	}
}

// With --compare-kernels every checkpoint has a row for each of the kernels.
func TestBenchComparesKernels(t *testing.T) {
	lib := needLibrary(t)
	file := filepath.Join(t.TempDir(), "lines.txt")
	if err := os.WriteFile(file, []byte("one short line\nand another line\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	var out, errOut bytes.Buffer
	args := []string{"bench", "encode", "--file", file, "--rounds", "2", "--quiet", "--offline",
		"--cache", t.TempDir(), "--onnxruntime", lib, "--model", filepath.Join(shareddata.Root(), "fixtures", "models", "bert-tiny"), "--compare-kernels"}
	if code := run(t.Context(), &out, &errOut, append(slices.Clone(args), "--json")); code != exitGood {
		t.Fatalf("exit code %d: %s", code, errOut.String())
	}
	var rows []benchRow
	if err := json.Unmarshal(out.Bytes(), &rows); err != nil {
		t.Fatal(err)
	}
	want := onnx.RuntimeKernels
	if u := kernels.Processor(); u != nil {
		want = u.String()
	}
	if len(rows) != 2 || len(rows[0].Rounds) != 2 || rows[0].Model != rows[1].Model || rows[0].Rounds[0].Kernels != want || rows[1].Rounds[0].Kernels != onnx.RuntimeKernels {
		t.Errorf("%+v, want a row with %s and one with %s", rows, want, onnx.RuntimeKernels)
	}
	if code := run(t.Context(), &out, &errOut, append(args, "--runtime-only")); code != exitUsage || !strings.Contains(errOut.String(), "leave --runtime-only out") {
		t.Errorf("with --runtime-only: exit code %d: %s", code, errOut.String())
	}
}

func TestDoctorReportsTheUnit(t *testing.T) {
	tiles, vectors := kernels.Emulated()
	for _, c := range []struct {
		unit *kernels.Unit
		want string
	}{{nil, "– tile unit (AMX) or vector unit (AVX-512): not available"}, {tiles, "✓ tile unit (AMX): available, computes layers and attention"},
		{vectors, "✓ vector unit (AVX-512): available, computes layers of"}} {
		var out bytes.Buffer
		r := &findings{out: &out}
		if examineUnit(c.unit, r); !strings.HasPrefix(out.String(), c.want) || strings.Count(out.String(), "\n") != 1 || r.faults > 0 {
			t.Errorf("%d faults, printed %q, want a line with %q", r.faults, out.String(), c.want)
		}
		if tiles == nil {
			break // the system has no units
		}
	}
	var out, errOut bytes.Buffer
	run(t.Context(), &out, &errOut, []string{"doctor", "--offline", "--cache", t.TempDir()})
	if strings.Count(out.String(), "unit (A") == 0 {
		t.Errorf("doctor prints\n%s%s", out.String(), errOut.String())
	}
}
