package families

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"w2s/internal/inputfile"
	"w2s/internal/onnxproto"
	"w2s/internal/safetensors"
)

// The files of an adapter.
const (
	adapterFile    = "adapter_config.json"
	adapterWeights = "adapter_model.safetensors"
)

// An Adapter is a LoRA adapter (Hu et al. 2021), as package peft of Python writes it. The graph adds its matrices to the weights:
// W + scale·B·A in float32, which the runtime computes once, when it loads the graph. Tensors that the adapter has whole, such as
// biases and the modules of modules_to_save, take the place of the checkpoint's.
type Adapter struct {
	Dir     string
	Base    string   // base_model_name_or_path of adapter_config.json
	Unknown []string // settings of adapter_config.json that are not known

	settings loraSettings
	modules  map[string]*lowRank         // by the name of the module that they belong to, as peft writes it
	saved    map[string]safetensors.Info // whole tensors, by name as peft writes it
	file     string                      // with the weights, relative to the checkpoint's folder
	untied   bool                        // a layer for logits that is tied to the table of tokens is not, with the adapter
	prefix   string                      // what names of the base model begin with in the class that was trained

	// By names of the checkpoint. Heads can be whole tensors that the checkpoint lacks.
	layers map[string]*lowRank
	whole  map[string]safetensors.Info
}

// A lowRank is what an adapter adds to the weight of one module.
type lowRank struct {
	module    string
	a, b      *safetensors.Info // [rank, in] and [out, rank]
	magnitude *safetensors.Info // [out], of DoRA (Liu et al. 2024); nil is none
	embedding bool              // the weight is a table, whose rows are in and columns are out
	rank      int
	scale     float64
}

// loraSettings are what adapter_config.json says.
type loraSettings struct {
	rank                       int
	alpha                      float64
	stabilised, dora           bool // use_rslora, use_dora
	rankPattern, alphaPattern  []pattern
	targets                    []string
	targetPattern, saved       *regexp.Regexp
	exclude                    []string
	excludePattern             *regexp.Regexp
	allLinear, layersChosen    bool
	targetsKnown, excludeKnown bool
}

// A pattern is an entry of rank_pattern or alpha_pattern.
type pattern struct {
	name  *regexp.Regexp
	value float64
}

// Files returns the paths of the adapter's files.
func (a *Adapter) Files() []string {
	return []string{filepath.Join(a.Dir, adapterFile), filepath.Join(a.Dir, adapterWeights)}
}

// openAdapter reads the configuration and the names of the tensors of the adapter in dir.
func openAdapter(dir string) (*Adapter, error) {
	a := &Adapter{Dir: dir, modules: map[string]*lowRank{}, saved: map[string]safetensors.Info{}}
	data, err := inputfile.Read(filepath.Join(dir, adapterFile), maxConfig)
	if err != nil {
		return nil, err
	}
	c, err := parseConfig(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", adapterFile, err)
	}
	c.file = adapterFile
	if err := a.readSettings(c); err != nil {
		return nil, err
	}
	f, err := safetensors.Open(filepath.Join(dir, adapterWeights))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, noAdapterWeights(dir)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var faults []error
	for _, t := range f.Tensors {
		faults = append(faults, a.add(t))
	}
	if errors.Join(faults...) == nil { // a tensor with a wrong name leaves a matrix without its partner
		for _, name := range slices.Sorted(maps.Keys(a.modules)) {
			faults = append(faults, a.modules[name].complete(a.settings))
		}
	}
	if len(f.Tensors) == 0 {
		faults = append(faults, errors.New("there are no tensors"))
	}
	if err := firstFew(faults); err != nil {
		return nil, fmt.Errorf("%s: %w", adapterWeights, err)
	}
	return a, nil
}

// noAdapterWeights says what an adapter's folder has in place of adapter_model.safetensors.
func noAdapterWeights(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "adapter_model.bin")); err == nil {
		return errors.New("adapter_model.bin is a pickle, which can run any program when it is read (load it with PeftModel.from_pretrained " +
			"and save_pretrained it again)")
	}
	return fmt.Errorf("there is no %s", adapterWeights)
}

