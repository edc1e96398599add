package catalog

import (
	"fmt"
	"slices"
	"strings"

	"w2s/internal/suggest"
)

// unknown ends an error about an unknown name: the nearest known one, where one is near, and all of them.
func unknown(name string, known []string) string {
	slices.Sort(known)
	have := "have: " + strings.Join(known, ", ")
	if near := suggest.Nearest(name, known); near != "" {
		return fmt.Sprintf(" (did you mean %q? %s)", near, have)
	}
	return fmt.Sprintf(" (%s)", have)
}
