package feature

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// rowsPath returns the path of the only rows file of a folder.
func rowsPath(t testing.TB, dir, folder string) string {
	t.Helper()
	names, err := rowsFiles(filepath.Join(dir, folder))
	if err != nil || len(names) != 1 {
		t.Fatalf("rows files %v, %v", names, err)
	}
	return filepath.Join(dir, folder, names[0])
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func writeFile(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t testing.TB, from, to string) { t.Helper(); writeFile(t, to, readFile(t, from)) }

func flipBit(t testing.TB, path string, bit int64) {
	t.Helper()
	data := readFile(t, path)
	data[bit/8] ^= 1 << (bit % 8)
	writeFile(t, path, data)
}

func appendBytes(t testing.TB, path string, more []byte) {
	t.Helper()
	writeFile(t, path, append(readFile(t, path), more...))
}

// The test flips one bit of every byte of a rows file, including the header.
func TestEveryFlippedBitIsFound(t *testing.T) {
	dir, enc := t.TempDir(), newFake()
	texts := someTexts(5)
	features(t, openCache(t, dir), enc, texts)
	path := rowsPath(t, dir, "fake-1")
	whole := readFile(t, path)
	l := newLayout("fake-1", 3)
	for at := range whole {
		writeFile(t, path, whole)
		flipBit(t, path, int64(at*8+at%8))
		sum := features(t, openCache(t, dir), enc, texts)
		want := 1
		if at < headerSize {
			want = 0 // rows are used without the header
		}
		if sum.Encoded != want || len(sum.Warnings) != 1 || !strings.Contains(sum.Warnings[0], filepath.Base(path)) {
			t.Fatalf("byte %d: %+v", at, sum)
		}
		if at >= headerSize && !strings.Contains(sum.Warnings[0], "row "+string(rune('0'+(at-headerSize)/l.rowSize()))) {
			t.Fatalf("byte %d: the warning does not name the row: %s", at, sum.Warnings[0])
		}
		// What was encoded again must be stored now, in this file or in another one.
		if sum := features(t, openCache(t, dir), enc, texts); sum.Encoded != 0 {
			t.Fatalf("byte %d: the second time: %+v", at, sum)
		}
		names, _ := rowsFiles(filepath.Join(dir, "fake-1"))
		for _, n := range names {
			if n != filepath.Base(path) {
				_ = os.Remove(filepath.Join(dir, "fake-1", n))
			}
		}
	}
}

// The test cuts a rows file at every length.
func TestRowsBeforeTruncationAreUsed(t *testing.T) {
	dir, enc := t.TempDir(), newFake()
	texts := someTexts(4)
	features(t, openCache(t, dir), enc, texts)
	path := rowsPath(t, dir, "fake-1")
	whole := readFile(t, path)
	l := newLayout("fake-1", 3)
	for size := range whole {
		writeFile(t, path, whole[:size])
		rows := int(l.wholeRows(int64(size)))
		sum := features(t, openCache(t, dir), enc, texts)
		if sum.Cached != rows || sum.Encoded != len(texts)-rows {
			t.Fatalf("cut at %d: %+v, want %d cached", size, sum, rows)
		}
		torn := size > headerSize && (size-headerSize)%l.rowSize() != 0
		if torn != (len(sum.Warnings) == 1) {
			t.Fatalf("cut at %d: warnings %q", size, sum.Warnings)
		}
		health, err := openCache(t, dir).Verify("fake-1")
		if err != nil || !health.Sound() || health.Texts != len(texts) || health.Repeated != 0 {
			t.Fatalf("cut at %d: %+v, %v", size, health, err)
		}
	}
}

// A power failure can leave zeros in place of rows that were not synced.
func TestZeroedTailIsFound(t *testing.T) {
	dir, enc := t.TempDir(), newFake()
	texts := someTexts(6)
	features(t, openCache(t, dir), enc, texts)
	path := rowsPath(t, dir, "fake-1")
	data := readFile(t, path)
	clear(data[newLayout("fake-1", 3).offset(2):])
	writeFile(t, path, data)
	sum := features(t, openCache(t, dir), enc, texts)
	if sum.Cached != 2 || sum.Encoded != 4 || len(sum.Warnings) != 1 || !strings.Contains(sum.Warnings[0], "row 2") || !strings.Contains(sum.Warnings[0], "3 more") {
		t.Errorf("%+v", sum)
	}
}

// FuzzRowsFile reads arbitrary bytes as a rows file. Every vector that is found in it must be right.
func FuzzRowsFile(f *testing.F) {
	texts := someTexts(3)
	seedDir, enc := f.TempDir(), newFake()
	features(f, openCache(f, seedDir), enc, texts)
	whole := readFile(f, rowsPath(f, seedDir, "fake-1"))
	f.Add(whole)
	f.Add(whole[:headerSize])
	f.Add(whole[:len(whole)-7])
	f.Add([]byte(nil))
	f.Add([]byte("w2srows\x02 and more, but never a header of sixty-four bytes, is it now?"))
	dir := f.TempDir() // each worker process runs this function and has a folder of its own
	f.Fuzz(func(t *testing.T, data []byte) {
		writeFile(t, filepath.Join(dir, "rows-x-0.bin"), data)
		x := newIndex(dir, newLayout("fake-1", 3))
		if err := x.refresh(); err != nil {
			if !strings.Contains(err.Error(), "rows-x-0.bin") {
				t.Fatalf("the error does not name the file: %v", err)
			}
			return
		}
		var wishes []wish
		for i, text := range texts {
			if p, ok := x.places[idOf(text)]; ok {
				wishes = append(wishes, wish{idOf(text), p, i})
			}
		}
		got, want := make([]float32, 3), make([]float32, 3)
		err := x.read(wishes, nil, func(w wish, row []byte, _ bool) {
			x.layout.values(row, got)
			if fakeVector(texts[w.unique], want); [3]float32(got) != [3]float32(want) {
				t.Fatalf("text %d has %v, want %v", w.unique, got, want)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
