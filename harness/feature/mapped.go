package feature

import (
	"encoding/binary"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"
)

// mapFrom is the number of bytes from which the rows of a matrix stay in the cache's files, which are mapped into memory.
const mapFrom = 1 << 26

// mappedBytes is about how much of mapped files stays in memory. Pages beyond that go back to the system, which keeps them as long as it has
// room for them.
const mappedBytes = 1 << 27

// A mappings holds mapped files. They stay mapped until the process ends, because rows may be in use.
type mappings struct {
	mu      sync.Mutex
	files   []mapping
	touched atomic.Int64 // bytes of rows since the last look at what is resident
	other   int64        // resident bytes of other files
}

// countEvery is the number of bytes of rows between two looks. Around a row that is read, the system maps up to 64 KiB.
const countEvery = 1 << 21

type mapping struct {
	info os.FileInfo
	data []byte
}

// touch counts bytes that are about to be read, and gives pages back if too many are resident.
func (m *mappings) touch(bytes int) {
	if m.touched.Add(int64(bytes)) < countEvery {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.touched.Load() < countEvery { // another goroutine was faster
		return
	}
	m.touched.Store(0)
	if residentFiles() < m.other+mappedBytes {
		return
	}
	for _, f := range m.files {
		giveBack(f.data)
	}
	m.other = residentFiles()
}

// of returns the bytes of an open file, or nil if it cannot be mapped.
func (m *mappings) of(file *os.File) []byte {
	info, err := file.Stat()
	if err != nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	at := slices.IndexFunc(m.files, func(f mapping) bool { return os.SameFile(f.info, info) && int64(len(f.data)) == info.Size() })
	if at < 0 {
		data := mapFile(file, info.Size())
		if data == nil {
			return nil
		}
		at = len(m.files)
		m.files = append(m.files, mapping{info, data})
	}
	return m.files[at].data
}

// canMap reports whether the numbers of rows files are those of this machine.
func (l layout) canMap() bool {
	return !l.half && binary.NativeEndian.Uint16([]byte{1, 0}) == 1
}

// numbers returns the address of the vector of a mapped row.
func numbers(row []byte) *float32 { return (*float32)(unsafe.Pointer(&row[rowHead])) }
