package head

import (
	"slices"

	"w2s/internal/simd"
)

// A float32Engine multiplies in float32. It sums the gradient over chunks of rows, and adds the chunks in float64, so
// that its error does not grow with the number of rows. It lays out the scaled rows of every training set once, if there
// is memory, and otherwise a chunk of them whenever it is multiplied. Both are the same numbers.
type float32Engine struct {
	data Data
	dims int // padded
	sets []*trainingSet
}

// A trainingSet is a set of rows that columns are trained on, with the columns that are being trained on it.
type trainingSet struct {
	rows     []int
	x        []float32 // the scaled rows; nil: laid out when they are multiplied
	cols     []*column
	w        []float32   // [columns][dims]
	z        []float32   // [columns][rows]: products or gradients
	partials [][]float64 // [shards][columns*dims]: the sums over a part of the rows
}

const (
	chunkRows = 512     // rows whose sum is in float32
	maxShards = 8       // parts that rows are cut into, so that processors can share them
	laidOut   = 1 << 26 // numbers that are laid out at the same time: 256 MiB
	slab      = 64      // columns that one processor multiplies at a time
)

func newFloat32Engine(d Data) *float32Engine {
	return &float32Engine{data: d, dims: simd.Padded(d.X.Dims)}
}

func (e *float32Engine) noise() float64 { return 1e-8 }

// arrange assigns the columns to the sets of their rows.
func (e *float32Engine) arrange(cols []*column) {
	for _, s := range e.sets {
		s.cols = s.cols[:0]
	}
	for _, c := range cols {
		at := slices.IndexFunc(e.sets, func(s *trainingSet) bool {
			return len(s.rows) == len(c.rows) && (&s.rows[0] == &c.rows[0] || slices.Equal(s.rows, c.rows))
		})
		if at < 0 {
			at = len(e.sets)
			e.sets = append(e.sets, &trainingSet{rows: c.rows})
		}
		c.rows = e.sets[at].rows // the next comparison is quick, and equal slices share their memory
		e.sets[at].cols = append(e.sets[at].cols, c)
	}
	e.sets = slices.DeleteFunc(e.sets, func(s *trainingSet) bool { return len(s.cols) == 0 })
	size := 0
	for _, s := range e.sets {
		size += len(s.x)
	}
	for _, s := range e.sets {
		if n := len(s.rows) * e.dims; s.x == nil && size+n <= laidOut {
			size += n
			s.x = make([]float32, n)
			parallel((len(s.rows)+chunkRows-1)/chunkRows, func(t int) {
				from, to := t*chunkRows, min((t+1)*chunkRows, len(s.rows))
				e.layOut(s.rows[from:to], s.x[from*e.dims:to*e.dims])
			})
		}
		s.w = grown(s.w, len(s.cols)*e.dims)
		s.z = grown(s.z, len(s.cols)*len(s.rows))
	}
}

// layOut writes the scaled rows, padded with zeros, to x, which holds zeros where they are padded.
func (e *float32Engine) layOut(rows []int, x []float32) {
	for i, r := range rows {
		out := x[i*e.dims : (i+1)*e.dims]
		if e.data.Scaling == nil {
			copy(out, e.data.X.Row(r))
		} else {
			e.data.Scaling.applyTo(e.data.X.Row(r), out)
		}
	}
}

// chunks calls f for each chunk of the rows from:to of a set, with the scaled rows.
func (e *float32Engine) chunks(s *trainingSet, from, to int, f func(from, to int, x []float32)) {
	var buffer []float32
	for ; from < to; from += chunkRows {
		end := min(from+chunkRows, to)
		if s.x != nil {
			f(from, end, s.x[from*e.dims:end*e.dims])
			continue
		}
		if buffer == nil {
			buffer = make([]float32, chunkRows*e.dims)
		}
		x := buffer[:(end-from)*e.dims]
		e.layOut(s.rows[from:end], x)
		f(from, end, x)
	}
}

// A piece is what one processor multiplies at a time: some columns of a set with one part of its rows.
type piece struct {
	set      *trainingSet
	shard    int
	from, to int // rows
	at, end  int // columns
}

// pieces cuts the work of a product. The shards depend on the number of rows alone.
func (e *float32Engine) pieces() (all []piece) {
	for _, s := range e.sets {
		chunks := (len(s.rows) + chunkRows - 1) / chunkRows
		shards := min(maxShards, chunks)
		for k := range shards {
			from, to := chunks*k/shards*chunkRows, min(chunks*(k+1)/shards*chunkRows, len(s.rows))
			for at := 0; at < len(s.cols); at += slab {
				all = append(all, piece{s, k, from, to, at, min(at+slab, len(s.cols))})
			}
		}
	}
	return all
}

func (e *float32Engine) forward(cols []*column) {
	e.arrange(cols)
	parallel(len(e.sets), func(i int) {
		s := e.sets[i]
		for k, c := range s.cols {
			toFloat32(c.w, s.w[k*e.dims:])
		}
	})
	pieces := e.pieces()
	parallel(len(pieces), func(i int) {
		p := pieces[i]
		s, n := p.set, len(p.set.rows)
		e.chunks(s, p.from, p.to, func(from, to int, x []float32) {
			simd.Forward(x, e.dims, s.w[p.at*e.dims:p.end*e.dims], s.z[p.at*n+from:], n)
		})
		for k := p.at; k < p.end; k++ {
			z := s.cols[k].z
			for r, v := range s.z[k*n+p.from : k*n+p.to] {
				z[p.from+r] = float64(v)
			}
		}
	})
}

func (e *float32Engine) backward(cols []*column) {
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
		for k := p.at; k < p.end; k++ {
			toFloat32(s.cols[k].z[p.from:p.to], s.z[k*n+p.from:])
		}
		sum := s.partials[p.shard][p.at*e.dims : p.end*e.dims]
		clear(sum)
		d := make([]float32, len(sum))
		e.chunks(s, p.from, p.to, func(from, to int, x []float32) {
			clear(d)
			simd.Backward(x, e.dims, s.z[p.at*n+from:], n, d)
			for j, v := range d {
				sum[j] += float64(v)
			}
		})
	})
	parallel(len(e.sets), func(i int) {
		s := e.sets[i]
		for k, c := range s.cols {
			clear(c.d)
			for _, p := range s.partials {
				for j, v := range p[k*e.dims : k*e.dims+len(c.d)] {
					c.d[j] += v
				}
			}
		}
	})
}

func toFloat32(from []float64, to []float32) {
	for i, v := range from {
		to[i] = float32(v)
	}
}

// grown returns a slice of length n that reuses the memory of s if it is large enough.
func grown[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
