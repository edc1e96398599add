package tasks

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
)

// ContentID returns the id of an example: 32 hexadecimal digits of a sha256 over the form and the texts. The label is
// not part of it, so a corrected label keeps the id, and the same text with two labels is found out.
func ContentID(form Form, texts []string) string {
	sum := digestOf(append([]string{"w2s example", string(form)}, texts...)...)
	return hex.EncodeToString(sum[:16])
}

// digestOf hashes strings so that no two lists collide by moving a boundary.
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

// hash64 is the source of every random-looking decision in this package: a decision about an example depends on that
// example alone, never on how many rows came before it.
func hash64(parts ...string) uint64 {
	sum := digestOf(parts...)
	return binary.LittleEndian.Uint64(sum[:8])
}

// coin is true for half of all keys.
func coin(key ...string) bool { return hash64(append([]string{"coin"}, key...)...)&1 == 1 }

// pick chooses one of n by the key. The bias of the remainder is below n / 2^64.
func pick(n int, key ...string) int {
	return int(hash64(append([]string{"pick"}, key...)...) % uint64(n))
}

// fold maps texts that differ only in case and white space to one key.
func fold(texts []string) string {
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
