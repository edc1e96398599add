package feature

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// A Merged reports what Merge did for one encoder.
type Merged struct {
	Folder  string
	Copied  int      // texts whose vectors were copied
	Had     int      // texts whose vectors the cache already had
	Damaged []Damage // rows of the other cache that cannot be used
}

// Merge copies the intact rows of another cache whose texts this one does not have, each text once. It brings together shards
// that were encoded in separate folders, whatever the names of their files. A second Merge copies nothing. If Merge is
// killed, nothing is lost, and the next one continues. The other cache may be in use. It is only read.
//
// If a part cannot be read, the error names it, and the other parts are merged.
func (c *Cache) Merge(ctx context.Context, other *Cache) ([]Merged, error) {
	if sameFolder(c.dir, other.dir) {
		return nil, fmt.Errorf("feature: cache: %s cannot be merged into itself", other.dir)
	}
	parts, err := other.List()
	if err != nil {
		return nil, err
	}
	var merged []Merged
	var faults []error
	for _, p := range parts {
		m, err := c.mergePart(ctx, other, p)
		if ctx.Err() != nil {
			return merged, ctx.Err()
		}
		if err != nil {
			faults = append(faults, err)
			continue
		}
		merged = append(merged, m)
	}
	return merged, errors.Join(faults...)
}

func (c *Cache) mergePart(ctx context.Context, other *Cache, p Part) (Merged, error) {
	m := Merged{Folder: p.Folder}
	from, err := other.load(p.Folder)
	if err != nil {
		if errors.Is(err, ErrHeader) {
			err = fmt.Errorf("%w (compact the other cache first, which repairs it)", err)
		}
		return m, err
	}
	m.Damaged = from.damage
	head := header{Format: cacheFormat, Key: p.Key, Dims: p.Dims}
	folder := filepath.Join(c.dir, p.Folder)
	if err := checkHeader(folder, head); err != nil {
		return m, err
	}
	here := newIndex(folder, from.layout)
	if err := here.refresh(); err != nil {
		return m, err
	}
	var wishes []wish
	for id, at := range from.places {
		if _, ok := here.places[id]; ok {
			m.Had++
		} else {
			wishes = append(wishes, wish{id: id, place: at})
		}
	}
	if len(wishes) == 0 {
		return m, nil
	}
	w, err := openWriter(ctx, c.locks(), folder, from.layout)
	if err != nil {
		return m, err
	}
	err = writeHeader(folder, head)
	if err == nil {
		m.Copied, err = w.copy(ctx, from, wishes)
	}
	return m, errors.Join(err, w.close())
}

// copy appends rows of another index and returns their number.
func (w *writer) copy(ctx context.Context, from *index, wishes []wish) (n int, failed error) {
	v := vector{values: make([]float32, w.layout.dims)}
	err := from.read(wishes, nil, func(wanted wish, row []byte, _ bool) {
		if failed == nil {
			failed = ctx.Err()
		}
		if failed != nil {
			return
		}
		from.layout.values(row, v.values)
		_, tokens, truncated := meta(row)
		v.tokens, v.truncated = int(tokens), truncated
		if failed = w.append(wanted.id, v); failed == nil {
			n++
		}
	})
	return n, errors.Join(failed, err)
}

// sameFolder reports whether two paths name the same existing folder.
func sameFolder(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}
