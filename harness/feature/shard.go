package feature

import (
	"encoding/binary"
	"fmt"
)

// Shard returns the texts of shard i of n (i from 0), in their order. A text's shard follows from its content alone, so
// machines that list the same texts in any order never encode one twice.
func Shard(texts []string, i, n int) ([]string, error) {
	if n < 1 || i < 0 || i >= n {
		return nil, fmt.Errorf("feature: shard %d of %d (want 0 to %d)", i, n, n-1)
	}
	var out []string
	for _, t := range texts {
		id := idOf(t)
		if binary.LittleEndian.Uint64(id[:])%uint64(n) == uint64(i) {
			out = append(out, t)
		}
	}
	return out, nil
}
