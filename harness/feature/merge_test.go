package feature

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The shards were encoded in folders of their own and have files of the same names.
func TestMergeOfShardsHasAllTexts(t *testing.T) {
	const n, shards = 200, 3
	top, texts := t.TempDir(), someTexts(n)
	whole := openCache(t, filepath.Join(top, "whole"))
	total := 0
	for i := range shards {
		part, err := Shard(texts, i, shards)
		if err != nil {
			t.Fatal(err)
		}
		shard := openCache(t, filepath.Join(top, "shard", string(rune('0'+i))))
		if _, err := shard.Fill(context.Background(), newFake(), append(part, texts[0]), nil); err != nil {
			t.Fatal(err)
		}
		merged, err := whole.Merge(context.Background(), shard)
		if err != nil || len(merged) != 1 || merged[0].Folder != "fake-1" {
			t.Fatalf("%+v, %v", merged, err)
		}
		total += merged[0].Copied
		again, err := whole.Merge(context.Background(), shard)
		if err != nil || again[0].Copied != 0 || again[0].Had != merged[0].Copied+merged[0].Had {
			t.Errorf("a second merge: %+v after %+v, %v", again, merged, err)
		}
	}
	if total != n {
		t.Errorf("%d rows were copied, want %d", total, n)
	}
	// A new cache reads the files, and features compares every vector.
	sum := features(t, openCache(t, whole.Dir()), newFake(), texts)
	want := 0
	for _, text := range texts {
		if fakeTruncated(text) {
			want++
		}
	}
	if sum.Encoded != 0 || sum.Truncated != want || len(sum.Warnings) != 0 {
		t.Errorf("%+v, want %d truncated", sum, want)
	}
	if health, err := whole.Verify("fake-1"); err != nil || !health.Sound() || health.Repeated != 0 {
		t.Errorf("%+v, %v", health, err)
	}
}

func TestMergeCopiesNoDamagedRows(t *testing.T) {
	top := t.TempDir()
	from, to := openCache(t, filepath.Join(top, "from")), openCache(t, filepath.Join(top, "to"))
	features(t, from, newFake(), someTexts(10))
	path := rowsPath(t, from.Dir(), "fake-1")
	flipBit(t, path, 8*newLayout("fake-1", 3).offset(4)+100)
	merged, err := to.Merge(context.Background(), from)
	if err != nil || merged[0].Copied != 9 || len(merged[0].Damaged) != 1 || merged[0].Damaged[0].Row != 4 {
		t.Fatalf("%+v, %v", merged, err)
	}
	if sum := features(t, openCache(t, to.Dir()), newFake(), someTexts(10)); sum.Encoded != 1 || sum.Cached != 9 {
		t.Errorf("%+v", sum)
	}
}

func TestMergeReportsPartsThatCannotBeMerged(t *testing.T) {
	top := t.TempDir()
	a, b := openCache(t, filepath.Join(top, "a")), openCache(t, filepath.Join(top, "b"))
	features(t, a, newFake(), someTexts(3))
	if _, err := a.Merge(context.Background(), openCache(t, filepath.Join(top, ".", "a"))); err == nil || !strings.Contains(err.Error(), "into itself") {
		t.Errorf("a cache into itself: %v", err)
	}
	// A part with the same key and other dimensions is rejected, and the other part is merged.
	wider, other := newFake(), newFake()
	wider.dims, other.key = 4, "other"
	features(t, b, wider, someTexts(3))
	features(t, a, other, someTexts(3))
	merged, err := b.Merge(context.Background(), a)
	if err == nil || !strings.Contains(err.Error(), "4 dimensions") {
		t.Errorf("other dimensions: %v", err)
	}
	if len(merged) != 1 || merged[0].Folder != "other" || merged[0].Copied != 3 {
		t.Errorf("%+v", merged)
	}
	// A part without a header is rejected with advice, and the other part is merged.
	if err := os.Remove(filepath.Join(a.Dir(), "other", headerFile)); err != nil {
		t.Fatal(err)
	}
	merged, err = openCache(t, filepath.Join(top, "d")).Merge(context.Background(), a)
	if err == nil || !strings.Contains(err.Error(), "compact the other cache") || len(merged) != 1 || merged[0].Folder != "fake-1" {
		t.Errorf("%+v, %v", merged, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := openCache(t, filepath.Join(top, "c")).Merge(ctx, a); err != context.Canceled {
		t.Errorf("cancelled: %v", err)
	}
}
