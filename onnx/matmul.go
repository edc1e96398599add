package onnx

import (
	"errors"
	"fmt"

	ort "github.com/yalue/onnxruntime_go"

	"w2s/internal/onnxproto"
)

// MatMul is ONNX Runtime's own matrix product: two tiny models, one for X·W and one for Xᵀ·G. The Runtime must be
// open while it lives. It may be used from several goroutines.
type MatMul struct {
	forward, backward *ort.DynamicAdvancedSession
}

// NewMatMul makes the product. threads is the number of threads of one product, 0 for one a core.
func NewMatMul(threads int) (*MatMul, error) {
	if !ort.IsInitialized() {
		return nil, errors.New("onnx: matrix product: the runtime is not open (call OpenRuntime first)")
	}
	m := &MatMul{}
	var err error
	if m.forward, err = matMulSession("forward", 0, threads); err == nil {
		m.backward, err = matMulSession("backward", 1, threads)
	}
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// matMulSession makes a session that computes A·B, or Aᵀ·B.
func matMulSession(name string, transA int64, threads int) (*ort.DynamicAdvancedSession, error) {
	matrix := func(name, rows, cols string) onnxproto.Value {
		return onnxproto.Value{Name: name, Type: onnxproto.Float32, Dims: []onnxproto.Dim{{Name: rows}, {Name: cols}}}
	}
	model := onnxproto.Model{
		Name:   name,
		Inputs: []onnxproto.Value{matrix("a", "m", "k"), matrix("b", "l", "n")},
		Nodes: []onnxproto.Node{{Op: "Gemm", Inputs: []string{"a", "b"}, Outputs: []string{"c"},
			Attrs: []onnxproto.Attr{onnxproto.Int("transA", transA)}}},
		Outputs: []onnxproto.Value{matrix("c", "o", "n")},
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
	// Between two products the caller computes on all cores; threads that spin would be in its way.
	if err := options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0"); err != nil {
		return nil, fmt.Errorf("onnx: matrix product: session options: %w", err)
	}
	session, err := ort.NewDynamicAdvancedSessionWithONNXData(data, []string{"a", "b"}, []string{"c"}, options)
	if err != nil {
		return nil, fmt.Errorf("onnx: matrix product: %w", err)
	}
	return session, nil
}

// Close gives both sessions back.
func (m *MatMul) Close() error {
	var errs []error
	for _, s := range []*ort.DynamicAdvancedSession{m.forward, m.backward} {
		if s != nil {
			errs = append(errs, s.Destroy())
		}
	}
	return errors.Join(errs...)
}

// Over returns the product with a fixed matrix x of shape (rows, dims), row-major, which must not change or be freed
// while the product is in use.
func (m *MatMul) Over(x []float32, rows, dims int) (*Product, error) {
	if rows < 1 || dims < 1 || len(x) != rows*dims {
		return nil, fmt.Errorf("onnx: matrix product: %d values are not a matrix of %d rows and %d columns", len(x), rows, dims)
	}
	return &Product{m: m, x: x, rows: rows, dims: dims}, nil
}

// A Product multiplies a fixed matrix X with many columns at once; the number of columns follows from the length of
// the slices. For a given number of columns, each column of a result depends on its own column alone, to the last bit,
// and not on the number of threads.
type Product struct {
	m          *MatMul
	x          []float32
	rows, dims int
}

// Forward writes X[from:to]·W to z: w is (dims, n) and z is (to-from, n), row-major.
func (p *Product) Forward(from, to int, w, z []float32) error {
	n, err := p.check(from, to, w, z)
	if err != nil {
		return err
	}
	rows := int64(to - from)
	return run(p.m.forward, operand{p.x[from*p.dims : to*p.dims], rows, int64(p.dims)}, operand{w, int64(p.dims), n}, operand{z, rows, n})
}

// Backward writes X[from:to]ᵀ·G to d: g is (to-from, n) and d is (dims, n), row-major.
func (p *Product) Backward(from, to int, g, d []float32) error {
	n, err := p.check(from, to, d, g)
	if err != nil {
		return err
	}
	rows := int64(to - from)
	return run(p.m.backward, operand{p.x[from*p.dims : to*p.dims], rows, int64(p.dims)}, operand{g, rows, n}, operand{d, int64(p.dims), n})
}

// Close does nothing: the sessions belong to the MatMul.
func (p *Product) Close() error { return nil }

// check returns the number of columns. perDim has dims rows, perRow has to-from.
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
