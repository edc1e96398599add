package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// A bpe is a model of byte pair encoding. It starts with the runes of a word, and repeatedly merges the pair of neighbours that
// has the lowest rank, the leftmost of equal ones first, until no pair is left.
type bpe struct {
	vocab        map[string]int32
	merges       map[uint64]merge // by pairKey
	unknown      int32            // id of the unknown token, unknownDropped or unknownMissing
	fuseUnknown  bool             // whether adjacent unknown tokens become one
	bytes        *[256]int32      // tokens <0x00> to <0xFF> with -1 for a missing one; nil without byte_fallback
	ignoreMerges bool             // whether words of the vocabulary are not split
	prefix       string           // of every symbol except the first of a word
	suffix       string           // of the last symbol of a word
	wordMark     string           // a word can be cut before every run of this; "" means that it cannot be cut
	scratch      sync.Pool
}

// Values of bpe.unknown that are not ids.
const (
	unknownDropped int32 = -1 // the model names no unknown token: runes without a token are dropped
	unknownMissing int32 = -2 // the unknown token is not in the vocabulary: a rune without a token is an error
)

// A merge is the rank of a pair, and the id of the token that it becomes.
type merge struct{ rank, id int32 }

func pairKey(a, b int32) uint64 { return uint64(uint32(a))<<32 | uint64(uint32(b)) }

type bpeConfig struct {
	Type                    string
	Dropout                 *float64
	UnkToken                *string `json:"unk_token"`
	ContinuingSubwordPrefix *string `json:"continuing_subword_prefix"`
	EndOfWordSuffix         *string `json:"end_of_word_suffix"`
	FuseUnk                 bool    `json:"fuse_unk"`
	ByteFallback            bool    `json:"byte_fallback"`
	IgnoreMerges            bool    `json:"ignore_merges"`
	Vocab                   map[string]int32
	Merges                  []mergeConfig
}

// A mergeConfig is a pair of tokens, written as "a b" or as ["a", "b"].
type mergeConfig [2]string

func (m *mergeConfig) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '[' {
		var pair []string
		if err := json.Unmarshal(data, &pair); err != nil {
			return err
		}
		if len(pair) != 2 {
			return fmt.Errorf("merge %s is not a pair", data)
		}
		*m = mergeConfig(pair)
		return nil
	}
	var line string
	if err := json.Unmarshal(data, &line); err != nil {
		return err
	}
	pair := strings.Split(line, " ")
	if len(pair) != 2 {
		return fmt.Errorf("merge %q is not two tokens", line)
	}
	*m = mergeConfig(pair)
	return nil
}

func (l *loader) bpe(raw json.RawMessage) (*bpe, error) {
	var c bpeConfig
	if err := l.decode("BPE", raw, &c); err != nil {
		return nil, err
	}
	if c.Dropout != nil && *c.Dropout != 0 {
		return nil, unsupported("BPE dropout %v (which makes ids random)", *c.Dropout)
	}
	for _, affix := range []string{deref(c.ContinuingSubwordPrefix), deref(c.EndOfWordSuffix)} {
		if len(affix) > maxAffix {
			return nil, unsupported("a BPE prefix or suffix of %d bytes (the limit is %d)", len(affix), maxAffix)
		}
	}
	m := &bpe{vocab: c.Vocab, merges: make(map[uint64]merge, len(c.Merges)), unknown: unknownDropped, fuseUnknown: c.FuseUnk,
		ignoreMerges: c.IgnoreMerges, prefix: deref(c.ContinuingSubwordPrefix), suffix: deref(c.EndOfWordSuffix)}
	m.scratch.New = func() any { return new(bpeScratch) }
	if c.UnkToken != nil {
		m.unknown = unknownMissing // like the library, fail only when a text needs it
		if id, ok := c.Vocab[*c.UnkToken]; ok {
			m.unknown = id
		}
	}
	if c.ByteFallback {
		m.bytes = byteTokens(c.Vocab)
	}
	for rank, pair := range c.Merges {
		a, okA := c.Vocab[pair[0]]
		b, okB := c.Vocab[pair[1]]
		if !okA || !okB || len(pair[1]) < len(m.prefix) {
			return nil, fmt.Errorf("BPE: merge %d, %q: one of the tokens is not in the vocabulary", rank, pair)
		}
		id, ok := c.Vocab[pair[0]+pair[1][len(m.prefix):]]
		if !ok {
			return nil, fmt.Errorf("BPE: merge %d, %q: the merged token is not in the vocabulary", rank, pair)
		}
		m.merges[pairKey(a, b)] = merge{int32(rank), id}
	}
	m.wordMark = wordMark(c)
	return m, nil
}

