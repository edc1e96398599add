package onnx

import (
	"errors"
	"fmt"
	"runtime"

	"w2s/internal/kernels"
)

// Options are choices about a checkpoint. The zero value takes everything from its files.
type Options struct {
	// Model names the ONNX file, such as model_fp16.onnx. "" takes the one of w2s.json, or else model.onnx, onnx/model.onnx
	// or the only one.
	Model  string
	Output string // output of the model; "" takes the one of w2s.json, or else the last hidden state or what is most like it
	// Layer chooses the states after a layer as the output: 0 is what the first layer reads, 1 what it computes, and -1 the
	// last layer's. Later layers are neither loaded nor run. nil takes Output.
	Layer *int
	// Adapter is the folder of a LoRA adapter for a checkpoint of safetensors, as package peft of Python writes it. Its matrices are
	// merged into the weights in float32. "" is none.
	Adapter   string
	Pooling   Pooling // "" takes the checkpoint's
	MaxTokens int     // longest input; 0 takes the checkpoint's
	Prefix    *string // nil takes the checkpoint's
	Cut       string  // the end at which long texts are cut, "left" or "right"; "" takes the checkpoint's
	// Chat reads the checkpoint's chat template. Texts are then conversations that [Checkpoint.Chat] has written: they get neither
	// a prefix nor the special tokens that the tokenizer adds, because the template writes those.
	Chat bool
	// Head takes the scores of the checkpoint's classification head (AutoModelForSequenceClassification of transformers) as the
	// vector of a text, one number for each of [Checkpoint.Head].Labels. Output, Layer, Pooling and Normalize then have no effect.
	Head      bool
	Normalize *bool // whether vectors are scaled to length 1; nil takes it from w2s.json, where it is false by default

	Provider string            // execution provider (see Providers); "" is cpu
	Settings map[string]string // settings of the provider

	// Devices are the cards that the providers cuda and tensorrt run on. Texts are spread over them. None stands for the provider's
	// first card. Devices are no part of a key, as kinds of processors are not.
	Devices []Device

	// DigestFile stores the digests of model files between runs. "" reads the whole model each time it is opened.
	DigestFile string

	// Precision is the precision of the model's large products. The zero value leaves it to the checkpoint and the provider.
	Precision Precision

	// RuntimeOnly leaves everything to ONNX Runtime's own kernels. Otherwise layers and attention run on the tile unit (AMX)
	// of processors that have one, which is two to three times as fast and as exact, and layers on the vector unit of those with AVX-512.
	// This changes the last bits of a vector, as another processor would. Models that read from left to right, or round their states to 8 bits, would amplify the
	// difference. They always use the runtime's kernels.
	RuntimeOnly bool

	// Threads and BatchTokens change the speed, but never a vector on a processor. On a card the batch can change its last bits.
	Threads     int // number of threads that compute; 0 means one for each core
	BatchTokens int // largest number of tokens in one batch; 0 means DefaultBatchTokens, or on a card what fits into its memory

	// Tests of this package set these, in place of the processor's unit and of the provider's cards.
	unit  layerUnit
	fakes []*card
}

// DefaultBatchTokens is the default of Options.BatchTokens. It is small because a batch is fastest if its activations fit
// into the cache of a core.
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
	return errors.Join(append(errs, err, o.checkDevices(), o.Precision.check())...)
}

// workers returns the number of batches that are run at a time, and the number of threads of each. On the CPU every batch has
// one thread, so that no thread waits for another and all cores stay busy on short batches. On each card one batch runs while the
// next one is prepared, and threads that wait for work would take cores from the tokenizer.
func (o Options) workers() (workers, threads int) {
	n := o.Threads
	if n == 0 {
		n = runtime.GOMAXPROCS(0)
	}
	switch {
	case o.onCard():
		return 2 * len(o.cards()), 1
	case o.Provider != "" && o.Provider != CPU:
		return 1, n
	}
	return n, 1
}

// tokenizers returns the number of texts that are tokenized at a time.
func (o Options) tokenizers() int {
	if workers, _ := o.workers(); !o.onCard() {
		return workers
	}
	if o.Threads > 0 {
		return o.Threads
	}
	return runtime.GOMAXPROCS(0)
}

// sessions returns how a model is loaded whose runs have that many threads: once on the processor, or on each card.
func (o Options) sessions(threads int) []sessionOptions {
	one := sessionOptions{threads: threads, provider: o.Provider, settings: o.Settings}
	if !o.onCard() {
		return []sessionOptions{one}
	}
	var all []sessionOptions
	for _, c := range o.cards() {
		one.card = c
		all = append(all, one)
	}
	return all
}

// layerUnit returns the unit that layers and attention run on, or nil to leave them to the runtime's own kernels.
func (o Options) layerUnit() layerUnit {
	if o.RuntimeOnly || o.Provider != "" && o.Provider != CPU || o.onCard() {
		return nil
	}
	if o.unit != nil {
		return o.unit
	}
	if u := kernels.Processor(); u != nil {
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
