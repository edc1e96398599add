package onnx

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"w2s/internal/onnxproto"
)

// stateOutput matches the names that exports and graphs made here give to the states after each layer.
var stateOutput = regexp.MustCompile(`^hidden_states[._](\d+)$`)

// layerOutput returns the output with the states after a layer. Layer -1 is the last one.
func layerOutput(f *onnxproto.File, layer int) (string, error) {
	names, last := map[int]string{}, -1
	for _, v := range f.Outputs {
		if m := stateOutput.FindStringSubmatch(v.Name); m != nil {
			if n, err := strconv.Atoi(m[1]); err == nil {
				names[n], last = v.Name, max(last, n)
			}
		}
	}
	if last < 0 {
		return "", errors.New("the model has no outputs hidden_states.0, hidden_states.1, ..., of which a layer could be chosen (set the layer of " +
			"the other model alone, as in NAME@layer=3; or export this one with output_hidden_states, or use its config.json and safetensors)")
	}
	n := layer
	if layer < 0 {
		n = last + 1 + layer
	}
	if n < 0 || n > last {
		return "", fmt.Errorf("there is no layer %d: the model has %d to %d, or %d to -1 from the end", layer, 0, last, -last-1)
	}
	if names[n] == "" {
		return "", fmt.Errorf("the model has no output hidden_states.%d", n)
	}
	return names[n], nil
}
