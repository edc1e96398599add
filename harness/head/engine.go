package head

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sync/errgroup"

	"w2s/internal/list"
	"w2s/internal/simd"
)

// A column is one of the columns that are trained at the moment.
type column struct {
	rows []int     // the rows of X that it is trained on, ascending
	w    []float64 // length dims: the weights
	z    values    // length len(rows): X·w after forward; the caller replaces it with its gradient before backward
	d    []float64 // length dims: Xᵀ·z after backward
}

// values are the numbers of a column, one for each of its rows, in the type that they are computed in.
type values interface {
	read(from int, into []float64)                      // copies the numbers from:from+len(into)
	readPairs(from int, bias float64, logits []float64) // writes the logits -(z+bias) and z+bias for as many numbers
	write(from int, values []float64)
}

type reals[T simd.Real] []T

func (v reals[T]) read(from int, into []float64) { simd.Convert(v[from:from+len(into)], into) }

func (v reals[T]) readPairs(from int, bias float64, logits []float64) {
	simd.Pairs(v[from:from+len(logits)/2], bias, logits)
}

func (v reals[T]) write(from int, values []float64) { simd.Convert(values, v[from:from+len(values)]) }

// An engine multiplies the features with columns. The result for a column does not depend on the other columns.
type engine interface {
	forward(cols []*column)
	backward(cols []*column)
	noise() float64 // the relative error of an objective that rounding is expected to cause
}

// float64Noise is the noise of float64.
const float64Noise = 1e-14

// float64Limit is the largest number of products (rows·dims·columns of a head) for which float64 is used even if float32 is allowed.
// Problems of this size are quick anyway.
const float64Limit = 1 << 17

// newEngine returns the engine for scaled features.
func newEngine(d Data, float64Only bool) engine {
	if float64Only || d.X.Rows*d.X.Dims*d.columns() <= float64Limit {
		return newVectorEngine[float64](d)
	}
	return newVectorEngine[float32](d)
}

// A vectorEngine multiplies numbers of type T on vector units. It sums the gradient over chunks of rows in T, and adds the
// chunks in float64, so that its error does not grow with the number of rows. It lays out the scaled rows of all training sets once,
// because training sets share rows, as many as there is memory for. It scales the others whenever it multiplies them, which gives the
// same numbers.
type vectorEngine[T simd.Real] struct {
	data   Data
	dims   int       // padded
	room   int       // numbers that may be laid out
	x      []T       // the scaled rows that are laid out
	at     []int32   // for each row of the data, its place among them; notLaidOut
	first  []int32   // 0, 1, 2, …: a chunk of rows that is not laid out
	factor []float64 // 1/SD of the scaling
	sets   []*trainingSet[T]

	sumRooms, chunkRooms sync.Pool // of *[]T; padding of chunks stays 0
}

// A trainingSet is a set of rows that columns are trained on, with the columns that are being trained on it.
type trainingSet[T simd.Real] struct {
	rows     []int
	at       []int32 // their places among the rows that are laid out
	cols     []*column
	w        []T         // [columns][dims]
	z        []T         // [columns][rows]: products or gradients
	partials [][]float64 // [shards][columns*dims]: the sums over a part of the rows
}

const (
	chunkRows  = 512     // rows whose sum is in T
	maxShards  = 8       // parts that rows are cut into, so that processors can share them
	laidOut    = 3 << 25 // numbers that are laid out: 384 MiB in float32
	slab       = 64      // columns that one processor multiplies at a time
	notLaidOut = -1      // place of a row
)

func newVectorEngine[T simd.Real](d Data) *vectorEngine[T] {
	e := &vectorEngine[T]{data: d, dims: simd.Padded(d.X.Dims), room: laidOut, at: slices.Repeat([]int32{notLaidOut}, d.X.Rows), first: firstRows(chunkRows)}
	if d.Scaling != nil {
		e.factor = list.Map(d.Scaling.SD, func(sd float64) float64 { return 1 / sd })
	}
	return e
}

// firstRows returns 0 to n-1.
func firstRows(n int) []int32 {
	return list.Map(list.Range(n), func(i int) int32 { return int32(i) })
}

func (e *vectorEngine[T]) noise() float64 {
	if unsafe.Sizeof(T(0)) == 4 {
		return 1e-7
	}
	return float64Noise
}

// arrange assigns the columns to the sets of their rows.
func (e *vectorEngine[T]) arrange(cols []*column) {
	for _, s := range e.sets {
		s.cols = s.cols[:0]
	}
	for _, c := range cols {
		at := slices.IndexFunc(e.sets, func(s *trainingSet[T]) bool {
			return len(s.rows) == len(c.rows) && (&s.rows[0] == &c.rows[0] || slices.Equal(s.rows, c.rows))
		})
		if at < 0 {
			at = len(e.sets)
			e.sets = append(e.sets, &trainingSet[T]{rows: c.rows})
		}
		c.rows = e.sets[at].rows // the next comparison is quick, and equal slices share their memory
		e.sets[at].cols = append(e.sets[at].cols, c)
	}
	e.sets = slices.DeleteFunc(e.sets, func(s *trainingSet[T]) bool { return len(s.cols) == 0 })
	e.layOutNew()
	for _, s := range e.sets {
		s.w = grown(s.w, len(s.cols)*e.dims)
		s.z = grown(s.z, len(s.cols)*len(s.rows))
	}
}

