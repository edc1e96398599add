package parquetfile

import (
	"bytes"
	"errors"
	"os"
	"runtime/metrics"
	"testing"
)

// allocated returns the bytes that this process has allocated so far.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// FuzzRows checks that no file makes the reader panic, or allocate far more than its limits.
func FuzzRows(f *testing.F) {
	for _, path := range fixtures(f) {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("PAR1\x00\xff\xff\xff\xffPAR1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		const memory, unpacked = 4 << 20, 4 << 20
		left := int64(unpacked)
		full := errors.New("full")
		limits := Limits{Memory: memory, Row: 1 << 20, Unpacked: func(n int64) error {
			if left -= n; left < 0 {
				return full
			}
			return nil
		}}
		before := allocated()
		p, err := Open(bytes.NewReader(data), int64(len(data)), limits)
		if err != nil {
			return
		}
		_ = p.Rows(func(map[string]any) bool { return true })
		groups := uint64(len(p.meta.RowGroups) + 1)
		if took := allocated() - before; took > 64<<20+groups*8*memory+100*uint64(len(data)) {
			t.Errorf("%d bytes allocated for a file of %d", took, len(data))
		}
	})
}

// FuzzThrift checks that the walk over thrift data neither panics nor goes beyond the data.
func FuzzThrift(f *testing.F) {
	for _, seed := range []string{"\x00", "\x15\x04\x00", "\x19\xfc\xff\xff\xff\xff\x07", "\x1c\x1c\x1c\x00\x00\x00\x00", "\x1b\x02\x85\x01a\x02\x00", "\x18\x03abc\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := thriftLength(data)
		if n > len(data) || err == nil && n == 0 {
			t.Errorf("length %d of %d, %v", n, len(data), err)
		}
	})
}
