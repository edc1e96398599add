package tasks

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/corentings/chess/v2"

	"w2s/internal/visible"
)

// parseFEN reads a position. Four fields are enough, as in EPD, whose operations are ignored. It drops castling rights
// without king and rook on their squares, and an en passant square that no pawn can have passed. It refuses positions that
// no game can reach: with a wrong number of kings, pawns or pieces, with a pawn on the first or last rank, with the side
// that is not to move in check, or with a check that no move can give.
func parseFEN(fen string) (*chess.Position, error) {
	fields := strings.Fields(fen)
	if len(fields) < 4 {
		return nil, fmt.Errorf("%q is not a FEN: %s, want 6", shortened(fen), visible.Count(len(fields), "field"))
	}
	clock, number, err := counters(fields[4:])
	if err != nil {
		return nil, fmt.Errorf("%q is not a FEN: %w", shortened(fen), err)
	}
	pos, err := decodeFEN(fields[0], fields[1], "-", "-", clock, number)
	if err != nil {
		return nil, fmt.Errorf("%q is not a FEN: %w", shortened(fen), err)
	}
	rights, err := supportedRights(pos.Board(), fields[2])
	if err != nil {
		return nil, fmt.Errorf("%q is not a FEN: %w", shortened(fen), err)
	}
	passed, err := passedSquare(pos, fields[3])
	if err != nil {
		return nil, fmt.Errorf("%q is not a FEN: %w", shortened(fen), err)
	}
	if fault := impossible(pos, passed); fault != "" {
		return nil, fmt.Errorf("%q: %s", shortened(fen), fault)
	}
	enPassant := "-"
	if passed != chess.NoSquare {
		enPassant = passed.String()
	}
	if rights == "-" && enPassant == "-" {
		return pos, nil
	}
	return decodeFEN(fields[0], fields[1], rights, enPassant, clock, number)
}

// decodeFEN decodes the fields of a FEN with the library.
func decodeFEN(placement, turn, rights, enPassant, clock, number string) (pos *chess.Position, err error) {
	defer func() { // the library indexes its tables with unchecked input and can panic
		if p := recover(); p != nil {
			pos, err = nil, fmt.Errorf("not a position")
		}
	}()
	pos = new(chess.Position)
	if err := pos.UnmarshalText([]byte(strings.Join([]string{placement, turn, rights, enPassant, clock, number}, " "))); err != nil {
		return nil, err
	}
	pos.ValidMoves() // panics if there are more than a game can have
	return pos, nil
}

// maxCounter bounds the counters of a FEN. The longest possible game has less than 12,000 moves.
const maxCounter = 100_000

// counters returns the half-move clock and the move number of a FEN, from the fields after the fourth. They are 0 and 1 in
// EPD, which has operations such as "bm Qh7#;" there. Some programs count moves from 0.
func counters(fields []string) (clock, number string, err error) {
	if len(fields) < 2 {
		return "0", "1", nil
	}
	if first := fields[0][0]; first >= 'A' && first <= 'Z' || first >= 'a' && first <= 'z' {
		return "0", "1", nil
	}
	values := [2]int{}
	for i := range values {
		v, err := strconv.Atoi(fields[i])
		if err != nil || v < 0 || v > maxCounter {
			return "", "", fmt.Errorf("%s %q is not a number from 0 to %d", []string{"half-move clock", "move number"}[i], shortened(fields[i]), maxCounter)
		}
		values[i] = v
	}
	return strconv.Itoa(values[0]), strconv.Itoa(max(values[1], 1)), nil
}

// supportedRights returns the castling rights for which king and rook are on their squares. It also reads the letters of the
// rooks' files (H and A) in place of K and Q.
func supportedRights(b *chess.Board, text string) (string, error) {
	var rights strings.Builder
	wanted := strings.NewReplacer("H", "K", "A", "Q", "h", "k", "a", "q").Replace(text)
	if strings.Trim(wanted, "KQkqABCDEFGHabcdefgh") != "" && text != "-" {
		return "", fmt.Errorf("castling rights %q (want some of KQkq, or -)", shortened(text))
	}
	for _, right := range []struct {
		letter     string
		king, rook chess.Square
		color      chess.Color
	}{
		{"K", chess.E1, chess.H1, chess.White}, {"Q", chess.E1, chess.A1, chess.White},
		{"k", chess.E8, chess.H8, chess.Black}, {"q", chess.E8, chess.A8, chess.Black},
	} {
		if strings.Contains(wanted, right.letter) && b.Piece(right.king) == chess.NewPiece(chess.King, right.color) &&
			b.Piece(right.rook) == chess.NewPiece(chess.Rook, right.color) {
			rights.WriteString(right.letter)
		}
	}
	if rights.Len() == 0 {
		return "-", nil
	}
	return rights.String(), nil
}

// passedSquare returns the square that a pawn has just passed, or NoSquare if the text names none or an impossible one. The
// square and the one behind it must be empty, and a pawn of the other side must be in front of it.
func passedSquare(pos *chess.Position, text string) (chess.Square, error) {
	if text == "-" {
		return chess.NoSquare, nil
	}
	if len(text) != 2 || text[0] < 'a' || text[0] > 'h' || text[1] < '1' || text[1] > '8' {
		return chess.NoSquare, fmt.Errorf("en passant square %q (want a square or -)", shortened(text))
	}
	square := chess.NewSquare(chess.File(text[0]-'a'), chess.Rank(text[1]-'1'))
	rank, behind, before := chess.Rank6, square+8, square-8
	if pos.Turn() == chess.Black {
		rank, behind, before = chess.Rank3, square-8, square+8
	}
	b := pos.Board()
	if square.Rank() != rank || b.Piece(square) != chess.NoPiece || b.Piece(behind) != chess.NoPiece ||
		b.Piece(before) != chess.NewPiece(chess.Pawn, pos.Turn().Other()) {
		return chess.NoSquare, nil
	}
	return square, nil
}

