package feature

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"

	"w2s/internal/atomicfile"
)

// ErrInUse means that a part of the cache cannot be changed now, because a process writes to it.
var ErrInUse = errors.New("feature: cache: in use by a process that encodes")

func (c *Cache) locks() string { return filepath.Join(c.dir, ".locks") }

// A Part describes what a cache has for one encoder.
type Part struct {
	Folder   string // name in the cache's folder
	Key      string
	Dims     int
	Files    int
	Rows     int64 // complete rows, including damaged and repeated ones
	Bytes    int64
	Modified time.Time
	Used     time.Time // when it was last used by [Cache.Use], or else Modified
	Model    string    // name that it was last used with; "": unknown
	Tasks    []string  // names of tasks that it was used with
	Fault    error     // why the part cannot be used; nil: it can
}

// List returns the parts of the cache in the order of their folder names. It reads no rows.
func (c *Cache) List() ([]Part, error) {
	entries, err := os.ReadDir(c.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("feature: cache: %w", err)
	}
	var parts []Part
	for _, e := range entries {
		if !e.IsDir() || e.Name() == filepath.Base(c.locks()) {
			continue
		}
		parts = append(parts, c.part(e.Name()))
	}
	return parts, nil
}

// part describes the part in a folder. What keeps it from being read is its Fault.
func (c *Cache) part(folder string) Part {
	p := Part{Folder: folder}
	dir := filepath.Join(c.dir, folder)
	names, err := rowsFiles(dir)
	if err != nil {
		p.Fault = err
		return p
	}
	h, err := readHeader(dir)
	if err == nil && folderName(h.Key) != folder {
		err = headerError{"its header belongs to folder " + folderName(h.Key)}
	}
	if err == nil && (h.Format != cacheFormat || h.Dims < 1) {
		err = fmt.Errorf("this program does not know format %d with %d dimensions", h.Format, h.Dims)
	}
	if err != nil {
		p.Fault = fmt.Errorf("feature: cache: %s: %w", dir, err)
	}
	p.Key, p.Dims = h.Key, h.Dims
	if info, err := os.Stat(filepath.Join(dir, aboutFile)); err == nil {
		p.Used = info.ModTime()
		a := readAbout(dir)
		p.Model, p.Tasks = a.Model, a.Tasks
	}
	for _, name := range names {
		info, err := os.Stat(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // another process compacts the part
		}
		if err != nil {
			p.Fault = fmt.Errorf("feature: cache: %w", err)
			return p
		}
		p.Files++
		p.Bytes += info.Size()
		if p.Fault == nil {
			p.Rows += newLayout(h.Key, h.Dims).wholeRows(info.Size())
		}
		if info.ModTime().After(p.Modified) {
			p.Modified = info.ModTime()
		}
	}
	if p.Modified.After(p.Used) {
		p.Used = p.Modified
	}
	return p
}

// A Health is a report on the rows of a part.
type Health struct {
	Texts    int // texts that have an intact row
	Repeated int // further intact rows of the same texts
	Damaged  []Damage
	Torn     []string // files whose last row is incomplete
}

// Sound reports whether there is nothing to repair.
func (h Health) Sound() bool { return len(h.Damaged) == 0 && len(h.Torn) == 0 }

// Verify reads every row of a part and reports on them.
func (c *Cache) Verify(folder string) (Health, error) {
	x, err := c.load(folder)
	if err != nil {
		return Health{}, err
	}
	return x.health(), nil
}

// Sample is like Verify but reads only the header, the size and up to n rows of each rows file, spread evenly from the first row
// to the last. The report counts what was read.
func (c *Cache) Sample(folder string, n int) (Health, error) {
	x, err := c.unread(folder)
	if err != nil {
		return Health{}, err
	}
	if err := x.visit(func(at int32) error { return x.sample(at, int64(n)) }); err != nil {
		return Health{}, err
	}
	return x.health(), nil
}

