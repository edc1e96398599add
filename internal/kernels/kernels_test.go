//go:build linux && amd64 && cgo

package kernels

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func needTiles(tb testing.TB) *Unit {
	tb.Helper()
	u := TileUnit()
	if u == nil {
		tb.Skip("this processor has no tile unit (AMX)")
	}
	return u
}

// eachTileUnit runs a test with the emulated tile unit, and with the processor's if there is one.
func eachTileUnit(t *testing.T, test func(t *testing.T, u *Unit)) {
	tiles, _ := Emulated()
	t.Run("emulated tile unit", func(t *testing.T) { test(t, tiles) })
	t.Run("tile unit", func(t *testing.T) { test(t, needTiles(t)) })
}

// eachVectorUnit runs a test with the emulated vector unit, and with the processor's if there is one.
func eachVectorUnit(t *testing.T, test func(t *testing.T, u *Unit)) {
	_, vectors := Emulated()
	t.Run("emulated vector unit", func(t *testing.T) { test(t, vectors) })
	t.Run("vector unit", func(t *testing.T) {
		u := VectorUnit()
		if u == nil {
			t.Skip("this processor has no AVX-512")
		}
		test(t, u)
	})
}

func eachUnit(t *testing.T, test func(t *testing.T, u *Unit)) {
	eachTileUnit(t, test)
	eachVectorUnit(t, test)
}

func numbers(r *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.NormFloat64() * math.Exp(r.NormFloat64()))
	}
	return v
}

func multiply(tb testing.TB, u *Unit, l Layer, x []float32) []float32 {
	tb.Helper()
	m, err := u.NewMatrix(l)
	if err != nil {
		tb.Fatal(err)
	}
	defer m.Free()
	y := make([]float32, len(x)/l.In*l.Out)
	if err := m.Multiply(y, x); err != nil {
		tb.Fatal(err)
	}
	return y
}

// bound returns the largest error that the product of a row of x and a column of W, plus a bias, may have: rounding to whole
// numbers costs 2^-30 of the largest number, the products that are left out are below 2^-26 of the two largest, and each chunk
// rounds some sums.
func bound(x, w []float32, bias float32) float64 {
	var sumX, sumW, maxX, maxW, size float64
	for i := range x {
		a, b := math.Abs(float64(x[i])), math.Abs(float64(w[i]))
		sumX, sumW, maxX, maxW, size = sumX+a, sumW+b, max(maxX, a), max(maxW, b), size+a*b
	}
	chunks := 1 + len(x)/512
	return math.Ldexp(maxX*sumW, -30) + math.Ldexp(maxW*sumX, -30) + math.Ldexp(float64(len(x))*maxX*maxW, -26) +
		math.Ldexp((size+math.Abs(float64(bias)))*float64(chunks+4), -24)
}

// column returns column j of a row-major matrix.
func column(w []float32, j, columns int) []float32 {
	v := make([]float32, 0, len(w)/columns)
	for ; j < len(w); j += columns {
		v = append(v, w[j])
	}
	return v
}

// TestMultiply compares with products in float64, at sizes just below and above those of tiles and chunks.
func TestMultiply(t *testing.T) { eachUnit(t, testMultiply) }

func testMultiply(t *testing.T, u *Unit) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, s := range [][3]int{{1, 1, 1}, {1, 32, 32}, {15, 31, 33}, {16, 16, 16}, {17, 64, 15}, {33, 100, 70}, {32, 512, 48},
		{31, 513, 17}, {17, 769, 16}, {40, 1600, 65}, {257, 96, 31}, {300, 40, 100}} {
		rows, in, out := s[0], s[1], s[2]
		x := numbers(r, rows*in)
		l := Layer{In: in, Out: out, Weight: numbers(r, in*out), Bias: numbers(r, out)}
		turned := l
		turned.Rows, turned.Weight = true, make([]float32, in*out)
		for i := range in {
			for j := range out {
				turned.Weight[j*in+i] = l.Weight[i*out+j]
			}
		}
		unbiased := l
		unbiased.Bias = nil
		got, same, bare := multiply(t, u, l, x), multiply(t, u, turned, x), multiply(t, u, unbiased, x)
		for i := range rows {
			for j := range out {
				var sum float64
				for k := range in {
					sum += float64(x[i*in+k]) * float64(l.Weight[k*out+j])
				}
				at := i*out + j
				most := bound(x[i*in:(i+1)*in], column(l.Weight, j, out), l.Bias[j])
				if e := math.Abs(float64(got[at]) - sum - float64(l.Bias[j])); !(e <= most) {
					t.Fatalf("%v: element (%d, %d) is %g, want %g (off by %g, bound %g)", s, i, j, got[at], sum+float64(l.Bias[j]), e, most)
				}
				if got[at] != same[at] {
					t.Fatalf("%v: element (%d, %d) is %g, from the transposed matrix %g", s, i, j, got[at], same[at])
				}
				if e := math.Abs(float64(bare[at]) - sum); !(e <= most) {
					t.Fatalf("%v: element (%d, %d) without the bias is %g, want %g", s, i, j, bare[at], sum)
				}
			}
		}
	}
}

