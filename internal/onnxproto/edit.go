package onnxproto

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// Edit is a change to the main graph of a model.
type Edit struct {
	DropOutputs   []string       // outputs to leave out, so that a runtime does not compute what only they need
	DropConstants []string       // initializers and Constant nodes to leave out; nothing that remains may use them
	Replace       map[int64]Node // what stands in the place of a node, by [Linear.At]; the zero Node is nothing
	Nodes         []Node         // put at the end of the graph
	Outputs       []Value        // likewise; each needs a name and a type
	// Refer has constants of that many bytes and more stay in the old file: the new model refers to their place there, as to
	// external data. 0 copies all.
	Refer int64
}

// Empty says that the edit changes nothing.
func (e *Edit) Empty() bool {
	return len(e.DropOutputs)+len(e.DropConstants)+len(e.Replace)+len(e.Nodes)+len(e.Outputs) == 0
}

// Edited returns the bytes of the model after an edit. Besides them no more than a window of the file is in memory, so
// that weights which are dropped, or referred to, cost nothing.
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

// piece is a stretch of the new file: some bytes, or a stretch of the old one.
type piece struct {
	bytes    []byte
	from, to int64
}

func (p piece) size() int64 { return int64(len(p.bytes)) + p.to - p.from }

// pieces are joined to a file.
type pieces []piece

func (l *pieces) add(b []byte) { *l = append(*l, piece{bytes: b}) }

// keep adds a stretch of the old file, to the last piece where that ends there.
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
	for _, v := range w.edit.Outputs {
		if v.Name == "" || v.Type == 0 {
			return nil, errors.New("an output that is added needs a name and a type")
		}
	}
	var all pieces
	m := message{newSource(w.file.r, w.file.size, maxText), 0, w.file.size}
	err := m.eachAt(func(f *field, from, to int64) error {
		if f.num != 7 {
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
		return nil, fmt.Errorf("the model would have %d bytes; one of more than 2 GB keeps its weights in a file of its own", n)
	}
	return w.join(all)
}

// end is what is put at the end of the model. Protobuf merges a message that occurs twice, so what is added to the graph
// need not be in its place.
func (w *editor) end() []byte {
	var graph, b []byte
	for _, n := range w.edit.Nodes {
		graph = appendBytes(graph, 1, n.marshal())
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

// domains lists the operator sets of new nodes that the model does not import.
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

// graph returns a graph's fields without what is dropped, and with what replaces a node in its place.
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

// reference makes the field of an initializer whose data stays where it is.
func (w *editor) reference(f *field) ([]byte, bool, error) {
	if size := f.body.end - f.body.pos; f.num != 5 || w.edit.Refer == 0 || size < w.edit.Refer {
		return nil, false, nil
	}
	t, err := tensor(f)
	if err != nil || t.External != "" || !t.data.raw || t.data.size < w.edit.Refer {
		return nil, false, err
	}
	small := Tensor{Name: t.Name, Type: t.Type, Dims: t.Dims}
	b := small.header()
	for _, e := range []MetadataEntry{{"location", filepath.Base(w.file.path)}, {"offset", fmt.Sprint(t.data.start)},
		{"length", fmt.Sprint(t.data.size)}} {
		b = appendBytes(b, 13, e.marshal())
	}
	return appendBytes(nil, 5, appendInt(b, 14, 1)), true, nil
}

// dropped says whether a field of the graph is left out.
func (w *editor) dropped(f *field) (bool, error) {
	// Which field of each message is its name: for a node, that of its first output.
	name := map[protowire.Number]protowire.Number{1: 2, 5: 8, 11: 1, 12: 1}[f.num]
	if name == 0 || f.num != 12 && len(w.drop) == 0 {
		return false, nil
	}
	var text, op string
	err := f.sub(func(g *field) (err error) {
		switch {
		case g.num == name && text == "":
			text, err = g.text()
		case f.num == 1 && g.num == 4:
			op, err = g.text()
		}
		return err
	})
	if f.num == 12 {
		return slices.Contains(w.edit.DropOutputs, text), err
	}
	return (f.num != 1 || op == "Constant") && w.drop[text], err
}