// impossible returns why no game can reach a position, or "". passed is the square that a pawn has just passed.
func impossible(pos *chess.Position, passed chess.Square) string {
	kings, pawns, pieces := map[chess.Color][]chess.Square{}, map[chess.Color]int{}, map[chess.Color]int{}
	b := pos.Board()
	for square := chess.A1; square <= chess.H8; square++ {
		p := b.Piece(square)
		if p == chess.NoPiece {
			continue
		}
		pieces[p.Color()]++
		switch rank := square.Rank(); {
		case p.Type() == chess.King:
			kings[p.Color()] = append(kings[p.Color()], square)
		case p.Type() == chess.Pawn && (rank == chess.Rank1 || rank == chess.Rank8):
			return fmt.Sprintf("pawn on %v", square)
		case p.Type() == chess.Pawn:
			pawns[p.Color()]++
		}
	}
	for _, color := range []chess.Color{chess.White, chess.Black} {
		switch {
		case len(kings[color]) != 1:
			return fmt.Sprintf("%s has %s", color.Name(), visible.Count(len(kings[color]), "king"))
		case pawns[color] > 8:
			return fmt.Sprintf("%s has %s", color.Name(), visible.Count(pawns[color], "pawn"))
		case pieces[color] > 16:
			return fmt.Sprintf("%s has %s", color.Name(), visible.Count(pieces[color], "piece"))
		}
	}
	mover := pos.Turn()
	if len(attackers(b.Piece, kings[mover.Other()][0], mover)) > 0 {
		return "the side that is not to move is in check"
	}
	return impossibleCheck(b, mover, kings[mover][0], passed)
}

// impossibleCheck returns why the side to move cannot be in the check that it is in, or "".
func impossibleCheck(b *chess.Board, mover chess.Color, king, passed chess.Square) string {
	checks := attackers(b.Piece, king, mover.Other())
	const none = "no move can have given this check"
	switch {
	case len(checks) > 2:
		return fmt.Sprintf("%s give check at once", visible.Count(len(checks), "piece"))
	case len(checks) == 0:
		return ""
	case passed != chess.NoSquare:
		// The last move was a double step of a pawn. It gives check itself, or it opened a line that was closed before.
		to, from := passed-8, passed+8
		if mover == chess.Black {
			to, from = from, to
		}
		before := func(s chess.Square) chess.Piece {
			switch s {
			case to:
				return chess.NoPiece
			case from:
				return b.Piece(to)
			}
			return b.Piece(s)
		}
		if len(checks) > 1 || checks[0] != to && len(attackers(before, king, mover.Other())) > 0 {
			return none
		}
	case len(checks) == 2 && inLine(king, checks[0], checks[1]):
		return none
	}
	return ""
}

// inLine reports whether three squares are on one rank, file or diagonal.
func inLine(a, b, c chess.Square) bool {
	df1, dr1 := int(b.File())-int(a.File()), int(b.Rank())-int(a.Rank())
	df2, dr2 := int(c.File())-int(a.File()), int(c.Rank())-int(a.Rank())
	straight := func(df, dr int) bool { return df == 0 || dr == 0 || df == dr || df == -dr }
	return straight(df1, dr1) && straight(df2, dr2) && df1*dr2 == df2*dr1
}

// attackers returns the squares from which pieces of a color attack a square. pieceAt returns the piece on a square.
func attackers(pieceAt func(chess.Square) chess.Piece, target chess.Square, by chess.Color) []chess.Square {
	var found []chess.Square
	// look adds the first piece in a direction, at most reach steps away, if it is of one of the types.
	look := func(df, dr, reach int, types ...chess.PieceType) {
		f, r := int(target.File()), int(target.Rank())
		for range reach {
			f, r = f+df, r+dr
			if f < 0 || f > 7 || r < 0 || r > 7 {
				return
			}
			square := chess.NewSquare(chess.File(f), chess.Rank(r))
			if p := pieceAt(square); p != chess.NoPiece {
				if p.Color() == by && slices.Contains(types, p.Type()) {
					found = append(found, square)
				}
				return
			}
		}
	}
	for _, d := range [][2]int{{1, 0}, {-1, 0}, {0, 1}, {0, -1}} {
		look(d[0], d[1], 7, chess.Rook, chess.Queen)
		look(d[0], d[1], 1, chess.King)
	}
	for _, d := range [][2]int{{1, 1}, {1, -1}, {-1, 1}, {-1, -1}} {
		look(d[0], d[1], 7, chess.Bishop, chess.Queen)
		look(d[0], d[1], 1, chess.King)
	}
	for _, d := range [][2]int{{1, 2}, {2, 1}, {-1, 2}, {-2, 1}, {1, -2}, {2, -1}, {-1, -2}, {-2, -1}} {
		look(d[0], d[1], 1, chess.Knight)
	}
	step := -1 // a white pawn attacks upwards, so it is one rank below
	if by == chess.Black {
		step = 1
	}
	look(1, step, 1, chess.Pawn)
	look(-1, step, 1, chess.Pawn)
	return found
}
