package amx

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func needTiles(tb testing.TB) {
	tb.Helper()
	if !Available() {
		tb.Skip("this processor has no tile unit (AMX)")
	}
}

func numbers(r *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.NormFloat64() * math.Exp(r.NormFloat64()))
	}
	return v
}

func multiply(tb testing.TB, l Layer, x []float32) []float32 {
	tb.Helper()
	m, err := NewMatrix(l)
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

// bound is how far the product of a row of x and a column of W, and a bias, may be off at most: numbers are off by 2^-30 of the
// largest, and the products that are left out are 2^-26 of both largest; then come the roundings of some sums for each chunk.
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

// column is column j of a matrix of so many columns.
func column(w []float32, j, columns int) []float32 {
	v := make([]float32, 0, len(w)/columns)
	for ; j < len(w); j += columns {
		v = append(v, w[j])
	}
	return v
}

// TestMultiply compares with products in float64, for sizes around those of tiles and chunks.
func TestMultiply(t *testing.T) {
	needTiles(t)
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
		got, same, bare := multiply(t, l, x), multiply(t, turned, x), multiply(t, unbiased, x)
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

// TestErrors compares the error with that of a loop in float32, for normal numbers, for heavy tails, and where one number of
// x is far larger than the others and its weight as much smaller. share is how much of the loop's error it may be.
func TestErrors(t *testing.T) {
	needTiles(t)
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
		for at, got := range multiply(t, Layer{In: c.in, Out: out, Weight: w}, x) {
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
		t.Logf("%+v: %.2f of the error of a loop", c, share)
		if !(share <= c.share) {
			t.Errorf("%+v: %.2f of the error of a loop", c, share)
		}
	}
}

// TestRows multiplies rows alone and in company.
func TestRows(t *testing.T) {
	needTiles(t)
	r := rand.New(rand.NewPCG(3, 4))
	const rows, in, out = 300, 530, 70
	x := numbers(r, rows*in)
	l := Layer{In: in, Out: out, Weight: numbers(r, in*out), GELU: true}
	all := multiply(t, l, x)
	for _, n := range []int{1, 2, 31, 100} {
		for from := 0; from+n <= rows; from += 67 {
			for i, y := range multiply(t, l, x[from*in:(from+n)*in]) {
				if y != all[from*out+i] {
					t.Fatalf("rows %d to %d: element %d is %g alone, %g in company", from, from+n, i, y, all[from*out+i])
				}
			}
		}
	}
}

// TestGELU compares with erfc in float64, for all x where the function is neither 0 nor x, and beyond.
func TestGELU(t *testing.T) {
	needTiles(t)
	const step = 1.0 / 1024
	var x []float32
	for v := -20.0; v <= 20; v += step {
		x = append(x, float32(v))
	}
	x = append(x, 0, 1e-30, -1e-30, 1e30, 500, -500)
	y := multiply(t, Layer{In: 1, Out: 1, Weight: []float32{1}, GELU: true}, x)
	for i, v := range x {
		z := float64(v)
		if want := z * math.Erfc(-z/math.Sqrt2) / 2; math.Abs(float64(y[i])-want) > 1.1e-7*math.Abs(z) {
			t.Fatalf("GELU(%g) is %g, want %g", v, y[i], want)
		}
	}
}

// TestNotFinite has what is not finite stay so: a vector with it in must not look like one without.
func TestNotFinite(t *testing.T) {
	needTiles(t)
	for _, gelu := range []bool{false, true} {
		for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
			x := make([]float32, 3*40)
			x[45] = bad
			weight := make([]float32, 40*2)
			for i := range weight {
				weight[i] = 1
			}
			for i, y := range multiply(t, Layer{In: 40, Out: 2, Weight: weight, GELU: gelu}, x) {
				finite := !math.IsNaN(float64(y)) && !math.IsInf(float64(y), 0)
				if want := i/2 != 1; finite != want {
					t.Errorf("with %g in row 1, element %d is %g (GELU: %v)", bad, i, y, gelu)
				}
			}
		}
	}
	// The largest numbers do not overflow; small ones keep their bits, and the smallest are less off than could matter.
	for _, c := range []struct{ x, w, off float64 }{{3e38, 1, 1e32}, {-3e38, 1, 1e32}, {1, 3e38, 1e32}, {1e-28, 1, 1e-34}, {1, 1e-28, 1e-34},
		{1e-18, 1e-18, 1e-42}, {1e-37, 1, 1e-38}, {1, 1e-37, 1e-38}, {1e-45, 3e38, 1}, {3e38, 1e-37, 10}} {
		y := multiply(t, Layer{In: 1, Out: 1, Weight: []float32{float32(c.w)}}, []float32{float32(c.x)})
		if e := math.Abs(float64(y[0]) - c.x*c.w); !(e <= c.off) {
			t.Errorf("%g x %g is %g", c.x, c.w, y[0])
		}
	}
	if y := multiply(t, Layer{In: 2, Out: 1, Weight: []float32{0, 1e30}}, []float32{1e30, 0}); y[0] != 0 {
		t.Errorf("1e30 x 0 + 0 x 1e30 is %g", y[0])
	}
	for _, w := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
		for _, x := range []float32{0, 1} {
			y := multiply(t, Layer{In: 2, Out: 2, Weight: []float32{1, 1, 1, w}}, []float32{1, x})
			if y[0] != 1+x || !math.IsNaN(float64(y[1])) {
				t.Errorf("%g in W: %g", w, y)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	for _, l := range []Layer{{}, {In: 2, Out: 2, Weight: make([]float32, 3)}, {In: 1, Out: 2, Weight: make([]float32, 2), Bias: make([]float32, 1)},
		{In: -1, Out: -1, Weight: make([]float32, 1)}} {
		if _, err := NewMatrix(l); err == nil {
			t.Errorf("%+v was taken", l)
		}
	}
	needTiles(t)
	m, err := NewMatrix(Layer{In: 2, Out: 3, Weight: make([]float32, 6)})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range [][2]int{{3, 3}, {2, 4}, {6, 2}} {
		if err := m.Multiply(make([]float32, s[0]), make([]float32, s[1])); err == nil {
			t.Errorf("%d numbers from %d were computed", s[0], s[1])
		}
	}
	if _, err := NewOps(filepath.Join(t.TempDir(), "none.so"), nil, []*Matrix{m}); err == nil || !strings.Contains(err.Error(), "none.so") {
		t.Errorf("a library that is not there: %v", err)
	}
}

// TestTable compares the entries of the runtime's table that op_linux_amd64.c declares with its header, which the binding
// brings along, and the layout of an operator too.
func TestTable(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/yalue/onnxruntime_go").Output()
	if err != nil {
		t.Skipf("go list: %v", err)
	}
	header, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), "onnxruntime_c_api.h"))
	if err != nil {
		t.Skip(err)
	}
	source, err := os.ReadFile("op_linux_amd64.c")
	if err != nil {
		t.Fatal(err)
	}
	body := func(text []byte, start, end string) string {
		_, s, ok := strings.Cut(string(text), start)
		s, _, found := strings.Cut(s, end)
		if !ok || !found {
			t.Fatalf("no %q to %q", start, end)
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
		t.Fatalf("only %d entries", len(entries))
	}
	for _, e := range entries {
		if want, ok := index[e[1]]; !ok || strconv.Itoa(want) != e[2] {
			t.Errorf("%s is declared as entry %s, and is entry %d", e[1], e[2], want)
		}
	}
	member := regexp.MustCompile(`\(\s*(?:ORT_API_CALL\s*)?\*\s*(\w+)\s*\)`)
	theirs := member.FindAllStringSubmatch(body(header, "\nstruct OrtCustomOp {", "\n};"), -1)
	ours := member.FindAllStringSubmatch(body(source, "\nstruct operator {", "\n};"), -1)
	if len(ours) < 20 || len(theirs) < len(ours) {
		t.Fatalf("%d of %d members", len(ours), len(theirs))
	}
	for i, m := range ours {
		if m[1] != theirs[i][1] {
			t.Errorf("member %d of the operator is %s, and should be %s", i, m[1], theirs[i][1])
		}
	}
}

// FuzzMultiply compares any shape and any finite numbers with a product in float64.
func FuzzMultiply(f *testing.F) {
	f.Add(uint8(3), uint8(40), uint8(5), uint64(1), 0.0)
	f.Add(uint8(70), uint8(33), uint8(64), uint64(2), 30.0)
	f.Fuzz(func(t *testing.T, rows, in, out uint8, seed uint64, spread float64) {
		needTiles(t)
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
		y := multiply(t, Layer{In: int(in), Out: int(out), Weight: w}, x)
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
	})
}

func BenchmarkMultiply(b *testing.B) {
	needTiles(b)
	for _, s := range [][3]int{{512, 384, 384}, {512, 384, 1536}, {512, 1536, 384}, {64, 768, 3072}} {
		b.Run(fmt.Sprint(s), func(b *testing.B) {
			r := rand.New(rand.NewPCG(5, 6))
			m, err := NewMatrix(Layer{In: s[1], Out: s[2], Weight: numbers(r, s[1]*s[2])})
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
