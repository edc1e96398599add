package tasks

import (
	"fmt"
	"strings"

	"github.com/corentings/chess/v2"
)

// A notation is a way to write a position and a move.
type notation string

const (
	ladderNotation notation = "ladder" // vocabulary of the chess models in fixtures/chess, see FORMAT.md there
	fenNotation    notation = "fen"
	wordsNotation  notation = "words" // pieces and squares in lower-case English words, for uncased vocabularies
	sanNotation    notation = "san"   // the game so far in standard algebraic notation
	uciNotation    notation = "uci"   // the game so far in UCI notation, such as e2e4
)

var notations = []notation{ladderNotation, fenNotation, wordsNotation, sanNotation, uciNotation}

// needsGame reports whether the notation writes the moves that led to the position instead of the position.
func (n notation) needsGame() bool { return n == sanNotation || n == uciNotation }

// A board is a position and, if it is known, the game that led to it.
type board struct {
	pos  *chess.Position
	game []chess.Move // all moves from the starting position; nil if the game is not known
}

// prompt writes the position, up to the place of the move.
func (n notation) prompt(b board) string {
	switch n {
	case ladderNotation:
		return ladderPosition(b.pos)
	case wordsNotation:
		return wordsPosition(b.pos) + " Move:"
	case sanNotation:
		return sanGame(b)
	case uciNotation:
		words := make([]string, len(b.game))
		for i, m := range b.game {
			words[i] = uci(m)
		}
		return strings.Join(words, " ")
	}
	return "FEN: " + b.pos.String() + " Move:"
}

// move writes a move without a mark for check or mate.
func (n notation) move(b board, m chess.Move) string {
	switch n {
	case ladderNotation:
		return ladderMove(b.pos, m)
	case wordsNotation:
		return wordsMove(b.pos, m)
	case uciNotation:
		return uci(m)
	}
	return bareSAN(b.pos, m)
}

// sanGame writes a game as "1. e4 e5 2. Nf3". If White is to move, it ends with the number of the next move. Checks in the
// game are marked as usual, unlike the move that is asked about.
func sanGame(b board) string {
	var out strings.Builder
	pos := chess.StartingPosition()
	for i := range b.game {
		if i%2 == 0 {
			fmt.Fprintf(&out, "%d. ", i/2+1)
		}
		out.WriteString(chess.AlgebraicNotation{}.Encode(pos, &b.game[i]))
		out.WriteByte(' ')
		pos = pos.Update(&b.game[i])
	}
	if len(b.game)%2 == 0 {
		fmt.Fprintf(&out, "%d.", len(b.game)/2+1)
	}
	return strings.TrimSpace(out.String())
}

// pieceOrder is the order in which wordsPosition lists the pieces of a side.
var pieceOrder = []chess.PieceType{chess.King, chess.Queen, chess.Rook, chess.Bishop, chess.Knight, chess.Pawn}

func pieceName(t chess.PieceType) string {
	switch t {
	case chess.King:
		return "king"
	case chess.Queen:
		return "queen"
	case chess.Rook:
		return "rook"
	case chess.Bishop:
		return "bishop"
	case chess.Knight:
		return "knight"
	case chess.Pawn:
		return "pawn"
	}
	return ""
}

// wordsPosition writes a position as "white to move. white: king g1, rook d1, pawn f2. black: king g8.", followed by
// castling rights and en passant, all in lower case.
func wordsPosition(pos *chess.Position) string {
	side := func(color chess.Color) string {
		var list []string
		for _, t := range pieceOrder {
			for s := chess.A1; s <= chess.H8; s++ {
				if p := pos.Board().Piece(s); p.Type() == t && p.Color() == color {
					list = append(list, pieceName(t)+" "+s.String())
				}
			}
		}
		return strings.ToLower(color.Name()) + ": " + strings.Join(list, ", ") + "."
	}
	text := fmt.Sprintf("%s to move. %s %s", strings.ToLower(pos.Turn().Name()), side(chess.White), side(chess.Black))
	for _, right := range []struct {
		color chess.Color
		side  chess.Side
		text  string
	}{
		{chess.White, chess.KingSide, "white may castle king side"}, {chess.White, chess.QueenSide, "white may castle queen side"},
		{chess.Black, chess.KingSide, "black may castle king side"}, {chess.Black, chess.QueenSide, "black may castle queen side"},
	} {
		if mayCastle(pos, right.color, right.side) {
			text += " " + right.text + "."
		}
	}
	if file, ok := enPassantFile(pos); ok {
		text += " en passant on file " + file.String() + "."
	}
	return text
}

