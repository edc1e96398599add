package onnxproto

import (
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// A Node is one operator of a graph. An input or output named "" is optional and left out.
type Node struct {
	Op      string // such as "MatMul"
	Domain  string // "" is the default operator set
	Name    string
	Inputs  []string
	Outputs []string
	Attrs   []Attr
	// Pos identifies a node of an open model: it is the offset of the node's message in the file. Nodes that are written
	// have no Pos.
	Pos int64
}

// Foreign reports whether the operator does not belong to the default operator set.
func (n *Node) Foreign() bool { return n.Domain != "" && n.Domain != "ai.onnx" }

// Kind returns the operator, with its domain if it is a foreign one, such as com.microsoft:MatMulNBits.
func (n *Node) Kind() string {
	if n.Foreign() {
		return n.Domain + ":" + n.Op
	}
	return n.Op
}

// Input returns the name of the i-th input, or "" if there is none.
func (n *Node) Input(i int) string {
	if i < len(n.Inputs) {
		return n.Inputs[i]
	}
	return ""
}

// Attr returns the attribute of that name, and whether there is one.
func (n *Node) Attr(name string) (Attr, bool) {
	for _, a := range slices.Backward(n.Attrs) { // as in protobuf, the last one counts
		if a.Name == name {
			return a, true
		}
	}
	return Attr{}, false
}

// An Attr is an attribute of a node. Only the field that belongs to its type is set; make one with [Int], [Ints], [Float]
// or [Str]. An attribute of an open model that holds a tensor, a graph, more than 32 integers or more than 32 KiB of text
// has a name but no value.
type Attr struct {
	Name  string
	Int   int64
	Ints  []int64
	Float float32
	Text  string
	typ   uint64 // AttributeProto.AttributeType
}

// The values of AttributeProto.AttributeType that are written.
const (
	attrFloat, attrInt, attrString, attrInts = 1, 2, 3, 7
)

// Int makes an integer attribute.
func Int(name string, v int64) Attr { return Attr{Name: name, Int: v, typ: attrInt} }

// Ints makes an attribute that is a list of integers.
func Ints(name string, v ...int64) Attr { return Attr{Name: name, Ints: v, typ: attrInts} }

// Float makes a floating-point attribute.
func Float(name string, v float32) Attr { return Attr{Name: name, Float: v, typ: attrFloat} }

// Str makes a string attribute.
func Str(name, v string) Attr { return Attr{Name: name, Text: v, typ: attrString} }

func (a *Attr) marshal() []byte {
	b := appendString(nil, 1, a.Name)
	switch a.typ {
	case attrFloat:
		b = protowire.AppendFixed32(protowire.AppendTag(b, 2, protowire.Fixed32Type), math.Float32bits(a.Float))
	case attrInt:
		b = appendInt(b, 3, uint64(a.Int))
	case attrString:
		b = appendString(b, 4, a.Text)
	case attrInts:
		var packed []byte
		for _, x := range a.Ints {
			packed = protowire.AppendVarint(packed, uint64(x))
		}
		b = appendBytes(b, 8, packed)
	}
	return appendInt(b, 20, a.typ)
}

func (n *Node) marshal() []byte {
	var b []byte
	for _, in := range n.Inputs {
		b = appendString(b, 1, in)
	}
	for _, out := range n.Outputs {
		b = appendString(b, 2, out)
	}
	if n.Name != "" {
		b = appendString(b, 3, n.Name)
	}
	b = appendString(b, 4, n.Op)
	for _, a := range n.Attrs {
		b = appendBytes(b, 5, a.marshal())
	}
	if n.Domain != "" {
		b = appendString(b, 7, n.Domain)
	}
	return b
}
