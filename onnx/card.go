package onnx

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync/atomic"

	"w2s/internal/onnxproto"
)

// A card is a device with memory of its own that an execution provider runs models on.
type card struct {
	device      *Device             // nil is the provider's first
	free, total int64               // bytes of memory before models are loaded; 0 if they are not known
	wrap        func(runner) runner // set by tests of this package only, to add faults to a model that is loaded
}

// cards returns the cards that a model runs on, or nil if it runs on the processor. Providers that take no devices keep what is done
// for a processor: small batches without padding, and pooling outside of the graph.
func (o Options) cards() []*card {
	if o.fakes != nil {
		return o.fakes
	}
	provider, err := checkProvider(o.Provider)
	if err != nil || !TakesDevices(provider) {
		return nil
	}
	var all []*card
	for i := range o.Devices {
		d := &o.Devices[i]
		all = append(all, &card{device: d, free: d.Free, total: d.Total})
	}
	if all == nil {
		all = []*card{{}}
	}
	return all
}

// onCard reports whether a model runs on a card.
func (o Options) onCard() bool { return len(o.cards()) > 0 }

// check returns an error if weights of that many bytes do not fit into the memory that is free.
func (c *card) check(weights int64) error {
	if c == nil || c.free <= 0 || weights <= c.free {
		return nil
	}
	return fmt.Errorf("the weights take %s, and %s of the card's %s are free (choose a smaller model, --precision float16 if this one is float32, "+
		"another card, or --provider cpu)", gigabytes(weights), gigabytes(c.free), gigabytes(c.total))
}

// gigabytes writes a number of bytes in GB of 10^9 bytes.
func gigabytes(n int64) string { return fmt.Sprintf("%.1f GB", float64(n)/1e9) }

// The bounds of the number of tokens in a batch on a card.
const (
	leastCardTokens = 16 << 10
	mostCardTokens  = 128 << 10
)

// cardTokens returns how many tokens the first batches on a card have: a power of 2 from leastCardTokens to mostCardTokens. It is the
// smaller of two numbers: what half of the free memory holds, and what keeps a card busy for a fraction of a second. free is the memory
// in bytes after the model is loaded, or 0 if it is not known. The states of a token are taken to be forty times as wide as the model
// and of float32, and those of each further layer that is asked for are kept until the end.
func cardTokens(free, params int64, width, layers int) int {
	if free <= 0 {
		return leastCardTokens
	}
	perToken := int64(max(1, width)) * 4 * int64(40+layers)
	tokens := min(free/2/perToken, (1<<47)/max(1, params))
	budget := leastCardTokens
	for budget < mostCardTokens && int64(2*budget) <= tokens {
		budget *= 2
	}
	return budget
}

// A budget is the number of tokens that a batch may have on a card. It is halved when the card has too little memory.
type budget struct{ tokens atomic.Int64 }

func newBudget(tokens int) *budget {
	b := &budget{}
	b.tokens.Store(int64(tokens))
	return b
}

func (b *budget) get() int { return int(b.tokens.Load()) }

// halve lowers the budget to half of a batch that did not fit, unless it is lower already.
func (b *budget) halve(tokens int) {
	for {
		now, half := b.tokens.Load(), int64(max(1, tokens/2))
		if now <= half || b.tokens.CompareAndSwap(now, half) {
			return
		}
	}
}

// outOfMemory reports whether a run failed because the card, or the memory that is shared with it, has too little left. The runtime
// has no error code for this, so the texts of its arena, of CUDA and of CUDA's libraries are searched for.
func outOfMemory(err error) bool {
	if err == nil {
		return false
	}
	text := err.Error()
	return slices.ContainsFunc(memoryFaults, func(part string) bool { return strings.Contains(text, part) })
}

