package visible

import (
	"fmt"
	"strings"
)

// Count writes a number of things, such as "1 row", "3 rows", "2 classes" or "4 entries". thing is the singular.
func Count[N int | int32 | int64 | uint64](n N, thing string) string {
	return fmt.Sprintf("%d %s", n, Plural(n, thing))
}

// Plural returns the word for n things. thing is the singular.
func Plural[N int | int32 | int64 | uint64](n N, thing string) string {
	beforeY := strings.TrimSuffix(thing, "y")
	switch {
	case n == 1:
		return thing
	case beforeY != thing && beforeY != "" && !strings.ContainsAny(beforeY[len(beforeY)-1:], "aeou"):
		return beforeY + "ies"
	case strings.HasSuffix(thing, "s"), strings.HasSuffix(thing, "x"), strings.HasSuffix(thing, "ch"), strings.HasSuffix(thing, "sh"):
		return thing + "es"
	}
	return thing + "s"
}
