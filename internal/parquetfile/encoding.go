package parquetfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"w2s/internal/visible"
)

// This file walks over encoded values and counts what they decode to, because the decoder allocates that much. Six bytes of a
// run-length encoding can stand for two billion values. The encodings are described in the format's Encodings.md.

// slack is the number of values that an encoding may hold beyond those of its page, since some encodings fill up a block.
const slack = 1024

var errEncoding = errors.New("an encoding is cut off")

// countRuns checks that a hybrid of run-length and bit-packed encoding decodes to no more than most values.
func countRuns(data []byte, width int, most int64) error {
	if width < 0 || width > 32 {
		return fmt.Errorf("values of %d bits", width)
	}
	total := int64(0)
	for len(data) > 0 {
		head, n := binary.Uvarint(data)
		if n <= 0 {
			return errEncoding
		}
		data = data[n:]
		count := head >> 1
		size := uint64(width+7) / 8
		if head&1 != 0 { // groups of eight values
			if count > 1<<40 {
				return errEncoding
			}
			size = count * uint64(width)
			count *= 8
		}
		if size > uint64(len(data)) {
			return errEncoding
		}
		if count > uint64(most+slack) {
			return errTooMany(most)
		}
		if total += int64(count); total > most+slack {
			return errTooMany(most)
		}
		data = data[size:]
	}
	return nil
}

// countLevels decodes definition levels, as many as values says, and returns how many of them equal full. Such a level means
// that the value is present.
func countLevels(data []byte, width int, values int64, full int) (present int64, err error) {
	if err := countRuns(data, width, values); err != nil {
		return 0, err
	}
	for len(data) > 0 && values > 0 {
		head, n := binary.Uvarint(data)
		data = data[n:]
		if head&1 == 0 {
			run := min(int64(head>>1), values)
			size := (width + 7) / 8
			level := uint64(0)
			for i, b := range data[:size] {
				level |= uint64(b) << (8 * i)
			}
			if level == uint64(full) {
				present += run
			}
			values, data = values-run, data[size:]
			continue
		}
		run := min(int64(head>>1)*8, values)
		for i := range run {
			if unpack(data, int(i)*width, width) == uint64(full) {
				present++
			}
		}
		values, data = values-run, data[int(head>>1)*width:]
	}
	if values > 0 {
		return 0, errEncoding
	}
	return present, nil
}

// countTexts checks that plain texts, each after its length, are exactly as many as the page has values.
func countTexts(data []byte, want int64) error {
	got := int64(0)
	for ; len(data) > 0; got++ {
		if len(data) < 4 {
			return errEncoding
		}
		n := uint64(binary.LittleEndian.Uint32(data))
		if data = data[4:]; n > uint64(len(data)) {
			return errEncoding
		}
		data = data[n:]
	}
	return wantValues(got, want)
}

func wantValues(got, want int64) error {
	if got != want {
		return fmt.Errorf("it holds %s, and its header says %d", visible.Count(got, "value"), want)
	}
	return nil
}

func errTooMany(most int64) error {
	return fmt.Errorf("its encoding has more than the %s it states", visible.Count(most, "value"))
}

// deltas decodes the binary packed delta encoding of count lengths. It returns their sum and the data after them.
func deltas(data []byte, count int64) (sum int64, rest []byte, err error) {
	var head [3]uint64 // values in a block, parts of a block, values
	for i := range head {
		v, n := binary.Uvarint(data)
		if n <= 0 {
			return 0, nil, errEncoding
		}
		head[i], data = v, data[n:]
	}
	value, n := binary.Varint(data)
	if n <= 0 {
		return 0, nil, errEncoding
	}
	data = data[n:]
	left := int64(head[2])
	if err := wantValues(left, count); err != nil || left == 0 {
		return 0, data, err
	}
	if head[0] == 0 || head[0] > 1<<20 || head[1] == 0 || head[1] > head[0] || head[0]%head[1] != 0 || head[0]/head[1]%32 != 0 {
		return 0, nil, fmt.Errorf("delta blocks of %d values in %s", head[0], visible.Count(head[1], "part"))
	}
	parts, perPart := int(head[1]), int(head[0]/head[1])
	add := func(v int64) {
		if v > 0 && sum >= 0 {
			sum += v
		}
		if v < 0 || v > 1<<31 {
			err = fmt.Errorf("a length of %d", v)
		}
	}
	add(value)
	left--
	for left > 0 && err == nil {
		least, n := binary.Varint(data)
		if n <= 0 || len(data) < n+parts {
			return 0, nil, errEncoding
		}
		widths := data[n : n+parts]
		data = data[n+parts:]
		for _, width := range widths {
			if left == 0 {
				break
			}
			if width > 64 {
				return 0, nil, fmt.Errorf("deltas of %d bits", width)
			}
			size := perPart * int(width) / 8
			if size > len(data) {
				return 0, nil, errEncoding
			}
			for i := 0; i < perPart && left > 0 && err == nil; i++ {
				value += least + int64(unpack(data[:size], i*int(width), int(width)))
				add(value)
				left--
			}
			data = data[size:]
		}
	}
	return sum, data, err
}

// unpack returns the number of width bits that starts at a bit of data; the lowest bit of a byte comes first.
func unpack(data []byte, bit, width int) (v uint64) {
	for got := 0; got < width; {
		b := uint64(data[bit/8]) >> (bit % 8)
		take := min(8-bit%8, width-got)
		v |= b & (1<<take - 1) << got
		got += take
		bit += take
	}
	return v
}

// levelWidth returns the number of bits of a repetition or definition level.
func levelWidth(most int) int { return bits.Len(uint(most)) }
