package onnxproto

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// Versions that a [Model] has by default. ONNX Runtime reads them since 1.13.
const (
	DefaultIRVersion = 8
	DefaultOpset     = 17
)

// maxModel is protobuf's limit on the size of one message.
const maxModel = math.MaxInt32

// A Model is an ONNX model to be written.
type Model struct {
	Name         string          // name of the graph, required
	IRVersion    int64           // 0 means DefaultIRVersion
	Opset        int64           // version of the default operator set; 0 means DefaultOpset
	Inputs       []Value         // each needs a type, and is written with its shape
	Outputs      []Value         // each needs a type, and is written with its shape
	Nodes        []Node          // in topological order
	Initializers []Tensor        // constants
	Metadata     []MetadataEntry // metadata_props
}

// A MetadataEntry is one entry of a model's metadata_props.
type MetadataEntry struct{ Key, Value string }

func (e MetadataEntry) marshal() []byte { return appendString(appendString(nil, 1, e.Key), 2, e.Value) }

// A Tensor is a constant to be written.
type Tensor struct {
	Name string
	Type DataType
	Dims []int64
	Data []byte // the elements, row-major and little-endian, as in raw_data
	// External is the file that holds the elements, relative to the folder of the model. Data is then nil. Offset is
	// their position in the file; their number of bytes follows from Type and Dims.
	External string
	Offset   int64
}

// Float32Tensor makes a float32 constant.
func Float32Tensor(name string, dims []int64, v []float32) Tensor {
	data := make([]byte, 0, 4*len(v))
	for _, x := range v {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(x))
	}
	return Tensor{Name: name, Type: Float32, Dims: dims, Data: data}
}

// Int64Tensor makes an int64 constant.
func Int64Tensor(name string, dims []int64, v []int64) Tensor {
	data := make([]byte, 0, 8*len(v))
	for _, x := range v {
		data = binary.LittleEndian.AppendUint64(data, uint64(x))
	}
	return Tensor{Name: name, Type: Int64, Dims: dims, Data: data}
}

// Marshal returns the bytes of the model file. It refuses what a runtime would refuse: a value that is used before a node
// makes it, a value that two nodes make, an output that no node makes, and a constant whose data does not fit its shape.
func (m *Model) Marshal() ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("onnxproto: model %q: %w", m.Name, err)
	}
	ir, opset := m.IRVersion, m.Opset
	if ir == 0 {
		ir = DefaultIRVersion
	}
	if opset == 0 {
		opset = DefaultOpset
	}
	graph := m.graphSize()
	if graph > maxModel-1<<16 {
		return nil, fmt.Errorf("onnxproto: model %q: its %d bytes are more than one ONNX file can hold", m.Name, graph)
	}
	b := make([]byte, 0, graph+1<<10)
	b = appendInt(b, 1, uint64(ir))
	b = appendString(b, 2, "w2s")
	b = protowire.AppendTag(b, 7, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(graph))
	b = m.appendGraph(b)
	b = appendBytes(b, 8, appendInt(nil, 2, uint64(opset)))
	for _, domain := range m.domains() {
		b = appendDomain(b, domain)
	}
	for _, e := range m.Metadata {
		b = appendBytes(b, 14, e.marshal())
	}
	return b, nil
}

// appendDomain imports version 1 of an operator set.
func appendDomain(b []byte, domain string) []byte {
	return appendBytes(b, 8, appendInt(appendString(nil, 1, domain), 2, 1))
}

// domains returns the operator sets other than the default one, in order of first use.
func (m *Model) domains() []string {
	var list []string
	seen := map[string]bool{"": true}
	for _, n := range m.Nodes {
		if !seen[n.Domain] {
			seen[n.Domain] = true
			list = append(list, n.Domain)
		}
	}
	return list
}

