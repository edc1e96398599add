package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"w2s/internal/shareddata"
)

func tensors() []Tensor {
	return []Tensor{
		Float64Tensor("wide", []int64{2}, []float64{math.Pi, -1e300}),
		Int64Tensor("ids", []int64{3}, []int64{-1, 0, math.MaxInt64}),
		Float32Tensor("layer.weight", []int64{2, 3}, []float32{1, 2.5, -3, 0, float32(math.Inf(1)), 1e-40}),
		Float32Tensor("scalar \"quoted\" <é>", nil, []float32{7}),
		Float32Tensor("empty", []int64{0, 4}, nil),
		{"half", "F16", []int64{2}, []byte{0x00, 0x3c, 0x01, 0x80}},
		{"brain", "BF16", []int64{1}, []byte{0xc0, 0x3f}},
		{"narrow", "I32", []int64{2}, []byte{0xff, 0xff, 0xff, 0xff, 7, 0, 0, 0}},
		{"tiny", "I8", []int64{3}, []byte{0x80, 0, 0x7f}},
	}
}

func write(t testing.TB, list ...Tensor) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, map[string]string{"kind": "test", "a": "b"}, list...); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func readBytes(data []byte) (*File, error) {
	f := &File{path: "test", r: bytes.NewReader(data)}
	return f, f.read(int64(len(data)))
}

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.safetensors")
	if err := os.WriteFile(path, write(t, tensors()...), 0o666); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if !reflect.DeepEqual(f.Metadata, map[string]string{"kind": "test", "a": "b"}) {
		t.Errorf("metadata is %v", f.Metadata)
	}
	if len(f.Tensors) != len(tensors()) {
		t.Fatalf("%d tensors, want %d", len(f.Tensors), len(tensors()))
	}
	for name, want := range map[string][]float32{
		"layer.weight":          {1, 2.5, -3, 0, float32(math.Inf(1)), 1e-40},
		"scalar \"quoted\" <é>": {7},
		"empty":                 {},
		"half":                  {1, -1.0 / (1 << 24)},
		"brain":                 {1.5},
		"tiny":                  {-128, 0, 127},
		"wide":                  {math.Pi, float32(math.Inf(-1))},
	} {
		if got, err := f.Floats(name); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, want %v, %v", name, got, want, err)
		}
	}
	for name, want := range map[string][]int64{"ids": {-1, 0, math.MaxInt64}, "narrow": {-1, 7}} {
		if got, err := f.Int64s(name); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, want %v, %v", name, got, want, err)
		}
	}
	if got, err := f.Float64s("wide"); err != nil || !reflect.DeepEqual(got, []float64{math.Pi, -1e300}) {
		t.Errorf("wide: %v, %v", got, err)
	}
	if i, ok := f.Lookup("layer.weight"); !ok || i.DType != "F32" || !reflect.DeepEqual(i.Shape, []int64{2, 3}) {
		t.Errorf("layer.weight: %+v %v", i, ok)
	}
	for _, err := range []error{errOf(f.Floats("ids")), errOf(f.Int64s("half")), errOf(f.Float64s("ids")), errOf(f.Floats("none"))} {
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("reading the wrong type: %v", err)
		}
	}
}

func errOf[T any](_ T, err error) error { return err }

// TestPython writes a file for Python's library to read, and reads back the file that Python writes.
func TestPython(t *testing.T) {
	interpreter := shareddata.Python(t, "safetensors.numpy, numpy")
	dir := t.TempDir()
	ours, theirs := filepath.Join(dir, "ours"), filepath.Join(dir, "theirs")
	// numpy has no bfloat16.
	list := append(tensors()[:6:6], tensors()[7:]...)
	if err := os.WriteFile(ours, write(t, list...), 0o666); err != nil {
		t.Fatal(err)
	}
	const script = `
import sys, numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
d = load_file(sys.argv[1])
assert d["layer.weight"].tolist() == [[1, 2.5, -3], [0, float("inf"), float(np.float32(1e-40))]], d
assert d["ids"].tolist() == [-1, 0, 2**63 - 1] and d["half"].tolist() == [1, -2.0**-24], d
assert d['scalar "quoted" <é>'].shape == () and d["empty"].shape == (0, 4), d
assert safe_open(sys.argv[1], "np").metadata() == {"kind": "test", "a": "b"}
d["twice"] = d["wide"] * 2
save_file(d, sys.argv[2], metadata={"by": "python"})
`
	if out, err := exec.Command(interpreter, "-c", script, ours, theirs).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f, err := Open(theirs)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, err := f.Float64s("twice"); err != nil || got[0] != 2*math.Pi || f.Metadata["by"] != "python" {
		t.Errorf("twice: %v, %v; metadata %v", got, err, f.Metadata)
	}
	if got, err := f.Floats("layer.weight"); err != nil || !reflect.DeepEqual(got, []float32{1, 2.5, -3, 0, float32(math.Inf(1)), 1e-40}) {
		t.Errorf("layer.weight: %v, %v", got, err)
	}
}

