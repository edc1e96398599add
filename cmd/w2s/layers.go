package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"w2s/harness/experiment"
	"w2s/harness/feature"
	"w2s/harness/result"
	"w2s/internal/list"
	"w2s/onnx"
)

// A layerPass is a [feature.Pass] for encoders that are layers of one checkpoint.
type layerPass struct{ *onnx.Layers }

func (p *layerPass) Encode(ctx context.Context, encoders []feature.Encoder, texts []string,
	emit func(index int, vectors []float32, tokens int, truncated bool) error) error {
	return p.Layers.Encode(ctx, list.Map(encoders, func(e feature.Encoder) *onnx.Encoder { return e.(*onnx.Encoder) }), texts, emit)
}

// joinLayers lets models that are layers of the same checkpoint be encoded together. Models that cannot be stay as they are.
func (a *app) joinLayers(models []experiment.Model) {
	byCheckpoint := map[string][]int{}
	for i, m := range models {
		if enc, ok := m.Encoder.(*onnx.Encoder); ok && m.Layer != nil {
			key := m.Layer.Of + "\x00" + enc.Checkpoint().Dir
			byCheckpoint[key] = append(byCheckpoint[key], i)
		}
	}
	for _, of := range byCheckpoint {
		var encoders []*onnx.Encoder
		var distinct []int
		for _, i := range of {
			// Two names can stand for one layer, as 12 and -1.
			if same := func(j int) bool { return models[j].Encoder.Key() == models[i].Encoder.Key() }; !slices.ContainsFunc(distinct, same) {
				encoders, distinct = append(encoders, models[i].Encoder.(*onnx.Encoder)), append(distinct, i)
			}
		}
		layers, err := onnx.JoinLayers(encoders)
		if len(distinct) < 2 || err != nil {
			continue // an error says that each must be encoded by itself
		}
		a.closers = append(a.closers, layers.Close)
		pass := &layerPass{layers}
		for _, i := range distinct {
			models[i].Pass = pass
		}
	}
}

// A layersFlags holds the flags that choose layers of the models of a study.
type layersFlags struct{ strong, weak string }

const layersHelp = `Compares layers of the strong model: the states after each become the features
of student and ceiling. All layers come from one run of the model for each text,
and the cache keeps each as CHECKPOINT@layer=N does.

The strong model must be made from safetensors, or have been exported with
hidden states (output_hidden_states). The weak model stays as it is unless
--weak-layers names layers of it, too.`

// defaultLayers is the number of layers that are compared if none are named.
const defaultLayers = 5

func (l *layersFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&l.strong, "layers", "", "`layers` of the strong model, separated by commas: 0 is the embedding, -1 the last one, "+
		"all stands for all (default: "+strconv.Itoa(defaultLayers)+" at equal distances, up to the last one)")
	fs.StringVar(&l.weak, "weak-layers", "", "`layers` of the weak model, each of which is combined with each layer of --layers (default: its own output)")
}

// layersConfig is config for pairs of layers of two models.
func (f *experimentFlags) layersConfig(ctx context.Context, a *app, p result.Pair, l layersFlags) (experiment.Config, error) {
	strong, err := a.layers(ctx, "--layers", p.Strong, cmp.Or(l.strong, spreadLayers))
	weak, weakErr := []string{p.Weak}, error(nil)
	if l.weak != "" {
		weak, weakErr = a.layers(ctx, "--weak-layers", p.Weak, l.weak)
	}
	if err := errors.Join(err, weakErr); err != nil {
		return experiment.Config{}, err
	}
	var pairs []result.Pair
	for _, w := range weak {
		for _, s := range strong {
			pairs = append(pairs, result.Pair{Weak: w, Strong: s})
		}
	}
	return f.config(ctx, a, list.AppendNew(nil, slices.Concat(weak, strong)...), pairs)
}

// Values of a flag for layers, besides numbers.
const (
	everyLayer   = "all"
	spreadLayers = "spread"
)

// layers returns the names of layers of a checkpoint, which text lists. flag is the name of the flag for errors.
func (a *app) layers(ctx context.Context, flag, name, text string) ([]string, error) {
	if isSupervisor(name) {
		return nil, usagef("%s: %s is a supervisor that is not trained, and has no layers to choose from (it can be the weak one, without --weak-layers)", flag, name)
	}
	if file, ok := cutVectors(name); ok {
		return a.vectorLayers(ctx, flag, file, text)
	}
	named, err := parseModelName(name)
	if err != nil {
		return nil, err
	}
	if named.layer != nil {
		return nil, usagef("model %q has a layer already (leave @layer out, since %s chooses layers)", name, flag)
	}
	last, err := a.lastLayer(ctx, named)
	if err != nil {
		return nil, err
	}
	chosen, err := parseLayers(text, last)
	if err != nil {
		return nil, usagef("%s: %w", flag, err)
	}
	return list.Map(chosen, func(n int) string {
		named.layer = &n
		return named.String()
	}), nil
}

// parseLayers reads a list of layers of a model whose last layer is last. It returns each once, in ascending order.
func parseLayers(text string, last int) ([]int, error) {
	var layers []int
	switch text {
	case everyLayer:
		for n := range last + 1 {
			layers = append(layers, n)
		}
		return layers, nil
	case spreadLayers:
		for i := 1; i <= defaultLayers; i++ {
			layers = list.AppendNew(layers, max(1, (i*last+defaultLayers/2)/defaultLayers))
		}
		return layers, nil
	}
	var faults []error
	for _, part := range strings.Split(text, ",") {
		n, err := parseLayer(strings.TrimSpace(part))
		if err != nil {
			faults = append(faults, err)
			continue
		}
		if n < -last-1 || n > last {
			faults = append(faults, fmt.Errorf("there is no layer %d: the model has 0 to %d, or %d to -1 from the end", n, last, -last-1))
			continue
		}
		if n < 0 {
			n += last + 1
		}
		layers = list.AppendNew(layers, n)
	}
	slices.Sort(layers)
	return layers, errors.Join(faults...)
}

// lastLayer returns the number of the last layer of a checkpoint.
func (a *app) lastLayer(ctx context.Context, named modelName) (int, error) {
	c, err := a.catalog()
	if err != nil {
		return 0, err
	}
	ck, o, err := a.locate(ctx, c, named)
	if err != nil {
		return 0, err
	}
	read, err := onnx.ReadCheckpoint(ck.Dir, o)
	if err != nil {
		return 0, err
	}
	return read.LastLayer()
}