// layOutNew lays out the rows of sets that are new, as many as there is room for.
func (e *vectorEngine[T]) layOutNew() {
	var fresh []*trainingSet[T]
	var rows []int
	for _, s := range e.sets {
		if s.at == nil {
			fresh = append(fresh, s)
			for _, r := range s.rows {
				if e.at[r] == notLaidOut {
					e.at[r] = 0
					rows = append(rows, r)
				}
			}
		}
	}
	if len(fresh) == 0 {
		return
	}
	slices.Sort(rows)
	old := len(e.x)
	n := min(len(rows), (e.room-old)/e.dims)
	for i, r := range rows {
		if e.at[r] = notLaidOut; i < n {
			e.at[r] = int32(old/e.dims + i)
		}
	}
	if n > 0 {
		x := make([]T, old+n*e.dims)
		copy(x, e.x)
		parallel((n+chunkRows-1)/chunkRows, func(t int) {
			from, to := t*chunkRows, min((t+1)*chunkRows, n)
			e.scale(rows[from:to], x[old+from*e.dims:old+to*e.dims])
		})
		e.x = x
	}
	for _, s := range fresh {
		s.at = list.Map(s.rows, func(r int) int32 { return e.at[r] })
	}
}

// scale writes the scaled rows, padded with zeros, to x, which holds zeros where they are padded.
func (e *vectorEngine[T]) scale(rows []int, x []T) {
	s := e.data.Scaling
	buffer := make([]float32, e.data.X.Dims)
	for i, r := range rows {
		row, out := e.data.X.ReadRow(r, buffer), x[i*e.dims:]
		if s != nil {
			simd.Standardise(row, s.Mean, e.factor, out)
			continue
		}
		for j, v := range row {
			out[j] = T(v)
		}
	}
}

// chunks calls f for each chunk of the rows from:to of a set, with an array that has the scaled rows and their places in it.
func (e *vectorEngine[T]) chunks(s *trainingSet[T], from, to int, f func(from, to int, x []T, at []int32)) {
	var chunk *[]T
	for ; from < to; from += chunkRows {
		end := min(from+chunkRows, to)
		at := s.at[from:end]
		if !slices.Contains(at, notLaidOut) {
			f(from, end, e.x, at)
			continue
		}
		if chunk == nil {
			chunk = roomFrom[T](&e.chunkRooms, chunkRows*e.dims)
			defer e.chunkRooms.Put(chunk)
		}
		x := (*chunk)[:(end-from)*e.dims]
		e.scale(s.rows[from:end], x)
		f(from, end, x, e.first[:end-from])
	}
}

// A piece is what one processor multiplies at a time: some columns of a set with one part of its rows.
type piece[T simd.Real] struct {
	set      *trainingSet[T]
	shard    int
	from, to int // rows
	at, end  int // columns
}

// pieces cuts the work of a product. The shards depend on the number of rows alone.
func (e *vectorEngine[T]) pieces() (all []piece[T]) {
	for _, s := range e.sets {
		chunks := (len(s.rows) + chunkRows - 1) / chunkRows
		shards := min(maxShards, chunks)
		for k := range shards {
			from, to := chunks*k/shards*chunkRows, min(chunks*(k+1)/shards*chunkRows, len(s.rows))
			for at := 0; at < len(s.cols); at += slab {
				all = append(all, piece[T]{s, k, from, to, at, min(at+slab, len(s.cols))})
			}
		}
	}
	return all
}

func (e *vectorEngine[T]) forward(cols []*column) {
	e.arrange(cols)
	parallel(len(e.sets), func(i int) {
		s := e.sets[i]
		for k, c := range s.cols {
			simd.Convert(c.w, s.w[k*e.dims:])
			c.z = reals[T](s.z[k*len(s.rows) : (k+1)*len(s.rows)])
		}
	})
	pieces := e.pieces()
	parallel(len(pieces), func(i int) {
		p := pieces[i]
		s, n := p.set, len(p.set.rows)
		e.chunks(s, p.from, p.to, func(from, to int, x []T, at []int32) {
			simd.Forward(x, at, e.dims, s.w[p.at*e.dims:p.end*e.dims], s.z[p.at*n+from:], n)
		})
	})
}

func (e *vectorEngine[T]) backward(cols []*column) {
	pieces := e.pieces()
	for _, p := range pieces {
		s := p.set
		if p.shard == len(s.partials) {
			s.partials = append(s.partials, nil)
		}
		s.partials[p.shard] = grown(s.partials[p.shard], len(s.cols)*e.dims)
	}
	parallel(len(pieces), func(i int) {
		p := pieces[i]
		s, n := p.set, len(p.set.rows)
		sum := s.partials[p.shard][p.at*e.dims : p.end*e.dims]
		clear(sum)
		room := roomFrom[T](&e.sumRooms, len(sum))
		defer e.sumRooms.Put(room)
		d := *room
		e.chunks(s, p.from, p.to, func(from, to int, x []T, at []int32) {
			clear(d)
			simd.Backward(x, at, e.dims, s.z[p.at*n+from:], n, d)
			simd.Accumulate(d, sum)
		})
	})
	parallel(len(e.sets), func(i int) {
		s := e.sets[i]
		for k, c := range s.cols {
			clear(c.d)
			for _, p := range s.partials {
				simd.Accumulate(p[k*e.dims:k*e.dims+len(c.d)], c.d)
			}
		}
	})
}

// grown returns a slice of length n that reuses the memory of s if it is large enough.
func grown[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// roomFrom returns n numbers of a pool, with what was last in them.
func roomFrom[T any](pool *sync.Pool, n int) *[]T {
	room, _ := pool.Get().(*[]T)
	if room == nil {
		room = new([]T)
	}
	*room = grown(*room, n)
	return room
}

// parallel calls f(0) to f(n-1) on up to GOMAXPROCS goroutines.
func parallel(n int, f func(i int)) {
	var g errgroup.Group
	var next atomic.Int64
	for range min(n, runtime.GOMAXPROCS(0)) {
		g.Go(func() error {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
			return nil
		})
	}
	g.Wait()
}