// readSettings reads adapter_config.json. It refuses what changes the model and is not computed.
func (a *Adapter) readSettings(c *config) error {
	s := &a.settings
	if kind := c.string("", "peft_type"); !strings.EqualFold(kind, "LORA") {
		return fmt.Errorf("%s: peft_type %q is not supported (only LORA; of other methods, use the checkpoint that merge_and_unload and save_pretrained make)", adapterFile, kind)
	}
	s.rank, s.alpha = value(c, 8, "r"), c.float(8, "lora_alpha")
	s.stabilised, s.dora = c.bool(false, "use_rslora"), c.bool(false, "use_dora")
	s.rankPattern, s.alphaPattern = c.patterns("rank_pattern"), c.patterns("alpha_pattern")
	s.targets, s.targetPattern, s.targetsKnown = c.modules("target_modules")
	if _, raw := c.raw([]string{"target_modules"}); strings.EqualFold(string(raw), `"all-linear"`) {
		s.allLinear = true
	}
	s.exclude, s.excludePattern, s.excludeKnown = c.modules("exclude_modules")
	s.layersChosen = c.has("layers_to_transform")
	for _, name := range value(c, []string{}, "modules_to_save") {
		s.exclude = append(s.exclude, name)
	}
	a.Base = c.string("", "base_model_name_or_path")
	switch _, raw := c.raw([]string{"init_lora_weights"}); string(raw) {
	case "", "true", "false", `"gaussian"`, `"orthogonal"`, `"eva"`:
	default:
		c.faultOf("init_lora_weights", "%s changes the weights of the base model and is not supported (save the adapter with path_initial_model_for_weight_conversion)",
			brief(raw))
	}
	c.without("lora_bias", "layer_replication", "target_parameters", "trainable_token_indices", "alora_invocation_tokens", "arrow_config", "kasa_config",
		"monteclora_config", "use_bdlora", "use_qalora", "megatron_config")
	// The type of a layer tells how its weight is stored (fan_in_fan_out), and the tensors tell which biases were trained (bias). The
	// rest is about training.
	c.ignore("fan_in_fan_out", "bias", "task_type", "auto_mapping", "peft_version", "revision", "inference_mode", "lora_dropout", "layers_pattern",
		"loftq_config", "eva_config", "corda_config", "lora_ga_config", "velora_config", "megatron_core", "qalora_group_size", "runtime_config",
		"ensure_weight_tying")
	a.Unknown = c.unknown()
	return c.err()
}

// modules reads a setting that lists modules or is a regular expression. known is false if it is absent, or an expression that Go
// does not have.
func (c *config) modules(name string) (list []string, expression *regexp.Regexp, known bool) {
	_, raw := c.raw([]string{name})
	if raw == nil {
		return nil, nil, false
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		list = value(c, list, name)
		return list, nil, true
	}
	expression, err := regexp.Compile(`^(?:` + text + `)$`)
	return nil, expression, err == nil
}

// patterns reads an object of numbers by names of modules, which are regular expressions, in its order.
func (c *config) patterns(name string) []pattern {
	_, raw := c.raw([]string{name})
	if raw == nil {
		return nil
	}
	values := value(c, map[string]float64{}, name)
	var list []pattern
	for _, key := range keysInOrder(raw) {
		expression, err := regexp.Compile(`^(?:.*\.)?(?:` + key + `)$`)
		if err != nil {
			c.faultOf(name, "%q is not a regular expression that is supported: %w", key, err)
			continue
		}
		list = append(list, pattern{expression, values[key]})
	}
	return list
}

// keysInOrder returns the keys of a JSON object without nested values.
func keysInOrder(raw json.RawMessage) []string {
	d := json.NewDecoder(bytes.NewReader(raw))
	var keys []string
	for at := -1; ; at++ { // the brace comes first
		t, err := d.Token()
		key, ok := t.(string)
		if err != nil || !ok && at >= 0 && at%2 == 0 {
			return keys
		}
		if at >= 0 && at%2 == 0 {
			keys = append(keys, key)
		}
	}
}

// valueFor returns the value of the first pattern that matches a module, or def.
func valueFor(module string, patterns []pattern, def float64) float64 {
	for _, p := range patterns {
		if p.name.MatchString(module) {
			return p.value
		}
	}
	return def
}

