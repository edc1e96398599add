package fetch

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"w2s/internal/onnxproto"
	"w2s/internal/progress"
)

// A fakeHub serves one repository by the hub's protocol, with the faults that a test asks for. It redirects requests for
// large files (ONNX and safetensors files) to a storage server at another address.
type fakeHub struct {
	t       *testing.T
	hub     *httptest.Server
	storage *httptest.Server
	commit  string
	files   map[string]string

	mu       sync.Mutex
	requests []string // to both servers: "GET /path" or "GET /path bytes=5-"
	paused   []time.Duration

	token      string            // the hub needs it, and the storage must not get it
	gated      bool              // the hub answers 403 with any token
	gatedFiles bool              // the listing is public, the files are not
	missing    bool              // the repository does not exist
	busy       int               // number of times that the hub answers 429
	retryAfter string            // the header Retry-After of these answers
	broken     int               // number of times that the storage answers 503
	drops      int               // number of times that the storage closes the connection early
	dropAfter  int               // bytes before it does
	wrong      map[string]string // wrong content by file
	noRange    bool              // the storage does not resume
	shifted    bool              // the storage sends a wrong range
	silent     bool              // the listing has neither sizes nor checksums
	stall      bool              // the storage sends 10 bytes and then nothing
	evilName   string            // one more file name in the listing
	renamed    string            // old name of the repository, which redirects to the new one
	onRequest  func(path string) // called before each answer
}

const (
	testCommit  = "0123456789abcdef0123456789abcdef01234567"
	otherCommit = "89abcdef0123456789abcdef0123456789abcdef"
)

func newFakeHub(t *testing.T) *fakeHub {
	t.Helper()
	f := &fakeHub{t: t, commit: testCommit, wrong: map[string]string{}, files: map[string]string{
		"onnx/model.onnx":           testModel(t, "model.onnx_data"),
		"onnx/model_quantized.onnx": testModel(t, ""),
		"onnx/model.onnx_data":      "external weights",
		"model.safetensors":         "not to be fetched",
		"tokenizer.json":            `{"model":{}}`,
		"tokenizer_config.json":     "{}",
		"config.json":               `{"model_type":"bert"}`,
		"1_Pooling/config.json":     `{"pooling_mode_cls_token":true}`,
		"README.md":                 "# a model",
		"data/train.parquet":        "PAR1 rows PAR1",
	}}
	f.hub, f.storage = httptest.NewServer(http.HandlerFunc(f.serveHub)), httptest.NewServer(http.HandlerFunc(f.serveStorage))
	t.Cleanup(f.hub.Close)
	t.Cleanup(f.storage.Close)
	return f
}

// testModel returns an ONNX file of 8,000 bytes. It keeps its weights in a file of the given name, or in itself for "".
func testModel(t *testing.T, weights string) string {
	t.Helper()
	const size = 8000
	filler := size / 2
	for {
		model := testModelOf(t, weights, filler)
		if len(model) == size {
			return model
		}
		filler += size - len(model)
	}
}

func testModelOf(t *testing.T, weights string, filler int) string {
	t.Helper()
	x := []onnxproto.Value{{Name: "x", Type: onnxproto.Float32, Dims: []onnxproto.Dim{{Size: 2}}}}
	m := onnxproto.Model{Name: "test", Inputs: x, Outputs: []onnxproto.Value{{Name: "y", Type: onnxproto.Float32, Dims: x[0].Dims}},
		Initializers: []onnxproto.Tensor{onnxproto.Float32Tensor("w", []int64{2}, []float32{1, 2})},
		Nodes:        []onnxproto.Node{{Op: "Add", Inputs: []string{"x", "w"}, Outputs: []string{"y"}}},
		Metadata:     []onnxproto.MetadataEntry{{Key: "filler", Value: strings.Repeat("w", filler)}}}
	data, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if weights == "" {
		return string(data)
	}
	path := filepath.Join(t.TempDir(), weights)
	mustWrite(t, path, string(data))
	file, err := onnxproto.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if data, err = file.Edited(onnxproto.Edit{Refer: 1}); err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func (f *fakeHub) note(r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+r.Header.Get("Range")))
	if f.onRequest != nil {
		f.onRequest(r.URL.Path)
	}
}

// count returns the number of requests that contain the text.
func (f *fakeHub) count(text string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.requests {
		if strings.Contains(r, text) {
			n++
		}
	}
	return n
}

// exactly returns the number of requests that are this one.
func (f *fakeHub) exactly(request string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.requests {
		if r == request {
			n++
		}
	}
	return n
}

// isLarge reports whether the hub redirects requests for a file to the storage.
func isLarge(name string) bool {
	return strings.Contains(name, ".onnx") || strings.HasSuffix(name, ".safetensors")
}

func gitSum(content string) string {
	sum := sha1.Sum([]byte(fmt.Sprintf("blob %d\x00%s", len(content), content)))
	return hex.EncodeToString(sum[:])
}