// maxAffix bounds the length of the prefix and the suffix that a model adds to every rune. Real ones have 2 to 4 bytes.
const maxAffix = 64

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// byteTokens returns the ids of the tokens <0x00> to <0xFF>, with -1 for a missing one.
func byteTokens(vocab map[string]int32) *[256]int32 {
	var ids [256]int32
	for b := range ids {
		id, ok := vocab[fmt.Sprintf("<0x%02X>", b)]
		if !ok {
			id = -1
		}
		ids[b] = id
	}
	return &ids
}

// wordMark returns U+2581, which SentencePiece writes for a space, if tokens have it only at their beginning. Models of this kind
// (LLaMA) get the whole text as one word. Cut before the marks, its words can be encoded and cached separately. This is not
// possible with ignore_merges, which first looks up the whole text. wordMark returns "" then.
func wordMark(c bpeConfig) string {
	const mark = "\u2581"
	if _, ok := c.Vocab[mark]; !ok || c.IgnoreMerges || deref(c.ContinuingSubwordPrefix) != "" || deref(c.EndOfWordSuffix) != "" {
		return ""
	}
	for _, pair := range c.Merges {
		if strings.HasPrefix(pair[1], mark) && (c.UnkToken == nil || !strings.HasSuffix(pair[0], mark)) {
			return "" // without an unknown token runes are dropped, so that separate marks can become neighbours
		}
	}
	return mark
}

var errNoUnknown = errors.New("the text has a token outside the vocabulary, and the model has no unknown token")

func (m *bpe) encode(c *call, dst []int32, word string) ([]int32, error) {
	if m.ignoreMerges {
		if id, ok := m.vocab[word]; ok {
			return append(dst, id), nil
		}
	}
	s := m.scratch.Get().(*bpeScratch)
	defer m.scratch.Put(s)
	if !m.symbols(s, word) {
		return nil, errNoUnknown
	}
	if len(s.symbols) > c.most() {
		return nil, errTokens
	}
	if err := m.mergeAll(c, s); err != nil {
		return nil, err
	}
	for i := int32(0); i >= 0 && int(i) < len(s.symbols); i = s.symbols[i].next {
		dst = append(dst, s.symbols[i].id)
	}
	return dst, nil
}

// cut returns the length of the first part of text that can be encoded separately (see wordMark).
func (m *bpe) cut(text string) int {
	if m.wordMark == "" {
		return len(text)
	}
	i := 0
	for strings.HasPrefix(text[i:], m.wordMark) {
		i += len(m.wordMark)
	}
	if next := strings.Index(text[i:], m.wordMark); next >= 0 {
		return i + next
	}
	return len(text)
}

// bpeScratch is memory that is reused between words.
type bpeScratch struct {
	symbols []symbol
	queue   []candidate // a binary heap, the next pair to merge first
}

// A symbol is a token of the word in a doubly linked list. A symbol that was merged into its left neighbour has id -1.
type symbol struct{ id, previous, next int32 }

// A candidate is a pair of neighbours that can be merged. It is outdated if the symbols at its place have changed.
type candidate struct {
	rank, at, left, right int32
}

