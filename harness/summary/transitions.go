package summary

import (
	"fmt"

	"w2s/harness/stats"
)

// A TransitionRow says how the answers to test examples change from one step of a chain to the next.
type TransitionRow struct {
	Chain     ChainRow
	From, To  int    // numbers of the steps, from 1
	Broken    Figure // share of the test examples that the earlier step gets right and the later one wrong
	Corrected Figure // share of those that the earlier step gets wrong and the later one right
}

// Transitions returns the changes at each step of chains, and those from the first to the last model of longer ones.
func Transitions(chains []ChainRow, opt Options) ([]TransitionRow, error) {
	var out []TransitionRow
	for _, c := range chains {
		steps := len(c.Steps)
		changes := [][2]int{}
		for i := 1; i < steps; i++ {
			changes = append(changes, [2]int{i - 1, i})
		}
		if steps > 2 {
			changes = append(changes, [2]int{0, steps - 1})
		}
		for _, change := range changes {
			row := TransitionRow{Chain: c, From: change[0] + 1, To: change[1] + 1}
			var broken, corrected []stats.Score
			for at := 0; at < len(c.heads); at += steps + 2 { // a chain has its steps, the jump and the ceiling
				before, errBefore := wrong(c.task, c.heads[at+change[0]])
				after, errAfter := wrong(c.task, c.heads[at+change[1]])
				for _, err := range []error{errBefore, errAfter} {
					if err != nil {
						return nil, fmt.Errorf("summary: transitions of the chain on %s: %w", c.Task, err)
					}
				}
				broken = append(broken, stats.MeanScore(both(not(before), after)))
				corrected = append(corrected, stats.MeanScore(both(before, not(after))))
			}
			boot := opt.bootstrap(c.task)
			crossed, err := boot.Cross(broken, corrected)
			if err != nil {
				return nil, err
			}
			for k, f := range []*Figure{&row.Broken, &row.Corrected} {
				if *f, err = figureOf(crossed, k); err != nil {
					return nil, err
				}
				f.constant(0, 1, boot.Units())
			}
			out = append(out, row)
		}
	}
	return out, nil
}