func (f *fakeHub) serveHub(w http.ResponseWriter, r *http.Request) {
	f.note(r)
	if f.busy > 0 {
		f.busy--
		if f.retryAfter != "" {
			w.Header().Set("Retry-After", f.retryAfter)
		}
		http.Error(w, "slow down", http.StatusTooManyRequests)
		return
	}
	fail := func(status int, code string) {
		w.Header().Set("X-Error-Code", code)
		w.Header().Set("X-Error-Message", "the hub says "+code)
		http.Error(w, code, status)
	}
	switch {
	case f.gated, f.gatedFiles && strings.Contains(r.URL.Path, "/resolve/"):
		fail(http.StatusForbidden, "GatedRepo")
		return
	case f.token != "" && r.Header.Get("Authorization") != "Bearer "+f.token:
		fail(http.StatusUnauthorized, "")
		return
	case f.missing:
		fail(http.StatusNotFound, "RepoNotFound")
		return
	}
	path := strings.TrimPrefix(r.URL.Path, "/api")
	path = strings.TrimPrefix(path, "/models")
	path = strings.TrimPrefix(path, "/datasets")
	if f.renamed != "" && strings.HasPrefix(path, "/"+f.renamed) {
		http.Redirect(w, r, strings.Replace(r.URL.String(), f.renamed, "org/name", 1), http.StatusTemporaryRedirect)
		return
	}
	if revision, ok := strings.CutPrefix(path, "/org/name/revision/"); ok {
		if revision != "main" && revision != f.commit && revision != "refs/convert/parquet" {
			fail(http.StatusNotFound, "RevisionNotFound")
			return
		}
		if r.URL.Query().Get("blobs") != "true" {
			f.t.Error("the listing was asked for without sizes")
		}
		f.list(w)
		return
	}
	if file, ok := strings.CutPrefix(path, "/org/name/resolve/"+f.commit+"/"); ok {
		content, ok := f.files[file]
		switch {
		case !ok:
			fail(http.StatusNotFound, "EntryNotFound")
		case isLarge(file):
			sum := sha256.Sum256([]byte(content))
			w.Header().Set("X-Linked-Etag", `"`+hex.EncodeToString(sum[:])+`"`)
			w.Header().Set("X-Linked-Size", strconv.Itoa(len(content)))
			http.Redirect(w, r, f.storage.URL+"/"+file+"?signed=yes", http.StatusFound)
		default:
			w.Header().Set("Etag", `"`+gitSum(content)+`"`)
			if other, ok := f.wrong[file]; ok {
				content = other
			}
			http.ServeContent(w, r, "", time.Time{}, strings.NewReader(content))
		}
		return
	}
	fail(http.StatusNotFound, "RepoNotFound")
}

func (f *fakeHub) list(w http.ResponseWriter) {
	var siblings []map[string]any
	for name, content := range f.files {
		s := map[string]any{"rfilename": name}
		if !f.silent {
			s["size"], s["blobId"] = len(content), gitSum(content)
			if isLarge(name) {
				s["lfs"] = map[string]any{"sha256": hashText(content), "size": len(content), "pointerSize": 130}
			}
		}
		siblings = append(siblings, s)
	}
	if f.evilName != "" {
		siblings = append(siblings, map[string]any{"rfilename": f.evilName, "size": 1})
	}
	json.NewEncoder(w).Encode(map[string]any{"id": "org/name", "sha": f.commit, "siblings": siblings})
}

