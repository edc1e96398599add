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

	"w2s/internal/regular"
)

// Bounds on what a file may hold. Real exports stay far below them: the largest models have some 10,000 nodes.
const (
	maxName     = 32 << 10 // bytes of one name; less than the window of source
	maxText     = 64 << 20 // bytes of all names
	maxItems    = 1 << 19  // nodes, attributes, constants, inputs and outputs together
	maxRank     = 32       // dimensions of a tensor
	maxSubgraph = 16       // depth of graphs within graphs (If, Loop)
)

// Info is what a model file says about itself, without the data of its constants.
type Info struct {
	IRVersion int64
	Producer  string
	Opsets    map[string]int64  // version of each operator set by domain; "" is the default domain
	Metadata  map[string]string // metadata_props
	Inputs    []Value           // without the constants that old files list among the inputs
	Outputs   []Value
	// Nodes are the nodes of the main graph in the order of the file, without the Constant nodes that hold a tensor.
	Nodes []Node
	// Initializers are the constants of the main graph, including the Constant nodes that hold a tensor.
	Initializers []Initializer
	// SubgraphValues holds the names of all values that subgraphs (If, Loop) and the model's own functions use. Some of
	// them may be values of the main graph.
	SubgraphValues map[string]bool
	// Ops counts the nodes of each kind (see [Node.Kind]), including those of subgraphs and functions.
	Ops map[string]int
	// Params is the number of elements in all floating-point and 8-bit constants that are not scalars, including those of
	// subgraphs. A matrix that the export stores twice (tied embeddings) counts twice. For 4-bit weights it counts the
	// bytes that hold them.
	Params int64

	external []string // files that hold the data of constants, each once
}

// An Initializer is a constant of a model: its shape, and where its data lies.
type Initializer struct {
	Name string
	Type DataType
	Dims []int64
	// External is the file that holds the data, relative to the model's folder, or "" if the model file holds it.
	External       string
	Offset, Length int64 // of the data in the external file; Length 0 means up to its end
	data           location
}

// Elements returns the number of elements.
func (t *Initializer) Elements() int64 {
	n, _ := elements(t.Dims) // checked when the file was read
	return n
}

// Contiguous reports whether the data is one plain array, so that [File.Floats] can read it. Otherwise it is spread over
// several protobuf fields.
func (t *Initializer) Contiguous() bool {
	return t.External != "" || !t.data.other && (!t.data.floats || t.Type == Float32)
}

// A location tells where the model file itself holds the data of a constant.
type location struct {
	raw         bool  // in raw_data
	floats      bool  // in float_data, as one packed piece, which has the same layout as raw_data
	other       bool  // in another typed field
	start, size int64 // bytes of the file
}

// A File is an open model file.
type File struct {
	Info
	path string
	size int64
	r    io.ReaderAt
	c    io.Closer // nil if the file was not opened by Open
}

// Open reads the model at path. The caller closes it.
func Open(path string) (*File, error) {
	r, err := regular.Open(path)
	if err != nil {
		return nil, fmt.Errorf("onnxproto: %w", err)
	}
	f, err := openFile(r, path)
	if err != nil {
		r.Close()
		return nil, err
	}
	f.c = r
	return f, nil
}

func openFile(r *os.File, path string) (*File, error) {
	st, err := r.Stat()
	if err != nil {
		return nil, fmt.Errorf("onnxproto: %s: %w", path, err)
	}
	return Read(r, st.Size(), path)
}

// Read reads a model of the given size. Errors name it by path, and its external files are looked for in the folder of
// path. r must stay readable while the File is in use.
func Read(r io.ReaderAt, size int64, path string) (*File, error) {
	info, err := readInfo(r, size)
	if err != nil {
		return nil, fmt.Errorf("onnxproto: %s: %w", path, err)
	}
	return &File{Info: info, path: path, size: size, r: r}, nil
}

// Close closes the file.
func (f *File) Close() error {
	if f.c == nil {
		return nil
	}
	return f.c.Close()
}

// Path returns the path of the file.
func (f *File) Path() string { return f.path }

// lfsPointer is the beginning of the text that Git LFS leaves in place of a file that was not fetched.
var lfsPointer = []byte("version https://git-lfs")

func readInfo(r io.ReaderAt, size int64) (Info, error) {
	src := newSource(r, size, maxText)
	head, err := src.peek(0, int(min(size, int64(len(lfsPointer)))))
	if err != nil {
		return Info{}, err
	}
	switch {
	case size == 0:
		return Info{}, errors.New("the file is empty")
	case bytes.Equal(head, lfsPointer):
		return Info{}, errors.New("this is a Git LFS pointer, not the model (run: git lfs pull)")
	}
	p := parser{external: map[string]bool{}, info: Info{Opsets: map[string]int64{}, Metadata: map[string]string{},
		Ops: map[string]int{}, SubgraphValues: map[string]bool{}}}
	err = p.model(message{src, 0, size})
	return p.info, err
}

// A parser gathers an Info. Its methods are named after the messages of onnx.proto3.
type parser struct {
	info     Info
	graphs   int
	items    int             // counted so far
	external map[string]bool // files of external data seen so far
}

// count counts one item, and bounds the number of items that a file can make this program keep or visit.
func (p *parser) count() error {
	if p.items++; p.items > maxItems {
		return errors.New("more nodes and constants than any real model has")
	}
	return nil
}

