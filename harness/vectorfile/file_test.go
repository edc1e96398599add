package vectorfile

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"w2s/internal/safetensors"
	"w2s/internal/shareddata"
	"w2s/tasks"
)

// npy returns a .npy file with the given type, shape and data.
func npy(descr, shape string, data any) []byte {
	var b bytes.Buffer
	header := fmt.Sprintf("{'descr': %s, 'fortran_order': False, 'shape': %s, }\n", descr, shape)
	b.WriteString("\x93NUMPY\x01\x00")
	_ = binary.Write(&b, le, uint16(len(header)))
	b.WriteString(header)
	_ = binary.Write(&b, le, data)
	return b.Bytes()
}

// tensors returns a safetensors file.
func tensors(t *testing.T, metadata map[string]string, list ...safetensors.Tensor) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := safetensors.Write(&b, metadata, list...); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// written writes files into a folder, and returns the path of the first one.
func written(t *testing.T, name string, data []byte, more ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i, pair := 0, append([]string{name, string(data)}, more...); i < len(pair); i += 2 {
		if err := os.WriteFile(filepath.Join(dir, pair[i]), []byte(pair[i+1]), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, name)
}

func opened(t *testing.T, path string) *File {
	t.Helper()
	f, err := Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// look returns the vectors of examples' texts.
func look(f *File, layer *int, examples ...tasks.Example) ([][]float32, error) {
	e, _, err := f.Encoder(layer)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, x := range examples {
		own, err := f.Texts(x)
		if err != nil {
			return nil, err
		}
		names = append(names, own...)
	}
	vectors := make([][]float32, len(names))
	err = e.Encode(context.Background(), names, func(i int, v []float32, _ int, _ bool) error {
		vectors[i] = slices.Clone(v)
		return nil
	})
	return vectors, err
}

func text(s ...string) tasks.Example {
	return tasks.Example{ID: tasks.ContentID(tasks.Classify, s), Texts: s}
}

func number(n int) *int { return &n }

func TestRowsAreFoundByIDAndText(t *testing.T) {
	good, bad := text("good"), text("bad\tthing")
	pair := tasks.Example{ID: tasks.ContentID(tasks.Rank, []string{"yes", "no"}), Texts: []string{"yes", "no"}, Control: []string{"good", "y"}}
	data := npy("'<f4'", "(4, 2)", []float32{1, 2, 3, 4, 5, 6, 7, 8})
	for name, list := range map[string][2]string{
		"texts":        {"ids.txt", "good\n" + bad.ID + "\nyes\nno\n"},
		"ids":          {"ids.txt", Comment + "x: y\n" + good.ID + "\t1\t0\n" + bad.ID + "\n" + pair.ID + "\t0.5\n" + pair.ID + "\t0.5"},
		"windows":      {"ids.txt", "\ufeffgood\r\n" + bad.ID + "\r\n" + pair.ID + "\r\n" + pair.ID + "\r\n"},
		"lines":        {"ids.jsonl", `{"text":"good"}` + "\n" + `{"text":"bad\tthing","label":1}` + "\n" + `{"id":"` + pair.ID + `"}` + "\n" + `{"id":"` + pair.ID + `"}`},
		"ids and text": {"ids.jsonl", `{"id":"` + good.ID + `","text":"good"}` + "\n" + `{"id":"x","text":"bad\tthing"}` + "\n" + `{"text":"yes"}` + "\n" + `{"text":"no"}`},
	} {
		f := opened(t, written(t, "v.npy", data, "v."+list[0], list[1]))
		got, err := look(f, nil, pair, bad, good)
		if want := [][]float32{{5, 6}, {7, 8}, {3, 4}, {1, 2}}; err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v, %v", name, got, want, err)
		}
		if unused, rows := f.Unused(); unused != 0 || rows != 4 {
			t.Errorf("%s: %d of %d unused", name, unused, rows)
		}
		if c := f.Controls(pair); c != nil {
			t.Errorf("%s: controls %q without a vector of one", name, c)
		}
		if len(f.texts.rows("good")) > 0 && f.Controls(tasks.Example{Control: []string{"good"}}) == nil {
			t.Errorf("%s: no control", name)
		}
	}
	f := opened(t, written(t, "v.npy", data, "v.ids.txt", "good\na\nb\nc\n"))
	_, err := look(f, nil, good, text("one"), text("two"), text("3"), text("4"), text("5"), text("6"), text("7"))
	if err == nil || !strings.Contains(err.Error(), `v.npy: no vector for 7 of 8 texts: "one", "two", "3", "4", "5", and 2 more`) {
		t.Errorf("missing texts: %v", err)
	}
	if _, err := look(f, nil, text("one")); err == nil || !strings.Contains(err.Error(), "are these vectors of another task?") {
		t.Errorf("no text at all: %v", err)
	}
	if unused, _ := f.Unused(); unused != 4 {
		t.Errorf("%d unused after an error, want 4", unused)
	}
	if _, err := look(f, nil, good); err != nil {
		t.Error(err)
	}
	if unused, _ := f.Unused(); unused != 3 {
		t.Errorf("%d unused, want 3", unused)
	}
}

func TestLayersAndKeys(t *testing.T) {
	matrix := func(name string, v ...float32) safetensors.Tensor {
		return safetensors.Float32Tensor(name, []int64{2, int64(len(v) / 2)}, v)
	}
	meta := map[string]string{"ids": "a\nb"}
	path := written(t, "v.safetensors", tensors(t, meta, matrix("features", 1, 2), matrix("layer.2", 3, 4, 5, 6), matrix("layer.12", 7, 8), matrix("layer.x", 9, 9)))
	f := opened(t, path)
	keys := map[string]bool{}
	for layer, want := range map[*int][][]float32{nil: {{1}, {2}}, number(2): {{3, 4}, {5, 6}}, number(12): {{7}, {8}}, number(-1): {{7}, {8}}} {
		e, n, err := f.Encoder(layer)
		if err != nil {
			t.Fatal(err)
		}
		keys[e.Key()] = true
		if layer != nil && n != 2 && n != 12 {
			t.Errorf("layer %d is %d", *layer, n)
		}
		if got, err := look(f, layer, text("a"), text("b")); err != nil || fmt.Sprint(got) != fmt.Sprint(want) || e.Dims() != len(want[0]) {
			t.Errorf("%v, want %v, %v", got, want, err)
		}
	}
	if len(keys) != 3 || !slices.Equal(f.Layers(), []int{2, 12}) {
		t.Errorf("keys %v, layers %v", keys, f.Layers())
	}
	if _, _, err := f.Encoder(number(3)); err == nil || !strings.Contains(err.Error(), "no layer 3 (it has 2, 12)") {
		t.Error(err)
	}

	// [rows, layers, dims], in both forms.
	cube := []float32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	for _, path := range []string{
		written(t, "v.npy", npy("'<f4'", "(2, 3, 2)", cube), "v.ids.txt", "a\nb\n"),
		written(t, "v.safetensors", tensors(t, nil, safetensors.Float32Tensor("features", []int64{2, 3, 2}, cube)), "v.ids.txt", "a\nb\n"),
	} {
		f := opened(t, path)
		if got, err := look(f, number(1), text("b"), text("a")); err != nil || fmt.Sprint(got) != "[[9 10] [3 4]]" {
			t.Errorf("%v, %v", got, err)
		}
		if _, _, err := f.Encoder(nil); err == nil || !strings.Contains(err.Error(), "layers 0, 1, 2: choose one") {
			t.Error(err)
		}
	}

	// The key depends on every byte of the file and of its list.
	key := func(data []byte, list string) string {
		e, _, err := opened(t, written(t, "v.npy", data, "v.ids.txt", list)).Encoder(nil)
		if err != nil {
			t.Fatal(err)
		}
		return e.Key()
	}
	data := npy("'<f4'", "(2, 1)", []float32{1, 2})
	if key(data, "a\nb\n") != key(data, "a\nb\n") || key(data, "a\nb\n") == key(data, "b\na\n") ||
		key(data, "a\nb\n") == key(npy("'<f4'", "(2, 1)", []float32{1, 3}), "a\nb\n") {
		t.Error("keys do not follow the content")
	}
}

func TestTypes(t *testing.T) {
	two := map[string]any{"<f8": []float64{1, -2}, "<f4": []float32{1, -2}, "<f2": []uint16{0x3c00, 0xc000}, "|i1": []int8{1, -2}, "<i2": []int16{1, -2},
		"<i4": []int32{1, -2}, "<i8": []int64{1, -2}}
	positive := map[string]any{"|u1": []uint8{1, 200}, "|b1": []uint8{1, 0}, "<u2": []uint16{1, 65535}, "<u4": []uint32{1, 7}, "<u8": []uint64{1, 7}}
	want := map[string]string{"|u1": "200", "|b1": "0", "<u2": "65535", "<u4": "7", "<u8": "7"}
	check := func(name string, f *File, second string) {
		t.Helper()
		if got, err := look(f, nil, text("a"), text("b")); err != nil || fmt.Sprint(got) != "[[1] ["+second+"]]" {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	for descr, data := range two {
		check(descr, opened(t, written(t, "v.npy", npy("'"+descr+"'", "(2, 1)", data), "v.ids.txt", "a\nb\n")), "-2")
	}
	for descr, data := range positive {
		check(descr, opened(t, written(t, "v.npy", npy("'"+descr+"'", "(2, 1)", data), "v.ids.txt", "a\nb\n")), want[descr])
	}
	brain := safetensors.Tensor{Name: "features", DType: "BF16", Shape: []int64{2, 1}, Data: []byte{0x80, 0x3f, 0x00, 0xc0}}
	check("BF16", opened(t, written(t, "v.safetensors", tensors(t, map[string]string{"ids": "a\nb"}, brain))), "-2")
}

// Bad files are refused by Open.
func TestListBesideIDsOfMetadata(t *testing.T) {
	data := tensors(t, map[string]string{"ids": "a\nb"}, safetensors.Float32Tensor("features", []int64{2, 1}, []float32{1, 2}))
	alone := opened(t, written(t, "v.safetensors", data))
	beside := opened(t, written(t, "v.safetensors", data, "v.ids.txt", "a\t1\nb\n"))
	if alone.digest != beside.digest {
		t.Error("a list that repeats the ids changes the key")
	}
}

func TestOpenRefuses(t *testing.T) {
	good := npy("'<f4'", "(2, 2)", []float32{1, 2, 3, 4})
	fortran := bytes.Replace(good, []byte("False"), []byte("True "), 1)
	other := append([]byte(nil), good...)
	other[6] = 9
	f32 := func(shape []int64, n int) safetensors.Tensor {
		return safetensors.Float32Tensor("features", shape, make([]float32, n))
	}
	ids := map[string]string{"ids": "a\nb"}
	for _, c := range []struct {
		want string
		name string
		data []byte
		more []string
	}{
		{"nothing says what its rows are of", "v.npy", good, nil},
		{"two lists", "v.npy", good, []string{"v.ids.txt", "a\nb", "v.ids.jsonl", ""}},
		{"1 name for 2 vectors", "v.npy", good, []string{"v.ids.txt", "a\n"}},
		{"line 3: more lines than vectors, of which there are 2", "v.npy", good, []string{"v.ids.txt", "a\nb\nc\n"}},
		{"line 2: no id", "v.npy", good, []string{"v.ids.txt", "a\n\nb\n"}},
		{"line 1: want an object", "v.npy", good, []string{"v.ids.jsonl", "a\nb\n"}},
		{"line 2: it has neither a text nor an id", "v.npy", good, []string{"v.ids.jsonl", `{"id":"a"}` + "\n" + `{"ids":"b"}`}},
		{"token too long", "v.npy", good, []string{"v.ids.txt", strings.Repeat("a", maxName+1)}},
		{"12 bytes of data for float32 of shape [2 2], which takes 16", "v.npy", good[:len(good)-4], nil},
		{"not a .npy file", "v.npy", good[:8], nil},
		{"(truncated?)", "v.npy", good[:40], nil},
		{"version 9", "v.npy", other, nil},
		{"fortran_order", "v.npy", fortran, nil},
		{"Python objects, such as vectors of differing lengths", "v.npy", npy("'|O'", "(2,)", []byte{1, 2}), nil},
		{"big-endian", "v.npy", npy("'>f4'", "(2, 1)", []float32{1, 2}), nil},
		{`"<c8"`, "v.npy", npy("'<c8'", "(1, 1)", []float32{1, 2}), nil},
		{`"<U4"`, "v.npy", npy("'<U4'", "(1, 1)", []float32{1, 2}), nil},
		{"named fields", "v.npy", npy("[('a', '<f4')]", "(2,)", []float32{1, 2}), nil},
		{"header cannot be read", "v.npy", npy("'<f4'", "2", []float32{1, 2}), nil},
		{"which takes", "v.npy", npy("'<f4'", "(1099511627776, 1024)", []byte{}), nil},
		{"impossible shape", "v.npy", npy("'<f4'", "(4611686018427387904, 4)", []byte{}), nil},
		{"impossible shape", "v.npy", npy("'<f4'", "(99999999999999999999, 1)", []byte{}), nil},
		{"want [rows, dims]", "v.npy", npy("'<f4'", "(2,)", []float32{1, 2}), nil},
		{"0 dimensions", "v.npy", npy("'<f4'", "(5, 0)", []byte{}), nil},
		{"0 rows", "v.npy", npy("'<f4'", "(0, 4)", []byte{}), nil},
		{"has 0 layers", "v.npy", npy("'<f4'", "(2, 0, 4)", []byte{}), nil},
		{"dimensions, want", "v.npy", npy("'|i1'", "(1, 2000000)", make([]byte, 2000000)), nil},
		{"want a file of vectors", "v.npz", good, nil},
		{`no tensor is named "features"`, "v.safetensors", tensors(t, ids, safetensors.Float32Tensor("x", []int64{2, 1}, []float32{1, 2})), nil},
		{"1 id for 2 vectors", "v.safetensors", tensors(t, map[string]string{"ids": "a"}, f32([]int64{2, 1}, 2)), nil},
		{"row 1, counted from 0, has another id in its metadata than in", "v.safetensors", tensors(t, ids, f32([]int64{2, 1}, 2)), []string{"v.ids.txt", "a\nc\n"}},
		{"row 0, counted from 0, has another id", "v.safetensors", tensors(t, ids, f32([]int64{2, 1}, 2)), []string{"v.ids.jsonl", `{"id":"b"}` + "\n" + `{"text":"b"}`}},
		{"there is a list: ", "v.safetensors", tensors(t, ids, f32([]int64{2, 1}, 2)), []string{"v.ids.txt", "a\n"}},
		{"3 ids for 2 vectors", "v.safetensors", tensors(t, map[string]string{"ids": "a\nb\nc"}, f32([]int64{2, 1}, 2)), nil},
		{`"start" does not divide`, "v.safetensors", tensors(t, ids, safetensors.Int64Tensor("start", []int64{3}, []int64{0, 3, 2}), f32([]int64{2, 1}, 2)), nil},
		{`"start" does not divide`, "v.safetensors", tensors(t, ids, safetensors.Int64Tensor("start", []int64{2}, []int64{0, 2}), f32([]int64{2, 1}, 2)), nil},
		{"too few for safetensors", "v.safetensors", []byte("abc"), nil},
		{"truncated", "v.safetensors", tensors(t, ids, f32([]int64{2, 1}, 2))[:100], nil},
		{"F8_E4M3", "v.safetensors", tensors(t, ids, safetensors.Tensor{Name: "features", DType: "F8_E4M3", Shape: []int64{2, 1}, Data: []byte{1, 2}}), nil},
		{"layer 3 has 3 rows", "v.safetensors", tensors(t, ids, f32([]int64{2, 1}, 2), safetensors.Float32Tensor("layer.3", []int64{3, 1}, make([]float32, 3))), nil},
	} {
		_, err := Open(context.Background(), written(t, c.name, c.data, c.more...))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
	if _, err := Open(context.Background(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "is a folder") {
		t.Errorf("a folder: %v", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if _, err := Open(ctx, written(t, "v.npy", good, "v.ids.txt", "a\nb")); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}

// Bad vectors are refused when they are looked up.
func TestEncodeRefuses(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	pair := tasks.Example{ID: "p", Texts: []string{"x", "y"}}
	for _, c := range []struct {
		want    string
		data    []byte
		list    string
		example tasks.Example
	}{
		{"row 1 has NaN in dimension 0", npy("'<f4'", "(2, 1)", []float32{1, nan}), "a\nb", text("b")},
		{"row 0 has +Inf in dimension 1", npy("'<f4'", "(1, 2)", []float32{1, inf}), "a", text("a")},
		{"+Inf in dimension 0 as float32", npy("'<f8'", "(1, 1)", []float64{1e300}), "a", text("a")},
		{"+Inf in dimension 0", npy("'<f2'", "(1, 1)", []uint16{0x7c00}), "a", text("a")},
		{`rows 0 and 2, counted from 0, have the same name "a" and different vectors`, npy("'<f4'", "(3, 1)", []float32{1, 2, 3}), "a\nb\na", text("a")},
		{"rows 0 and 2, counted from 0, have the same name p and", npy("'<f4'", "(4, 1)", []float32{1, 2, 3, 4}), "p\np\np\np", pair},
		{"the id p has 3 rows and its example 2 texts", npy("'<f4'", "(3, 1)", []float32{1, 2, 3}), "p\np\np", pair},
		{"the id p has 1 row and its example 2 texts", npy("'<f4'", "(1, 1)", []float32{1}), "p", pair},
	} {
		_, err := look(opened(t, written(t, "v.npy", c.data, "v.ids.txt", c.list)), nil, c.example)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
	shifted := `{"id":"` + text("a").ID + `","text":"b"}` + "\n" + `{"id":"` + text("b").ID + `","text":"a"}`
	_, err := look(opened(t, written(t, "v.npy", npy("'<f4'", "(2, 1)", []float32{1, 2}), "v.ids.jsonl", shifted)), nil, text("b"))
	if want := "row 1, counted from 0, has the id " + text("b").ID + " and a text that is not"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("ids and texts in another order: %v, want %q", err, want)
	}
	// What is wrong with a row that no text needs does not matter, and equal copies are no fault.
	f := opened(t, written(t, "v.npy", npy("'<f4'", "(4, 1)", []float32{1, nan, 1, 1}), "v.ids.txt", "a\nb\na\na"))
	if got, err := look(f, nil, text("a")); err != nil || got[0][0] != 1 {
		t.Errorf("%v, %v", got, err)
	}
}

// A file that changes after it was opened is noticed, and one that takes its place does not matter.
func TestChangesAreNoticed(t *testing.T) {
	data := npy("'<f4'", "(2, 1)", []float32{1, 2})
	for name, change := range map[string]func(path string) error{
		"written": func(path string) error {
			w, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			defer w.Close()
			_, err = w.WriteAt([]byte{7}, int64(len(data)-1))
			return errors.Join(err, os.Chtimes(path, time.Time{}, time.Now().Add(time.Hour)))
		},
		"cut": func(path string) error { return os.Truncate(path, int64(len(data)-4)) },
	} {
		path := written(t, "v.npy", data, "v.ids.txt", "a\nb")
		f := opened(t, path)
		if err := change(path); err != nil {
			t.Fatal(err)
		}
		if _, err := look(f, nil, text("a"), text("b")); !errors.Is(err, errChanged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	path := written(t, "v.npy", data, "v.ids.txt", "a\nb")
	f := opened(t, path)
	if err := os.Rename(written(t, "v.npy", npy("'<f4'", "(2, 1)", []float32{8, 9})), path); err != nil {
		t.Fatal(err)
	}
	if got, err := look(f, nil, text("a"), text("b")); err != nil || fmt.Sprint(got) != "[[1] [2]]" {
		t.Errorf("%v, %v", got, err)
	}
}

// Files that NumPy and the safetensors library write are read as they read them.
func TestFilesOfPython(t *testing.T) {
	python := shareddata.Python(t, "numpy, safetensors")
	dir := t.TempDir()
	const script = `
import numpy as np
from safetensors.numpy import save_file
rng = np.random.default_rng(1)
x = rng.normal(size=(50, 3, 7))
np.save("cube.npy", x.astype(np.float16)); open("cube.ids.txt", "w").write("\n".join(f"t{i}" for i in range(50)))
np.save("fortran.npy", np.asfortranarray(x[:, 0])); open("fortran.ids.txt", "w").write("\n".join(f"t{i}" for i in range(50)))
np.save("ragged.npy", np.array([[1, 2], [3]], dtype=object), allow_pickle=True)
save_file({"features": x[:, 1].astype(np.float32).copy(), "layer.2": x[:, 2].copy()}, "v.safetensors", metadata={"ids": "\n".join(f"t{i}" for i in range(50))})
np.savetxt("x.txt", x.reshape(50, -1), fmt="%.17g")
`
	command := exec.Command(python, "-c", script)
	command.Dir = dir
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	truth, err := os.ReadFile(filepath.Join(dir, "x.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var want [50][21]float64
	for i, line := range strings.Split(strings.TrimSpace(string(truth)), "\n") {
		for j, field := range strings.Fields(line) {
			if _, err := fmt.Sscan(field, &want[i][j]); err != nil {
				t.Fatal(err)
			}
		}
	}
	compare := func(name string, layer *int, offset int, tolerance float64) {
		t.Helper()
		f := opened(t, filepath.Join(dir, name))
		for i := range want {
			got, err := look(f, layer, text(fmt.Sprint("t", i)))
			if err != nil {
				t.Fatal(err)
			}
			for j, v := range got[0] {
				if d := math.Abs(float64(v) - want[i][offset+j]); !(d <= tolerance) {
					t.Fatalf("%s: row %d, dimension %d: %v, want %v", name, i, j, v, want[i][offset+j])
				}
			}
		}
	}
	compare("cube.npy", number(2), 14, 2e-3)
	compare("v.safetensors", nil, 7, 3e-7)
	compare("v.safetensors", number(2), 14, 3e-7)
	for name, want := range map[string]string{"fortran.npy": "np.ascontiguousarray", "ragged.npy": "Python objects"} {
		if _, err := Open(context.Background(), filepath.Join(dir, name)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A crafted header never takes more memory than the file has bytes, and never panics.
func FuzzOpen(f *testing.F) {
	f.Add(npy("'<f4'", "(2, 1)", []float32{1, 2}), true)
	f.Add(npy("'<f2'", "(2, 3, 1)", make([]uint16, 6)), true)
	var b bytes.Buffer
	_ = safetensors.Write(&b, map[string]string{"ids": "a\nb"}, safetensors.Float32Tensor("layer.1", []int64{2, 1}, []float32{1, 2}))
	f.Add(b.Bytes(), false)
	f.Fuzz(func(t *testing.T, data []byte, isNPY bool) {
		name := "v.safetensors"
		if isNPY {
			name = "v.npy"
		}
		v, err := Open(context.Background(), written(t, name, data, "v.ids.txt", "a\nb\n"))
		if err != nil {
			return
		}
		defer v.Close()
		layers := []*int{nil}
		for _, n := range v.Layers() {
			layers = append(layers, &n)
		}
		for _, n := range layers {
			_, _ = look(v, n, text("a"))
		}
	})
}
