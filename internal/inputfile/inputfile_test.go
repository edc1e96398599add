package inputfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.txt")
	if err := os.WriteFile(path, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	if f, err := Open(path); err != nil {
		t.Error(err)
	} else {
		f.Close()
	}
	if _, err := Open(filepath.Join(dir, "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent file: %v", err)
	}
	if err := Check(filepath.Join(dir, "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Check of an absent file: %v", err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "is a folder, not a file") {
		t.Errorf("folder: %v", err)
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.txt")
	content := strings.Repeat("abc", 1000)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if data, err := Read(path, 3000); err != nil || string(data) != content {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	if _, err := Read(path, 2999); err == nil || !strings.Contains(err.Error(), "a.txt: has more than 2.929 KiB") {
		t.Errorf("one byte too many: %v", err)
	}
	// The size of a sparse file is known before a byte of it is read.
	sparse := filepath.Join(dir, "sparse")
	if err := os.WriteFile(sparse, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(sparse, 1<<40); err != nil {
		t.Skip(err)
	}
	if _, err := Read(sparse, 1<<30); err == nil || !strings.Contains(err.Error(), "more than 1 GiB") {
		t.Errorf("sparse file: %v", err)
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{0: "0 bytes", 1023: "1023 bytes", 1024: "1 KiB", 1536: "1.5 KiB", 4 << 30: "4 GiB", 1 << 62: "4096 PiB"} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestCountJSON(t *testing.T) {
	for text, want := range map[string]int{
		`{}`: 1, `[{"a":{}},{}]`: 3, `"{"`: 0, `{"a{":"\"{","b":"\\"}`: 1, `["\\",{}]`: 1, ``: 0,
	} {
		if got := CountJSON([]byte(text), '{'); got != want {
			t.Errorf("%s: %d objects, want %d", text, got, want)
		}
	}
	if got := CountJSON([]byte(`{"a:b":[":",{"c":1}]}`), ':'); got != 2 {
		t.Errorf("%d keys, want 2", got)
	}
}

func TestJSON(t *testing.T) {
	type file struct {
		Name   string    `json:"name"`
		Size   int       `json:"size"`
		Shares []float64 `json:"shares"`
		Inner  struct {
			On *bool `json:"on"`
		} `json:"inner"`
	}
	for text, want := range map[string]string{
		`{"name":"a","size":3,"shares":[1],"inner":{"on":true}}`: "",
		`{"size":null}`:        "",
		`{"name":3}`:           "name: a number, want a string",
		`{"size":"3"}`:         "size: a string, want a whole number",
		`{"size":3.5}`:         "size: a number 3.5, want a whole number",
		`{"shares":{}}`:        "shares: an object, want a list of numbers",
		`{"inner":[]}`:         "inner: a list, want an object",
		`{"inner":{"on":"a"}}`: "inner.on: a string, want true or false",
		`[]`:                   "a list, want an object",
		`{"name":}`:            "not JSON at byte 9: invalid character '}' looking for beginning of value",
		`{"name":`:             "not JSON at byte 8: unexpected end of JSON input",
		"\ufeff{}":             "it begins with a byte order mark, which JSON does not allow (save it as UTF-8 without one)",
	} {
		var f file
		got := ""
		if err := JSON([]byte(text), &f); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}
