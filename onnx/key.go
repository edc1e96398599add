package onnx

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"w2s/internal/atomicfile"
	"w2s/internal/inputfile"
	"w2s/internal/safetensors"
	"w2s/onnx/families"
)

func notFiniteNote(path, tensor string) string {
	return fmt.Sprintf("tensor %q of %s has numbers that are not finite", tensor, filepath.Base(path))
}

// notFinite returns the error that what the model computes is not finite. It searches the safetensors files for the reason.
func (c *Checkpoint) notFinite(ctx context.Context, what string) error {
	err := fmt.Errorf("%s is not finite", what)
	for _, path := range append([]string{c.Model}, c.External...) {
		if filepath.Ext(path) != ".safetensors" {
			continue
		}
		f, opened := safetensors.Open(path)
		if opened != nil {
			continue // it could be opened before, and the error to tell is err
		}
		names, searched := f.NotFinite(ctx)
		f.Close()
		if searched == nil && len(names) > 0 {
			return fmt.Errorf("%w: %s (fetch the file again, or use another checkpoint)", err, notFiniteNote(path, names[0]))
		}
	}
	return err
}

// keyScheme must change whenever this package begins to compute different vectors from the same files.
const keyScheme = "w2s-onnx-3"

// key returns the digest of everything that changes a vector, and sets Digests. It does not depend on the processor, which can
// change the last bits of a vector (see docs/cache.md).
func (c *Checkpoint) key(ctx context.Context, version, provider string, settings map[string]string, digestFile string) (string, error) {
	d := &digests{path: digestFile}
	d.read()
	files := append([]string{c.Model, c.Tokenizer}, c.External...)
	if c.merges != "" {
		files = append(files, c.merges)
	}
	adapter := c.source.adapter()
	if adapter != nil {
		files = append(files, adapter.Files()...)
	}
	sums := make([]string, len(files))
	c.Digests = map[string]string{}
	for i, path := range files {
		sum, err := d.sum(ctx, path)
		if err != nil {
			return "", err
		}
		sums[i] = sum
		if filepath.Ext(path) == ".safetensors" {
			names, err := d.notFinite(ctx, path)
			if err != nil {
				return "", err
			}
			if adapter != nil && len(names) > 0 && slices.Contains(adapter.Files(), path) {
				return "", fmt.Errorf("adapter %s: tensors have numbers that are not finite: %s", adapter.Dir, families.Shortened(names))
			}
			for _, name := range names {
				c.notes = append(c.notes, notFiniteNote(path, name))
			}
		}
		c.Digests[filepath.Base(path)] = sum
	}
	d.write()
	h := sha256.New()
	// Parts are quoted when they are hashed, so that different lists of parts never give the same bytes. Their texts are part
	// of all existing keys and must not change.
	parts := append(sums, keyScheme, c.Family, c.Output, string(c.Pooling), strconv.Itoa(c.MaxTokens), c.Prefix,
		strconv.FormatBool(c.Normalize), c.Cut, fmt.Sprint(c.pad), version, provider, fmt.Sprintf("%q", settings))
	if c.source.made != nil {
		parts = append(parts, "made from safetensors", strconv.Itoa(families.Version))
	}
	if c.plan.ends && c.source.made == nil {
		parts = append(parts, "ends at the output")
	}
	if adapter != nil {
		parts = append(parts, "adapter")
	}
	if c.Head != nil {
		parts = append(parts, "classification head")
	}
	if c.Chat != nil {
		parts = append(parts, "chat", c.Chat.Digest())
	}
	if c.LowerCase {
		parts = append(parts, "lower case")
	}
	if c.overrides != "" {
		parts = append(parts, "tokenizer settings", c.overrides)
	}
	if c.plan.head {
		parts = append(parts, "behind the head", c.plan.hidden)
	}
	for _, in := range c.plan.inputs {
		if in.first > 0 {
			parts = append(parts, "positions from", strconv.FormatInt(in.first, 10))
		}
	}
	if c.shares {
		parts = append(parts, "shared until", c.SharedUntil)
	}
	if c.Precision == Float16 {
		parts = append(parts, "float16")
	}
	if c.plan.pools != nil {
		parts = append(parts, "pooled in the graph")
	}
	for _, part := range parts {
		fmt.Fprintf(h, "%q\n", part)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// digests remembers the SHA-256 of files by path, size and times, so that a large model is read only once. Besides the
// modification time it compares the time of change that the file system keeps, because archives and copies set the former.
// If the stored digests are lost or damaged, they are computed again.
type digests struct {
	path    string // file that stores the digests; "" stores nothing
	entries map[string]digestEntry
	changed bool
}

type digestEntry struct {
	Size   int64  `json:"size"`
	Time   int64  `json:"mtime"`           // nanoseconds
	Change int64  `json:"ctime,omitempty"` // nanoseconds
	Inode  uint64 `json:"inode,omitempty"`
	SHA256 string `json:"sha256"`

	// NotFinite are the tensors of a safetensors file that have a number that is not finite, if the file was searched for them.
	Searched  bool     `json:"searched,omitempty"`
	NotFinite []string `json:"not_finite,omitempty"`
}

// same reports whether two entries are of the same file.
func (e digestEntry) same(other digestEntry) bool {
	return e.Size == other.Size && e.Time == other.Time && e.Change == other.Change && e.Inode == other.Inode
}

// settled is the age from which a file's digest is remembered. A file that changes twice within the resolution of its time
// stamps would look unchanged.
const settled = 2 * time.Second

func (d *digests) read() {
	d.entries = map[string]digestEntry{}
	if d.path == "" {
		return
	}
	data, err := inputfile.Read(d.path, maxConfig)
	if err != nil || json.Unmarshal(data, &d.entries) != nil || d.entries == nil {
		d.entries = map[string]digestEntry{}
	}
}

// write stores the digests. If that fails, they are computed again next time.
func (d *digests) write() {
	if d.path == "" || !d.changed {
		return
	}
	for path := range d.entries {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			delete(d.entries, path)
		}
	}
	data, err := json.MarshalIndent(d.entries, "", "\t")
	if err == nil && os.MkdirAll(filepath.Dir(d.path), 0o777) == nil {
		_ = atomicfile.WriteBytes(d.path, data)
	}
}

func (d *digests) sum(ctx context.Context, path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	f, err := inputfile.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return "", err
	}
	known := d.entries[abs]
	now := digestEntry{Size: st.Size(), Time: st.ModTime().UnixNano()}
	now.Change, now.Inode = changed(f)
	if now.same(known) && len(known.SHA256) == 2*sha256.Size {
		return known.SHA256, nil
	}
	h := sha256.New()
	if _, err := io.Copy(h, contextReader{ctx, f}); err != nil {
		return "", err
	}
	now.SHA256 = hex.EncodeToString(h.Sum(nil))
	if last := max(now.Time, now.Change); time.Since(time.Unix(0, last)) > settled {
		d.entries[abs], d.changed = now, true
	}
	return now.SHA256, nil
}

// notFinite returns the tensors of a safetensors file that have a number that is not finite. It reads the file only once, like sum,
// which must have been called before.
func (d *digests) notFinite(ctx context.Context, path string) ([]string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	entry, known := d.entries[abs]
	if known && entry.Searched {
		return entry.NotFinite, nil
	}
	f, err := safetensors.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.NotFinite(ctx)
	if err == nil && known {
		entry.Searched, entry.NotFinite = true, names
		d.entries[abs], d.changed = entry, true
	}
	return names, err
}

// A contextReader stops reading when the context is done.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := context.Cause(c.ctx); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
