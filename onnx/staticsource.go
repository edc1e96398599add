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
	"w2s/internal/visible"
)

// A staticSource is a folder of static vectors in the layout of one of the Python packages.
type staticSource struct {
	name      string
	weights   string // path of the safetensors file
	tokenizer string // path of the tokenizer.json
	model2vec bool   // whether it is the layout with the keys embeddings, mapping and weights
	normalize bool
	unknown   int64 // a token that is not counted, or -1
	maxTokens int   // 0 for no limit; a mean has no positions
}

// findStatic determines the layout of a folder.
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
		return nil, fmt.Errorf("the folder has %s named *.safetensors, want one", visible.Count(len(files), "file"))
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
		return nil, fmt.Errorf("%s must hold either embedding.weight or embeddings", s.weights)
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

// findTokenizer returns the path of tokenizer.json, or of the only file that is named like wordllama's tokenizers.
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
		return "", fmt.Errorf("the folder has no tokenizer.json, and %s named *tokenizer*.json", visible.Count(len(files), "file"))
	}
	return files[0], nil
}

// readModules looks for a normalisation in modules.json of sentence-transformers, and refuses modules that change a vector in
// another way.
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
			return fmt.Errorf("modules.json: module %s after static vectors is not supported", kind)
		}
	}
	return nil
}

// readModel2vec reads config.json of model2vec, and the unknown token, which model2vec leaves out.
func (s *staticSource) readModel2vec(dir string) error {
	config := struct {
		Normalize bool `json:"normalize"`
		MaxLength *int `json:"max_length"`
	}{MaxLength: new(int)}
	*config.MaxLength = 512 // model2vec's default if the key is absent; null means no limit
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

// A vectorTable has one vector for each token.
type vectorTable struct {
	rows, dims int
	typ        onnxproto.DataType
	data       []byte // [rows, dims], row-major and little-endian
}

// table reads the vectors, applies mapping and weights, and keeps the first dims dimensions, or all if dims is 0. Vectors in
// half precision are kept in it if they are not weighted: the model converts them after the lookup, with the same result.
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
		return vectorTable{}, fmt.Errorf("%s has shape %v, want [tokens, dimensions]", key, info.Shape)
	}
	rows, all := int(info.Shape[0]), int(info.Shape[1])
	if dims == 0 {
		dims = all
	}
	if dims < 0 || dims > all {
		return vectorTable{}, fmt.Errorf("%s are requested, but the vectors have %d", visible.Count(dims, "dimension"), all)
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

// cutRows returns the first keep values of every row.
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

// remap returns the vector of every token by model2vec's mapping from tokens to vectors.
func remap(w *safetensors.File, values []float32, rows, dims int) ([]float32, int, error) {
	mapping, err := w.Int64s("mapping")
	if err != nil {
		return nil, 0, err
	}
	out := make([]float32, 0, len(mapping)*dims)
	for token, r := range mapping {
		if r < 0 || r >= int64(rows) {
			return nil, 0, fmt.Errorf("mapping: token %d has vector %d, but there are %d", token, r, rows)
		}
		out = append(out, values[int(r)*dims:(int(r)+1)*dims]...)
	}
	return out, len(mapping), nil
}

// scaleRows multiplies the vector of every token by the token's weight.
func scaleRows(w *safetensors.File, values []float32, rows, dims int) error {
	weights, err := w.Float64s("weights")
	if err != nil {
		return err
	}
	if len(weights) != rows {
		return fmt.Errorf("there are %d weights for %s", len(weights), visible.Count(rows, "token"))
	}
	for i := range values {
		values[i] = float32(float64(values[i]) * weights[i/dims])
	}
	return nil
}

// tokenizerFile holds the fields of a tokenizer.json that matter here.
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

// ids returns the vocabulary without added tokens, and its size. byToken is nil for Unigram models, which list their tokens.
func (t *tokenizerFile) ids() (byToken map[string]int64, count int64, err error) {
	if err := json.Unmarshal(t.Model.Vocab, &byToken); err == nil {
		return byToken, int64(len(byToken)), nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(t.Model.Vocab, &list); err != nil {
		return nil, 0, fmt.Errorf("the vocabulary of the tokenizer is neither a list nor a map: %w", err)
	}
	return nil, int64(len(list)), nil
}

// highest returns the largest token id.
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

// unknown returns the id of the unknown token, or -1 if there is none.
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

// plainTokenizer returns the tokenizer without special tokens, padding and truncation, and its highest token id. The Python
// packages also leave out the first two for static vectors; truncation follows max_tokens instead.
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
