package tokenizer

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Bounds on what a file can make of a text. Real files stay far below them: the largest factor of a Unicode normal form is 11.
const (
	maxGrowth = 32       // bytes that a part of the tokenizer may make of one byte of the text
	freeBytes = 64 << 10 // further bytes, so that a short text may get a long prefix
	maxSteps  = 500      // steps of the inner loops for one byte of the text
	freeSteps = 1 << 27  // further steps
)

// A call is the state of the encoding of one text. Its bounds do not depend on time, except for regular expressions.
type call struct {
	ctx         context.Context
	text        string
	regexBudget time.Duration // time that regular expressions may still take
	steps       int           // steps of inner loops so far
	check       int           // number of steps at which the context is checked next
}

func newCall(ctx context.Context, text string) *call {
	return &call{ctx: ctx, text: text, regexBudget: regexTimeout, check: checkEvery}
}

// checkEvery is the number of steps between two checks of the context.
const checkEvery = 1 << 10

// spend counts steps of an inner loop. It returns an error if the context is done, or if the text takes too many steps.
func (c *call) spend(steps int) error {
	if c.steps += steps; c.steps < c.check {
		return nil
	}
	return c.checkNow()
}

func (c *call) checkNow() error {
	c.check = c.steps + checkEvery
	if c.steps > freeSteps && (c.steps-freeSteps)/maxSteps > len(c.text) {
		return fmt.Errorf("the text that begins with %.40q takes more than %d steps for each of its %d bytes "+
			"(the parts of this tokenizer.json are not made for texts: use the model's own file)", c.text, maxSteps, len(c.text))
	}
	return c.ctx.Err()
}

// most returns how many bytes may be made of the text.
func (c *call) most() int { return growthLimit(len(c.text)) }

func growthLimit(size int) int {
	if size > (1<<62)/maxGrowth {
		return 1 << 62
	}
	return size*maxGrowth + freeBytes
}

// A grownError means that a part makes more of a text than the bounds allow. It names what there is too much of.
type grownError string

func (e grownError) Error() string { return "too many " + string(e) }

const (
	errGrown  grownError = "bytes"
	errTokens grownError = "tokens"
)

// of returns the error about a part that makes too much of a text. start is the beginning of the text.
func (e grownError) of(part, what, start string, size int) error {
	return fmt.Errorf("%s makes more than %d %s of %s %.40q, which has %d bytes (the limit is %d times that plus %d; "+
		"correct the tokenizer.json)", part, growthLimit(size), string(e), what, start, size, maxGrowth, freeBytes)
}

// fault adds to an error which part of the file it comes from. The end of the context is not the part's fault.
func (c *call) fault(part string, err error) error {
	if ended := c.ctx.Err(); ended != nil {
		return ended
	}
	if grown := grownError(""); errors.As(err, &grown) {
		return grown.of(part, "the text that begins with", c.text, len(c.text))
	}
	return fmt.Errorf("%s: %w", part, err)
}
