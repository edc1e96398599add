package tasks

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/corentings/chess/v2"

	"w2s/internal/prob"
	"w2s/internal/race"
	"w2s/internal/shareddata"
)

func position(t testing.TB, fen string) *chess.Position {
	t.Helper()
	pos := chess.StartingPosition()
	if err := pos.UnmarshalText([]byte(fen)); err != nil {
		t.Fatal(err)
	}
	return pos
}

func perft(pos *chess.Position, depth int) int {
	moves := pos.ValidMoves()
	if depth == 1 {
		return len(moves)
	}
	n := 0
	for i := range moves {
		n += perft(pos.Update(&moves[i]), depth-1)
	}
	return n
}

// The rules library is compared with the published perft counts of the positions of Kaufman and Roth.
func TestRulesPerft(t *testing.T) {
	for _, c := range []struct {
		fen    string
		counts []int
	}{
		{"rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1", []int{20, 400, 8902, 197281}},
		{"r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1", []int{48, 2039, 97862}},
		{"8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1", []int{14, 191, 2812, 43238}},
		{"r3k2r/Pppp1ppp/1b3nbN/nP6/BBP1P3/q4N2/Pp1P2PP/R2Q1RK1 w kq - 0 1", []int{6, 264, 9467}},
		{"rnbq1k1r/pp1Pbppp/2p5/8/2B5/8/PPP1NnPP/RNBQK2R w KQ - 1 8", []int{44, 1486, 62379}},
		{"r4rk1/1pp1qppp/p1np1n2/2b1p1B1/2B1P1b1/P1NP1N2/1PP1QPPP/R4RK1 w - - 0 10", []int{46, 2079, 89890}},
	} {
		for i, want := range c.counts {
			if got := perft(position(t, c.fen), i+1); got != want {
				t.Errorf("%s: depth %d: %d positions, want %d", c.fen, i+1, got, want)
			}
		}
	}
}

// chessReference holds what python-chess computes; fixtures/tasks/make_chess.py writes it.
type chessReference struct {
	Positions []struct {
		FEN         string            `json:"fen"`
		Legal       map[string]string `json:"legal"` // UCI → SAN without + and #
		Mates1      []string          `json:"mates1"`
		Mates2      *[]string         `json:"mates2"`
		Ladder      string            `json:"ladder"`
		LadderMoves map[string]string `json:"ladder_moves"`
	} `json:"positions"`
	Game struct{ SAN, UCI, FEN string } `json:"game"`
}

func reference(t testing.TB) chessReference {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(shareddata.Root(), "fixtures", "tasks", "chess.json"))
	if err != nil {
		t.Fatal(err)
	}
	var ref chessReference
	if err := json.Unmarshal(data, &ref); err != nil {
		t.Fatal(err)
	}
	return ref
}

func uciList(moves []chessMove) []string {
	list := []string{}
	for _, m := range moves {
		list = append(list, uci(m.Move))
	}
	return list
}

func TestChessAgainstPythonChess(t *testing.T) {
	mates1, mates2 := 0, 0
	for _, p := range reference(t).Positions {
		pos, err := parseFEN(p.FEN)
		if err != nil {
			t.Errorf("%s: %v", p.FEN, err)
			continue
		}
		moves := legalMoves(pos)
		if len(moves) != len(p.Legal) {
			t.Errorf("%s: %d legal moves, want %d", p.FEN, len(moves), len(p.Legal))
		}
		for _, m := range moves {
			want, ok := p.Legal[uci(m.Move)]
			if san := bareSAN(pos, m.Move); !ok || san != want {
				t.Errorf("%s: move %s is %q, want %q", p.FEN, uci(m.Move), san, want)
			}
			if back, err := parseSAN(pos, want); err != nil || uci(back) != uci(m.Move) {
				t.Errorf("%s: %q parses as %s, %v", p.FEN, want, uci(back), err)
			}
			if got := ladderMove(pos, m.Move); got != p.LadderMoves[uci(m.Move)] {
				t.Errorf("%s: ladder move %q, want %q", p.FEN, got, p.LadderMoves[uci(m.Move)])
			}
		}
		if got := uciList(matesIn1(moves)); !slices.Equal(got, p.Mates1) {
			t.Errorf("%s: mates %v, want %v", p.FEN, got, p.Mates1)
		}
		if len(p.Mates1) > 0 != hasMate(pos) {
			t.Errorf("%s: hasMate is %v", p.FEN, hasMate(pos))
		}
		mates1 += len(p.Mates1)
		if p.Mates2 != nil && len(p.Mates1) == 0 {
			if got := uciList(matesIn2(pos, moves)); !slices.Equal(got, *p.Mates2) {
				t.Errorf("%s: mates in two %v, want %v", p.FEN, got, *p.Mates2)
			}
			mates2 += len(*p.Mates2)
		}
		if got := ladderPosition(pos); got != p.Ladder {
			t.Errorf("%s:\n got %s\nwant %s", p.FEN, got, p.Ladder)
		}
	}
	if mates1 < 60 || mates2 < 25 {
		t.Errorf("the reference has only %d mates in one and %d in two", mates1, mates2)
	}
}

