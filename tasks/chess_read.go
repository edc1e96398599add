package tasks

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/corentings/chess/v2"
)

// A problem is a position to find a move in, and where it was read.
type problem struct {
	board
	file   string
	line   int
	stated []chess.Move // the solutions that the file states; nil where the rules decide
	mate   int          // mate in 1 or 2; 0: the stated solution is right, and so is every mate in one
}

// problemFile is a file of problems, read by its kind.
type problemFile struct {
	path, name string
	kind       string // "lichess", "bigbench", "pgn" or "fen"
	limit      int    // problems to read; 0 is all
}

// read calls emit for every problem. What is faulty goes to the collector.
func (f problemFile) read(ctx context.Context, c *collector, emit func(problem)) error {
	rf := rowFile{path: f.path, name: f.name, limit: f.limit}
	stored := f.path
	if f.name != "" {
		stored = f.name // a cache may keep the file under another name
	}
	format, err := formatOf(stored)
	if err != nil && f.kind != "fen" && f.kind != "pgn" {
		return err
	}
	switch f.kind {
	case "lichess":
		rf.format = format
		return f.rows(ctx, c, rf, lichessProblem, emit)
	case "bigbench":
		if rf.format = "bigbench"; format != "json" {
			rf.format = format
		}
		return f.rows(ctx, c, rf, bigbenchProblem, emit)
	case "fen":
		rf.format, rf.columns = "lines", []string{"fen"}
		return f.rows(ctx, c, rf, func(r *row) problem {
			pos, err := parseFEN(r.text("fen"))
			if err != nil {
				r.fail("%v", err)
			}
			return problem{board: board{pos: pos}, mate: 1}
		}, emit)
	case "pgn":
		rf.format = "pgn"
		return f.games(ctx, c, rf, emit)
	}
	return fmt.Errorf("tasks: %s: unknown kind of chess file %q", f.path, f.kind)
}

func (f problemFile) rows(ctx context.Context, c *collector, rf rowFile, parse func(*row) problem, emit func(problem)) error {
	digest, err := rf.read(ctx, &c.faults, func(r *row) {
		p := parse(r)
		switch {
		case r.fault != "":
			c.faults.add(r.file, r.line, "%s", r.fault)
		case r.left != "":
			c.reasons[r.left]++
		default:
			p.file, p.line = r.file, r.line
			emit(p)
		}
	})
	c.digests = append(c.digests, digest)
	return err
}

// lichessProblem reads a line of the lichess puzzle data base: the position before the opponent's move, then that move
// and the solution.
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
	return problem{board: board{pos: pos}, stated: line[1:]}
}

// bigbenchProblem reads an example of BIG-bench's checkmate_in_one: the game so far in algebraic notation. The copy on
// the hub has other names, and the task's instruction before the game.
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
	return problem{board: board{pos: pos, game: game}, stated: []chess.Move{key}, mate: 1}
}

var (
	moveNumber = regexp.MustCompile(`^\d+\.+`)
	gameResult = regexp.MustCompile(`^(1-0|0-1|1/2-1/2|\*)$`)
)

// playSAN plays "1. e4 e5 2. Nf3 …" from the starting position.
func playSAN(text string) (game []chess.Move, pos *chess.Position, err error) {
	pos = chess.StartingPosition()
	game = []chess.Move{}
	for _, word := range strings.Fields(text) {
		word = moveNumber.ReplaceAllString(word, "")
		if word == "" || gameResult.MatchString(word) {
			continue
		}
		m, err := parseSAN(pos, word)
		if err != nil {
			return nil, nil, fmt.Errorf("after %d plies: %w", len(game), err)
		}
		game = append(game, m)
		pos = pos.Update(&m)
	}
	return game, pos, nil
}

// games reads PGN and emits every position of the main lines in which there is a mate in one.
func (f problemFile) games(ctx context.Context, c *collector, rf rowFile, emit func(problem)) error {
	digest, err := rf.read(ctx, &c.faults, func(r *row) {
		c.readGame(r, emit)
	})
	c.digests = append(c.digests, digest)
	return err
}

func (c *collector) readGame(r *row, emit func(problem)) {
	pos := chess.StartingPosition()
	game := []chess.Move{}
	if fen, ok := r.columns["FEN"].(string); ok {
		from, err := parseFEN(fen)
		if err != nil {
			c.faults.add(r.file, r.line, "%v", err)
			return
		}
		pos, game = from, nil // the moves before are not known
	}
	for ply, word := range r.columns["moves"].([]any) {
		if hasMate(pos) {
			emit(problem{board: board{pos: pos, game: game}, file: r.file, line: r.line, mate: 1})
		}
		m, err := parseSAN(pos, word.(string))
		if err != nil {
			c.faults.add(r.file, r.line, "game: after %d plies: %v", ply, err)
			return
		}
		if game != nil {
			game = append(game[:len(game):len(game)], m)
		}
		pos = pos.Update(&m)
	}
	if hasMate(pos) {
		emit(problem{board: board{pos: pos, game: game}, file: r.file, line: r.line, mate: 1})
	}
}

