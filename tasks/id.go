package tasks

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
)

// ContentID returns the id of an example: the first 32 hexadecimal digits of a sha256 over the form and the texts. The
// label is not part of it, so an example keeps its id when its label is corrected, and two rows with the same text and
// different labels are recognised as copies.
func ContentID(form Form, texts []string) string {
	sum := digestOf(append([]string{"w2s example", string(form)}, texts...)...)
	return hex.EncodeToString(sum[:16])
}

// digestOf hashes a list of strings. It hashes their lengths too, so {"a", "bc"} and {"ab", "c"} differ.
func digestOf(parts ...string) [sha256.Size]byte {
	h := sha256.New()
	var n [8]byte
	for _, p := range parts {
		binary.LittleEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// hash64 takes the place of a random number generator in this package. A decision about an example depends on the
// example alone and never on how many rows came before it.
func hash64(parts ...string) uint64 {
	sum := digestOf(parts...)
	return binary.LittleEndian.Uint64(sum[:8])
}

// coin returns true for about half of all keys.
func coin(key ...string) bool { return hash64(append([]string{"coin"}, key...)...)&1 == 1 }

// pick returns a number from 0 to n-1 that depends on the key alone. The modulo bias is below n / 2^64.
func pick(n int, key ...string) int {
	return int(hash64(append([]string{"pick"}, key...)...) % uint64(n))
}

// fold returns a key that is the same for texts that differ only in case and white space.
func fold(texts ...string) string {
	var b strings.Builder
	for _, t := range texts {
		for _, word := range strings.Fields(strings.ToLower(t)) {
			b.WriteString(word)
			b.WriteByte(' ')
		}
		b.WriteByte('\n')
	}
	return b.String()
}
