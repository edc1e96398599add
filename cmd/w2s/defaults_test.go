package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/spf13/pflag"

	"w2s/harness/result"
)

// The chess models replace the general ones, but never models that the user names, on the command line or in a plan.
func TestChessModels(t *testing.T) {
	plan := filepath.Join(t.TempDir(), "plan.yaml")
	if err := os.WriteFile(plan, []byte("models: a, b\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	general, chess := result.Pair{Weak: defaultWeak, Strong: defaultStrong}, result.Pair{Weak: chessWeak, Strong: chessStrong}
	for _, c := range []struct {
		name   string
		tasks  []string
		args   []string
		plan   string
		ladder []string
		pair   result.Pair
	}{
		{"chess", []string{"chess-mate1", "chess-check"}, nil, "", chessLadder, chess},
		{"chess and others", []string{"chess-mate1", "movies"}, nil, "", defaultLadder, general},
		{"no task", nil, nil, "", defaultLadder, general},
		{"chess, ladder of a plan", []string{"chess-mate1"}, nil, plan, []string{"a", "b"}, chess},
		{"chess, models of the command line", []string{"chess-mate1"}, []string{"--strong=c", "--models=c, d"}, "",
			[]string{"c", "d"}, result.Pair{Weak: defaultWeak, Strong: "c"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var ladder ladderFlags
			var pair pairFlags
			fs := pflag.NewFlagSet("sweep", pflag.ContinueOnError)
			ladder.register(fs, "")
			pair.register(fs, defaultWeak)
			if err := fs.Parse(c.args); err != nil {
				t.Fatal(err)
			}
			if c.plan != "" {
				p, err := readPlan(c.plan)
				if err == nil {
					err = p.set(fs)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if got := ladder.ladder(c.tasks); !slices.Equal(got, c.ladder) {
				t.Errorf("ladder %v, want %v", got, c.ladder)
			}
			if got, err := pair.pair(c.tasks); err != nil || got != c.pair {
				t.Errorf("pair %v, want %v", got, c.pair)
			}
		})
	}
}
