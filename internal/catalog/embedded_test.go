package catalog

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

func TestEmbeddedCheckpoint(t *testing.T) {
	ctx := context.Background()
	files := fstest.MapFS{
		"chess-a/model.onnx":     {Data: []byte("\x08\x07model one")},
		"chess-a/tokenizer.json": {Data: []byte("{}")},
		"chess-a/config.json":    {Data: []byte("{}")},
		"chess-a/w2s.json":       {Data: []byte(`{"format":1,"name":"chess-a","family":"causal","source":"here"}`)},
		"notes/readme":           {Data: []byte("not a checkpoint")},
	}
	dir := t.TempDir()
	open := func() *Catalog {
		c, err := Open(Options{CacheDir: dir, Offline: true, Embedded: files, Getenv: func(string) string { return "" }})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	ck, err := open().Resolve(ctx, "Chess-A")
	if err != nil {
		t.Fatal(err)
	}
	read := func() string {
		data, err := os.ReadFile(ck.Model)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	if ck.Name != "chess-a" || read() != "\x08\x07model one" {
		t.Errorf("%+v", ck)
	}
	// A damaged copy is unpacked again, and so is one from another version of the program.
	if err := os.WriteFile(filepath.Join(ck.Dir, "model.onnx"), []byte("damage"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := open().Resolve(ctx, "chess-a"); err != nil || read() != "\x08\x07model one" {
		t.Errorf("the damaged copy was not replaced: %q, %v", read(), err)
	}
	files["chess-a/model.onnx"] = &fstest.MapFile{Data: []byte("\x08\x07model two")}
	if _, err := open().Resolve(ctx, "chess-a"); err != nil || read() != "\x08\x07model two" {
		t.Errorf("the old model was not replaced: %q, %v", read(), err)
	}
	if _, err := open().Resolve(ctx, "chess-b"); err == nil || !strings.Contains(err.Error(), `did you mean "chess-a"`) {
		t.Errorf("no suggestion: %v", err)
	}
	states, err := open().Checkpoints(ctx, false)
	if err != nil {
		t.Fatal(err)
	}
	if last := states[len(states)-1]; last.Name != "chess-a" || !last.Ready || last.Bytes == 0 {
		t.Errorf("%+v", last)
	}
}
