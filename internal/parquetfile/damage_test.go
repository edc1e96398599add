package parquetfile

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// A file that is cut off is refused, since its footer is at its end. A file with one byte changed is read or refused, within
// the limits.
func TestDamagedFiles(t *testing.T) {
	limits := generous()
	read := func(data []byte) error {
		p, err := Open(bytes.NewReader(data), int64(len(data)), limits)
		if err != nil {
			return err
		}
		return p.Rows(func(map[string]any) bool { return true })
	}
	for _, path := range fixtures(t) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := read(data); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		name := filepath.Base(path)
		for n := 0; n < len(data); n += 1 + n/500 { // every byte of the first ones, then ever fewer
			if read(data[:n]) == nil {
				t.Errorf("%s cut off after %d bytes is read", name, n)
			}
		}
		const stride = 151 // every byte with every change would take minutes, and FuzzRows finds others
		for n, i := 0, 0; i < len(data); n, i = n+1, i+stride {
			old := data[i]
			data[i] = []byte{0, 0xff, old ^ 1, old ^ 0x80}[n%4]
			before := allocated()
			_ = read(data) // must not panic or hang
			if took := allocated() - before; took > 4*uint64(limits.Memory) {
				t.Errorf("%s with %#x at byte %d: %d bytes allocated", name, data[i], i, took)
			}
			data[i] = old
		}
	}
}
