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
	"slices"
	"strings"
	"testing"

	"w2s/internal/shareddata"
	"w2s/tasks"
)

// A dataHub serves data sets with the hub's protocol, by repository, revision and path.
type dataHub struct {
	files    map[string]map[string]string // by "ORG/NAME@REV"
	requests []string
}

func (h *dataHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.requests = append(h.requests, r.URL.Path)
	for repo, files := range h.files {
		name, rev, _ := strings.Cut(repo, "@")
		sum := sha1.Sum([]byte(repo))
		commit := hex.EncodeToString(sum[:])
		if r.URL.Path == "/api/datasets/"+name+"/revision/"+rev {
			var siblings []map[string]any
			for path, text := range files {
				git := sha1.Sum([]byte(fmt.Sprintf("blob %d\x00%s", len(text), text)))
				siblings = append(siblings, map[string]any{"rfilename": path, "size": len(text), "blobId": hex.EncodeToString(git[:])})
			}
			json.NewEncoder(w).Encode(map[string]any{"sha": commit, "siblings": siblings})
			return
		}
		if path, ok := strings.CutPrefix(r.URL.Path, "/datasets/"+name+"/resolve/"+commit+"/"); ok && files[path] != "" {
			fmt.Fprint(w, files[path])
			return
		}
	}
	http.NotFound(w, r)
}

// fetched returns the files that were asked for since the last call.
func (h *dataHub) fetched() []string {
	var names []string
	for _, r := range h.requests {
		if _, path, ok := strings.Cut(r, "/resolve/"); ok {
			_, name, _ := strings.Cut(path, "/")
			names = append(names, name)
		}
	}
	h.requests = nil
	return names
}

// A data set is opened by its name: the conversion to parquet, files of a revision, several shards and parts. No hub of the world is
// asked: this server speaks its protocol.
func TestDataSetsOfTheHub(t *testing.T) {
	shard, err := os.ReadFile(filepath.Join(shareddata.Root(), "fixtures", "tasks", "hub", "stanfordnlp", "sst2", "default", "train", "0000.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	validation, err := os.ReadFile(filepath.Join(shareddata.Root(), "fixtures", "tasks", "hub", "stanfordnlp", "sst2", "default", "validation", "0000.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	reviews := func(n int) string {
		var b strings.Builder
		for i := range 40 {
			fmt.Fprintf(&b, `{"body": "review %d of file %d", "stars": %d}`+"\n", i, n, i%5+1)
		}
		return b.String()
	}
	hub := &dataHub{files: map[string]map[string]string{
		"org/films@refs/convert/parquet": {
			"default/train/0000.parquet": string(shard), "default/train/0001.parquet": string(validation),
			"other/train/0000.parquet": string(shard), "README.md": "x",
		},
		"org/reviews@v2":                 {"README.md": "x", "data/train-00000-of-00002.jsonl": reviews(0), "data/train-00001-of-00002.jsonl": reviews(1), "data/dev.jsonl": reviews(2)},
		"org/hidden@v1":                  {"train.jsonl": reviews(0), "validation.jsonl": reviews(1), "test.jsonl": strings.Repeat(`{"body": "secret", "stars": -1}`+"\n", 20)},
		"org/empty@refs/convert/parquet": {"README.md": "x"},
	}}
	server := httptest.NewServer(hub)
	defer server.Close()
	o := Options{CacheDir: t.TempDir()}
	env := map[string]string{"HF_ENDPOINT": server.URL, "HF_HOME": t.TempDir()}
	c := open(t, o, env)
	run := func(c *Catalog, ref string) (tasks.Info, *tasks.Data, error) {
		task, err := tasks.OpenFrom(context.Background(), c, ref)
		if err != nil {
			return tasks.Info{}, nil, err
		}
		d, err := task.Load(context.Background(), c)
		return task.Info(), d, err
	}
	for _, test := range []struct {
		ref        string
		pool, test int
		fetched    []string
		note       string
	}{
		{"hf:org/films:rows=16", 16, 0, []string{"default/train/0000.parquet"}, "at most 16 rows of each part are read"},
		{"hf:org/films", 48, 0, []string{"default/train/0001.parquet"}, "configuration default, training part train, test part taken from it"},
		{"hf:org/films:config=other", 24, 0, []string{"other/train/0000.parquet"}, "configuration other"},
		{"hf:org/reviews@v2:text=body:label=stars", 80, 40, []string{"data/train-00000-of-00002.jsonl", "data/dev.jsonl", "data/train-00001-of-00002.jsonl"},
			"the labels are 5 classes: 1, 2, 3, 4, 5"},
		{"hf:org/hidden@v1:text=body:label=stars", 40, 40, []string{"train.jsonl", "test.jsonl", "validation.jsonl"}, "the labels of part test are hidden (-1)"},
	} {
		info, d, err := run(c, test.ref)
		if err != nil || len(d.Pool) != test.pool || len(d.Test) != test.test {
			t.Fatalf("%s: %+v, %v, %+v", test.ref, info, err, d)
		}
		if got := hub.fetched(); !slices.Equal(got, test.fetched) {
			t.Errorf("%s: fetched %q, want %q", test.ref, got, test.fetched)
		}
		if !strings.Contains(strings.Join(d.Warnings, "\n"), test.note) {
			t.Errorf("%s: notes %q, want %q", test.ref, d.Warnings, test.note)
		}
	}
	env["W2S_OFFLINE"] = "1"
	if info, d, err := run(open(t, o, env), "hf:org/reviews@v2:text=body:label=stars"); err != nil || len(d.Pool) != 80 || info.Source != "hf:org/reviews@v2" || len(hub.requests) > 0 {
		t.Errorf("offline: %+v, %v, %q", info, err, hub.requests)
	}
	env["W2S_OFFLINE"] = ""
	for ref, want := range map[string]string{
		"hf:org/reviews@v2":       "(columns: \"body\", \"stars\"; want text and label",
		"hf:org/nothing":          "404 Not Found",
		"hf:org/films@v9":         "404 Not Found",
		"hf:org/empty":            "none of its 1 files is a data file",
		"hf:org/films:config=oth": `config=oth: there is none (did you mean "other"? there are: default, other)`,
	} {
		_, _, err := run(c, ref)
		wantFault(t, err, want)
	}
}
