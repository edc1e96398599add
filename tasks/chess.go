package tasks

import (
	"cmp"
	"context"
	"embed"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/corentings/chess/v2"
)

// A chessTask asks for the right move in chess positions.
//
//   - Rank: the candidates are the legal moves, each written as the position and the move. If several moves are right, they
//     share the gold label equally.
//   - Classify: one move is shown, and the question is whether it is right. A wrong move is a check if there is one, because
//     "it gives check" would otherwise be enough to answer.
//   - Generate: the move is to be written.
//
// The control text is the move without the position.
type chessTask struct {
	info     Info
	notation notation
	source   problemSource
	form     Form
	few      bool // Rank: at most fewMoves candidates (more only if more moves are right) instead of all legal moves
	count    int  // generated tasks: number of positions
	seed     uint64
}

// fewMoves is the number of candidates of the "few" variant.
const fewMoves = 8

// A problemSource says where the positions of a chess task come from.
type problemSource struct {
	name     string // name of the task without suffixes
	mate     int    // 1 or 2: generated positions with a mate in 1 or 2; 0: positions from a file
	file     problemFile
	artifact string // name of the file for a Source; "" if file.path is the user's own file
}

const (
	mate1Count, mate2Count = 2000, 1000 // number of embedded positions
	generatedSeed          = 1          // seed of the embedded positions
)

// embedded holds the first positions of seed 1, so that they need not be generated. embedded/make.go writes the files, and
// a test generates some of the positions again.
//
//go:embed embedded/mate1.tsv embedded/mate2.tsv
var embedded embed.FS

func chessInfo(name, title, source, licence string) Info {
	return Info{Name: name, Category: Chess, Form: Rank, Title: title, Source: source, Licence: licence, Metric: Accuracy, Version: 1}
}

// mateTask returns the task on generated positions with a mate in n.
func mateTask(n, count int) chessTask {
	return chessTask{
		info: chessInfo(fmt.Sprintf("chess-mate%d", n), fmt.Sprintf("find the move that mates in %d, among the legal moves", n),
			"made by this program: random games, truth by the rules of chess", "CC0-1.0"),
		notation: ladderNotation, form: Rank, count: count, seed: generatedSeed, source: problemSource{mate: n},
	}
}

// hubChessTask returns a chess task on a file of the hub.
func hubChessTask(info Info, kind, repo, file string, limit int) chessTask {
	artifact := "hf:datasets/" + repo + "@" + parquetBranch + "/" + file
	return chessTask{info: info, notation: ladderNotation, form: Rank, source: problemSource{
		name: info.Name, artifact: artifact, file: problemFile{name: repo + "/" + file, kind: kind, limit: limit},
	}}
}

// fileChessTask returns a chess task on the user's own file.
func fileChessTask(path, kind string) chessTask {
	base, _, _ := strings.Cut(filepath.Base(path), ".")
	info := chessInfo(base, "find the move, among the legal moves", filepath.Base(path), "not stated")
	return chessTask{info: info, notation: ladderNotation, form: Rank, source: problemSource{name: base, file: problemFile{path: path, kind: kind}}}
}

func (t chessTask) Info() Info { return t.info }

// variant returns the task that the name of t with a suffix means, and whether there is one. The suffixes are the
// notations, few, single and free, and for generated positions nCOUNT and seedNUMBER.
func (t chessTask) variant(suffix string) (Task, bool) {
	v := t
	v.info.Name += "-" + suffix
	generated := t.source.mate > 0
	switch {
	case slices.Contains(notations, notation(suffix)):
		v.notation = notation(suffix)
		v.info.Title += ", board as " + suffix
		return v, !(generated && v.notation.needsGame())
	case suffix == "few" && t.form == Rank:
		v.few = true
		v.info.Title += fmt.Sprintf(", %d candidates", fewMoves)
		return v, true
	case suffix == "single" && t.form == Rank:
		v.form, v.info.Form, v.info.Classes = Classify, Classify, []string{"no", "yes"}
		v.info.Title += " (one move: is it right)"
		return v, true
	case suffix == "free" && t.form == Rank:
		v.form, v.info.Form, v.info.Metric, v.info.Category = Generate, Generate, ExactMatch, Generative
		v.info.Title += " (write the move)"
		return v, true
	case generated && strings.HasPrefix(suffix, "n"):
		n, err := strconv.Atoi(suffix[1:])
		v.count = n
		return v, err == nil && n >= minExamples && n <= 1_000_000
	case generated && strings.HasPrefix(suffix, "seed"):
		seed, err := strconv.ParseUint(suffix[4:], 10, 64)
		v.seed = seed
		return v, err == nil
	}
	return nil, false
}

