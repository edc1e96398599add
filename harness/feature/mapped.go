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
	mu      sync.RWMutex
	files   []mapping
	touched atomic.Int64 // bytes of rows since the last look at what is resident
	other   int64        // resident bytes of other files
}

// countEvery is the number of bytes of rows between two looks. Around a row that is read, the system maps up to 64 KiB.
const countEvery = 1 << 21

type mapping struct {
	info os.FileInfo
	data []byte
	fd   int // of the file, for reading without touching pages; -1: there is none
}

// read copies the row at an address of a mapped file into a slice, and reports whether it could. It reads the file: an access to a mapped
// page that is not resident maps 64 KiB around it, which for rows in random order takes ten times as long, and soon fills mappedBytes.
func (m *mappings) read(row *float32, into []float32) bool {
	address := uintptr(unsafe.Pointer(row))
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, f := range m.files {
		start := uintptr(unsafe.Pointer(&f.data[0]))
		if address < start || address >= start+uintptr(len(f.data)) {
			continue
		}
		return f.fd >= 0 && len(into) > 0 && readAt(f.fd, unsafe.Slice((*byte)(unsafe.Pointer(&into[0])), 4*len(into)), int64(address-start))
	}
	return false
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
		m.files = append(m.files, mapping{info, data, openAgain(file)})
	}
	return m.files[at].data
}

// canMap reports whether the numbers of rows files are those of this machine.
func (l layout) canMap() bool {
	return !l.half && binary.NativeEndian.Uint16([]byte{1, 0}) == 1
}

// numbers returns the address of the vector of a mapped row.
func numbers(row []byte) *float32 { return (*float32)(unsafe.Pointer(&row[rowHead])) }
