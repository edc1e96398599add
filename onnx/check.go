package onnx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"w2s/internal/inputfile"
	"w2s/internal/visible"
	"w2s/onnx/families"
)

// A Reference is what another program computed for a checkpoint, such as torch (docs/scripts/reference.py). Only Texts and
// Features are needed.
type Reference struct {
	Texts     []string                           `json:"texts"`
	TokenIDs  [][]int64                          `json:"token_ids"`  // of every text with the prefix
	Prefix    *string                            `json:"prefix"`     // added before every text
	MaxTokens int                                `json:"max_tokens"` // length at which texts are cut
	Features  map[string]map[Pooling][][]float32 `json:"features"`   // a vector for each text by output and pooling; nil for a text without tokens
}

// maxReference bounds the size of a reference file in bytes.
const maxReference = 1 << 30

// ReadReference reads a reference from a JSON file.
func ReadReference(path string) (*Reference, error) {
	f, err := inputfile.Open(path)
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	defer f.Close()
	var r Reference
	limited := &io.LimitedReader{R: f, N: maxReference}
	if err := json.NewDecoder(limited).Decode(&r); err != nil {
		if limited.N == 0 {
			err = fmt.Errorf("it has more than %d bytes", maxReference)
		}
		return nil, fmt.Errorf("onnx: reference %s: %w", path, err)
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("onnx: reference %s: %w", path, err)
	}
	return &r, nil
}

func (r *Reference) check() error {
	if len(r.Texts) == 0 {
		return errors.New("it has no texts")
	}
	if len(r.Features) == 0 && r.TokenIDs == nil {
		return errors.New("it has neither features nor token_ids")
	}
	var faults []error
	if n := len(r.TokenIDs); r.TokenIDs != nil && n != len(r.Texts) {
		faults = append(faults, fmt.Errorf("token_ids has %d lists for %s", n, visible.Count(len(r.Texts), "text")))
	}
	for output, poolings := range r.Features {
		for pooling, vectors := range poolings {
			where := fmt.Sprintf("features, %s, %s", output, pooling)
			faults = append(faults, pooling.check())
			if len(vectors) != len(r.Texts) {
				faults = append(faults, fmt.Errorf("%s: %s for %s", where, visible.Count(len(vectors), "vector"), visible.Count(len(r.Texts), "text")))
			}
			width := 0
			for i, v := range vectors {
				if v != nil && width == 0 {
					width = len(v)
				}
				if v != nil && (len(v) != width || width == 0) {
					faults = append(faults, fmt.Errorf("%s: the vector of text %d has %d numbers, the first has %d", where, i+1, len(v), width))
					break
				}
			}
		}
	}
	return errors.Join(faults...)
}

// A Comparison says how far the vectors of a checkpoint are from those of a reference, for one output and pooling.
type Comparison struct {
	Output  string  `json:"output"`
	Pooling Pooling `json:"pooling"`
	Texts   int     `json:"texts"` // that have a vector in the reference
	// Largest is the largest difference of a number, divided by the largest absolute number of the reference. It is infinite
	// if the vectors have other lengths, or if a text has a vector on one side only.
	Largest float64 `json:"-"`
	Text    int     `json:"text"`            // index of the text with the largest difference
	Fault   string  `json:"fault,omitempty"` // why no difference could be computed
}

// A TokenDifference is a text whose tokens differ from those of a reference.
type TokenDifference struct {
	Text int     `json:"text"` // index of the text
	Want []int64 `json:"want"`
	Got  []int64 `json:"got"`
}

// CheckTokens compares the token ids of a checkpoint with those of a reference, and returns the texts that differ.
func (r *Reference) CheckTokens(c *Checkpoint) ([]TokenDifference, error) {
	t, err := c.loadTokenizer()
	if err != nil {
		return nil, fmt.Errorf("onnx: checkpoint %s: %w", c.Dir, err)
	}
	var differ []TokenDifference
	for i, want := range r.TokenIDs {
		e, err := t.Encode(c.Text(r.Texts[i]), c.tokenizerOptions())
		if err != nil {
			return nil, fmt.Errorf("onnx: text %d of %d: %w", i+1, len(r.Texts), err)
		}
		if !slices.Equal(e.IDs, want) {
			differ = append(differ, TokenDifference{i, want, e.IDs})
		}
	}
	return differ, nil
}

// Options returns o with the prefix and the longest input of the reference.
func (r *Reference) Options(o Options) Options {
	if r.Prefix != nil {
		o.Prefix = r.Prefix
	}
	if r.MaxTokens > 0 {
		o.MaxTokens = r.MaxTokens
	}
	return o
}

