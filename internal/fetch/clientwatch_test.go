package fetch

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"w2s/internal/progress"
)

// scriptClient makes a shell script the client of that name, and returns a cache with short limits. In the script $out is the
// folder for the archive, and $dir a folder outside of the cache.
func scriptClient(t *testing.T, client, script string) (c *Cache, lines *printed, dir string) {
	t.Helper()
	s := newFakeRegistry(t, client)
	dir = t.TempDir()
	mustWrite(t, filepath.Join(filepath.Dir(s.log), "bin", client), `#!/bin/sh
case "$*" in *--version*) exit 0;; esac
dir='`+dir+`'
echo run >> "$dir/runs"
for word in "$@"; do
	case "$word" in -DoutputDirectory=*) out="${word#-DoutputDirectory=}";; esac
	case "$before" in --dest|--pack-destination) out="$word";; esac
	before="$word"
done
`+script)
	c, lines = testCache(t), &printed{Reporter: progress.Silent()}
	c.Report = lines
	c.clients.limits = clientLimits{window: 400 * time.Millisecond, rate: 1000, start: 20 * time.Second, slow: 1000, tries: 2}
	return c, lines, dir
}

func packageOf(r Registry) Package {
	return Package{Registry: r, Name: "org.example:models", Version: "1.0", Archive: "models.zip", Size: 1000, SHA256: strings.Repeat("0", 64)}
}

// TestClientLimits runs clients that never end.
func TestClientLimits(t *testing.T) {
	const block = "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
	for _, test := range []struct {
		name, client, script string
		registry             Registry
		says                 []string
		linux                bool // needs a system that tells what processes write
	}{
		{"a silent client", "mvn", "echo Downloading from central; sleep 60", Maven, []string{"mvn got only", "less than 1.0 kB a second, and was stopped",
			"Downloading from central", "settings.xml"}, true},
		{"a silent pip", "python3", "sleep 60", PyPI, []string{"python3 got only", "PIP_INDEX_URL"}, false},
		{"a dripping pip", "python3", `while :; do echo >> "$out/part"; sleep 0.05; done`, PyPI, []string{"python3 got only", "was stopped"}, false},
		{"a client that writes without end", "python3", `while :; do echo ` + block + ` >> "$out/part"; sleep 0.01; done`, PyPI,
			[]string{"python3 took more than 1s and was stopped"}, false},
		{"a client that prints without end", "npm", `while :; do echo ` + block + `; sleep 0.01; done`, NPM,
			[]string{"npm took more than 1s and was stopped", "npm's registry"}, false},
		{"a client that ignores the request to end", "python3", `trap '' TERM; while :; do sleep 1; done`, PyPI, []string{"python3 got only"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.linux && runtime.GOOS != "linux" {
				t.Skip("the system does not tell what the client writes elsewhere")
			}
			c, lines, _ := scriptClient(t, test.client, test.script)
			if strings.Contains(test.says[0], "took more than") {
				c.clients.limits.start = 0
			}
			dir := filepath.Join(c.Dir, "out")
			start := time.Now()
			_, err := c.clients.download(context.Background(), packageOf(test.registry), dir, c.Report)
			if err == nil {
				t.Fatal("no error")
			}
			for _, says := range test.says {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("got %v, want it to contain %q", err, says)
				}
			}
			if len(lines.lines) != 1 || !strings.HasSuffix(lines.lines[0], "trying again") {
				t.Errorf("it printed %q, want one line about another try", lines.lines)
			}
			if took := time.Since(start); took > 25*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// TestClientWritesTooMuch ends a client that fills the disk.
func TestClientWritesTooMuch(t *testing.T) {
	c, _, _ := scriptClient(t, "python3", `sleep 60`)
	big := filepath.Join(c.Dir, "out", "part")
	time.AfterFunc(100*time.Millisecond, func() {
		mustWrite(t, big, "")
		if err := os.Truncate(big, maxWritten(packageOf(PyPI))+1); err != nil { // a hole, which takes no space
			t.Error(err)
		}
	})
	c.clients.limits.tries = 1
	_, err := c.clients.download(context.Background(), packageOf(PyPI), filepath.Dir(big), c.Report)
	if err == nil || !strings.Contains(err.Error(), "wrote more than") {
		t.Errorf("got %v", err)
	}
}

// TestSlowClient lets a client work for several windows that writes steadily, to its folder (pip) or elsewhere (mvn).
func TestSlowClient(t *testing.T) {
	for client, r := range map[string]Registry{"python3": PyPI, "mvn": Maven} {
		t.Run(client, func(t *testing.T) {
			where := "$out"
			if r == Maven {
				where = "$dir"
			}
			c, lines, _ := scriptClient(t, client, fmt.Sprintf(`i=0; while [ $i -lt 60 ]; do i=$((i+1)); printf %%01000d 0 >> "%s/part"; sleep 0.05; done
echo archive > "$out/models.zip"`, where))
			c.clients.limits.window = time.Second // even a loaded machine starts a shell in this time
			path, err := c.clients.download(context.Background(), packageOf(r), filepath.Join(c.Dir, "out"), c.Report)
			if err != nil || filepath.Base(path) != "models.zip" || len(lines.lines) > 0 {
				t.Errorf("%s, %v, %q", path, err, lines.lines)
			}
		})
	}
}

// TestCancelledClient expects that the end of the context ends a client and its children at once.
func TestCancelledClient(t *testing.T) {
	c, _, dir := scriptClient(t, "mvn", `trap '' TERM; (trap '' TERM; while :; do sleep 0.1; echo alive > "$dir/alive"; done) & wait`)
	c.clients.limits = usualClientLimits
	ctx, cancel := context.WithCancel(context.Background())
	var cancelled time.Time
	time.AfterFunc(500*time.Millisecond, func() { cancelled = time.Now(); cancel() })
	_, err := c.clients.download(ctx, packageOf(Maven), filepath.Join(c.Dir, "out"), c.Report)
	if took := time.Since(cancelled); err == nil || took > 2*time.Second {
		t.Errorf("%v after the end: %v", took, err)
	}
	time.Sleep(2 * termGrace)
	before, err := os.Stat(filepath.Join(dir, "alive"))
	time.Sleep(500 * time.Millisecond)
	after, afterErr := os.Stat(filepath.Join(dir, "alive"))
	if err != nil || afterErr != nil || !before.ModTime().Equal(after.ModTime()) {
		t.Errorf("a child of the client lives on (%v, %v)", err, afterErr)
	}
}

func TestTailBuffer(t *testing.T) {
	b := new(tailBuffer)
	for i := range 100_000 {
		fmt.Fprintf(b, "line %d\n", i)
	}
	b.Write([]byte(strings.Repeat("x", 3*maxTail)))
	b.Write([]byte("end"))
	if got := b.String(); len(got) != maxTail || !strings.HasSuffix(got, "xend") {
		t.Errorf("%d bytes, ending in %.9q", len(got), got[len(got)-9:])
	}
	if got := b.written(); got < 1_000_000 {
		t.Errorf("%d bytes were counted", got)
	}
}
