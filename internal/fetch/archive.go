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
)

// Bounds on what an archive may unpack to, beyond the members' own pinned sizes.
const (
	maxStream = 8 << 30 // bytes that are decompressed on the way through a tar archive
	maxInner  = 1 << 30 // bytes of an archive within an archive
	maxNames  = 1 << 20 // entries
	nested    = "!"     // separates the inner archive from the path inside it
)

// extract takes the named members out of a zip (jar, whl) or gzipped tar archive into dir, and nothing else. It refuses
// archives with entries that reach out of the archive, members that are links, doubled or of another size than pinned,
// and streams without end.
func extract(ctx context.Context, archive string, members []Member, dir string) error {
	plan, err := newPlan(members)
	if err != nil {
		return err
	}
	head, err := ReadHead(archive)
	if err != nil {
		return err
	}
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		err = extractZip(ctx, archive, plan, dir)
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		err = extractTar(ctx, archive, plan, dir)
	default:
		what := looksLike(head)
		if what == "" {
			what = "neither a zip nor a gzipped tar archive"
		}
		err = errors.New("is " + what)
	}
	if err == nil {
		err = plan.missing()
	}
	if err != nil {
		return fmt.Errorf("fetch: %s: %w", filepath.Base(archive), err)
	}
	for _, name := range slices.Sorted(maps.Keys(plan.inner)) {
		inner := filepath.Join(dir, innerName(name))
		if err := extract(ctx, inner, plan.inner[name], dir); err != nil {
			return fmt.Errorf("fetch: %s, inside %s: %w", name, filepath.Base(archive), err)
		}
		if err := os.Remove(inner); err != nil {
			return err
		}
	}
	return nil
}

// A plan says what to do with each entry of one archive.
type plan struct {
	files map[string]Member   // entries to take
	inner map[string][]Member // entries that are archives, and what to take from them
	taken map[string]bool
	names []string // some of the entries that were seen, for the error about one that is missing
}

func newPlan(members []Member) (*plan, error) {
	p := &plan{files: map[string]Member{}, inner: map[string][]Member{}, taken: map[string]bool{}}
	for _, m := range members {
		if !filepath.IsLocal(filepath.FromSlash(m.Name)) {
			return nil, fmt.Errorf("fetch: %q is not a path below a folder", m.Name)
		}
		if outer, rest, ok := strings.Cut(m.From, nested); ok {
			m.From = rest
			p.inner[outer] = append(p.inner[outer], m)
		} else {
			p.files[m.From] = m
		}
	}
	return p, nil
}

// see judges an entry by its name and type and says whether it is to be taken.
func (p *plan) see(name string, regular bool) (bool, error) {
	clean := path.Clean(name)
	if clean == ".." || strings.HasPrefix(clean, "../") || strings.HasPrefix(clean, "/") || strings.Contains(clean, "\\..\\") {
		return false, fmt.Errorf("has an entry %q that reaches out of the archive: refused", name)
	}
	if len(p.names) < 12 && !strings.HasSuffix(name, "/") && !strings.HasSuffix(name, ".class") {
		p.names = append(p.names, name)
	}
	_, file := p.files[name]
	_, inner := p.inner[name]
	if !file && !inner {
		return false, nil
	}
	if !regular {
		return false, fmt.Errorf("%q is a link or a special file, not a file: refused", name)
	}
	if p.taken[name] {
		return false, fmt.Errorf("holds %q twice: refused", name)
	}
	p.taken[name] = true
	return true, nil
}

// take writes the entry where it belongs.
func (p *plan) take(ctx context.Context, name string, r io.Reader, declared int64, dir string) error {
	if m, ok := p.files[name]; ok {
		if declared != m.Size {
			return fmt.Errorf("%q unpacks to %d bytes, want %d", name, declared, m.Size)
		}
		return writeMember(ctx, r, m, dir)
	}
	if declared < 0 || declared > maxInner {
		return fmt.Errorf("%q unpacks to %d bytes, more than an inner archive may have: refused", name, declared)
	}
	f, err := os.OpenFile(filepath.Join(dir, innerName(name)), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, withContext(ctx, io.LimitReader(r, declared)))
	return errors.Join(err, f.Close())
}

// innerName is where an inner archive waits to be unpacked.
func innerName(name string) string { return ".inner-" + strings.ReplaceAll(name, "/", "+") }

func (p *plan) missing() error {
	var absent []string
	for name := range p.files {
		if !p.taken[name] {
			absent = append(absent, name)
		}
	}
	for name := range p.inner {
		if !p.taken[name] {
			absent = append(absent, name)
		}
	}
	if len(absent) == 0 {
		return nil
	}
	slices.Sort(absent)
	return fmt.Errorf("does not hold %s (it holds %s)", strings.Join(absent, ", "), strings.Join(p.names, ", "))
}

func extractZip(ctx context.Context, archive string, p *plan, dir string) error {
	z, err := zip.OpenReader(archive)
	if err != nil {
		return fmt.Errorf("is not a whole zip archive: %w", err)
	}
	defer z.Close()
	if len(z.File) > maxNames {
		return fmt.Errorf("has %d entries: refused", len(z.File))
	}
	for _, f := range z.File {
		wanted, err := p.see(f.Name, f.Mode().IsRegular())
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
		err = p.take(ctx, f.Name, r, int64(f.UncompressedSize64), dir)
		r.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func extractTar(ctx context.Context, archive string, p *plan, dir string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(withContext(ctx, f))
	if err != nil {
		return fmt.Errorf("is not a whole gzip file: %w", err)
	}
	stream := &io.LimitedReader{R: z, N: maxStream}
	t := tar.NewReader(stream)
	for entries := 0; ; entries++ {
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if stream.N <= 0 || entries > maxNames {
			return fmt.Errorf("unpacks to more than %d bytes or %d entries: refused", int64(maxStream), maxNames)
		}
		if err != nil {
			return fmt.Errorf("is not a whole tar archive: %w", err)
		}
		wanted, err := p.see(h.Name, h.Typeflag == tar.TypeReg)
		if err != nil {
			return err
		}
		if !wanted {
			continue
		}
		if err := p.take(ctx, h.Name, t, h.Size, dir); err != nil {
			return err
		}
	}
}

// writeMember copies a member's content to its place below dir, never more than its pinned size, and checks its sha256.
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
		return fmt.Errorf("%q has %d bytes or more, want %d", m.From, n, m.Size)
	}
	if sum := hex.EncodeToString(h.Sum(nil)); sum != m.SHA256 {
		return fmt.Errorf("%q has sha256 %s, want %s", m.From, sum, m.SHA256)
	}
	return nil
}
