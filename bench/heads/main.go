// Command heads trains the heads of a problem that bench.py writes, and prints the time. bench.py runs it.
//
//	heads -dir FOLDER -heads N -optimiser lbfgs|adam [-steps N] [-tolerance X] [-float64] [-repeats N]
//
// FOLDER contains shape.json {rows, dims, heads, l2}, features.f32 (rows·dims float32) and labels.u8 (heads·rows classes, 0
// or 1). Command heads prints one line of JSON per repeat. It writes the weights of the last repeat to weights.f64: for each
// head dims weights and the bias of the logit difference, N·(dims+1) float64 in all.
package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"w2s/harness/feature"
	"w2s/harness/head"
	"w2s/harness/loss"
	"w2s/internal/cputime"
)

func main() {
	if err := run(os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "heads:", err)
		os.Exit(1)
	}
}

// A line is the output of one repeat.
type line struct {
	Seconds     float64             `json:"seconds"`
	CPU         float64             `json:"cpu"` // processor time, user and system; 0 where the system does not tell
	Status      map[head.Status]int `json:"status"`
	Evaluations int                 `json:"evaluations"` // of the head that needs the most
	Gradient    float64             `json:"gradient"`    // largest gradient norm of all heads
}

func run(out io.Writer, args []string) error {
	flags := flag.NewFlagSet("heads", flag.ContinueOnError)
	dir := flags.String("dir", ".", "folder with the problem")
	exact := flags.Bool("float64", false, "whether to compute everything in float64")
	n := flags.Int("heads", 1, "number of heads to train, the first of the problem")
	method := flags.String("optimiser", "lbfgs", "lbfgs or adam")
	steps := flags.Int("steps", 100, "number of steps of adam")
	tolerance := flags.Float64("tolerance", 0, "largest gradient at which lbfgs stops; 0 means the default")
	repeats := flags.Int("repeats", 1, "number of repeats")
	if err := flags.Parse(args); err != nil {
		return err
	}
	data, jobs, err := load(*dir, *n)
	if err != nil {
		return err
	}
	for i := range jobs {
		switch *method {
		case "lbfgs":
			jobs[i].Optimiser = head.LBFGS{Tolerance: *tolerance}
		case "adam":
			jobs[i].Optimiser = head.Adam{Steps: *steps, LearningRate: 0.01}
		default:
			return fmt.Errorf("optimiser %q is not lbfgs or adam", *method)
		}
	}
	options := head.Options{Float64: *exact}
	var fitted []head.Fitted
	for range *repeats {
		start, before := time.Now(), cputime.Used()
		if fitted, err = head.Fit(context.Background(), data, jobs, options); err != nil {
			return err
		}
		l := line{Seconds: time.Since(start).Seconds(), CPU: (cputime.Used() - before).Seconds(), Status: map[head.Status]int{}}
		for _, f := range fitted {
			l.Status[f.Status]++
			l.Evaluations, l.Gradient = max(l.Evaluations, f.Evaluations), max(l.Gradient, f.GradientNorm)
		}
		if err := json.NewEncoder(out).Encode(l); err != nil {
			return err
		}
	}
	var bytes []byte
	for _, f := range fitted {
		for j := range f.Head.Dims {
			bytes = binary.LittleEndian.AppendUint64(bytes, math.Float64bits(f.Head.W[2*j+1]-f.Head.W[2*j]))
		}
		bytes = binary.LittleEndian.AppendUint64(bytes, math.Float64bits(f.Head.B[1]-f.Head.B[0]))
	}
	return os.WriteFile(filepath.Join(*dir, "weights.f64"), bytes, 0o644)
}

// load reads the problem and returns the jobs of its first n heads.
func load(dir string, n int) (head.Data, []head.Job, error) {
	fail := func(err error) (head.Data, []head.Job, error) { return head.Data{}, nil, err }
	var shape struct {
		Rows, Dims, Heads int
		L2                []float64 // one per head
	}
	text, err := os.ReadFile(filepath.Join(dir, "shape.json"))
	if err != nil {
		return fail(err)
	}
	if err := json.Unmarshal(text, &shape); err != nil {
		return fail(fmt.Errorf("shape.json: %w", err))
	}
	features, err := os.ReadFile(filepath.Join(dir, "features.f32"))
	if err != nil {
		return fail(err)
	}
	classes, err := os.ReadFile(filepath.Join(dir, "labels.u8"))
	if err != nil {
		return fail(err)
	}
	if len(features) != 4*shape.Rows*shape.Dims || len(classes) != shape.Heads*shape.Rows || len(shape.L2) != shape.Heads || n > shape.Heads {
		return fail(fmt.Errorf("%s: the files do not match shape.json, or it has fewer than %d heads", dir, n))
	}
	x := &feature.Matrix{Rows: shape.Rows, Dims: shape.Dims, Data: make([]float32, shape.Rows*shape.Dims)}
	for i := range x.Data {
		x.Data[i] = math.Float32frombits(binary.LittleEndian.Uint32(features[4*i:]))
	}
	oneHot := [][]float64{{1, 0}, {0, 1}}
	examples := make([]int, shape.Rows)
	for i := range examples {
		examples[i] = i
	}
	var jobs []head.Job
	for h := range n {
		job := head.Job{Name: fmt.Sprint(h), Examples: examples, Loss: loss.XEnt{}, L2: shape.L2[h]}
		for i := range shape.Rows {
			job.Labels = append(job.Labels, oneHot[classes[h*shape.Rows+i]&1])
		}
		jobs = append(jobs, job)
	}
	return head.Data{X: x, Classes: 2}, jobs, nil
}