// TestErrors compares the error with the error of a loop in float32: for normal numbers, for heavy tails, and with one number of
// x that is far larger than the others and has a weight that is as much smaller. share is the largest allowed ratio of errors.
func TestErrors(t *testing.T) { eachTileUnit(t, testErrors) }

func testErrors(t *testing.T, u *Unit) {
	const rows, out = 20, 40
	r := rand.New(rand.NewPCG(5, 6))
	for _, c := range []struct {
		in      int
		tails   bool
		outlier float32
		share   float64
	}{{64, false, 1, 0.3}, {384, false, 1, 0.2}, {3072, false, 1, 0.1}, {384, true, 1, 0.7}, {1536, true, 1, 0.5},
		{384, false, 100, 1.1}, {768, false, 100, 0.9}, {3072, false, 1000, 1.5}} {
		x, w := make([]float32, rows*c.in), make([]float32, c.in*out)
		for _, v := range [][]float32{x, w} {
			for i := range v {
				v[i] = float32(r.NormFloat64())
				if c.tails {
					v[i] *= float32(math.Exp(r.NormFloat64()))
				}
			}
		}
		for i := range rows {
			x[i*c.in+7] *= c.outlier
		}
		for j := range out {
			w[7*out+j] /= c.outlier
		}
		var ours, loops float64
		for at, got := range multiply(t, u, Layer{In: c.in, Out: out, Weight: w}, x) {
			i, j := at/out, at%out
			var sum float64
			var loop float32
			for k := range c.in {
				a, b := x[i*c.in+k], w[k*out+j]
				sum += float64(a) * float64(b)
				loop = float32(math.FMA(float64(a), float64(b), float64(loop)))
			}
			ours += math.Pow(float64(got)-sum, 2)
			loops += math.Pow(float64(loop)-sum, 2)
		}
		share := math.Sqrt(ours / loops)
		t.Logf("%+v: %.2f times the error of a loop", c, share)
		if !(share <= c.share) {
			t.Errorf("%+v: %.2f times the error of a loop, want at most %.2f", c, share, c.share)
		}
	}
}

// TestRows checks that a row's result does not depend on the rows that are multiplied together with it.
func TestRows(t *testing.T) { eachUnit(t, testRows) }

func testRows(t *testing.T, u *Unit) {
	r := rand.New(rand.NewPCG(3, 4))
	const rows, in, out = 300, 530, 70
	x := numbers(r, rows*in)
	l := Layer{In: in, Out: out, Weight: numbers(r, in*out), GELU: true}
	all := multiply(t, u, l, x)
	for _, n := range []int{1, 2, 31, 100} {
		for from := 0; from+n <= rows; from += 67 {
			for i, y := range multiply(t, u, l, x[from*in:(from+n)*in]) {
				if y != all[from*out+i] {
					t.Fatalf("rows %d to %d: element %d is %g, and %g if all rows are multiplied", from, from+n, i, y, all[from*out+i])
				}
			}
		}
	}
}

// TestGELU compares with erfc in float64, over the range where the GELU is neither 0 nor x and beyond it.
func TestGELU(t *testing.T) { eachUnit(t, testGELU) }

func testGELU(t *testing.T, u *Unit) {
	const step = 1.0 / 1024
	var x []float32
	for v := -20.0; v <= 20; v += step {
		x = append(x, float32(v))
	}
	x = append(x, 0, 1e-30, -1e-30, 1e30, 500, -500)
	y := multiply(t, u, Layer{In: 1, Out: 1, Weight: []float32{1}, GELU: true}, x)
	for i, v := range x {
		z := float64(v)
		if want := z * math.Erfc(-z/math.Sqrt2) / 2; !(math.Abs(float64(y[i])-want) <= 1.1e-7*math.Abs(z)) {
			t.Fatalf("GELU(%g) is %g, want %g", v, y[i], want)
		}
	}
}

// TestNotFinite checks that a number that is not finite stays visible in the result, and only where it belongs.
func TestNotFinite(t *testing.T) { eachUnit(t, testNotFinite) }

