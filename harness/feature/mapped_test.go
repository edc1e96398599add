package feature

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// Rows of mapped files are the encoder's, whether they were stored or encoded just now, while the file grows and after it is gone.
func TestMappedRows(t *testing.T) {
	dir := t.TempDir()
	texts := append(someTexts(200), "a", "a")
	var kept []*Matrix
	check := func(m *Matrix) {
		t.Helper()
		want := make([]float32, m.Dims)
		for i := range m.Rows {
			fakeVector(texts[i], want)
			if !slices.Equal(m.Row(i), want) {
				t.Fatalf("row %d is %v, want %v", i, m.Row(i), want)
			}
			if got := m.ReadRow(i, make([]float32, m.Dims)); !slices.Equal(got, want) {
				t.Fatalf("row %d is read as %v, want %v", i, got, want)
			}
		}
	}
	for _, n := range []int{0, 50, 120, len(texts)} { // stored in the last call, or not yet
		c := openCache(t, dir)
		c.mapFrom = 1
		m, _, err := c.Features(context.Background(), newFake(), texts[:n], nil)
		if err != nil {
			t.Fatal(err)
		}
		check(m)
		if n > 0 && len(c.mappings.files) == 0 && mapsFiles(t) && n != 50 {
			t.Error("no file was mapped")
		}
		if len(c.mappings.files) > 0 && !c.mappings.read(m.at[0], make([]float32, m.Dims)) && n == len(texts) {
			t.Error("a mapped row cannot be read from its file")
		}
		for _, f := range c.mappings.files {
			giveBack(f.data)
		}
		check(m)
		kept = append(kept, m)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "rows-*.bin"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range kept {
		check(m)
	}
	last := kept[len(kept)-1]
	picked := last.Pick([]int{7, 3, 7})
	if !slices.Equal(picked.Packed(), slices.Concat(last.Row(7), last.Row(3), last.Row(7))) || picked.Rows != 3 {
		t.Errorf("picked rows are %v", picked.Packed())
	}
}

// mapsFiles reports whether the system maps files.
func mapsFiles(t *testing.T) bool {
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString("x"); err != nil {
		t.Fatal(err)
	}
	return mapFile(file, 1) != nil
}

// Several goroutines take mapped rows of an encoder, each of which drops the index.
func TestMappedRowsForSeveralGoroutines(t *testing.T) {
	dir, texts := t.TempDir(), someTexts(1000)
	if _, _, err := openCache(t, dir).Features(t.Context(), newFake(), texts, nil); err != nil {
		t.Fatal(err)
	}
	c := openCache(t, dir)
	c.mapFrom = 1
	var g sync.WaitGroup
	for range 4 {
		g.Go(func() {
			for range 50 {
				x, _, err := c.Features(t.Context(), newFake(), texts, nil)
				if err != nil {
					t.Error(err)
					return
				}
				want := make([]float32, x.Dims)
				for i := 0; i < x.Rows; i += 97 {
					if fakeVector(texts[i], want); !slices.Equal(x.Row(i), want) {
						t.Errorf("row %d is the vector of another text", i)
						return
					}
				}
			}
		})
	}
	g.Wait()
}
