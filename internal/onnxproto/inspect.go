package onnxproto

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// Bounds on what a file may hold. Real exports stay far below: the largest models have some 10,000 nodes.
const (
	maxName     = 32 << 10 // bytes of one name; less than the window of source
	maxText     = 64 << 20 // bytes of all names
	maxItems    = 1 << 19  // nodes, attributes, constants, inputs: together
	maxRank     = 32       // dimensions of a tensor
	maxSubgraph = 16       // graphs within graphs (If, Loop)
)

// Info is what a model file says about itself.
type Info struct {
	IRVersion int64
	Producer  string
	Opsets    map[string]int64  // operator set by domain; "" is the default domain
	Metadata  map[string]string // metadata_props
	Inputs    []Value           // without the constants that old files list among the inputs
	Outputs   []Value
	// Ops counts the operators, those of subgraphs (If, Loop) and of the model's own functions included.
	// Operators outside the default domain are named domain:Op.
	Ops          map[string]int
	Initializers []Initializer // constants of the main graph, Constant nodes that hold a tensor included
	// Params is the number of elements in all floating-point and 8-bit constants that are not scalars, subgraphs
	// included. A matrix that the export stores twice (tied embeddings) counts twice; 4-bit weights count by the bytes
	// that hold them.
	Params int64

	nodes []graphNode     // of the main graph
	inner map[string]bool // values that subgraphs use; those of the main graph may be among them
	files []string        // that hold the data of constants, each once
}

// graphNode is a node of the main graph with the few attributes that finding the unembedding needs.
type graphNode struct {
	Node
	at             int64 // where its message begins in the file
	transA, transB bool
	approximate    bool   // a Gelu that is not the exact one
	axis           *int64 // where it is given
	to             DataType
	alpha, beta    float32
	perm           []int64
}

// Initializer is a constant of a model: its shape, and where its data lies.
type Initializer struct {
	Name string
	Type DataType
	Dims []int64
	// External is the file that holds the data, relative to the model's folder; "" where the model holds it.
	External       string
	Offset, Length int64 // in the external file; Length 0 means up to its end
	data           location
}

// location is where the model file itself holds the data of a constant.
type location struct {
	raw         bool  // raw_data
	floats      bool  // float_data in one packed piece, which has the same layout as raw_data
	other       bool  // another typed field
	start, size int64 // bytes of the file
}

// File is an open model file.
type File struct {
	Info
	path string
	size int64
	r    io.ReaderAt
	c    io.Closer
}

// Open inspects the model at path. The caller closes it.
func Open(path string) (*File, error) {
	r, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("onnxproto: %w", err)
	}
	st, err := r.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	var f *File
	if err == nil {
		f, err = read(r, st.Size())
	}
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("onnxproto: %s: %w", path, err)
	}
	f.path, f.c = path, r
	return f, nil
}

// Close closes the file.
func (f *File) Close() error { return f.c.Close() }

// lfsPointer starts the text that Git LFS leaves in place of a file that was not fetched.
var lfsPointer = []byte("version https://git-lfs")

func read(r io.ReaderAt, size int64) (*File, error) {
	src := newSource(r, size, maxText)
	head, err := src.peek(0, int(min(size, int64(len(lfsPointer)))))
	if err != nil {
		return nil, err
	}
	switch {
	case size == 0:
		return nil, errors.New("the file is empty")
	case bytes.Equal(head, lfsPointer):
		return nil, errors.New("this is a Git LFS pointer, not the model (run: git lfs pull)")
	}
	p := parser{files: map[string]bool{}, info: Info{Opsets: map[string]int64{}, Metadata: map[string]string{}, Ops: map[string]int{}, inner: map[string]bool{}}}
	if err := p.model(message{src, 0, size}); err != nil {
		return nil, err
	}
	return &File{Info: p.info, size: size, r: r}, nil
}

// parser gathers an Info; its methods are named after the messages of onnx.proto3.
type parser struct {
	info   Info
	graphs int
	items  int
	files  map[string]bool // of external data, seen so far
}

// count bounds how many things a file may make us keep or visit.
func (p *parser) count() error {
	if p.items++; p.items > maxItems {
		return errors.New("more nodes and constants than any real model has")
	}
	return nil
}

func (p *parser) model(m message) error {
	err := m.each(func(f *field) (err error) {
		switch f.num {
		case 1:
			p.info.IRVersion = int64(f.scalar)
		case 2:
			p.info.Producer, err = f.text()
		case 7:
			p.graphs++
			err = p.graph(f, 0)
		case 8:
			err = p.opset(f)
		case 14:
			err = p.metadata(f)
		case 25:
			err = f.sub(func(f *field) error { // FunctionProto
				if f.num != 7 {
					return nil
				}
				return p.node(f, 1)
			})
		}
		return err
	})
	if err != nil {
		return err
	}
	if p.graphs == 0 {
		return errors.New("the file holds no graph (not an ONNX model)")
	}
	return p.finish()
}

