package catalog

import (
	"encoding/json"
	"path/filepath"

	"w2s/internal/fetch"
)

// A Description is the file w2s.json of a checkpoint folder: what its ONNX file alone does not say.
type Description struct {
	Format    int    `json:"format"` // 1
	Name      string `json:"name"`
	Family    string `json:"family,omitempty"`     // "bert", "mpnet", "causal", "static"; "" where it is not known
	Model     string `json:"model,omitempty"`      // slash path of the ONNX file in the folder; "" means model.onnx
	Pooling   string `json:"pooling,omitempty"`    // "mean", "cls" or "last"; "" leaves it to the other files
	Output    string `json:"output,omitempty"`     // name of the model's output; "" leaves it to the model
	MaxTokens int    `json:"max_tokens,omitempty"` // special tokens included; 0 leaves it to the other files
	Prefix    string `json:"prefix,omitempty"`     // put before every text
	Licence   string `json:"license,omitempty"`
	Source    string `json:"source"`
	Params    int64  `json:"params,omitempty"` // weights of the model
}

// DescriptionFile is the name of the Description in a checkpoint's folder.
const DescriptionFile = "w2s.json"

// text returns the description as the file that holds it.
func (d Description) text() fetch.Text {
	d.Format = 1
	data, err := json.MarshalIndent(d, "", "\t")
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return fetch.Text{Name: DescriptionFile, Content: string(data) + "\n"}
}

// A Checkpoint is a model on this machine.
type Checkpoint struct {
	Name        string // the catalog's name, the hub reference with its commit, or the folder
	Dir         string
	Model       string // path of the ONNX file
	Tokenizer   string // path of tokenizer.json
	Description Description
}

// checkpointDir is where a checkpoint of the catalog lies in the cache folder.
func checkpointDir(name string) string { return "checkpoints/" + name }

// modelPath returns the path of the ONNX file that a description names.
func (d Description) modelPath(dir string) string {
	if d.Model == "" {
		return filepath.Join(dir, "model.onnx")
	}
	return filepath.Join(dir, filepath.FromSlash(d.Model))
}
