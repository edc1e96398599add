package freeform

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
)

// DefaultStateBytes is the memory for the hidden states of one model in one task: about 40,000 states of 768 dimensions.
const DefaultStateBytes = 128 << 20

// A stateStore keeps hidden states by prefix: the first ones in memory and, once those reach the bound, the others in a
// temporary file. A state comes back with the bits that were stored, so the bound does not change results. (Dropping
// states and running the model again would change them by rounding.) Each state takes about 50 more bytes of memory.
type stateStore struct {
	dims   int
	most   int              // maximal number of states in memory
	number map[prefixID]int // number of each state, in the order in which they were first stored
	memory [][]float32      // states with numbers below most
	file   *os.File         // the other states; nil while there are none
	row    []byte
	state  []float32
}

type prefixID [16]byte

func (p prefix) id() prefixID {
	sum := sha256.Sum256([]byte(p.name()))
	return prefixID(sum[:16])
}

// newStateStore returns an empty store that keeps at most the given number of bytes of states in memory.
func newStateStore(dims, bytes int) *stateStore {
	return &stateStore{dims: dims, most: bytes / max(1, 4*dims), number: map[prefixID]int{}, row: make([]byte, 4*dims), state: make([]float32, dims)}
}

// get returns the state at a prefix, valid until the next call, or nil if there is none.
func (s *stateStore) get(p prefix) ([]float32, error) {
	n, ok := s.number[p.id()]
	if !ok {
		return nil, nil
	}
	if n < s.most {
		return s.memory[n], nil
	}
	if _, err := s.file.ReadAt(s.row, s.offset(n)); err != nil {
		return nil, fmt.Errorf("freeform: states of answers: %w", err)
	}
	_, err := binary.Decode(s.row, binary.LittleEndian, s.state)
	return s.state, err
}

// put stores a copy of the state at a prefix and replaces an earlier one.
func (s *stateStore) put(p prefix, state []float32) error {
	id := p.id()
	n, ok := s.number[id]
	if !ok {
		n = len(s.number)
	}
	switch {
	case n >= s.most:
		if err := s.write(n, state); err != nil {
			return fmt.Errorf("freeform: states of answers: %w (they take %d bytes so far; free some space, or set TMPDIR to a folder with more)", err, 4*s.dims*(n+1))
		}
	case ok:
		copy(s.memory[n], state)
	default:
		s.memory = append(s.memory, slices.Clone(state))
	}
	s.number[id] = n
	return nil
}

func (s *stateStore) write(n int, state []float32) error {
	if s.file == nil {
		f, err := os.CreateTemp("", "w2s-states-*")
		if err != nil {
			return err
		}
		s.file = f
		_ = os.Remove(f.Name()) // on Unix the file disappears with the process; elsewhere close removes it
	}
	if _, err := binary.Encode(s.row, binary.LittleEndian, state); err != nil {
		return err
	}
	_, err := s.file.WriteAt(s.row, s.offset(n))
	return err
}

func (s *stateStore) offset(n int) int64 { return int64(n-s.most) * int64(len(s.row)) }

// close drops all states.
func (s *stateStore) close() {
	if s.file != nil {
		_ = s.file.Close()
		_ = os.Remove(s.file.Name())
	}
}
