// Command scale trains heads on made-up features of a feature cache, and prints rows, seconds and the most memory that was resident. It
// needs room for rows·(4·dims+28) bytes in the folder for temporary files, and deletes the cache at the end.
//
//	go run ./bench/scale -rows 500000 -dims 384
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"w2s/harness/feature"
	"w2s/harness/head"
	"w2s/harness/loss"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("scale: ")
	rows := flag.Int("rows", 100_000, "number of examples")
	dims := flag.Int("dims", 384, "length of a vector")
	penalties := flag.Int("penalties", 1, "number of penalties for each loss")
	flag.Parse()
	if err := run(*rows, *dims, *penalties); err != nil {
		log.Fatal(err)
	}
}

func run(rows, dims, penalties int) error {
	folder, err := os.MkdirTemp("", "w2s-scale")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	cache, err := feature.Open(folder)
	if err != nil {
		return err
	}
	for all := range slices.Chunk(texts(rows), 500_000) {
		if _, err := cache.Fill(context.Background(), madeUp(dims), all, nil); err != nil {
			return err
		}
	}
	start := time.Now()
	x, _, err := cache.Features(context.Background(), madeUp(dims), texts(rows), nil)
	if err != nil {
		return err
	}
	job := head.Job{Examples: make([]int, rows), Labels: make([][]float64, rows)}
	soft := [][]float64{{0.8, 0.2}, {0.3, 0.7}}
	for i := range rows {
		job.Examples[i], job.Labels[i] = i, soft[classOf(i)]
	}
	data := head.Data{X: x, Classes: 2, Scaling: head.Standardise(x, nil)}
	var jobs []head.Job
	for _, l := range []loss.Loss{loss.XEnt{}, loss.Confidence{Alpha: 0.5}} {
		for k := range penalties {
			job.Loss, job.L2 = l, 0.1*float64(k+1)
			jobs = append(jobs, job)
		}
	}
	fmt.Printf("%d rows of %d dimensions read in %.1f s\n", rows, dims, time.Since(start).Seconds())
	heads, err := head.Fit(context.Background(), data, jobs, head.Options{})
	if err != nil {
		return err
	}
	for i, h := range heads {
		fmt.Printf("%s, l2 %v: %s, %d evaluations\n", jobs[i].Loss, jobs[i].L2, h.Status, h.Evaluations)
	}
	fmt.Printf("%.1f s, %s\n", time.Since(start).Seconds(), resident())
	return nil
}

func texts(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = strconv.Itoa(i)
	}
	return all
}

func classOf(i int) int { return i * 7 % 2 }

// madeUp is an encoder that makes a vector of a number.
type madeUp int

func (madeUp) Key() string { return "made-up" }
func (d madeUp) Dims() int { return int(d) }

func (d madeUp) Encode(_ context.Context, texts []string, emit func(index int, vector []float32, tokens int, truncated bool) error) error {
	v := make([]float32, d)
	for k, text := range texts {
		i, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		rng := rand.NewPCG(1, uint64(i))
		for j := 0; j < len(v); j += 4 {
			bits := rng.Uint64()
			for l := j; l < min(j+4, len(v)); l++ {
				v[l] = float32(int16(bits)) / (1 << 15)
				bits >>= 16
			}
		}
		v[0] += float32(classOf(i))
		if err := emit(k, v, 1, false); err != nil {
			return err
		}
	}
	return nil
}

// resident returns what the system says of memory, where it is Linux.
func resident() string {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "memory unknown"
	}
	for line := range strings.Lines(string(status)) {
		if peak, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			return strings.TrimSpace(peak) + " resident at most"
		}
	}
	return "memory unknown"
}