func file(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

func TestReadRefuses(t *testing.T) {
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "too few"},
		{"pointer", []byte("version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"},
		{"header beyond the file", binary.LittleEndian.AppendUint64(nil, 100), "truncated"},
		{"huge header", binary.LittleEndian.AppendUint64(nil, 1<<63+1), "truncated"},
		{"not JSON", file("hello", 0), "not a JSON object"},
		{"a list", file("[]", 0), "not a JSON object"},
		{"unfinished", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}`, 4), "EOF"},
		{"data after the object", file(`{} {}`, 0), "follows the JSON object"},
		{"two tensors of one name", file(`{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}`, 0), `named "a"`},
		{"truncated", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 7), "truncated"},
		{"data without a tensor", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 5), "that no tensor covers"},
		{"gap", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), "begins at 4"},
		{"overlap", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), "begins at 4"},
		{"shape", file(`{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}`, 8), "for F32 of shape [3]"},
		{"negative shape", file(`{"a":{"dtype":"F32","shape":[-1,-2],"data_offsets":[0,8]}}`, 8), "impossible shape"},
		{"huge shape", file(`{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}}`, 8), "impossible shape"},
		{"overflowing shape", file(`{"a":{"dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4]}}`, 4), "for F32"},
		{"offsets backwards", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}`, 4), "data_offsets"},
		{"negative offsets", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}`, 4), "data_offsets"},
		{"one offset", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}`, 4), "data_offsets"},
		{"fraction", file(`{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}`, 4), `tensor "a"`},
		{"metadata", file(`{"__metadata__":{"a":1}}`, 0), "__metadata__"},
	}
	for _, test := range tests {
		if _, err := readBytes(test.data); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	f, err := readBytes(file(`{"a":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}}`, 1))
	if err != nil {
		t.Errorf("a type that is not known: %v", err)
	} else if _, err := f.Floats("a"); err == nil || !strings.Contains(err.Error(), `holds "F4"`) {
		t.Errorf("reading a tensor of a type that is not known: %v", err)
	}
	if _, err := Open(t.TempDir()); err == nil || !strings.Contains(err.Error(), "is a folder") {
		t.Errorf("opening a folder: %v", err)
	}
}

func TestTruncated(t *testing.T) {
	whole := write(t, tensors()...)
	for n := range whole {
		if _, err := readBytes(whole[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes were read without an error", n, len(whole))
		}
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestWriteRefuses(t *testing.T) {
	x := Float32Tensor("x", []int64{1}, []float32{1})
	tests := []struct {
		name string
		list []Tensor
		want string
	}{
		{"two tensors of one name", []Tensor{x, x}, `"x" is used twice`},
		{"reserved name", []Tensor{{"__metadata__", "F32", []int64{0}, nil}}, "reserved"},
		{"too little data", []Tensor{{"y", "F32", []int64{2}, make([]byte, 4)}}, "for F32 of shape [2]"},
		{"unknown type", []Tensor{{"y", "float32", []int64{1}, make([]byte, 4)}}, "for float32"},
		{"overflow", []Tensor{{"y", "F64", []int64{1 << 61}, nil}}, "for F64"},
	}
	for _, test := range tests {
		if err := Write(&bytes.Buffer{}, nil, test.list...); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	if err := Write(fullDisk{}, nil, x); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("full disk: %v", err)
	}
}

// FuzzRead checks that each tensor of a file has as many numbers as its shape says, that only the readers for its type read it,
// that its numbers have the file's bytes, and that the tensors survive being written and read again.
func FuzzRead(f *testing.F) {
	// The types that Floats, Float64s and Int64s read.
	readable := map[string][3]bool{"F64": {true, true, false}, "F32": {true, true, false}, "F16": {true, false, false}, "BF16": {true, false, false},
		"I8": {true, false, false}, "I64": {false, false, true}, "I32": {false, false, true}}
	f.Add(write(f, tensors()...))
	f.Add(file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4))
	f.Add(file(`{"__metadata__":{"a":"b"}}`, 0))
	f.Fuzz(func(t *testing.T, data []byte) {
		in, err := readBytes(data)
		if err != nil {
			return
		}
		var list []Tensor
		for _, i := range in.Tensors {
			raw, err := in.Bytes(i.Name)
			width, known := sizes[i.DType]
			if (err == nil) != known {
				t.Fatalf("%+v: %v", i, err)
			}
			if !known {
				continue
			}
			list = append(list, Tensor{i.Name, i.DType, i.Shape, raw})
			count := 1
			for _, d := range i.Shape {
				count *= int(d)
			}
			if len(raw) != count*int(width) {
				t.Fatalf("%+v has %d bytes", i, len(raw))
			}
			floats, floatErr := in.Floats(i.Name)
			wide, wideErr := in.Float64s(i.Name)
			whole, wholeErr := in.Int64s(i.Name)
			if got := [3]bool{floatErr == nil, wideErr == nil, wholeErr == nil}; got != readable[i.DType] {
				t.Fatalf("%+v: read by Floats, Float64s and Int64s: %v", i, got)
			}
			for k, n := range []int{len(floats), len(wide), len(whole)} {
				if readable[i.DType][k] && n != count {
					t.Fatalf("%+v: %d numbers", i, n)
				}
			}
			exact := map[string][]byte{"F32": Float32Tensor("", nil, floats).Data, "F64": Float64Tensor("", nil, wide).Data, "I64": Int64Tensor("", nil, whole).Data}
			if got, ok := exact[i.DType]; ok && !bytes.Equal(got, raw) {
				t.Fatalf("%+v: % x read as % x", i, raw, got)
			}
		}
		var out bytes.Buffer
		if err := Write(&out, in.Metadata, list...); err != nil {
			t.Fatalf("read but not written: %v", err)
		}
		again, err := readBytes(out.Bytes())
		if err != nil || !maps.Equal(again.Metadata, in.Metadata) || len(again.Tensors) != len(list) {
			t.Fatalf("written and read again: %v, %+v, want %+v", err, again, in)
		}
		for k, want := range list {
			i := again.Tensors[k]
			raw, err := again.Bytes(i.Name)
			if err != nil || i.Name != want.Name || i.DType != want.DType || !slices.Equal(i.Shape, want.Shape) || !bytes.Equal(raw, want.Data) {
				t.Fatalf("%+v was written and reads as %+v, % x, %v", want, i, raw, err)
			}
		}
	})
}
