package tokenizer

import "fmt"

// truncate cuts the ids of one or two texts to at most limit ids in total, and returns the number of dropped ids.
func truncate(texts [][]int32, limit int, side Side, strategy Strategy) (int, error) {
	total := 0
	for _, ids := range texts {
		total += len(ids)
	}
	drop := total - limit
	if drop <= 0 {
		return 0, nil
	}
	keep := func(i, n int) {
		if side == Left {
			texts[i] = texts[i][len(texts[i])-n:]
		} else {
			texts[i] = texts[i][:n]
		}
	}
	switch {
	case limit == 0 && strategy == LongestFirst:
		for i := range texts {
			keep(i, 0)
		}
	case len(texts) == 1 && strategy != OnlySecond:
		keep(0, limit)
	case len(texts) == 1:
		return 0, fmt.Errorf("strategy OnlySecond needs a second text")
	case strategy == LongestFirst:
		first, second := longestFirst(len(texts[0]), len(texts[1]), limit)
		keep(0, first)
		keep(1, second)
	default:
		i := 0
		if strategy == OnlySecond {
			i = 1
		}
		if len(texts[i]) <= drop {
			return 0, fmt.Errorf("the text to truncate has %d tokens, but %d have to be dropped", len(texts[i]), drop)
		}
		keep(i, len(texts[i])-drop)
	}
	return drop, nil
}

// longestFirst returns the lengths to which two texts of a and b tokens are cut.
func longestFirst(a, b, limit int) (int, int) {
	short, long := min(a, b), 0
	if short > limit {
		long = short
	} else {
		long = max(short, limit-short)
	}
	if short+long > limit {
		short = limit / 2
		long = short + limit%2
	}
	if a > b {
		return long, short
	}
	return short, long
}
