package feature

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A fakePass encodes texts under fake encoders of several widths at once.
type fakePass struct {
	mu       sync.Mutex
	texts    []string // that were encoded
	keys     []string // of the encoders of the last call
	stop     int      // number of texts after which encoding fails; 0 is never
	warnings []string
}

var errStopped = errors.New("stopped")

func (p *fakePass) Warnings() []string { return p.warnings }

func (p *fakePass) Encode(ctx context.Context, encoders []Encoder, texts []string,
	emit func(index int, vectors []float32, tokens int, truncated bool) error) error {
	p.keys = nil
	for _, e := range encoders {
		p.keys = append(p.keys, e.Key())
	}
	for i, text := range texts {
		p.mu.Lock()
		stopped := p.stop > 0 && len(p.texts) == p.stop
		if !stopped {
			p.texts = append(p.texts, text)
		}
		p.mu.Unlock()
		if stopped {
			return errStopped
		}
		var vectors []float32
		for _, e := range encoders {
			v := make([]float32, e.Dims())
			fakeVector(text, v)
			vectors = append(vectors, v...)
		}
		if err := emit(i, vectors, len(text), fakeTruncated(text)); err != nil {
			return err
		}
	}
	return nil
}

// passEncoders returns encoders with the widths 3, 4 and so on.
func passEncoders(n int) []Encoder {
	var all []Encoder
	for i := range n {
		f := newFake()
		f.key, f.dims = fmt.Sprintf("layer-%d", n-i), 3+i // the keys are not in the order of encoders
		all = append(all, f)
	}
	return all
}