// peftPrefix is what names of tensors begin with in an adapter.
const peftPrefix = "base_model.model."

// Ends of the names of LoRA's tensors.
var (
	endsOfA         = []string{".lora_A.weight", ".lora_embedding_A"}
	endsOfB         = []string{".lora_B.weight", ".lora_embedding_B"}
	endsOfMagnitude = []string{".lora_magnitude_vector", ".lora_magnitude_vector.weight"}
)

// add notes a tensor of the adapter.
func (a *Adapter) add(t safetensors.Info) error {
	name, ok := strings.CutPrefix(t.Name, peftPrefix)
	if !ok {
		return fmt.Errorf("the name of tensor %q does not begin with %q, as peft writes it", t.Name, peftPrefix)
	}
	for i, ends := range [][]string{endsOfA, endsOfB, endsOfMagnitude} {
		for _, end := range ends {
			module, ok := strings.CutSuffix(name, end)
			if !ok {
				continue
			}
			m := a.modules[module]
			if m == nil {
				m = &lowRank{module: module}
				a.modules[module] = m
			}
			part := []**safetensors.Info{&m.a, &m.b, &m.magnitude}[i]
			if *part != nil {
				return fmt.Errorf("tensor %q is there twice", t.Name)
			}
			*part = &t
			m.embedding = m.embedding || strings.Contains(end, "embedding")
			return nil
		}
	}
	if strings.Contains(name, ".lora_") {
		return fmt.Errorf("tensor %q is not supported", t.Name)
	}
	name = strings.Replace(name, ".base_layer.", ".", 1)
	name = strings.Replace(name, ".modules_to_save.", ".", 1)
	a.saved[name] = t
	return nil
}

// complete checks a module's tensors and sets its rank and scale.
func (m *lowRank) complete(s loraSettings) error {
	switch {
	case m.a == nil || m.b == nil:
		return fmt.Errorf("module %q has only one of the matrices A and B", m.module)
	case s.dora != (m.magnitude != nil):
		return fmt.Errorf("module %q: lora_magnitude_vector: use_dora of %s is %v", m.module, adapterFile, s.dora)
	case m.embedding && m.magnitude != nil:
		return fmt.Errorf("module %q: DoRA of an embedding is not supported", m.module)
	}
	for _, t := range []*safetensors.Info{m.a, m.b} {
		if len(t.Shape) != 2 {
			return fmt.Errorf("tensor %q has shape %v, which is not a matrix", t.Name, t.Shape)
		}
	}
	rank := valueFor(m.module, s.rankPattern, float64(s.rank))
	if r := float64(m.a.Shape[0]); r != rank || r < 1 || m.b.Shape[1] != m.a.Shape[0] {
		return fmt.Errorf("module %q: A has shape %v and B %v, but the rank of %s is %v", m.module, m.a.Shape, m.b.Shape, adapterFile, rank)
	}
	m.rank, m.scale = int(rank), valueFor(m.module, s.alphaPattern, s.alpha)/rank
	if s.stabilised {
		m.scale *= math.Sqrt(rank)
	}
	return nil
}

// targeted reports whether the settings say that a module is adapted. known is false if they do not tell.
func (s loraSettings) targeted(module string) (targeted, known bool) {
	named := func(list []string) bool {
		return slices.ContainsFunc(list, func(name string) bool { return module == name || strings.HasSuffix(module, "."+name) })
	}
	if s.layersChosen || s.excludePattern != nil {
		return false, false
	}
	switch {
	case named(s.exclude):
		return false, true
	case s.allLinear:
		return true, true
	case !s.targetsKnown:
		return false, false
	case s.targetPattern != nil:
		return s.targetPattern.MatchString(module), true
	}
	return named(s.targets), true
}

// headParts are parts of the names of modules that hidden states do not depend on: those above them, and those for pictures.
var headParts = []string{"lm_head", "embed_out", "score", "classifier", "classification_head", "qa_outputs", "cls", "pooler", "pre_classifier",
	"vocab_transform", "vocab_projector", "vocab_layer_norm", "generator_predictions", "generator_lm_head", "discriminator_predictions", "head", "predictions",
	"vision_tower", "multi_modal_projector"}

