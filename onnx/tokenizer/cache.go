package tokenizer

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Bounds of a wordCache.
const (
	maxCachedWords = 1 << 16
	maxCachedBytes = 128 // length of a word
	maxCachedIDs   = 512 // of a word
)

// A wordCache remembers the ids of words. Few words make up most of a corpus.
type wordCache struct {
	mu    sync.RWMutex
	words map[string][]int32
	full  atomic.Bool // whether there is no room left, readable without the lock
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
	if len(word) > maxCachedBytes || len(ids) > maxCachedIDs || c.full.Load() {
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
