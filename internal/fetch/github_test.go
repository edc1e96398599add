package fetch

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// publicArtifact is an artifact of two files of a repository at a commit.
func publicArtifact(contents map[string]string) Artifact {
	p := Package{Registry: GitHub, Name: "org/name", Version: strings.Repeat("ab", 20)}
	for _, name := range []string{"train.tsv", "sub/LLMEval^2 test.tsv"} {
		p.Members = append(p.Members, Member{From: "data/" + name, Name: name, SHA256: hashText(contents[name]), Size: int64(len(contents[name]))})
		p.Size += int64(len(contents[name]))
	}
	return Artifact{Name: "set", Dir: "data/public/set", Packages: []Package{p}}
}

func TestGitHub(t *testing.T) {
	contents := map[string]string{"train.tsv": "a\tb\n", "sub/LLMEval^2 test.tsv": strings.Repeat("c\td\n", 1000)}
	a := publicArtifact(contents)
	var requests []string
	serve := func(files map[string]string, status int) string {
		requests = nil
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			requests = append(requests, r.URL.EscapedPath()+" "+r.Header.Get("Authorization"))
			name, ok := strings.CutPrefix(r.URL.Path, "/org/name/"+a.Packages[0].Version+"/data/")
			text, there := files[name]
			switch {
			case status != 0:
				w.WriteHeader(status)
			case ok && there:
				fmt.Fprint(w, text)
			default:
				http.NotFound(w, r)
			}
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	cache := func(endpoint string) *Cache {
		c, err := Open(t.TempDir(), nil)
		if err != nil {
			t.Fatal(err)
		}
		c.GitHub = GitHubFromEnv(func(name string) string {
			return map[string]string{"W2S_GITHUB": endpoint + "/", "HF_TOKEN": "secret"}[name]
		})
		c.GitHub.pause = noPause
		return c
	}
	c := cache(serve(contents, 0))
	dir, err := c.Ensure(context.Background(), a)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range contents {
		if got, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name))); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	want := []string{"/org/name/" + a.Packages[0].Version + "/data/train.tsv ", "/org/name/" + a.Packages[0].Version + "/data/sub/LLMEval%5E2%20test.tsv "}
	if strings.Join(requests, "\n") != strings.Join(want, "\n") {
		t.Errorf("requests %q, want %q (without a token)", requests, want)
	}
	c.Offline = true
	if _, err := c.Ensure(context.Background(), a); err != nil || len(requests) != 2 {
		t.Errorf("the second time: %v, %q", err, requests)
	}
	if s, err := c.Status(context.Background(), a, true); err != nil || !s.Complete || s.From != "github:org/name@abababa" {
		t.Errorf("%+v, %v", s, err)
	}
	empty := cache(serve(contents, 0))
	empty.Offline = true
	if _, err := empty.Ensure(context.Background(), a); err == nil || len(requests) > 0 ||
		!strings.Contains(err.Error(), "name a folder with train.tsv, sub/LLMEval^2 test.tsv by --data") {
		t.Errorf("offline: %v, %q", err, requests)
	}
	changed := map[string]string{"train.tsv": "x\ty\n", "sub/LLMEval^2 test.tsv": contents["sub/LLMEval^2 test.tsv"]}
	for _, test := range []struct {
		name   string
		files  map[string]string
		status int
		want   string
	}{
		{"another content", changed, 0, "has sha256"},
		{"another length", map[string]string{"train.tsv": "a\tb"}, 0, "github:org/name@abababa: wrong content"},
		{"a page", map[string]string{"train.tsv": "<html>"}, 0, "a web page"},
		{"no such file", map[string]string{}, 0, "404 Not Found (looked for http"},
		{"forbidden", nil, http.StatusForbidden, "403 Forbidden"},
		{"busy", nil, http.StatusServiceUnavailable, "W2S_GITHUB names another host"},
	} {
		c := cache(serve(test.files, test.status))
		_, err := c.Ensure(context.Background(), a)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "HF_TOKEN") || !strings.Contains(err.Error(), "a folder named by --data") {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
		if _, err := os.Stat(filepath.Join(c.Dir, "data")); err == nil {
			t.Errorf("%s: something is left in the cache", test.name)
		}
	}
	bad := cache("ftp://mirror")
	if _, err := bad.Ensure(context.Background(), a); err == nil || !strings.Contains(err.Error(), "W2S_GITHUB") || !strings.Contains(err.Error(), defaultGitHub) {
		t.Errorf("a wrong address: %v", err)
	}
	none := cache("")
	none.GitHub = nil
	if _, err := none.Ensure(context.Background(), a); err == nil {
		t.Error("without access to GitHub, the artifact is complete")
	}
}

func noPause(context.Context, time.Duration) error { return nil }
