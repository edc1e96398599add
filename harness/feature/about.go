package feature

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"

	"w2s/internal/atomicfile"
	"w2s/internal/inputfile"
)

// aboutFile in the folder of a part says what the part is of. Its modification time is when the part was last used. Nothing
// depends on the file: a part without it has no names and was last used when it was last written.
const aboutFile = "about.json"

// maxAbout bounds the size of an about file.
const maxAbout = 1 << 20

// An about is the content of an about file.
type about struct {
	Model string   `json:"model"`
	Tasks []string `json:"tasks"`
}

func readAbout(folder string) about {
	var a about
	data, err := inputfile.Read(filepath.Join(folder, aboutFile), maxAbout)
	if err != nil || json.Unmarshal(data, &a) != nil {
		return about{}
	}
	return a
}

// A Varied is an Encoder of a model that has several. Variant tells them apart for people, such as "runtime-only"; it is "" for the usual
// one.
type Varied interface{ Variant() string }

func variantOf(enc Encoder) string {
	if v, ok := enc.(Varied); ok {
		return v.Variant()
	}
	return ""
}

// Use keeps [Cache.Prune] in any process from removing the part of an encoder until the cache is closed. The caller calls done when
// it has the vectors: done notes that the task was used with the model, for [Cache.List] and Prune. In a folder that cannot be
// written, neither does anything. If two processes note tasks at the same moment, one note may be lost.
func (c *Cache) Use(enc Encoder, model, task string) (done func()) {
	if c == nil || isLookup(enc) {
		return func() {}
	}
	folder := folderName(enc.Key())
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.uses[folder]; !ok && os.MkdirAll(c.locks(), 0o777) == nil {
		lock := flock.New(c.useLock(folder))
		if ok, err := lock.TryRLock(); ok && err == nil {
			c.uses[folder] = lock
		}
	}
	if v := variantOf(enc); v != "" {
		model += ", " + v
	}
	return func() { note(filepath.Join(c.dir, folder), model, task) }
}

// note adds a task to the about file in a folder, if there is such a folder, and sets the time of the file.
func note(folder, model, task string) {
	if _, err := os.Stat(folder); err != nil {
		return
	}
	a := readAbout(folder)
	path, now := filepath.Join(folder, aboutFile), time.Now()
	if a.Model == model && slices.Contains(a.Tasks, task) && os.Chtimes(path, now, now) == nil {
		return
	}
	a.Model = model
	if !slices.Contains(a.Tasks, task) {
		a.Tasks = append(a.Tasks, task)
		slices.Sort(a.Tasks)
	}
	if data, err := json.Marshal(a); err == nil {
		_ = atomicfile.WriteBytes(path, append(data, '\n')) // a cache that cannot be written is still of use
	}
}

// useLock returns the path of the lock that a process shares as long as it uses a part.
func (c *Cache) useLock(folder string) string { return filepath.Join(c.locks(), folder+".use.lock") }

// Close lets other processes prune what this one has used. The cache can be used again afterwards.
func (c *Cache) Close() error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var faults []error
	for _, lock := range c.uses {
		faults = append(faults, lock.Unlock())
	}
	clear(c.uses)
	return errors.Join(faults...)
}

// Prune removes whole parts, those that were not used for the longest time first, until the cache takes at most limit bytes, and
// returns what it removed. It leaves out the parts that this process or another one uses, so the cache may stay above the limit.
// With dry set it removes nothing.
func (c *Cache) Prune(limit int64, dry bool) (removed []Part, left int64, err error) {
	parts, err := c.List()
	if err != nil {
		return nil, 0, err
	}
	for _, p := range parts {
		left += p.Bytes
	}
	slices.SortStableFunc(parts, func(a, b Part) int { return a.Used.Compare(b.Used) })
	var faults []error
	for _, p := range parts {
		if left <= limit {
			break
		}
		switch err := c.removeUnused(p.Folder, dry); {
		case err == nil:
			removed, left = append(removed, p), left-p.Bytes
		case !errors.Is(err, ErrInUse):
			faults = append(faults, err)
		}
	}
	return removed, left, errors.Join(faults...)
}

// removeUnused removes a part unless a process uses it, which is [ErrInUse].
func (c *Cache) removeUnused(folder string, dry bool) error {
	if err := os.MkdirAll(c.locks(), 0o777); err != nil {
		return fmt.Errorf("feature: cache: %w", err)
	}
	lock := flock.New(c.useLock(folder))
	ok, err := lock.TryLock()
	if err != nil {
		return fmt.Errorf("feature: cache: %w", err)
	}
	if !ok {
		return fmt.Errorf("%w: %s", ErrInUse, folder)
	}
	defer func() { _ = lock.Unlock() }()
	if dry {
		return nil
	}
	return c.Remove(folder)
}
