package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"w2s/internal/visible"
	"w2s/tasks"
)

// A count is the value of a flag that takes a whole number of at least 1. If 0 is its default, that means "not given", and a user
// who writes 0 does not mean it. checkCounts reports numbers out of range, together with other faults.
type count struct {
	value *int
	least int    // smallest number; 0: 1
	most  int    // largest number; 0: no limit
	unset string // what happens without the flag, for the error about 0; "": nothing to say
}

// countVar registers a flag of type count. value is its default.
func countVar(fs *pflag.FlagSet, c count, name string, value int, usage string) {
	*c.value = value
	fs.Var(c, name, usage)
}

// checkCounts reports the numbers of the command line and of a plan that are out of range.
func checkCounts(fs *pflag.FlagSet) error {
	var faults []error
	fs.VisitAll(func(f *pflag.Flag) {
		if c, ok := f.Value.(count); ok && f.Changed {
			faults = append(faults, c.check(f.Name))
		}
	})
	return errors.Join(faults...)
}

func (c count) check(name string) error {
	least := max(c.least, 1)
	want := fmt.Sprintf("%d or more", least)
	if c.most > 0 {
		want += fmt.Sprintf(", up to %d", c.most)
	}
	switch n := *c.value; {
	case n >= least && (c.most == 0 || n <= c.most):
		return nil
	case n == 0 && c.unset != "":
		return usagef("--%s 0: want %s (leave the flag out for the default: %s)", name, want, c.unset)
	default:
		return usagef("--%s %d: want %s", name, n, want)
	}
}

// String returns the number as Set reads it.
func (c count) String() string {
	if c.value == nil {
		return "0"
	}
	return strconv.Itoa(*c.value)
}

// Set implements pflag.Value.
func (c count) Set(text string) error {
	n, err := strconv.ParseInt(text, 0, 0)
	*c.value = int(n)
	return err // see flagFault
}

// Type implements pflag.Value. It is the word of help for a flag without a word of its own.
func (c count) Type() string { return "int" }

// flagFault words an error about the value of a flag that is a number, a list of numbers or a boolean. Other errors stay as they
// are.
func flagFault(flag *pflag.Flag, value string, err error) error {
	var number *strconv.NumError // of one value of a list
	if errors.As(err, &number) {
		value = number.Num
	}
	want := ""
	switch kind := flag.Value.Type(); {
	case kind == "bool":
		return errors.New("want true or false")
	case strings.HasPrefix(kind, "float"):
		want = "a number"
		_, err = strconv.ParseFloat(value, 64)
	case strings.HasPrefix(kind, "int"):
		want = "a whole number"
		_, err = strconv.ParseInt(value, 0, 0)
	default:
		return err
	}
	switch isList := strings.HasSuffix(flag.Value.Type(), "Slice"); {
	case errors.Is(err, strconv.ErrRange) && isList:
		return fmt.Errorf("%q is too large", visible.Cut(value, 60))
	case errors.Is(err, strconv.ErrRange):
		return errors.New("the number is too large")
	case isList:
		return fmt.Errorf("want numbers separated by commas, and %q is not %s", visible.Cut(value, 60), want)
	}
	return fmt.Errorf("want %s", want)
}

// A balanceValue is the value of --balance.
type balanceValue struct{ value *tasks.Balance }

// autoBalance is what --balance calls the default.
const autoBalance = "auto"

// String returns the value as Set reads it.
func (b balanceValue) String() string {
	if b.value == nil || *b.value == tasks.AutoBalance {
		return autoBalance
	}
	return string(*b.value)
}

// Set implements pflag.Value.
func (b balanceValue) Set(text string) error {
	if text == autoBalance {
		*b.value = tasks.AutoBalance
		return nil
	}
	on, err := strconv.ParseBool(text)
	if err != nil {
		return fmt.Errorf("want true, false or %s", autoBalance)
	}
	*b.value = tasks.NeverBalance
	if on {
		*b.value = tasks.AlwaysBalance
	}
	return nil
}

// Type implements pflag.Value.
func (b balanceValue) Type() string { return "balance" }
