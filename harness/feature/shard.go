package feature

import (
	"encoding/binary"
	"fmt"
)

// Shard returns the texts that belong to shard i of n (counted from 0), in their order. The shard of a text depends on its
// content alone, so machines that have the same texts in any order never encode one twice.
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
