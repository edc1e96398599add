package feature

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"w2s/internal/list"
)

// used fills the parts of encoders with the given keys in a cache folder. The first one was used the longest time ago.
func used(t *testing.T, dir string, keys ...string) {
	t.Helper()
	c := openCache(t, dir)
	for i, key := range keys {
		enc := newFake()
		enc.key = key
		done := c.Use(enc, "model "+key, "b")
		features(t, c, enc, someTexts(20))
		done()
		c.Use(enc, "model "+key, "a")()
		old := time.Now().Add(time.Duration(i-len(keys)) * time.Hour)
		for _, name := range []string{aboutFile, "header.json"} {
			if err := os.Chtimes(filepath.Join(dir, key, name), old, old); err != nil {
				t.Fatal(err)
			}
		}
		rows, err := rowsFiles(filepath.Join(dir, key))
		if err != nil || len(rows) != 1 {
			t.Fatal(rows, err)
		}
		if err := os.Chtimes(filepath.Join(dir, key, rows[0]), old, old); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

func folders(parts []Part) []string { return list.Map(parts, func(p Part) string { return p.Folder }) }

func TestPruneRemovesWhatWasNotUsedLongest(t *testing.T) {
	dir := t.TempDir()
	used(t, dir, "c", "a", "b")
	c := openCache(t, dir)
	parts, err := c.List()
	if err != nil || !slices.Equal(folders(parts), []string{"a", "b", "c"}) {
		t.Fatal(folders(parts), err)
	}
	if p := parts[0]; p.Model != "model a" || !slices.Equal(p.Tasks, []string{"a", "b"}) || !p.Used.Equal(p.Modified) {
		t.Errorf("the part is %+v", p)
	}
	each := parts[0].Bytes
	for _, dry := range []bool{true, false} {
		removed, left, err := c.Prune(2*each, dry)
		if err != nil || !slices.Equal(folders(removed), []string{"c"}) || left != 2*each {
			t.Errorf("removed %v, %d bytes left, %v", folders(removed), left, err)
		}
	}
	if removed, left, err := c.Prune(2*each, false); err != nil || len(removed) != 0 || left != 2*each {
		t.Errorf("removed %v again, %d bytes left, %v", folders(removed), left, err)
	}
	// A use without new vectors counts.
	enc := newFake()
	enc.key = "a"
	c.Use(enc, "model a", "a")()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if removed, _, err := c.Prune(each, false); err != nil || !slices.Equal(folders(removed), []string{"b"}) {
		t.Errorf("removed %v, %v", folders(removed), err)
	}
	if removed, left, err := c.Prune(0, false); err != nil || !slices.Equal(folders(removed), []string{"a"}) || left != 0 {
		t.Errorf("removed %v, %d left, %v", folders(removed), left, err)
	}
}

// TestPruneLeavesWhatIsUsed prunes while this process and another one have parts open.
func TestPruneLeavesWhatIsUsed(t *testing.T) {
	if dir := os.Getenv("W2S_TEST_PRUNE"); dir != "" { // the other process
		c := openCache(t, dir)
		removed, left, err := c.Prune(0, false)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("removed %v, %d left", folders(removed), left)
		return
	}
	dir := t.TempDir()
	used(t, dir, "a", "b")
	c := openCache(t, dir)
	enc := newFake()
	enc.key = "a"
	done := c.Use(enc, "m", "t")
	features(t, c, enc, someTexts(20)) // reads only
	done()
	if removed, _, err := c.Prune(0, false); err != nil || !slices.Equal(folders(removed), []string{"b"}) {
		t.Errorf("removed %v, %v", folders(removed), err)
	}
	other := func() string {
		command := exec.Command(os.Args[0], "-test.run=^TestPruneLeavesWhatIsUsed$", "-test.v")
		command.Env = append(os.Environ(), "W2S_TEST_PRUNE="+dir)
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	if out := other(); !strings.Contains(out, "removed [], ") {
		t.Errorf("another process: %s", out)
	}
	features(t, c, enc, someTexts(25))
	if err := c.Check(); err != nil {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if out := other(); !strings.Contains(out, "removed [a], 0 left") {
		t.Errorf("another process, after this one: %s", out)
	}
}

func TestAboutIsOptional(t *testing.T) {
	dir := t.TempDir()
	used(t, dir, "a")
	for _, data := range []string{"", "{", `{"model":3}`, strings.Repeat("x", maxAbout+1)} {
		if err := os.WriteFile(filepath.Join(dir, "a", aboutFile), []byte(data), 0o666); err != nil {
			t.Fatal(err)
		}
		c := openCache(t, dir)
		parts, err := c.List()
		if err != nil || parts[0].Fault != nil || parts[0].Model != "" || parts[0].Rows != 20 {
			t.Errorf("%+v, %v", parts, err)
		}
		enc := newFake()
		enc.key = "a"
		c.Use(enc, "m", "t")()
		if parts, _ := c.List(); parts[0].Model != "m" || !slices.Equal(parts[0].Tasks, []string{"t"}) {
			t.Errorf("%+v", parts[0])
		}
	}
	c := openCache(t, filepath.Join(dir, "none"))
	c.Use(newFake(), "m", "t")()
	if parts, err := c.List(); err != nil || len(parts) > 0 {
		t.Errorf("a note makes a part: %v, %v", parts, err)
	}
}

// TestHalf stores float16 in half the space, next to float32 and under another key.
func TestHalf(t *testing.T) {
	dir := t.TempDir()
	enc := newFake()
	enc.dims = 100
	texts := someTexts(30)
	c := openCache(t, dir)
	whole, _, err := c.Features(context.Background(), enc, texts, nil)
	if err != nil {
		t.Fatal(err)
	}
	made := enc.count.Load()
	var first *Matrix
	for round := range 3 {
		if round == 2 {
			c = openCache(t, dir)
		}
		m, sum, err := c.Features(context.Background(), Half{enc}, texts, nil)
		if err != nil || (round == 0) != (sum.Encoded == 30) || (round > 0) != (sum.Cached == 30) {
			t.Fatalf("%+v, %v", sum, err)
		}
		if first == nil {
			first = m
		}
		if !slices.Equal(m.Data, first.Data) || slices.Equal(m.Data, whole.Data) {
			t.Errorf("round %d: the vectors differ from the first ones, or are not rounded", round)
		}
		for i, v := range m.Data {
			if d := v - whole.Data[i]; d > 0.0005*max(v, -v) || d < -0.0005*max(v, -v) {
				t.Fatalf("%v became %v", whole.Data[i], v)
			}
		}
	}
	if enc.count.Load() != 2*made {
		t.Errorf("%d texts encoded, want %d", enc.count.Load(), 2*made)
	}
	parts, err := c.List()
	if err != nil || len(parts) != 2 || parts[1].Key != "fake-1-float16" || parts[1].Rows != 30 {
		t.Fatalf("%+v, %v", parts, err)
	}
	if a, b := parts[0].Bytes-headerSize, parts[1].Bytes-headerSize; a != 30*(28+400) || b != 30*(28+200) {
		t.Errorf("%d and %d bytes", a, b)
	}
	if h, err := c.Verify(parts[1].Folder); err != nil || h.Texts != 30 || !h.Sound() {
		t.Errorf("%+v, %v", h, err)
	}
	// Restore, compact and merge keep the vectors.
	if err := os.Remove(filepath.Join(dir, parts[1].Folder, headerFile)); err != nil {
		t.Fatal(err)
	}
	if ok, err := c.Restore(parts[1].Folder); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if _, err := c.Compact(context.Background(), parts[1].Folder); err != nil {
		t.Fatal(err)
	}
	other := openCache(t, t.TempDir())
	if _, err := other.Merge(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	if m, sum, err := other.Features(context.Background(), Half{enc}, texts, nil); err != nil || sum.Cached != 30 || !slices.Equal(m.Data, first.Data) {
		t.Errorf("after merging: %+v, %v", sum, err)
	}

	pass := &fakePass{}
	ms, _, err := (*Cache)(nil).FeaturesOfPass(context.Background(), HalfPass{pass}, []Encoder{Half{enc}}, texts, nil)
	if err != nil || !slices.Equal(ms[0].Data, first.Data) {
		t.Errorf("a pass gives other vectors, %v", err)
	}
	if _, _, err := c.Features(context.Background(), Half{large{enc}}, texts, nil); err == nil || !strings.Contains(err.Error(), "too large for float16") {
		t.Errorf("large numbers: %v", err)
	}
}

// large makes vectors of large numbers.
type large struct{ *fake }

func (l large) Key() string { return "large" }

func (l large) Encode(ctx context.Context, texts []string, emit func(index int, vector []float32, tokens int, truncated bool) error) error {
	return l.fake.Encode(ctx, texts, func(index int, vector []float32, tokens int, truncated bool) error {
		vector = slices.Clone(vector)
		vector[1] = -70000
		return emit(index, vector, tokens, truncated)
	})
}