func isHead(name string) bool {
	return slices.ContainsFunc(strings.Split(name, "."), func(part string) bool { return slices.Contains(headParts, part) })
}

// adapt finds the tensors of the checkpoint that the adapter changes, and those of heads that it adds. The model class that was trained
// can have another prefix than the checkpoint.
func (w *Weights) adapt() {
	a := w.adapter
	a.layers, a.whole = map[string]*lowRank{}, map[string]safetensors.Info{}
	a.prefix = w.prefix
	for module, m := range a.modules {
		if name, prefix, ok := w.own(module + ".weight"); ok {
			a.layers[name] = m
			if !isHead(module) {
				a.prefix = prefix
			}
		}
	}
	for name, t := range a.saved {
		if own, _, ok := w.own(name); ok {
			a.whole[own] = t
		} else if isHead(name) {
			a.whole[w.added(name)] = t
		}
	}
}

// added returns the name of a tensor that the checkpoint would have if it had the head of the class that was trained.
func (w *Weights) added(name string) string {
	for _, p := range w.prefixes {
		if rest, ok := strings.CutPrefix(name, p); ok && p != "" {
			return w.prefix + rest
		}
	}
	return name
}

// own returns the name in the checkpoint of a tensor whose name has the prefix of another class, and this prefix.
func (w *Weights) own(name string) (own, prefix string, ok bool) {
	if _, ok := w.tensors[name]; ok {
		return name, w.prefix, true
	}
	for _, p := range w.prefixes {
		if rest, ok := strings.CutPrefix(name, p); ok {
			if _, ok := w.tensors[w.prefix+rest]; ok {
				return w.prefix + rest, p, true
			}
		}
	}
	return "", "", false
}

// changes reports whether the adapter changes a tensor of the checkpoint.
func (a *Adapter) changes(name string) bool {
	_, whole := a.whole[name]
	return whole || a.layers[name] != nil
}

// check reports tensors of the adapter that a graph with all outputs does not use. used are the names of the tensors in the graph, and
// linears those of the weights of linear layers. prefix is the checkpoint's.
func (a *Adapter) check(used map[string]bool, linears []string, prefix string) error {
	var faults []error
	for _, module := range slices.Sorted(maps.Keys(a.modules)) {
		m := a.modules[module]
		switch {
		case used[m.a.Name], isHead(module):
		default:
			faults = append(faults, fmt.Errorf("module %q is not a layer of the base model (does the adapter belong to another one?)", module))
		}
	}
	taken := map[string]bool{}
	for name, t := range a.whole {
		taken[t.Name] = used[name]
	}
	for _, name := range slices.Sorted(maps.Keys(a.saved)) {
		t := a.saved[name]
		switch {
		case taken[t.Name], isHead(name):
		default:
			faults = append(faults, fmt.Errorf("tensor %q is not one that the base model needs (does the adapter belong to another one?)", t.Name))
		}
	}
	if len(faults) == 0 {
		faults = a.missing(linears, prefix)
	}
	if err := firstFew(faults); err != nil {
		return a.fault(err)
	}
	return nil
}

// LeftOut returns the names of the adapter's tensors that a graph does not use. They belong to heads and the like. used are the names of the
// graph's constants.
func (a *Adapter) LeftOut(used map[string]bool) []string {
	var names []string
	for _, m := range a.modules {
		if !used[m.a.Name] {
			names = append(names, m.a.Name, m.b.Name)
		}
	}
	taken := map[string]bool{}
	for name, t := range a.whole {
		taken[t.Name] = used[name]
	}
	for _, t := range a.saved {
		if !taken[t.Name] {
			names = append(names, t.Name)
		}
	}
	slices.Sort(names)
	return names
}

// mostFaults is the number of faults that an error about an adapter names.
const mostFaults = 5

// firstFew joins the first of many errors, and counts the others. Errors that are nil do not count.
func firstFew(faults []error) error {
	faults = slices.DeleteFunc(faults, func(err error) bool { return err == nil })
	if n := len(faults); n > mostFaults {
		faults = append(faults[:mostFaults], fmt.Errorf("there are %d more", n-mostFaults))
	}
	return errors.Join(faults...)
}

