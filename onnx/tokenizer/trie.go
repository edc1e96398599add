package tokenizer

import (
	"cmp"
	"fmt"
	"slices"
)

// A trie finds the keys that are prefixes of a text. The children of a node are adjacent and sorted by their byte.
type trie struct {
	nodes []trieNode
	root  [256]int32 // children of the root by their byte, 0 for none
}

type trieNode struct {
	first int32 // index of the first child
	count int16 // number of children
	label byte  // the byte that leads to the node
	value int32 // of the key that ends here, -1 for none
}

// maxTrie bounds the bytes of all keys of a trie. The largest vocabulary has some 10 MB.
const maxTrie = 32 << 20

// newTrie makes a trie from keys and their values. It leaves out an empty key.
func newTrie(values map[string]int32) (*trie, error) {
	keys, size := make([]string, 0, len(values)), 0
	for key := range values {
		if size += len(key); size > maxTrie {
			return nil, fmt.Errorf("the tokens have more than %d bytes together", maxTrie)
		}
		if key != "" {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, cmp.Compare)
	t := &trie{nodes: []trieNode{{value: -1}}}
	type span struct {
		node     int32
		from, to int // keys below the node
		depth    int
	}
	var next []span
	for level := []span{{0, 0, len(keys), 0}}; len(level) > 0; level, next = next, level[:0] {
		for _, s := range level {
			if s.from < s.to && len(keys[s.from]) == s.depth {
				t.nodes[s.node].value = values[keys[s.from]]
				s.from++
			}
			t.nodes[s.node].first = int32(len(t.nodes))
			for from := s.from; from < s.to; {
				label, to := keys[from][s.depth], from+1
				for to < s.to && keys[to][s.depth] == label {
					to++
				}
				child := int32(len(t.nodes))
				if s.node == 0 {
					t.root[label] = child
				}
				t.nodes = append(t.nodes, trieNode{label: label, value: -1})
				t.nodes[s.node].count++
				next = append(next, span{child, from, to, s.depth + 1})
				from = to
			}
		}
	}
	return t, nil
}

// next returns the child of a node for a byte, or 0 if there is none.
func (t *trie) next(node int32, b byte) int32 {
	if node == 0 {
		return t.root[b]
	}
	n := &t.nodes[node]
	lo, hi := n.first, n.first+int32(n.count)
	for lo < hi {
		mid := (lo + hi) / 2
		switch label := t.nodes[mid].label; {
		case label == b:
			return mid
		case label < b:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return 0
}

// longest returns the value and the length of the longest key that text starts with, or the length 0 if there is none. seen is
// the number of bytes that it looked at.
func (t *trie) longest(text string) (value int32, length, seen int) {
	node := int32(0)
	for i := 0; i < len(text); i++ {
		seen++
		if node = t.next(node, text[i]); node == 0 {
			break
		}
		if v := t.nodes[node].value; v >= 0 {
			value, length = v, i+1
		}
	}
	return value, length, seen
}
