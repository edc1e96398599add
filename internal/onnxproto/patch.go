package onnxproto

import "errors"

// OutputPatch returns bytes that, appended to a model file, add nodes to the end of its graph and outputs to its
// outputs. Protobuf merges a message that occurs twice, so nothing has to be rewritten, however large the model: this
// is how the hidden state of a model that was exported with logits only becomes an output.
func OutputPatch(nodes []Node, outputs []Value) ([]byte, error) {
	if len(outputs) == 0 {
		return nil, errors.New("onnxproto: a patch needs an output")
	}
	var graph []byte
	for _, n := range nodes {
		graph = appendBytes(graph, 1, n.marshal())
	}
	for _, v := range outputs {
		if v.Name == "" || v.Type == 0 {
			return nil, errors.New("onnxproto: an output of a patch needs a name and a type")
		}
		graph = appendBytes(graph, 12, v.marshal())
	}
	return appendBytes(nil, 7, graph), nil
}
