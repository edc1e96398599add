package parquetfile

import (
	"errors"
	"fmt"
	"strings"

	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"

	"w2s/internal/visible"
)

// Limits on the schema of a file.
const (
	maxColumns      = 10_000 // elements of the schema
	maxNesting      = 40     // depth of nested columns
	maxFixedLength  = 1 << 15
	maxNameInErrors = 60
)

// A node is an element of the schema: a column, or a group of columns.
type node struct {
	element  *format.SchemaElement
	children []*node
	path     string // names from the top, joined by dots
	rep, def int    // levels at which a value repeats and is present
	leaf     int    // index among the leaves, or of the first leaf below
	leaves   int    // number of leaves below; 1 for a leaf
	convert  converter
}

func (n *node) repeated() bool { return n.element.RepetitionType.V == format.Repeated }
func (n *node) optional() bool {
	return n.element.RepetitionType.Valid && n.element.RepetitionType.V == format.Optional
}
func (n *node) isLeaf() bool { return n.element.Type.Valid }

// isList reports whether a group holds a list: one child that is repeated, as the format defines it.
func (n *node) isList() bool {
	if n.path == "" || len(n.children) != 1 || !n.children[0].repeated() {
		return false
	}
	_, list := n.element.LogicalType.Value.(*format.ListType)
	list = list || n.element.ConvertedType.Valid && n.element.ConvertedType.V == deprecated.List
	return list || n.children[0].element.Name == "list"
}

// A schemaReader builds nodes from the elements of a schema, which are in depth-first order.
type schemaReader struct {
	elements []format.SchemaElement
	next     int
	leaves   []*node
}

// readSchema returns the root of the schema and its leaves, in the order of the column chunks.
func readSchema(elements []format.SchemaElement) (root *node, leaves []*node, err error) {
	switch {
	case len(elements) == 0:
		return nil, nil, errors.New("it has no schema")
	case len(elements) > maxColumns:
		return nil, nil, fmt.Errorf("it has %s, more than %d", visible.Count(len(elements), "column"), maxColumns)
	}
	s := schemaReader{elements: elements}
	root, err = s.node(nil, 0)
	if err == nil && root.isLeaf() {
		err = errors.New("the root of its schema is a column")
	}
	if err == nil && s.next < len(elements) {
		err = fmt.Errorf("its schema has %s of no column", visible.Count(len(elements)-s.next, "element"))
	}
	return root, s.leaves, err
}

func (s *schemaReader) node(parent *node, depth int) (*node, error) {
	if depth > maxNesting {
		return nil, fmt.Errorf("its columns are nested more than %d deep", maxNesting)
	}
	if s.next >= len(s.elements) {
		return nil, errors.New("its schema names more columns than it has")
	}
	n := &node{element: &s.elements[s.next], leaf: len(s.leaves)}
	s.next++
	if parent != nil {
		n.path, n.rep, n.def = n.element.Name, parent.rep, parent.def
		if parent.path != "" {
			n.path = parent.path + "." + n.path
		}
		if n.repeated() {
			n.rep, n.def = n.rep+1, n.def+1
		} else if n.optional() {
			n.def++
		}
	}
	if n.isLeaf() {
		if kind := n.element.Type.V; kind < format.Boolean || kind > format.FixedLenByteArray {
			return nil, fmt.Errorf("column %q has the unknown type %d", cut(n.path), kind)
		}
		if length := n.element.TypeLength; n.element.Type.V == format.FixedLenByteArray && (!length.Valid || length.V < 1 || length.V > maxFixedLength) {
			return nil, fmt.Errorf("column %q has values of %d bytes, want 1 to %d", cut(n.path), length.V, maxFixedLength)
		}
		n.leaves, n.convert = 1, converterOf(n.element)
		s.leaves = append(s.leaves, n)
		return n, nil
	}
	count := int(n.element.NumChildren.V)
	if count < 0 || count > len(s.elements)-s.next {
		return nil, fmt.Errorf("column %q has %s, but the schema has only %s", cut(n.path), visible.Count(count, "part"), visible.Count(len(s.elements)-s.next, "more element"))
	}
	places := make(map[string]int, count)
	for i := range count {
		child, err := s.node(n, depth+1)
		if err != nil {
			return nil, err
		}
		name := child.element.Name
		if first, ok := places[name]; ok {
			return nil, fmt.Errorf("columns %d and %d are both named %q (rename one of them)", first+1, i+1, cut(child.path))
		}
		places[name] = i
		n.children = append(n.children, child)
	}
	n.leaves = len(s.leaves) - n.leaf
	return n, nil
}

// cut shortens a name for an error.
func cut(name string) string {
	if len(name) <= maxNameInErrors {
		return name
	}
	return strings.ToValidUTF8(name[:maxNameInErrors], "") + "…"
}
