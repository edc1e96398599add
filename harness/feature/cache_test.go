package feature

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestFeaturesEncodesEachTextOnce(t *testing.T) {
	dir, enc := t.TempDir(), newFake()
	c := openCache(t, dir)
	texts := []string{"b", "a", "b", "", "a long text", "b", "a long text"}
	if n, err := c.Missing(enc, texts); n != 4 || err != nil {
		t.Fatalf("missing %d, %v", n, err)
	}
	sum := features(t, c, enc, texts)
	if sum.Encoded != 4 || sum.Duplicates != 3 || sum.Truncated != 2 || sum.Tokens != 1+1+0+11 || sum.Warnings != nil {
		t.Errorf("first: %+v", sum)
	}
	for name, c := range map[string]*Cache{"same cache": c, "opened again": openCache(t, dir)} {
		if n, err := c.Missing(enc, texts); n != 0 || err != nil {
			t.Errorf("%s: missing %d, %v", name, n, err)
		}
		sum = features(t, c, enc, append(slices.Clone(texts), "a"))
		if sum.Encoded != 0 || sum.Cached != 4 || sum.Duplicates != 4 || sum.Truncated != 2 || sum.Tokens != 0 {
			t.Errorf("%s: %+v", name, sum)
		}
	}
	sum = features(t, c, enc, []string{"new", "a"})
	if sum.Encoded != 1 || sum.Cached != 1 {
		t.Errorf("one new text: %+v", sum)
	}
	if n := enc.count.Load(); n != 5 {
		t.Errorf("%d texts were encoded, want 5", n)
	}
	other := newFake()
	other.key = "fake/2: not a file name"
	if sum = features(t, c, other, texts); sum.Encoded != 4 {
		t.Errorf("another encoder: %+v", sum)
	}
	if sum = features(t, c, enc, nil); sum.Texts != 0 {
		t.Errorf("no texts: %+v", sum)
	}
}

func TestNilCacheStoresNothing(t *testing.T) {
	var c *Cache
	enc := newFake()
	for range 2 {
		if sum := features(t, c, enc, []string{"a", "b", "a"}); sum.Encoded != 2 || sum.Duplicates != 1 {
			t.Errorf("%+v", sum)
		}
	}
	if n, err := c.Missing(enc, []string{"a", "a"}); n != 1 || err != nil {
		t.Errorf("missing %d, %v", n, err)
	}
	if _, err := c.Fill(context.Background(), enc, []string{"a"}, nil); err == nil || !strings.Contains(err.Error(), "no cache to fill") {
		t.Errorf("Fill of a nil cache: %v", err)
	}
}

func TestFillEncodesAndReportsMissingTexts(t *testing.T) {
	c, enc := openCache(t, t.TempDir()), newFake()
	texts := someTexts(2*chunk + 17)
	features(t, c, enc, texts[:100])
	last, calls := [3]int{}, 0
	sum, err := c.Fill(context.Background(), enc, append(texts, texts[0]), func(done, total, tokens int) {
		if done != last[0]+1 || total != len(texts)-100 || tokens < last[2] {
			t.Fatalf("report %d of %d, %d tokens after %v", done, total, tokens, last)
		}
		last = [3]int{done, total, tokens}
		calls++
	})
	if err != nil || sum.Encoded != len(texts)-100 || sum.Cached != 100 || sum.Duplicates != 1 || calls != sum.Encoded || last[2] != sum.Tokens {
		t.Fatalf("%+v, %v, %d reports", sum, err, calls)
	}
	if sum := features(t, c, enc, texts); sum.Encoded != 0 {
		t.Errorf("after Fill: %+v", sum)
	}
}

// Vectors have 4 kB, and Fill must allocate much less for each text.
func TestFillKeepsNoVectors(t *testing.T) {
	c, enc := openCache(t, t.TempDir()), newFake()
	enc.dims = 1024
	texts := someTexts(3000)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := c.Fill(context.Background(), constant{enc}, texts, nil); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if per := float64(after.TotalAlloc-before.TotalAlloc) / float64(len(texts)); per > 1000 {
		t.Errorf("%.0f bytes a text", per)
	}
}

// A constant encoder is a fake one that makes zero vectors without allocating memory for each text.
type constant struct{ *fake }

func (c constant) Encode(_ context.Context, texts []string, emit func(index int, vector []float32, tokens int, truncated bool) error) error {
	buf := make([]float32, c.dims)
	for i := range texts {
		if err := emit(i, buf, 0, false); err != nil {
			return err
		}
	}
	return nil
}

