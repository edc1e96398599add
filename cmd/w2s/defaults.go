package main

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"w2s/harness/result"
)

// The default models of an experiment. Package archives contain them, and two cores encode the default tasks with them in
// a minute or two.
const (
	defaultWeak   = "all-MiniLM-L6-v2"
	defaultStrong = "e5-small-v2"
)

// The default models for chess, which general language models cannot play. The program contains them.
const (
	chessWeak   = "chess-0.1m"
	chessStrong = "chess-1.5m"
)

var (
	defaultTasks  = []string{"movies", "tweets"}
	defaultLosses = []string{"xent", "guardconf", "logconf"}
	defaultLadder = []string{"wordllama-64", defaultWeak, defaultStrong}
	chessLadder   = []string{"chess-0.03m", chessWeak, "chess-0.4m", chessStrong}
)

// onlyChess reports whether all tasks are chess tasks.
func onlyChess(tasks []string) bool {
	other := func(task string) bool { return !strings.HasPrefix(task, "chess-") }
	return len(tasks) > 0 && !slices.ContainsFunc(tasks, other)
}

// A pairFlags holds the flags that name one pair of models.
type pairFlags struct {
	weak, strong string
	flags        *pflag.FlagSet
}

func (p *pairFlags) register(fs *pflag.FlagSet, weak string) {
	p.flags = fs
	fs.StringVar(&p.weak, "weak", weak, "`checkpoint` of the weak supervisor: "+checkpointForms+"; "+supervisorForms())
	fs.StringVar(&p.strong, "strong", defaultStrong, "`checkpoint` of the strong student")
}

// pair returns the pair of models for tasks. If the user named neither, chess tasks get the chess models.
func (p *pairFlags) pair(tasks []string) result.Pair {
	if onlyChess(tasks) && !p.flags.Changed("weak") && !p.flags.Changed("strong") {
		return result.Pair{Weak: chessWeak, Strong: chessStrong}
	}
	return result.Pair{Weak: p.weak, Strong: p.strong}
}

// A ladderFlags holds the flag that names a ladder of models.
type ladderFlags struct {
	models []string
	flags  *pflag.FlagSet
}

func (l *ladderFlags) register(fs *pflag.FlagSet, usage string) {
	l.flags = fs
	fs.StringSliceVar(&l.models, "models", defaultLadder, usage)
}

// ladder returns the ladder of models for tasks. If the user named none, chess tasks get the chess models.
func (l *ladderFlags) ladder(tasks []string) []string {
	if onlyChess(tasks) && !l.flags.Changed("models") {
		return chessLadder
	}
	var models []string
	for _, m := range l.models {
		models = append(models, strings.TrimSpace(m))
	}
	return models
}
