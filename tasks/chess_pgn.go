package tasks

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/corentings/chess/v2"

	"w2s/internal/visible"
)

// maxGamePlies bounds the main line of a game in a file. By the 75-move rule, every game ends before that.
const maxGamePlies = 12_000

// standardRules reports whether the tag Variant names ordinary chess. Games of other variants have other rules.
func standardRules(variant string) bool {
	switch strings.ToLower(strings.TrimSpace(variant)) {
	case "", "?", "-", "standard", "from position", "chess", "normal":
		return true
	}
	return false
}

// readGame emits every position of a game in which there is a mate in one. A game that cannot be played through by the rules
// is left out as a whole, because it is not certain either what its first moves mean.
func readGame(r *row, emit func(problem)) {
	if variant := r.text("Variant"); !standardRules(variant) {
		r.skip(fmt.Sprintf("variant %s", shortened(strings.TrimSpace(variant))))
		return
	}
	moves := r.columns["moves"].([]string)
	if r.skipped == "" && len(moves) > maxGamePlies {
		r.skip(fmt.Sprintf("more than %d plies", maxGamePlies))
	}
	if r.skipped != "" {
		return
	}
	pos := chess.StartingPosition()
	game := []chess.Move{}
	if fen := r.text("FEN"); fen != "" {
		from, err := parseFEN(fen)
		if err != nil {
			r.skipAt("the starting position is not possible", err.Error())
			return
		}
		pos, game = from, nil // the moves before this position are not known
	}
	var problems []problem
	note := func() {
		if hasMate(pos) {
			problems = append(problems, problem{board: board{pos: pos, game: game}, file: r.file, line: r.line, mate: 1})
		}
	}
	for ply, word := range moves {
		note()
		m, err := parseSAN(pos, word)
		if err != nil {
			r.skipAt("a move cannot be read or is not legal", fmt.Sprintf("after %s: %v", visible.Count(ply, "ply"), err))
			return
		}
		if game != nil {
			game = append(game[:len(game):len(game)], m)
		}
		pos = pos.Update(&m)
	}
	note()
	for _, p := range problems {
		emit(p)
	}
}

// A pgnParser splits a PGN file into games. A row has the tags of a game that matter, and under "moves" the moves of its main
// line. The parser skips comments, variations, move numbers and annotations.
type pgnParser struct {
	emit func(*row) bool

	game    *row
	tags    bool // whether the game has tags
	moves   []string
	null    bool // whether a null move follows the moves
	depth   int  // nesting of variations at this place
	comment bool // whether this place is inside a comment
	blank   bool // whether the line before was empty
	stopped bool // whether emit returned false
	size    int  // bytes of the game so far
	event   bool // whether the game's tag Event was read
	apart   bool // whether an empty line follows the tags
	err     error
}

var (
	// pgnTags matches the tags of a line.
	pgnTags = regexp.MustCompile(`\[\s*(\w+)\s+"((?:[^"\\]|\\.)*)"\s*\]`)
	// firstMove matches the number of a first move of White.
	firstMove = regexp.MustCompile(`^1\.(?:[^.…]|$)`)
	// pgnPromotion matches a promotion in brackets, which are no variation.
	pgnPromotion = regexp.MustCompile(`([a-h][18])\(([QRBN])\)`)
	// pgnSigns separates the signs of comments and variations from the words around them.
	pgnSigns = strings.NewReplacer("{", " { ", "}", " } ", "(", " ( ", ")", " ) ", ";", " ; ")
)

func readPGN(in io.Reader, _ *Faults, _ rowFile, emit func(*row) bool) error {
	p := pgnParser{emit: emit}
	p.next()
	err := eachLine(in, p.line)
	if err == nil {
		err = p.err
	}
	if err != nil || p.stopped {
		return err
	}
	p.next()
	return nil
}

// next emits the current game if it has moves or a position, and starts another one. It returns false if the parser should
// stop.
func (p *pgnParser) next() bool {
	if p.comment || p.depth > 0 {
		p.game.skip("a comment or variation has no end")
	}
	if p.game != nil && (len(p.moves) > 0 || p.game.columns["FEN"] != "" || p.game.skipped != "") {
		p.game.columns["moves"] = p.moves
		p.stopped = !p.emit(p.game)
	}
	p.game, p.moves, p.tags, p.depth, p.comment = &row{unit: "game", columns: map[string]any{"FEN": "", "Variant": ""}}, nil, false, 0, false
	p.size, p.event, p.apart, p.null = 0, false, false, false
	return !p.stopped
}

func (p *pgnParser) line(number int, text []byte) bool {
	if p.size += len(text) + 1; p.size > maxRowBytes {
		p.err = fmt.Errorf("the game before line %d is %w (is the end of a comment missing?)", number, errLongRecord)
		return false
	}
	line := string(bytes.TrimSpace(text))
	blank := p.blank
	p.blank = line == ""
	p.apart = p.apart || p.blank && p.tags
	inside := p.comment || p.depth > 0
	switch {
	case strings.HasPrefix(string(text), "%") && !p.comment:
		return true // a line for other programs
	case strings.HasPrefix(line, "[") && (!inside || blank && strings.HasPrefix(line, "[Event ")):
		// Tags inside a comment are part of it, but one that is never closed must not swallow all further games.
		return p.tagLine(number, line)
	}
	for _, word := range strings.Fields(pgnSigns.Replace(pgnPromotion.ReplaceAllString(line, "$1=$2"))) {
		if word == ";" && !p.comment {
			break // the rest of the line is a comment
		}
		if !p.word(number, word) {
			return false
		}
	}
	return true
}

// tagLine reads the tags of a line. Tags after moves belong to the next game.
func (p *pgnParser) tagLine(number int, line string) bool {
	if (len(p.moves) > 0 || p.comment || p.depth > 0) && !p.next() {
		return false
	}
	for _, m := range pgnTags.FindAllStringSubmatch(line, -1) {
		if strings.EqualFold(m[1], "Event") {
			// Usually the first tag of a game. Others may come before it, but not with an empty line between.
			if (p.event || p.apart) && !p.next() {
				return false
			}
			p.event = true
		}
		for _, name := range []string{"FEN", "Variant"} {
			if strings.EqualFold(m[1], name) {
				p.game.columns[name] = m[2]
			}
		}
		p.tags = true
	}
	p.game.line = cmp.Or(p.game.line, number)
	return true
}

func (p *pgnParser) word(line int, word string) bool {
	switch {
	case p.comment:
		p.comment = word != "}"
		return true
	case word == "{":
		p.comment = true
		return true
	case word == "(":
		p.depth++
		return true
	case word == ")":
		p.depth = max(0, p.depth-1) // one too many does no harm
		return true
	case p.depth > 0:
		return true // part of a variation
	}
	if firstMove.MatchString(word) && !evaluation.MatchString(word) && len(p.moves) > 1 && !p.next() { // another game, without tags
		return false
	}
	kind, bare := classify(word)
	switch kind {
	case aResult:
		return p.next()
	case aNullMove:
		p.null = true // at the end of a game it says that the side to move gives up or that time is up
	case aMove:
		if p.null {
			p.game.skip("a side does not move (null move)")
		}
		p.game.line = cmp.Or(p.game.line, line)
		if len(p.moves) <= maxGamePlies {
			p.moves = append(p.moves, bare)
		}
	}
	return true
}
