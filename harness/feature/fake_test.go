package feature

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// A fake encoder makes a vector of a text's hash. It works in batches and emits each in reverse order.
type fake struct {
	key   string
	dims  int
	batch int
	pause time.Duration // time to encode a text
	log   *os.File      // receives a byte for each text before it is emitted; nil: nothing is logged
	count *atomic.Int64 // counts encoded texts
}

func newFake() *fake { return &fake{key: "fake-1", dims: 3, batch: 4, count: new(atomic.Int64)} }

func (f *fake) Key() string { return f.key }
func (f *fake) Dims() int   { return f.dims }

func (f *fake) Encode(ctx context.Context, texts []string, emit func(index int, vector []float32, tokens int, truncated bool) error) error {
	buf := make([]float32, f.dims)
	for start := 0; start < len(texts); start += f.batch {
		if err := ctx.Err(); err != nil {
			return err
		}
		end := min(start+f.batch, len(texts))
		time.Sleep(f.pause * time.Duration(end-start))
		for i := end - 1; i >= start; i-- {
			f.count.Add(1)
			if f.log != nil {
				if _, err := f.log.Write([]byte{'.'}); err != nil {
					return err
				}
			}
			fakeVector(texts[i], buf)
			err := emit(i, buf, len(texts[i]), fakeTruncated(texts[i]))
			if err != nil {
				return err
			}
			clear(buf) // emit must have copied it
		}
	}
	return nil
}

func fakeTruncated(text string) bool { return len(text) > 8 }

func fakeVector(text string, into []float32) {
	for i := range into {
		sum := sha256.Sum256(fmt.Appendf(nil, "%d/%s", i, text))
		into[i] = float32(int32(binary.LittleEndian.Uint32(sum[:]))) / 1e6
	}
}

func someTexts(n int) []string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = fmt.Sprintf("text %d", i*i)
	}
	return texts
}

func openCache(t testing.TB, dir string) *Cache {
	t.Helper()
	c, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// checkMatrix compares every row with the vector of its text.
func checkMatrix(t testing.TB, m *Matrix, dims int, texts []string) {
	t.Helper()
	if m.Rows != len(texts) || m.Dims != dims || len(m.Data) != len(texts)*dims {
		t.Fatalf("matrix of %d x %d with %d values for %d texts", m.Rows, m.Dims, len(m.Data), len(texts))
	}
	want := make([]float32, dims)
	for i, text := range texts {
		fakeVector(text, want)
		if !slices.Equal(m.Row(i), want) {
			t.Fatalf("row %d (%q) is %v, want %v", i, text, m.Row(i), want)
		}
	}
}

// features gets the features of texts and checks them and the summary.
func features(t testing.TB, c *Cache, enc Encoder, texts []string) Summary {
	t.Helper()
	m, sum, err := c.Features(context.Background(), enc, texts, nil)
	if err != nil {
		t.Fatal(err)
	}
	checkMatrix(t, m, enc.Dims(), texts)
	if sum.Texts != len(texts) || sum.Texts != sum.Cached+sum.Encoded+sum.Duplicates {
		t.Fatalf("summary does not add up: %+v", sum)
	}
	return sum
}
