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

func readBytes(data []byte) (*File, error) {
	return Read(bytes.NewReader(data), int64(len(data)), "model.onnx")
}

// nested returns a model with graphs nested in the only node of each other.
func nested(depth int) []byte {
	var graph []byte
	for range depth {
		attr := appendBytes(appendString(nil, 1, "body"), 6, graph)
		node := appendBytes(appendString(nil, 4, "Loop"), 5, attr)
		graph = appendBytes(nil, 1, node)
	}
	return appendBytes(nil, 7, graph)
}

// TestExternalOfSubgraph checks that ExternalFiles lists the files of constants in subgraphs. A pull from the hub fetches the
// files that it lists.
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
	if got := slices.Sorted(slices.Values(f.ExternalFiles())); !slices.Equal(got, []string{"a.bin", "b.bin", "c.bin"}) {
		t.Errorf("external files are %q", got)
	}
	if len(f.Initializers) != 1 || f.Initializers[0].Name != "v" {
		t.Errorf("constants of the main graph are %v, want v alone", f.Initializers)
	}
}

// constant returns a model with one constant, given by the fields of its TensorProto.
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
		{"rank", constant(bytes.Repeat(appendInt(nil, 1, 2), maxRank+1)), "has more than 32 numbers"},
		{"packed rank", constant(appendBytes(nil, 1, bytes.Repeat([]byte{1}, 1000))), "has more than 32 numbers"},
		{"negative shape", constant(appendInt(nil, 1, ^uint64(0))), "impossible shape"},
		{"huge shape", constant(bytes.Repeat(appendInt(nil, 1, 1<<40), 3)), "impossible shape"},
		{"two constants of one name", appendBytes(nil, 7, bytes.Repeat(appendBytes(nil, 5, appendString(nil, 8, "w")), 2)), `named "w"`},
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
		t.Errorf("nested as deep as is allowed: %v", err)
	}
	if _, err := Open(t.TempDir()); err == nil || !strings.Contains(err.Error(), "is a folder, not a file") {
		t.Errorf("opening a folder: %v", err)
	}
}

// TestTruncated cuts a model at every byte. Reading it must fail, unless the cut falls between two fields of the model.
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
	if good != 2 { // cut after the graph and after the operator sets
		t.Errorf("%d truncated models were read without an error, want 2", good)
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
		t.Errorf("inputs are %v, want x alone: w is a constant", f.Inputs)
	}
	if f.Params != 5 {
		t.Errorf("%d parameters, want 3 of the Constant node and 2 of the initializer", f.Params)
	}
	if v, dims, err := f.Floats("c"); err != nil || !reflect.DeepEqual(v, make([]float32, 3)) || !reflect.DeepEqual(dims, []int64{3}) {
		t.Errorf("constant c is %v of shape %v, error %v", v, dims, err)
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
		{"8", "", "12 bytes of data, but float32 of shape [2] takes 8", weights},
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
			t.Errorf("external files are %v", files)
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

// TestTypedData reads constants whose elements are in float_data, as onnx.helper.make_tensor writes them.
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
		{"too short", appendBytes(nil, 4, numbers[:4]), "4 bytes of data, but float32 of shape [2] takes 8"},
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

// FuzzRead checks what callers rely on for every model that Open accepts.
func FuzzRead(f *testing.F) {
	m := example()
	whole, err := m.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add(nested(5))
	f.Add(constant(appendBytes(appendInt(appendString(nil, 8, "w"), 1, 2), 4, make([]byte, 8))))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := readBytes(data)
		if err != nil {
			return
		}
		if file.Params < 0 {
			t.Errorf("%d parameters", file.Params)
		}
		for _, n := range file.Nodes {
			if n.Pos <= 0 || n.Pos > int64(len(data)) || file.Ops[n.Kind()] < 1 {
				t.Errorf("node %+v lies at byte %d of %d and is counted %d times", n, n.Pos, len(data), file.Ops[n.Kind()])
			}
		}
		names := map[string]bool{}
		for _, c := range file.Initializers {
			if names[c.Name] {
				t.Errorf("two constants are named %q", c.Name)
			}
			names[c.Name] = true
			if c.External != "" {
				if !filepath.IsLocal(c.External) || !slices.Contains(file.ExternalFiles(), c.External) {
					t.Errorf("constant %q has the external file %q; listed are %q", c.Name, c.External, file.ExternalFiles())
				}
				continue
			}
			if v, _, err := file.Floats(c.Name); err == nil && (int64(len(v)) != c.Elements() || len(v) > len(data)) {
				t.Errorf("constant %q of shape %v has %d elements in a file of %d bytes", c.Name, c.Dims, len(v), len(data))
			}
		}
		for _, v := range file.Inputs {
			if names[v.Name] {
				t.Errorf("the constant %q is an input", v.Name)
			}
		}
	})
}