func testNotFinite(t *testing.T, u *Unit) {
	for _, gelu := range []bool{false, true} {
		for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
			x := make([]float32, 3*40)
			x[45] = bad
			weight := make([]float32, 40*2)
			for i := range weight {
				weight[i] = 1
			}
			for i, y := range multiply(t, u, Layer{In: 40, Out: 2, Weight: weight, GELU: gelu}, x) {
				finite := !math.IsNaN(float64(y)) && !math.IsInf(float64(y), 0)
				if want := i/2 != 1; finite != want {
					t.Errorf("with %g in row 1, element %d is %g (GELU: %v)", bad, i, y, gelu)
				}
			}
		}
	}
	// The largest numbers do not overflow, and the smallest are off by too little to matter.
	for _, c := range []struct{ x, w, off float64 }{{3e38, 1, 1e32}, {-3e38, 1, 1e32}, {1, 3e38, 1e32}, {1e-28, 1, 1e-34}, {1, 1e-28, 1e-34},
		{1e-18, 1e-18, 1e-42}, {1e-37, 1, 1e-38}, {1, 1e-37, 1e-38}, {1e-45, 3e38, 1}, {3e38, 1e-37, 10}} {
		y := multiply(t, u, Layer{In: 1, Out: 1, Weight: []float32{float32(c.w)}}, []float32{float32(c.x)})
		if e := math.Abs(float64(y[0]) - c.x*c.w); !(e <= c.off) {
			t.Errorf("%g x %g is %g", c.x, c.w, y[0])
		}
	}
	if y := multiply(t, u, Layer{In: 2, Out: 1, Weight: []float32{0, 1e30}}, []float32{1e30, 0}); y[0] != 0 {
		t.Errorf("1e30 x 0 + 0 x 1e30 is %g", y[0])
	}
	for _, w := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
		for _, x := range []float32{0, 1} {
			y := multiply(t, u, Layer{In: 2, Out: 2, Weight: []float32{1, 1, 1, w}}, []float32{1, x})
			if y[0] != 1+x || y[1]-y[1] == 0 {
				t.Errorf("%g in W: %g", w, y)
			}
		}
	}
}

// TestDigits compares with the digit arithmetic written down again in Go, to the last bit.
func TestDigits(t *testing.T) {
	eachTileUnit(t, func(t *testing.T, u *Unit) { testExact(t, u, digitProduct) })
}

// testExact compares layers with want, which computes x·w + bias for a row of x and a column of W, to the last bit.
func testExact(t *testing.T, u *Unit, want func(x, w []float32, bias float32) float32) {
	r := rand.New(rand.NewPCG(9, 10))
	for _, s := range [][3]int{{1, 1, 1}, {3, 64, 2}, {17, 65, 3}, {2, 769, 17}, {3, 1600, 5}, {17, 65, 33}, {13, 40, 100}, {29, 7, 31}, {200, 400, 5}} {
		rows, in, out := s[0], s[1], s[2]
		x, l := numbers(r, rows*in), Layer{In: in, Out: out, Weight: numbers(r, in*out), Bias: numbers(r, out)}
		x[r.IntN(len(x))] *= 1e6
		x[r.IntN(len(x))] *= 1e-6
		for at, got := range multiply(t, u, l, x) {
			i, j := at/out, at%out
			if want := want(x[i*in:(i+1)*in], column(l.Weight, j, out), l.Bias[j]); got != want {
				t.Fatalf("%v: element (%d, %d) is %g, want %g", s, i, j, got, want)
			}
		}
	}
}

// digitProduct computes x·w + bias as tile_linux_amd64.c describes it.
func digitProduct(x, w []float32, bias float32) float32 {
	const depth, deep = 64, 12
	blocks := (len(x) + depth - 1) / depth
	chunks := (blocks + deep - 1) / deep
	y := bias
	for c := range chunks {
		from, to := blocks*c/chunks*depth, min(blocks*(c+1)/chunks*depth, len(x))
		xs, xe := digits(x[from:to])
		ws, we := digits(w[from:to])
		var sums [4]int32
		for k := range xs {
			for i := range 4 {
				for j := range 4 - i {
					sums[i+j] += xs[k][i] * ws[k][j]
				}
			}
		}
		v := float32(sums[3])
		for d := 2; d >= 0; d-- {
			v = fma(v, 0x1p-8, float32(sums[d]))
		}
		y = fma(v*float32(math.Ldexp(1, we-137)), float32(math.Ldexp(1, xe-127)), y)
	}
	return y
}

