package tasks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/corentings/chess/v2"
)

// A chessMove is a legal move with its properties.
type chessMove struct {
	chess.Move
	uci                  string
	check, capture, mate bool
}

// legalMoves returns the legal moves of a position, sorted by their UCI text.
func legalMoves(pos *chess.Position) []chessMove {
	list := pos.ValidMoves()
	moves := make([]chessMove, len(list))
	for i, m := range list {
		moves[i] = chessMove{Move: m, uci: uci(m), check: m.HasTag(chess.Check), capture: m.HasTag(chess.Capture) || m.HasTag(chess.EnPassant)}
		moves[i].mate = moves[i].check && len(pos.Update(&m).ValidMoves()) == 0
	}
	slices.SortFunc(moves, func(a, b chessMove) int { return strings.Compare(a.uci, b.uci) })
	return moves
}

func uci(m chess.Move) string { return chess.UCINotation{}.Encode(nil, &m) }

// bareSAN writes a move in standard algebraic notation without "+" and "#", which would reveal a check or a mate.
func bareSAN(pos *chess.Position, m chess.Move) string {
	return strings.TrimRight(chess.AlgebraicNotation{}.Encode(pos, &m), "+#")
}

// parseUCI returns the legal move with the given UCI text, such as e2e4 or e7e8q.
func parseUCI(pos *chess.Position, text string) (chess.Move, error) {
	for _, m := range pos.ValidMoves() {
		if uci(m) == text {
			return m, nil
		}
	}
	return chess.Move{}, fmt.Errorf("move %q is not legal", text)
}

// pieceLetter returns the letter of algebraic notation. A pawn has none, and an empty square has none either.
func pieceLetter(t chess.PieceType) string {
	switch t {
	case chess.King:
		return "K"
	case chess.Queen:
		return "Q"
	case chess.Rook:
		return "R"
	case chess.Bishop:
		return "B"
	case chess.Knight:
		return "N"
	}
	return ""
}

// matesIn1 returns the moves that mate at once.
func matesIn1(moves []chessMove) []chessMove {
	var mates []chessMove
	for _, m := range moves {
		if m.mate {
			mates = append(mates, m)
		}
	}
	return mates
}

// hasMate reports whether a move mates at once.
func hasMate(pos *chess.Position) bool {
	for _, m := range pos.ValidMoves() {
		if m.HasTag(chess.Check) && len(pos.Update(&m).ValidMoves()) == 0 {
			return true
		}
	}
	return false
}

// forcesMate reports whether a mate in one exists after every reply to the move. It tries the reply refuter first, because
// the reply that refuted one move often refutes the next. next is the reply to try first for the next move.
func forcesMate(pos *chess.Position, m chess.Move, refuter string) (forced bool, next string) {
	after := pos.Update(&m)
	replies := after.ValidMoves()
	if len(replies) == 0 {
		return false, refuter // mate at once, or stalemate
	}
	if i := slices.IndexFunc(replies, func(r chess.Move) bool { return uci(r) == refuter }); i > 0 {
		replies[0], replies[i] = replies[i], replies[0]
	}
	for _, r := range replies {
		if !hasMate(after.Update(&r)) {
			return false, uci(r)
		}
	}
	return true, refuter
}

// matesIn2 returns the moves that force a mate in two. The position must have no mate in one.
func matesIn2(pos *chess.Position, moves []chessMove) []chessMove {
	var keys []chessMove
	refuter := ""
	for _, m := range moves {
		var forced bool
		if forced, refuter = forcesMate(pos, m.Move, refuter); forced {
			keys = append(keys, m)
		}
	}
	return keys
}
