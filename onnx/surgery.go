package onnx

import (
	"fmt"
	"io"
	"math"
	"os"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"w2s/internal/onnxproto"
)

// Field numbers of onnx.proto3.
const (
	modelGraph  = 7
	graphOutput = 12
	valueName   = 1
)

// loadModel reads a whole model file and returns it without the outputs in drop (so that the runtime leaves out what
// only they need: the logits over a large vocabulary, the key-value cache) and with the patch appended.
func loadModel(path string, drop []string, patch []byte) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if st.Size()+int64(len(patch)) > math.MaxInt32 {
		return nil, fmt.Errorf("%s has %d bytes; a model of more than 2 GB keeps its weights in a file of its own", path, st.Size())
	}
	data := make([]byte, st.Size(), st.Size()+int64(len(patch)))
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, err
	}
	if len(drop) > 0 {
		if data, err = dropOutputs(data, drop); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return append(data, patch...), nil
}

// dropOutputs removes outputs from a model, in place. Graphs shrink, so a graph's length field is rewritten in the same
// number of bytes (a varint may have leading zeros).
func dropOutputs(model []byte, drop []string) ([]byte, error) {
	kept := model[:0]
	for rest := model; len(rest) > 0; {
		num, typ, n := protowire.ConsumeTag(rest)
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		m := protowire.ConsumeFieldValue(num, typ, rest[n:])
		if m < 0 {
			return nil, protowire.ParseError(m)
		}
		if num != modelGraph || typ != protowire.BytesType {
			kept = append(kept, rest[:n+m]...)
			rest = rest[n+m:]
			continue
		}
		body, _ := protowire.ConsumeBytes(rest[n:])
		head := m - len(body) // bytes of the length
		kept = append(kept, rest[:n]...)
		at := len(kept)
		kept = append(kept, rest[n:n+head]...)
		start := len(kept)
		var err error
		if kept, err = filterGraph(kept, body, drop); err != nil {
			return nil, err
		}
		putVarint(kept[at:start], uint64(len(kept)-start))
		rest = rest[n+m:]
	}
	return kept, nil
}

// filterGraph appends the fields of a graph to dst, which may be the memory just before it.
func filterGraph(dst, graph []byte, drop []string) ([]byte, error) {
	for len(graph) > 0 {
		num, typ, n := protowire.ConsumeTag(graph)
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		m := protowire.ConsumeFieldValue(num, typ, graph[n:])
		if m < 0 {
			return nil, protowire.ParseError(m)
		}
		skip := false
		if num == graphOutput && typ == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(graph[n:])
			skip = slices.Contains(drop, nameOf(value))
		}
		if !skip {
			dst = append(dst, graph[:n+m]...)
		}
		graph = graph[n+m:]
	}
	return dst, nil
}

// nameOf reads the name of a ValueInfoProto.
func nameOf(value []byte) string {
	for len(value) > 0 {
		num, typ, n := protowire.ConsumeTag(value)
		if n < 0 {
			return ""
		}
		if num == valueName && typ == protowire.BytesType {
			name, m := protowire.ConsumeBytes(value[n:])
			if m < 0 {
				return ""
			}
			return string(name)
		}
		m := protowire.ConsumeFieldValue(num, typ, value[n:])
		if m < 0 {
			return ""
		}
		value = value[n+m:]
	}
	return ""
}

// putVarint writes v as a varint of exactly len(dst) bytes.
func putVarint(dst []byte, v uint64) {
	for i := range dst {
		dst[i] = byte(v&0x7f) | 0x80
		v >>= 7
	}
	dst[len(dst)-1] &^= 0x80
}

// exposeHidden is the patch that makes the value from which logits are computed an output in float32.
func exposeHidden(hidden string, output onnxproto.Value) ([]byte, error) {
	return onnxproto.OutputPatch([]onnxproto.Node{{Op: "Cast", Name: output.Name, Inputs: []string{hidden},
		Outputs: []string{output.Name}, Attrs: []onnxproto.Attr{onnxproto.Int("to", int64(output.Type))}}},
		[]onnxproto.Value{output})
}