// load returns an index of all rows of a part.
func (c *Cache) load(folder string) (*index, error) {
	x, err := c.unread(folder)
	if err != nil {
		return nil, err
	}
	return x, x.refresh()
}

// unread returns an index of a part that has not read any file yet.
func (c *Cache) unread(folder string) (*index, error) {
	p, err := c.existing(folder)
	if err != nil {
		return nil, err
	}
	if p.Fault != nil {
		return nil, p.Fault
	}
	return newIndex(filepath.Join(c.dir, folder), newLayout(p.Key, p.Dims)), nil
}

// health reports what the index knows about its files.
func (x *index) health() Health {
	h := Health{Texts: len(x.places), Repeated: x.repeated, Damaged: x.damage}
	for _, f := range x.files {
		if size := f.info.Size(); size != x.layout.offset(x.layout.wholeRows(size)) {
			h.Torn = append(h.Torn, f.name)
		}
	}
	return h
}

// existing returns the part in a folder, or an error if the cache has no such folder.
func (c *Cache) existing(folder string) (Part, error) {
	parts, err := c.List()
	if err != nil {
		return Part{}, err
	}
	i := slices.IndexFunc(parts, func(p Part) bool { return p.Folder == folder })
	if i < 0 {
		return Part{}, fmt.Errorf("feature: cache: %s has no folder %q", c.dir, folder)
	}
	return parts[i], nil
}

// Compact writes the intact rows of a part to a single file, each text once, and then removes the other files. If it is killed,
// no row is lost. It returns [ErrInUse] while a process writes to the part.
func (c *Cache) Compact(ctx context.Context, folder string) (Health, error) {
	unlock, err := c.alone(folder)
	if err != nil {
		return Health{}, err
	}
	defer unlock()
	x, err := c.load(folder)
	if err != nil {
		return Health{}, err
	}
	health := x.health()
	if err := c.rewrite(ctx, x); err != nil {
		return health, fmt.Errorf("feature: cache: compact %s: %w", folder, err)
	}
	return health, nil
}

func (c *Cache) rewrite(ctx context.Context, x *index) error {
	old, err := rowsFiles(x.dir)
	if err != nil {
		return err
	}
	var wishes []wish
	for id, p := range x.places {
		wishes = append(wishes, wish{id: id, place: p})
	}
	err = atomicfile.Write(filepath.Join(x.dir, "rows-compact-"+randomName()+".bin"), func(w io.Writer) error {
		if _, err := w.Write(x.layout.header); err != nil {
			return err
		}
		var failed error
		err := x.read(wishes, nil, func(_ wish, row []byte, _ bool) {
			if failed == nil {
				if failed = ctx.Err(); failed == nil {
					_, failed = w.Write(row)
				}
			}
		})
		return errors.Join(err, failed)
	})
	if err != nil {
		return err
	}
	for _, o := range old {
		if err := os.Remove(filepath.Join(x.dir, o)); err != nil {
			return err
		}
	}
	return nil
}

// Remove deletes a part. It returns [ErrInUse] while a process writes to it.
func (c *Cache) Remove(folder string) error {
	if _, err := c.existing(folder); err != nil {
		return err
	}
	unlock, err := c.alone(folder)
	if err != nil {
		return err
	}
	defer unlock()
	if err := os.RemoveAll(filepath.Join(c.dir, folder)); err != nil {
		return fmt.Errorf("feature: cache: %w", err)
	}
	return nil
}

// alone locks a folder against writers until unlock is called.
func (c *Cache) alone(folder string) (unlock func(), err error) {
	if _, err := c.existing(folder); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.locks(), 0o777); err != nil {
		return nil, fmt.Errorf("feature: cache: %w", err)
	}
	lock := flock.New(folderLock(c.locks(), folder))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("feature: cache: %w", err)
	}
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrInUse, folder)
	}
	return func() { _ = lock.Unlock() }, nil
}
