package feature_test

import (
	"context"
	"fmt"
	"os"

	"w2s/harness/feature"
)

// letters is a custom encoder. It counts how often the letters a and b occur.
type letters struct{}

func (letters) Key() string { return "letters-ab-1" } // must change whenever the vectors change
func (letters) Dims() int   { return 2 }

func (letters) Encode(ctx context.Context, texts []string, emit func(index int, vector []float32, tokens int, truncated bool) error) error {
	for i, text := range texts {
		counts := make([]float32, 2)
		for _, r := range text {
			switch r {
			case 'a':
				counts[0]++
			case 'b':
				counts[1]++
			}
		}
		if err := emit(i, counts, len(text), false); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func ExampleCache_Features() {
	dir, _ := os.MkdirTemp("", "cache")
	defer os.RemoveAll(dir)
	cache, err := feature.Open(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 2 {
		m, sum, err := cache.Features(context.Background(), letters{}, []string{"abba", "banana", "abba"}, nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(m.Row(0), m.Row(1), m.Row(2), "encoded", sum.Encoded, "cached", sum.Cached, "duplicates", sum.Duplicates)
	}
	// Output:
	// [2 2] [3 1] [2 2] encoded 2 cached 0 duplicates 1
	// [2 2] [3 1] [2 2] encoded 0 cached 2 duplicates 1
}
