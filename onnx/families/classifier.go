package families

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"w2s/internal/onnxproto"
)

// A classifier is the head of a model of transformers' AutoModelForSequenceClassification: it computes a score of every label
// from one state of each text, out(norm(act(dense(state)))). Parts without a name are absent.
type classifier struct {
	state state
	pad   int // for lastState: the padding token, or -1 if there is none
	dense linear
	act   string
	norm  norm // has names of the whole model
	out   linear
}

// A state is what a classifier reads of a text.
type state int

const (
	firstState state = iota // of the first token
	lastState               // of the last token that is not padding
	meanState               // the mean over the tokens
)

// classifiers are the heads by model_type, as transformers 4.57 defines them.
var classifiers = map[string]func(c *config) classifier{
	"llama": scoreOfLast(-1), "mistral": scoreOfLast(-1), "qwen2": scoreOfLast(-1), "qwen3": scoreOfLast(-1), "smollm3": scoreOfLast(128004),
	"stablelm": scoreOfLast(-1), "gemma": scoreOfLast(0), "gemma2": scoreOfLast(0), "gemma3_text": scoreOfLast(0), "phi": scoreOfLast(-1),
	"phi3": scoreOfLast(32000), "gpt_neox": scoreOfLast(-1), "gpt2": scoreOfLast(-1), "opt": scoreOfLast(1), "bloom": scoreOfLast(3),
	"starcoder2": scoreOfLast(-1),

	// The pooler belongs to the base model in BERT and ALBERT, and to the head in DeBERTa.
	"bert":       denseHead(linear{name: "pooler.dense", bias: true}, "tanh", "classifier"),
	"albert":     denseHead(linear{name: "pooler", bias: true}, "tanh", "classifier"),
	"distilbert": denseHead(linear{name: "pre_classifier", bias: true, full: true}, "relu", "classifier"),
	"electra":    denseHead(linear{name: "classifier.dense", bias: true, full: true}, "gelu", "classifier.out_proj"),
	"deberta-v2": func(c *config) classifier {
		return denseHead(linear{name: "pooler.dense", bias: true, full: true}, c.activation("gelu", "pooler_hidden_act"), "classifier")(c)
	},
	"roberta": robertaClassifier, "xlm-roberta": robertaClassifier, "camembert": robertaClassifier, "mpnet": robertaClassifier,
	"modernbert": modernbertClassifier,
}

// scoreOfLast describes the head of models that read from left to right. def is the default of pad_token_id, -1 for none.
func scoreOfLast(def int) func(c *config) classifier {
	return func(c *config) classifier {
		h := classifier{state: lastState, pad: def, out: linear{name: "score", full: true}}
		if _, there := c.fields["pad_token_id"]; there {
			h.pad = value(c, -1, "pad_token_id") // null is none
		}
		return h
	}
}

// denseHead describes a head with one layer before the last, which reads the first token.
func denseHead(dense linear, act, out string) func(c *config) classifier {
	return func(*config) classifier {
		return classifier{dense: dense, act: act, out: linear{name: out, bias: true, full: true}}
	}
}

func robertaClassifier(c *config) classifier {
	return denseHead(linear{name: "classifier.dense", bias: true, full: true}, "tanh", "classifier.out_proj")(c)
}

func modernbertClassifier(c *config) classifier {
	h := classifier{dense: linear{name: "head.dense", bias: c.bool(false, "classifier_bias"), full: true}, act: c.activation("gelu", "classifier_activation"),
		norm: norm{name: "head.norm", eps: c.epsilon(1e-5, "norm_eps", "layer_norm_eps"), bias: c.bool(false, "norm_bias"), full: true},
		out:  linear{name: "classifier", bias: true, full: true}}
	switch pooling := c.string("cls", "classifier_pooling"); pooling {
	case "cls":
	case "mean":
		h.state = meanState
	default:
		c.faultOf("classifier_pooling", "%q is neither cls nor mean", pooling)
	}
	return h
}

