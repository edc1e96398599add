package feature

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"w2s/internal/inputfile"
)

const (
	// syncEvery bounds how much a power failure can lose. If a process is killed, nothing that was written is lost.
	syncEvery = 5 * time.Second
	// lookEvery is the time between two checks that the file is still where it was.
	lookEvery = time.Second
)

// errLost means that the file that vectors were written to is gone.
var errLost = errors.New("the file was removed, moved or replaced while vectors were written to it")

// A writer appends rows to rows-HOST-SLOT.bin, with the first slot whose lock is free, so no other process appends to the same
// file. The folder holds at most one file for each process that wrote at the same time. An incomplete last row can only come
// from a writer that was stopped. Machines that share a folder do not depend on locks that work across a network.
//
// Locks may not work at all in some file systems, or after the folder of the locks was removed. So a writer that finds rows
// of another process in its file continues in a file with a random name.
type writer struct {
	layout layout
	folder string
	path   string
	file   *os.File
	slot   int
	size   int64
	row    []byte
	synced time.Time
	looked time.Time
	locks  []*flock.Flock
	torn   int64 // number of bytes of an incomplete last row that were cut off

	written []writtenFile // that were closed
}

// A writtenFile is a file as it was when its writer closed it.
type writtenFile struct {
	path string
	info fs.FileInfo
}

// changed reports whether the file is gone, or is another one or shorter by now.
func (f writtenFile) changed() bool {
	now, err := os.Stat(f.path)
	return errors.Is(err, fs.ErrNotExist) || err == nil && (!os.SameFile(now, f.info) || now.Size() < f.info.Size())
}

// openWriter returns a writer for the folder of an encoder. While it is open, the folder cannot be compacted or removed.
func openWriter(ctx context.Context, locks, folder string, l layout) (*writer, error) {
	w := &writer{layout: l, folder: folder, row: make([]byte, l.rowSize()), synced: time.Now(), looked: time.Now()}
	if err := w.open(ctx, locks, folder); err != nil {
		w.release()
		return nil, fmt.Errorf("feature: cache: %w", err)
	}
	return w, nil
}

func (w *writer) open(ctx context.Context, locks, folder string) error {
	if err := os.MkdirAll(locks, 0o777); err != nil {
		return err
	}
	name := filepath.Base(folder)
	shared := flock.New(folderLock(locks, name))
	if ok, err := shared.TryRLockContext(ctx, 50*time.Millisecond); ok {
		w.locks = append(w.locks, shared)
	} else if ctx.Err() != nil || notStorable(err) {
		return err
	}
	// Another process may just have removed the folder.
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	host := hostName()
	for w.slot = 0; ; w.slot++ {
		lock := flock.New(filepath.Join(locks, fmt.Sprintf("%s.%s.%d.lock", name, host, w.slot)))
		ok, err := lock.TryLock()
		if notStorable(err) {
			return err
		}
		if err != nil { // without locks in the file system, only a file with a random name is safe
			return w.takeOwn()
		}
		if !ok {
			continue
		}
		err = w.take(filepath.Join(folder, fmt.Sprintf("rows-%s-%d.bin", host, w.slot)))
		if err == nil {
			w.locks = append(w.locks, lock)
			return nil
		}
		_ = lock.Unlock()
		if !errors.Is(err, errDamagedHeader) && !errors.Is(err, errBusy) {
			return err
		}
	}
}

// takeOwn opens a file with a random name, which no other process uses.
func (w *writer) takeOwn() error {
	return w.take(filepath.Join(w.folder, fmt.Sprintf("rows-%s-%s.bin", hostName(), randomName())))
}

// take opens a file to append to. The file then has a header and complete rows only.
func (w *writer) take(path string) error {
	f, err := inputfile.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return err
	}
	if err := w.prepare(f); err != nil {
		_ = f.Close()
		return fmt.Errorf("%s: %w", path, err)
	}
	w.file, w.path = f, path
	return nil
}

// errBusy means that another process writes to a file although this one has its lock.
var errBusy = errors.New("another process writes to it")

// busyTime is how long the size of a file must stay the same before an incomplete last row is cut off.
const busyTime = 20 * time.Millisecond

