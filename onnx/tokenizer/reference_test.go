package tokenizer_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"w2s/internal/shareddata"
	"w2s/onnx/tokenizer"
)

// TestReference compares the ids of every shared tokenizer for every shared text, whole and cut at 32 tokens, with those of the
// Hugging Face library.
func TestReference(t *testing.T) {
	texts := readJSON[[]string](t, shareddata.Path(t, "reference", "texts.json"))
	files, err := filepath.Glob(filepath.Join(shareddata.Path(t, "reference", "tokens"), "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no reference ids: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".jsonl")
		t.Run(name, func(t *testing.T) {
			tk, err := tokenizer.Load(shareddata.Path(t, "tokenizers", name, "tokenizer.json"))
			if err != nil {
				t.Fatal(err)
			}
			f, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			lines := 0
			scanner := bufio.NewScanner(f)
			for scanner.Buffer(nil, 1<<24); scanner.Scan(); lines++ {
				var want struct {
					Text     int
					IDs, Cut []int64
				}
				line := strings.Replace(scanner.Text(), "ids_cut_at_32", "cut", 1)
				if err := json.Unmarshal([]byte(line), &want); err != nil {
					t.Fatal(err)
				}
				text := texts[want.Text]
				compare(t, tk, text, tokenizer.Options{}, want.IDs)
				cut := compare(t, tk, text, tokenizer.Options{MaxTokens: 32}, want.Cut)
				if cut.Cut != len(want.IDs)-len(want.Cut) {
					t.Errorf("text %d: Cut = %d, want %d", want.Text, cut.Cut, len(want.IDs)-len(want.Cut))
				}
			}
			if scanner.Err() != nil || lines != len(texts) {
				t.Fatalf("read %d of %d lines of the reference: %v", lines, len(texts), scanner.Err())
			}
		})
	}
}

func compare(t *testing.T, tk *tokenizer.Tokenizer, text string, o tokenizer.Options, want []int64) tokenizer.Encoding {
	t.Helper()
	got, err := tk.Encode(text, o)
	if err != nil {
		t.Errorf("%q: %v", text, err)
	} else if !slices.Equal(got.IDs, want) {
		t.Errorf("%.300q, %+v:\n got %v\nwant %v", text, o, got.IDs, want)
	}
	return got
}

func readJSON[T any](t testing.TB, path string) (v T) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return v
}
