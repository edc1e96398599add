package tasks

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"

	"github.com/corentings/chess/v2"
)

// A Mate is a position with a forced mate.
type Mate struct {
	FEN  string
	Keys []string // the first moves that force mate, in UCI notation, sorted
}

// Mates generates n positions in which the side to move mates in exactly depth moves (1 or 2). It tries all moves and
// replies to make sure. The positions come from random games that prefer checks and captures. Each game gives at most one
// position, so the positions are independent and varied. The same seed gives the same positions in the same order, and a
// larger n only appends to them. A mate in one takes about 5 ms, a mate in two about 50 ms.
func Mates(ctx context.Context, depth int, seed uint64, n int) ([]Mate, error) {
	if depth != 1 && depth != 2 {
		return nil, fmt.Errorf("tasks: mates in %d: want 1 or 2", depth)
	}
	var found []Mate
	workers := runtime.GOMAXPROCS(0)
	for first := uint64(0); len(found) < n; first += uint64(64 * workers) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		games := make([]*Mate, 64*workers)
		starts := make([]*chess.Position, len(games)) // made in one goroutine, because the library parses positions with a shared buffer
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
	maxPlies      = 120 // length of a game
	checkWeight   = 4.0 // weight of a check among the moves that a game can play; a quiet move has weight 1
	captureWeight = 3.0 // weight of a capture; a capture with check has the product of both
	skipMate      = 0.5 // share of the mates in one that a game ignores, so that late positions occur too
)

// mateInGame plays one random game from pos. It returns a position of the game with a mate in depth, or nil.
func mateInGame(pos *chess.Position, rng *rand.Rand, depth int) *Mate {
	var before [2]*chess.Position // the positions one ply and two plies ago
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
			// A mate in one may have been forced two plies ago. That position is a candidate for a mate in two.
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

// draw picks a random move by its weight. It hardly ever picks a mate, because a mate ends the game.
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
	left := rng.Float64() * total
	for _, m := range moves {
		if left -= weight(m); left < 0 {
			return m.Move
		}
	}
	return moves[len(moves)-1].Move
}