func TestCancelledFeaturesKeepsFinishedTexts(t *testing.T) {
	dir, enc := t.TempDir(), newFake()
	c, texts := openCache(t, dir), someTexts(40)
	ctx, cancel := context.WithCancel(context.Background())
	_, sum, err := c.Features(ctx, enc, texts, func(done, _, _ int) {
		if done == 10 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || sum.Encoded < 10 || sum.Encoded >= 40 {
		t.Fatalf("%+v, %v", sum, err)
	}
	if n, err := openCache(t, dir).Missing(enc, texts); n != 40-sum.Encoded || err != nil {
		t.Errorf("missing %d, %v", n, err)
	}
	if _, _, err = c.Features(ctx, enc, texts[:1], nil); !errors.Is(err, context.Canceled) {
		t.Errorf("with a cancelled context: %v", err)
	}
	features(t, c, enc, texts)
	if n := enc.count.Load(); n != 40 {
		t.Errorf("%d texts were encoded, want 40", n)
	}
}

// A scripted encoder emits given vectors and returns a given error.
type scripted struct {
	*fake
	calls []call
	err   error
}

func (s scripted) Encode(_ context.Context, _ []string, emit func(index int, vector []float32, tokens int, truncated bool) error) error {
	for _, c := range s.calls {
		if err := emit(c.index, c.vector, c.tokens, false); err != nil {
			return err
		}
	}
	return s.err
}

// A call is one call of emit.
type call struct {
	index  int
	vector []float32
	tokens int
}

func TestFeaturesRejectsBadVectors(t *testing.T) {
	good := []float32{1, 2, 3}
	v := func(i int, x ...float32) call { return call{index: i, vector: x} }
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		calls []call
		err   error
		want  string
	}{
		"NaN":          {[]call{v(0, 1, float32(math.NaN()), 3)}, nil, "gave NaN in dimension 1"},
		"infinite":     {[]call{v(0, float32(math.Inf(-1)), 2, 3)}, nil, "gave -Inf in dimension 0"},
		"short":        {[]call{v(0, 1, 2)}, nil, "gave 2 values, not 3"},
		"twice":        {[]call{v(0, good...), v(0, good...)}, nil, "twice or out of range"},
		"negative":     {[]call{v(-1, good...)}, nil, "twice or out of range"},
		"out of range": {[]call{v(2, good...)}, nil, "twice or out of range"},
		"missing":      {[]call{v(1, good...)}, nil, "vectors for 1 of 2 texts"},
		"tokens":       {[]call{{0, good, -1}}, nil, "counted -1 tokens"},
		"fails":        {[]call{v(1, good...)}, boom, "boom"},
	} {
		t.Run(name, func(t *testing.T) {
			enc := scripted{newFake(), c.calls, c.err}
			for _, cache := range []*Cache{nil, openCache(t, t.TempDir())} {
				m, _, err := cache.Features(context.Background(), enc, []string{"x", "y"}, nil)
				if err == nil || m != nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("error %v, want one with %q", err, c.want)
				}
				if c.err != nil && !errors.Is(err, c.err) {
					t.Errorf("%v does not wrap the encoder's error", err)
				}
			}
		})
	}
}

func TestFeaturesRejectsBadEncoders(t *testing.T) {
	for want, enc := range map[string]*fake{
		"no key": {dims: 3}, "0 dimensions": {key: "k"}, "-1 dimensions": {key: "k", dims: -1}, "1073741824 dimensions": {key: "k", dims: 1 << 30},
	} {
		if _, _, err := (*Cache)(nil).Features(context.Background(), enc, nil, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("an encoder with key %q and %d dimensions: error %v, want one with %q", enc.key, enc.dims, err, want)
		}
	}
}

