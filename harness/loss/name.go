package loss

import (
	"strconv"
	"strings"
)

// Short returns a loss, given as Parse reads it, without the settings that have their default value:
// "logconf:alpha=0.5:warmup=0.2" becomes "logconf:warmup=0.2". A text that Parse does not know is returned unchanged, as
// results of other programs may name other losses.
func Short(text string) string {
	l, err := Parse(text)
	if err != nil {
		return text
	}
	full := l.String()
	parts := strings.Split(full, ":")
	for i := len(parts) - 1; i > 0; i-- {
		without := append(append([]string(nil), parts[:i]...), parts[i+1:]...)
		if same, err := Parse(strings.Join(without, ":")); err == nil && same.String() == full {
			parts = without
		}
	}
	return strings.Join(parts, ":")
}

// CutAlpha splits a loss, given as Parse reads it, into the loss without its alpha and the alpha. found is false if the
// text sets no alpha.
func CutAlpha(text string) (rest string, alpha float64, found bool) {
	var kept []string
	for _, part := range strings.Split(text, ":") {
		if value, ok := strings.CutPrefix(part, "alpha="); ok {
			if v, err := strconv.ParseFloat(value, 64); err == nil {
				alpha, found = v, true
				continue
			}
		}
		kept = append(kept, part)
	}
	return strings.Join(kept, ":"), alpha, found
}
