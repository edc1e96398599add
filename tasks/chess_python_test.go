package tasks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/corentings/chess/v2"

	"w2s/internal/race"
	"w2s/internal/shareddata"
)

// python runs a script of testdata and decodes what it writes. It skips the test if Python or a module is missing.
func python(t *testing.T, modules, script string, in, out any, args ...string) {
	t.Helper()
	interpreter := shareddata.Python(t, modules)
	stdin, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(interpreter, append([]string{filepath.Join("testdata", script)}, args...)...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(stdin), &stderr
	stdout, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, stderr.String())
	}
	if err := json.Unmarshal(stdout, out); err != nil {
		t.Fatal(err)
	}
}

// hostileFENs returns FENs of random games, most of them changed: pieces added, moved and removed, other castling rights and en
// passant squares, the other side to move.
func hostileFENs(n int) []string {
	rng := rand.New(rand.NewPCG(15, 6))
	anyOf := func(list ...string) string { return list[rng.IntN(len(list))] }
	var fens []string
	for len(fens) < n {
		pos := chess.StartingPosition()
		for range rng.IntN(90) {
			moves := pos.ValidMoves()
			if len(moves) == 0 {
				break
			}
			pos = pos.Update(&moves[rng.IntN(len(moves))])
		}
		board := [64]chess.Piece{}
		for s := chess.A1; s <= chess.H8; s++ {
			board[s] = pos.Board().Piece(s)
		}
		if rng.IntN(4) == 0 { // only a few pieces, so that lines are open
			for s := range board {
				if board[s].Type() != chess.King && rng.IntN(4) > 0 {
					board[s] = chess.NoPiece
				}
			}
		}
		for range rng.IntN(4) {
			board[rng.IntN(64)] = chess.Piece(rng.IntN(13))
		}
		fields := strings.Fields(pos.String())
		fields[0] = placement(board)
		if rng.IntN(3) == 0 {
			fields[1] = anyOf("w", "b")
		}
		if rng.IntN(3) > 0 {
			fields[2] = anyOf("-", "K", "Q", "KQ", "KQkq", "k", "q", "kq", "Kq", "Qk", "KQk", "HAha", "Ha", "HAkq", "C", "Bg")
		}
		if rng.IntN(3) > 0 {
			fields[3] = anyOf("-", string(rune('a'+rng.IntN(8)))+anyOf("3", "6", "6", "3", "1", "4", "8"))
			if pawns := doubleSteps(board, fields[1]); len(pawns) > 0 && rng.IntN(2) == 0 {
				fields[3] = anyOf(pawns...)
			}
		}
		fields[4], fields[5] = anyOf("0", "7", "149"), anyOf("1", "0", "60")
		fens = append(fens, strings.Join(fields, " "))
	}
	return fens
}

func placement(board [64]chess.Piece) string {
	var b strings.Builder
	for r := 7; r >= 0; r-- {
		empty := 0
		for f := range 8 {
			p := board[r*8+f]
			if p == chess.NoPiece {
				empty++
				continue
			}
			if empty > 0 {
				fmt.Fprint(&b, empty)
			}
			empty = 0
			letter := pieceLetter(p.Type())
			if letter == "" {
				letter = "P"
			}
			if p.Color() == chess.Black {
				letter = strings.ToLower(letter)
			}
			b.WriteString(letter)
		}
		if empty > 0 {
			fmt.Fprint(&b, empty)
		}
		if r > 0 {
			b.WriteByte('/')
		}
	}
	return b.String()
}

// doubleSteps returns the squares behind pawns that may just have made a double step.
func doubleSteps(board [64]chess.Piece, turn string) []string {
	rank, pawn, square := 3, chess.WhitePawn, "3"
	if turn == "w" {
		rank, pawn, square = 4, chess.BlackPawn, "6"
	}
	var found []string
	for f := range 8 {
		if board[rank*8+f] == pawn {
			found = append(found, string(rune('a'+f))+square)
		}
	}
	return found
}