func TestHeaderOfAnotherEncoderIsRejected(t *testing.T) {
	dir, enc := t.TempDir(), newFake()
	features(t, openCache(t, dir), enc, []string{"a"})
	wider := newFake()
	wider.dims = 4
	for name, c := range map[string]*Cache{"opened again": openCache(t, dir)} {
		if _, _, err := c.Features(context.Background(), wider, []string{"a"}, nil); err == nil || !strings.Contains(err.Error(), "3 dimensions") {
			t.Errorf("%s: other dimensions: %v", name, err)
		}
	}
	c := openCache(t, dir)
	features(t, c, enc, []string{"a"})
	if _, err := c.Fill(context.Background(), wider, []string{"a"}, nil); err == nil || !strings.Contains(err.Error(), "change the key") {
		t.Errorf("same cache: other dimensions: %v", err)
	}

	headerPath := filepath.Join(dir, "fake-1", headerFile)
	for content, want := range map[string]string{
		`{"format":1,"key":"other","dims":3}`:  "belongs to encoder",
		`{"format":2,"key":"fake-1","dims":3}`: "format 2",
	} {
		if err := os.WriteFile(headerPath, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := openCache(t, dir).Missing(enc, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("header %s: %v", content, err)
		}
	}
	// Rows of a folder with a lost or damaged header are still used, and the header is written again.
	for _, content := range []string{"", "{", "{}"} {
		if err := os.WriteFile(headerPath, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		c := openCache(t, dir)
		if sum := features(t, c, enc, []string{"a", "b" + content}); sum.Cached != 1 {
			t.Errorf("header %q: %+v", content, sum)
		}
		if h, err := readHeader(filepath.Join(dir, "fake-1")); err != nil || h.Dims != 3 {
			t.Errorf("header %q was not written again: %v", content, err)
		}
	}
}

func TestRowsOfAnotherEncoderAreRejected(t *testing.T) {
	dir, enc, other := t.TempDir(), newFake(), newFake()
	other.key = "fake-2"
	c := openCache(t, dir)
	features(t, c, enc, []string{"a"})
	features(t, c, other, []string{"b"})
	copyFile(t, rowsPath(t, dir, "fake-2"), filepath.Join(dir, "fake-1", "rows-elsewhere.bin"))
	if _, _, err := openCache(t, dir).Features(context.Background(), enc, []string{"a"}, nil); err == nil ||
		!strings.Contains(err.Error(), "rows-elsewhere.bin") || !strings.Contains(err.Error(), "another encoder") {
		t.Errorf("rows of another encoder: %v", err)
	}
}

// Three caches encode a shard each, and the rows files of two are copied into the folder of the third.
func TestCopiedRowsFilesOfShardsAreUsed(t *testing.T) {
	texts, enc := someTexts(200), newFake()
	texts = append(texts, texts[:20]...)
	main := t.TempDir()
	total := 0
	for i := range 3 {
		part, err := Shard(texts, i, 3)
		if err != nil {
			t.Fatal(err)
		}
		dir := main
		if i > 0 {
			dir = t.TempDir()
		}
		sum := features(t, openCache(t, dir), enc, part)
		total += sum.Encoded
		if len(part) < 40 || sum.Cached != 0 {
			t.Errorf("shard %d has %d texts: %+v", i, len(part), sum)
		}
		if i > 0 {
			copyFile(t, rowsPath(t, dir, "fake-1"), filepath.Join(main, "fake-1", "rows-machine"+string(rune('0'+i))+".bin"))
		}
	}
	if total != 200 {
		t.Errorf("shards encoded %d texts, want 200", total)
	}
	if sum := features(t, openCache(t, main), enc, texts); sum.Encoded != 0 || sum.Cached != 200 {
		t.Errorf("after copying: %+v", sum)
	}
	for _, bad := range [][2]int{{-1, 3}, {3, 3}, {0, 0}} {
		if _, err := Shard(texts, bad[0], bad[1]); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("shard %d of %d", bad[0], bad[1])) {
			t.Errorf("Shard of %v: %v", bad, err)
		}
	}
}

func TestListVerifyCompactAndRemove(t *testing.T) {
	dir, enc := t.TempDir(), newFake()
	c, ctx := openCache(t, dir), context.Background()
	if parts, err := openCache(t, filepath.Join(dir, "absent")).List(); parts != nil || err != nil {
		t.Errorf("an absent folder: %v, %v", parts, err)
	}
	texts := someTexts(20)
	features(t, c, enc, texts[:12])
	path := rowsPath(t, dir, "fake-1")
	copyFile(t, path, filepath.Join(dir, "fake-1", "rows-copy.bin")) // 12 repeated rows
	features(t, c, enc, texts)
	flipBit(t, path, newLayout("fake-1", 3).offset(15)*8+3)
	appendBytes(t, path, []byte("torn"))

	parts, err := c.List()
	if err != nil || len(parts) != 1 || parts[0].Fault != nil || parts[0].Files != 2 || parts[0].Rows != 32 || parts[0].Key != "fake-1" {
		t.Fatalf("%+v, %v", parts, err)
	}
	health, err := c.Verify("fake-1")
	base := filepath.Base(path)
	want := Health{Texts: 19, Repeated: 12, Damaged: []Damage{{base, 15}}, Torn: []string{base}}
	if err != nil || !reflect.DeepEqual(health, want) || health.Sound() {
		t.Fatalf("%+v, %v, want %+v", health, err, want)
	}
	if health, err = c.Compact(ctx, "fake-1"); err != nil || !reflect.DeepEqual(health, want) {
		t.Fatalf("%+v, %v", health, err)
	}
	if health, err = c.Verify("fake-1"); err != nil || !reflect.DeepEqual(health, Health{Texts: 19}) || !health.Sound() {
		t.Fatalf("after compacting: %+v, %v", health, err)
	}
	// The cache that was opened before must find the rows in the new file.
	if sum := features(t, c, enc, texts); sum.Encoded != 1 || sum.Cached != 19 {
		t.Errorf("after compacting: %+v", sum)
	}
	left, _ := filepath.Glob(filepath.Join(dir, "fake-1", "*.tmp"))
	if len(left) > 0 {
		t.Errorf("files left: %v", left)
	}

	w, err := openWriter(ctx, c.locks(), filepath.Join(dir, "fake-1"), newLayout("fake-1", 3))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Compact(ctx, "fake-1"); !errors.Is(err, ErrInUse) {
		t.Errorf("compacting while a process writes: %v", err)
	}
	if err := c.Remove("fake-1"); !errors.Is(err, ErrInUse) {
		t.Errorf("removing while a process writes: %v", err)
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"fake-2", "..", ".locks", ""} {
		want := fmt.Sprintf("no folder %q", name)
		if err := c.Remove(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Remove of %q: %v", name, err)
		}
		if _, err := c.Verify(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Verify of %q: %v", name, err)
		}
	}
	if err := c.Remove("fake-1"); err != nil {
		t.Fatal(err)
	}
	if sum := features(t, c, enc, texts[:3]); sum.Encoded != 3 {
		t.Errorf("after removing: %+v", sum)
	}
}

func TestOpenRejectsFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{path: "is not a folder", "": "no folder given"} {
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Open of %q: error %v, want one with %q", dir, err, want)
		}
	}
}

