package fetch

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// groupWrites returns how many bytes the processes of a group have written so far, to files and to connections. It reports
// false if the system does not tell.
func groupWrites(group int) (total int64, ok bool) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, false
	}
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // the process has ended
		}
		// The fields after the name, which may contain spaces and parentheses: state, parent, group.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(fields) < 3 || fields[2] != strconv.Itoa(group) {
			continue
		}
		counters, err := os.ReadFile(filepath.Join(filepath.Dir(path), "io"))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(counters)) {
			if value, found := strings.CutPrefix(line, "wchar:"); found {
				if n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64); err == nil {
					total, ok = total+n, true
				}
			}
		}
	}
	return total, ok
}
