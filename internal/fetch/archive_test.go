package fetch

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"encoding/binary"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An entry is an entry of a test archive. With a link it is a symbolic link.
type entry struct {
	name, content, link string
}

func zipOf(tb testing.TB, entries ...entry) []byte {
	tb.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		content := e.content
		if e.link != "" {
			h.SetMode(os.ModeSymlink | 0o777)
			content = e.link
		}
		w, err := z.CreateHeader(h)
		if err == nil {
			_, err = io.WriteString(w, content)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func tgzOf(tb testing.TB, entries ...entry) []byte {
	tb.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: 0o644, Size: int64(len(e.content)), Typeflag: tar.TypeReg}
		if e.link != "" {
			h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, e.link, 0
		}
		err := w.WriteHeader(h)
		if err == nil && e.link == "" {
			_, err = io.WriteString(w, e.content)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// lyingZip returns a zip archive with one entry whose headers declare a wrong size.
func lyingZip(tb testing.TB, name, content string, declared uint64) []byte {
	tb.Helper()
	var packed bytes.Buffer
	f, err := flate.NewWriter(&packed, flate.BestCompression)
	if err == nil {
		_, err = io.WriteString(f, content)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		tb.Fatal(err)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.CreateRaw(&zip.FileHeader{
		Name: name, Method: zip.Deflate, CRC32: crc32.ChecksumIEEE([]byte(content)),
		CompressedSize64: uint64(packed.Len()), UncompressedSize64: declared,
	})
	if err == nil {
		_, err = w.Write(packed.Bytes())
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func member(from, name, content string) Member {
	return Member{From: from, Name: name, SHA256: hashText(content), Size: int64(len(content))}
}

func TestExtractOnlyMembers(t *testing.T) {
	inner := tgzOf(t, entry{name: "set/a.txt", content: "ratings"}, entry{name: "set/b.txt", content: "more"})
	for name, archive := range map[string][]byte{
		"zip":   zipOf(t, entry{name: "m.onnx", content: "weights"}, entry{name: "X.class", content: "code"}, entry{name: "in/set.tgz", content: string(inner)}),
		"tar":   tgzOf(t, entry{name: "m.onnx", content: "weights"}, entry{name: "in/set.tgz", content: string(inner)}, entry{name: "link", link: "/etc/passwd"}),
		"twice": zipOf(t, entry{name: "m.onnx", content: "weights"}, entry{name: "X", content: "1"}, entry{name: "X", content: "2"}, entry{name: "in/set.tgz", content: string(inner)}),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(t.TempDir(), "archive")
			mustWrite(t, path, string(archive))
			members := []Member{member("m.onnx", "deep/model.onnx", "weights"), member("in/set.tgz!set/a.txt", "a.txt", "ratings")}
			if err := extract(context.Background(), path, members, dir); err != nil {
				t.Fatal(err)
			}
			if got := tree(t, dir); got != "a.txt=ratings deep/model.onnx=weights" {
				t.Errorf("extracted %q", got)
			}
		})
	}
}

func TestExtractRefuses(t *testing.T) {
	want := []Member{member("m.onnx", "model.onnx", "weights")}
	good := zipOf(t, entry{name: "m.onnx", content: "weights"})
	goodTar := tgzOf(t, entry{name: "m.onnx", content: "weights"})
	flipped := bytes.Clone(goodTar)
	flipped[len(flipped)/2] ^= 0xff
	for _, test := range []struct {
		name    string
		archive []byte
		members []Member
		fault   string
	}{
		{"a jar without the model", zipOf(t, entry{name: "readme.txt", content: "hello"}), want, "has no m.onnx (it has readme.txt)"},
		{"a name that leads up, zip", zipOf(t, entry{name: "../../evil", content: "x"}, entry{name: "m.onnx", content: "weights"}), want, `"../../evil" that leads out`},
		{"a name that leads up, tar", tgzOf(t, entry{name: "a/../../evil", content: "x"}, entry{name: "m.onnx", content: "weights"}), want, "leads out"},
		{"an absolute name", tgzOf(t, entry{name: "/etc/evil", content: "x"}, entry{name: "m.onnx", content: "weights"}), want, "leads out"},
		{"a link, zip", zipOf(t, entry{name: "m.onnx", link: "/etc/passwd"}), want, "is a link"},
		{"a link, tar", tgzOf(t, entry{name: "m.onnx", link: "/etc/passwd"}), want, "is a link"},
		{"the same name twice", tgzOf(t, entry{name: "m.onnx", content: "weights"}, entry{name: "m.onnx", content: "poison!"}), want, "twice"},
		{"another size", zipOf(t, entry{name: "m.onnx", content: "weights and more"}), want, "unpacks to 16 bytes, want 7"},
		{"another content", zipOf(t, entry{name: "m.onnx", content: "WEIGHTS"}), want, "has sha256"},
		{"a bomb that declares little", lyingZip(t, "m.onnx", strings.Repeat("0", 1<<20), 7), want, `"m.onnx": zip: not a valid zip file`},
		{"a bomb that declares all", lyingZip(t, "m.onnx", "weights", 1<<40), want, "unpacks to 1099511627776 bytes, want 7"},
		{"an inner bomb", lyingZip(t, "in.tgz", "x", 1<<40), []Member{member("in.tgz!m.onnx", "m", "x")}, "more than an inner archive may have"},
		{"an inner archive that is a text", zipOf(t, entry{name: "in.tgz", content: "text"}), []Member{member("in.tgz!m.onnx", "m", "x")}, "in.tgz, inside"},
		{"half a zip", good[:len(good)-10], want, "not a complete zip archive"},
		{"half a tar", goodTar[:len(goodTar)/2], want, "unexpected EOF"},
		{"a flipped bit", flipped, want, "archive: "},
		{"an empty file", nil, want, "is an empty file"},
		{"a Git LFS pointer", []byte("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"), want, "Git LFS pointer"},
		{"a web page", []byte("\n<!DOCTYPE html><html>log in"), want, "web page"},
		{"something else", []byte("hello"), want, "neither a zip nor a gzipped tar"},
		{"a target outside", good, []Member{member("m.onnx", "../model.onnx", "weights")}, "not a path below"},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			dir := filepath.Join(root, "a", "b")
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "archive")
			mustWrite(t, path, string(test.archive))
			err := extract(context.Background(), path, test.members, dir)
			if err == nil || !strings.Contains(err.Error(), test.fault) {
				t.Errorf("got %v, want an error with %q", err, test.fault)
			}
			if entries, _ := os.ReadDir(root); len(entries) != 1 {
				t.Errorf("something was written outside the folder: %v", entries)
			}
			if treeSize(root) > 1<<10 {
				t.Errorf("%d bytes were written for a member of 7 bytes", treeSize(root))
			}
		})
	}
}

func TestExtractStopsWhenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	path := filepath.Join(t.TempDir(), "archive")
	mustWrite(t, path, string(zipOf(t, entry{name: "m.onnx", content: "weights"})))
	if err := extract(ctx, path, []Member{member("m.onnx", "m", "weights")}, t.TempDir()); err == nil || !strings.Contains(err.Error(), "canceled") {
		t.Errorf("got %v", err)
	}
}