// prepare writes the header of a new file, or checks the header of an existing one and cuts an incomplete last row off.
func (w *writer) prepare(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() < headerSize {
		if err := f.Truncate(0); err != nil {
			return err
		}
		if _, err := f.Write(w.layout.header); err != nil {
			return err
		}
		w.size = headerSize
		return nil
	}
	head := make([]byte, headerSize)
	if _, err := f.ReadAt(head, 0); err != nil {
		return err
	}
	if err := w.layout.checkHeader(head); err != nil {
		return err
	}
	w.size = w.layout.offset(w.layout.wholeRows(info.Size()))
	w.torn = info.Size() - w.size
	if w.torn == 0 {
		return nil
	}
	time.Sleep(busyTime)
	if again, err := f.Stat(); err != nil || again.Size() != info.Size() {
		w.torn = 0
		return errors.Join(errBusy, err)
	}
	return f.Truncate(w.size)
}

// look returns errLost if the file is not at its path any more, or has lost rows. shared reports whether another process has
// written to it.
func (w *writer) look() (shared bool, err error) {
	w.looked = time.Now()
	mine, err := w.file.Stat()
	if err != nil {
		return false, err
	}
	there, err := os.Stat(w.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(there, mine) || mine.Size() < w.size {
		return false, fmt.Errorf("%s: %w", w.path, errLost)
	}
	return mine.Size() > w.size, nil // even if the folder cannot be read any more
}

// prepareAppend makes sure that the file is there and that no other process writes to it.
func (w *writer) prepareAppend() error {
	info, err := w.file.Stat()
	if err != nil || info.Size() == w.size && time.Since(w.looked) < lookEvery {
		return err
	}
	shared, err := w.look()
	if err != nil || !shared {
		return err
	}
	if err := w.closeFile(); err != nil {
		return err
	}
	return w.takeOwn()
}

// closeFile syncs and closes the file.
func (w *writer) closeFile() error {
	info, err := w.file.Stat()
	if e := w.file.Sync(); err == nil {
		err = e
	}
	if e := w.file.Close(); err == nil {
		err = e
	}
	w.written = append(w.written, writtenFile{w.path, info})
	return err
}

// append writes a row with a single write, so all earlier rows stay complete if the process is killed. After an error, the file
// ends with the row before.
func (w *writer) append(id textID, v vector) error {
	if err := w.prepareAppend(); err != nil {
		return fmt.Errorf("feature: cache: %w", err)
	}
	w.layout.pack(w.row, id, v)
	if _, err := w.file.Write(w.row); err != nil {
		// If this fails too, the next writer cuts the incomplete row off.
		if info, statErr := w.file.Stat(); statErr == nil && info.Size() < w.size+int64(len(w.row)) {
			_ = w.file.Truncate(w.size)
		}
		return fmt.Errorf("feature: cache: %w", err)
	}
	w.size += int64(len(w.row))
	if time.Since(w.synced) > syncEvery {
		w.synced = time.Now()
		if err := w.file.Sync(); err != nil {
			return fmt.Errorf("feature: cache: %w", err)
		}
	}
	return nil
}

// close syncs the file and releases the slot. It returns errLost if the file is gone.
func (w *writer) close() error {
	_, err := w.look()
	if e := w.closeFile(); err == nil {
		err = e
	}
	w.release()
	if err != nil {
		return fmt.Errorf("feature: cache: %w", err)
	}
	return nil
}

func (w *writer) release() {
	for _, l := range w.locks {
		_ = l.Unlock()
	}
	w.locks = nil
}

// notStorable reports whether an error means that nothing can be stored, because the folder is not writable or gone, or the disk
// is full.
func notStorable(err error) bool {
	for _, e := range []error{errLost, fs.ErrPermission, syscall.EROFS, syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// folderLock returns the path of a folder's lock. Writers share it, and a process that compacts or removes the folder holds it
// exclusively. It is outside the folder, so that the lock does not disappear with the folder.
func folderLock(locks, folder string) string { return filepath.Join(locks, folder+".lock") }

// hostName returns this machine's name in a form that can be part of a file name.
func hostName() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "local"
	}
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, name)
}

func randomName() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
