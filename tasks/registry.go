package tasks

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"w2s/internal/suggest"
)

// All returns the built-in tasks in the order in which they are listed. Every call returns a new slice.
func All() []Task {
	tweets := ratings{name: "tweets", title: "tweet-like texts, human-rated sentiment", version: 2}
	movies := ratings{name: "movies", title: "movie review snippets, human-rated sentiment", version: 1}
	amazon := ratings{name: "amazon", title: "Amazon review snippets, human-rated sentiment", byReview: true, version: 2}
	editorials := ratings{name: "editorials", title: "newspaper editorial snippets, human-rated sentiment", byReview: true, version: 1}

	helpful := hh("hh-helpful", "which of two replies is more helpful", "helpful-base")
	harmless := hh("hh-harmless", "which of two replies is less harmful", "harmless-base")
	online := hh("hh-online", "which of two replies is more helpful, sampled during online training", "helpful-online")
	allHH := hh("anthropic_hh-pairs", "which of two replies is better", "harmless-base", "helpful-base", "helpful-online", "helpful-rejection-sampled")

	return slices.Concat(
		[]Task{tweets, movies, amazon, editorials},
		hubTasks(),
		[]Task{
			ratingPairs{tweets}, ratingPairs{movies}, ratingPairs{amazon}, ratingPairs{editorials},
			helpful, harmless, online, allHH,
			single{ranking: allHH, name: "anthropic_hh"},
		},
		rewardTasks(),
		[]Task{
			mateTask(1, mate1Count), mateTask(2, mate2Count),
			hubChessTask(chessInfo("chess-bigbench", "find the move that mates in 1 after a game", "BIG-bench checkmate_in_one (Srivastava et al. 2022)", "Apache-2.0"),
				"bigbench", "tasksource/bigbench", "checkmate_in_one/train/0000.parquet", 0),
			hubChessTask(chessInfo("chess-lichess", "find the best move in a puzzle of lichess.org", "lichess.org open database", "CC0-1.0"),
				"lichess", "Lichess/chess-puzzles", "default/train/0000.parquet", 20_000,
				publicSource{"jorgenwh/alpha-nonzero", []publicFile{{name: "lichess_10k_rated.csv", columns: []string{"FEN", "Moves", "Rating"}}}},
				publicSource{"kagisearch/llm-chess-puzzles", trainFiles("lichess_kagi_1000.csv")}),
		},
		choiceTasks(),
		[]Task{mathTask()},
	)
}

// Names returns the names of the built-in tasks, in the order of [All].
func Names() []string {
	var names []string
	for _, t := range All() {
		names = append(names, t.Info().Name)
	}
	return names
}

// Lookup returns the built-in task with the given name. Suffixes of the name ask for a variant of a task:
//
//   - "-single" on a ranking asks about one candidate at a time ([SingleCandidate]);
//   - "-free" on a classification asks for the name of the class in writing ([FreeAnswer]);
//   - on a chess task, "-fen", "-words", "-san", "-uci" and "-ladder" choose the notation of the board, "-few" reduces the
//     candidates to 8 and "-free" asks for the move in writing;
//   - on the puzzles of lichess, "-rated1200to1600" keeps those with a rating from 1200 to 1599;
//   - on a chess task with generated positions, "-n5000" sets their number and "-seed7" their seed.
//
// Suffixes can be combined. The error for an unknown name suggests the nearest name.
func Lookup(name string) (Task, error) {
	if t, ok := lookup(name); ok {
		return t, nil
	}
	if base, suffix, ok := cutLast(name, "-rated"); ok {
		if t, known := lookup(base); known {
			if c, chess := t.(chessTask); chess && c.source.file.kind == "lichess" {
				return nil, fmt.Errorf("tasks: %s: %q is not a band of ratings: want -ratedLOWtoHIGH with LOW below HIGH, such as %s-rated1200to1600", name, suffix, base)
			}
		}
	}
	names := Names()
	if near := suggest.Nearest(name, names); near != "" {
		return nil, fmt.Errorf("tasks: unknown task %q (did you mean %q? have: %s)", name, near, strings.Join(names, ", "))
	}
	return nil, fmt.Errorf("tasks: unknown task %q (have: %s; or a file: .jsonl, .csv, .tsv, .parquet, .yaml)", name, strings.Join(names, ", "))
}

func lookup(name string) (Task, bool) {
	for _, t := range All() {
		if t.Info().Name == name {
			return t, true
		}
	}
	at := strings.LastIndexByte(name, '-')
	if at < 0 {
		return nil, false
	}
	base, ok := lookup(name[:at])
	if !ok {
		return nil, false
	}
	suffix := name[at+1:]
	if c, ok := base.(chessTask); ok {
		return c.variant(suffix)
	}
	switch form := base.Info().Form; {
	case suffix == "single" && form == Rank:
		return SingleCandidate(base), true
	case suffix == "free" && form == Classify:
		return FreeAnswer(base), true
	}
	return nil, false
}

// Open returns the built-in task with the given name, or a task on the file with the given path. See [Lookup] and
// [OpenFile].
func Open(nameOrPath string) (Task, error) { return OpenFrom(context.Background(), nil, nameOrPath) }

// OpenFrom is Open for data sets on the hub too: "hf:ORG/NAME" with or without "@REV", whose first file it fetches from src, which
// must be a [Lister]. Settings may follow the path of a data file or the name of such a data set:
//
//	reviews.csv:text=body:label=stars:classes=bad,good    hf:ORG/NAME:config=plain:chosen=better:rejected=worse
func OpenFrom(ctx context.Context, src Source, ref string) (Task, error) {
	base, given, err := cutSettings(ref)
	if err != nil {
		return nil, &RefError{err}
	}
	if !strings.HasPrefix(base, hubRef) && !looksLikeFile(base) {
		if _, known := lookup(base); known && given != nil {
			return nil, &RefError{noSettings(base, "a built-in task")}
		}
		t, err := Lookup(base)
		if err != nil {
			return nil, &RefError{err}
		}
		return t, nil
	}
	return openData(ctx, src, base, given)
}

// A RefError reports that the name of a task or a setting after it is wrong, whatever data there is.
type RefError struct{ err error }

// Error says what is wrong.
func (e *RefError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *RefError) Unwrap() error { return e.err }

// openData opens a file or a data set on the hub, with settings.
func openData(ctx context.Context, src Source, base string, given settings) (Task, error) {
	if strings.HasPrefix(base, hubRef) {
		return openHub(ctx, src, base, given)
	}
	return openFileWith(base, given)
}

// looksLikeFile reports whether ref is a path and not a name: it contains a separator, has the extension of a data or
// task file, or is the path of an existing file and not the name of a task.
func looksLikeFile(ref string) bool {
	if ref == "-" || strings.ContainsAny(ref, `/\`) || isTaskFile(ref) {
		return true
	}
	if _, err := formatOf(ref); err == nil {
		return true
	}
	if slices.Contains(Names(), ref) {
		return false
	}
	info, err := os.Stat(ref)
	return err == nil && !info.IsDir() // pipes and devices too: opening them says what they are
}