// digits returns the four digits of every number, the highest first, and the biased exponent of the largest number.
func digits(v []float32) (list [][4]int32, exponent int) {
	exponent = 30
	for _, f := range v {
		exponent = max(exponent, int(math.Float32bits(f)>>23&0xff))
	}
	for _, f := range v {
		q := int32(math.RoundToEven(math.Ldexp(float64(f), 156-exponent)))
		var d [4]int32
		for i := 3; i > 0; i-- {
			d[i] = int32(int8(q))
			q = (q - d[i]) >> 8
		}
		d[0] = q
		list = append(list, d)
	}
	return list, exponent
}

// fma returns a·b + c, rounded once.
func fma(a, b, c float32) float32 {
	exact := func(f float32) *big.Float { return new(big.Float).SetPrec(1000).SetFloat64(float64(f)) }
	v, _ := new(big.Float).SetPrec(1000).Add(new(big.Float).SetPrec(1000).Mul(exact(a), exact(b)), exact(c)).Float32()
	return v
}

// TestLoop compares the vector unit with a loop of fused multiply-adds and the bias, to the last bit.
func TestLoop(t *testing.T) {
	eachVectorUnit(t, func(t *testing.T, u *Unit) { testExact(t, u, loopProduct) })
}

// loopProduct computes x·w + bias as vector_linux_amd64.c describes it.
func loopProduct(x, w []float32, bias float32) float32 {
	sum := float32(0)
	for k := range x {
		sum = fma(x[k], w[k], sum)
	}
	return sum + bias
}

// TestEmulation compares the emulated instructions with the processor's, to the last bit.
func TestEmulation(t *testing.T) {
	tiles, vectors := Emulated()
	for emulated, u := range map[*Unit]*Unit{tiles: TileUnit(), vectors: VectorUnit()} {
		t.Run(emulated.String(), func(t *testing.T) { testEmulation(t, u, emulated) })
	}
}

func testEmulation(t *testing.T, u, emulated *Unit) {
	if u == nil {
		t.Skip("this processor has none")
	}
	r := rand.New(rand.NewPCG(11, 12))
	for _, s := range [][3]int{{1, 1, 1}, {37, 100, 70}, {300, 1600, 33}} {
		l, x := Layer{In: s[1], Out: s[2], Weight: numbers(r, s[1]*s[2])}, numbers(r, s[0]*s[1])
		for _, l.GELU = range []bool{false, true} {
			want := multiply(t, u, l, x)
			for i, y := range multiply(t, emulated, l, x) {
				if y != want[i] {
					t.Fatalf("%v, GELU %v: element %d is %g, on the processor %g", s, l.GELU, i, y, want[i])
				}
			}
		}
	}
}

func TestRefused(t *testing.T) { eachUnit(t, testRefused) }

func testRefused(t *testing.T, u *Unit) {
	for _, l := range []Layer{{}, {In: 2, Out: 2, Weight: make([]float32, 3)}, {In: 1, Out: 2, Weight: make([]float32, 2), Bias: make([]float32, 1)},
		{In: -1, Out: -1, Weight: make([]float32, 1)}, {In: 1 << 32, Out: 1 << 32}} {
		if _, err := u.NewMatrix(l); err == nil {
			t.Errorf("%+v: no error", l)
		}
	}
	m, err := u.NewMatrix(Layer{In: 2, Out: 3, Weight: make([]float32, 6)})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range [][2]int{{3, 3}, {2, 4}, {6, 2}} {
		if err := m.Multiply(make([]float32, s[0]), make([]float32, s[1])); err == nil {
			t.Errorf("%d outputs of %d inputs: no error", s[0], s[1])
		}
	}
	m.Free()
	for _, library := range []string{filepath.Join(t.TempDir(), "none.so"), "libm.so.6"} {
		if m, err = u.NewMatrix(Layer{In: 2, Out: 3, Weight: make([]float32, 6)}); err != nil {
			t.Fatal(err)
		}
		if _, err := u.NewOps(library, nil, []*Matrix{m}); err == nil || !strings.Contains(err.Error(), library) || m.m != nil {
			t.Errorf("%s: error %v, the matrix was freed: %v", library, err, m.m == nil)
		}
	}
}

