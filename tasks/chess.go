package tasks

import (
	"context"
	"embed"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/corentings/chess/v2"
)

// A chessTask asks for the move in chess positions.
//
// As a ranking the candidates are the legal moves, each as the position and the move; gold is the right move, spread
// evenly where there are several. Singly it asks whether one move is right: a wrong one is a check where there is one,
// as "it gives check" would else be an answer. Freely it asks for the move in writing. Control is the bare move.
type chessTask struct {
	info  Info
	form  boardForm
	from  problemSource
	few   bool // rank: the right moves and distractors, fewMoves together, instead of all legal moves
	ask   Form // Rank, Classify (singly) or Generate
	count int  // generated tasks: how many positions
	seed  uint64
}

// fewMoves is how many candidates the variant "few" has.
const fewMoves = 8

// A problemSource says where a chess task's positions come from.
type problemSource struct {
	name     string // of the task without its variants
	mate     int    // generated: mate in 1 or 2
	file     problemFile
	artifact string // hub reference of the file; "" where file.path is the user's own
}

const (
	mate1Count, mate2Count = 2000, 1000 // positions in the embedded files
	generatedSeed          = 1
)

// embedded holds the first positions of seed 1; embedded/make.go writes them and a test makes some of them again.
//
//go:embed embedded/mate1.tsv embedded/mate2.tsv
var embedded embed.FS

func chessInfo(name, title, source, licence string) Info {
	return Info{Name: name, Category: Chess, Form: Rank, Title: title, Source: source, Licence: licence, Metric: Accuracy, Version: 1}
}

func mates(n, count int) chessTask {
	return chessTask{
		info: chessInfo(fmt.Sprintf("chess-mate%d", n), fmt.Sprintf("find the move that mates in %d, among the legal moves", n),
			"made by this program: random games, truth by the rules of chess", "CC0-1.0"),
		form: ladderForm, ask: Rank, count: count, seed: generatedSeed, from: problemSource{mate: n},
	}
}

// hubPuzzles is a chess task on a file of the hub.
func hubPuzzles(info Info, kind, repo, file string, limit int) chessTask {
	artifact := "hf:datasets/" + repo + "@" + converted + "/" + file
	return chessTask{info: info, form: ladderForm, ask: Rank, from: problemSource{
		name: info.Name, artifact: artifact, file: problemFile{name: repo + "/" + file, kind: kind, limit: limit},
	}}
}

// filePuzzles is a chess task on a file of the user's own.
func filePuzzles(path, kind string) chessTask {
	base, _, _ := strings.Cut(filepath.Base(path), ".")
	info := chessInfo(base, "find the move, among the legal moves", filepath.Base(path), "not stated")
	return chessTask{info: info, form: ladderForm, ask: Rank, from: problemSource{name: base, file: problemFile{path: path, kind: kind}}}
}

func (t chessTask) Info() Info { return t.info }

// variants are the endings that change how a chess task asks: the form of the board, and few, single, free; generated
// tasks also take nCOUNT and seedNUMBER.
func (t chessTask) variant(ending string) (Task, bool) {
	v := t
	v.info.Name += "-" + ending
	switch {
	case slices.Contains(boardForms, boardForm(ending)):
		v.form = boardForm(ending)
		v.info.Title += ", board as " + ending
		return v, !(t.from.mate > 0 && v.form.needsGame())
	case ending == "few" && t.ask == Rank:
		v.few = true
		v.info.Title += fmt.Sprintf(", %d candidates", fewMoves)
		return v, true
	case ending == "single" && t.ask == Rank:
		v.ask, v.info.Form, v.info.Classes = Classify, Classify, []string{"no", "yes"}
		v.info.Title += " (one move: is it right)"
		return v, true
	case ending == "free" && t.ask == Rank:
		v.ask, v.info.Form, v.info.Metric, v.info.Category = Generate, Generate, ExactMatch, Generative
		v.info.Title += " (write the move)"
		return v, true
	case t.from.mate > 0 && strings.HasPrefix(ending, "n"):
		n, err := strconv.Atoi(ending[1:])
		v.count = n
		return v, err == nil && n >= minExamples && n <= 1_000_000
	case t.from.mate > 0 && strings.HasPrefix(ending, "seed"):
		seed, err := strconv.ParseUint(ending[4:], 10, 64)
		v.seed = seed
		return v, err == nil
	}
	return nil, false
}