// A goroutine must wait for another one that encodes, and then use its rows.
func TestGoroutinesShareWork(t *testing.T) {
	c, enc := openCache(t, t.TempDir()), newFake()
	texts := someTexts(300)
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			m, _, err := c.Features(context.Background(), enc, texts[i*20:], nil)
			if err != nil {
				t.Error(err)
				return
			}
			checkMatrix(t, m, 3, texts[i*20:])
		})
	}
	wg.Wait()
	if n := enc.count.Load(); n != 300 {
		t.Errorf("%d texts were encoded, want 300", n)
	}
}

// The test compacts repeatedly while goroutines with caches of their own read and encode.
func TestCompactWhileOthersReadAndEncode(t *testing.T) {
	dir, enc := t.TempDir(), newFake()
	texts := someTexts(200)
	features(t, openCache(t, dir), enc, texts[:20])
	var wg sync.WaitGroup
	done := make(chan struct{})
	for g := range 3 {
		c := openCache(t, dir)
		wg.Go(func() {
			for i := range 30 {
				part := texts[:20+6*i-g]
				m, _, err := c.Features(context.Background(), enc, part, nil)
				if err != nil {
					t.Error(err)
					return
				}
				checkMatrix(t, m, 3, part)
			}
		})
	}
	go func() { wg.Wait(); close(done) }()
	c, compacted := openCache(t, dir), 0
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		switch _, err := c.Compact(context.Background(), "fake-1"); {
		case err == nil:
			compacted++
		case !errors.Is(err, ErrInUse):
			t.Fatal(err)
		}
	}
	if health, err := c.Verify("fake-1"); err != nil || !health.Sound() || health.Texts < 20+6*29 {
		t.Errorf("%+v, %v", health, err)
	}
	if compacted == 0 {
		t.Error("no Compact succeeded")
	}
}

func BenchmarkFill(b *testing.B) {
	enc := newFake()
	enc.dims = 384
	texts := someTexts(5000)
	for b.Loop() {
		if _, err := openCache(b, b.TempDir()).Fill(context.Background(), constant{enc}, texts, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(texts)), "ns/text")
}

func BenchmarkFeaturesCached(b *testing.B) {
	enc := newFake()
	enc.dims = 384
	texts, dir := someTexts(5000), b.TempDir()
	if _, err := openCache(b, dir).Fill(context.Background(), constant{enc}, texts, nil); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, _, err := openCache(b, dir).Features(context.Background(), enc, texts, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(texts)), "ns/text")
}

// A warner is a fake encoder that has a warning as soon as it has encoded.
type warner struct{ *fake }

func (w warner) Warnings() []string {
	if w.count.Load() == 0 {
		return nil
	}
	return []string{"slow today"}
}

// TestWarner checks that the summary of every call has the warnings that the encoder has by then, once.
func TestWarner(t *testing.T) {
	c, enc := openCache(t, t.TempDir()), warner{newFake()}
	for _, call := range []struct {
		texts []string
		want  []string
	}{{nil, nil}, {someTexts(5), []string{"slow today"}}, {someTexts(5), []string{"slow today"}}, {someTexts(6), []string{"slow today"}}} {
		if sum := features(t, c, enc, call.texts); !slices.Equal(sum.Warnings, call.want) {
			t.Errorf("%d texts: warnings %q, want %q", len(call.texts), sum.Warnings, call.want)
		}
	}
	if sum, err := c.Fill(t.Context(), enc, someTexts(7), nil); err != nil || len(sum.Warnings) != 1 {
		t.Errorf("warnings %q, error %v", sum.Warnings, err)
	}
}
