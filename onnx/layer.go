package onnx

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"

	"w2s/internal/onnxproto"
)

// stateOutput matches the names that exports and graphs made here give to the states after each layer.
var stateOutput = regexp.MustCompile(`^hidden_states[._](\d+)$`)

// stateLayer returns the layer whose states an output has, or -1.
func stateLayer(output string) int {
	if m := stateOutput.FindStringSubmatch(output); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			return n
		}
	}
	return -1
}

// stateOutputs returns the names of the outputs with the states after layers, and the last layer, which is -1 if there are none.
func stateOutputs(f *onnxproto.File) (names map[int]string, last int) {
	names, last = map[int]string{}, -1
	for _, v := range f.Outputs {
		if n := stateLayer(v.Name); n >= 0 {
			names[n], last = v.Name, max(last, n)
		}
	}
	return names, last
}

// Layer returns the layer that [Options.Layer] has chosen, counted from 0. ok is false if it has chosen none.
func (c *Checkpoint) Layer() (layer int, ok bool) {
	if !c.plan.ends {
		return 0, false
	}
	return stateLayer(c.Output), true
}

var errNoLayers = errors.New("the model has no outputs hidden_states.0, hidden_states.1, ..., of which a layer could be chosen (set the layer of " +
	"the other model alone, as in NAME@layer=3; or export this one with output_hidden_states, or use its config.json and safetensors)")

// LastLayer returns the number of the last layer that [Options.Layer] can choose. Layers are counted from 0.
func (c *Checkpoint) LastLayer() (int, error) {
	if c.lastLayer < 0 {
		return 0, fmt.Errorf("onnx: checkpoint %s: %s: %w", c.Dir, filepath.Base(c.Model), errNoLayers)
	}
	return c.lastLayer, nil
}

// layerOutput returns the output with the states after a layer. Layer -1 is the last one.
func layerOutput(f *onnxproto.File, layer int) (string, error) {
	names, last := stateOutputs(f)
	if last < 0 {
		return "", errNoLayers
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
