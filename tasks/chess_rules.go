package tasks

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/corentings/chess/v2"
)

// A chessMove is a legal move with its properties.
type chessMove struct {
	chess.Move
	check, capture, mate bool
}

// legalMoves returns the legal moves of a position, sorted by their UCI text.
func legalMoves(pos *chess.Position) []chessMove {
	list := pos.ValidMoves()
	moves := make([]chessMove, len(list))
	for i, m := range list {
		moves[i] = chessMove{Move: m, check: m.HasTag(chess.Check), capture: m.HasTag(chess.Capture) || m.HasTag(chess.EnPassant)}
		moves[i].mate = moves[i].check && len(pos.Update(&m).ValidMoves()) == 0
	}
	slices.SortFunc(moves, func(a, b chessMove) int { return strings.Compare(uci(a.Move), uci(b.Move)) })
	return moves
}

func uci(m chess.Move) string { return chess.UCINotation{}.Encode(nil, &m) }

// bareSAN writes a move in standard algebraic notation without "+" and "#", which would reveal a check or a mate.
func bareSAN(pos *chess.Position, m chess.Move) string {
	return strings.TrimRight(chess.AlgebraicNotation{}.Encode(pos, &m), "+#")
}

// sanMove matches a move in standard algebraic notation: piece, file, rank, target, promotion.
var sanMove = regexp.MustCompile(`^([KQRBN]?)([a-h]?)([1-8]?)x?([a-h][1-8])=?([QRBN]?)$`)

// parseSAN returns the only legal move that the text can mean. The library's decoder is no alternative: if the named piece
// cannot make the move, it accepts a move of another piece.
func parseSAN(pos *chess.Position, text string) (chess.Move, error) {
	bare := strings.TrimRight(text, "+#!?")
	var found []chess.Move
	castle := map[string]chess.MoveTag{"O-O": chess.KingSideCastle, "0-0": chess.KingSideCastle, "O-O-O": chess.QueenSideCastle, "0-0-0": chess.QueenSideCastle}
	tag, castles := castle[bare]
	parts := sanMove.FindStringSubmatch(bare)
	if parts == nil && !castles {
		return chess.Move{}, fmt.Errorf("%q is not a move", text)
	}
	for _, m := range pos.ValidMoves() {
		if castles {
			if m.HasTag(tag) {
				found = append(found, m)
			}
			continue
		}
		from, to := m.S1(), m.S2()
		isCastle := m.HasTag(chess.KingSideCastle) || m.HasTag(chess.QueenSideCastle)
		if pieceLetter(pos.Board().Piece(from).Type()) == parts[1] && to.String() == parts[4] && !isCastle &&
			(parts[2] == "" || from.File().String() == parts[2]) && (parts[3] == "" || from.Rank().String() == parts[3]) &&
			pieceLetter(m.Promo()) == parts[5] {
			found = append(found, m)
		}
	}
	switch len(found) {
	case 0:
		return chess.Move{}, fmt.Errorf("move %q is not legal", text)
	case 1:
		return found[0], nil
	}
	return chess.Move{}, fmt.Errorf("move %q is ambiguous: %d pieces can make it", text, len(found))
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

// pieceLetter returns the letter of algebraic notation. A pawn has none, and neither has an empty square.
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

// parseFEN reads a position. It refuses positions that no game can reach: with a wrong number of kings or pieces, with a
// pawn on the first or last rank, or with the side that is not to move in check. Four fields are enough, as in EPD.
func parseFEN(fen string) (pos *chess.Position, err error) {
	defer func() { // the library indexes its tables with unchecked input and can panic
		if p := recover(); p != nil {
			pos, err = nil, fmt.Errorf("not a position: %q", fen)
		}
	}()
	fields := strings.Fields(fen)
	if len(fields) < 4 {
		return nil, fmt.Errorf("%q is not a FEN: %d fields, want 6", fen, len(fields))
	}
	if len(fields) < 6 {
		fields = append(fields[:4], "0", "1")
	}
	pos = new(chess.Position)
	if err := pos.UnmarshalText([]byte(strings.Join(fields[:6], " "))); err != nil {
		return nil, fmt.Errorf("%q is not a FEN: %w", fen, err)
	}
	kings, pieces := map[chess.Color]int{}, map[chess.Color]int{}
	for square, p := range pos.Board().SquareMap() {
		pieces[p.Color()]++
		if p.Type() == chess.King {
			kings[p.Color()]++
		}
		if rank := square.Rank(); p.Type() == chess.Pawn && (rank == chess.Rank1 || rank == chess.Rank8) {
			return nil, fmt.Errorf("%q: pawn on %v", fen, square)
		}
	}
	for _, color := range []chess.Color{chess.White, chess.Black} {
		if kings[color] != 1 {
			return nil, fmt.Errorf("%q: %s has %d kings", fen, color.Name(), kings[color])
		}
		if pieces[color] > 16 {
			return nil, fmt.Errorf("%q: %s has %d pieces", fen, color.Name(), pieces[color])
		}
	}
	if waitingInCheck(pos) {
		return nil, fmt.Errorf("%q: the side that is not to move is in check", fen)
	}
	return pos, nil
}

// waitingInCheck reports whether the side to move could capture the king.
func waitingInCheck(pos *chess.Position) bool {
	for _, m := range pos.ValidMoves() {
		if pos.Board().Piece(m.S2()).Type() == chess.King {
			return true
		}
	}
	return false
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