func (m *Model) check() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if m.Name == "" {
		fault("the graph needs a name")
	}
	if len(m.Outputs) == 0 {
		fault("the graph has no output")
	}
	made := map[string]bool{}
	define := func(name string) {
		if name == "" || made[name] {
			fault("value %q has no name or is made twice", name)
		}
		made[name] = true
	}
	for _, v := range m.Inputs {
		define(v.Name)
		if v.Type == 0 {
			fault("input %q has no type", v.Name)
		}
	}
	for _, t := range m.Initializers {
		define(t.Name)
		n, ok := elements(t.Dims)
		switch {
		case !ok || t.Type.Size() == 0 || n > math.MaxInt64/8:
			fault("initializer %q: impossible type %v or shape %v", t.Name, t.Type, t.Dims)
		case t.External != "":
			if t.Data != nil || t.Offset < 0 {
				fault("initializer %q: it is in %s, so it takes no data but an offset of 0 or more", t.Name, t.External)
			}
		case n > maxModel || n*int64(t.Type.Size()) != int64(len(t.Data)):
			fault("initializer %q: %d bytes are not %v of shape %v", t.Name, len(t.Data), t.Type, t.Dims)
		}
	}
	for _, n := range m.Nodes {
		if n.Op == "" || strings.Join(n.Outputs, "") == "" {
			fault("node %q has no operator or no output", n.Name)
		}
		for _, in := range n.Inputs {
			if in != "" && !made[in] {
				fault("node %s %q uses %q before it is made", n.Op, n.Name, in)
			}
		}
		for _, out := range n.Outputs {
			if out != "" { // an optional output that is left out
				define(out)
			}
		}
	}
	for _, v := range m.Outputs {
		if !made[v.Name] {
			fault("no node makes output %q", v.Name)
		}
		if v.Type == 0 {
			fault("output %q has no type", v.Name)
		}
	}
	return errors.Join(errs...)
}

// graphSize returns the length of the encoded graph. Marshal needs it in advance so as to copy the weights only once.
func (m *Model) graphSize() int {
	small := *m
	small.Initializers = nil
	n := len(small.appendGraph(nil))
	for _, t := range m.Initializers {
		n += protowire.SizeTag(5) + protowire.SizeBytes(t.size())
	}
	return n
}

func (m *Model) appendGraph(b []byte) []byte {
	for _, n := range m.Nodes {
		b = appendBytes(b, 1, n.marshal())
	}
	b = appendString(b, 2, m.Name)
	for _, t := range m.Initializers {
		b = protowire.AppendTag(b, 5, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(t.size()))
		b = t.append(b)
	}
	for _, v := range m.Inputs {
		b = appendBytes(b, 11, v.marshal())
	}
	for _, v := range m.Outputs {
		b = appendBytes(b, 12, v.marshal())
	}
	return b
}

func (t *Tensor) header() []byte {
	var dims []byte
	for _, d := range t.Dims {
		dims = protowire.AppendVarint(dims, uint64(d))
	}
	var b []byte
	if len(dims) > 0 {
		b = appendBytes(b, 1, dims)
	}
	b = appendInt(b, 2, uint64(t.Type))
	return appendString(b, 8, t.Name)
}

func (t *Tensor) size() int {
	if t.External != "" {
		return len(t.append(nil))
	}
	return len(t.header()) + protowire.SizeTag(9) + protowire.SizeBytes(len(t.Data))
}

func (t *Tensor) append(b []byte) []byte {
	b = append(b, t.header()...)
	if t.External == "" {
		return appendBytes(b, 9, t.Data)
	}
	n, _ := elements(t.Dims) // Marshal has checked them
	return appendExternal(b, t.External, t.Offset, n*int64(t.Type.Size()))
}

// appendExternal appends the fields of a tensor whose data lies in another file.
func appendExternal(b []byte, file string, offset, length int64) []byte {
	for _, e := range []MetadataEntry{{"location", file}, {"offset", fmt.Sprint(offset)}, {"length", fmt.Sprint(length)}} {
		b = appendBytes(b, 13, e.marshal())
	}
	return appendInt(b, 14, 1)
}

func (v *Value) marshal() []byte {
	var shape []byte
	for _, d := range v.Dims {
		var dim []byte
		switch {
		case d.Name != "":
			dim = appendString(dim, 2, d.Name)
		case d.Size > 0:
			dim = appendInt(dim, 1, uint64(d.Size))
		}
		shape = appendBytes(shape, 1, dim)
	}
	tensor := appendBytes(appendInt(nil, 1, uint64(v.Type)), 2, shape)
	return appendBytes(appendString(nil, 1, v.Name), 2, appendBytes(nil, 1, tensor))
}

func appendInt(b []byte, field protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
}

func appendBytes(b []byte, field protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), v)
}

func appendString(b []byte, field protowire.Number, v string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), v)
}
