package tasks

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"

	"github.com/corentings/chess/v2"
)

// A Mate is a position and the moves that solve it.
type Mate struct {
	FEN  string
	Keys []string // in UCI text, sorted
}

// Mates makes n positions in which the side to move mates in the given number of moves (1 or 2) and not faster, checked
// by trying all moves and replies. They come out of random games that prefer checks and captures, one position a game,
// so the positions are independent and of many kinds. The same seed gives the same positions in the same order, and a
// larger n only adds to them. A mate in one takes some 5 ms, a mate in two some 50 ms.
func Mates(ctx context.Context, depth int, seed uint64, n int) ([]Mate, error) {
	if depth != 1 && depth != 2 {
		return nil, fmt.Errorf("tasks: mate in %d: only 1 and 2 are made", depth)
	}
	var found []Mate
	workers := runtime.GOMAXPROCS(0)
	for first := uint64(0); len(found) < n; first += uint64(64 * workers) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		games := make([]*Mate, 64*workers)
		starts := make([]*chess.Position, len(games)) // made here: the library reads positions through a buffer of its own
		for i := range starts {
			starts[i] = chess.StartingPosition()
		}
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				for i := w; i < len(games) && ctx.Err() == nil; i += workers {
					games[i] = mateInGame(starts[i], rand.New(rand.NewPCG(seed, first+uint64(i))), depth)
				}
			})
		}
		wg.Wait()
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for _, mate := range games {
			if mate != nil && len(found) < n {
				found = append(found, *mate)
			}
		}
	}
	return found, nil
}

const (
	maxPlies      = 120
	checkWeight   = 4.0 // how much likelier a check is than a quiet move, when the moves of a game are drawn
	captureWeight = 3.0
	skipMate      = 0.5 // share of the mates in one that a game plays past, so that late positions come up too
)

// mateInGame plays one game from pos and returns a position of it with the wanted mate, or nil.
func mateInGame(pos *chess.Position, rng *rand.Rand, depth int) *Mate {
	var before [2]*chess.Position // the positions one and two plies ago
	for range maxPlies {
		moves := legalMoves(pos)
		if len(moves) == 0 {
			return nil
		}
		mates := matesIn1(moves)
		skip := rng.Float64() < skipMate
		switch {
		case len(mates) > 0 && len(mates) < len(moves) && depth == 1 && !skip:
			return newMate(pos, mates)
		case len(mates) > 0 && depth == 2 && before[1] != nil && !hasMate(before[1]):
			// Where a mate in one comes up, it may have been forced two plies ago.
			all := legalMoves(before[1])
			if keys := matesIn2(before[1], all); len(keys) > 0 && len(keys) < len(all) {
				return newMate(before[1], keys)
			}
		}
		before = [2]*chess.Position{pos, before[0]}
		next := draw(rng, moves)
		pos = pos.Update(&next)
	}
	return nil
}

func newMate(pos *chess.Position, keys []chessMove) *Mate {
	m := &Mate{FEN: pos.String()}
	for _, k := range keys {
		m.Keys = append(m.Keys, uci(k.Move))
	}
	return m
}

// draw picks a move by its weight; a mate is hardly ever played, as it would end the game.
func draw(rng *rand.Rand, moves []chessMove) chess.Move {
	weight := func(m chessMove) float64 {
		w := 1.0
		if m.check {
			w *= checkWeight
		}
		if m.capture {
			w *= captureWeight
		}
		if m.mate {
			w = 0.01
		}
		return w
	}
	total := 0.0
	for _, m := range moves {
		total += weight(m)
	}
	at := rng.Float64() * total
	for _, m := range moves {
		if at -= weight(m); at < 0 {
			return m.Move
		}
	}
	return moves[len(moves)-1].Move
}