// TestTable compares what op_linux_amd64.c declares of the runtime's table and of an operator's layout with the runtime's header,
// which is part of the binding.
func TestTable(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/yalue/onnxruntime_go").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	header, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), "onnxruntime_c_api.h"))
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("op_linux_amd64.c")
	if err != nil {
		t.Fatal(err)
	}
	body := func(text []byte, start, end string) string {
		_, s, ok := strings.Cut(string(text), start)
		s, _, found := strings.Cut(s, end)
		if !ok || !found {
			t.Fatalf("nothing between %q and %q", start, end)
		}
		return regexp.MustCompile(`(?s)/\*.*?\*/|//[^\n]*`).ReplaceAllString(s, "")
	}
	function := regexp.MustCompile(`ORT_API2_STATUS\(\s*(\w+)|ORT_CLASS_(RELEASE)\(\s*(\w+)|\(\s*ORT_API_CALL\s*\*\s*(\w+)\s*\)`)
	index := map[string]int{}
	for i, m := range function.FindAllStringSubmatch(body(header, "\nstruct OrtApi {", "\n};"), -1) {
		name := m[1] + m[4]
		if m[2] != "" {
			name = "Release" + m[3]
		}
		index[name] = i
	}
	entries := regexp.MustCompile(`(\w+) = (\d+),`).FindAllStringSubmatch(body(source, "// Indices into OrtApi.\nenum {", "};"), -1)
	if len(entries) < 10 {
		t.Fatalf("%d entries found, want 10 or more", len(entries))
	}
	for _, e := range entries {
		if want, ok := index[e[1]]; !ok || strconv.Itoa(want) != e[2] {
			t.Errorf("%s is declared as entry %s, want %d", e[1], e[2], want)
		}
	}
	member := regexp.MustCompile(`\(\s*(?:ORT_API_CALL\s*)?\*\s*(\w+)\s*\)`)
	theirs := member.FindAllStringSubmatch(body(header, "\nstruct OrtCustomOp {", "\n};"), -1)
	ours := member.FindAllStringSubmatch(body(source, "\nstruct operator {", "\n};"), -1)
	if len(ours) < 20 || len(theirs) < len(ours) {
		t.Fatalf("%d members found here and %d in the header", len(ours), len(theirs))
	}
	for i, m := range ours {
		if m[1] != theirs[i][1] {
			t.Errorf("member %d of an operator is %s, want %s", i, m[1], theirs[i][1])
		}
	}
}

// FuzzMultiply compares products of any shape and of numbers of any spread with float64.
func FuzzMultiply(f *testing.F) {
	f.Add(uint8(3), uint8(40), uint8(5), uint64(1), 0.0)
	f.Add(uint8(70), uint8(33), uint8(64), uint64(2), 30.0)
	f.Fuzz(func(t *testing.T, rows, in, out uint8, seed uint64, spread float64) {
		if rows == 0 || in == 0 || out == 0 || !(math.Abs(spread) < 30) {
			return
		}
		r := rand.New(rand.NewPCG(seed, 0))
		random := func(n int) []float32 {
			v := make([]float32, n)
			for i := range v {
				v[i] = float32(r.NormFloat64() * math.Exp(spread*(r.Float64()-0.5)))
			}
			return v
		}
		x, w := random(int(rows)*int(in)), random(int(in)*int(out))
		tiles, vectors := Emulated()
		for _, u := range []*Unit{tiles, vectors, TileUnit(), VectorUnit()} {
			if u == nil {
				continue
			}
			y := multiply(t, u, Layer{In: int(in), Out: int(out), Weight: w}, x)
			for at, got := range y {
				i, j := at/int(out), at%int(out)
				var sum float64
				for k := range int(in) {
					sum += float64(x[i*int(in)+k]) * float64(w[k*int(out)+j])
				}
				if e := math.Abs(float64(got) - sum); !(e <= bound(x[i*int(in):(i+1)*int(in)], column(w, j, int(out)), 0)) {
					t.Fatalf("element (%d, %d) is %g, want %g", i, j, got, sum)
				}
			}
		}
	})
}

func BenchmarkMultiply(b *testing.B) {
	u := Processor()
	if u == nil {
		b.Skip("this processor has no unit")
	}
	for _, s := range [][3]int{{512, 384, 384}, {512, 384, 1536}, {512, 1536, 384}, {64, 768, 3072}} {
		b.Run(fmt.Sprint(s), func(b *testing.B) {
			r := rand.New(rand.NewPCG(5, 6))
			m, err := u.NewMatrix(Layer{In: s[1], Out: s[2], Weight: numbers(r, s[1]*s[2])})
			if err != nil {
				b.Fatal(err)
			}
			defer m.Free()
			x, y := numbers(r, s[0]*s[1]), make([]float32, s[0]*s[2])
			for b.Loop() {
				if err := m.Multiply(y, x); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(2*float64(s[0])*float64(s[1])*float64(s[2])*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOPS")
		})
	}
}
