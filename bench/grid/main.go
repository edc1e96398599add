// Command grid carries out a grid of made-up models on built-in tasks from a cache of features, and prints the time:
//
//	go run ./bench/grid -losses xent,kl,confidence,logconf
//	go run ./bench/grid -tasks movies -losses logconf -seeds 1 -out before.json -cpuprofile cpu.prof
//
// The models are bags of words: the vector of a text is the mean of vectors that are drawn for its words. They have 64, 384, 384 and 768
// dimensions, and every model is paired with itself and with those after it, as w2s sweep does. Nothing is downloaded but the data of the
// tasks. The features are made before the time is taken. The result of -out is the same from run to run, so that two versions of the program
// can be compared.
package main

import (
	"context"
	"flag"
	"fmt"
	"hash/fnv"
	"log"
	"math"
	"math/rand/v2"
	"os"
	"runtime/pprof"
	"strings"
	"time"

	"w2s/harness/experiment"
	"w2s/harness/feature"
	"w2s/harness/loss"
	"w2s/harness/result"
	"w2s/harness/summary"
	"w2s/internal/catalog"
	"w2s/internal/cputime"
	"w2s/tasks"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("grid: ")
	names := flag.String("tasks", "movies,tweets,amazon,editorials,movies-pairs,tweets-pairs", "tasks, separated by commas")
	losses := flag.String("losses", "xent,kl,confidence,logconf", "losses, separated by commas")
	seeds := flag.Int("seeds", 5, "number of seeds")
	out := flag.String("out", "", "`file` for the result")
	profile := flag.String("cpuprofile", "", "`file` for a profile of the grid")
	flag.Parse()
	if err := run(strings.Split(*names, ","), strings.Split(*losses, ","), *seeds, *out, *profile); err != nil {
		log.Fatal(err)
	}
}

func run(names, losses []string, seeds int, out, profile string) error {
	cfg, err := configuration(names, losses, seeds)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "w2s-grid")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	source, err := catalog.Open(catalog.Options{})
	if err != nil {
		return err
	}
	cache, err := feature.Open(folder)
	if err != nil {
		return err
	}
	ctx := context.Background()
	for _, t := range cfg.Tasks {
		texts, err := experiment.TaskTexts(ctx, cfg, source, t, cfg.Models)
		if err != nil {
			return err
		}
		for i, m := range cfg.Models {
			if _, err := cache.Fill(ctx, m.Encoder, texts[i], nil); err != nil {
				return err
			}
		}
	}

	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	start, before := time.Now(), cputime.Used()
	r, err := experiment.Run(ctx, cfg, experiment.Env{Features: cache, Source: source})
	if err != nil {
		return err
	}
	trained, used := time.Since(start), cputime.Used()-before
	if _, err := summary.Rows(r, summary.Options{}); err != nil {
		return err
	}
	fmt.Printf("%d heads, training: %.1f s, processor time %.1f s; with the table: %.1f s, %.1f s\n", len(r.Heads), trained.Seconds(), used.Seconds(),
		time.Since(start).Seconds(), (cputime.Used() - before).Seconds())
	if out == "" {
		return nil
	}
	return r.Save(out)
}

// configuration returns the grid with the default settings of w2s sweep.
func configuration(names, losses []string, seeds int) (experiment.Config, error) {
	var cfg experiment.Config
	for i, dims := range []int{64, 384, 384, 768} {
		m := experiment.Model{Name: fmt.Sprintf("words-%d-%d", dims, i), Encoder: words{dims, uint64(i)}}
		cfg.Models = append(cfg.Models, m)
		for _, weak := range cfg.Models {
			cfg.Pairs = append(cfg.Pairs, result.Pair{Weak: weak.Name, Strong: m.Name})
		}
	}
	for _, name := range names {
		t, err := tasks.Lookup(name)
		if err != nil {
			return cfg, err
		}
		cfg.Tasks = append(cfg.Tasks, t)
	}
	for _, text := range losses {
		l, err := loss.Parse(text)
		if err != nil {
			return cfg, err
		}
		cfg.Losses = append(cfg.Losses, l)
	}
	for seed := range seeds {
		cfg.Seeds = append(cfg.Seeds, uint64(seed))
	}
	return cfg, nil
}

// words is an encoder. The seed decides which vectors words have.
type words struct {
	dims int
	seed uint64
}

func (w words) Key() string { return fmt.Sprintf("words of %d dimensions, seed %d", w.dims, w.seed) }
func (w words) Dims() int   { return w.dims }

func (w words) Encode(_ context.Context, texts []string, emit func(index int, vector []float32, tokens int, truncated bool) error) error {
	vector := make([]float32, w.dims)
	for k, text := range texts {
		clear(vector)
		fields := strings.Fields(strings.ToLower(text))
		for _, word := range fields {
			w.add(word, vector)
		}
		squares := 0.0
		for _, v := range vector {
			squares += float64(v) * float64(v)
		}
		for j := range vector {
			vector[j] /= float32(math.Sqrt(squares + 1e-9))
		}
		if err := emit(k, vector, len(fields), false); err != nil {
			return err
		}
	}
	return nil
}

// add adds the vector of a word.
func (w words) add(word string, vector []float32) {
	h := fnv.New64a()
	h.Write([]byte(word))
	rng := rand.NewPCG(w.seed, h.Sum64())
	var bits uint64
	for j := range vector {
		if j%4 == 0 {
			bits = rng.Uint64()
		}
		vector[j] += float32(int16(bits)) / (1 << 15)
		bits >>= 16
	}
}