func (t chessTask) Load(ctx context.Context, src Source) (*Data, error) {
	c := newCollector(t.info)
	emit := func(p problem) { t.add(c, p) }
	var err error
	if t.source.mate > 0 {
		err = t.generate(ctx, c, emit)
	} else {
		file := t.source.file
		if t.source.artifact != "" {
			if file, err = t.locate(ctx, src); err != nil {
				return nil, err
			}
		}
		err = file.read(ctx, c, emit)
	}
	if err != nil {
		return nil, err
	}
	return c.finish()
}

// locate returns the file of a built-in task: a local file named after the task without suffixes, or the file on the hub.
func (t chessTask) locate(ctx context.Context, src Source) (problemFile, error) {
	file := t.source.file
	if finder, ok := src.(Finder); ok {
		if path, ok := finder.Find(t.source.name + "-train"); ok {
			file.path, file.name = path, ""
			return file, nil
		}
	}
	var err error
	if file.path, err = src.Path(ctx, t.source.artifact); err != nil {
		return file, fmt.Errorf("tasks: %s: %w", t.info.Name, err)
	}
	return file, nil
}

// generate emits generated positions. It takes them from the embedded files if these have enough of the seed.
func (t chessTask) generate(ctx context.Context, c *collector, emit func(problem)) error {
	mates, err := embeddedMates(t.source.mate)
	if err != nil {
		return err
	}
	if t.seed != generatedSeed || len(mates) < t.count {
		if mates, err = Mates(ctx, t.source.mate, t.seed, t.count); err != nil {
			return err
		}
	}
	for i, m := range mates[:t.count] {
		pos, err := parseFEN(m.FEN)
		if err != nil {
			return err
		}
		p := problem{board: board{pos: pos}, file: t.info.Name, line: i + 1}
		for _, key := range m.Keys {
			move, err := parseUCI(pos, key)
			if err != nil {
				return fmt.Errorf("tasks: %s: position %d: %w", t.info.Name, i+1, err)
			}
			p.solutions = append(p.solutions, move)
		}
		c.digests = append(c.digests, m.FEN)
		emit(p)
	}
	return nil
}

// embeddedMates reads the embedded positions with a mate in depth.
func embeddedMates(depth int) ([]Mate, error) {
	name := fmt.Sprintf("embedded/mate%d.tsv", depth)
	data, err := embedded.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var mates []Mate
	for line := range strings.Lines(string(data)) {
		fen, keys, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if !ok {
			return nil, fmt.Errorf("tasks: %s: %q has no solution", name, line)
		}
		mates = append(mates, Mate{FEN: fen, Keys: strings.Fields(keys)})
	}
	return mates, nil
}

// add makes the example of a problem and adds it to the collector.
func (t chessTask) add(c *collector, p problem) {
	if t.notation.needsGame() && p.game == nil {
		c.faults.add(p.file, p.line, "the notation %q writes the moves of the game, which are not known here (use %s, %s or %s)",
			t.notation, ladderNotation, fenNotation, wordsNotation)
		return
	}
	moves := legalMoves(p.pos)
	right, reason := rightMoves(p, moves)
	if reason == "" && len(right) == len(moves) && t.form != Generate {
		reason = "every legal move is right"
	}
	if reason != "" {
		c.skipped[reason]++
		return
	}
	var e Example
	switch t.form {
	case Classify:
		e = t.singleExample(p, moves, right)
	case Rank:
		e = t.rankExample(p, moves, right)
	case Generate:
		e = t.freeExample(p, right)
	}
	e.Group = "position " + strings.Join(strings.Fields(p.pos.String())[:4], " ")
	c.add(p.file, p.line, false, e)
}

