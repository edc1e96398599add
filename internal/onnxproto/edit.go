package onnxproto

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// An Edit is a change to the main graph of a model.
type Edit struct {
	DropOutputs   []string       // outputs to remove, so that a runtime does not compute what only they need
	DropConstants []string       // initializers and Constant nodes to remove; no remaining node may use them
	Replace       map[int64]Node // replacements of nodes by their [Node.Pos]; the zero Node removes the node
	Nodes         []Node         // nodes to add at the end of the graph
	Inputs        []Value        // inputs to add; each needs a name and a type
	Outputs       []Value        // outputs to add; each needs a name and a type
	// Refer is the size in bytes from which constants stay in the old file. The new model refers to them as to external
	// data. If it is 0, all constants are copied.
	Refer int64
	// Locations are new paths of files that hold external data, by their old ones, and of the model file itself, by its name
	// (see [Locate]). A constant of a subgraph keeps its path.
	Locations map[string]string
}

// Empty reports whether the edit changes nothing.
func (e *Edit) Empty() bool {
	return len(e.DropOutputs)+len(e.DropConstants)+len(e.Replace)+len(e.Nodes)+len(e.Inputs)+len(e.Outputs)+len(e.Locations) == 0
}

// Edited returns the bytes of the model after an edit. Apart from these, only a small window of the file is in memory at a
// time, so constants that are dropped or referred to take none.
func (f *File) Edited(e Edit) ([]byte, error) {
	w := editor{file: f, edit: e, drop: map[string]bool{}}
	for _, name := range e.DropConstants {
		w.drop[name] = true
	}
	data, err := w.model()
	if err != nil {
		return nil, fmt.Errorf("onnxproto: %s: %w", f.path, err)
	}
	return data, nil
}

// A piece is a part of the new file: new bytes, or a range of bytes of the old file.
type piece struct {
	bytes    []byte
	from, to int64
}

func (p piece) size() int64 { return int64(len(p.bytes)) + p.to - p.from }

// pieces are the parts of the new file in their order.
type pieces []piece

func (l *pieces) add(b []byte) { *l = append(*l, piece{bytes: b}) }

// keep adds a range of the old file. It extends the last piece if the range follows it.
func (l *pieces) keep(from, to int64) {
	if n := len(*l) - 1; n >= 0 && (*l)[n].bytes == nil && (*l)[n].to == from {
		(*l)[n].to = to
		return
	}
	*l = append(*l, piece{from: from, to: to})
}

func (l pieces) size() int64 {
	var n int64
	for _, p := range l {
		n += p.size()
	}
	return n
}

type editor struct {
	file *File
	edit Edit
	drop map[string]bool
}