// readPGN cuts a PGN file into games: a row has the tags, and under "moves" the moves of the main line. Comments,
// variations, numbers of moves and of annotations are passed over.
func readPGN(in io.Reader, faults *Faults, f rowFile, emit func(*row) bool) error {
	tag := regexp.MustCompile(`^\[(\w+)\s+"(.*)"\]\s*$`)
	current := &row{columns: map[string]any{}}
	var moves []any
	depth, comment, stopped := 0, false, false
	flush := func() bool {
		if len(moves) > 0 {
			current.columns["moves"] = moves
			stopped = !emit(current)
		}
		current, moves, depth, comment = &row{columns: map[string]any{}}, nil, 0, false
		return !stopped
	}
	err := eachLine(in, func(line int, text []byte) bool {
		if !comment && depth == 0 && bytes.HasPrefix(text, []byte("%")) {
			return true
		}
		if m := tag.FindSubmatch(text); m != nil && !comment && depth == 0 {
			if len(moves) > 0 && !flush() {
				return false
			}
			current.columns[string(m[1])] = string(m[2])
			if current.line == 0 {
				current.line = line
			}
			return true
		}
		// Signs stand for themselves; a comment reaches to its brace, or from ";" to the end of the line.
		spaced := strings.NewReplacer("{", " { ", "}", " } ", "(", " ( ", ")", " ) ", ";", " ; ").Replace(string(text))
		for _, word := range strings.Fields(spaced) {
			switch {
			case comment:
				comment = word != "}"
				continue
			case word == "{":
				comment = true
				continue
			case word == "(":
				depth++
				continue
			case word == ")":
				if depth--; depth < 0 {
					faults.add(f.name, line, "\")\" without \"(\"")
					depth = 0
				}
				continue
			}
			if word == ";" {
				break
			}
			if depth > 0 || strings.HasPrefix(word, "$") {
				continue
			}
			if gameResult.MatchString(word) {
				if !flush() {
					return false
				}
				continue
			}
			if word = moveNumber.ReplaceAllString(word, ""); word != "" && strings.Trim(word, "!?.") != "" {
				if current.line == 0 {
					current.line = line
				}
				moves = append(moves, word)
			}
		}
		return true
	})
	if err != nil || stopped {
		return err
	}
	if comment || depth > 0 {
		faults.add(f.name, current.line, "the game ends inside a comment or variation")
		return nil
	}
	flush()
	return nil
}

// readBIGBench emits the examples of a BIG-bench task file, numbered from 1.
func readBIGBench(in io.Reader, faults *Faults, f rowFile, emit func(*row) bool) error {
	var task struct {
		Examples []json.RawMessage `json:"examples"`
	}
	if err := json.NewDecoder(in).Decode(&task); err != nil {
		return fmt.Errorf("not a BIG-bench task: %w", err)
	}
	for i, raw := range task.Examples {
		columns, fault := decodeObject(raw)
		if fault != "" {
			faults.add(f.name, i+1, "%s", fault)
		} else if !emit(&row{line: i + 1, columns: columns}) {
			return nil
		}
	}
	return nil
}

// chessKind tells which kind of problem file a path names, by its ending and its first bytes; "" is none.
func chessKind(path string) string {
	name := strings.TrimSuffix(strings.ToLower(filepath.Base(path)), ".gz")
	switch filepath.Ext(name) {
	case ".pgn":
		return "pgn"
	case ".fen", ".epd":
		return "fen"
	case ".csv", ".parquet":
		kind := ""
		_, err := rowFile{path: path, limit: 1}.read(context.Background(), &Faults{}, func(r *row) {
			if r.has("FEN") && r.has("Moves") {
				kind = "lichess"
			}
		})
		if err != nil {
			return ""
		}
		return kind
	case ".json":
		file, err := os.Open(path)
		if err != nil {
			return ""
		}
		defer file.Close()
		var in io.Reader = file
		if strings.HasSuffix(strings.ToLower(path), ".gz") {
			if in, err = gzip.NewReader(file); err != nil {
				return ""
			}
		}
		head, err := io.ReadAll(io.LimitReader(in, 1<<16))
		if err == nil && bytes.Contains(head, []byte(`"examples"`)) && bytes.Contains(head, []byte(`"target_scores"`)) {
			return "bigbench"
		}
	}
	return ""
}
