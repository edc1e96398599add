package tokenizer

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2/v2"
)

// Bounds on the regular expressions of a file. An expression can backtrack endlessly, which must be an error and not a hang.
const (
	regexTimeout      = 10 * time.Second // time of all expressions on one text
	quickRegexTimeout = 50 * time.Millisecond
	regexStack        = 1 << 22
	maxRegexSize      = 1 << 16
	maxTranslated     = 1 << 20 // length with classes written as ranges
	maxTranslatedAll  = 2 << 20 // the same for all expressions of a file together
)

// A regex is a pattern of Oniguruma, which the library uses with Ruby's syntax. regexp2 runs it.
type regex struct {
	source   string
	quick    *regexp2.Regexp                 // gives up after quickRegexTimeout
	slow     func() (*regexp2.Regexp, error) // the same expression, which gives up after regexTimeout; few texts need it
	required string                          // text that is in every match, or ""
	size     int                             // length in the syntax of regexp2
}

// compileRegex translates and compiles an expression of Oniguruma.
func compileRegex(source string) (*regex, error) {
	if len(source) > maxRegexSize {
		return nil, fmt.Errorf("longer than %d bytes", maxRegexSize)
	}
	t := translator{tables: tables(), in: source}
	translated, err := t.alternatives(0, regexFlags{})
	if err == nil && t.at < len(t.in) {
		err = fmt.Errorf("unmatched ) at byte %d", t.at)
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
	r := &regex{source: source, size: len(translated)}
	if !t.hasAlternatives {
		r.required = t.required
	}
	r.quick, err = compile(quickRegexTimeout)
	r.slow = sync.OnceValues(func() (*regexp2.Regexp, error) { return compile(regexTimeout) })
	return r, err
}

func (r *regex) find(c *call, s string, emit func(start, end int)) error {
	if s == "" { // the library does not search an empty text, even for a pattern that matches it
		return nil
	}
	limit := len(s)
	if r.required != "" { // keeps patterns like (?:\w+ ?)*! from trying all ways to the end of a text without !
		if limit = strings.LastIndex(s, r.required); limit < 0 {
			return nil
		}
	}
	end := time.Now().Add(c.regexBudget)
	defer func() { c.regexBudget = time.Until(end) }()
	input := []rune(s)
	last := -1           // end of the last match, in runes
	from, offset := 0, 0 // start of the next search, in runes and in bytes
	for offset <= limit {
		m, err := r.next(c, input, from, time.Until(end))
		switch {
		case c.ctx.Err() != nil:
			return c.ctx.Err()
		case errors.Is(err, regexp2.ErrBacktrackingStackLimit):
			return fmt.Errorf("the regular expression %.200q needs more than %d backtracking steps on the text that begins with %.40q "+
				"(shorten the text, or change the expression)", r.source, regexStack, s)
		case err != nil: // the time is used up
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

// A span is a match, measured in runes.
type span struct {
	start, length int
	found         bool
}

var errOutOfTime = errors.New("out of time")

// next finds the first match from a rune on, within the time that is left. A search that takes long runs in a goroutine of its
// own, so that next can return without waiting for it when the context is done or the time is used up.
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

// search returns the first match from a rune on.
func search(re *regexp2.Regexp, input []rune, from int) (found span, err error) {
	err = re.FindRunesMatches(input, from, func(m regexp2.MatchView) bool {
		found.start, found.length, found.found = m.GroupRange(0)
		return false
	})
	return found, err
}
