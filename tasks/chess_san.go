package tasks

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/corentings/chess/v2"

	"w2s/internal/visible"
)

// sanMove matches a move in standard algebraic notation: piece, file, rank, target, promotion. It also matches older habits:
// P for a pawn, - or : between the squares, and a promotion as e8Q, e8(Q) or e8/Q.
var sanMove = regexp.MustCompile(`^([KQRBNP]?)([a-h]?)([1-8]?)[x:-]?([a-h][1-8])(?:[=/]?([QRBN])|\(([QRBN])\))?$`)

// castling matches O-O and O-O-O, also with zeros and small letters.
var castling = regexp.MustCompile(`^(?:O-O|0-0|o-o)(-[O0o])?$`)

// A moveText is a move in algebraic notation, taken apart.
type moveText struct {
	piece, file, rank, target, promotion string        // as in sanMove; piece is "" for a pawn
	castle                               chess.MoveTag // instead, for castling
}

// readMove takes a move apart. ok is false if the text is no move.
func readMove(text string) (m moveText, ok bool) {
	bare := trimAnnotation(text)
	if parts := castling.FindStringSubmatch(bare); parts != nil {
		if parts[1] != "" {
			return moveText{castle: chess.QueenSideCastle}, true
		}
		return moveText{castle: chess.KingSideCastle}, true
	}
	parts := sanMove.FindStringSubmatch(bare)
	if parts == nil {
		return moveText{}, false
	}
	return moveText{piece: strings.TrimSuffix(parts[1], "P"), file: parts[2], rank: parts[3], target: parts[4], promotion: parts[5] + parts[6]}, true
}

// trimAnnotation removes what annotators write after a move: marks of check and mate, e.p., !?, and the like.
func trimAnnotation(text string) string {
	text = strings.TrimRight(text, moveMarks)
	for _, mark := range []string{"e.p.", "e.p", "ep", "mate"} {
		text = strings.TrimSuffix(text, mark)
	}
	return strings.TrimRight(text, moveMarks)
}

// moveMarks are the signs that may follow a move.
const moveMarks = "+#!?=-/†‡‼⁇⁈⁉□±∓⩲⩱∞"

// parseSAN returns the only legal move that the text can mean. The library's decoder is no alternative: if the named piece
// cannot make the move, it accepts a move of another piece.
func parseSAN(pos *chess.Position, text string) (chess.Move, error) {
	want, ok := readMove(text)
	if !ok {
		return chess.Move{}, fmt.Errorf("%q is not a move", shortened(text))
	}
	var found []chess.Move
	for _, m := range pos.ValidMoves() {
		from, to := m.S1(), m.S2()
		isCastle := m.HasTag(chess.KingSideCastle) || m.HasTag(chess.QueenSideCastle)
		if want.castle != 0 && m.HasTag(want.castle) || want.castle == 0 && !isCastle &&
			pieceLetter(pos.Board().Piece(from).Type()) == want.piece && to.String() == want.target &&
			(want.file == "" || from.File().String() == want.file) && (want.piece != "" || want.file != "" || from.File() == to.File()) && (want.rank == "" || from.Rank().String() == want.rank) &&
			pieceLetter(m.Promo()) == want.promotion {
			found = append(found, m)
		}
	}
	switch len(found) {
	case 0:
		return chess.Move{}, fmt.Errorf("move %q is not legal", shortened(text))
	case 1:
		return found[0], nil
	}
	return chess.Move{}, fmt.Errorf("move %q is ambiguous: %s can make it", shortened(text), visible.Count(len(found), "piece"))
}

var (
	// moveNumber matches the number before a move, such as 12. or 12... or 12…, and a number that stands alone.
	moveNumber = regexp.MustCompile(`^\d+(?:[.…]+|$)`)
	// gameResult matches the result at the end of a game. In the encoding of old files, ½ is the byte 0xBD.
	gameResult = regexp.MustCompile(`^(?:1[-–—]0|0[-–—]1|(?:1/2|½|\xbd)(?:[-–—](?:1/2|½|\xbd))?|\*)$`)
	// evaluation matches the verdict of an engine, such as +0.35/12.
	evaluation = regexp.MustCompile(`^[-+−]?\d+\.\d+(?:/\d+)?$`)
	// nullMove matches the ways to write that a side does not move.
	nullMove = regexp.MustCompile(`^(?:--|Z0|@@@@|0000|null|pass)$`)
)

// A sanWord is the kind of a word between the moves of a game.
type sanWord int

const (
	aMove sanWord = iota
	aNullMove
	aResult
	aNote // a move number, an evaluation such as +-, e.p., or a glyph such as $4 or !?
)

// classify returns the kind of a word, and the word without the move number before it.
func classify(word string) (kind sanWord, bare string) {
	switch {
	case gameResult.MatchString(word):
		return aResult, word
	case nullMove.MatchString(word):
		return aNullMove, word
	case evaluation.MatchString(word):
		return aNote, ""
	}
	bare = moveNumber.ReplaceAllString(word, "")
	bare, _, _ = strings.Cut(bare, "$")
	bare = strings.TrimLeft(bare, ".…")
	switch {
	case nullMove.MatchString(bare):
		return aNullMove, bare
	case !strings.ContainsFunc(bare, isMoveLetter) || slices.Contains(noteWords, bare):
		return aNote, ""
	}
	return aMove, bare
}

// noteWords are words that may follow a move. N marks a novelty, D a diagram.
var noteWords = []string{"e.p.", "e.p", "ep", "mate", "ch", "ch.", "dbl", "N", "D"}

// isMoveLetter reports whether a character can be part of a move. A word without any is an annotation.
func isMoveLetter(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// playSAN plays a game such as "1. e4 e5 2. Nf3" from the starting position. It returns the moves and the final position.
func playSAN(text string) (game []chess.Move, pos *chess.Position, err error) {
	pos = chess.StartingPosition()
	game = []chess.Move{}
	for _, word := range strings.Fields(text) {
		kind, word := classify(word)
		if kind == aNote || kind == aResult {
			continue
		}
		m, err := parseSAN(pos, word)
		if err != nil {
			return nil, nil, fmt.Errorf("after %s: %w", visible.Count(len(game), "ply"), err)
		}
		game = append(game, m)
		pos = pos.Update(&m)
	}
	return game, pos, nil
}