var memoryFaults = []string{
	"Failed to allocate memory",        // BFCArena: "Failed to allocate memory for requested buffer of size N"
	"is smaller than requested bytes",  // BFCArena with a limit: "Available memory of N is smaller than requested bytes of M"
	"CUDA failure 2: ",                 // "CUDA failure 2: out of memory ; GPU=0 ; ..."
	"out of memory",                    // other wordings of CUDA
	"ALLOC_FAILED",                     // CUBLAS_STATUS_ALLOC_FAILED, CUDNN_STATUS_ALLOC_FAILED
	"DEVICE_ALLOCATION_FAILED",         // CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED
	"HOST_ALLOCATION_FAILED",           // likewise, of memory that the card reads
	"std::bad_alloc", "bad allocation", // memory of the process
	"cudaErrorMemoryAllocation",              // the name of failure 2
	"Not enough memory", "not enough memory", // of DirectX and of the operating system
}

// cardBatches divides texts into batches for a card: the longest first, each of at most budget tokens with padding. Texts of a batch
// have different lengths only if padding does not change their vectors, and padding is at most a share of paddingShare.
func (p *plan) cardBatches(items []item, budget int) [][]item {
	if !p.pads {
		return p.batches(items, budget)
	}
	slices.SortFunc(items, longestFirst)
	var all [][]item
	for start := 0; start < len(items); {
		width, end, tokens := len(items[start].IDs), start, 0
		for end < len(items) {
			padded := (end - start + 1) * width
			if with := tokens + len(items[end].IDs); end > start && (padded > budget || float64(padded-with) > paddingShare*float64(padded)) {
				break
			}
			tokens += len(items[end].IDs)
			end++
		}
		all = append(all, items[start:end])
		start = end
	}
	return all
}

// masksPadding reports whether padding after a text leaves its vector as it is. Some exports take a mask and do not use it everywhere.
// widths are those of run.
func (s *session) masksPadding(widths []int) (bool, error) {
	if slices.Min(widths) < 1 {
		return false, nil
	}
	const tokens, padding = 5, 11
	encode := func(cols int) ([]float32, error) {
		g := grid{rows: 1, cols: cols, ids: make([]int64, cols), mask: make([]int64, cols), typ: make([]int64, cols)}
		for i := range tokens {
			g.ids[i], g.mask[i] = int64(i+1), 1
		}
		out, err := s.run(context.Background(), g, widths, &buffer{}, nil)
		if err != nil {
			return nil, err
		}
		n := widths[0]
		if !s.plan.pooled() && s.plan.pools == nil {
			n *= tokens
		}
		return out[0][:n], nil
	}
	alone, err := encode(tokens)
	if err != nil {
		return false, err
	}
	padded, err := encode(tokens + padding)
	if err != nil {
		return false, err
	}
	var size, worst float64
	for i, x := range alone {
		size, worst = max(size, math.Abs(float64(x))), max(worst, math.Abs(float64(x)-float64(padded[i])))
	}
	return worst <= 5e-3*size, nil // half precision rounds by 5e-4
}

// paddingShare is the largest share of padding in a batch on a card.
const paddingShare = 0.05

// cardWindow bounds the texts that are tokenized and sorted at a time for a card: their number, and their length in bytes. Large
// windows fill batches with texts of nearly the same length. The first window is the usual one, so that the card starts early.
const (
	cardWindow      = 1 << 16
	cardWindowBytes = 64 << 20
)

// cut returns the number of the first texts that are tokenized and sorted together. first tells whether they are the first of all.
func (r *encoding) cut(unique []int, first bool) int {
	if !r.e.options.onCard() || first {
		return min(window, len(unique))
	}
	bytes := 0
	for i, at := range unique {
		if bytes += len(r.texts[at]); i == cardWindow || bytes > cardWindowBytes && i > 0 {
			return i
		}
	}
	return len(unique)
}

// weightBytes returns the number of bytes that the constants of the graph f take on a card.
func (s source) weightBytes(f *onnxproto.File) int64 {
	var sum int64
	for _, t := range f.Initializers {
		size := int64(t.Type.Size())
		if s.made != nil && isFloat(t.Type) { // the graph converts them
			size = 4
			if s.style.Half && len(t.Dims) > 1 {
				size = 2
			}
		}
		sum += t.Elements() * size
	}
	return sum
}
