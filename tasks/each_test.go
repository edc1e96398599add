package tasks

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Each passes on what Load returns, and copies.
func TestEach(t *testing.T) {
	var b strings.Builder
	for i := range 40 {
		fmt.Fprintf(&b, `{"prompt":"is it %d?","chosen":"yes %d","rejected":"no %d"}`+"\n", i%38, i%38, i%38)
	}
	path := filepath.Join(t.TempDir(), "pairs.jsonl")
	if err := os.WriteFile(path, []byte(b.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	task, err := OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data, err := task.Load(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	ok, err := Each(context.Background(), task, nil, func(e Example) error {
		seen[e.ID]++
		i := slices.IndexFunc(data.Pool, func(x Example) bool { return x.ID == e.ID })
		if i < 0 || !slices.Equal(data.Pool[i].Texts, e.Texts) {
			t.Errorf("Load has no example with the texts %q", e.Texts)
		}
		return nil
	})
	copies := 0
	for _, n := range seen {
		copies += n - 1
	}
	if !ok || err != nil || len(seen) != len(data.Pool) || copies != 2 {
		t.Errorf("%v, %v: %d examples and %d copies, want %d and 2", ok, err, len(seen), copies, len(data.Pool))
	}

	stop := errors.New("enough")
	n := 0
	if _, err := Each(context.Background(), task, nil, func(Example) error { n++; return stop }); err != stop || n != 1 {
		t.Errorf("%v after %d examples", err, n)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Each(ctx, task, nil, func(Example) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := os.WriteFile(path, []byte(b.String()+`{"prompt":"a","chosen":"b"}`+"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	n = 0
	if _, err := Each(context.Background(), task, nil, func(Example) error { n++; return nil }); err == nil || !strings.Contains(err.Error(), "41") || n != 40 {
		t.Errorf("a fault: %v after %d examples", err, n)
	}
	builtin, err := Open("chess-mate1")
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := Each(context.Background(), builtin, nil, func(Example) error { return stop }); ok || err != nil {
		t.Errorf("a task of the program: %v, %v", ok, err)
	}
}
