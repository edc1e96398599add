package table

import (
	"strings"

	"w2s/harness/head"
)

// LossName is a loss without the settings that are its defaults: "logconf" for "logconf:alpha=0.5:warmup=0.1".
func LossName(loss string) string {
	name, rest, _ := strings.Cut(loss, ":")
	for _, known := range loss.All() {
		if known.Name != name || rest == "" {
			continue
		}
		kept := []string{name}
		for _, part := range strings.Split(rest, ":") {
			setting, value, valued := strings.Cut(part, "=")
			isDefault := false
			for _, s := range known.Settings {
				isDefault = isDefault || valued && s.Name == setting && s.Default == value
			}
			if !isDefault {
				kept = append(kept, part)
			}
		}
		return strings.Join(kept, ":")
	}
	return loss
}
