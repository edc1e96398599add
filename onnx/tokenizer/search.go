package tokenizer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2/v2"
)

// Bounds on the regular expressions of a file, which may backtrack without end: an error then, not a hang.
const (
	regexTimeout  = 10 * time.Second // all of them, on one text
	regexPatience = 50 * time.Millisecond
	regexStack    = 1 << 22
	maxRegexSize  = 1 << 16
	maxTranslated = 1 << 20 // with classes written out as ranges
)

// A call is one text on its way through a tokenizer.
type call struct {
	ctx     context.Context
	regexes time.Duration // what regular expressions may still take
}

// checkEvery is how many steps of an inner loop are taken between two looks at whether the call is cancelled.
const checkEvery = 1 << 10

func newCall(ctx context.Context) *call { return &call{ctx, regexTimeout} }

// cancelled looks at the context, but only now and then for n that counts up.
func (c *call) cancelled(n int) error {
	if n%checkEvery == 0 {
		return c.ctx.Err()
	}
	return nil
}

// regex is a pattern of Oniguruma, which the library uses with Ruby's syntax, run by regexp2.
type regex struct {
	source string
	quick  *regexp2.Regexp                 // gives up after regexPatience
	slow   func() (*regexp2.Regexp, error) // the same, which few texts need: gives up after regexTimeout
	needed string                          // is in every match
}

func compileRegex(source string) (pattern, error) {
	if len(source) > maxRegexSize {
		return nil, fmt.Errorf("longer than %d bytes", maxRegexSize)
	}
	t := translator{tables: tables(), in: source}
	translated, err := t.alternatives(0, regexFlags{})
	if err == nil && t.at < len(t.in) {
		err = fmt.Errorf("unmatched ) at %d", t.at)
	}
	if err != nil {
		return nil, err
	}
	compile := func(timeout time.Duration) (*regexp2.Regexp, error) {
		re, err := regexp2.Compile(translated, regexp2.OptionMaxBacktrackingStackSize(regexStack))
		if err == nil {
			re.MatchTimeout = timeout
		}
		return re, err
	}
	r := &regex{source: source}
	if !t.either {
		r.needed = t.needed
	}
	r.quick, err = compile(regexPatience)
	r.slow = sync.OnceValues(func() (*regexp2.Regexp, error) { return compile(regexTimeout) })
	return r, err
}

func (r *regex) find(c *call, s string, emit func(start, end int)) error {
	if s == "" { // the library does not search it, even for a pattern that matches nothing
		return nil
	}
	limit := len(s)
	if r.needed != "" { // saves patterns like (?:\w+ ?)*! from trying all ways to the end of a text without !
		if limit = strings.LastIndex(s, r.needed); limit < 0 {
			return nil
		}
	}
	end := time.Now().Add(c.regexes)
	defer func() { c.regexes = time.Until(end) }()
	input := []rune(s)
	last := -1           // where the last match ended, in runes
	from, offset := 0, 0 // where to go on, in runes and bytes
	for offset <= limit {
		m, err := r.next(c, input, from, time.Until(end))
		switch {
		case c.ctx.Err() != nil:
			return c.ctx.Err()
		case errors.Is(err, regexp2.ErrBacktrackingStackLimit):
			return fmt.Errorf("the regular expression %.200q on the text that begins with %.40q: needs more than %d "+
				"steps back (shorten the text, or change the expression)", r.source, s, regexStack)
		case err != nil: // out of time
			return fmt.Errorf("the regular expression %.200q takes more than %v on the text that begins with %.40q "+
				"(shorten the text, or change the expression)", r.source, regexTimeout, s)
		case !m.found:
			return nil
		}
		for ; from < m.start; from++ {
			offset += utf8.RuneLen(input[from])
		}
		begin := offset
		for ; from < m.start+m.length; from++ {
			offset += utf8.RuneLen(input[from])
		}
		if m.length > 0 || m.start != last {
			emit(begin, offset)
			last = from
		}
		if m.length == 0 {
			if from == len(input) {
				return nil
			}
			offset += utf8.RuneLen(input[from])
			from++
		}
	}
	return nil
}

// A span is a match, in runes.
type span struct {
	start, length int
	found         bool
}

var errOutOfTime = errors.New("out of time")

// next finds the first match from a rune on. A search that takes long goes on apart, so that neither cancelling nor the
// end of the time that is left need wait for it.
func (r *regex) next(c *call, input []rune, from int, left time.Duration) (span, error) {
	if err := c.ctx.Err(); err != nil {
		return span{}, err
	}
	if left <= 0 {
		return span{}, errOutOfTime
	}
	if found, err := search(r.quick, input, from); err == nil {
		return found, nil
	}
	slow, err := r.slow()
	if err != nil {
		return span{}, err
	}
	type result struct {
		span
		err error
	}
	done := make(chan result, 1)
	go func() {
		found, err := search(slow, input, from)
		done <- result{found, err}
	}()
	select {
	case found := <-done:
		return found.span, found.err
	case <-c.ctx.Done():
		return span{}, c.ctx.Err()
	case <-time.After(left):
		return span{}, errOutOfTime
	}
}

func search(re *regexp2.Regexp, input []rune, from int) (found span, err error) {
	err = re.FindRunesMatches(input, from, func(m regexp2.MatchView) bool {
		found.start, found.length, found.found = m.GroupRange(0)
		return false
	})
	return found, err
}