// wordsMove writes "rook d1 to d8", followed by "becomes queen" for a promotion.
func wordsMove(pos *chess.Position, m chess.Move) string {
	text := fmt.Sprintf("%s %s to %s", pieceName(pos.Board().Piece(m.S1()).Type()), m.S1(), m.S2())
	if m.Promo() != chess.NoPieceType {
		text += " becomes " + pieceName(m.Promo())
	}
	return text
}

// mayCastle reports whether the FEN gives the right to castle, and king and rook are on the squares that it needs.
func mayCastle(pos *chess.Position, color chess.Color, side chess.Side) bool {
	king, rook := chess.E1, chess.H1
	if side == chess.QueenSide {
		rook = chess.A1
	}
	if color == chess.Black {
		king, rook = king+56, rook+56
	}
	return pos.CastleRights().CanCastle(color, side) && pos.Board().Piece(king) == chess.NewPiece(chess.King, color) &&
		pos.Board().Piece(rook) == chess.NewPiece(chess.Rook, color)
}

// enPassantFile returns the file of a legal capture en passant. The FEN does not tell: it names a square even if no pawn
// can capture there.
func enPassantFile(pos *chess.Position) (chess.File, bool) {
	for _, m := range pos.ValidMoves() {
		if m.HasTag(chess.EnPassant) {
			return m.S2().File(), true
		}
	}
	return 0, false
}

// ladderSquare returns the square as the side to move sees it: for Black the ranks are reversed.
func ladderSquare(s chess.Square, turn chess.Color) chess.Square {
	if turn == chess.Black {
		return s ^ 56
	}
	return s
}

// ladderPosition writes a position in the notation that the chess models are trained on (fixtures/chess/FORMAT.md). It
// lists castling rights (own KQ, other kq), the file of a legal capture en passant, the own pieces in upper case, those of
// the other side in lower case, and the squares around the other king, all as the side to move sees them.
func ladderPosition(pos *chess.Position) string {
	turn := pos.Turn()
	var squares [64]string
	otherKing := chess.NoSquare
	for s := chess.A1; s <= chess.H8; s++ {
		p := pos.Board().Piece(s)
		at := ladderSquare(s, turn)
		letter := pieceLetter(p.Type())
		switch {
		case p == chess.NoPiece:
			letter = "."
		case p.Type() == chess.Pawn:
			letter = "P"
		}
		if p != chess.NoPiece && p.Color() != turn {
			letter = strings.ToLower(letter)
			if letter == "k" {
				otherKing = at
			}
		}
		squares[at] = letter + at.String()
	}
	rights := ""
	for i, right := range []struct {
		color chess.Color
		side  chess.Side
	}{{turn, chess.KingSide}, {turn, chess.QueenSide}, {turn.Other(), chess.KingSide}, {turn.Other(), chess.QueenSide}} {
		if mayCastle(pos, right.color, right.side) {
			rights += "KQkq"[i : i+1]
		}
	}
	words := []string{"castle:" + rights, "ep:"}
	if file, ok := enPassantFile(pos); ok {
		words[1] += file.String()
	}
	for _, own := range []bool{true, false} {
		for _, square := range squares {
			if square[0] != '.' && (square[0] < 'a') == own {
				words = append(words, square)
			}
		}
	}
	words = append(words, "ring")
	for s := chess.A1; s <= chess.H8; s++ {
		df, dr := int(s.File())-int(otherKing.File()), int(s.Rank())-int(otherKing.Rank())
		if s != otherKing && df >= -1 && df <= 1 && dr >= -1 && dr <= 1 {
			words = append(words, squares[s])
		}
	}
	return strings.Join(append(words, squares[otherKing], "move"), " ")
}

// ladderMove writes "d1 -d8", followed by "=q" for a promotion.
func ladderMove(pos *chess.Position, m chess.Move) string {
	text := ladderSquare(m.S1(), pos.Turn()).String() + " -" + ladderSquare(m.S2(), pos.Turn()).String()
	if m.Promo() != chess.NoPieceType {
		text += " =" + strings.ToLower(pieceLetter(m.Promo()))
	}
	return text
}