// rankExample asks for the right ones among the legal moves.
func (t chessTask) rankExample(p problem, moves, right []chessMove) Example {
	candidates := moves
	if t.few {
		candidates = slices.Concat(right, distractors(p, moves, right))
		candidates = candidates[:min(max(fewMoves, len(right)+1), len(candidates))]
	}
	var e Example
	for _, m := range candidates {
		e.Texts = append(e.Texts, t.text(p, m))
		e.Control = append(e.Control, t.notation.move(p.board, m.Move))
		gold := 0.0
		if containsMove(right, m.Move) {
			gold = 1 / float64(len(right))
		}
		e.Gold = append(e.Gold, gold)
	}
	return e
}

// singleExample asks whether one move is right.
func (t chessTask) singleExample(p problem, moves, right []chessMove) Example {
	key := p.pos.String()
	yes := coin("single", key)
	var m chessMove
	if yes {
		m = right[pick(len(right), "right", key)]
	} else {
		m = distractors(p, moves, right)[0]
	}
	e := yesNo(t.text(p, m), yes)
	e.Control = []string{t.notation.move(p.board, m.Move)}
	return e
}

// freeExample asks for a right move in writing.
func (t chessTask) freeExample(p problem, right []chessMove) Example {
	answers := make([]string, len(right))
	for i, m := range right {
		answers[i] = t.notation.move(p.board, m.Move)
	}
	// Two positions that differ in the colours only can have the same text. Sorted answers make them equal examples.
	slices.Sort(answers)
	return Example{Texts: []string{t.notation.prompt(p.board)}, Answer: answers[0], Also: answers[1:]}
}

// text writes the position and a move.
func (t chessTask) text(p problem, m chessMove) string {
	return strings.TrimSpace(t.notation.prompt(p.board) + " " + t.notation.move(p.board, m.Move))
}

// rightMoves returns the moves that solve the problem, in the order of their UCI text, or the reason why there are none.
func rightMoves(p problem, moves []chessMove) (right []chessMove, reason string) {
	isSolution := func(m chessMove) bool {
		return slices.ContainsFunc(p.solutions, func(s chess.Move) bool { return uci(s) == uci(m.Move) })
	}
	switch p.mate {
	case 1:
		right = matesIn1(moves)
	case 2:
		right = matesIn2(p.pos, moves)
	default:
		for _, m := range moves {
			if m.mate || isSolution(m) {
				right = append(right, m)
			}
		}
	}
	if len(right) == 0 {
		return nil, fmt.Sprintf("no mate in %d", p.mate)
	}
	if p.mate > 0 && p.solutions != nil && !slices.ContainsFunc(right, isSolution) {
		return nil, "the stated solution does not mate"
	}
	return right, ""
}

// distractors returns the wrong moves: first the checks, then the captures, then the others, each ordered by a hash.
func distractors(p problem, moves, right []chessMove) []chessMove {
	var wrong []chessMove
	for _, m := range moves {
		if !containsMove(right, m.Move) {
			wrong = append(wrong, m)
		}
	}
	position := p.pos.String()
	order := func(m chessMove) (int, uint64) {
		class := 2
		if m.check {
			class = 0
		} else if m.capture {
			class = 1
		}
		return class, hash64("distractor", position, uci(m.Move))
	}
	slices.SortFunc(wrong, func(a, b chessMove) int {
		classA, hashA := order(a)
		classB, hashB := order(b)
		return cmp.Or(cmp.Compare(classA, classB), cmp.Compare(hashA, hashB))
	})
	return wrong
}

func containsMove(moves []chessMove, move chess.Move) bool {
	return slices.ContainsFunc(moves, func(m chessMove) bool { return uci(m.Move) == uci(move) })
}
