package tasks

import (
	"bytes"
	"compress/gzip"
	"context"
	"slices"
	"strings"
	"testing"
)

func packed(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The texts do not depend on compression, line breaks or a byte order mark.
func TestReadTexts(t *testing.T) {
	const plain = "a film\n# not a comment\n\nlast, \"quoted\"\tpart\n"
	want := []string{"a film", "# not a comment", "last, \"quoted\"\tpart"}
	for name, text := range map[string]string{
		"a.txt":       plain,
		"mark.txt":    byteOrderMark + plain,
		"crlf.txt":    strings.ReplaceAll(plain, "\n", "\r\n"),
		"nolast.txt":  strings.TrimSuffix(plain, "\n"),
		"a.txt.gz":    packed(t, plain),
		"mark.gz":     packed(t, byteOrderMark+plain),
		"unnamed.txt": packed(t, plain), // recognised by its bytes, not by its name
	} {
		got, err := ReadTexts(context.Background(), write(t, t.TempDir(), name, text), Limits{})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, error %v, want %q", name, got, err, want)
		}
	}
}

func TestReadTextsFaults(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"long.txt":  {"short\n" + strings.Repeat("x", maxRowBytes+1), "long.txt: line 2 is longer than 16 MiB"},
		"bytes.txt": {"good\ncaf\xe9\nzero\x00\n", "tasks: bytes.txt:2: " + notUTF8Fault("caf\xe9") + "\ntasks: bytes.txt:3: text contains a zero byte"},
		"empty.txt": {byteOrderMark + "\n \n", "tasks: empty.txt: holds no text"},
		"torn.gz":   {packed(t, "a film\n")[:12], "torn.gz: the gzip data is damaged or cut off"},
		"lfs.txt":   {"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"},
	} {
		texts, err := ReadTexts(context.Background(), write(t, t.TempDir(), name, c.text), Limits{})
		if err == nil || !contains(err.Error(), c.want) || texts != nil {
			t.Errorf("%s: %d texts, error %v, want %q", name, len(texts), err, c.want)
		}
	}
}