// finish drops the constants from the inputs and refuses names used twice.
func (p *parser) finish() error {
	constants := make(map[string]bool, len(p.info.Initializers))
	for _, t := range p.info.Initializers {
		if constants[t.Name] {
			return fmt.Errorf("two constants are named %q", t.Name)
		}
		constants[t.Name] = true
	}
	inputs := p.info.Inputs[:0]
	for _, v := range p.info.Inputs {
		if !constants[v.Name] {
			inputs = append(inputs, v)
		}
	}
	p.info.Inputs = inputs
	return nil
}

func (p *parser) opset(f *field) error {
	if err := p.count(); err != nil {
		return err
	}
	var domain string
	var version int64
	err := f.sub(func(f *field) (err error) {
		switch f.num {
		case 1:
			domain, err = f.text()
		case 2:
			version = int64(f.scalar)
		}
		return err
	})
	if domain == "ai.onnx" {
		domain = ""
	}
	p.info.Opsets[domain] = version
	return err
}

func (p *parser) metadata(f *field) error {
	if err := p.count(); err != nil {
		return err
	}
	if f.body.end-f.body.pos > maxName {
		return nil // some tools keep whole documents here
	}
	key, value, err := entry(f)
	p.info.Metadata[key] = value
	return err
}

// entry reads a StringStringEntryProto.
func entry(f *field) (key, value string, err error) {
	err = f.sub(func(f *field) (err error) {
		switch f.num {
		case 1:
			key, err = f.text()
		case 2:
			value, err = f.text()
		}
		return err
	})
	return key, value, err
}

func (p *parser) graph(f *field, depth int) error {
	if depth > maxSubgraph {
		return fmt.Errorf("byte %d: graphs nested deeper than %d", f.body.pos, maxSubgraph)
	}
	return f.sub(func(f *field) error {
		switch f.num {
		case 1:
			return p.node(f, depth)
		case 5:
			t, err := tensor(f)
			if err != nil {
				return err
			}
			return p.constant(t, depth)
		case 11, 12:
			if err := p.count(); err != nil {
				return err
			}
			v, err := value(f)
			if depth > 0 {
				p.info.inner[v.Name] = true
			} else if f.num == 11 {
				p.info.Inputs = append(p.info.Inputs, v)
			} else {
				p.info.Outputs = append(p.info.Outputs, v)
			}
			return err
		}
		return nil
	})
}

// weightTypes are the types in which exports store weights.
var weightTypes = []DataType{Float16, BFloat16, Float32, Float64, Int8, Uint8}

// constant counts a tensor as parameters, and keeps it when it belongs to the main graph.
func (p *parser) constant(t Initializer, depth int) error {
	if err := p.count(); err != nil {
		return err
	}
	n, ok := elements(t.Dims)
	if !ok {
		return fmt.Errorf("constant %q has the impossible shape %v", t.Name, t.Dims)
	}
	switch {
	case len(t.Dims) == 0: // a number of the formula, such as the root of the head's size
	case slices.Contains(weightTypes, t.Type):
		if p.info.Params += n; p.info.Params < 0 {
			return fmt.Errorf("constant %q has the impossible shape %v", t.Name, t.Dims)
		}
	}
	if t.External != "" && !p.files[t.External] {
		p.files[t.External] = true
		p.info.files = append(p.info.files, t.External)
	}
	if depth == 0 {
		p.info.Initializers = append(p.info.Initializers, t)
	}
	return nil
}

func (p *parser) node(f *field, depth int) error {
	if err := p.count(); err != nil {
		return err
	}
	n := graphNode{at: f.body.pos, alpha: 1, beta: 1}
	var held *Initializer // the tensor of a Constant node
	err := f.sub(func(f *field) error {
		var s string
		var err error
		switch f.num {
		case 1:
			s, err = f.text()
			n.Inputs = append(n.Inputs, s)
			if depth > 0 {
				p.info.inner[s] = true
			}
		case 2:
			s, err = f.text()
			n.Outputs = append(n.Outputs, s)
		case 3:
			n.Name, err = f.text()
		case 4:
			n.Op, err = f.text()
		case 5:
			err = p.attribute(f, &n, &held, depth)
		case 7:
			n.Domain, err = f.text()
		}
		return err
	})
	if err != nil {
		return err
	}
	op := n.kind()
	p.info.Ops[op]++
	if op == "Constant" && held != nil {
		if len(n.Outputs) == 1 {
			held.Name = n.Outputs[0]
		}
		return p.constant(*held, depth)
	}
	if depth == 0 {
		p.info.nodes = append(p.info.nodes, n)
	}
	return nil
}

