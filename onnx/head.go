package onnx

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"w2s/onnx/families"
)

// A Head describes the classification head of a checkpoint, as config.json has it.
type Head struct {
	Labels []string // names of the labels, in the order of the scores: those of id2label, or else LABEL_0, LABEL_1 and so on
	// Problem is problem_type, which says what the scores mean: single_label_classification, multi_label_classification,
	// regression, or "".
	Problem string
}

// headConfig are the settings of config.json that concern a classification head.
type headConfig struct {
	ID2Label  json.RawMessage `json:"id2label"`
	NumLabels json.RawMessage `json:"num_labels"`
	Problem   json.RawMessage `json:"problem_type"`
}

// headOutput is the output of a model with a classification head.
const headOutput = "logits"

// maxLabels bounds the number of labels of a head.
const maxLabels = 1 << 16

// head reads the labels. Without id2label and num_labels their number is that of an adapter's head or, if that is 0, two, as in
// transformers.
func (c headConfig) head(adapter int) (*Head, error) {
	set := func(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }
	h := &Head{}
	if set(c.Problem) {
		if err := json.Unmarshal(c.Problem, &h.Problem); err != nil {
			return nil, fmt.Errorf("config.json: problem_type: %w", err)
		}
	}
	n := -1
	if set(c.NumLabels) {
		if err := json.Unmarshal(c.NumLabels, &n); err != nil || n < 1 || n > maxLabels {
			return nil, fmt.Errorf("config.json: num_labels: %.40s is not a number from 1 to %d", c.NumLabels, maxLabels)
		}
	}
	if !set(c.ID2Label) {
		if n < 0 {
			n = cmp.Or(adapter, 2)
		}
		if n > maxLabels {
			return nil, fmt.Errorf("the classification head of the adapter has %d scores, want at most %d", n, maxLabels)
		}
		for i := range n {
			h.Labels = append(h.Labels, fmt.Sprintf("LABEL_%d", i))
		}
		return h, nil
	}
	var byID map[string]string
	if err := json.Unmarshal(c.ID2Label, &byID); err != nil {
		return nil, fmt.Errorf("config.json: id2label: %w", err)
	}
	if n >= 0 && n != len(byID) {
		return nil, fmt.Errorf("config.json: num_labels is %d, but id2label has %d labels (one of them is wrong)", n, len(byID))
	}
	if len(byID) > maxLabels {
		return nil, fmt.Errorf("config.json: id2label has %d labels, want at most %d", len(byID), maxLabels)
	}
	h.Labels = make([]string, len(byID))
	seen := make([]bool, len(byID))
	names := make(map[string]bool, len(byID))
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		label := byID[id]
		i, err := strconv.Atoi(id)
		if err != nil || i < 0 || i >= len(byID) || seen[i] {
			return nil, fmt.Errorf("config.json: id2label has %d labels, so their numbers should be 0 to %d, but there is %q", len(byID), len(byID)-1, id)
		}
		if names[label] && label != "" {
			return nil, fmt.Errorf("config.json: id2label has the label %q twice", label)
		}
		h.Labels[i], seen[i], names[label] = label, true, true
	}
	if len(h.Labels) == 0 || slices.Contains(h.Labels, "") {
		return nil, errors.New("config.json: id2label has no labels, or one without a name")
	}
	return h, nil
}

// fit takes the output of the plan as the scores of the head. It returns an error if it is none, as far as its shape tells.
func (h *Head) fit(p *plan) error {
	p.scores, p.pads = len(h.Labels), false // a head can read a mean, or the last token of the batch
	if p.output.Ranked && !p.pooled() {
		return fmt.Errorf("output %q has shape %v, and a classification head gives [batch, labels] (there are scores of tokens, not of texts)",
			p.output.Name, p.output.Dims)
	}
	if n := p.width(); n > 0 && n != len(h.Labels) {
		return h.mismatch(n)
	}
	return nil
}

// mismatch is the error for a head with n scores.
func (h *Head) mismatch(n int) error {
	return fmt.Errorf("the classification head has %d scores, but config.json has %d labels (id2label or num_labels)", n, len(h.Labels))
}

// wantScores says that a graph gives the scores of the checkpoint's classification head.
func (c *Checkpoint) wantScores() families.Want { return families.Want{Scores: len(c.Head.Labels)} }
