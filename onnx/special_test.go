//go:build linux || darwin

package onnx

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"w2s/internal/inputfile"
)

// TestSpecialFiles puts a pipe, a device and a folder in the place of every file of a checkpoint. Each must be refused
// with an error that says what it is. Opening a pipe would wait for a writer forever, and a device may never end.
func TestSpecialFiles(t *testing.T) {
	open := func(dir string) error {
		c, err := ReadCheckpoint(dir, Options{})
		if err != nil {
			return err
		}
		if err := c.CheckTokenizer(); err != nil {
			return err
		}
		if _, err := c.key(context.Background(), "1", CPU, nil, ""); err != nil {
			return err
		}
		_, err = endTokens(c)
		return err
	}
	static := func(dir string) error { return BuildStatic(context.Background(), dir, t.TempDir(), 0) }
	for _, test := range []struct {
		fixture string
		open    func(dir string) error
		files   []string
	}{
		{"external-tiny", open, []string{"model.onnx", "model.onnx_data", "tokenizer.json", "config.json", "tokenizer_config.json", "w2s.json",
			"modules.json", "sentence_bert_config.json", "1_Pooling/config.json", "config_sentence_transformers.json", "generation_config.json"}},
		{"static-model2vec-tiny", static, []string{"model.safetensors", "tokenizer.json", "config.json", "modules.json"}},
		{"static-wordllama-tiny", static, []string{"tiny_10.safetensors", "tiny_tokenizer_config.json"}},
	} {
		for _, name := range test.files {
			for kind, put := range map[string]func(path string) error{
				"pipe":   func(path string) error { return syscall.Mkfifo(path, 0o644) },
				"device": func(path string) error { return os.Symlink("/dev/zero", path) },
				"folder": func(path string) error { return os.Mkdir(path, 0o755) },
			} {
				dir := copyFixture(t, test.fixture)
				if err := test.open(dir); err != nil {
					t.Fatal(err)
				}
				path := filepath.Join(dir, filepath.FromSlash(name))
				remove(t, dir, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := put(path); err != nil {
					t.Fatal(err)
				}
				done := make(chan error, 1)
				go func() { done <- test.open(dir) }()
				select {
				case err := <-done:
					if !errors.Is(err, inputfile.ErrKind) {
						t.Errorf("%s: a %s as %s: %v", test.fixture, kind, name, err)
					}
				case <-time.After(time.Minute):
					t.Fatalf("%s: a %s as %s: no answer within a minute", test.fixture, kind, name)
				}
			}
		}
	}
}
