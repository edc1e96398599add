package tasks

import (
	"fmt"
	"strings"

	"github.com/corentings/chess/v2"
)

// A boardForm is a way to write a position and a move.
type boardForm string

const (
	ladderForm boardForm = "ladder" // the words of the chess language models of fixtures/chess, see FORMAT.md there
	fenForm    boardForm = "fen"
	wordsForm  boardForm = "words" // pieces and squares in English words, for uncased vocabularies
	sanForm    boardForm = "san"   // the game so far in algebraic notation
	uciForm    boardForm = "uci"   // the game so far, square to square
)

var boardForms = []boardForm{ladderForm, fenForm, wordsForm, sanForm, uciForm}

// needsGame reports whether the form tells the position by the moves that led to it.
func (f boardForm) needsGame() bool { return f == sanForm || f == uciForm }

// A board is a position and, where it is known, the game from the first move on that led to it.
type board struct {
	pos  *chess.Position
	game []chess.Move // nil: not known
}

// prompt writes the position, up to where the move goes.
func (f boardForm) prompt(b board) string {
	switch f {
	case ladderForm:
		return ladderPosition(b.pos)
	case wordsForm:
		return wordsPosition(b.pos) + " Move:"
	case sanForm:
		return sanGame(b)
	case uciForm:
		words := make([]string, len(b.game))
		for i, m := range b.game {
			words[i] = uci(m)
		}
		return strings.Join(words, " ")
	}
	return "FEN: " + b.pos.String() + " Move:"
}

// move writes a move; what it does (check, mate) is not told.
func (f boardForm) move(b board, m chess.Move) string {
	switch f {
	case ladderForm:
		return ladderMove(b.pos, m)
	case wordsForm:
		return wordsMove(b.pos, m)
	case uciForm:
		return uci(m)
	}
	return bareSAN(b.pos, m)
}

// sanGame writes "1. e4 e5 2. Nf3", and after a whole move the number of the next, so that the prompt ends where White's
// move goes. Checks are marked in the game as usual; the move that is asked about is not.
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

// pieceOrder is how the forms list pieces.
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

// wordsPosition writes "white to move. white: king g1, rook d1, pawn f2. black: king g8." in lower case throughout.
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

func wordsMove(pos *chess.Position, m chess.Move) string {
	text := fmt.Sprintf("%s %s to %s", pieceName(pos.Board().Piece(m.S1()).Type()), m.S1(), m.S2())
	if m.Promo() != chess.NoPieceType {
		text += " becomes " + pieceName(m.Promo())
	}
	return text
}

// mayCastle reports whether king and rook stand where the right that the FEN claims can be used some time.
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

// enPassantFile is the file of a legal capture en passant; a FEN also names the square when nobody can capture.
func enPassantFile(pos *chess.Position) (chess.File, bool) {
	for _, m := range pos.ValidMoves() {
		if m.HasTag(chess.EnPassant) {
			return m.S2().File(), true
		}
	}
	return 0, false
}

// ladderSquare is the square seen from the mover's side: for Black the board is turned upside down.
func ladderSquare(s chess.Square, turn chess.Color) chess.Square {
	if turn == chess.Black {
		return s ^ 56
	}
	return s
}

// ladderPosition writes a position as the chess models were taught: castling rights (own KQ, other kq), the file of a
// legal capture en passant, own pieces as capitals, the other side's, and the squares around the other king, all seen
// from the mover's side.
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

// ladderMove writes "d1 -d8", and "=q" after it for a promotion.
func ladderMove(pos *chess.Position, m chess.Move) string {
	text := ladderSquare(m.S1(), pos.Turn()).String() + " -" + ladderSquare(m.S2(), pos.Turn()).String()
	if m.Promo() != chess.NoPieceType {
		text += " =" + strings.ToLower(pieceLetter(m.Promo()))
	}
	return text
}
