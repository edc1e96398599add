package catalog

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"w2s/internal/shareddata"
	"w2s/tasks"
)

// An asking source records the names of the files that a task wants. It says once of each file that it is there, so that the task
// asks for the next file, and then for those of its next source.
type asking struct{ now, before map[string]bool }

func (a asking) Path(context.Context, string) (string, error) { return "", errors.New("nothing here") }

func (a asking) Find(name string) (string, bool) {
	if !strings.ContainsAny(name, "./") || a.before[name] { // a part of a task is no file
		return "", false
	}
	a.now[name] = true
	return filepath.Join("absent", name), true
}

// Every file that a task reads from a public repository is pinned, and every pinned file is read by a task.
func TestPublicFilesOfTasks(t *testing.T) {
	asked := map[string]bool{}
	for _, task := range tasks.All() {
		before := map[string]bool{}
		for {
			a := asking{now: map[string]bool{}, before: before}
			if _, err := task.Load(context.Background(), a); err == nil || len(a.now) == 0 { // chess-mate1 reads no file
				break
			}
			for name := range a.now {
				asked[name], before[name] = true, true
			}
		}
	}
	pinned := map[string]bool{"sciq_w2s_test.jsonl": true} // an Arrow file in the repository
	for _, d := range datasets() {
		for name := range d.files {
			pinned[name] = true
			if d.public && !asked[name] {
				t.Errorf("no task reads %s of %s", name, d.artifact.Name)
			}
		}
	}
	for name := range asked {
		if !strings.HasPrefix(name, "hf:") && !pinned[name] {
			t.Errorf("%s is not pinned", name)
		}
	}
	if len(asked) < 150 {
		t.Errorf("the tasks asked for only %d files", len(asked))
	}
}

// The pins are those of the manifest of the shared data, and the files there have the pinned checksums.
func TestPublicPins(t *testing.T) {
	data, err := os.ReadFile(shareddata.Path(t, "data", "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var manifest []struct {
		Repository, Commit string
		Files              []struct {
			Path, SHA256 string
			Bytes        int64
		}
	}
	if err := json.Unmarshal(data, &manifest); err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, m := range manifest {
		for _, f := range m.Files {
			listed[fmt.Sprint(m.Repository, m.Commit, f.Path, f.SHA256, f.Bytes)] = true
		}
	}
	sums := sharedSums(t)
	found := 0
	for _, s := range publicSets() {
		p := s.dataset().artifact.Packages[0]
		for _, m := range p.Members {
			if !listed[fmt.Sprint(p.Name, p.Version, m.From, m.SHA256, m.Size)] {
				t.Errorf("%s: %+v is not in the manifest", s.name, m)
			}
			if sum, ok := sums[path.Join(s.archive, m.Name)]; ok {
				found++
				if sum != m.SHA256 {
					t.Errorf("%s: %s has sha256 %s, want %s", s.name, m.Name, sum, m.SHA256)
				}
			}
		}
	}
	if found < 100 {
		t.Errorf("only %d of the files were found", found)
	}
}

// A task whose hub does not answer is read from the public repository, once. Both are local servers here.
func TestSecondSource(t *testing.T) {
	zipped, err := os.Open(shareddata.Path(t, "data", "choice", "winogrande_test.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer zipped.Close()
	z, err := gzip.NewReader(zipped)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	var hubRequests, requests int
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hubRequests++
		http.NotFound(w, r)
	}))
	defer hub.Close()
	github := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		if r.URL.Path != "/AGI-Edgerunners/LLM-Adapters/816657208af4db747803f87ba40a4c71383fed7a/dataset/winogrande/test.json" {
			http.NotFound(w, r)
			return
		}
		w.Write(text)
	}))
	defer github.Close()
	o := Options{CacheDir: t.TempDir()}
	env := map[string]string{"HF_ENDPOINT": hub.URL, "HF_HOME": t.TempDir(), "W2S_GITHUB": github.URL}
	task, err := tasks.Lookup("winogrande")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		d, err := task.Load(context.Background(), open(t, o, env))
		if err != nil || len(d.Pool) != 1267 || d.Warnings[0] != "data: 1267 rows of AGI-Edgerunners/LLM-Adapters on GitHub (winogrande_test.json)" {
			t.Fatalf("%v, %+v", err, d)
		}
	}
	if hubRequests != 1 || requests != 1 {
		t.Errorf("%d requests to the hub and %d to GitHub, want 1 and 1", hubRequests, requests)
	}
	c := open(t, o, env)
	if path, ok := c.Find("winogrande_test.json"); !ok || !strings.HasPrefix(path, o.CacheDir) {
		t.Errorf("found %q, %v", path, ok)
	}
	for _, absent := range []string{"piqa_test.json", "winogrande-train", "hf:datasets/allenai/winogrande@main/x.parquet", "?"} {
		if path, ok := c.Find(absent); ok {
			t.Errorf("%s: found at %s", absent, path)
		}
	}
	github.Close()
	_, err = task.Load(context.Background(), open(t, Options{CacheDir: t.TempDir()}, env))
	wantFault(t, err, "none of its 2 sources can be had", "404", "W2S_GITHUB", "winogrande_test.json into a folder named by --data")
}

// sharedSums returns the sha256 of the unpacked shared files by the names that tasks have for them.
func sharedSums(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(shareddata.Path(t, "data") + "/*/*.gz")
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]string{}
	add := func(name string, r io.Reader) {
		h := sha256.New()
		if _, err := io.Copy(h, r); err != nil {
			t.Fatal(err)
		}
		sums[name] = fmt.Sprintf("%x", h.Sum(nil))
	}
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		name, archive := strings.CutSuffix(filepath.Base(file), ".tar.gz")
		if !archive {
			add(strings.TrimSuffix(name, ".gz"), z)
			continue
		}
		r := tar.NewReader(z)
		for {
			h, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			add(name+"/"+h.Name, r)
		}
	}
	return sums
}