// FuzzExtract checks on damaged archives that nothing is written outside the folder, and that extract succeeds only with the
// pinned content.
func FuzzExtract(f *testing.F) {
	inner := string(tgzOf(f, entry{name: "a", content: "ratings"}))
	f.Add(zipOf(f, entry{name: "m", content: "weights"}, entry{name: "in", content: inner}))
	f.Add(tgzOf(f, entry{name: "m", content: "weights"}, entry{name: "in", content: inner}))
	f.Add(tgzOf(f, entry{name: "../m", content: "weights"}, entry{name: "in", link: "/"}))
	f.Add(lyingZip(f, "m", "weights", 1<<50))
	f.Add(binary.LittleEndian.AppendUint32([]byte("PK\x05\x06"), 1<<31))
	members := []Member{member("m", "x/m", "weights"), member("in!a", "a", "ratings")}
	f.Fuzz(func(t *testing.T, archive []byte) {
		root := t.TempDir()
		dir := filepath.Join(root, "out")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "archive")
		mustWrite(t, path, string(archive))
		err := extract(context.Background(), path, members, dir)
		if entries, _ := os.ReadDir(root); len(entries) != 1 {
			t.Fatalf("something was written outside the folder: %v", entries)
		}
		if got := tree(t, dir); err == nil && got != "a=ratings x/m=weights" {
			t.Fatalf("extracted %q", got)
		}
	})
}

func mustWrite(tb testing.TB, path, content string) {
	tb.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		tb.Fatal(err)
	}
}

// tree lists the files below dir with their contents. It leaves out names that begin with a dot, which the cache uses itself.
func tree(tb testing.TB, dir string) string {
	tb.Helper()
	if !exists(dir) {
		return ""
	}
	var all []string
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			return err
		}
		data, err := os.ReadFile(path)
		relative, _ := filepath.Rel(dir, path)
		all = append(all, filepath.ToSlash(relative)+"="+string(data))
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return strings.Join(all, " ")
}
