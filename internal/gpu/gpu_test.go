package gpu

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// fakeTool puts a script that is called nvidia-smi first in PATH.
func fakeTool(t *testing.T, script string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "nvidia-smi"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

const two = `case "$1" in --query-gpu=index,uuid,driver_version,memory.total,memory.free,compute_cap,name) ;; *) exit 3 ;; esac
echo "0, GPU-aaaa-1, 580.65.06, 143771, 143000, 9.0, NVIDIA H200"
echo "1, GPU-bbbb-2, 580.65.06, 8192, [N/A], [N/A], NVIDIA RTX, of a kind"
`

// An old driver does not know the capability.
const old = `case "$1" in *compute_cap*) echo 'Field "compute_cap" is not a valid field to query.'; exit 2 ;; esac
echo "0, GPU-aaaa-1, 460.32.03, 11441, 11000, Tesla K80"
`

func TestCards(t *testing.T) {
	h200 := Card{Index: 0, Name: "NVIDIA H200", Driver: "580.65.06", Total: 143771 << 20, Free: 143000 << 20, Capability: "9.0"}
	rtx := Card{Index: 1, Name: "NVIDIA RTX, of a kind", Driver: "580.65.06", Total: 8192 << 20}
	swapped := []Card{rtx, h200}
	swapped[0].Index, swapped[1].Index = 0, 1
	only := rtx
	only.Index = 0
	const unset = "(unset)"
	for _, test := range []struct {
		name, script, visible string
		want                  []Card
		fault                 string
	}{
		{"two cards", two, unset, []Card{h200, rtx}, ""},
		{"the second by its number", two, "1", []Card{only}, ""},
		{"the other way round", two, "1,0", swapped, ""},
		{"by the beginning of a name", two, "GPU-bb", []Card{only}, ""},
		{"up to a mistake", two, "1,7,0", []Card{only}, ""},
		{"a part of a card", two, "MIG-1-2-3", []Card{{Name: "MIG-1-2-3", Driver: "580.65.06"}}, ""},
		{"an empty list", two, "", nil, "CUDA_VISIBLE_DEVICES= leaves none"},
		{"none", two, "-1", nil, "CUDA_VISIBLE_DEVICES=-1 leaves none of the machine's 2 cards"},
		{"no card", "echo 'No devices were found'", unset, nil, "the driver sees no card"},
		{"no driver", "echo 'NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver.'; exit 9", unset, nil, "exit status 9: NVIDIA-SMI has failed"},
		{"an error", "echo 'no permission' >&2; exit 1", unset, nil, "no permission"},
		{"a crash", "kill -SEGV $$", unset, nil, "nvidia-smi failed: signal: segmentation fault"},
		{"an error without words", "exit 9", unset, nil, "nvidia-smi failed: exit status 9"},
		{"a warning", "echo 'WARNING: infoROM is corrupted at gpu 0000:00:01.0'\n" + two, unset, []Card{h200, rtx}, ""},
		{"an old driver", old, unset, []Card{{Name: "Tesla K80", Driver: "460.32.03", Total: 11441 << 20, Free: 11000 << 20}}, ""},
		{"other words", "echo hello", unset, nil, `"hello" is no line about a card`},
	} {
		t.Run(test.name, func(t *testing.T) {
			fakeTool(t, test.script)
			got, err := Cards(t.Context(), func(string) (string, bool) { return test.visible, test.visible != unset })
			if (err == nil) != (test.fault == "") || err != nil && !strings.Contains(err.Error(), test.fault) {
				t.Fatalf("error %v, want %q", err, test.fault)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

// What nvidia-smi says of a fault is cut, and shown without bytes that a terminal obeys.
func TestShortFaults(t *testing.T) {
	none := func(string) (string, bool) { return "", false }
	fakeTool(t, "exit 9")
	if _, err := Cards(t.Context(), none); err == nil || strings.HasSuffix(strings.TrimSpace(err.Error()), ":") {
		t.Errorf("without words: %v", err)
	}
	for _, script := range []string{"head -c 5000 /dev/urandom; exit 1", "head -c 5000 /dev/urandom"} {
		fakeTool(t, script)
		if _, err := Cards(t.Context(), none); err == nil || len([]rune(err.Error())) > 400 || strings.ContainsRune(err.Error(), 0) {
			t.Errorf("%s: %v", script, err)
		}
	}
	fakeTool(t, two)
	_, err := Cards(t.Context(), func(string) (string, bool) { return "x", true })
	if hidden := (*HiddenError)(nil); !errors.As(err, &hidden) || hidden.Cards != 2 || !strings.Contains(err.Error(), "change or unset") {
		t.Errorf("hidden cards: %v", err)
	}
}

func TestNoTool(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := os.Stat("/usr/lib/wsl/lib/nvidia-smi"); err == nil {
		t.Skip("this machine has it in a fixed place")
	}
	if _, err := Cards(t.Context(), os.LookupEnv); err != ErrNoTool {
		t.Errorf("got %v", err)
	}
}
