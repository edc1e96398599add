package tasks

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/corentings/chess/v2"
)

// A problem is a position in which to find a move.
type problem struct {
	board
	file      string // where the problem was read
	line      int
	rating    int          // how hard the puzzle is; 0 if the file does not say
	mate      int          // 1 or 2: the moves that force mate in 1 or 2 are right; 0: solutions and all mates in one are right
	solutions []chess.Move // the solutions that the file states; nil if the rules of chess decide
}

// A problemFile is a file of problems.
type problemFile struct {
	path, name string   // see rowFile
	kind       string   // "lichess", "bigbench", "pgn" or "fen"
	limit      int      // number of rows to read; 0 means all
	columns    []string // of a CSV file without a header line
}

// read calls emit for every problem of the file. Faulty rows go to the collector.
func (f problemFile) read(ctx context.Context, c *collector, emit func(problem)) error {
	rf := rowFile{path: f.path, name: f.name, limit: f.limit, columns: f.columns}
	var parse func(*row) problem
	switch f.kind {
	case "lichess", "bigbench":
		// The name has the extension of the file. A cache may store the file under another path.
		format, err := formatOf(cmp.Or(f.name, f.path))
		if err != nil {
			return err
		}
		rf.format, parse = format, lichessProblem
		if f.kind == "bigbench" {
			parse = bigbenchProblem
			if format == "json" {
				rf.format = "bigbench"
			}
		}
	case "fen":
		rf.format, rf.columns, parse = "lines", []string{"fen"}, fenProblem
	case "pgn":
		rf.format = "pgn"
		return c.readRows(ctx, rf, func(r *row) {
			readGame(r, emit)
			c.rejected(r)
		})
	default:
		return fmt.Errorf("tasks: %s: unknown kind of chess file %q", f.path, f.kind)
	}
	return c.readRows(ctx, rf, func(r *row) {
		c.rows++
		p := parse(r)
		if !c.rejected(r) {
			p.file, p.line = r.file, r.line
			emit(p)
		}
	})
}

// fenProblem reads a position with a mate in one.
func fenProblem(r *row) problem {
	pos, err := parseFEN(r.text("fen"))
	if err != nil {
		r.fail("%v", err)
	}
	return problem{board: board{pos: pos}, mate: 1}
}

// lichessProblem reads a row of the lichess puzzle database: the position before the opponent's move, then that move and
// the solution.
func lichessProblem(r *row) problem {
	pos, err := parseFEN(r.text("FEN"))
	if r.fault != "" {
		return problem{}
	}
	if err != nil {
		r.fail("%v", err)
		return problem{}
	}
	moves := strings.Fields(r.text("Moves"))
	if len(moves) < 2 {
		r.fail("Moves %q: want the opponent's move and the solution", r.text("Moves"))
		return problem{}
	}
	var line [2]chess.Move
	for i := range line {
		m, err := parseUCI(pos, moves[i])
		if err != nil {
			r.fail("Moves: %v", err)
			return problem{}
		}
		line[i] = m
		if i == 0 {
			pos = pos.Update(&m)
		}
	}
	rating := 0
	if r.has(ratingColumn) {
		rating = r.int(ratingColumn)
	}
	return problem{board: board{pos: pos}, solutions: line[1:], rating: rating}
}

// bigbenchProblem reads an example of checkmate_in_one of BIG-bench: the game so far in algebraic notation, and the mate. The
// copy on the hub has other column names, and instructions before the game.
func bigbenchProblem(r *row) problem {
	var input, target string
	if r.has("inputs") {
		input = r.text("inputs")
		if targets := r.list("targets"); len(targets) > 0 {
			target = targets[0]
		}
	} else {
		input, target = r.text("input"), r.text("target")
	}
	if r.fault != "" {
		return problem{}
	}
	if at := strings.Index(input, "1. "); at > 0 {
		input = input[at:]
	}
	game, pos, err := playSAN(input)
	if err != nil {
		r.fail("input: %v", err)
		return problem{}
	}
	key, err := parseSAN(pos, target)
	if err != nil {
		r.fail("target: %v", err)
	}
	return problem{board: board{pos: pos, game: game}, solutions: []chess.Move{key}, mate: 1}
}

// readBIGBench reads the examples of a BIG-bench task file. The line of a row is the number of the example, from 1.
func readBIGBench(in io.Reader, faults *Faults, f rowFile, emit func(*row) bool) error {
	j := newJSONReader(in)
	j.byNumber = true
	found := false
	err := j.fields(func(key string) (more bool, err error) {
		c, err := j.peek()
		switch {
		case err != nil:
			return false, err
		case key != "examples" || c != '[':
			return true, j.read(false)
		case found:
			return false, errors.New("the key \"examples\" is there twice")
		}
		found = true
		j.next()
		return j.list(faults, f, emit)
	})
	if err == nil && !found {
		err = errors.New("no list \"examples\"")
	}
	if err != nil {
		return fmt.Errorf("not a BIG-bench task: %w", err)
	}
	return nil
}

// chessKind returns the kind of a file of chess problems, or "" for other files. It looks at the extension and the first
// row or bytes.
func chessKind(path string) string {
	name := strings.TrimSuffix(strings.ToLower(filepath.Base(path)), ".gz")
	switch filepath.Ext(name) {
	case ".pgn":
		return "pgn"
	case ".fen", ".epd":
		return "fen"
	case ".csv", ".parquet":
		columns, _, err := firstColumns(path, nil)
		if err == nil && slices.Contains(columns, "FEN") && slices.Contains(columns, "Moves") {
			return "lichess"
		}
	case ".json":
		file, err := openFile(path)
		if err != nil {
			return ""
		}
		defer file.Close()
		in, err := plainText(file, &budget{})
		if err != nil {
			return ""
		}
		head, err := io.ReadAll(io.LimitReader(in, 1<<16))
		if err == nil && bytes.Contains(head, []byte(`"examples"`)) && bytes.Contains(head, []byte(`"target_scores"`)) {
			return "bigbench"
		}
	}
	return ""
}
