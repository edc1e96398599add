package feature

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRestoreWritesHeaderAgain(t *testing.T) {
	for name, damage := range map[string]string{
		"lost": "-", "empty": "", "garbage": "\x00\x01", "another part's": `{"format":1,"key":"other","dims":3}`, "no length": `{"format":1,"key":"fake-1"}`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			features(t, openCache(t, dir), newFake(), someTexts(10))
			path := filepath.Join(dir, "fake-1", headerFile)
			want := string(readFile(t, path))
			if writeFile(t, path, []byte(damage)); damage == "-" {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			}
			c := openCache(t, dir)
			if _, err := c.Verify("fake-1"); err == nil || !strings.Contains(err.Error(), headerFile) && !strings.Contains(err.Error(), "its header") && !strings.Contains(err.Error(), "dimensions") {
				t.Errorf("Verify does not name the header: %v", err)
			}
			if done, err := c.Restore("fake-1"); err != nil || !done {
				t.Fatalf("%v, %v", done, err)
			}
			if got := string(readFile(t, path)); got != want {
				t.Errorf("header %q, want %q", got, want)
			}
			if h, err := c.Verify("fake-1"); err != nil || !h.Sound() || h.Texts != 10 {
				t.Errorf("%+v, %v", h, err)
			}
			if sum := features(t, openCache(t, dir), newFake(), someTexts(10)); sum.Encoded != 0 {
				t.Errorf("%+v", sum)
			}
			if done, err := c.Restore("fake-1"); err != nil || done {
				t.Errorf("a second Restore: %v, %v", done, err)
			}
		})
	}
}

// Without a rows file that identifies the encoder, Restore must write nothing.
func TestRestoreRejectsUnknownEncoders(t *testing.T) {
	dir := t.TempDir()
	features(t, openCache(t, dir), newFake(), someTexts(10))
	header := filepath.Join(dir, "fake-1", headerFile)
	newer := `{"format":9,"key":"fake-1","dims":3}`
	writeFile(t, header, []byte(newer))
	if _, err := openCache(t, dir).Restore("fake-1"); err == nil || string(readFile(t, header)) != newer {
		t.Errorf("a newer program's header: %v", err)
	}
	writeFile(t, header, nil)
	flipBit(t, rowsPath(t, dir, "fake-1"), 8*9)
	if _, err := openCache(t, dir).Restore("fake-1"); err == nil || !strings.Contains(err.Error(), "which encoder") {
		t.Errorf("no rows file with an intact header: %v", err)
	}
	flipBit(t, rowsPath(t, dir, "fake-1"), 8*9) // undo, so that only the folder's name is wrong
	if err := os.Rename(filepath.Join(dir, "fake-1"), filepath.Join(dir, "fake-2")); err != nil {
		t.Fatal(err)
	}
	if _, err := openCache(t, dir).Restore("fake-2"); err == nil || !strings.Contains(err.Error(), "which encoder") || len(readFile(t, filepath.Join(dir, "fake-2", headerFile))) > 0 {
		t.Errorf("Restore of rows of another key: %v", err)
	}
	if _, err := openCache(t, dir).Restore("nothing"); err == nil || !strings.Contains(err.Error(), `no folder "nothing"`) {
		t.Errorf("Restore of a folder that does not exist: %v", err)
	}
}
