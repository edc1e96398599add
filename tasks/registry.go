package tasks

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"w2s/internal/suggest"
)

// All returns the built-in tasks, in the order in which they are listed. The slice is new on every call.
func All() []Task {
	tweets := ratings{name: "tweets", title: "tweet-like texts, human-rated sentiment"}
	movies := ratings{name: "movies", title: "movie review snippets, human-rated sentiment"}
	amazon := ratings{name: "amazon", title: "Amazon review snippets, human-rated sentiment", grouped: true}
	editorials := ratings{name: "editorials", title: "newspaper editorial snippets, human-rated sentiment", grouped: true}

	helpful := hh("hh-helpful", "which of two replies is more helpful", "helpful-base")
	harmless := hh("hh-harmless", "which of two replies is less harmful", "harmless-base")
	online := hh("hh-online", "which of two replies is more helpful, from models in use", "helpful-online")
	allHH := hh("anthropic_hh-pairs", "which of two replies is better", "harmless-base", "helpful-base", "helpful-online", "helpful-rejection-sampled")

	return slices.Concat(
		[]Task{tweets, movies, amazon, editorials},
		hubTasks(),
		[]Task{
			ratingPairs{of: tweets}, ratingPairs{of: movies}, ratingPairs{of: amazon}, ratingPairs{of: editorials},
			helpful, harmless, online, allHH,
			single{of: allHH, named: "anthropic_hh"},
			mates(1, mate1Count), mates(2, mate2Count),
			hubPuzzles(chessInfo("chess-bigbench", "find the move that mates in 1 after a game", "BIG-bench checkmate_in_one (Srivastava et al. 2022)", "Apache-2.0"),
				"bigbench", "tasksource/bigbench", "checkmate_in_one/train/0000.parquet", 0),
			hubPuzzles(chessInfo("chess-lichess", "find the best move in a puzzle of lichess.org", "lichess.org open database", "CC0-1.0"),
				"lichess", "Lichess/chess-puzzles", "default/train/0000.parquet", 20_000),
		},
		choiceTasks(),
	)
}

// Names returns the names of the built-in tasks, in their order.
func Names() []string {
	var names []string
	for _, t := range All() {
		names = append(names, t.Info().Name)
	}
	return names
}

// Lookup returns the built-in task of that name, or a variant of one: the name of a ranking with "-single" asks about one
// candidate at a time ([Single]), that of a classification with "-free" wants the name of the class in writing
// ([Verbal]), and the chess tasks take "-fen", "-words", "-san", "-uci" and "-ladder" (how the board
// is written), "-few" (8 candidates), "-free" (write the move), and the generated ones "-n5000" and "-seed7". An unknown
// name gives an error that suggests the nearest ones.
func Lookup(name string) (Task, error) {
	if t, ok := find(name); ok {
		return t, nil
	}
	names := Names()
	if near := suggest.Nearest(name, names); near != "" {
		return nil, fmt.Errorf("tasks: unknown task %q (did you mean %q? have: %s)", name, near, strings.Join(names, ", "))
	}
	return nil, fmt.Errorf("tasks: unknown task %q (have: %s; or a file: .jsonl, .csv, .tsv, .parquet, .yaml)", name, strings.Join(names, ", "))
}

func find(name string) (Task, bool) {
	for _, t := range All() {
		if t.Info().Name == name {
			return t, true
		}
	}
	at := strings.LastIndexByte(name, '-')
	if at < 0 {
		return nil, false
	}
	of, ok := find(name[:at])
	if !ok {
		return nil, false
	}
	ending := name[at+1:]
	if c, ok := of.(chessTask); ok {
		return c.variant(ending)
	}
	switch form := of.Info().Form; {
	case ending == "single" && form == Rank:
		return Single(of), true
	case ending == "free" && form == Classify:
		return Verbal(of), true
	}
	return nil, false
}

// Open returns the built-in task of that name, or a task made of the file of that name.
func Open(nameOrPath string) (Task, error) {
	if !looksLikeFile(nameOrPath) {
		return Lookup(nameOrPath)
	}
	return OpenFile(nameOrPath)
}

// looksLikeFile tells a path from a name: it holds a separator, ends like a data or task file, or exists.
func looksLikeFile(ref string) bool {
	if strings.ContainsAny(ref, `/\`) || isSpec(ref) {
		return true
	}
	if _, err := formatOf(ref); err == nil {
		return true
	}
	if slices.Contains(Names(), ref) {
		return false
	}
	info, err := os.Stat(ref)
	return err == nil && !info.IsDir()
}
