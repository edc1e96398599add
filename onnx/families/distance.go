package families

import (
	"fmt"
	"math"

	"w2s/internal/onnxproto"
)

// A distanceBias is a table of what is added to the scores of each head, by groups of distances between tokens.
type distanceBias struct {
	table   string // [rows, heads]
	rows    int
	buckets []int64 // the row of each distance (key less query) from -n to n, for 2n+1 buckets; further ones have that of the last
}

// distanceScores returns what a distanceBias adds to scores, [heads, tokens, tokens].
func (b *builder) distanceScores(d *distanceBias, heads int) string {
	return b.once("distance scores "+d.table, func() string {
		byHead := b.op("Transpose", []string{b.weight(d.table, d.rows, heads)}, onnxproto.Ints("perm", 1, 0))
		return b.op("Gather", []string{byHead, b.byDistance(d.buckets)}, onnxproto.Int("axis", 1))
	})
}

// byDistance returns the bucket of the distance of every query and key, [tokens, tokens].
func (b *builder) byDistance(buckets []int64) string {
	return b.once(fmt.Sprint("by distance ", buckets), func() string {
		n := int64(len(buckets) / 2)
		key, query := b.pairPositions()
		d := b.op("Clip", []string{b.op("Sub", []string{key, query}), b.scalar(-n), b.scalar(n)})
		return b.op("Gather", []string{b.ints(buckets...), b.add(d, b.ints(n))}, onnxproto.Int("axis", 0))
	})
}

// A disentangled is DeBERTa's attention to positions (https://arxiv.org/abs/2006.03654): scores of the query's content with the
// position of the key (c2p), and of the key's content with the position of the query (p2c).
type disentangled struct {
	table    string // of relative positions, [2·span, width]
	span     int
	norm     norm    // of the table
	buckets  []int64 // the row of each distance, as in distanceBias
	c2p, p2c bool
	key      linear // of positions, for c2p
	query    linear // of positions, for p2c
}

// disentangledScores returns the scores of positions, [batch, heads, tokens, tokens]. q and k are [batch, heads, tokens, dim].
func (b *builder) disentangledScores(q, k string, a attention, width int) string {
	d, rows := a.apart, 2*a.apart.span
	q, k = b.operand(q), b.operand(k)
	positions := b.once("relative positions", func() string { return b.normalize(b.weight(d.table, rows, width), d.norm, width) })
	shape := b.once(fmt.Sprint("scores ", a.heads), func() string {
		return b.op("Concat", []string{b.batch(), b.ints(int64(a.heads)), b.tokens(), b.tokens()}, onnxproto.Int("axis", 0))
	})
	each := b.once("rows of positions", func() string { return b.op("Expand", []string{b.byDistance(d.buckets), shape}) })
	turned := func(x string) string { return b.op("Transpose", []string{x}, onnxproto.Ints("perm", 0, 1, 3, 2)) }
	// scores returns the products of content with all positions, of which at picks one for each pair of tokens.
	scores := func(content string, l linear, at string) string {
		p := b.reshape(b.linear(positions, l, width, a.heads*a.dim), int64(rows), int64(a.heads), int64(a.dim))
		p = b.op("Transpose", []string{p}, onnxproto.Ints("perm", 1, 2, 0)) // [heads, dim, rows]
		return b.op("GatherElements", []string{b.op("MatMul", []string{content, p}), at}, onnxproto.Int("axis", 3))
	}
	var sum string
	if d.c2p {
		sum = scores(q, d.key, each)
	}
	if d.p2c {
		y := turned(scores(k, d.query, b.once("rows of positions, by key", func() string { return turned(each) })))
		if sum != "" {
			y = b.add(sum, y)
		}
		sum = y
	}
	return b.scaled(sum, a.scale)
}

// logFloat32 is the logarithm as float32, which decides the groups of distances that lie on a boundary.
func logFloat32(x float32) float32 { return float32(math.Log(float64(x))) }