func (p *parser) model(m message) error {
	err := m.each(func(f *field) (err error) {
		switch f.num {
		case 1: // ir_version
			p.info.IRVersion = int64(f.scalar)
		case 2: // producer_name
			p.info.Producer, err = f.text()
		case 7: // graph
			p.graphs++
			err = p.graph(f, 0)
		case 8: // opset_import
			err = p.opset(f)
		case 14: // metadata_props
			err = p.metadata(f)
		case 25: // functions
			err = f.sub(func(f *field) error {
				if f.num != 7 { // node
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

// finish removes the constants from the inputs and refuses two constants of one name.
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
		return nil // some tools store whole documents here
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
		case 1: // node
			return p.node(f, depth)
		case 5: // initializer
			t, err := tensor(f)
			if err != nil {
				return err
			}
			return p.constant(t, depth)
		case 11, 12: // input, output
			if err := p.count(); err != nil {
				return err
			}
			v, err := value(f)
			if depth > 0 {
				p.info.SubgraphValues[v.Name] = true
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

// constant counts the parameters of a constant, and keeps it if it belongs to the main graph.
func (p *parser) constant(t Initializer, depth int) error {
	if err := p.count(); err != nil {
		return err
	}
	n, ok := elements(t.Dims)
	if !ok {
		return fmt.Errorf("constant %q has the impossible shape %v", t.Name, t.Dims)
	}
	switch {
	case len(t.Dims) == 0: // a number of a formula, such as the square root of the head size, is not a weight
	case slices.Contains(weightTypes, t.Type):
		if p.info.Params += n; p.info.Params < 0 {
			return fmt.Errorf("constant %q has the impossible shape %v", t.Name, t.Dims)
		}
	}
	if t.External != "" && !p.external[t.External] {
		p.external[t.External] = true
		p.info.external = append(p.info.external, t.External)
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
	n := Node{Pos: f.body.pos}
	var value *Initializer // the tensor of a Constant node
	err := f.sub(func(f *field) error {
		var s string
		var err error
		switch f.num {
		case 1: // input
			s, err = f.text()
			n.Inputs = append(n.Inputs, s)
			if depth > 0 {
				p.info.SubgraphValues[s] = true
			}
		case 2: // output
			s, err = f.text()
			n.Outputs = append(n.Outputs, s)
		case 3:
			n.Name, err = f.text()
		case 4:
			n.Op, err = f.text()
		case 5: // attribute
			var a Attr
			var t *Initializer
			a, t, err = p.attribute(f, depth)
			n.Attrs = append(n.Attrs, a)
			if a.Name == "value" {
				value = t
			}
		case 7:
			n.Domain, err = f.text()
		}
		return err
	})
	if err != nil {
		return err
	}
	p.info.Ops[n.Kind()]++
	if n.Kind() == "Constant" && value != nil {
		if len(n.Outputs) == 1 {
			value.Name = n.Outputs[0]
		}
		return p.constant(*value, depth)
	}
	if depth == 0 {
		p.info.Nodes = append(p.info.Nodes, n)
	}
	return nil
}

// attribute reads an AttributeProto. It also returns the tensor, if the attribute holds one, and reads the graphs of If and
// Loop.
func (p *parser) attribute(f *field, depth int) (a Attr, t *Initializer, err error) {
	if err := p.count(); err != nil {
		return Attr{}, nil, err
	}
	err = f.sub(func(f *field) (err error) {
		switch f.num {
		case 1:
			a.Name, err = f.text()
		case 2: // f
			a.Float = math.Float32frombits(uint32(f.scalar))
		case 3: // i
			a.Int = int64(f.scalar)
		case 4: // s
			if f.body.end-f.body.pos <= maxName {
				a.Text, err = f.text()
			}
		case 5: // t
			var x Initializer
			x, err = tensor(f)
			t = &x
		case 6, 11: // g, graphs
			err = p.graph(f, depth+1)
		case 8: // ints
			// What is longer than a shape is left out: it may be a table of any length.
			if a.Ints, err = f.ints(a.Ints, maxRank); err != nil {
				a.Ints, err = nil, nil
			}
		case 20: // type
			a.typ = f.scalar
		}
		return err
	})
	return a, t, err
}

// tensor reads a TensorProto, and where its data lies.
func tensor(f *field) (Initializer, error) {
	var t Initializer
	external := false
	err := f.sub(func(f *field) (err error) {
		size := f.body.end - f.body.pos
		switch f.num {
		case 1: // dims
			t.Dims, err = f.ints(t.Dims, maxRank)
		case 2: // data_type
			t.Type = DataType(f.scalar)
		case 4: // float_data
			// It may come in several pieces or one number at a time. Only a single packed piece is a plain array.
			if f.typ == protowire.BytesType && !t.data.floats {
				t.data.floats, t.data.start, t.data.size = true, f.body.pos, size
			} else {
				t.data.other = true
			}
		case 5, 6, 7, 10, 11: // data of other types
			t.data.other = true
		case 8: // name
			t.Name, err = f.text()
		case 9: // raw_data
			if f.typ != protowire.BytesType {
				return errors.New("raw_data is not bytes")
			}
			t.data = location{raw: true, start: f.body.pos, size: size}
		case 13: // external_data
			var key, value string
			if key, value, err = entry(f); err == nil {
				err = t.locate(key, value)
			}
		case 14: // data_location
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

// locate takes over one entry of external_data. It refuses a location outside the model's folder.
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

// ExternalFiles returns the files that hold the data of constants, including those of subgraphs, each once and relative to
// the model's folder.
func (i *Info) ExternalFiles() []string { return slices.Clone(i.external) }

// Output returns the output of that name, and whether there is one.
func (i *Info) Output(name string) (Value, bool) {
	for _, v := range i.Outputs {
		if v.Name == name {
			return v, true
		}
	}
	return Value{}, false
}
