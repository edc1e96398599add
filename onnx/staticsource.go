package onnx

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"w2s/internal/onnxproto"
	"w2s/internal/safetensors"
)

// staticSource is a folder of static vectors as its own package wrote it.
type staticSource struct {
	name      string
	weights   string // path of the safetensors file
	tokenizer string // path of the tokenizer.json
	model2vec bool   // the layout with the keys embeddings, mapping, weights
	normalize bool
	unknown   int64 // a token that does not count, -1 for none
	maxTokens int   // 0 for no limit: sums have no positions
}

// findStatic recognises the layout of a folder.
func findStatic(dir string) (*staticSource, error) {
	s := &staticSource{unknown: -1, name: "static"}
	top := dir
	if _, err := os.Stat(filepath.Join(dir, "0_StaticEmbedding")); err == nil {
		dir = filepath.Join(dir, "0_StaticEmbedding")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.safetensors"))
	if err != nil {
		return nil, err
	}
	if len(files) != 1 {
		return nil, fmt.Errorf("%d files named *.safetensors, want one", len(files))
	}
	s.weights = files[0]
	if s.tokenizer, err = findTokenizer(dir); err != nil {
		return nil, err
	}
	w, err := safetensors.Open(s.weights)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	_, s.model2vec = w.Lookup("embeddings")
	if _, ok := w.Lookup("embedding.weight"); ok == s.model2vec {
		return nil, fmt.Errorf("%s holds neither embedding.weight nor embeddings, or both", s.weights)
	}
	if filepath.Base(s.weights) != "model.safetensors" {
		s.name = "wordllama"
	}
	if err := s.readModules(top); err != nil {
		return nil, err
	}
	if s.model2vec {
		return s, s.readModel2vec(top)
	}
	return s, nil
}

// findTokenizer takes tokenizer.json, or the only file whose name ends like wordllama's.
func findTokenizer(dir string) (string, error) {
	path := filepath.Join(dir, "tokenizer.json")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	files, err := filepath.Glob(filepath.Join(dir, "*tokenizer*.json"))
	if err != nil {
		return "", err
	}
	files = slices.DeleteFunc(files, func(p string) bool { return filepath.Base(p) == "tokenizer_config.json" })
	if len(files) != 1 {
		return "", fmt.Errorf("no tokenizer.json, and %d other tokenizers", len(files))
	}
	return files[0], nil
}

// readModules looks for a normalisation among sentence-transformers' modules, and refuses others that change a vector.
func (s *staticSource) readModules(dir string) error {
	var modules []module
	if err := readConfig(filepath.Join(dir, "modules.json"), &modules); err != nil {
		return err
	}
	for _, m := range modules {
		switch kind := m.kind(); kind {
		case "StaticEmbedding":
		case "Normalize":
			s.normalize = true
		default:
			return fmt.Errorf("modules.json: a module %s after static vectors cannot be built", kind)
		}
	}
	return nil
}

// readModel2vec reads what model2vec keeps in config.json, and the unknown token that it leaves out.
func (s *staticSource) readModel2vec(dir string) error {
	config := struct {
		Normalize bool `json:"normalize"`
		MaxLength *int `json:"max_length"`
	}{MaxLength: new(int)}
	*config.MaxLength = 512 // model2vec's default where the key is absent; null means no limit
	if err := readConfig(filepath.Join(dir, "config.json"), &config); err != nil {
		return err
	}
	s.normalize = s.normalize || config.Normalize
	if n := config.MaxLength; n != nil && *n < 1 {
		return fmt.Errorf("config.json: max_length %d", *n)
	} else if n != nil {
		s.maxTokens = *n
	}
	var t tokenizerFile
	if err := readConfig(s.tokenizer, &t); err != nil {
		return err
	}
	unknown, err := t.unknown()
	s.unknown = unknown
	return err
}

// vectorTable is one vector a token, row-major.
type vectorTable struct {
	rows, dims int
	typ        onnxproto.DataType
	data       []byte
}

// table reads the vectors, folds mapping and weights into them, and keeps the first dims dimensions, all if dims is 0.
// Half-precision vectors stay so: the model widens them after the look-up, which gives the same numbers.
func (s *staticSource) table(dims int) (vectorTable, error) {
	w, err := safetensors.Open(s.weights)
	if err != nil {
		return vectorTable{}, err
	}
	defer w.Close()
	key := "embedding.weight"
	if s.model2vec {
		key = "embeddings"
	}
	info, _ := w.Lookup(key)
	if len(info.Shape) != 2 || info.Shape[0] == 0 || info.Shape[1] == 0 {
		return vectorTable{}, fmt.Errorf("%s has the shape %v, not [tokens, dimensions]", key, info.Shape)
	}
	rows, all := int(info.Shape[0]), int(info.Shape[1])
	if dims == 0 {
		dims = all
	}
	if dims < 0 || dims > all {
		return vectorTable{}, fmt.Errorf("%d dimensions asked for, the vectors have %d", dims, all)
	}
	_, mapped := w.Lookup("mapping")
	_, weighted := w.Lookup("weights")
	if info.DType == "F16" && !mapped && !weighted {
		half, err := w.Bytes(key)
		if err != nil {
			return vectorTable{}, err
		}
		return vectorTable{rows, dims, onnxproto.Float16, cutRows(half, rows, 2*all, 2*dims)}, nil
	}
	values, err := w.Floats(key)
	if err != nil {
		return vectorTable{}, err
	}
	values = cutRows(values, rows, all, dims)
	if mapped {
		if values, rows, err = remap(w, values, rows, dims); err != nil {
			return vectorTable{}, err
		}
	}
	if weighted {
		if err := scaleRows(w, values, rows, dims); err != nil {
			return vectorTable{}, err
		}
	}
	return vectorTable{rows, dims, onnxproto.Float32, onnxproto.Float32Tensor("", nil, values).Data}, nil
}

// cutRows keeps the first part of every row.
func cutRows[T any](values []T, rows, width, keep int) []T {
	if keep == width {
		return values
	}
	cut := make([]T, 0, rows*keep)
	for r := range rows {
		cut = append(cut, values[r*width:r*width+keep]...)
	}
	return cut
}

// remap gives every token the vector that model2vec's mapping points at.
func remap(w *safetensors.File, values []float32, rows, dims int) ([]float32, int, error) {
	mapping, err := w.Int64s("mapping")
	if err != nil {
		return nil, 0, err
	}
	out := make([]float32, 0, len(mapping)*dims)
	for token, r := range mapping {
		if r < 0 || r >= int64(rows) {
			return nil, 0, fmt.Errorf("mapping: token %d has vector %d of %d", token, r, rows)
		}
		out = append(out, values[int(r)*dims:(int(r)+1)*dims]...)
	}
	return out, len(mapping), nil
}

// scaleRows multiplies every token's vector with its weight.
func scaleRows(w *safetensors.File, values []float32, rows, dims int) error {
	weights, err := w.Float64s("weights")
	if err != nil {
		return err
	}
	if len(weights) != rows {
		return fmt.Errorf("weights: %d for %d tokens", len(weights), rows)
	}
	for i := range values {
		values[i] = float32(float64(values[i]) * weights[i/dims])
	}
	return nil
}

// tokenizerFile is the little of a tokenizer.json that concerns the vectors.
type tokenizerFile struct {
	Added []struct {
		ID int64 `json:"id"`
	} `json:"added_tokens"`
	Model struct {
		Vocab     json.RawMessage `json:"vocab"`
		Unknown   *string         `json:"unk_token"`
		UnknownID *int64          `json:"unk_id"`
	} `json:"model"`
}

// ids returns the vocabulary without added tokens. Unigram models list their tokens, others map them.
func (t *tokenizerFile) ids() (byToken map[string]int64, count int64, err error) {
	if err := json.Unmarshal(t.Model.Vocab, &byToken); err == nil {
		return byToken, int64(len(byToken)), nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(t.Model.Vocab, &list); err != nil {
		return nil, 0, fmt.Errorf("the tokenizer's vocabulary is neither a list nor a map: %w", err)
	}
	return nil, int64(len(list)), nil
}

// highest is the largest token id.
func (t *tokenizerFile) highest() (int, error) {
	byToken, count, err := t.ids()
	top := count - 1
	for _, id := range byToken {
		top = max(top, id)
	}
	for _, a := range t.Added {
		top = max(top, a.ID)
	}
	return int(top), err
}

// unknown is the id of the token for what is not in the vocabulary, -1 where there is none.
func (t *tokenizerFile) unknown() (int64, error) {
	if t.Model.UnknownID != nil {
		return *t.Model.UnknownID, nil
	}
	if t.Model.Unknown == nil {
		return -1, nil
	}
	byToken, _, err := t.ids()
	if id, ok := byToken[*t.Model.Unknown]; ok {
		return id, nil
	}
	return -1, err
}

// plainTokenizer returns the tokenizer without what Python leaves out when it encodes for static vectors, special
// tokens and padding, and its highest token id. A truncation in the file is left to max_tokens.
func (s *staticSource) plainTokenizer() (data []byte, highest int, err error) {
	var t tokenizerFile
	var fields map[string]json.RawMessage
	if err := errors.Join(readConfig(s.tokenizer, &t), readConfig(s.tokenizer, &fields)); err != nil {
		return nil, 0, err
	}
	if highest, err = t.highest(); err != nil {
		return nil, 0, err
	}
	for _, name := range []string{"post_processor", "padding", "truncation"} {
		fields[name] = json.RawMessage("null")
	}
	data, err = json.Marshal(fields)
	return data, highest, err
}