// Only returns the reference without the features of other outputs than the given one. hidden_states.1 and hidden_states_1 are the
// same output.
func (r *Reference) Only(output string) (*Reference, error) {
	same := func(a, b string) bool {
		x, y := stateOutput.FindStringSubmatch(a), stateOutput.FindStringSubmatch(b)
		return a == b || x != nil && y != nil && x[1] == y[1]
	}
	for name, poolings := range r.Features {
		if same(name, output) {
			only := *r
			only.Features = map[string]map[Pooling][][]float32{output: poolings}
			return &only, nil
		}
	}
	return nil, fmt.Errorf("onnx: the reference has no features of output %s (have: %s)", output,
		strings.Join(slices.Sorted(maps.Keys(r.Features)), ", "))
}

// Compare encodes the texts with the checkpoint in dir and compares the vectors with every output and pooling of the reference. o
// should come from [Reference.Options]. Vectors are compared before they are scaled to length 1.
func (r *Reference) Compare(ctx context.Context, rt *Runtime, dir string, o Options) ([]Comparison, error) {
	unscaled := false
	o.Normalize = &unscaled
	var list []Comparison
	for _, output := range slices.Sorted(maps.Keys(r.Features)) {
		o.Output = output
		compared, err := r.compare(ctx, rt, dir, o)
		list = append(list, compared...)
		if err != nil {
			return list, err
		}
	}
	return list, nil
}

// compare compares one output. The texts are encoded once for all poolings.
func (r *Reference) compare(ctx context.Context, rt *Runtime, dir string, o Options) ([]Comparison, error) {
	poolings := slices.Sorted(maps.Keys(r.Features[o.Output]))
	list := make([]Comparison, len(poolings))
	var e *Encoder
	var comparers []*comparer
	var fit []Pooling // poolings of the comparers
	for i, p := range poolings {
		list[i] = Comparison{Output: o.Output, Pooling: p, Largest: math.Inf(1)}
		c := newComparer(r.Features[o.Output][p], &list[i])
		var err error
		if e == nil {
			o.Pooling = p
			if e, err = Open(ctx, rt, dir, o); err == nil {
				defer e.Close()
			}
		} else {
			checked := *e.checkpoint
			checked.Pooling = p
			err = checked.checkPooling(p)
		}
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			list[i].Fault = err.Error()
		case list[i].Fault == "":
			comparers, fit = append(comparers, c), append(fit, p)
		}
	}
	if len(fit) == 0 {
		return list, nil
	}
	var texts []string
	var index []int // of a text in the reference
	for i, text := range r.Texts {
		if slices.ContainsFunc(comparers, func(c *comparer) bool { return c.want[i] != nil }) {
			texts, index = append(texts, text), append(index, i)
		}
	}
	if p := e.checkpoint.plan; p.pools != nil { // the model is not loaded yet
		p.pools = fit
	} else if !slices.Equal(fit, []Pooling{e.checkpoint.Pooling}) {
		p.tokens = families.AllTokens
	}
	err := e.encode(ctx, texts, fit, func(i int, v []float32, _ int, _ bool) error {
		for j, c := range comparers {
			c.add(index[i], v[j*e.dims:(j+1)*e.dims])
		}
		return nil
	})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	for _, c := range comparers {
		c.finish(err)
	}
	return list, nil
}

// A comparer compares the vectors of one pooling with those of the reference.
type comparer struct {
	want        [][]float32
	size, worst float64 // the largest number of the reference, and the largest difference
	out         *Comparison
}

func newComparer(want [][]float32, out *Comparison) *comparer {
	c := &comparer{want: want, out: out}
	for _, v := range want {
		if v != nil {
			out.Texts++
		}
		for _, x := range v {
			c.size = max(c.size, math.Abs(float64(x)))
		}
	}
	if c.size == 0 {
		out.Fault = "all numbers of the reference are 0"
	}
	return c
}

// add compares the vector of a text.
func (c *comparer) add(text int, v []float32) {
	want := c.want[text]
	switch {
	case c.out.Fault != "" || want == nil:
		return
	case len(v) != len(want):
		c.out.Fault = fmt.Sprintf("the vectors have %d numbers, those of the reference %d", len(v), len(want))
		return
	}
	for j, x := range v {
		d := math.Abs(float64(x) - float64(want[j]))
		if math.IsNaN(d) {
			c.out.Fault = fmt.Sprintf("text %d: number %d is %v, in the reference %v", text+1, j+1, x, want[j])
			return
		}
		if c.worst < d {
			c.worst, c.out.Text = d, text
		}
	}
}

// finish sets the result. err ended the encoding early, unless it is nil.
func (c *comparer) finish(err error) {
	switch {
	case c.out.Fault != "":
	case err != nil:
		c.out.Fault = err.Error()
	default:
		c.out.Largest = c.worst / c.size
	}
}