func (w *editor) model() ([]byte, error) {
	for _, v := range slices.Concat(w.edit.Inputs, w.edit.Outputs) {
		if v.Name == "" || v.Type == 0 {
			return nil, errors.New("an added input or output needs a name and a type")
		}
	}
	var all pieces
	m := message{newSource(w.file.r, w.file.size, maxText), 0, w.file.size}
	err := m.eachAt(func(f *field, from, to int64) error {
		if f.num != 7 { // graph
			all.keep(from, to)
			return nil
		}
		graph, err := w.graph(f)
		if err != nil {
			return err
		}
		all.add(protowire.AppendVarint(protowire.AppendTag(nil, 7, protowire.BytesType), uint64(graph.size())))
		all = append(all, graph...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	all.add(w.end())
	if n := all.size(); n > maxModel {
		return nil, fmt.Errorf("the model would have %d bytes; a model of more than 2 GB must keep its weights in an external file", n)
	}
	return w.join(all)
}

// end returns what is added at the end of the model. Protobuf merges two occurrences of a message, so additions to the graph
// can follow as a second graph.
func (w *editor) end() []byte {
	var graph, b []byte
	for _, n := range w.edit.Nodes {
		graph = appendBytes(graph, 1, n.marshal())
	}
	for _, v := range w.edit.Inputs {
		graph = appendBytes(graph, 11, v.marshal())
	}
	for _, v := range w.edit.Outputs {
		graph = appendBytes(graph, 12, v.marshal())
	}
	if len(graph) > 0 {
		b = appendBytes(b, 7, graph)
	}
	for _, domain := range w.domains() {
		b = appendDomain(b, domain)
	}
	return b
}

// domains returns the operator sets of the new nodes that the model does not import yet.
func (w *editor) domains() []string {
	var list []string
	note := func(n Node) {
		if _, ok := w.file.Opsets[n.Domain]; !ok && n.Domain != "" && !slices.Contains(list, n.Domain) {
			list = append(list, n.Domain)
		}
	}
	for _, n := range w.edit.Nodes {
		note(n)
	}
	for _, n := range w.edit.Replace {
		note(n)
	}
	slices.Sort(list)
	return list
}

func (w *editor) join(all pieces) ([]byte, error) {
	data := make([]byte, 0, all.size())
	for _, p := range all {
		if data = append(data, p.bytes...); p.from == p.to {
			continue
		}
		start := len(data)
		data = data[:start+int(p.to-p.from)]
		if _, err := w.file.r.ReadAt(data[start:], p.from); err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("reading: %w", err)
		}
	}
	return data, nil
}

// graph returns the fields of the graph, without what is dropped and with the replacements in the place of their nodes.
func (w *editor) graph(f *field) (pieces, error) {
	if f.typ != protowire.BytesType {
		return nil, errors.New("the graph is not a message")
	}
	var kept pieces
	err := f.body.eachAt(func(f *field, from, to int64) error {
		if f.typ != protowire.BytesType {
			kept.keep(from, to)
			return nil
		}
		if n, ok := w.edit.Replace[f.body.pos]; ok && f.num == 1 {
			if n.Op != "" {
				kept.add(appendBytes(nil, 1, n.marshal()))
			}
			return nil
		}
		dropped, err := w.dropped(f)
		if err != nil || dropped {
			return err
		}
		if t, ok, err := w.reference(f); err != nil || ok {
			kept.add(t)
			return err
		}
		kept.keep(from, to)
		return nil
	})
	return kept, err
}

// reference returns the field of an initializer whose data stays in the old file, or lies in a file with a new path. It reports
// false for all other fields.
func (w *editor) reference(f *field) ([]byte, bool, error) {
	const initializer = 5
	large := w.edit.Refer > 0 && f.body.end-f.body.pos >= w.edit.Refer
	if f.num != initializer || !large && len(w.edit.Locations) == 0 {
		return nil, false, nil
	}
	t, err := tensor(f)
	if err != nil {
		return nil, false, err
	}
	small := Tensor{Name: t.Name, Type: t.Type, Dims: t.Dims}
	if to := w.edit.Locations[t.External]; t.External != "" && to != "" {
		length := t.Length
		if length == 0 {
			length = t.Elements() * int64(t.Type.Size())
		}
		return appendBytes(nil, 5, appendExternal(small.header(), to, t.Offset, length)), true, nil
	}
	model := filepath.Base(w.file.path)
	if to := w.edit.Locations[model]; to != "" {
		model = to
	}
	if !large || t.External != "" || !t.data.raw || t.data.size < w.edit.Refer {
		return nil, false, nil
	}
	return appendBytes(nil, 5, appendExternal(small.header(), model, t.data.start, t.data.size)), true, nil
}

// dropped reports whether a field of the graph is left out.
func (w *editor) dropped(f *field) (bool, error) {
	// The field that names each kind of message: node (by its first output), initializer, input, output.
	name := map[protowire.Number]protowire.Number{1: 2, 5: 8, 11: 1, 12: 1}[f.num]
	if name == 0 || f.num != 12 && len(w.drop) == 0 {
		return false, nil
	}
	var text, op string
	err := f.sub(func(g *field) (err error) {
		switch {
		case g.num == name && text == "":
			text, err = g.text()
		case f.num == 1 && g.num == 4: // op_type
			op, err = g.text()
		}
		return err
	})
	if f.num == 12 {
		return slices.Contains(w.edit.DropOutputs, text), err
	}
	return (f.num != 1 || op == "Constant") && w.drop[text], err
}
