package feature

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// A sample finds damage of headers, of the ends of files and of the rows that it reads. It misses damage of other rows.
func TestSampleFindsDamageOfWhatItReads(t *testing.T) {
	enc := newFake()
	l := newLayout("fake-1", 3)
	row := func(n int64) int64 { return 8 * (l.offset(n) + rowHead + 1) } // a bit of the row's vector
	for _, c := range []struct {
		name   string
		damage func(path string)
		n      int
		want   Health // without file names
	}{
		{"sound", func(string) {}, 5, Health{Texts: 5}},
		{"more rows than there are", func(string) {}, 1000, Health{Texts: 101}},
		{"one row", func(string) {}, 1, Health{Texts: 1}},
		{"none", func(string) {}, 0, Health{}},
		{"first", func(path string) { flipBit(t, path, row(0)) }, 5, Health{Texts: 4, Damaged: []Damage{{Row: 0}}}},
		{"last", func(path string) { flipBit(t, path, row(100)) }, 5, Health{Texts: 4, Damaged: []Damage{{Row: 100}}}},
		{"a quarter", func(path string) { flipBit(t, path, row(25)) }, 5, Health{Texts: 4, Damaged: []Damage{{Row: 25}}}},
		{"not read", func(path string) { flipBit(t, path, row(26)) }, 5, Health{Texts: 5}},
		{"header", func(path string) { flipBit(t, path, 8*9) }, 5, Health{Texts: 5, Damaged: []Damage{{Row: -1}}}},
		{"torn", func(path string) { appendBytes(t, path, []byte("torn")) }, 5, Health{Texts: 5, Torn: []string{""}}},
	} {
		dir := t.TempDir()
		features(t, openCache(t, dir), enc, someTexts(101))
		path := rowsPath(t, dir, "fake-1")
		c.damage(path)
		for i := range c.want.Damaged {
			c.want.Damaged[i].File = filepath.Base(path)
		}
		for i := range c.want.Torn {
			c.want.Torn[i] = filepath.Base(path)
		}
		if got, err := openCache(t, dir).Sample("fake-1", c.n); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v, want %+v", c.name, got, err, c.want)
		}
	}
	if _, err := openCache(t, t.TempDir()).Sample("absent", 5); err == nil || !strings.Contains(err.Error(), `no folder "absent"`) {
		t.Errorf("Sample of a folder that does not exist: %v", err)
	}
}

// files returns the names, times, modes and contents of all files below a folder.
func files(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		list = append(list, fmt.Sprintf("%s %s %v %x", path, info.ModTime(), info.Mode(), data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// A call that finds all its texts must write nothing, not even to repair damage, so that a read-only cache can be used.
func TestReadingWritesNothing(t *testing.T) {
	ctx, enc, texts := context.Background(), newFake(), someTexts(50)
	for name, spoil := range map[string]func(dir, path string){
		"sound": func(string, string) {},
		"lost header": func(dir, _ string) {
			if err := os.Remove(filepath.Join(dir, "fake-1", headerFile)); err != nil {
				t.Fatal(err)
			}
		},
		"damaged header": func(dir, _ string) {
			if err := os.WriteFile(filepath.Join(dir, "fake-1", headerFile), []byte("{"), 0o666); err != nil {
				t.Fatal(err)
			}
		},
		"torn": func(_, path string) { appendBytes(t, path, []byte("torn")) },
	} {
		dir := t.TempDir()
		features(t, openCache(t, dir), enc, texts)
		spoil(dir, rowsPath(t, dir, "fake-1"))
		if err := os.RemoveAll(openCache(t, dir).locks()); err != nil {
			t.Fatal(err)
		}
		before := files(t, dir)
		c := openCache(t, dir)
		if sum := features(t, c, enc, texts); sum.Encoded != 0 {
			t.Errorf("%s: %+v", name, sum)
		}
		if sum, err := c.Fill(ctx, enc, texts[:20], nil); err != nil || sum.Cached != 20 {
			t.Errorf("%s: Fill: %+v, %v", name, sum, err)
		}
		if n, err := c.Missing(enc, append(texts, "more")); err != nil || n != 1 {
			t.Errorf("%s: Missing: %d, %v", name, n, err)
		}
		_, listed := c.List()
		_, verified := c.Verify("fake-1")
		if strings.Contains(name, "header") == (verified == nil) || listed != nil {
			t.Errorf("%s: List: %v, Verify: %v", name, listed, verified)
		}
		if after := files(t, dir); !reflect.DeepEqual(after, before) {
			t.Errorf("%s: the %d files became %d, or other ones", name, len(before), len(after))
		}
	}
}
