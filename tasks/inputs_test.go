package tasks

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestOrigins(t *testing.T) {
	for name, want := range map[string][]string{
		"movies": {"package"}, "movies-pairs-single": {"package"}, "sst2-free": {"hub"}, "boolq": {"hub", "GitHub"}, "llmbar": {"GitHub"},
		"chess-mate1-few": {"program"}, "chess-lichess": {"hub", "GitHub"}, "chess-bigbench": {"hub"}, "arc-easy-choices": {"hub", "GitHub"},
	} {
		task, err := Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := Origins(task); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for _, task := range All() {
		if Origins(task) == nil {
			t.Errorf("%s comes from nowhere", task.Info().Name)
		}
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	for name, content := range map[string]string{
		"a.jsonl":    `{"text":"good","label":1}` + "\n",
		"b.csv":      "text,label\nbad,0\n",
		"games.pgn":  "[Event \"x\"]\n\n1. e4 e5 *\n",
		"task.yaml":  "train: [a.jsonl, " + in("b.csv") + "]\ntest: sub/c.jsonl\n",
		"chess.yaml": "train: games.pgn\nboard: fen\nform: rank\n",
	} {
		if err := os.WriteFile(in(name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string][]string{
		in("a.jsonl"):    {in("a.jsonl")},
		in("task.yaml"):  {in("a.jsonl"), in("b.csv"), in("sub/c.jsonl")},
		in("games.pgn"):  {in("games.pgn")},
		in("chess.yaml"): {in("games.pgn")},
		"movies":         nil,
		"chess-mate1":    nil,
	} {
		task, err := Open(name)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := Files(task); !slices.Equal(got, want) {
			t.Errorf("%s: files %q, want %q", name, got, want)
		}
	}
}