// missing returns an error for each linear layer that the settings name and that has no matrices. prefix is the checkpoint's.
func (a *Adapter) missing(linears []string, prefix string) (faults []error) {
	for _, name := range linears {
		module := strings.TrimSuffix(name, ".weight")
		if a.layers[name] != nil || isHead(module) {
			continue
		}
		if rest, ok := strings.CutPrefix(module, prefix); ok {
			module = a.prefix + rest
		}
		if targeted, known := a.settings.targeted(module); targeted && known {
			faults = append(faults, fmt.Errorf("there is no tensor %q, though target_modules of %s names the module", peftPrefix+module+endsOfA[0], adapterFile))
		}
	}
	return faults
}

func (a *Adapter) fault(err error) error { return fmt.Errorf("adapter %s: %w", a.Dir, err) }

// lowRank returns what the adapter adds to a weight, or nil.
func (w *Weights) lowRank(s source) *lowRank {
	if w.adapter == nil {
		return nil
	}
	name, _, err := w.find(s.name, s.full)
	if err != nil {
		return nil
	}
	return w.adapter.layers[name]
}

// adapterTensor makes a constant that refers to a tensor of the adapter, as float32.
func (b *builder) adapterTensor(t safetensors.Info, dims ...int) string {
	kind, ok := dataTypes[t.DType]
	if !ok || !slices.Equal(t.Shape, sizes(dims)) {
		b.adapterFaults = append(b.adapterFaults, fmt.Errorf("tensor %q has type %s and shape %v, but the base model and the rank ask for numbers of shape %v",
			t.Name, t.DType, t.Shape, dims))
		return b.float(0)
	}
	value := b.once("stored "+t.Name, func() string {
		b.constants = append(b.constants, onnxproto.Tensor{Name: t.Name, Type: kind, Dims: t.Shape, External: b.weights.adapterLocation(), Offset: t.Offset()})
		return t.Name
	})
	return b.asFloat(value, kind)
}

// merged returns the weight of a linear layer with what the adapter adds. The runtime computes it when it loads the graph.
func (b *builder) merged(weight string, s source, in, out int, transposed bool) string {
	m := b.weights.lowRank(s)
	if m == nil {
		return weight
	}
	if m.embedding {
		b.adapterFaults = append(b.adapterFaults, fmt.Errorf("module %q is a linear layer of the base model, not an embedding", m.module))
		return weight
	}
	return b.once("merged "+weight, func() string {
		first, second := b.adapterTensor(*m.b, out, m.rank), b.adapterTensor(*m.a, m.rank, in)
		turned, inputs := int64(0), int64(1) // whether the factors are turned, and the dimension of a weight's inputs
		if transposed {
			first, second, turned, inputs = second, first, 1, 0
		}
		sum := b.op("Gemm", []string{first, second, weight}, onnxproto.Float("alpha", float32(m.scale)), onnxproto.Int("transA", turned),
			onnxproto.Int("transB", turned))
		if m.magnitude == nil {
			return sum
		}
		length := b.op("ReduceL2", []string{sum, b.ints(inputs)})
		shape := []int64{int64(out), 1}
		if transposed {
			shape = []int64{1, int64(out)}
		}
		return b.mul(sum, b.op("Div", []string{b.reshape(b.adapterTensor(*m.magnitude, out), shape...), length}))
	})
}

// mergedRows adds what the adapter adds to rows of a table, [len(indices), width].
func (b *builder) mergedRows(looked string, s source, rows, width int, indices string) string {
	m := b.weights.lowRank(s)
	if m == nil {
		return looked
	}
	if !m.embedding {
		b.adapterFaults = append(b.adapterFaults, fmt.Errorf("module %q is an embedding of the base model, not a linear layer", m.module))
		return looked
	}
	columns := b.op("Gather", []string{b.adapterTensor(*m.a, m.rank, rows), indices}, onnxproto.Int("axis", 1))
	return b.op("Gemm", []string{columns, b.adapterTensor(*m.b, width, m.rank), looked}, onnxproto.Float("alpha", float32(m.scale)),
		onnxproto.Int("transA", 1), onnxproto.Int("transB", 1))
}