func (t chessTask) Load(ctx context.Context, src Source) (*Data, error) {
	c := newCollector(t.info)
	emit := func(p problem) { t.add(c, p) }
	var err error
	if t.from.mate > 0 {
		err = t.generated(ctx, c, emit)
	} else {
		file := t.from.file
		if t.from.artifact != "" {
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

// locate finds the file of a built-in task: a local one of the name of the task without its variants, or the hub's.
func (t chessTask) locate(ctx context.Context, src Source) (problemFile, error) {
	file := t.from.file
	if finder, ok := src.(Finder); ok {
		if path, ok := finder.Find(t.from.name + "-train"); ok {
			file.path, file.name = path, ""
			return file, nil
		}
	}
	var err error
	if file.path, err = src.Path(ctx, t.from.artifact); err != nil {
		return file, fmt.Errorf("tasks: %s: %w", t.info.Name, err)
	}
	return file, nil
}

// generated emits made positions, from the embedded files as far as they reach.
func (t chessTask) generated(ctx context.Context, c *collector, emit func(problem)) error {
	mates, err := embeddedMates(t.from.mate)
	if err != nil {
		return err
	}
	if t.seed != generatedSeed || len(mates) < t.count {
		if mates, err = Mates(ctx, t.from.mate, t.seed, t.count); err != nil {
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
			p.stated = append(p.stated, move)
		}
		c.digests = append(c.digests, m.FEN)
		emit(p)
	}
	return nil
}

// embeddedMates reads the positions that are part of the program, which saves making them.
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

// add makes the example of a problem.
func (t chessTask) add(c *collector, p problem) {
	if t.form.needsGame() && p.game == nil {
		c.faults.add(p.file, p.line, "the form %q tells a position by its game, which is not known here (use %s, %s or %s)", t.form, ladderForm, fenForm, wordsForm)
		return
	}
	moves := legalMoves(p.pos)
	right, reason := rightMoves(p, moves)
	if reason != "" {
		c.reasons[reason]++
		return
	}
	isRight := func(m chessMove) bool {
		return slices.ContainsFunc(right, func(r chessMove) bool { return uci(r.Move) == uci(m.Move) })
	}
	key := p.pos.String()
	prompt := t.form.prompt(p.board)
	join := func(m chessMove) string { return strings.TrimSpace(prompt + " " + t.form.move(p.board, m.Move)) }
	e := Example{Group: "position " + strings.Join(strings.Fields(key)[:4], " ")}
	switch t.ask {
	case Generate:
		e.Texts = []string{prompt}
		for _, m := range right {
			e.Also = append(e.Also, t.form.move(p.board, m.Move))
		}
		slices.Sort(e.Also) // by text: a position and its twin with colours swapped may read the same
		e.Answer, e.Also = e.Also[0], e.Also[1:]
	case Classify:
		wrong := distractors(moves, isRight, key)
		if len(wrong) == 0 {
			c.reasons["every legal move is right"]++
			return
		}
		yes := coin("single", key)
		m := wrong[0]
		if yes {
			m = right[pick(len(right), "right", key)]
		}
		one := yesNo(join(m), yes)
		e.Texts, e.Gold = one.Texts, one.Gold
		e.Control = []string{t.form.move(p.board, m.Move)}
	case Rank:
		list := moves
		if t.few {
			list = append(slices.Clone(right), distractors(moves, isRight, key)...)
			list = list[:min(max(fewMoves, len(right)+1), len(list))]
		}
		if len(list) == len(right) {
			c.reasons["every legal move is right"]++
			return
		}
		for _, m := range list {
			e.Texts = append(e.Texts, join(m))
			e.Control = append(e.Control, t.form.move(p.board, m.Move))
			g := 0.0
			if isRight(m) {
				g = 1 / float64(len(right))
			}
			e.Gold = append(e.Gold, g)
		}
	}
	c.add(p.file, p.line, false, e)
}

// rightMoves returns the moves that solve the problem, in the order of their UCI text, or why there are none.
func rightMoves(p problem, moves []chessMove) (right []chessMove, reason string) {
	stated := func(m chessMove) bool {
		return slices.ContainsFunc(p.stated, func(s chess.Move) bool { return uci(s) == uci(m.Move) })
	}
	switch p.mate {
	case 1:
		right = matesIn1(moves)
	case 2:
		right = matesIn2(p.pos, moves)
	default:
		for _, m := range moves {
			if m.mate || stated(m) {
				right = append(right, m)
			}
		}
	}
	if len(right) == 0 {
		return nil, fmt.Sprintf("no mate in %d", p.mate)
	}
	if p.mate > 0 && p.stated != nil && !slices.ContainsFunc(right, stated) {
		return nil, "the stated solution does not mate"
	}
	return right, ""
}

// distractors returns the wrong moves: checks first, then captures, then the others, each in an order by hash.
func distractors(moves []chessMove, right func(chessMove) bool, key string) []chessMove {
	var wrong []chessMove
	for _, m := range moves {
		if !right(m) {
			wrong = append(wrong, m)
		}
	}
	rank := func(m chessMove) (int, uint64) {
		class := 2
		if m.check {
			class = 0
		} else if m.capture {
			class = 1
		}
		return class, hash64("distractor", key, uci(m.Move))
	}
	slices.SortFunc(wrong, func(a, b chessMove) int {
		classA, hashA := rank(a)
		classB, hashB := rank(b)
		switch {
		case classA != classB:
			return classA - classB
		case hashA < hashB:
			return -1
		}
		return 1
	})
	return wrong
}