func (f *fakeHub) serveStorage(w http.ResponseWriter, r *http.Request) {
	f.note(r)
	if r.Header.Get("Authorization") != "" {
		f.t.Error("the token was sent to the storage host")
	}
	if r.URL.Query().Get("signed") != "yes" {
		f.t.Error("the signature was lost")
	}
	if f.broken > 0 {
		f.broken--
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Etag", `"`+strings.Repeat("ab", 32)+`"`) // looks like a sha256, but is not that of the content
	name := strings.TrimPrefix(r.URL.Path, "/")
	content, ok := f.wrong[name]
	if !ok {
		content = f.files[name]
	}
	if f.noRange {
		r.Header.Del("Range")
	}
	if f.shifted {
		r.Header.Set("Range", "bytes=3-")
	}
	var out http.ResponseWriter = w
	if f.drops > 0 {
		f.drops--
		out = &droppingWriter{ResponseWriter: w, left: f.dropAfter}
	}
	if f.stall {
		f.stall = false
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		w.Write([]byte(content[:10]))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return
	}
	http.ServeContent(out, r, "", time.Time{}, strings.NewReader(content))
}

// A droppingWriter closes the connection after left bytes.
type droppingWriter struct {
	http.ResponseWriter
	left int
}

func (w *droppingWriter) Write(p []byte) (int, error) {
	if len(p) > w.left {
		w.ResponseWriter.Write(p[:w.left])
		w.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	w.left -= len(p)
	return w.ResponseWriter.Write(p)
}

// client returns a Hub of the fake's address that does not wait between tries.
func (f *fakeHub) client(env map[string]string) *Hub {
	home := f.t.TempDir()
	h := HubFromEnv(func(name string) string {
		if v, ok := env[name]; ok {
			return v
		}
		return map[string]string{"HF_ENDPOINT": f.hub.URL + "/", "HF_HOME": home}[name]
	})
	h.pause = func(ctx context.Context, d time.Duration) error {
		f.paused = append(f.paused, d)
		return ctx.Err()
	}
	return h
}

// testRequest returns a request that describes a model by the first digits of its commit and its path.
func testRequest(ref HubRef, refresh bool) ModelRequest {
	return ModelRequest{Ref: ref, Refresh: refresh, Describe: func(ref HubRef, model string) Text {
		return Text{"w2s.json", ref.Revision[:4] + " " + model}
	}}
}

// pull calls HubModel.
func pull(c *Cache, h *Hub, ref string, refresh bool) (string, error) {
	r, err := ParseHubRef(ref)
	if err != nil {
		return "", err
	}
	return c.HubModel(context.Background(), h, testRequest(r, refresh))
}

// checkModel compares a model's folder with the fake's files.
func (f *fakeHub) checkModel(t *testing.T, dir, model string, others ...string) {
	t.Helper()
	names := append([]string{model, "tokenizer.json", "tokenizer_config.json", "config.json", "1_Pooling/config.json"}, others...)
	for _, name := range names {
		got, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil || string(got) != f.files[name] {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	for _, name := range []string{"README.md", "model.safetensors"} {
		if exists(filepath.Join(dir, name)) {
			t.Errorf("%s was fetched", name)
		}
	}
}

func TestHubModel(t *testing.T) {
	for _, test := range []struct {
		name, ref, model string
		set              func(f *fakeHub)
		env              map[string]string
		others           []string
		check            func(t *testing.T, f *fakeHub)
	}{
		{name: "plain", ref: "hf:org/name", model: "onnx/model.onnx", others: []string{"onnx/model.onnx_data"}},
		{name: "a commit", ref: "hf:org/name@" + testCommit, model: "onnx/model.onnx"},
		{name: "a variant", ref: "hf:org/name#quantized", model: "onnx/model_quantized.onnx"},
		{name: "a variant by path", ref: "hf:org/name#onnx/model_quantized.onnx", model: "onnx/model_quantized.onnx"},
		{name: "a token", ref: "hf:org/name", model: "onnx/model.onnx", env: map[string]string{"HF_TOKEN": "secret"},
			set: func(f *fakeHub) { f.token = "secret" }},
		{name: "renamed", ref: "hf:old/name", model: "onnx/model.onnx", env: map[string]string{"HF_TOKEN": "secret"},
			set: func(f *fakeHub) { f.token, f.renamed = "secret", "old/name" }},
		{name: "busy", ref: "hf:org/name", model: "onnx/model.onnx", set: func(f *fakeHub) { f.busy, f.retryAfter = 3, "7" },
			check: func(t *testing.T, f *fakeHub) {
				if len(f.paused) != 3 || f.paused[0] != 7*time.Second {
					t.Errorf("paused %v, want 7 s three times, as the server asked", f.paused)
				}
			}},
		{name: "broken storage", ref: "hf:org/name", model: "onnx/model.onnx", set: func(f *fakeHub) { f.broken = 2 },
			check: func(t *testing.T, f *fakeHub) {
				if len(f.paused) != 2 || f.paused[0] < time.Second || f.paused[1] < 2*time.Second {
					t.Errorf("paused %v, want growing pauses", f.paused)
				}
			}},
		{name: "drops", ref: "hf:org/name", model: "onnx/model.onnx", set: func(f *fakeHub) { f.drops, f.dropAfter = 10, 700 },
			check: func(t *testing.T, f *fakeHub) {
				if f.count("/onnx/model.onnx bytes=7") == 0 {
					t.Errorf("the download did not resume where the connection ended: %q", f.requests)
				}
			}},
		{name: "drops without resuming", ref: "hf:org/name", model: "onnx/model.onnx",
			set: func(f *fakeHub) { f.drops, f.dropAfter, f.noRange = 3, 700, true }},
		{name: "a stalled connection", ref: "hf:org/name", model: "onnx/model.onnx", set: func(f *fakeHub) { f.stall = true }},
		{name: "a mirror without sums in its listing", ref: "hf:org/name", model: "onnx/model.onnx", set: func(f *fakeHub) { f.silent = true }},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, c := newFakeHub(t), testCache(t)
			if test.set != nil {
				test.set(f)
			}
			h := f.client(test.env)
			h.limits.silence = 200 * time.Millisecond
			dir, err := pull(c, h, test.ref, false)
			if err != nil {
				t.Fatal(err)
			}
			f.checkModel(t, dir, test.model, test.others...)
			if got, _ := os.ReadFile(filepath.Join(dir, "w2s.json")); string(got) != "0123 "+test.model {
				t.Errorf("described as %q", got)
			}
			if test.check != nil {
				test.check(t, f)
			}
			before := len(f.requests)
			if again, err := pull(c, h, test.ref, false); err != nil || again != dir {
				t.Errorf("the second time: %s, %v", again, err)
			}
			if len(f.requests) != before {
				t.Errorf("the second call asked the hub: %q", f.requests[before:])
			}
			if left := tree(t, c.path(".parts")) + tree(t, c.path(".aside")); left != "" {
				t.Errorf("the staging folders still have %q", left)
			}
		})
	}
}

func TestHubModelFails(t *testing.T) {
	wrong := strings.Repeat("WEIGHTS ", 1000)
	for _, test := range []struct {
		name, ref string
		set       func(f *fakeHub)
		env       map[string]string
		faults    []string
	}{
		{"private, no token", "hf:org/name", func(f *fakeHub) { f.token = "secret" }, nil, []string{"401", "private or gated", "HF_TOKEN"}},
		{"private, wrong token", "hf:org/name", func(f *fakeHub) { f.token = "secret" }, map[string]string{"HF_TOKEN": "old"}, []string{"401", "the token was refused"}},
		{"gated", "hf:org/name", func(f *fakeHub) { f.gated = true }, nil, []string{"403", "the hub says GatedRepo", "accept its conditions", "HF_TOKEN"}},
		{"gated files", "hf:org/name", func(f *fakeHub) { f.gatedFiles = true }, nil, []string{"403", "accept its conditions"}},
		{"no such repository", "hf:org/name", func(f *fakeHub) { f.missing = true }, nil, []string{"404", "/api/models/org/name", "check the name"}},
		{"no such revision", "hf:org/name@v9", nil, nil, []string{"404", `no revision "v9"`}},
		{"no such variant", "hf:org/name#q4", nil, nil, []string{`no ONNX file "q4"`, "onnx/model_quantized.onnx"}},
		{"no ONNX file", "hf:org/name", func(f *fakeHub) {
			for name := range f.files {
				if strings.Contains(name, "onnx") {
					delete(f.files, name)
				}
			}
			delete(f.files, "model.safetensors")
		}, nil, []string{"no ONNX file", "no config.json with model.safetensors", "optimum-cli export onnx --model org/name"}},
		{"two ONNX files", "hf:org/name", func(f *fakeHub) {
			f.files["a.onnx"] = "a"
			delete(f.files, "onnx/model.onnx")
			delete(f.files, "model.safetensors")
		}, nil, []string{"choose one of", "a.onnx", "as hf:org/name#NAME"}},
		{"no tokenizer", "hf:org/name", func(f *fakeHub) { delete(f.files, "tokenizer.json") }, nil, []string{"no tokenizer.json", "save_pretrained"}},
		{"wrong content", "hf:org/name", func(f *fakeHub) { f.wrong["onnx/model.onnx"] = wrong }, nil, []string{"onnx/model.onnx has sha256", "twice"}},
		{"wrong small content", "hf:org/name", func(f *fakeHub) { f.wrong["config.json"] = `{"model_type":"tree"}` }, nil, []string{"config.json has git blob id", "twice"}},
		{"too little content", "hf:org/name", func(f *fakeHub) { f.wrong["onnx/model.onnx"] = wrong[:7000] }, nil, []string{"the server sends 7000 bytes for onnx/model.onnx, which has 8000", "twice"}},
		{"too much content", "hf:org/name", func(f *fakeHub) { f.wrong["onnx/model.onnx"] = wrong + wrong }, nil, []string{"the server sends 16000 bytes for onnx/model.onnx, which has 8000", "twice"}},
		{"a web page", "hf:org/name", func(f *fakeHub) {
			f.wrong["onnx/model.onnx"] = "<html>" + wrong[6:]
		}, nil, []string{"a web page"}},
		{"a short web page", "hf:org/name", func(f *fakeHub) { f.wrong["onnx/model.onnx"] = "<html>log in" }, nil,
			[]string{"a web page", "wrong content", "twice"}},
		{"another range", "hf:org/name", func(f *fakeHub) { f.drops, f.dropAfter, f.shifted = 1, 700, true }, nil, []string{"the server sent the range"}},
		{"always busy", "hf:org/name", func(f *fakeHub) { f.busy = 100 }, nil, []string{"gave up after 6 tries", "429"}},
		{"busy for a day", "hf:org/name", func(f *fakeHub) { f.busy, f.retryAfter = 1, "86400" }, nil, []string{"asks to wait 24h"}},
		{"a hostile name", "hf:org/name", func(f *fakeHub) { f.evilName = "../../.bashrc" }, nil, []string{`"../../.bashrc"`, "not a path inside the repository"}},
		{"no hub", "hf:org/name", nil, map[string]string{"HF_ENDPOINT": "http://hub.invalid"}, []string{"cannot be reached", "HTTPS_PROXY"}},
		{"not a hub", "hf:org/name", func(f *fakeHub) { f.commit = "" }, nil, []string{"as the commit", "HF_ENDPOINT"}},
		{"offline", "hf:org/name", nil, map[string]string{"HF_HUB_OFFLINE": "1"}, []string{"offline", "HF_HUB_OFFLINE"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, c := newFakeHub(t), testCache(t)
			if test.set != nil {
				test.set(f)
			}
			env := map[string]string{}
			for k, v := range test.env {
				env[k] = v
			}
			dir, err := pull(c, f.client(env), test.ref, false)
			for _, fault := range test.faults {
				if err == nil || !strings.Contains(err.Error(), fault) {
					t.Errorf("got %s, %v; want an error with %q", dir, err, fault)
				}
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Error("the token is in the error")
			}
			if got := tree(t, c.path("checkpoints")); got != "" {
				t.Errorf("something was installed: %q", got)
			}
		})
	}
}

func TestHubResumesAnotherRun(t *testing.T) {
	f, c := newFakeHub(t), testCache(t)
	ref, err := ParseHubRef("hf:org/name")
	if err != nil {
		t.Fatal(err)
	}
	part := c.hubStage(ref, f.commit, "").partPath("onnx/model.onnx")
	mustWrite(t, part, f.files["onnx/model.onnx"][:5000])
	dir, err := pull(c, f.client(nil), "hf:org/name", false)
	if err != nil {
		t.Fatal(err)
	}
	f.checkModel(t, dir, "onnx/model.onnx")
	if f.count("GET /onnx/model.onnx bytes=5000-") != 1 {
		t.Errorf("requests %q", f.requests)
	}

	// A part with wrong bytes is discarded when its checksum shows it.
	c = testCache(t)
	mustWrite(t, c.hubStage(ref, f.commit, "").partPath("onnx/model.onnx"), strings.Repeat("x", 5000))
	if dir, err = pull(c, f.client(nil), "hf:org/name", false); err != nil {
		t.Fatal(err)
	}
	f.checkModel(t, dir, "onnx/model.onnx")
}

func TestHubRepairsAndRefreshes(t *testing.T) {
	f, c := newFakeHub(t), testCache(t)
	h := f.client(nil)
	dir, err := pull(c, h, "hf:org/name", false)
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, filepath.Join(dir, "config.json"), "{}")
	if _, err := pull(c, h, "hf:org/name", false); err != nil {
		t.Fatal(err)
	}
	f.checkModel(t, dir, "onnx/model.onnx")

	f.commit = otherCommit
	f.files["config.json"] = `{"model_type":"mpnet"}`
	if same, err := pull(c, h, "hf:org/name", false); err != nil || same != dir {
		t.Errorf("without refresh it moved to %s, %v", same, err)
	}
	h.Offline = true
	if same, err := pull(c, h, "hf:org/name", true); err != nil || same != dir {
		t.Errorf("offline it moved to %s, %v", same, err)
	}
	h.Offline = false
	moved, err := pull(c, h, "hf:org/name", true)
	if err != nil || moved == dir {
		t.Fatalf("with refresh it stayed at %s, %v", moved, err)
	}
	f.checkModel(t, moved, "onnx/model.onnx")
	if now, err := pull(c, h, "hf:org/name", false); err != nil || now != moved {
		t.Errorf("the refreshed commit was forgotten: %s, %v", now, err)
	}
}

func TestHubFile(t *testing.T) {
	f, c := newFakeHub(t), testCache(t)
	h := f.client(nil)
	get := func(name string) (string, error) {
		ref, err := ParseHubRef(name)
		if err != nil {
			return "", err
		}
		return c.HubFile(context.Background(), h, ref)
	}
	for range 2 {
		path, err := get("hf:datasets/org/name@refs%2Fconvert%2Fparquet/data/train.parquet")
		if err != nil {
			t.Fatal(err)
		}
		if data, err := os.ReadFile(path); err != nil || string(data) != "PAR1 rows PAR1" {
			t.Errorf("%q, %v", data, err)
		}
	}
	if n := f.count("/datasets/org/name/resolve/"); n != 1 {
		t.Errorf("fetched %d times: %q", n, f.requests)
	}
	// A second file of the same commit goes into the same folder.
	second, err := get("hf:datasets/org/name@" + testCommit + "/README.md")
	if err != nil || !strings.HasPrefix(second, c.path("data/hf/org--name")) {
		t.Errorf("%s, %v", second, err)
	}
	// Fetching one damaged file again neither needs nor hides the repair of another.
	first := strings.TrimSuffix(second, "README.md") + "data/train.parquet"
	mustWrite(t, second, "# a MODEL")
	mustWrite(t, first, "x")
	if path, err := get("hf:datasets/org/name@" + testCommit + "/data/train.parquet"); err != nil || path != filepath.FromSlash(first) {
		t.Errorf("%s, %v", path, err)
	}
	os.Remove(first)
	if path, err := get("hf:datasets/org/name@" + testCommit + "/README.md"); err != nil || path != second {
		t.Errorf("%s, %v", path, err)
	}
	if data, err := os.ReadFile(second); err != nil || string(data) != "# a model" {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := get("hf:datasets/org/name/data/tset.parquet"); err == nil || !strings.Contains(err.Error(), "data/train.parquet") {
		t.Errorf("got %v, want an error with the names of the files", err)
	}
	if _, err := get("hf:org/name"); err == nil {
		t.Error("a model was taken for a file")
	}
}

// fillHubCache writes the fake's files to the cache folder of Hugging Face's own library, in its layout.
func (f *fakeHub) fillHubCache(t *testing.T, home string) {
	t.Helper()
	repo := filepath.Join(home, "hub", "models--org--name")
	mustWrite(t, filepath.Join(repo, "refs", "main"), f.commit)
	for name, content := range f.files {
		blob := gitSum(content)
		if isLarge(name) {
			blob = hashText(content)
		}
		mustWrite(t, filepath.Join(repo, "blobs", blob), content)
		link := filepath.Join(repo, "snapshots", f.commit, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(repo, "blobs", blob), link); err != nil {
			if runtime.GOOS == "windows" {
				t.Skipf("this user may not make links: %v", err)
			}
			t.Fatal(err)
		}
	}
}

func TestHubOwnCache(t *testing.T) {
	f := newFakeHub(t)
	home := t.TempDir()
	f.fillHubCache(t, home)
	env := func(more map[string]string) map[string]string {
		all := map[string]string{"HF_HOME": home, "HF_ENDPOINT": f.hub.URL}
		for k, v := range more {
			all[k] = v
		}
		return all
	}
	t.Run("offline", func(t *testing.T) {
		dir, err := pull(testCache(t), f.client(env(map[string]string{"HF_HUB_OFFLINE": "1"})), "hf:org/name", false)
		if err != nil {
			t.Fatal(err)
		}
		f.checkModel(t, dir, "onnx/model.onnx", "onnx/model.onnx_data")
		if len(f.requests) != 0 {
			t.Errorf("requests %q", f.requests)
		}
	})
	t.Run("online", func(t *testing.T) {
		dir, err := pull(testCache(t), f.client(env(nil)), "hf:org/name", false)
		if err != nil {
			t.Fatal(err)
		}
		f.checkModel(t, dir, "onnx/model.onnx")
		if f.count("resolve") != 0 {
			t.Errorf("files were fetched that the own cache has: %q", f.requests)
		}
	})
	t.Run("the hub is down", func(t *testing.T) {
		dir, err := pull(testCache(t), f.client(env(map[string]string{"HF_ENDPOINT": "http://hub.invalid"})), "hf:org/name", false)
		if err != nil {
			t.Fatal(err)
		}
		f.checkModel(t, dir, "onnx/model.onnx")
	})
	t.Run("a part of the repository", func(t *testing.T) {
		// The libraries transformers and optimum fetch only the files that they need.
		snapshot := filepath.Join(home, "hub", "models--org--name", "snapshots", f.commit)
		for _, name := range []string{"config.json", "tokenizer_config.json"} {
			if err := os.Remove(filepath.Join(snapshot, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
		}
		c := testCache(t)
		var notes strings.Builder
		c.Report = progress.New(&notes, false)
		dir, err := pull(c, f.client(env(map[string]string{"HF_HUB_OFFLINE": "1"})), "hf:org/name", false)
		if err != nil || exists(filepath.Join(dir, "config.json")) {
			t.Fatalf("config.json is there, or error %v", err)
		}
		if !strings.Contains(notes.String(), "run once online") {
			t.Errorf("notes %q", notes.String())
		}
		if again, err := pull(c, f.client(env(map[string]string{"HF_HUB_OFFLINE": "1"})), "hf:org/name", false); err != nil || again != dir {
			t.Errorf("again offline: %s, %v", again, err)
		}
		for range 2 { // the missing files are fetched as soon as the hub answers
			if dir, err = pull(c, f.client(env(nil)), "hf:org/name", false); err != nil || !exists(filepath.Join(dir, "config.json")) {
				t.Fatalf("config.json is not there, or error %v", err)
			}
		}
		f.checkModel(t, dir, "onnx/model.onnx")
		if n := f.count("resolve"); n == 0 || f.count("api") == 0 {
			t.Errorf("requests %q", f.requests)
		}
		requests := len(f.requests)
		if _, err := pull(c, f.client(env(nil)), "hf:org/name", false); err != nil || len(f.requests) != requests {
			t.Errorf("the complete copy is not remembered: %q, %v", f.requests[requests:], err)
		}
		os.RemoveAll(filepath.Join(snapshot, "onnx"))
		_, err = pull(testCache(t), f.client(env(map[string]string{"HF_HUB_OFFLINE": "1"})), "hf:org/name", false)
		if err == nil || !strings.Contains(err.Error(), "only the copy in") {
			t.Errorf("without the model: %v", err)
		}
		os.RemoveAll(filepath.Join(home, "hub"))
		f.fillHubCache(t, home)
	})
	t.Run("damaged", func(t *testing.T) {
		blob := filepath.Join(home, "hub", "models--org--name", "blobs", hashText(f.files["onnx/model.onnx"]))
		mustWrite(t, blob, strings.Repeat("WEIGHTS ", 1000))
		_, err := pull(testCache(t), f.client(env(map[string]string{"HF_HUB_OFFLINE": "1"})), "hf:org/name", false)
		if err == nil || !strings.Contains(err.Error(), "onnx/model.onnx") && !strings.Contains(err.Error(), `onnx\model.onnx`) {
			t.Errorf("got %v", err)
		}
		dir, err := pull(testCache(t), f.client(env(nil)), "hf:org/name", false)
		if err != nil {
			t.Fatal(err)
		}
		f.checkModel(t, dir, "onnx/model.onnx")
	})
}

func TestHubEnvironment(t *testing.T) {
	home := t.TempDir()
	mustWrite(t, filepath.Join(home, "token"), " from file\n")
	mustWrite(t, filepath.Join(home, "other"), "from other")
	for _, test := range []struct {
		env             map[string]string
		token, endpoint string
		cache           string
	}{
		{map[string]string{"HF_HOME": home}, "from file", defaultEndpoint, filepath.Join(home, "hub")},
		{map[string]string{"HF_HOME": home, "HF_TOKEN": "direct\n"}, "direct", defaultEndpoint, filepath.Join(home, "hub")},
		{map[string]string{"HF_HOME": home, "HF_TOKEN_PATH": filepath.Join(home, "other")}, "from other", defaultEndpoint, filepath.Join(home, "hub")},
		{map[string]string{"HF_HOME": home, "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}, "", defaultEndpoint, filepath.Join(home, "hub")},
		{map[string]string{"HF_HOME": home, "HF_HUB_CACHE": "/c", "HF_ENDPOINT": "https://mirror.test//"}, "from file", "https://mirror.test", "/c"},
		{map[string]string{"XDG_CACHE_HOME": "/x"}, "", defaultEndpoint, filepath.FromSlash("/x/huggingface/hub")},
	} {
		h := HubFromEnv(func(name string) string { return test.env[name] })
		if h.Token != test.token || h.Endpoint != test.endpoint || h.Cache != test.cache {
			t.Errorf("%v: %+v", test.env, h)
		}
	}
}

func TestHubCancel(t *testing.T) {
	f, c := newFakeHub(t), testCache(t)
	f.stall = true
	ref, err := ParseHubRef("hf:org/name")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err = c.HubModel(ctx, f.client(nil), testRequest(ref, false))
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 2*time.Second {
		t.Errorf("after %v: %v", time.Since(start), err)
	}
	if dir, err := pull(c, f.client(nil), "hf:org/name", false); err != nil {
		t.Error(err)
	} else {
		f.checkModel(t, dir, "onnx/model.onnx")
	}
}

// TestHubCacheRemoved removes the cache folder while a file is downloaded.
func TestHubCacheRemoved(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the system does not let anybody remove a file that is open")
	}
	f, c := newFakeHub(t), testCache(t)
	removed := false
	f.onRequest = func(path string) {
		if path == "/onnx/model.onnx" && !removed {
			removed = true
			if err := os.RemoveAll(c.Dir); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := pull(c, f.client(nil), "hf:org/name", false); err == nil || !strings.Contains(err.Error(), c.Dir+" was removed or moved") {
		t.Errorf("got %v", err)
	}
	if dir, err := pull(c, f.client(nil), "hf:org/name", false); err != nil {
		t.Error(err)
	} else {
		f.checkModel(t, dir, "onnx/model.onnx")
	}
}

func TestRedirectPolicy(t *testing.T) {
	request := func(address string) *http.Request {
		r := httptest.NewRequest(http.MethodGet, address, nil)
		r.Header.Set("Authorization", "Bearer secret")
		return r
	}
	for _, test := range []struct {
		from, to string
		keeps    bool
		refused  bool
	}{
		{"https://hub.test/a", "https://hub.test/b", true, false},
		{"https://hub.test/a", "https://cdn.hub.test/b", false, false},
		{"https://hub.test/a", "https://hub.test:8443/b", false, false},
		{"https://hub.test/a", "http://hub.test/b", false, true},
	} {
		next := request(test.to)
		err := checkRedirect(next, []*http.Request{request(test.from)})
		if (err != nil) != test.refused || !test.refused && (next.Header.Get("Authorization") != "") != test.keeps {
			t.Errorf("%s to %s: %v, %v", test.from, test.to, next.Header, err)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "0": 0, "-5": 0, "12": 12 * time.Second, "soon": 0, "99999999999": 0,
		now.Add(90 * time.Second).Format(http.TimeFormat):  90 * time.Second,
		now.Add(-90 * time.Second).Format(http.TimeFormat): 0,
	} {
		r := &http.Response{Header: http.Header{"Retry-After": {value}}}
		if got := retryAfter(r, now); got != want {
			t.Errorf("Retry-After %q: %v, want %v", value, got, want)
		}
	}
}

// TestHubWeights checks that the weight files that a model names are fetched, and no others.
func TestHubWeights(t *testing.T) {
	for _, name := range []string{"weights.pb", "ä #%20?.bin", "model.onnx.data"} {
		f, c := newFakeHub(t), testCache(t)
		f.files["onnx/model.onnx"], f.files["onnx/"+name] = testModel(t, name), "external weights of that name"
		dir, err := pull(c, f.client(nil), "hf:org/name", false)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		f.checkModel(t, dir, "onnx/model.onnx", "onnx/"+name)
		if exists(filepath.Join(dir, "onnx", "model.onnx_data")) {
			t.Errorf("%s: a file was fetched that the model does not name", name)
		}
	}
	f, c := newFakeHub(t), testCache(t)
	delete(f.files, "onnx/model.onnx_data")
	if _, err := pull(c, f.client(nil), "hf:org/name", false); err == nil || !strings.Contains(err.Error(), `keeps weights in "model.onnx_data", which the repository does not have`) {
		t.Errorf("missing weights: %v", err)
	}
	f.files["onnx/model.onnx"] = "no model"
	if _, err := pull(testCache(t), f.client(nil), "hf:org/name", false); err == nil || !strings.Contains(err.Error(), "cannot be used") {
		t.Errorf("a file that is not a model: %v", err)
	}
}

// TestHubKeepsFinished checks that a pull that fails at its second large file does not fetch the first one again.
func TestHubKeepsFinished(t *testing.T) {
	f, c := newFakeHub(t), testCache(t)
	f.wrong["onnx/model.onnx_data"] = "damaged on the way"
	f.wrong["tokenizer.json"] = "damaged on the way"
	if _, err := pull(c, f.client(nil), "hf:org/name", false); err == nil {
		t.Fatal("a damaged file was accepted")
	}
	before := f.count("GET /onnx/model.onnx")
	f.wrong = map[string]string{}
	dir, err := pull(c, f.client(nil), "hf:org/name", false)
	if err != nil {
		t.Fatal(err)
	}
	f.checkModel(t, dir, "onnx/model.onnx", "onnx/model.onnx_data")
	if model := f.exactly("GET /onnx/model.onnx"); before == 0 || model != 1 {
		t.Errorf("the model was fetched %d times: %q", model, f.requests)
	}
	if left, _ := filepath.Glob(filepath.Join(c.Dir, ".parts", "*")); len(left) != 0 {
		t.Errorf("the stage still has %q", left)
	}
}

// TestHubRefusedWeights checks models that name weight files which must not be fetched.
func TestHubRefusedWeights(t *testing.T) {
	for name, want := range map[string]string{"../outside": "outside the model's folder", ".hidden": `".hidden", and w2s fetches no file of such a name`,
		"w2s.json": `"w2s.json", but w2s writes a file of that name itself`} {
		f, c := newFakeHub(t), testCache(t)
		delete(f.files, "onnx/model.onnx")
		plain := strings.ReplaceAll(name, "../", "up_") // of the same length, so that the lengths in the model stay right
		f.files["model.onnx"] = strings.Replace(testModel(t, plain), plain, name, 1)
		if !strings.HasPrefix(name, "../") { // the listing with such a name would be refused
			f.files[name] = "weights"
		}
		if dir, err := pull(c, f.client(nil), "hf:org/name", false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v", name, dir, err)
		}
	}
}

// TestHubKeepsFinishedWhenCancelled checks that after a cancelled pull the next one fetches only the missing files.
func TestHubKeepsFinishedWhenCancelled(t *testing.T) {
	f, c := newFakeHub(t), testCache(t)
	ref, err := ParseHubRef("hf:org/name")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	f.onRequest = func(path string) {
		if strings.HasSuffix(path, "/tokenizer.json") {
			cancel()
		}
	}
	if _, err := c.HubModel(ctx, f.client(nil), testRequest(ref, false)); !errors.Is(err, context.Canceled) {
		t.Fatalf("cancelled: %v", err)
	}
	f.onRequest = nil
	dir, err := pull(c, f.client(nil), "hf:org/name", false)
	if err != nil {
		t.Fatal(err)
	}
	f.checkModel(t, dir, "onnx/model.onnx", "onnx/model.onnx_data")
	if n := f.exactly("GET /onnx/model.onnx"); n != 1 {
		t.Errorf("the model was fetched %d times: %q", n, f.requests)
	}
}

// TestHubTokenizerBesideModel checks that a tokenizer.json beside the model goes to the top of the folder.
func TestHubTokenizerBesideModel(t *testing.T) {
	f, c := newFakeHub(t), testCache(t)
	f.files["onnx/tokenizer.json"] = f.files["tokenizer.json"]
	delete(f.files, "tokenizer.json")
	dir, err := pull(c, f.client(nil), "hf:org/name", false)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "tokenizer.json")); err != nil || string(got) != f.files["onnx/tokenizer.json"] {
		t.Errorf("tokenizer.json: %q, %v", got, err)
	}
}

// TestHubPoolingFolder checks that the files in the folders of modules.json are fetched.
func TestHubPoolingFolder(t *testing.T) {
	f, c := newFakeHub(t), testCache(t)
	f.files["0_Transformer/sentence_bert_config.json"] = `{"max_seq_length": 48}`
	f.files["modules.json"] = `[{"idx":0,"path":"0_Transformer","type":"sentence_transformers.models.Transformer"},{"idx":1,"path":"pool ing","type":"sentence_transformers.models.Pooling"}]`
	f.files["pool ing/config.json"] = `{"pooling_mode_mean_tokens":true}`
	dir, err := pull(c, f.client(nil), "hf:org/name", false)
	if err != nil {
		t.Fatal(err)
	}
	f.checkModel(t, dir, "onnx/model.onnx", "modules.json", "pool ing/config.json", "0_Transformer/sentence_bert_config.json")
}

// TestHubSettings checks that faults of the environment are reported without a request and without retrying.
func TestHubSettings(t *testing.T) {
	for _, test := range []struct{ name, value, want string }{
		{"HF_ENDPOINT", "huggingface.co", "does not begin with https:// or http://"},
		{"HF_ENDPOINT", "localhost:9999", "does not begin with https:// or http://"},
		{"HF_ENDPOINT", "ftp://hub.test", "does not begin with https:// or http://"},
		{"HF_ENDPOINT", "https://", "has no host"},
		{"HF_ENDPOINT", "https://hub.test:99999", "a port that is not between 1 and 65535"},
		{"HF_TOKEN", "hf_one\nhf_two", "the token in HF_TOKEN contains a space"},
	} {
		f := newFakeHub(t)
		_, err := pull(testCache(t), f.client(map[string]string{test.name: test.value}), "hf:org/name", false)
		var setting SettingError
		if !errors.As(err, &setting) || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hf_two") {
			t.Errorf("%s=%q: %v", test.name, test.value, err)
		}
		if len(f.requests)+len(f.paused) != 0 {
			t.Errorf("%s=%q: requests %q, pauses %v", test.name, test.value, f.requests, f.paused)
		}
	}
}

// FuzzParseListing checks that an accepted listing has no path that leads out of a folder.
func FuzzParseListing(f *testing.F) {
	f.Add([]byte(`{"sha":"` + testCommit + `","siblings":[{"rfilename":"a/b","size":3,"blobId":"x","lfs":{"sha256":"y","size":4}},{"rfilename":"c"}]}`))
	f.Add([]byte(`{"sha":"` + testCommit + `","siblings":[{"rfilename":"../b","size":-3}]}`))
	f.Add([]byte(`<html>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		l, err := parseListing(body)
		if err != nil {
			return
		}
		if !isCommit(l.Commit) {
			t.Errorf("commit %q", l.Commit)
		}
		for _, file := range l.Files {
			if !filepath.IsLocal(filepath.FromSlash(file.Path)) || file.Size < -1 {
				t.Errorf("%+v", file)
			}
		}
	})
}