// classifier reads the description of the checkpoint's classification head. labels is the number of labels that it should have.
func (c *Checkpoint) classifier(labels int) (*classifier, error) {
	describe := classifiers[c.Type]
	if describe == nil {
		return nil, fmt.Errorf("w2s knows no classification head of the model type %q (have: %s)", c.Type,
			strings.Join(slices.Sorted(maps.Keys(classifiers)), ", "))
	}
	c.config.faults = nil
	h := describe(c.config)
	if err := c.config.err(); err != nil {
		return nil, err
	}
	name, out, err := c.Weights.find(h.out.name+".weight", true)
	switch {
	case err != nil && c.Adapter != nil:
		return nil, fmt.Errorf("neither the checkpoint nor the adapter has a classification head: there is no tensor %q (peft saves one with the task type "+
			"SEQ_CLS)", name)
	case err != nil:
		return nil, fmt.Errorf("the checkpoint has no classification head: its weights have no tensor %q (AutoModelForSequenceClassification of "+
			"transformers saves one)", name)
	case len(out.Shape) == 2 && out.Shape[0] != int64(labels):
		return nil, fmt.Errorf("the classification head, tensor %q, has %d scores, but config.json has %d labels (id2label or num_labels)",
			out.Name, out.Shape[0], labels)
	}
	if h.dense.name != "" && c.Adapter != nil {
		if name, _, err := c.Weights.find(h.dense.name+".weight", h.dense.full); err != nil {
			return nil, fmt.Errorf("the adapter's classification head needs the tensor %q, which neither the checkpoint nor the adapter has (name its module "+
				"in modules_to_save when you train it)", name)
		}
	}
	return &h, nil
}

// AdapterLabels returns the number of labels of the classification head that the adapter has whole, or 0 if it has none.
func (c *Checkpoint) AdapterLabels() int {
	describe := classifiers[c.Type]
	if c.Adapter == nil || describe == nil {
		return 0
	}
	out, ok := c.Adapter.whole[describe(c.config).out.name+".weight"]
	if !ok || len(out.Shape) != 2 {
		return 0
	}
	return int(out.Shape[0])
}

// classify computes the scores of labels from the last states, [batch·tokens, width], and makes them the output.
func (b *builder) classify(x string, width, labels int, h classifier) {
	x = b.stateOf(b.perText(x, int64(width)), h)
	if h.dense.name != "" {
		x = b.activate(h.act, b.linear(x, h.dense, width, width))
	}
	scores := b.linear(b.normalize(x, h.norm, width), h.out, width, labels)
	b.nodes = append(b.nodes, onnxproto.Node{Op: "Identity", Inputs: []string{b.full(scores)}, Outputs: []string{logits}})
	b.outputs = append(b.outputs, onnxproto.Value{Name: logits, Type: onnxproto.Float32, Dims: []onnxproto.Dim{{Name: "batch"}, {Size: int64(labels)}}})
}

// stateOf returns what a classifier reads of states [batch, tokens, width], [batch, width].
func (b *builder) stateOf(states string, h classifier) string {
	at := int64(0)
	switch {
	case h.state == meanState:
		return b.op("ReduceMean", []string{states, b.ints(1)}, onnxproto.Int("keepdims", 0))
	case h.state == lastState && h.pad >= 0:
		// As transformers finds it, also where the text itself has the padding token: the furthest position of another token.
		text := b.cast(b.op("Not", []string{b.op("Equal", []string{"input_ids", b.ints(int64(h.pad))})}), onnxproto.Int64)
		last := b.op("ArgMax", []string{b.mul(text, b.newPositions())}, onnxproto.Int("axis", 1))
		return b.op("GatherND", []string{states, last}, onnxproto.Int("batch_dims", 1))
	case h.state == lastState:
		at = -1
	}
	return b.op("Gather", []string{states, b.scalar(at)}, onnxproto.Int("axis", 1))
}
