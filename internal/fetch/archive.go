package fetch

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"w2s/internal/visible"
)

// Limits on what an archive may unpack to. The members' own sizes are pinned.
const (
	maxStream  = 8 << 30 // bytes that are decompressed to read through a tar archive
	maxInner   = 1 << 30 // bytes of an archive within an archive
	maxEntries = 1 << 20
)

// innerSeparator stands in Member.From between the name of an inner archive and a path inside it.
const innerSeparator = "!"

// extract takes the given members, and nothing else, out of a zip (jar, whl) or gzipped tar archive into dir. It refuses
// archives with entry names that lead outside, archives that unpack without end, and members that are links, that occur
// twice or that differ from their pinned size.
func extract(ctx context.Context, archive string, members []Member, dir string) error {
	s, err := newSelection(members)
	if err != nil {
		return err
	}
	head, err := ReadHead(archive)
	if err != nil {
		return err
	}
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		err = extractZip(ctx, archive, s, dir)
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		err = extractTar(ctx, archive, s, dir)
	default:
		what := looksLike(head)
		if what == "" {
			what = "neither a zip nor a gzipped tar archive"
		}
		err = errors.New("is " + what)
	}
	if err == nil {
		err = s.missing()
	}
	if err != nil {
		return fmt.Errorf("fetch: %s: %w", filepath.Base(archive), err)
	}
	for _, name := range slices.Sorted(maps.Keys(s.inner)) {
		inner := filepath.Join(dir, innerName(name))
		if err := extract(ctx, inner, s.inner[name], dir); err != nil {
			return fmt.Errorf("fetch: %s, inside %s: %w", name, filepath.Base(archive), err)
		}
		if err := os.Remove(inner); err != nil {
			return err
		}
	}
	return nil
}

// A selection says which entries of one archive are extracted.
type selection struct {
	files map[string]Member   // members by the name of their entry
	inner map[string][]Member // entries that are archives, and the members in them
	taken map[string]bool     // entries that have been extracted
	names []string            // some names of entries, for the error about a missing one
}

func newSelection(members []Member) (*selection, error) {
	s := &selection{files: map[string]Member{}, inner: map[string][]Member{}, taken: map[string]bool{}}
	for _, m := range members {
		if !filepath.IsLocal(filepath.FromSlash(m.Name)) {
			return nil, fmt.Errorf("fetch: %q is not a path below a folder", m.Name)
		}
		if outer, rest, ok := strings.Cut(m.From, innerSeparator); ok {
			m.From = rest
			s.inner[outer] = append(s.inner[outer], m)
		} else {
			s.files[m.From] = m
		}
	}
	return s, nil
}

// wants reports whether an entry is to be extracted, or returns an error if its name or type is refused.
func (s *selection) wants(name string, regular bool) (bool, error) {
	clean := path.Clean(name)
	if clean == ".." || strings.HasPrefix(clean, "../") || strings.HasPrefix(clean, "/") || strings.Contains(clean, "\\..\\") {
		return false, fmt.Errorf("has an entry %q that leads out of the archive: refused", name)
	}
	if len(s.names) < 12 && !strings.HasSuffix(name, "/") && !strings.HasSuffix(name, ".class") {
		s.names = append(s.names, name)
	}
	_, file := s.files[name]
	_, inner := s.inner[name]
	if !file && !inner {
		return false, nil
	}
	if !regular {
		return false, fmt.Errorf("%q is a link or a special file: refused", name)
	}
	if s.taken[name] {
		return false, fmt.Errorf("has %q twice: refused", name)
	}
	s.taken[name] = true
	return true, nil
}

// take extracts an entry whose headers declare the given size.
func (s *selection) take(ctx context.Context, name string, r io.Reader, declared int64, dir string) error {
	if m, ok := s.files[name]; ok {
		if declared != m.Size {
			return fmt.Errorf("%q unpacks to %s, want %d", name, visible.Count(declared, "byte"), m.Size)
		}
		return writeMember(ctx, r, m, dir)
	}
	if declared < 0 || declared > maxInner {
		return fmt.Errorf("%q unpacks to %s, more than an inner archive may have: refused", name, visible.Count(declared, "byte"))
	}
	f, err := os.OpenFile(filepath.Join(dir, innerName(name)), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, withContext(ctx, io.LimitReader(r, declared)))
	return errors.Join(err, f.Close())
}

// innerName returns the file name under which an inner archive is kept until it is unpacked.
func innerName(name string) string { return ".inner-" + strings.ReplaceAll(name, "/", "+") }

// missing returns an error about the entries that were not in the archive.
func (s *selection) missing() error {
	var absent []string
	for name := range s.files {
		if !s.taken[name] {
			absent = append(absent, name)
		}
	}
	for name := range s.inner {
		if !s.taken[name] {
			absent = append(absent, name)
		}
	}
	if len(absent) == 0 {
		return nil
	}
	slices.Sort(absent)
	return fmt.Errorf("has no %s (it has %s)", strings.Join(absent, ", "), strings.Join(s.names, ", "))
}

func extractZip(ctx context.Context, archive string, s *selection, dir string) error {
	z, err := zip.OpenReader(archive)
	if err != nil {
		return fmt.Errorf("is not a complete zip archive: %w", err)
	}
	defer z.Close()
	if len(z.File) > maxEntries {
		return fmt.Errorf("has %s: refused", visible.Count(len(z.File), "entry"))
	}
	for _, f := range z.File {
		wanted, err := s.wants(f.Name, f.Mode().IsRegular())
		if err != nil {
			return err
		}
		if !wanted {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return fmt.Errorf("%q: %w", f.Name, err)
		}
		err = s.take(ctx, f.Name, r, int64(f.UncompressedSize64), dir)
		r.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func extractTar(ctx context.Context, archive string, s *selection, dir string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(withContext(ctx, f))
	if err != nil {
		return fmt.Errorf("is not a complete gzip file: %w", err)
	}
	stream := &io.LimitedReader{R: z, N: maxStream}
	t := tar.NewReader(stream)
	for entries := 0; ; entries++ {
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if stream.N <= 0 || entries > maxEntries {
			return fmt.Errorf("unpacks to more than %d bytes or %d entries: refused", int64(maxStream), maxEntries)
		}
		if err != nil {
			return fmt.Errorf("is not a complete tar archive: %w", err)
		}
		wanted, err := s.wants(h.Name, h.Typeflag == tar.TypeReg)
		if err != nil {
			return err
		}
		if !wanted {
			continue
		}
		if err := s.take(ctx, h.Name, t, h.Size, dir); err != nil {
			return err
		}
	}
}

// writeMember writes a member's content below dir and checks its size and sha256. It reads at most one byte more than the
// pinned size. It writes in place, because dir is a staging folder.
func writeMember(ctx context.Context, r io.Reader, m Member, dir string) error {
	target := filepath.Join(dir, filepath.FromSlash(m.Name))
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(target, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, h), withContext(ctx, io.LimitReader(r, m.Size+1)))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("%q: %w", m.From, err)
	}
	if n != m.Size {
		return fmt.Errorf("%q has %s or more, want %d", m.From, visible.Count(n, "byte"), m.Size)
	}
	if sum := hex.EncodeToString(h.Sum(nil)); sum != m.SHA256 {
		return fmt.Errorf("%q has sha256 %s, want %s", m.From, sum, m.SHA256)
	}
	return nil
}
