package freeform

import (
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// With any bound, get must return the state that was stored last bit for bit, and memory must not exceed the bound.
func TestStateStoreKeepsBitsWithinBound(t *testing.T) {
	const dims = 5
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	for _, most := range []int{0, 1, 7, 1000} {
		s := newStateStore(dims, most*4*dims+3)
		rng := rand.New(rand.NewPCG(uint64(most), 1))
		want := map[string][]float32{}
		randomPrefix := func() prefix {
			p := prefix{prompt: string(rune('a' + rng.IntN(4)))}
			for range rng.IntN(3) {
				p.tokens = append(p.tokens, rng.Int64N(4))
			}
			return p
		}
		if got, err := s.get(randomPrefix()); got != nil || err != nil {
			t.Fatalf("an empty store returns %v, %v", got, err)
		}
		for range 2000 {
			if p := randomPrefix(); rng.IntN(2) == 0 {
				state := make([]float32, dims)
				for j := range state {
					state[j] = math.Float32frombits(rng.Uint32N(0x7f800000)) // any finite number, including denormal ones
				}
				if err := s.put(p, state); err != nil {
					t.Fatal(err)
				}
				want[p.name()] = slices.Clone(state)
				state[0] = -1 // must not change the stored copy
			} else if got, err := s.get(p); err != nil || !slices.Equal(got, want[p.name()]) {
				t.Fatalf("%d in memory: %q has %v, %v, want %v", most, p.name(), got, err, want[p.name()])
			}
		}
		inMemory := 0
		for _, state := range s.memory {
			inMemory += len(state)
		}
		if kept := min(most, len(want)); inMemory != kept*dims || len(want) < 50 {
			t.Errorf("%d numbers in memory for %d states of %d numbers, want %d", inMemory, len(want), dims, kept*dims)
		}
		if spilled := len(want) > most; spilled != (s.file != nil) {
			t.Errorf("at most %d of %d states in memory, has a file: %v", most, len(want), s.file != nil)
		} else if spilled {
			if info, err := s.file.Stat(); err != nil || info.Size() != int64(4*dims*(len(want)-most)) {
				t.Errorf("at most %d of %d states in memory, the file: %v, %v", most, len(want), info, err)
			}
		}
		s.close()
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("files left: %v, %v", left, err)
		}
	}
}