// Positions that python-chess finds impossible are refused, and the others have the same castling rights, en passant square and
// legal moves.
func TestHostileFENsAgainstPythonChess(t *testing.T) {
	race.SkipLong(t)
	fens := hostileFENs(4000)
	var want []*struct {
		FEN   string   `json:"fen"`
		Moves []string `json:"moves"`
	}
	python(t, "chess", "legal.py", fens, &want)
	accepted, mended := 0, 0
	for i, fen := range fens {
		pos, err := parseFEN(fen)
		if (err == nil) != (want[i] != nil) {
			t.Errorf("%s: error %v, but python-chess accepts it: %v", fen, err, want[i] != nil)
			continue
		}
		if err != nil {
			continue
		}
		accepted++
		if got := pos.String(); got != want[i].FEN {
			t.Errorf("%s: read as %s, want %s", fen, got, want[i].FEN)
		}
		if pos.String() != fen {
			mended++
		}
		moves := uciList(legalMoves(pos))
		if !slices.Equal(moves, want[i].Moves) {
			t.Errorf("%s: moves %v, want %v", fen, moves, want[i].Moves)
		}
	}
	if accepted < 800 || accepted > 3500 || mended < 300 {
		t.Errorf("%d of %d positions accepted, %d of them mended: the sample is one-sided", accepted, len(fens), mended)
	}
}

// randomGames writes games of random moves with annotations, comments and variations, some of them broken.
func randomGames(n int) string {
	rng := rand.New(rand.NewPCG(16, 6))
	anyOf := func(list ...string) string { return list[rng.IntN(len(list))] }
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "[Event \"game %d\"]\n[Result \"*\"]\n", i)
		pos := chess.StartingPosition()
		switch rng.IntN(8) {
		case 0:
			fmt.Fprintf(&b, "[Variant %q]\n", anyOf("Atomic", "Crazyhouse", "Antichess", "Chess960", "Standard", "standard"))
		case 1:
			pos = must(parseFEN("r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1"))
			fmt.Fprintf(&b, "[FEN \"%s\"]\n[SetUp \"1\"]\n", pos)
		}
		b.WriteString("\n")
		for ply := range 10 + rng.IntN(80) {
			moves := pos.ValidMoves()
			if len(moves) == 0 {
				break
			}
			m := moves[rng.IntN(len(moves))]
			san := chess.AlgebraicNotation{}.Encode(pos, &m)
			other := func() string { return chess.AlgebraicNotation{}.Encode(pos, &moves[rng.IntN(len(moves))]) }
			if ply%2 == 0 {
				fmt.Fprintf(&b, "%d. ", ply/2+1)
			} else if rng.IntN(5) == 0 {
				fmt.Fprintf(&b, "%d... ", ply/2+1)
			}
			switch rng.IntN(400) {
			case 0:
				san = "Nb1b1"
			case 1:
				san = "--"
			case 2:
				san = "Kxe8"
			}
			b.WriteString(san)
			b.WriteString(anyOf(" ", " ", " ", "\n", "! ", "?! ", " $3 ", " {a (comment; 1. e4 -- } ", " {[%clk 0:01:02]}\n", " ; rest 1. e4\n", "\n% line for others\n",
				fmt.Sprintf(" (%s {)} $1 (%s)) ", other(), other())))
			pos = pos.Update(&m)
		}
		b.WriteString("\n*\n\n")
	}
	return b.String()
}

// Every game that python-chess reads without an error is played to the same positions, and no other game is played.
func TestPGNAgainstPythonChess(t *testing.T) {
	race.SkipLong(t)
	path := write(t, t.TempDir(), "g.pgn", strings.ReplaceAll(randomGames(300), "\n\n*", "\n*"))
	var want [][]string
	python(t, "chess", "pgn.py", nil, &want, path)
	game, played := 0, 0
	_, err := rowFile{path: path, format: "pgn"}.read(t.Context(), &Faults{}, func(r *row) {
		positions := want[game]
		game++
		moves := r.columns["moves"].([]string)
		readGame(r, func(problem) {})
		if (r.skipped == "") != (positions != nil) {
			t.Errorf("game %d: skipped %q %s, but python-chess reads it: %v", game-1, r.skipped, r.detail, positions != nil)
			return
		}
		if positions == nil {
			return
		}
		played++
		pos := chess.StartingPosition()
		if fen := r.text("FEN"); fen != "" {
			pos = must(parseFEN(fen))
		}
		for i, fen := range positions {
			if pos.String() != fen {
				t.Errorf("game %d, ply %d: %s, want %s", game-1, i, pos, fen)
				return
			}
			if i < len(moves) {
				m := must(parseSAN(pos, moves[i]))
				pos = pos.Update(&m)
			}
		}
		if len(moves)+1 != len(positions) {
			t.Errorf("game %d: %d moves, want %d", game-1, len(moves), len(positions)-1)
		}
	})
	if err != nil || game != len(want) || played < 150 || played > 290 {
		t.Errorf("%d games of %d, %d of them played, error %v", game, len(want), played, err)
	}
}
