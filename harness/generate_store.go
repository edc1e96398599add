package harness

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
)

// defaultStateBytes is how many bytes of hidden states a model keeps in memory for one task: those at some 40,000 places
// with 768 dimensions.
const defaultStateBytes = 128 << 20

// A stateStore keeps hidden states by their place: the first ones in memory, the others, once those take as much as they
// may, in a temporary file. A state comes back with the bits that were put in, so that the bound changes no result; to let
// go of states and run the model again would, by its rounding. Per place, some 50 bytes of memory remain.
type stateStore struct {
	dims   int
	most   int             // states in memory
	number map[placeID]int // of the states, in the order in which they came
	memory [][]float32     // those with numbers below most
	file   *os.File        // the others; nil while there are none
	row    []byte
	state  []float32
}

type placeID [16]byte

func (p place) id() placeID {
	sum := sha256.Sum256([]byte(p.text()))
	return placeID(sum[:16])
}

func newStateStore(dims, bytes int) *stateStore {
	return &stateStore{dims: dims, most: bytes / max(1, 4*dims), number: map[placeID]int{}, row: make([]byte, 4*dims), state: make([]float32, dims)}
}

// get returns the state at a place, valid until the next call, or nil where there is none.
func (s *stateStore) get(p place) ([]float32, error) {
	n, ok := s.number[p.id()]
	if !ok {
		return nil, nil
	}
	if n < s.most {
		return s.memory[n], nil
	}
	if _, err := s.file.ReadAt(s.row, s.offset(n)); err != nil {
		return nil, fmt.Errorf("harness: states in answers: %w", err)
	}
	_, err := binary.Decode(s.row, binary.LittleEndian, s.state)
	return s.state, err
}

// put keeps a copy of the state at a place, instead of the one that was there.
func (s *stateStore) put(p place, state []float32) error {
	id := p.id()
	n, ok := s.number[id]
	if !ok {
		n = len(s.number)
	}
	switch {
	case n >= s.most:
		if err := s.write(n, state); err != nil {
			return fmt.Errorf("harness: states in answers: %w (they take %d bytes so far; make room, or set TMPDIR to a folder that has it)", err, 4*s.dims*(n+1))
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
		_ = os.Remove(f.Name()) // where a file can live without a name, it goes with the process; elsewhere with close
	}
	if _, err := binary.Encode(s.row, binary.LittleEndian, state); err != nil {
		return err
	}
	_, err := s.file.WriteAt(s.row, s.offset(n))
	return err
}

func (s *stateStore) offset(n int) int64 { return int64(n-s.most) * int64(len(s.row)) }

// close gives up all states.
func (s *stateStore) close() {
	if s.file != nil {
		_ = s.file.Close()
		_ = os.Remove(s.file.Name())
	}
}
