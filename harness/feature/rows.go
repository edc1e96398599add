package feature

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"

	"w2s/internal/half"
)

// A rows file consists of a header of 64 bytes and any number of rows of the same size:
//
//	header: magic 8 | dims uint32 | zero 4 | sha256 of the key 32 | zero 12 | crc32c of the 60 bytes before it
//	row:    text id 16 | tokens uint32 | flags uint32 | dims × float32 or float16 | crc32c of the bytes before it
//
// All numbers are little-endian. The checksum of a row continues the checksum of the header, so it proves that the row belongs to
// this encoder even if the header is damaged.
const (
	rowsMagic  = "w2srows\x01"
	headerSize = 64
	rowHead    = 16 + 4 + 4
	crcSize    = 4

	flagTruncated = 1
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A textID identifies a text by its content. It is the first 16 bytes of the text's SHA-256.
type textID [16]byte

func idOf(text string) textID {
	sum := sha256.Sum256([]byte(text))
	return textID(sum[:16])
}

// A layout describes the rows files of one encoder.
type layout struct {
	dims   int
	half   bool // numbers are float16
	header []byte
	seed   uint32 // checksum of the header, which the checksum of every row continues
}

func newLayout(key string, dims int) layout {
	h := make([]byte, headerSize)
	copy(h, rowsMagic)
	binary.LittleEndian.PutUint32(h[8:], uint32(dims))
	sum := sha256.Sum256([]byte(key))
	copy(h[16:], sum[:])
	seed := crc32.Checksum(h[:headerSize-crcSize], castagnoli)
	binary.LittleEndian.PutUint32(h[headerSize-crcSize:], seed)
	return layout{dims: dims, half: isHalf(key), header: h, seed: seed}
}

func (l layout) rowSize() int { return rowHead + l.width()*l.dims + crcSize }

// width returns the number of bytes of a number.
func (l layout) width() int {
	if l.half {
		return 2
	}
	return 4
}

// wholeRows returns the number of complete rows in a file of the given size.
func (l layout) wholeRows(size int64) int64 { return max(0, size-headerSize) / int64(l.rowSize()) }

// offset returns the position where a row begins.
func (l layout) offset(row int64) int64 { return headerSize + row*int64(l.rowSize()) }

var (
	errDamagedHeader = errors.New("its header is damaged")
	errForeignRows   = errors.New("its rows belong to another encoder or have another length")
)

// checkHeader reports how the header of a file differs from the one it should have, or nil.
func (l layout) checkHeader(h []byte) error {
	if slices.Equal(h, l.header) {
		return nil
	}
	if crc32.Checksum(h[:headerSize-crcSize], castagnoli) != binary.LittleEndian.Uint32(h[headerSize-crcSize:]) {
		return errDamagedHeader
	}
	if v := h[7]; string(h[:7]) == rowsMagic[:7] && v != rowsMagic[7] {
		return fmt.Errorf("it has format %d, this program reads format %d", v, rowsMagic[7])
	}
	return errForeignRows
}

// pack writes a vector as a row.
func (l layout) pack(row []byte, id textID, v vector) {
	copy(row, id[:])
	binary.LittleEndian.PutUint32(row[16:], uint32(v.tokens))
	flags := uint32(0)
	if v.truncated {
		flags |= flagTruncated
	}
	binary.LittleEndian.PutUint32(row[20:], flags)
	for i, x := range v.values {
		if l.half {
			binary.LittleEndian.PutUint16(row[rowHead+2*i:], half.ToFloat16(x))
			continue
		}
		binary.LittleEndian.PutUint32(row[rowHead+4*i:], math.Float32bits(x))
	}
	end := len(row) - crcSize
	binary.LittleEndian.PutUint32(row[end:], crc32.Update(l.seed, castagnoli, row[:end]))
}

// intact reports whether a row has the right checksum.
func (l layout) intact(row []byte) bool {
	end := len(row) - crcSize
	return crc32.Update(l.seed, castagnoli, row[:end]) == binary.LittleEndian.Uint32(row[end:])
}

// meta returns what a row says besides its vector.
func meta(row []byte) (id textID, tokens uint32, truncated bool) {
	return textID(row[:16]), binary.LittleEndian.Uint32(row[16:]), binary.LittleEndian.Uint32(row[20:])&flagTruncated != 0
}

// values reads the vector of a row.
func (l layout) values(row []byte, into []float32) {
	for i := range into {
		if l.half {
			into[i] = half.Float16(binary.LittleEndian.Uint16(row[rowHead+2*i:]))
			continue
		}
		into[i] = math.Float32frombits(binary.LittleEndian.Uint32(row[rowHead+4*i:]))
	}
}