// checkPass gets the features of a pass and checks them, and that no encoder was used on its own.
func checkPass(t *testing.T, c *Cache, p Pass, encoders []Encoder, texts []string) []Summary {
	t.Helper()
	matrices, sums, err := c.FeaturesOfPass(t.Context(), p, encoders, texts, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range encoders {
		checkMatrix(t, matrices[i], e.Dims(), texts)
		if s := sums[i]; s.Texts != len(texts) || s.Texts != s.Cached+s.Encoded+s.Duplicates {
			t.Errorf("%s: the summary does not add up: %+v", e.Key(), s)
		}
		if n := e.(*fake).count.Load(); n != 0 {
			t.Errorf("%s was asked for %d texts on its own", e.Key(), n)
		}
	}
	return sums
}

// TestPass encodes texts in one pass and takes them from the cache afterwards, together and one by one.
func TestPass(t *testing.T) {
	encoders, texts := passEncoders(3), someTexts(700)
	texts = append(texts, texts[0])
	c, p := openCache(t, t.TempDir()), &fakePass{warnings: []string{"the unit failed"}}
	last := 0
	if _, _, err := c.FeaturesOfPass(t.Context(), p, encoders, texts, func(done, total, _ int) {
		if last++; done != last || total != 700 {
			t.Errorf("%d of %d after %d reports", done, total, last)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if len(p.texts) != 700 || last != 700 {
		t.Errorf("%d texts were encoded, with %d reports", len(p.texts), last)
	}
	for _, s := range checkPass(t, c, p, encoders, texts) {
		if s.Cached != 700 || s.Duplicates != 1 || s.Encoded != 0 || s.Truncated == 0 || !slices.Equal(s.Warnings, p.warnings) {
			t.Errorf("%+v", s)
		}
	}
	reopened := openCache(t, c.Dir())
	for _, e := range encoders {
		if s := features(t, reopened, e, texts); s.Encoded != 0 {
			t.Errorf("%s: %+v", e.Key(), s)
		}
	}
	if len(p.texts) != 700 {
		t.Errorf("%d texts were encoded", len(p.texts))
	}
}

// TestPassLeavesOutWhatIsStored checks which encoders and texts are part of a pass.
func TestPassLeavesOutWhatIsStored(t *testing.T) {
	encoders, texts := passEncoders(3), someTexts(20)
	c, p := openCache(t, t.TempDir()), &fakePass{}
	features(t, c, encoders[0], texts)     // all
	features(t, c, encoders[1], texts[:7]) // some
	for _, e := range encoders {
		e.(*fake).count.Store(0)
	}
	sums := checkPass(t, c, p, encoders, texts[:15])
	if want := []string{"layer-1", "layer-2"}; !slices.Equal(slices.Sorted(slices.Values(p.keys)), want) {
		t.Errorf("a pass for %q", p.keys)
	}
	if len(p.texts) != 15 || sums[0].Encoded != 0 || sums[1].Encoded != 8 || sums[2].Encoded != 15 {
		t.Errorf("%d texts: %+v", len(p.texts), sums)
	}
	p.texts = nil
	checkPass(t, c, p, encoders[:2], texts)
	if len(p.texts) != 5 || !slices.Equal(p.keys, []string{"layer-2"}) {
		t.Errorf("%d texts for %q", len(p.texts), p.keys)
	}
	stored, err := c.List()
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]int64{}
	for _, s := range stored {
		rows[s.Key] = s.Rows
	}
	if want := map[string]int64{"layer-3": 20, "layer-2": 20, "layer-1": 15}; !maps.Equal(rows, want) {
		t.Errorf("rows %v, want %v", rows, want)
	}
}

// TestPassIsStopped checks that what was encoded before an error is kept.
func TestPassIsStopped(t *testing.T) {
	encoders, texts := passEncoders(2), someTexts(50)
	c, p := openCache(t, t.TempDir()), &fakePass{stop: 30}
	if _, _, err := c.FeaturesOfPass(t.Context(), p, encoders, texts, nil); !errors.Is(err, errStopped) {
		t.Fatal(err)
	}
	p.texts, p.stop = nil, 0
	for _, s := range checkPass(t, openCache(t, c.Dir()), p, encoders, texts) {
		if s.Cached != 30 || s.Encoded != 20 {
			t.Errorf("%+v", s)
		}
	}
	if len(p.texts) != 20 {
		t.Errorf("%d texts were encoded again", len(p.texts))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := c.FeaturesOfPass(ctx, p, encoders, someTexts(60), nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestPassWithoutCache keeps nothing.
func TestPassWithoutCache(t *testing.T) {
	p := &fakePass{}
	checkPass(t, nil, p, passEncoders(2), someTexts(10))
	if len(p.texts) != 10 {
		t.Errorf("%d texts were encoded", len(p.texts))
	}
}

// TestPassesAtOnce lets goroutines ask for the same encoders in different orders.
func TestPassesAtOnce(t *testing.T) {
	c, p, texts := openCache(t, t.TempDir()), &fakePass{}, someTexts(100)
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			encoders := passEncoders(3)
			if i%2 == 1 {
				slices.Reverse(encoders)
			}
			if _, _, err := c.FeaturesOfPass(t.Context(), &fakePass{}, encoders, texts, nil); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	checkPass(t, c, p, passEncoders(3), texts)
	if len(p.texts) != 0 {
		t.Errorf("%d texts were encoded", len(p.texts))
	}
}

// A brokenPass gives vectors that are too short, or each twice.
type brokenPass struct{ short bool }

func (p brokenPass) Encode(_ context.Context, encoders []Encoder, _ []string, emit func(index int, vectors []float32, tokens int, truncated bool) error) error {
	width := 0
	for _, e := range encoders {
		width += e.Dims()
	}
	if p.short {
		width--
	}
	return errors.Join(emit(0, make([]float32, width), 1, false), emit(0, make([]float32, width), 1, false))
}

func TestPassFaults(t *testing.T) {
	encoders := passEncoders(2)
	for _, p := range []Pass{brokenPass{}, brokenPass{short: true}} {
		c := openCache(t, t.TempDir())
		if _, _, err := c.FeaturesOfPass(t.Context(), p, encoders, someTexts(3), nil); err == nil || !strings.Contains(err.Error(), "the pass gave vector 0 of 3 texts") {
			t.Error(err)
		}
	}
	if _, _, err := openCache(t, t.TempDir()).FeaturesOfPass(t.Context(), &fakePass{}, append(encoders, encoders[0]), someTexts(3), nil); err == nil {
		t.Error("one encoder twice")
	}
}
