package main

import "testing"

func TestByteSize(t *testing.T) {
	for text, want := range map[string]int64{
		"4GiB": 4 << 30, "4gib": 4 << 30, "4G": 4 << 30, "4 GB": 4e9, "1.5MiB": 3 << 19, "1MB": 1e6, "100B": 100, "2T": 2 << 40, "7k": 7 << 10,
	} {
		var b byteSize
		if err := b.Set(text); err != nil || int64(b) != want {
			t.Errorf("%q: %d, %v, want %d", text, b, err, want)
		}
		var again byteSize
		if err := again.Set(b.String()); err != nil || again != b {
			t.Errorf("%q is written as %q, which is read as %d, %v", text, b.String(), again, err)
		}
	}
	for _, text := range []string{"", "0", "-1", "4X", "1000000", "GiB", "1e30GiB", "NaN", "inf", "0.1"} {
		var b byteSize
		if err := b.Set(text); err == nil {
			t.Errorf("%q is read as %d", text, b)
		}
	}
}
