package gpu

import (
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

const two = `case "$1" in --query-gpu=index,uuid,driver_version,memory.total,memory.free,name) ;; *) exit 3 ;; esac
echo "0, GPU-aaaa-1, 580.65.06, 143771, 143000, NVIDIA H200"
echo "1, GPU-bbbb-2, 580.65.06, 8192, [N/A], NVIDIA RTX, of a kind"
`

func TestCards(t *testing.T) {
	h200 := Card{Index: 0, Name: "NVIDIA H200", Driver: "580.65.06", Total: 143771 << 20, Free: 143000 << 20}
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

func TestNoTool(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := os.Stat("/usr/lib/wsl/lib/nvidia-smi"); err == nil {
		t.Skip("this machine has it in a fixed place")
	}
	if _, err := Cards(t.Context(), os.LookupEnv); err != ErrNoTool {
		t.Errorf("got %v", err)
	}
}
