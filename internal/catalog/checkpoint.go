package catalog

import (
	"encoding/json"
	"path/filepath"

	"w2s/internal/fetch"
)

// A Description is the file w2s.json in a checkpoint's folder. It says what the ONNX file alone does not.
type Description struct {
	Format    int    `json:"format"` // 1
	Name      string `json:"name"`
	Family    string `json:"family,omitempty"`     // "bert", "mpnet", "causal" or "static"; "" if unknown
	Model     string `json:"model,omitempty"`      // slash path of the ONNX file in the folder; "" means model.onnx
	Pooling   string `json:"pooling,omitempty"`    // "mean", "cls" or "last"; "" means that the other files decide
	Output    string `json:"output,omitempty"`     // name of the model's output; "" means that the model decides
	MaxTokens int    `json:"max_tokens,omitempty"` // longest input, including special tokens; 0 means that the other files decide
	Prefix    string `json:"prefix,omitempty"`     // added before every text
	Licence   string `json:"license,omitempty"`
	Source    string `json:"source"`           // where the model comes from
	Params    int64  `json:"params,omitempty"` // number of weights
	Note      string `json:"note,omitempty"`   // what a reader of results made with the checkpoint must know
}

// DescriptionFile is the name of the Description in a checkpoint's folder.
const DescriptionFile = "w2s.json"

// text returns the description as a file.
func (d Description) text() fetch.Text {
	d.Format = 1
	data, err := json.MarshalIndent(d, "", "\t")
	if err != nil {
		panic(err) // cannot happen with strings and numbers
	}
	return fetch.Text{Name: DescriptionFile, Content: string(data) + "\n"}
}

// A Checkpoint is a model on this machine.
type Checkpoint struct {
	Name        string // the catalog's name, the hub reference with its commit, or the folder; plus "#VARIANT" if one was chosen
	Dir         string // folder of the checkpoint
	Model       string // path of the ONNX file
	Tokenizer   string // path of tokenizer.json
	Description Description
	From        string // the package or repository that the files of a named checkpoint came from; "" for others
}

// checkpointDir returns the slash path of a named checkpoint's folder below the cache folder.
func checkpointDir(name string) string { return "checkpoints/" + name }

// modelPath returns the path of the ONNX file that a description names.
func (d Description) modelPath(dir string) string {
	if d.Model == "" {
		return filepath.Join(dir, "model.onnx")
	}
	return filepath.Join(dir, filepath.FromSlash(d.Model))
}
