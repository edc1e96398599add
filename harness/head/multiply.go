package head

// Columns is the number of columns that every call of a Multiplier has. It is fixed, and missing columns are zero,
// because fast kernels block their sums by the shape of the product: with a fixed shape a head comes out bit for bit
// the same whether it is trained alone or beside others.
const Columns = 32

// A Multiplier multiplies one fixed matrix X (rows, dims) of float32 with many columns at once. All slices are
// row-major. Each element of a result must depend on its own column alone, and not on the number of threads.
// Calls come from one goroutine at a time.
type Multiplier interface {
	// Forward writes X[from:to]·W to z: w is (dims, Columns), z is (to-from, Columns).
	Forward(from, to int, w, z []float32) error
	// Backward writes X[from:to]ᵀ·G to d: g is (to-from, Columns), d is (dims, Columns).
	Backward(from, to int, g, d []float32) error
	// Close gives back what the multiplier holds.
	Close() error
}

// NewMultiplier makes a Multiplier for a matrix x of shape (rows, dims), row-major, which does not change while the
// multiplier lives.
type NewMultiplier func(x []float32, rows, dims int) (Multiplier, error)
