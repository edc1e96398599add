package parquetfile

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"

	"w2s/internal/inputfile"
)

// A value is a value of a column with its levels, which say where it belongs in nested data.
type value struct {
	rep, def int
	v        any
}

// A cursor reads the values of a column one after the other.
type cursor struct {
	leaf   *node
	pages  parquet.Pages
	page   parquet.Page
	values parquet.ValueReader
	buffer [64]parquet.Value
	at, n  int
}

// fill makes sure that the buffer has a value. It returns io.EOF after the last value.
func (c *cursor) fill() error {
	for c.at >= c.n {
		if c.values == nil {
			page, err := c.pages.ReadPage()
			if err != nil {
				return err
			}
			c.page, c.values = page, page.Values()
		}
		n, err := c.values.ReadValues(c.buffer[:])
		c.at, c.n = 0, n
		if errors.Is(err, io.EOF) {
			c.values = nil
			if n == 0 {
				parquet.Release(c.page)
				c.page = nil
			}
			continue
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return errors.New("no progress")
		}
	}
	return nil
}

func (c *cursor) close() {
	_ = c.pages.Close()
}

// A rowReader reads rows from the columns of a row group.
type rowReader struct {
	limit   int64
	columns []*cursor
	values  [][]value // of one row, by column
}

// overhead is the memory of a value beside its bytes.
const overhead = 16

// read reads the values of the next row and returns their size in bytes.
func (r *rowReader) read() (size int64, err error) {
	for i, c := range r.columns {
		r.values[i] = r.values[i][:0]
		for {
			err := c.fill()
			switch {
			case err == io.EOF && len(r.values[i]) == 0:
				return 0, fmt.Errorf("column %q ends before the last row", cut(c.leaf.path))
			case err != nil && err != io.EOF:
				return 0, fmt.Errorf("column %q: %w", cut(c.leaf.path), err)
			}
			if err == io.EOF {
				break
			}
			v := c.buffer[c.at]
			if starts := v.RepetitionLevel() == 0; starts != (len(r.values[i]) == 0) {
				if starts {
					break
				}
				return 0, fmt.Errorf("column %q: a row begins with a value of the row before", cut(c.leaf.path))
			}
			c.at++
			out := value{rep: v.RepetitionLevel(), def: v.DefinitionLevel()}
			size += overhead
			if !v.IsNull() {
				if kind := v.Kind(); kind == parquet.ByteArray || kind == parquet.FixedLenByteArray {
					size += int64(len(v.ByteArray()))
				}
				if size <= r.limit {
					out.v = c.leaf.convert(v)
				}
			}
			if size > r.limit {
				return 0, fmt.Errorf("a row has more than %s", inputfile.Bytes(r.limit))
			}
			r.values[i] = append(r.values[i], out)
		}
	}
	return size, nil
}

// end checks that no values are left after the last row.
func (r *rowReader) end() error {
	for _, c := range r.columns {
		if err := c.fill(); err == nil {
			return fmt.Errorf("column %q goes on after the last row", cut(c.leaf.path))
		} else if err != io.EOF {
			return fmt.Errorf("column %q: %w", cut(c.leaf.path), err)
		}
	}
	return nil
}

// errRagged is the error for columns of one record that do not have the same number of elements.
var errRagged = errors.New("damaged parquet file: the columns of a list differ in length")

// assemble makes the value of a node from the values of its leaves, which all belong to the same instance of its parent.
func assemble(n *node, leaves [][]value) (any, error) {
	if !n.repeated() {
		return one(n, leaves)
	}
	out := []any{}
	if len(leaves) == 0 || leaves[0][0].def < n.def {
		return out, nil // an empty list
	}
	// An element ends where the next value repeats at the level of the list or a level above.
	at := make([]int, len(leaves))
	for at[0] < len(leaves[0]) {
		element := make([][]value, len(leaves))
		for i, values := range leaves {
			if at[i] >= len(values) {
				return nil, errRagged
			}
			end := at[i] + 1
			for end < len(values) && values[end].rep > n.rep {
				end++
			}
			element[i], at[i] = values[at[i]:end], end
		}
		v, err := one(n, element)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// one makes one instance of a node.
func one(n *node, leaves [][]value) (any, error) {
	switch {
	case n.optional() && len(leaves) > 0 && leaves[0][0].def < n.def:
		return nil, nil
	case n.isLeaf():
		return leaves[0][0].v, nil
	case n.isList():
		return list(n, leaves)
	}
	out := make(map[string]any, len(n.children))
	for _, child := range n.children {
		v, err := assemble(child, leaves[child.leaf-n.leaf:][:child.leaves])
		if err != nil {
			return nil, err
		}
		out[child.element.Name] = v
	}
	return out, nil
}

// list makes a list without the levels that parquet puts around its elements, {list: [{element: …}]}.
func list(n *node, leaves [][]value) (any, error) {
	repeated := n.children[0]
	v, err := assemble(repeated, leaves)
	if err != nil || len(repeated.children) != 1 || repeated.element.Name == "array" || repeated.element.Name == n.element.Name+"_tuple" {
		return v, err // the format says that the repeated group is the element then
	}
	out := v.([]any)
	for i := range out {
		out[i] = out[i].(map[string]any)[repeated.children[0].element.Name]
	}
	return out, nil
}
