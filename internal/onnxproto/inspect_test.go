package onnxproto

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

func readBytes(data []byte) (*File, error) { return read(bytes.NewReader(data), int64(len(data))) }

// nested is a model whose only node holds a graph, whose only node holds a graph, and so on.
func nested(depth int) []byte {
	var graph []byte
	for range depth {
		attr := appendBytes(appendString(nil, 1, "body"), 6, graph)
		node := appendBytes(appendString(nil, 4, "Loop"), 5, attr)
		graph = appendBytes(nil, 1, node)
	}
	return appendBytes(nil, 7, graph)
}

// TestExternalOfSubgraph finds the file of a constant that only a graph within the graph has, for which no pull would ask
// otherwise.
func TestExternalOfSubgraph(t *testing.T) {
	tensor := func(name, location string) []byte {
		t := appendInt(appendInt(appendInt(appendString(nil, 8, name), 1, 2), 2, uint64(Float32)), 14, 1)
		return append(t, entryField("location", location)...)
	}
	value := appendBytes(appendString(nil, 1, "value"), 5, tensor("", "b.bin"))
	held := appendBytes(appendString(appendString(nil, 2, "c"), 4, "Constant"), 5, value)
	inner := appendBytes(appendBytes(nil, 5, tensor("w", "c.bin")), 1, held)
	branch := appendBytes(appendString(nil, 1, "then_branch"), 6, inner)
	graph := appendBytes(appendBytes(nil, 5, tensor("v", "a.bin")), 1, appendBytes(appendString(nil, 4, "If"), 5, branch))
	f, err := readBytes(appendBytes(nil, 7, graph))
	if err != nil {
		t.Fatal(err)
	}
	// The order is that of the file, each once.
	if got := slices.Sorted(slices.Values(f.ExternalFiles())); !slices.Equal(got, []string{"a.bin", "b.bin", "c.bin"}) {
		t.Errorf("external files: %q", got)
	}
	if len(f.Initializers) != 1 || f.Initializers[0].Name != "v" {
		t.Errorf("constants of the main graph: %v", f.Initializers)
	}
}

// constant is a model with one constant, given by the fields of its TensorProto.
func constant(fields []byte) []byte { return appendBytes(nil, 7, appendBytes(nil, 5, fields)) }

func entryField(key, value string) []byte {
	return appendBytes(nil, 13, appendString(appendString(nil, 1, key), 2, value))
}

func TestReadRefuses(t *testing.T) {
	external := func(location string) []byte {
		return constant(append(appendInt(appendString(nil, 8, "w"), 14, 1), entryField("location", location)...))
	}
	many := bytes.Repeat(appendBytes(nil, 1, nil), maxItems+1)
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "empty"},
		{"pointer", []byte("version https://git-lfs.github.com/spec/v1\noid sha256:ab\n"), "git lfs pull"},
		{"text", []byte("<!DOCTYPE html><html>"), "not an ONNX model"},
		{"no graph", appendInt(nil, 1, 8), "no graph"},
		{"length beyond the file", append(protowire.AppendTag(nil, 7, protowire.BytesType), 0xff, 0xff, 0xff, 0xff, 0x7f), "truncated"},
		{"huge length", append(protowire.AppendTag(nil, 7, protowire.BytesType), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1), "truncated"},
		{"endless varint", append(protowire.AppendTag(nil, 1, protowire.VarintType), bytes.Repeat([]byte{0xff}, 20)...), "bad number"},
		{"group", protowire.AppendTag(nil, 7, protowire.StartGroupType), "wire type 3"},
		{"graph as a number", appendInt(nil, 7, 1), "not a message"},
		{"deep", nested(maxSubgraph + 2), "nested deeper"},
		{"very deep", nested(2000), "nested deeper"},
		{"many nodes", appendBytes(nil, 7, many), "more nodes"},
		{"long name", appendBytes(nil, 7, appendBytes(nil, 1, appendString(nil, 3, strings.Repeat("x", maxName+1)))), "a name of"},
		{"rank", constant(bytes.Repeat(appendInt(nil, 1, 2), maxRank+1)), "more than 32 numbers"},
		{"packed rank", constant(appendBytes(nil, 1, bytes.Repeat([]byte{1}, 1000))), "more than 32 numbers"},
		{"negative shape", constant(appendInt(nil, 1, ^uint64(0))), "impossible shape"},
		{"huge shape", constant(bytes.Repeat(appendInt(nil, 1, 1<<40), 3)), "impossible shape"},
		{"two of a name", appendBytes(nil, 7, bytes.Repeat(appendBytes(nil, 5, appendString(nil, 8, "w")), 2)), `named "w"`},
		{"external above", external("../../etc/passwd"), "outside the model's folder"},
		{"external absolute", external("/etc/passwd"), "outside the model's folder"},
		{"external unnamed", constant(appendInt(nil, 14, 1)), "names no file"},
		{"external offset", constant(append(appendInt(nil, 14, 1), entryField("offset", "-3")...)), "not a size"},
	}
	for _, test := range tests {
		if _, err := readBytes(test.data); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	if _, err := readBytes(nested(maxSubgraph)); err != nil {
		t.Errorf("nested to the bound: %v", err)
	}
	if _, err := Open(t.TempDir()); err == nil {
		t.Error("a folder was opened")
	}
}

// TestTruncated cuts a model at every byte: never a panic, and an error unless the cut falls between two fields of the
// whole model.
func TestTruncated(t *testing.T) {
	m := example()
	whole, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	good := 0
	for n := range whole {
		if _, err := readBytes(whole[:n]); err == nil {
			good++
		}
	}
	if good > 2 { // after the graph, after the operator sets
		t.Errorf("%d truncated models were read without an error", good)
	}
}