// symbols sets the initial symbols of a word: its runes, or bytes or unknown tokens for runes that have no token. It reports
// false if a rune has no token and the unknown token is missing.
func (m *bpe) symbols(s *bpeScratch, word string) bool {
	s.symbols = s.symbols[:0]
	add := func(id int32) {
		i := int32(len(s.symbols))
		s.symbols = append(s.symbols, symbol{id, i - 1, i + 1})
	}
	pending := false // whether an unknown token is still to be added, which may cover the next rune too
	for i := 0; i < len(word); {
		_, size := cutRune(word[i:])
		text := word[i : i+size]
		if m.prefix != "" && i > 0 {
			text = m.prefix + text
		}
		if i += size; m.suffix != "" && i == len(word) {
			text += m.suffix
		}
		id, ok := m.vocab[text]
		switch {
		case ok:
			if pending {
				add(m.unknown)
				pending = false
			}
			add(id)
		case m.hasBytes(text): // the library adds a pending unknown token only after these
			for j := range len(text) {
				add(m.bytes[text[j]])
			}
		case m.unknown == unknownMissing:
			return false
		case m.unknown != unknownDropped:
			if pending && !m.fuseUnknown {
				add(m.unknown)
			}
			pending = true
		}
	}
	if pending {
		add(m.unknown)
	}
	if n := len(s.symbols); n > 0 {
		s.symbols[n-1].next = -1
	}
	return true
}

func (m *bpe) hasBytes(text string) bool {
	if m.bytes == nil {
		return false
	}
	for i := range len(text) {
		if m.bytes[text[i]] < 0 {
			return false
		}
	}
	return true
}

func (m *bpe) mergeAll(c *call, s *bpeScratch) error {
	s.queue = s.queue[:0]
	symbols := s.symbols
	for i := 0; i+1 < len(symbols); i++ {
		left, right := symbols[i].id, symbols[i+1].id
		if found, ok := m.merges[pairKey(left, right)]; ok {
			s.push(candidate{found.rank, int32(i), left, right})
		}
	}
	for len(s.queue) > 0 {
		if err := c.spend(1); err != nil {
			return err
		}
		pair := s.pop()
		left := &symbols[pair.at]
		if left.id != pair.left || left.next < 0 || symbols[left.next].id != pair.right {
			continue
		}
		right := &symbols[left.next]
		left.id = m.merges[pairKey(pair.left, pair.right)].id
		right.id = -1
		if left.next = right.next; left.next >= 0 {
			symbols[left.next].previous = pair.at
			if found, ok := m.merges[pairKey(left.id, symbols[left.next].id)]; ok {
				s.push(candidate{found.rank, pair.at, left.id, symbols[left.next].id})
			}
		}
		if before := left.previous; before >= 0 {
			if found, ok := m.merges[pairKey(symbols[before].id, left.id)]; ok {
				s.push(candidate{found.rank, before, symbols[before].id, left.id})
			}
		}
	}
	return nil
}

func (c candidate) before(other candidate) bool {
	return c.rank < other.rank || c.rank == other.rank && c.at < other.at
}

// push adds a candidate to the heap. container/heap would need slow interface calls.
func (s *bpeScratch) push(c candidate) {
	q := append(s.queue, c)
	i := len(q) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !c.before(q[parent]) {
			break
		}
		q[i] = q[parent]
		i = parent
	}
	q[i] = c
	s.queue = q
}

// pop removes the first candidate from the heap.
func (s *bpeScratch) pop() candidate {
	q := s.queue
	top, last := q[0], q[len(q)-1]
	q = q[:len(q)-1]
	i := 0
	for {
		child := 2*i + 1
		if child >= len(q) {
			break
		}
		if child+1 < len(q) && q[child+1].before(q[child]) {
			child++
		}
		if !q[child].before(last) {
			break
		}
		q[i] = q[child]
		i = child
	}
	if len(q) > 0 {
		q[i] = last
	}
	s.queue = q
	return top
}
