package main

import (
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"w2s/harness/result"
	"w2s/internal/list"
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
	fs.StringVar(&p.weak, "weak", weak, "`checkpoint` of the weak supervisor, or several, separated by commas: "+checkpointForms+"; "+supervisorForms())
	fs.StringVar(&p.strong, "strong", defaultStrong, "`checkpoint` of the strong student")
}

// pairs returns the pair of each weak supervisor with the strong model for tasks. If the user named no model, chess tasks get the
// chess models.
func (p *pairFlags) pairs(tasks []string) []result.Pair {
	if onlyChess(tasks) && !p.flags.Changed("weak") && !p.flags.Changed("strong") {
		return []result.Pair{{Weak: chessWeak, Strong: chessStrong}}
	}
	return list.Map(list.AppendNew(nil, weakNames(p.weak)...), func(weak string) result.Pair { return result.Pair{Weak: weak, Strong: p.strong} })
}

// pair returns the only pair, or an error if there are several.
func (p *pairFlags) pair(tasks []string) (result.Pair, error) {
	pairs := p.pairs(tasks)
	if len(pairs) > 1 {
		return pairs[0], usagef("--weak %s: this command takes one supervisor", p.weak)
	}
	return pairs[0], nil
}

// weakNames splits a list of supervisors at its commas. The name of a file or folder may have some.
func weakNames(text string) []string {
	_, path := cutSupervisor(text)
	if _, err := os.Stat(path); err == nil {
		return []string{text}
	}
	return list.Map(strings.Split(text, ","), strings.TrimSpace)
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
