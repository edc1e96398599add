package onnx

import (
	"errors"
	"fmt"
	"runtime"

	"w2s/internal/amx"
)

// Options are choices about a checkpoint; the zero value takes what its files say.
type Options struct {
	// Model names the ONNX file, such as model_fp16.onnx; "" takes model.onnx or onnx/model.onnx, or else the only one.
	Model     string
	Output    string  // output of the model; "" takes w2s.json's, or last_hidden_state, or the most like it
	Pooling   Pooling // "" takes the checkpoint's
	MaxTokens int     // longest input; 0 takes the checkpoint's
	Prefix    *string // nil takes the checkpoint's
	Normalize *bool   // nil takes w2s.json's, which is usually not to

	Provider string            // execution provider, see Providers; "" is cpu
	Settings map[string]string // of the provider

	// DigestFile remembers the digests of model files between runs; "" reads the whole model each time it is opened.
	DigestFile string

	// RuntimeOnly leaves everything to ONNX Runtime's own kernels. Otherwise layers and attention run on the tile unit of
	// processors that have one (AMX), two to three times as fast and no less exact. Of a vector it changes the last bits, as
	// another processor would. Models that read from left to right and those that round their states to 8 bits make more of
	// last bits, and are always the runtime's.
	RuntimeOnly bool

	unit tileUnit // in tests, instead of the processor's tile unit

	// These change the speed, never a vector.
	Threads     int // threads that compute; 0 means one a core
	BatchTokens int // tokens in one batch; 0 means DefaultBatchTokens
}

// DefaultBatchTokens is small because a batch whose activations stay in the cache of a core runs fastest.
const DefaultBatchTokens = 512

func (o Options) check() error {
	var errs []error
	if o.Pooling != "" {
		errs = append(errs, o.Pooling.check())
	}
	for _, n := range []struct {
		name  string
		value int
	}{{"longest input", o.MaxTokens}, {"number of threads", o.Threads}, {"number of tokens in a batch", o.BatchTokens}} {
		if n.value < 0 {
			errs = append(errs, fmt.Errorf("%s %d is negative", n.name, n.value))
		}
	}
	_, err := checkProvider(o.Provider)
	return errors.Join(append(errs, err)...)
}

// workers is how many batches are run at a time, and with how many threads each. One thread a batch needs no waiting
// between threads, and both cores stay busy on short batches.
func (o Options) workers() (workers, threads int) {
	n := o.Threads
	if n == 0 {
		n = runtime.GOMAXPROCS(0)
	}
	if o.Provider != "" && o.Provider != CPU {
		return 1, n
	}
	return n, 1
}

// tileUnit returns the unit that layers and attention run on, or nil to leave them to the runtime's own kernels.
func (o Options) tileUnit() tileUnit {
	if o.RuntimeOnly || o.Provider != "" && o.Provider != CPU {
		return nil
	}
	if o.unit != nil {
		return o.unit
	}
	if u := amx.TileUnit(); u != nil {
		return u
	}
	return nil
}

func (o Options) batchTokens() int {
	if o.BatchTokens == 0 {
		return DefaultBatchTokens
	}
	return o.BatchTokens
}
