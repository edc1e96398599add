package tasks

import (
	"context"
	"errors"
	"fmt"

	"w2s/internal/inputfile"
)

// Limits bounds what reading the files of a task may take. A gzip file of two megabytes can unpack to more than any memory
// holds.
type Limits struct {
	// Unpacked is the number of bytes that all files of a task may have together after decompression. The examples that are
	// made of them may take a quarter of that in memory, and the pages of a parquet file that are decoded at once an eighth.
	// 0 means DefaultUnpacked.
	Unpacked int64
}

// DefaultUnpacked is the default of Limits.Unpacked.
const DefaultUnpacked = 4 << 30

// maxRowBytes bounds the size of one line or record. No flag raises it, because a text may have no more than maxTextBytes.
const maxRowBytes = 16 << 20

// maxRowColumns bounds the columns of a TSV or CSV file.
const maxRowColumns = 10_000

func (l Limits) unpacked() int64 {
	if l.Unpacked <= 0 {
		return DefaultUnpacked
	}
	return l.Unpacked
}

func (l Limits) kept() int64  { return l.unpacked() / 4 }
func (l Limits) pages() int64 { return l.unpacked() / 8 }

// A Limiter is a Source that also sets limits for the tasks that read from it, whether they ask it for files or not.
type Limiter interface {
	Limits() Limits
}

// WithLimits returns src with limits. If src is nil, the result has no files.
func WithLimits(src Source, limits Limits) Source { return limited{src, limits} }

type limited struct {
	Source
	limits Limits
}

// Limits implements [Limiter].
func (l limited) Limits() Limits { return l.limits }

// Path implements [Source].
func (l limited) Path(ctx context.Context, artifact string) (string, error) {
	if l.Source == nil {
		return "", fmt.Errorf("there is no source of data for %s", artifact)
	}
	return l.Source.Path(ctx, artifact)
}

// Find implements [Finder].
func (l limited) Find(name string) (string, bool) {
	if f, ok := l.Source.(Finder); ok {
		return f.Find(name)
	}
	return "", false
}

// Pin implements [Pinner].
func (l limited) Pin(artifact string) (sha256, path string, ok bool) {
	return pinOf(l.Source, artifact)
}

// List implements [Lister].
func (l limited) List(ctx context.Context, dataset string) ([]string, error) {
	return listOf(ctx, l.Source, dataset)
}

// listOf asks a source for the files of a data set on the hub.
func listOf(ctx context.Context, src Source, dataset string) ([]string, error) {
	if lister, ok := src.(Lister); ok {
		return lister.List(ctx, dataset)
	}
	return nil, fmt.Errorf("there is no source of data sets on the hub")
}

// limitsOf returns the limits that a source sets, or the defaults.
func limitsOf(src Source) Limits {
	if l, ok := src.(Limiter); ok {
		return l.Limits()
	}
	return Limits{}
}

// A budget counts what reading has taken, over all files of a task. A nil budget has no end.
type budget struct {
	limits         Limits
	unpacked, kept int64 // bytes so far
	err            error // why the budget is used up
}

// errBudget is the kind of error for data beyond the limits.
var errBudget = errors.New("too much data")

// unpack counts bytes after decompression.
func (b *budget) unpack(n int64) error {
	if b == nil {
		return nil
	}
	if b.unpacked += n; b.unpacked > b.limits.unpacked() && b.err == nil {
		b.err = fmt.Errorf("%w: more than %s after decompression (read a part of the data, or raise --max-unpacked)",
			errBudget, inputfile.Bytes(b.limits.unpacked()))
	}
	return b.err
}

// entryBytes is about what an example takes in memory beside its texts.
const entryBytes = 500

// keep counts an example that stays in memory.
func (b *budget) keep(e Example) {
	if b == nil {
		return
	}
	n := entryBytes + len(e.Group) + len(e.Answer) + 8*len(e.Gold)
	for _, texts := range [][]string{e.Texts, e.Control, e.Also, e.Replies, e.links} {
		for _, t := range texts {
			n += len(t) + 16
		}
	}
	b.keepBytes(n)
}

func (b *budget) keepBytes(n int) {
	if b == nil {
		return
	}
	if b.kept += int64(n); b.kept > b.limits.kept() && b.err == nil {
		b.err = fmt.Errorf("%w: its examples take more than %s of memory, a quarter of --max-unpacked (read a part of the data, or raise --max-unpacked)",
			errBudget, inputfile.Bytes(b.limits.kept()))
	}
}
