// Coverage counts how often the 95 % intervals of PGR contain the true value, for several numbers of seeds:
//
//	go run ./bench/coverage                      simulated models, with gaps from 2 to 20 points
//	go run ./bench/coverage -result RESULT.json  seeds and test examples drawn from a result with many seeds
//
// It prints a Markdown table for docs/method.md. Three intervals are compared: the one that w2s prints; one that resamples the
// test examples only, as w2s did before; and a plain two-level bootstrap, which resamples seeds and test examples. A draw
// whose PGR is undefined counts as covered under "all", because the table then states no number, and is left out under
// "defined".
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"slices"

	"golang.org/x/sync/errgroup"
	"gonum.org/v1/gonum/stat/distuv"

	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/tasks"
)

// resamples is the number of bootstrap resamples. Fewer than in a table suffice, because their noise averages out over draws.
const resamples = 600

// A sample is the correctness of weak supervisors, students and ceilings by seed and test example.
type sample [3][][]float64

// A population draws samples and knows the PGR of what they are drawn from.
type population struct {
	name string
	n    int // test examples of a sample
	pgr  float64
	draw func(rng *rand.Rand, seeds int) sample
}

func main() {
	file := flag.String("result", "", "`file` of a result with many seeds")
	draws := flag.Int("draws", 2000, "`number` of draws for each line")
	examples := flag.Int("n", 400, "`number` of test examples of a draw from a result")
	flag.Parse()
	if err := run(os.Stdout, *file, *draws, *examples); err != nil {
		fmt.Fprintln(os.Stderr, "coverage:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, file string, draws, examples int) error {
	populations := simulated()
	if file != "" {
		var err error
		if populations, err = ofResult(file, examples); err != nil {
			return err
		}
	}
	fmt.Fprintln(out, "| drawn from | seeds | w2s: all | defined | undefined | width | examples only: defined | two-level bootstrap: defined |")
	fmt.Fprintln(out, "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
	for _, p := range populations {
		for _, seeds := range []int{3, 5, 10} {
			c, err := measure(p, seeds, draws)
			if err != nil {
				return fmt.Errorf("%s, %d seeds: %w", p.name, seeds, err)
			}
			ours := c[0]
			fmt.Fprintf(out, "| %s | %d | %.1f | %.1f | %.0f | %.2f | %.1f | %.1f |\n", p.name, seeds, ours.all(), ours.defined(), 100-100*float64(ours.n)/float64(ours.draws),
				ours.width(), c[1].defined(), c[2].defined())
		}
	}
	return nil
}

// simulated returns models that are right if a sum of normal numbers is positive: the level of the kind, the luck of the seed,
// the ease of the example, which all models share in part, and the rest. The student's luck follows its supervisor's.
func simulated() []population {
	const n, weak, pgr = 800, 0.7, 0.6
	const easeShared, easeOwn, rest = 0.4, 0.3, 0.3 // variances
	var out []population
	for _, luck := range []float64{0.03, 0.1} { // standard deviations: 1 and 3 points of accuracy
		for _, gap := range []float64{0.02, 0.05, 0.1, 0.2} {
			var level [3]float64
			for k, accuracy := range []float64{weak, weak + pgr*gap, weak + gap} {
				level[k] = distuv.UnitNormal.Quantile(accuracy) * math.Sqrt(easeShared+easeOwn+rest+luck*luck)
			}
			out = append(out, population{fmt.Sprintf("gap %.0f, seeds ±%.0f", 100*gap, 100*luck*distuv.UnitNormal.Prob(distuv.UnitNormal.Quantile(weak))), n, pgr,
				func(rng *rand.Rand, seeds int) sample {
					var s sample
					shared, lucks := make([]float64, n), make([]float64, seeds)
					for i := range shared {
						shared[i] = math.Sqrt(easeShared) * rng.NormFloat64()
					}
					for k := range s {
						own := make([]float64, n)
						for i := range own {
							own[i] = shared[i] + math.Sqrt(easeOwn)*rng.NormFloat64()
						}
						for seed := range seeds {
							l := rng.NormFloat64()
							if k == 1 {
								l = 0.7*lucks[seed] + math.Sqrt(1-0.7*0.7)*l
							}
							lucks[seed] = l
							right := make([]float64, n)
							for i := range right {
								if level[k]+luck*l+own[i]+math.Sqrt(rest)*rng.NormFloat64() > 0 {
									right[i] = 1
								}
							}
							s[k] = append(s[k], right)
						}
					}
					return s
				}})
		}
	}
	return out
}

// ofResult returns a population for each loss of the only pair of a result. Seeds and test examples are drawn with replacement,
// so their mean over the whole result is the true value.
func ofResult(file string, n int) ([]population, error) {
	r, err := result.Load(file)
	if err != nil {
		return nil, err
	}
	if len(r.Tasks) != 1 || len(r.Config.Pairs) != 1 {
		return nil, fmt.Errorf("%s: want a result of one task and one pair", file)
	}
	gold, correct := r.Tasks[0].TestGold, stats.Correct
	if r.Tasks[0].Form == tasks.Rank {
		correct = stats.CorrectOfTied
	}
	right := map[string][]float64{}
	supervisor := map[string]string{}
	type ref struct {
		loss string
		seed uint64
	}
	students, ceilings := map[ref]string{}, map[uint64]string{}
	for _, h := range r.Heads {
		if right[h.ID], err = correct(h.Test, gold); err != nil {
			return nil, err
		}
		switch h.Role {
		case result.Student:
			students[ref{h.Loss, h.Seed}], supervisor[h.ID] = h.ID, h.Supervisor
		case result.Ceiling:
			ceilings[h.Seed] = h.ID
		}
	}
	var out []population
	for _, loss := range r.Config.Losses {
		var all sample
		for _, seed := range r.Config.Seeds {
			id := students[ref{loss, seed}]
			for k, of := range []string{supervisor[id], id, ceilings[seed]} {
				all[k] = append(all[k], right[of])
			}
		}
		weak, student, ceiling := mean(all[0]), mean(all[1]), mean(all[2])
		out = append(out, population{fmt.Sprintf("%s, %s, gap %.1f", r.Tasks[0].Name, loss, 100*(ceiling-weak)), n, (student - weak) / (ceiling - weak),
			func(rng *rand.Rand, seeds int) sample {
				examples := make([]int, n)
				for i := range examples {
					examples[i] = rng.IntN(len(gold))
				}
				var s sample
				for range seeds {
					seed := rng.IntN(len(all[0]))
					for k := range s {
						right := make([]float64, n)
						for i, e := range examples {
							right[i] = all[k][seed][e]
						}
						s[k] = append(s[k], right)
					}
				}
				return s
			}})
	}
	return out, nil
}

func mean(rows [][]float64) float64 {
	sum := 0.0
	for _, row := range rows {
		for _, v := range row {
			sum += v / float64(len(row)*len(rows))
		}
	}
	return sum
}

// A count says how the intervals of one kind fared.
type count struct {
	draws, n, hits int // n: draws with an interval
	widths         []float64
}

func (c *count) add(v stats.Interval, truth float64) {
	c.draws++
	if !v.Known() || math.IsInf(v.Lo, 0) || math.IsInf(v.Hi, 0) {
		return
	}
	c.n++
	c.widths = append(c.widths, v.Hi-v.Lo)
	if v.Contains(truth) {
		c.hits++
	}
}

func (c *count) all() float64     { return 100 * float64(c.hits+c.draws-c.n) / float64(c.draws) }
func (c *count) defined() float64 { return 100 * float64(c.hits) / float64(c.n) }
func (c *count) width() float64 {
	if c.n == 0 {
		return math.NaN()
	}
	slices.SortFunc(c.widths, cmp.Compare[float64])
	return c.widths[c.n/2]
}

// measure draws samples and counts for the interval of w2s, for examples only, and for the two-level bootstrap.
func measure(p population, seeds, draws int) ([3]count, error) {
	intervals := make([][3]stats.Interval, draws)
	g, _ := errgroup.WithContext(context.Background())
	g.SetLimit(2)
	for d := range draws {
		g.Go(func() (err error) {
			rng := rand.New(rand.NewPCG(uint64(d), uint64(seeds)))
			intervals[d], err = of(p.draw(rng, seeds), rng, uint64(d))
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return [3]count{}, err
	}
	var c [3]count
	for _, v := range intervals {
		for k := range c {
			c[k].add(v[k], p.pgr)
		}
	}
	return c, nil
}

func of(s sample, rng *rand.Rand, seed uint64) (out [3]stats.Interval, err error) {
	b := stats.Bootstrap{N: len(s[0][0]), Resamples: resamples, Seed: seed}
	var scores [3][]stats.Score
	var all []stats.Score
	for k, of := range s {
		for _, right := range of {
			scores[k] = append(scores[k], stats.MeanScore(right))
		}
		all = append(all, scores[k]...)
	}
	p, err := stats.NewPGR(scores[0], scores[1], scores[2], b)
	if err != nil {
		return out, err
	}
	out[0] = p.Interval
	// Intervals over examples alone, with the rule that w2s had before: undefined if the gap's interval contains 0.
	var means [3][]float64
	for k, of := range s {
		if means[k], err = stats.SeedMean(of); err != nil {
			return out, err
		}
	}
	single, err := stats.AccuracyPGR(means[0], means[1], means[2], b)
	if err != nil {
		return out, err
	}
	out[1] = single.Interval
	samples, err := b.Samples(all...)
	if err != nil {
		return out, err
	}
	out[2] = twoLevel(samples, len(s[0]), rng)
	return out, nil
}

// twoLevel draws seeds with replacement for every resample of the examples and returns the percentile interval of the ratio.
func twoLevel(samples [][]float64, seeds int, rng *rand.Rand) stats.Interval {
	ratios := make([]float64, resamples)
	positive := 0
	for r := range ratios {
		var sum [3]float64
		for range seeds {
			seed := rng.IntN(seeds)
			for k := range sum {
				sum[k] += samples[k*seeds+seed][r]
			}
		}
		gain, gap := sum[1]-sum[0], sum[2]-sum[0]
		ratios[r] = gain / gap
		if gap > 0 {
			positive++
		} else {
			ratios[r] = math.Copysign(math.Inf(1), gain)
		}
	}
	if float64(positive) < 0.975*resamples {
		return stats.Interval{}
	}
	slices.Sort(ratios)
	return stats.Interval{Lo: ratios[resamples/40], Hi: ratios[resamples-1-resamples/40], Level: 0.95}
}
