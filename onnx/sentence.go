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

// sentenceConfigs are the files that sentence-transformers writes, those that are absent left zero.
type sentenceConfigs struct {
	modules []module // modules.json
	bert    struct {
		MaxSeqLength int  `json:"max_seq_length"`
		LowerCase    bool `json:"do_lower_case"`
	} // sentence_bert_config.json
	pooling      poolingConfig
	poolingFile  string // where pooling is, or should be
	poolingThere bool   // the file is there, whatever it says
	poolingLost  bool   // modules.json names it, and it is not there
	prompts      struct {
		Prompts           map[string]string
		DefaultPromptName *string `json:"default_prompt_name"`
	} // config_sentence_transformers.json
}

// sentenceFiles are the files themselves; modules.json may name others.
var sentenceFiles = []string{"modules.json", "sentence_bert_config.json", "1_Pooling/config.json", "config_sentence_transformers.json"}

// A module is one step of a sentence-transformers model.
type module struct {
	Path string
	Type string // a Python class, such as sentence_transformers.models.Pooling
}

func (m module) kind() string { return m.Type[strings.LastIndex(m.Type, ".")+1:] }

type poolingConfig struct {
	Mode          oneOrMore `json:"pooling_mode"` // of newer versions; older ones have a flag a mode
	CLS           bool      `json:"pooling_mode_cls_token"`
	Mean          *bool     `json:"pooling_mode_mean_tokens"`
	Last          bool      `json:"pooling_mode_lasttoken"`
	Max           bool      `json:"pooling_mode_max_tokens"`
	MeanSqrt      bool      `json:"pooling_mode_mean_sqrt_len_tokens"`
	Weighted      bool      `json:"pooling_mode_weightedmean_tokens"`
	IncludePrompt *bool     `json:"include_prompt"`
}

// oneOrMore is a list that may be written as its only string.
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
			return fmt.Errorf("modules.json: path %q is not below the folder", m.Path)
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

// poolings are the ways of pooling that the files name, which are several where they are joined.
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
	if len(named) == 0 && c.poolingThere && q.Mean == nil { // sentence-transformers' default
		return []string{string(PoolMean)}
	}
	return slices.Sorted(maps.Keys(named))
}

// poolingOf is the pooling that the checkpoint's own files name; else the last token for models that read from left to
// right, the mean for all others.
func (c *configs) poolingOf(p *plan) (Pooling, error) {
	modes := c.sentence.poolings()
	switch {
	case p.pooled():
		return PoolNone, nil
	case c.sentence.poolingLost:
		return "", fmt.Errorf("modules.json names a pooling, but %s is not there (copy it from the original, or say \"pooling\" in w2s.json)", c.sentence.poolingFile)
	case len(modes) == 1 && Pooling(modes[0]).check() == nil:
		return Pooling(modes[0]), nil
	case len(modes) > 0:
		return "", fmt.Errorf("%s: pooling %s is not supported (choose mean, cls or last)", c.sentence.poolingFile, strings.Join(modes, " with "))
	case p.has(pastState), c.causal():
		return PoolLast, nil
	}
	return PoolMean, nil
}

// leftOut lists the modules whose work is not done here, of a model that does not do it in its graph. Normalize, which
// changes no more than a length, is left to Description.Normalize. Others change what a vector means: they are refused
// unless the pooling is chosen by hand, which says that the vectors before them are wanted.
func (c *sentenceConfigs) leftOut(byHand bool) ([]string, error) {
	var list []string
	for _, m := range c.modules {
		switch kind := m.kind(); {
		case slices.Contains([]string{"Transformer", "Pooling", "Dropout"}, kind):
		case kind == "Normalize" || byHand:
			list = append(list, kind)
		default:
			return nil, fmt.Errorf("modules.json: a module %s changes the vectors and is not in the graph (export the whole: optimum-cli export onnx "+
				"--library-name sentence_transformers; or say \"pooling\" in w2s.json to have the vectors without it)", kind)
		}
	}
	return list, nil
}

// prefix is the prompt that sentence-transformers would put before a text.
func (c *sentenceConfigs) prefix() (string, error) {
	name := c.prompts.DefaultPromptName
	if name == nil {
		return "", nil
	}
	prompt, ok := c.prompts.Prompts[*name]
	if ok {
		return prompt, nil
	}
	way := "say \"prefix\" in w2s.json"
	if near := suggest.Nearest(*name, slices.Sorted(maps.Keys(c.prompts.Prompts))); near != "" {
		way = fmt.Sprintf("did you mean %q? or %s", near, way)
	}
	return "", fmt.Errorf("config_sentence_transformers.json: default_prompt_name %q is not among the prompts (%s)", *name, way)
}