func TestConstantNodesAndOldInputs(t *testing.T) {
	tensor := appendBytes(appendInt(appendInt(nil, 1, 3), 2, uint64(Float32)), 9, make([]byte, 12))
	attr := appendBytes(appendString(nil, 1, "value"), 5, tensor)
	node := appendBytes(appendString(appendString(nil, 2, "c"), 4, "Constant"), 5, attr)
	v := Value{Name: "w", Type: Float32, Dims: []Dim{{Size: 2}}}
	x := Value{Name: "x", Type: Float32}
	graph := appendBytes(nil, 1, node)
	graph = appendBytes(graph, 5, (&Tensor{Name: "w", Type: Float32, Dims: []int64{2}, Data: make([]byte, 8)}).append(nil))
	graph = appendBytes(appendBytes(graph, 11, v.marshal()), 11, x.marshal())
	f, err := readBytes(appendBytes(nil, 7, graph))
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Inputs) != 1 || f.Inputs[0].Name != "x" {
		t.Errorf("inputs %v: a constant must not be among them", f.Inputs)
	}
	if f.Params != 5 {
		t.Errorf("%d parameters, want 3 of the Constant node and 2 of the initializer", f.Params)
	}
	if v, dims, err := f.Floats("c"); err != nil || !reflect.DeepEqual(v, make([]float32, 3)) || !reflect.DeepEqual(dims, []int64{3}) {
		t.Errorf("c: %v %v %v", v, dims, err)
	}
}

func TestExternalData(t *testing.T) {
	dir := t.TempDir()
	weights := Float32Tensor("", nil, []float32{1, 2, 3, 4, 5}).Data
	fields := func(offset, length string) []byte {
		b := appendInt(appendInt(appendString(nil, 8, "w"), 1, 2), 2, uint64(Float32))
		b = append(appendInt(b, 14, 1), entryField("location", "weights.bin")...)
		b = append(b, entryField("offset", offset)...)
		if length != "" {
			b = append(b, entryField("length", length)...)
		}
		return constant(b)
	}
	tests := []struct {
		offset, length, want string
		data                 []byte
	}{
		{"4", "8", "", weights},
		{"12", "", "", weights},
		{"8", "", "12 bytes of data where float32 of shape [2] takes 8", weights},
		{"16", "8", "truncated", weights},
		{"4", "8", "no such file", nil},
		{"9223372036854775807", "8", "truncated", weights},
	}
	for _, test := range tests {
		path := filepath.Join(dir, "model.onnx")
		if err := os.WriteFile(path, fields(test.offset, test.length), 0o666); err != nil {
			t.Fatal(err)
		}
		os.Remove(filepath.Join(dir, "weights.bin"))
		if test.data != nil {
			if err := os.WriteFile(filepath.Join(dir, "weights.bin"), test.data, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		f := open(t, path)
		if files := f.ExternalFiles(); !reflect.DeepEqual(files, []string{"weights.bin"}) {
			t.Errorf("external files %v", files)
		}
		got, _, err := f.Floats("w")
		if test.want != "" {
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("offset %s length %s: %v", test.offset, test.length, err)
			}
			continue
		}
		first := float32(test.offset[0]-'0')/4 + 1
		if test.offset == "12" {
			first = 4
		}
		if err != nil || !reflect.DeepEqual(got, []float32{first, first + 1}) {
			t.Errorf("offset %s length %s: %v %v", test.offset, test.length, got, err)
		}
	}
}

// TestTypedData reads constants whose numbers lie in float_data, as onnx.helper.make_tensor writes them.
func TestTypedData(t *testing.T) {
	numbers := Float32Tensor("", nil, []float32{1, 2}).Data
	head := appendInt(appendInt(appendString(nil, 8, "w"), 1, 2), 2, uint64(Float32))
	single := protowire.AppendFixed32(protowire.AppendTag(nil, 4, protowire.Fixed32Type), 0x3f800000)
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"one piece", appendBytes(nil, 4, numbers), ""},
		{"two pieces", appendBytes(appendBytes(nil, 4, numbers[:4]), 4, numbers[4:]), "not one plain array"},
		{"one at a time", append(single, single...), "not one plain array"},
		{"too short", appendBytes(nil, 4, numbers[:4]), "4 bytes of data where float32 of shape [2] takes 8"},
		{"none", nil, "0 bytes of data"},
		{"integers", appendBytes(nil, 7, []byte{1, 2}), "not one plain array"},
	}
	for _, test := range tests {
		f, err := readBytes(constant(append(head[:len(head):len(head)], test.data...)))
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := f.Floats("w")
		if test.want == "" && (err != nil || !reflect.DeepEqual(got, []float32{1, 2})) {
			t.Errorf("%s: %v, %v", test.name, got, err)
		}
		if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	m := example()
	whole, err := m.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add(nested(5))
	for _, p := range projections() {
		data, err := p.model.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := readBytes(data)
		if err != nil {
			return
		}
		for _, c := range file.Initializers {
			if c.External == "" {
				file.Floats(c.Name)
			}
		}
		file.Positions()
		for _, o := range file.Outputs {
			if p, err := file.Projection(o.Name); err == nil && p.Vocab > 0 {
				p.Read(file, []int{0, p.Vocab - 1})
			}
			file.Hidden(o.Name, false)
		}
	})
}