// attribute reads an AttributeProto: what graphNode keeps, the tensor of a Constant, and the graphs of If and Loop.
func (p *parser) attribute(f *field, n *graphNode, held **Initializer, depth int) error {
	if err := p.count(); err != nil {
		return err
	}
	var name string
	var integer int64
	var real uint64
	var list []int64
	var text string
	var t *Initializer
	err := f.sub(func(f *field) (err error) {
		switch f.num {
		case 1:
			name, err = f.text()
		case 2:
			real = f.scalar
		case 3:
			integer = int64(f.scalar)
		case 4:
			if f.body.end-f.body.pos <= maxName {
				text, err = f.text()
			}
		case 5:
			var x Initializer
			x, err = tensor(f)
			t = &x
		case 6, 11:
			err = p.graph(f, depth+1)
		case 8:
			// Only a permutation matters here; a long list is some other attribute.
			if list, err = f.ints(list, maxRank); err != nil {
				list, err = nil, nil
			}
		}
		return err
	})
	switch name {
	case "transA":
		n.transA = integer != 0
	case "transB":
		n.transB = integer != 0
	case "alpha":
		n.alpha = math.Float32frombits(uint32(real))
	case "beta":
		n.beta = math.Float32frombits(uint32(real))
	case "axis":
		n.axis = &integer
	case "to":
		n.to = DataType(integer)
	case "approximate":
		n.approximate = text != "none"
	case "perm":
		n.perm = list
	case "value":
		*held = t
	}
	return err
}

// tensor reads a TensorProto without its data.
func tensor(f *field) (Initializer, error) {
	var t Initializer
	external := false
	err := f.sub(func(f *field) (err error) {
		size := f.body.end - f.body.pos
		switch f.num {
		case 1:
			t.Dims, err = f.ints(t.Dims, maxRank)
		case 2:
			t.Type = DataType(f.scalar)
		case 4:
			// float_data may come in several pieces or one number at a time; only one packed piece is a plain array.
			if f.typ == protowire.BytesType && !t.data.floats {
				t.data.floats, t.data.start, t.data.size = true, f.body.pos, size
			} else {
				t.data.other = true
			}
		case 5, 6, 7, 10, 11:
			t.data.other = true
		case 8:
			t.Name, err = f.text()
		case 9:
			if f.typ != protowire.BytesType {
				return errors.New("raw_data is not bytes")
			}
			t.data = location{raw: true, start: f.body.pos, size: size}
		case 13:
			var key, value string
			if key, value, err = entry(f); err == nil {
				err = t.locate(key, value)
			}
		case 14:
			external = f.scalar == 1
		}
		return err
	})
	if !external {
		t.External, t.Offset, t.Length = "", 0, 0
	} else if err == nil && t.External == "" {
		err = fmt.Errorf("constant %q is external but names no file", t.Name)
	}
	return t, err
}

// locate takes one entry of external_data. A location outside the model's folder is refused.
func (t *Initializer) locate(key, value string) error {
	number := func() (int64, error) {
		var n int64
		if _, err := fmt.Sscanf(value, "%d", &n); err != nil || n < 0 {
			return 0, fmt.Errorf("constant %q: external %s %q is not a size", t.Name, key, value)
		}
		return n, nil
	}
	var err error
	switch key {
	case "location":
		if !filepath.IsLocal(filepath.FromSlash(value)) {
			return fmt.Errorf("constant %q: external data in %q, outside the model's folder", t.Name, value)
		}
		t.External = value
	case "offset":
		t.Offset, err = number()
	case "length":
		t.Length, err = number()
	}
	return err
}

// value reads a ValueInfoProto.
func value(f *field) (Value, error) {
	var v Value
	err := f.sub(func(f *field) (err error) {
		switch f.num {
		case 1:
			v.Name, err = f.text()
		case 2: // TypeProto
			return f.sub(func(f *field) error {
				if f.num != 1 { // tensor_type
					return nil
				}
				return f.sub(func(f *field) error {
					switch f.num {
					case 1:
						v.Type = DataType(f.scalar)
					case 2:
						v.Ranked = true
						return f.sub(func(f *field) error { return v.dimension(f) })
					}
					return nil
				})
			})
		}
		return err
	})
	return v, err
}

func (v *Value) dimension(f *field) error {
	if f.num != 1 {
		return nil
	}
	if len(v.Dims) == maxRank {
		return fmt.Errorf("%q has more than %d dimensions", v.Name, maxRank)
	}
	var d Dim
	err := f.sub(func(f *field) (err error) {
		switch f.num {
		case 1:
			d.Size = max(0, int64(f.scalar))
		case 2:
			d.Name, err = f.text()
		}
		return err
	})
	v.Dims = append(v.Dims, d)
	return err
}

// ExternalFiles lists the files that hold the data of constants, those of subgraphs included, relative to the model's
// folder, each once.
func (i *Info) ExternalFiles() []string { return slices.Clone(i.files) }

// Input returns the input of that name.
func (i *Info) Input(name string) (Value, bool) { return find(i.Inputs, name) }

// Output returns the output of that name.
func (i *Info) Output(name string) (Value, bool) { return find(i.Outputs, name) }

func find(list []Value, name string) (Value, bool) {
	for _, v := range list {
		if v.Name == name {
			return v, true
		}
	}
	return Value{}, false
}
