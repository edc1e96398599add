package onnx

import (
	"errors"
	"fmt"

	ort "github.com/yalue/onnxruntime_go"

	"w2s/internal/onnxproto"
)

// A MatMul computes matrix products with ONNX Runtime, as a tiny model of A·B. The Runtime must stay open until it is closed. It
// may be used from several goroutines.
type MatMul struct {
	session *ort.DynamicAdvancedSession
}

// NewMatMul returns a MatMul that uses the given number of threads for one product, or one thread for each core if threads is 0.
func NewMatMul(threads int) (*MatMul, error) {
	if !ort.IsInitialized() {
		return nil, errors.New("onnx: matrix product: the runtime is not open (call OpenRuntime first)")
	}
	matrix := func(name, rows, cols string) onnxproto.Value {
		return onnxproto.Value{Name: name, Type: onnxproto.Float32, Dims: []onnxproto.Dim{{Name: rows}, {Name: cols}}}
	}
	model := onnxproto.Model{
		Name:    "product",
		Inputs:  []onnxproto.Value{matrix("a", "m", "k"), matrix("b", "k", "n")},
		Nodes:   []onnxproto.Node{{Op: "Gemm", Inputs: []string{"a", "b"}, Outputs: []string{"c"}}},
		Outputs: []onnxproto.Value{matrix("c", "m", "n")},
	}
	data, err := model.Marshal()
	if err != nil {
		return nil, fmt.Errorf("onnx: matrix product: %w", err)
	}
	options, err := ort.NewSessionOptions()
	if err != nil {
		return nil, fmt.Errorf("onnx: matrix product: session options: %w", err)
	}
	defer options.Destroy()
	if err := options.SetIntraOpNumThreads(threads); err != nil {
		return nil, fmt.Errorf("onnx: matrix product: %d threads: %w", threads, err)
	}
	// Between two products the caller computes on all cores, and spinning threads would slow it down.
	if err := options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0"); err != nil {
		return nil, fmt.Errorf("onnx: matrix product: session options: %w", err)
	}
	session, err := ort.NewDynamicAdvancedSessionWithONNXData(data, []string{"a", "b"}, []string{"c"}, options)
	if err != nil {
		return nil, fmt.Errorf("onnx: matrix product: %w", err)
	}
	return &MatMul{session}, nil
}

// Close frees the session. Its products must not be used afterwards.
func (m *MatMul) Close() error { return m.session.Destroy() }

// Over returns the product with a fixed matrix x of shape [rows, dims], row-major, which must not change while the product is in
// use.
func (m *MatMul) Over(x []float32, rows, dims int) (*Product, error) {
	if rows < 1 || dims < 1 || len(x) != rows*dims {
		return nil, fmt.Errorf("onnx: matrix product: %d values are not a matrix of %d rows and %d columns", len(x), rows, dims)
	}
	return &Product{m: m, x: x, rows: rows, dims: dims, transposed: map[span][]float32{}}, nil
}

// A Product multiplies a fixed matrix X by many columns at once. The number of columns follows from the length of the slices.
// Each column of a result depends only on its own column and on the number of columns, to the last bit, and not on the number
// of threads. A Product is for one goroutine at a time.
type Product struct {
	m          *MatMul
	x          []float32
	rows, dims int
	// transposed holds the transposes of the parts of X that Backward was asked for. They make a product nearly twice as fast,
	// and training asks for the same parts hundreds of times.
	transposed map[span][]float32
}

type span struct{ from, to int }

// Forward writes X[from:to]·W to z. w has shape [dims, n] and z has shape [to-from, n], row-major.
func (p *Product) Forward(from, to int, w, z []float32) error {
	n, err := p.check(from, to, w, z)
	if err != nil {
		return err
	}
	rows := int64(to - from)
	return run(p.m.session, operand{p.x[from*p.dims : to*p.dims], rows, int64(p.dims)}, operand{w, int64(p.dims), n}, operand{z, rows, n})
}

// Backward writes X[from:to]ᵀ·G to d. g has shape [to-from, n] and d has shape [dims, n], row-major.
func (p *Product) Backward(from, to int, g, d []float32) error {
	n, err := p.check(from, to, d, g)
	if err != nil {
		return err
	}
	t, ok := p.transposed[span{from, to}]
	if !ok {
		t = transpose(p.x[from*p.dims:to*p.dims], to-from, p.dims)
		p.transposed[span{from, to}] = t
	}
	rows, dims := int64(to-from), int64(p.dims)
	return run(p.m.session, operand{t, dims, rows}, operand{g, rows, n}, operand{d, dims, n})
}

// transpose returns the transpose of a row-major matrix.
func transpose(x []float32, rows, cols int) []float32 {
	const block = 32 // a block of the matrix and one of its transpose fit into the first-level cache
	t := make([]float32, len(x))
	for r0 := 0; r0 < rows; r0 += block {
		for c0 := 0; c0 < cols; c0 += block {
			for c := c0; c < min(c0+block, cols); c++ {
				for r := r0; r < min(r0+block, rows); r++ {
					t[c*rows+r] = x[r*cols+c]
				}
			}
		}
	}
	return t
}

// Close drops the transposes. The session belongs to the MatMul.
func (p *Product) Close() error {
	clear(p.transposed)
	return nil
}

// check returns the number of columns n. perDim has shape [dims, n], perRow has shape [to-from, n].
func (p *Product) check(from, to int, perDim, perRow []float32) (int64, error) {
	n := len(perDim) / p.dims
	if from < 0 || to <= from || to > p.rows || n < 1 || len(perDim) != n*p.dims || len(perRow) != n*(to-from) {
		return 0, fmt.Errorf("onnx: matrix product: rows %d:%d of %d, %d values for %d dimensions and %d for the rows do not fit",
			from, to, p.rows, len(perDim), p.dims, len(perRow))
	}
	return int64(n), nil
}

// An operand is a row-major matrix.
type operand struct {
	data       []float32
	rows, cols int64
}

func run(s *ort.DynamicAdvancedSession, a, b, c operand) error {
	tensors := make([]ort.Value, 0, 3)
	defer func() {
		for _, t := range tensors {
			t.Destroy()
		}
	}()
	for _, o := range []operand{a, b, c} {
		t, err := ort.NewTensor(ort.NewShape(o.rows, o.cols), o.data)
		if err != nil {
			return fmt.Errorf("onnx: matrix product: %w", err)
		}
		tensors = append(tensors, t)
	}
	if err := s.Run(tensors[:2], tensors[2:]); err != nil {
		return fmt.Errorf("onnx: matrix product: %w", err)
	}
	return nil
}
