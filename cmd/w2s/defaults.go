package main

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Defaults of w2s run: checkpoints and data that package archives hold, small enough for two minutes on two cores.
const (
	defaultWeak   = "all-MiniLM-L6-v2"
	defaultStrong = "e5-small-v2"
)

// The checkpoints for chess, which general language models cannot play. They are part of the program.
const (
	chessWeak   = "chess-0.1m"
	chessStrong = "chess-1.5m"
)

var (
	defaultTasks  = []string{"movies", "tweets"}
	defaultLosses = []string{"xent", "confidence", "logconf"}
	defaultLadder = []string{"wordllama-64", defaultWeak, defaultStrong}
	chessLadder   = []string{"chess-0.03m", chessWeak, "chess-0.4m", chessStrong}
)

// fitCheckpoints puts the chess models in the place of the general ones where all tasks are chess and the user has not
// chosen: weak and strong may be nil, and so may ladder.
func fitCheckpoints(fs *pflag.FlagSet, tasks []string, weak, strong *string, ladder *[]string) {
	other := func(task string) bool { return !strings.HasPrefix(task, "chess-") }
	if len(tasks) == 0 || slices.ContainsFunc(tasks, other) {
		return
	}
	if weak != nil && !fs.Changed("weak") && !fs.Changed("strong") {
		*weak, *strong = chessWeak, chessStrong
	}
	if ladder != nil && !fs.Changed("models") {
		*ladder = chessLadder
	}
}

// trim takes the spaces from around the names of a list.
func trim(names []string) {
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
}
