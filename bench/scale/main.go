// Command scale trains heads on made-up features of a feature cache, and prints rows, seconds and the most memory that was resident. It
// needs room for rows·(4·dims+28) bytes in the folder for temporary files, and deletes the cache at the end. With -run it carries out a whole
// experiment of two models on a file of made-up texts of a hundred characters, whose features are in a cache: one seed, cross-entropy, and the
// default penalties. This takes twice the room.
//
//	go run ./bench/scale -rows 500000 -dims 384
//	GOGC=40 go run ./bench/scale -rows 500000 -dims 384 -run
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"w2s/harness/experiment"
	"w2s/harness/feature"
	"w2s/harness/head"
	"w2s/harness/loss"
	"w2s/harness/result"
	"w2s/internal/cputime"
	"w2s/tasks"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("scale: ")
	rows := flag.Int("rows", 100_000, "number of examples")
	dims := flag.Int("dims", 384, "length of a vector")
	penalties := flag.Int("penalties", 1, "number of penalties for each loss")
	whole := flag.Bool("run", false, "carry out a whole experiment of two models")
	flag.Parse()
	do := func() error { return run(*rows, *dims, *penalties) }
	if *whole {
		do = func() error { return experimentOf(*rows, *dims) }
	}
	if err := do(); err != nil {
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

// experimentOf fills a cache and carries out an experiment. The cache is filled by a process of its own, whose memory does not count.
func experimentOf(rows, dims int) error {
	const folderVariable = "W2S_SCALE_FOLDER" // set for the process that fills
	folder := os.Getenv(folderVariable)
	filling := folder != ""
	if !filling {
		var err error
		if folder, err = os.MkdirTemp("", "w2s-scale"); err != nil {
			return err
		}
		defer os.RemoveAll(folder)
	}
	cache, err := feature.Open(folder)
	if err != nil {
		return err
	}
	models := []experiment.Model{{Name: "weak", Encoder: sentences{"weak", dims, 0.5}}, {Name: "strong", Encoder: sentences{"strong", dims, 1.5}}}
	file := filepath.Join(folder, "made-up.jsonl")
	if filling {
		return fill(cache, models, file, rows)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	filler := exec.Command(self, os.Args[1:]...)
	filler.Env, filler.Stderr = append(os.Environ(), folderVariable+"="+folder), os.Stderr
	if err := filler.Run(); err != nil {
		return err
	}
	start := time.Now()
	task, err := tasks.OpenFile(file)
	if err != nil {
		return err
	}
	test := rows / 10
	r, err := experiment.Run(context.Background(), experiment.Config{Models: models, Pairs: []result.Pair{{Weak: "weak", Strong: "strong"}},
		Tasks: []tasks.Task{task}, Losses: []loss.Loss{loss.XEnt{}}, Seeds: []uint64{0}, Train: rows - test - rows/50, Test: test}, experiment.Env{Features: cache})
	if err != nil {
		return err
	}
	for _, h := range r.Heads {
		fmt.Printf("%s: l2 %v, %s\n", h.ID, h.L2, h.Status)
	}
	fmt.Printf("%d rows, %.1f s, processor time %.1f s, %s\n", rows, time.Since(start).Seconds(), cputime.Used().Seconds(), resident())
	return nil
}

// fill writes the file of texts and stores their vectors.
func fill(cache *feature.Cache, models []experiment.Model, file string, rows int) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	for part := range slices.Chunk(texts(rows), 100_000) {
		for k, number := range part {
			i, err := strconv.Atoi(number)
			if err != nil {
				return err
			}
			part[k] = number + " is the number of this sentence, which has a hundred characters as reviews of films have, more or less"
			fmt.Fprintf(w, "{\"text\":%q,\"label\":%d}\n", part[k], classOf(i))
		}
		for _, m := range models {
			if _, err := cache.Fill(context.Background(), m.Encoder, part, nil); err != nil {
				return err
			}
		}
	}
	return w.Flush()
}

// sentences is madeUp for texts that begin with a number. signal is the distance between the classes.
type sentences struct {
	name   string
	dims   int
	signal float32
}

func (s sentences) Key() string { return "made-up " + s.name }
func (s sentences) Dims() int   { return s.dims }

func (s sentences) Encode(ctx context.Context, texts []string, emit func(index int, vector []float32, tokens int, truncated bool) error) error {
	numbers := make([]string, len(texts))
	for k, text := range texts {
		numbers[k], _, _ = strings.Cut(text, " ")
	}
	return madeUp(s.dims).Encode(ctx, numbers, func(k int, v []float32, tokens int, truncated bool) error {
		i, err := strconv.Atoi(numbers[k])
		if err != nil {
			return err
		}
		v[0] += (s.signal - 1) * float32(classOf(i))
		return emit(k, v, tokens, truncated)
	})
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