// The embedded positions are those that Mates generates, and their solutions are right. (The first ones are compared with
// python-chess above.)
func TestEmbeddedMates(t *testing.T) {
	race.SkipLong(t)
	for depth, count := range map[int]int{1: mate1Count, 2: mate2Count} {
		list, err := embeddedMates(depth)
		if err != nil || len(list) != count {
			t.Fatalf("mate in %d: %d positions, %v", depth, len(list), err)
		}
		n := map[int]int{1: 40, 2: 4}[depth]
		made, err := Mates(context.Background(), depth, generatedSeed, n)
		if err != nil || !reflect.DeepEqual(made, list[:n]) {
			t.Errorf("mate in %d: Mates generates other positions, error %v", depth, err)
		}
		if other, err := Mates(context.Background(), depth, 2, 3); err != nil || reflect.DeepEqual(other, list[:3]) {
			t.Errorf("mate in %d: another seed gives the same positions, error %v", depth, err)
		}
	}
	for _, m := range must(embeddedMates(1)) {
		pos := position(t, m.FEN)
		if got := uciList(matesIn1(legalMoves(pos))); !slices.Equal(got, m.Keys) {
			t.Errorf("%s: mates %v, want %v", m.FEN, got, m.Keys)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// The target of every BIG-bench example is a mate by the rules. In nearly all examples the moves of the file are the legal
// moves; the file writes a few of them differently.
func TestBIGBench(t *testing.T) {
	race.SkipLong(t)
	path := shareddata.Path(t, "data", "bigbench-checkmate-in-one.json.gz")
	if found, ok := Local(filepath.Dir(path), nil).(Finder).Find(bigbenchFile); !ok || found != path {
		t.Errorf("--data finds %q", found)
	}
	var faults Faults
	n, listed := 0, 0
	_, err := rowFile{path: path, format: "bigbench"}.read(context.Background(), &faults, func(r *row) {
		n++
		p := bigbenchProblem(r)
		if r.fault != "" {
			t.Fatalf("example %d: %s", r.line, r.fault)
		}
		moves := legalMoves(p.pos)
		if right, reason := rightMoves(p, moves); len(right) == 0 {
			t.Errorf("example %d: %s", r.line, reason)
		}
		want := r.columns["target_scores"].(map[string]any)
		same := len(moves) == len(want)
		for _, m := range moves {
			_, ok := want[chess.AlgebraicNotation{}.Encode(p.pos, &m.Move)]
			same = same && ok
		}
		if same {
			listed++
		}
	})
	if err != nil || faults.err() != nil || n != 3500 || listed < 3450 {
		t.Errorf("%d examples, %d of them list the legal moves; want 3500 and at least 3450; error %v, faults %v", n, listed, err, faults.err())
	}
}

func TestParseSANRefusesIllegalMoves(t *testing.T) {
	// There is no knight on b1, so Nbd2 must not be parsed as a move of the knight on f3.
	pos := position(t, "rnbqkbnr/pppppppp/8/8/8/5N2/PPP1PPPP/R1BQKB1R w KQkq - 0 1")
	for bad, want := range map[string]string{"Nbd2": "not legal", "e5x": "not a move", "": "not a move", "O-O": "not legal", "Ke1": "not legal",
		"e9": "not a move", "Qd9": "not a move", "N3d2+extra": "not a move", "a8=Q": "not legal", "fxg4": "not", "Pe3e4": "not"} {
		if m, err := parseSAN(pos, bad); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q parses as %s, %v, want an error with %q", bad, uci(m), err, want)
		}
	}
	two := position(t, "4k3/8/8/8/8/8/8/R3K2R w KQ - 0 1")
	if _, err := parseSAN(two, "Rf1"); err != nil {
		t.Errorf("Rf1: %v", err)
	}
	if _, err := parseSAN(position(t, "4k3/8/8/8/8/4K3/8/R6R w - - 0 1"), "Re1"); err == nil || !strings.Contains(err.Error(), "2 pieces") {
		t.Errorf("an ambiguous move: %v", err)
	}
}

func TestParseFENRefusesImpossiblePositions(t *testing.T) {
	for bad, want := range map[string]string{
		"": "0 fields", "8/8/8/8/8/8/8/8 w - - 0 1": "0 kings", "k7/8/8/8/8/8/8/8 w - - 0 1": "White has 0 kings", "kk6/8/8/8/8/8/8/K7 w - - 0 1": "Black has 2 kings",
		"k6P/8/8/8/8/8/8/K7 w - - 0 1": "pawn on h8", "k7/8/8/8/8/8/8/K6R/8 w - - 0 1": "board", "k7/9/8/8/8/8/8/K7 w - - 0 1": "piece",
		"k7/8/8/8/8/8/8/K7 x - - 0 1": "turn", "k6R/8/8/8/8/8/8/K7 w - - 0 1": "in check", "k7/8/QQQQQQQQ/QQQQQQQQ/8/8/8/K7 b - - 0 1": "White has 17 pieces",
		"k7/8/8/8/8/8/8/K7 w": "2 fields",
	} {
		if _, err := parseFEN(bad); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", bad, err, want)
		}
	}
}

func TestNotations(t *testing.T) {
	ref := reference(t).Game
	game, pos, err := playSAN(ref.SAN)
	if err != nil {
		t.Fatal(err)
	}
	b := board{pos: pos, game: game}
	if pos.String() != ref.FEN {
		t.Errorf("position %s, want %s", pos, ref.FEN)
	}
	if got := uciNotation.prompt(b); got != ref.UCI {
		t.Errorf("UCI game %q, want %q", got, ref.UCI)
	}
	if got, want := sanNotation.prompt(b), ref.SAN+" 31."; got != want {
		t.Errorf("SAN game\n%q, want\n%q", got, want)
	}
	back := position(t, "6k1/5ppp/8/8/8/8/5PPP/3R2K1 w - - 0 1")
	mate, err := parseUCI(back, "d1d8")
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range map[notation]string{
		ladderNotation: "castle: ep: Rd1 Kg1 Pf2 Pg2 Ph2 pf7 pg7 ph7 kg8 ring pf7 pg7 ph7 .f8 .h8 kg8 move d1 -d8", // the example of FORMAT.md
		fenNotation:    "FEN: 6k1/5ppp/8/8/8/8/5PPP/3R2K1 w - - 0 1 Move: Rd8",
		wordsNotation:  "white to move. white: king g1, rook d1, pawn f2, pawn g2, pawn h2. black: king g8, pawn f7, pawn g7, pawn h7. Move: rook d1 to d8",
	} {
		b := board{pos: back}
		if got := n.prompt(b) + " " + n.move(b, mate); got != want {
			t.Errorf("%s: %q, want %q", n, got, want)
		}
	}
}

func loadNamed(t testing.TB, name string, src Source) *Data {
	t.Helper()
	task, err := Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	d, err := task.Load(context.Background(), src)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestChessVariants(t *testing.T) {
	race.SkipLong(t)
	all := loadNamed(t, "chess-mate1", nil)
	if len(all.Pool) < mate1Count-20 {
		t.Errorf("%d examples from %d positions", len(all.Pool), mate1Count)
	}
	for _, e := range all.Pool {
		for i, text := range e.Texts {
			if !strings.HasSuffix(text, " move "+e.Control[i]) || strings.ContainsAny(e.Control[i], "+#") {
				t.Fatalf("text %q with control %q", text, e.Control[i])
			}
		}
	}
	few := loadNamed(t, "chess-mate1-words-few", nil)
	for _, e := range few.Pool {
		if len(e.Texts) > fewMoves && e.Gold[0] > 0.2 || !strings.Contains(e.Texts[0], "to move. white: king") {
			t.Fatalf("%d candidates, first %q", len(e.Texts), e.Texts[0])
		}
	}
	free := loadNamed(t, "chess-mate1-free", nil)
	for _, e := range free.Pool {
		if !strings.HasSuffix(e.Texts[0], " move") || !strings.Contains(e.Answer, " -") || slices.Contains(e.Also, e.Answer) {
			t.Fatalf("prompt %q, answer %q, also %q", e.Texts[0], e.Answer, e.Also)
		}
	}
	small := loadNamed(t, "chess-mate1-n50-seed3", nil)
	if len(small.Pool) != 50 || reflect.DeepEqual(small.Pool, loadNamed(t, "chess-mate1-n50", nil).Pool) {
		t.Errorf("%d examples, want 50; or the seed changes nothing", len(small.Pool))
	}
	for _, bad := range []string{"chess-mate1-san", "chess-mate1-uci", "chess-mate1-n3", "chess-mate1-nx", "chess-mate3", "chess-mate1-single-few", "chess-mate1-seed-1", "movies-single"} {
		if _, err := Lookup(bad); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("unknown task %q", bad)) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// The wrong move of the single form is a check if the position has one. Otherwise "it gives check" would be the answer.
func TestChessSingleChecksFirst(t *testing.T) {
	race.SkipLong(t)
	d := loadNamed(t, "chess-mate1-fen-single", nil)
	yes, checks, positions := 0, 0, 0
	for _, e := range d.Pool {
		if prob.Argmax(e.Gold) == 1 {
			yes++
			continue
		}
		fen, san, _ := strings.Cut(strings.TrimPrefix(e.Texts[0], "FEN: "), " Move: ")
		pos := position(t, fen)
		move := must(parseSAN(pos, san))
		for _, m := range legalMoves(pos) {
			if m.check && !m.mate {
				positions++
				if move.HasTag(chess.Check) {
					checks++
				}
				break
			}
		}
	}
	if n := len(d.Pool); yes < n*45/100 || yes > n*55/100 {
		t.Errorf("the shown move is right in %d of %d examples", yes, n)
	}
	if positions == 0 || checks != positions {
		t.Errorf("the wrong move is a check in %d of %d positions with a check", checks, positions)
	}
}

const lichessHeader = "PuzzleId,FEN,Moves,Rating,RatingDeviation,Popularity,NbPlays,Themes,GameUrl,OpeningTags\n"

func TestChessFiles(t *testing.T) {
	dir := t.TempDir()
	var csv, fen strings.Builder
	csv.WriteString(lichessHeader)
	for i, m := range must(embeddedMates(1))[:30] {
		fmt.Fprintf(&fen, "# %d\n%s\n", i, m.FEN)
	}
	// Lichess gives the position before the opponent's move. Here the opponent moves its king or a pawn first.
	fmt.Fprintf(&csv, "0001,4k3/8/8/8/8/8/5PPP/3R2K1 b - - 0 1,e8f8 d1d8,1500,80,90,100,endgame,url,\n")
	fmt.Fprintf(&csv, "0002,6k1/4Rppp/8/8/8/8/5PPP/6K1 b - - 0 1,h7h6 e7e8 g8h7 e8e7,1500,80,90,100,mate,url,\n")
	for i := range 20 { // each with pawns on another set of files
		rank := []byte("11111PPP")
		for bit, file := range []int{0, 1, 2, 4, 7} {
			if i>>bit&1 == 1 {
				rank[file] = "P1"[file/7]
			}
		}
		fmt.Fprintf(&csv, "1%03d,6k1/5ppp/8/8/8/8/%s/3R2K1 b - - 0 1,g8f8 d1d8,1500,80,90,100,x,url,\n", i, rank)
	}
	d := load(t, write(t, dir, "puzzles.csv", csv.String()))
	if len(d.Pool) != 22 {
		t.Errorf("lichess: %d examples, want 22", len(d.Pool))
	}
	if d = load(t, write(t, dir, "made.fen", fen.String())); len(d.Pool) != 30 {
		t.Errorf("fen: %d examples, want 30", len(d.Pool))
	}
	write(t, dir, "p.csv", csv.String())
	d = load(t, write(t, dir, "words.yaml", "form: generate\nboard: words\ntrain: p.csv\n"))
	found := false
	for _, e := range d.Pool {
		found = found || e.Answer == "rook e7 to e8" && strings.HasPrefix(e.Texts[0], "white to move. white: king g1, rook e7")
	}
	if !found {
		t.Error("puzzle 0002 does not ask for the move after the opponent's move")
	}
	_, err := OpenFile(write(t, dir, "san.yaml", "form: rank\nboard: san\ntrain: p.csv\n"))
	if err != nil {
		t.Fatal(err)
	}
	report, err := Check(context.Background(), filepath.Join(dir, "san.yaml"), Limits{})
	if err != nil || report.Faults == nil || !contains(report.Faults.Error(), `p.csv:2: the notation "san" writes the moves of the game`) {
		t.Errorf("report %+v, %v", report, err)
	}
	report, err = Check(context.Background(), write(t, dir, "bad.csv", lichessHeader+"1,8/8/8/8/8/8/8/8 w - - 0 1,e2e4 e7e5,,,,,,,\n2,6k1/5ppp/8/8/8/8/5PPP/3R2K1 b - - 0 1,g8g1 d1d8,,,,,,,\n3,6k1/5ppp/8/8/8/8/5PPP/3R2K1 b - - 0 1,g8f8,,,,,,,\n"), Limits{})
	if err != nil || report.Faults == nil {
		t.Fatalf("report %+v, %v", report, err)
	}
	for _, want := range []string{"bad.csv:2: ", "kings", `bad.csv:3: Moves: move "g8g1" is not legal`, "bad.csv:4: Moves"} {
		if !contains(report.Faults.Error(), want) {
			t.Errorf("no %q in %v", want, report.Faults)
		}
	}
}

func TestPGN(t *testing.T) {
	game := `[Event "made up"]
[White "a; b"]

1. f3 {a comment (with 2. Nf3 signs)} e5 2. g4 $4 (2. e4 Nf6 (2... d5)) ; rest of the line 3. e4
2... Qh4# 0-1

`
	var games strings.Builder
	for i := range 13 { // each with different pawn moves
		fmt.Fprintf(&games, "[Round \"%d\"]\n\n1. f3 e5 2. %s %s 3. g4 Qh4# 0-1\n\n", i, []string{"a3", "b3", "c3"}[i%3], []string{"a6", "b6", "c6", "d6", "h6"}[i/3])
	}
	dir := t.TempDir()
	path := write(t, dir, "g.pgn", game+games.String())
	d := load(t, path)
	if len(d.Pool) != 14 {
		t.Fatalf("%d examples, want 14", len(d.Pool))
	}
	write(t, dir, "s.pgn", game+games.String())
	d = load(t, write(t, dir, "s.yaml", "form: generate\nboard: san\ntrain: s.pgn\n"))
	found := false
	for _, e := range d.Pool {
		found = found || e.Texts[0] == "1. f3 e5 2. g4" && e.Answer == "Qh4"
	}
	if !found {
		t.Errorf("the fool's mate is not among the examples: %q", d.Pool[0].Texts)
	}
}

// mates writes games that end in mate, each in another position. The format takes the moves before the mate.
func mates(n int, format string) string {
	var b strings.Builder
	for i := range n {
		pawns := []string{"a3", "b3", "c3", "h3", "a4", "b4", "c4", "Nc3"}[i%8] + " " + []string{"a6", "b6", "c6", "d6", "h6"}[i/8%5]
		fmt.Fprintf(&b, format+"\n\n", "1. f3 e5 2. "+pawns+" 3. g4")
	}
	return b.String()
}

// Games are read with all that annotators write into them.
func TestPGNHabits(t *testing.T) {
	for _, format := range []string{
		"%s Qh4# 0-1", "%s Qh4#", "%s Qh4 mate 0-1", "%s 3... Qh4# 0-1", "%s 3... Qh4# 0–1", "%s ... Qh4++ *", "%s 3… Qd8-h4# 1/2-1/2", "%s Qh4 ½-½", "%s Qh4 \xbd-\xbd",
		"%s Qh4#!? $1 $142 +- 0-1", "%s +- Qh4$4 0-1", "%s ± -+ +/- = ∞ Qh4# 0-1", "%s {best} (3... Nf6 4. -- $2 (4. h3)) Qh4# {over} 0-1", "%s N Qh4# D 0-1",
		"%% escaped (\n%s ; a comment { with a brace\nQh4#\n%% a line } for others\n0-1", "%s {a ; b ( c\n[Event \"no tag\"]\n} Qh4# 0-1", "%s ) Qh4# 0-1", "%s +0.35/12 Qh4# 0-1", "%s -- 0-1", "%s --", "%s 3... -- $2 {lost on time} 0-1", "%s Z0 4. -- *", "%s Qh4# 4. -- 0-1", "%s Qh4#+- 0-1", "%s Qh4-+ 0-1", "%s Qh4+/- 0-1", "%s Qh4!-/+ 0-1",
		"[Site \"?\"]\n[Variant \"Standard\"]\n[Event \"late\"]\n\n%s Qh4# 0-1",
		"[Event \"x\"] [Site \"y\"]\n [Variant \"standard\"]\n%s Qh4# 0-1", "[FEN \"rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1\"]\n[Variant \"From Position\"]\n%s Qh4#",
	} {
		d := load(t, write(t, t.TempDir(), "g.pgn", mates(20, format)))
		if len(d.Pool) != 20 || len(d.Warnings) != 0 {
			t.Errorf("%q: %d examples, warnings %q", format, len(d.Pool), d.Warnings)
		}
	}
	castle := strings.Repeat("1. Nf3 d5 2. g3 e5 3. Bg2 e4 4. %s exd3 e.p. 5. 0-0 dxe2 6. Qd2 exf1=Q+ 7. Kxf1 *\n", 1)
	good := mates(12, "%s Qh4#")
	for _, move := range []string{"d4", "d2-d4", "d2d4", "Pd4"} {
		d := load(t, write(t, t.TempDir(), "g.pgn", good+fmt.Sprintf(castle, move)))
		if len(d.Warnings) != 0 {
			t.Errorf("%s: %q", move, d.Warnings)
		}
	}
	for _, promotion := range []string{"a8=Q", "a8Q", "a8(Q)", "a8/Q", "a8=Q+ !", "a7-a8=Q"} {
		d := load(t, write(t, t.TempDir(), "g.pgn", good+"[FEN \"8/P3k3/8/8/8/8/8/4K3 w - - 0 1\"]\n\n1. "+promotion+" Kf7 *\n"))
		if len(d.Warnings) != 0 {
			t.Errorf("%s: %q", promotion, d.Warnings)
		}
	}
}

// Games that cannot be played by the rules are left out and counted. The games beside them are still read.
func TestPGNLeavesOutAndCounts(t *testing.T) {
	good := mates(12, "%s Qh4# 0-1")
	for text, want := range map[string]string{
		"1. e4 e9\n": `1 game left out: a move cannot be read or is not legal (the first: g.pgn:1: after 1 ply: "e9" is not a move)`,
		"1. f3 e5 2. g4 Qh4# 3. Kf2 0-1\n\n1. Sf3 *\n": `2 games left out: a move cannot be read or is not legal (the first: g.pgn:1: after 4 plies: move "Kf2" is not legal)`,
		"[Event \"a\"]\n1. e4 {open\n\n":               "1 game left out: a comment or variation has no end",
		"[Event \"a\"]\n1. e4 (1. d4 {x}\n\n":          "1 game left out: a comment or variation has no end",
		"1. e4 -- 2. d4 *\n":                           "1 game left out: a side does not move (null move)",
		"1. -- e5 2. d4 *\n":                           "1 game left out: a side does not move (null move)",
		"1. e4 Z0 2. d4 *\n":                           "1 game left out: a side does not move (null move)",
		"[FEN \"x\"]\n\n1. e4 e5 1-0\n":                `1 game left out: the starting position is not possible (the first: g.pgn:1: "x" is not a FEN: 1 field, want 6)`,
		"[Variant \"Atomic\"]\n\n1. e4 e5 1-0\n\n[variant \"Atomic\"]\n\n1. d4 d5 1-0\n[Event \"?\"]\n [ Variant  \"Chess960\" ]\n1. e4 *": "2 games left out: variant Atomic;1 game left out: variant Chess960",
		"[Variant \"Crazyhouse\"]\n1. e4 d5 2. exd5 Qxd5 3. P@e4 *\n":                                                                      "1 game left out: variant Crazyhouse",
		"[Variant \"Horde\"]\n[Site \"?\"]\n[Event \"x\"]\n\n1. e4 e5 1-0\n[FEN \"x\"]\n[Event \"y\"]\n\n1. e4 *\n":                        `1 game left out: the starting position is not possible (the first: g.pgn:6: "x" is not a FEN: 1 field, want 6);1 game left out: variant Horde`,
		"[Variant \"Atomic\"]\n\n*\n":                                       "",
		"1. " + strings.Repeat("Nf3 Nf6 Ng1 Ng8 ", maxGamePlies/4) + "e4 *": "1 game left out: more than 12000 plies",
	} {
		end := "\n[Event \"next\"]\n\n"
		d := load(t, write(t, t.TempDir(), "g.pgn", text+end+good))
		if got := strings.Join(d.Warnings, ";"); got != want || len(d.Pool) != 12 {
			t.Errorf("%.80q: %d examples, warnings %q, want %q", text, len(d.Pool), got, want)
		}
	}
	// Without a single good game the reason is part of the fault.
	report, err := Check(context.Background(), write(t, t.TempDir(), "v.pgn", mates(20, "[Variant \"Atomic\"]\n\n%s Qh4# 0-1")), Limits{})
	if err != nil || report.Faults == nil || report.Faults.Error() != "tasks: v: 0 examples, want at least 12 (20 games left out: variant Atomic)" {
		t.Errorf("report %+v, %v", report, err)
	}
}

// A starting position without moves is a problem too.
func TestPGNOfPositions(t *testing.T) {
	var b strings.Builder
	for _, m := range must(embeddedMates(1))[:20] {
		fmt.Fprintf(&b, "[Event \"problem\"]\n[FEN %q]\n\n*\n\n", m.FEN)
	}
	if d := load(t, write(t, t.TempDir(), "p.pgn", b.String())); len(d.Pool) != 20 {
		t.Errorf("%d examples, want 20", len(d.Pool))
	}
}

// Impossible castling rights, en passant squares and counters are corrected. Impossible positions are refused.
func TestParseFENMends(t *testing.T) {
	for fen, want := range map[string]string{
		"6k1/5ppp/8/8/8/8/R7/4K3 w KQkq - 0 1":          "6k1/5ppp/8/8/8/8/R7/4K3 w - - 0 1",
		"r3k2r/8/8/8/8/8/8/R3K1R1 w KQkq - 0 1":         "r3k2r/8/8/8/8/8/8/R3K1R1 w Qkq - 0 1",
		"r3k2r/8/8/8/8/8/8/R2K3R b KQkq - 0 1":          "r3k2r/8/8/8/8/8/8/R2K3R b kq - 0 1",
		"r3k2r/8/8/8/8/8/8/R3K2R w qkQK - 0 1":          "r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1",
		"r3k2r/8/8/8/8/8/8/R3K2R w HAha - 0 1":          "r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1",
		"4k3/8/8/8/8/8/8/R3K2R w BG - 0 1":              "4k3/8/8/8/8/8/8/R3K2R w - - 0 1",
		"4k2R/8/8/8/8/8/8/4K3 w k - 0 1":                "", // in check, but not to move
		"4k3/8/8/3pP3/8/8/8/4K3 w - d6 0 2":             "4k3/8/8/3pP3/8/8/8/4K3 w - d6 0 2",
		"4k3/3n4/8/3pP3/8/8/8/4K3 w - d6 0 2":           "4k3/3n4/8/3pP3/8/8/8/4K3 w - - 0 2",
		"4k3/8/8/4P3/8/8/8/4K3 w - d6 0 2":              "4k3/8/8/4P3/8/8/8/4K3 w - - 0 2",
		"4k3/8/8/3PP3/8/8/8/4K3 w - d6 0 2":             "4k3/8/8/3PP3/8/8/8/4K3 w - - 0 2",
		"4k3/8/8/3pP3/8/8/8/4K3 w - d5 0 2":             "4k3/8/8/3pP3/8/8/8/4K3 w - - 0 2",
		"4k3/8/8/3pP3/8/8/8/4K3 b - d6 0 2":             "4k3/8/8/3pP3/8/8/8/4K3 b - - 0 2",
		"4k3/8/8/3pP3/8/8/8/4K3 w - d9 0 2":             "",
		"4k3/8/8/8/8/8/8/R3K3 w - - 5 0":                "4k3/8/8/8/8/8/8/R3K3 w - - 5 1",
		"4k3/8/8/8/8/8/8/R3K3 w - -":                    "4k3/8/8/8/8/8/8/R3K3 w - - 0 1",
		"4k3/8/8/8/8/8/8/R3K3 w - - bm Ra8+; id \"x\";": "4k3/8/8/8/8/8/8/R3K3 w - - 0 1",
		"4k3/8/8/8/8/8/8/R3K3 w - - 3 9 extra":          "4k3/8/8/8/8/8/8/R3K3 w - - 3 9",
		"4k3/8/8/8/8/8/8/R3K3 w - - -1 1":               "",
		"4k3/8/8/8/8/8/8/R3K3 w - - 1 99999999999":      "",
		"4k3/8/8/8/8/8/8/R3K3 w xyz - 0 1":              "",
		"4k3/8/8/8/8/4r3/8/r3K2r w - - 0 1":             "", // three checks
		"4k3/8/8/8/8/8/8/r3K2r w - - 0 1":               "", // two checks along one line
		"4k3/8/8/8/1b6/8/8/4K2r w - - 0 1":              "4k3/8/8/8/1b6/8/8/4K2r w - - 0 1",
		"4k3/4R3/8/8/8/8/8/4K3 w - - 0 1":               "",
		"4k3/4n3/8/8/8/8/4r3/4K3 w - - 0 1":             "4k3/4n3/8/8/8/8/4r3/4K3 w - - 0 1",
		"4k3/pppppppp/p7/8/8/8/8/4K3 w - - 0 1":         "",
	} {
		pos, err := parseFEN(fen)
		switch {
		case want == "" && err == nil:
			t.Errorf("%s: read as %s, want an error", fen, pos)
		case want != "" && err != nil:
			t.Errorf("%s: %v", fen, err)
		case want != "" && pos.String() != want:
			t.Errorf("%s: read as %s, want %s", fen, pos, want)
		}
	}
}

// The candidates of the shared file with castling rights for rooks that are not there are all legal.
func TestCastlingCase(t *testing.T) {
	d := load(t, shareddata.Path(t, "cases", "fen-castling", "c.fen"))
	for _, e := range d.Pool {
		for _, move := range e.Control {
			if move == "e1 -g1" || move == "e1 -c1" {
				t.Errorf("%s is a candidate of %q", move, e.Texts[0])
			}
		}
	}
}

// The shared file of atomic games has no position of ordinary chess.
func TestAtomicCase(t *testing.T) {
	report, err := Check(context.Background(), shareddata.Path(t, "cases", "pgn-atomic", "v.pgn"), Limits{})
	if err != nil || report.Faults == nil || !contains(report.Faults.Error(), "games left out: variant Atomic") {
		t.Errorf("report %+v, %v", report, err)
	}
}

// FuzzChess checks that no chess file makes the readers panic or gives inconsistent data.
func FuzzChess(f *testing.F) {
	f.Add("fen", "6k1/5ppp/8/8/8/8/5PPP/3R2K1 w - - 0 1\n")
	f.Add("fen", "8/8/8/K2pP2r/8/8/8/4k3 w - d6 0 1\n")
	f.Add("pgn", "[FEN \"4k3/8/8/8/8/8/8/R3K2R w KQ - 0 1\"]\n1. O-O {x} (1. Rf1) Ke7 *\n")
	f.Add("pgn", "1. f3 e5 2. g4 Qh4# 0-1")
	f.Add("csv", lichessHeader+"1,4k3/8/8/8/8/8/5PPP/3R2K1 b - - 0 1,e8f8 d1d8,,,,,,,\n")
	f.Add("json", `{"examples":[{"input":"1. f3 e5 2. g4","target":"Qh4#","target_scores":{"Qh4#":1}}]}`)
	f.Fuzz(func(t *testing.T, ext, text string) {
		switch ext {
		case "fen", "pgn", "csv", "json":
		default:
			return
		}
		path := filepath.Join(t.TempDir(), "a."+ext)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		kind := chessKind(path)
		if kind == "" {
			return
		}
		for _, n := range notations {
			task := fileChessTask(path, kind)
			task.notation = n
			c := newCollector(task.info)
			err := task.source.file.read(context.Background(), c, func(p problem) { task.add(c, p) })
			if err != nil || c.faults.err() != nil {
				continue
			}
			d, err := c.data()
			if err != nil {
				t.Error(err)
				continue
			}
			for _, e := range d.Pool {
				if fault := checkExample(task.info, e); fault != "" {
					t.Errorf("%s: example %+v: %s", n, e, fault)
				}
			}
		}
	})
}
