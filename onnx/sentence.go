package onnx

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"w2s/internal/suggest"
)

// sentenceConfigs holds the files that sentence-transformers writes. Files that are absent are zero.
type sentenceConfigs struct {
	modules []module // modules.json
	bert    struct {
		MaxSeqLength int  `json:"max_seq_length"`
		LowerCase    bool `json:"do_lower_case"`
	} // sentence_bert_config.json
	pooling      poolingConfig
	poolingFile  string // name of the file of pooling
	poolingThere bool   // whether the file exists
	poolingLost  bool   // whether modules.json names the file although it does not exist
	prompts      struct {
		Prompts           map[string]string
		DefaultPromptName *string `json:"default_prompt_name"`
	} // config_sentence_transformers.json
}

// sentenceFiles are the usual names of the files. modules.json may name others.
var sentenceFiles = []string{"modules.json", "sentence_bert_config.json", "1_Pooling/config.json", "config_sentence_transformers.json"}

// A module is one step of a sentence-transformers model.
type module struct {
	Path string
	Type string // name of a Python class, such as sentence_transformers.models.Pooling
}

func (m module) kind() string { return m.Type[strings.LastIndex(m.Type, ".")+1:] }

type poolingConfig struct {
	Mode          oneOrMore `json:"pooling_mode"` // in newer versions; older ones have a flag for each mode
	CLS           bool      `json:"pooling_mode_cls_token"`
	Mean          *bool     `json:"pooling_mode_mean_tokens"`
	Last          bool      `json:"pooling_mode_lasttoken"`
	Max           bool      `json:"pooling_mode_max_tokens"`
	MeanSqrt      bool      `json:"pooling_mode_mean_sqrt_len_tokens"`
	Weighted      bool      `json:"pooling_mode_weightedmean_tokens"`
	IncludePrompt *bool     `json:"include_prompt"`
}

// oneOrMore is a list of strings. A list with one element may be written as that string.
type oneOrMore []string

func (l *oneOrMore) UnmarshalJSON(data []byte) error {
	var one *string
	if err := json.Unmarshal(data, &one); err != nil {
		return json.Unmarshal(data, (*[]string)(l))
	}
	if one != nil {
		*l = oneOrMore{*one}
	}
	return nil
}

func (c *sentenceConfigs) read(dir string) error {
	at := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	if err := readConfig(at("modules.json"), &c.modules); err != nil {
		return err
	}
	var errs []error
	transformer, named := ".", false
	c.poolingFile = "1_Pooling/config.json"
	for _, m := range c.modules {
		switch {
		case m.Path != "" && !filepath.IsLocal(filepath.FromSlash(m.Path)):
			return fmt.Errorf("modules.json: path %q is not inside the folder", m.Path)
		case m.kind() == "Transformer":
			transformer = m.Path
		case m.kind() == "Pooling":
			c.poolingFile, named = path.Join(m.Path, "config.json"), true
		}
	}
	c.poolingThere = !lacks(dir, c.poolingFile)
	c.poolingLost = named && !c.poolingThere
	for _, name := range slices.Compact([]string{"sentence_bert_config.json", path.Join(transformer, "sentence_bert_config.json")}) {
		errs = append(errs, readConfig(at(name), &c.bert))
	}
	return errors.Join(append(errs, readConfig(at(c.poolingFile), &c.pooling), readConfig(at("config_sentence_transformers.json"), &c.prompts))...)
}

// poolings returns the poolings that the files name. Several of them mean that their vectors are concatenated.
func (c *sentenceConfigs) poolings() []string {
	q := c.pooling
	if len(q.Mode) > 0 {
		modes := slices.Clone(q.Mode)
		for i, m := range modes {
			if m == "lasttoken" {
				modes[i] = string(PoolLast)
			}
		}
		return modes
	}
	named := map[string]bool{string(PoolMean): q.Mean != nil && *q.Mean, string(PoolCLS): q.CLS, string(PoolLast): q.Last,
		"max": q.Max, "mean_sqrt_len": q.MeanSqrt, "weightedmean": q.Weighted}
	maps.DeleteFunc(named, func(_ string, on bool) bool { return !on })
	if len(named) == 0 && c.poolingThere && q.Mean == nil { // the default of sentence-transformers
		return []string{string(PoolMean)}
	}
	return slices.Sorted(maps.Keys(named))
}

// poolingOf returns the pooling that the checkpoint's own files name. If they name none, it is the last token for models that
// read from left to right, and the mean for all others.
func (c *configs) poolingOf(p *plan) (Pooling, error) {
	modes := c.sentence.poolings()
	switch {
	case p.pooled():
		return PoolNone, nil
	case c.sentence.poolingLost:
		return "", fmt.Errorf("modules.json names a pooling, but %s does not exist (copy it from the original, or set \"pooling\" in w2s.json)",
			c.sentence.poolingFile)
	case len(modes) == 1 && Pooling(modes[0]).check() == nil:
		return Pooling(modes[0]), nil
	case len(modes) > 0:
		return "", fmt.Errorf("%s: pooling %s is not supported (choose mean, cls or last)", c.sentence.poolingFile, strings.Join(modes, " with "))
	case p.has(pastState), c.causal():
		return PoolLast, nil
	}
	return PoolMean, nil
}

// leftOut returns the modules that this program does not compute, for a model whose graph does not include them. Normalize
// only changes the length of a vector and is left to Description.Normalize. Other modules change what a vector means. They
// are refused unless the pooling was chosen explicitly, which means that the vectors before these modules are wanted.
func (c *sentenceConfigs) leftOut(poolingChosen bool) ([]string, error) {
	var list []string
	for _, m := range c.modules {
		switch kind := m.kind(); {
		case slices.Contains([]string{"Transformer", "Pooling", "Dropout"}, kind):
		case kind == "Normalize" || poolingChosen:
			list = append(list, kind)
		default:
			return nil, fmt.Errorf("modules.json: module %s changes the vectors and is not in the graph (export the whole model: optimum-cli export onnx "+
				"--library-name sentence_transformers; or set \"pooling\" in w2s.json to use the vectors without it)", kind)
		}
	}
	return list, nil
}

// prefix returns the prompt that sentence-transformers would add before a text.
func (c *sentenceConfigs) prefix() (string, error) {
	name := c.prompts.DefaultPromptName
	if name == nil {
		return "", nil
	}
	prompt, ok := c.prompts.Prompts[*name]
	if ok {
		return prompt, nil
	}
	hint := "set \"prefix\" in w2s.json"
	if near := suggest.Nearest(*name, slices.Sorted(maps.Keys(c.prompts.Prompts))); near != "" {
		hint = fmt.Sprintf("did you mean %q? otherwise %s", near, hint)
	}
	return "", fmt.Errorf("config_sentence_transformers.json: default_prompt_name %q is not one of the prompts (%s)", *name, hint)
}
