package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/spf13/pflag"
)

// The chess models stand in for the general ones, but not for those that the user names, be it in a plan's file.
func TestFitCheckpoints(t *testing.T) {
	plan := filepath.Join(t.TempDir(), "plan.yaml")
	if err := os.WriteFile(plan, []byte("models: a,b\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		tasks []string
		plan  string
		want  []string
	}{
		{"chess", []string{"chess-mate1", "chess-check"}, "", chessLadder},
		{"chess and others", []string{"chess-mate1", "movies"}, "", defaultLadder},
		{"no task", nil, "", defaultLadder},
		{"chess, models of a plan", []string{"chess-mate1"}, plan, []string{"a", "b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var ladder []string
			fs := pflag.NewFlagSet("sweep", pflag.ContinueOnError)
			fs.StringSliceVar(&ladder, "models", defaultLadder, "")
			if c.plan != "" {
				if err := readPlan(c.plan, fs); err != nil {
					t.Fatal(err)
				}
			}
			if fitCheckpoints(fs, c.tasks, nil, nil, &ladder); !slices.Equal(ladder, c.want) {
				t.Errorf("%v, want %v", ladder, c.want)
			}
		})
	}
}
