package tokenizer

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// The cache holds at most so many words, none longer than so many bytes.
const (
	maxCachedWords = 1 << 16
	maxCachedBytes = 128
)

// wordCache remembers the ids of words, of which a corpus has few different ones.
type wordCache struct {
	mu    sync.RWMutex
	words map[string][]int32
	full  atomic.Bool // no lock is needed to see that there is no room
}

func (c *wordCache) get(word string) ([]int32, bool) {
	if len(word) > maxCachedBytes {
		return nil, false
	}
	c.mu.RLock()
	ids, ok := c.words[word]
	c.mu.RUnlock()
	return ids, ok
}

func (c *wordCache) put(word string, ids []int32) {
	if len(word) > maxCachedBytes || c.full.Load() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.words == nil {
		c.words = make(map[string][]int32)
	}
	c.words[strings.Clone(word)] = slices.Clone(ids)
	c.full.Store(len(c.words) >= maxCachedWords)
}
