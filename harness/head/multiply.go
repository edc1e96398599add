package head

// Columns is the number of columns in every call of a Multiplier. Missing columns are zero. The number is fixed because fast
// kernels choose the order of their sums by the shape of the product. With a fixed shape, a head is bit for bit the same
// whether it is trained alone or beside others.
const Columns = 32

// A Multiplier multiplies one fixed matrix X (rows, dims) of float32 with many columns at once. All slices are row-major.
// Each element of a result must depend on its own column alone, and not on the number of threads. Calls come from one
// goroutine at a time.
type Multiplier interface {
	// Forward writes X[from:to]·W to z, where w is (dims, Columns) and z is (to-from, Columns).
	Forward(from, to int, w, z []float32) error
	// Backward writes X[from:to]ᵀ·G to d, where g is (to-from, Columns) and d is (dims, Columns).
	Backward(from, to int, g, d []float32) error
	// Close releases the multiplier's resources.
	Close() error
}

// A NewMultiplier makes a Multiplier for a row-major matrix x of shape (rows, dims), which does not change until Close.
type NewMultiplier func(x []float32, rows, dims int) (Multiplier, error)
